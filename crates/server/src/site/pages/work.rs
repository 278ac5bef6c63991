//! Work lists: what waits for the visitor's role, what is overdue, and what the last determination proposes.

use axum::Form;
use axum::http::HeaderMap;
use axum::response::Response;
use bangfu_policy::model::{Entity, Procedure, text_in};
use bangfu_registry::casework::acts::NotDone;
use bangfu_registry::casework::flow::{self, Act, Cannot};
use bangfu_registry::casework::proposal::Subject;
use bangfu_registry::store::{CaseQuery, CaseState, StoreError};
use bangfu_registry::views::results::Answer;
use serde_json::{Value as Json, json};

use super::cases::{desk, grounds, line, with};
use super::determinations::{divisions, records};
use super::sent::Sent;
use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::own::own;
use crate::site::visit::Visit;

type Page = Result<Response, PageError>;
type Pairs = Form<Vec<(String, String)>>;

/// Cases of a page.
const PAGE: u64 = 50;
/// The lists.
const LISTS: [&str; 4] = ["mine", "overdue", "open", "closed"];

/// Steps that wait for the visitor's role.
fn own_steps(site: &Shared) -> Vec<(String, usize)> {
    let steps = site
        .pack
        .procedures
        .iter()
        .flat_map(|procedure| procedure.steps.iter().enumerate().map(move |(n, step)| (procedure, n, step)));
    let own = steps.filter(|(.., step)| flow::acts_for(&site.pack, &site.who, step));
    own.map(|(procedure, n, _)| (procedure.id.clone(), n)).collect()
}

fn query(site: &Shared, visit: &Visit, list: &str) -> CaseQuery {
    let mine = ["mine", "overdue"].contains(&list);
    CaseQuery {
        division: visit.division.clone(),
        state: (list != "closed").then_some(CaseState::Open),
        steps: mine.then(|| own_steps(site)),
        procedure: visit.get("procedure").unwrap_or_default().to_owned(),
        due_before: (list == "overdue").then(|| site.now()),
        limit: PAGE,
        ..CaseQuery::default()
    }
}

/// A work list.
pub async fn list(site: Shared, visit: Visit) -> Page {
    show(&site, &visit, &[]).await
}

async fn show(site: &Shared, visit: &Visit, outcomes: &[Json]) -> Page {
    let list = visit.get("list").filter(|list| LISTS.contains(list)).unwrap_or("mine");
    let page: u64 = visit.get("page").and_then(|text| text.parse().ok()).filter(|page| *page > 0).unwrap_or(1);
    let now = site.now();
    let mut counts = Vec::new();
    for name in LISTS {
        let (_, count) = site.facts.cases(&CaseQuery { limit: 0, ..query(site, visit, name) }).await?;
        counts.push(json!({ "id": name, "count": visit.language.grouped(count as i64) }));
    }
    let wanted = CaseQuery { offset: (page - 1).saturating_mul(PAGE), ..query(site, visit, list) };
    let (cases, total) = site.facts.cases(&wanted).await?;
    let procedures: Vec<Json> = site
        .pack
        .procedures
        .iter()
        .map(|procedure| json!({ "id": procedure.id, "title": text_in(&procedure.title, visit.language.id()) }))
        .collect();
    let own = own! {
        list,
        counts,
        rows => cases.iter().map(|case| line(site, visit, case, now)).collect::<Vec<_>>(),
        total => visit.language.grouped(total as i64),
        page,
        pages => total.div_ceil(PAGE).max(1),
        procedures,
        procedure => visit.get("procedure").unwrap_or_default(),
        bulk => list == "mine" || list == "overdue",
        outcomes => outcomes,
        here => "/work",
    };
    site.render(visit, "work", "work/list.html", own)
}

/// Does the same on several cases; each is told what became of it.
pub async fn act(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let chosen: Vec<(i64, i64)> = pairs
        .iter()
        .filter(|(key, _)| key == "case")
        .filter_map(|(_, value)| {
            let (id, version) = value.split_once(':')?;
            Some((id.parse().ok()?, version.parse().ok()?))
        })
        .collect();
    let sent = Sent::new(&headers, pairs)?;
    let act = Act::of(sent.text("act")).ok_or_else(|| PageError::BadRequest("act".to_owned()))?;
    let desk = desk(&site);
    let mut outcomes = Vec::new();
    for (id, version) in chosen {
        let (case, procedure) = desk.case(id).await?;
        let with = with(&sent, flow::step(procedure, &case));
        let word = match desk.act(id, version, act, &with, None).await {
            Ok(_) => "ok",
            Err(NotDone::Store(StoreError::CaseMoved(_))) => "moved",
            Err(NotDone::Store(StoreError::Version { .. })) => "facts",
            Err(NotDone::Nothing) => "nothing",
            Err(NotDone::Cannot(cannot)) => cannot.word(),
            Err(error) => return Err(error.into()),
        };
        outcomes.push(json!({ "id": id, "name": case.name, "word": word }));
    }
    show(&site, &visit, &outcomes).await
}

/// Procedures that a rule begins and whose first step the visitor does.
fn begun(site: &Shared) -> Vec<&Procedure> {
    let own = |procedure: &&Procedure| {
        let first = procedure.steps.first();
        procedure.begins.is_some() && first.is_some_and(|step| flow::acts_for(&site.pack, &site.who, step))
    };
    site.pack.procedures.iter().filter(own).collect()
}

/// Subjects that a rule proposes for a procedure, without those that have an open case.
pub async fn proposals(site: Shared, visit: Visit) -> Page {
    proposed(&site, &visit, &[]).await
}

async fn proposed(site: &Shared, visit: &Visit, outcomes: &[Json]) -> Page {
    let all = begun(site);
    let chosen = visit.get("procedure").and_then(|id| all.iter().find(|procedure| procedure.id == id)).or(all.first());
    let page: usize = visit.get("page").and_then(|text| text.parse().ok()).filter(|page| *page > 0).unwrap_or(1);
    let (mut columns, mut rows, mut total) = (Vec::new(), Vec::new(), 0);
    if let Some(procedure) = chosen
        && let Some(begins) = procedure.begins
    {
        let open = CaseQuery {
            division: visit.division.clone(),
            state: Some(CaseState::Open),
            procedure: procedure.id.clone(),
            limit: u64::from(u32::MAX),
            ..CaseQuery::default()
        };
        let (open, _) = site.facts.cases(&open).await?;
        let has = |key: &str| {
            open.iter().any(|case| case.name == key || case.name.ends_with(&format!(" {key}")) || case.division == key)
        };
        let results = site.results.as_deref().and_then(|results| results.entities.get(&procedure.subject));
        let keys: Vec<&str> = results
            .map(|results| {
                let rows = results.with_answer(begins, Answer::Yes, &visit.division);
                rows.map(|row| results.key(row)).filter(|key| !has(key)).collect()
            })
            .unwrap_or_default();
        total = keys.len();
        let start = (page - 1).saturating_mul(PAGE as usize);
        let on_page: Vec<&str> = keys.into_iter().skip(start).take(PAGE as usize).collect();
        (columns, rows) = match procedure.subject {
            Entity::Register(register) if site.facts.scope().sees(register) => {
                records(site, visit, register, &on_page).await?
            }
            Entity::Register(_) => (Vec::new(), Vec::new()),
            Entity::Level(_) => divisions(site, visit, &on_page),
        };
    }
    let procedures: Vec<Json> = all
        .iter()
        .map(|procedure| json!({ "id": procedure.id, "title": text_in(&procedure.title, visit.language.id()) }))
        .collect();
    let own = own! {
        procedures,
        procedure => chosen.map_or("", |procedure| procedure.id.as_str()),
        columns,
        rows,
        total => visit.language.grouped(total as i64),
        page,
        pages => total.div_ceil(PAGE as usize).max(1),
        outcomes => outcomes,
        here => "/proposals",
    };
    site.render(visit, "work", "work/proposals.html", own)
}

/// Opens a case for each of the chosen subjects.
pub async fn open(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let chosen: Vec<String> =
        pairs.iter().filter(|(key, _)| key == "subject").map(|(_, value)| value.clone()).collect();
    let sent = Sent::new(&headers, pairs)?;
    let id = sent.text("procedure").to_owned();
    let procedure = site.pack.procedures.iter().find(|procedure| procedure.id == id);
    let procedure = procedure.ok_or_else(|| PageError::not_found("procedure", id.as_str()))?;
    let mut outcomes = Vec::new();
    for address in chosen {
        let found = Subject::find(&site.facts, procedure.subject, &address).await?;
        let found = found.ok_or_else(|| PageError::not_found("record", address.as_str()))?;
        let reason = grounds(&site, &visit, procedure, &found)?;
        let (word, case) = match desk(&site).open(&id, &found, reason).await {
            Ok(case) => ("ok", Some(case)),
            Err(NotDone::Store(StoreError::CaseMoved(case))) => ("there", Some(case)),
            Err(NotDone::Cannot(Cannot::Role)) => return Err(PageError::Forbidden(String::new())),
            Err(error) => return Err(error.into()),
        };
        outcomes.push(json!({ "id": case, "name": address, "word": word }));
    }
    proposed(&site, &visit, &outcomes).await
}
