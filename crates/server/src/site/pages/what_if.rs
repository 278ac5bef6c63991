//! What-if: other parameters against the last run.

use std::time::Instant;

use axum::response::Response;
use bangfu_policy::model::text_in;
use bangfu_registry::views::what_if;

use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::own::own;
use crate::site::visit::Visit;

/// Sliders, and what changes when they are moved.
pub async fn what_if(site: Shared, visit: Visit) -> Result<Response, PageError> {
    let pack = &site.pack;
    let language = visit.language;
    let day = site.as_of();
    let overrides =
        what_if::asked(pack, day, &visit.query).map_err(|error| PageError::BadRequest(error.to_string()))?;
    let changed: Vec<String> = overrides
        .iter()
        .filter_map(|(id, _)| pack.parameters.get(id.index()))
        .map(|parameter| text_in(&parameter.title, language.id()).to_owned())
        .collect();
    let sliders = what_if::sliders(pack, day, &visit.query, language);
    let started = Instant::now();
    let snapshot = site.snapshot.as_ref().filter(|s| site.results.as_ref().is_some_and(|results| s.fits(results)));
    let stale = site.results.is_some() && snapshot.is_none();
    let now = match (snapshot, overrides.is_empty()) {
        (Some(snapshot), false) => {
            // The computation takes both processors for a moment: other requests go on beside it.
            let computed = tokio::task::block_in_place(|| snapshot.compute(pack, &overrides));
            Some(computed.map_err(|error| PageError::Failed(error.to_string()))?)
        }
        _ => None,
    };
    let milliseconds = started.elapsed().as_millis() as u64;
    let empty = std::collections::BTreeMap::new();
    let first = pack.screens.what_if.outcomes.first().copied();
    let own = match &site.results {
        Some(results) => {
            let columns = now.as_ref().unwrap_or(&empty);
            own! {
                sliders,
                changed,
                stale,
                computed => now.is_some(),
                milliseconds,
                outcomes => what_if::outcomes(pack, results, columns, &visit.division, language),
                costs => what_if::costs(pack, results, columns, &visit.division, language),
                divisions => match (first, now.is_some()) {
                    (Some(id), true) => {
                        what_if::by_division(pack, &site.places, results, columns, id, &visit.division, language)
                    }
                    _ => Vec::new(),
                },
                first_outcome => first
                    .and_then(|id| pack.variables.get(id.index()))
                    .map(|variable| text_in(&variable.title, language.id())),
                here => "/what-if",
            }
        }
        None => own! { sliders, here => "/what-if" },
    };
    site.render(&visit, "what-if", "what-if.html", own)
}
