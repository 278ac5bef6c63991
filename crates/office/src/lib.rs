//! The files that people use: CSV and Excel in, CSV and Excel out.
//!
//! **Architecture invariant:** this crate is the only one that names file-format libraries. It knows rows of texts with
//! their addresses, not registers, rules or the database.

pub mod error;
pub mod kinds;
pub mod pictures;
pub mod read;
pub mod write;

pub use error::OfficeError;
pub use kinds::{Kind, kind_of};
pub use read::{Limits, Row, read_rows, read_sheet, sheet_names};
pub use write::{CellKind, ColumnSpec, Mark, SheetSpec, write_csv, write_marked, write_workbook};
