//! What happened to a record, and which records were removed.

use std::collections::BTreeSet;

use bangfu_policy::model::{FieldType, Pack, Register, RegisterId, text_in};
use bangfu_store::StoreError;
use bangfu_store::journal::Entry;
use serde::Serialize;
use serde_json::Value as Json;

use super::facts::Facts;
use super::figures::{self, Language};
use super::file;
use super::places::Places;

/// Something that happened to a record.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Number of the journal's entry.
    pub seq: i64,
    /// When.
    pub at: String,
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
    /// `insert`, `update`, `remove`, `restore`, `load`, `attach`, `detach`.
    pub action: String,
    /// Field, value before, value after.
    pub fields: Vec<(String, String, String)>,
    /// Name of a file that was added or removed.
    pub file: String,
    /// Whether it can be undone by itself.
    pub undoable: bool,
    /// Whether it was undone.
    pub undone: bool,
    /// The entry that it undid.
    pub undoes: Option<i64>,
}

/// A record that was removed.
#[derive(Clone, Debug, Serialize)]
pub struct Gone {
    /// Its id.
    pub record: i64,
    /// Key.
    pub key: String,
    /// Name.
    pub name: String,
    /// Code of its division.
    pub division: String,
    /// When.
    pub at: String,
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
}

/// Events of a record, newest first. `changed`: the entry that last changed it, if it is still there.
///
/// # Errors
/// The store fails.
pub async fn events(
    facts: &Facts,
    id: RegisterId,
    record: i64,
    changed: Option<i64>,
    places: &Places,
    language: Language,
) -> Result<Vec<Event>, StoreError> {
    let pack = facts.pack();
    let Some(register) = pack.registers.get(id.index()) else { return Ok(Vec::new()) };
    let mut entries = facts.told(id, record).await?;
    if let Some(changed) = changed {
        // A list that brought the record; one that changed it has told of it by itself.
        let all = facts.store().history(&register.id, bangfu_store::RecordId(record), changed).await?;
        let own = |load: &Entry| entries.iter().any(|entry| entry.at == load.at && entry.reason == load.reason);
        let loads: Vec<Entry> = all.into_iter().filter(|entry| entry.record.is_none() && !own(entry)).collect();
        entries.extend(loads);
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.seq));
    }
    let bodies: Vec<Json> = entries.iter().map(|entry| serde_json::from_str(&entry.body).unwrap_or_default()).collect();
    let undone: BTreeSet<i64> = bodies.iter().filter_map(|body| body.get("undoes")?.as_i64()).collect();
    let there = changed.is_some();
    let events = entries.into_iter().zip(bodies).map(|(entry, body)| {
        let fields = sides(pack, register, &body, places, language);
        Event {
            seq: entry.seq,
            at: figures::moment(entry.at, &pack.calendar),
            who: entry.actor,
            reason: entry.reason,
            undoable: there && entry.action == "update" && !undone.contains(&entry.seq) && !fields.is_empty(),
            undone: undone.contains(&entry.seq),
            undoes: body.get("undoes").and_then(Json::as_i64),
            file: body.get("name").and_then(Json::as_str).unwrap_or_default().to_owned(),
            action: entry.action,
            fields,
        }
    });
    Ok(events.collect())
}

/// Both sides of an entry: field, value before, value after; fields that were empty and stay so are left out.
fn sides(
    pack: &Pack,
    register: &Register,
    body: &Json,
    places: &Places,
    language: Language,
) -> Vec<(String, String, String)> {
    let side = |name: &str, field: &str| body.get(name).and_then(|side| side.get(field));
    let told = register.fields.iter().filter_map(|field| {
        let (before, after) = (side("before", &field.id), side("after", &field.id));
        let known = [before, after].into_iter().flatten().any(|value| !value.is_null());
        let words = |value| file::journalled(pack, field, value, places, language);
        known.then(|| (text_in(&field.title, language.id()).to_owned(), words(before), words(after)))
    });
    told.collect()
}

/// Removed records of a register below a division, newest first, and how many there are.
///
/// # Errors
/// The store fails.
pub async fn removed(
    facts: &Facts,
    id: RegisterId,
    division: Option<&str>,
    (offset, limit): (u64, u64),
) -> Result<(Vec<Gone>, u64), StoreError> {
    let Some(register) = facts.pack().registers.get(id.index()) else { return Ok((Vec::new(), 0)) };
    let (entries, total) = facts.reader().removed(id, division, (offset, limit)).await?;
    let gone = entries.into_iter().map(|entry| {
        let body: Json = serde_json::from_str(&entry.body).unwrap_or_default();
        let text = |index: Option<u16>| {
            let field = register.fields.get(usize::from(index?)).filter(|field| field.ty == FieldType::Text)?;
            Some(body.get("before")?.get(&field.id)?.as_str()?.to_owned())
        };
        let period = body.get("period").and_then(Json::as_i64).map(|at| at as i32);
        let period = period.map(|at| bangfu_policy::period::format(register.kind, at));
        let record = entry.record.unwrap_or_default();
        Gone {
            record,
            key: text(register.key).or(period).unwrap_or_else(|| format!("~{record}")),
            name: text(register.label).unwrap_or_default(),
            division: entry.division,
            at: figures::moment(entry.at, &facts.pack().calendar),
            who: entry.actor,
            reason: entry.reason,
        }
    });
    Ok((gone.collect(), total))
}
