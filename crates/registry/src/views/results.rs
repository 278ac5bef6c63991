//! The results of one run in memory, by division and by record.
//!
//! Rows of an entity stand in the order of their divisions, so that a division is a range and a count a scan of it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Entity, IndicatorId, Pack, ParameterId, VariableId};
use bangfu_rules::frame::{Column, Lanes};
use bangfu_rules::results;
use bangfu_rules::snapshot::SnapshotError;
use serde::Serialize;

use super::figures;

/// The results of one run.
#[derive(Debug, Default)]
pub struct Results {
    /// Day of the run.
    pub as_of: i32,
    /// Parameters that the run set to other values.
    pub overrides: Vec<(ParameterId, Scalar)>,
    /// Rows by entity.
    pub entities: HashMap<Entity, Rows>,
    figures: HashMap<String, Vec<Option<Figure>>>,
    totals: OnceLock<HashMap<VariableId, Count>>,
}

/// The rows of an entity.
#[derive(Debug, Default)]
pub struct Rows {
    keys: Vec<String>,
    divisions: Vec<String>,
    by_key: Vec<u32>,
    columns: HashMap<VariableId, Column>,
}

/// An indicator's value in a division.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Figure {
    /// The value; `None`: cannot be told.
    pub value: Option<f64>,
    /// Rows that could not be told.
    pub unknown: i64,
}

/// Answers of a boolean variable, or how many values of another are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Count {
    /// True.
    pub yes: u64,
    /// False.
    pub no: u64,
    /// Missing.
    pub unknown: u64,
    /// Sum of the known values, for money and numbers.
    pub sum: i128,
}

/// An answer of a boolean variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// True.
    Yes,
    /// False.
    No,
    /// Missing.
    Unknown,
}

impl Answer {
    /// From the word in an address.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "yes" => Some(Self::Yes),
            "no" => Some(Self::No),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }

    /// The word in an address and behind `answer-` in the texts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }

    /// Of a value.
    pub fn of(value: Scalar) -> Self {
        match value {
            Scalar::Missing => Self::Unknown,
            Scalar::Boolean(false) | Scalar::Integer(0) => Self::No,
            Scalar::Boolean(true) | Scalar::Integer(_) => Self::Yes,
        }
    }
}

impl Rows {
    /// From rows in division order; `divisions` holds the code that each row lies in.
    pub fn new(keys: Vec<String>, divisions: Vec<String>, columns: HashMap<VariableId, Column>) -> Self {
        let mut by_key: Vec<u32> = (0..keys.len() as u32).collect();
        by_key.sort_by(|a, b| keys.get(*a as usize).cmp(&keys.get(*b as usize)));
        Self { keys, divisions, by_key, columns }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Row of a key.
    pub fn row(&self, key: &str) -> Option<usize> {
        let at = self
            .by_key
            .binary_search_by(|row| self.keys.get(*row as usize).map_or("", String::as_str).cmp(key))
            .ok()?;
        self.by_key.get(at).map(|row| *row as usize)
    }

    /// Key of a row.
    pub fn key(&self, row: usize) -> &str {
        self.keys.get(row).map_or("", String::as_str)
    }

    /// Division of a row.
    pub fn division(&self, row: usize) -> &str {
        self.divisions.get(row).map_or("", String::as_str)
    }

    /// Rows of a division.
    pub fn within(&self, division: &str) -> Range<usize> {
        let start = self.divisions.partition_point(|code| code.as_str() < division);
        let below = |code: &String| code.as_str() < division || code.starts_with(division);
        start..self.divisions.partition_point(below).max(start)
    }

    /// Value of a variable.
    pub fn value(&self, row: usize, variable: VariableId) -> Scalar {
        self.columns.get(&variable).map_or(Scalar::Missing, |column| at(column, row))
    }

    /// Whether the run has the variable.
    pub fn has(&self, variable: VariableId) -> bool {
        self.columns.contains_key(&variable)
    }

    /// Values of a variable, if the run has it.
    pub fn column(&self, variable: VariableId) -> Option<&Column> {
        self.columns.get(&variable)
    }

    /// Counts over the rows of a division.
    pub fn count(&self, variable: VariableId, rows: Range<usize>) -> Option<Count> {
        let column = self.columns.get(&variable)?;
        if let Lanes::Bits(_) = &column.lanes {
            let mut count = Count::default();
            let asked = rows.len() as u64;
            for word in truths(column, rows) {
                count.yes += u64::from(word.yes.count_ones());
                count.unknown += u64::from(word.unknown.count_ones());
            }
            count.no = asked - count.yes - count.unknown;
            return Some(count);
        }
        let asked = rows.len() as u64;
        let (yes, sum) = sum(column, rows);
        Some(Count { yes, no: 0, unknown: asked - yes, sum })
    }

    /// Rows of a division with an answer.
    pub fn with_answer(
        &self,
        variable: VariableId,
        answer: Answer,
        division: &str,
    ) -> impl Iterator<Item = usize> + '_ {
        let column = self.columns.get(&variable);
        let value = move |row: usize| column.map_or(Scalar::Missing, |column| at(column, row));
        self.within(division).filter(move |row| Answer::of(value(*row)) == answer)
    }
}

/// Answers of up to 64 rows, a bit each.
pub(super) struct Word {
    /// True.
    pub yes: u64,
    /// Missing.
    pub unknown: u64,
}

/// Answers of a boolean column in a range of rows, 64 at a time.
pub(super) fn truths(column: &Column, rows: Range<usize>) -> impl Iterator<Item = Word> + '_ {
    let bits = match &column.lanes {
        Lanes::Bits(bits) => bits.words.as_slice(),
        _ => &[],
    };
    (rows.start / 64..rows.end.div_ceil(64)).map(move |at| {
        let below = |bits: usize| if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
        let first = rows.start.saturating_sub(at * 64).min(64);
        let asked = below((rows.end - at * 64).min(64)) & !below(first);
        let known = known(column, at);
        Word { yes: bits.get(at).copied().unwrap_or(0) & known & asked, unknown: !known & asked }
    })
}

/// Which of 64 rows are known.
fn known(column: &Column, word: usize) -> u64 {
    column.validity.as_ref().map_or(u64::MAX, |validity| validity.words.get(word).copied().unwrap_or(0))
}

/// How many values of a number column are known in a range of rows, and their sum.
pub(crate) fn sum(column: &Column, rows: Range<usize>) -> (u64, i128) {
    macro_rules! of {
        ($values:expr) => {{
            let rows = rows.start..rows.end.min($values.len());
            let (mut count, mut sum) = (0_u64, 0_i128);
            for at in rows.start / 64..rows.end.div_ceil(64) {
                let (first, last) = ((at * 64).max(rows.start), (at * 64 + 64).min(rows.end));
                let mut known = known(column, at) >> (first % 64);
                let mut part = 0_i64;
                for value in &$values[first..last] {
                    let value = i64::from(*value) & -((known & 1) as i64);
                    // Values of one word may be as large as the lane: only then is the part handed over early.
                    match part.checked_add(value) {
                        Some(sum) => part = sum,
                        None => (sum, part) = (sum + i128::from(part), value),
                    }
                    count += known & 1;
                    known >>= 1;
                }
                sum += i128::from(part);
            }
            (count, sum)
        }};
    }
    match &column.lanes {
        Lanes::I8(values) => of!(values),
        Lanes::I16(values) => of!(values),
        Lanes::I32(values) => of!(values),
        Lanes::I64(values) => of!(values),
        Lanes::Texts { positions, .. } => of!(positions),
        Lanes::Bits(_) => (0, 0),
    }
}

/// What a run set parameters to; what the pack no longer has is as in the pack.
pub fn overrides(pack: &Pack, summary: &results::Summary) -> Vec<(ParameterId, Scalar)> {
    let set = summary.parameters.iter().filter_map(|(name, text)| {
        let id = pack.parameter(name)?;
        let ty = pack.parameters.get(id.index())?.ty;
        Some((id, bangfu_policy::value::parse_scalar(text, ty, &pack.codes).ok()?))
    });
    set.collect()
}

pub(crate) fn at(column: &Column, row: usize) -> Scalar {
    if let Some(validity) = &column.validity {
        let word = validity.words.get(row / 64).copied().unwrap_or(0);
        if (word >> (row % 64)) & 1 == 0 {
            return Scalar::Missing;
        }
    }
    let number = |n: Option<i64>| n.map_or(Scalar::Missing, Scalar::Integer);
    match &column.lanes {
        Lanes::I8(v) => number(v.get(row).map(|n| i64::from(*n))),
        Lanes::I16(v) => number(v.get(row).map(|n| i64::from(*n))),
        Lanes::I32(v) => number(v.get(row).map(|n| i64::from(*n))),
        Lanes::I64(v) => number(v.get(row).copied()),
        Lanes::Bits(bits) if row < bits.len => {
            let word = bits.words.get(row / 64).copied().unwrap_or(0);
            Scalar::Boolean((word >> (row % 64)) & 1 == 1)
        }
        Lanes::Bits(_) => Scalar::Missing,
        Lanes::Texts { positions, .. } => number(positions.get(row).map(|n| i64::from(*n))),
    }
}

impl Results {
    /// Day of a result folder.
    ///
    /// # Errors
    /// The summary cannot be read.
    pub fn day(folder: &Path) -> Result<i32, SnapshotError> {
        let summary = results::read_summary(folder)?;
        Ok(summary.as_of.parse().map_or(0, figures::days_of))
    }

    /// Reads a result folder.
    ///
    /// # Errors
    /// A file cannot be read, or is of another policy.
    pub fn read(folder: &Path, pack: &Pack) -> Result<Self, SnapshotError> {
        use rayon::prelude::*;
        let summary = results::read_summary(folder)?;
        let day = summary.as_of.parse().map_or(0, figures::days_of);
        let mut wanted: Vec<Entity> = pack.variables.iter().map(|variable| variable.of).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let entities: Result<HashMap<Entity, Rows>, SnapshotError> = wanted
            .into_par_iter()
            .map(|entity| {
                let read = results::read_entity(folder, pack, entity)?;
                Ok((entity, Rows::new(read.keys, read.divisions, read.columns.into_iter().collect())))
            })
            .collect();
        let mut all = Self::new(day, entities?);
        all.overrides = overrides(pack, &summary);
        results::read_indicators(folder, pack, |indicator, _, code, figure| {
            all.add_figure(code, indicator, Figure { value: figure.value, unknown: figure.unknown });
        })?;
        Ok(all)
    }

    /// Results of a run on a day.
    pub fn new(as_of: i32, entities: HashMap<Entity, Rows>) -> Self {
        Self { as_of, entities, ..Self::default() }
    }

    /// Adds an indicator's value.
    pub fn add_figure(&mut self, code: &str, indicator: IndicatorId, figure: Figure) {
        if !self.figures.contains_key(code) {
            self.figures.insert(code.to_owned(), Vec::new());
        }
        let Some(row) = self.figures.get_mut(code) else { return };
        if row.len() <= indicator.index() {
            row.resize(indicator.index() + 1, None);
        }
        if let Some(cell) = row.get_mut(indicator.index()) {
            *cell = Some(figure);
        }
    }

    /// An indicator's value in a division.
    pub fn figure(&self, code: &str, indicator: IndicatorId) -> Option<Figure> {
        *self.figures.get(code)?.get(indicator.index())?
    }

    /// Counts of a variable in a division.
    pub fn count(&self, pack: &Pack, variable: VariableId, division: &str) -> Option<Count> {
        if division == pack.policy.root {
            return self.totals(pack).get(&variable).copied();
        }
        let rows = self.entities.get(&pack.variables.get(variable.index())?.of)?;
        rows.count(variable, rows.within(division))
    }

    /// Counts of all variables over everything, made once; a site makes them before the first visitor asks.
    pub fn totals(&self, pack: &Pack) -> &HashMap<VariableId, Count> {
        self.totals.get_or_init(|| {
            use rayon::prelude::*;
            (0..pack.variables.len())
                .into_par_iter()
                .filter_map(|n| {
                    let id = VariableId(n as u16);
                    let rows = self.entities.get(&pack.variables.get(n)?.of)?;
                    Some((id, rows.count(id, 0..rows.len())?))
                })
                .collect()
        })
    }

    /// Value of a variable for a record or division.
    pub fn value(&self, pack: &Pack, key: &str, variable: VariableId) -> Scalar {
        let rows = pack.variables.get(variable.index()).and_then(|v| self.entities.get(&v.of));
        rows.and_then(|rows| Some(rows.value(rows.row(key)?, variable))).unwrap_or(Scalar::Missing)
    }

    /// Whether a variable's type is boolean.
    pub fn is_boolean(pack: &Pack, variable: VariableId) -> bool {
        pack.variables.get(variable.index()).is_some_and(|v| v.ty == Type::Boolean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bangfu_rules::frame::Bitmap;

    fn rows() -> Rows {
        let divisions = ["150102", "150102", "150103", "150202", "150202"];
        let bits = |word: u64| Bitmap { words: vec![word], len: 5 };
        let column = Column { lanes: Lanes::Bits(bits(0b01101)), validity: Some(bits(0b10111)), range: (0, 1) };
        let money = Column { lanes: Lanes::I32(vec![5, 7, 11, 13, 17]), validity: None, range: (5, 17) };
        Rows::new(
            ["h5", "h4", "h3", "h2", "h1"].map(str::to_owned).to_vec(),
            divisions.map(str::to_owned).to_vec(),
            HashMap::from([(VariableId(0), column), (VariableId(1), money)]),
        )
    }

    #[test]
    fn a_division_is_a_range_of_rows() {
        let rows = rows();
        assert_eq!(rows.within("1501"), 0..3);
        assert_eq!(rows.within("150202"), 3..5);
        assert_eq!(rows.within("15"), 0..5);
        assert!(rows.within("16").is_empty() && rows.within("1503").is_empty());
    }

    #[test]
    fn missing_is_neither_yes_nor_no() {
        let rows = rows();
        let count = rows.count(VariableId(0), 0..5).unwrap();
        assert_eq!((count.yes, count.no, count.unknown), (2, 2, 1));
        assert_eq!(rows.value(3, VariableId(0)), Scalar::Missing);
        assert_eq!(rows.with_answer(VariableId(0), Answer::Unknown, "15").collect::<Vec<_>>(), [3]);
        assert_eq!(rows.count(VariableId(1), rows.within("150202")).unwrap().sum, 30);
        assert_eq!(rows.row("h2"), Some(3));
        assert_eq!(rows.row("h9"), None);
    }
}
