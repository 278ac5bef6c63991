//! A frame: the records of a snapshot as columns, sorted so that descendants stand together under their ancestors.
//!
//! One table per entity: every division level from the top down, then every entity register. The rows of a table are
//! contiguous per parent row, so that an aggregate is a reduction over `offsets` and a broadcast a repetition.
//! A frame knows no formulas and no files.

use std::collections::HashMap;
use std::ops::Range;

use bangfu_policy::model::{Entity, FieldRef};

/// Bits, least significant first in each word; bits past the length are 0.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Bitmap {
    /// 64 bits a word.
    pub words: Vec<u64>,
    /// Number of bits.
    pub len: usize,
}

/// Values of a column, in the narrowest lane that holds its range.
#[derive(Clone, Debug)]
pub enum Lanes {
    /// 8-bit integers (codes, small counts).
    I8(Vec<i8>),
    /// 16-bit integers.
    I16(Vec<i16>),
    /// 32-bit integers (dates, most money).
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Booleans.
    Bits(Bitmap),
    /// Texts: position in the dictionary.
    Texts {
        /// Position for each row; meaningless where missing.
        positions: Vec<u32>,
        /// The distinct texts.
        dictionary: Vec<String>,
    },
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// The values; arbitrary (but in range) where missing.
    pub lanes: Lanes,
    /// Set where the value is known; `None`: known everywhere.
    pub validity: Option<Bitmap>,
    /// Smallest and largest value of all lanes (missing ones included), verified against the data.
    pub range: (i64, i64),
}

/// The records of one entity.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Number of rows.
    pub rows: usize,
    /// Rows of parent row `p` are `offsets[p]..offsets[p + 1]`; empty for the top level.
    pub offsets: Vec<u32>,
    /// Division codes for levels, record keys for registers (empty text when the register has no key).
    pub keys: Vec<String>,
    /// Columns by field and shift (periods back, ≤ 0) – own fields and those of attached registers.
    pub columns: HashMap<(FieldRef, i32), Column>,
}

/// All tables.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Tables by entity.
    pub tables: HashMap<Entity, Table>,
    /// Day of the run for which periodic columns were chosen, days since 1970-01-01.
    pub as_of: i32,
}

impl Table {
    /// Rows below a parent row.
    pub fn children(&self, parent: usize) -> Range<usize> {
        let start = self.offsets.get(parent).map_or(0, |o| *o as usize);
        let end = self.offsets.get(parent + 1).map_or(start, |o| *o as usize);
        start..end
    }
}
