//! Registry: any register of the pack as a list, any record as a file, any list as a file to take away.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bangfu_policy::model::{Entity, Pack, Register, RegisterId, RegisterKind, Right, text_in};
use bangfu_registry::exchange::export::Form;
use bangfu_registry::exchange::table_schema::{self, Content};
use bangfu_registry::exchange::template::{self, WorkbookError};
use bangfu_registry::store::{Bearer, Owner, RecordId};
use bangfu_registry::views::excused::Excused;
use bangfu_registry::views::file::{self, Fact, Material};
use bangfu_registry::views::problems;
use bangfu_registry::views::{listing, overview, reference};

use super::{cases, clear, files, queries, reasons};
use crate::site::Shared;
use crate::site::download::{self, What};
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::templates::encode;
use crate::site::visit::Visit;

/// Records of a workbook at most: what a spreadsheet opens without trouble.
pub const LARGEST_EXPORT: u64 = 50_000;

/// The register whose records lie in the lowest divisions: the one that most pages lead to.
pub fn main_register(pack: &Pack) -> Option<RegisterId> {
    let lowest = pack.levels.len().checked_sub(1)?;
    let lies_there = |parent: Entity| matches!(parent, Entity::Level(level) if level.index() == lowest);
    pack.registers
        .iter()
        .position(|register| register.kind == RegisterKind::Entity && lies_there(register.parent))
        .map(|n| RegisterId(n as u16))
}

/// All registers with the number of their records in the division.
pub async fn index(site: Shared, visit: Visit) -> Page {
    let mut registers = Vec::new();
    for n in 0..site.pack.registers.len() {
        let id = RegisterId(n as u16);
        if !site.facts.scope().sees(id) {
            continue;
        }
        let Some(view) = reference::register(&site.pack, id, visit.language) else { continue };
        let count = site.facts.count(id, &visit.division).await?;
        registers.push(serde_json::json!({
            "id": view.id, "title": view.title, "kind": view.kind, "parent": view.parent,
            "fields": view.fields.len(), "count": visit.language.grouped(count as i64),
        }));
    }
    site.render(&visit, "registry", "registry/index.html", own! { registers, here => "/registry" })
}

pub(super) fn find(pack: &Pack, id: &str) -> Result<RegisterId, PageError> {
    pack.register(id).ok_or_else(|| PageError::not_found("register", id))
}

fn asked(site: &Shared, visit: &Visit, id: RegisterId) -> Result<listing::Listing, PageError> {
    listing::parse(&site.pack, id, &visit.division, &visit.query)
        .map_err(|error| PageError::BadRequest(error.to_string()))
}

/// Whether the visitor changes records of a register by hand.
fn editable(site: &Shared, id: RegisterId) -> bool {
    let register = site.pack.registers.get(id.index());
    register.is_some_and(|register| !register.kept_by_system()) && site.facts.scope().changes(id)
}

/// A list.
pub async fn list(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let register_id = find(&site.pack, &id)?;
    let query = asked(&site, &visit, register_id)?;
    let (facts, total) = site.facts.page(&query).await?;
    let pack = &site.pack;
    let register = pack.registers.get(register_id.index());
    let table = file::children(pack, register_id, &facts, &site.places, visit.language);
    let shown = file::list_columns(pack, register_id);
    let columns: Vec<_> = shown
        .iter()
        .zip(&table.columns)
        .filter_map(|(n, (title, number))| {
            let name = &register?.fields.get(*n)?.id;
            let (sorted, next) = match query.sort {
                Some((field, false)) if usize::from(field) == *n => ("ascending", format!("-{name}")),
                Some((field, true)) if usize::from(field) == *n => ("descending", name.clone()),
                _ => ("none", name.clone()),
            };
            Some(serde_json::json!({ "title": title, "number": number, "sorted": sorted, "next": next }))
        })
        .collect();
    let rows: Vec<_> = facts
        .iter()
        .zip(table.rows)
        .map(|(fact, (address, cells))| {
            let place = place_below(&site, &visit, &fact.division);
            serde_json::json!({ "place": place, "address": address, "cells": cells })
        })
        .collect();
    let filters = register
        .map(|register| listing::filters(pack, register, register_id, &visit.query, visit.language))
        .unwrap_or_default();
    let (saved_queries, unsaved) = queries::saved(&site, &visit, register_id).await?;
    let own = own! {
        saved_queries,
        unsaved,
        id,
        by_system => register.is_some_and(Register::kept_by_system),
        editable => editable(&site, register_id),
        title => register.map(|r| text_in(&r.title, visit.language.id())),
        columns,
        rows,
        more_open => filters.iter().any(|f| !(f.first || f.value.is_empty() && f.to.is_empty())),
        filters,
        searchable => register.is_some_and(|r| r.key.is_some() || r.label.is_some()),
        limit => query.limit,
        page => query.page,
        pages => total.div_ceil(query.limit).max(1),
        total => visit.language.grouped(total as i64),
        capped => (total > LARGEST_EXPORT)
            .then(|| site.texts.get(visit.language, "capped-export", &[("n", visit.language.grouped(LARGEST_EXPORT as i64))])),
        sort => visit.get("sort").unwrap_or_default(),
        saved => saved(&visit),
        here => visit.path,
    };
    site.render(&visit, "registry", "registry/list.html", own)
}

/// What was done before the page was asked for: the end of the key of its text.
pub fn saved(visit: &Visit) -> &'static str {
    const DONE: [&str; 9] =
        ["created", "changed", "removed", "nothing", "restored", "undone", "attached", "detached", "forgotten"];
    let said = visit.get("saved").unwrap_or_default();
    DONE.iter().find(|known| **known == said).copied().unwrap_or_default()
}

/// Names of the divisions between the one in view and the record's; its own when it lies in none below.
pub fn place_below(site: &Shared, visit: &Visit, code: &str) -> String {
    let trail = site.places.trail(code, visit.language);
    let below = trail.iter().filter(|place| place.code.len() > visit.division.len() && place.level > 0);
    let names: Vec<&str> = below.map(|place| place.name.as_str()).collect();
    if names.is_empty() {
        return trail.last().map(|place| place.name.clone()).unwrap_or_default();
    }
    // In wide views the last two say enough; the whole way is in the record's file.
    names.get(names.len().saturating_sub(2)..).unwrap_or_default().join(" ")
}

/// A list as a file: the same filter, all pages.
pub async fn export(site: Shared, visit: Visit, Path((id, kind)): Path<(String, String)>) -> Page {
    let register_id = find(&site.pack, &id)?;
    let query = asked(&site, &visit, register_id)?;
    let (form, media, ending) = match kind.as_str() {
        "export.xlsx" => return workbook(&site, &visit, query).await,
        "export.csv" => {
            let form = Form::Csv(site.text(&visit, "division-code"), site.text(&visit, "division"));
            (form, "text/csv; charset=utf-8", "csv")
        }
        "export.parquet" => (Form::Parquet, "application/vnd.apache.parquet", "parquet"),
        "export.zip" => (Form::Package, "application/zip", "zip"),
        _ => return Err(PageError::not_found("page", visit.path)),
    };
    let name = format!("{id}-{}.{ending}", visit.division);
    Ok(download::stream(&site, visit.language, media, &name, What::List(Box::new(query), form)))
}

/// All registers below the division in view as one data package.
pub async fn package(site: Shared, visit: Visit) -> Response {
    let name = format!("{}-{}.zip", site.pack.policy.id, visit.division);
    let below = (visit.division != site.pack.policy.root).then(|| visit.division.clone());
    download::stream(&site, visit.language, "application/zip", &name, What::Everything(below))
}

/// The description of all registers, without their records.
pub async fn described(site: Shared, visit: Visit) -> Json<serde_json::Value> {
    let registers: Vec<_> = (0..site.pack.registers.len()).map(|n| RegisterId(n as u16)).collect();
    let content = Content { registers: &registers, whole: true, language: visit.language };
    Json(table_schema::package(&site.pack, &site.pack.policy.id, &content))
}

/// The media type of workbooks.
const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A list as a workbook in the columns of its template, so that it can be changed and sent again. It is made in memory
/// and therefore cut.
async fn workbook(site: &Shared, visit: &Visit, mut query: listing::Listing) -> Page {
    query.page = 1;
    query.limit = LARGEST_EXPORT;
    let total = site.facts.matching(&query).await?;
    let shown = total.min(LARGEST_EXPORT);
    let cut = [("n", visit.language.grouped(shown as i64)), ("total", visit.language.grouped(total as i64))];
    let note = if total > shown { site.texts.get(visit.language, "export-cut", &cut) } else { String::new() };
    let bytes = template::workbook(&site.facts, &site.places, &query, &note, visit.language).await;
    let bytes = bytes.map_err(|error| match error {
        WorkbookError::Store(error) => PageError::from(error),
        WorkbookError::Office(error) => error.into(),
    })?;
    let id = site.pack.registers.get(query.register.index()).map_or("", |register| &register.id);
    let name = format!("attachment; filename=\"{id}-{}.xlsx\"", visit.division);
    Ok(([(header::CONTENT_TYPE, WORKBOOK.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// An empty workbook to fill in.
pub async fn empty(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let register_id = find(&site.pack, &id)?;
    let bytes = tokio::task::block_in_place(|| template::template(&site.pack, register_id, visit.language))?;
    let name = format!("attachment; filename=\"{id}-template.xlsx\"");
    Ok(([(header::CONTENT_TYPE, WORKBOOK.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// A record's file. An address like `/registry/household/export.csv` is the list as a file.
pub async fn record(site: Shared, visit: Visit, Path((id, address)): Path<(String, String)>) -> Page {
    if address.starts_with("export.") {
        return export(site, visit, Path((id, address))).await;
    }
    let register_id = find(&site.pack, &id)?;
    let fact =
        site.facts.get(register_id, &address).await?.ok_or_else(|| PageError::not_found("record", address.as_str()))?;
    let visit = visit.with_division(&fact.division.clone());
    if let Some(register) = site.pack.registers.get(register_id.index()) {
        clear::note(&site, register, fact.row, "file", "");
    }
    let entity = Entity::Register(register_id);
    let children = fetch_children(&site, entity, Some(&fact)).await?;
    let pack = &site.pack;
    let register = pack.registers.get(register_id.index());
    let title = register.map(|r| text_in(&r.title, visit.language.id()).to_owned()).unwrap_or_default();
    let heading = heading(&site, &visit, register_id, &fact);
    let ancestors = ancestors(&site, &visit, &fact).await?;
    let material = Material { own: Some(&fact), children, ..material(&site, &visit, entity, &fact.id) };
    let determinations = reasons::determinations(&site, &visit, &material)?;
    let excused = Excused::on(&site.facts, site.as_of()).await?;
    let changes = site.facts.history(&fact, visit.language).await?;
    let own = own! {
        heading,
        back => [format!("/registry/{id}"), title.clone()],
        ancestors,
        summary => material.summary(),
        tiles => material.tiles(),
        problems => problems::problems(&material, &excused),
        indicators => Vec::<u8>::new(),
        income => material.income(),
        determinations,
        labels => material.labels(),
        lists => material.lists(),
        sections => material.sections(),
        all_fields => file::pairs(pack, &fact, &site.places, visit.language),
        changes,
        saved => saved(&visit),
        address => format!("/registry/{id}/{}", encode(&fact.id)),
        reasons => format!("/registry/{id}/{}/why", encode(&fact.id)),
        by_system => register.is_some_and(Register::kept_by_system),
        editable => editable(&site, register_id),
        secret => register.is_some_and(|register| register.fields.iter().any(|field| field.secret)),
        unmask => site.who.may(Right::Unmask),
        additions => material.additions(),
        owner => fact.id,
        files => files::shown(&site, &site.facts.attachments(Bearer::Record(register_id, RecordId(fact.row))).await?),
        casework => cases::about(&site, &visit, entity, Some(fact.row), &fact.id).await?,
        kept => Vec::<u8>::new(),
    };
    site.render(&visit, "registry", "registry/file.html", own)
}

/// What a file is made of, without the records of its entity.
pub(super) fn material<'a>(site: &'a Shared, visit: &Visit, entity: Entity, key: &'a str) -> Material<'a> {
    Material {
        pack: &site.pack,
        places: &site.places,
        language: visit.language,
        entity,
        key,
        own: None,
        children: BTreeMap::new(),
        results: site.results.as_deref(),
        as_of: site.as_of(),
        scope: site.facts.scope(),
    }
}

/// What a record is called on its pages.
pub(super) fn heading(site: &Shared, visit: &Visit, register: RegisterId, fact: &Fact) -> String {
    let register = site.pack.registers.get(register.index());
    let label = register.and_then(|r| fact.values.get(usize::from(r.label?))?.clone());
    let title = register.map(|r| text_in(&r.title, visit.language.id())).unwrap_or_default();
    match label {
        Some(bangfu_policy::model::Value::Text(name)) => format!("{title} · {name}"),
        _ => format!("{title} · {}", fact.id),
    }
}

/// Addresses and names of the records above.
async fn ancestors(site: &Shared, visit: &Visit, fact: &Fact) -> Result<Vec<(String, String)>, PageError> {
    let mut found = Vec::new();
    let mut current = fact.clone();
    while let Some(parent) = site.facts.parent(&current).await? {
        let register = site.pack.registers.get(parent.register.index());
        let title = register.map(|r| text_in(&r.title, visit.language.id())).unwrap_or_default();
        let name = register.and_then(|r| parent.values.get(usize::from(r.label?))?.clone());
        let name = match name {
            Some(bangfu_policy::model::Value::Text(name)) => name,
            _ => parent.id.clone(),
        };
        let id = register.map(|r| r.id.as_str()).unwrap_or_default();
        found.push((format!("/registry/{id}/{}", parent.id), format!("{title} {name}")));
        current = parent;
    }
    found.reverse();
    Ok(found)
}

async fn fetch_children(
    site: &Shared,
    entity: Entity,
    fact: Option<&Fact>,
) -> Result<BTreeMap<u16, Vec<Fact>>, PageError> {
    let mut children = BTreeMap::new();
    let Some(fact) = fact else { return Ok(children) };
    let below = below(site, |register| register.parent == entity);
    children.extend(below.iter().map(|id| (id.0, Vec::new())));
    for id in site.facts.filled(&below, &Owner::Record(RecordId(fact.row))).await? {
        children.insert(id.0, site.facts.children(id, fact).await?);
    }
    Ok(children)
}

/// Registers that fit.
fn below(site: &Shared, fits: impl Fn(&Register) -> bool) -> Vec<RegisterId> {
    let all = site.pack.registers.iter().enumerate();
    all.filter(|(_, register)| fits(register)).map(|(n, _)| RegisterId(n as u16)).collect()
}

/// Records of a register that a division's file shows at once.
const KEPT: u64 = 5;

/// The registers whose records lie in a division itself: how many, and the first of them.
async fn kept(site: &Shared, visit: &Visit, entity: Entity, code: &str) -> Result<Vec<serde_json::Value>, PageError> {
    let mut found = Vec::new();
    let own = below(site, |register| register.parent == entity && register.kind == RegisterKind::Entity);
    for id in site.facts.filled(&own, &Owner::Division(code.to_owned())).await? {
        let query = BTreeMap::from([("limit".to_owned(), KEPT.to_string())]);
        let listing = listing::parse(&site.pack, id, code, &query);
        let listing = listing.map_err(|error| PageError::BadRequest(error.to_string()))?;
        let (facts, total) = site.facts.page(&listing).await?;
        if total > 0 {
            let table = file::children(&site.pack, id, &facts, &site.places, visit.language);
            found.push(serde_json::json!({ "table": table, "total": visit.language.grouped(total as i64) }));
        }
    }
    Ok(found)
}

/// A division's file.
pub async fn division(site: Shared, visit: Visit, Path(code): Path<String>) -> Page {
    let level = site.places.level_id(&code).filter(|_| site.places.contains(&code));
    let Some(level) = level else { return Err(PageError::not_found("division", code)) };
    let visit = visit.with_division(&code);
    let pack = &site.pack;
    let entity = Entity::Level(level);
    let mut children = BTreeMap::new();
    // Its units (households of a village) have a list of their own.
    let own = below(&site, |register| register.parent == entity && register.kind != RegisterKind::Entity);
    children.extend(own.iter().map(|id| (id.0, Vec::new())));
    for id in site.facts.filled(&own, &Owner::Division(code.clone())).await? {
        children.insert(id.0, site.facts.of_division(id, &code).await?);
    }
    let material = Material { children, ..material(&site, &visit, entity, &code) };
    let screen = material.screen().cloned().unwrap_or_default();
    let indicators: Vec<_> = site
        .results
        .iter()
        .flat_map(|results| {
            screen.indicators.iter().filter_map(|id| overview::headline(pack, results, &code, *id, visit.language))
        })
        .collect();
    let determinations = reasons::determinations(&site, &visit, &material)?;
    let excused = Excused::on(&site.facts, site.as_of()).await?;
    let kept = kept(&site, &visit, entity, &code).await?;
    let title = pack.levels.get(level.index()).map(|l| text_in(&l.title, visit.language.id())).unwrap_or_default();
    let own = own! {
        heading => format!("{} · {title}", site.places.name(&code, visit.language)),
        by_system => false,
        editable => false,
        secret => false,
        unmask => false,
        back => ["/".to_owned(), site.text(&visit, "nav-overview")],
        ancestors => Vec::<u8>::new(),
        summary => material.summary(),
        tiles => material.tiles(),
        problems => problems::problems(&material, &excused),
        indicators,
        income => (),
        determinations,
        labels => Vec::<u8>::new(),
        lists => material.lists(),
        sections => material.sections(),
        all_fields => Vec::<u8>::new(),
        changes => Vec::<u8>::new(),
        saved => saved(&visit),
        address => "",
        reasons => format!("/division/{code}/why"),
        additions => material.additions(),
        owner => code,
        files => Vec::<u8>::new(),
        casework => cases::about(&site, &visit, entity, None, &code).await?,
        kept,
        here => visit.path,
    };
    site.render(&visit, "overview", "registry/file.html", own)
}
