//! A clerk without a mouse: signs in, finds a task, decides it, hangs the notice and prints it, by Tab, Enter, Space and
//! the arrow keys only. Wherever the focus comes to, it is seen.

use axum::http::Method;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::prelude::*;
use thirtyfour::{RequestData, SessionId};

use bangfu_registry::access::accounts;
use bangfu_registry::store::{Actor, Scope};
use bangfu_server::site;

use super::browser::{Driver, session};
use super::everywhere::{EXIT, exit_case, last_households};
use super::fixture::{now, open, registry, session_as};

const LOGIN: &str = "keyboard.clerk";
const PASSWORD: &str = "seven words nobody else would put together";
/// Stops before one gives a page up.
const MOST: usize = 250;

/// What is wrong with the focus where it is; empty: it is seen. The page's own ends (`body`) are no stop.
const SEEN: &str = "
    const at = document.activeElement;
    if (!at || at === document.body) return '';
    const style = getComputedStyle(at), box = at.getBoundingClientRect();
    const what = at.outerHTML.slice(0, 150);
    if (!at.matches(':focus-visible')) return 'no :focus-visible on ' + what;
    if ((style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 1) && style.boxShadow === 'none')
        return 'no ring around ' + what;
    if (box.width < 1 || box.height < 1) return 'nothing to see of ' + what;
    const y = Math.min(Math.max(box.top + Math.min(box.height, 40) / 2, 0), innerHeight - 1);
    const x = Math.min(Math.max(box.left + Math.min(box.width, 40) / 2, 0), innerWidth - 1);
    const top = document.elementFromPoint(x, y);
    if (box.bottom <= 0 || box.top >= innerHeight) return 'out of the window: ' + what;
    return top && (at.contains(top) || top.contains(at) || top.labels || at.labels) ? '' : 'covered: ' + what;
";

/// Asks Chromium to lay pages out as they are printed.
#[derive(Debug)]
struct OnPaper;

impl FormatRequestData for OnPaper {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let body = serde_json::json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "media": "print" } });
        RequestData::new(Method::POST, format!("/session/{session}/goog/cdp/execute")).add_body(body)
    }
}

struct Keys {
    browser: WebDriver,
}

impl Keys {
    async fn press(&self, key: impl Into<TypingData>) {
        self.browser.action_chain().send_keys(key).perform().await.unwrap();
    }

    async fn is_at(&self, css: &str) -> bool {
        let at = self.browser.active_element().await.unwrap();
        let script = "return arguments[0].matches(arguments[1])";
        let told = self.browser.execute(script, vec![at.to_json().unwrap(), css.into()]).await.unwrap();
        told.json().as_bool() == Some(true)
    }

    /// Goes on with Tab until the focus is at what a selector names; the focus is seen at each stop.
    async fn tab_to(&self, css: &str) {
        for _ in 0..MOST {
            self.press(Key::Tab).await;
            let wrong = self.browser.execute(SEEN, vec![]).await.unwrap();
            let wrong = wrong.json().as_str().unwrap_or_default().to_owned();
            let place = self.browser.current_url().await.unwrap();
            assert!(wrong.is_empty(), "{place}: {wrong}");
            if self.is_at(css).await {
                return;
            }
        }
        panic!("{}: {MOST} tabs do not lead to {css}", self.browser.current_url().await.unwrap());
    }

    /// Presses a key that leads to another page, and waits for it.
    async fn follow(&self, key: impl Into<TypingData>) {
        self.browser.execute("window.before = true", vec![]).await.unwrap();
        self.press(key).await;
        for _ in 0..1_500 {
            let there = "return window.before !== true && document.readyState === 'complete'";
            if self.browser.execute(there, vec![]).await.is_ok_and(|there| there.json().as_bool() == Some(true)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{}: the key leads nowhere", self.browser.current_url().await.unwrap());
    }

    async fn path(&self) -> String {
        self.browser.current_url().await.unwrap().path().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clerk_decides_and_prints_without_a_mouse() {
    let site = open().await;
    let village = registry().await.village.clone();
    let role = |id: &str| site.pack.roles.iter().find(|role| role.id == id).unwrap();
    let clerk = format!("lang=en; session={}", session_as(&site, role("village_clerk"), &village, ".keys").await);
    let team = format!("lang=en; session={}", session_as(&site, role("resident_team"), &village, ".keys").await);
    let actor = Actor::console("test");
    let mut change = site.store.change(&Scope::nothing(), &actor, "test", now()).await.unwrap();
    change.make_account(LOGIN, "Tester").await.unwrap();
    change.give_role(LOGIN, "village_clerk", &village).await.unwrap();
    change.commit().await.unwrap();
    accounts::choose_password(&site.store, &actor, LOGIN, PASSWORD, now()).await.unwrap();
    let router = site::router(site).unwrap();
    let keys = last_households(&router, &clerk).await;
    // The household has still to sign; the clerk enters it.
    let case = exit_case(&router, [&clerk, &team], &keys[3], &EXIT[..2]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let (driver, profile) = (Driver::start(), tempfile::tempdir().unwrap());
    let keys = Keys { browser: session(&driver, profile.path(), false).await };

    keys.browser.goto(&base).await.unwrap();
    assert_eq!(keys.path().await, "/sign-in");
    keys.press(Key::Tab).await;
    assert!(keys.is_at("a.skip").await, "the first stop leads past the navigation");
    keys.tab_to("#login").await;
    keys.press(LOGIN).await;
    keys.tab_to("#password").await;
    keys.press(PASSWORD).await;
    keys.follow(Key::Enter).await;
    assert_eq!(keys.path().await, "/");

    keys.tab_to("nav.rail a[href='/work'], nav.rail a[href^='/work?']").await;
    keys.follow(Key::Enter).await;
    // The list is narrowed to one procedure with the arrow keys.
    keys.tab_to("#procedure").await;
    for _ in 0..MOST {
        let select = keys.browser.active_element().await.unwrap();
        if select.prop("value").await.unwrap().as_deref() == Some("household_exit") {
            break;
        }
        keys.press(Key::Down).await;
    }
    keys.tab_to("form.query button").await;
    keys.follow(Key::Space).await;
    keys.tab_to(&format!("a[href='{case}']")).await;
    keys.follow(Key::Enter).await;
    assert_eq!(keys.path().await, case);

    keys.tab_to("#paper0").await;
    keys.press("form 7, signed").await;
    keys.tab_to("button[name=act][value=done]").await;
    keys.follow(Key::Space).await;
    keys.tab_to("button[name=act][value=post]").await;
    keys.follow(Key::Enter).await;

    keys.tab_to("nav.rail a[href^='/public']").await;
    keys.follow(Key::Enter).await;
    keys.tab_to("main a[href^='/public/notices/household_exit.']").await;
    keys.follow(Key::Enter).await;
    assert!(keys.path().await.starts_with("/public/notices/household_exit."));
    // Headless Chromium shows no dialogue: what the button asks for is noted instead.
    keys.browser.execute("window.print = () => { window.printed = true }", vec![]).await.unwrap();
    keys.tab_to("[data-print]").await;
    keys.press(Key::Space).await;
    let printed = keys.browser.execute("return window.printed === true", vec![]).await.unwrap();
    assert_eq!(printed.json().as_bool(), Some(true), "Space prints");
    // On paper stands the notice, and nothing of the site around it.
    keys.browser.cmd(OnPaper).await.unwrap();
    let shown = "const seen = e => !!e && e.getClientRects().length > 0; \
                 return [seen(document.querySelector('article.notice')), seen(document.querySelector('nav.rail')), \
                 seen(document.querySelector('header.top')), seen(document.querySelector('[data-print]'))]";
    let shown = keys.browser.execute(shown, vec![]).await.unwrap();
    assert_eq!(*shown.json(), serde_json::json!([true, false, false, false]));
    let paper = keys.browser.print_page(thirtyfour::common::print::PrintParameters::default()).await.unwrap();
    assert!(paper.starts_with(b"%PDF"), "the page prints");
    keys.browser.quit().await.unwrap();
}
