//! A case: what was proposed, every step in its lane, what was done, and what may be done now.

use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use bangfu_policy::model::{Entity, Procedure, RoleId, Step, StepKind, text_in};
use bangfu_registry::casework::acts::{Desk, NotDone, evidence};
use bangfu_registry::casework::entered::of as of_events;
use bangfu_registry::casework::flow::{self, Act, Cannot, Standing, Votes, With};
use bangfu_registry::casework::people;
use bangfu_registry::casework::proposal::{self, Grounds, Proposal, Subject};
use bangfu_registry::casework::public::mark_of;
use bangfu_registry::exchange::write::Wrong;
use bangfu_registry::store::{Bearer, CaseEvent, CaseFile, CaseQuery, StoreError};
use bangfu_registry::views::figures::moment;
use bangfu_registry::views::procedures;
use bangfu_registry::views::results::Answer;
use serde_json::{Value as Json, json};

use super::sent::{Sent, with_status};
use super::{entered, files};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

type Pairs = Form<Vec<(String, String)>>;

/// Papers that a step asks for at most, of those that a form sends.
const MOST_PAPERS: usize = 20;

/// Who acts now.
pub fn desk(site: &Shared) -> Desk<'_> {
    Desk { facts: &site.facts, who: &site.who, now: site.now() }
}

impl From<NotDone> for PageError {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Absent => Self::not_found("case", ""),
            NotDone::Store(error) => error.into(),
            NotDone::Cannot(Cannot::Role) => Self::Forbidden(String::new()),
            other => Self::BadRequest(other.to_string()),
        }
    }
}

fn procedure<'p>(site: &'p Shared, id: &str) -> Result<&'p Procedure, PageError> {
    let found = site.pack.procedures.iter().find(|procedure| procedure.id == id);
    found.ok_or_else(|| PageError::not_found("procedure", id))
}

/// What the last determination says about a subject, with the reason as the page shows it.
pub fn grounds(site: &Shared, visit: &Visit, procedure: &Procedure, subject: &Subject) -> Result<Grounds, PageError> {
    let (Some(variable), Some(results)) = (procedure.begins, &site.results) else { return Ok(Grounds::default()) };
    let key = match subject {
        Subject::Division(code) => code.clone(),
        Subject::Record(record) => site.facts.fact(record.clone()).id,
    };
    let value = results.value(&site.pack, &key, variable);
    let why = match &site.snapshot {
        Some(snapshot) => snapshot
            .explain(&site.pack, procedure.subject, &key, variable, visit.language)
            .map_err(|error| PageError::Failed(error.to_string()))?,
        None => None,
    };
    Ok(Grounds {
        as_of: bangfu_registry::views::figures::day(results.as_of.into(), visit.language),
        answer: Answer::of(value).word().to_owned(),
        why: serde_json::to_value(why.as_deref()).unwrap_or_default(),
    })
}

async fn subject(site: &Shared, procedure: &Procedure, address: &str) -> Result<Subject, PageError> {
    let found = Subject::find(&site.facts, procedure.subject, address).await?;
    found.ok_or_else(|| PageError::not_found("record", address))
}

/// Asks whether a case is to be opened.
pub async fn new(site: Shared, visit: Visit) -> Page {
    let id = visit.get("procedure").unwrap_or_default().to_owned();
    let procedure = procedure(&site, &id)?;
    let address = visit.get("subject").unwrap_or_default().to_owned();
    let subject = subject(&site, procedure, &address).await?;
    let view = procedures::one(&site.pack, &id, visit.language);
    let first = procedure.steps.first().is_some_and(|first| flow::acts_for(&site.pack, &site.who, first.role));
    let visit = visit.with_division(subject.division());
    let own = own! {
        procedure => view,
        name => named(&site, &visit, &subject),
        subject => address,
        grounds => grounds(&site, &visit, procedure, &subject)?,
        may => first,
    };
    site.render(&visit, "work", "work/new.html", own)
}

fn named(site: &Shared, visit: &Visit, subject: &Subject) -> String {
    match subject {
        Subject::Division(code) => site.places.name(code, visit.language),
        record @ Subject::Record(_) => proposal::name(&site.pack, record),
    }
}

/// Opens a case.
pub async fn open(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let procedure = procedure(&site, sent.text("procedure"))?;
    let subject = subject(&site, procedure, sent.text("subject")).await?;
    let grounds = grounds(&site, &visit, procedure, &subject)?;
    match desk(&site).open(&procedure.id, &subject, grounds).await {
        // There is one already: that is the one.
        Ok(id) | Err(NotDone::Store(StoreError::CaseMoved(id))) => {
            Ok(Redirect::to(&format!("/cases/{id}")).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// A case.
pub async fn show(site: Shared, visit: Visit, Path(id): Path<i64>) -> Page {
    page(&site, visit, id, "", (None, &[])).await
}

async fn page(site: &Shared, visit: Visit, id: i64, error: &str, (sent, wrong): (Option<&Sent>, &[Wrong])) -> Page {
    let desk = desk(site);
    let (case, procedure) = desk.case(id).await?;
    let events = site.facts.case_events(id).await?;
    let visit = visit.with_division(&case.division.clone());
    let frozen: Proposal = serde_json::from_str(&case.proposal).map_err(StoreError::from)?;
    let changed = case.state == bangfu_registry::store::CaseState::Open
        && proposal::changed(&site.facts, procedure, case.record, &frozen).await?;
    let now = desk.now;
    let may = flow::may_act(&site.pack, procedure, &case, &events, &site.who, now);
    let acts: Vec<&str> = match may {
        Ok(standing) => flow::acts(procedure, &case, standing, changed).into_iter().map(Act::word).collect(),
        Err(_) => Vec::new(),
    };
    let step = flow::step(procedure, &case);
    let before = of_events(procedure, &events);
    let inputs = match step.filter(|_| acts.contains(&"done") || acts.contains(&"vote")) {
        Some(step) => entered::inputs(site, &visit, (procedure, step, &case), &before, (sent, wrong)).await?,
        None => Vec::new(),
    };
    let mut lines = Vec::new();
    for event in &events {
        lines.push(told(site, &visit, procedure, event).await?);
    }
    let own = own! {
        case => line(site, &visit, &case, now),
        version => case.version,
        code => case.code,
        address => address(site, procedure, &case),
        procedure => procedures::one(&site.pack, &procedure.id, visit.language),
        done => done(site, procedure, &events),
        current => step.map(|_| case.step),
        events => lines,
        inputs,
        files => files::shown(site, &site.facts.attachments(Bearer::Case(case.id)).await?),
        facts => facts(site, &visit, procedure, &frozen),
        grounds => frozen.grounds,
        policy => frozen.policy.get(..12).unwrap_or_default(),
        mark => mark_of(&site.facts, &case, visit.language).await?,
        policy_changed => frozen.policy != site.pack.hash,
        changed,
        acts,
        cannot => may.err().map(Cannot::word),
        above => may.is_ok_and(|standing| standing != Standing::Own),
        votes => step.is_some_and(|step| step.kind == StepKind::Vote),
        papers => step.map(|step| papers(&visit, step)).unwrap_or_default(),
        typed => (0..MOST_PAPERS).map(|n| sent.map_or("", |sent| sent.text(&format!("paper{n}")))).collect::<Vec<_>>(),
        note => sent.map_or("", |sent| sent.text("note")),
        back_to => step.and_then(|step| step.back_to).and_then(|at| procedure.steps.get(at)).map(|step| text_in(&step.title, visit.language.id())),
        people => match step {
            Some(step) => people::of(&site.store, &site.places, step, &case, (now, visit.language)).await?,
            None => Vec::new(),
        },
        error,
        saved => visit.get("saved").is_some(),
    };
    site.render(&visit, "work", "work/case.html", own)
}

/// Titles of the papers that a step asks for.
pub fn papers<'s>(visit: &Visit, step: &'s Step) -> Vec<&'s str> {
    step.evidence.iter().map(|paper| text_in(paper, visit.language.id())).collect()
}

/// The address of what a case is about.
fn address(site: &Shared, procedure: &Procedure, case: &CaseFile) -> String {
    match (procedure.subject, case.record) {
        (Entity::Register(register), Some(id)) => {
            let id_of = site.pack.registers.get(register.index()).map_or("", |register| register.id.as_str());
            format!("/registry/{id_of}/~{id}")
        }
        _ => format!("/division/{}", case.division),
    }
}

/// A case as lists show it.
pub fn line(site: &Shared, visit: &Visit, case: &CaseFile, now: i64) -> Json {
    let language = visit.language.id();
    let procedure = site.pack.procedures.iter().find(|procedure| procedure.id == case.procedure);
    let step = procedure.and_then(|procedure| procedure.steps.get(case.step));
    let role_title = |id: RoleId| site.pack.roles.get(id.index()).map(|role| text_in(&role.title, language));
    let went_up = step.map(|step| flow::went_up(&site.pack.calendar, step, case, now)).unwrap_or_default();
    let name = if case.record.is_some() { case.name.clone() } else { site.places.name(&case.division, visit.language) };
    json!({
        "id": case.id, "version": case.version, "name": name,
        "procedure": procedure.map(|procedure| text_in(&procedure.title, language)),
        "step": step.map(|step| text_in(&step.title, language)), "role": step.and_then(|step| role_title(step.role)),
        "place": super::registry::place_below(site, visit, &case.division),
        "state": case.state.word(), "opened": moment(case.opened, &site.pack.calendar), "since": moment(case.since, &site.pack.calendar),
        "posted": case.posted.map(|at| moment(at, &site.pack.calendar)), "due": case.due.map(|due| day(site, visit, due - 1)),
        "overdue": case.due.is_some_and(|due| due <= now),
        "went_up": went_up.iter().filter_map(|rung| role_title(rung.to)).collect::<Vec<_>>(),
    })
}

/// The day of a moment, as the policy's calendar has it.
pub fn day(site: &Shared, visit: &Visit, at: i64) -> String {
    bangfu_registry::views::figures::day(site.pack.calendar.day(at), visit.language)
}

/// For each step, who did it last and when.
fn done(site: &Shared, procedure: &Procedure, events: &[CaseEvent]) -> Vec<Option<(String, String)>> {
    let last = |n: usize| events.iter().rev().find(|event| event.step == n && event.act != Act::Urge.word());
    (0..procedure.steps.len())
        .map(|n| last(n).map(|event| (event.actor.clone(), moment(event.at, &site.pack.calendar))))
        .collect()
}

async fn told(site: &Shared, visit: &Visit, procedure: &Procedure, event: &CaseEvent) -> Result<Json, PageError> {
    let step = procedure.steps.get(event.step);
    let papers: Vec<(String, String)> = step
        .map(|step| papers(visit, step))
        .unwrap_or_default()
        .into_iter()
        .map(str::to_owned)
        .zip(evidence(event))
        .collect();
    let body: Json = serde_json::from_str(&event.body).unwrap_or_default();
    let values = match step {
        Some(step) => entered::told(site, visit, procedure, step, body.get("values")).await?,
        None => Vec::new(),
    };
    Ok(json!({
        "values": values,
        "step": step.map(|step| text_in(&step.title, visit.language.id())), "act": event.act, "actor": event.actor,
        "at": moment(event.at, &site.pack.calendar), "note": event.note, "papers": papers, "votes": body.get("votes"),
        "together": body.get("together").and_then(Json::as_array).map(Vec::len),
        "taken_over": body.get("taken_over").is_some(),
    }))
}

/// Frozen facts beside those of now.
fn facts(site: &Shared, visit: &Visit, procedure: &Procedure, frozen: &Proposal) -> Vec<(String, String)> {
    let Entity::Register(register) = procedure.subject else { return Vec::new() };
    let Some(register) = site.pack.registers.get(register.index()) else { return Vec::new() };
    let shown = |value: &Json| match value {
        Json::String(text) => text.clone(),
        Json::Bool(truth) => site.text(visit, if *truth { "yes" } else { "no" }),
        other => other.to_string(),
    };
    let title = |field: &bangfu_policy::model::Field| text_in(&field.title, visit.language.id()).to_owned();
    let coded = |field: &bangfu_policy::model::Field, value: &Json| match (field.ty, value) {
        (bangfu_policy::model::FieldType::Code(list), Json::String(code)) => {
            let found = site.pack.codes.get(list.index()).and_then(|list| list.values.iter().find(|v| v.code == *code));
            found.map_or_else(|| code.clone(), |value| text_in(&value.label, visit.language.id()).to_owned())
        }
        _ => shown(value),
    };
    let pair = |field: &bangfu_policy::model::Field| {
        let value = frozen.facts.get(&field.id).filter(|value| !value.is_null())?;
        Some((title(field), coded(field, value)))
    };
    register.fields.iter().filter_map(pair).collect()
}

/// What a form sends with an act.
pub fn with(sent: &Sent, step: Option<&Step>, visit: &Visit) -> With {
    let asked = step.map_or(0, |step| step.evidence.len()).min(MOST_PAPERS);
    // A bulk form has one field for all papers of a step.
    let paper = |n: usize| {
        let own = sent.text(&format!("paper{n}"));
        if own.is_empty() { sent.text("papers") } else { own }.to_owned()
    };
    let (note, evidence) = (sent.text("note").to_owned(), (0..asked).map(paper).collect());
    let (entered, language) = (entered::given(sent, step), visit.language.id());
    With { note, evidence, votes: votes(sent, "yes"), together: Vec::new(), entered, language }
}

/// Votes that a form sends, with those in favour under a name.
pub fn votes(sent: &Sent, yes: &str) -> Option<Votes> {
    let number = |name: &str| sent.text(name).parse().ok();
    Some(Votes { entitled: number("entitled")?, present: number("present")?, yes: number(yes)? })
}

/// Does something on a case.
pub async fn act(site: Shared, visit: Visit, Path(id): Path<i64>, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    if sent.has("look") {
        return page(&site, visit, id, "", (Some(&sent), &[])).await;
    }
    let act = Act::of(sent.text("act")).ok_or_else(|| PageError::BadRequest("act".to_owned()))?;
    let version = sent.number("version")?;
    let desk = desk(&site);
    let (case, procedure) = desk.case(id).await?;
    let with = with(&sent, flow::step(procedure, &case), &visit);
    let fresh = match act {
        Act::Resubmit => {
            let address = case.record.map_or_else(|| case.division.clone(), |id| format!("~{id}"));
            let subject = subject(&site, procedure, &address).await?;
            Some(grounds(&site, &visit, procedure, &subject)?)
        }
        _ => None,
    };
    let mut wrong = Vec::new();
    let (word, status) = match desk.act(id, version, act, &with, fresh).await {
        Ok(_) => return Ok(Redirect::to(&format!("/cases/{id}?saved=1")).into_response()),
        Err(NotDone::Store(StoreError::CaseMoved(_))) => ("moved", StatusCode::CONFLICT),
        Err(NotDone::Store(StoreError::Version { .. })) => ("facts", StatusCode::CONFLICT),
        Err(NotDone::Nothing) => ("nothing", StatusCode::CONFLICT),
        Err(NotDone::Cannot(Cannot::Role)) => return Err(PageError::Forbidden(String::new())),
        Err(NotDone::Entered(all)) => {
            wrong = all;
            ("entered", StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(NotDone::Store(StoreError::Taken { .. })) => ("taken", StatusCode::CONFLICT),
        Err(NotDone::Cannot(cannot)) => (cannot.word(), StatusCode::UNPROCESSABLE_ENTITY),
        Err(error) => return Err(error.into()),
    };
    Ok(with_status(page(&site, visit, id, word, (Some(&sent), &wrong)).await?, status))
}

/// Cases about a subject and the procedures that the visitor may begin for it, for its file.
pub async fn about(
    site: &Shared,
    visit: &Visit,
    entity: Entity,
    record: Option<i64>,
    address: &str,
) -> Result<Json, PageError> {
    let subject = (site.pack.entity_id(entity).to_owned(), record);
    let division = if record.is_none() { address } else { "" };
    let query = CaseQuery { division: division.to_owned(), subject: Some(subject), limit: 50, ..CaseQuery::default() };
    let (mut cases, _) = site.facts.cases(&query).await?;
    if record.is_none() {
        cases.retain(|case| case.division == address);
    }
    let begins = |procedure: &&Procedure| {
        let first = procedure.steps.first();
        procedure.subject == entity && first.is_some_and(|step| flow::acts_for(&site.pack, &site.who, step.role))
    };
    let begin: Vec<Json> = site
        .pack
        .procedures
        .iter()
        .filter(begins)
        .map(|procedure| json!({ "id": procedure.id, "title": text_in(&procedure.title, visit.language.id()) }))
        .collect();
    let now = site.now();
    let cases: Vec<Json> = cases.iter().map(|case| line(site, visit, case, now)).collect();
    Ok(json!({ "cases": cases, "begin": begin, "subject": address }))
}
