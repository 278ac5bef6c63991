//! The command line.

mod book;
mod data;
mod policy;
mod provider;
mod run;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use bangfu_policy::model::{Pack, RegisterId};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Bangfu turns a written policy into a running registry.
#[derive(Debug, Parser)]
#[command(name = "bangfu", version, about, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Where the pack and the data are.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// Folder of the policy pack.
    #[arg(long, default_value = "policies/inner-mongolia")]
    pub(crate) policy: PathBuf,
    /// Data folder of the registry.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// Address of a PostgreSQL database that the registry is kept in, postgres://user@host/name, instead of a file in the
    /// data folder. The folder remembers it: it is told once.
    #[arg(long)]
    pub(crate) database: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at a policy pack: check it, run its cases, see which clauses it implements.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Make the demo registry (first time), run the determination, serve the site.
    Demo {
        #[command(flatten)]
        place: Place,
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// People in all; the full demo has 1 200 000.
        #[arg(long)]
        people: Option<u64>,
        /// Day of the determination; the day of the demo's description when absent.
        #[arg(long)]
        as_of: Option<String>,
        /// End after the summary.
        #[arg(long)]
        no_serve: bool,
    },
    /// Make an empty registry with the divisions of the pack.
    Init {
        #[command(flatten)]
        place: Place,
    },
    /// Move a registry from its file into a PostgreSQL database; the file stays as it is.
    Move {
        #[command(flatten)]
        place: Place,
        /// Address of an empty database, postgres://user@host/name.
        #[arg(long)]
        to: String,
    },
    /// Make a registry with a synthetic population.
    Synth {
        #[command(flatten)]
        place: Place,
        /// People in all.
        #[arg(long)]
        people: Option<u64>,
    },
    /// Serve the site of a registry.
    Serve {
        #[command(flatten)]
        place: Place,
        /// Address to listen on; only loopback: a proxy that speaks TLS stands before it.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        #[command(flatten)]
        provider: provider::ProviderArguments,
    },
    /// Import a CSV or Excel file.
    Import(data::ImportArguments),
    /// Bring the snapshot of the registry up to date.
    Snapshot {
        #[command(flatten)]
        place: Place,
    },
    /// Run the rules over any snapshot folder.
    Run(run::RunArguments),
    /// Measure the evaluation of a snapshot (for the benchmark).
    #[command(hide = true)]
    BenchEval(run::BenchArguments),
    /// Run the rules over the registry, and keep the run with what changed.
    Determine(run::DetermineArguments),
    /// Say why a household (or another record) has its answers.
    Explain(run::ExplainArguments),
    /// Change parameters and see who enters, who leaves, and what it costs.
    Simulate(run::SimulateArguments),
    /// Count a book of a division over the last run.
    Book(book::BookArguments),
    /// The journal of the registry.
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Recompute the chain of hashes from the first entry.
    Verify {
        #[command(flatten)]
        place: Place,
    },
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do.
pub async fn main(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Policy(command) => policy::run(command).await,
        Command::Demo { place, listen, people, as_of, no_serve } => {
            serve::demo(&place, listen, people, as_of.as_deref(), no_serve).await
        }
        Command::Init { place } => data::init(&place).await,
        Command::Move { place, to } => data::move_to(&place, &to).await,
        Command::Synth { place, people } => data::synth(&place, people).await,
        Command::Serve { place, listen, provider } => serve::serve(&place, listen, &provider).await,
        Command::Import(arguments) => data::import(arguments).await,
        Command::Snapshot { place } => data::snapshot(&place).await,
        Command::Run(arguments) => run::run(&arguments),
        Command::BenchEval(arguments) => run::bench(&arguments),
        Command::Determine(arguments) => run::determine(&arguments).await,
        Command::Explain(arguments) => run::explain(&arguments).await,
        Command::Simulate(arguments) => run::simulate(&arguments).await,
        Command::Book(arguments) => book::book(&arguments).await,
        Command::Journal { command: JournalCommand::Verify { place } } => data::verify(&place).await,
    }
}

/// A day as typed after `--as-of`.
pub(crate) fn day(text: &str) -> Result<i32> {
    bangfu_policy::value::iso_date(text)
        .with_context(|| format!("--as-of {text}: this is no existing day; write year-month-day, such as 2016-12-31"))
}

/// Opens the registry of a place.
pub(crate) async fn open(place: &Place) -> Result<bangfu_registry::home::Home> {
    let pack = std::sync::Arc::new(policy::read(&place.policy)?);
    if let Some(url) = &place.database {
        bangfu_registry::home::keep_in(&place.data, url)?;
    }
    if !bangfu_registry::home::Home::exists(&place.data) {
        bail!(
            "{} holds no registry; make one with `bangfu init` or `bangfu demo`, or name another folder with --data",
            place.data.display()
        );
    }
    Ok(bangfu_registry::home::Home::open(&place.data, pack, &place.policy).await?)
}

/// A register by its id.
pub(crate) fn register(pack: &Pack, id: &str) -> Result<RegisterId> {
    pack.register(id).with_context(|| {
        let known: Vec<_> = pack.registers.iter().map(|register| register.id.as_str()).collect();
        let near = bangfu_policy::diagnostic::nearest(id, known.iter().copied());
        match near {
            Some(near) => format!("there is no register `{id}`; did you mean {near}?"),
            None => format!("there is no register `{id}`; the registers are {}", known.join(", ")),
        }
    })
}

/// A language of the pack; the first one when none is named.
pub(crate) fn language<'l>(pack: &'l Pack, language: Option<&'l str>) -> Result<&'l str> {
    let Some(language) = language else { return Ok(pack.policy.languages.first().map_or("en", String::as_str)) };
    if pack.policy.languages.iter().any(|known| known == language) {
        return Ok(language);
    }
    bail!("--language {language}: the pack does not have this language; write {}", pack.policy.languages.join(" or "))
}

/// A bar for work that takes longer than a moment.
pub(crate) fn bar(words: &str, length: u64) -> indicatif::ProgressBar {
    let style = indicatif::ProgressStyle::with_template("{msg:28} {wide_bar} {pos}/{len} {elapsed}");
    let bar = indicatif::ProgressBar::new(length).with_message(words.to_owned());
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
