//! Rows of texts → files that open well in Excel.

mod archive;
mod csv_file;
mod form;
mod workbook;

pub use archive::Archive;
pub use csv_file::{CsvReader, CsvRows, write_csv};
pub use form::{Form, FormGroup, FormRow, write_form};
pub use workbook::{write_marked, write_workbook};

/// How a column is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CellKind {
    /// As text, also when it looks like a number (ids, codes).
    Text,
    /// As a number with so many digits after the point.
    Number(u8),
    /// A day, shown as 2016-01-31.
    Date,
    /// Sentences: wide and wrapped.
    Words,
}

/// A cell that something is said about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Row of the sheet's rows, from 0.
    pub row: usize,
    /// Column.
    pub column: usize,
    /// What is said.
    pub note: String,
}

/// A column.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    /// Words in the header.
    pub title: String,
    /// How cells are written.
    pub kind: CellKind,
    /// Header in red: a row without it is refused.
    pub required: bool,
    /// Drop-down list.
    pub choices: Vec<String>,
    /// Comment for who fills it in.
    pub help: String,
}

impl ColumnSpec {
    /// A plain column.
    pub fn new(title: impl Into<String>, kind: CellKind) -> Self {
        Self { title: title.into(), kind, required: false, choices: Vec::new(), help: String::new() }
    }
}

/// A sheet.
#[derive(Clone, Debug)]
pub struct SheetSpec {
    /// Name on the tab (cut to 31 characters).
    pub name: String,
    /// Columns.
    pub columns: Vec<ColumnSpec>,
    /// Rows, one text per column; empty: no value.
    pub rows: Vec<Vec<String>>,
}
