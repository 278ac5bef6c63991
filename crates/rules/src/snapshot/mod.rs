//! Snapshots: folders of Parquet files in, a [`Frame`] out; and the files that Bangfu writes itself.
//!
//! ```text
//! files ─ only needed columns, by file, row group and column in parallel ─► growing columns (narrowest lanes)
//!       ─ owners matched, rows sorted once if they are not ─► tables, records of periods placed on their parents
//! ```
//!
//! Layout and types are those of `docs/snapshot-format.md`. This module knows neither formulas nor the database.

pub(crate) mod assemble;
pub(crate) mod columns;
pub(crate) mod convert;
mod files;
mod manifest;
mod matching;
mod rows;
pub(crate) mod writer;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef};
use bangfu_policy::model::{FieldType, LevelId, Pack, RegisterId};
use serde::{Deserialize, Serialize};

use crate::frame::Frame;
use crate::needs::Needs;

pub use manifest::{FileEntry, Manifest, RegisterEntry, snapshot_hash};
pub use rows::ParquetRows;
pub use writer::Writer;

/// A snapshot that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The folder is not there.
    #[error("{0}: there is no such folder; name the folder that holds the Parquet files of the snapshot")]
    NoFolder(PathBuf),
    /// The folder holds nothing of the pack.
    #[error("{folder}: no file of any register of the policy; expected for instance {expected}")]
    Empty {
        /// The folder.
        folder: PathBuf,
        /// Names that would have been taken.
        expected: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}; check that the file exists and may be read and written")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not Parquet, or is damaged.
    #[error("{path}: not a readable Parquet file ({source}); write the file again")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// Rows that cannot be put into columns.
    #[error("{register}: {source}")]
    Arrow {
        /// Id of the register.
        register: String,
        /// Why.
        source: arrow::error::ArrowError,
    },
    /// A column that must be there is not.
    #[error(
        "{place}: the column `{column}` is missing; add it, or name it under `columns:` of the register `{register}`"
    )]
    NoColumn {
        /// File or register.
        place: String,
        /// Id of the register.
        register: String,
        /// Name of the column.
        column: String,
    },
    /// A column has a type that cannot be meant.
    #[error("{place}: the column `{column}` is {found}; write it as {expected}")]
    ColumnType {
        /// File or register.
        place: String,
        /// Name of the column.
        column: String,
        /// Type found.
        found: String,
        /// Types that can be read.
        expected: String,
    },
    /// More rows than a frame can count.
    #[error("{0}: more than 4,000 million rows; read the snapshot banner by banner")]
    TooLarge(String),
    /// `manifest.json` is damaged.
    #[error("{path}: not a manifest ({source}); delete it or write the snapshot again")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// What is wrong with some rows or columns of a snapshot, without being an error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// Values that are none of the field's type; they count as missing.
    BadValue,
    /// A needed field has no column; it is missing everywhere.
    NoColumn,
    /// Rows whose parent or division does not exist; they take no part.
    Orphan,
    /// Rows with the key (or parent and period) of an earlier row; they take no part.
    Double,
    /// Rows were not in the order division, parent, key; they were sorted once.
    Sorted,
}

/// A warning about a snapshot: how often, and where first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Warning {
    /// Kind.
    pub kind: WarningKind,
    /// Id of the register.
    pub register: String,
    /// Name of the column; empty when rows are meant.
    pub column: String,
    /// Rows concerned.
    pub count: u64,
    /// First place: file, row, and what stands there.
    pub first: String,
}

impl Warning {
    /// The warning as a sentence.
    pub fn text(&self, language: &str) -> String {
        let Self { register, column, count, first, .. } = self;
        let zh = language.starts_with("zh");
        match self.kind {
            WarningKind::BadValue if zh => {
                format!("{register}.{column}：{count} 个值无效，按缺失处理；首处：{first}。请更正来源数据。")
            }
            WarningKind::BadValue => {
                format!(
                    "{register}.{column}: {count} invalid values count as missing; first: {first}. Correct the source."
                )
            }
            WarningKind::NoColumn if zh => {
                format!("{register}.{column}：快照中没有此列，按全部缺失处理。需要时请补上该列。")
            }
            WarningKind::NoColumn => {
                format!(
                    "{register}.{column}: no such column, so it is missing everywhere. Add the column if you have it."
                )
            }
            WarningKind::Orphan if zh => {
                format!("{register}：{count} 行找不到所属的上级记录或区划，不参加计算；首处：{first}。")
            }
            WarningKind::Orphan => {
                format!("{register}: {count} rows without their parent or division take no part; first: {first}.")
            }
            WarningKind::Double if zh => format!("{register}：{count} 行重复，以先出现的为准；首处：{first}。"),
            WarningKind::Double => format!("{register}: {count} doubled rows, the first counts; first: {first}."),
            WarningKind::Sorted if zh => format!("{register}：{count} 行未按区划、上级、编号排序，已在读取时排序。"),
            WarningKind::Sorted => {
                format!("{register}: {count} rows were not ordered by division, parent and key; sorted while reading.")
            }
        }
    }
}

/// A snapshot that was read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The records.
    pub frame: Frame,
    /// What was wrong with rows and columns.
    pub warnings: Vec<Warning>,
    /// See [`snapshot_hash`]; empty for batches.
    pub hash: String,
    /// Rows in the files, by register.
    pub rows: BTreeMap<String, u64>,
    /// Rows among them that are of other batches, by register.
    pub elsewhere: BTreeMap<String, u64>,
}

/// Reads what is needed of a snapshot folder.
///
/// # Errors
/// The folder, a file or a column cannot be read; the message says where and what to do.
pub fn read(folder: &Path, pack: &Pack, needs: &Needs, as_of: i32) -> Result<Reading, SnapshotError> {
    let sources = files::Sources::of_folder(folder, pack, needs, None)?;
    let mut reading = assemble::assemble(pack, needs, as_of, &sources)?;
    reading.hash = snapshot_hash(folder)?;
    Ok(reading)
}

/// Parts of a snapshot that are read one after the other, so that a nation streams through the memory of some banners.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batches {
    /// The level of the divisions that the files are named by.
    pub level: LevelId,
    /// Codes of each batch, ascending.
    pub parts: Vec<Vec<String>>,
    /// Registers whose rows do not lie in such files; they are read with every batch.
    pub shared: Vec<RegisterId>,
}

/// Batches of at most so many rows of the largest register, or of one part. `None` when all fits one batch, or when the
/// files are not named by divisions of one level.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn batches(folder: &Path, pack: &Pack, most_rows: u64) -> Result<Option<Batches>, SnapshotError> {
    let Some(layout) = files::layout(folder, pack)? else { return Ok(None) };
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut filled = 0;
    for (part, count) in layout.rows {
        match parts.last_mut() {
            Some(batch) if filled + count <= most_rows => {
                batch.push(part);
                filled += count;
            }
            _ => {
                parts.push(vec![part]);
                filled = count;
            }
        }
    }
    Ok((parts.len() > 1).then_some(Batches { level: layout.level, parts, shared: layout.shared }))
}

/// Reads one batch; the hash stays empty.
///
/// # Errors
/// A file or a column cannot be read.
pub fn read_batch(
    folder: &Path,
    batches: &Batches,
    batch: usize,
    pack: &Pack,
    needs: &Needs,
    as_of: i32,
) -> Result<Reading, SnapshotError> {
    let parts = batches.parts.get(batch).map(Vec::as_slice).unwrap_or_default();
    let sources = files::Sources::of_folder(folder, pack, needs, Some((parts, &batches.shared)))?;
    assemble::assemble(pack, needs, as_of, &sources)
}

/// A frame of rows in memory, in the columns of [`schema`]; divisions are those that occur.
///
/// # Errors
/// A column is missing or of a wrong type.
pub fn from_batches(
    pack: &Pack,
    batches: &HashMap<RegisterId, Vec<RecordBatch>>,
    needs: &Needs,
    as_of: i32,
) -> Result<Reading, SnapshotError> {
    let sources = files::Sources::of_batches(pack, batches, needs);
    assemble::assemble(pack, needs, as_of, &sources)
}

/// The columns that Bangfu writes for a register: technical ones, then every field that is not secret.
pub fn schema(pack: &Pack, register: RegisterId) -> SchemaRef {
    let Some(register) = pack.registers.get(register.index()) else { return Arc::new(Schema::empty()) };
    let columns = &register.columns;
    let mut fields = Vec::new();
    if let Some(owner) = columns.parent.as_ref().or(columns.division.as_ref()) {
        fields.push(ArrowField::new(owner, DataType::Utf8, false));
    }
    if let Some(period) = &columns.period {
        fields.push(ArrowField::new(period, DataType::Int32, false));
    }
    for field in register.fields.iter().filter(|field| !field.secret) {
        let ty = match field.ty {
            FieldType::Integer | FieldType::Year => DataType::Int64,
            FieldType::Decimal(scale) => DataType::Decimal128(18, scale as i8),
            FieldType::Money => DataType::Decimal128(18, 2),
            FieldType::Date => DataType::Date32,
            FieldType::Boolean => DataType::Boolean,
            _ => DataType::Utf8,
        };
        fields.push(ArrowField::new(&field.id, ty, true));
    }
    Arc::new(Schema::new(fields))
}
