//! What is entered on the way of a case, and files that are split, joined, moved, and get another head.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bangfu_policy::model::Value;
use bangfu_registry::casework::acts::NotDone;
use bangfu_registry::casework::flow::Act;
use bangfu_registry::casework::proposal::{Grounds, Subject};
use bangfu_registry::store::{CaseFile, CaseQuery, CaseState, Record, RecordId, Scope};
use bangfu_server::site::Site;

use super::cases::{Person, again, another_village, code, households, labels, papers, procedure, proceed, run};
use super::fixture::{get, now, open, send, session_at, signed_in_as};

async fn people(site: &Site, household: RecordId) -> Vec<Record> {
    let person = site.pack.register("person").unwrap();
    site.store.reader(&Scope::everything()).children(person, household).await.unwrap()
}

fn value<'r>(site: &Site, record: &'r Record, field: &str) -> Option<&'r Value> {
    let fields = &site.pack.registers[record.register.index()].fields;
    record.values[fields.iter().position(|known| known.id == field).unwrap()].as_ref()
}

fn text(site: &Site, record: &Record, field: &str) -> String {
    match value(site, record, field) {
        Some(Value::Text(text)) => text.clone(),
        other => panic!("{field}: {other:?}"),
    }
}

async fn household(site: &Site, id: RecordId) -> Record {
    let register = site.pack.register("household").unwrap();
    site.store.reader(&Scope::everything()).by_id(register, id).await.unwrap().unwrap()
}

/// Goes on with a case to its end, with these entries in the first step.
async fn to_the_end(site: &Site, id: &str, subject: &Record, entered: &[(&str, String)]) -> Result<CaseFile, NotDone> {
    let procedure = procedure(site, id);
    let clerk = Person::named(site, "village_clerk", &subject.division).await;
    let mut at = now();
    let case = clerk.desk(at).open(id, &Subject::Record(subject.clone()), Grounds::default()).await?;
    let mut with = papers(procedure.steps[0].evidence.len());
    with.entered = entered.iter().map(|(key, text)| ((*key).to_owned(), text.clone())).collect();
    let mut case = clerk.desk(at).act(case, 1, Act::Done, &with, None).await?;
    while case.state == CaseState::Open {
        case = proceed(site, procedure, &case, &mut at).await?;
    }
    Ok(case)
}

/// The case of a procedure about a household.
async fn waiting(site: &Site, household: &Record, procedure: &str) -> CaseFile {
    let subject = Some(("household".to_owned(), Some(household.id.0)));
    let query = CaseQuery { subject, procedure: procedure.to_owned(), limit: 1, ..CaseQuery::default() };
    site.store.reader(&Scope::everything()).cases(&query).await.unwrap().0.remove(0)
}

/// Households of a village of which others leave alone those with at least so many members.
async fn with_members(site: &Site, all: &[Record], least: usize) -> Record {
    for record in all {
        if people(site, record.id).await.len() >= least {
            return record.clone();
        }
    }
    panic!("no household has {least} members");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_household_is_split_and_joined_again() {
    let site = open().await;
    let (village, all) = another_village(&site).await;
    let old = with_members(&site, &all, 3).await;
    let members = people(&site, old.id).await;
    let (leaves, stays) = members.split_last().unwrap();
    let registered = labels(&site, &old, "registered_poor").await;
    let wrong = to_the_end(&site, "household_split", &old, &[("person", "1,x".to_owned())]).await;
    let Err(NotDone::Entered(wrong)) = wrong else { panic!("{wrong:?}") };
    assert_eq!(wrong.iter().map(|wrong| wrong.field.as_str()).collect::<Vec<_>>(), ["person", "new.head_name"]);
    // The case that was opened waits at its first step.
    let open_case = waiting(&site, &old, "household_split").await;
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let with = || {
        let mut with = papers(2);
        with.entered.insert("person".to_owned(), leaves.id.0.to_string());
        with.entered.insert("new.head_name".to_owned(), "塔娜".to_owned());
        with
    };
    let mut at = now();
    let mut case = clerk.desk(at).act(open_case.id, 1, Act::Done, &with(), None).await.unwrap();
    while case.state == CaseState::Open {
        case = proceed(&site, procedure(&site, "household_split"), &case, &mut at).await.unwrap();
    }
    assert_eq!(people(&site, old.id).await.len(), stays.len());
    let new = households(&site, &village)
        .await
        .into_iter()
        .find(|one| text(&site, one, "household_no") == format!("T{}", case.id));
    let new = new.expect("the new household has the number that was entered when it was decided");
    assert_eq!(text(&site, &new, "head_name"), "塔娜");
    assert_eq!(value(&site, &new, "poverty_status"), value(&site, &old, "poverty_status"));
    assert_eq!(labels(&site, &new, "registered_poor").await, registered);
    let moved = people(&site, new.id).await;
    assert_eq!((moved.len(), moved[0].id, &moved[0].values), (1, leaves.id, &leaves.values));

    // And back: nobody is left in it, and it is closed.
    let address = format!("~{}", old.id.0);
    to_the_end(&site, "household_merge", &new, &[("to", address)]).await.unwrap();
    assert!(people(&site, new.id).await.is_empty());
    assert_eq!(people(&site, old.id).await.len(), members.len());
    assert_eq!(value(&site, &household(&site, new.id).await, "cleared_out"), Some(&Value::Boolean(true)));
    site.store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_household_moves_with_everything_that_belongs_to_it() {
    let site = open().await;
    let (village, all) = another_village(&site).await;
    let old = with_members(&site, &all[2..], 2).await;
    let known = site.store.reader(&Scope::everything()).divisions().await.unwrap();
    // To another banner.
    let far = |code: &&String| code.len() == village.len() && code[..6] != village[..6];
    let to = known.iter().map(|division| &division.code).find(far).unwrap().clone();
    for (wrong, words) in [("15", "no such"), (village.as_str(), "already")] {
        let mut with = papers(2);
        with.language = "en";
        with.entered.insert("to".to_owned(), wrong.to_owned());
        let clerk = Person::named(&site, "village_clerk", &village).await;
        let id = clerk.desk(now()).open("household_move", &Subject::Record(old.clone()), Grounds::default()).await;
        let id = id.or_else(|error| match error {
            NotDone::Store(bangfu_registry::store::StoreError::CaseMoved(id)) => Ok(id),
            error => Err(error),
        });
        let refused = clerk.desk(now()).act(id.unwrap(), 1, Act::Done, &with, None).await.unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
    let reader = site.store.reader(&Scope::everything());
    let id = waiting(&site, &old, "household_move").await.id;
    // Another case about it goes along.
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let subject = Subject::Record(old.clone());
    let other = clerk.desk(now()).open("entry_correction", &subject, Grounds::default()).await.unwrap();
    let mut with = papers(2);
    with.entered.insert("to".to_owned(), to.clone());
    let mut at = now();
    let mut case = clerk.desk(at).act(id, 1, Act::Done, &with, None).await.unwrap();
    while case.state == CaseState::Open {
        case = proceed(&site, procedure(&site, "household_move"), &case, &mut at).await.unwrap();
    }
    assert_eq!(household(&site, old.id).await.division, to);
    let members = people(&site, old.id).await;
    assert!(members.len() > 1 && members.iter().all(|member| member.division == to));
    // What belongs to its members too.
    let work = site.pack.register("work").unwrap();
    for member in &members {
        let below = reader.children(work, member.id).await.unwrap();
        assert!(below.iter().all(|one| one.division == to));
    }
    assert_eq!((again(&site, other).await.division, again(&site, id).await.division), (to.clone(), to.clone()));
    assert!(households(&site, &to).await.iter().any(|one| one.id == old.id));
    assert!(households(&site, &village).await.iter().all(|one| one.id != old.id));
    // Both places are told.
    for place in [&to, &village] {
        let told = site.store.reader(&Scope::division(place)).told(old.register, old.id).await.unwrap();
        assert!(told.iter().any(|entry| entry.action == "move" && entry.body.contains(&to)), "{place}: {told:?}");
    }
    site.store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_one_becomes_the_head() {
    let site = open().await;
    let (_, all) = another_village(&site).await;
    let old = with_members(&site, &all[4..], 2).await;
    let members = people(&site, old.id).await;
    let is_head = code(&site, site.pack.register("person").unwrap(), "relation", "01");
    let head = |people: &[Record]| {
        let heads = people.iter().filter(|one| value(&site, one, "relation") == is_head.as_ref());
        heads.map(|one| one.id).collect::<Vec<_>>()
    };
    let next = members.iter().find(|one| !head(&members).contains(&one.id)).unwrap();
    let entered = [
        ("person", next.id.0.to_string()),
        ("household.head_name", text(&site, next, "name")),
        ("person.relation", "02".to_owned()),
    ];
    to_the_end(&site, "head_change", &old, &entered).await.unwrap();
    assert_eq!(text(&site, &household(&site, old.id).await, "head_name"), text(&site, next, "name"));
    assert_eq!(head(&people(&site, old.id).await), [next.id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_entered_stands_on_the_page_and_is_what_is_applied() {
    let site = open().await;
    let (village, all) = another_village(&site).await;
    let old = all[all.len() - 2].clone();
    let correction = procedure(&site, "entry_correction");
    let mut at = now();
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let id = clerk.desk(at).open("entry_correction", &Subject::Record(old.clone()), Grounds::default()).await.unwrap();
    for _ in 0..2 {
        proceed(&site, correction, &again(&site, id).await, &mut at).await.unwrap();
    }
    let role = |id: &str| site.pack.roles.iter().find(|role| role.id == id).unwrap();
    let office = session_at(&site, role("banner_office"), &village[..6]).await;
    let store = site.store.clone();
    let router = signed_in_as(open().await, office.clone());
    let page = get(&router, &format!("/cases/{id}"), "lang=en").await;
    assert!(page.text.contains("name=\"v.household.group_name\"") && page.text.contains("Now: "), "{}", page.text);
    let post = async |body: &str| {
        let request = Request::builder()
            .method("POST")
            .uri(format!("/cases/{id}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", format!("lang=en; session={office}"));
        send(&router, request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let version = again(&site, id).await.version;
    let bad = format!("act=done&version={version}&v.household.group_name=West&v.household.registered_since=soon");
    let bad = post(&bad).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    // What was typed stays, and what is wrong stands beside it.
    assert!(bad.text.contains("value=\"West\"") && bad.text.contains("aria-invalid"), "{}", bad.text);
    let good = post(&format!("act=done&version={version}&v.household.group_name=West")).await;
    assert_eq!(good.status, StatusCode::SEE_OTHER, "{}", good.text);
    let shown = get(&router, &format!("/cases/{id}"), "lang=en").await.text;
    assert!(shown.contains("<strong>West</strong>"), "{shown}");
    let before = store.reader(&Scope::everything()).by_id(old.register, old.id).await.unwrap().unwrap();
    assert_ne!(value(&site, &before, "group_name"), Some(&Value::Text("West".to_owned())), "not before it is reviewed");
    proceed(&site, correction, &again(&site, id).await, &mut at).await.unwrap();
    let after = household(&site, old.id).await;
    assert_eq!(text(&site, &after, "group_name"), "West");
    let others = |record: &Record| record.values.iter().filter(|value| value.is_some()).count();
    assert!(others(&before) <= others(&after), "what is left empty stays as it is");
}

/// A register with one record for the subject gets it, and the same one is changed the next time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_there_is_one_of_is_made_once() {
    let site = open().await;
    let (_, all) = another_village(&site).await;
    let member = people(&site, with_members(&site, &all[1..], 1).await.id).await.remove(0);
    let work = site.pack.register("work").unwrap();
    let travel = procedure(&site, "travel_subsidy_application");
    run(&site, travel, &Subject::Record(member.clone())).await.unwrap();
    let reader = site.store.reader(&Scope::everything());
    let there = reader.children(work, member.id).await.unwrap();
    assert_eq!((there.len(), value(&site, &there[0], "travel_subsidy")), (1, Some(&Value::Integer(100))));
    let again = run(&site, travel, &Subject::Record(member.clone())).await;
    assert!(matches!(again, Err(NotDone::Nothing)), "{again:?}");
    assert_eq!(reader.children(work, member.id).await.unwrap().len(), 1);
}
