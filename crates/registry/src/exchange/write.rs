//! Changes of records that come as JSON: every field is read by its type and must keep its rules, as in an import.

use bangfu_policy::model::{Entity, Field, FieldType, Pack, Register, RegisterId, RegisterKind, Value};
use bangfu_policy::period;
use bangfu_store::{Actor, Filter, ListQuery, Operator, Owner, RecordId, Row, StoreError};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use super::{json, records};
use crate::intake::cells;
use crate::views::facts::Facts;

/// Why a field is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// Id of the field.
    pub field: String,
    /// What is wrong and what to write instead.
    pub words: String,
}

/// Fields with their new values; `None` empties one.
pub type Values = Vec<(u16, Option<Value>)>;

/// Who changes a record, why, and when (milliseconds since 1970-01-01 UTC).
#[derive(Clone, Debug)]
pub struct Stamp<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// Why.
    pub reason: &'a str,
    /// When.
    pub at: i64,
}

/// Values of fields from JSON, or everything that is wrong with them.
///
/// # Errors
/// Fields that do not exist, are required and emptied, or are not of their type or beyond their rules.
pub fn values(
    pack: &Pack,
    register: &Register,
    given: &Map<String, Json>,
    language: &str,
) -> Result<Values, Vec<Wrong>> {
    let (mut values, mut all) = (Vec::new(), Vec::new());
    for (name, given) in given {
        let found = register.fields.iter().enumerate().find(|(_, field)| field.id == *name);
        let read = match found {
            Some((n, field)) => value(pack, field, given, language).map(|value| (n as u16, value)),
            None => Err(say(language, "没有此字段", "there is no such field")),
        };
        match read {
            Ok(pair) => values.push(pair),
            Err(words) => all.push(Wrong { field: name.clone(), words }),
        }
    }
    if all.is_empty() { Ok(values) } else { Err(all) }
}

pub(crate) fn say(language: &str, zh: &str, en: &str) -> String {
    if language == "zh" { zh } else { en }.to_owned()
}

/// The value of a field from JSON; empty texts are none.
///
/// # Errors
/// What is wrong with it, in words.
pub fn value(pack: &Pack, field: &Field, given: &Json, language: &str) -> Result<Option<Value>, String> {
    let text = match given {
        Json::Null => String::new(),
        Json::String(text) => text.trim().to_owned(),
        Json::Bool(truth) => truth.to_string(),
        Json::Number(number) => number.to_string(),
        _ => return Err(say(language, "填写单个值", "write one value")),
    };
    if text.is_empty() && field.required {
        return Err(say(language, "必填项不能为空", "this is required and cannot be emptied"));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let refused = |refused: cells::Refused| format!("{}; {}", refused.message, refused.advice);
    cells::checked(pack, field, &text, language).map(Some).map_err(refused)
}

/// What new values of a record (`own`: the one that has them) contradict elsewhere: a number that another record has, a record or division that does
/// not exist.
///
/// # Errors
/// The store fails.
pub async fn conflicts(
    facts: &Facts,
    register_id: RegisterId,
    own: Option<RecordId>,
    values: &Values,
    language: &str,
) -> Result<Vec<Wrong>, StoreError> {
    let Some(register) = facts.pack().registers.get(register_id.index()) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (n, value) in values {
        let (Some(field), Some(value)) = (register.fields.get(usize::from(*n)), value) else { continue };
        let wrong = |zh: &str, en: &str| Wrong { field: field.id.clone(), words: say(language, zh, en) };
        if field.unique || register.key == Some(*n) {
            let filter = Filter { field: *n, operator: Operator::In, values: vec![value.clone()] };
            let query = ListQuery { filters: vec![filter], limit: 2, ..ListQuery::default() };
            let others = facts.reader().list(register_id, &query).await?.records;
            if let Some(other) = others.iter().find(|other| Some(other.id) != own) {
                let address = json::address(register, other);
                all.push(wrong(&format!("已用于 {address}"), &format!("{address} has it already")));
            }
        }
        match (field.ty, value) {
            (FieldType::Reference(to), Value::Text(key)) if records::find(facts, to, key).await?.is_none() => {
                all.push(wrong("没有此记录", "there is no such record"));
            }
            (FieldType::Division, Value::Text(code)) => {
                let known = facts.reader().divisions().await?;
                if known.binary_search_by(|division| division.code.as_str().cmp(code)).is_err() {
                    all.push(wrong("没有此行政区划", "there is no such division"));
                }
            }
            _ => {}
        }
    }
    Ok(all)
}

/// Changes fields of a record as it was read; the record as it is now.
///
/// # Errors
/// It was changed meanwhile, lies outside of the scope, or the store fails; then nothing was changed.
pub async fn change(facts: &Facts, row: &Row, values: &Values, stamp: &Stamp<'_>) -> Result<Row, StoreError> {
    let record = &row.record;
    let mut change = facts.store().change(facts.scope(), stamp.actor, stamp.reason, stamp.at).await?;
    change.update(record.register, record.id, record.version, values).await?;
    change.commit().await?;
    let address = format!("~{}", record.id.0);
    records::find(facts, record.register, &address).await?.ok_or(StoreError::Absent(address))
}

/// Required fields that a new record does not have.
pub fn absent(register: &Register, values: &Values, language: &str) -> Vec<Wrong> {
    let given = |n: usize| values.iter().any(|(index, value)| usize::from(*index) == n && value.is_some());
    let fields = register.fields.iter().enumerate().filter(|(n, field)| field.required && !given(*n));
    fields
        .map(|(_, field)| Wrong {
            field: field.id.clone(),
            words: say(language, "必填项，请填写", "this is required; write a value"),
        })
        .collect()
}

/// What a new record of a register belongs to: the code of a division, or the address of a record above.
///
/// # Errors
/// The store fails.
pub async fn owner(facts: &Facts, register: &Register, address: &str) -> Result<Option<Owner>, StoreError> {
    match register.parent {
        Entity::Level(level) => {
            let digits = facts.pack().levels.get(level.index()).map_or(0, |level| level.digits);
            let known = facts.reader().divisions().await?;
            let found = address.len() == digits && known.iter().any(|division| division.code == address);
            Ok(found.then(|| Owner::Division(address.to_owned())))
        }
        Entity::Register(above) => {
            Ok(records::find(facts, above, address).await?.map(|row| Owner::Record(row.record.id)))
        }
    }
}

/// The period of a new record as written, `2016` or `2016Q3`; none where the register has no periods.
///
/// # Errors
/// It is no period of the register.
pub fn period(register: &Register, text: &str, language: &str) -> Result<Option<i32>, Wrong> {
    let wrong = |zh: &str, en: &str| Wrong { field: "period".to_owned(), words: say(language, zh, en) };
    match register.kind {
        RegisterKind::Entity | RegisterKind::One => Ok(None),
        kind => period::parse(kind, text).map(Some).ok_or_else(|| match kind {
            RegisterKind::Quarterly => wrong("填写年份和季度，如 2016Q3", "write year and quarter, such as 2016Q3"),
            _ => wrong("填写四位年份，如 2016", "write the year, such as 2016"),
        }),
    }
}

/// A request that may come twice: the key that its sender gave it, and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    key: String,
    request: Vec<u8>,
}

impl Once {
    /// A key for a request to add a record to a register, with its body.
    pub fn new(key: &str, register: &Register, body: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(&register.id);
        hasher.update([0]);
        hasher.update(body);
        Self { key: key.to_owned(), request: hasher.finalize().to_vec() }
    }
}

/// What came of a request to add a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// The record, made now or by the same request before.
    Record(Box<Row>),
    /// The same request made a record that was removed since.
    Gone,
    /// Another request had the same key.
    KeyUsed,
}

/// What a request with a key came to before, if it did.
///
/// # Errors
/// The store fails.
pub async fn repeated(
    facts: &Facts,
    register: RegisterId,
    once: &Once,
    stamp: &Stamp<'_>,
) -> Result<Option<Created>, StoreError> {
    let mut change = facts.store().change(facts.scope(), stamp.actor, stamp.reason, stamp.at).await?;
    let answered = change.answered(&once.key).await?;
    change.roll_back().await?;
    let Some((request, id)) = answered else { return Ok(None) };
    if request != once.request {
        return Ok(Some(Created::KeyUsed));
    }
    let row = records::find(facts, register, &format!("~{}", id.0)).await?;
    Ok(Some(row.map_or(Created::Gone, |row| Created::Record(Box::new(row)))))
}

/// A record that is to be added.
#[derive(Clone, Debug)]
pub struct New<'a> {
    /// Its register.
    pub register: RegisterId,
    /// What it belongs to.
    pub owner: &'a Owner,
    /// Its period.
    pub period: Option<i32>,
    /// Its values.
    pub values: &'a Values,
}

/// Adds a record; with `once`, only one however often it is asked for.
///
/// # Errors
/// The owner is gone, another record is in its place, it lies outside of the scope, or the store fails; then nothing
/// was changed.
pub async fn create(
    facts: &Facts,
    new: &New<'_>,
    once: Option<&Once>,
    stamp: &Stamp<'_>,
) -> Result<Created, StoreError> {
    let mut change = facts.store().change(facts.scope(), stamp.actor, stamp.reason, stamp.at).await?;
    if let Some(once) = once
        && change.answered(&once.key).await?.is_some()
    {
        // The same request came while this one was looked at.
        change.roll_back().await?;
        return Ok(repeated(facts, new.register, once, stamp).await?.unwrap_or(Created::Gone));
    }
    let id = change.insert(new.register, new.owner, new.period, new.values).await?;
    if let Some(once) = once {
        change.answer(&once.key, &once.request, id).await?;
    }
    change.commit().await?;
    let address = format!("~{}", id.0);
    let row = records::find(facts, new.register, &address).await?.ok_or(StoreError::Absent(address))?;
    Ok(Created::Record(Box::new(row)))
}

/// Gives the fields that a journal entry changed their old values; `version` is that of the record as it was shown.
///
/// # Errors
/// It was changed meanwhile, the entry changed no fields, an old value is taken now or lies outside of the scope, or the
/// store fails; then nothing was changed.
pub async fn undo(facts: &Facts, row: &Row, version: i64, seq: i64, stamp: &Stamp<'_>) -> Result<(), StoreError> {
    let record = &row.record;
    let mut change = facts.store().change(facts.scope(), stamp.actor, stamp.reason, stamp.at).await?;
    change.undo(record.register, record.id, version, seq).await?;
    change.commit().await?;
    Ok(())
}

/// Brings a removed record back; the record as it is now.
///
/// # Errors
/// What it belonged to is gone, its place is taken, it lies outside of the scope, or the store fails; then nothing was
/// changed.
pub async fn restore(facts: &Facts, register: RegisterId, id: RecordId, stamp: &Stamp<'_>) -> Result<Row, StoreError> {
    let mut change = facts.store().change(facts.scope(), stamp.actor, stamp.reason, stamp.at).await?;
    change.restore(register, id).await?;
    change.commit().await?;
    let address = format!("~{}", id.0);
    records::find(facts, register, &address).await?.ok_or(StoreError::Absent(address))
}

/// Removes a record as it was read; its values stay in the journal.
///
/// # Errors
/// Records belong to it, it was changed meanwhile, lies outside of the scope, or the store fails; then nothing was
/// changed.
pub async fn remove(facts: &Facts, row: &Row, stamp: &Stamp<'_>) -> Result<(), StoreError> {
    let record = &row.record;
    let mut change = facts.store().change(facts.scope(), stamp.actor, stamp.reason, stamp.at).await?;
    change.remove(record.register, record.id, record.version).await?;
    change.commit().await?;
    Ok(())
}
