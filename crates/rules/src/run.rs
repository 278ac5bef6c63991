//! A whole run: snapshot folder → values of all variables, indicators and a summary in a result folder.
//!
//! A snapshot of more rows than [`MOST_ROWS`] whose files are named by divisions is evaluated some divisions at a time,
//! so that the memory does not grow with the nation. The results are the same: a pack whose formulas look above those
//! divisions, or a snapshot whose records do not stay within their files, is read whole.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Instant;

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::{Entity, Pack, ParameterId};
use bangfu_policy::value::{format_date, format_scalar};
use rayon::prelude::*;

use crate::engine::{EngineError, Partial, Program, Request};
use crate::frame::Frame;
use crate::needs::Needs;
use crate::results::{self, Summary};
use crate::snapshot::{self, Batches, Reading, SnapshotError, Warning, WarningKind};

/// Rows of the largest register that are evaluated at once.
pub const MOST_ROWS: u64 = 1_500_000;

/// Why a run did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The snapshot or the result folder.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A formula has no result for some records.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Times of stages, in milliseconds.
#[derive(Default)]
struct Stages(BTreeMap<String, f64>);

impl Stages {
    fn add(&mut self, stage: &str, ms: f64) {
        *self.0.entry(stage.to_owned()).or_default() += ms;
    }

    fn time<T>(&mut self, stage: &str, work: impl FnOnce() -> T) -> T {
        let clock = Instant::now();
        let done = work();
        self.add(stage, clock.elapsed().as_secs_f64() * 1e3);
        done
    }
}

/// Evaluates a pack over a snapshot folder and writes a result folder. Of the snapshot at most `most_rows` rows of its
/// largest register are in memory at once, where it allows that ([`MOST_ROWS`] is a good number).
///
/// # Errors
/// A folder cannot be read or written, or a formula has no result.
pub fn run(
    pack: &Pack,
    snapshot: &Path,
    as_of: i32,
    set: &[(ParameterId, Scalar)],
    out: &Path,
    most_rows: u64,
) -> Result<Summary, RunError> {
    let request = Request { overrides: set.to_vec(), ..Request::default() };
    let mut stages = Stages::default();
    let batches = snapshot::batches(snapshot, pack, most_rows)?;
    let streamed = match batches.filter(|batches| !Program::looks_above(pack, batches.level)) {
        Some(batches) => by_parts(pack, snapshot, as_of, &request, out, &batches, &mut stages)?,
        None => None,
    };
    let done = if let Some(done) = streamed {
        done
    } else {
        stages = Stages::default();
        whole(pack, snapshot, as_of, &request, out, &mut stages)?
    };
    let parameters = set.iter().filter_map(|(id, value)| {
        let parameter = pack.parameters.get(id.index())?;
        Some((parameter.id.clone(), format_scalar(*value, parameter.ty, pack)))
    });
    let summary = Summary {
        as_of: format_date(i64::from(as_of)),
        policy_hash: pack.hash.clone(),
        snapshot_hash: done.hash,
        parameters: parameters.collect(),
        warnings: done.warnings.iter().map(|warning| warning.text("en")).collect(),
        ..Summary::default()
    };
    let clock = Instant::now();
    let mut summary = done.writer.finish(&done.indicators, summary)?;
    stages.add("write", clock.elapsed().as_secs_f64() * 1e3);
    summary.timings_ms = stages.0;
    results::write_summary(out, &summary)?;
    Ok(summary)
}

/// What is left to write.
struct Done<'p> {
    writer: results::Writer<'p>,
    indicators: results::IndicatorTable,
    warnings: Vec<Warning>,
    hash: String,
}

fn whole<'p>(
    pack: &'p Pack,
    snapshot: &Path,
    as_of: i32,
    request: &Request,
    out: &Path,
    stages: &mut Stages,
) -> Result<Done<'p>, RunError> {
    let reading = stages.time("read", || snapshot::read(snapshot, pack, &Needs::all(pack), as_of))?;
    let program = stages.time("plan", || Program::compile(pack, &reading.frame, request));
    let (outcome, evaluate, indicators) = program.run_timed()?;
    stages.add("evaluate", evaluate.as_secs_f64() * 1e3);
    stages.add("indicators", indicators.as_secs_f64() * 1e3);
    let clock = Instant::now();
    let indicators = results::IndicatorTable::new(pack, &reading.frame, outcome.indicators);
    let mut writer = results::Writer::new(out, pack)?;
    writer.append(&reading.frame, &outcome.entities)?;
    stages.add("write", clock.elapsed().as_secs_f64() * 1e3);
    Ok(Done { writer, indicators, warnings: reading.warnings, hash: reading.hash })
}

/// Some divisions at a time; `None` when records do not stay within the files of their divisions.
fn by_parts<'p>(
    pack: &'p Pack,
    snapshot: &Path,
    as_of: i32,
    request: &Request,
    out: &Path,
    batches: &Batches,
    stages: &mut Stages,
) -> Result<Option<Done<'p>>, RunError> {
    let needs = Needs::all(pack);
    let mut writer = results::Writer::new(out, pack)?;
    let mut partials = Vec::new();
    let mut warnings: Vec<Warning> = Vec::new();
    let mut keys: HashMap<Entity, Vec<u64>> = HashMap::new();
    // Rows of shared registers that no batch has taken yet.
    let mut left: BTreeMap<String, u64> = BTreeMap::new();
    for (batch, parts) in batches.parts.iter().enumerate() {
        let reading = stages.time("read", || snapshot::read_batch(snapshot, batches, batch, pack, &needs, as_of))?;
        if strays(&reading, batches, parts) {
            return Ok(None);
        }
        for register in &batches.shared {
            let Some(id) = pack.registers.get(register.index()).map(|register| &register.id) else { continue };
            let of = |counts: &BTreeMap<String, u64>| counts.get(id).copied().unwrap_or(0);
            let taken = of(&reading.rows) - of(&reading.elsewhere);
            let left = left.entry(id.clone()).or_insert(of(&reading.rows));
            *left = left.saturating_sub(taken);
        }
        for (entity, table) in &reading.frame.tables {
            let hashed = table.keys.par_iter().filter(|key| !key.is_empty()).map(|key| {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                hasher.finish()
            });
            if let Entity::Register(_) = entity {
                keys.entry(*entity).or_default().par_extend(hashed);
            }
        }
        warnings.extend(reading.warnings);
        let program = stages.time("plan", || Program::compile(pack, &reading.frame, request));
        let (outcome, partial) = stages.time("evaluate", || program.run_partial())?;
        partials.push(partial);
        stages.time("write", || writer.append(&reading.frame, &outcome.entities))?;
    }
    // A key that stands in two parts would count twice.
    let doubled = stages.time("read", || {
        keys.values_mut().any(|keys| {
            keys.par_sort_unstable();
            keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
        })
    });
    // A row of none of the divisions would be lost without a word.
    if doubled || left.values().any(|left| *left > 0) {
        return Ok(None);
    }
    let indicators = stages.time("indicators", || {
        let (frame, figures): (Frame, _) = Partial::join(pack, &partials);
        results::IndicatorTable::new(pack, &frame, figures)
    });
    let hash = stages.time("read", || snapshot::snapshot_hash(snapshot))?;
    Ok(Some(Done { writer, indicators, warnings: together(warnings), hash }))
}

/// Whether a record of the parts belongs to divisions of other parts.
fn strays(reading: &Reading, batches: &Batches, parts: &[String]) -> bool {
    let own = reading.frame.tables.get(&Entity::Level(batches.level)).map(|table| table.keys.as_slice());
    reading.warnings.iter().any(|warning| warning.kind == WarningKind::Orphan)
        || own.unwrap_or_default().iter().any(|code| !parts.contains(code))
}

/// Warnings of the same kind about the same column as one.
fn together(warnings: Vec<Warning>) -> Vec<Warning> {
    let mut all: BTreeMap<(WarningKind, String, String), Warning> = BTreeMap::new();
    for warning in warnings {
        let key = (warning.kind, warning.register.clone(), warning.column.clone());
        match all.get_mut(&key) {
            Some(first) => first.count += warning.count,
            None => {
                all.insert(key, warning);
            }
        }
    }
    all.into_values().collect()
}
