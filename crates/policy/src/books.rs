//! Books: the tables that an office posts, each cell a sum like those of indicators.
//!
//! A book's `by` columns are opened here already: one cell for each code, band or truth, and one for what is missing.
//! The model knows no records and no words of its own: heads without a title are named by who shows them.

use crate::ir::Type;
use crate::model::{CodeListId, Combination, Entity, Place, Text, Unit};

/// A book.
#[derive(Clone, Debug)]
pub struct Book {
    /// Id.
    pub id: String,
    /// Number in the office's list, such as `1.2`; may be empty.
    pub number: String,
    /// Title.
    pub title: Text,
    /// Heading in the index of books.
    pub group: Option<Text>,
    /// Clauses.
    pub clauses: Vec<String>,
    /// What is counted.
    pub of: Entity,
    /// Columns from left to right.
    pub columns: Vec<BookColumn>,
    /// Over everything that the book counts: what each cell of each column holds.
    pub whole: Vec<Measure>,
    /// Records that some column could not count.
    pub untold: Measure,
    /// With `rows`: one for each value; else empty, and the rows are divisions.
    pub lines: Vec<BookLine>,
    /// Place in the pack.
    pub place: Place,
}

/// Cells of a book under one heading.
#[derive(Clone, Debug)]
pub struct BookColumn {
    /// Words above the cells; `None`: each cell stands for itself.
    pub heading: Option<Text>,
    /// What each is.
    pub cells: Vec<BookCell>,
}

/// A cell of the head.
#[derive(Clone, PartialEq, Debug)]
pub struct BookCell {
    /// What it is for.
    pub head: Head,
    /// Unit on screen.
    pub unit: Unit,
    /// Digits after the point of the values, for sums.
    pub scale: u8,
    /// Whether it is a quotient.
    pub quotient: bool,
    /// Whether the cells of lower divisions add up to it.
    pub additive: bool,
}

/// A row of a book whose rows are not divisions.
#[derive(Clone, Debug)]
pub struct BookLine {
    /// Which value it is for.
    pub head: Head,
    /// As [`Book::whole`], for the records of the row.
    pub measures: Vec<Measure>,
    /// As [`Book::untold`].
    pub untold: Measure,
}

/// What a row or cell of the head is for.
#[derive(Clone, PartialEq, Debug)]
pub enum Head {
    /// Words of the pack.
    Title(Text),
    /// A code, by its position in the list.
    Code(CodeListId, usize),
    /// Records for which something is so, or is not.
    Truth(bool),
    /// Numbers from (inclusive) and to (exclusive), in the units of the type.
    Band {
        /// Lower bound; it belongs to the band.
        from: Option<i64>,
        /// Upper bound; it does not.
        to: Option<i64>,
        /// Type of both.
        ty: Type,
    },
    /// Records of which it is not known.
    Missing,
}

/// A sum, or a quotient of two.
#[derive(Clone, PartialEq, Debug)]
pub struct Measure {
    /// Above the line.
    pub above: Combination,
    /// Below the line; `None`: the sum is the value.
    pub below: Option<Combination>,
}

impl Book {
    /// All measures: those of the whole, what it could not tell, and the same of each line.
    pub fn measures(&self) -> impl Iterator<Item = &Measure> {
        let lines = self.lines.iter().flat_map(|line| line.measures.iter().chain(std::iter::once(&line.untold)));
        self.whole.iter().chain(std::iter::once(&self.untold)).chain(lines)
    }

    /// All cells of the head, from left to right.
    pub fn cells(&self) -> impl Iterator<Item = &BookCell> {
        self.columns.iter().flat_map(|column| &column.cells)
    }
}

impl Measure {
    /// Its sums.
    pub fn combinations(&self) -> impl Iterator<Item = &Combination> {
        std::iter::once(&self.above).chain(&self.below)
    }
}
