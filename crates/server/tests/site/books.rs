//! Books on pages, in files and in the interface.

use axum::http::StatusCode;
use bangfu_policy::model::Entity;
use bangfu_registry::office::{Limits, read_rows};
use bangfu_registry::views::books::{Counting, Table};
use bangfu_registry::views::figures::Language;
use bangfu_server::site::Site;
use bangfu_server::site::run::Ran;

use super::fixture::{get, open, registry, router};

fn counting(site: &Site) -> Counting<'_> {
    let results = site.ran.results.as_deref().unwrap();
    Counting {
        pack: &site.pack,
        places: &site.places,
        snapshot: site.ran.snapshot.as_deref().unwrap(),
        overrides: &results.overrides,
        as_of: results.as_of,
    }
}

/// Divisions of all levels on the ways to some villages.
fn divisions(site: &Site, village: &str) -> Vec<String> {
    let mut all = site.places.path(village);
    all.extend(site.places.path("150981"));
    all.sort();
    all.dedup();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_add_up_to_the_total_at_every_level() {
    let site = open().await;
    let village = registry().await.village.clone();
    let counting = counting(&site);
    let mut counted = 0.0;
    for book in &site.pack.books {
        for division in divisions(&site, &village) {
            let table: Table = counting.table(book, &division, Language::ENGLISH).unwrap();
            assert_eq!(table.cells().count(), table.total.cells.len(), "{}", book.id);
            // What lies in the division itself is in none of the lower ones.
            let pack = &site.pack;
            let mut lies = std::iter::once(book.of).chain(pack.ancestors(book.of));
            let lies = lies.find_map(|entity| if let Entity::Level(level) = entity { Some(level) } else { None });
            let below = site.places.level_id(&division).is_some_and(|level| lies.is_some_and(|lies| lies > level));
            if table.rows.is_empty() || (book.lines.is_empty() && !below) {
                continue;
            }
            for (at, cell) in table.cells().enumerate().filter(|(_, cell)| cell.additive) {
                // Divisions below those that are counted hold nothing.
                let parts: Option<Vec<i64>> =
                    table.rows.iter().map(|row| row.cells[at].and_then(|figure| figure.numerator)).collect();
                let total = table.total.cells[at].and_then(|figure| figure.numerator);
                if let Some(parts) = parts {
                    assert_eq!(Some(parts.iter().sum::<i64>()), total, "{} {division} {:?}", book.id, cell.label);
                    counted += total.unwrap_or(0) as f64;
                }
            }
            let untold: i64 = table.rows.iter().map(|row| row.untold).sum();
            assert_eq!(untold, table.total.untold, "{} {division}", book.id);
        }
    }
    assert!(counted > 1_000.0, "the books are empty: {counted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_of_a_division_partition_what_is_counted() {
    let site = open().await;
    let book = site.pack.book("tried_ages").unwrap();
    let table = counting(&site).table(book, "15", Language::ENGLISH).unwrap();
    let value = |at: usize| table.total.cells[at].unwrap().numerator.unwrap();
    let persons = value(0);
    let poor = site.pack.variable("identified_poor").unwrap();
    let results = site.ran.results.as_deref().unwrap();
    assert!(results.count(&site.pack, poor, "15").unwrap().yes > 0 && persons > 0);
    let mut at = 1;
    for column in &table.columns[1..3] {
        let sum: i64 = (at..at + column.cells.len()).map(value).sum();
        assert_eq!(sum, persons, "{:?}", column.heading);
        at += column.cells.len();
    }
}

/// Cells of the page's table, row by row.
fn cells(page: &str) -> Vec<Vec<String>> {
    let body = page.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let text = |cell: &str| -> String {
        let inner = cell.split_once('>').map_or("", |(_, inner)| inner);
        inner
            .split('<')
            .enumerate()
            .map(|(n, part)| if n == 0 { part } else { part.split_once('>').map_or("", |(_, t)| t) })
            .collect()
    };
    let rows = body.split("<tr").skip(1);
    rows.map(|row| {
        row.split("<t")
            .skip(1)
            .filter(|cell| cell.starts_with(['h', 'd']))
            .map(|cell| text(cell).trim().to_owned())
            .collect()
    })
    .collect()
}

/// A figure of a page as a number: percent as a fraction.
fn number(text: &str) -> Option<f64> {
    let plain = text.replace(',', "");
    match plain.strip_suffix('%') {
        Some(share) => share.parse::<f64>().ok().map(|share| share / 100.0),
        None => plain.parse().ok(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_and_the_csv_say_what_the_page_says() {
    let router = router().await;
    for id in ["tried_ages", "tried_income", "tried_causes", "tried_villages"] {
        for division in ["15", "150421"] {
            let page = get(&router, &format!("/books/{id}?division={division}"), "lang=en").await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.text);
            let shown = cells(&page.text);
            assert!(shown.len() > 1, "{id} {division}");
            // Title, notes and a head of one or two rows; a CSV has its head only.
            for (kind, most) in [("xlsx", 4), ("csv", 1)] {
                let file = get(&router, &format!("/books/{id}/export.{kind}?division={division}"), "lang=en").await;
                assert_eq!(file.status, StatusCode::OK);
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join(format!("book.{kind}"));
                std::fs::write(&path, &file.bytes).unwrap();
                let mut rows = Vec::new();
                read_rows(&path, &Limits::default(), &mut |row| {
                    rows.push(row.cells);
                    true
                })
                .unwrap();
                let above = rows.len() - shown.len();
                assert!((1..=most).contains(&above), "{id} {division} {kind}: {above} rows above");
                if kind == "xlsx" {
                    assert!(rows[0][0].contains("Tried"), "{:?}", rows[0]);
                    assert!(rows[1][0].contains("31 December 2016"), "{:?}", rows[1]);
                }
                for (row, line) in rows[above..].iter().zip(&shown) {
                    assert_eq!(row[0], line[0]);
                    for (at, text) in line.iter().enumerate().skip(1) {
                        let cell = row.get(at).map_or("", String::as_str);
                        match (number(text), number(cell)) {
                            (Some(a), Some(b)) => assert!((a - b).abs() < 0.0051, "{id} {line:?} {row:?}"),
                            (None, None) => {}
                            _ => panic!("{id} {division} {kind}: `{text}` and `{cell}` of {line:?}"),
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_lead_to_lower_divisions_and_wrong_names_are_told() {
    let router = router().await;
    let page = get(&router, "/books/tried_income", "lang=en").await;
    assert!(page.text.contains("/books/tried_income?division=1504\""), "no way down");
    assert!(page.text.contains("1,000–2,855 yuan") && page.text.contains("5,000.50 yuan and more"), "bands");
    let index = get(&router, "/books", "lang=en").await.text;
    let place = |id: &str| index.find(&format!("/books/{id}\"")).unwrap_or_else(|| panic!("no {id}"));
    assert!(place("tried_villages") < place("tried_causes"), "90.3 comes before 90.10");
    for (address, status) in [
        ("/books/nonsense", StatusCode::NOT_FOUND),
        ("/books/tried_ages/export.pdf", StatusCode::NOT_FOUND),
        ("/books/tried_ages?division=99", StatusCode::NOT_FOUND),
    ] {
        let answer = get(&router, address, "lang=en").await;
        assert_eq!(answer.status, status, "{address}");
        assert!(answer.text.contains("</html>"), "{address} is not a page");
    }
    let village = registry().await.village.clone();
    let lowest = get(&router, &format!("/books/tried_ages?division={village}"), "lang=en").await;
    assert_eq!(cells(&lowest.text).len(), 1, "only the total");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_run_books_are_listed_and_say_so() {
    let mut site = open().await;
    site.ran = Ran::default();
    let router = super::fixture::signed_in(site).await;
    for address in ["/books", "/books/tried_ages"] {
        let answer = get(&router, address, "lang=en").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.text.contains("No run yet"), "{address}");
    }
    assert_eq!(get(&router, "/books/tried_ages/export.xlsx", "").await.status, StatusCode::NOT_FOUND);
    let empty = get(&router, "/api/v1/books/tried_ages", "").await;
    let body: serde_json::Value = serde_json::from_str(&empty.text).unwrap();
    assert_eq!((&body["rows"], &body["as_of"]), (&serde_json::json!([]), &serde_json::Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interface_gives_the_same_figures() {
    let router = router().await;
    let page = cells(&get(&router, "/books/tried_causes?division=1504", "lang=en").await.text);
    let answer = get(&router, "/api/v1/books/tried_causes?division=1504", "lang=en").await;
    let body: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    let rows: Vec<&serde_json::Value> =
        std::iter::once(&body["total"]).chain(body["rows"].as_array().unwrap()).collect();
    assert_eq!(rows.len(), page.len());
    for (row, line) in rows.iter().zip(&page) {
        let values = row["values"].as_array().unwrap();
        for (value, text) in values.iter().zip(&line[1..]) {
            assert_eq!(value.as_f64(), number(text), "{line:?}");
        }
    }
    assert_eq!(body["rows"][0]["code"], "01", "the codes of the list in their order");
}
