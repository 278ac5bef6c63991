//! What a case proposes: facts, policy and reason, frozen when it is submitted. What was approved is what is applied.

use bangfu_policy::model::{Entity, Pack, Procedure, Value};
use bangfu_store::{CaseFile, Change, Record, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::exchange::json;
use crate::views::facts::Facts;

/// What a case is about.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A record.
    Record(Record),
    /// A division, by its code.
    Division(String),
}

impl Subject {
    /// Code of its division.
    pub fn division(&self) -> &str {
        match self {
            Self::Record(record) => &record.division,
            Self::Division(code) => code,
        }
    }

    /// Id of the record.
    pub fn record(&self) -> Option<i64> {
        match self {
            Self::Record(record) => Some(record.id.0),
            Self::Division(_) => None,
        }
    }

    /// The subject of a procedure by its key (of a record), `~id`, or code (of a division); `None` if it is not there,
    /// or not seen.
    ///
    /// # Errors
    /// The store fails.
    pub async fn find(facts: &Facts, of: Entity, address: &str) -> Result<Option<Self>, StoreError> {
        match of {
            Entity::Register(register) => {
                let row = crate::exchange::records::find(facts, register, address).await?;
                Ok(row.map(|row| Self::Record(row.record)))
            }
            Entity::Level(level) => {
                let pack = facts.pack();
                let fits = pack.level_of_code(address) == Some(level) && facts.scope().covers(address);
                let known = facts.reader().divisions().await?;
                let there = known.binary_search_by(|division| division.code.as_str().cmp(address)).is_ok();
                Ok((fits && there).then(|| Self::Division(address.to_owned())))
            }
        }
    }
}

/// The grounds of a proposal: what the last determination says about the subject.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Grounds {
    /// Day of the run; empty: there is none.
    pub as_of: String,
    /// `yes`, `no` or `unknown`; empty: the procedure follows no rule.
    pub answer: String,
    /// Why, as pages show it.
    pub why: Json,
}

/// What was frozen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Proposal {
    /// Version of the record.
    pub version: i64,
    /// Journal entry that last changed the record or what is attached to it.
    pub changed: i64,
    /// Hash of the policy.
    pub policy: String,
    /// Field → value, as the journal writes them; without secret fields.
    pub facts: serde_json::Map<String, Json>,
    /// What the last determination said.
    pub grounds: Grounds,
}

/// Freezes what is known of a subject now.
///
/// # Errors
/// The store fails.
pub async fn freeze(
    facts: &Facts,
    procedure: &Procedure,
    subject: &Subject,
    grounds: Grounds,
) -> Result<Proposal, StoreError> {
    let pack = facts.pack();
    let mut proposal = Proposal { policy: pack.hash.clone(), grounds, ..Proposal::default() };
    if let (Subject::Record(record), Entity::Register(register)) = (subject, procedure.subject) {
        proposal.version = record.version;
        proposal.changed = facts.reader().last_change(register, record.id.0).await?;
        proposal.facts = facts_of(pack, record);
    }
    Ok(proposal)
}

/// Open fields of a record, as the journal writes them: secret ones stay out of what is frozen.
pub(super) fn facts_of(pack: &Pack, record: &Record) -> serde_json::Map<String, Json> {
    let fields = pack.registers.get(record.register.index()).map(|found| found.fields.as_slice()).unwrap_or_default();
    let open = fields.iter().zip(&record.values).filter(|(field, _)| !field.secret);
    open.filter_map(|(field, value)| Some((field.id.clone(), json::value(pack, field, Some(value.as_ref()?)))))
        .collect()
}

/// Whether the facts changed since a proposal was frozen.
///
/// # Errors
/// The store fails.
pub async fn changed(
    facts: &Facts,
    procedure: &Procedure,
    record: Option<i64>,
    proposal: &Proposal,
) -> Result<bool, StoreError> {
    let (Entity::Register(register), Some(id)) = (procedure.subject, record) else { return Ok(false) };
    Ok(facts.reader().last_change(register, id).await? != proposal.changed)
}

/// The journal entry that last changed the subject of a case, with what a change did so far; 0 of a division.
pub(super) async fn last_change(
    change: &mut Change,
    procedure: &Procedure,
    case: &CaseFile,
) -> Result<i64, StoreError> {
    match (procedure.subject, case.record) {
        (Entity::Register(register), Some(id)) => change.last_change(register, id).await,
        _ => Ok(0),
    }
}

/// The key that results have for what a case is about. Keys of records are the last word of their name.
pub fn key(pack: &Pack, procedure: &Procedure, case: &CaseFile) -> String {
    match (procedure.subject, case.record) {
        (Entity::Register(register), Some(id)) => {
            let keyed = pack.registers.get(register.index()).is_some_and(|register| register.key.is_some());
            if keyed { case.name.rsplit(' ').next().unwrap_or_default().to_owned() } else { format!("~{id}") }
        }
        _ => case.division.clone(),
    }
}

/// The name that a subject has on lists.
pub fn name(pack: &Pack, subject: &Subject) -> String {
    let Subject::Record(record) = subject else { return String::new() };
    let register = pack.registers.get(record.register.index());
    let text = |at: Option<u16>| match at.and_then(|at| record.values.get(usize::from(at))) {
        Some(Some(Value::Text(text))) => Some(text.clone()),
        _ => None,
    };
    let key = text(register.and_then(|register| register.key));
    let label = text(register.and_then(|register| register.label));
    match (label, key) {
        (Some(label), Some(key)) => format!("{label} {key}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => format!("~{}", record.id.0),
    }
}
