//! Imports under way: a file is looked at, shown, and taken when that is confirmed. The store remembers them; their files
//! lie in the data folder. Whoever waits for a long one is shown that it goes on.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bangfu_policy::model::RegisterId;
use bangfu_registry::intake::Divided;
use bangfu_registry::store::{Job, Store, StoreError};
use bangfu_registry::views::figures::Language;
use serde::{Deserialize, Serialize};

use crate::clock;

/// Days after which files that nobody came back for are removed.
const DAYS_KEPT: u64 = 7;
/// How long an answer waits for a job before it says that it goes on.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it waits between two looks.
const ROUND: Duration = Duration::from_millis(40);

/// Some rows of a file under what becomes of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Some {
    /// How many there are.
    pub count: String,
    /// The first of them: number and cells.
    pub rows: Vec<(u64, Vec<String>)>,
}

/// A record with new values: row, name, and field, before, after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Row of the file.
    pub row: u64,
    /// Field, value before, value after.
    pub fields: Vec<(String, String, String)>,
}

/// Something that is wrong with a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    pub divided: Divided,
}

/// How far a job is.
#[derive(Clone, Debug)]
pub enum State {
    /// The file is read and compared.
    Looking,
    /// What would become of it.
    Shown(Box<Outlook>),
    /// It is taken.
    Taking,
    /// What became of it.
    Done(Box<Outlook>),
    /// Why nothing was done.
    Failed(String),
    /// The process that was at it ended.
    Interrupted,
}

/// An import.
#[derive(Clone, Debug)]
pub struct Import {
    /// As it is kept.
    pub job: Job,
    /// The register of the rows.
    pub register: RegisterId,
    /// Language of messages.
    pub language: Language,
    /// The list.
    pub file: PathBuf,
    /// The workbook with what was refused.
    pub errors: PathBuf,
}

impl Import {
    /// An import whose files lie in a folder.
    pub fn new(job: Job, register: RegisterId, language: Language, folder: &Path) -> Self {
        let (file, errors) = (folder.join(&job.file), folder.join(format!("{}.xlsx", job.id)));
        Self { job, register, language, file, errors }
    }

    /// Tells how far it is, from the state that it was in.
    ///
    /// # Errors
    /// The store fails.
    pub async fn tell(&self, store: &Store, from: &str, far: &State) -> Result<bool, StoreError> {
        let (to, outlook) = match far {
            State::Looking => ("looking", String::new()),
            State::Taking => ("taking", String::new()),
            State::Shown(outlook) => ("shown", serde_json::to_string(outlook)?),
            State::Done(outlook) => ("done", serde_json::to_string(outlook)?),
            State::Failed(words) => ("failed", words.clone()),
            State::Interrupted => ("failed", String::new()),
        };
        store.move_job(&self.job.id, (from, to), &outlook).await
    }
}

/// How far a job is; waits a moment for one that is at work, wherever it is.
///
/// # Errors
/// The store fails.
pub async fn far(store: &Store, id: &str) -> Result<State, StoreError> {
    let begun = Instant::now();
    loop {
        let Some(job) = store.job(id).await? else { return Ok(State::Interrupted) };
        let busy = match job.state.as_str() {
            "shown" => return Ok(State::Shown(serde_json::from_str(&job.outlook)?)),
            "done" => return Ok(State::Done(serde_json::from_str(&job.outlook)?)),
            "looking" => State::Looking,
            "taking" => State::Taking,
            _ if job.outlook.is_empty() => return Ok(State::Interrupted),
            _ => return Ok(State::Failed(job.outlook)),
        };
        if begun.elapsed() > PATIENCE {
            if !store.works(&job.worker).await? {
                store.move_job(id, (&job.state, "failed"), "").await?;
                return Ok(State::Interrupted);
            }
            return Ok(busy);
        }
        tokio::time::sleep(ROUND).await;
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
