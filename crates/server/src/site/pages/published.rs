//! What the pack names as public: records of registers and figures of divisions, as pages and as files.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bangfu_policy::model::{Entity, Procedure, PublicRegister, Register, text_in};
use bangfu_registry::office::write::{CellKind, CsvReader, CsvRows};
use bangfu_registry::store::Scope;
use bangfu_registry::views::facts::Facts;
use bangfu_registry::views::published::records::{self, Open};
use bangfu_registry::views::published::statistics::{Statistics, StatisticsTable};

use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// Ids and titles of the public registers.
pub fn registers(site: &Shared, visit: &Visit) -> Vec<(String, String)> {
    let registers = site.pack.public.registers.iter();
    let registers = registers.filter_map(|public| site.pack.registers.get(public.register.index()));
    registers.map(|register| (register.id.clone(), text_in(&register.title, visit.language.id()).to_owned())).collect()
}

fn find<'s>(site: &'s Shared, id: &str) -> Result<(&'s PublicRegister, &'s Register), PageError> {
    records::find(&site.pack, id).ok_or_else(|| PageError::not_found("page", id))
}

fn opened<'a>(site: &'a Shared, facts: &'a Facts, public: &'a PublicRegister, visit: &'a Visit) -> Open<'a> {
    Open { facts, places: &site.places, public, division: &visit.division, language: visit.language }
}

/// Records of a public register: totals by division, and the list.
pub async fn register(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let (public, register) = find(&site, &id)?;
    let facts = site.facts(&Scope::everything());
    let open = opened(&site, &facts, public, &visit);
    let page = visit.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let (list, totals) = (open.page(page).await?, open.totals().await?);
    let shown = visit.clone().with_division(open.division());
    let own = own! {
        title => text_in(&register.title, visit.language.id()),
        list,
        totals,
        sums => open.sum_titles(),
        nameless => public.nameless.is_some(),
        asks => asks(&site, &visit, public),
        here => visit.path,
    };
    site.render(&shown, "public", "public/records.html", own)
}

/// Ids and titles of the forms with which everybody adds to a register.
fn asks(site: &Shared, visit: &Visit, public: &PublicRegister) -> Vec<(String, String)> {
    let of =
        |procedure: &&Procedure| procedure.subject == Entity::Register(public.register) && procedure.asks.is_some();
    let title = |procedure: &Procedure| text_in(&procedure.title, visit.language.id()).to_owned();
    site.pack.procedures.iter().filter(of).map(|procedure| (procedure.id.clone(), title(procedure))).collect()
}

/// The list of a public register as CSV.
pub async fn export(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let (public, _) = find(&site, &id)?;
    let facts = site.facts(&Scope::everything());
    let open = opened(&site, &facts, public, &visit);
    let words = |key| site.texts.get(visit.language, key, &[]);
    let mut bytes = Vec::new();
    open.csv(&words("division"), &words("period"), &mut bytes).await??;
    Ok(csv_file(&format!("{id}-{}", open.division()), bytes))
}

fn csv_file(name: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    (headers, bytes).into_response()
}

/// Public figures of the division in view; none before the first run.
fn statistics(site: &Shared, visit: &Visit) -> Result<Option<StatisticsTable>, PageError> {
    let public = site.pack.public.figures.as_ref().ok_or_else(|| PageError::not_found("page", &*visit.path))?;
    let table = site.results.as_deref().map(|results| {
        let (pack, places, language) = (&*site.pack, &site.places, visit.language);
        Statistics { pack, places, results, public, language }.table(&visit.division)
    });
    Ok(table)
}

/// Figures of a division and those below it.
pub async fn figures(site: Shared, visit: Visit) -> Page {
    let table = statistics(&site, &visit)?;
    site.render(&visit, "public", "public/figures.html", own! { table, here => "/public/figures" })
}

/// The figures of a division as CSV.
pub async fn figures_csv(site: Shared, visit: Visit) -> Page {
    let table = statistics(&site, &visit)?.ok_or_else(|| PageError::not_found("run", ""))?;
    let words = |key, n: i64| site.texts.get(visit.language, key, &[("n", n.to_string())]);
    let first = words("division", 0);
    let heads = std::iter::once(first.as_str()).chain(table.columns.iter().map(String::as_str));
    let mut bytes = Vec::new();
    let mut rows = CsvRows::new(&mut bytes, heads.map(|head| (head, CellKind::Text)), CsvReader::Spreadsheet)?;
    for row in &table.rows {
        let cells = row.cells.iter().map(|(word, text)| match *word {
            "fewer" => words("public-fewer", table.below),
            "withheld" => words("public-withheld", 0),
            _ => text.clone(),
        });
        let cells: Vec<String> = std::iter::once(row.name.clone()).chain(cells).collect();
        rows.row(cells.iter().map(String::as_str))?;
    }
    rows.finish()?;
    Ok(csv_file(&format!("figures-{}", visit.division), bytes))
}
