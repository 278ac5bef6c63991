//! The pages: each handler fetches, calls a view model and names a template.

pub mod boards;
pub mod books;
pub mod determinations;
pub mod edit;
pub mod files;
pub mod history;
pub mod import;
pub mod overview;
pub mod policy;
pub mod procedures;
pub mod queries;
pub mod reasons;
pub mod registry;
pub mod removal;
pub mod sent;
pub mod what_if;

use axum::Json;
use axum::extract::State;

use super::Shared;

/// Whether the site can answer: its pack and the number of divisions.
pub async fn health(State(site): State<Shared>) -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "status": "ok",
        "policy": site.pack.policy.id,
        "policy_hash": site.pack.hash,
        "divisions": site.places.len(),
    }))
}
