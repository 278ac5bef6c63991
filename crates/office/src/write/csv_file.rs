//! CSV, row by row: for spreadsheets with a byte order mark, so that Excel shows Chinese, and without formulas that
//! Excel would run; for programs as it is.

use std::io::Write;

use super::{CellKind, SheetSpec};
use crate::OfficeError;

/// Who reads a CSV.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CsvReader {
    /// People with a spreadsheet.
    Spreadsheet,
    /// Programs: no byte order mark, every text unchanged.
    Program,
}

/// A CSV (UTF-8) that grows row by row.
pub struct CsvRows<W: Write> {
    writer: csv::Writer<W>,
    reader: CsvReader,
    kinds: Vec<CellKind>,
}

impl<W: Write> CsvRows<W> {
    /// Writes the header: words and kind of each column.
    ///
    /// # Errors
    /// The target cannot be written; the same holds for all that follows.
    pub fn new<'a>(
        mut target: W,
        columns: impl IntoIterator<Item = (&'a str, CellKind)>,
        reader: CsvReader,
    ) -> Result<Self, OfficeError> {
        if reader == CsvReader::Spreadsheet {
            target.write_all("\u{feff}".as_bytes()).map_err(failed)?;
        }
        let (words, kinds): (Vec<&str>, Vec<CellKind>) = columns.into_iter().unzip();
        let mut writer = csv::Writer::from_writer(target);
        writer.write_record(words).map_err(failed)?;
        Ok(Self { writer, reader, kinds })
    }

    /// Writes a row: one text per column; empty: no value.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> Result<(), OfficeError> {
        if self.reader == CsvReader::Program {
            return self.writer.write_record(cells).map_err(failed);
        }
        let cells = cells.into_iter().zip(&self.kinds).map(|(cell, kind)| harmless(cell, *kind));
        self.writer.write_record(cells).map_err(failed)
    }

    /// Writes what is still held back.
    pub fn finish(mut self) -> Result<(), OfficeError> {
        self.writer.flush().map_err(failed)
    }
}

/// Writes a sheet as CSV for spreadsheets. Texts that Excel would take for a formula get a leading quote.
///
/// # Errors
/// The target cannot be written.
pub fn write_csv(target: impl Write, sheet: &SheetSpec) -> Result<(), OfficeError> {
    let columns = sheet.columns.iter().map(|column| (column.title.as_str(), column.kind));
    let mut rows = CsvRows::new(target, columns, CsvReader::Spreadsheet)?;
    for row in &sheet.rows {
        rows.row(row.iter().map(String::as_str))?;
    }
    rows.finish()
}

fn failed(error: impl std::fmt::Display) -> OfficeError {
    OfficeError::Write(error.to_string())
}

/// A text that begins like a formula, made harmless; numbers stay as they are.
fn harmless(cell: &str, kind: CellKind) -> String {
    let formula = kind == CellKind::Text && cell.starts_with(['=', '+', '-', '@', '\t']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}
