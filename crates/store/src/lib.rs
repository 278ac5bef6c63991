//! The registry on SQLite or PostgreSQL: records of every register, their journal, runs and search.
//!
//! ```text
//! pack ─ schema ─► tables          Scope ─► Reader ─► records, batches
//!                                  Actor ─► Change ─► journal entry + rows, one transaction
//! ```
//! **Architecture invariant:** only this crate names the database. It knows registers and fields, not rules or pages.
//! Every read and write of a record passes [`scope::Scope`].

pub mod accounts;
mod attachments;
mod batches;
mod bulk;
pub mod cases;
pub mod change;
mod claim;
mod connection;
mod database;
mod deputies;
pub mod divisions;
mod edit;
pub mod error;
pub mod ids;
pub mod jobs;
pub mod journal;
mod kept;
mod moving;
pub mod reader;
mod relocate;
pub mod rows;
pub mod runs;
mod saved;
pub mod schema;
pub mod scope;
pub mod search;
pub mod secrets;
pub mod sessions;
pub mod shared;
pub mod tally;

pub use accounts::{Account, Held};
pub use attachments::{Attachment, Bearer, NewFile};
pub use batches::Batch;
pub use cases::{CaseEvent, CaseFile, CaseQuery, CaseState, Hung};
pub use change::{Actor, Change, Changed, Duplicates, LoadReport, Outcome};
pub use claim::Claim;
pub use connection::Store;
pub use database::Address;
pub use deputies::{Absence, Holder};
pub use edit::Owner;
pub use error::StoreError;
pub use ids::{JournalSeq, RecordId};
pub use jobs::Job;
pub use journal::JournalQuery;
pub use reader::{Filter, ListQuery, Operator, Page, Reader, Record, Sort};
pub use rows::Row;
pub use saved::SavedQuery;
pub use scope::Scope;
pub use secrets::SecretKeys;
pub use sessions::{Look, Session};
pub use tally::{Tally, Total};
