//! Changes of records: checked from the outside in – who sends it, in which form, over which version, and what.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use bangfu_policy::model::{Entity, Register, RegisterKind};
use bangfu_registry::exchange::write::{self, Created, New, Once, Stamp, Wrong};
use bangfu_registry::store::Row;
use serde_json::{Map, Value};

use super::problem::{At, Problem};
use super::records::{address, answer, etag, find, names};
use super::{Answer, register};
use crate::site::Shared;
use crate::site::guard::own_site;
use crate::site::visit::Visit;

/// A body: the fields, and why they change; what else a new record has.
struct Body {
    fields: Map<String, Value>,
    reason: String,
    others: Map<String, Value>,
}

/// Longest key of a request.
const LONGEST_KEY: usize = 200;

/// Adds a record. With `Idempotency-Key` the same request makes one record, however often it comes.
pub async fn create(site: Shared, visit: Visit, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Answer {
    admitted(&headers)?;
    let (register_id, register) = register(&site.pack, &id)?;
    let language = visit.language.id();
    let mut others = vec![if matches!(register.parent, Entity::Register(_)) { "parent" } else { "division" }];
    if !matches!(register.kind, RegisterKind::Entity | RegisterKind::One) {
        others.push("period");
    }
    let body = body(register, &bytes, &others)?;
    let stamp = Stamp { actor: &site.actor(), reason: &body.reason, at: site.now() };
    let once = key(&headers)?.map(|key| Once::new(key, register, &bytes));
    if let Some(once) = &once
        && let Some(created) = write::repeated(&site.facts, register_id, once, &stamp).await?
    {
        return created_answer(&site, register, created);
    }
    let text = |name: &str| match body.others.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let (mut values, mut wrong) = match write::values(&site.pack, register, &body.fields, language) {
        Ok(values) => (values, Vec::new()),
        Err(all) => (Vec::new(), all),
    };
    let given = |field: &str| wrong.iter().any(|wrong: &Wrong| wrong.field == field);
    let absent = write::absent(register, &values, language);
    let absent: Vec<Wrong> = absent.into_iter().filter(|one| !given(&one.field) && lacks(&body, one)).collect();
    wrong.extend(absent);
    wrong.extend(write::conflicts(&site.facts, register_id, None, &values, language).await?);
    let mut all: Vec<At> = fields(&wrong);
    let owner_name = others.first().copied().unwrap_or_default();
    let owner = write::owner(&site.facts, register, &text(owner_name)).await?;
    if owner.is_none() {
        all.push(At::new(owner_name, site.text(&visit, "no-such-owner")));
    }
    let period = write::period(register, &text("period"), language);
    all.extend(period.as_ref().err().map(|wrong| At::new("period", wrong.words.as_str())));
    let (Some(owner), Ok(period), true) = (owner, period, all.is_empty()) else {
        return Err(Problem::new("invalid", format!("{} values cannot be taken", all.len())).at(all));
    };
    values.retain(|(_, value)| value.is_some());
    let new = New { register: register_id, owner: &owner, period, values: &values };
    let created = write::create(&site.facts, &new, once.as_ref(), &stamp).await?;
    created_answer(&site, register, created)
}

/// Whether the body says nothing of a required field.
fn lacks(body: &Body, wrong: &Wrong) -> bool {
    body.fields.get(&wrong.field).is_none_or(Value::is_null)
}

fn created_answer(site: &Shared, register: &Register, created: Created) -> Answer {
    match created {
        Created::Record(row) => {
            let location = [(header::LOCATION, address(register, &row))];
            Ok((StatusCode::CREATED, location, answer(site, register, &row)).into_response())
        }
        Created::Gone => Err(Problem::new("gone", "the record that this key made was removed")),
        Created::KeyUsed => Err(Problem::new("key-used", "another request had this Idempotency-Key")),
    }
}

/// The key of a request, if it has one.
fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let words = format!("Idempotency-Key has 1 to {LONGEST_KEY} ASCII characters");
    key.map(Some).ok_or_else(|| Problem::bad_request(words))
}

/// Removes a record; needs `If-Match` with the ETag of the record as it was read.
pub async fn remove(
    site: Shared,
    _visit: Visit,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    admitted(&headers)?;
    let (register_id, register) = register(&site.pack, &id)?;
    let row = find(&site, register_id, &name).await?;
    matches(&headers, &row)?;
    let body = object(&bytes)?;
    let reason = reason(register, &body, &["reason"])?;
    let stamp = Stamp { actor: &site.actor(), reason: &reason, at: site.now() };
    write::remove(&site.facts, &row, &stamp).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Changes fields of a record; needs `If-Match` with the ETag of the record as it was read.
pub async fn change(
    site: Shared,
    visit: Visit,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answer {
    admitted(&headers)?;
    let (register_id, register) = register(&site.pack, &id)?;
    let row = find(&site, register_id, &name).await?;
    matches(&headers, &row)?;
    let language = visit.language.id();
    let body = body(register, &bytes, &[])?;
    let values = write::values(&site.pack, register, &body.fields, language).map_err(|all| invalid(&all))?;
    let conflicts = write::conflicts(&site.facts, register_id, Some(row.record.id), &values, language).await?;
    if !conflicts.is_empty() {
        return Err(invalid(&conflicts));
    }
    let stamp = Stamp { actor: &site.actor(), reason: &body.reason, at: site.now() };
    let row = write::change(&site.facts, &row, &values, &stamp).await?;
    Ok(answer(&site, register, &row))
}

/// Refuses what another site makes a browser send, and what is not JSON.
fn admitted(headers: &HeaderMap) -> Result<(), Problem> {
    if !own_site(headers) {
        return Err(Problem::new("cross-site", "Sec-Fetch-Site, Origin or Host name another site"));
    }
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new("media-type", format!("`{media}` is not application/json")))
}

/// Refuses a change of a version that is not the present one.
fn matches(headers: &HeaderMap, row: &Row) -> Result<(), Problem> {
    if !headers.contains_key(header::IF_MATCH) {
        return Err(Problem::new("version-needed", format!("the record is {} now", etag(row))));
    }
    if names(headers, header::IF_MATCH, &etag(row), false) {
        return Ok(());
    }
    Err(Problem::new("changed", format!("the record is {} now", etag(row))))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::bad_request(format!("the body is no JSON object: {error}")))
}

fn incomplete(register: &Register, field: &str, words: &str) -> Problem {
    Problem::new("invalid", format!("the request for `{}` is not complete", register.id)).at([At::new(field, words)])
}

/// Why, of a body that has these members and no others.
fn reason(register: &Register, body: &Map<String, Value>, known: &[&str]) -> Result<String, Problem> {
    if let Some(name) = body.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(incomplete(register, name, &format!("the body has {}, nothing else", known.join(", "))));
    }
    let reason = body.get("reason").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    if reason.is_empty() {
        return Err(incomplete(register, "reason", "write why; it stands in the journal"));
    }
    Ok(reason.to_owned())
}

fn body(register: &Register, bytes: &[u8], others: &[&str]) -> Result<Body, Problem> {
    let mut body = object(bytes)?;
    let known: Vec<&str> = ["fields", "reason"].into_iter().chain(others.iter().copied()).collect();
    let reason = reason(register, &body, &known)?;
    let fields =
        body.get("fields").and_then(Value::as_object).filter(|fields| !fields.is_empty() || !others.is_empty());
    let fields =
        fields.ok_or_else(|| incomplete(register, "fields", "write the fields with their new values"))?.clone();
    body.retain(|name, _| others.contains(&name.as_str()));
    Ok(Body { fields, reason, others: body })
}

fn fields(all: &[Wrong]) -> Vec<At> {
    all.iter().map(|wrong| At::new(format!("fields.{}", wrong.field), wrong.words.as_str())).collect()
}

fn invalid(all: &[Wrong]) -> Problem {
    Problem::new("invalid", format!("{} fields cannot be taken", all.len())).at(fields(all))
}
