//! Files → checked rows, with a finding for every cell that is refused.
//!
//! ```text
//! file ─ office ─► rows of texts ─ mapping ─► values of fields ─ checks ─► batches ─► store (one change)
//!                                                              └─────────► problems (row, column, value, rule, advice)
//! ```

pub(crate) mod cells;
mod compile;
mod import;
mod joining;
mod links;
mod mapped;
mod mapping;
mod needs;
mod places;
mod reader;
mod recognise;
mod records;
mod result;
mod units;

use std::collections::{BTreeSet, HashMap};

use arrow::array::RecordBatch;
use bangfu_policy::model::{FieldRef, RegisterId};

pub use bangfu_office::Limits;
pub use compile::check;
pub use import::{Counts, Divided, ImportError, Imported, Request, Take, import};
pub use mapping::MappingFile;
pub use places::DivisionNames;
pub use reader::{read, read_within};
pub use result::{result_sheet, write_result};
pub use units::Groups;

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
        "{path}: none of the first rows is the header of this list (the first is {first}); name columns as in {of}, for instance {some}, or choose the register or mapping of the list"
    )]
    Header {
        /// The file.
        path: String,
        /// Its first row.
        first: String,
        /// What the header was looked for by.
        of: String,
        /// Some titles that would do.
        some: String,
    },
    /// A column that every row needs is not there.
    #[error("{path}: there is no column for {column}; add it, or map one of the columns to it (--mapping)")]
    Column {
        /// The file.
        path: String,
        /// The field or fact.
        column: String,
    },
    /// Arrow refused a batch.
    #[error("the rows do not fit their columns: {0}; this is an error of the program, not of the file")]
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
    /// Which rule it breaks: `type`, `required`, `range`, `pattern`, `division`, `unique`, `conflict` (rows of one household
    /// disagree), `count` (it has more or fewer rows than a cell says), `together` (another row of it is refused),
    /// `reference` (it names what does not exist), the id of a check of the mapping, or what the store says: `parent`,
    /// `exists`, `moved`, `scope`.
    pub rule: String,
    /// What is wrong, in the language asked for.
    pub message: String,
    /// What to do, in the language asked for.
    pub advice: String,
}

/// Records of one register whose cells passed their checks.
#[derive(Debug)]
pub struct Accepted {
    /// The register.
    pub register: RegisterId,
    /// Its records; columns as the store wants them, only of fields that the file has.
    pub batch: RecordBatch,
    /// Rows of the file for each record of the batch.
    pub rows: Vec<Vec<u64>>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Reading {
    /// Accepted records, parents before children. Those of `refused` rows are to be left out.
    pub accepted: Vec<Accepted>,
    /// What was refused.
    pub problems: Vec<Problem>,
    /// Rows with problems.
    pub refused: BTreeSet<u64>,
    /// Which rows are taken or refused together.
    pub groups: Groups,
    /// The register whose records the groups are.
    pub group: Option<RegisterId>,
    /// Data rows of the file.
    pub rows: u64,
    /// Headers that nothing reads.
    pub ignored: Vec<String>,
    /// Headers that the mapping names and the file does not have.
    pub missing: Vec<String>,
    /// Column of each field that is read from one.
    pub columns: HashMap<FieldRef, usize>,
    /// Header row and data rows as read, for the result file.
    pub table: Vec<(u64, Vec<String>)>,
}
