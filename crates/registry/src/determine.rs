//! Determination runs: snapshot + pack + day → results, and what changed since the run before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::{Pack, ParameterId};
use bangfu_policy::value::{format_scalar, parse_scalar};
use bangfu_rules::engine::EngineError;
use bangfu_rules::results::{self, Summary};
use bangfu_rules::snapshot::SnapshotError;
use bangfu_store::StoreError;
use bangfu_store::runs::{Difference, Run};

use crate::home::{Home, WorkError};
use crate::snapshots::{RefreshError, refresh_within};

/// Why a run did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The snapshot or result folder.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A formula has no result for some records.
    #[error("the run stops, nothing was stored:\n{0}\nguard the formula (nullif, case) or correct the record")]
    Engine(#[from] EngineError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The snapshot could not be brought up to date.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// Another process is at it.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A parameter that is set.
    #[error("--set {0}")]
    Parameter(String),
    /// The summary cannot be kept.
    #[error("the summary cannot be stored: {0}")]
    Summary(#[from] serde_json::Error),
    /// A result folder cannot be renamed or removed.
    #[error("cannot rename or remove {path}: {source}; check the data folder and its rights")]
    Keep {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
}

impl From<bangfu_rules::run::RunError> for RunError {
    fn from(error: bangfu_rules::run::RunError) -> Self {
        match error {
            bangfu_rules::run::RunError::Snapshot(error) => Self::Snapshot(error),
            bangfu_rules::run::RunError::Engine(error) => Self::Engine(error),
        }
    }
}

/// `name=value` pairs as overrides.
///
/// # Errors
/// A name is no parameter, or a value is not of its type.
pub fn overrides(pack: &Pack, pairs: &[String]) -> Result<Vec<(ParameterId, Scalar)>, RunError> {
    pairs
        .iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                RunError::Parameter(format!("{pair}: write parameter=value, such as poverty_line=3000"))
            })?;
            let id = pack.parameter(name.trim()).ok_or_else(|| {
                let known = pack.parameters.iter().map(|parameter| parameter.id.as_str());
                let near = bangfu_policy::diagnostic::nearest(name.trim(), known);
                let advice = near.map_or_else(|| examples(pack), |near| format!("did you mean {near}?"));
                RunError::Parameter(format!("{pair}: there is no parameter `{name}`; {advice}"))
            })?;
            let ty = pack.parameters.get(id.index()).map_or(bangfu_policy::ir::Type::INTEGER, |parameter| parameter.ty);
            let value = parse_scalar(value, ty, &pack.codes)
                .map_err(|error| RunError::Parameter(format!("{pair}: {error}; {}", error.advice())))?;
            Ok((id, value))
        })
        .collect()
}

/// Parameters that are named to who asked for one that does not exist.
fn examples(pack: &Pack) -> String {
    let shown = pack.screens.what_if.parameters.iter().filter_map(|id| pack.parameters.get(id.index()));
    let shown: Vec<_> = shown.take(6).map(|parameter| parameter.id.as_str()).collect();
    format!("parameters of the pack are for instance {}", shown.join(", "))
}

/// Evaluates a pack over a snapshot folder and writes a result folder.
///
/// # Errors
/// The folder cannot be read or written, or a formula has no result.
pub fn run(
    pack: &Pack,
    snapshot: &Path,
    as_of: i32,
    set: &[(ParameterId, Scalar)],
    out: &Path,
) -> Result<Summary, RunError> {
    Ok(bangfu_rules::run::run(pack, snapshot, as_of, set, out, bangfu_rules::run::MOST_ROWS)?)
}

/// What a run over the registry came to.
#[derive(Clone, Debug)]
pub struct Determined {
    /// The run as stored.
    pub run: Run,
    /// Its summary.
    pub summary: Summary,
    /// What changed since the run before.
    pub differences: Vec<Difference>,
    /// Milliseconds that bringing the snapshot up to date took, and files written for it.
    pub refreshed: (f64, usize),
}

/// Brings the snapshot up to date, evaluates it, stores the run and its differences from the last one that is done.
/// `id` and `now` (milliseconds since 1970-01-01 UTC) come from outside.
///
/// # Errors
/// As [`run`], or another process is at a run; a run that fails is stored as failed with its reason.
pub async fn determine(
    home: &Home,
    as_of: i32,
    set: &[(ParameterId, Scalar)],
    (id, now): (&str, &dyn Fn() -> i64),
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Determined, RunError> {
    let working = home.work().await?;
    home.store.fail_interrupted_runs().await?;
    let runs = home.store.runs().await?;
    clear(home, &runs)?;
    let before = runs.into_iter().find(|run| run.state == "done");
    let clock = Instant::now();
    let refreshed = refresh_within(home, &working, &now().to_string(), progress).await?;
    let refresh_ms = clock.elapsed().as_secs_f64() * 1e3;
    let folder = home.results(id);
    let mut stored = Run {
        id: id.to_owned(),
        as_of,
        state: "running".to_owned(),
        started: now(),
        finished: None,
        policy_hash: home.pack.hash.clone(),
        snapshot_hash: String::new(),
        overrides: serde_json::to_string(
            &set.iter().map(|(id, value)| named(&home.pack, *id, *value)).collect::<BTreeMap<_, _>>(),
        )?,
        folder: folder.display().to_string(),
        summary: String::new(),
        journal_seq: refreshed.journal,
    };
    home.store.record_run(&stored, &[]).await?;
    // Results appear under their name only when they are whole.
    let fresh = unfinished(&folder);
    let (pack, snapshot, overrides) = (std::sync::Arc::clone(&home.pack), home.snapshot(), set.to_vec());
    let target = fresh.clone();
    let outcome = tokio::task::spawn_blocking(move || run(&pack, &snapshot, as_of, &overrides, &target)).await;
    let outcome = outcome.map_err(|error| StoreError::Absent(format!("answer of the engine: {error}")))?;
    let summary = match outcome {
        Ok(summary) => summary,
        Err(error) => {
            stored.state = "failed".to_owned();
            stored.finished = Some(now());
            stored.summary = error.to_string();
            home.store.record_run(&stored, &[]).await?;
            return Err(error);
        }
    };
    let failed = |source| RunError::Keep { path: folder.display().to_string(), source };
    std::fs::rename(&fresh, &folder).map_err(failed)?;
    let differences = match before.map(|before| home.results(&before.id)) {
        Some(before) if before.exists() => {
            let found = results::differences(&before, &folder, &home.pack)?;
            found.into_iter().flat_map(stored_differences).collect()
        }
        _ => Vec::new(),
    };
    stored.state = "done".to_owned();
    stored.finished = Some(now());
    stored.snapshot_hash.clone_from(&summary.snapshot_hash);
    stored.summary = serde_json::to_string(&summary)?;
    home.store.record_run(&stored, &differences).await?;
    Ok(Determined { run: stored, summary, differences, refreshed: (refresh_ms, refreshed.files) })
}

/// Removes what runs left that did not finish.
fn clear(home: &Home, runs: &[Run]) -> Result<(), RunError> {
    for run in runs.iter().filter(|run| run.state != "done") {
        let folder = home.results(&run.id);
        for left in [unfinished(&folder), folder] {
            if left.exists() {
                let failed = |source| RunError::Keep { path: left.display().to_string(), source };
                std::fs::remove_dir_all(&left).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Where results stand until they are whole.
fn unfinished(folder: &Path) -> PathBuf {
    PathBuf::from(format!("{}.new", folder.display()))
}

fn named(pack: &Pack, id: ParameterId, value: Scalar) -> (String, String) {
    let parameter = pack.parameters.get(id.index());
    parameter
        .map_or_else(Default::default, |parameter| (parameter.id.clone(), format_scalar(value, parameter.ty, pack)))
}

/// Most keys that are kept beside a count.
const MOST_EXAMPLES: usize = 50;

fn stored_differences(found: results::Difference) -> Vec<Difference> {
    [("newly_yes", found.entered), ("no_longer", found.left), ("now_unknown", found.unknown)]
        .into_iter()
        .filter(|(_, keys)| !keys.is_empty())
        .map(|(change, keys)| Difference {
            variable: found.variable.clone(),
            entity: found.entity.clone(),
            change: change.to_owned(),
            count: keys.len() as i64,
            examples: keys.into_iter().take(MOST_EXAMPLES).collect(),
        })
        .collect()
}
