//! Imports under way: a file is looked at, shown, and taken when that is confirmed. Kept in memory; their files lie in the
//! data folder. Whoever waits for a long one is shown that it goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bangfu_policy::model::RegisterId;
use bangfu_registry::intake::Divided;
use bangfu_registry::views::figures::Language;
use serde::Serialize;
use tokio::sync::watch;

use crate::clock;

/// Jobs that are remembered.
const MOST: usize = 200;
/// Days after which files that nobody came back for are removed.
const DAYS_KEPT: u64 = 7;
/// How long an answer waits for a job before it says that it goes on.
const PATIENCE: Duration = Duration::from_secs(2);

/// Some rows of a file under what becomes of them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Some {
    /// How many there are.
    pub count: String,
    /// The first of them: number and cells.
    pub rows: Vec<(u64, Vec<String>)>,
}

/// A record with new values: row, name, and field, before, after.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Row of the file.
    pub row: u64,
    /// Field, value before, value after.
    pub fields: Vec<(String, String, String)>,
}

/// Something that is wrong with a cell.
#[derive(Clone, Debug, Serialize)]
pub struct Wrong {
    /// Row of the file.
    pub row: u64,
    /// Header.
    pub column: String,
    /// What stands there.
    pub value: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub advice: String,
}

/// What would become – or became – of a file.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outlook {
    /// Data rows.
    pub rows: String,
    /// Headers.
    pub header: Vec<String>,
    /// New records.
    pub new: Some,
    /// Changed records.
    pub changed: String,
    /// The first of them.
    pub lines: Vec<Line>,
    /// Records that are so already.
    pub same: Some,
    /// Refused rows.
    pub refused: String,
    /// What is wrong with the first of them.
    pub wrongs: Vec<Wrong>,
    /// Whether there is anything to take.
    pub any: bool,
    /// Headers that nothing reads.
    pub ignored: Vec<String>,
    /// The registry was changed since the last look.
    pub surprised: bool,
    /// See [`Divided`].
    #[serde(skip)]
    pub divided: Divided,
}

/// How far a job is.
#[derive(Clone, Debug)]
pub enum State {
    /// The file is read and compared.
    Looking,
    /// What would become of it.
    Shown(Arc<Outlook>),
    /// It is taken.
    Taking,
    /// What became of it.
    Done(Arc<Outlook>),
    /// Why nothing was done.
    Failed(String),
}

impl State {
    fn busy(&self) -> bool {
        matches!(self, Self::Looking | Self::Taking)
    }
}

/// An import.
#[derive(Debug)]
pub struct Job {
    /// Id in addresses.
    pub id: String,
    /// The account that sent it; nobody else sees it.
    pub owner: i64,
    /// The register of the rows.
    pub register: RegisterId,
    /// Name of the file as it was sent.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Where it is kept.
    pub file: PathBuf,
    /// The workbook with what was refused.
    pub errors: PathBuf,
    /// Language of messages.
    pub language: Language,
    state: watch::Sender<State>,
}

impl Job {
    /// How far it is; waits a moment for one that is at work.
    pub async fn state(&self) -> State {
        let mut changes = self.state.subscribe();
        // Who does not want to wait longer is told how far it is.
        let _ = tokio::time::timeout(PATIENCE, changes.wait_for(|state| !state.busy())).await;
        self.state.borrow().clone()
    }

    /// Tells how far it is.
    pub fn tell(&self, state: State) {
        self.state.send_replace(state);
    }

    /// Begins to take what was shown; none if it is not shown, or is taken already.
    pub fn begin(&self) -> Option<Arc<Outlook>> {
        let mut shown = None;
        self.state.send_if_modified(|state| {
            if let State::Shown(outlook) = state {
                shown = Some(Arc::clone(outlook));
                *state = State::Taking;
            }
            shown.is_some()
        });
        shown
    }
}

/// All jobs of a site.
#[derive(Debug, Default)]
pub struct Jobs {
    all: Mutex<BTreeMap<String, Arc<Job>>>,
    next: AtomicU64,
}

impl Jobs {
    /// A new job over a file that is kept.
    pub fn add(
        &self,
        owner: i64,
        register: RegisterId,
        (name, size): (String, u64),
        file: PathBuf,
        folder: &Path,
        language: Language,
    ) -> Arc<Job> {
        let id = format!("{}-{}", clock::run_id(), self.next.fetch_add(1, Ordering::Relaxed));
        let errors = folder.join(format!("{id}.xlsx"));
        let state = watch::Sender::new(State::Looking);
        let job = Arc::new(Job { id: id.clone(), owner, register, name, size, file, errors, language, state });
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, Arc::clone(&job));
        while all.len() > MOST {
            all.pop_first();
        }
        job
    }

    /// A job by its id.
    pub fn get(&self, id: &str) -> Option<Arc<Job>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Whether another job needs a file.
    pub fn needs(&self, file: &Path, beside: &str) -> bool {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |job: &Job| !matches!(*job.state.borrow(), State::Done(_) | State::Failed(_));
        all.values().any(|job| job.id != beside && job.file == file && waits(job))
    }
}

/// Removes files that nobody came back for.
pub fn clean(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if clock::is_older(&entry.path(), Duration::from_secs(DAYS_KEPT * 86_400))
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(%error, "an old file cannot be removed");
        }
    }
}
