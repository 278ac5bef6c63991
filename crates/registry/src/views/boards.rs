//! Boards of the pack: stages of a register, a month of days, divisions against yes-or-no rules.

use std::collections::BTreeMap;

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::{Entity, FieldType, LevelId, Pack, Value, VariableId, View, ViewKind, text_in};
use bangfu_store::{Filter, ListQuery, Operator, Sort, StoreError};
use jiff::civil::Date;
use serde::Serialize;

use super::facts::Facts;
use super::figures::{self, Language};
use super::file::{self, Fact};
use super::places::Places;
use super::results::{Answer, Results};

/// Records of a stage that a board shows.
const CARDS: u64 = 12;
/// Records of a month that a calendar reads at most.
const MOST_DAYS: u64 = 20_000;
/// People that a calendar shows at most.
const MOST_ROWS: usize = 200;

/// A column of a pipeline.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// The code; empty: not filled in.
    pub code: String,
    /// Its label; empty: not filled in.
    pub title: String,
    /// Records.
    pub count: String,
    /// Sum of the summed field.
    pub sum: String,
    /// Some of the records.
    pub cards: Vec<Card>,
    /// Share of the fullest stage, 0–100.
    pub bar: f64,
}

/// A record on a board.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// Address of the record within its register.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Code of its division.
    pub division: String,
    /// Value of the summed field.
    pub sum: String,
    /// Days in this stage up to the day of the page; empty where not known.
    pub days: Option<i64>,
}

/// The stages of a pipeline in a division, in the order of the code list.
///
/// # Errors
/// The store fails.
pub async fn pipeline(
    facts: &Facts,
    view: &ViewKind,
    division: &str,
    today: i32,
    language: Language,
) -> Result<Vec<Stage>, StoreError> {
    let ViewKind::Pipeline { register, stage, sum, since } = *view else { return Ok(Vec::new()) };
    let pack = facts.pack();
    let definition = pack.registers.get(register.index());
    let field = |n: u16| definition.and_then(|register| register.fields.get(usize::from(n)));
    let Some(FieldType::Code(list)) = field(stage).map(|field| field.ty) else { return Ok(Vec::new()) };
    let query = ListQuery { division: super::facts::within(pack, division), ..ListQuery::default() };
    let tallies = facts.reader().tally(register, &query, stage, sum).await?;
    let most = tallies.iter().map(|tally| tally.count).max().unwrap_or(1).max(1);
    let amount = |value: i64| match sum.and_then(field).map(|field| field.ty) {
        Some(FieldType::Money) => language.fixed(value, 2),
        Some(FieldType::Decimal(scale)) => language.fixed(value, scale),
        Some(_) => language.grouped(value),
        None => String::new(),
    };
    let codes = pack.codes.get(list.index()).map(|list| list.values.as_slice()).unwrap_or_default();
    let known = codes.iter().enumerate().map(|(n, code)| {
        let title = text_in(&code.label, language.id()).to_owned();
        (Some(Value::Integer(n as i64)), code.code.clone(), title)
    });
    let mut stages = Vec::new();
    for (value, code, title) in known.chain([(None, String::new(), String::new())]) {
        let tally = tallies.iter().find(|tally| tally.value == value);
        if tally.is_none() && value.is_none() {
            continue;
        }
        let count = tally.map_or(0, |tally| tally.count);
        let cards = if count == 0 { Vec::new() } else { in_stage(facts, view, division, value).await? };
        let number = |fact: &Fact, n: Option<u16>| match fact.values.get(usize::from(n?)) {
            Some(Some(Value::Integer(number))) => Some(*number),
            _ => None,
        };
        let card = |fact: &Fact| Card {
            address: fact.id.clone(),
            name: name(pack, fact),
            division: fact.division.clone(),
            sum: number(fact, sum).map(amount).unwrap_or_default(),
            days: number(fact, since).map(|day| i64::from(today) - day).filter(|days| *days >= 0),
        };
        stages.push(Stage {
            code,
            title,
            count: language.grouped(count as i64),
            sum: tally.map(|tally| amount(tally.sum)).unwrap_or_default(),
            cards: cards.iter().map(card).collect(),
            bar: count as f64 / most as f64 * 100.0,
        });
    }
    Ok(stages)
}

/// Some records of a stage: those that have been in it longest first.
async fn in_stage(
    facts: &Facts,
    view: &ViewKind,
    division: &str,
    value: Option<Value>,
) -> Result<Vec<Fact>, StoreError> {
    let ViewKind::Pipeline { register, stage, since, .. } = *view else { return Ok(Vec::new()) };
    let filter = match value {
        Some(value) => Filter { field: stage, operator: Operator::In, values: vec![value] },
        None => Filter { field: stage, operator: Operator::Missing, values: Vec::new() },
    };
    let query = ListQuery {
        division: super::facts::within(facts.pack(), division),
        filters: vec![filter],
        sort: since.map_or(Sort::Place, Sort::Field),
        limit: CARDS,
        ..ListQuery::default()
    };
    let page = facts.reader().list(register, &query).await?;
    Ok(page.records.into_iter().map(|record| facts.fact(record)).collect())
}

/// Name of a record: its label, else its address.
pub fn name(pack: &Pack, fact: &Fact) -> String {
    let label = pack.registers.get(fact.register.index()).and_then(|register| register.label);
    match label.and_then(|n| fact.values.get(usize::from(n))) {
        Some(Some(Value::Text(name))) => name.clone(),
        _ => fact.id.clone(),
    }
}

/// A month of a calendar.
#[derive(Clone, Debug, Serialize)]
pub struct Month {
    /// `2016-10`.
    pub id: String,
    /// The month before.
    pub before: String,
    /// The month after.
    pub after: String,
    /// Days with their weekday, 1 is Monday.
    pub days: Vec<(i8, i8)>,
    /// Rows.
    pub rows: Vec<CalendarRow>,
    /// What the marks mean, with how often each occurs.
    pub marks: Vec<(String, String, String)>,
    /// Whether there were more people or records than are shown.
    pub cut: bool,
}

/// A person's month.
#[derive(Clone, Debug, Serialize)]
pub struct CalendarRow {
    /// Who.
    pub who: String,
    /// Address of one of the records, to look further.
    pub division: String,
    /// A mark for each day: label and address of the record; empty: nothing recorded.
    pub cells: Vec<Option<(String, String)>>,
    /// Days recorded.
    pub total: usize,
}

/// The month of an id such as `2016-10`; otherwise that of the newest record up to a day.
///
/// # Errors
/// The store fails.
pub async fn month(
    facts: &Facts,
    view: &ViewKind,
    division: &str,
    asked: Option<&str>,
    today: i32,
) -> Result<Date, StoreError> {
    let first = |text: &str| format!("{text}-01").parse::<Date>().ok();
    if let Some(day) = asked.and_then(first) {
        return Ok(day);
    }
    let ViewKind::Calendar { register, date, .. } = *view else { return Ok(jiff::civil::date(1970, 1, 1)) };
    let filter = Filter { field: date, operator: Operator::AtMost, values: vec![Value::Integer(today.into())] };
    let query = ListQuery {
        division: super::facts::within(facts.pack(), division),
        filters: vec![filter],
        sort: Sort::Field(date),
        descending: true,
        limit: 1,
        ..ListQuery::default()
    };
    let newest = facts.reader().list(register, &query).await?.records.pop();
    let day = newest.and_then(|record| match record.values.get(usize::from(date)) {
        Some(Some(Value::Integer(day))) => Some(*day),
        _ => None,
    });
    let day = figures::civil(day.unwrap_or(i64::from(today)));
    Ok(day.unwrap_or(jiff::civil::date(1970, 1, 1)).first_of_month())
}

/// The records of a month as a row for each person.
///
/// # Errors
/// The store fails.
pub async fn calendar(
    facts: &Facts,
    places: &Places,
    view: &ViewKind,
    division: &str,
    first: Date,
    language: Language,
) -> Result<Month, StoreError> {
    let length = first.days_in_month();
    let id = |date: Date| format!("{:04}-{:02}", date.year(), date.month());
    let step = |months: i32| first.checked_add(jiff::Span::new().months(months)).map(id).unwrap_or_default();
    let days = (1..=length).filter_map(|day| {
        let date = first.with().day(day).build().ok()?;
        Some((day, date.weekday().to_monday_one_offset()))
    });
    let mut month = Month {
        id: id(first),
        before: step(-1),
        after: step(1),
        days: days.collect(),
        rows: Vec::new(),
        marks: Vec::new(),
        cut: false,
    };
    let ViewKind::Calendar { register, date, who, mark } = *view else { return Ok(month) };
    let start = i64::from(figures::days_of(first));
    let bound = |operator, day: i64| Filter { field: date, operator, values: vec![Value::Integer(day)] };
    let query = ListQuery {
        division: super::facts::within(facts.pack(), division),
        filters: vec![bound(Operator::AtLeast, start), bound(Operator::AtMost, start + i64::from(length) - 1)],
        limit: MOST_DAYS,
        ..ListQuery::default()
    };
    let page = facts.reader().list(register, &query).await?;
    let pack = facts.pack();
    let fields = pack.registers.get(register.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
    let words = |field: u16, value: Option<&Value>| {
        let field = fields.get(usize::from(field));
        field.map_or_else(String::new, |field| file::cell(pack, field, value, places, language).text)
    };
    let mut rows: BTreeMap<(String, String), CalendarRow> = BTreeMap::new();
    let mut marks: BTreeMap<i64, u64> = BTreeMap::new();
    for record in &page.records {
        let Some(Some(Value::Integer(day))) = record.values.get(usize::from(date)) else { continue };
        let at = (day - start) as usize;
        let value = |field: u16| record.values.get(usize::from(field)).and_then(Option::as_ref);
        let person = words(who, value(who));
        let row = rows.entry((record.division.clone(), person.clone())).or_insert_with(|| CalendarRow {
            who: person,
            division: record.division.clone(),
            cells: vec![None; length as usize],
            total: 0,
        });
        if let Some(Value::Integer(code)) = value(mark) {
            *marks.entry(*code).or_default() += 1;
        }
        let label = words(mark, value(mark));
        if let Some(cell) = row.cells.get_mut(at) {
            *cell = Some((label, facts.fact(record.clone()).id));
        }
    }
    month.cut = page.total > MOST_DAYS || rows.len() > MOST_ROWS;
    month.rows = rows.into_values().take(MOST_ROWS).collect();
    for row in &mut month.rows {
        row.total = row.cells.iter().flatten().count();
    }
    month.marks = marks
        .into_iter()
        .map(|(code, count)| {
            let label = words(mark, Some(&Value::Integer(code)));
            (short(&label), label, language.grouped(count as i64))
        })
        .collect();
    Ok(month)
}

/// First character of a label: the mark of a day.
fn short(label: &str) -> String {
    label.chars().take(1).collect()
}

/// A matrix of divisions and rules.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Matrix {
    /// Columns: id and title of the rules.
    pub columns: Vec<(String, String)>,
    /// Whether rows are of the matrix's own level, so that cells are answers; else cells are shares.
    pub own_level: bool,
    /// Rows.
    pub rows: Vec<MatrixRow>,
    /// Shares over the whole division.
    pub total: Vec<Cell>,
}

/// A division of a matrix.
#[derive(Clone, Debug, Serialize)]
pub struct MatrixRow {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Cells.
    pub cells: Vec<Cell>,
    /// Rules answered yes, of those answered; for rows of the own level.
    pub yes: usize,
}

/// A cell of a matrix.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// `yes`, `no`, `unknown`; for shares: by thirds.
    pub class: &'static str,
    /// What stands in it; empty for answers.
    pub share: String,
    /// Divisions that answer no.
    pub lacking: String,
}

/// The divisions below one against the rules of a level.
pub fn matrix(pack: &Pack, places: &Places, results: &Results, view: &View, division: &str, language: Language) -> Matrix {
    let ViewKind::Matrix { level, variables } = &view.kind else { return Matrix::default() };
    let title = |id: &VariableId| {
        let variable = pack.variables.get(id.index())?;
        Some((variable.id.clone(), text_in(&variable.title, language.id()).to_owned()))
    };
    let below: Vec<&str> = match places.level_id(division) {
        Some(at) if at < *level => places.children(division).collect(),
        _ => vec![division],
    };
    let own_level = below.first().is_some_and(|code| places.level_id(code) == Some(*level));
    let share = |code: &str| variables.iter().map(|id| cell(results, *level, *id, code, language)).collect::<Vec<_>>();
    let row = |code: &&str| {
        let cells: Vec<Cell> = if own_level {
            variables.iter().map(|id| answer(results.value(pack, code, *id))).collect()
        } else {
            share(code)
        };
        let yes = cells.iter().filter(|cell| cell.class == "yes").count();
        MatrixRow { code: (*code).to_owned(), name: places.name(code, language), cells, yes }
    };
    let mut rows: Vec<MatrixRow> = below.iter().map(row).collect();
    if own_level {
        // Who lacks most stands first.
        rows.sort_by_key(|row| row.yes);
    }
    Matrix { columns: variables.iter().filter_map(title).collect(), own_level, rows, total: share(division) }
}

fn answer(value: Scalar) -> Cell {
    Cell { class: Answer::of(value).word(), share: String::new(), lacking: String::new() }
}

fn cell(results: &Results, level: LevelId, id: VariableId, division: &str, language: Language) -> Cell {
    let rows = results.entities.get(&Entity::Level(level));
    let count = rows.and_then(|rows| rows.count(id, rows.within(division)));
    match count {
        Some(count) if count.yes + count.no > 0 => {
            let share = count.yes as f64 / (count.yes + count.no) as f64;
            let class = if share >= 0.95 { "yes" } else if share >= 0.7 { "unsure" } else { "no" };
            let share = format!("{}%", language.decimals(share * 100.0, 1));
            Cell { class, share, lacking: language.grouped(count.no as i64) }
        }
        _ => Cell { class: "unknown", share: "—".to_owned(), lacking: String::new() },
    }
}
