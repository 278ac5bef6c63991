//! A clerk's morning in a real Chromium: a new record, a wrong value, corrected, its history, undone; a table with errors,
//! mended and taken. Axe looks at every page on the way.

use std::path::Path;

use thirtyfour::prelude::*;

use super::browser::{Driver, axe, findings, session};
use super::desk::{Desk, book};

struct Walk {
    browser: WebDriver,
    axe: String,
    base: String,
}

impl Walk {
    async fn go(&self, address: &str) {
        let sign = if address.contains('?') { '&' } else { '?' };
        self.browser.goto(format!("{}{address}{sign}lang=en", self.base)).await.unwrap();
        self.look().await;
    }

    /// Axe finds nothing, and the page fits.
    async fn look(&self) {
        let found = findings(&self.browser, &self.axe).await;
        let place = self.browser.current_url().await.unwrap();
        assert!(found.is_empty(), "{place}: {found:#?}");
        let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let wide = self.browser.execute(wide, vec![]).await.unwrap().json().as_i64().unwrap();
        assert!(wide <= 1, "{place} is {wide} px too wide");
    }

    async fn type_into(&self, id: &str, text: &str) {
        let input = self.browser.find(By::Id(id)).await.unwrap();
        input.clear().await.unwrap();
        input.send_keys(text).await.unwrap();
    }

    async fn press(&self, css: &str) {
        self.browser.find(By::Css(css)).await.unwrap().click().await.unwrap();
        self.look().await;
    }

    async fn text(&self) -> String {
        self.browser.find(By::Css("main")).await.unwrap().text().await.unwrap()
    }

    async fn upload(&self, path: &Path) {
        let input = self.browser.find(By::Id("file")).await.unwrap();
        input.send_keys(path.display().to_string()).await.unwrap();
        self.press("form.entry button.main").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_entered_corrected_undone_and_a_table_is_mended() {
    let desk = Desk::empty().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = desk.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let axe = axe();
    let driver = Driver::start();
    for phone in [false, true] {
        let profile = tempfile::tempdir().unwrap();
        let browser = session(&driver, profile.path(), phone).await;
        let walk = Walk { browser, axe: axe.clone(), base: base.clone() };
        enter(&walk, &desk, if phone { "1504219999999998" } else { "1504219999999999" }).await;
        mend(&walk, &desk, if phone { "8" } else { "9" }).await;
        walk.browser.quit().await.unwrap();
    }
    desk.store.verify_journal().await.unwrap();
}

/// A record by hand.
async fn enter(walk: &Walk, desk: &Desk, number: &str) {
    walk.go(&format!("/registry/household/new?division={}", desk.village().await)).await;
    walk.type_into("v-head_name", "乌云其其格").await;
    walk.press(".actions button.main").await;
    let errors = walk.browser.find(By::Id("form-errors")).await.unwrap();
    assert!(errors.text().await.unwrap().contains("Not saved"));
    let name = walk.browser.find(By::Id("v-head_name")).await.unwrap().prop("value").await.unwrap();
    assert_eq!(name.as_deref(), Some("乌云其其格"), "nothing is lost");
    errors.find(By::Css("a")).await.unwrap().click().await.unwrap();
    let focused = walk.browser.active_element().await.unwrap().attr("id").await.unwrap();
    assert_eq!(focused.as_deref(), Some("v-household_no"), "the summary leads to the field");
    walk.type_into("v-household_no", number).await;
    walk.press(".actions button.main").await;
    assert!(walk.text().await.contains("Added."));
    walk.press("a.button.main[href*='/edit']").await;
    walk.type_into("v-head_name", "高娃").await;
    walk.type_into("form-reason", "a wrong correction").await;
    walk.press(".actions button.main").await;
    assert!(walk.text().await.contains("高娃"));
    walk.press("a.button[href*='/history']").await;
    walk.press("details summary").await;
    let reason = walk.browser.find(By::Css("details[open] input[name=reason]")).await.unwrap();
    reason.send_keys("it was right before").await.unwrap();
    walk.press("details[open] button.main").await;
    assert!(walk.text().await.contains("undone"));
    walk.go(&format!("/registry/household/{number}")).await;
    assert!(walk.text().await.contains("乌云其其格"));
}

/// A table with an error: shown, taken without the row, mended and sent again.
async fn mend(walk: &Walk, desk: &Desk, digit: &str) {
    let template = desk.workbook("/registry/household/template.xlsx").await;
    let header = &template[0][0];
    let at = |title: &str| header.iter().position(|known| known == title).unwrap();
    let key = bangfu_registry::exchange::columns::columns(&desk.pack, desk.pack.register("household").unwrap(), "en");
    let field = &desk.pack.registers[desk.pack.register("household").unwrap().index()];
    let key = key
        .iter()
        .position(|column| column.part == bangfu_registry::exchange::columns::Part::Field(field.key.unwrap()));
    let village = desk.village().await;
    let row = |number: &str| {
        let mut row = vec![String::new(); header.len()];
        row[at("Division code")].clone_from(&village);
        row[key.unwrap()] = number.to_owned();
        row
    };
    let good = format!("150421888888880{digit}");
    let wrong = desk.folder.path().join("wrong.xlsx");
    let mut nowhere = row(&format!("150421888888882{digit}"));
    nowhere[at("Division code")] = "999999999999".to_owned();
    std::fs::write(&wrong, book(header, vec![row(&good), nowhere])).unwrap();
    walk.go("/registry/household/import").await;
    walk.upload(&wrong).await;
    let text = walk.text().await;
    assert!(text.contains("Rows to mend") || text.contains("Download the refused rows"), "{text}");
    walk.type_into("form-reason", "list of the survey").await;
    walk.press("form.entry button.main").await;
    assert!(walk.text().await.contains("Imported: 1 new"), "{}", walk.text().await);
    let mended = desk.folder.path().join("mended.xlsx");
    std::fs::write(&mended, book(header, vec![row(&format!("150421888888881{digit}"))])).unwrap();
    walk.go("/registry/household/import").await;
    walk.upload(&mended).await;
    walk.type_into("form-reason", "mended").await;
    walk.press("form.entry button.main").await;
    assert!(walk.text().await.contains("Imported: 1 new"));
}
