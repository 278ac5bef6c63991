//! A second pack – other country, levels, currency, languages – served on a small demo: not a line of the program knows it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use bangfu_policy::model::{Entity, Pack, RegisterId, RegisterKind};
use bangfu_registry::home::Home;
use bangfu_registry::store::{ListQuery, Scope};
use bangfu_registry::views::figures::iso_day;
use bangfu_registry::{demo, determine};
use bangfu_server::site::{self, Site, Sources};
use tokio::sync::OnceCell;

use super::fixture::{get, root};

/// 2025-12-31.
const AS_OF: i32 = 20_453;
/// People of the demo.
const PEOPLE: u64 = 1_500;
/// 2026-01-01.
const NOW: i64 = 1_767_225_600_000;

struct Second {
    folder: tempfile::TempDir,
    pack: Arc<Pack>,
}

static SECOND: OnceCell<Second> = OnceCell::const_new();

fn pack_folder() -> PathBuf {
    root().join("policies/kelmar")
}

async fn second() -> &'static Second {
    SECOND.get_or_init(make).await
}

async fn make() -> Second {
    let folder = tempfile::tempdir().unwrap();
    let pack = Arc::new(bangfu_registry::packs::read(&pack_folder()).unwrap());
    let data = folder.path().join("data");
    let database = crate::place::database(&data).await;
    let made = (Some(PEOPLE), database.as_deref());
    demo::create(&data, &pack, &pack_folder(), made, NOW, &|_, _| {}).await.unwrap();
    let home = Home::open(&data, Arc::clone(&pack), &pack_folder()).await.unwrap();
    determine::determine(&home, AS_OF, &[], ("first", &|| NOW), &mut |_, _| {}).await.unwrap();
    home.store.close().await.unwrap();
    Second { folder, pack }
}

async fn open() -> (Site, Home) {
    let second = second().await;
    let home = Home::open(&second.folder.path().join("data"), Arc::clone(&second.pack), &pack_folder()).await.unwrap();
    let sources = Sources {
        data: home.folder.clone(),
        pack_folder: pack_folder(),
        results: Some(home.results("first")),
        snapshot: Some(home.snapshot()),
        synthetic: true,
        fixed_day: Some(AS_OF),
        ..Sources::default()
    };
    (Site::open(Arc::clone(&second.pack), home.store.clone(), &sources).await.unwrap(), home)
}

/// Addresses of some records of a register.
async fn records(home: &Home, register: RegisterId) -> Vec<String> {
    let reader = home.store.reader(&Scope::everything());
    let page = reader.list(register, &ListQuery { limit: 2, ..ListQuery::default() }).await.unwrap();
    let id = &home.pack.registers[register.index()].id;
    page.records.iter().map(|record| format!("/registry/{id}/~{}", record.id.0)).collect()
}

/// Every page of the route table with what the pack has in place of its parameters.
async fn addresses(home: &Home, deepest: &str) -> Vec<String> {
    let pack = &home.pack;
    let named = |base: &str, ids: Vec<&str>| ids.into_iter().map(|id| format!("{base}/{id}")).collect::<Vec<_>>();
    let registers: Vec<&str> = pack.registers.iter().map(|register| register.id.as_str()).collect();
    let mut all = Vec::new();
    for (path, ..) in site::routes::table() {
        if path.starts_with("/api/v1")
            || path.starts_with("/assets")
            || path.contains("/export")
            || path == "/registry/datapackage.json"
            || ["/sign", "/public/ask", "/cases", "/account/", "/accounts", "/journal"]
                .iter()
                .any(|start| path.starts_with(start))
        {
            continue;
        }
        let base = path.rsplit_once("/{").map_or(path, |(base, _)| base);
        match path {
            "/policy/article/{id}" => all.extend(named(base, pack.articles.iter().map(|a| a.id.as_str()).collect())),
            "/policy/parameter/{id}" => {
                all.extend(named(base, pack.parameters.iter().map(|p| p.id.as_str()).collect()));
            }
            "/policy/rule/{id}" => all.extend(named(base, pack.variables.iter().map(|v| v.id.as_str()).collect())),
            "/policy/procedure/{id}" => {
                all.extend(named(base, pack.procedures.iter().map(|p| p.id.as_str()).collect()));
            }
            "/policy/register/{id}" | "/registry/{id}" => all.extend(named(base, registers.clone())),
            "/policy/codes/{id}" => all.extend(named(base, pack.codes.iter().map(|list| list.id.as_str()).collect())),
            "/registry/{id}/{record}" => {
                for n in 0..pack.registers.len() {
                    all.extend(records(home, RegisterId(n as u16)).await);
                }
            }
            "/division/{code}" => all.extend(named(base, vec![&pack.policy.root, &deepest[..4], deepest])),
            "/boards/{id}" => all.extend(named(base, pack.views.iter().map(|view| view.id.as_str()).collect())),
            "/matches/{id}" => all.extend(named(base, pack.matches.iter().map(|one| one.id.as_str()).collect())),
            "/books/{id}" => all.extend(named(base, pack.books.iter().map(|book| book.id.as_str()).collect())),
            "/" => {
                all.extend(["/".to_owned(), format!("/?division={}", &deepest[..4]), format!("/?division={deepest}")]);
            }
            // An address of a clause leads to its article; files have their own tests.
            "/policy/clause/{id}" | "/books/{id}/{kind}" | "/healthz" => {}
            path if path.contains('{') => {}
            path => all.push(path.to_owned()),
        }
    }
    all
}

/// Texts of the site that are missing, and letters that no language of the pack has.
fn faults(text: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices('[') {
        let key: String = text[at + 1..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        if key.contains('-') && matches!(text[at + 1 + key.len()..].chars().next(), Some(']' | ':')) {
            found.insert(format!("[{key}]"));
        }
    }
    // The name of another language in its own letters is the one exception, and this pack has no such language.
    found.extend(text.chars().filter(|c| ('\u{2e80}'..='\u{9fff}').contains(c)).map(String::from));
    found.into_iter().collect()
}

async fn walked(router: &Router, address: &str, language: &str) -> String {
    let answer = get(router, address, &format!("lang={language}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{address} {language}: {}", answer.text);
    let head = format!("<html lang=\"{language}\"");
    assert!(answer.text.contains(&head), "{address} is not in {language}");
    assert_eq!(faults(&answer.text), Vec::<String>::new(), "{address} {language}");
    answer.text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_the_second_pack_answers_in_its_languages() {
    let (site, home) = open().await;
    let pack = Arc::clone(&site.pack);
    let household = (0..pack.registers.len())
        .map(|n| RegisterId(n as u16))
        .find(|id| {
            let register = &pack.registers[id.index()];
            register.kind == RegisterKind::Entity && matches!(register.parent, Entity::Level(_))
        })
        .unwrap();
    let reader = home.store.reader(&Scope::everything());
    let listed = reader.list(household, &ListQuery { limit: 1, ..ListQuery::default() }).await.unwrap();
    let deepest = listed.records[0].division.clone();
    let addresses = addresses(&home, &deepest).await;
    assert!(addresses.len() > 60, "{}", addresses.len());
    let router = super::fixture::signed_in(site).await;
    for address in &addresses {
        let french = walked(&router, address, "fr").await;
        assert!(french.contains("hreflang=\"en\"") && !french.contains("hreflang=\"zh"), "{address}: switcher");
        walked(&router, address, "en").await;
    }
    let first = get(&router, "/", "").await;
    assert!(first.text.contains("<html lang=\"fr\""), "the first language is the default");
    let chinese = get(&router, "/", "lang=zh").await;
    assert!(chinese.text.contains("<html lang=\"fr\""), "not a language of the pack");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_and_days_are_written_as_in_french() {
    let (site, _) = open().await;
    let router = super::fixture::signed_in(site).await;
    let page = walked(&router, "/determinations", "fr").await;
    assert!(page.contains("31 décembre 2025"), "day");
    let what_if = walked(&router, "/what-if", "fr").await;
    assert!(what_if.contains("(kelars)") && !what_if.contains("yuan"), "currency");
    let books = walked(&router, "/books", "fr").await;
    assert!(books.contains("Tableaux statistiques"), "words of the pack's locale");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_and_times_are_those_of_the_packs_calendar() {
    let here = Arc::clone(&second().await.pack);
    let there = &bangfu_registry::packs::read(&root().join("policies/inner-mongolia")).unwrap();
    // One moment, two days.
    assert_eq!((here.calendar.day(NOW), there.calendar.day(NOW)), (i64::from(AS_OF), i64::from(AS_OF) + 1));
    // New Year is free in both; then a Saturday is worked here, and a Sunday there.
    let ends = |pack: &Pack, days| iso_day(pack.calendar.day(pack.calendar.ends(NOW, days, true) - 1));
    assert_eq!((ends(&here, 1), ends(there, 1)), ("2026-01-03".to_owned(), "2026-01-04".to_owned()));
    // A week later a Friday is worked here, and no Saturday there.
    assert_eq!((ends(&here, 6), ends(&here, 7)), ("2026-01-09".to_owned(), "2026-01-10".to_owned()));
    assert_eq!(ends(there, 7), "2026-01-12");
    let (site, _) = open().await;
    let router = super::fixture::signed_in(site).await;
    let runs = walked(&router, "/determinations", "fr").await;
    assert!(runs.contains("2025-12-31 20:30"), "a time is not shown as the clocks of the pack have it");
    let procedures = walked(&router, "/policy/procedures", "fr").await;
    assert!(procedures.contains("UTC-03:30") && procedures.contains("samedi") && !procedures.contains("vendredi"));
}

/// Keys of a locale file.
fn keys(source: &str) -> BTreeSet<&str> {
    let lines = source.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    lines.filter_map(|line| line.split_once(" =")).map(|(key, _)| key).collect()
}

/// A key that English does not have is a typing error: nobody would ever see its words.
#[test]
fn the_french_locale_says_everything_that_is_asked_for_and_nothing_else() {
    let french = std::fs::read_to_string(pack_folder().join("locales/fr/site.ftl")).unwrap();
    let english = std::fs::read_to_string(root().join("crates/server/locales/en/site.ftl")).unwrap();
    // How the language writes, and the words of explanations, which English has in the program.
    let manner = ["locale-", "number-", "date-", "month-", "truth-", "why-"];
    let unknown: Vec<_> = keys(&french)
        .difference(&keys(&english))
        .filter(|key| !manner.iter().any(|begin| key.starts_with(begin)))
        .copied()
        .collect();
    assert!(unknown.is_empty(), "never asked for: {unknown:?}");
    let (all, said) = (keys(&english), keys(&french));
    let lacking: Vec<_> = all.difference(&said).collect();
    assert!(lacking.is_empty(), "said in English only: {lacking:?}");
}
