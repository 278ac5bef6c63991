//! Records and their history as JSON, by page and by address.

use bangfu_policy::model::{Entity, Register, RegisterId, Value};
use bangfu_store::{ListQuery, Record, RecordId, Row, StoreError};
use serde_json::{Map, Value as Json, json};

use super::json;
use crate::views::facts::Facts;
use crate::views::listing::Listing;

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records as JSON.
    pub records: Vec<Json>,
    /// After which record the next page begins; `None`: there is none.
    pub next: Option<i64>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begin {
    /// Only records that belong to this one.
    pub parent: Option<i64>,
    /// Only records after this one in the order of places.
    pub after: Option<i64>,
}

/// A page of a list in the order of places; page number and order of the listing are not looked at.
///
/// # Errors
/// `after` is no record of the register (`Absent`), or the store fails.
pub async fn page(facts: &Facts, listing: &Listing, begin: Begin) -> Result<Page, StoreError> {
    let pack = facts.pack();
    let Some(register) = pack.registers.get(listing.register.index()) else {
        return Ok(Page { records: Vec::new(), next: None });
    };
    let mut query = facts.query(listing);
    query.parent = begin.parent.map(RecordId);
    // One more than asked for tells whether there is another page.
    query.limit = listing.limit.saturating_add(1);
    let mut rows = facts.reader().rows_after(listing.register, &query, begin.after.map(RecordId)).await?;
    let more = rows.len() as u64 > listing.limit;
    rows.truncate(usize::try_from(listing.limit).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| more).map(|row| row.record.id.0);
    Ok(Page { records: rows.iter().map(|row| json::record(pack, register, row)).collect(), next })
}

/// How many records a page's list has in all.
///
/// # Errors
/// The store fails.
pub async fn total(facts: &Facts, listing: &Listing, begin: Begin) -> Result<u64, StoreError> {
    let mut query = facts.query(listing);
    query.parent = begin.parent.map(RecordId);
    facts.reader().count(listing.register, &query).await
}

/// A record by its address: the key, or `~` and the id.
///
/// # Errors
/// The store fails.
pub async fn find(facts: &Facts, register: RegisterId, address: &str) -> Result<Option<Row>, StoreError> {
    let pack = facts.pack();
    let Some(definition) = pack.registers.get(register.index()) else { return Ok(None) };
    let record = match address.strip_prefix('~').and_then(|id| id.parse().ok()) {
        Some(id) => facts.reader().by_id(register, RecordId(id)).await?,
        None if definition.key.is_some() => facts.reader().get(register, address).await?,
        None => None,
    };
    let Some(record) = record else { return Ok(None) };
    let owner = match (definition.parent, record.parent) {
        (Entity::Register(above), Some(id)) => {
            let parent = facts.reader().by_id(above, id).await?;
            let key = pack.registers.get(above.index()).and_then(|above| above.key);
            let key = parent.and_then(|parent| parent.values.into_iter().nth(usize::from(key?)).flatten());
            match key {
                Some(Value::Text(key)) => key,
                _ => String::new(),
            }
        }
        _ => record.division.clone(),
    };
    Ok(Some(Row { record, owner }))
}

/// Keys and names of the records that words may mean.
///
/// # Errors
/// The store fails.
pub async fn search(
    facts: &Facts,
    register: RegisterId,
    words: &str,
    most: u64,
) -> Result<Vec<(String, String)>, StoreError> {
    let Some(definition) = facts.pack().registers.get(register.index()) else { return Ok(Vec::new()) };
    let query = ListQuery { search: Some(words.to_owned()), limit: most, ..ListQuery::default() };
    let found = facts.reader().list(register, &query).await?.records;
    Ok(found.iter().map(|record| (json::address(definition, record), name(definition, record))).collect())
}

/// The name of a record: its label, or nothing.
pub fn name(register: &Register, record: &Record) -> String {
    match register.label.and_then(|label| record.values.get(usize::from(label))) {
        Some(Some(Value::Text(name))) => name.clone(),
        _ => String::new(),
    }
}

/// Journal entries of a record, newest first; values of secret fields are never in them.
///
/// # Errors
/// The store fails.
pub async fn history(facts: &Facts, row: &Row) -> Result<Vec<Json>, StoreError> {
    let Some(register) = facts.pack().registers.get(row.record.register.index()) else { return Ok(Vec::new()) };
    let entries = facts.store().history(&register.id, row.record.id, row.record.changed).await?;
    let changes = entries.into_iter().map(|entry| {
        let body: Json = serde_json::from_str(&entry.body).unwrap_or_default();
        let side = |name: &str, field: &str| match body.get(name).and_then(|side| side.get(field)) {
            // Values of secret fields are sealed.
            Some(Json::Object(_)) => json!("***"),
            other => other.cloned().unwrap_or_default(),
        };
        let written = body.get("after").or(body.get("before")).and_then(Json::as_object);
        let fields = written
            .into_iter()
            .flat_map(Map::keys)
            .map(|field| json!({ "field": field, "before": side("before", field), "after": side("after", field) }));
        let at = jiff::Timestamp::from_millisecond(entry.at).map(|at| at.to_string()).unwrap_or_default();
        json!({
            "seq": entry.seq, "at": at, "actor": entry.actor, "action": entry.action, "reason": entry.reason,
            "changes": fields.collect::<Vec<_>>(),
        })
    });
    Ok(changes.collect())
}
