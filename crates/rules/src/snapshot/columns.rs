//! Columns that grow while a snapshot is read, always in the narrowest lanes that hold what has come so far.
//!
//! The range is taken from the values themselves, never from statistics of a file, so that it can be relied on.

use std::collections::HashMap;

use crate::frame::{Bitmap, Column, Lanes};
use crate::interpret::bit;

/// No row.
pub(crate) const NONE: u32 = u32::MAX;

/// All bits of a length set or not.
pub(crate) fn filled(len: usize, value: bool) -> Bitmap {
    let mut words = vec![u64::from(value).wrapping_neg(); len.div_ceil(64)];
    if value
        && let Some(last) = words.last_mut()
        && !len.is_multiple_of(64)
    {
        *last = (1 << (len % 64)) - 1;
    }
    Bitmap { words, len }
}

/// Sets or clears a bit; nothing beyond the length.
pub(crate) fn set(bitmap: &mut Bitmap, at: usize, value: bool) {
    if at < bitmap.len
        && let Some(word) = bitmap.words.get_mut(at / 64)
    {
        if value {
            *word |= 1 << (at % 64);
        } else {
            *word &= !(1 << (at % 64));
        }
    }
}

/// Adds the bits of another bitmap at the end.
pub(crate) fn append(bitmap: &mut Bitmap, other: &Bitmap) {
    let shift = bitmap.len % 64;
    for word in &other.words {
        if shift == 0 {
            bitmap.words.push(*word);
        } else {
            if let Some(last) = bitmap.words.last_mut() {
                *last |= word << shift;
            }
            bitmap.words.push(word >> (64 - shift));
        }
    }
    bitmap.len += other.len;
    bitmap.words.truncate(bitmap.len.div_ceil(64));
}

/// Adds which of `rows` more rows are known to those of the `before` rows; nothing means all of them.
pub(crate) fn append_known(validity: &mut Option<Bitmap>, before: usize, rows: usize, known: Option<Bitmap>) {
    match (validity.as_mut(), known) {
        (Some(validity), Some(known)) => append(validity, &known),
        (Some(validity), None) => append(validity, &filled(rows, true)),
        (None, Some(known)) => {
            let mut all = filled(before, true);
            append(&mut all, &known);
            *validity = Some(all);
        }
        (None, None) => {}
    }
}

/// What the numbers of a growing column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Number,
    Boolean,
    Text,
}

/// A column that grows.
#[derive(Clone, Debug)]
pub(crate) struct Growing {
    kind: Kind,
    lanes: Lanes,
    validity: Option<Bitmap>,
    len: usize,
    range: Option<(i64, i64)>,
    dictionary: Vec<String>,
    positions: HashMap<String, i64>,
}

impl Growing {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            lanes: Lanes::I8(Vec::new()),
            validity: None,
            len: 0,
            range: None,
            dictionary: Vec::new(),
            positions: HashMap::new(),
        }
    }

    /// A column of missing values.
    pub(crate) fn missing(kind: Kind, rows: usize) -> Self {
        let mut column = Self::new(kind);
        column.push_missing(rows);
        column
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Position of a text in the dictionary.
    pub(crate) fn position(&mut self, text: &str) -> i64 {
        if let Some(position) = self.positions.get(text) {
            return *position;
        }
        let position = self.dictionary.len() as i64;
        self.dictionary.push(text.to_owned());
        self.positions.insert(text.to_owned(), position);
        position
    }

    /// Adds values. Those that are missing are overwritten with a known one, so that they do not widen the range.
    pub(crate) fn push(&mut self, values: &mut [i64], known: Option<Bitmap>) {
        let known = known
            .filter(|known| known.words.iter().map(|word| word.count_ones() as usize).sum::<usize>() < values.len());
        if let Some(known) = &known {
            let first = (0..values.len()).find(|at| bit(known, *at)).and_then(|at| values.get(at)).copied();
            let filler = first.unwrap_or(self.range.map_or(0, |range| range.0));
            for (at, value) in values.iter_mut().enumerate() {
                if !bit(known, at) {
                    *value = filler;
                }
            }
        }
        self.push_known(values);
        append_known(&mut self.validity, self.len - values.len(), values.len(), known);
    }

    /// Adds missing values.
    pub(crate) fn push_missing(&mut self, rows: usize) {
        self.push(&mut vec![0; rows], Some(filled(rows, false)));
    }

    fn push_known(&mut self, values: &[i64]) {
        let Some(first) = values.first() else { return };
        let (low, high) =
            values.iter().fold((*first, *first), |(low, high), value| (low.min(*value), high.max(*value)));
        let range = self.range.map_or((low, high), |(a, b)| (a.min(low), b.max(high)));
        self.range = Some(range);
        self.widen(range);
        match &mut self.lanes {
            Lanes::I8(lane) => lane.extend(values.iter().map(|value| *value as i8)),
            Lanes::I16(lane) => lane.extend(values.iter().map(|value| *value as i16)),
            Lanes::I32(lane) => lane.extend(values.iter().map(|value| *value as i32)),
            Lanes::I64(lane) => lane.extend_from_slice(values),
            Lanes::Bits(_) | Lanes::Texts { .. } => {}
        }
        self.len += values.len();
    }

    fn widen(&mut self, (low, high): (i64, i64)) {
        let fits = |min: i64, max: i64| min <= low && high <= max;
        let bytes = if fits(i64::from(i8::MIN), i64::from(i8::MAX)) {
            1
        } else if fits(i64::from(i16::MIN), i64::from(i16::MAX)) {
            2
        } else if fits(i64::from(i32::MIN), i64::from(i32::MAX)) {
            4
        } else {
            8
        };
        self.lanes = match (std::mem::replace(&mut self.lanes, Lanes::I8(Vec::new())), bytes) {
            (Lanes::I8(lane), 2) => Lanes::I16(lane.into_iter().map(i16::from).collect()),
            (Lanes::I8(lane), 4) => Lanes::I32(lane.into_iter().map(i32::from).collect()),
            (Lanes::I16(lane), 4) => Lanes::I32(lane.into_iter().map(i32::from).collect()),
            (Lanes::I8(lane), 8) => Lanes::I64(lane.into_iter().map(i64::from).collect()),
            (Lanes::I16(lane), 8) => Lanes::I64(lane.into_iter().map(i64::from).collect()),
            (Lanes::I32(lane), 8) => Lanes::I64(lane.into_iter().map(i64::from).collect()),
            (lanes, _) => lanes,
        };
    }

    /// Adds another column of the same kind at the end.
    pub(crate) fn extend(&mut self, mut other: Self) {
        if self.len == 0 {
            *self = other;
            return;
        }
        let moved: Vec<i64> = std::mem::take(&mut other.dictionary).iter().map(|text| self.position(text)).collect();
        if self.kind == Kind::Text {
            let mut positions: Vec<i64> =
                (0..other.len).map(|row| moved.get(number(&other.lanes, row) as usize).copied().unwrap_or(0)).collect();
            self.push(&mut positions, other.validity);
            return;
        }
        let (rows, before) = (other.len, self.len);
        if let Some(range) = other.range {
            let range = self.range.map_or(range, |(low, high)| (low.min(range.0), high.max(range.1)));
            self.range = Some(range);
            self.widen(range);
        }
        // Both sides were widened to hold their own range, so this side is never the narrower one.
        match (&mut self.lanes, other.lanes) {
            (Lanes::I8(lane), Lanes::I8(part)) => lane.extend_from_slice(&part),
            (Lanes::I16(lane), Lanes::I16(part)) => lane.extend_from_slice(&part),
            (Lanes::I32(lane), Lanes::I32(part)) => lane.extend_from_slice(&part),
            (Lanes::I16(lane), part) => lane.extend((0..rows).map(|row| number(&part, row) as i16)),
            (Lanes::I32(lane), part) => lane.extend((0..rows).map(|row| number(&part, row) as i32)),
            (Lanes::I64(lane), Lanes::I64(part)) => lane.extend_from_slice(&part),
            (Lanes::I64(lane), part) => lane.extend((0..rows).map(|row| number(&part, row))),
            (Lanes::I8(lane), part) => lane.extend((0..rows).map(|row| number(&part, row) as i8)),
            (Lanes::Bits(_) | Lanes::Texts { .. }, _) => {}
        }
        self.len += rows;
        append_known(&mut self.validity, before, rows, other.validity);
    }

    /// The finished column.
    pub(crate) fn finish(self) -> Column {
        let range = self.range.unwrap_or((0, 0));
        let lanes = match self.kind {
            Kind::Number => self.lanes,
            Kind::Boolean => {
                let Lanes::I8(lane) = &self.lanes else { return Self::missing(Kind::Boolean, self.len).finish() };
                let pack = |values: &[i8]| {
                    values.iter().enumerate().fold(0_u64, |word, (at, value)| word | u64::from(*value != 0) << at)
                };
                Lanes::Bits(Bitmap { words: lane.chunks(64).map(pack).collect(), len: self.len })
            }
            Kind::Text => Lanes::Texts {
                positions: (0..self.len).map(|row| number(&self.lanes, row) as u32).collect(),
                dictionary: self.dictionary,
            },
        };
        Column { lanes, validity: self.validity, range }
    }
}

fn number(lanes: &Lanes, row: usize) -> i64 {
    match lanes {
        Lanes::I8(lane) => lane.get(row).map_or(0, |value| i64::from(*value)),
        Lanes::I16(lane) => lane.get(row).map_or(0, |value| i64::from(*value)),
        Lanes::I32(lane) => lane.get(row).map_or(0, |value| i64::from(*value)),
        Lanes::I64(lane) => lane.get(row).copied().unwrap_or(0),
        Lanes::Bits(bits) => i64::from(bit(bits, row)),
        Lanes::Texts { positions, .. } => positions.get(row).map_or(0, |value| i64::from(*value)),
    }
}

/// The rows of `index` of a column; [`NONE`] is missing.
pub(crate) fn gather(column: &Column, index: &[u32]) -> Column {
    fn take<T: Copy + Default>(lane: &[T], index: &[u32], filler: T) -> Vec<T> {
        index.iter().map(|row| lane.get(*row as usize).copied().unwrap_or(filler)).collect()
    }
    let (low, _) = column.range;
    let lanes = match &column.lanes {
        Lanes::I8(lane) => Lanes::I8(take(lane, index, low as i8)),
        Lanes::I16(lane) => Lanes::I16(take(lane, index, low as i16)),
        Lanes::I32(lane) => Lanes::I32(take(lane, index, low as i32)),
        Lanes::I64(lane) => Lanes::I64(take(lane, index, low)),
        Lanes::Bits(bits) => {
            let mut taken = filled(index.len(), false);
            for (at, row) in index.iter().enumerate() {
                if bit(bits, *row as usize) {
                    set(&mut taken, at, true);
                }
            }
            Lanes::Bits(taken)
        }
        Lanes::Texts { positions, dictionary } => {
            Lanes::Texts { positions: take(positions, index, 0), dictionary: dictionary.clone() }
        }
    };
    let mut validity = None;
    if column.validity.is_some() || index.contains(&NONE) {
        let mut known = filled(index.len(), true);
        let mut some_missing = false;
        for (at, row) in index.iter().enumerate() {
            let there = *row != NONE && column.validity.as_ref().is_none_or(|validity| bit(validity, *row as usize));
            if !there {
                set(&mut known, at, false);
                some_missing = true;
            }
        }
        validity = some_missing.then_some(known);
    }
    Column { lanes, validity, range: column.range }
}

/// Texts of a technical column, one after the other in one buffer.
#[derive(Clone, Default, Debug)]
pub(crate) struct Texts {
    bytes: String,
    ends: Vec<usize>,
    missing: Vec<u32>,
}

impl Texts {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn push(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.bytes.push_str(text),
            None => self.missing.push(self.ends.len() as u32),
        }
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        let (bytes, rows) = (self.bytes.len(), self.ends.len() as u32);
        self.bytes.push_str(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| end + bytes));
        self.missing.extend(other.missing.iter().map(|row| row + rows));
    }

    /// The text of a row; `None` where it is missing.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        if !self.missing.is_empty() && self.missing.binary_search(&(row as u32)).is_ok() {
            return None;
        }
        let start = if row == 0 { 0 } else { *self.ends.get(row - 1)? };
        self.bytes.get(start..*self.ends.get(row)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpret::stored;
    use bangfu_policy::ir::Scalar;

    #[test]
    fn lanes_widen_and_keep_values() {
        let mut column = Growing::new(Kind::Number);
        column.push(&mut [1, 2, 3], None);
        let mut known = filled(2, true);
        set(&mut known, 1, false);
        column.push(&mut [300, 9_999_999], Some(known));
        let mut second = Growing::new(Kind::Number);
        second.push(&mut [-70_000], None);
        column.extend(second);
        let column = column.finish();
        assert!(matches!(column.lanes, Lanes::I32(_)));
        assert_eq!(column.range, (-70_000, 300));
        let values: Vec<_> = (0..6).map(|row| stored(&column, row)).collect();
        let known = |value| Scalar::Integer(value);
        assert_eq!(values, [known(1), known(2), known(3), known(300), Scalar::Missing, known(-70_000)]);
        let taken = gather(&column, &[5, NONE, 0]);
        assert_eq!(
            [stored(&taken, 0), stored(&taken, 1), stored(&taken, 2)],
            [known(-70_000), Scalar::Missing, known(1)]
        );
    }

    #[test]
    fn bits_append_across_words() {
        let mut bits = filled(60, true);
        append(&mut bits, &filled(10, false));
        append(&mut bits, &filled(60, true));
        assert_eq!(bits.len, 130);
        assert_eq!((0..130).filter(|at| bit(&bits, *at)).count(), 120);
        assert!(!bit(&bits, 65) && bit(&bits, 70));
    }
}
