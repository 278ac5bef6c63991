//! Who is away, who acts for them, and what a deputy may not do.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bangfu_policy::model::{DAY, Role};
use bangfu_registry::access::deputies::{self, NotTaken, Said};
use bangfu_registry::access::{Who, sign_in};
use bangfu_registry::casework::flow::{Act, Cannot};
use bangfu_registry::casework::proposal::{Grounds, Subject};
use bangfu_registry::store::{Actor, Held, Scope};
use bangfu_registry::views::figures::iso_day;
use bangfu_server::site::Site;

use super::cases::{Person, cannot, complete, households, papers, procedure};
use super::fixture::{get, now, open, registry, send, session_as, signed_in_as};

/// Somebody with a session, in a role at a division.
struct Official {
    session: String,
    who: Who,
    held: Held,
}

async fn official(site: &Site, role: &str, division: &str, person: &str) -> Official {
    let role: &Role = site.pack.roles.iter().find(|known| known.id == role).unwrap();
    let own = &division[..site.pack.levels[role.level.index()].digits];
    let session = session_as(site, role, own, person).await;
    let who = sign_in::who(&site.store, &session, false, now()).await.unwrap();
    let held = site.store.held(Some(who.account)).await.unwrap().remove(0);
    Official { session, who, held }
}

async fn say(site: &Site, away: &Official, deputy: &str, (first, last): (i64, i64)) -> Result<(), NotTaken> {
    let today = site.pack.calendar.day(now());
    let (login, held) = (away.who.login.as_str(), &away.held);
    let said = Said { login, held, deputy, first: today + first, last: today + last };
    deputies::say(&site.store, &Actor::console("test"), &said, now()).await
}

/// A person who acts in the role of somebody else.
async fn as_deputy(site: &Site, deputy: &Official, away: &Official) -> Person {
    site.store.act_as(&deputy.who.session, away.held.id).await.unwrap();
    let who = sign_in::who(&site.store, &deputy.session, false, now()).await.unwrap();
    Person { facts: site.facts(&who.scope), who }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deputy_acts_under_both_names_and_is_barred_by_both() {
    let site = open().await;
    let village = registry().await.village.clone();
    let mut subjects = households(&site, &village).await;
    let (one, other) = (subjects.remove(2), subjects.remove(2));
    let split = procedure(&site, "household_split");
    let clerk = official(&site, "village_clerk", &village, ".away").await;
    let officer = official(&site, "township_officer", &village, ".deputy").await;
    assert!(officer.who.posts.len() == 1);
    say(&site, &clerk, &officer.who.login, (0, 3)).await.unwrap();
    let deputy = as_deputy(&site, &officer, &clerk).await;
    assert_eq!(deputy.who.scope.division, village, "what is seen ends where the clerk's does");
    let at = now();
    // What the deputy did for the clerk, neither of them checks.
    let id = deputy.desk(at).open(&split.id, &Subject::Record(one), Grounds::default()).await.unwrap();
    let case = deputy.desk(at).act(id, 1, Act::Done, &complete(&site, &deputy, id).await, None).await.unwrap();
    let event = site.store.reader(&Scope::everything()).case_events(id).await.unwrap().remove(0);
    let name = format!("{} for {} (village_clerk {village})", officer.who.login, clerk.who.login);
    assert_eq!((event.actor, event.account), (name, officer.who.account));
    let check = async |person: &Person, case: &bangfu_registry::store::CaseFile| {
        person.desk(at).act(case.id, case.version, Act::Done, &papers(0), None).await
    };
    let facts = site.facts(&clerk.who.scope);
    let clerk_itself = Person { who: clerk.who.clone(), facts };
    assert_eq!(cannot(check(&clerk_itself, &case).await), Cannot::Same);
    assert_eq!(cannot(check(&deputy, &case).await), Cannot::Same);
    // What the clerk did, the deputy does not check for them either.
    let id = clerk_itself.desk(at).open(&split.id, &Subject::Record(other), Grounds::default()).await.unwrap();
    let case =
        clerk_itself.desk(at).act(id, 1, Act::Done, &complete(&site, &clerk_itself, id).await, None).await.unwrap();
    assert_eq!(cannot(check(&deputy, &case).await), Cannot::Same);
    let committee = Person::named(&site, "village_committee", &village).await;
    assert!(check(&committee, &case).await.is_ok());
    // It ends by itself after the last day.
    let today = site.pack.calendar.day(at);
    assert_eq!(site.store.absences(Some(officer.who.account), today + 3).await.unwrap().len(), 1);
    assert!(site.store.absences(Some(officer.who.account), today + 4).await.unwrap().is_empty());
    // Ended early by the deputy, the role is gone at once.
    let absence = site.store.absences(Some(officer.who.account), today).await.unwrap().remove(0);
    deputies::end(&site.store, &Actor::console("test"), officer.who.account, absence.id, at).await.unwrap();
    let again = sign_in::who(&site.store, &officer.session, false, now()).await.unwrap();
    assert!(again.principal().is_none() && again.posts.len() == 1);
    assert!(deputies::end(&site.store, &Actor::console("test"), officer.who.account, absence.id, at).await.is_err());
    site.store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_everybody_may_act_for_somebody() {
    let site = open().await;
    let village = registry().await.village.clone();
    let other = if village.starts_with("150421") { "150981100200" } else { "150421100200" };
    let clerk = official(&site, "village_clerk", &village, ".lone").await;
    let far = official(&site, "village_clerk", other, ".far").await;
    let office = official(&site, "banner_office", &village, ".lone").await;
    let approver = official(&site, "banner_approver", &village, ".lone").await;
    let admin = official(&site, "system_admin", &village, ".lone").await;
    let region = official(&site, "region_office", &village, ".lone").await;
    let login = |official: &Official| official.who.login.clone();
    assert!(matches!(say(&site, &clerk, &login(&far), (0, 1)).await, Err(NotTaken::Below)));
    assert!(matches!(say(&site, &office, &login(&clerk), (0, 1)).await, Err(NotTaken::Below)));
    assert!(matches!(say(&site, &approver, &login(&office), (0, 1)).await, Err(NotTaken::Apart(_))));
    assert!(matches!(say(&site, &admin, &login(&region), (0, 1)).await, Err(NotTaken::Person)));
    assert!(matches!(say(&site, &clerk, &login(&clerk), (0, 1)).await, Err(NotTaken::Nobody)));
    assert!(matches!(say(&site, &clerk, "nobody.at.all", (0, 1)).await, Err(NotTaken::Nobody)));
    for days in [(2, 1), (-3, -1), (0, 366)] {
        assert!(matches!(say(&site, &clerk, "", days).await, Err(NotTaken::Days)), "{days:?}");
    }
    say(&site, &clerk, &login(&region), (2, 5)).await.unwrap();
    assert!(matches!(say(&site, &clerk, "", (5, 9)).await, Err(NotTaken::Overlap)));
    say(&site, &clerk, "", (6, 9)).await.unwrap();
    // For two whose roles are kept apart nobody acts on the same days.
    say(&site, &office, &login(&region), (20, 21)).await.unwrap();
    assert!(matches!(say(&site, &approver, &login(&region), (21, 22)).await, Err(NotTaken::Apart(_))));
    say(&site, &approver, &login(&region), (22, 23)).await.unwrap();
    // It has not begun: nobody acts for anybody yet.
    let who = sign_in::who(&site.store, &region.session, false, now()).await.unwrap();
    assert_eq!(who.posts.len(), 1);
    let who = sign_in::who(&site.store, &region.session, false, now() + 2 * DAY).await.unwrap();
    assert!(!who.is_somebody() || who.posts.len() == 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absences_are_said_on_the_own_account_and_shown_on_the_case() {
    let site = open().await;
    let village = registry().await.village.clone();
    let household = households(&site, &village).await.remove(4);
    let clerk = official(&site, "village_clerk", &village, ".page").await;
    let secretary = official(&site, "first_secretary", &village, ".page").await;
    let desk = Person { facts: site.facts(&clerk.who.scope), who: clerk.who.clone() };
    let split = procedure(&site, "household_split");
    let case = desk.desk(now()).open(&split.id, &Subject::Record(household), Grounds::default()).await.unwrap();
    let today = site.pack.calendar.day(now());
    let router = signed_in_as(site, clerk.session.clone());
    let post = async |body: String| {
        let request = Request::builder()
            .method("POST")
            .uri("/account/absence")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", "lang=en");
        send(&router, request.body(Body::from(body)).unwrap()).await
    };
    let (held, first, last) = (clerk.held.id, iso_day(today), iso_day(today + 1));
    let wrong = post(format!("held={held}&first={first}&last=never")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("An absence begins before it ends"), "{}", wrong.text);
    assert_eq!(post(format!("held=0&first={first}&last={last}")).await.status, StatusCode::FORBIDDEN);
    let said = post(format!("held={held}&first={first}&last={last}&deputy={}", secretary.who.login)).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER, "{}", said.text);
    for session in [&clerk.session, &secretary.session] {
        for language in ["en", "zh"] {
            let page = get(&router, "/account", &format!("lang={language}; session={session}")).await.text;
            assert!(page.contains(&clerk.who.login) && page.contains("name=\"end\""), "{page}");
        }
    }
    let page = get(&router, &format!("/cases/{case}"), "lang=en").await.text;
    let line = page.split(&format!("({})", clerk.who.login)).nth(1).unwrap_or_else(|| panic!("{page}"));
    let line = line.split("</li>").next().unwrap();
    assert!(line.contains("absent until") && line.contains(&secretary.who.login), "{line}");
}
