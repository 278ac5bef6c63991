//! `bangfu book`: a book of a division, counted over the snapshot of the last run.

use std::io::Write;

use anyhow::{Context, Result, bail};
use bangfu_policy::model::Pack;
use bangfu_registry::home::Home;
use bangfu_registry::packs;
use bangfu_registry::store::Scope;
use bangfu_registry::views::books::Counting;
use bangfu_registry::views::places::Places;
use bangfu_registry::views::results;
use bangfu_registry::views::snapshot::Snapshot;
use bangfu_rules::needs::Needs;
use bangfu_rules::results::read_summary;
use clap::{Args, ValueEnum};

use super::{Place, day, open};
use crate::books::{Sheet, Writing};
use crate::site::texts::Texts;

#[derive(Debug, Args)]
pub(crate) struct BookArguments {
    /// Id of the book.
    id: String,
    #[command(flatten)]
    place: Place,
    /// Code of the division; the whole when absent.
    #[arg(long)]
    division: Option<String>,
    /// How the book is written.
    #[arg(long, value_enum, default_value_t)]
    format: BookFormat,
    /// Language; the first of the pack when absent.
    #[arg(long)]
    language: Option<String>,
}

/// How a book is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum BookFormat {
    /// For people.
    #[default]
    Text,
    /// For spreadsheets.
    Csv,
    /// The form that an office posts.
    Xlsx,
    /// For programs.
    Json,
}

pub(crate) async fn book(arguments: &BookArguments) -> Result<()> {
    let home = open(&arguments.place).await?;
    let sheet = sheet(&home, arguments).await?;
    let mut out = std::io::stdout().lock();
    match arguments.format {
        BookFormat::Text => out.write_all(sheet.text().as_bytes())?,
        BookFormat::Csv => out.write_all(&sheet.csv()?)?,
        BookFormat::Xlsx => out.write_all(&sheet.workbook(&arguments.id)?)?,
        BookFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&json(&sheet))?)?,
    }
    Ok(())
}

async fn sheet(home: &Home, arguments: &BookArguments) -> Result<Sheet> {
    let pack = &home.pack;
    let book = pack.book(&arguments.id).with_context(|| no_book(pack, &arguments.id))?;
    let runs = home.store.runs().await?;
    let Some(run) = runs.into_iter().find(|run| run.state == "done") else {
        bail!("there is no run yet; run `bangfu determine` first");
    };
    let texts = Texts::load(pack, &packs::locales(&home.pack_folder)?)?;
    let language = texts.language(super::language(pack, arguments.language.as_deref())?);
    let summary = read_summary(&home.results(&run.id))?;
    let as_of = day(&summary.as_of)?;
    let divisions = home.store.reader(&Scope::everything()).divisions().await?;
    let rows = divisions.into_iter().map(|division| (division.code, division.name, division.name_en));
    let places = Places::new(pack, rows);
    let division = arguments.division.as_deref().unwrap_or(places.root());
    if !places.contains(division) {
        bail!("--division {division}: there is no such division; write its code, such as {}", places.root());
    }
    let needs = Needs::of_book(pack, book);
    let frame = bangfu_rules::snapshot::read(&home.snapshot(), pack, &needs, as_of)?.frame;
    let snapshot = Snapshot::of(pack, frame);
    let overrides = results::overrides(pack, &summary);
    let counting = Counting { pack, places: &places, snapshot: &snapshot, overrides: &overrides, as_of };
    let table = counting.table(book, division, language)?;
    Ok(Writing { pack, texts: &texts, language }.sheet(book, &table, &places.name(division, language), as_of))
}

/// Words for a book that the pack does not have.
fn no_book(pack: &Pack, id: &str) -> String {
    let known: Vec<&str> = pack.books.iter().map(|book| book.id.as_str()).collect();
    match bangfu_policy::diagnostic::nearest(id, known.iter().copied()) {
        Some(near) => format!("there is no book `{id}`; did you mean {near}?"),
        None if known.is_empty() => format!("there is no book `{id}`: the pack has no books"),
        None => format!("there is no book `{id}`; the books are {}", known.join(", ")),
    }
}

fn json(sheet: &Sheet) -> serde_json::Value {
    let heads = sheet.groups.iter().flat_map(|group| {
        group.columns.iter().map(|(words, _)| serde_json::json!({ "heading": group.heading, "title": words }))
    });
    let rows = sheet.rows.iter().map(|line| {
        let cells: Vec<Option<f64>> = line.cells.iter().map(|cell| cell.number).collect();
        serde_json::json!({ "code": line.code, "title": line.label, "total": line.total, "values": cells })
    });
    serde_json::json!({
        "title": sheet.title,
        "notes": sheet.notes,
        "columns": heads.collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(),
    })
}
