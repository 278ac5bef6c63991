//! `bangfu run | determine | explain | simulate`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bangfu_policy::model::{Entity, Pack, RegisterKind};
use bangfu_registry::determine::{self, Determined};
use bangfu_registry::store::Scope;
use bangfu_registry::{fresh, simulate as what_if};
use bangfu_rules::engine::{Program, Request};
use bangfu_rules::needs::Needs;
use bangfu_rules::results::Summary;
use clap::Args;

use super::{Format, Place, bar, day, open, policy};
use crate::clock::{self, Clock};

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Folder of the policy pack.
    #[arg(long)]
    policy: PathBuf,
    /// Snapshot folder (docs/snapshot-format.md).
    #[arg(long)]
    snapshot: PathBuf,
    /// Day of the run.
    #[arg(long)]
    as_of: String,
    /// Parameter set to another value: `name=value`; may be repeated.
    #[arg(long)]
    set: Vec<String>,
    /// Folder for the results.
    #[arg(long)]
    out: PathBuf,
    /// How the summary is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[arg(long)]
    policy: PathBuf,
    #[arg(long)]
    snapshot: PathBuf,
    #[arg(long)]
    as_of: String,
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

#[derive(Debug, Args)]
pub(crate) struct DetermineArguments {
    #[command(flatten)]
    place: Place,
    /// Day of the run; today when absent.
    #[arg(long)]
    as_of: Option<String>,
    /// Parameter set to another value: `name=value`; may be repeated.
    #[arg(long)]
    set: Vec<String>,
    /// How the summary is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    place: Place,
    /// Key of the household.
    #[arg(long)]
    household: Option<String>,
    /// Another register, with --key.
    #[arg(long)]
    register: Option<String>,
    /// Key of the record of --register.
    #[arg(long)]
    key: Option<String>,
    /// Variable; absent: those that the record's page shows.
    #[arg(long)]
    variable: Option<String>,
    /// Day; today when absent.
    #[arg(long)]
    as_of: Option<String>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Language of the answer; the first of the pack when absent.
    #[arg(long)]
    language: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    #[command(flatten)]
    place: Place,
    /// Day; that of the last run when absent.
    #[arg(long)]
    as_of: Option<String>,
    /// Parameter set to another value: `name=value`; may be repeated.
    #[arg(long)]
    set: Vec<String>,
    /// Folder whose files replace those of the same name in the pack, or are added.
    #[arg(long)]
    overlay: Option<PathBuf>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(arguments: &RunArguments) -> Result<()> {
    let pack = policy::read(&arguments.policy)?;
    let set = determine::overrides(&pack, &arguments.set)?;
    let summary = determine::run(&pack, &arguments.snapshot, day(&arguments.as_of)?, &set, &arguments.out)?;
    match arguments.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&summary)?),
        Format::Text => print_summary(&pack, &summary),
    }
    Ok(())
}

pub(crate) fn print_summary(pack: &Pack, summary: &Summary) {
    println!("\n{} on {}", pack.policy.id, summary.as_of);
    for (entity, count) in &summary.entities {
        println!("  {entity:14} {:>10} records", count.rows);
    }
    println!("\n  {:40} {:>10} {:>10} {:>12}", "", "yes", "no", "cannot tell");
    for (name, count) in &summary.booleans {
        println!("  {name:40} {:>10} {:>10} {:>12}", count.yes, count.no, count.unknown);
    }
    println!("\n  {:40} {:>20} {:>12}", "", "sum", "cannot tell");
    for (name, sum) in &summary.amounts {
        println!("  {name:40} {:>20} {:>12}", sum.sum, sum.unknown);
    }
    for warning in summary.warnings.iter().take(20) {
        println!("  note: {warning}");
    }
    let times = summary.timings_ms.iter().map(|(stage, ms)| format!("{stage} {ms:.1} ms"));
    println!("\n  {}", times.collect::<Vec<_>>().join(", "));
}

pub(crate) fn bench(arguments: &BenchArguments) -> Result<()> {
    let ms = |clock: Instant| clock.elapsed().as_secs_f64() * 1e3;
    let clock = Instant::now();
    let pack = policy::read(&arguments.policy)?;
    let pack_ms = ms(clock);
    let clock = Instant::now();
    let reading = bangfu_rules::snapshot::read(&arguments.snapshot, &pack, &Needs::all(&pack), day(&arguments.as_of)?)?;
    let read_ms = ms(clock);
    let request = Request { threads: arguments.threads, ..Request::default() };
    let clock = Instant::now();
    let program = Program::compile(&pack, &reading.frame, &request);
    let plan_ms = ms(clock);
    let mut evaluate = Vec::new();
    for _ in 0..arguments.repeat {
        let clock = Instant::now();
        let outcome = program.run()?;
        evaluate.push(ms(clock));
        drop(outcome);
    }
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .map_or(0.0, |text| text.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0);
    let answer = serde_json::json!({
        "evaluate_ms": evaluate, "indicators_included": true, "read_ms": read_ms, "plan_ms": plan_ms,
        "pack_ms": pack_ms, "peak_rss_mb": peak,
    });
    println!("{answer}");
    Ok(())
}

pub(crate) async fn determine(arguments: &DetermineArguments) -> Result<()> {
    let home = open(&arguments.place).await?;
    let set = determine::overrides(&home.pack, &arguments.set)?;
    let as_of = arguments.as_of.as_deref().map_or_else(|| Ok(Clock::default().today(&home.pack.calendar)), day)?;
    let determined = run_with_bar(&home, as_of, &set).await?;
    match arguments.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&determined.summary)?),
        Format::Text => {
            print_summary(&home.pack, &determined.summary);
            print_differences(&determined);
        }
    }
    Ok(())
}

pub(crate) async fn run_with_bar(
    home: &bangfu_registry::home::Home,
    as_of: i32,
    set: &[(bangfu_policy::model::ParameterId, bangfu_policy::ir::Scalar)],
) -> Result<Determined> {
    let files = bar("snapshot and determination", 0);
    let id = clock::run_id();
    let determined = determine::determine(home, as_of, set, (&id, &clock::now), &mut |done, all| {
        files.set_length(all as u64);
        files.set_position(done as u64);
    })
    .await?;
    files.finish_and_clear();
    Ok(determined)
}

pub(crate) fn print_differences(determined: &Determined) {
    let (ms, files) = determined.refreshed;
    println!("  snapshot: {files} files written in {ms:.0} ms");
    if determined.differences.is_empty() {
        return;
    }
    println!("\n  since the run before:");
    for difference in &determined.differences {
        let name = format!("{}.{}", difference.entity, difference.variable);
        println!("  {name:40} {:>10} {}", difference.count, difference.change.replace('_', " "));
    }
}

pub(crate) async fn explain(arguments: &ExplainArguments) -> Result<()> {
    let home = open(&arguments.place).await?;
    let pack = &home.pack;
    let (register, key) = match (&arguments.household, &arguments.register, &arguments.key) {
        (Some(key), None, _) => ("household", key),
        (None, Some(register), Some(key)) => (register.as_str(), key),
        _ => bail!("write --household NUMBER, or --register REGISTER --key KEY"),
    };
    let id = super::register(pack, register)?;
    let definition = &pack.registers[id.index()];
    if definition.kind != RegisterKind::Entity {
        let owner = pack.entity_id(definition.parent);
        bail!(
            "the records of `{register}` belong to those of `{owner}`; explain one of these: --register {owner} --key KEY"
        );
    }
    let language = super::language(pack, arguments.language.as_deref())?;
    let as_of = arguments.as_of.as_deref().map_or_else(|| Ok(Clock::default().today(&home.pack.calendar)), day)?;
    let (frame, row) = fresh::frame(&home, &Scope::everything(), id, key, as_of).await?;
    let entity = Entity::Register(id);
    let variables = match &arguments.variable {
        Some(name) => {
            let variable = pack.variable(name).filter(|v| pack.variables[v.index()].of == entity);
            vec![variable.with_context(|| no_variable(pack, entity, name))?]
        }
        None => pack.screens.entities.get(register).map(|screen| screen.determinations.clone()).unwrap_or_default(),
    };
    let mut all = Vec::new();
    for variable in variables {
        let why = bangfu_rules::explain::explain(pack, &frame, entity, row, variable, &[], language)?;
        if arguments.format == Format::Text {
            println!("{}\n", why.text(Some(pack), language));
        }
        all.push(why);
    }
    if arguments.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    Ok(())
}

/// Words for a variable that an entity does not have.
fn no_variable(pack: &Pack, entity: Entity, name: &str) -> String {
    let said = format!("--variable {name}: {} has no such variable", pack.entity_id(entity));
    if let Some(other) = pack.variable(name).and_then(|id| pack.variables.get(id.index())) {
        let of = pack.entity_id(other.of);
        return match other.of {
            Entity::Register(_) => format!("{said}; it is one of {of}: write --register {of} --key KEY"),
            Entity::Level(_) => format!("{said}; it is one of {of}: see the page of the division"),
        };
    }
    let own: Vec<_> = pack.variables.iter().filter(|v| v.of == entity).map(|v| v.id.as_str()).collect();
    if let Some(near) = bangfu_policy::diagnostic::nearest(name, own.iter().copied()) {
        format!("{said}; did you mean {near}?")
    } else {
        let screen = pack.screens.entities.get(pack.entity_id(entity));
        let shown = screen.into_iter().flat_map(|screen| &screen.determinations);
        let shown = shown.filter_map(|id| pack.variables.get(id.index())).map(|v| v.id.as_str());
        let some: Vec<_> = shown.chain(own.iter().copied()).take(6).collect();
        format!("{said}; it has for instance {}", some.join(", "))
    }
}

pub(crate) async fn simulate(arguments: &SimulateArguments) -> Result<()> {
    let home = open(&arguments.place).await?;
    let last = home.store.runs().await?.into_iter().find(|run| run.state == "done");
    let as_of = match (&arguments.as_of, last) {
        (Some(text), _) => day(text)?,
        (None, Some(run)) => run.as_of,
        (None, None) => bail!("there is no run yet; run `bangfu determine` first, or give --as-of"),
    };
    let overlay = match &arguments.overlay {
        Some(folder) => Some(overlaid(&arguments.place.policy, folder)?),
        None => None,
    };
    if arguments.set.is_empty() && arguments.overlay.is_none() {
        bail!("nothing is changed; give --set parameter=value or --overlay FOLDER");
    }
    let set = determine::overrides(overlay.as_ref().unwrap_or(&home.pack), &arguments.set)?;
    let reading = bangfu_rules::snapshot::read(&home.snapshot(), &home.pack, &Needs::all(&home.pack), as_of)?;
    let outcomes: Vec<String> = home.pack.variables.iter().map(|variable| variable.id.clone()).collect();
    let digits = home.pack.levels.get(1).map_or(0, |level| level.digits);
    let clock = Instant::now();
    let comparison = match &overlay {
        Some(changed) => what_if::compare_packs(&home.pack, (changed, &set), &reading.frame, &outcomes, digits)?,
        None => what_if::compare_parameters(&home.pack, &set, &reading.frame, &outcomes, digits)?,
    };
    let elapsed = clock.elapsed();
    if arguments.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&comparison)?);
        return Ok(());
    }
    println!("  {:40} {:>10} {:>10} {:>10} {:>10}", "", "before", "after", "enter", "leave");
    for (name, moved) in comparison.outcomes.iter().filter(|(_, m)| m.enter + m.leave + m.unknown > 0) {
        println!("  {name:40} {:>10} {:>10} {:>10} {:>10}", moved.before, moved.after, moved.enter, moved.leave);
    }
    for (name, cost) in comparison.costs.iter().filter(|(_, cost)| cost.before != cost.after) {
        println!("  {name:40} {:>20} → {:>20} ({})", cost.before, cost.after, cost.difference);
    }
    for (code, outcomes) in &comparison.by_division {
        for (name, moved) in outcomes {
            println!("  {code} {name:40} enter {:>8} leave {:>8}", moved.enter, moved.leave);
        }
    }
    println!("  both evaluated in {:.0} ms", elapsed.as_secs_f64() * 1e3);
    Ok(())
}

/// A pack in which files of an overlay replace or join those of the pack.
fn overlaid(folder: &std::path::Path, overlay: &std::path::Path) -> Result<Pack> {
    let mut files = bangfu_registry::packs::read_folder(folder)?;
    for file in bangfu_registry::packs::read_folder(overlay)? {
        files.retain(|known| known.path != file.path);
        files.push(file);
    }
    bangfu_policy::load(&files).map_err(|found| {
        eprintln!("{}", bangfu_policy::diagnostic::render(&found, &files, false));
        anyhow::anyhow!("the pack with {} laid over it has {} errors", overlay.display(), found.len())
    })
}
