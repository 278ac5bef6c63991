//! `bangfu policy check | test | coverage`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use bangfu_policy::model::Pack;
use bangfu_registry::packs::{PackError, read as read_pack};
use bangfu_registry::views::figures::Language;
use clap::Subcommand;

use super::serve::site_of;
use super::{Format, Place, open};
use crate::site::Shared;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Read a pack and say everything that is wrong.
    Check {
        /// Folder of the pack.
        folder: PathBuf,
    },
    /// Run the cases that a pack brings with it.
    Test {
        /// Folder of the pack.
        folder: PathBuf,
    },
    /// Which items implement each clause, and clauses without any.
    Coverage {
        /// Folder of the pack.
        folder: PathBuf,
        /// Data folder of a registry: what each item yields there, and which clauses yield nothing.
        #[arg(long)]
        data: Option<PathBuf>,
        /// How the answer is written.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Reads a pack; its errors are printed as a compiler would.
pub(crate) fn read(folder: &Path) -> Result<Pack> {
    match read_pack(folder) {
        Ok(pack) => Ok(pack),
        Err(PackError::Wrong { diagnostics, files }) => {
            let color = std::io::stderr().is_terminal();
            eprintln!("{}", bangfu_policy::diagnostic::render(&diagnostics, &files, color));
            bail!("{} has {} errors", folder.display(), diagnostics.len())
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn run(command: PolicyCommand) -> Result<()> {
    match command {
        PolicyCommand::Check { folder } => {
            check(&read(&folder)?);
            Ok(())
        }
        PolicyCommand::Test { folder } => test(&read(&folder)?),
        PolicyCommand::Coverage { folder, data: None, format } => coverage(&read(&folder)?, format),
        PolicyCommand::Coverage { folder, data: Some(data), format } => {
            working(&Place { policy: folder, data, database: None }, format).await
        }
    }
}

fn check(pack: &Pack) {
    let clauses: usize = pack.articles.iter().map(|article| article.clauses.len()).sum();
    println!("{} {}: no errors", pack.policy.id, pack.policy.version);
    println!(
        "{} articles with {clauses} clauses, {} registers, {} code lists, {} parameters, {} variables, {} programmes, {} indicators, {} checks, {} cases",
        pack.articles.len(),
        pack.registers.len(),
        pack.codes.len(),
        pack.parameters.len(),
        pack.variables.len(),
        pack.programmes.len(),
        pack.indicators.len(),
        pack.checks.len(),
        pack.tests.len()
    );
    println!("hash {}", pack.hash);
}

fn test(pack: &Pack) -> Result<()> {
    let results = bangfu_rules::cases::run(pack);
    let failed: Vec<_> = results.iter().filter(|result| !result.holds()).collect();
    for result in &failed {
        println!("{}", result.text("en"));
    }
    println!("{} cases passed, {} failed", results.len() - failed.len(), failed.len());
    if failed.is_empty() { Ok(()) } else { bail!("correct the formulas or the expectations above") }
}

fn coverage(pack: &Pack, format: Format) -> Result<()> {
    let coverage = bangfu_policy::coverage::coverage(pack);
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&coverage)?);
        return Ok(());
    }
    for clause in &coverage.clauses {
        let items: Vec<_> = clause.items.iter().map(|item| format!("{} {}", item.section, item.id)).collect();
        let items = if items.is_empty() { "– nothing yet".to_owned() } else { items.join(", ") };
        println!("{} {}\n    {items}", clause.clause, clause.phrase);
    }
    println!("{} of {} clauses have at least one item", coverage.covered, coverage.clauses.len());
    Ok(())
}

/// What the items of each clause yield in a registry.
async fn working(place: &Place, format: Format) -> Result<()> {
    let home = open(place).await?;
    let site = Shared::whole(site_of(&home).await?)?;
    let language = Language::built_in(super::language(&home.pack, None)?).unwrap_or(Language::ENGLISH);
    let clauses = site.live(language).coverage().await?;
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&clauses)?);
        return Ok(());
    }
    for clause in &clauses {
        println!("{} {}{}", clause.clause, clause.phrase, if clause.works() { "" } else { " – nothing yet" });
        for (kind, id, found) in &clause.items {
            println!("    {kind} {id}: {}", if found.works { found.text.as_str() } else { "–" });
        }
    }
    let working = clauses.iter().filter(|clause| clause.works()).count();
    println!("{working} of {} clauses yield something in {}", clauses.len(), place.data.display());
    Ok(())
}
