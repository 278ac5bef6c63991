//! The last run as pages show it. A site that is up shows each new run as soon as it is done, also one that another
//! process did.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bangfu_policy::model::Pack;
use bangfu_registry::home;
use bangfu_registry::store::StoreError;
use bangfu_registry::views::results::Results;
use bangfu_registry::views::snapshot::Snapshot;
use bangfu_rules::snapshot::SnapshotError;

use super::{Shared, SiteError};

/// How often a site looks for a new run.
const EVERY: Duration = Duration::from_secs(10);

/// How long it leaves a run alone that cannot be read: that takes as much as one that can.
const AFTER_FAILURE: Duration = Duration::from_mins(10);

/// A run: what came out, and the records that it was made from.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// Folder of the results.
    pub folder: Option<PathBuf>,
    /// Results, if there was a run.
    pub results: Option<Arc<Results>>,
    /// The snapshot of that run, for explanations and what-if.
    pub snapshot: Option<Arc<Snapshot>>,
}

impl Ran {
    /// Reads results and snapshot side by side; without results there is nothing.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(pack: &Pack, results: Option<&Path>, snapshot: Option<&Path>) -> Result<Self, SnapshotError> {
        let Some(folder) = results else { return Ok(Self::default()) };
        let as_of = Results::day(folder)?;
        std::thread::scope(|scope| {
            let read = |folder: &Path| Snapshot::read(folder, pack, as_of).map(Arc::new);
            let snapshot = scope.spawn(move || snapshot.map(read).transpose());
            let results = Results::read(folder, pack)?;
            // A thread ends without an answer only if it panicked; then there are no explanations, and the log says why.
            let snapshot = snapshot.join().unwrap_or(Ok(None))?;
            Ok(Self { folder: Some(folder.to_owned()), results: Some(Arc::new(results)), snapshot })
        })
    }

    /// Computes what the first visitor would otherwise wait for.
    pub fn prepare(&self, pack: &Pack) {
        if let Some(results) = &self.results {
            results.totals(pack);
        }
        if let Some(Err(error)) = self.snapshot.as_ref().map(|snapshot| snapshot.prepare(pack)) {
            tracing::warn!("what-if cannot be answered: {error}");
        }
    }
}

/// The run that is shown.
#[derive(Debug)]
pub struct Shown(RwLock<Ran>);

impl Shown {
    /// Shows a run.
    pub fn new(ran: Ran) -> Self {
        Self(RwLock::new(ran))
    }

    /// The run that is shown now.
    pub fn now(&self) -> Ran {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn show(&self, ran: Ran) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = ran;
    }
}

/// Folder of the results of the newest run that is done; none where somebody tried other parameters, which is not shown
/// to all at once.
async fn newest(site: &Shared) -> Result<Option<PathBuf>, StoreError> {
    let last = site.store.runs().await?.into_iter().find(|run| run.state == "done");
    Ok(last
        .filter(|run| run.overrides == "{}")
        .map(|run| home::results(&site.data, &run.id))
        .filter(|folder| folder.exists()))
}

/// Shows the newest run, if it is another one than that which is shown; whether it is.
///
/// # Errors
/// The store fails, or a file cannot be read; the old one stays.
pub async fn renew(site: &Shared) -> Result<bool, SiteError> {
    let Some(folder) = newest(site).await?.filter(|folder| Some(folder) != site.shown.now().folder.as_ref()) else {
        return Ok(false);
    };
    let from = site.clone();
    let read = move || {
        let snapshot = Some(home::snapshot(&from.data)).filter(|folder| folder.exists());
        let ran = Ran::read(&from.pack, Some(&folder), snapshot.as_deref())?;
        ran.prepare(&from.pack);
        from.shown.show(ran);
        Ok(true)
    };
    // A thread ends without an answer only if it panicked, which the log has.
    tokio::task::spawn_blocking(read).await.unwrap_or(Ok(false))
}

/// Looks for new runs as long as the site is up.
pub fn follow(site: Shared) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            match renew(&site).await {
                Ok(true) => {
                    tracing::info!("a new run is shown");
                    super::count_books(&site);
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!("the newest run cannot be shown: {error}");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    });
}
