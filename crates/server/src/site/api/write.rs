//! Changes of records: checked from the outside in – who sends it, in which form, over which version, and what.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use bangfu_policy::model::Register;
use bangfu_registry::exchange::write::{self, Stamp, Wrong};
use bangfu_registry::store::{Actor, Row};
use serde_json::{Map, Value};

use super::problem::{At, Problem};
use super::records::{answer, etag, find, names};
use super::{Answer, register};
use crate::clock;
use crate::site::Shared;
use crate::site::guard::own_site;
use crate::site::visit::Visit;

/// A body: the fields, and why they change.
struct Body {
    fields: Map<String, Value>,
    reason: String,
}

/// Changes fields of a record; needs `If-Match` with the ETag of the record as it was read.
pub async fn change(
    State(site): State<Shared>,
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
    let body = body(register, &bytes)?;
    let values = write::values(&site.pack, register, &body.fields, language).map_err(|all| invalid(&all))?;
    let conflicts = write::conflicts(&site.facts, register_id, Some(row.record.id), &values, language).await?;
    if !conflicts.is_empty() {
        return Err(invalid(&conflicts));
    }
    let stamp = Stamp { actor: &Actor::console("interface"), reason: &body.reason, at: clock::now() };
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

fn body(register: &Register, bytes: &[u8]) -> Result<Body, Problem> {
    let body: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad_request(format!("the body is no JSON object: {error}")))?;
    let invalid = |field: &str, words: &str| {
        Problem::new("invalid", format!("the change of `{}` is not complete", register.id)).at([At::new(field, words)])
    };
    if let Some(name) = body.keys().find(|name| !matches!(name.as_str(), "fields" | "reason")) {
        return Err(invalid(name, "the body has `fields` and `reason`, nothing else"));
    }
    let reason = body.get("reason").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    if reason.is_empty() {
        return Err(invalid("reason", "write why; it stands in the journal"));
    }
    let fields = body.get("fields").and_then(Value::as_object).filter(|fields| !fields.is_empty());
    let fields = fields.ok_or_else(|| invalid("fields", "write the fields that change with their new values"))?;
    Ok(Body { fields: fields.clone(), reason: reason.to_owned() })
}

fn invalid(all: &[Wrong]) -> Problem {
    Problem::new("invalid", format!("{} fields cannot be taken", all.len()))
        .at(all.iter().map(|wrong| At::new(format!("fields.{}", wrong.field), wrong.words.as_str())))
}
