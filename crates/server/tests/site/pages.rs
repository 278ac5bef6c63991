//! Pages without a browser: status, language, headers, errors, the picker.

use axum::http::{StatusCode, header};
use bangfu_server::site::run::Ran;

use super::fixture::{BANNERS, addresses, get, registry, router, signed_in, still};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_answers_in_both_languages() {
    let router = router().await;
    let addresses = addresses().await;
    assert!(addresses.len() > 20);
    for address in addresses {
        for (cookie, mark) in [("lang=zh", "lang=\"zh-CN\""), ("lang=en", "lang=\"en\"")] {
            let answer = get(&router, &address, cookie).await;
            if address == "/healthz" {
                assert_eq!(answer.status, StatusCode::OK);
                assert!(answer.text.contains("\"status\":\"ok\""), "{}", answer.text);
                continue;
            }
            if answer.status == StatusCode::SEE_OTHER {
                assert!(address.starts_with("/policy/clause/"), "{address} leads away");
                continue;
            }
            assert_eq!(answer.status, StatusCode::OK, "{address} {cookie}: {}", answer.text);
            let head = answer.text.get(..200).unwrap_or(&answer.text);
            assert!(head.contains(mark), "{address} {cookie}: {head}");
            // A text that is missing stands in brackets.
            let holes: Vec<&str> = answer.text.match_indices('[').map(|(at, _)| &answer.text[at..]).collect();
            for hole in holes {
                let key: String = hole.chars().skip(1).take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
                let closed = hole.chars().nth(key.len() + 1);
                assert!(!(key.contains('-') && matches!(closed, Some(']' | ':'))), "{address}: [{key}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_script_and_no_style_stands_in_a_page() {
    let router = router().await;
    for address in addresses().await {
        let answer = get(&router, &address, "").await;
        let policy = answer.headers.get(header::CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap().to_owned();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert!(!answer.text.contains(" style=\"") && !answer.text.contains("<style"), "{address} has inline style");
        for script in answer.text.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/assets/"), "{address} has an inline script");
        }
        assert!(!answer.text.contains(" onclick="), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_pages_that_say_what_to_do() {
    let router = router().await;
    let cases = [
        ("/nothing-here", StatusCode::NOT_FOUND, "Check the address"),
        ("/?division=99", StatusCode::NOT_FOUND, "Check the address"),
        ("/policy/rule/no_such_rule", StatusCode::NOT_FOUND, "no_such_rule"),
        ("/registry/nonsense", StatusCode::NOT_FOUND, "nonsense"),
        ("/registry/household/0000", StatusCode::NOT_FOUND, "0000"),
        ("/division/77", StatusCode::NOT_FOUND, "77"),
        ("/registry/household?f.registered_since.from=soon", StatusCode::BAD_REQUEST, "2015-03-01"),
        ("/registry/household?page=minus", StatusCode::BAD_REQUEST, "minus"),
        ("/determinations/list?answer=perhaps", StatusCode::BAD_REQUEST, "perhaps"),
        ("/determinations/list?variable=nope", StatusCode::NOT_FOUND, "nope"),
    ];
    for (address, status, words) in cases {
        let answer = get(&router, address, "lang=en").await;
        assert_eq!(answer.status, status, "{address}");
        assert!(answer.text.contains(words), "{address}: {}", answer.text);
        assert!(answer.text.contains("</html>"), "{address} is not a page");
        let chinese = get(&router, address, "lang=zh").await;
        assert!(chinese.text.contains("请检查"), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_visitor_sends_is_never_markup() {
    let router = router().await;
    for address in [
        "/registry/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/registry/household?q=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/?sort=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    ] {
        let answer = get(&router, address, "").await;
        assert!(!answer.text.contains("<script>alert"), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picker_leads_to_what_was_changed() {
    let router = router().await;
    let cases = [
        ("/?from=15&at_league=1504&map=incidence", "/?map=incidence&division=1504"),
        ("/?from=150421&at_league=1505&at_banner=150421", "/?division=1505"),
        ("/?from=1504&at_league=&at_banner=", "/"),
        ("/division/1504?from=1504&at_league=1504&at_banner=150421", "/division/150421?division=150421"),
        ("/registry/household?from=15&at_league=1504&q=li", "/registry/household?q=li&division=1504"),
    ];
    for (sent, to) in cases {
        let answer = get(&router, sent, "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{sent}");
        assert_eq!(answer.headers.get(header::LOCATION).unwrap(), to, "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_stay() {
    let router = router().await;
    let answer = get(&router, "/?lang=en&size=large&contrast=high", "").await;
    let cookies: Vec<_> =
        answer.headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap().to_owned()).collect();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    let kept = get(&router, "/", "lang=en; size=large; contrast=high").await;
    assert!(kept.text.contains("<html lang=\"en\" class=\"size-large contrast-high\">"));
    let odd = get(&router, "/", "lang=xx; size=huge").await;
    assert!(odd.text.contains("<html lang=\"zh-CN\" class=\"size-normal contrast-normal\">"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assets_are_kept_by_browsers() {
    let router = router().await;
    let page = get(&router, "/", "").await;
    let mut found = 0;
    for part in page.text.split("\"/assets/").skip(1) {
        let address = format!("/assets/{}", part.split('"').next().unwrap());
        let asset = get(&router, &address, "").await;
        assert_eq!(asset.status, StatusCode::OK, "{address}");
        assert!(asset.headers.get(header::CACHE_CONTROL).unwrap().to_str().unwrap().contains("immutable"));
        found += 1;
    }
    assert!(found >= 2, "style and script");
    assert_eq!(get(&router, "/assets/000000000000/site.css", "").await.status, StatusCode::NOT_FOUND);
}

/// Figure in a cell of the row that links to a rule.
fn cell(page: &str, rule: &str, number: usize) -> i64 {
    let row = page.split("<tr").find(|row| {
        row.contains("<td")
            && [34, 63].iter().any(|end: &u8| row.contains(&format!("/policy/rule/{rule}{}", char::from(*end))))
    });
    let row = row.unwrap_or_else(|| panic!("no row for {rule}"));
    let cell = row.split("<td").nth(number).unwrap();
    let text: String = cell.split('>').skip(1).filter_map(|part| part.split('<').next()).collect();
    text.trim().replace(',', "").parse().unwrap_or_else(|_| panic!("{rule}: `{text}`"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_higher_line_lets_households_in_and_none_out() {
    let router = router().await;
    let now = get(&router, "/what-if", "lang=en").await.text;
    let higher = get(&router, "/what-if?p.poverty_line=3500", "lang=en").await.text;
    let lower = get(&router, "/what-if?p.poverty_line=2000", "lang=en").await.text;
    let [before, enter, leave, after] = [1, 2, 3, 4].map(|n| cell(&higher, "identified_poor", n));
    assert!(enter > 0 && leave == 0 && after == before + enter, "{before} {enter} {leave} {after}");
    assert_eq!(before, cell(&now, "identified_poor", 4), "nothing moved, nothing changed");
    let [enter, leave] = [2, 3].map(|n| cell(&lower, "identified_poor", n));
    assert!(enter == 0 && leave > 0, "{enter} {leave}");
    let mut parts = 0;
    for banner in BANNERS {
        let page = get(&router, &format!("/what-if?p.poverty_line=3500&division={banner}"), "lang=en").await.text;
        parts += cell(&page, "identified_poor", 2);
    }
    assert_eq!(parts, cell(&higher, "identified_poor", 2), "the banners add up to the whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_income_is_cannot_tell_and_says_what_is_missing() {
    let router = router().await;
    let list = get(&router, "/determinations/list?variable=identified_poor&answer=unknown", "lang=en").await.text;
    let (before, _) = list.split_once("#d-identified_poor").expect("someone cannot be told");
    let file = before.rsplit("href=\"").next().unwrap().split('?').next().unwrap();
    let page = get(&router, file, "lang=en").await.text;
    let section = page.split("id=\"d-identified_poor\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(section.contains("cannot tell") && section.contains("is missing"), "{file}: {section}");
    assert!(!section.contains("mark yes") || section.contains("mark unknown"), "{section}");
    let totals = get(&router, "/determinations", "lang=en").await.text;
    let counted = cell(&totals, "identified_poor", 4);
    assert!(list.contains(&format!("{counted} records")), "the list has as many as the summary: {counted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_hold_what_the_list_shows() {
    let router = signed_in(still().await).await;
    let list = get(&router, "/registry/household?division=150421&limit=20", "lang=en").await.text;
    let csv = get(&router, "/registry/household/export.csv?division=150421&limit=20", "lang=en").await;
    assert_eq!(csv.headers.get(header::CONTENT_TYPE).unwrap(), "text/csv; charset=utf-8");
    let rows = csv.text.lines().count() - 1;
    assert!(rows > 20 && list.replace(',', "").contains(&format!("{rows} records")), "{rows}");
    assert!(csv.text.lines().skip(1).all(|line| line.starts_with("150421")));
    let found = get(&router, "/registry/household/export.csv?division=150421&f.kind=01", "lang=en").await.text;
    assert!(found.lines().count() < rows + 1, "the filter counts in the export");
    let book = get(&router, "/registry/household/export.xlsx?division=150421", "lang=en").await;
    assert!(book.text.starts_with("PK"), "a workbook is a zip archive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_run_pages_say_what_to_do() {
    let mut site = super::fixture::open().await;
    site.ran = Ran::default();
    let router = super::fixture::signed_in(site).await;
    for address in super::fixture::addresses().await {
        let answer = get(&router, &address, "lang=en").await;
        assert!(answer.status.is_success() || answer.status.is_redirection(), "{address}: {}", answer.text);
    }
    for address in ["/", "/determinations", "/what-if"] {
        assert!(get(&router, address, "lang=en").await.text.contains("run bangfu determine"), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grounds_stand_on_pages_of_their_own() {
    let router = signed_in(still().await).await;
    let file = format!("/registry/household/{}", registry().await.households[0]);
    let page = get(&router, &file, "lang=en").await.text;
    let screen = &registry().await.pack.screens.entities["household"];
    let mut told = 0;
    for id in &screen.determinations {
        let rule = &registry().await.pack.variables[id.index()];
        let address = format!("{file}/why/{}", rule.id);
        assert!(page.contains(&format!("data-fill=\"{address}")), "{address}");
        let why = get(&router, &address, "lang=en").await;
        assert_eq!(why.status, StatusCode::OK, "{address}");
        assert!(why.text.contains("<ol class=\"tree\">") && why.text.contains(&rule.title["en"]), "{address}");
        told += rule.clauses.iter().filter(|clause| why.text.contains(&format!("/policy/clause/{clause}"))).count();
    }
    assert!(told > screen.determinations.len() / 2, "clauses are cited: {told}");
    // A rule of something else, and none at all.
    for other in ["village_poor", "nothing"] {
        assert_eq!(get(&router, &format!("{file}/why/{other}"), "lang=en").await.status, StatusCode::NOT_FOUND);
    }
}
