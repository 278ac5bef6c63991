//! Figures of divisions that everybody may see: counts, of which small ones are hidden, and shares.
//!
//! What is hidden of a division is hidden of everything below it too, so that a count can only be computed from those
//! beside it; `marks` sees to these.

use bangfu_policy::model::{IndicatorId, Pack, PublicFigures, Unit, text_in};
use serde::Serialize;

use super::suppress::{Mark, marks};
use crate::views::figures::{self, Language};
use crate::views::places::Places;
use crate::views::results::Results;

/// Where figures are looked up.
#[derive(Clone, Copy)]
pub struct Statistics<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// Divisions.
    pub places: &'a Places,
    /// Results of the last run.
    pub results: &'a Results,
    /// What is public.
    pub public: &'a PublicFigures,
    /// Language of the page.
    pub language: Language,
}

/// A table of a division and those below it.
#[derive(Clone, Debug, Serialize)]
pub struct StatisticsTable {
    /// Titles with the unit.
    pub columns: Vec<String>,
    /// The division itself, then those below it.
    pub rows: Vec<StatisticsRow>,
    /// Counts below it are not shown.
    pub below: i64,
    /// Whether a cell is withheld.
    pub withheld: bool,
}

/// A division of the table.
#[derive(Clone, Debug, Serialize)]
pub struct StatisticsRow {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// `shown`, `fewer`, `withheld` or `unknown`, and the figure of what is shown.
    pub cells: Vec<(&'static str, String)>,
}

impl Statistics<'_> {
    fn count(&self, code: &str, id: IndicatorId) -> Option<i64> {
        let value = self.results.figure(code, id)?.value?;
        Some(value.round() as i64)
    }

    /// What is shown of a count in a division and in each of those below it.
    fn shown(&self, division: &str, id: IndicatorId) -> (Mark, Vec<(String, Mark)>) {
        let limit = i64::from(self.public.below);
        let path = self.places.path(division);
        let whole = path.first().and_then(|code| self.count(code, id));
        let mut own = if whole.is_some_and(|count| count < limit) { Mark::Fewer } else { Mark::Shown };
        for (code, next) in path.iter().zip(path.iter().skip(1)) {
            let below = self.below(code, own, id);
            own = below.into_iter().find(|(child, _)| child == next).map_or(Mark::Withheld, |(_, mark)| mark);
        }
        (own, self.below(division, own, id))
    }

    /// What is shown of the divisions below one.
    fn below(&self, code: &str, own: Mark, id: IndicatorId) -> Vec<(String, Mark)> {
        let children: Vec<&str> = self.places.children(code).collect();
        let known: Vec<(&str, i64)> =
            children.iter().filter_map(|child| Some((*child, self.count(child, id)?))).collect();
        let counts: Vec<i64> = known.iter().map(|(_, count)| *count).collect();
        let marks =
            if own == Mark::Shown { marks(&counts, i64::from(self.public.below)) } else { vec![own; counts.len()] };
        let of = |child: &str| known.iter().position(|(code, _)| *code == child).and_then(|at| marks.get(at)).copied();
        // Where nothing is known there is nothing to hide, but nothing to show below a hidden figure either.
        children.iter().map(|child| ((*child).to_owned(), of(child).unwrap_or(own))).collect()
    }

    /// The table of a division.
    pub fn table(&self, division: &str) -> StatisticsTable {
        let codes: Vec<&str> = std::iter::once(division).chain(self.places.children(division)).collect();
        let mut columns = Vec::new();
        let mut cells: Vec<Vec<(&'static str, String)>> = vec![Vec::new(); codes.len()];
        let counts = self.public.counts.iter().map(|id| (*id, *id));
        for (id, hides) in counts.chain(self.public.shares.iter().copied()) {
            let Some(indicator) = self.pack.indicators.get(id.index()) else { continue };
            columns.push(text_in(&indicator.title, self.language.id()).to_owned());
            let (own, below) = self.shown(division, hides);
            let marks = std::iter::once(own).chain(below.into_iter().map(|(_, mark)| mark));
            for ((code, mark), row) in codes.iter().zip(marks).zip(&mut cells) {
                row.push(self.cell(code, id, indicator.unit, mark));
            }
        }
        let rows = codes.iter().zip(cells).map(|(code, cells)| StatisticsRow {
            code: (*code).to_owned(),
            name: self.places.name(code, self.language),
            cells,
        });
        let rows: Vec<StatisticsRow> = rows.collect();
        let withheld = rows.iter().any(|row| row.cells.iter().any(|(word, _)| *word == "withheld"));
        StatisticsTable { columns, rows, below: i64::from(self.public.below), withheld }
    }

    fn cell(&self, code: &str, id: IndicatorId, unit: Unit, mark: Mark) -> (&'static str, String) {
        match (mark, self.results.figure(code, id).and_then(|figure| figure.value)) {
            // A share says as much as the count that it is made of.
            (Mark::Fewer, _) if unit == Unit::Count => ("fewer", String::new()),
            (Mark::Fewer | Mark::Withheld, _) => ("withheld", String::new()),
            (Mark::Shown, Some(value)) => ("shown", figures::indicator_exact(value, unit, self.language)),
            (Mark::Shown, None) => ("unknown", String::new()),
        }
    }
}
