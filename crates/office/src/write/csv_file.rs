//! CSV with a byte order mark, so that Excel shows Chinese, and without formulas that Excel would run.

use std::io::Write;

use super::{CellKind, SheetSpec};
use crate::OfficeError;

/// Writes a sheet as CSV (UTF-8 with byte order mark). Texts that Excel would take for a formula get a leading quote.
///
/// # Errors
/// The target cannot be written.
pub fn write_csv(mut target: impl Write, sheet: &SheetSpec) -> Result<(), OfficeError> {
    let failed = |error: &dyn std::fmt::Display| OfficeError::Write(error.to_string());
    target.write_all("\u{feff}".as_bytes()).map_err(|error| failed(&error))?;
    let mut writer = csv::Writer::from_writer(target);
    writer.write_record(sheet.columns.iter().map(|column| &column.title)).map_err(|error| failed(&error))?;
    for row in &sheet.rows {
        let cells = row.iter().zip(&sheet.columns).map(|(cell, column)| harmless(cell, column.kind));
        writer.write_record(cells).map_err(|error| failed(&error))?;
    }
    writer.flush().map_err(|error| failed(&error))
}

/// A text that begins like a formula, made harmless; numbers stay as they are.
fn harmless(cell: &str, kind: CellKind) -> String {
    let formula = kind == CellKind::Text && cell.starts_with(['=', '+', '-', '@', '\t']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}
