//! A registry moves from its file to a database server.

use std::path::PathBuf;
use std::sync::Arc;

use bangfu_store::{Address, Store, StoreError};

use crate::home::{self, Home, HomeError, WorkError};

/// Why a registry was not moved; it is then where it was.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A determination is under way.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// It is on a server already.
    #[error(
        "this registry is in a database server already; move it with the tools of the server (pg_dump, pg_restore)"
    )]
    There,
    /// The target is not empty.
    #[error("{0} holds a registry already; name an empty database")]
    NotEmpty(String),
    /// What arrived is not what left.
    #[error("the journal arrived with another hash ({arrived} instead of {left}); nothing was moved")]
    Differs {
        /// Hash of the last entry in the file.
        left: String,
        /// The same on the server.
        arrived: String,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Rows of all tables.
    pub rows: u64,
    /// Entries of the journal.
    pub entries: u64,
    /// Hash of its last entry, lower-case hex; the same in both.
    pub hash: String,
    /// The file that stays.
    pub kept: PathBuf,
}

/// Copies all tables into an empty database, checks the journal there, and only then tells the data folder that its
/// registry is there. `progress` is told rows copied and all rows. Nobody can change the registry meanwhile.
///
/// # Errors
/// The registry is not in a file, the target is not empty, somebody works on the snapshot, or a database refuses; then
/// the registry stays where it was.
pub async fn to_server(
    home: &Home,
    url: &str,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Moved, MoveError> {
    let file = home::database(&home.folder);
    if home::server(&home.folder)?.is_some() {
        return Err(MoveError::There);
    }
    let _working = home.work().await?;
    let address = Address::Server(url.to_owned());
    let target = Store::open(&address, Arc::clone(&home.pack), home.store.keys().clone()).await?;
    if target.journal_end().await?.0 > 0 {
        return Err(MoveError::NotEmpty(address.shown()));
    }
    let copied = home.store.copy_to(&target, progress).await?;
    let entries = target.verify_journal().await?;
    let (left, arrived) = (home.store.journal_hash().await?, target.journal_hash().await?);
    if left != arrived {
        return Err(MoveError::Differs { left, arrived });
    }
    target.close().await?;
    home::point(&home.folder, url)?;
    Ok(Moved { rows: copied, entries, hash: arrived, kept: file })
}
