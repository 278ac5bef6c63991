//! Cases of a village are handled at once: one meeting, one notice, a result for each.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bangfu_policy::model::StepKind;
use bangfu_registry::casework::proposal::{Grounds, Subject};
use bangfu_registry::casework::public::notice_of;
use bangfu_registry::store::{CaseFile, CaseState, Scope};
use bangfu_server::site::Site;

use super::cases::{Person, another_village, procedure, proceed};
use super::fixture::{get, now, open, send, session_at, signed_in_as};

async fn read(site: &Site, id: i64) -> CaseFile {
    site.store.reader(&Scope::everything()).case(id).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meeting_votes_once_and_a_notice_names_all() {
    let site = open().await;
    let (village, subjects) = another_village(&site).await;
    let exit = procedure(&site, "household_exit");
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let mut ids = Vec::new();
    for record in subjects.into_iter().take(4) {
        let subject = Subject::Record(record);
        ids.push(clerk.desk(now()).open(&exit.id, &subject, Grounds::default()).await.unwrap());
    }
    let role = |id: &str| site.pack.roles.iter().find(|role| role.id == id).unwrap();
    let session = session_at(&site, role("village_clerk"), &village).await;
    let banner = session_at(&site, role("banner_office"), &village[..6]).await;
    let router = signed_in_as(open().await, session);
    let post = async |address: &str, body: String| {
        let request = Request::builder()
            .method("POST")
            .uri(address)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", "lang=en");
        send(&router, request.body(Body::from(body)).unwrap()).await
    };
    let address = format!("/batches/household_exit/vote/{village}");
    let work = get(&router, "/work", "lang=en").await.text.replace("&#x2f;", "/");
    assert!(work.contains(&format!("href=\"{address}\"")), "{work}");
    let mut names = Vec::new();
    for id in &ids {
        names.push(read(&site, *id).await.name);
    }
    for language in ["en", "zh"] {
        let page = get(&router, &address, &format!("lang={language}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(names.iter().all(|name| page.text.contains(name.as_str())), "{}", page.text);
        assert_eq!(page.text.matches("name=\"entitled\"").count(), 1, "attendance is asked for once");
        assert!(ids.iter().all(|id| page.text.contains(&format!("name=\"yes{id}\""))));
    }
    // Others see the batch and have no form for it.
    let theirs = get(&router, &address, &format!("lang=en; session={banner}")).await.text;
    assert!(theirs.contains("waits for another role") && !theirs.contains("name=\"case\""), "{theirs}");
    // Two are carried, one is not, of one the votes were forgotten.
    let cases: Vec<String> = ids.iter().map(|id| format!("case={id}:1")).collect();
    let votes = format!("yes{}=25&yes{}=24&yes{}=3", ids[0], ids[1], ids[2]);
    let body = format!("{}&act=vote&entitled=30&present=26&{votes}&paper0=minutes+4", cases.join("&"));
    let voted = post(&address, body).await;
    assert_eq!(voted.status, StatusCode::OK, "{}", voted.text);
    assert!(voted.text.contains("The numbers contradict each other"), "{}", voted.text);
    let mut states = Vec::new();
    for id in &ids {
        let case = read(&site, *id).await;
        states.push((case.state, case.step));
    }
    let expected = [(CaseState::Open, 1), (CaseState::Open, 1), (CaseState::Refused, 0), (CaseState::Open, 0)];
    assert_eq!(states, expected);
    // The record has one attendance and all over whom the meeting voted.
    let record = get(&router, &format!("/cases/{}/record/0", ids[1]), "lang=en").await;
    assert_eq!(record.status, StatusCode::OK, "{}", record.text);
    let text = &record.text;
    assert!(names[..3].iter().all(|name| text.contains(name.as_str())) && !text.contains(names[3].as_str()), "{text}");
    assert!(text.contains("minutes 4") && text.contains(">26<") && text.contains("not carried"), "{text}");
    assert_eq!(get(&router, &format!("/cases/{}/record/0", ids[3]), "lang=en").await.status, StatusCode::NOT_FOUND);
    // Both are led to the notice, posted at once and printed on one sheet.
    let mut at = now();
    let mut cases = Vec::new();
    for id in &ids[..2] {
        let mut case = read(&site, *id).await;
        while exit.steps[case.step].kind != StepKind::Notice {
            case = proceed(&site, exit, &case, &mut at).await.unwrap();
        }
        cases.push(case);
    }
    let notice = &exit.steps[cases[0].step].id;
    let chosen: Vec<String> = cases.iter().map(|case| format!("case={}:{}", case.id, case.version)).collect();
    let address = format!("/batches/household_exit/{notice}/{village}");
    let posted = post(&address, format!("{}&act=post", chosen.join("&"))).await;
    assert_eq!(posted.status, StatusCode::OK, "{}", posted.text);
    let id = notice_of(&site.pack, exit, &read(&site, ids[0]).await).unwrap();
    assert_eq!(notice_of(&site.pack, exit, &read(&site, ids[1]).await).as_ref(), Some(&id));
    assert!(posted.text.contains(&format!("/public/notices/{id}")), "{}", posted.text);
    let sheet = get(&router, &format!("/public/notices/{id}"), "lang=en").await.text;
    // A notice shows the head of each household, which is the first word of the name of its case.
    for name in &names[..2] {
        assert!(sheet.contains(name.rsplit_once(' ').unwrap().0), "{name}: {sheet}");
    }
}
