//! Records: pages of a list, one record with its version, its history.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bangfu_policy::model::{Entity, Register, RegisterId};
use bangfu_registry::exchange::{json, records};
use bangfu_registry::store::{Row, StoreError};
use bangfu_registry::views::listing::{self, Listing};
use serde_json::json;

use super::problem::{At, Problem};
use super::{Answer, ROOT, known, register};
use crate::site::Shared;
use crate::site::templates::encode;
use crate::site::visit::Visit;

/// Records of a page unless asked otherwise.
pub const USUAL: u64 = 100;
/// Records of a page at most.
pub const MOST: u64 = 1000;

/// A page of records.
pub async fn list(site: Shared, visit: Visit, Path(id): Path<String>) -> Answer {
    let (register_id, register) = register(&site.pack, &id)?;
    known(&visit.query, |name| is_parameter(register, name))?;
    let mut listing = asked(&site, &visit, register_id)?;
    listing.limit = limit(&visit)?;
    let begin = begin(&site, &visit, register).await?;
    let page = records::page(&site.facts, &listing, begin).await.map_err(|error| match error {
        StoreError::Absent(_) => wrong("cursor", "there is no such record any more; begin again without it"),
        other => other.into(),
    })?;
    let next = page.next.map(|after| address_of_next(&visit, after));
    let mut body = json!({ "records": page.records, "next": next });
    if visit.get("count") == Some("true")
        && let Some(body) = body.as_object_mut()
    {
        let total = records::total(&site.facts, &listing, begin).await?;
        body.insert("total".to_owned(), json!(total));
    }
    Ok(with_next(body, next.as_deref()))
}

/// A page as answer, with the address of the next one in `Link`.
pub fn with_next(body: serde_json::Value, next: Option<&str>) -> Response {
    let mut response = Json(body).into_response();
    if let Some(link) = next.and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// Names that a list takes in its query besides `division`.
fn is_parameter(register: &Register, name: &str) -> bool {
    let Some(filter) = name.strip_prefix("f.") else {
        return matches!(name, "q" | "limit" | "cursor" | "count")
            || name == "parent" && matches!(register.parent, Entity::Register(_));
    };
    let field = filter.strip_suffix(".from").or(filter.strip_suffix(".to")).unwrap_or(filter);
    register.fields.iter().any(|known| known.id == field && !known.secret)
}

fn wrong(field: &str, detail: &str) -> Problem {
    Problem::bad_request("the query cannot be understood").at([At::new(field, detail)])
}

/// The filters; sort and page belong to the pages of the site only.
fn asked(site: &Shared, visit: &Visit, id: RegisterId) -> Result<Listing, Problem> {
    let filters: BTreeMap<String, String> = visit
        .query
        .iter()
        .filter(|(name, _)| *name == "q" || name.starts_with("f."))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    listing::parse(&site.pack, id, &visit.division, &filters)
        .map_err(|error| wrong(&format!("f.{}", error.name), &error.to_string()))
}

/// Records of a page, as asked.
pub fn limit(visit: &Visit) -> Result<u64, Problem> {
    let Some(text) = visit.get("limit") else { return Ok(USUAL) };
    let number = text.parse::<u64>().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| wrong("limit", &format!("write a number from 1 to {MOST}")))
}

async fn begin(site: &Shared, visit: &Visit, register: &Register) -> Result<records::Begin, Problem> {
    let after = match visit.get("cursor") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| wrong("cursor", "take the address that `next` holds"))?),
    };
    let parent = match (visit.get("parent"), register.parent) {
        (Some(address), Entity::Register(above)) => {
            let found = records::find(&site.facts, above, address).await?;
            let found = found.ok_or_else(|| wrong("parent", "there is no such record"))?;
            Some(found.record.id.0)
        }
        _ => None,
    };
    Ok(records::Begin { parent, after })
}

/// The same request after a place.
pub fn address_of_next(visit: &Visit, after: i64) -> String {
    let mut query = visit.query.clone();
    query.insert("cursor".to_owned(), after.to_string());
    query.insert("division".to_owned(), visit.division.clone());
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    format!("{}?{}", visit.path, pairs.join("&"))
}

/// The address of a record.
pub fn address(register: &Register, row: &Row) -> String {
    format!("{ROOT}/registers/{}/records/{}", register.id, encode(&json::address(register, &row.record)))
}

/// The ETag of a record: its id and version.
pub fn etag(row: &Row) -> String {
    format!("\"{}-{}\"", row.record.id.0, row.record.version)
}

/// A record as answer, with its ETag.
pub fn answer(site: &Shared, register: &Register, row: &Row) -> Response {
    ([(header::ETAG, etag(row))], Json(json::record(&site.pack, register, row))).into_response()
}

/// The record of an address.
pub async fn find(site: &Shared, id: RegisterId, name: &str) -> Result<Row, Problem> {
    let found = records::find(&site.facts, id, name).await?;
    found.ok_or_else(|| Problem::not_found("record", name))
}

/// Whether a header of ETags names this one. `weak`: a leading `W/` does not matter.
pub fn names(headers: &HeaderMap, name: header::HeaderName, etag: &str, weak: bool) -> bool {
    let given = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    given.map(str::trim).any(|one| one == "*" || one == etag || weak && one.strip_prefix("W/") == Some(etag))
}

/// A record.
pub async fn one(site: Shared, _visit: Visit, headers: HeaderMap, Path((id, name)): Path<(String, String)>) -> Answer {
    let (register_id, register) = register(&site.pack, &id)?;
    let row = find(&site, register_id, &name).await?;
    if names(&headers, header::IF_NONE_MATCH, &etag(&row), true) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag(&row))]).into_response());
    }
    Ok(answer(&site, register, &row))
}

/// What happened to a record.
pub async fn history(site: Shared, _visit: Visit, Path((id, name)): Path<(String, String)>) -> Answer {
    let (register_id, _) = register(&site.pack, &id)?;
    let row = find(&site, register_id, &name).await?;
    let entries = records::history(&site.facts, &row).await?;
    Ok(Json(json!({ "entries": entries })).into_response())
}
