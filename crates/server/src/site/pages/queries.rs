//! Queries of lists with names.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect};
use bangfu_policy::model::RegisterId;
use bangfu_registry::views::listing;
use serde::Serialize;

use super::sent::{Sent, done, register};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::templates::encode;
use crate::site::visit::Visit;

/// Longest name.
const LONGEST_NAME: usize = 40;

/// A saved query as a list shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Saved {
    id: i64,
    name: String,
    query: BTreeMap<String, String>,
    now: bool,
}

/// The part of a query that is saved: filters, search and order.
fn kept(query: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let wanted = |name: &str| name.starts_with("f.") || matches!(name, "q" | "sort");
    query.iter().filter(|(name, text)| wanted(name) && !text.is_empty()).map(|(a, b)| (a.clone(), b.clone())).collect()
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let uri = format!("/?{text}").parse::<Uri>().ok();
    let pairs = uri.and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
    pairs.map(|pairs| pairs.0.into_iter().collect()).unwrap_or_default()
}

fn written(query: &BTreeMap<String, String>) -> String {
    query.iter().map(|(name, text)| format!("{}={}", encode(name), encode(text))).collect::<Vec<_>>().join("&")
}

/// The saved queries of a list, and the query in view as it would be saved; empty: there is nothing to save.
pub async fn saved(site: &Shared, visit: &Visit, id: RegisterId) -> Result<(Vec<Saved>, String), PageError> {
    let now = kept(&visit.query);
    let saved = site.facts.saved_queries(id).await?.into_iter().map(|saved| {
        let query = pairs(&saved.query);
        Saved { id: saved.id, name: saved.name, now: query == now, query }
    });
    let saved: Vec<Saved> = saved.collect();
    let new = !now.is_empty() && saved.iter().all(|saved| !saved.now);
    Ok((saved, if new { written(&now) } else { String::new() }))
}

/// Gives a query a name.
pub async fn save(
    site: Shared,
    visit: Visit,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, form)?;
    let (register_id, _) = register(&site, &id)?;
    let query = kept(&pairs(sent.text("query")));
    listing::parse(&site.pack, register_id, &visit.division, &query)
        .map_err(|error| PageError::BadRequest(error.to_string()))?;
    let name: String = sent.text("name").chars().take(LONGEST_NAME).collect();
    if name.is_empty() || query.is_empty() {
        return Err(PageError::BadRequest(site.text(&visit, "query-needs-name")));
    }
    let text = written(&query);
    let reason = site.text(&visit, "reason-query");
    let mut change = site.facts.store().change(site.facts.scope(), &site.actor(), &reason, site.now()).await?;
    change.save_query(register_id, &name, &text).await?;
    change.commit().await?;
    Ok(Redirect::to(&list(&visit, &id, &text)).into_response())
}

/// Forgets a query.
pub async fn forget(
    site: Shared,
    visit: Visit,
    Path((id, query)): Path<(String, i64)>,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Page {
    Sent::new(&headers, form)?;
    let (register_id, _) = register(&site, &id)?;
    let reason = site.text(&visit, "reason-query");
    let mut change = site.facts.store().change(site.facts.scope(), &site.actor(), &reason, site.now()).await?;
    change.forget_query(register_id, query).await?;
    change.commit().await?;
    Ok(done(&list(&visit, &id, ""), "forgotten"))
}

/// The list with a query, in the division in view.
fn list(visit: &Visit, id: &str, query: &str) -> String {
    let division = format!("division={}", visit.division);
    let all: Vec<&str> = [query, &division].into_iter().filter(|part| !part.is_empty()).collect();
    format!("/registry/{id}?{}", all.join("&"))
}
