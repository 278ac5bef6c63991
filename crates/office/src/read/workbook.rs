//! Excel workbooks, cell by cell: the dense range that the library can also give may take a hundred gigabytes for a
//! sheet with one stray cell far down.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{DataRef, Reader, SheetVisible, Xlsx, open_workbook};

use super::{Limits, Row};
use crate::OfficeError;

fn open(path: &Path, name: &str) -> Result<Xlsx<BufReader<File>>, OfficeError> {
    open_workbook(path).map_err(|error: calamine::XlsxError| broken(name, &error))
}

fn broken(name: &str, error: &calamine::XlsxError) -> OfficeError {
    OfficeError::Workbook { path: name.to_owned(), reason: error.to_string() }
}

fn visible(book: &Xlsx<BufReader<File>>) -> Vec<String> {
    let visible = |sheet: &&calamine::Sheet| sheet.visible == SheetVisible::Visible;
    book.sheets_metadata().iter().filter(visible).map(|sheet| sheet.name.clone()).collect()
}

pub(super) fn sheets(path: &Path, name: &str) -> Result<Vec<String>, OfficeError> {
    Ok(visible(&open(path, name)?))
}

pub(super) fn read(
    path: &Path,
    (name, wanted): (&str, Option<&str>),
    limits: &Limits,
    each: &mut dyn FnMut(Row) -> bool,
) -> Result<(), OfficeError> {
    let broken = |error: calamine::XlsxError| broken(name, &error);
    let mut book = open(path, name)?;
    let empty = || OfficeError::Empty { path: name.to_owned() };
    let sheet = match wanted {
        Some(wanted) => wanted.to_owned(),
        None => widest(&mut book).map_err(broken)?.ok_or_else(empty)?,
    };
    let mut reader = book.worksheet_cells_reader(&sheet).map_err(broken)?;
    let mut row = Row::default();
    let mut rows = 0;
    while let Some(cell) = reader.next_cell().map_err(broken)? {
        let (line, column) = cell.get_position();
        let (number, column) = (u64::from(line) + 1, column as usize);
        if column >= limits.columns {
            let most = limits.columns as u64;
            return Err(OfficeError::TooLarge { path: name.to_owned(), what: "columns", most });
        }
        if number != row.number {
            if !flush(&mut row, each) {
                return Ok(());
            }
            rows += 1;
            if rows > limits.rows {
                return Err(OfficeError::TooLarge { path: name.to_owned(), what: "rows", most: limits.rows });
            }
            row.number = number;
        }
        let text = text_of(cell.get_value());
        if text.is_empty() {
            continue;
        }
        if row.cells.len() <= column {
            row.cells.resize(column + 1, String::new());
        }
        if let Some(slot) = row.cells.get_mut(column) {
            *slot = text;
        }
    }
    flush(&mut row, each);
    if rows == 0 { Err(empty()) } else { Ok(()) }
}

/// The visible sheet with the most columns: templates carry their instructions on a sheet beside the table.
fn widest(book: &mut Xlsx<BufReader<File>>) -> Result<Option<String>, calamine::XlsxError> {
    let mut widest: Option<(u32, String)> = None;
    for sheet in visible(book) {
        let width = book.worksheet_cells_reader(&sheet)?.dimensions().end.1;
        if widest.as_ref().is_none_or(|(most, _)| width > *most) {
            widest = Some((width, sheet));
        }
    }
    Ok(widest.map(|(_, sheet)| sheet))
}

/// Hands the row over, if there is anything in it.
fn flush(row: &mut Row, each: &mut dyn FnMut(Row) -> bool) -> bool {
    let row = std::mem::take(row);
    row.cells.is_empty() || each(row)
}

/// A cell as a person would type it.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_text(*number),
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(truth) => truth.to_string(),
        DataRef::DateTime(date) => {
            let (year, month, day, ..) = date.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.split('T').next().unwrap_or(text).to_owned(),
        DataRef::Error(error) => error.to_string(),
    }
}

/// Numbers without a superfluous point. Excel keeps 15 digits: longer numbers are shown with an exponent, so that the
/// check of the field says that the column must be formatted as text.
fn number_text(number: f64) -> String {
    if number.abs() >= 1e15 { format!("{number:E}") } else { format!("{number}") }
}
