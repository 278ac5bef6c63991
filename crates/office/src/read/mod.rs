//! Files → rows of texts, one after the other, in bounded memory.

mod csv_file;
mod workbook;

use std::path::Path;

use crate::OfficeError;

/// Caps on what a file may hold: a file beyond them is refused before it fills memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Columns of a row.
    pub columns: usize,
    /// Bytes of a cell.
    pub cell: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 2 << 30, rows: 20_000_000, columns: 1_000, cell: 32_768 }
    }
}

/// A row of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Row of the sheet, or line of the CSV file, from 1.
    pub number: u64,
    /// Texts of the cells, trimmed; empty where there is none.
    pub cells: Vec<String>,
}

/// Names of the visible sheets of a workbook; one without a name for other files.
///
/// # Errors
/// The file cannot be read, is of another kind, or exceeds the limits.
pub fn sheet_names(path: &Path, limits: &Limits) -> Result<Vec<String>, OfficeError> {
    let (name, kind) = opened(path, limits)?;
    match kind {
        Kind::Csv => Ok(vec![String::new()]),
        Kind::Workbook => workbook::sheets(path, &name),
    }
}

/// Calls `each` with every row that is not empty. Texts come as they are typed; dates of Excel as `2016-01-31`;
/// numbers without trailing zeros. `each` returns whether to go on. Of a workbook the widest visible sheet is read.
///
/// # Errors
/// The file cannot be read, is of another kind, or exceeds the limits.
pub fn read_rows(path: &Path, limits: &Limits, each: &mut dyn FnMut(Row) -> bool) -> Result<(), OfficeError> {
    read_sheet(path, None, limits, each)
}

/// The same of the sheet with a name.
///
/// # Errors
/// See [`read_rows`].
pub fn read_sheet(
    path: &Path,
    sheet: Option<&str>,
    limits: &Limits,
    each: &mut dyn FnMut(Row) -> bool,
) -> Result<(), OfficeError> {
    let (name, kind) = opened(path, limits)?;
    match kind {
        Kind::Csv => csv_file::read(path, &name, limits, each),
        Kind::Workbook => workbook::read(path, (&name, sheet), limits, each),
    }
}

enum Kind {
    Csv,
    Workbook,
}

fn opened(path: &Path, limits: &Limits) -> Result<(String, Kind), OfficeError> {
    let name = path.display().to_string();
    let metadata = std::fs::metadata(path).map_err(|source| OfficeError::File { path: name.clone(), source })?;
    if metadata.len() > limits.bytes {
        return Err(OfficeError::TooLarge { path: name, what: "bytes", most: limits.bytes });
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    match ending.as_deref() {
        Some("csv" | "txt" | "tsv") => Ok((name, Kind::Csv)),
        Some("xlsx" | "xlsm") => Ok((name, Kind::Workbook)),
        _ => Err(OfficeError::Kind { path: name }),
    }
}
