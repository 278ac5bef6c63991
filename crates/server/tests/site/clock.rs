//! A site goes by the clock that it is given: sessions, days of cases, limits and the journal follow it.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use bangfu_server::site::{self, Clock};

use super::fixture::{Answer, get, now, open, registry, send, session_as};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

async fn post(router: &Router, address: &str, body: &str, cookie: &str) -> Answer {
    let request = Request::post(address)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", format!("lang=en; {cookie}"))
        .header("x-forwarded-for", "10.9.8.7");
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    let peer: std::net::SocketAddr = "127.0.0.1:999".parse().unwrap();
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    send(router, request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_days_and_limits_follow_the_clock_of_the_site() {
    let mut site = open().await;
    let (start, village) = (now(), registry().await.village.clone());
    let clock = Clock::standing(start);
    site.clock = clock.clone();
    let role = site.pack.roles.iter().find(|role| role.id == "village_clerk").unwrap().clone();
    let session = format!("session={}", session_as(&site, &role, &village, ".clock").await);
    let household = registry().await.households[2].clone();
    let router = site::router(site).unwrap();
    let cookie = format!("lang=en; {session}");
    // The machine's clock plays no part: half an hour that nobody waited for ends the session.
    assert_eq!(get(&router, "/work", &cookie).await.status, StatusCode::OK);
    clock.set(start + 29 * MINUTE);
    assert_eq!(get(&router, "/work", &cookie).await.status, StatusCode::OK);
    // A case is opened at the moment of the clock, and late when the clock says so.
    let opened =
        post(&router, "/cases/new", &format!("procedure=entry_correction&subject={household}"), &session).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.text);
    let case = opened.headers["location"].to_str().unwrap().to_owned();
    post(&router, &case, "act=done&version=1&paper0=1&paper1=2", &session).await;
    let listed = get(&router, "/work?list=open&procedure=entry_correction", &cookie).await.text;
    let number = case.rsplit('/').next().unwrap();
    let row =
        |text: &str| text.split("<tr>").find(|row| row.contains(&format!("/cases/{number}\""))).unwrap().to_owned();
    assert!(!row(&listed).contains("overdue"), "{}", row(&listed));
    clock.set(start + 60 * MINUTE);
    let over = get(&router, "/work", &cookie).await;
    assert_eq!(over.status, StatusCode::SEE_OTHER, "31 minutes without use");
    let later = start + 40 * DAY;
    clock.set(later);
    let mut site = open().await;
    site.clock = clock.clone();
    let store = site.store.clone();
    let account = store.account(&format!("village_clerk.{village}.clock")).await.unwrap().unwrap();
    let kind = (bangfu_registry::access::sign_in::Kind::Site, "tests", true);
    let text =
        bangfu_registry::access::sign_in::begin(&store, account.id, None, kind, later, later + DAY).await.unwrap();
    let cookie = format!("lang=en; session={text}");
    let listed = get(&router, "/work?list=open&procedure=entry_correction", &cookie).await.text;
    let late = |row: &str| row.contains("overdue") || row.contains("gone up");
    assert!(late(&row(&listed)), "{}", row(&listed));
    let withdrawn = post(&router, &case, "act=withdraw&version=2&note=over", &format!("session={text}")).await;
    assert_ne!(withdrawn.status, StatusCode::OK, "the step is the township's");
    // Forms for everybody: five an hour by the clock.
    let banner = &village[..6];
    let ask = format!("/public/ask/complaint_handling?division={banner}");
    for sent in 0..6 {
        let answer = post(&router, &ask, "v.subject=other&v.content=x", "").await;
        let expected = if sent < 5 { StatusCode::OK } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(answer.status, expected, "form {sent}");
    }
    clock.set(later + 61 * MINUTE);
    let taken = post(&router, &ask, "v.subject=other&v.content=x", "").await;
    assert_eq!(taken.status, StatusCode::OK);
    // What was taken bears the time of the clock.
    let code = taken.text.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap();
    let everything = bangfu_registry::store::Scope::everything();
    let filed = store.reader(&everything).case_of_code(code).await.unwrap().unwrap();
    assert_eq!(filed.opened, later + 61 * MINUTE);
}
