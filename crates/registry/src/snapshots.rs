//! Store → snapshot folder: only the parts whose records changed since the last time are written again.

use std::collections::BTreeMap;

use bangfu_policy::model::{Entity, RegisterId};
use bangfu_rules::snapshot::{Manifest, SnapshotError, Writer};
use bangfu_store::change::Actor;
use bangfu_store::{JournalSeq, ListQuery, Reader, Scope, StoreError};

use crate::home::{Home, WorkError, Working};

/// Why a snapshot is not current.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The snapshot folder.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Another process is at it.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The file that says how far the snapshot goes.
    #[error("cannot write {path}: {source}; check the data folder and its rights")]
    State {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Refreshed {
    /// Files written.
    pub files: usize,
    /// Records in the whole snapshot by register id.
    pub rows: BTreeMap<String, u64>,
    /// Last journal entry that the snapshot holds.
    pub journal: i64,
}

/// Brings the snapshot up to the journal's end. `written` is the time to note in the manifest; `progress` is told
/// parts done and all parts.
///
/// # Errors
/// The store cannot be read, the folder not written, or another process is at it.
pub async fn refresh(
    home: &Home,
    written: &str,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Refreshed, RefreshError> {
    let working = home.work().await?;
    refresh_within(home, &working, written, progress).await
}

/// Registers that the system keeps follow those that they tell of.
async fn keep_shared(home: &Home, done: JournalSeq) -> Result<(), RefreshError> {
    for (index, register) in home.pack.registers.iter().enumerate().filter(|(_, register)| register.kept_by_system()) {
        let Entity::Register(above) = register.parent else { continue };
        let Some(above) = home.pack.registers.get(above.index()) else { continue };
        if home.store.changed_parts(&above.id, done).await?.is_empty() {
            continue;
        }
        let reason = "values that several records share";
        // What is kept is a consequence of the last entry, and bears its time.
        let at = home.store.journal_time().await?;
        let mut change = home.store.change(&Scope::everything(), &Actor::console("determination"), reason, at).await?;
        change.keep_shared(RegisterId(index as u16)).await?;
        change.commit().await?;
    }
    Ok(())
}

/// Records up to which a register is one file: a hundred small files cost more than they save.
const ONE_FILE: u64 = 200_000;

/// The parts of a register that must be written; files of another layout are removed.
async fn outdated(
    home: &Home,
    reader: &Reader,
    writer: &mut Writer<'_>,
    id: RegisterId,
    done: i64,
) -> Result<Vec<String>, RefreshError> {
    let Some(register) = home.pack.registers.get(id.index()) else { return Ok(Vec::new()) };
    let changed = home.store.changed_parts(&register.id, JournalSeq(done)).await?;
    if changed.is_empty() {
        return Ok(changed);
    }
    let small = reader.count(id, &ListQuery::default()).await? <= ONE_FILE;
    let whole = home.pack.policy.root.clone();
    let written = writer.parts(id);
    let other = written.iter().filter(|part| (**part == whole) != small);
    let relaid = other.clone().next().is_some();
    for part in other {
        writer.remove(id, part)?;
    }
    if small {
        return Ok(vec![whole]);
    }
    // A register that has grown out of its one file is written whole.
    if relaid { Ok(home.store.changed_parts(&register.id, JournalSeq(0)).await?) } else { Ok(changed) }
}

/// See [`refresh`]; the work has begun already.
pub(crate) async fn refresh_within(
    home: &Home,
    _working: &Working,
    written: &str,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Refreshed, RefreshError> {
    let folder = home.snapshot();
    let state = folder.join("journal.seq");
    let done = std::fs::read_to_string(&state).ok().and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0);
    // Under another pack the columns may be others, and the manifest begins anew.
    let manifest = Manifest::read(&folder).ok().flatten();
    let known = manifest.is_some_and(|manifest| manifest.pack_hash == home.pack.hash);
    let done = if known { done } else { 0 };
    keep_shared(home, JournalSeq(done)).await?;
    let end = home.store.journal_end().await?;
    let reader = home.store.reader(&Scope::everything());
    let mut writer = Writer::new(&folder, &home.pack)?;
    let mut work: Vec<(RegisterId, String)> = Vec::new();
    for index in 0..home.pack.registers.len() {
        let id = RegisterId(index as u16);
        for part in outdated(home, &reader, &mut writer, id, done).await? {
            work.push((id, part));
        }
    }
    let divisions = reader.divisions().await?;
    writer.write_divisions(&divisions.into_iter().map(|d| (d.code, d.name)).collect::<Vec<_>>())?;
    let all = work.len();
    // Two parts at a time: one is read while the other is compressed.
    for (number, pair) in work.chunks(2).enumerate() {
        let read = pair.iter().map(|(register, part)| {
            let (reader, register, part) = (reader.clone(), *register, part.clone());
            tokio::spawn(async move { reader.batch(register, &part).await })
        });
        let reading: Vec<_> = read.collect();
        for (task, (register, part)) in reading.into_iter().zip(pair) {
            let batch = match task.await {
                Ok(batch) => batch?,
                Err(error) => return Err(StoreError::Absent(format!("answer of a reader: {error}")).into()),
            };
            if batch.num_rows() == 0 {
                writer.remove(*register, part)?;
            } else {
                writer.write(*register, part, &[batch])?;
            }
        }
        progress((number * 2 + pair.len()).min(all), all);
    }
    let manifest = writer.finish(written)?;
    let failed = |source| RefreshError::State { path: state.display().to_string(), source };
    let fresh = folder.join("journal.seq.new");
    std::fs::write(&fresh, end.0.to_string()).map_err(failed)?;
    std::fs::rename(&fresh, &state).map_err(failed)?;
    let rows = manifest.registers.iter().map(|(id, entry)| (id.clone(), entry.rows)).collect();
    Ok(Refreshed { files: all, rows, journal: end.0 })
}
