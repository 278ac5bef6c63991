//! Work lists: what waits for the visitor's role, what is overdue, and what the last determination proposes.

use std::collections::{BTreeMap, HashSet};

use axum::Form;
use axum::http::HeaderMap;
use bangfu_policy::model::{Entity, Procedure, Step, text_in};
use bangfu_registry::casework::acts::NotDone;
use bangfu_registry::casework::flow::{self, Act, Cannot};
use bangfu_registry::casework::proposal::{self, Subject};
use bangfu_registry::store::{CaseFile, CaseQuery, CaseState, StoreError};
use bangfu_registry::views::results::Answer;
use serde_json::{Value as Json, json};

use super::batch;
use super::cases::{desk, grounds, line, votes, with};
use super::determinations::{divisions, records};
use super::sent::Sent;
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

type Pairs = Form<Vec<(String, String)>>;

/// Cases of a page.
const PAGE: u64 = 50;
/// The lists.
const LISTS: [&str; 5] = ["mine", "overdue", "escalated", "open", "closed"];

/// All steps of the pack, with their place in the procedure.
fn steps(site: &Shared) -> impl Iterator<Item = (&Procedure, usize, &Step)> {
    let procedures = site.pack.procedures.iter();
    procedures.flat_map(|procedure| procedure.steps.iter().enumerate().map(move |(n, step)| (procedure, n, step)))
}

/// Steps that wait for the visitor's role.
fn own_steps(site: &Shared) -> Vec<(String, usize)> {
    let own = steps(site).filter(|(.., step)| flow::acts_for(&site.pack, &site.who, step.role));
    own.map(|(procedure, n, _)| (procedure.id.clone(), n)).collect()
}

/// Steps whose overdue cases go up to the visitor's role, by the deadline before which they have gone up.
fn steps_above(site: &Shared, now: i64) -> BTreeMap<i64, Vec<(String, usize)>> {
    let mut latest = BTreeMap::new();
    let mut above: BTreeMap<i64, Vec<(String, usize)>> = BTreeMap::new();
    for (procedure, n, step) in steps(site) {
        let own = step.escalates.iter().find(|rung| flow::acts_for(&site.pack, &site.who, rung.to));
        let Some(rung) = own.filter(|_| !flow::acts_for(&site.pack, &site.who, step.role)) else { continue };
        let terms = (rung.after, step.working);
        let due = latest.entry(terms).or_insert_with(|| flow::latest_due(&site.pack.calendar, terms, now));
        above.entry(*due + 1).or_default().push((procedure.id.clone(), n));
    }
    above
}

/// What a list asks for; its cases are those of all queries.
fn queries(site: &Shared, visit: &Visit, list: &str, now: i64) -> Vec<CaseQuery> {
    let all = CaseQuery {
        division: visit.division.clone(),
        state: (list != "closed").then_some(CaseState::Open),
        procedure: visit.get("procedure").unwrap_or_default().to_owned(),
        limit: PAGE,
        ..CaseQuery::default()
    };
    match list {
        "mine" => vec![CaseQuery { steps: Some(own_steps(site)), ..all }],
        "overdue" => vec![CaseQuery { steps: Some(own_steps(site)), due_before: Some(now), ..all }],
        "escalated" => {
            let above = steps_above(site, now).into_iter();
            above.map(|(due, steps)| CaseQuery { steps: Some(steps), due_before: Some(due), ..all.clone() }).collect()
        }
        _ => vec![all],
    }
}

/// Cases of a page of a list, by deadline, and how many there are.
async fn cases(site: &Shared, queries: &[CaseQuery], offset: u64) -> Result<(Vec<CaseFile>, u64), StoreError> {
    if let [query] = queries {
        return site.facts.cases(&CaseQuery { offset, ..query.clone() }).await;
    }
    let (mut all, mut total) = (Vec::new(), 0);
    for query in queries {
        // A page of all is among as many of each.
        let limit = if query.limit == 0 { 0 } else { offset.saturating_add(query.limit) };
        let (cases, count) = site.facts.cases(&CaseQuery { limit, ..query.clone() }).await?;
        all.extend(cases);
        total += count;
    }
    all.sort_by_key(|case| (case.due.is_none(), case.due, case.id));
    let page = all.into_iter().skip(usize::try_from(offset).unwrap_or(usize::MAX)).take(PAGE as usize);
    Ok((page.collect(), total))
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
        let counted: Vec<CaseQuery> =
            queries(site, visit, name, now).into_iter().map(|query| CaseQuery { limit: 0, ..query }).collect();
        let (_, count) = cases(site, &counted, 0).await?;
        counts.push(json!({ "id": name, "count": visit.language.grouped(count as i64) }));
    }
    let (shown, total) = cases(site, &queries(site, visit, list, now), (page - 1).saturating_mul(PAGE)).await?;
    let procedures: Vec<Json> = site
        .pack
        .procedures
        .iter()
        .map(|procedure| json!({ "id": procedure.id, "title": text_in(&procedure.title, visit.language.id()) }))
        .collect();
    let own = own! {
        list,
        counts,
        rows => shown.iter().map(|case| line(site, visit, case, now)).collect::<Vec<_>>(),
        total => visit.language.grouped(total as i64),
        page,
        pages => total.div_ceil(PAGE).max(1),
        procedures,
        procedure => visit.get("procedure").unwrap_or_default(),
        bulk => ["mine", "overdue", "escalated"].contains(&list),
        batches => if list == "mine" && page == 1 { batch::lines(site, visit, now).await? } else { Vec::new() },
        outcomes => outcomes,
        here => "/work",
    };
    site.render(visit, "work", "work/list.html", own)
}

/// Does the same on several cases; each is told what became of it.
pub async fn act(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let outcomes = on_all(&site, &visit, &headers, pairs).await?;
    show(&site, &visit, &outcomes).await
}

/// Does what a form says on the cases that it names, and tells what became of each.
pub async fn on_all(
    site: &Shared,
    visit: &Visit,
    headers: &HeaderMap,
    pairs: Vec<(String, String)>,
) -> Result<Vec<Json>, PageError> {
    let chosen: Vec<(i64, i64)> = pairs
        .iter()
        .filter(|(key, _)| key == "case")
        .filter_map(|(_, value)| {
            let (id, version) = value.split_once(':')?;
            Some((id.parse().ok()?, version.parse().ok()?))
        })
        .collect();
    let sent = Sent::new(headers, pairs)?;
    let act = Act::of(sent.text("act")).ok_or_else(|| PageError::BadRequest("act".to_owned()))?;
    let desk = desk(site);
    let mut outcomes = Vec::new();
    for (id, version) in &chosen {
        let (case, procedure) = desk.case(*id).await?;
        let mut with = with(&sent, flow::step(procedure, &case), visit);
        if act == Act::Vote {
            // One meeting with one attendance; who was in favour is counted for each.
            with.votes = votes(&sent, &format!("yes{id}"));
            with.together = chosen.iter().map(|(id, _)| *id).collect();
        }
        let word = match desk.act(*id, *version, act, &with, None).await {
            Ok(_) => "ok",
            Err(NotDone::Store(StoreError::CaseMoved(_))) => "moved",
            Err(NotDone::Store(StoreError::Version { .. })) => "facts",
            Err(NotDone::Nothing) => "nothing",
            Err(NotDone::Entered(_)) => "entered",
            Err(NotDone::Store(StoreError::Taken { .. })) => "taken",
            Err(NotDone::Cannot(cannot)) => cannot.word(),
            Err(error) => return Err(error.into()),
        };
        outcomes.push(json!({ "id": id, "name": case.name, "word": word }));
    }
    Ok(outcomes)
}

/// Procedures that a rule begins and whose first step the visitor does.
fn begun(site: &Shared) -> Vec<&Procedure> {
    let own = |procedure: &&Procedure| {
        let first = procedure.steps.first();
        procedure.begins.is_some() && first.is_some_and(|step| flow::acts_for(&site.pack, &site.who, step.role))
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
        let open: HashSet<String> = open.iter().map(|case| proposal::key(&site.pack, procedure, case)).collect();
        let results = site.results.as_deref().and_then(|results| results.entities.get(&procedure.subject));
        let keys: Vec<&str> = results
            .map(|results| {
                let rows = results.with_answer(begins, Answer::Yes, &visit.division);
                rows.map(|row| results.key(row)).filter(|key| !open.contains(*key)).collect()
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
