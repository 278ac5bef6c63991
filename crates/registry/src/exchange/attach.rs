//! Files of records and cases: kept in the data folder by their hash, listed in the store, told of in the journal.

use std::path::{Path, PathBuf};

use bangfu_office::{Kind, OfficeError, kind_of, pictures};
use bangfu_store::{Attachment, Bearer, NewFile, StoreError};

use super::write::Stamp;
use crate::files::place;
use crate::views::facts::Facts;

/// Bytes of a file at most.
pub const LARGEST: u64 = 20 << 20;
/// Files of a record at most.
pub const MOST: i64 = 30;

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// It is of no kind that records may have.
    #[error("the file is none of PDF, JPEG, PNG, WebP, xlsx, docx (without macros) and plain text")]
    Kind,
    /// A picture that cannot be read.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data folder.
    #[error("cannot use {path}: {source}; check the data folder and its rights")]
    File {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
}

/// A file that arrived.
#[derive(Clone, Debug)]
pub struct Arrived<'a> {
    /// Where it lies; it is moved from there.
    pub path: &'a Path,
    /// Name that it came with.
    pub name: &'a str,
    /// Its hash.
    pub hash: &'a str,
    /// Bytes.
    pub size: u64,
}

/// The folder of files in a data folder.
fn folder(data: &Path) -> PathBuf {
    data.join("files")
}

/// Where the bytes of a file lie.
pub fn bytes(data: &Path, file: &Attachment) -> PathBuf {
    place(&folder(data), &file.hash)
}

/// Where its small picture lies, if it is one.
pub fn picture(data: &Path, file: &Attachment) -> Option<PathBuf> {
    file.media.starts_with("image/").then(|| bytes(data, file).with_extension("small.jpg"))
}

/// Adds a file to a record or case.
///
/// # Errors
/// It is of no kind that records may have, the record has enough files or lies outside of the scope, or the folder or
/// the store fails; then the record has no further file.
pub async fn attach(
    facts: &Facts,
    data: &Path,
    bearer: Bearer,
    file: &Arrived<'_>,
    stamp: &Stamp<'_>,
) -> Result<i64, AttachError> {
    let kind = tokio::task::block_in_place(|| kind_of(file.path)).ok_or(AttachError::Kind)?;
    let kept = place(&folder(data), file.hash);
    keep(file, kind, &kept)?;
    let new = NewFile {
        hash: file.hash.to_owned(),
        name: file.name.to_owned(),
        media: kind.media().to_owned(),
        size: i64::try_from(file.size).unwrap_or(i64::MAX),
    };
    let id = tell(facts, bearer, &new, stamp).await;
    if id.is_err() && !facts.reader().keeps(file.hash).await? {
        forget(&kept);
    }
    Ok(id?)
}

async fn tell(facts: &Facts, bearer: Bearer, file: &NewFile, stamp: &Stamp<'_>) -> Result<i64, StoreError> {
    let mut change = facts.store().change(facts.scope(), stamp.actor, stamp.reason, stamp.at).await?;
    let id = change.attach(bearer, file, MOST).await?;
    change.commit().await?;
    Ok(id)
}

/// Removes bytes that no record has. What cannot be removed is not reachable any more.
fn forget(kept: &Path) {
    let _ = std::fs::remove_file(kept.with_extension("small.jpg"));
    let _ = std::fs::remove_file(kept);
}

/// Puts the bytes and the small picture in their place. The same bytes of another record are already there.
fn keep(file: &Arrived<'_>, kind: Kind, kept: &Path) -> Result<(), AttachError> {
    let failed = |source| AttachError::File { path: kept.display().to_string(), source };
    if let Some(folder) = kept.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    if kind.is_picture() {
        let small = tokio::task::block_in_place(|| pictures::small(file.path))?;
        std::fs::write(kept.with_extension("small.jpg"), small).map_err(failed)?;
    }
    std::fs::rename(file.path, kept).map_err(failed)
}

/// Takes a file away; its bytes go where nothing else has them.
///
/// # Errors
/// There is no such file, the record lies outside of the scope, or the store fails; then nothing was changed.
pub async fn detach(facts: &Facts, data: &Path, bearer: Bearer, id: i64, stamp: &Stamp<'_>) -> Result<(), StoreError> {
    let mut change = facts.store().change(facts.scope(), stamp.actor, stamp.reason, stamp.at).await?;
    let (hash, needed) = change.detach(bearer, id).await?;
    change.commit().await?;
    if !needed {
        forget(&place(&folder(data), &hash));
    }
    Ok(())
}
