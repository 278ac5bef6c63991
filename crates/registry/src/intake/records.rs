//! Records that rows tell of beside their own, and what the cells of a row must agree in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bangfu_policy::model::{FieldRef, Pack, RegisterId, Text, Value, text_in};

use super::mapped::{Check, Piece, RecordRule};
use super::units::Gathered;
use super::{Accepted, IntakeError, Problem};
use crate::batches::BatchBuilder;

/// A text composed of fields of the record and of the row; none while one of them is empty.
pub(super) fn composed(
    pack: &Pack,
    register: RegisterId,
    pieces: &[Piece],
    own: &[(u16, Value)],
    row: &HashMap<FieldRef, Value>,
) -> Option<Value> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Field(at) => {
                let known = own.iter().find(|(field, _)| at.register == register && *field == at.field);
                let value = known.map(|(_, value)| value).or_else(|| row.get(at))?;
                text.push_str(&bangfu_policy::value::format(value, pack.field(*at)?.ty, pack));
            }
        }
    }
    Some(Value::Text(text))
}

/// What a check finds in a row.
pub(super) fn broken(check: &Check, texts: &[&str], row: u64, language: &str) -> Option<Problem> {
    if !check.when.iter().all(|condition| condition.holds(texts)) {
        return None;
    }
    let cell = |column: &Option<usize>| column.and_then(|column| texts.get(column)).copied().unwrap_or_default();
    let empty = check.filled.iter().find(|(_, column)| cell(column).is_empty());
    let full = check.blank.iter().find(|(_, column)| !cell(column).is_empty());
    let (header, column) = empty.or(full)?;
    let say = |text: &Text| text_in(text, language).to_owned();
    Some(Problem {
        row,
        column: header.clone(),
        value: cell(column).to_owned(),
        rule: check.id.clone(),
        message: say(&check.message),
        advice: say(&check.advice),
    })
}

/// Gathered records as batches, one for each register.
pub(super) fn batches(
    pack: &Pack,
    fields: &BTreeMap<RegisterId, BTreeSet<u16>>,
    rules: &[RecordRule],
    records: Vec<Gathered>,
) -> Result<Vec<Accepted>, IntakeError> {
    let mut chosen: BTreeMap<RegisterId, BTreeSet<u16>> = fields.clone();
    for rule in rules {
        chosen.entry(rule.register).or_default().extend(rule.fields.iter().map(|(field, _)| *field));
    }
    let mut builders: BTreeMap<RegisterId, (BatchBuilder<'_>, Vec<Vec<u64>>)> = BTreeMap::new();
    for record in records {
        let (builder, rows) = builders.entry(record.register).or_insert_with(|| {
            let of = chosen.get(&record.register);
            let has = |field: usize| of.is_some_and(|fields| fields.contains(&(field as u16)));
            (BatchBuilder::of_fields(pack, record.register, has), Vec::new())
        });
        builder.push(&record.holder, record.period, |field| record.values.get(&(field as u16)));
        rows.push(record.rows);
    }
    builders
        .into_iter()
        .map(|(register, (mut builder, rows))| Ok(Accepted { register, batch: builder.finish()?, rows }))
        .collect()
}
