//! Runs the cases that a pack brings with it: given records become a frame, expected values are compared.
//!
//! Divisions of a case are made up: one per level, coded as the root with zeros behind it.

use std::collections::HashMap;

use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{
    Entity, FieldRef, GivenRecord, LevelId, Pack, Place, RegisterId, RegisterKind, TestCase, Value, VariableId,
};
use bangfu_policy::{period, value};
use serde::Serialize;

use crate::explain::{Explanation, explain};
use crate::frame::{Frame, Table};
use crate::interpret::Interpreter;
use crate::needs::Needs;
use crate::snapshot::columns::{Growing, Kind, filled, set};

/// The outcome of one case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseResult {
    /// Name of the case.
    pub name: String,
    /// File of the pack.
    pub file: String,
    /// Line in it.
    pub line: usize,
    /// What differs; empty: the case holds.
    pub mismatches: Vec<Mismatch>,
}

/// A difference between what a case expects and what the rules say.
#[derive(Clone, Debug, Serialize)]
pub struct Mismatch {
    /// Id of the entity.
    pub entity: String,
    /// Position among the given records of the entity, from 0.
    pub position: usize,
    /// Id of the variable.
    pub variable: String,
    /// What was compared: `value`, `missing` or `because`.
    pub about: String,
    /// As the case expects.
    pub expected: String,
    /// As computed, or the error.
    pub actual: String,
    /// Why it is so.
    pub explanation: Option<Explanation>,
}

impl CaseResult {
    /// Whether everything is as expected.
    pub fn holds(&self) -> bool {
        self.mismatches.is_empty()
    }

    /// The result as text: one line, and the differences below it.
    pub fn text(&self, language: &str) -> String {
        let mut text =
            format!("{} {} ({}:{})\n", if self.holds() { "ok  " } else { "FAIL" }, self.name, self.file, self.line);
        for m in &self.mismatches {
            let words = match (m.about.as_str(), language.starts_with("zh")) {
                ("missing", true) => "应指出缺失",
                ("missing", false) => "must name as missing",
                ("because", true) => "应引用条款",
                ("because", false) => "must cite",
                (_, true) => "应为",
                (_, false) => "expected",
            };
            let but = if language.starts_with("zh") { "，实际" } else { ", but is" };
            let Mismatch { entity, position, variable, expected, actual, .. } = m;
            let line = format!("     {entity}[{position}].{variable}: {words} {expected}{but} {actual}\n");
            text.push_str(&line);
            if let Some(explanation) = &m.explanation {
                for line in explanation.text(None, language).lines() {
                    text.extend(["       ", line, "\n"]);
                }
            }
        }
        text
    }
}

/// Runs all cases of a pack.
pub fn run(pack: &Pack) -> Vec<CaseResult> {
    let needs = Needs::everything(pack);
    pack.tests.iter().map(|case| run_case(pack, &needs, case)).collect()
}

fn run_case(pack: &Pack, needs: &Needs, case: &TestCase) -> CaseResult {
    let (frame, rows) = frame(pack, needs, case);
    let language = pack.policy.languages.first().map_or("zh", String::as_str);
    let mut interpreter = Interpreter::new(pack, &frame, &case.set);
    let Place { file, line, .. } = case.place.clone();
    let mut result = CaseResult { name: case.name.clone(), file, line, mismatches: Vec::new() };
    let mut mismatch =
        |at: (Entity, usize, VariableId), about: &str, expected: String, actual: String, row: Option<usize>| {
            let id = pack.variables.get(at.2.index()).map(|variable| variable.id.clone()).unwrap_or_default();
            let explanation = row.and_then(|row| explain(pack, &frame, at.0, row, at.2, &case.set, language).ok());
            result.mismatches.push(Mismatch {
                entity: pack.entity_id(at.0).to_owned(),
                position: at.1,
                variable: id,
                about: about.to_owned(),
                expected,
                actual,
                explanation,
            });
        };
    for (entity, position, variable, expected) in &case.expect {
        let at = (*entity, *position, *variable);
        let ty = pack.variables.get(variable.index()).map_or(Type::INTEGER, |variable| variable.ty);
        let Some(row) = rows.get(&(*entity, *position)).copied() else {
            mismatch(at, "value", words(pack, *expected, ty), "no such record is given".to_owned(), None);
            continue;
        };
        match interpreter.variable(*variable, row) {
            Ok(actual) if actual == *expected => {}
            Ok(actual) => mismatch(at, "value", words(pack, *expected, ty), words(pack, actual, ty), Some(row)),
            Err(error) => mismatch(at, "value", words(pack, *expected, ty), error.to_string(), None),
        }
    }
    for (list, about) in [(&case.missing, "missing"), (&case.because, "because")] {
        for (entity, position, variable, name) in list {
            let at = (*entity, *position, *variable);
            let row = rows.get(&(*entity, *position)).copied();
            let explained = row.map(|row| explain(pack, &frame, *entity, row, *variable, &case.set, language));
            let Some(Ok(explained)) = explained else {
                mismatch(at, about, name.clone(), "no result".to_owned(), None);
                continue;
            };
            let found: Vec<&str> = match about {
                "missing" => explained.missing.iter().map(|fact| fact.name.as_str()).collect(),
                _ => explained.clauses.iter().map(|clause| clause.id.as_str()).collect(),
            };
            let qualified = |found: &&str| *found == name || found.ends_with(&format!(".{name}"));
            if !found.iter().any(qualified) {
                mismatch(at, about, name.clone(), format!("[{}]", found.join(", ")), row);
            }
        }
    }
    result
}

fn words(pack: &Pack, value: Scalar, ty: Type) -> String {
    if value == Scalar::Missing { "unknown".to_owned() } else { value::format_scalar(value, ty, pack) }
}

/// Row of each given record, by entity and position among the given records of that entity.
pub type Rows = HashMap<(Entity, usize), usize>;

/// The frame of a case.
pub fn frame(pack: &Pack, needs: &Needs, case: &TestCase) -> (Frame, Rows) {
    let mut frame = Frame { tables: HashMap::new(), as_of: case.as_of };
    let mut rows = Rows::new();
    let mut row_of: HashMap<usize, usize> = HashMap::new();
    let levels = (0..pack.levels.len()).map(|index| Entity::Level(LevelId(index as u16)));
    let mut registers: Vec<Entity> = (0..pack.registers.len())
        .filter(|index| pack.registers.get(*index).is_some_and(|register| register.kind == RegisterKind::Entity))
        .map(|index| Entity::Register(RegisterId(index as u16)))
        .collect();
    registers.sort_by_key(|entity| pack.ancestors(*entity).count());
    for entity in levels.chain(registers) {
        let given: Vec<(usize, &GivenRecord)> =
            case.given.iter().enumerate().filter(|(_, record)| record.entity == entity).collect();
        let mut ordered: Vec<(usize, usize, usize, &GivenRecord)> = given
            .iter()
            .enumerate()
            .map(|(position, (at, record))| {
                let parent = record.parent.and_then(|parent| row_of.get(&parent)).copied().unwrap_or(0);
                (parent, position, *at, *record)
            })
            .collect();
        ordered.sort_by_key(|(parent, position, ..)| (*parent, *position));
        for (row, (_, position, at, _)) in ordered.iter().enumerate() {
            rows.insert((entity, *position), row);
            row_of.insert(*at, row);
        }
        let mut records: Vec<Option<&GivenRecord>> = ordered.iter().map(|(.., record)| Some(*record)).collect();
        let mut table = Table::default();
        if let Entity::Level(level) = entity {
            records.truncate(1);
            if records.is_empty() {
                records.push(None);
                rows.insert((entity, 0), 0);
            }
            let digits = pack.levels.get(level.index()).map_or(0, |level| level.digits);
            table.keys = vec![format!("{:0<digits$}", pack.policy.root)];
            if level.0 > 0 {
                table.offsets = vec![0, 1];
            }
        } else {
            let parents =
                pack.parent(entity).and_then(|parent| frame.tables.get(&parent)).map_or(0, |table| table.rows);
            table.keys = (1..=records.len()).map(|number| number.to_string()).collect();
            table.offsets = (0..=parents)
                .map(|parent| ordered.iter().filter(|(owner, ..)| *owner < parent).count() as u32)
                .collect();
        }
        table.rows = records.len();
        for (field, shift) in &needs.fields {
            let own = Entity::Register(field.register) == entity;
            let register = pack.registers.get(field.register.index());
            let attached = register.is_some_and(|r| r.parent == entity && r.kind != RegisterKind::Entity);
            if own || attached {
                table.columns.insert((*field, *shift), column(pack, *field, *shift, &records, case.as_of));
            }
        }
        frame.tables.insert(entity, table);
    }
    (frame, rows)
}

fn column(
    pack: &Pack,
    field: FieldRef,
    shift: i32,
    records: &[Option<&GivenRecord>],
    as_of: i32,
) -> crate::frame::Column {
    let kind = pack.registers.get(field.register.index()).map_or(RegisterKind::Entity, |register| register.kind);
    let wanted = period::shifted(kind, period::current(kind, as_of), shift);
    let lanes = match pack.field(field).map(|field| field.ty.formula_type()) {
        Some(Type::Boolean) => Kind::Boolean,
        Some(Type::Text) => Kind::Text,
        _ => Kind::Number,
    };
    let mut growing = Growing::new(lanes);
    let mut known = filled(records.len(), false);
    let mut values = vec![0; records.len()];
    for (row, (record, slot)) in records.iter().zip(&mut values).enumerate() {
        let Some(record) = record else { continue };
        let own = record.fields.iter().rev().find(|(given, _)| *given == field).map(|(_, value)| value);
        let periodic = || {
            let mut periods = record.periodic.iter().rev();
            periods.find(|(period, given, _)| *given == field && *period == wanted).map(|(.., value)| value)
        };
        let Some(value) = own.or_else(periodic) else { continue };
        *slot = match value {
            Value::Integer(number) => *number,
            Value::Boolean(truth) => i64::from(*truth),
            Value::Text(text) => growing.position(text),
        };
        set(&mut known, row, true);
    }
    growing.push(&mut values, Some(known));
    growing.finish()
}
