//! Pages without a browser: status, language, headers, errors, the picker.

use axum::http::{StatusCode, header};

use super::fixture::{addresses, get, router};

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
