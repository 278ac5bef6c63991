//! Writes a snapshot, file by file: each is written beside its place and renamed, so that no reader sees half a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bangfu_policy::model::{Pack, RegisterId};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::manifest::hex;
use super::{FileEntry, Manifest, ParquetRows, RegisterEntry, SnapshotError, schema};

/// Writes files of a snapshot and, at the end, its manifest. Files that are not written stay as they are.
pub struct Writer<'p> {
    folder: PathBuf,
    pack: &'p Pack,
    registers: BTreeMap<String, RegisterEntry>,
    /// Files written since the beginning, not yet known to be on the disk.
    fresh: Vec<PathBuf>,
}

/// Hashes what passes through.
struct Hashed {
    file: File,
    hasher: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl<'p> Writer<'p> {
    /// A writer into a folder, which is made if it is not there. What the manifest of the folder lists stays listed
    /// if it belongs to the same pack.
    ///
    /// # Errors
    /// The folder cannot be made, or its manifest not be read.
    pub fn new(folder: &Path, pack: &'p Pack) -> Result<Self, SnapshotError> {
        let failed = |source| SnapshotError::File { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let before = Manifest::read(folder)?.filter(|manifest| manifest.pack_hash == pack.hash);
        let registers = before.map(|manifest| manifest.registers).unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), pack, registers, fresh: Vec::new() })
    }

    /// Writes the file of one part of a register, for instance `150421`, in place of an older one.
    ///
    /// # Errors
    /// A column is missing or of another type than [`schema`] says, or the file cannot be written.
    pub fn write(&mut self, register: RegisterId, stem: &str, batches: &[RecordBatch]) -> Result<(), SnapshotError> {
        let Some(definition) = self.pack.registers.get(register.index()) else { return Ok(()) };
        let wanted = schema(self.pack, register);
        let batches: Vec<RecordBatch> =
            batches.iter().map(|batch| select(&definition.id, batch, &wanted)).collect::<Result<_, _>>()?;
        let entry = self.write_file(&definition.id, stem, &wanted, &batches)?;
        self.registers.entry(definition.id.clone()).or_default().files.insert(format!("{stem}.parquet"), entry);
        Ok(())
    }

    /// Parts of a register that the manifest lists.
    pub fn parts(&self, register: RegisterId) -> Vec<String> {
        let id = self.pack.registers.get(register.index()).map(|register| register.id.as_str());
        let files = id.and_then(|id| self.registers.get(id)).map(|entry| entry.files.keys());
        files.into_iter().flatten().filter_map(|name| name.strip_suffix(".parquet")).map(str::to_owned).collect()
    }

    /// Writes `division.parquet`: codes and names of divisions of all levels.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_divisions(&mut self, divisions: &[(String, String)]) -> Result<(), SnapshotError> {
        let columns = Arc::new(Schema::new(vec![
            Field::new("code", DataType::Utf8, false),
            Field::new("name", DataType::Utf8, true),
        ]));
        let codes: ArrayRef = Arc::new(StringArray::from_iter_values(divisions.iter().map(|(code, _)| code)));
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(divisions.iter().map(|(_, name)| name)));
        let batch = RecordBatch::try_new(columns.clone(), vec![codes, names])
            .map_err(|source| SnapshotError::Arrow { register: "division".to_owned(), source })?;
        let path = self.folder.join("division.parquet");
        let (rows, sha256) = write_parquet(&path, &columns, &[batch])?;
        self.fresh.push(path);
        let files = BTreeMap::from([("division.parquet".to_owned(), FileEntry { rows, sha256 })]);
        self.registers.insert("division".to_owned(), RegisterEntry { rows, files });
        Ok(())
    }

    /// Removes the file of one part of a register.
    ///
    /// # Errors
    /// The file is there and cannot be removed.
    pub fn remove(&mut self, register: RegisterId, stem: &str) -> Result<(), SnapshotError> {
        let Some(definition) = self.pack.registers.get(register.index()) else { return Ok(()) };
        let name = format!("{stem}.parquet");
        let path = self.folder.join(&definition.id).join(&name);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|source| SnapshotError::File { path: path.clone(), source })?;
        }
        if let Some(entry) = self.registers.get_mut(&definition.id) {
            entry.files.remove(&name);
        }
        Ok(())
    }

    /// Writes the manifest; `written` is the time as text.
    ///
    /// # Errors
    /// The manifest cannot be written.
    pub fn finish(mut self, written: &str) -> Result<Manifest, SnapshotError> {
        // The manifest names only what has reached the disk.
        sync(&self.fresh)?;
        for entry in self.registers.values_mut() {
            entry.rows = entry.files.values().map(|file| file.rows).sum();
        }
        let manifest = Manifest {
            format: 1,
            pack_hash: self.pack.hash.clone(),
            written: written.to_owned(),
            registers: self.registers,
        };
        let path = self.folder.join("manifest.json");
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|source| SnapshotError::Manifest { path: path.clone(), source })?;
        let temporary = self.folder.join("manifest.json.new");
        let failed = |source| SnapshotError::File { path: path.clone(), source };
        std::fs::write(&temporary, text).map_err(failed)?;
        std::fs::rename(&temporary, &path).map_err(failed)?;
        Ok(manifest)
    }

    fn write_file(
        &mut self,
        id: &str,
        stem: &str,
        columns: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<FileEntry, SnapshotError> {
        let folder = self.folder.join(id);
        let failed = |source| SnapshotError::File { path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let path = folder.join(format!("{stem}.parquet"));
        let (rows, sha256) = write_parquet(&path, columns, batches)?;
        self.fresh.push(path);
        Ok(FileEntry { rows, sha256 })
    }
}

/// The columns of the schema, in its order; others – secret ones – are left out.
fn select(register: &str, batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch, SnapshotError> {
    let mut columns = Vec::with_capacity(wanted.fields().len());
    for field in wanted.fields() {
        let Some(column) = batch.column_by_name(field.name()) else {
            return Err(SnapshotError::NoColumn {
                place: register.to_owned(),
                register: register.to_owned(),
                column: field.name().clone(),
            });
        };
        if column.data_type() != field.data_type() {
            return Err(SnapshotError::ColumnType {
                place: register.to_owned(),
                column: field.name().clone(),
                found: column.data_type().to_string(),
                expected: field.data_type().to_string(),
            });
        }
        columns.push(column.clone());
    }
    RecordBatch::try_new(wanted.clone(), columns)
        .map_err(|source| SnapshotError::Arrow { register: register.to_owned(), source })
}

/// Waits until files have reached the disk, all at once.
///
/// # Errors
/// One of them cannot be opened or synced.
pub(crate) fn sync(paths: &[PathBuf]) -> Result<(), SnapshotError> {
    paths.par_iter().try_for_each(|path| {
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|source| SnapshotError::File { path: path.clone(), source })
    })
}

/// Writes a Parquet file beside its place and renames it; rows and SHA-256. Whoever relies on it syncs it.
pub(crate) fn write_parquet(
    path: &Path,
    columns: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(u64, String), SnapshotError> {
    let mut file = ParquetFile::create(path, columns)?;
    for batch in batches {
        file.write(batch)?;
    }
    file.finish()
}

/// A Parquet file that grows beside its place, until it is whole.
pub(crate) struct ParquetFile {
    path: PathBuf,
    writer: ParquetRows<Hashed>,
    rows: u64,
}

impl ParquetFile {
    pub(crate) fn create(path: &Path, columns: &SchemaRef) -> Result<Self, SnapshotError> {
        let failed = |source| SnapshotError::File { path: path.to_owned(), source };
        let file = File::create(path.with_extension("parquet.new")).map_err(failed)?;
        let writer = ParquetRows::new(Hashed { file, hasher: Sha256::new() }, path, columns)?;
        Ok(Self { path: path.to_owned(), writer, rows: 0 })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), SnapshotError> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch)
    }

    /// Puts the file in its place; rows and SHA-256.
    pub(crate) fn finish(self) -> Result<(u64, String), SnapshotError> {
        let Self { path, writer, rows } = self;
        let failed = |source| SnapshotError::File { path: path.clone(), source };
        let hashed = writer.finish()?;
        std::fs::rename(path.with_extension("parquet.new"), &path).map_err(failed)?;
        Ok((rows, hex(&hashed.hasher.finalize())))
    }
}
