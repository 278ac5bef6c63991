//! Books as pages, files and programs show them, counted over the snapshot of a run when they are asked for.
//!
//! **Architecture invariant:** what a cell holds is counted by `bangfu_rules`; here rows and columns are chosen and named.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bangfu_policy::books::{Book, BookCell, Head};
use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Entity, Pack, ParameterId, Unit, text_in};
use bangfu_rules::books::Tally;
use bangfu_rules::engine::EngineError;
use bangfu_rules::frame::Frame;
use bangfu_rules::indicators::Figure;

use super::figures::{self, Language};
use super::places::Places;
use super::snapshot::Snapshot;

/// Bytes of counted books that are kept.
const MOST_BYTES: usize = 64 << 20;

type Slot = Arc<Mutex<Option<Arc<Tally>>>>;

/// Books that were counted over one snapshot, the one used last at the end; the ones used longest ago are forgotten.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<VecDeque<(String, Slot)>>);

impl Shelf {
    /// A counted book; who asks for one that is being counted waits.
    pub(super) fn get(
        &self,
        pack: &Pack,
        frame: &Frame,
        overrides: &[(ParameterId, Scalar)],
        book: &Book,
    ) -> Result<Arc<Tally>, EngineError> {
        let slot = self.slot(&book.id);
        let tally = {
            let mut counted = slot.lock().unwrap_or_else(PoisonError::into_inner);
            match &*counted {
                Some(tally) => Arc::clone(tally),
                None => Arc::clone(counted.insert(Arc::new(Tally::new(pack, frame, overrides, book)?))),
            }
        };
        self.forget();
        Ok(tally)
    }

    fn slot(&self, id: &str) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slots.iter().position(|(name, _)| name == id).and_then(|at| slots.remove(at));
        let (name, slot) = known.unwrap_or_else(|| (id.to_owned(), Slot::default()));
        slots.push_back((name, Arc::clone(&slot)));
        slot
    }

    fn forget(&self) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A slot that is locked is being counted: it is not measured now, but by whoever comes next.
        let size = |(_, slot): &(String, Slot)| {
            slot.try_lock().ok().and_then(|tally| tally.as_ref().map(|tally| tally.size())).unwrap_or(0)
        };
        let mut all: usize = slots.iter().map(size).sum();
        while all > MOST_BYTES && slots.len() > 1 {
            all -= slots.pop_front().as_ref().map_or(0, size);
        }
    }
}

/// A book in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Id.
    pub id: String,
    /// Number in the office's list.
    pub number: String,
    /// Title.
    pub title: String,
    /// Title of what it counts.
    pub of: String,
}

/// All books under their headings, both in the order of their numbers.
pub fn index(pack: &Pack, language: Language) -> Vec<(String, Vec<Entry>)> {
    let words = |text| text_in(text, language.id()).to_owned();
    let mut groups: Vec<(String, Vec<Entry>)> = Vec::new();
    for book in &pack.books {
        let group = book.group.as_ref().map(words).unwrap_or_default();
        let entry = Entry {
            id: book.id.clone(),
            number: book.number.clone(),
            title: words(&book.title),
            of: pack.entity_title(book.of).map(words).unwrap_or_default(),
        };
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((group, vec![entry])),
        }
    }
    groups
}

/// A book for one division.
#[derive(Clone, Debug)]
pub struct Table {
    /// Columns from left to right; those of nothing but codes out of force and missing values are left out.
    pub columns: Vec<Column>,
    /// Title of what the rows are: a level of divisions or a code list.
    pub of_rows: String,
    /// The division in view.
    pub total: Row,
    /// Lower divisions, or the values of `rows`.
    pub rows: Vec<Row>,
    /// Whether the run has records that some column could not count.
    pub untold: bool,
}

/// Cells under one heading.
#[derive(Clone, Debug)]
pub struct Column {
    /// Words above the cells.
    pub heading: Option<String>,
    /// Cells of the head.
    pub cells: Vec<HeadCell>,
}

/// A cell of the head.
#[derive(Clone, PartialEq, Debug)]
pub struct HeadCell {
    /// What it is for.
    pub label: Label,
    /// The code, for those of a code list.
    pub code: Option<String>,
    /// Unit of its figures.
    pub unit: Unit,
    /// Digits after the point of sums.
    pub scale: u8,
    /// Whether it is a quotient.
    pub quotient: bool,
    /// Whether the rows add up to the total.
    pub additive: bool,
}

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is for.
    pub label: Label,
    /// Code of the division, or of the code list.
    pub code: Option<String>,
    /// Figures by cell of the head; `None`: nothing can be counted there.
    pub cells: Vec<Option<Figure>>,
    /// Records that some column could not count.
    pub untold: i64,
}

/// Words of the pack, or what the site has words for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Label {
    /// As it is.
    Text(String),
    /// Numbers between bounds, written out; the upper one belongs to the band if it is a whole number.
    Band {
        /// From this one.
        from: Option<String>,
        /// Up to this one.
        to: Option<String>,
        /// Of this unit; empty for plain numbers.
        unit: String,
    },
    /// Records of which it is not known.
    Missing,
}

/// What a table is made from.
#[derive(Clone, Copy)]
pub struct Counting<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// Names of divisions.
    pub places: &'a Places,
    /// Records of the run.
    pub snapshot: &'a Snapshot,
    /// Parameters that the run set.
    pub overrides: &'a [(ParameterId, Scalar)],
    /// Day of the run.
    pub as_of: i32,
}

impl Counting<'_> {
    /// Counts a book and makes the table of a division.
    ///
    /// # Errors
    /// A formula has no result for some records.
    pub fn table(&self, book: &Book, division: &str, language: Language) -> Result<Table, EngineError> {
        let tally = self.snapshot.tally(self.pack, self.overrides, book)?;
        let reading = Reading { counting: self, book, tally: &tally, language, width: book.whole.len() + 1 };
        Ok(reading.table(division))
    }
}

struct Reading<'a> {
    counting: &'a Counting<'a>,
    book: &'a Book,
    tally: &'a Tally,
    language: Language,
    /// Measures of a row: its cells and what could not be told.
    width: usize,
}

impl Reading<'_> {
    fn table(&self, division: &str) -> Table {
        let Counting { pack, places, .. } = *self.counting;
        let whole = self.line(0, places.root());
        let shown: Vec<bool> =
            self.book.cells().zip(&whole.0).map(|(cell, figure)| self.is_shown(&cell.head, [figure])).collect();
        let mut next = shown.iter();
        let columns = self.book.columns.iter().filter_map(|column| {
            let cells = column.cells.iter().filter(|_| next.next() == Some(&true));
            let cells: Vec<HeadCell> = cells.map(|cell| self.head_cell(cell)).collect();
            let heading = column.heading.as_ref().map(|heading| self.words(heading));
            (!cells.is_empty()).then_some(Column { heading, cells })
        });
        let columns = columns.collect();
        let row = |label: Label, code: Option<String>, line: usize, division: &str| {
            let (cells, untold) = self.line(line, division);
            let cells = cells.into_iter().zip(&shown).filter(|(_, shown)| **shown).map(|(cell, _)| cell).collect();
            Row { label, code, cells, untold }
        };
        let name = |code: &str| Label::Text(places.name(code, self.language));
        let total = row(name(division), Some(division.to_owned()), 0, division);
        let (of_rows, rows) = if self.book.lines.is_empty() {
            let below = places.level(division).and_then(|level| pack.levels.get(level + 1));
            let rows = places.children(division).map(|code| row(name(code), Some(code.to_owned()), 0, code)).collect();
            (below.map(|level| self.words(&level.title)).unwrap_or_default(), rows)
        } else {
            let lines = self.book.lines.iter().enumerate().filter(|(at, line)| {
                let (cells, untold) = self.line(at + 1, places.root());
                untold > 0 || self.is_shown(&line.head, &cells)
            });
            let rows = lines.map(|(at, line)| row(self.label(&line.head), self.code(&line.head), at + 1, division));
            (self.of_lines(), rows.collect())
        };
        Table { columns, of_rows, total, rows, untold: whole.1 > 0 }
    }

    /// Title of the code list whose codes are the rows.
    fn of_lines(&self) -> String {
        let list = self.book.lines.iter().find_map(|line| match line.head {
            Head::Code(list, _) => self.counting.pack.codes.get(list.index()),
            _ => None,
        });
        list.map(|list| self.words(&list.title)).unwrap_or_default()
    }

    /// Cells and untold records of a line (0: all that the book counts) in a division.
    fn line(&self, line: usize, division: &str) -> (Vec<Option<Figure>>, i64) {
        let figure = |at: usize| self.figure(line * self.width + at, division);
        let cells = (0..self.book.whole.len()).map(figure).collect();
        let untold = figure(self.book.whole.len()).and_then(|figure| figure.numerator).unwrap_or(0);
        (cells, untold)
    }

    fn figure(&self, measure: usize, division: &str) -> Option<Figure> {
        let level = self.counting.places.level_id(division)?;
        let row = self.counting.snapshot.row(Entity::Level(level), division);
        // A division without records has no row: nothing is counted there, which is not the same as unknown.
        let none = || {
            let other = self.tally.figure(measure, level, 0)?;
            let value = other.denominator.is_none().then_some(0.0);
            Some(Figure { numerator: other.numerator.map(|_| 0), denominator: None, value, unknown: 0 })
        };
        row.map_or_else(none, |row| self.tally.figure(measure, level, row)).filter(|figure| figure.numerator.is_some())
    }

    /// Codes out of force and missing values are shown only if there are such records.
    fn is_shown<'f>(&self, head: &Head, figures: impl IntoIterator<Item = &'f Option<Figure>>) -> bool {
        let counted = |figure: &Figure| figure.numerator.is_some_and(|number| number != 0) || figure.unknown > 0;
        let mut figures = figures.into_iter().flatten();
        match head {
            Head::Missing => figures.any(counted),
            Head::Code(list, position) => {
                let code = self.counting.pack.codes.get(list.index()).and_then(|list| list.values.get(*position));
                let day = self.counting.as_of;
                code.is_none_or(|code| {
                    code.from.is_none_or(|from| from <= day) && code.to.is_none_or(|to| day <= to)
                }) || figures.any(counted)
            }
            _ => true,
        }
    }

    fn head_cell(&self, cell: &BookCell) -> HeadCell {
        HeadCell {
            label: self.label(&cell.head),
            code: self.code(&cell.head),
            unit: cell.unit,
            scale: cell.scale,
            quotient: cell.quotient,
            additive: cell.additive,
        }
    }

    fn code(&self, head: &Head) -> Option<String> {
        let Head::Code(list, position) = head else { return None };
        let code = self.counting.pack.codes.get(list.index())?.values.get(*position)?;
        Some(code.code.clone())
    }

    fn label(&self, head: &Head) -> Label {
        match head {
            Head::Title(title) => Label::Text(self.words(title)),
            Head::Code(list, position) => {
                let code = self.counting.pack.codes.get(list.index()).and_then(|list| list.values.get(*position));
                Label::Text(code.map_or_else(|| position.to_string(), |code| self.words(&code.label)))
            }
            Head::Truth(truth) => Label::Text(figures::truth(*truth, self.language).to_owned()),
            Head::Band { from, to, ty } => self.band(*from, *to, *ty),
            Head::Missing => Label::Missing,
        }
    }

    fn band(&self, from: Option<i64>, to: Option<i64>, ty: Type) -> Label {
        let (money, scale) = match ty {
            Type::Number { money, scale } => (money, scale),
            _ => (false, 0),
        };
        let whole = !money && scale == 0;
        let written = |bound: i64| {
            let unit = 10_i64.saturating_pow(u32::from(scale));
            let even = bound % unit == 0;
            self.language.fixed(if even { bound / unit } else { bound }, if even { 0 } else { scale })
        };
        // People write whole numbers as 16–29, and everything else as 500–1,000.
        let upper = |to: i64| if whole && from.is_some() { to - 1 } else { to };
        let unit = if money { self.words(&self.counting.pack.policy.currency_symbol) } else { String::new() };
        if let (Some(from), Some(to)) = (from, to)
            && whole
            && upper(to) == from
        {
            return Label::Text(written(from));
        }
        Label::Band { from: from.map(written), to: to.map(upper).map(written), unit }
    }

    fn words(&self, text: &bangfu_policy::model::Text) -> String {
        text_in(text, self.language.id()).to_owned()
    }
}

impl Table {
    /// All cells of the head, from left to right.
    pub fn cells(&self) -> impl Iterator<Item = &HeadCell> {
        self.columns.iter().flat_map(|column| &column.cells)
    }
}

impl HeadCell {
    /// A figure as people read it; empty where nothing can be counted.
    pub fn written(&self, figure: Option<&Figure>, language: Language) -> String {
        let Some(figure) = figure else { return String::new() };
        match (figure.numerator, self.unit) {
            (Some(number), Unit::Count | Unit::Money | Unit::Number) if !self.quotient => {
                language.fixed(number, self.scale)
            }
            _ => figure.value.map_or_else(|| "—".to_owned(), |value| figures::indicator_exact(value, self.unit, language)),
        }
    }

    /// A figure as tables hold it: percent as a fraction, money in units of the currency.
    pub fn number(&self, figure: Option<&Figure>) -> Option<f64> {
        figure?.value
    }
}
