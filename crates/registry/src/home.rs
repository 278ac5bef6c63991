//! A registry's data folder: the database, keys, snapshot and results.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bangfu_policy::model::Pack;
use bangfu_store::{SecretKeys, Store, StoreError};

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

/// Work on the snapshot and the runs of a data folder: one process at a time. It ends when this is dropped, or with the
/// process, however that ends.
#[derive(Debug)]
pub struct Working {
    _lock: File,
}

/// Why work on the snapshot and the runs cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
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
        let store = Store::open(&database(folder), Arc::clone(&pack), keys).await?;
        let home = Self { folder: folder.to_owned(), pack, pack_folder: pack_folder.to_owned(), store };
        if let Ok(_working) = home.work() {
            home.store.fail_interrupted_runs().await?;
        }
        Ok(home)
    }

    /// Begins work on the snapshot and the runs.
    ///
    /// # Errors
    /// Another process is at it, or the lock file cannot be used.
    pub fn work(&self) -> Result<Working, WorkError> {
        let path = self.folder.join("working.lock");
        let failed = |source| WorkError::File { path: path.display().to_string(), source };
        let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Working { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(WorkError::Busy(self.folder.display().to_string())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Whether a folder holds a registry.
    pub fn exists(folder: &Path) -> bool {
        database(folder).exists()
    }

    /// Folder of the current snapshot.
    pub fn snapshot(&self) -> PathBuf {
        self.folder.join("snapshot")
    }

    /// Folder of the results of a run.
    pub fn results(&self, run: &str) -> PathBuf {
        self.folder.join("runs").join(run)
    }
}

/// The database file of a data folder.
fn database(folder: &Path) -> PathBuf {
    folder.join("registry.sqlite")
}
