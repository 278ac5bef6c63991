//! Determinations: what the last run says, how it differs from the one before, and the lists to work through.

use axum::response::Response;
use bangfu_policy::ir::Type;
use bangfu_policy::model::{Entity, Frequency, Pack, RegisterId, VariableId, text_in};
use bangfu_registry::views::file;
use bangfu_registry::views::results::{Answer, Results};

use super::reasons::told;
use super::registry::place_below;
use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::own::own;
use crate::site::visit::Visit;

/// Records on a page of a work list.
const PAGE: usize = 50;

/// The last run, the runs, the differences.
pub async fn index(site: Shared, visit: Visit) -> Result<Response, PageError> {
    let pack = &site.pack;
    let number = |n: u64| visit.language.grouped(n as i64);
    let words = |text| text_in(text, visit.language.id()).to_owned();
    let results = site.results.as_deref();
    let answers: Vec<_> = shown(pack)
        .into_iter()
        .filter_map(|id| {
            let variable = pack.variables.get(id.index())?;
            let count = results?.count(pack, id, &visit.division)?;
            let cells = [("yes", number(count.yes)), ("no", number(count.no)), ("unknown", number(count.unknown))];
            let of = pack.entity_title(variable.of).map(words).unwrap_or_default();
            Some(serde_json::json!({ "id": variable.id, "title": words(&variable.title), "of": of, "cells": cells }))
        })
        .collect();
    let amounts: Vec<_> = pack
        .programmes
        .iter()
        .filter_map(|programme| {
            let results = results?;
            let eligible = results.count(pack, programme.eligible, &visit.division)?;
            let amount = results.count(pack, programme.amount, &visit.division)?;
            Some(serde_json::json!({
                "id": programme.id,
                "title": words(&programme.title),
                "fund": programme.fund.as_ref().map(words).unwrap_or_default(),
                "yes": number(eligible.yes),
                "unknown": number(eligible.unknown),
                "sum": visit.language.fixed(i64::try_from(amount.sum).unwrap_or(i64::MAX), scale(pack, programme.amount)),
                "every": match programme.every {
                    Frequency::Year => "year",
                    Frequency::Month => "month",
                    Frequency::Once => "once",
                },
            }))
        })
        .collect();
    let runs = site.facts.runs().await?;
    let differences = site.facts.differences(visit.language).await?;
    let own = own! { answers, amounts, runs, differences, here => "/determinations" };
    site.render(&visit, "determinations", "determinations/index.html", own)
}

fn scale(pack: &Pack, id: VariableId) -> u8 {
    match pack.variables.get(id.index()).map(|variable| variable.ty) {
        Some(Type::Number { scale, .. }) => scale,
        _ => 0,
    }
}

/// The boolean rules that files show, in the order of the screens; without screens all boolean rules.
pub fn shown(pack: &Pack) -> Vec<VariableId> {
    let mut ids: Vec<VariableId> = Vec::new();
    let mut entities: Vec<_> = pack.screens.entities.iter().collect();
    // Registers first: households and persons are what determinations are about.
    entities.sort_by_key(|(name, _)| matches!(pack.entity(name), Some(Entity::Level(_))));
    for (_, screen) in entities {
        for id in screen.determinations.iter().chain(&screen.tiles) {
            if !ids.contains(id) && Results::is_boolean(pack, *id) {
                ids.push(*id);
            }
        }
    }
    if ids.is_empty() {
        ids = (0..pack.variables.len())
            .map(|n| VariableId(n as u16))
            .filter(|id| Results::is_boolean(pack, *id))
            .collect();
    }
    ids
}

/// The records of a division with an answer.
pub async fn list(site: Shared, visit: Visit) -> Result<Response, PageError> {
    let pack = &site.pack;
    let all: Vec<VariableId> = shown(pack);
    let seen: Vec<VariableId> = all.iter().copied().filter(|id| told(&site, *id)).collect();
    // The first that the visitor is told; to one who is told none, the first is refused.
    let first = seen.first().or(all.first()).copied();
    let id = match visit.get("variable") {
        Some(name) => pack.variable(name).ok_or_else(|| PageError::not_found("rule", name))?,
        None => first.ok_or_else(|| PageError::not_found("rule", ""))?,
    };
    let answer = match visit.get("answer") {
        None => Answer::Yes,
        Some(word) => Answer::parse(word).ok_or_else(|| PageError::BadRequest(format!("answer: {word}")))?,
    };
    let page: usize = visit.get("page").unwrap_or("1").parse().map_err(|_| PageError::BadRequest("page".to_owned()))?;
    let Some(variable) = pack.variables.get(id.index()) else { return Err(PageError::not_found("rule", "")) };
    if !told(&site, id) {
        return Err(PageError::Forbidden(pack.entity_id(variable.of).to_owned()));
    }
    let rows = site.results.as_deref().and_then(|results| results.entities.get(&variable.of));
    let matching: Vec<usize> = rows.map(|r| r.with_answer(id, answer, &visit.division).collect()).unwrap_or_default();
    let total = matching.len();
    let on_page: Vec<&str> = matching
        .iter()
        .skip(page.saturating_sub(1).saturating_mul(PAGE))
        .take(PAGE)
        .filter_map(|row| rows.map(|rows| rows.key(*row)))
        .collect();
    let (columns, listed) = match variable.of {
        Entity::Register(register) => records(&site, &visit, register, &on_page).await?,
        Entity::Level(_) => divisions(&site, &visit, &on_page),
    };
    let mut missing = Vec::new();
    if answer == Answer::Unknown {
        missing = super::reasons::missing_facts(&site, &visit, variable.of, id, &on_page)?;
    }
    let variables: Vec<_> = seen
        .into_iter()
        .chain([id])
        .filter_map(|id| pack.variables.get(id.index()))
        .map(|v| serde_json::json!({ "id": v.id, "title": text_in(&v.title, visit.language.id()) }))
        .collect();
    let mut variables = variables;
    variables.dedup();
    let own = own! {
        title => text_in(&variable.title, visit.language.id()),
        variable => variable.id,
        answer => answer.word(),
        variables,
        missing,
        missing_note => site.text(&visit, "missing-note"),
        columns,
        rows => listed,
        total => visit.language.grouped(total as i64),
        page,
        pages => total.div_ceil(PAGE).max(1),
        here => "/determinations/list",
    };
    site.render(&visit, "determinations", "determinations/list.html", own)
}

pub(super) type Listed = (Vec<(String, bool)>, Vec<serde_json::Value>);

pub(super) async fn records(
    site: &Shared,
    visit: &Visit,
    register: RegisterId,
    keys: &[&str],
) -> Result<Listed, PageError> {
    let facts = site.facts.by_keys(register, keys).await?;
    let table = file::children(&site.pack, register, &facts, &site.places, visit.language);
    let id = table.id.clone();
    let rows = facts
        .iter()
        .zip(table.rows)
        .map(|(fact, (address, cells))| {
            let href = format!("/registry/{id}/{}", crate::site::templates::encode(&address));
            let place = place_below(site, visit, &fact.division);
            serde_json::json!({ "place": place, "address": address, "href": href, "cells": cells })
        })
        .collect();
    Ok((table.columns, rows))
}

pub(super) fn divisions(site: &Shared, visit: &Visit, codes: &[&str]) -> Listed {
    let rows = codes
        .iter()
        .map(|code| {
            let cell = file::Cell { text: site.places.name(code, visit.language), number: false };
            serde_json::json!({
                "place": place_below(site, visit, code.get(..code.len().saturating_sub(3)).unwrap_or(code)),
                "address": code, "href": format!("/division/{code}"), "cells": [cell],
            })
        })
        .collect();
    (vec![(site.text(visit, "title"), false)], rows)
}
