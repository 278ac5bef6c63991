//! Values that only the results read: kept as the columns they become, truths as bits and numbers as narrow as their
//! bounds allow.
//!
//! A pack has more variables than steps of its kernels take time: what they leave in memory decides. Each thread packs
//! its own rows; the parts are joined at the end of the pass.

use super::buffer::{Buffer, Lane, pack};
use super::ranges::Bounds;
use crate::frame::{Bitmap, Column, Lanes};
use crate::snapshot::columns::{append, append_known};

/// The rows of one thread.
pub(super) struct PackedPart {
    lanes: Lanes,
    validity: Option<Bitmap>,
    rows: usize,
    low: i64,
}

impl PackedPart {
    /// For `rows` values of a lane within bounds.
    pub(super) fn new(lane: Lane, bounds: Bounds, rows: usize) -> Self {
        let within = |low: i64, high: i64| i128::from(low) <= bounds.low && bounds.high <= i128::from(high);
        let lanes = match lane {
            Lane::Mask => Lanes::Bits(Bitmap { words: Vec::with_capacity(rows / 64 + 2), len: 0 }),
            Lane::Narrow if within(i64::from(i8::MIN), i64::from(i8::MAX)) => Lanes::I8(Vec::with_capacity(rows)),
            Lane::Narrow if within(i64::from(i16::MIN), i64::from(i16::MAX)) => Lanes::I16(Vec::with_capacity(rows)),
            Lane::Narrow => Lanes::I32(Vec::with_capacity(rows)),
            Lane::Wide => Lanes::I64(Vec::with_capacity(rows)),
        };
        Self { lanes, validity: None, rows: 0, low: range(bounds).0 }
    }

    /// Adds a chunk's rows.
    pub(super) fn push(&mut self, chunk: &Buffer, rows: usize) {
        let valid = chunk.valid.get(..rows).filter(|_| !chunk.all_valid);
        let low = self.low;
        // A missing value may be any number of its lane; a narrower lane has no room for any.
        let known = |at: usize| valid.is_none_or(|valid| valid[at] == 1);
        let chosen = |(at, value): (usize, &i32)| if known(at) { *value } else { low as i32 };
        let narrow = chunk.narrow.get(..rows).unwrap_or_default();
        match &mut self.lanes {
            Lanes::Bits(bits) => append(bits, &pack(chunk.mask.get(..rows).unwrap_or_default())),
            Lanes::I8(lane) => lane.extend(narrow.iter().enumerate().map(chosen).map(|value| value as i8)),
            Lanes::I16(lane) => lane.extend(narrow.iter().enumerate().map(chosen).map(|value| value as i16)),
            Lanes::I32(lane) => lane.extend_from_slice(narrow),
            Lanes::I64(lane) => lane.extend_from_slice(chunk.wide.get(..rows).unwrap_or_default()),
            Lanes::Texts { .. } => {}
        }
        append_known(&mut self.validity, self.rows, rows, valid.map(pack));
        self.rows += rows;
    }

    /// Its rows, and after them those of the next thread.
    pub(super) fn joined(mut self, other: Self) -> Self {
        if self.rows == 0 {
            return other;
        }
        match (&mut self.lanes, other.lanes) {
            (Lanes::Bits(bits), Lanes::Bits(part)) => append(bits, &part),
            (Lanes::I8(lane), Lanes::I8(part)) => lane.extend(part),
            (Lanes::I16(lane), Lanes::I16(part)) => lane.extend(part),
            (Lanes::I32(lane), Lanes::I32(part)) => lane.extend(part),
            (Lanes::I64(lane), Lanes::I64(part)) => lane.extend(part),
            _ => {}
        }
        append_known(&mut self.validity, self.rows, other.rows, other.validity);
        self.rows += other.rows;
        self
    }

    /// The finished column.
    pub(super) fn finish(self, bounds: Bounds) -> Column {
        let range = if matches!(self.lanes, Lanes::Bits(_)) { (0, 1) } else { range(bounds) };
        Column { lanes: self.lanes, validity: self.validity, range }
    }
}

/// Bounds as far as 64 bits go.
fn range(bounds: Bounds) -> (i64, i64) {
    let within = |bound: i128| bound.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
    (within(bounds.low), within(bounds.high))
}

#[cfg(test)]
mod tests {
    use bangfu_policy::ir::Scalar;

    use super::*;
    use crate::interpret::stored;

    #[test]
    fn parts_join_across_words_and_missing_values_stay_in_range() {
        let numbers = |values: &[i32], valid: &[u8]| Buffer {
            narrow: values.to_vec(),
            valid: valid.to_vec(),
            all_valid: valid.is_empty(),
            ..Buffer::default()
        };
        let truths = |values: Vec<u8>| Buffer { mask: values, all_valid: true, ..Buffer::default() };
        let bounds = Bounds::new(3, 9);
        let mut first = PackedPart::new(Lane::Narrow, bounds, 3);
        first.push(&numbers(&[3, 4, 5], &[]), 3);
        let mut second = PackedPart::new(Lane::Narrow, bounds, 2);
        second.push(&numbers(&[9_000, 9], &[0, 1]), 2);
        let column = first.joined(second).finish(bounds);
        assert!(matches!(&column.lanes, Lanes::I8(lane) if lane == &[3, 4, 5, 3, 9]));
        let values: Vec<Scalar> = (0..5).map(|row| stored(&column, row)).collect();
        let known = Scalar::Integer;
        assert_eq!(values, [known(3), known(4), known(5), Scalar::Missing, known(9)]);
        let mut bits = PackedPart::new(Lane::Mask, bounds, 70);
        bits.push(&truths(vec![1; 61]), 61);
        let mut more = PackedPart::new(Lane::Mask, bounds, 9);
        more.push(&truths(vec![0, 1, 0, 0, 0, 0, 0, 0, 1]), 9);
        let column = bits.joined(more).finish(bounds);
        let truths: Vec<usize> = (0..70).filter(|row| stored(&column, *row) == Scalar::Boolean(true)).collect();
        assert_eq!(truths, (0..61).chain([62, 69]).collect::<Vec<_>>());
    }
}
