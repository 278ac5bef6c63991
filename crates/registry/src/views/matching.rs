//! Matches: who fits what, with a score that explains itself.
//!
//! All values come from the snapshot of the last run, computed once for all records; a page only compares them. A part
//! whose facts are missing gives no points and says so.

use std::collections::HashMap;
use std::ops::Range;

use bangfu_policy::ir::{ExprId, Scalar, Type};
use bangfu_policy::model::{Entity, LevelId, Match, MatchTest, Pack, text_in};
use bangfu_rules::engine::{self, EngineError};
use bangfu_rules::frame::{Column, Lanes};
use serde::Serialize;

use super::figures::{self, Language};
use super::results::at;
use super::snapshot::Snapshot;

/// Candidates that a page shows at most.
pub const MOST_CANDIDATES: usize = 50;

/// Values of everything that matches compare, by node.
#[derive(Debug, Default)]
pub struct Values(HashMap<ExprId, Column>);

/// Which side of a match a record stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Seekers.
    Seeker,
    /// Offers.
    Offer,
}

/// A candidate for a record of the other side.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// Key of the record, or code of the division.
    pub key: String,
    /// Code of its division.
    pub division: String,
    /// Points of 100.
    pub score: u32,
    /// Where the points come from, in the order of the parts.
    pub parts: Vec<Points>,
}

/// Points of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Points {
    /// Title of the part.
    pub title: String,
    /// Points.
    pub points: u32,
    /// Points at most.
    pub of: u32,
    /// What the seeker has; empty where it is not known.
    pub seeker: String,
    /// What the offer has.
    pub offer: String,
}

impl Values {
    /// Computes what all matches of the pack compare.
    ///
    /// # Errors
    /// A formula has no result for a record.
    pub fn of(pack: &Pack, snapshot: &Snapshot) -> Result<Self, EngineError> {
        let roots: Vec<ExprId> = pack.matches.iter().flat_map(bangfu_rules::needs::match_roots).collect();
        Ok(Self(engine::nodes(pack, &snapshot.frame, &roots)?))
    }

    fn scalar(&self, node: ExprId, row: usize) -> Scalar {
        self.0.get(&node).map_or(Scalar::Missing, |column| at(column, row))
    }

    fn text(&self, node: ExprId, row: usize) -> Option<&str> {
        let column = self.0.get(&node)?;
        let Lanes::Texts { positions, dictionary } = &column.lanes else { return None };
        if at(column, row) == Scalar::Missing {
            return None;
        }
        dictionary.get(*positions.get(row)? as usize).map(String::as_str)
    }
}

/// A match over a snapshot.
pub struct Matching<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// The match.
    pub definition: &'a Match,
    /// Records.
    pub snapshot: &'a Snapshot,
    /// Values of its formulas.
    pub values: &'a Values,
    /// Language of the words.
    pub language: Language,
}

impl Matching<'_> {
    /// What stands on a side.
    pub fn entity(&self, side: Side) -> Entity {
        match side {
            Side::Seeker => self.definition.of,
            Side::Offer => self.definition.with,
        }
    }

    fn takes_part(&self, side: Side, row: usize) -> bool {
        let condition = match side {
            Side::Seeker => self.definition.seeks,
            Side::Offer => self.definition.open,
        };
        condition.is_none_or(|node| self.values.scalar(node, row) == Scalar::Boolean(true))
    }

    /// Rows of a side in a division that take part.
    pub fn rows(&self, side: Side, division: &str) -> impl Iterator<Item = usize> + '_ {
        self.snapshot.rows_in(self.pack, self.entity(side), division).filter(move |row| self.takes_part(side, *row))
    }

    /// Key of a row.
    pub fn key(&self, side: Side, row: usize) -> &str {
        let table = self.snapshot.frame.tables.get(&self.entity(side));
        table.and_then(|table| table.keys.get(row)).map_or("", String::as_str)
    }

    /// The best candidates of the other side for a record, and how many there are; `None`: there is no such record.
    pub fn candidates(&self, side: Side, key: &str) -> Option<(Vec<Candidate>, usize)> {
        let row = self.snapshot.row(self.entity(side), key)?;
        let division = self.snapshot.division_of(self.pack, self.entity(side), row).to_owned();
        let other = if side == Side::Seeker { Side::Offer } else { Side::Seeker };
        let digits = |level: LevelId| self.pack.levels.get(level.index()).map_or(0, |level| level.digits);
        let around = self.definition.within.and_then(|level| division.get(..digits(level)));
        let around = around.unwrap_or(&self.pack.policy.root);
        let pair = |found: usize| if side == Side::Seeker { (row, found) } else { (found, row) };
        let mut scored: Vec<(u32, usize)> = self
            .rows(other, around)
            .map(|found| {
                let (seeker, offer) = pair(found);
                (self.score(seeker, offer), found)
            })
            .collect();
        let all = scored.len();
        scored.sort_by_key(|(score, row)| (std::cmp::Reverse(*score), *row));
        scored.truncate(MOST_CANDIDATES);
        let candidates = scored.into_iter().map(|(score, found)| {
            let (seeker, offer) = pair(found);
            Candidate {
                key: self.key(other, found).to_owned(),
                division: self.snapshot.division_of(self.pack, self.entity(other), found).to_owned(),
                score,
                parts: self.parts(seeker, offer),
            }
        });
        Some((candidates.collect(), all))
    }

    fn score(&self, seeker: usize, offer: usize) -> u32 {
        let parts = self.definition.parts.iter();
        parts.map(|part| points(part.weight, self.share(&part.test, seeker, offer))).sum()
    }

    fn parts(&self, seeker: usize, offer: usize) -> Vec<Points> {
        let words = |node: ExprId, row: usize| match self.pack.graph[node].ty {
            Type::Text => self.values.text(node, row).unwrap_or_default().to_owned(),
            ty => match self.values.scalar(node, row) {
                Scalar::Missing => String::new(),
                value => figures::scalar(self.pack, value, ty, self.language),
            },
        };
        let parts = self.definition.parts.iter().map(|part| {
            let (own, other) = match &part.test {
                MatchTest::Equal(a, b) | MatchTest::AtLeast(a, b) | MatchTest::AtMost(a, b) => {
                    (words(*a, seeker), words(*b, offer))
                }
                MatchTest::Near(_) => (
                    self.snapshot.division_of(self.pack, self.definition.of, seeker).to_owned(),
                    self.snapshot.division_of(self.pack, self.definition.with, offer).to_owned(),
                ),
            };
            Points {
                title: text_in(&part.title, self.language.id()).to_owned(),
                points: points(part.weight, self.share(&part.test, seeker, offer)),
                of: u32::from(part.weight),
                seeker: own,
                offer: other,
            }
        });
        parts.collect()
    }

    /// Which share of its points a part gives, as numerator and denominator.
    fn share(&self, test: &MatchTest, seeker: usize, offer: usize) -> (i64, i64) {
        match test {
            MatchTest::Equal(a, b) if self.pack.graph[*a].ty == Type::Text => {
                let (own, other) = (self.values.text(*a, seeker), self.values.text(*b, offer));
                (i64::from(own.is_some() && own == other), 1)
            }
            MatchTest::Equal(a, b) => {
                let (own, other) = (self.values.scalar(*a, seeker), self.values.scalar(*b, offer));
                (i64::from(own != Scalar::Missing && own == other), 1)
            }
            MatchTest::AtLeast(wanted, has) => match (self.number(*wanted, seeker), self.number(*has, offer)) {
                (Some(wanted), Some(has)) if has >= wanted => (1, 1),
                (Some(wanted), Some(has)) if wanted > 0 && has > 0 => (has, wanted),
                _ => (0, 1),
            },
            MatchTest::AtMost(has, limit) => match (self.number(*has, seeker), self.number(*limit, offer)) {
                (Some(has), Some(limit)) => (i64::from(has <= limit), 1),
                _ => (0, 1),
            },
            MatchTest::Near(levels) => {
                let own = self.snapshot.division_of(self.pack, self.definition.of, seeker);
                let other = self.snapshot.division_of(self.pack, self.definition.with, offer);
                let same = |level: &LevelId| {
                    let digits = self.pack.levels.get(level.index()).map_or(usize::MAX, |level| level.digits);
                    own.get(..digits).is_some_and(|code| other.get(..digits) == Some(code))
                };
                let steps = levels.len() as i64;
                let found = levels.iter().position(same);
                (found.map_or(0, |at| steps - at as i64), steps.max(1))
            }
        }
    }

    fn number(&self, node: ExprId, row: usize) -> Option<i64> {
        match self.values.scalar(node, row) {
            Scalar::Integer(number) => Some(number),
            Scalar::Boolean(truth) => Some(i64::from(truth)),
            Scalar::Missing => None,
        }
    }
}

/// Points of a share, rounded half up.
fn points(weight: u8, (numerator, denominator): (i64, i64)) -> u32 {
    let (numerator, denominator) = (i128::from(numerator), i128::from(denominator.max(1)));
    let points = (2 * i128::from(weight) * numerator + denominator) / (2 * denominator);
    points.clamp(0, i128::from(weight)) as u32
}

/// Rows of an entity below a row of a level, when they stand together.
pub(super) fn descend(snapshot: &Snapshot, chain: &[Entity], row: usize) -> Range<usize> {
    let mut rows = row..row + 1;
    for entity in chain {
        let Some(table) = snapshot.frame.tables.get(entity) else { return 0..0 };
        if rows.is_empty() {
            return 0..0;
        }
        rows = table.children(rows.start).start..table.children(rows.end - 1).end;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::points;

    #[test]
    fn points_are_shares_of_the_weight() {
        assert_eq!(points(40, (1, 1)), 40);
        assert_eq!(points(40, (0, 1)), 0);
        assert_eq!(points(20, (3, 4)), 15);
        assert_eq!(points(15, (1, 2)), 8, "half up");
        assert_eq!(points(30, (i64::MAX, 2)), 30, "never more than the weight");
    }
}
