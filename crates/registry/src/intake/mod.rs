//! Files → checked rows, with a finding for every cell that is refused.
//!
//! ```text
//! file ─ office ─► rows of texts ─ mapping ─► values of fields ─ checks ─► batches ─► store (one transaction)
//!                                                              └─────────► problems (row, column, value, rule, advice)
//! ```

mod mapping;
mod reader;
mod result;

use arrow::array::RecordBatch;
use bangfu_policy::model::RegisterId;

pub use mapping::MappingFile;
pub use reader::{DivisionNames, read};
pub use result::{result_sheet, write_result};

/// Why a file cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] bangfu_office::OfficeError),
    /// The mapping does not fit.
    #[error("{0}")]
    Mapping(String),
    /// No header was found.
    #[error(
        "none of the first rows looks like a header of this register; name columns as in the template, for instance {some}, or give a mapping file"
    )]
    Header {
        /// Some titles of the register.
        some: String,
    },
    /// A column that every row needs is not there.
    #[error("the file has no column for {0}; add it, or map one of its columns to it")]
    Column(String),
    /// Arrow refused a batch.
    #[error("the rows do not fit their columns: {0}")]
    Batch(#[from] arrow::error::ArrowError),
}

/// A cell or row that is refused, or doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Row of the file, from 1.
    pub row: u64,
    /// Header of the column; empty for the whole row.
    pub column: String,
    /// The value as it stands in the file; masked for secret fields.
    pub value: String,
    /// Which rule it breaks: `type`, `required`, `range`, `pattern`, `division`, `parent`, `unique`, or a check id.
    pub rule: String,
    /// What is wrong, in the language asked for.
    pub message: String,
    /// What to do, in the language asked for.
    pub advice: String,
}

/// Rows of one register that passed the checks of their cells.
#[derive(Debug)]
pub struct Accepted {
    /// The register.
    pub register: RegisterId,
    /// Its rows; columns as the store wants them.
    pub batch: RecordBatch,
    /// Row of the file for each row of the batch.
    pub rows: Vec<u64>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Reading {
    /// Accepted rows, parents before children.
    pub accepted: Vec<Accepted>,
    /// What was refused.
    pub problems: Vec<Problem>,
    /// Data rows of the file.
    pub rows: u64,
    /// Headers that no field was found for.
    pub ignored: Vec<String>,
    /// Header row and data rows as read, for the result file.
    pub table: Vec<(u64, Vec<String>)>,
}
