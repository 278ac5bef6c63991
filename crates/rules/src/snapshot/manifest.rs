//! `manifest.json` of a snapshot, and the hash that names a snapshot's content.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::SnapshotError;

/// What Bangfu writes beside the files of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout: 1.
    pub format: u32,
    /// Hash of the pack that the columns belong to.
    pub pack_hash: String,
    /// When it was written, as given by the caller.
    pub written: String,
    /// Registers by id.
    pub registers: BTreeMap<String, RegisterEntry>,
}

/// A register in the manifest.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RegisterEntry {
    /// Rows of all files.
    pub rows: u64,
    /// Files by name.
    pub files: BTreeMap<String, FileEntry>,
}

/// A file in the manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileEntry {
    /// Rows.
    pub rows: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of a folder, if it has one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, SnapshotError> {
        let path = folder.join("manifest.json");
        if !path.is_file() {
            return Ok(None);
        }
        let failed = |source| SnapshotError::File { path: path.clone(), source };
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        serde_json::from_str(&text).map(Some).map_err(|source| SnapshotError::Manifest { path: path.clone(), source })
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The hash of a snapshot.
///
/// With a manifest, `sha256:` and the SHA-256 over its lines `register/file sha256`, sorted. Without, `footers:` and
/// the SHA-256 over path, length and Parquet footer (offsets, sizes and statistics of every column chunk) of every
/// file: it changes when files change, without reading them a second time, but is no proof against forgery.
///
/// # Errors
/// A file cannot be read.
pub fn snapshot_hash(folder: &Path) -> Result<String, SnapshotError> {
    let mut hasher = Sha256::new();
    if let Some(manifest) = Manifest::read(folder)? {
        for (register, entry) in &manifest.registers {
            for (file, entry) in &entry.files {
                hasher.update(format!("{register}/{file} {}\n", entry.sha256));
            }
        }
        return Ok(format!("sha256:{}", hex(&hasher.finalize())));
    }
    let mut paths = Vec::new();
    parquet_files(folder, &mut paths)?;
    paths.sort();
    for path in paths {
        let failed = |source| SnapshotError::File { path: path.clone(), source };
        let mut file = std::fs::File::open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        hasher.update(format!("{name} {length}\n"));
        let mut tail = [0; 8];
        file.seek(SeekFrom::Start(length.saturating_sub(8))).map_err(failed)?;
        let read = file.read(&mut tail).map_err(failed)?;
        let [a, b, c, d, ..] = tail;
        let footer = u64::from(u32::from_le_bytes([a, b, c, d])) + 8;
        if read == 8 && footer <= length {
            file.seek(SeekFrom::Start(length - footer)).map_err(failed)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(failed)?;
            hasher.update(&bytes);
        }
    }
    Ok(format!("footers:{}", hex(&hasher.finalize())))
}

fn parquet_files(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), SnapshotError> {
    let failed = |source| SnapshotError::File { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            parquet_files(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            paths.push(path);
        }
    }
    Ok(())
}
