//! Batches → Parquet, to anything that takes bytes.

use std::io::Write;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::SnapshotError;

/// Most rows of a row group: this many are held in memory, encoded.
const ROWS_OF_A_GROUP: usize = 262_144;

/// Parquet that grows batch by batch, in the form of snapshots.
pub struct ParquetRows<W: Write + Send> {
    name: PathBuf,
    writer: ArrowWriter<W>,
}

impl<W: Write + Send> ParquetRows<W> {
    /// Begins; `name` stands in messages.
    ///
    /// # Errors
    /// The target cannot be written; the same holds for all that follows.
    pub fn new(target: W, name: &Path, columns: &SchemaRef) -> Result<Self, SnapshotError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_max_row_group_row_count(Some(ROWS_OF_A_GROUP))
            .build();
        let writer = ArrowWriter::try_new(target, columns.clone(), Some(properties))
            .map_err(|source| SnapshotError::Parquet { path: name.to_owned(), source })?;
        Ok(Self { name: name.to_owned(), writer })
    }

    /// Adds rows in the columns that were given.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), SnapshotError> {
        self.writer.write(batch).map_err(|source| SnapshotError::Parquet { path: self.name.clone(), source })
    }

    /// Writes the footer and gives the target back.
    pub fn finish(self) -> Result<W, SnapshotError> {
        let Self { name, writer } = self;
        writer.into_inner().map_err(|source| SnapshotError::Parquet { path: name, source })
    }
}
