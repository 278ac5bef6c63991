//! Records that everybody may see: of the registers, fields and records that the pack names, and of nothing else.

use std::io::Write;

use bangfu_office::OfficeError;
use bangfu_office::write::{CellKind, CsvReader, CsvRows};
use bangfu_policy::model::{Field, FieldType, Pack, PublicRegister, Register, RegisterKind, Value, text_in};
use bangfu_policy::period;
use bangfu_policy::value::format;
use bangfu_store::{Filter, ListQuery, Operator, Record, Sort, StoreError};
use serde::Serialize;

use crate::views::facts::{Facts, within};
use crate::views::figures::Language;
use crate::views::file;
use crate::views::places::Places;

/// Records on a page.
const PAGE: u64 = 50;
/// Records of a file at most.
const MOST: u64 = 50_000;

/// What is listed.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Titles of the columns after the place, and whether they hold numbers.
    pub columns: Vec<(String, bool)>,
    /// Whether the first cell of a row is a period, which stands before the columns.
    pub periodic: bool,
    /// Name of the place, and cells.
    pub rows: Vec<(String, Vec<String>)>,
    /// Records in all.
    pub count: String,
    /// This page, from 1.
    pub page: u64,
    /// Pages in all.
    pub pages: u64,
}

/// A line of the totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TotalLine {
    /// Code of the division.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Records.
    pub count: String,
    /// Sums.
    pub sums: Vec<String>,
}

/// A public register in a division.
pub struct Open<'a> {
    /// All records; only what the pack names leaves this module.
    pub facts: &'a Facts,
    /// Divisions.
    pub places: &'a Places,
    /// What is public of the register.
    pub public: &'a PublicRegister,
    /// Division in view.
    pub division: &'a str,
    /// Language of the page.
    pub language: Language,
}

/// The public register with an id.
pub fn find<'p>(pack: &'p Pack, id: &str) -> Option<(&'p PublicRegister, &'p Register)> {
    let both = |public: &'p PublicRegister| Some((public, pack.registers.get(public.register.index())?));
    pack.public.registers.iter().filter_map(both).find(|(_, register)| register.id == id)
}

impl<'a> Open<'a> {
    fn pack(&self) -> &'a Pack {
        self.facts.pack()
    }

    fn register(&self) -> Option<&'a Register> {
        self.pack().registers.get(self.public.register.index())
    }

    fn fields<'s>(&'s self, positions: &'s [u16]) -> impl Iterator<Item = (u16, &'a Field)> + 's {
        let all = self.register().map(|register| register.fields.as_slice()).unwrap_or_default();
        positions.iter().filter_map(move |at| Some((*at, all.get(usize::from(*at))?)))
    }

    /// The part of a code that may be told: of people not below the level that the pack names.
    fn told<'c>(&self, code: &'c str) -> &'c str {
        let level = self.public.nameless.and_then(|level| self.pack().levels.get(level.index()));
        level.and_then(|level| code.get(..level.digits)).unwrap_or(code)
    }

    /// The division that is looked at, after what may be told.
    pub fn division(&self) -> &'a str {
        self.told(self.division)
    }

    fn query(&self) -> ListQuery {
        let filter = |(field, value): &(u16, Option<Value>)| Filter {
            field: *field,
            operator: if value.is_some() { Operator::In } else { Operator::Missing },
            values: value.iter().cloned().collect(),
        };
        // Of people the order tells nothing of where they live.
        let first = self.public.fields.first().filter(|_| self.public.nameless.is_some());
        ListQuery {
            division: within(self.pack(), self.division()),
            filters: self.public.filter.iter().map(filter).collect(),
            sort: first.map_or(Sort::Place, |field| Sort::Field(*field)),
            ..ListQuery::default()
        }
    }

    /// Titles of the columns after the place, and whether they hold numbers.
    fn columns(&self) -> Vec<(String, bool)> {
        let number = |ty: FieldType| matches!(ty, FieldType::Integer | FieldType::Decimal(_) | FieldType::Money);
        let title = |field: &Field| text_in(&field.title, self.language.id()).to_owned();
        self.fields(&self.public.fields).map(|(_, field)| (title(field), number(field.ty))).collect()
    }

    fn periodic(&self) -> bool {
        self.register().is_some_and(|r| matches!(r.kind, RegisterKind::Yearly { .. } | RegisterKind::Quarterly))
    }

    /// Cells of a record as people read them, or as programs do.
    fn cells(&self, record: &Record, plain: bool) -> Vec<String> {
        let kind = self.register().map_or(RegisterKind::Entity, |register| register.kind);
        let period = record.period.filter(|_| self.periodic()).map(|period| period::format(kind, period));
        let cells = self.fields(&self.public.fields).map(|(at, field)| {
            let value = record.values.get(usize::from(at)).and_then(Option::as_ref);
            match (value, field.ty) {
                (Some(value), FieldType::Integer | FieldType::Decimal(_) | FieldType::Money) if plain => {
                    format(value, field.ty, self.pack())
                }
                _ => file::cell(self.pack(), field, value, self.places, self.language).text,
            }
        });
        period.into_iter().chain(cells).collect()
    }

    /// Names of a place below the division in view.
    fn place(&self, code: &str) -> String {
        let trail = self.places.trail(self.told(code), self.language);
        let below = trail.iter().filter(|place| place.code.len() > self.division().len());
        let names: Vec<&str> = below.map(|place| place.name.as_str()).collect();
        if names.is_empty() { self.places.name(self.division(), self.language) } else { names.join(" ") }
    }

    /// A page of the list, from 1.
    ///
    /// # Errors
    /// The store fails; the same holds for all that follows.
    pub async fn page(&self, page: u64) -> Result<Listed, StoreError> {
        let page = page.max(1);
        let query = ListQuery { offset: (page - 1).saturating_mul(PAGE), limit: PAGE, ..self.query() };
        let found = self.facts.reader().list(self.public.register, &query).await?;
        let row = |record: &Record| (self.place(&record.division), self.cells(record, false));
        Ok(Listed {
            columns: self.columns(),
            periodic: self.periodic(),
            rows: found.records.iter().map(row).collect(),
            count: self.language.grouped(found.total as i64),
            page,
            pages: found.total.div_ceil(PAGE).max(1),
        })
    }

    /// Titles of what is added up.
    pub fn sum_titles(&self) -> Vec<String> {
        self.fields(&self.public.sums).map(|(_, field)| text_in(&field.title, self.language.id()).to_owned()).collect()
    }

    /// Records and sums of the division, then of each one below it that has some.
    pub async fn totals(&self) -> Result<Vec<TotalLine>, StoreError> {
        let own = self.division();
        let lowest = self.public.nameless.map_or(usize::MAX, bangfu_policy::model::LevelId::index);
        let below = self.places.level(own).map(|level| level + 1).filter(|level| *level <= lowest);
        let digits = below.and_then(|level| self.pack().levels.get(level)).map(|level| level.digits);
        let mut lines = Vec::new();
        for digits in [Some(own.len()), digits].into_iter().flatten() {
            let reader = self.facts.reader();
            let found = reader.totals(self.public.register, &self.query(), digits, &self.public.sums).await?;
            lines.extend(found.into_iter().map(|total| {
                TotalLine {
                    name: self.places.name(&total.division, self.language),
                    code: total.division,
                    count: self.language.grouped(total.count as i64),
                    sums: self
                        .fields(&self.public.sums)
                        .zip(&total.sums)
                        .map(|((_, field), sum)| self.sum(field, *sum))
                        .collect(),
                }
            }));
        }
        Ok(lines)
    }

    fn sum(&self, field: &Field, sum: i64) -> String {
        match field.ty {
            FieldType::Money => self.language.fixed(sum, 2),
            FieldType::Decimal(scale) => self.language.fixed(sum, scale),
            _ => self.language.grouped(sum),
        }
    }

    /// The list as CSV for spreadsheets; `place` and `period` are the words of their columns.
    ///
    /// # Errors
    /// The store fails, or the text cannot be written.
    pub async fn csv(
        &self,
        place: &str,
        period: &str,
        target: impl Write,
    ) -> Result<Result<(), OfficeError>, StoreError> {
        let query = ListQuery { limit: MOST, ..self.query() };
        let found = self.facts.reader().list(self.public.register, &query).await?;
        let columns = self.columns();
        let kind = |number: bool| if number { CellKind::Number(0) } else { CellKind::Text };
        let period = self.periodic().then_some((period, CellKind::Text));
        let heads = columns.iter().map(|(title, number)| (title.as_str(), kind(*number)));
        let heads = std::iter::once((place, CellKind::Text)).chain(period).chain(heads);
        let written = CsvRows::new(target, heads, CsvReader::Spreadsheet).and_then(|mut rows| {
            for record in &found.records {
                let (place, cells) = (self.place(&record.division), self.cells(record, true));
                rows.row(std::iter::once(place.as_str()).chain(cells.iter().map(String::as_str)))?;
            }
            rows.finish()
        });
        Ok(written)
    }
}
