//! What is overdue goes up, and somebody above acts on it; nothing happens by itself.

use bangfu_policy::model::{DAY, Procedure};
use bangfu_registry::casework::flow::{Act, Cannot, With};
use bangfu_registry::casework::proposal::{Grounds, Subject};
use bangfu_registry::store::{CaseFile, CaseState, Record, Scope};
use bangfu_server::site::Site;

use super::cases::{Person, another_village, cannot, papers, procedure, proceed};
use super::fixture::{get, now, open, session_at, signed_in_as};

/// A case at its second step, which was due long ago, and when it was due.
async fn overdue(site: &Site, definition: &Procedure, household: Record, at: i64) -> (CaseFile, i64) {
    let clerk = Person::named(site, "village_clerk", &household.division).await;
    let id = clerk.desk(at).open(&definition.id, &Subject::Record(household), Grounds::default()).await.unwrap();
    let case = clerk.desk(at).act(id, 1, Act::Done, &papers(2), None).await.unwrap();
    let due = case.due.unwrap();
    (case, due)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overdue_step_goes_up_and_is_taken_over_by_somebody() {
    let site = open().await;
    let (village, mut subjects) = another_village(&site).await;
    let household = subjects.remove(4);
    let definition = procedure(&site, "household_identification");
    let mut at = now();
    let (case, due) = overdue(&site, definition, household, at).await;
    let officer = Person::named(&site, "township_officer", &village).await;
    let league = Person::named(&site, "league_office", &village).await;
    let act = async |person: &Person, case: &CaseFile, act, at| {
        person.desk(at).act(case.id, case.version, act, &papers(1), None).await
    };
    // Three days after the one on which it was due it is up to the township, not an hour before.
    assert_eq!(cannot(act(&officer, &case, Act::Done, due + 3 * DAY - 1).await), Cannot::Role);
    assert_eq!(cannot(act(&league, &case, Act::Urge, due + 9 * DAY).await), Cannot::Role);
    // The league asks for it to be done, in words, and does not do it.
    assert_eq!(cannot(act(&league, &case, Act::Done, due + 10 * DAY).await), Cannot::Act);
    let silent = league.desk(due + 10 * DAY).act(case.id, case.version, Act::Urge, &With::default(), None).await;
    assert_eq!(cannot(silent), Cannot::Note);
    let case = act(&league, &case, Act::Urge, due + 10 * DAY).await.unwrap();
    assert_eq!((case.step, case.state, case.due), (1, CaseState::Open, Some(due)), "urging moves nothing");
    at = due + 11 * DAY;
    let mut case = act(&officer, &case, Act::Done, at).await.unwrap();
    assert_eq!(case.step, 2);
    let events = site.store.reader(&Scope::everything()).case_events(case.id).await.unwrap();
    assert!(events.last().unwrap().body.contains("\"taken_over\":true"), "{events:?}");
    assert!(!events[0].body.contains("taken_over"));
    // A meeting is not voted for by anybody above, and who took a step over does not check it.
    assert_eq!(cannot(act(&officer, &case, Act::Vote, at + 99 * DAY).await), Cannot::Role, "a vote without a deadline");
    while definition.steps[case.step].id != "check" {
        case = proceed(&site, definition, &case, &mut at).await.unwrap();
    }
    assert_eq!(cannot(act(&officer, &case, Act::Done, at).await), Cannot::Same);
    assert!(proceed(&site, definition, &case, &mut at).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_up_is_on_the_list_of_those_above() {
    let site = open().await;
    let (village, mut subjects) = another_village(&site).await;
    let household = subjects.remove(5);
    let role = |id: &str| site.pack.roles.iter().find(|role| role.id == id).unwrap();
    let banner = session_at(&site, role("banner_office"), &village[..6]).await;
    let team = session_at(&site, role("resident_team"), &village).await;
    let definition = procedure(&site, "household_identification");
    let (case, _) = overdue(&site, definition, household, now() - 18 * DAY).await;
    let router = signed_in_as(site, banner);
    let link = format!("/cases/{}\"", case.id);
    let list = get(&router, "/work?list=escalated", "lang=en").await.text;
    assert!(list.contains(&link) && list.contains("gone up to Banner poverty office"), "{list}");
    let page = get(&router, &format!("/cases/{}", case.id), "lang=en").await.text;
    assert!(page.contains("gone up to Township poverty officer") && page.contains("value=\"urge\""), "{page}");
    assert!(page.contains("value=\"done\"") && page.contains("in place of Resident team"), "{page}");
    let theirs = get(&router, "/work?list=escalated", &format!("lang=en; session={team}")).await.text;
    assert!(!theirs.contains(&link));
    assert!(get(&router, "/work?list=overdue", &format!("lang=en; session={team}")).await.text.contains(&link));
}
