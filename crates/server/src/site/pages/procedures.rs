//! Procedures of the pack: the list, and each with its steps in lanes.

use axum::extract::Path;
use axum::response::Response;
use bangfu_registry::views::{calendar, procedures};

use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::own::own;
use crate::site::visit::Visit;

/// All procedures.
pub async fn index(site: Shared, visit: Visit) -> Result<Response, PageError> {
    let procedures = procedures::all(&site.pack, visit.language);
    let calendar = calendar::of(&site.pack.calendar, site.today().into());
    site.render(&visit, "policy", "policy/procedures.html", own! { procedures, calendar })
}

/// A procedure.
pub async fn one(site: Shared, visit: Visit, Path(id): Path<String>) -> Result<Response, PageError> {
    let procedure = procedures::one(&site.pack, &id, visit.language)
        .ok_or_else(|| PageError::not_found("procedure", id.as_str()))?;
    site.render(&visit, "policy", "policy/procedure.html", own! { procedure })
}
