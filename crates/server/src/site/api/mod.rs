//! The interface for programs under `/api/v1`: the same records, filters, figures and scope as the pages, as JSON.
//!
//! Errors are `application/problem+json` (RFC 9457). What is here is described by `/api/v1/openapi.json`, which is made
//! from the pack and the tables of [`openapi`].

pub mod books;
pub mod figures;
pub mod openapi;
pub mod problem;
pub mod records;
pub mod registers;
pub mod write;

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use bangfu_policy::model::{Pack, Register, RegisterId};
use problem::Problem;

use super::Shared;
use super::error::PageError;
use super::own::own;
use super::visit::Visit;

/// What all addresses of the interface begin with.
pub const ROOT: &str = "/api/v1";

/// Answer of the interface.
pub type Answer = Result<Response, Problem>;

/// The register of an address.
fn register<'p>(pack: &'p Pack, id: &str) -> Result<(RegisterId, &'p Register), Problem> {
    let found = pack.register(id).and_then(|n| Some((n, pack.registers.get(n.index())?)));
    found.ok_or_else(|| Problem::not_found("register", id))
}

/// Refuses names in the query that mean nothing here: a filter with a typing error would show everything.
fn known(query: &BTreeMap<String, String>, known: impl Fn(&str) -> bool) -> Result<(), Problem> {
    let unknown: Vec<_> = query.keys().filter(|name| !known(name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let error = |name: &&String| problem::At::new(name.as_str(), "there is no such parameter");
    Err(Problem::bad_request("the query has unknown parameters").at(unknown.iter().map(error)))
}

/// The page about the interface.
pub async fn about(site: Shared, visit: Visit) -> Result<Response, PageError> {
    let operations: Vec<_> = openapi::general(&site.pack)
        .into_iter()
        .chain(openapi::of_a_register("{register}"))
        .map(|operation| {
            serde_json::json!({
                "method": operation.method.to_uppercase(), "path": operation.path,
                "words": site.text(&visit, operation.words),
            })
        })
        .collect();
    let registers: Vec<_> = site
        .pack
        .registers
        .iter()
        .map(|register| {
            let title = bangfu_policy::model::text_in(&register.title, visit.language.id());
            serde_json::json!({ "id": register.id, "title": title })
        })
        .collect();
    let first = site.pack.registers.first().map(|register| register.id.clone()).unwrap_or_default();
    let problems: Vec<_> = problem::KINDS.iter().map(|(kind, status)| (*kind, status.as_u16())).collect();
    site.render(&visit, "registry", "api.html", own! { operations, registers, first, problems })
}

/// The OpenAPI document.
pub async fn document(site: Shared, visit: Visit) -> Response {
    axum::Json(openapi::document(&site, visit.language)).into_response()
}
