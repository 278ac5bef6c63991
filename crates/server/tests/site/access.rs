//! Who gets in, and what each sees and does: every route for every role, within and without.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use bangfu_policy::model::{Entity, RegisterKind, Role};
use bangfu_registry::access::{Factor, Who, accounts, sign_in};
use bangfu_registry::store::{Account, Actor, Held, Scope, Store};
use bangfu_server::site::access::{Access, Denied, allowed};
use bangfu_server::site::{self, Shared, Site};

use super::fixture::{Answer, addresses, get, now, open, registry, send, session_at, signed_in_as, still};

pub(super) const PASSWORD: &str = "seven words nobody else would put together";

pub(super) fn role<'p>(site: &'p Site, id: &str) -> &'p Role {
    site.pack.roles.iter().find(|role| role.id == id).unwrap()
}

async fn as_role(id: &str, division: &str) -> Router {
    as_role_on(open().await, id, division).await
}

async fn as_role_on(site: Site, id: &str, division: &str) -> Router {
    let session = session_at(&site, role(&site, id), division).await;
    signed_in_as(site, session)
}

pub(super) async fn post(router: &Router, address: &str, pairs: &[(&str, &str)], cookie: &str) -> Answer {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let body: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
    let request = Request::builder()
        .method("POST")
        .uri(address)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie);
    send(router, request.body(Body::from(body.join("&"))).unwrap()).await
}

/// The session that an answer sets.
pub(super) fn session(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let mut found = cookies.filter(|text| text.starts_with("session=")).map(|text| text.split(';').next().unwrap());
    found.next_back().unwrap_or_else(|| panic!("no session: {} {}", answer.status, answer.text)).to_owned()
}

/// A person as an account that holds a role somewhere.
fn person(site: &Site, role: &Role, division: &str) -> Who {
    let account = Account {
        id: 7,
        login: "tester".to_owned(),
        name: String::new(),
        secret: String::new(),
        factor: Some(Vec::new()),
        factor_step: 0,
        blocked: false,
        failed: 0,
        locked_until: 0,
        made: 0,
    };
    let held = Held { id: 1, account: 7, role: role.id.clone(), division: division.to_owned(), given: 0, ended: None };
    Who::new(&site.pack, &account, (&[held], &[]), None, true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_allows_the_roles_that_the_golden_file_names() {
    let site = Shared::new(open().await).unwrap();
    let village = registry().await.village.clone();
    // Three registers stand for all: one that all workers see, one of a sector, one of the fund.
    const REGISTERS: [&str; 3] = ["household", "schooling", "small_loan"];
    let holders = |access: Access, register: Option<&str>| -> String {
        let fits = |role: &&Role| {
            let digits = site.pack.levels[role.level.index()].digits;
            let answer = allowed(&site, &person(&site, role, &village[..digits]), access, register, None);
            assert!(!matches!(answer, Err(Denied::SignIn | Denied::SetUp)), "{}", role.id);
            answer.is_ok()
        };
        let names: Vec<&str> = site.pack.roles.iter().filter(fits).map(|role| role.id.as_str()).collect();
        if names.len() == site.pack.roles.len() { "all".to_owned() } else { names.join(", ") }
    };
    let mut golden = String::from("# Who may use a route: to ask, to send\n");
    let mut words = BTreeMap::new();
    // The ways to another provider are there only with a feature; its own tests walk them.
    for (path, both, _) in site::routes::table().into_iter().filter(|(path, ..)| !path.starts_with("/sign-in/oidc")) {
        writeln!(golden, "{path}: {}, {}", both[0].word(), both[1].word()).unwrap();
        words.extend(both.map(|access| (access.word(), access)));
    }
    golden.push_str("# Which roles that are\n");
    for (word, access) in words {
        if matches!(access, Access::Sees | Access::Changes) {
            for register in REGISTERS {
                assert!(site.pack.register(register).is_some(), "{register}");
                writeln!(golden, "{word} {register}: {}", holders(access, Some(register))).unwrap();
            }
        } else {
            writeln!(golden, "{word}: {}", holders(access, None)).unwrap();
        }
    }
    insta::assert_snapshot!("routes_by_role", golden);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_anything_but_what_is_public() {
    let router = site::router(open().await).unwrap();
    let public = |address: &str| {
        let path = address.split('?').next().unwrap();
        let row = site::routes::table().into_iter().find(|(route, ..)| *route == path);
        path.starts_with("/public/") || row.is_some_and(|(_, both, _)| both[0] == Access::Public)
    };
    for address in addresses().await.iter().filter(|address| !public(address)) {
        let answer = get(&router, address, "lang=en").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address}");
        let to = answer.headers.get("location").unwrap().to_str().unwrap();
        assert!(to.starts_with("/sign-in"), "{address}: {to}");
    }
    for address in ["/api/v1/registers", "/api/v1/registers/household/records", "/api/v1/indicators"] {
        let answer = get(&router, address, "lang=en").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{address}");
        assert!(answer.text.contains("/api#sign-in"), "{address}: {}", answer.text);
        let mut request = Request::builder().uri(address).header("authorization", "Bearer 00");
        request = request.header("accept", "application/json");
        let forged = send(&router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "{address}");
    }
    let sent = post(&router, "/registry/household/new", &[("reason", "x")], "").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "nothing is taken from nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clerk_sees_the_village_and_nothing_beside_it() {
    let registry = registry().await;
    let own = &registry.village;
    let clerk = as_role_on(still().await, "village_clerk", own).await;
    let site = still().await;
    let reader = site.store.reader(&Scope::everything());
    let household = site.pack.register("household").unwrap();
    let query = bangfu_registry::store::ListQuery { limit: 10_000, ..Default::default() };
    let all = reader.list(household, &query).await.unwrap().records;
    let outside = all.iter().find(|record| record.division != *own).unwrap();
    let inside = all.iter().filter(|record| record.division == *own).count();
    let address = |record: &bangfu_registry::store::Record| format!("/registry/household/~{}", record.id.0);

    let label = site.pack.registers[household.index()].label.unwrap();
    let Some(bangfu_policy::model::Value::Text(name)) = outside.values[usize::from(label)].clone() else { panic!() };

    // Counts, lists, exports and the interface end at the village.
    let list = get(&clerk, "/registry/household", "lang=en").await;
    assert!(list.text.contains(&format!("{inside} records")), "the list counts {inside}");
    let csv = get(&clerk, "/registry/household/export.csv", "lang=en").await;
    assert_eq!(csv.text.lines().count() - 1, inside);
    assert!(csv.text.lines().skip(1).all(|line| line.starts_with(own.as_str())));
    let json = get(&clerk, "/api/v1/registers/household/records?limit=1000", "lang=en").await;
    let json: serde_json::Value = serde_json::from_str(&json.text).unwrap();
    assert_eq!(json["records"].as_array().unwrap().len(), inside, "{json}");
    let parquet = get(&clerk, "/registry/export.zip?format=csv", "lang=en").await;
    assert_eq!(parquet.status, StatusCode::OK);
    // The picker offers the way down to the village and no other.
    let other = if own.starts_with("150421") { "150981" } else { "150421" };
    assert!(!list.text.contains(&format!("value=\"{other}\"")), "the picker offers {other}");

    // What lies outside is not there: neither by key, nor by id, nor by division.
    for beyond in [
        address(outside),
        format!("{}/edit", address(outside)),
        format!("{}/history", address(outside)),
        format!("{}/looks", address(outside)),
        format!("{}/clear", address(outside)),
        format!("{}/remove", address(outside)),
        format!("/registry/household?division={}", outside.division),
        format!("/registry/household/export.csv?division={}", outside.division),
        format!("/division/{}", outside.division),
        "/division/15".to_owned(),
        format!("/?division={other}"),
        format!("/books/tried_ages?division={other}"),
        format!("/what-if?p.poverty_line=3500&division={other}"),
        format!("/determinations/list?variable=identified_poor&division={other}"),
        format!("/api/v1/registers/household/records/~{}", outside.id.0),
        format!("/api/v1/registers/household/records?division={other}"),
        format!("/api/v1/indicators?division={other}"),
    ] {
        let answer = get(&clerk, &beyond, "lang=en").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{beyond}: {}", answer.text);
        assert!(!answer.text.contains(&name), "{beyond} says something of {name}");
    }
    let changed = post(&clerk, &format!("{}/remove", address(outside)), &[("reason", "x"), ("version", "1")], "").await;
    assert_eq!(changed.status, StatusCode::NOT_FOUND);
    // Figures of the whole are those of the village.
    let page = get(&clerk, "/determinations", "lang=en").await;
    assert_eq!(page.status, StatusCode::OK);
    // A record for another village is refused by the store itself.
    let mut change = site.store.change(&Scope::division(own), &Actor::console("test"), "x", now()).await.unwrap();
    let refused = change.remove(household, outside.id, outside.version).await;
    assert!(refused.is_err(), "the store lets a clerk remove what lies outside");
    change.roll_back().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bureau_sees_its_registers_and_changes_no_others() {
    let banner = &registry().await.village[..6];
    let bureau = as_role("sector_education", banner).await;
    let site = open().await;
    let role = role(&site, "sector_education");
    for (index, register) in site.pack.registers.iter().enumerate() {
        let id = bangfu_policy::model::RegisterId(index as u16);
        let sees = get(&bureau, &format!("/registry/{}", register.id), "lang=en").await.status;
        let expected = if role.reads.contains(&id) { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(sees, expected, "{}", register.id);
        let api = get(&bureau, &format!("/api/v1/registers/{}/records", register.id), "lang=en").await.status;
        assert_eq!(api, expected, "{}", register.id);
        if role.reads.contains(&id) && !role.edits.contains(&id) {
            let new = get(&bureau, &format!("/registry/{}/new", register.id), "lang=en").await.status;
            assert_eq!(new, StatusCode::FORBIDDEN, "{}", register.id);
        }
    }
    let index = get(&bureau, "/registry", "lang=en").await.text;
    assert!(index.contains("href=\"/registry/schooling") && !index.contains("href=\"/registry/income"), "{index}");
    // A file shows no part of a register that is not seen, and no reason that tells of one.
    let household = &registry().await.households.iter().find(|key| key.starts_with(banner)).unwrap().clone();
    let page = get(&bureau, &format!("/registry/household/{household}"), "lang=en").await.text;
    let income = site.pack.register("income").unwrap();
    let title = bangfu_policy::model::text_in(&site.pack.registers[income.index()].title, "en");
    assert!(!page.contains(&format!("<h2>{title}")), "income is shown");
    assert!(!page.contains("d-identified_poor"), "a reason that tells incomes is shown");
    assert!(!page.contains("/edit"), "an edit button that leads nowhere");
    // Nor is who has the answer listed elsewhere.
    let list = get(&bureau, "/determinations/list?variable=identified_poor", "lang=en").await;
    assert_eq!(list.status, StatusCode::FORBIDDEN);
    let offered = get(&bureau, "/determinations/list", "lang=en").await;
    assert!(offered.status == StatusCode::FORBIDDEN || !offered.text.contains("value=\"identified_poor\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_of_the_system_see_no_person() {
    for id in ["system_admin", "security_admin", "audit_admin"] {
        let router = as_role(id, "15").await;
        assert_eq!(get(&router, "/", "lang=en").await.status, StatusCode::SEE_OTHER, "{id}");
        for address in ["/registry", "/registry/household", "/books", "/determinations", "/api/v1/registers"] {
            let status = get(&router, address, "lang=en").await.status;
            assert_eq!(status, StatusCode::FORBIDDEN, "{id} {address}");
        }
        let journal = get(&router, "/journal", "lang=en").await.status;
        assert_eq!(journal == StatusCode::OK, id == "audit_admin", "{id} {journal}");
        let accounts = get(&router, "/accounts", "lang=en").await.status;
        assert_eq!(accounts == StatusCode::OK, id != "audit_admin", "{id} {accounts}");
    }
}

/// An account with a password and a role.
pub(super) async fn account(store: &Store, login: &str, role: &str, division: &str) {
    let actor = Actor::console("test");
    let mut change = store.change(&Scope::nothing(), &actor, "test", now()).await.unwrap();
    change.make_account(login, "Tester").await.unwrap();
    change.give_role(login, role, division).await.unwrap();
    change.commit().await.unwrap();
    accounts::choose_password(store, &actor, login, PASSWORD, now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_lock_an_account_and_a_right_one_lets_in() {
    let site = open().await;
    let village = &registry().await.village;
    account(&site.store, "locked.clerk", "village_clerk", village).await;
    let store = site.store.clone();
    let router = site::router(site).unwrap();
    let enter = async |password: &str| {
        post(
            &router,
            "/sign-in",
            &[("login", "Locked.Clerk"), ("password", password), ("next", "/registry")],
            "lang=en",
        )
        .await
    };
    let unknown = post(&router, "/sign-in", &[("login", "nobody.here"), ("password", "x")], "lang=en").await;
    let wrong = enter("wrong").await;
    assert_eq!((unknown.status, wrong.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert!(unknown.text.contains("is wrong") && wrong.text.contains("is wrong"), "they are not told apart");
    let right = enter(PASSWORD).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    assert_eq!(right.headers.get("location").unwrap(), "/registry");
    let cookie = session(&right);
    assert_eq!(get(&router, "/registry", &cookie).await.status, StatusCode::OK);
    // Only the hash of a session is kept.
    let own = store.account("locked.clerk").await.unwrap().unwrap();
    let kept = store.sessions(own.id).await.unwrap();
    let text = cookie.trim_start_matches("session=");
    assert!(kept.iter().all(|session| session.hash != text.as_bytes()) && !kept.is_empty());
    for _ in 0..sign_in::MOST_FAILED {
        enter("wrong").await;
    }
    let locked = enter(PASSWORD).await;
    assert_eq!(locked.status, StatusCode::UNAUTHORIZED);
    assert!(locked.text.contains("15 minutes"), "{}", locked.text);
    // Signing out ends the session, not only the cookie.
    post(&router, "/sign-out", &[], &cookie).await;
    assert_eq!(get(&router, "/registry", &cookie).await.status, StatusCode::SEE_OTHER);
    // Nobody is sent to another site.
    let away = post(&router, "/sign-in", &[("login", "x"), ("password", "x"), ("next", "//evil.example")], "").await;
    assert_eq!(away.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_by_itself_and_by_hand() {
    let site = open().await;
    let village = &registry().await.village;
    account(&site.store, "idle.clerk", "village_clerk", village).await;
    let store = site.store.clone();
    let entered = sign_in::sign_in(&store, ("idle.clerk", PASSWORD, ""), "test", now()).await.unwrap();
    let who = async |at: i64| sign_in::who(&store, &entered.text, false, at).await.unwrap();
    assert!(who(now()).await.is_somebody());
    assert!(!who(now() + sign_in::IDLE + 61_000).await.is_somebody(), "idle");
    assert!(!who(now() + sign_in::LONGEST + 1).await.is_somebody(), "too long");
    assert!(!sign_in::who(&store, &entered.text, true, now()).await.unwrap().is_somebody(), "no token");
    // Blocked, it is over at once.
    let mut change = store.change(&Scope::nothing(), &Actor::console("test"), "left", now()).await.unwrap();
    change.block("idle.clerk", true).await.unwrap();
    change.commit().await.unwrap();
    assert!(!who(now()).await.is_somebody(), "blocked");
    let refused = sign_in::sign_in(&store, ("idle.clerk", PASSWORD, ""), "test", now()).await;
    assert!(refused.is_err(), "a blocked account signs in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_with_a_second_factor_asks_for_it() {
    let site = open().await;
    let banner = &registry().await.village[..6];
    account(&site.store, "approver", "banner_approver", banner).await;
    let store = site.store.clone();
    let router = site::router(site).unwrap();
    let entered = post(&router, "/sign-in", &[("login", "approver"), ("password", PASSWORD)], "lang=en").await;
    let cookie = format!("lang=en; {}", session(&entered));
    // Nothing but the own account until the factor is set up.
    let first = get(&router, "/registry/household", &cookie).await;
    assert_eq!(first.headers.get("location").unwrap(), "/account");
    let page = get(&router, "/account", &cookie).await.text;
    let secret = page.split("name=\"factor\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let factor = Factor::from_text(secret).unwrap();
    let seconds = now() as u64 / 1000;
    let wrong = post(&router, "/account/factor", &[("factor", secret), ("code", "000000")], &cookie).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let code = factor.code(seconds).unwrap();
    let set = post(&router, "/account/factor", &[("factor", secret), ("code", &code)], &cookie).await;
    assert_eq!(set.status, StatusCode::SEE_OTHER, "{}", set.text);
    assert_eq!(get(&router, "/registry/household", &cookie).await.status, StatusCode::OK);
    // From now on a password alone does not do, and a code works once.
    let alone = post(&router, "/sign-in", &[("login", "approver"), ("password", PASSWORD)], "lang=en").await;
    assert_eq!(alone.status, StatusCode::UNAUTHORIZED);
    let code = factor.code(now() as u64 / 1000).unwrap();
    let at = now();
    let with = sign_in::sign_in(&store, ("approver", PASSWORD, &code), "test", at).await;
    assert!(with.is_ok());
    let twice = sign_in::sign_in(&store, ("approver", PASSWORD, &code), "test", at).await;
    assert!(twice.is_err(), "a code worked twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_make_accounts_and_give_roles_but_not_each_others() {
    let site = open().await;
    let (banner, village) = (registry().await.village[..6].to_owned(), registry().await.village.clone());
    let system = session_at(&site, role(&site, "system_admin"), "15").await;
    let security = session_at(&site, role(&site, "security_admin"), "15").await;
    let router = site::router(site).unwrap();
    let (system, security) = (format!("lang=en; session={system}"), format!("lang=en; session={security}"));
    let made = post(&router, "/accounts", &[("login", "new.officer"), ("name", "新人")], &system).await;
    let link = made.text.split("/welcome/").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let again = post(&router, "/accounts", &[("login", "new.officer"), ("name", "x")], &system).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text.contains("is taken"));
    let bad = post(&router, "/accounts", &[("login", "No Spaces"), ("name", "x")], &system).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let not_mine = post(&router, "/accounts", &[("login", "other.one"), ("name", "x")], &security).await;
    assert_eq!(not_mine.status, StatusCode::FORBIDDEN, "the security administrator makes no accounts");

    // The owner follows the link once.
    let address = format!("/welcome/{link}");
    assert!(get(&router, &address, "lang=en").await.text.contains("new.officer"));
    let pair = |password: &'static str| [("password", password), ("again", password)];
    let short = post(&router, &address, &pair("short"), "lang=en").await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    let unequal = post(&router, &address, &[("password", PASSWORD), ("again", "x")], "lang=en").await;
    assert!(unequal.text.contains("differ"));
    assert_eq!(post(&router, &address, &pair(PASSWORD), "lang=en").await.status, StatusCode::SEE_OTHER);
    assert_eq!(get(&router, &address, "lang=en").await.status, StatusCode::NOT_FOUND, "a link works once");
    let entered = post(&router, "/sign-in", &[("login", "new.officer"), ("password", PASSWORD)], "lang=en").await;
    let own = format!("lang=en; {}", session(&entered));
    assert_eq!(get(&router, "/registry", &own).await.status, StatusCode::FORBIDDEN, "no role yet");

    let give = async |who: &str, role: &str, division: &str| {
        let pairs = [("do", "give"), ("role", role), ("division", division), ("reason", "order 12")];
        post(&router, "/accounts/new.officer", &pairs, who).await
    };
    assert_eq!(give(&system, "banner_office", &banner).await.status, StatusCode::FORBIDDEN);
    assert_eq!(give(&security, "banner_office", &village).await.status, StatusCode::UNPROCESSABLE_ENTITY, "level");
    assert_eq!(give(&security, "banner_office", &banner).await.status, StatusCode::SEE_OTHER);
    assert_eq!(get(&router, "/registry", &own).await.status, StatusCode::OK);
    let apart = give(&security, "banner_approver", &banner).await;
    assert!(apart.text.contains("must not hold both"), "{}", apart.status);
    assert_eq!(give(&security, "village_clerk", &village).await.status, StatusCode::SEE_OTHER);

    // The other role is chosen, and the journal says in which one something was done.
    let page = get(&router, "/account", &own).await.text;
    let held = page.split("name=\"held\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    post(&router, "/account/role", &[("held", &held)], &own).await;
    let list = get(&router, "/registry/household", &own).await.text;
    assert!(list.contains("Village clerk"), "the page says the role");
    assert_eq!(get(&router, &format!("/division/{banner}"), &own).await.status, StatusCode::NOT_FOUND);
    // Taken, it is gone at once.
    let pairs = [("do", "take"), ("held", held.as_str())];
    assert_eq!(post(&router, "/accounts/new.officer", &pairs, &security).await.status, StatusCode::SEE_OTHER);
    assert_eq!(get(&router, "/registry", &own).await.status, StatusCode::SEE_OTHER, "the session of the role ended");
    let oneself = post(&router, "/accounts/system_admin.15", &[("do", "block")], &system).await;
    assert_eq!(oneself.status, StatusCode::UNPROCESSABLE_ENTITY, "nobody blocks oneself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_fields_are_shown_with_a_reason_that_stays() {
    let site = open().await;
    let registry = registry().await;
    let banner = &registry.village[..6];
    let person = site.pack.register("person").unwrap();
    let scope = Scope { unmask: true, ..Scope::division(&registry.village) };
    let query = bangfu_registry::store::ListQuery { limit: 1, ..Default::default() };
    let record = site.store.reader(&scope).list(person, &query).await.unwrap().records.remove(0);
    let number = record.values.iter().find_map(|value| match value {
        Some(bangfu_policy::model::Value::Text(text)) if text.starts_with("159900") && text.len() == 18 => Some(text),
        _ => None,
    });
    let number = number.expect("an identity number").clone();
    let file = format!("/registry/person/~{}", record.id.0);
    let officer = as_role("banner_office", banner).await;
    let helper = as_role("helper", &registry.village).await;
    assert!(!get(&officer, &file, "lang=en").await.text.contains(&number), "the file shows a secret");
    let clear = format!("{file}/clear");
    assert_eq!(post(&helper, &clear, &[("reason", "I want to know")], "").await.status, StatusCode::FORBIDDEN);
    let without = post(&officer, &clear, &[("reason", " ")], "lang=en").await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!without.text.contains(&number));
    let with = post(&officer, &clear, &[("reason", "bank account opened")], "lang=en").await;
    assert!(with.text.contains(&number), "{}", with.text);
    assert!(!get(&officer, &clear, "lang=en").await.text.contains(&number), "asked again, nothing is shown");
    let looks = get(&officer, &format!("{file}/looks"), "lang=en").await.text;
    assert!(looks.contains("bank account opened") && looks.contains("opened the file"), "{looks}");
    let journal = get(&as_role("audit_admin", "15").await, "/journal?action=clear", "lang=en").await.text;
    assert!(journal.contains("bank account opened") && !journal.contains(&number), "{journal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_reads_as_its_owner_and_writes_only_if_it_may() {
    let site = open().await;
    let registry = registry().await;
    let banner = &registry.village[..6];
    let store = site.store.clone();
    let session = session_at(&site, role(&site, "banner_office"), banner).await;
    let router = site::router(site).unwrap();
    let cookie = format!("lang=en; session={session}");
    let make = async |writes: &str| {
        let pairs = [("name", "nightly list"), ("days", "30"), ("writes", writes)];
        let page = post(&router, "/account/tokens", &pairs, &cookie).await.text;
        page.split("<code class=\"long\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    let ask = async |token: &str, method: &str, address: &str, body: &str| {
        let request = Request::builder().method(method).uri(address).header("authorization", format!("Bearer {token}"));
        let request = request.header("content-type", "application/json");
        send(&router, request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let reads = make("").await;
    let list = ask(&reads, "GET", "/api/v1/registers/household/records", "").await;
    assert_eq!(list.status, StatusCode::OK);
    let body = format!(r#"{{"fields": {{}}, "reason": "x", "division": "{}"}}"#, registry.village);
    let refused = ask(&reads, "POST", "/api/v1/registers/household/records", &body).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    let writes = make("1").await;
    let incomplete = ask(&writes, "POST", "/api/v1/registers/household/records", &body).await;
    assert_eq!(incomplete.status, StatusCode::UNPROCESSABLE_ENTITY, "it is read, and found incomplete");
    // It makes no other token, opens no page and decides nothing.
    for (address, body) in [
        ("/account/tokens", "name=x&days=9&writes=1"),
        ("/cases/new", "procedure=entry_correction&subject=~1"),
        ("/registry/person/~1/clear", "reason=x"),
    ] {
        let request =
            Request::builder().method("POST").uri(address).header("authorization", format!("Bearer {writes}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let sent = send(&router, request.body(Body::from(body)).unwrap()).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{address}: {}", sent.text);
    }
    // Ended by its owner, it is worth nothing.
    let login = format!("banner_office.{banner}");
    let account = store.account(&login).await.unwrap().unwrap();
    for token in store.sessions(account.id).await.unwrap().iter().filter(|session| session.kind == "token") {
        store.end_session(account.id, &token.hash).await.unwrap();
    }
    assert_eq!(ask(&reads, "GET", "/api/v1/registers", "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pack_gives_every_level_somebody_who_works() {
    let site = open().await;
    for (index, level) in site.pack.levels.iter().enumerate() {
        let edits = |role: &&Role| role.level.index() == index && !role.edits.is_empty();
        assert!(site.pack.roles.iter().any(|role| edits(&role)), "nobody enters anything at the level {}", level.id);
    }
    let units =
        site.pack.registers.iter().enumerate().filter(|(_, register)| {
            register.kind == RegisterKind::Entity && matches!(register.parent, Entity::Level(_))
        });
    for (index, register) in units.filter(|(_, register)| !register.kept_by_system()) {
        let id = bangfu_policy::model::RegisterId(index as u16);
        assert!(site.pack.roles.iter().any(|role| role.edits.contains(&id)), "nobody enters {}", register.id);
    }
}
