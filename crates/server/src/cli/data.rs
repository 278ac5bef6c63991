//! `bangfu synth | import | snapshot | journal verify`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bangfu_registry::home::Home;
use bangfu_registry::intake::{self, DivisionNames, MappingFile, Problem};
use bangfu_registry::store::{Actor, Duplicates, Scope};
use clap::{Args, ValueEnum};

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

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    place: Place,
    /// CSV or xlsx file.
    file: PathBuf,
    /// Register of the rows; headers are recognised by the titles of the pack.
    #[arg(long, required_unless_present = "mapping")]
    register: Option<String>,
    /// Mapping file (YAML) for a list with other headers, or several registers in a row.
    #[arg(long)]
    mapping: Option<PathBuf>,
    /// All rows or none, or only the good ones.
    #[arg(long, value_enum, default_value = "all")]
    take: Take,
    /// Take new values of records that exist (else such rows are refused).
    #[arg(long)]
    update: bool,
    /// Workbook for refused rows and reasons.
    #[arg(long, default_value = "import-result.xlsx")]
    result: PathBuf,
    /// Language of messages: zh or en.
    #[arg(long, default_value = "zh")]
    language: String,
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
    let manifest =
        bangfu_registry::demo::create(&place.data, &pack, &place.policy, people, clock::now(), &|done, all| {
            units.set_length(all as u64);
            units.set_position(done as u64);
        })
        .await?;
    units.finish_and_clear();
    println!("{} made with seed {}:", place.data.display(), manifest.seed);
    for (register, count) in &manifest.records {
        println!("  {register:20} {count:>10}");
    }
    println!("planted errors are listed in {}", place.data.join("synthetic.json").display());
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
        Some(id) => Some(home.pack.register(id).with_context(|| {
            let known: Vec<_> = home.pack.registers.iter().map(|register| register.id.as_str()).collect();
            format!("there is no register `{id}`; the registers are {}", known.join(", "))
        })?),
        None => None,
    };
    let mapping = match &arguments.mapping {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Some(MappingFile::parse(&path.display().to_string(), &text)?)
        }
        None => None,
    };
    let reader = home.store.reader(&Scope::everything());
    let divisions: Vec<_> = reader.divisions().await?.into_iter().map(|d| (d.code, d.name)).collect();
    let names = DivisionNames::new(&home.pack, &divisions);
    let language = arguments.language.as_str();
    let mut reading = intake::read(&home.pack, register, mapping.as_ref(), &names, &arguments.file, language)?;
    if !reading.ignored.is_empty() {
        println!("columns left out: {}", reading.ignored.join("、"));
    }
    let duplicates = if arguments.update { Duplicates::Update } else { Duplicates::Refuse };
    let actor = Actor::console(&std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned()));
    let mut change = home.store.change(&Scope::everything(), &actor, &arguments.reason, clock::now()).await?;
    let (mut inserted, mut updated, mut unchanged) = (0, 0, 0);
    for accepted in &reading.accepted {
        let report = change.load(accepted.register, &accepted.batch, duplicates).await?;
        inserted += report.inserted;
        updated += report.updated;
        unchanged += report.unchanged;
        for refusal in report.refused {
            let row = accepted.rows.get(refusal.row).copied().unwrap_or(0);
            let (message, advice) = refused(refusal.rule, language);
            reading.problems.push(Problem {
                row,
                column: String::new(),
                value: refusal.value,
                rule: refusal.rule.to_owned(),
                message: message.to_owned(),
                advice: advice.to_owned(),
            });
        }
    }
    reading.problems.sort_by_key(|problem| problem.row);
    let bad = !reading.problems.is_empty();
    if bad {
        let bytes = intake::write_result(&reading, language)?;
        std::fs::write(&arguments.result, bytes)
            .with_context(|| format!("cannot write {}", arguments.result.display()))?;
    }
    if bad && arguments.take == Take::All {
        change.roll_back().await?;
        for problem in reading.problems.iter().take(10) {
            println!(
                "row {} {} “{}”: {}; {}",
                problem.row, problem.column, problem.value, problem.message, problem.advice
            );
        }
        bail!(
            "{} of {} rows have problems and nothing was taken; mend them in {} and import again, or use --take good",
            rows_with_problems(&reading.problems),
            reading.rows,
            arguments.result.display()
        );
    }
    change.commit().await?;
    println!("{} rows: {inserted} new records, {updated} changed, {unchanged} as they were", reading.rows);
    if bad {
        println!(
            "{} rows were refused: {} says why",
            rows_with_problems(&reading.problems),
            arguments.result.display()
        );
    }
    Ok(())
}

fn rows_with_problems(problems: &[Problem]) -> usize {
    let mut rows: Vec<u64> = problems.iter().map(|problem| problem.row).collect();
    rows.dedup();
    rows.len()
}

/// Words for a row that the store refused.
fn refused(rule: &str, language: &str) -> (&'static str, &'static str) {
    match (rule, language == "zh") {
        ("parent", true) => ("上级档案不存在", "先导入所属的户或人"),
        ("parent", false) => ("the record that it belongs to does not exist", "import that one first"),
        ("exists", true) => ("编号已存在且内容不同", "如需更改，请用更新方式导入"),
        ("exists", false) => ("the record exists with other values", "import with --update to change it"),
        ("unique", true) => ("与另一条记录重复", "核对编号"),
        ("unique", false) => ("another record has this value already", "check the number"),
        ("scope", true) => ("不在管辖范围", "由所属地区导入"),
        ("scope", false) => ("outside of what you may change", "let the office of that division import it"),
        (_, true) => ("行政区划代码不符", "填写完整代码"),
        (_, false) => ("not a division code of this level", "write the full code"),
    }
}
