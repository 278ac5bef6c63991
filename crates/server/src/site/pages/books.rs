//! Books: the index, a book of a division, and the form to take away.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use bangfu_policy::books::Book;
use bangfu_registry::views::books::{Counting, Table, index as books};
use bangfu_rules::engine::EngineError;
use serde_json::json;

use crate::books::{Sheet, Writing};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// All books under their headings.
pub async fn index(site: Shared, visit: Visit) -> Page {
    let groups: Vec<_> = books(&site.pack, visit.language)
        .into_iter()
        .map(|(title, entries)| {
            let entries: Vec<_> = entries
                .into_iter()
                .map(|e| json!({ "id": e.id, "number": e.number, "title": e.title, "of": e.of }))
                .collect();
            json!({ "title": title, "books": entries })
        })
        .collect();
    site.render(&visit, "books", "books/index.html", own! { groups, here => "/books" })
}

/// A book of the division in view.
pub async fn book(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let book = find(&site, &id)?;
    let writing = Writing { pack: &site.pack, texts: &site.texts, language: visit.language };
    let (mut sheet, mut failed) = (None, String::new());
    match table(&site, &visit, book).await? {
        Some(Ok(table)) => sheet = Some(written(&site, &visit, book, &table)),
        Some(Err(error)) => failed = error.to_string(),
        None => {}
    }
    let by_place = book.lines.is_empty();
    let own = own! {
        title => writing.title(book),
        id,
        clauses => book.clauses,
        sheet => sheet.as_ref().map(|sheet| shown(sheet, by_place)),
        failed,
        here => visit.path,
    };
    site.render(&visit, "books", "books/book.html", own)
}

/// A book as a file: the form that an office posts, or a CSV.
pub async fn export(site: Shared, visit: Visit, Path((id, kind)): Path<(String, String)>) -> Page {
    let book = find(&site, &id)?;
    if !matches!(kind.as_str(), "export.xlsx" | "export.csv") {
        return Err(PageError::not_found("page", visit.path));
    }
    let table = match table(&site, &visit, book).await? {
        Some(Ok(table)) => table,
        Some(Err(error)) => return Err(PageError::Failed(error.to_string())),
        None => return Err(PageError::not_found("run", "")),
    };
    let sheet = written(&site, &visit, book, &table);
    let (bytes, media, ending) = if kind == "export.xlsx" {
        let name = if book.number.is_empty() { &book.id } else { &book.number };
        (sheet.workbook(name)?, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
    } else {
        (sheet.csv()?, "text/csv; charset=utf-8", "csv")
    };
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}-{}.{ending}\"", visit.division)),
    ];
    Ok((headers, bytes).into_response())
}

/// A book by its id.
pub fn find<'s>(site: &'s Shared, id: &str) -> Result<&'s Book, PageError> {
    site.pack.book(id).ok_or_else(|| PageError::not_found("book", id))
}

/// Counts a book for the division in view, if there was a run; counting takes a moment, so that it keeps nobody waiting.
pub async fn table(site: &Shared, visit: &Visit, book: &Book) -> Result<Option<Result<Table, EngineError>>, PageError> {
    let (Some(results), Some(snapshot)) = (&site.results, &site.snapshot) else { return Ok(None) };
    let (results, snapshot, site) = (Arc::clone(results), Arc::clone(snapshot), site.clone());
    let (book, division, language) = (book.clone(), visit.division.clone(), visit.language);
    let counted = tokio::task::spawn_blocking(move || {
        let counting = Counting {
            pack: &site.pack,
            places: &site.places,
            snapshot: &snapshot,
            overrides: &results.overrides,
            as_of: results.as_of,
        };
        counting.table(&book, &division, language)
    });
    Ok(Some(counted.await.map_err(|error| PageError::Failed(error.to_string()))?))
}

fn written(site: &Shared, visit: &Visit, book: &Book, table: &Table) -> Sheet {
    let writing = Writing { pack: &site.pack, texts: &site.texts, language: visit.language };
    writing.sheet(book, table, &site.places.name(&visit.division, visit.language), site.as_of())
}

/// A sheet for the template; rows of divisions lead to their own sheet.
fn shown(sheet: &Sheet, by_place: bool) -> serde_json::Value {
    let groups: Vec<_> = sheet
        .groups
        .iter()
        .map(|group| {
            let columns: Vec<&str> = group.columns.iter().map(|(words, _)| words.as_str()).collect();
            json!({ "heading": group.heading, "columns": columns })
        })
        .collect();
    let rows: Vec<_> = sheet
        .rows
        .iter()
        .map(|line| {
            let code = line.code.as_deref().filter(|_| by_place && !line.total).unwrap_or_default();
            let cells: Vec<&str> = line.cells.iter().map(|cell| cell.text.as_str()).collect();
            json!({ "label": line.label, "code": code, "total": line.total, "cells": cells })
        })
        .collect();
    let two = sheet.groups.iter().any(|group| group.heading.is_some());
    json!({ "notes": sheet.notes, "first": sheet.first, "groups": groups, "rows": rows, "two": two })
}
