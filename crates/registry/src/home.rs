//! A registry's data folder: the database, keys, snapshot and results.

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

impl Home {
    /// Opens a data folder, or makes it.
    ///
    /// # Errors
    /// The folder cannot be used, or its tables contradict the pack.
    pub async fn open(folder: &Path, pack: Arc<Pack>, pack_folder: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let keys = SecretKeys::open_or_create(&folder.join("secret.keys"))?;
        let store = Store::open(&database(folder), Arc::clone(&pack), keys).await?;
        Ok(Self { folder: folder.to_owned(), pack, pack_folder: pack_folder.to_owned(), store })
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
