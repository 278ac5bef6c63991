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

/// Calls `each` with every row that is not empty. Texts come as they are typed; dates of Excel as `2016-01-31`;
/// numbers without trailing zeros. `each` returns whether to go on.
///
/// # Errors
/// The file cannot be read, is of another kind, or exceeds the limits.
pub fn read_rows(path: &Path, limits: &Limits, each: &mut dyn FnMut(Row) -> bool) -> Result<(), OfficeError> {
    let name = path.display().to_string();
    let metadata = std::fs::metadata(path).map_err(|source| OfficeError::File { path: name.clone(), source })?;
    if metadata.len() > limits.bytes {
        return Err(OfficeError::TooLarge { path: name, what: "bytes", most: limits.bytes });
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    match ending.as_deref() {
        Some("csv" | "txt" | "tsv") => csv_file::read(path, &name, limits, each),
        Some("xlsx" | "xlsm") => workbook::read(path, &name, limits, each),
        _ => Err(OfficeError::Kind { path: name }),
    }
}
