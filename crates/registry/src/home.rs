//! A registry's data folder: the database or where it is, keys, snapshot and results.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bangfu_policy::model::Pack;
use bangfu_store::{Address, Claim, SecretKeys, Store, StoreError};

/// A data folder that is open.
#[derive(Clone)]
pub struct Home {
    /// The folder.
    pub folder: PathBuf,
    /// The pack.
    pub pack: Arc<Pack>,
    /// The folder of the pack.
    pub pack_folder: PathBuf,
    /// The database.
    pub store: Store,
}

/// Work on the snapshot and the runs of a registry: one process at a time. It ends when this is dropped, or with the
/// process, however that ends.
pub struct Working {
    _lock: File,
    _claim: Claim,
}

/// Why work on the snapshot and the runs cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process is at it.
    #[error("another process writes the snapshot or a run of {0}; wait until it has finished and try again")]
    Busy(String),
    /// The lock file.
    #[error("cannot use {path}: {source}; check the data folder and its rights")]
    File {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
}

impl Home {
    /// Opens a data folder, or makes it. Runs whose process has ended without finishing them are failed.
    ///
    /// # Errors
    /// The folder cannot be used, or its tables contradict the pack.
    pub async fn open(folder: &Path, pack: Arc<Pack>, pack_folder: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let keys = SecretKeys::open_or_create(&folder.join("secret.keys"))?;
        let store = Store::open(&address(folder)?, Arc::clone(&pack), keys).await?;
        let home = Self { folder: folder.to_owned(), pack, pack_folder: pack_folder.to_owned(), store };
        if let Ok(_working) = home.work().await {
            home.store.fail_interrupted_runs().await?;
        }
        Ok(home)
    }

    /// Begins work on the snapshot and the runs.
    ///
    /// # Errors
    /// Another process is at it, or the lock file cannot be used.
    pub async fn work(&self) -> Result<Working, WorkError> {
        let path = self.folder.join("working.lock");
        let failed = |source| WorkError::File { path: path.display().to_string(), source };
        let busy = || WorkError::Busy(self.folder.display().to_string());
        let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy()),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // The lock of the file holds on one machine; that of the database wherever it is used from.
        let claim = self.store.claim().await?.ok_or_else(busy)?;
        Ok(Working { _lock: lock, _claim: claim })
    }

    /// Whether a folder holds a registry.
    pub fn exists(folder: &Path) -> bool {
        database(folder).exists() || pointer(folder).exists()
    }

    /// Folder of the current snapshot.
    pub fn snapshot(&self) -> PathBuf {
        snapshot(&self.folder)
    }

    /// Folder of the results of a run.
    pub fn results(&self, run: &str) -> PathBuf {
        results(&self.folder, run)
    }
}

/// Folder of the current snapshot of a data folder.
pub fn snapshot(folder: &Path) -> PathBuf {
    folder.join("snapshot")
}

/// Folder of the results of a run of a data folder.
pub fn results(folder: &Path, run: &str) -> PathBuf {
    folder.join("runs").join(run)
}

/// Says that the registry of a data folder is in a database of a PostgreSQL server; from then on the folder knows it.
///
/// # Errors
/// The folder has a registry elsewhere, or cannot be written.
pub fn keep_in(folder: &Path, url: &str) -> Result<(), HomeError> {
    if let Some(known) = server(folder)? {
        let known = Address::Server(known);
        let asked = Address::Server(url.to_owned());
        return if known == asked { Ok(()) } else { Err(HomeError::Other(known.shown(), asked.shown())) };
    }
    if database(folder).exists() {
        return Err(HomeError::File(database(folder).display().to_string()));
    }
    point(folder, url)
}

/// Writes where the database is; the address may hold a password, so only the owner reads it.
///
/// # Errors
/// The folder cannot be written.
pub fn point(folder: &Path, url: &str) -> Result<(), HomeError> {
    let path = pointer(folder);
    let failed = |source| HomeError::Folder { path: path.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).map_err(failed)?;
    file.write_all(url.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Why a data folder cannot have its registry where it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It is on another server.
    #[error(
        "the registry of this folder is in {0}, not in {1}; leave --database out, or name another folder with --data"
    )]
    Other(String, String),
    /// It is in a file.
    #[error("the registry of this folder is in {0}; leave --database out, or move it with `bangfu move --to …`")]
    File(String),
    /// The folder.
    #[error("cannot use {path}: {source}; check the data folder and its rights")]
    Folder {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
}

/// Where the database of a data folder is: on the server that it names, or else a file in it.
fn address(folder: &Path) -> Result<Address, StoreError> {
    let found = server(folder).map_err(|error| StoreError::Schema(error.to_string()))?;
    Ok(found.map_or_else(|| Address::File(database(folder)), Address::Server))
}

/// The server that the database of a data folder is on, if it is on one.
///
/// # Errors
/// The folder cannot be read.
pub fn server(folder: &Path) -> Result<Option<String>, HomeError> {
    let path = pointer(folder);
    match std::fs::read_to_string(&path) {
        Ok(url) => Ok(Some(url.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HomeError::Folder { path: path.display().to_string(), source }),
    }
}

/// The file that names a database server.
fn pointer(folder: &Path) -> PathBuf {
    folder.join("database.url")
}

/// The database file of a data folder.
pub fn database(folder: &Path) -> PathBuf {
    folder.join("registry.sqlite")
}
