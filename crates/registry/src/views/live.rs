//! What an item of the policy yields in a division, now: the records of a register, the hits of a check, the value of
//! an indicator.
//!
//! A clause is implemented when at least one item that cites it yields something; nothing else marks it.

use std::collections::HashMap;

use bangfu_policy::model::{Entity, IndicatorId, Pack, RegisterId, ViewKind};
use bangfu_store::StoreError;
use serde::Serialize;

use super::books::{Counting, Row};
use super::facts::Facts;
use super::figures::{self, Language};
use super::matching::{Matching, Side};
use super::places::Places;
use super::policy::{self, Item};
use super::results::Results;
use super::snapshot::Snapshot;

/// What an item yields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Yield {
    /// A figure; empty where there is none.
    pub text: String,
    /// Whether there is something: a record, a value, an answer, a step.
    pub works: bool,
}

/// Where items are looked up.
pub struct Live<'a> {
    /// The policy.
    pub pack: &'a Pack,
    /// Divisions.
    pub places: &'a Places,
    /// Records.
    pub facts: &'a Facts,
    /// Results of the last run.
    pub results: Option<&'a Results>,
    /// Snapshot of the last run.
    pub snapshot: Option<&'a Snapshot>,
    /// The day for which parameters are shown.
    pub day: i32,
    /// Language of the figures.
    pub language: Language,
}

/// A clause with what its items yield.
#[derive(Clone, Debug, Serialize)]
pub struct ClauseYield {
    /// Article.
    pub article: String,
    /// Clause.
    pub clause: String,
    /// Words of the policy.
    pub phrase: String,
    /// Kind, id, figure and whether it works, for every item.
    pub items: Vec<(&'static str, String, Yield)>,
}

impl ClauseYield {
    /// Whether anything that cites the clause works.
    pub fn works(&self) -> bool {
        self.items.iter().any(|(.., found)| found.works)
    }
}

impl Live<'_> {
    fn number(&self, n: u64) -> Yield {
        Yield { text: self.language.grouped(n as i64), works: n > 0 }
    }

    /// What an item yields in a division.
    ///
    /// # Errors
    /// The store fails.
    pub async fn of(&self, item: &Item, division: &str) -> Result<Yield, StoreError> {
        Ok(match item.kind {
            "register" => self.number(self.facts.count(RegisterId(item.index as u16), division).await?),
            "codes" => self.number(self.pack.codes.get(item.index).map_or(0, |list| list.values.len() as u64)),
            "parameter" => self.parameter(item.index),
            "indicator" => self.indicator(item.index, division),
            "variable" | "programme" | "check" => self.variable(item, division),
            "procedure" => self.number(self.pack.procedures.get(item.index).map_or(0, |found| found.steps.len() as u64)),
            "book" => self.book(item.index, division),
            "match" => self.matching(item.index, division),
            "view" => match self.pack.views.get(item.index).map(|view| &view.kind) {
                Some(ViewKind::Pipeline { register, .. } | ViewKind::Calendar { register, .. }) => {
                    self.number(self.facts.count(*register, division).await?)
                }
                Some(ViewKind::Matrix { level, .. }) => {
                    let rows = self.results.and_then(|results| results.entities.get(&Entity::Level(*level)));
                    self.number(rows.map_or(0, |rows| rows.within(division).len() as u64))
                }
                None => Yield::default(),
            },
            _ => Yield::default(),
        })
    }

    /// All clauses of the policy over the whole.
    ///
    /// # Errors
    /// The store fails.
    pub async fn coverage(&self) -> Result<Vec<ClauseYield>, StoreError> {
        let items = policy::implementers(self.pack, self.language);
        let mut known: HashMap<(&'static str, usize), Yield> = HashMap::new();
        let mut all = Vec::new();
        for article in &self.pack.articles {
            for clause in &article.clauses {
                let mut found = Vec::new();
                for item in items.get(&clause.id).into_iter().flatten() {
                    let key = (item.kind, item.index);
                    if !known.contains_key(&key) {
                        known.insert(key, self.of(item, &self.pack.policy.root).await?);
                    }
                    found.push((item.kind, item.id.clone(), known.get(&key).cloned().unwrap_or_default()));
                }
                all.push(ClauseYield {
                    article: article.id.clone(),
                    clause: clause.id.clone(),
                    phrase: clause.phrase.clone(),
                    items: found,
                });
            }
        }
        Ok(all)
    }

    /// The value in force; of values that differ by class or division, how many rows are in force.
    fn parameter(&self, index: usize) -> Yield {
        let Some(view) = policy::parameter(self.pack, index, self.day, self.language) else { return Yield::default() };
        let current = view.rows.iter().filter(|row| row.current).count();
        let text = if view.now.is_empty() { self.language.grouped(current as i64) } else { view.now };
        Yield { text, works: current > 0 }
    }

    fn indicator(&self, index: usize, division: &str) -> Yield {
        let figure = self.results.and_then(|results| results.figure(division, IndicatorId(index as u16)));
        let value = figure.and_then(|figure| figure.value).zip(self.pack.indicators.get(index));
        value.map_or_else(Yield::default, |(value, indicator)| Yield {
            text: figures::indicator(value, indicator.unit, self.language),
            works: true,
        })
    }

    /// How many records a rule says yes to; of other values, how many are known.
    fn variable(&self, item: &Item, division: &str) -> Yield {
        let id = self.pack.variable(&item.id);
        let count = id.zip(self.results).and_then(|(id, results)| results.count(self.pack, id, division));
        count.map_or_else(Yield::default, |count| Yield {
            text: self.language.grouped(count.yes as i64),
            works: count.yes + count.no > 0,
        })
    }

    /// How many cells of the total row hold something.
    fn book(&self, index: usize, division: &str) -> Yield {
        let (Some(book), Some(results), Some(snapshot)) = (self.pack.books.get(index), self.results, self.snapshot)
        else {
            return Yield::default();
        };
        let (overrides, as_of) = (results.overrides.as_slice(), results.as_of);
        let counting = Counting { pack: self.pack, places: self.places, snapshot, overrides, as_of };
        let table = counting.table(book, division, self.language);
        let filled = |row: &Row| row.cells.iter().flatten().filter(|figure| figure.value.is_some_and(|v| v != 0.0)).count();
        self.number(table.map_or(0, |table| filled(&table.total)) as u64)
    }

    fn matching(&self, index: usize, division: &str) -> Yield {
        let (Some(definition), Some(snapshot)) = (self.pack.matches.get(index), self.snapshot) else {
            return Yield::default();
        };
        let Ok(values) = snapshot.matching(self.pack) else { return Yield::default() };
        let matching = Matching { pack: self.pack, definition, snapshot, values, language: self.language };
        let seekers = matching.rows(Side::Seeker, division).count() as u64;
        let offers = matching.rows(Side::Offer, division).count() as u64;
        let text = format!("{} × {}", self.language.grouped(seekers as i64), self.language.grouped(offers as i64));
        Yield { text, works: seekers > 0 && offers > 0 }
    }
}
