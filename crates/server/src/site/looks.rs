//! Who looked at what: remembered at once, written together a moment later, so that reading a page does not wait for the
//! disk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bangfu_registry::store::{Look, Store, StoreError};

/// How long a look waits to be written.
const DELAY: Duration = Duration::from_millis(500);

/// Looks that are not written yet.
#[derive(Clone)]
pub struct Looks {
    store: Store,
    waiting: Arc<Mutex<Vec<Look>>>,
}

impl Looks {
    /// None yet.
    pub fn new(store: Store) -> Self {
        Self { store, waiting: Arc::default() }
    }

    /// Remembers a look.
    pub fn add(&self, look: Look) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(look);
        if waiting.len() == 1 {
            let own = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(DELAY).await;
                if let Err(error) = own.write().await {
                    tracing::error!(%error, "who looked at what cannot be written");
                }
            });
        }
    }

    /// Writes all that wait.
    ///
    /// # Errors
    /// The store fails; then they wait on.
    pub async fn write(&self) -> Result<(), StoreError> {
        let taken = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if let Err(error) = self.store.looked(&taken).await {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend(taken);
            return Err(error);
        }
        Ok(())
    }
}
