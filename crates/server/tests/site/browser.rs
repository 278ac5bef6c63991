//! Pages in a real Chromium: axe finds nothing, html-validate finds nothing, narrow screens do not overflow.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use thirtyfour::prelude::*;

use super::fixture::{addresses, get, open, registry, root, router};

/// Kills the driver when the test ends, also when it fails.
pub(crate) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let process = Command::new("chromedriver").arg(format!("--port={port}")).stdout(Stdio::piped()).spawn();
        let mut process = process.unwrap_or_else(|error| {
            panic!("chromedriver cannot be started ({error}): install the Debian package chromium-driver, or run `cargo xtask test`, which does")
        });
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 && !line.contains("started successfully") {
            line.clear();
        }
        Self { process, port }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A phone is 390 × 844; narrower than Chromium's window can be, so its metrics are emulated.
pub(crate) async fn session(driver: &Driver, profile: &std::path::Path, phone: bool) -> WebDriver {
    let mut options = DesiredCapabilities::chrome();
    for flag in [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ] {
        options.add_arg(flag).unwrap();
    }
    if phone {
        let metrics = serde_json::json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 1.0 } });
        options.add_experimental_option("mobileEmulation", metrics).unwrap();
    } else {
        options.add_arg("--window-size=1366,768").unwrap();
    }
    options.add_arg(&format!("--user-data-dir={}", profile.display())).unwrap();
    let browser = WebDriver::new(format!("http://127.0.0.1:{}", driver.port), options).await.unwrap();
    // A long page keeps axe busy for more than the usual half a minute where other tests run beside it.
    browser.set_script_timeout(std::time::Duration::from_mins(4)).await.unwrap();
    browser
}

/// The source of axe.
pub(crate) fn axe() -> String {
    let path = root().join("web/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; run `npm ci` in web/", path.display()))
}

/// What axe finds on the page that a browser shows.
pub(crate) async fn findings(browser: &WebDriver, axe: &str) -> Vec<String> {
    browser.execute(axe, vec![]).await.unwrap();
    let script = "const done = arguments[0]; axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']})\
         .then(r => done(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target + ' ' + n.html).slice(0, 3).join(' | '))), e => done(['axe failed: ' + e]));";
    let result = browser.execute_async(script, vec![]).await.unwrap();
    serde_json::from_value(result.json().clone()).unwrap()
}

/// What html-validate finds in pages, each with its name.
pub(crate) fn validate<'p>(pages: impl Iterator<Item = (String, &'p str)>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for (n, (name, text)) in pages.enumerate() {
        std::fs::write(folder.path().join(format!("{n:05}.html")), format!("{}\n", text.trim_end())).unwrap();
        names.push(name);
    }
    let package = root().join("web/node_modules/html-validate");
    let script = root().join("crates/server/tests/site/validate.mjs");
    let output = Command::new("node").args([&script, &package]).arg(folder.path()).output();
    let output =
        output.unwrap_or_else(|e| panic!("node cannot be started ({e}): install Node and run `npm ci` in web/"));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.ends_with("\"done\"\n"),
        "html-validate did not finish; run `npm ci` in web/: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let named = |line: &str| {
        let page = line.trim_start_matches('"').get(..5).and_then(|n| n.parse::<usize>().ok());
        format!("{}: {line}", page.and_then(|n| names.get(n)).map_or("", String::as_str))
    };
    text.lines().filter(|line| *line != "\"done\"").map(named).collect()
}

async fn serve() -> String {
    let router = super::fixture::signed_in(open().await).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// The pages that axe looks at: of boards, matches and procedures, which differ by their data only, one of each kind.
pub(crate) async fn samples() -> Vec<String> {
    let mut kinds = std::collections::HashSet::new();
    let pack = &registry().await.pack;
    let mut first = |page: &str| {
        let (kind, rest) =
            match ["/boards/", "/matches/", "/policy/procedure/"].iter().find(|kind| page.starts_with(**kind)) {
                Some(kind) => (*kind, &page[kind.len()..]),
                None => return true,
            };
        let view = pack.views.iter().find(|view| rest.split('?').next() == Some(&view.id));
        kinds.insert((kind, rest.contains('?'), view.map(|view| std::mem::discriminant(&view.kind))))
    };
    pages().await.into_iter().filter(|page| first(page)).collect()
}

async fn pages() -> Vec<String> {
    let mut pages: Vec<String> = addresses().await.into_iter().filter(|address| address != "/healthz").collect();
    pages.push("/no-such-page".to_owned());
    pages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_and_narrow_screens_fit() {
    let script = axe();
    let base = serve().await;
    let driver = Driver::start();
    let mut wrong = Vec::new();
    for (width, phone) in [(1366, false), (390, true)] {
        let profile = tempfile::tempdir().unwrap();
        let browser = session(&driver, profile.path(), phone).await;
        for language in ["zh", "en"] {
            for page in samples().await {
                let sign = if page.contains('?') { '&' } else { '?' };
                browser.goto(format!("{base}{page}{sign}lang={language}")).await.unwrap();
                let wide = browser
                    .execute(
                        "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
                        vec![],
                    )
                    .await
                    .unwrap();
                if wide.json().as_i64().unwrap_or(0) > 1 {
                    wrong.push(format!("{page} {language} {width}: {} px too wide", wide.json()));
                }
                if language == "en" {
                    // The words differ, the structure does not.
                    continue;
                }
                let found = findings(&browser, &script).await;
                wrong.extend(found.into_iter().map(|finding| format!("{page} {language} {width}: {finding}")));
            }
        }
        browser.quit().await.unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slider_shows_who_enters_without_loading_the_page() {
    let base = serve().await;
    let driver = Driver::start();
    let profile = tempfile::tempdir().unwrap();
    let browser = session(&driver, profile.path(), false).await;
    browser.goto(format!("{base}/what-if?lang=en")).await.unwrap();
    // A mark on the page that a full load would wipe out.
    browser.execute("window.stayed = true", vec![]).await.unwrap();
    browser
        .execute(
            "const slider = document.querySelector('.slider input[type=range]'); slider.value = 3500; \
             slider.dispatchEvent(new Event('input', {bubbles: true})); slider.dispatchEvent(new Event('change', {bubbles: true}));",
            vec![],
        )
        .await
        .unwrap();
    let result = browser
        .query(By::Css("#what-if-result"))
        .with_text(thirtyfour::stringmatch::StringMatch::new("Changed:").partial());
    result.first().await.expect("the result arrives");
    let number = browser.find(By::Css(".slider input[type=number]")).await.unwrap();
    assert_eq!(number.prop("value").await.unwrap().as_deref(), Some("3500"), "the number follows the slider");
    let stayed = browser.execute("return window.stayed === true", vec![]).await.unwrap();
    assert_eq!(stayed.json().as_bool(), Some(true), "htmx replaced a part of the page");
    // The picker sends itself.
    browser.goto(format!("{base}/?lang=en")).await.unwrap();
    browser
        .execute(
            "const picker = document.querySelector('#at-league'); picker.value = '1504'; \
             picker.dispatchEvent(new Event('change', {bubbles: true}));",
            vec![],
        )
        .await
        .unwrap();
    let heading = browser.query(By::Css("h1")).with_text("Chifeng");
    heading.first().await.expect("the league is shown");
    browser.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn html_is_valid() {
    let router = router().await;
    let mut texts = Vec::new();
    for page in &pages().await {
        for language in ["zh", "en"] {
            let answer = get(&router, page, &format!("lang={language}")).await;
            if !answer.text.is_empty() {
                texts.push((format!("{page} {language}"), answer.text));
            }
        }
    }
    let findings = validate(texts.iter().map(|(name, text)| (name.clone(), text.as_str())));
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}
