//! Every page for every role: who may open it gets it, who may not gets the refusal; all of it is valid HTML, and axe
//! looks at every page once more wherever a role is shown a block that no other role was shown there.
//!
//! Of pages that differ by their data only (boards, matches, procedures) one of each kind is taken. What is left out is
//! said in [`FILES`]; a route that nobody opens fails the test.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bangfu_policy::model::Role;
use bangfu_registry::access::{accounts, sign_in};
use bangfu_registry::store::Actor;
use bangfu_server::site::access::{Denied, allowed};
use bangfu_server::site::{self, Shared};
use regex::Regex;
use thirtyfour::prelude::*;
use tokio::sync::OnceCell;

use super::browser::{Driver, axe, findings, samples, session, validate};
use super::desk::book;
use super::fixture::{Answer, get, now, open, registry, send, session_as, session_of, widest};

/// Routes that answer with a file or data, not with a page; and those to another provider, which the tests of that walk.
const FILES: [&str; 13] = [
    "/healthz",
    "/sign-in/oidc",
    "/assets/",
    "/api/v1/",
    "/registry/datapackage.json",
    "/registry/export.zip",
    "/registry/{id}/template.xlsx",
    "/registry/{id}/import/{job}/errors.xlsx",
    "/registry/{id}/{record}/files",
    "/cases/{case}/files",
    "/books/{id}/{kind}",
    "/public/figures/export.csv",
    "/public/registers/{id}/export.csv",
];

/// Pages of one route that each role opens; who sees everything opens all.
const MOST_OF_A_ROUTE: usize = 1;

/// A page as a role got it.
struct Seen {
    role: String,
    cookie: String,
    address: String,
    pattern: &'static str,
    html: String,
}

/// Pages that were opened, and what the walk found wrong.
struct Walk {
    router: Router,
    seen: Vec<Seen>,
    wrong: Vec<String>,
}

static WALK: OnceCell<Walk> = OnceCell::const_new();

fn is_file(pattern: &str) -> bool {
    FILES.iter().any(|file| pattern.starts_with(file))
}

/// The route that answers an address: of several that fit the one with most that is not a parameter.
fn pattern(routes: &[&'static str], address: &str) -> &'static str {
    let path: Vec<&str> = address.split(['?', '#']).next().unwrap().split('/').collect();
    let fits = |route: &&&'static str| {
        let parts: Vec<&str> = route.split('/').collect();
        parts.len() == path.len() && parts.iter().zip(&path).all(|(part, have)| part.starts_with('{') || part == have)
    };
    let most = |route: &&&'static str| std::cmp::Reverse(route.matches('{').count());
    routes.iter().filter(fits).max_by_key(most).copied().unwrap_or("")
}

fn parameter<'a>(route: &str, address: &'a str, name: &str) -> Option<&'a str> {
    let at = route.split('/').position(|part| part == format!("{{{name}}}"))?;
    address.split('?').next()?.split('/').nth(at)
}

async fn post(router: &Router, cookie: &str, address: &str, kind: &str, body: Vec<u8>) -> Answer {
    let request = Request::post(address).header(header::CONTENT_TYPE, kind).header(header::COOKIE, cookie);
    send(router, request.body(Body::from(body)).unwrap()).await
}

/// Acts of the exit of a household, up to its notice: who (0: the clerk, 1: the team), and what the page sends.
pub(super) const EXIT: [(usize, &str); 4] = [
    (0, "act=vote&version=1&entitled=9&present=9&yes=9&paper0=1"),
    (1, "act=done&version=2&paper0=1&paper1=2"),
    (0, "act=done&version=3&paper0=1"),
    (0, "act=post&version=4"),
];

/// Sends a form; where it leads, or what it answers instead.
async fn form(router: &Router, cookie: &str, address: &str, body: &str) -> Result<String, String> {
    let answer = post(router, cookie, address, "application/x-www-form-urlencoded", body.into()).await;
    match answer.headers.get(header::LOCATION) {
        Some(to) => Ok(to.to_str().unwrap().split('?').next().unwrap().to_owned()),
        None => Err(answer.text),
    }
}

/// A case of an exit after some acts; its address.
pub(super) async fn exit_case(router: &Router, people: [&str; 2], key: &str, acts: &[(usize, &str)]) -> String {
    let body = format!("procedure=household_exit&subject={key}");
    let case = form(router, people[0], "/cases/new", &body).await.unwrap();
    for (who, body) in acts {
        form(router, people[*who], &case, body).await.unwrap();
    }
    case
}

/// Numbers of households of the village from the last on: other tests take those at the beginning.
pub(super) async fn last_households(router: &Router, cookie: &str) -> Vec<String> {
    let listed = get(router, "/registry/household?limit=100", cookie).await.text;
    let keys = Regex::new(r#"href="/registry/household/(\d{10,})"#).unwrap();
    let keys: BTreeSet<String> = keys.captures_iter(&listed).map(|key| key[1].to_owned()).collect();
    keys.into_iter().rev().collect()
}

/// Makes what pages show that the registry of the tests has not: cases in every state, a notice, a link; and an import,
/// which is shown to the clerk who sent it and to nobody else.
async fn prepare(router: &Router, site: &Shared) -> (Vec<String>, (String, String)) {
    let village = registry().await.village.clone();
    let role = |id: &str| site.pack.roles.iter().find(|role| role.id == id).unwrap();
    let person = async |id: &str, n: &str| {
        let text = session_as(site, role(id), &village, &format!(".walk{n}")).await;
        format!("lang=en; session={text}")
    };
    let (clerk, team) = (person("village_clerk", "").await, person("resident_team", "").await);
    let keys = last_households(router, &clerk).await;
    let hung = exit_case(router, [&clerk, &team], &keys[0], &EXIT).await;
    let refused = exit_case(router, [&clerk, &team], &keys[1], &EXIT[..1]).await;
    let wrong = form(router, &clerk, &refused, "act=done&version=2").await;
    assert!(wrong.is_err(), "the second step is the team's");
    let body = format!("procedure=household_identification&subject={}", keys[2]);
    let fresh = form(router, &clerk, "/cases/new", &body).await.unwrap();
    form(router, &clerk, &fresh, "act=withdraw&version=1&note=moved").await.unwrap();
    let board = get(router, &format!("/public?division={village}"), "lang=en").await.text;
    let notice = board.split("href=\"").find(|part| part.starts_with("/public/notices/household_exit.")).unwrap();
    let notice = notice.split(['"', '?']).next().unwrap().to_owned();
    let code = get(router, &fresh, &clerk).await.text;
    let code = code.split("<code>").nth(1).unwrap().split('<').next().unwrap().to_owned();

    let table = book(&["nothing".to_owned()], vec![vec!["known".to_owned()]]);
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"list.xlsx\"\r\n\r\n".to_vec();
    body.extend(table);
    body.extend(b"\r\n--b--\r\n");
    let sent = post(router, &clerk, "/registry/household/import", "multipart/form-data; boundary=b", body).await;
    let job = sent.headers[header::LOCATION].to_str().unwrap().to_owned();

    let actor = Actor::console("test");
    let link = accounts::make(&site.store, &actor, ("walk.new", "Tester"), "", now()).await;
    // Somebody made it before, in the same registry.
    let link = match link {
        Ok(link) => link,
        Err(_) => accounts::link(&site.store, &actor, "walk.new", "", now()).await.unwrap(),
    };
    let mut all = vec![notice, format!("/welcome/{link}"), format!("/public?code={code}")];
    // The first act of the exit was a vote: its record is printed.
    all.extend([format!("{hung}/record/0"), hung, refused, fresh]);
    for text in [
        "/sign-in",
        "/sign-in?next=/work&ready=1",
        "/accounts",
        "/accounts/walk.new",
        "/journal",
        "/journal?action=sign-in",
        "/work?list=overdue",
        "/work?list=open",
        "/work?list=closed",
        "/work?list=open&procedure=household_exit",
        "/no-such-page",
    ] {
        all.push(text.to_owned());
    }
    let subject = format!("/registry/household/{}", keys[0]);
    all.extend(["", "/history", "/undo", "/restore", "/clear", "/looks", "/edit"].map(|end| format!("{subject}{end}")));
    all.push(format!("/cases/new?procedure=household_exit&subject={}", keys[1]));
    let begun = site.pack.procedures.iter().filter(|procedure| procedure.begins.is_some());
    all.extend(begun.map(|procedure| format!("/proposals?procedure={}", procedure.id)));
    (all, (clerk, job))
}

/// What a role gets for an address.
async fn visit(
    walk: &mut Walk,
    site: &Shared,
    (role, cookie): (Option<&Role>, &str),
    routes: &[&'static str],
    address: &str,
) {
    let route = pattern(routes, address);
    let rows = site::routes::table();
    let access = rows.iter().find(|(path, ..)| *path == route).map(|(_, both, _)| both[0]);
    let text = cookie.split("session=").nth(1).unwrap_or_default();
    let who = sign_in::who(&site.store, text, false, now()).await.unwrap();
    let (id, code) = (parameter(route, address, "id"), parameter(route, address, "code"));
    let may = access.map_or(Ok(()), |access| allowed(site, &who, access, id, code));
    let answer = get(&walk.router, address, cookie).await;
    let name = role.map_or("nobody", |role| role.id.as_str());
    // What an answer is made of must be seen too.
    let unseen = route == "/determinations/list" && who.scope.registers.is_some();
    let expected = match may {
        Ok(()) if unseen && answer.status == StatusCode::FORBIDDEN => true,
        Ok(()) => {
            answer.status == StatusCode::OK || answer.status == StatusCode::NOT_FOUND
            // The form of signing in leads those on who did, and a clause to its article.
            || (answer.status == StatusCode::SEE_OTHER && ["/sign-in", "/policy/clause/{id}"].contains(&route))
        }
        Err(Denied::SignIn | Denied::SetUp) => answer.status == StatusCode::SEE_OTHER,
        Err(Denied::Right) if route == "/" => answer.status == StatusCode::SEE_OTHER,
        Err(Denied::Division(_)) => answer.status == StatusCode::NOT_FOUND,
        Err(_) => answer.status == StatusCode::FORBIDDEN,
    };
    if !expected {
        walk.wrong.push(format!("{name} {address}: {} and {may:?}", answer.status));
    }
    if answer.status != StatusCode::SEE_OTHER {
        // Refusals are pages of their own.
        let pattern = match answer.status {
            StatusCode::FORBIDDEN => "refused",
            StatusCode::NOT_FOUND => "not found",
            _ => route,
        };
        let (cookie, html) = (cookie.to_owned(), answer.text);
        walk.seen.push(Seen { role: name.to_owned(), cookie, address: address.to_owned(), pattern, html });
    }
}

async fn walk() -> Walk {
    let site = Shared::new(open().await).unwrap();
    let router = site::router(open().await).unwrap();
    let routes: Vec<&'static str> = site::routes::table().into_iter().map(|(path, ..)| path).collect();
    let mut addresses: BTreeSet<String> = samples().await.into_iter().collect();
    let (more, (clerk, job)) = prepare(&router, &site).await;
    addresses.extend(more);
    let mut walk = Walk { router, seen: Vec::new(), wrong: Vec::new() };
    let mut people = vec![(None, "lang=zh".to_owned())];
    for role in &site.pack.roles {
        let text = session_of(&site, role).await;
        people.push((Some(role), format!("lang=zh; session={text}")));
    }
    let widest = widest(&site.pack);
    for (role, cookie) in &people {
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        for address in addresses.iter().filter(|address| !is_file(pattern(&routes, address))) {
            let count = taken.entry(pattern(&routes, address)).or_default();
            *count += 1;
            // All that differs by its data only is seen by one who sees everything.
            if *count > MOST_OF_A_ROUTE && !role.is_some_and(|role| role.id == widest.id) {
                continue;
            }
            visit(&mut walk, &site, (*role, cookie), &routes, address).await;
        }
    }
    let role = site.pack.roles.iter().find(|role| role.id == "village_clerk");
    visit(&mut walk, &site, (role, &clerk), &routes, &job).await;
    let opened: BTreeSet<&str> = walk.seen.iter().map(|seen| seen.pattern).collect();
    for route in routes.iter().filter(|route| !is_file(route) && !opened.contains(*route)) {
        // What only takes something answers no question.
        let asked = route.replace("{id}", "household").replace("{record}", "~1").replace(['{', '}'], "");
        let answer = get(&walk.router, &asked, &people[1].1).await;
        if answer.status != StatusCode::METHOD_NOT_ALLOWED && *route != "/policy/clause/{id}" {
            walk.wrong.push(format!("nobody opened {route} ({})", answer.status));
        }
    }
    walk
}

/// Pages as they are but for numbers and names, and for rows that repeat.
fn shape(html: &str) -> String {
    let main = Regex::new(r#"[\p{Han}]+|\d+|\s+|selected|value="[^"]*""#).unwrap();
    let plain = main.replace_all(html, |found: &regex::Captures<'_>| if &found[0] == "\n" { "\n" } else { " " });
    let mut lines: Vec<&str> = plain.lines().collect();
    lines.dedup();
    lines.join("\n")
}

/// Blocks of a page: its start tags with their classes and the names of their attributes.
fn blocks(html: &str) -> BTreeSet<String> {
    let tags = Regex::new(r"<([a-z0-9]+)((?:\s[^<>]*)?)>").unwrap();
    let attributes = Regex::new(r#"([a-z-]+)(?:="([^"]*)")?"#).unwrap();
    let told = |name: &str, value: &str| match name {
        "class" | "role" | "type" | "scope" => format!("{name}={value}"),
        _ => name.to_owned(),
    };
    let block = |tag: regex::Captures<'_>| {
        let all = attributes.captures_iter(tag.get(2).map_or("", |found| found.as_str()));
        let all: BTreeSet<String> = all.map(|one| told(&one[1], one.get(2).map_or("", |v| v.as_str()))).collect();
        format!("{} {}", &tag[1], all.into_iter().collect::<Vec<_>>().join(" "))
    };
    tags.captures_iter(html).map(block).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_gets_its_pages_and_the_refusal_for_the_others() {
    let walk = WALK.get_or_init(walk).await;
    assert!(walk.wrong.is_empty(), "{:#?}", walk.wrong);
    // Those who look after the system see pages that nobody else sees, and others see many.
    let of = |role: &str| walk.seen.iter().filter(|seen| seen.role == role && seen.pattern.starts_with('/')).count();
    assert!(of("village_clerk") > 3 * of("audit_admin") && of("audit_admin") > of("nobody"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_every_role_is_valid_html() {
    let walk = WALK.get_or_init(walk).await;
    let mut distinct = BTreeMap::new();
    for seen in &walk.seen {
        distinct.entry(shape(&seen.html)).or_insert(seen);
    }
    eprintln!("{} pages, {} distinct", walk.seen.len(), distinct.len());
    let pages = distinct.values().map(|seen| (format!("{} {}", seen.role, seen.address), seen.html.as_str()));
    let found = validate(pages);
    assert!(found.is_empty(), "{} findings\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_on_any_block_of_any_role() {
    let walk = WALK.get_or_init(walk).await;
    let mut known: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut chosen = Vec::new();
    for seen in &walk.seen {
        let fresh = blocks(&seen.html).into_iter().map(|block| (seen.pattern, block));
        let before = known.len();
        known.extend(fresh);
        if known.len() > before {
            chosen.push(seen);
        }
    }
    eprintln!("axe looks at {} of {} pages", chosen.len(), walk.seen.len());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = walk.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let (driver, profile, script) = (Driver::start(), tempfile::tempdir().unwrap(), axe());
    let browser = session(&driver, profile.path(), false).await;
    browser.goto(format!("{base}/public")).await.unwrap();
    let mut found = Vec::new();
    let mut present = "";
    for seen in chosen {
        if present != seen.cookie {
            present = &seen.cookie;
            browser.delete_all_cookies().await.unwrap();
            if let Some(text) = seen.cookie.split("session=").nth(1) {
                browser.add_cookie(Cookie::new("session", text)).await.unwrap();
            }
        }
        browser.goto(format!("{base}{}", seen.address)).await.unwrap();
        found.extend(
            findings(&browser, &script).await.into_iter().map(|it| format!("{} {}: {it}", seen.role, seen.address)),
        );
    }
    browser.quit().await.unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
