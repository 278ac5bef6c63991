//! The whole policy works: something that cites it yields something for every clause, and every item has its page.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use bangfu_registry::views::figures::Language;
use bangfu_registry::views::live::Yield;
use bangfu_server::site::Shared;

use super::fixture::{get, open, open_later, registry};

/// Address of the page on which an item is seen.
fn page(kind: &str, id: &str) -> String {
    match kind {
        "register" => format!("/registry/{id}"),
        "codes" => format!("/policy/codes/{id}"),
        "parameter" => format!("/policy/parameter/{id}"),
        "variable" | "programme" | "check" => format!("/policy/rule/{id}"),
        "indicator" => "/policy/indicators".to_owned(),
        "procedure" => format!("/policy/procedure/{id}"),
        "match" => format!("/matches/{id}"),
        "view" => format!("/boards/{id}"),
        "book" => format!("/books/{id}"),
        other => panic!("items of kind {other} have no page"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_clause_works_and_its_items_yield_something_and_have_pages() {
    let pack = &registry().await.pack;
    let site = open().await;
    let whole = Shared::whole(site).unwrap();
    let clauses = whole.live(Language::ENGLISH).coverage().await.unwrap();
    assert_eq!(clauses.len(), pack.articles.iter().map(|article| article.clauses.len()).sum::<usize>());
    let idle: Vec<&str> = clauses.iter().filter(|clause| !clause.works()).map(|clause| &*clause.clause).collect();
    assert!(idle.is_empty(), "nothing works for {idle:?}");
    let items: Vec<_> = clauses.iter().flat_map(|clause| &clause.items).collect();
    let all: BTreeSet<String> = items.iter().map(|(kind, id, _)| format!("{kind} {id}")).collect();
    // What began after 2016 is seen on the later day.
    let later = Shared::whole(open_later().await).unwrap();
    let later = later.live(Language::ENGLISH).coverage().await.unwrap();
    let later: Vec<_> = later.iter().flat_map(|clause| &clause.items).collect();
    let works = |items: &[&(_, String, Yield)]| -> BTreeSet<String> {
        items.iter().filter(|(.., found)| found.works).map(|(kind, id, _)| format!("{kind} {id}")).collect()
    };
    let working = &works(&items) | &works(&later);
    let empty = &all - &working;
    assert!(empty.is_empty(), "{} of {} yield nothing on the demo: {empty:#?}", empty.len(), all.len());
    let pages: BTreeSet<String> =
        clauses.iter().flat_map(|clause| &clause.items).map(|(kind, id, _)| page(kind, id)).collect();
    assert!(pages.len() > 300, "{}", pages.len());
    let router = super::fixture::signed_in(open().await).await;
    for address in pages {
        let answer = get(&router, &address, "lang=en").await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_find_what_was_planted_and_nothing_else_of_its_kind() {
    let registry = registry().await;
    let site = open().await;
    let results = site.ran.results.clone().expect("there is a run");
    let root = &registry.pack.policy.root;
    let mut found = 0;
    for error in &registry.planted.errors {
        let name = error.finds.split(' ').next().unwrap_or_default();
        let Some(check) =
            registry.pack.checks.iter().find(|check| registry.pack.variables[check.variable.index()].id == name)
        else {
            continue;
        };
        let hits = results.count(&registry.pack, check.variable, root).unwrap().yes;
        assert!(error.count > 0, "{}", error.id);
        // A value that is somebody else's is found with both, unless the other one is not looked at.
        let most = if ["duplicate_id", "phone_shared"].contains(&error.id.as_str()) { 2 } else { 1 };
        assert!((error.count..=error.count * most).contains(&hits), "{}: {name} {hits} / {}", error.id, error.count);
        found += 1;
    }
    assert!(found >= 7, "only {found} kinds of error are looked for by a check");
}
