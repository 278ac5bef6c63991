//! Records for programs: exports that stream, and the shapes in which other systems read and write records.
//!
//! ```text
//! Listing ─ store, row by row ─► CSV · Parquet · data package ─► chunks of bytes
//! pack ─► Table Schema (data packages) · JSON Schema (interface)       record ─► JSON
//! JSON ─ fields checked by their types and rules ─► change of a record, with its journal entry
//! ```
//! **Architecture invariant:** everything goes through the reader of [`crate::views::facts::Facts`], which is bound to a
//! scope. Secret fields are in no export.

pub mod attach;
pub mod columns;
pub mod export;
pub mod json;
pub mod json_schema;
pub mod records;
pub mod table_schema;
pub mod template;
pub mod write;
