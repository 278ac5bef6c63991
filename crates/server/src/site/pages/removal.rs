//! A record is removed: what would be lost is shown first.

use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use bangfu_policy::model::{RegisterKind, text_in};
use bangfu_registry::exchange::records;
use bangfu_registry::exchange::write::{self, Stamp};
use bangfu_registry::store::{Row, StoreError};
use bangfu_registry::views::{figures, file};

use super::sent::{Sent, above, done, file as address_of, home, row, with_status, writable};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// What would be lost.
pub async fn ask(site: Shared, visit: Visit, Path((id, address)): Path<(String, String)>) -> Page {
    let (register_id, _) = writable(&site, &id)?;
    let row = row(&site, register_id, &address).await?;
    show(&site, visit, row, "", "").await
}

/// Removes it.
pub async fn remove(
    site: Shared,
    visit: Visit,
    Path((id, address)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (register_id, register) = writable(&site, &id)?;
    let row = row(&site, register_id, &address).await?;
    let version = sent.number("version")?;
    let refused = |row: Row, words: &'static str, status: StatusCode| {
        let (site, visit, reason) = (site.clone(), visit.clone(), sent.text("reason").to_owned());
        async move { Ok(with_status(show(&site, visit, row, words, &reason).await?, status)) }
    };
    if version != row.record.version {
        return refused(row, "changed-meanwhile", StatusCode::CONFLICT).await;
    }
    let Some(reason) = sent.reason() else {
        return refused(row, "reason-needed", StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    let back = match register.kind {
        RegisterKind::Entity if row.record.parent.is_none() => format!("/registry/{id}"),
        _ => above(&site, register, &row).await?,
    };
    let stamp = Stamp { actor: &site.actor(), reason: &reason, at: site.now() };
    match write::remove(&site.facts, &row, &stamp).await {
        Ok(()) => Ok(done(&back, "removed")),
        Err(StoreError::Holds(_)) => refused(row, "held-by-others", StatusCode::CONFLICT).await,
        Err(StoreError::Version { .. }) => {
            let now = records::find(&site.facts, register_id, &format!("~{}", row.record.id.0)).await?;
            let now = now.ok_or_else(|| PageError::not_found("record", address))?;
            refused(now, "changed-meanwhile", StatusCode::CONFLICT).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn show(site: &Shared, visit: Visit, row: Row, error: &str, reason: &str) -> Page {
    let register_id = row.record.register;
    let Some(register) = site.pack.registers.get(register_id.index()) else {
        return Err(PageError::not_found("register", ""));
    };
    let visit = visit.with_division(&row.record.division.clone());
    let language = visit.language;
    let mut held = Vec::new();
    for (below, count) in site.facts.held(register_id, row.record.id.0).await? {
        let title = site.pack.registers.get(below.index()).map(|below| text_in(&below.title, language.id()).to_owned());
        held.push((title.unwrap_or_default(), figures::grouped(count as i64)));
    }
    let fact = site.facts.fact(row.record.clone());
    let mut pairs = file::pairs(&site.pack, &fact, &site.places, language);
    pairs.retain(|pair| !pair.cell.text.is_empty());
    let title = text_in(&register.title, language.id()).to_owned();
    let name = records::name(register, &row.record);
    let own = own! {
        title => site.texts.get(language, "remove-heading", &[
            ("title", title), ("name", if name.is_empty() { fact.id.clone() } else { name }),
        ]),
        back => home(site, register, &row).await?,
        file => address_of(register, &row),
        held,
        pairs,
        version => row.record.version,
        error => if error.is_empty() { String::new() } else { site.text(&visit, error) },
        reason,
    };
    site.render(&visit, "registry", "registry/remove.html", own)
}
