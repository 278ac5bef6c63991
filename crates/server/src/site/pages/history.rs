//! What happened to a record: shown, undone, and – where it was removed – restored.

use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use bangfu_policy::model::{Register, RegisterId, text_in};
use bangfu_registry::exchange::records;
use bangfu_registry::exchange::write::{self, Stamp};
use bangfu_registry::store::{RecordId, Row, StoreError};
use bangfu_registry::views::figures;
use bangfu_registry::views::history::{self, Event};

use super::registry::{place_below, saved};
use super::sent::{Sent, done, home, register, row, with_status};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// Removed records of a page.
const OF_A_PAGE: u64 = 50;

/// A record, or one that was removed: its id, its row if it is there, and what happened to it.
async fn told(
    site: &Shared,
    id: RegisterId,
    address: &str,
    language: figures::Language,
) -> Result<(i64, Option<Row>, Vec<Event>), PageError> {
    let missing = || PageError::not_found("record", address);
    let found = records::find(&site.facts, id, address).await?;
    let record = match &found {
        Some(row) => row.record.id.0,
        None => address.strip_prefix('~').and_then(|id| id.parse().ok()).ok_or_else(missing)?,
    };
    let changed = found.as_ref().map(|row| row.record.changed);
    let events = history::events(&site.facts, id, record, changed, &site.places, language).await?;
    if found.is_none() && events.is_empty() {
        return Err(missing());
    }
    Ok((record, found, events))
}

/// The page.
pub async fn show(site: Shared, visit: Visit, Path((id, address)): Path<(String, String)>) -> Page {
    let (register_id, register) = register(&site, &id)?;
    answer(&site, visit, (register_id, register), &address, "").await
}

async fn answer(
    site: &Shared,
    visit: Visit,
    (id, register): (RegisterId, &Register),
    address: &str,
    error: &str,
) -> Page {
    let language = visit.language;
    let (record, found, events) = told(site, id, address, language).await?;
    let title = text_in(&register.title, language.id()).to_owned();
    let (visit, name, back) = match &found {
        Some(row) => {
            let name = records::name(register, &row.record);
            let name = if name.is_empty() { site.facts.fact(row.record.clone()).id } else { name };
            (visit.with_division(&row.record.division.clone()), name, home(site, register, row).await?)
        }
        None => (visit, format!("~{record}"), format!("/registry/{}/removed", register.id)),
    };
    let own = own! {
        heading => site.texts.get(language, "history-heading", &[("title", title.clone()), ("name", name)]),
        title,
        id => register.id,
        back,
        there => found.is_some(),
        version => found.as_ref().map(|row| row.record.version),
        base => format!("/registry/{}/~{record}", register.id),
        events,
        error,
        saved => saved(&visit),
    };
    site.render(&visit, "registry", "registry/history.html", own)
}

/// Gives the fields of an entry their old values.
pub async fn undo(
    site: Shared,
    visit: Visit,
    Path((id, address)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (register_id, register) = register(&site, &id)?;
    let row = row(&site, register_id, &address).await?;
    let (version, seq) = (sent.number("version")?, sent.number("seq")?);
    let refused = async |words: String, status| {
        let page = answer(&site, visit.clone(), (register_id, register), &address, &words).await?;
        Ok(with_status(page, status))
    };
    let Some(reason) = sent.reason() else {
        return refused(site.text(&visit, "reason-needed"), StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    let stamp = Stamp { actor: &site.actor(), reason: &reason, at: site.now() };
    match write::undo(&site.facts, &row, version, seq, &stamp).await {
        Ok(()) => Ok(done(&format!("/registry/{id}/~{}/history", row.record.id.0), "undone")),
        Err(StoreError::Version { .. }) => {
            refused(site.text(&visit, "undo-changed-meanwhile"), StatusCode::CONFLICT).await
        }
        Err(StoreError::Taken { .. }) => refused(site.text(&visit, "undo-taken"), StatusCode::CONFLICT).await,
        Err(StoreError::Journalled { .. }) => refused(site.text(&visit, "undo-no-value"), StatusCode::CONFLICT).await,
        Err(other) => Err(other.into()),
    }
}

/// Brings a removed record back.
pub async fn restore(
    site: Shared,
    visit: Visit,
    Path((id, address)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (register_id, register) = register(&site, &id)?;
    let (record, _, _) = told(&site, register_id, &address, visit.language).await?;
    let refused = async |key: &str, status| {
        let words = site.text(&visit, key);
        let page = answer(&site, visit.clone(), (register_id, register), &address, &words).await?;
        Ok(with_status(page, status))
    };
    let Some(reason) = sent.reason() else {
        return refused("reason-needed", StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    let stamp = Stamp { actor: &site.actor(), reason: &reason, at: site.now() };
    match write::restore(&site.facts, register_id, RecordId(record), &stamp).await {
        Ok(row) => Ok(done(&home(&site, register, &row).await?, "restored")),
        Err(StoreError::Absent(_)) => refused("restore-no-owner", StatusCode::CONFLICT).await,
        Err(StoreError::Taken { .. }) => refused("undo-taken", StatusCode::CONFLICT).await,
        Err(StoreError::Journalled { .. }) => refused("undo-no-value", StatusCode::CONFLICT).await,
        Err(other) => Err(other.into()),
    }
}

/// The removed records of a register.
pub async fn removed(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let (register_id, register) = register(&site, &id)?;
    let page: u64 = match visit.get("page") {
        None => 1,
        Some(text) => text
            .parse()
            .ok()
            .filter(|page| (1..=1_000_000).contains(page))
            .ok_or_else(|| PageError::BadRequest(format!("page: {text}")))?,
    };
    let below = (visit.division != site.places.root()).then_some(visit.division.as_str());
    let range = ((page - 1) * OF_A_PAGE, OF_A_PAGE);
    let (gone, total) = history::removed(&site.facts, register_id, below, range).await?;
    let rows: Vec<_> = gone
        .into_iter()
        .map(|gone| serde_json::json!({ "place": place_below(&site, &visit, &gone.division), "gone": gone }))
        .collect();
    let own = own! {
        id,
        title => text_in(&register.title, visit.language.id()),
        rows,
        page,
        pages => total.div_ceil(OF_A_PAGE).max(1),
        total => figures::grouped(total as i64),
        here => visit.path,
    };
    site.render(&visit, "registry", "registry/removed.html", own)
}
