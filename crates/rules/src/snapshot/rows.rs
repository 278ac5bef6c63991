//! Batches → Parquet, to anything that takes bytes.

use std::io::Write;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

use super::SnapshotError;

/// Rows after which a row group ends: this many are held in memory, encoded.
const ROWS_OF_A_GROUP: usize = 262_144;

/// Parquet that grows batch by batch, in the form of snapshots. Columns are encoded beside each other.
pub struct ParquetRows<W: Write + Send> {
    name: PathBuf,
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    columns: SchemaRef,
    /// Writers of the row group that grows, and its rows.
    open: Vec<ArrowColumnWriter>,
    rows: usize,
    groups: usize,
}

impl<W: Write + Send> ParquetRows<W> {
    /// Begins; `name` stands in messages. Columns are flat.
    ///
    /// # Errors
    /// The target cannot be written; the same holds for all that follows.
    pub fn new(target: W, name: &Path, columns: &SchemaRef) -> Result<Self, SnapshotError> {
        let properties = WriterProperties::builder().set_compression(Compression::LZ4_RAW).build();
        let begun = ArrowWriter::try_new(target, columns.clone(), Some(properties))
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(|source| SnapshotError::Parquet { path: name.to_owned(), source });
        let (file, factory) = begun?;
        let columns = columns.clone();
        Ok(Self { name: name.to_owned(), file, factory, columns, open: Vec::new(), rows: 0, groups: 0 })
    }

    /// Adds rows in the columns that were given.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), SnapshotError> {
        let mut start = 0;
        while start < batch.num_rows() {
            let count = (batch.num_rows() - start).min(ROWS_OF_A_GROUP - self.rows);
            let added = self.add(&batch.slice(start, count));
            added.map_err(|source| SnapshotError::Parquet { path: self.name.clone(), source })?;
            start += count;
        }
        Ok(())
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        if self.open.is_empty() {
            self.open = self.factory.create_column_writers(self.groups)?;
        }
        let fields = self.columns.fields().iter().zip(batch.columns());
        let columns: Vec<_> = self.open.iter_mut().zip(fields).collect();
        columns.into_par_iter().try_for_each(|(writer, (field, array))| {
            compute_leaves(field, array)?.iter().try_for_each(|leaf| writer.write(leaf))
        })?;
        self.rows += batch.num_rows();
        if self.rows >= ROWS_OF_A_GROUP { self.close() } else { Ok(()) }
    }

    /// Ends the row group.
    fn close(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let open = std::mem::take(&mut self.open);
        let chunks: Vec<_> = open.into_par_iter().map(ArrowColumnWriter::close).collect::<Result<_, _>>()?;
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        (self.rows, self.groups) = (0, self.groups + 1);
        Ok(())
    }

    /// Writes the footer and gives the target back.
    pub fn finish(mut self) -> Result<W, SnapshotError> {
        let ended = self.close().and_then(|()| self.file.into_inner());
        ended.map_err(|source| SnapshotError::Parquet { path: self.name, source })
    }
}
