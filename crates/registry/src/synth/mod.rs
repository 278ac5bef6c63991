//! A synthetic population from a description that lies beside the pack (`data/demo.yaml`).
//!
//! The generator knows quotas, household compositions, decision lists and distributions; which registers, fields,
//! numbers and names there are is said by the description. The same description and seed give the same records.
//! Quotas are met exactly; planted errors are counted and listed.

mod compile;
pub mod demo;
mod draw;
mod generate;
mod plan;
pub mod spec;

use bangfu_policy::diagnostic::Diagnostic;
use serde::Serialize;

pub use generate::{Generator, Sink};
pub use plan::Division;

/// Why no population can be made.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; the demo needs data/demo.yaml and data/divisions.csv beside the pack")]
    File {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
    /// The description is not YAML.
    #[error("{}:{}:{}: {}; {}", .0.place.file, .0.place.line, .0.place.column, .0.message, .0.advice)]
    Document(Box<Diagnostic>),
    /// The description does not have the expected shape.
    #[error("the description of the demo population does not fit: {0}; compare it with docs/demo-data.md")]
    Shape(String),
    /// Something in it does not fit the pack.
    #[error("the description of the demo population, {at}: {what}; {advice}")]
    Content {
        /// Where in the description.
        at: String,
        /// What is wrong.
        what: String,
        /// What to write instead.
        advice: String,
    },
    /// Arrow refused a batch.
    #[error("a generated batch does not fit its columns: {0}")]
    Batch(#[from] arrow::error::ArrowError),
    /// The receiver of the records failed.
    #[error("the generated records were not taken: {0}")]
    Sink(String),
}

/// What was generated: written beside the demo registry so that findings can be compared with what was planted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Manifest {
    /// Seed of the run.
    pub seed: u64,
    /// Records by register id.
    pub records: std::collections::BTreeMap<String, u64>,
    /// Households and persons by stratum.
    pub strata: std::collections::BTreeMap<String, (u64, u64)>,
    /// Planted errors.
    pub errors: Vec<PlantedErrors>,
}

/// Errors of one kind that were planted.
#[derive(Clone, Debug, Serialize)]
pub struct PlantedErrors {
    /// Id in the description.
    pub id: String,
    /// The check that should find them, or what kind of error it is.
    pub finds: String,
    /// How many.
    pub count: u64,
    /// Keys of the households.
    pub households: Vec<String>,
}
