//! What a step does to the registry while its case goes on: help first, papers later; stages that follow the work.

use bangfu_policy::model::{DAY, Value};
use bangfu_registry::casework::flow::Act;
use bangfu_registry::casework::proposal::{Grounds, Proposal, Subject};
use bangfu_registry::casework::public::{Board, notice_of};
use bangfu_registry::store::{CaseFile, CaseState, ListQuery, Record, Scope};
use bangfu_registry::views::figures::Language;
use bangfu_server::site::Site;

use super::cases::{Person, again, another_village, code, complete, papers, procedure, proceed};
use super::fixture::{everything, get, now, open, session_at, signed_in_as};

fn value(site: &Site, record: &Record, field: &str) -> Option<Value> {
    let fields = &site.pack.registers[record.register.index()].fields;
    record.values[fields.iter().position(|known| known.id == field).unwrap()].clone()
}

fn day(site: &Site, at: i64) -> Value {
    Value::Integer(site.pack.calendar.day(at))
}

async fn read(site: &Site, record: &Record) -> Record {
    let reader = site.store.reader(&Scope::everything());
    reader.by_id(record.register, record.id).await.unwrap().unwrap()
}

/// A case of a procedure about a record, opened by a holder of a role.
async fn opened(site: &Site, role: &str, id: &str, subject: &Record, at: i64) -> CaseFile {
    let person = Person::named(site, role, &subject.division).await;
    let id = person.desk(at).open(id, &Subject::Record(subject.clone()), Grounds::default()).await.unwrap();
    again(site, id).await
}

/// The last records of a register: others take the first.
async fn last(site: &Site, register: &str) -> Vec<Record> {
    let register = site.pack.register(register).unwrap();
    let query = ListQuery { limit: 10_000, ..ListQuery::default() };
    let mut all = site.store.reader(&Scope::everything()).list(register, &query).await.unwrap().records;
    all.reverse();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relief_is_given_before_it_is_decided() {
    let site = open().await;
    let (village, all) = another_village(&site).await;
    let household = all[all.len() - 4].clone();
    let relief = site.pack.register("temporary_relief").unwrap();
    let register = &site.pack.registers[relief.index()];
    let key = usize::from(register.key.unwrap());
    let own = async |id: i64| {
        let reader = site.store.reader(&Scope::everything());
        let mut all = reader.children(relief, household.id).await.unwrap();
        all.retain(|one| matches!(&one.values[key], Some(Value::Text(text)) if text.ends_with(&format!("C{id}"))));
        all
    };
    let procedure = procedure(&site, "temporary_relief_case");
    let mut at = now();
    let clerk = Person::named(&site, "village_aid_clerk", &village).await;
    let case = opened(&site, "village_aid_clerk", "temporary_relief_case", &household, at).await;
    // The step asks for what the record needs; without it nothing is done.
    let nothing = clerk.desk(at).act(case.id, case.version, Act::Done, &papers(1), None).await;
    assert!(nothing.is_err() && own(case.id).await.is_empty());
    let mut with = papers(1);
    let reported = bangfu_policy::value::format_date(site.pack.calendar.day(at));
    with.entered = [
        ("temporary_relief.kind", "emergency"),
        ("temporary_relief.cause", "illness"),
        ("temporary_relief.reported_on", reported.as_str()),
    ]
    .map(|(key, text)| (key.to_owned(), text.to_owned()))
    .into();
    let case = clerk.desk(at).act(case.id, case.version, Act::Done, &with, None).await.unwrap();
    assert!(own(case.id).await.is_empty(), "a report is no relief");
    let begun = Some(day(&site, at));

    // Help first: the receipt is in the registry on its day, and nobody decided yet.
    at += DAY;
    let township = Person::named(&site, "township_civil_affairs", &village[..9]).await;
    let mut with = papers(1);
    with.entered = [("temporary_relief.persons", "2"), ("temporary_relief.amount", "850.50")]
        .map(|(key, text)| (key.to_owned(), text.to_owned()))
        .into();
    let case = township.desk(at).act(case.id, case.version, Act::Done, &with, None).await.unwrap();
    let paid = own(case.id).await;
    assert_eq!((paid.len(), case.state), (1, CaseState::Open));
    assert_eq!(value(&site, &paid[0], "kind"), code(&site, relief, "kind", "emergency"));
    assert_eq!(value(&site, &paid[0], "reported_on"), begun);
    assert_eq!(value(&site, &paid[0], "amount"), Some(Value::Integer(85_050)));
    assert_eq!((value(&site, &paid[0], "paid_on"), value(&site, &paid[0], "decided_on")), (Some(day(&site, at)), None));
    let relieved = at;
    // Who neither reads the register nor takes part sees that something was entered, and not what.
    let shown = async |role: &str, digits: usize| {
        let role = site.pack.roles.iter().find(|known| known.id == role).unwrap();
        let session = session_at(&site, role, &village[..digits]).await;
        let router = signed_in_as(open().await, session);
        get(&router, &format!("/cases/{}", case.id), "lang=en").await.text
    };
    let (bureau, aid) = (shown("sector_education", 6).await, shown("village_aid_clerk", 12).await);
    assert!(bureau.contains("your role does not read it") && !bureau.contains("850.50"), "{bureau}");
    assert!(aid.contains("850.50") && aid.contains("the registry changes at once"), "{aid}");

    // Papers later; sent back they are brought again, and the record stays one.
    let case = proceed(&site, procedure, &case, &mut at).await.unwrap();
    let check = Person::new(
        &site,
        site.pack.roles.iter().find(|r| r.id == "township_civil_affairs").unwrap(),
        &case.division,
        ".x",
    );
    let check = check.await;
    let with = bangfu_registry::casework::flow::With { note: "no proof".to_owned(), ..Default::default() };
    let case = check.desk(at).act(case.id, case.version, Act::Back, &with, None).await.unwrap();
    let mut case = proceed(&site, procedure, &case, &mut at).await.unwrap();
    let papers_on = Some(day(&site, at));
    while case.state == CaseState::Open {
        case = proceed(&site, procedure, &case, &mut at).await.unwrap();
    }
    let done = own(case.id).await;
    assert_eq!((done.len(), value(&site, &done[0], "paid_on")), (1, Some(day(&site, relieved))));
    assert_eq!(
        (value(&site, &done[0], "papers_on"), value(&site, &done[0], "decided_on").is_some()),
        (papers_on, true)
    );
    site.store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stages_of_the_subject_follow_the_steps_and_the_case_goes_on() {
    let site = open().await;
    let procedure = procedure(&site, "hard_case_response");
    let all = last(&site, "hard_case").await;
    let closed = code(&site, all[0].register, "stage", "closed");
    let subject = all.into_iter().find(|one| value(&site, one, "stage") != closed).unwrap();
    let mut at = now();
    let mut case = opened(&site, "child_director", "hard_case_response", &subject, at).await;
    let expected = [None, Some("reported"), Some("emergency"), Some("emergency"), Some("intervention")];
    for stage in expected {
        case = proceed(&site, procedure, &case, &mut at).await.unwrap();
        let now = read(&site, &subject).await;
        if let Some(stage) = stage {
            assert_eq!(value(&site, &now, "stage"), code(&site, subject.register, "stage", stage));
            // The case knows what it did itself: it is not asked to be submitted again.
            let frozen: Proposal = serde_json::from_str(&again(&site, case.id).await.proposal).unwrap();
            assert_eq!((frozen.version, &frozen.facts["stage"]), (now.version, &serde_json::json!(stage)));
        }
    }
    let shown = read(&site, &subject).await;
    assert_eq!(value(&site, &shown, "intervened_on"), Some(day(&site, at)));

    // What somebody else changes meanwhile is another matter.
    let at_field =
        site.pack.registers[subject.register.index()].fields.iter().position(|f| f.id == "reported_on").unwrap();
    let actor = bangfu_registry::store::change::Actor::console("test");
    let mut change = site.store.change(&Scope::everything(), &actor, "mended", at).await.unwrap();
    let values = [(at_field as u16, Some(day(&site, at)))];
    change.update(subject.register, subject.id, shown.version, &values).await.unwrap();
    change.commit().await.unwrap();
    let person = Person::named(&site, "child_supervisor", &case.division).await;
    let with = complete(&site, &person, case.id).await;
    let stopped = person.desk(at).act(case.id, case.version, Act::Done, &with, None).await;
    assert_eq!(super::cases::cannot(stopped), bangfu_registry::casework::flow::Cannot::Facts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_leaves_its_days_in_the_registry() {
    let site = open().await;
    let procedure = procedure(&site, "project_storing");
    let subject = last(&site, "project").await.remove(0);
    let mut at = now();
    let mut case = opened(&site, "village_committee", "project_storing", &subject, at).await;
    let notice = procedure.steps.iter().position(|step| step.id == "notice").unwrap();
    while case.step < notice {
        case = proceed(&site, procedure, &case, &mut at).await.unwrap();
    }
    case = proceed(&site, procedure, &case, &mut at).await.unwrap();
    let posted = Some(day(&site, at));
    case = proceed(&site, procedure, &case, &mut at).await.unwrap();
    let now = read(&site, &subject).await;
    assert_eq!((value(&site, &now, "notice_from"), value(&site, &now, "notice_to")), (posted, Some(day(&site, at))));
    assert!(case.step > notice);

    // The page of the procedure says so.
    let office = site.pack.roles.iter().find(|role| role.id == "banner_office").unwrap();
    let session = session_at(&site, office, &subject.division[..6]).await;
    let router = signed_in_as(site, session);
    let page = get(&router, "/policy/procedure/project_storing", "lang=en").await.text;
    assert!(page.contains("the day when the notice went up"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_names_what_was_entered_in_the_case() {
    let site = open().await;
    let procedure = procedure(&site, "dividend_notice");
    let subject = last(&site, "project_asset").await.remove(0);
    let mut at = now();
    let case = opened(&site, "village_committee", "dividend_notice", &subject, at).await;
    let committee = Person::named(&site, "village_committee", &case.division).await;
    let mut with = complete(&site, &committee, case.id).await;
    with.entered.insert("asset_year.income".to_owned(), "88123.45".to_owned());
    let mut case = committee.desk(at).act(case.id, case.version, Act::Done, &with, None).await.unwrap();
    while case.posted.is_none() {
        case = proceed(&site, procedure, &case, &mut at).await.unwrap();
    }
    let notice = notice_of(&site.pack, procedure, &case).unwrap();
    let facts = everything(&site);
    let board = Board { facts: &facts, places: &site.places, now: at, language: Language::ENGLISH };
    let posted = board.one(&notice).await.unwrap().unwrap();
    let column = posted.columns.iter().position(|title| title.starts_with("Income")).unwrap();
    assert!(posted.rows.iter().any(|row| row[column] == "88,123.45"), "{posted:?}");
    assert!(posted.rows.iter().all(|row| row.len() == posted.columns.len()));
}
