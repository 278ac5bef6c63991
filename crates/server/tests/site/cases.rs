//! Every procedure of the pack runs, and nobody does what the procedure does not let them do.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bangfu_policy::model::{DAY, Entity, FieldType, Procedure, RegisterId, Role, Step, StepKind, Value, Wanted};
use bangfu_registry::access::{Who, sign_in};
use bangfu_registry::casework::acts::{Desk, NotDone};
use bangfu_registry::casework::entered;
use bangfu_registry::casework::flow::{Act, Cannot, Votes, With};
use bangfu_registry::casework::proposal::{Grounds, Subject};
use bangfu_registry::store::{Actor, CaseFile, CaseState, ListQuery, Record, Scope, StoreError};
use bangfu_registry::views::facts::Facts;
use bangfu_server::site::Site;

use super::fixture::{get, now, open, registry, send, session_as, session_at, signed_in_as};

/// Somebody who holds a role where a case lies.
pub(crate) struct Person {
    pub(crate) who: Who,
    pub(crate) facts: Facts,
}

impl Person {
    pub(crate) async fn new(site: &Site, role: &Role, division: &str, person: &str) -> Self {
        let digits = site.pack.levels[role.level.index()].digits;
        let own = division.get(..digits).unwrap_or(division);
        let session = session_as(site, role, own, person).await;
        let who = sign_in::who(&site.store, &session, false, now()).await.unwrap();
        Self { facts: site.facts(&who.scope), who }
    }

    pub(crate) async fn named(site: &Site, role: &str, division: &str) -> Self {
        let role = site.pack.roles.iter().find(|known| known.id == role).unwrap();
        Self::new(site, role, division, "").await
    }

    pub(crate) fn desk(&self, at: i64) -> Desk<'_> {
        Desk { facts: &self.facts, who: &self.who, now: at }
    }
}

pub(crate) fn papers(count: usize) -> With {
    With { note: "in order".to_owned(), evidence: vec!["file 12, page 3".to_owned(); count], ..With::default() }
}

/// Who acts for the role of a step: a holder, or of those without accounts whoever enters for them.
fn actor_of<'p>(site: &'p Site, procedure: &Procedure, step: usize) -> &'p Role {
    let role = &site.pack.roles[procedure.steps[step].role.index()];
    role.entered_by.first().map_or(role, |enters| &site.pack.roles[enters.index()])
}

pub(crate) fn procedure<'p>(site: &'p Site, id: &str) -> &'p Procedure {
    site.pack.procedures.iter().find(|procedure| procedure.id == id).unwrap()
}

/// Something fitting for everything that a step asks for.
async fn filled(site: &Site, person: &Person, case: &CaseFile, step: &Step) -> BTreeMap<String, String> {
    let pack = &site.pack;
    let mut all = BTreeMap::new();
    for asked in &step.asked {
        let text = match asked.what {
            Wanted::Value(register, at) => {
                let field = &pack.registers[register.index()].fields[usize::from(at)];
                match field.ty {
                    FieldType::Code(list) => pack.codes[list.index()].values[0].code.clone(),
                    FieldType::Date => "2016-05-01".to_owned(),
                    FieldType::Boolean => "true".to_owned(),
                    FieldType::Year => "2016".to_owned(),
                    FieldType::Text => format!("T{}", case.id),
                    _ => "1".to_owned(),
                }
            }
            Wanted::Records(register) => {
                let there = entered::choices(&person.facts, case, register).await.unwrap();
                there.last().map(|record| record.id.0.to_string()).unwrap_or_default()
            }
            Wanted::Place(Entity::Level(_)) => {
                let known = site.store.reader(&Scope::everything()).divisions().await.unwrap();
                let other = |code: &&String| code.len() == case.division.len() && **code != case.division;
                known.iter().map(|division| &division.code).find(other).unwrap().clone()
            }
            Wanted::Place(Entity::Register(register)) => {
                let query = ListQuery { limit: 3, ..ListQuery::default() };
                let reader = site.store.reader(&Scope::division(&case.division));
                let page = reader.list(register, &query).await.unwrap();
                let other = page.records.iter().find(|record| Some(record.id.0) != case.record).unwrap();
                format!("~{}", other.id.0)
            }
        };
        all.insert(asked.key.clone(), text);
    }
    all
}

/// Papers and entries of the step that a case is at.
pub(crate) async fn complete(site: &Site, person: &Person, id: i64) -> With {
    let case = again(site, id).await;
    let step = &procedure(site, &case.procedure).steps[case.step];
    With { entered: filled(site, person, &case, step).await, ..papers(step.evidence.len()) }
}

/// Does the step that a case is at as it should be done.
pub(crate) async fn proceed(
    site: &Site,
    procedure: &Procedure,
    case: &CaseFile,
    at: &mut i64,
) -> Result<CaseFile, NotDone> {
    let step = &procedure.steps[case.step];
    // Of several who hold the role another one for each step.
    let person = format!(".{}", case.step);
    let person = Person::new(site, actor_of(site, procedure, case.step), &case.division, &person).await;
    let mut with = complete(site, &person, case.id).await;
    let act = match step.kind {
        StepKind::Vote => {
            with.votes = Some(Votes { entitled: 30, present: 27, yes: 25 });
            Act::Vote
        }
        StepKind::Notice if case.posted.is_none() => Act::Post,
        _ => Act::Done,
    };
    *at += DAY;
    if case.posted.is_some() || step.kind != StepKind::Notice {
        *at += i64::from(step.days.unwrap_or(0)) * 3 * DAY;
    }
    person.desk(*at).act(case.id, case.version, act, &with, None).await
}

pub(crate) async fn households(site: &Site, village: &str) -> Vec<Record> {
    let register = site.pack.register("household").unwrap();
    let query = ListQuery { limit: 500, ..ListQuery::default() };
    site.store.reader(&Scope::division(village)).list(register, &query).await.unwrap().records
}

/// A village without cases of other tests, with its households.
pub(crate) async fn another_village(site: &Site) -> (String, Vec<Record>) {
    let taken = registry().await.village.clone();
    let register = site.pack.register("household").unwrap();
    let all = ListQuery { limit: 2_000, ..ListQuery::default() };
    let page = site.store.reader(&Scope::everything()).list(register, &all).await.unwrap();
    // From the end: some tests take the first records that there are.
    let villages = page.records.into_iter().rev().map(|record| record.division).filter(|village| *village != taken);
    for village in villages {
        let own = households(site, &village).await;
        if own.len() >= 6 {
            return (village, own);
        }
    }
    panic!("no village has six households");
}

pub(crate) fn status(site: &Site, record: &Record) -> Option<Value> {
    let register = &site.pack.registers[record.register.index()];
    let at = register.fields.iter().position(|field| field.id == "poverty_status").unwrap();
    record.values[at].clone()
}

pub(crate) async fn labels(site: &Site, record: &Record, kind: &str) -> usize {
    let register = site.pack.register("label").unwrap();
    let at = site.pack.registers[register.index()].fields.iter().position(|field| field.id == "kind").unwrap();
    let children = site.store.reader(&Scope::everything()).children(register, record.id).await.unwrap();
    let kind = code(site, register, "kind", kind);
    children.iter().filter(|child| child.values[at] == kind).count()
}

/// A code of a field as records hold it.
pub(crate) fn code(site: &Site, register: RegisterId, field: &str, code: &str) -> Option<Value> {
    let field = site.pack.registers[register.index()].fields.iter().find(|known| known.id == field).unwrap();
    bangfu_policy::value::parse(code, field.ty, &site.pack, "en").ok()
}

pub(crate) async fn again(site: &Site, id: i64) -> CaseFile {
    site.store.reader(&Scope::everything()).case(id).await.unwrap().unwrap()
}

pub(crate) fn cannot(result: Result<CaseFile, NotDone>) -> Cannot {
    match result {
        Err(NotDone::Cannot(cannot)) => cannot,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_household_is_identified_level_by_level() {
    let site = open().await;
    let village = registry().await.village.clone();
    let household =
        households(&site, &village).await.into_iter().find(|record| status(&site, record).is_none()).unwrap();
    let definition = procedure(&site, "household_identification");
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let mut at = now();
    // Only whoever acts for the first step opens a case; the clerk does for the household.
    let officer = Person::named(&site, "township_officer", &village).await;
    let subject = Subject::Record(household.clone());
    let early = officer.desk(at).open(&definition.id, &subject, Grounds::default()).await;
    assert!(matches!(early, Err(NotDone::Cannot(Cannot::Role))));
    let id = clerk.desk(at).open(&definition.id, &subject, Grounds::default()).await.unwrap();
    let twice = clerk.desk(at).open(&definition.id, &subject, Grounds::default()).await;
    assert!(matches!(twice, Err(NotDone::Store(StoreError::CaseMoved(there))) if there == id), "one open case");

    let mut case = again(&site, id).await;
    // The second level cannot act before the first, and papers are needed.
    assert_eq!(cannot(officer.desk(at).act(id, 1, Act::Done, &papers(2), None).await), Cannot::Role);
    assert_eq!(cannot(clerk.desk(at).act(id, 1, Act::Done, &papers(1), None).await), Cannot::Evidence);
    while definition.steps[case.step].kind != StepKind::Vote {
        case = proceed(&site, definition, &case, &mut at).await.unwrap();
    }
    let vote = async |case: &CaseFile, entitled, present, yes| {
        let with = With { votes: Some(Votes { entitled, present, yes }), ..papers(1) };
        clerk.desk(at).act(id, case.version, Act::Vote, &with, None).await
    };
    assert_eq!(cannot(vote(&case, 30, 31, 5).await), Cannot::Votes);
    // Fewer than two thirds came: the meeting is held again.
    let too_few = vote(&case, 30, 19, 19).await.unwrap();
    assert_eq!((too_few.state, too_few.step), (CaseState::Open, case.step));
    assert!(matches!(vote(&case, 30, 25, 20).await, Err(NotDone::Store(StoreError::CaseMoved(_)))), "an old page");
    case = vote(&too_few, 30, 20, 11).await.unwrap();
    assert_eq!(definition.steps[case.step].kind, StepKind::Notice);
    // The notice hangs for seven days; an objection leads back to the vote.
    case = clerk.desk(at).act(id, case.version, Act::Post, &papers(0), None).await.unwrap();
    let early = clerk.desk(at + 6 * DAY).act(id, case.version, Act::Done, &papers(1), None).await;
    assert_eq!(cannot(early), Cannot::Early);
    let silent = clerk.desk(at).act(id, case.version, Act::Object, &With::default(), None).await;
    assert_eq!(cannot(silent), Cannot::Note);
    case = clerk.desk(at + 2 * DAY).act(id, case.version, Act::Object, &papers(0), None).await.unwrap();
    assert_eq!(definition.steps[case.step].kind, StepKind::Vote);
    while case.state == CaseState::Open {
        assert_eq!(labels(&site, &household, "registered_poor").await, 0, "nothing is decided before the end");
        case = proceed(&site, definition, &case, &mut at).await.unwrap();
    }
    assert_eq!(case.state, CaseState::Done);
    let after = site.store.reader(&Scope::everything()).by_id(household.register, household.id).await.unwrap().unwrap();
    assert_eq!(status(&site, &after), code(&site, household.register, "poverty_status", "0"));
    assert_eq!(labels(&site, &household, "registered_poor").await, 1);
    let closed = clerk.desk(at).act(id, case.version, Act::Done, &papers(1), None).await;
    assert_eq!(cannot(closed), Cannot::Closed, "the same request twice is done once");
    assert_eq!(labels(&site, &household, "registered_poor").await, 1);
    site.store.verify_journal().await.unwrap();
    let events = site.store.reader(&Scope::everything()).case_events(id).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.act == "object").count(), 1);
    assert!(events.iter().all(|event| event.actor.contains('(')), "every event says in which role");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_against_refuses_and_a_refusal_needs_words() {
    let site = open().await;
    let village = registry().await.village.clone();
    let subjects = households(&site, &village).await;
    let subjects: Vec<&Record> = subjects.iter().filter(|record| status(&site, record).is_none()).collect();
    let definition = procedure(&site, "household_identification");
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let mut at = now();
    let subject = Subject::Record(subjects[1].clone());
    let id = clerk.desk(at).open(&definition.id, &subject, Grounds::default()).await.unwrap();
    let mut case = again(&site, id).await;
    while definition.steps[case.step].kind != StepKind::Vote {
        case = proceed(&site, definition, &case, &mut at).await.unwrap();
    }
    let with = With { votes: Some(Votes { entitled: 30, present: 30, yes: 15 }), ..papers(1) };
    case = clerk.desk(at).act(id, case.version, Act::Vote, &with, None).await.unwrap();
    assert_eq!(case.state, CaseState::Refused, "half is no majority");
    assert_eq!(labels(&site, subjects[1], "registered_poor").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_that_change_meanwhile_are_submitted_again() {
    let site = open().await;
    let village = registry().await.village.clone();
    let subjects = households(&site, &village).await;
    let household = subjects.iter().filter(|record| status(&site, record).is_none()).nth(2).unwrap().clone();
    let definition = procedure(&site, "household_identification");
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let mut at = now();
    let subject = Subject::Record(household.clone());
    let id = clerk.desk(at).open(&definition.id, &subject, Grounds::default()).await.unwrap();
    let mut case = proceed(&site, definition, &again(&site, id).await, &mut at).await.unwrap();
    // An income is entered: what is attached to a household belongs to its facts.
    let income = site.pack.register("income").unwrap();
    let fields = &site.pack.registers[income.index()].fields;
    let wage = fields.iter().position(|field| field.id == "wage").unwrap() as u16;
    let attached = site.store.reader(&Scope::everything()).children(income, household.id).await.unwrap().remove(0);
    let mut change = site.store.change(&Scope::everything(), &Actor::console("test"), "test", at).await.unwrap();
    let values = [(wage, Some(Value::Integer(123_400)))];
    change.update(income, attached.id, attached.version, &values).await.unwrap();
    change.commit().await.unwrap();
    let stopped = proceed(&site, definition, &case, &mut at).await;
    assert_eq!(cannot(stopped), Cannot::Facts);
    let team = Person::named(&site, "resident_team", &village).await;
    case = team.desk(at).act(id, case.version, Act::Resubmit, &papers(0), None).await.unwrap();
    assert_eq!(case.step, 0, "from the first step");
    case = proceed(&site, definition, &case, &mut at).await.unwrap();
    assert_eq!(case.step, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_who_decide_at_once_wins() {
    let site = open().await;
    let village = registry().await.village.clone();
    let household = households(&site, &village).await.remove(6);
    let definition = procedure(&site, "household_identification");
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let helper = Person::named(&site, "helper", &village).await;
    let at = now();
    let subject = Subject::Record(household);
    let id = clerk.desk(at).open(&definition.id, &subject, Grounds::default()).await.unwrap();
    let papers = papers(2);
    let (clerk_desk, helper_desk) = (clerk.desk(at), helper.desk(at));
    let (one, two) =
        tokio::join!(clerk_desk.act(id, 1, Act::Done, &papers, None), helper_desk.act(id, 1, Act::Done, &papers, None));
    assert_eq!([&one, &two].iter().filter(|result| result.is_ok()).count(), 1, "{one:?} {two:?}");
    let lost = if one.is_ok() { two } else { one };
    assert!(matches!(lost, Err(NotDone::Store(StoreError::CaseMoved(_)))), "{lost:?}");
    assert_eq!(site.store.reader(&Scope::everything()).case_events(id).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_a_step_does_not_check_it() {
    let site = open().await;
    let village = registry().await.village.clone();
    let household = households(&site, &village).await.remove(5);
    let definition = procedure(&site, "household_split");
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let at = now();
    let id = clerk.desk(at).open(&definition.id, &Subject::Record(household), Grounds::default()).await.unwrap();
    let with = complete(&site, &clerk, id).await;
    let case = clerk.desk(at).act(id, 1, Act::Done, &with, None).await.unwrap();
    let checked = clerk.desk(at).act(id, case.version, Act::Done, &papers(0), None).await;
    assert_eq!(cannot(checked), Cannot::Same);
    let committee = Person::named(&site, "village_committee", &village).await;
    assert!(committee.desk(at).act(id, case.version, Act::Done, &papers(0), None).await.is_ok());
}

/// A subject for a procedure: a record, or a division that has records.
async fn subjects(site: &Site, procedure: &Procedure) -> Vec<Subject> {
    match procedure.subject {
        Entity::Register(register) => {
            // Not first in the village of other tests: some of what runs here takes records away from where they lie.
            let village = &registry().await.village;
            let query = ListQuery { limit: 200, ..ListQuery::default() };
            let page = site.store.reader(&Scope::everything()).list(register, &query).await.unwrap();
            let mut records = page.records;
            records.sort_by_key(|record| record.division == *village);
            records.into_iter().take(40).map(Subject::Record).collect()
        }
        Entity::Level(level) => {
            let digits = site.pack.levels[level.index()].digits;
            vec![Subject::Division(registry().await.village[..digits].to_owned())]
        }
    }
}

/// Runs a procedure on a subject to its end.
pub(crate) async fn run(site: &Site, procedure: &Procedure, subject: &Subject) -> Result<CaseFile, NotDone> {
    let mut at = now();
    let person = Person::new(site, actor_of(site, procedure, 0), subject.division(), "").await;
    let id = person.desk(at).open(&procedure.id, subject, Grounds::default()).await?;
    let mut case = again(site, id).await;
    while case.state == CaseState::Open {
        case = proceed(site, procedure, &case, &mut at).await?;
    }
    Ok(case)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_procedure_of_the_pack_runs_to_its_end() {
    let site = open().await;
    let mut failed = Vec::new();
    for procedure in &site.pack.procedures {
        let all = subjects(&site, procedure).await;
        let mut ended = Err("no subject".to_owned());
        for subject in &all {
            match run(&site, procedure, subject).await {
                Ok(case) if case.state == CaseState::Done => {
                    ended = Ok(());
                    break;
                }
                Ok(case) => ended = Err(format!("{:?} at {}", case.state, case.step)),
                // Of this one everything is so already, it has a case of another test, or nobody is left in it: another
                // one is taken.
                Err(NotDone::Nothing | NotDone::Entered(_) | NotDone::Store(StoreError::CaseMoved(_))) => {
                    ended = Err("would change nothing on any subject".to_owned());
                }
                Err(error) => {
                    ended = Err(error.to_string());
                    break;
                }
            }
        }
        if let Err(error) = ended {
            failed.push(format!("{}: {error}", procedure.id));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    site.store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_are_opened_decided_in_bulk_and_shown_on_pages() {
    let site = open().await;
    let village = registry().await.village.clone();
    let other = if village.starts_with("150421") { "150981" } else { "150421" };
    let role = |id: &str| site.pack.roles.iter().find(|role| role.id == id).unwrap();
    let clerk = session_at(&site, role("village_clerk"), &village).await;
    let officer = session_at(&site, role("township_officer"), &village[..9]).await;
    let outside = session_at(&site, role("banner_office"), other).await;
    let finance = session_at(&site, role("party_committee"), &village[..6]).await;
    let household = households(&site, &village).await.remove(1);
    let address = format!("~{}", household.id.0);
    let router = signed_in_as(site, clerk.clone());
    let post = async |address: &str, body: String, session: &str| {
        let request = Request::builder()
            .method("POST")
            .uri(address)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", format!("lang=en; session={session}"));
        send(&router, request.body(Body::from(body)).unwrap()).await
    };
    let file = get(&router, &format!("/registry/household/{address}"), "lang=en").await.text;
    assert!(file.contains("/cases/new?") && file.contains("Begin a procedure"));
    let ask = get(&router, &format!("/cases/new?procedure=entry_correction&subject={address}"), "lang=en").await;
    assert!(ask.text.contains("Open the case"), "{}", ask.text);
    let opened = post("/cases/new", format!("procedure=entry_correction&subject={address}"), &clerk).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.text);
    let case = opened.headers.get("location").unwrap().to_str().unwrap().to_owned();
    let id = case.rsplit('/').next().unwrap();
    for language in ["en", "zh"] {
        let page = get(&router, &case, &format!("lang={language}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(page.text.contains("name=\"paper1\"") && page.text.contains(&format!("#{id}")));
    }
    // A bureau that sees no household sees no case of one, and is not told that there are any.
    let blind = get(&router, &case, &format!("lang=en; session={finance}")).await;
    assert_eq!(blind.status, StatusCode::NOT_FOUND);
    let none = get(&router, "/work?list=open", &format!("lang=en; session={finance}")).await.text;
    assert!(!none.contains(&format!("/cases/{id}\"")), "{none}");
    // Out of scope it is not there.
    let beyond = get(&router, &case, &format!("lang=en; session={outside}")).await;
    assert_eq!(beyond.status, StatusCode::NOT_FOUND);
    // Without papers: said, and what was typed stays.
    let bare = post(&case, "act=done&version=1&note=kept&paper0=12".to_owned(), &clerk).await;
    assert_eq!(bare.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        bare.text.contains("every paper") && bare.text.contains("value=\"kept\"") && bare.text.contains("value=\"12\"")
    );
    let mine = get(&router, "/work", "lang=en").await.text;
    assert!(mine.contains(&format!("value=\"{id}:1\"")), "{mine}");
    let bulk = post("/work", format!("case={id}:1&act=done&papers=box+7"), &clerk).await;
    assert_eq!(bulk.status, StatusCode::OK);
    assert!(bulk.text.contains("done") && !bulk.text.contains(&format!("value=\"{id}:1\"")), "{}", bulk.text);
    let late = post(&case, "act=done&version=1&paper0=1&paper1=2".to_owned(), &clerk).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text.contains("meanwhile"));
    // Now it waits for the township, and no longer for the village.
    let theirs = get(&router, "/work", &format!("lang=en; session={officer}")).await.text;
    assert!(theirs.contains(&format!("value=\"{id}:2\"")));
    assert!(!get(&router, "/work", "lang=en").await.text.contains(&format!("value=\"{id}:")));
    let proposals = get(&router, "/proposals", "lang=en").await;
    assert_eq!(proposals.status, StatusCode::OK);
    let wrong = post(&case, "act=done&version=2".to_owned(), &clerk).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN, "the clerk does not act for the township");
}
