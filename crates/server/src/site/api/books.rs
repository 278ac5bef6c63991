//! Books: which there are, and one of a division, counted over the snapshot of the last run.

use axum::Json;
use axum::extract::Path;
use axum::response::IntoResponse;
use bangfu_policy::books::Book;
use bangfu_policy::model::Pack;
use bangfu_registry::views::books::{HeadCell, Label, Row, Table};
use bangfu_rules::indicators::Figure;
use serde_json::{Value, json};

use super::figures::{as_of, unit};
use super::problem::Problem;
use super::{Answer, ROOT, known};
use crate::books::Writing;
use crate::site::Shared;
use crate::site::pages;
use crate::site::visit::Visit;

/// All books in the order of their numbers.
pub async fn index(site: Shared, visit: Visit) -> Answer {
    known(&visit.query, |_| false)?;
    let books: Vec<Value> = site.pack.books.iter().map(|book| described(&site.pack, book)).collect();
    Ok(Json(json!({ "books": books })).into_response())
}

fn described(pack: &Pack, book: &Book) -> Value {
    json!({
        "id": book.id,
        "number": book.number,
        "title": book.title,
        "group": book.group,
        "of": pack.entity_id(book.of),
        "clauses": book.clauses,
        "table": format!("{ROOT}/books/{}", book.id),
    })
}

/// A book of the division; without a run it has no columns and rows.
pub async fn one(site: Shared, visit: Visit, Path(id): Path<String>) -> Answer {
    known(&visit.query, |_| false)?;
    let book = site.pack.book(&id).ok_or_else(|| Problem::not_found("book", &id))?;
    let failed = |error: &dyn std::fmt::Display| Problem::new("failed", error.to_string());
    let table = pages::books::table(&site, &visit, book).await.map_err(|error| failed(&error))?;
    let table = table.transpose().map_err(|error| failed(&error))?;
    let writing = Writing { pack: &site.pack, texts: &site.texts, language: visit.language };
    let mut body = described(&site.pack, book);
    if let Some(body) = body.as_object_mut() {
        body.insert("division".to_owned(), json!(visit.division));
        body.insert("as_of".to_owned(), json!(as_of(&site)));
        body.insert(
            "columns".to_owned(),
            json!(table.as_ref().map(|table| columns(&writing, table)).unwrap_or_default()),
        );
        body.insert("total".to_owned(), json!(table.as_ref().map(|table| row(&writing, &table.total))));
        let rows = table.iter().flat_map(|table| &table.rows).map(|one| row(&writing, one));
        body.insert("rows".to_owned(), json!(rows.collect::<Vec<_>>()));
    }
    Ok(Json(body).into_response())
}

fn columns(writing: &Writing<'_>, table: &Table) -> Vec<Value> {
    let column = |heading: &Option<String>, cell: &HeadCell| {
        let (from, to) = match &cell.label {
            Label::Band { from, to, .. } => (from.clone(), to.clone()),
            _ => (None, None),
        };
        json!({
            "heading": heading,
            "title": writing.label(&cell.label),
            "code": cell.code,
            "from": from,
            "to": to,
            "missing": cell.label == Label::Missing,
            "unit": unit(cell.unit),
            "additive": cell.additive,
        })
    };
    let columns = table.columns.iter();
    columns.flat_map(|one| one.cells.iter().map(move |cell| column(&one.heading, cell))).collect()
}

fn row(writing: &Writing<'_>, row: &Row) -> Value {
    let value = |figure: &Option<Figure>| figure.and_then(|figure| figure.value);
    let unknown = |figure: &Option<Figure>| figure.map_or(0, |figure| figure.unknown);
    json!({
        "code": row.code,
        "title": writing.label(&row.label),
        "values": row.cells.iter().map(value).collect::<Vec<_>>(),
        "unknown": row.cells.iter().map(unknown).collect::<Vec<_>>(),
        "untold": row.untold,
    })
}
