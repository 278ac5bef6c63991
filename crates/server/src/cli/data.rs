//! `bangfu synth | import | snapshot | journal verify`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bangfu_registry::demo;
use bangfu_registry::home::Home;
use bangfu_registry::intake::{self, MappingFile, Request};
use bangfu_registry::moving;
use bangfu_registry::packs;
use bangfu_registry::store::{Actor, Duplicates, Scope};
use clap::{ArgGroup, Args, ValueEnum};

use super::{Place, bar, open, policy};
use crate::clock;

/// What happens when some rows are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Take {
    /// Nothing is taken unless every row is good.
    All,
    /// Good rows are taken, refused ones go to the result file.
    Good,
}

impl From<Take> for intake::Take {
    fn from(take: Take) -> Self {
        match take {
            Take::All => Self::All,
            Take::Good => Self::Good,
        }
    }
}

/// Problems that are printed; the result file has all.
const MOST_SHOWN: usize = 10;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("columns").required(true).args(["register", "mapping"]))]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    place: Place,
    /// CSV or xlsx file.
    file: PathBuf,
    /// Register of the rows; headers are recognised by the titles of the pack.
    #[arg(long)]
    register: Option<String>,
    /// Mapping for a list with other headers, or several registers in a row: a YAML file, or the name of one that the
    /// pack brings with it (data/mappings).
    #[arg(long)]
    mapping: Option<PathBuf>,
    /// Year (or quarter) that the list is of, in place of the mapping's.
    #[arg(long)]
    period: Option<i32>,
    /// All rows or none, or only the good ones.
    #[arg(long, value_enum, default_value = "all")]
    take: Take,
    /// Take new values of records that exist (else such rows are refused).
    #[arg(long)]
    update: bool,
    /// Workbook for refused rows and reasons.
    #[arg(long, default_value = "import-result.xlsx")]
    result: PathBuf,
    /// Language of messages; the first of the pack when absent.
    #[arg(long)]
    language: Option<String>,
    /// Why, for the journal.
    #[arg(long, default_value = "import")]
    reason: String,
}

pub(crate) async fn synth(place: &Place, people: Option<u64>) -> Result<()> {
    let pack = Arc::new(policy::read(&place.policy)?);
    if Home::exists(&place.data) {
        bail!("{} holds a registry already; name another folder with --data", place.data.display());
    }
    let units = bar("synthetic population", 0);
    let manifest = demo::create(
        &place.data,
        &pack,
        &place.policy,
        (people, place.database.as_deref()),
        clock::now(),
        &|done, all| {
            units.set_length(all as u64);
            units.set_position(done as u64);
        },
    )
    .await?;
    units.finish_and_clear();
    println!("{} made with seed {}:", place.data.display(), manifest.seed);
    for (register, count) in &manifest.records {
        println!("  {register:20} {count:>10}");
    }
    println!("planted errors are listed in {}", place.data.join("synthetic.json").display());
    Ok(())
}

/// Makes an empty registry.
pub(crate) async fn init(place: &Place) -> Result<()> {
    let pack = Arc::new(policy::read(&place.policy)?);
    if Home::exists(&place.data) {
        bail!("{} holds a registry already; name another folder with --data", place.data.display());
    }
    let database = place.database.as_deref();
    let home = demo::create_empty(&place.data, &pack, &place.policy, database, clock::now()).await?;
    let divisions = home.store.reader(&Scope::everything()).divisions().await?;
    println!("{} made with {} divisions; `bangfu serve` opens it", place.data.display(), divisions.len());
    Ok(())
}

/// Moves a registry from its file to a server.
pub(crate) async fn move_to(place: &Place, url: &str) -> Result<()> {
    let home = open(place).await?;
    let rows = bar("rows", 0);
    let moved = moving::to_server(&home, url, &mut |done, all| {
        rows.set_length(all);
        rows.set_position(done);
    })
    .await?;
    rows.finish_and_clear();
    println!("{} rows moved; the journal is whole: {} entries, hash {}", moved.rows, moved.entries, moved.hash);
    println!(
        "{} stays as a copy of this moment: keep it until you have made a backup of the server",
        moved.kept.display()
    );
    Ok(())
}

pub(crate) async fn snapshot(place: &Place) -> Result<()> {
    let home = open(place).await?;
    let files = bar("snapshot", 0);
    let refreshed = bangfu_registry::snapshots::refresh(&home, &clock::now().to_string(), &mut |done, all| {
        files.set_length(all as u64);
        files.set_position(done as u64);
    })
    .await?;
    files.finish_and_clear();
    println!("{} files written, journal entry {}", refreshed.files, refreshed.journal);
    Ok(())
}

pub(crate) async fn verify(place: &Place) -> Result<()> {
    let home = open(place).await?;
    let entries = home.store.verify_journal().await?;
    println!("the journal is whole: {entries} entries");
    Ok(())
}

pub(crate) async fn import(arguments: ImportArguments) -> Result<()> {
    let home = open(&arguments.place).await?;
    let register = match &arguments.register {
        Some(id) => Some(super::register(&home.pack, id)?),
        None => None,
    };
    let language = super::language(&home.pack, arguments.language.as_deref())?;
    let mut mapping = arguments.mapping.as_deref().map(|name| mapping(&home, name)).transpose()?;
    if let (Some(mapping), Some(period)) = (&mut mapping, arguments.period) {
        mapping.period = Some(period);
    }
    let actor = Actor::console(&std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned()));
    let request = Request {
        file: &arguments.file,
        limits: intake::Limits::default(),
        scope: &Scope::everything(),
        expected: None,
        register,
        mapping: mapping.as_ref(),
        take: arguments.take.into(),
        duplicates: if arguments.update { Duplicates::Update } else { Duplicates::Refuse },
        language,
        actor: &actor,
        reason: &arguments.reason,
        at: clock::now(),
    };
    let imported = intake::import(&home.store, &request).await?;
    let reading = &imported.reading;
    if !reading.ignored.is_empty() {
        println!("columns left out: {}", reading.ignored.join(", "));
    }
    if !reading.missing.is_empty() {
        println!("columns of the mapping that the file does not have: {}", reading.missing.join(", "));
    }
    if !reading.problems.is_empty() {
        let bytes = intake::write_result(&home.pack, register, reading, language)?;
        std::fs::write(&arguments.result, bytes)
            .with_context(|| format!("cannot write {}", arguments.result.display()))?;
    }
    if !imported.taken {
        for problem in reading.problems.iter().filter(|problem| problem.rule != "together").take(MOST_SHOWN) {
            println!(
                "row {} {} “{}”: {}; {}",
                problem.row, problem.column, problem.value, problem.message, problem.advice
            );
        }
        bail!(
            "{} of {} rows are refused and nothing was taken; mend them in {} and import again, or use --take good",
            imported.refused_rows(),
            reading.rows,
            arguments.result.display()
        );
    }
    let sum = imported.sum();
    println!(
        "{} rows: {} new records, {} changed, {} as they were",
        reading.rows, sum.inserted, sum.updated, sum.unchanged
    );
    for (register, counts) in &imported.registers {
        println!(
            "  {register:20} {:>8} new {:>8} changed {:>8} as they were",
            counts.inserted, counts.updated, counts.unchanged
        );
    }
    if !reading.problems.is_empty() {
        println!("{} rows were refused: {} says why", imported.refused_rows(), arguments.result.display());
    }
    Ok(())
}

/// A mapping file by its path, or one that the pack brings with it by its name.
fn mapping(home: &Home, name: &Path) -> Result<MappingFile> {
    let known = packs::mappings(&home.pack_folder);
    let own = known.iter().find(|(known, _)| Path::new(known) == name).map(|(_, path)| path.as_path());
    let path = own.unwrap_or(name);
    let text = std::fs::read_to_string(path).with_context(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
        format!(
            "cannot read the mapping {}; give the path of a mapping file, or one of the pack's mappings: {}",
            path.display(),
            names.join(", ")
        )
    })?;
    Ok(MappingFile::parse(&path.display().to_string(), &text)?)
}
