//! Log-in at another provider: a small one stands here and says whatever a test wants it to say.

mod fake;

use axum::Router;
use axum::http::StatusCode;
use bangfu_registry::access::{Factor, sign_in};
use bangfu_registry::store::{Actor, Scope, Store};
use bangfu_server::site::access::Access;
use bangfu_server::site::oidc::{Provider, Settings};
use bangfu_server::site::{self, Clock, Site};
use openidconnect::reqwest;

use super::access::{account, post, session};
use super::fixture::{Answer, get, now, open, registry, session_at};
use fake::{CLIENT, Fake, Key, SECRET, Says};

const ENGLISH: &str = "lang=en";

/// A site whose people may sign in at a provider.
async fn site_with(issuer: &str) -> Site {
    let mut site = open().await;
    let settings = Settings {
        issuer: issuer.to_owned(),
        client: CLIENT.to_owned(),
        secret: SECRET.to_owned(),
        name: "County Login".to_owned(),
        redirect: "http://127.0.0.1:8080/sign-in/oidc/back".to_owned(),
        claim: "preferred_username".to_owned(),
    };
    site.provider = Some(Provider::new(settings).unwrap());
    site
}

fn location(answer: &Answer) -> String {
    answer.headers.get("location").map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// The cookie that lasts from one step to the next.
fn step(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let mut found =
        cookies.filter(|text| text.starts_with("oidc=")).map(|text| text.split(';').next().unwrap().to_owned());
    found.next_back().unwrap_or_default()
}

fn has_session(answer: &Answer) -> bool {
    answer.headers.get_all("set-cookie").iter().any(|value| value.to_str().unwrap().starts_with("session="))
}

/// To the provider and back to the site's door: where the browser comes back to, with the cookie that it has.
async fn there_and_back(router: &Router) -> (String, String) {
    let begun = get(router, "/sign-in/oidc?next=/registry", ENGLISH).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
    let cookie = step(&begun);
    let set = begun.headers.get("set-cookie").unwrap().to_str().unwrap();
    assert!(set.contains("HttpOnly; SameSite=Lax") && set.contains("Path=/sign-in/oidc;"), "{set}");
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sent = browser.get(location(&begun)).send().await.unwrap();
    assert_eq!(sent.status().as_u16(), 303);
    let to = sent.headers().get("location").unwrap().to_str().unwrap().to_owned();
    (to.strip_prefix("http://127.0.0.1:8080").unwrap().to_owned(), format!("{ENGLISH}; {cookie}"))
}

/// The whole way: what the site answers in the end.
async fn log_in(router: &Router) -> Answer {
    let (back, cookie) = there_and_back(router).await;
    get(router, &back, &cookie).await
}

/// The answer leads to the page of signing in, which says this.
async fn refused(router: &Router, answer: &Answer, word: &str, said: &str) {
    assert_eq!(location(answer), format!("/sign-in?failed={word}"));
    assert!(!has_session(answer) && step(answer) == "oidc=", "nothing is begun or left");
    let page = get(router, &location(answer), ENGLISH).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains(said), "{word}: {}", page.text);
    let chinese = get(router, &location(answer), "lang=zh").await.text;
    assert!(chinese.contains("role=\"alert\"") && !chinese.contains(said), "{word} is said in Chinese too");
}

async fn clerk(store: &Store, login: &str) {
    account(store, login, "village_clerk", &registry().await.village).await;
}

/// An account whose role asks for a second factor; its factor, if it has set one up.
async fn approver(store: &Store, login: &str, set_up: bool) -> Factor {
    account(store, login, "banner_approver", &registry().await.village[..6]).await;
    let factor = Factor::new().unwrap();
    if set_up {
        let mut change = store.change(&Scope::nothing(), &Actor::console("test"), "", now()).await.unwrap();
        change.set_factor(login, Some(&factor.seal(store.keys()).unwrap())).await.unwrap();
        change.commit().await.unwrap();
    }
    factor
}

#[test]
fn everybody_may_use_the_ways_to_another_provider() {
    let rows = site::routes::table();
    let ways: Vec<_> = rows.iter().filter(|(path, ..)| path.starts_with("/sign-in/oidc")).collect();
    assert_eq!(ways.len(), 3);
    assert!(ways.iter().all(|(_, both, _)| *both == [Access::Public, Access::Public]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_the_provider_knows_is_signed_in_as_the_account_of_that_name() {
    let fake = Fake::start(Says::of("oidc.clerk")).await;
    let site = site_with(&fake.issuer).await;
    clerk(&site.store, "oidc.clerk").await;
    let auditor = session_at(&site, super::access::role(&site, "audit_admin"), "15").await;
    let router = site::router(site).unwrap();
    let page = get(&router, "/sign-in?next=/registry", ENGLISH).await.text;
    assert!(page.contains("Sign in with County Login") && page.contains("/sign-in/oidc?next=%2Fregistry"), "{page}");
    let entered = log_in(&router).await;
    assert_eq!(location(&entered), "/registry", "{}", entered.text);
    assert_eq!(step(&entered), "oidc=", "the step is over");
    let cookie = session(&entered);
    assert_eq!(get(&router, "/registry", &cookie).await.status, StatusCode::OK);
    assert!(get(&router, "/account", &format!("{ENGLISH}; {cookie}")).await.text.contains("oidc.clerk"));
    let journal = get(&router, "/journal?action=sign-in", &format!("{ENGLISH}; session={auditor}")).await.text;
    let body = "{&quot;login&quot;:&quot;oidc.clerk&quot;,&quot;way&quot;:&quot;oidc&quot;}";
    assert!(journal.contains(body), "{journal}");
    assert_eq!(location(&get(&router, "/sign-in/oidc", &cookie).await), "/", "who is in need not go there");
    // Without a provider nothing of it is there.
    let plain = site::router(open().await).unwrap();
    assert!(!get(&plain, "/sign-in", ENGLISH).await.text.contains("/sign-in/oidc"));
    assert_eq!(get(&plain, "/sign-in/oidc", ENGLISH).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_believed_only_if_all_of_it_is_right() {
    let fake = Fake::start(Says::of("oidc.tokens")).await;
    let site = site_with(&fake.issuer).await;
    clerk(&site.store, "oidc.tokens").await;
    let router = site::router(site).unwrap();
    let right = Says::of("oidc.tokens");
    for (what, says) in [
        ("nonce", Says { nonce: Some("another".to_owned()), ..right.clone() }),
        ("audience", Says { audience: "another".to_owned(), ..right.clone() }),
        ("issuer", Says { issuer: Some("http://127.0.0.1:1".to_owned()), ..right.clone() }),
        ("time", Says { lasts: -1, ..right.clone() }),
        ("signature", Says { signs: Key::Second, names: Key::First, ..right.clone() }),
        ("code", Says { refuses: true, ..right.clone() }),
    ] {
        fake.says(says);
        let answer = log_in(&router).await;
        assert!(!has_session(&answer), "{what}");
        refused(&router, &answer, "oidc-refused", "did not confirm who you are").await;
    }
    fake.says(right.clone());
    assert!(has_session(&log_in(&router).await));
    // The provider has new keys since it was asked for them.
    fake.says(Says { signs: Key::Second, names: Key::Second, ..right });
    assert!(has_session(&log_in(&router).await), "new keys are fetched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_counts_once_in_time_and_in_the_browser_that_asked() {
    let fake = Fake::start(Says::of("oidc.states")).await;
    let mut site = site_with(&fake.issuer).await;
    let clock = Clock::standing(now());
    site.clock = clock.clone();
    clerk(&site.store, "oidc.states").await;
    let router = site::router(site).unwrap();
    let late = async |answer: &Answer| refused(&router, answer, "oidc-late", "took too long").await;

    let (back, cookie) = there_and_back(&router).await;
    late(&get(&router, &back, ENGLISH).await).await;
    late(&get(&router, &back, &format!("{ENGLISH}; oidc=00")).await).await;
    let wrong = back.replace("state=", "state=x");
    late(&get(&router, &wrong, &cookie).await).await;
    late(&get(&router, "/sign-in/oidc/back", &cookie).await).await;
    let (_, other) = there_and_back(&router).await;
    late(&get(&router, &back, &other).await).await;
    // What was sealed for one step is nothing for another.
    late(&get(&router, "/sign-in/oidc/code", &cookie).await).await;
    // The code works once, also for who kept the cookie.
    assert!(has_session(&get(&router, &back, &cookie).await));
    refused(&router, &get(&router, &back, &cookie).await, "oidc-refused", "did not confirm").await;

    let (back, cookie) = there_and_back(&router).await;
    clock.set(now() + 11 * 60_000);
    late(&get(&router, &back, &cookie).await).await;
    clock.set(now());
    // Somebody changed their mind there.
    let state = back.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let denied = format!("/sign-in/oidc/back?error=access_denied&state={state}");
    refused(&router, &get(&router, &denied, &cookie).await, "oidc-refused", "did not confirm").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_open_accounts_are_signed_in_and_none_is_made() {
    let fake = Fake::start(Says::of("oidc.nobody")).await;
    let site = site_with(&fake.issuer).await;
    let store = site.store.clone();
    clerk(&store, "oidc.closed").await;
    clerk(&store, "oidc.locked").await;
    let mut change = store.change(&Scope::nothing(), &Actor::console("test"), "left", now()).await.unwrap();
    change.block("oidc.closed", true).await.unwrap();
    change.commit().await.unwrap();
    for _ in 0..sign_in::MOST_FAILED {
        let guess = sign_in::sign_in(&store, ("oidc.locked", "wrong", ""), "test", now()).await;
        assert!(guess.is_err());
    }
    let router = site::router(site).unwrap();
    // A name that differs in anything is another name.
    for name in ["oidc.nobody", "oidc.closed", "OIDC.clerk", "oidc.clerk ", ""] {
        fake.says(Says::of(name));
        refused(&router, &log_in(&router).await, "oidc-unknown", "Nobody with an open account").await;
    }
    assert!(store.account("oidc.nobody").await.unwrap().is_none(), "an account was made");
    fake.says(Says::of("oidc.locked"));
    refused(&router, &log_in(&router).await, "locked", "15 minutes").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_down_stops_nobody_and_is_asked_again() {
    let (listener, issuer) = Fake::place().await;
    drop(listener);
    let site = site_with(&issuer).await;
    clerk(&site.store, "oidc.patient").await;
    let router = site::router(site).unwrap();
    assert_eq!(get(&router, "/sign-in", ENGLISH).await.status, StatusCode::OK);
    let down = get(&router, "/sign-in/oidc", ENGLISH).await;
    refused(&router, &down, "oidc-down", "does not answer").await;
    let _fake = Fake::start_at(&issuer, Says::of("oidc.patient")).await;
    assert!(has_session(&log_in(&router).await), "it is up again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_factor_is_given_there_or_here() {
    let fake = Fake::start(Says::of("oidc.approver")).await;
    let site = site_with(&fake.issuer).await;
    let factor = approver(&site.store, "oidc.approver", true).await;
    let router = site::router(site).unwrap();
    // The provider asked for one thing only: the code is asked for here.
    for methods in [&[][..], &["pwd"], &["otp"]] {
        fake.says(Says { methods, ..Says::of("oidc.approver") });
        let half = log_in(&router).await;
        assert_eq!(location(&half), "/sign-in/oidc/code");
        assert!(!has_session(&half), "{methods:?}");
    }
    let half = log_in(&router).await;
    let cookie = format!("{ENGLISH}; {}", step(&half));
    assert_eq!(location(&get(&router, "/registry", &cookie).await), "/sign-in?next=%2Fregistry");
    let asked = get(&router, "/sign-in/oidc/code", &cookie).await;
    assert!(asked.text.contains("County Login has confirmed who you are"), "{}", asked.text);
    for wrong in ["", "000000"] {
        let answer = post(&router, "/sign-in/oidc/code", &[("code", wrong)], &cookie).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains("The code is wrong") && !has_session(&answer));
    }
    let code = factor.code(now() as u64 / 1000).unwrap();
    let without = post(&router, "/sign-in/oidc/code", &[("code", &code)], ENGLISH).await;
    refused(&router, &without, "oidc-late", "took too long").await;
    let entered = post(&router, "/sign-in/oidc/code", &[("code", &code)], &cookie).await;
    assert_eq!(location(&entered), "/registry", "{}", entered.text);
    assert_eq!(get(&router, "/registry", &session(&entered)).await.status, StatusCode::OK);
    let again = post(&router, "/sign-in/oidc/code", &[("code", &code)], &cookie).await;
    assert!(!has_session(&again), "a code worked twice");
    // The provider asked for both.
    for methods in [&["mfa"][..], &["pwd", "otp"]] {
        fake.says(Says { methods, ..Says::of("oidc.approver") });
        let entered = log_in(&router).await;
        assert_eq!(location(&entered), "/registry", "{methods:?}");
        assert_eq!(get(&router, "/registry", &session(&entered)).await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_after_the_provider_lock_the_account() {
    let fake = Fake::start(Says::of("oidc.guesser")).await;
    let site = site_with(&fake.issuer).await;
    approver(&site.store, "oidc.guesser", true).await;
    let router = site::router(site).unwrap();
    let cookie = format!("{ENGLISH}; {}", step(&log_in(&router).await));
    for _ in 1..sign_in::MOST_FAILED {
        let wrong = post(&router, "/sign-in/oidc/code", &[("code", "000000")], &cookie).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    let last = post(&router, "/sign-in/oidc/code", &[("code", "000000")], &cookie).await;
    refused(&router, &last, "locked", "15 minutes").await;
    refused(&router, &log_in(&router).await, "locked", "15 minutes").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_second_factor_yet_sets_one_up_unless_the_provider_asked() {
    let fake = Fake::start(Says::of("oidc.fresh")).await;
    let site = site_with(&fake.issuer).await;
    let store = site.store.clone();
    approver(&store, "oidc.fresh", false).await;
    let router = site::router(site).unwrap();
    let first = session(&log_in(&router).await);
    assert_eq!(location(&get(&router, "/registry/household", &first).await), "/account");
    fake.says(Says { methods: &["mfa"], ..Says::of("oidc.fresh") });
    let second = session(&log_in(&router).await);
    assert_eq!(get(&router, "/registry/household", &second).await.status, StatusCode::OK);
    let page = get(&router, "/account", &format!("{ENGLISH}; {second}")).await.text;
    assert!(page.contains("Session with the second factor of another service"), "{page}");
    // Such a session ends like any other, and the password alone leads no further than before.
    let text = second.trim_start_matches("session=");
    let who = async |at: i64| sign_in::who(&store, text, false, at).await.unwrap();
    assert!(who(now()).await.is_somebody() && !sign_in::who(&store, text, true, now()).await.unwrap().is_somebody());
    assert!(!who(now() + sign_in::IDLE + 61_000).await.is_somebody(), "idle");
    assert!(!who(now() + sign_in::LONGEST + 1).await.is_somebody(), "too long");
    let entered = sign_in::sign_in(&store, ("oidc.fresh", super::access::PASSWORD, ""), "test", now()).await.unwrap();
    assert!(sign_in::who(&store, &entered.text, false, now()).await.unwrap().enrol);
}
