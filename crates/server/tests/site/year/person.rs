//! One of those who play: an account with a Chromium of its own. What the browser does not do by hand is sent with the
//! session of the browser.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bangfu_registry::access::{Factor, demo};
use bangfu_server::site::templates::encode;
use regex::Regex;
use thirtyfour::prelude::*;

use super::stage::Stage;
use crate::site::browser::session;
use crate::site::fixture::{Answer, get, send};

/// Boxes of a list that are ticked by hand; the others are sent as the same form sends them.
const BY_HAND: usize = 6;
/// Lines of a page of a list.
const PAGE: usize = 50;

/// See the module.
pub(super) struct Person {
    pub(super) login: &'static str,
    pub(super) browser: WebDriver,
    /// The session that the browser has.
    session: RefCell<String>,
    /// How often the form of signing in was filled in.
    pub(super) signed_in: RefCell<usize>,
    _profile: tempfile::TempDir,
}

impl Person {
    pub(super) async fn new(stage: &Stage, login: &'static str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let browser = session(&stage.driver, profile.path(), false).await;
        // English from here on.
        browser.goto(format!("{}/public?lang=en", stage.base)).await.unwrap();
        Self { login, browser, session: RefCell::default(), signed_in: RefCell::default(), _profile: profile }
    }

    /// Opens a page; signs in first if the session is over.
    pub(super) async fn go(&self, stage: &Stage, address: &str) {
        self.browser.goto(format!("{}{address}", stage.base)).await.unwrap();
        if self.browser.current_url().await.unwrap().path() != "/sign-in" {
            return;
        }
        self.write("login", self.login).await;
        self.write("password", demo::PASSWORD).await;
        let account = stage.home.store.account(self.login).await.unwrap().unwrap();
        if let Some(sealed) = account.factor {
            let factor = Factor::open(stage.home.store.keys(), &sealed).unwrap();
            self.write("code", &factor.code(stage.clock.now() as u64 / 1000).unwrap()).await;
        }
        self.press("form.entry button.main").await;
        *self.signed_in.borrow_mut() += 1;
        let cookie = self.browser.get_named_cookie("session").await.unwrap();
        self.session.replace(cookie.value);
        let here = self.browser.current_url().await.unwrap();
        let there = address.split('?').next().unwrap();
        assert_eq!(here.path(), there, "{} is led to what was asked for", self.login);
    }

    /// Acts in another role, by its English title.
    pub(super) async fn act_as(&self, stage: &Stage, title: &str) {
        self.go(stage, "/account").await;
        for form in self.browser.find_all(By::Css("form[action='/account/role']")).await.unwrap() {
            if form.prop("textContent").await.unwrap().unwrap_or_default().contains(title) {
                let held = form.find(By::Css("input[name=held]")).await.unwrap().attr("value").await.unwrap().unwrap();
                return self.press(&format!("form:has(input[name=held][value='{held}']) button")).await;
            }
        }
        panic!("{} does not hold {title}, or acts in it", self.login);
    }

    pub(super) async fn write(&self, id: &str, text: &str) {
        let input = self.browser.find(By::Id(id)).await.unwrap_or_else(|_| panic!("{}: no field {id}", self.login));
        input.clear().await.unwrap();
        input.send_keys(text).await.unwrap();
    }

    async fn find(&self, css: &str) -> WebElement {
        match self.browser.find(By::Css(css)).await {
            Ok(found) => found,
            Err(error) => panic!("{}: no {css} ({error}) on {}", self.login, self.text().await),
        }
    }

    /// Presses what leads to another page, and waits for it.
    pub(super) async fn press(&self, css: &str) {
        let button = self.find(css).await;
        self.browser.execute("window.before = true", vec![]).await.unwrap();
        button.click().await.unwrap();
        for _ in 0..1_500 {
            let there = "return window.before !== true && document.readyState === 'complete'";
            let there = self.browser.execute(there, vec![]).await;
            if there.is_ok_and(|there| there.json().as_bool() == Some(true)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{}: {css} leads nowhere", self.login);
    }

    /// What the page says of what was sent.
    async fn told(&self) -> String {
        self.find(".note-box[role=status]").await.text().await.unwrap()
    }

    pub(super) async fn text(&self) -> String {
        self.browser.find(By::Css("main")).await.unwrap().text().await.unwrap()
    }

    /// Asks with the session of the browser.
    pub(super) async fn get(&self, stage: &Stage, address: &str) -> String {
        let cookie = format!("lang=en; session={}", self.session.borrow());
        let answer = get(&stage.router, address, &cookie).await;
        assert_eq!(answer.status, StatusCode::OK, "{} {address}: {}", self.login, answer.text);
        answer.text
    }

    /// Sends a form with the session of the browser.
    pub(super) async fn send(&self, stage: &Stage, address: &str, pairs: &[(&str, String)]) -> Answer {
        let body: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
        let request = Request::post(address)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, format!("lang=en; session={}", self.session.borrow()));
        send(&stage.router, request.body(Body::from(body.join("&"))).unwrap()).await
    }

    /// Cases that wait for the role, with their versions.
    pub(super) async fn waiting(&self, stage: &Stage, procedure: &str) -> BTreeMap<i64, i64> {
        let boxes = Regex::new("name=\"case\" value=\"(\\d+):(\\d+)\"").unwrap();
        let mut all = BTreeMap::new();
        for page in 1.. {
            let text = self.get(stage, &format!("/work?procedure={procedure}&page={page}")).await;
            let number = |text: &str| text.parse::<i64>().unwrap();
            let found = boxes.captures_iter(&text).map(|found| (number(&found[1]), number(&found[2])));
            let before = all.len();
            all.extend(found);
            if all.len() < before + PAGE {
                break;
            }
        }
        all
    }

    /// Does the same on many cases: some lines of the list by hand, then the rest as the list sends them. Each of them
    /// must be taken.
    pub(super) async fn bulk(
        &self,
        stage: &Stage,
        procedure: &str,
        act: &str,
        cases: &BTreeSet<i64>,
        words: [&str; 2],
    ) {
        self.go(stage, &format!("/work?procedure={procedure}")).await;
        let mut left = cases.clone();
        let mut ticked = BTreeSet::new();
        for line in self.browser.find_all(By::Css("input[name=case]")).await.unwrap() {
            let value = line.attr("value").await.unwrap().unwrap();
            let id: i64 = value.split(':').next().unwrap().parse().unwrap();
            if ticked.len() < BY_HAND && left.remove(&id) {
                line.click().await.unwrap();
                ticked.insert(id);
            }
        }
        if !ticked.is_empty() {
            self.write("papers", words[0]).await;
            self.write("note", words[1]).await;
            self.press(&format!("button[name=act][value={act}]")).await;
            let told = self.told().await;
            let good = told.lines().filter(|line| line.ends_with("done")).count();
            assert_eq!(good, ticked.len(), "{} {act}: {told}", self.login);
        }
        let versions = self.waiting(stage, procedure).await;
        for lot in left.into_iter().collect::<Vec<_>>().chunks(PAGE) {
            let chosen = lot.iter().map(|id| {
                let version = versions.get(id).unwrap_or_else(|| panic!("{}: #{id} does not wait", self.login));
                ("case", format!("{id}:{version}"))
            });
            let mut pairs: Vec<_> = chosen.collect();
            pairs.extend([("act", act), ("papers", words[0]), ("note", words[1])].map(|(k, v)| (k, v.to_owned())));
            let answer = self.send(stage, "/work", &pairs).await;
            let told = answer.text.split("role=\"status\"").nth(1).unwrap().split("</div>").next().unwrap();
            let good = told.matches("done</li>").count();
            assert_eq!(good, lot.len(), "{} {act}: {told}", self.login);
        }
    }

    /// Does something on one case, on its page.
    pub(super) async fn on_page(&self, stage: &Stage, case: i64, act: &str, fields: &[(&str, &str)]) {
        self.go(stage, &format!("/cases/{case}")).await;
        for (id, text) in fields {
            self.write(id, text).await;
        }
        self.press(&format!("button[name=act][value={act}]")).await;
        let text = self.text().await;
        assert!(text.contains("It is done."), "{} {act} #{case}: {text}", self.login);
    }

    /// Tries something on the page of a case, which says why not.
    pub(super) async fn refused(&self, stage: &Stage, case: i64, act: &str, fields: &[(&str, &str)], why: &str) {
        self.go(stage, &format!("/cases/{case}")).await;
        for (id, text) in fields {
            self.write(id, text).await;
        }
        self.press(&format!("button[name=act][value={act}]")).await;
        let text = self.text().await;
        assert!(text.contains(why) && !text.contains("It is done."), "{} {act} #{case}: {text}", self.login);
    }

    /// Corrects a field in the file of a household.
    pub(super) async fn correct(&self, stage: &Stage, key: &str, field: &str, text: &str) {
        self.go(stage, &format!("/registry/household/{key}/edit")).await;
        self.write(&format!("v-{field}"), text).await;
        self.write("form-reason", "the township found it").await;
        self.press(".actions button.main").await;
        let page = self.text().await;
        assert!(page.contains("Saved.") && page.contains(text), "{}: {page}", self.login);
    }

    /// The same on each of many, as their pages send it.
    pub(super) async fn on_each(
        &self,
        stage: &Stage,
        procedure: &str,
        act: &str,
        cases: &BTreeSet<i64>,
        fields: &[(&str, &str)],
    ) {
        let versions = self.waiting(stage, procedure).await;
        for case in cases {
            let version = versions.get(case).unwrap_or_else(|| panic!("{}: #{case} does not wait", self.login));
            let mut pairs = vec![("act", act.to_owned()), ("version", version.to_string())];
            pairs.extend(fields.iter().map(|(key, value)| (*key, (*value).to_owned())));
            let answer = self.send(stage, &format!("/cases/{case}"), &pairs).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{} {act} #{case}: {}", self.login, answer.text);
        }
    }

    /// Opens cases from the proposals: the lines of the first page by hand, the rest as the page sends them. The keys
    /// of their subjects.
    pub(super) async fn open_proposed(&self, stage: &Stage, procedure: &str, count: usize) -> Vec<String> {
        self.go(stage, &format!("/proposals?procedure={procedure}")).await;
        let mut opened = Vec::new();
        for line in self.browser.find_all(By::Css("input[name=subject]")).await.unwrap().into_iter().take(count) {
            opened.push(line.attr("value").await.unwrap().unwrap());
            line.click().await.unwrap();
        }
        self.press("form[method=post][action^='/proposals'] button.main").await;
        let told = self.told().await;
        assert_eq!(told.matches("case opened").count(), opened.len(), "{told}");
        let boxes = Regex::new("name=\"subject\" value=\"([^\"]+)\"").unwrap();
        while opened.len() < count {
            let page = self.get(stage, &format!("/proposals?procedure={procedure}")).await;
            let lot: Vec<String> = boxes.captures_iter(&page).map(|found| found[1].to_owned()).collect();
            let lot = &lot[..lot.len().min(count - opened.len())];
            assert!(!lot.is_empty(), "only {} are proposed for {procedure}", opened.len());
            let mut pairs = vec![("procedure", procedure.to_owned())];
            pairs.extend(lot.iter().map(|key| ("subject", key.clone())));
            let answer = self.send(stage, "/proposals", &pairs).await;
            assert_eq!(answer.text.matches("case opened</li>").count(), lot.len(), "{}", answer.text);
            opened.extend_from_slice(lot);
        }
        opened
    }

    /// Begins a procedure from a file; the number of the case.
    pub(super) async fn begin(&self, stage: &Stage, file: &str, procedure: &str) -> i64 {
        self.go(stage, file).await;
        self.find("details.menu:has(a[href*='/cases/new']) summary").await.click().await.unwrap();
        self.press(&format!("a[href*='/cases/new'][href*='procedure={procedure}&']")).await;
        self.press("form[action='/cases/new'] button.main").await;
        let here = self.browser.current_url().await.unwrap();
        let number = here.path().strip_prefix("/cases/").and_then(|rest| rest.parse().ok());
        number.unwrap_or_else(|| panic!("{}: {here} is no case", self.login))
    }
}
