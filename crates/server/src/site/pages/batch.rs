//! Cases that are handled at once: those of a procedure at one step in one place, and the record of the meeting that
//! voted over them.

use std::collections::BTreeSet;

use axum::Form;
use axum::extract::Path;
use axum::http::HeaderMap;
use bangfu_policy::model::{Procedure, Step, StepKind, text_in};
use bangfu_registry::casework::acts::{Desk, evidence};
use bangfu_registry::casework::flow::{self, Act, Standing};
use bangfu_registry::casework::public::notice_of;
use bangfu_registry::store::{CaseEvent, CaseFile, CaseQuery, CaseState};
use bangfu_registry::views::figures::moment;
use bangfu_registry::views::procedures;
use serde_json::{Value as Json, json};

use super::cases::{day, desk, line, papers};
use super::work::on_all;
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// Cases of a batch that are shown.
const MOST: u64 = 200;
/// What is done to a whole batch.
const ACTS: [Act; 6] = [Act::Vote, Act::Done, Act::Post, Act::Back, Act::Refuse, Act::Urge];

/// Batches that wait for the visitor's role.
pub async fn lines(site: &Shared, visit: &Visit, now: i64) -> Result<Vec<Json>, PageError> {
    let language = visit.language.id();
    let wanted = visit.get("procedure").unwrap_or_default();
    let mut lines = Vec::new();
    for procedure in site.pack.procedures.iter().filter(|procedure| wanted.is_empty() || procedure.id == wanted) {
        let Some(level) = procedure.together.and_then(|level| site.pack.levels.get(level.index())) else { continue };
        let own = |(_, step): &(usize, &Step)| flow::acts_for(&site.pack, &site.who, step.role);
        let steps: Vec<usize> = procedure.steps.iter().enumerate().filter(own).map(|(n, _)| n).collect();
        for batch in site.facts.batches(procedure, &steps, level.digits, &visit.division).await? {
            let Some(step) = procedure.steps.get(batch.step) else { continue };
            lines.push(json!({
                "address": format!("/batches/{}/{}/{}", procedure.id, step.id, batch.place),
                "place": site.places.name(&batch.place, visit.language), "count": batch.count,
                "procedure": text_in(&procedure.title, language), "step": text_in(&step.title, language),
                "due": batch.due.map(|due| day(site, visit, due - 1)),
                "overdue": batch.due.is_some_and(|due| due <= now),
            }));
        }
    }
    Ok(lines)
}

/// A procedure that handles cases at once, and the position of a step of it.
fn found<'p>(site: &'p Shared, procedure: &str, step: &str) -> Result<(&'p Procedure, usize, &'p Step), PageError> {
    let known = site.pack.procedures.iter().find(|known| known.id == procedure && known.together.is_some());
    let known = known.ok_or_else(|| PageError::not_found("procedure", procedure))?;
    let at = known.steps.iter().position(|known| known.id == step);
    let at = at.ok_or_else(|| PageError::not_found("procedure", step))?;
    let step = known.steps.get(at).ok_or_else(|| PageError::not_found("procedure", step))?;
    Ok((known, at, step))
}

/// A batch.
pub async fn show(site: Shared, visit: Visit, Path(address): Path<(String, String, String)>) -> Page {
    page(&site, visit, &address, &[]).await
}

async fn page(site: &Shared, visit: Visit, address: &(String, String, String), outcomes: &[Json]) -> Page {
    let (procedure, at, step) = found(site, &address.0, &address.1)?;
    if !site.who.scope.covers(&address.2) || !site.places.contains(&address.2) {
        return Err(PageError::not_found("division", address.2.as_str()));
    }
    let visit = visit.with_division(&address.2);
    let query = CaseQuery {
        division: address.2.clone(),
        state: Some(CaseState::Open),
        steps: Some(vec![(procedure.id.clone(), at)]),
        limit: MOST,
        ..CaseQuery::default()
    };
    let (cases, total) = site.facts.cases(&query).await?;
    let now = site.now();
    let went_up = |case: &CaseFile| {
        let rungs = flow::went_up(&site.pack.calendar, step, case, now);
        rungs.iter().any(|rung| flow::acts_for(&site.pack, &site.who, rung.to))
    };
    let own = flow::acts_for(&site.pack, &site.who, step.role);
    let standing = if own { Standing::Own } else { Standing::Above };
    let may = own || cases.iter().any(went_up);
    // Who may not do one of them is told so by that one; here stands what any of them takes.
    let taken: Vec<Act> = cases.iter().flat_map(|case| flow::acts(procedure, case, standing, false)).collect();
    let notices: BTreeSet<String> = cases.iter().filter_map(|case| notice_of(&site.pack, procedure, case)).collect();
    let language = visit.language.id();
    let own = own! {
        address => format!("/batches/{}/{}/{}", procedure.id, step.id, address.2),
        procedure => text_in(&procedure.title, language),
        step => text_in(&step.title, language),
        place => site.places.name(&address.2, visit.language),
        rows => cases.iter().map(|case| line(site, &visit, case, now)).collect::<Vec<_>>(),
        total => visit.language.grouped(total as i64),
        cut => total > MOST,
        acts => ACTS.iter().filter(|act| may && taken.contains(act)).map(|act| act.word()).collect::<Vec<_>>(),
        votes => step.kind == StepKind::Vote,
        papers => papers(&visit, step),
        at_once => at_once(site, &visit, procedure, step),
        notices,
        outcomes => outcomes,
        here => "/work",
    };
    site.render(&visit, "work", "work/batch.html", own)
}

/// Titles of the fields that doing a step changes before the case completes.
fn at_once(site: &Shared, visit: &Visit, procedure: &Procedure, step: &Step) -> Vec<String> {
    let view = procedures::one(&site.pack, &procedure.id, visit.language);
    let step = view.into_iter().flat_map(|view| view.steps).find(|known| known.id == step.id);
    step.into_iter().flat_map(|step| step.then).map(|(field, _)| field).collect()
}

/// Does something on the chosen cases of a batch.
pub async fn act(
    site: Shared,
    visit: Visit,
    Path(address): Path<(String, String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let outcomes = on_all(&site, &visit, &headers, pairs).await?;
    page(&site, visit, &address, &outcomes).await
}

/// The record of a meeting that voted: attendance once, votes of each case.
pub async fn record(site: Shared, visit: Visit, Path((id, number)): Path<(i64, usize)>) -> Page {
    let desk = desk(&site);
    let (case, procedure) = desk.case(id).await?;
    let events = site.facts.case_events(id).await?;
    let vote = events.get(number).filter(|event| event.act == Act::Vote.word());
    let vote = vote.ok_or_else(|| PageError::not_found("case", ""))?;
    let step = procedure.steps.get(vote.step).ok_or_else(|| PageError::not_found("case", ""))?;
    let body: Json = serde_json::from_str(&vote.body).unwrap_or_default();
    let together = body.get("together").and_then(Json::as_array).cloned().unwrap_or_default();
    let mut ids: Vec<i64> = together.iter().filter_map(Json::as_i64).collect();
    if !ids.contains(&id) {
        ids.push(id);
    }
    let mut rows = Vec::new();
    for id in ids {
        rows.extend(voted(&site, &desk, id, vote).await?);
    }
    let visit = visit.with_division(&case.division.clone());
    let place = flow::place(&site.pack, procedure, &case.division);
    let language = visit.language.id();
    let own = own! {
        case => case.id,
        procedure => text_in(&procedure.title, language),
        step => text_in(&step.title, language),
        place => site.places.trail(place, visit.language).iter().map(|place| place.name.as_str()).collect::<Vec<_>>().join(" "),
        at => moment(vote.at, &site.pack.calendar),
        actor => vote.actor,
        votes => body.get("votes"),
        papers => papers(&visit, step).into_iter().map(str::to_owned).zip(evidence(vote)).collect::<Vec<_>>(),
        note => vote.note,
        rows,
    };
    site.render(&visit, "work", "work/record.html", own)
}

/// How a meeting voted over a case, if it did and the case is seen.
async fn voted(site: &Shared, desk: &Desk<'_>, id: i64, vote: &CaseEvent) -> Result<Option<Json>, PageError> {
    let Ok((case, _)) = desk.case(id).await else { return Ok(None) };
    let same = |event: &&CaseEvent| {
        event.act == vote.act && event.at == vote.at && event.account == vote.account && event.step == vote.step
    };
    let events = site.facts.case_events(id).await?;
    let body = events.iter().find(same).map(|event| serde_json::from_str::<Json>(&event.body).unwrap_or_default());
    Ok(body.map(|body| json!({ "id": id, "name": case.name, "votes": body.get("votes") })))
}
