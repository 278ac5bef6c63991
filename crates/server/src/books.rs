//! Books in the words of the site: as a page, a form to post, a CSV and a table on the screen.
//!
//! What the cells hold is counted elsewhere; here they get words, units and number formats.

use bangfu_policy::books::Book;
use bangfu_policy::model::{Pack, Unit, text_in};
use bangfu_registry::office::OfficeError;
use bangfu_registry::office::write::{CellKind, CsvReader, CsvRows, Form, FormGroup, FormRow, write_form};
use bangfu_registry::views::books::{HeadCell, Label, Row, Table};
use bangfu_registry::views::figures::{self, Language};
use bangfu_rules::indicators::Figure;

use crate::site::texts::Texts;

/// A book of a division, written out.
#[derive(Debug)]
pub struct Sheet {
    /// Number and title.
    pub title: String,
    /// What is counted where, on which day, in which unit.
    pub notes: Vec<String>,
    /// Head of the first column.
    pub first: String,
    /// Headings with the columns below them.
    pub groups: Vec<Group>,
    /// Rows, the total first.
    pub rows: Vec<Line>,
}

/// Columns under one heading.
#[derive(Debug)]
pub struct Group {
    /// Words above; `None`: each column stands alone.
    pub heading: Option<String>,
    /// Words of the columns, and how a spreadsheet writes their figures.
    pub columns: Vec<(String, String)>,
}

/// A row.
#[derive(Debug)]
pub struct Line {
    /// First cell.
    pub label: String,
    /// Code of the division or of the code list.
    pub code: Option<String>,
    /// Whether it is the total.
    pub total: bool,
    /// Figures.
    pub cells: Vec<Cell>,
}

/// A figure.
#[derive(Clone, Debug)]
pub struct Cell {
    /// As people read it.
    pub text: String,
    /// As spreadsheets hold it.
    pub number: Option<f64>,
    /// As programs read it.
    pub plain: String,
}

/// Who writes a sheet: words and conventions.
#[derive(Clone, Copy)]
pub struct Writing<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// Words of the site.
    pub texts: &'a Texts,
    /// Language.
    pub language: Language,
}

impl Writing<'_> {
    /// Writes a table out. `place` is the name of the division, `day` that of the run.
    pub fn sheet(&self, book: &Book, table: &Table, place: &str, day: i32) -> Sheet {
        let title = self.title(book);
        let mut groups: Vec<Group> = Vec::new();
        for column in &table.columns {
            let columns = column.cells.iter().map(|cell| (self.label(&cell.label), number_format(cell))).collect();
            groups.push(Group { heading: column.heading.clone(), columns });
        }
        if table.untold {
            let columns = vec![(self.text("book-untold"), "#,##0".to_owned())];
            groups.push(Group { heading: None, columns });
        }
        let heads: Vec<&HeadCell> = table.cells().collect();
        let line = |row: &Row, total: bool| {
            let mut cells: Vec<Cell> =
                heads.iter().zip(&row.cells).map(|(head, figure)| self.cell(head, figure.as_ref())).collect();
            if table.untold {
                let (text, plain) = (self.language.grouped(row.untold), row.untold.to_string());
                cells.push(Cell { text, number: Some(row.untold as f64), plain });
            }
            let label = if total { self.text("book-total") } else { self.label(&row.label) };
            Line { label, code: row.code.clone(), total, cells }
        };
        let rows = std::iter::once(line(&table.total, true)).chain(table.rows.iter().map(|row| line(row, false)));
        Sheet {
            title,
            notes: self.notes(book, &heads, place, day),
            first: if table.of_rows.is_empty() { self.text("division") } else { table.of_rows.clone() },
            groups,
            rows: rows.collect(),
        }
    }

    /// Number and title of a book.
    pub fn title(&self, book: &Book) -> String {
        let title = text_in(&book.title, self.language.id());
        if book.number.is_empty() { title.to_owned() } else { format!("{} {title}", book.number) }
    }

    fn notes(&self, book: &Book, heads: &[&HeadCell], place: &str, day: i32) -> Vec<String> {
        let of = self.pack.entity_title(book.of).map_or("", |title| text_in(title, self.language.id()));
        let day = figures::day(day.into(), self.language);
        let mut notes = vec![
            self.with("book-place", &[("place", place.to_owned())]),
            self.with("book-of", &[("of", of.to_owned())]),
            self.with("book-day", &[("day", day)]),
        ];
        if heads.iter().any(|head| head.unit == Unit::Money) {
            let unit = text_in(&self.pack.policy.currency_symbol, self.language.id()).to_owned();
            notes.push(self.with("book-money", &[("unit", unit)]));
        }
        notes
    }

    /// A label in words.
    pub fn label(&self, label: &Label) -> String {
        let (from, to, unit) = match label {
            Label::Text(text) => return text.clone(),
            Label::Missing => return self.text("book-missing"),
            Label::Band { from, to, unit } => (from, to, unit),
        };
        let key = match (from, to) {
            (None, _) => "band-below",
            (Some(_), Some(_)) => "band-between",
            (Some(_), None) => "band-from",
        };
        let part = |bound: &Option<String>| bound.clone().unwrap_or_default();
        // Without unit nothing may stay behind the figure.
        let key = if unit.is_empty() { format!("{key}-plain") } else { key.to_owned() };
        self.with(&key, &[("from", part(from)), ("to", part(to)), ("unit", unit.clone())])
    }

    fn cell(&self, head: &HeadCell, figure: Option<&Figure>) -> Cell {
        let number = head.number(figure);
        let plain = number.map_or_else(String::new, |number| match head.unit {
            Unit::Percent => format!("{:.2}%", number * 100.0),
            Unit::PerMille => format!("{:.2}‰", number * 1000.0),
            Unit::Count => format!("{number:.0}"),
            Unit::Money => format!("{number:.2}"),
            Unit::Index | Unit::Number => number.to_string(),
        });
        let number = if head.unit == Unit::PerMille { number.map(|number| number * 1000.0) } else { number };
        Cell { text: head.written(figure, self.language), number, plain }
    }

    fn text(&self, key: &str) -> String {
        self.with(key, &[])
    }

    fn with(&self, key: &str, arguments: &[(&str, String)]) -> String {
        self.texts.get(self.language, key, arguments)
    }
}

/// How a spreadsheet writes the figures of a column.
fn number_format(cell: &HeadCell) -> String {
    let digits = |digits: usize| if digits == 0 { String::new() } else { format!(".{}", "0".repeat(digits)) };
    match cell.unit {
        Unit::Count => "#,##0".to_owned(),
        Unit::Percent => "0.00%".to_owned(),
        Unit::PerMille => "0.00\"‰\"".to_owned(),
        Unit::Money => "#,##0.00".to_owned(),
        Unit::Index => "0.0000".to_owned(),
        Unit::Number if cell.quotient => "#,##0.00".to_owned(),
        Unit::Number => format!("#,##0{}", digits(cell.scale.into())),
    }
}

impl Sheet {
    /// The form that an office posts, as a workbook.
    ///
    /// # Errors
    /// More columns or rows than a sheet holds.
    pub fn workbook(&self, name: &str) -> Result<Vec<u8>, OfficeError> {
        let row = |line: &Line| FormRow {
            label: line.label.clone(),
            cells: line.cells.iter().map(|cell| cell.number).collect(),
            total: line.total,
        };
        let group = |group: &Group| FormGroup { heading: group.heading.clone(), columns: group.columns.clone() };
        write_form(&Form {
            name: name.to_owned(),
            title: self.title.clone(),
            notes: self.notes.clone(),
            first: self.first.clone(),
            groups: self.groups.iter().map(group).collect(),
            rows: self.rows.iter().map(row).collect(),
        })
    }

    /// A CSV with one row of heads, for spreadsheets.
    ///
    /// # Errors
    /// None that memory does not have.
    pub fn csv(&self) -> Result<Vec<u8>, OfficeError> {
        let heads: Vec<String> = self.heads().collect();
        let mut bytes = Vec::new();
        let columns = std::iter::once((self.first.as_str(), CellKind::Text))
            .chain(heads.iter().map(|head| (head.as_str(), CellKind::Number(0))));
        let mut rows = CsvRows::new(&mut bytes, columns, CsvReader::Spreadsheet)?;
        for line in &self.rows {
            rows.row(std::iter::once(line.label.as_str()).chain(line.cells.iter().map(|cell| cell.plain.as_str())))?;
        }
        rows.finish()?;
        Ok(bytes)
    }

    /// A table for the screen.
    pub fn text(&self) -> String {
        let mut lines: Vec<Vec<String>> = vec![std::iter::once(self.first.clone()).chain(self.heads()).collect()];
        for line in &self.rows {
            let cells = line.cells.iter().map(|cell| cell.text.clone());
            lines.push(std::iter::once(line.label.clone()).chain(cells).collect());
        }
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|cell| wide(cell)).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = format!("{}\n{}\n\n", self.title, self.notes.join("  "));
        for line in lines {
            for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let space = " ".repeat(width - wide(cell).min(*width));
                // Names stand left, figures right.
                text += &if at == 0 { format!("{cell}{space}") } else { format!("  {space}{cell}") };
            }
            text = format!("{}\n", text.trim_end_matches(' '));
        }
        text
    }

    /// Heads of the columns in one row: heading and words.
    fn heads(&self) -> impl Iterator<Item = String> {
        self.groups.iter().flat_map(|group| {
            group.columns.iter().map(|(words, _)| match &group.heading {
                Some(heading) => format!("{heading} / {words}"),
                None => words.clone(),
            })
        })
    }
}

/// Columns of a terminal that a text takes.
fn wide(text: &str) -> usize {
    text.chars().map(|c| if ('\u{1100}'..='\u{ffdc}').contains(&c) && !('\u{2000}'..='\u{2e7f}').contains(&c) { 2 } else { 1 }).sum()
}
