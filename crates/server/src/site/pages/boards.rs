//! Boards of the pack: stages, months, matrices, and matches.

use axum::extract::Path;
use bangfu_policy::model::{Entity, Match, RegisterId, View, ViewKind, text_in};
use bangfu_registry::views::boards;
use bangfu_registry::views::matching::{Candidate, Matching, Side};
use serde::Serialize;

use super::registry::place_below;
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// Records of a side on a page of a match.
const RECORDS: usize = 50;

/// All boards and matches.
pub async fn index(site: Shared, visit: Visit) -> Page {
    let title = |text| text_in(text, visit.language.id()).to_owned();
    let views = site.pack.views.iter().map(|view| {
        let kind = match view.kind {
            ViewKind::Pipeline { .. } => "pipeline",
            ViewKind::Calendar { .. } => "calendar",
            ViewKind::Matrix { .. } => "matrix",
        };
        serde_json::json!({
            "address": format!("/boards/{}", view.id), "title": title(&view.title), "kind": kind,
            "clauses": view.clauses,
        })
    });
    let matches = site.pack.matches.iter().map(|found| {
        serde_json::json!({
            "address": format!("/matches/{}", found.id), "title": title(&found.title), "kind": "match",
            "clauses": found.clauses,
        })
    });
    let boards: Vec<_> = views.chain(matches).collect();
    site.render(&visit, "boards", "boards/index.html", own! { boards, here => "/boards" })
}

/// A board.
pub async fn board(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let view = site.pack.views.iter().find(|view| view.id == id).ok_or_else(|| PageError::not_found("page", id))?;
    match view.kind {
        ViewKind::Pipeline { register, .. } => pipeline(&site, &visit, view, register).await,
        ViewKind::Calendar { register, .. } => calendar(&site, &visit, view, register).await,
        ViewKind::Matrix { .. } => matrix(&site, &visit, view),
    }
}

fn register_id(site: &Shared, register: RegisterId) -> String {
    site.pack.registers.get(register.index()).map(|register| register.id.clone()).unwrap_or_default()
}

async fn pipeline(site: &Shared, visit: &Visit, view: &View, register: RegisterId) -> Page {
    let ViewKind::Pipeline { stage, sum, .. } = view.kind else { return Err(PageError::not_found("page", &*view.id)) };
    let stages = boards::pipeline(&site.facts, &view.kind, &visit.division, site.as_of(), visit.language).await?;
    let field = |n: u16| site.pack.registers.get(register.index()).and_then(|r| r.fields.get(usize::from(n)));
    let stages: Vec<_> = stages
        .into_iter()
        .map(|stage| {
            let cards: Vec<_> = stage
                .cards
                .iter()
                .map(|card| serde_json::json!({ "card": card, "place": place_below(site, visit, &card.division) }))
                .collect();
            serde_json::json!({ "stage": stage, "cards": cards })
        })
        .collect();
    let own = own! {
        title => text_in(&view.title, visit.language.id()),
        clauses => view.clauses,
        register => register_id(site, register),
        stage_field => field(stage).map(|field| field.id.clone()),
        sum_title => sum.and_then(field).map(|field| text_in(&field.title, visit.language.id()).to_owned()),
        stages,
        here => visit.path,
    };
    site.render(visit, "boards", "boards/pipeline.html", own)
}

async fn calendar(site: &Shared, visit: &Visit, view: &View, register: RegisterId) -> Page {
    let day = boards::month(&site.facts, &view.kind, &visit.division, visit.get("month"), site.as_of()).await?;
    let month = boards::calendar(&site.facts, &site.places, &view.kind, &visit.division, day, visit.language).await?;
    let places: Vec<String> = month.rows.iter().map(|row| place_below(site, visit, &row.division)).collect();
    let own = own! {
        title => text_in(&view.title, visit.language.id()),
        clauses => view.clauses,
        register => register_id(site, register),
        month,
        places,
        here => visit.path,
    };
    site.render(visit, "boards", "boards/calendar.html", own)
}

fn matrix(site: &Shared, visit: &Visit, view: &View) -> Page {
    let matrix = site
        .results
        .as_ref()
        .map(|results| boards::matrix(&site.pack, &site.places, results, view, &visit.division, visit.language));
    let own = own! {
        title => text_in(&view.title, visit.language.id()),
        clauses => view.clauses,
        matrix,
        here => visit.path,
    };
    site.render(visit, "boards", "boards/matrix.html", own)
}

/// A record of a side as a page names it.
#[derive(Clone, Debug, Default, Serialize)]
struct Named {
    key: String,
    name: String,
    place: String,
    address: String,
}

/// A match: the open offers (or the seekers) of a division, and who fits one of them best.
pub async fn matching(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let found = site.pack.matches.iter().find(|found| found.id == id);
    let definition = found.ok_or_else(|| PageError::not_found("page", id))?;
    let side = if visit.get("side") == Some("seeker") { Side::Seeker } else { Side::Offer };
    let other = if side == Side::Seeker { Side::Offer } else { Side::Seeker };
    let title = text_in(&definition.title, visit.language.id()).to_owned();
    let Some(snapshot) = site.snapshot.clone() else {
        let own = own! { title, clauses => definition.clauses, no_run => true, here => visit.path };
        return site.render(&visit, "boards", "boards/match.html", own);
    };
    let values = snapshot.matching(&site.pack).map_err(|error| PageError::Failed(error.to_string()))?;
    let matching = Matching { pack: &site.pack, definition, snapshot: &snapshot, values, language: visit.language };
    let rows: Vec<usize> = matching.rows(side, &visit.division).collect();
    let others = matching.rows(other, &visit.division).count();
    let page = visit.get("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).max(1);
    let shown: Vec<String> =
        rows.iter().skip((page - 1) * RECORDS).take(RECORDS).map(|row| matching.key(side, *row).to_owned()).collect();
    let records = named(&site, &visit, matching.entity(side), &shown).await?;
    let chosen = visit.get("for").map(str::to_owned);
    let (candidates, all) = match chosen.as_deref() {
        Some(key) => matching.candidates(side, key).ok_or_else(|| PageError::not_found("record", key))?,
        None => (Vec::new(), 0),
    };
    let chosen_named = match &chosen {
        Some(key) => named(&site, &visit, matching.entity(side), std::slice::from_ref(key)).await?.pop(),
        None => None,
    };
    let candidates = with_names(&site, &visit, matching.entity(other), candidates).await?;
    let entity_title = |side| {
        let title = site.pack.entity_title(matching.entity(side));
        title.map(|title| text_in(title, visit.language.id()).to_owned())
    };
    let own = own! {
        title,
        clauses => definition.clauses,
        no_run => false,
        id => definition.id,
        side => if side == Side::Seeker { "seeker" } else { "offer" },
        seekers => visit.language.grouped(if side == Side::Seeker { rows.len() } else { others } as i64),
        offers => visit.language.grouped(if side == Side::Offer { rows.len() } else { others } as i64),
        seeker_title => entity_title(Side::Seeker),
        offer_title => entity_title(Side::Offer),
        within => within(&site, &visit, definition),
        reasons => definition.parts.iter().map(|part| (text_in(&part.title, visit.language.id()), part.weight)).collect::<Vec<_>>(),
        records,
        page,
        pages => rows.len().div_ceil(RECORDS).max(1),
        chosen => chosen_named,
        candidates,
        all => visit.language.grouped(all as i64),
        here => visit.path,
    };
    site.render(&visit, "boards", "boards/match.html", own)
}

fn within(site: &Shared, visit: &Visit, definition: &Match) -> Option<String> {
    let level = site.pack.levels.get(definition.within?.index())?;
    Some(text_in(&level.title, visit.language.id()).to_owned())
}

/// Names, places and addresses of records or divisions.
async fn named(site: &Shared, visit: &Visit, entity: Entity, keys: &[String]) -> Result<Vec<Named>, PageError> {
    let Entity::Register(register) = entity else {
        let division = |code: &String| Named {
            key: code.clone(),
            name: site.places.name(code, visit.language),
            place: place_below(site, visit, code),
            address: format!("/division/{code}"),
        };
        return Ok(keys.iter().map(division).collect());
    };
    let wanted: Vec<&str> = keys.iter().map(String::as_str).collect();
    let facts = site.facts.by_keys(register, &wanted).await?;
    let id = register_id(site, register);
    let record = |fact: &bangfu_registry::views::file::Fact| Named {
        key: fact.id.clone(),
        name: boards::name(&site.pack, fact),
        place: place_below(site, visit, &fact.division),
        address: format!("/registry/{id}/{}", crate::site::templates::encode(&fact.id)),
    };
    Ok(facts.iter().map(record).collect())
}

async fn with_names(
    site: &Shared,
    visit: &Visit,
    entity: Entity,
    candidates: Vec<Candidate>,
) -> Result<Vec<(Named, Candidate)>, PageError> {
    let keys: Vec<String> = candidates.iter().map(|candidate| candidate.key.clone()).collect();
    let names = named(site, visit, entity, &keys).await?;
    let found = |candidate: &Candidate| names.iter().find(|named| named.key == candidate.key).cloned();
    Ok(candidates.into_iter().map(|candidate| (found(&candidate).unwrap_or_default(), candidate)).collect())
}
