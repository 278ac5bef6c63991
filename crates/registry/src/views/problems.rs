//! What the checks of the pack found in a record and in the records that belong to it.

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::{Entity, RegisterId, Severity, Value, text_in};
use serde::Serialize;

use super::excused::Excused;
use super::file::Material;

/// A hit of a check.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Problem {
    /// `error` or `suspect`.
    pub severity: &'static str,
    /// Id of the check.
    pub id: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub advice: String,
    /// Name of the record below, if it is one.
    pub whose: String,
    /// Until when and why it is excused.
    pub excused: Option<(String, String)>,
}

/// The hits of the last run: errors before suspects, then by check.
pub fn problems(material: &Material<'_>, excused: &Excused) -> Vec<Problem> {
    let mut found = Vec::new();
    of_record(material, excused, material.entity, material.key, "", &mut found);
    for (register, facts) in &material.children {
        let id = RegisterId(*register);
        let label = material.pack.registers.get(id.index()).and_then(|register| register.label);
        for fact in facts {
            let name = match label.and_then(|at| fact.values.get(usize::from(at))) {
                Some(Some(Value::Text(name))) => name.as_str(),
                _ => fact.id.as_str(),
            };
            of_record(material, excused, Entity::Register(id), &fact.id, name, &mut found);
        }
    }
    found.sort();
    found
}

fn of_record(
    material: &Material<'_>,
    excused: &Excused,
    entity: Entity,
    key: &str,
    whose: &str,
    found: &mut Vec<Problem>,
) {
    let Some(rows) = material.results.and_then(|results| results.entities.get(&entity)) else { return };
    let Some(row) = rows.row(key) else { return };
    let words = |text| text_in(text, material.language.id()).to_owned();
    for check in &material.pack.checks {
        let Some(variable) = material.pack.variables.get(check.variable.index()) else { continue };
        if variable.of == entity && rows.value(row, check.variable) == Scalar::Boolean(true) {
            found.push(Problem {
                severity: match check.severity {
                    Severity::Error => "error",
                    Severity::Suspect => "suspect",
                },
                id: variable.id.clone(),
                message: words(&variable.title),
                advice: check.advice.as_ref().map(words).unwrap_or_default(),
                whose: whose.to_owned(),
                excused: excused.of(&variable.id, key).cloned(),
            });
        }
    }
}
