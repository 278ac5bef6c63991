//! Values that name something else: records of other registers, divisions. What they name must exist.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray};
use bangfu_policy::model::{Field, FieldRef, FieldType, Pack, RegisterId, text_in};
use bangfu_store::{ListQuery, Reader, StoreError};

use super::cells::mask;
use super::{Accepted, DivisionNames, Problem, Reading};

/// Keys that are looked up at a time.
const AT_A_TIME: usize = 500;

/// Finds what does not exist, a problem for each cell.
///
/// # Errors
/// The store fails.
pub(super) async fn broken(
    pack: &Pack,
    reader: &Reader,
    divisions: &DivisionNames,
    reading: &Reading,
    language: &str,
) -> Result<Vec<Problem>, StoreError> {
    let mut found = Vec::new();
    for accepted in &reading.accepted {
        let Some(register) = pack.registers.get(accepted.register.index()) else { continue };
        for (index, field) in register.fields.iter().enumerate() {
            let named = named(accepted, field);
            if named.is_empty() {
                continue;
            }
            let missing: BTreeSet<&str> = match field.ty {
                FieldType::Division => named.keys().copied().filter(|code| !divisions.knows(code)).collect(),
                FieldType::Reference(to) => missing(pack, reader, reading, to, &named).await?,
                _ => continue,
            };
            let at = FieldRef { register: accepted.register, field: index as u16 };
            for (key, rows) in named.iter().filter(|(key, _)| missing.contains(*key)) {
                found.extend(rows.iter().map(|row| problem(pack, reading, (at, field), key, *row, language)));
            }
        }
    }
    Ok(found)
}

/// Keys in a column with the first row of each record that has them.
fn named<'a>(accepted: &'a Accepted, field: &Field) -> BTreeMap<&'a str, Vec<u64>> {
    let mut named: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    if !matches!(field.ty, FieldType::Division | FieldType::Reference(_)) {
        return named;
    }
    let Some(column) = accepted.batch.column_by_name(&field.id).and_then(|column| column.as_string_opt::<i32>()) else {
        return named;
    };
    for (at, rows) in accepted.rows.iter().enumerate() {
        if let (true, Some(row)) = (column.is_valid(at), rows.first()) {
            named.entry(column.value(at)).or_default().push(*row);
        }
    }
    named
}

/// Keys that neither the registry nor the file itself has.
async fn missing<'a>(
    pack: &Pack,
    reader: &Reader,
    reading: &Reading,
    to: RegisterId,
    named: &BTreeMap<&'a str, Vec<u64>>,
) -> Result<BTreeSet<&'a str>, StoreError> {
    let mut missing: BTreeSet<&str> = named.keys().copied().collect();
    let key = pack.registers.get(to.index()).and_then(|register| register.fields.get(usize::from(register.key?)));
    let Some(key) = key else { return Ok(missing) };
    for accepted in reading.accepted.iter().filter(|accepted| accepted.register == to) {
        let column = accepted.batch.column_by_name(&key.id).and_then(|column| column.as_string_opt::<i32>());
        for own in column.into_iter().flat_map(|column| column.iter().flatten()) {
            missing.remove(own);
        }
    }
    let wanted: Vec<&str> = missing.iter().copied().collect();
    for some in wanted.chunks(AT_A_TIME) {
        let keys: Vec<String> = some.iter().map(|key| (*key).to_owned()).collect();
        let query = ListQuery { limit: keys.len() as u64, keys: Some(keys), ..ListQuery::default() };
        let position = pack.registers.get(to.index()).and_then(|register| register.key).unwrap_or(0);
        for record in reader.list(to, &query).await?.records {
            if let Some(Some(bangfu_policy::model::Value::Text(key))) = record.values.get(usize::from(position)) {
                missing.remove(key.as_str());
            }
        }
    }
    Ok(missing)
}

fn problem(
    pack: &Pack,
    reading: &Reading,
    (at, field): (FieldRef, &Field),
    key: &str,
    row: u64,
    language: &str,
) -> Problem {
    let column = reading.columns.get(&at).and_then(|column| reading.table.first()?.1.get(*column)).cloned();
    let to = match field.ty {
        FieldType::Reference(to) => pack.registers.get(to.index()).map(|to| text_in(&to.title, language)),
        _ => None,
    };
    let (message, advice) = match (to, language) {
        (Some(to), "zh") => (format!("“{to}”中没有此记录"), "核对编号，或先登记该记录"),
        (Some(to), _) => (format!("“{to}” has no such record"), "check the key, or enter that record first"),
        (None, "zh") => ("没有此行政区划".to_owned(), "核对区划代码"),
        (None, _) => ("there is no such division".to_owned(), "check the code"),
    };
    Problem {
        row,
        column: column.unwrap_or_else(|| text_in(&field.title, language).to_owned()),
        value: if field.secret { mask(key) } else { key.to_owned() },
        rule: "reference".to_owned(),
        message,
        advice: advice.to_owned(),
    }
}
