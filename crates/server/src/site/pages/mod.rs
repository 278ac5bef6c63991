//! The pages: each handler fetches, calls a view model and names a template.

pub mod absence;
pub mod account;
pub mod accounts;
pub mod batch;
pub mod boards;
pub mod books;
pub mod cases;
pub mod clear;
pub mod determinations;
pub mod edit;
mod entered;
pub mod files;
pub mod history;
pub mod import;
pub mod journal;
#[cfg(feature = "oidc")]
pub mod oidc;
pub mod overview;
pub mod policy;
pub mod procedures;
pub mod public;
pub mod published;
pub mod queries;
pub mod reasons;
pub mod registry;
pub mod removal;
pub mod sent;
pub mod sign_in;
pub mod what_if;
pub mod work;

use axum::Json;

use super::Shared;

/// Whether the site can answer: its pack and the number of divisions.
pub async fn health(site: Shared) -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "status": "ok",
        "policy": site.pack.policy.id,
        "policy_hash": site.pack.hash,
        "divisions": site.places.len(),
    }))
}
