//! A registry of one's own, and what a person at a desk does with it: sends forms and tables, reads what comes back.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bangfu_policy::model::Pack;
use bangfu_registry::office::{CellKind, ColumnSpec, Limits, SheetSpec, read_sheet, sheet_names, write_workbook};
use bangfu_registry::store::change::Actor;
use bangfu_registry::store::divisions::Division;
use bangfu_registry::store::{Scope, Store};
use bangfu_registry::synth;
use bangfu_server::site::{self, Site, Sources};
use serde_json::Value as Json;

use super::fixture::{Answer, fill, get, pack_folder, registry, send, store};

/// A site over an empty registry, or one with some people.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) pack: Arc<Pack>,
    pub(crate) store: Store,
    pub(crate) router: Router,
}

/// The banner whose divisions it has.
pub(crate) const BANNER: &str = "150421";

impl Desk {
    /// Divisions only.
    pub(crate) async fn empty() -> Self {
        let (folder, pack) = (tempfile::tempdir().unwrap(), Arc::clone(&registry().await.pack));
        let store = store(folder.path(), &pack).await;
        let listed = synth::demo::read_divisions(&pack_folder()).unwrap();
        let kept = listed.into_iter().filter(|d| d.code.len() <= 6 || d.code.starts_with(BANNER));
        let level = |code: &str| pack.level_of_code(code).unwrap().index();
        let rows: Vec<Division> =
            kept.map(|d| Division { level: level(&d.code), code: d.code, name: d.name, name_en: d.name_en }).collect();
        let mut change = store.change(&Scope::everything(), &Actor::console("test"), "test", 1).await.unwrap();
        change.divisions(&rows).await.unwrap();
        change.commit().await.unwrap();
        Self::over(folder, pack, store).await
    }

    /// A few households.
    pub(crate) async fn with_people() -> Self {
        let (folder, pack) = (tempfile::tempdir().unwrap(), Arc::clone(&registry().await.pack));
        let store = store(folder.path(), &pack).await;
        fill(&store, &pack, &[BANNER], 0.002).await;
        Self::over(folder, pack, store).await
    }

    async fn over(folder: tempfile::TempDir, pack: Arc<Pack>, store: Store) -> Self {
        let sources = Sources { data: folder.path().to_owned(), pack_folder: pack_folder(), ..Sources::default() };
        let site = Site::open(Arc::clone(&pack), store.clone(), &sources).await.unwrap();
        let router = super::fixture::signed_in(site).await;
        Self { folder, pack, store, router }
    }

    /// A page in English.
    pub(crate) async fn get(&self, address: &str) -> Answer {
        get(&self.router, address, "lang=en").await
    }

    /// A page that must be there.
    pub(crate) async fn page(&self, address: &str) -> String {
        let answer = self.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.text);
        answer.text
    }

    /// JSON of the interface.
    pub(crate) async fn json(&self, address: &str) -> Json {
        serde_json::from_str(&self.page(address).await).unwrap()
    }

    /// Sends a form.
    pub(crate) async fn post(&self, address: &str, pairs: &[(String, String)]) -> Answer {
        let encode = site::templates::encode;
        let body: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = Request::post(address)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, "lang=en")
            .body(Body::from(body.join("&")));
        send(&self.router, request.unwrap()).await
    }

    /// Sends a request to the interface.
    pub(crate) async fn call(&self, method: &str, address: &str, headers: &[(&str, &str)], body: &Json) -> Answer {
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header(header::CONTENT_TYPE, "application/json").header(header::COOKIE, "lang=en");
        send(&self.router, request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Sends a file with a form.
    pub(crate) async fn upload(&self, address: &str, name: &str, bytes: &[u8], texts: &[(&str, &str)]) -> Answer {
        const BORDER: &str = "border-of-the-parts";
        let mut body = Vec::new();
        for (field, text) in texts {
            body.extend(
                format!("--{BORDER}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{text}\r\n").bytes(),
            );
        }
        let head = format!(
            "--{BORDER}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend(head.bytes());
        body.extend(bytes);
        body.extend(format!("\r\n--{BORDER}--\r\n").bytes());
        let request = Request::post(address)
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={BORDER}"))
            .header(header::COOKIE, "lang=en")
            .body(Body::from(body));
        send(&self.router, request.unwrap()).await
    }

    /// Sends a list and waits until it was looked at; the address of its import, and the page.
    pub(crate) async fn look(&self, register: &str, bytes: &[u8]) -> (String, String) {
        let sent = self.upload(&format!("/registry/{register}/import"), "list.xlsx", bytes, &[]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{register}: {}", sent.text);
        let address = sent.headers.get(header::LOCATION).unwrap().to_str().unwrap().to_owned();
        let page = self.finished(&address).await;
        (address, page)
    }

    /// Confirms an import and waits until it is done.
    pub(crate) async fn take(&self, address: &str) -> String {
        let answer = self.post(address, &[("reason".to_owned(), "test".to_owned())]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address}: {}", answer.text);
        self.finished(address).await
    }

    /// The page of an import that is not at work: each answer waits for it.
    async fn finished(&self, address: &str) -> String {
        loop {
            let page = self.page(address).await;
            if !page.contains("hx-trigger=\"load\"") {
                return page;
            }
        }
    }

    /// A workbook that the site sends: the rows of its sheets.
    pub(crate) async fn workbook(&self, address: &str) -> Vec<Vec<Vec<String>>> {
        let answer = self.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.text);
        let path = self.folder.path().join("sent.xlsx");
        std::fs::write(&path, &answer.bytes).unwrap();
        sheets(&path)
    }

    /// The first lowest division of the banner.
    pub(crate) async fn village(&self) -> String {
        let lowest = self.pack.levels.last().unwrap().digits;
        let divisions = self.store.reader(&Scope::division(BANNER)).divisions().await.unwrap();
        divisions.into_iter().find(|division| division.code.len() == lowest).unwrap().code
    }

    /// Entries of the journal.
    pub(crate) async fn entries(&self) -> i64 {
        self.store.journal_end().await.unwrap().0
    }
}

/// The rows of the sheets of a workbook.
pub(crate) fn sheets(path: &Path) -> Vec<Vec<Vec<String>>> {
    let read = |sheet: &String| {
        let mut rows = Vec::new();
        let mut each = |row: bangfu_registry::office::Row| {
            rows.push(row.cells);
            true
        };
        read_sheet(path, Some(sheet), &Limits::default(), &mut each).unwrap();
        rows
    };
    sheet_names(path, &Limits::default()).unwrap().iter().map(read).collect()
}

/// A workbook of texts.
pub(crate) fn book(header: &[String], rows: Vec<Vec<String>>) -> Vec<u8> {
    let columns = header.iter().map(|title| ColumnSpec::new(title, CellKind::Text)).collect();
    write_workbook(&[SheetSpec { name: "list".to_owned(), columns, rows }]).unwrap()
}

/// A figure of an import's page.
pub(crate) fn figure(page: &str, name: &str) -> u64 {
    let after = page.split(&format!("<div class=\"name\">{name}</div><div class=\"value\">")).nth(1);
    let text = after.unwrap_or_else(|| panic!("no figure {name}: {page}")).split('<').next().unwrap();
    text.replace(',', "").parse().unwrap()
}
