//! The files that people use: CSV and Excel in, CSV and Excel out.
//!
//! **Architecture invariant:** this crate is the only one that names file-format libraries. It knows rows of texts with
//! their addresses, not registers, rules or the database.

pub mod error;
pub mod read;
pub mod write;

pub use error::OfficeError;
pub use read::{Limits, Row, read_rows};
pub use write::{CellKind, ColumnSpec, SheetSpec, write_csv, write_workbook};
