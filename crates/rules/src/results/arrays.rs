//! Columns of values → Arrow arrays of a result file, and what the summary counts of them.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Int32Array, Int64Array, StringArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{DataType, Int32Type};
use bangfu_policy::ir::Type;
use bangfu_policy::model::Pack;

use super::{BooleanCount, physical};
use crate::frame::{Bitmap, Column, Lanes};
use crate::interpret::bit;
use crate::snapshot::columns::filled;

/// Rows of a column as the array that is written; the range begins at a multiple of 64.
pub(super) fn array(pack: &Pack, column: &Column, ty: Type, rows: &Range<usize>) -> ArrayRef {
    if length(column) < rows.end {
        // What was not computed is not known.
        return arrow::array::new_null_array(&physical(ty), rows.len());
    }
    let nulls = column.validity.as_ref().map(|validity| NullBuffer::new(bits(validity, rows)));
    match ty {
        Type::Boolean => {
            let truths = match &column.lanes {
                Lanes::Bits(truths) => bits(truths, rows),
                _ => BooleanBuffer::new_unset(rows.len()),
            };
            Arc::new(BooleanArray::new(truths, nulls))
        }
        Type::Number { money: false, scale: 0 } => {
            Arc::new(Int64Array::new(numbers(column, rows, |value| value).into(), nulls))
        }
        Type::Number { scale, .. } => {
            let values = Decimal128Array::new(numbers(column, rows, i128::from).into(), nulls);
            Arc::new(values.with_data_type(DataType::Decimal128(18, scale as i8)))
        }
        Type::Date => Arc::new(Date32Array::new(numbers(column, rows, |day| day as i32).into(), nulls)),
        Type::Code(_) | Type::Text => {
            let codes = match ty {
                Type::Code(list) => pack.codes.get(list.index()).map(|list| list.values.as_slice()).unwrap_or_default(),
                _ => &[],
            };
            let inside = |value: i64| usize::try_from(value).ok().filter(|at| *at < codes.len()).map(|at| at as i32);
            let known = |at: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at));
            let keys: Int32Array = numbers(column, rows, inside)
                .into_iter()
                .enumerate()
                .map(|(at, key)| key.filter(|_| known(at)))
                .collect();
            let texts: ArrayRef = Arc::new(StringArray::from_iter_values(codes.iter().map(|code| &code.code)));
            match DictionaryArray::<Int32Type>::try_new(keys, texts) {
                Ok(array) => Arc::new(array),
                // Keys were checked against the list, so this arm is for an empty list only.
                Err(_) => arrow::array::new_null_array(&physical(ty), rows.len()),
            }
        }
    }
}

/// Bits of some rows, of which the first is a multiple of 64.
fn bits(bitmap: &Bitmap, rows: &Range<usize>) -> BooleanBuffer {
    let first = rows.start / 64;
    let words = bitmap.words.get(first..rows.end.div_ceil(64)).unwrap_or_default();
    BooleanBuffer::new(Buffer::from_vec(words.to_vec()), 0, rows.len())
}

/// Values of some rows, missing ones included.
fn numbers<T>(column: &Column, rows: &Range<usize>, of: impl Fn(i64) -> T) -> Vec<T> {
    fn lane<V: Copy + Into<i64>, T>(lane: &[V], rows: &Range<usize>, of: impl Fn(i64) -> T) -> Vec<T> {
        lane.get(rows.clone()).unwrap_or_default().iter().map(|value| of((*value).into())).collect()
    }
    match &column.lanes {
        Lanes::I8(values) => lane(values, rows, &of),
        Lanes::I16(values) => lane(values, rows, &of),
        Lanes::I32(values) => lane(values, rows, &of),
        Lanes::I64(values) => lane(values, rows, &of),
        Lanes::Texts { positions, .. } => lane(positions, rows, &of),
        Lanes::Bits(bits) => rows.clone().map(|row| of(i64::from(bit(bits, row)))).collect(),
    }
}

/// Rows of a column.
fn length(column: &Column) -> usize {
    match &column.lanes {
        Lanes::I8(lane) => lane.len(),
        Lanes::I16(lane) => lane.len(),
        Lanes::I32(lane) => lane.len(),
        Lanes::I64(lane) => lane.len(),
        Lanes::Bits(bits) => bits.len,
        Lanes::Texts { positions, .. } => positions.len(),
    }
}

/// Answers of a truth in all rows of its table.
pub(super) fn answers(column: &Column, rows: usize) -> BooleanCount {
    let ones = |bits: &Bitmap| bits.words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
    let none = BooleanCount { unknown: rows as u64, ..BooleanCount::default() };
    let truths = match &column.lanes {
        Lanes::Bits(truths) if truths.len >= rows => truths,
        _ => return none,
    };
    let (known, yes) = match &column.validity {
        None => (rows as u64, ones(truths)),
        Some(validity) => {
            let both = truths.words.iter().zip(&validity.words).map(|(a, b)| u64::from((a & b).count_ones()));
            (ones(validity), both.sum())
        }
    };
    BooleanCount { yes, no: known - yes, unknown: rows as u64 - known }
}

/// Sum of the known values, and how many are known.
pub(super) fn total(column: &Column, rows: usize) -> (i128, u64) {
    if length(column) < rows {
        return (0, 0);
    }
    let all = filled(rows, true);
    let validity = column.validity.as_ref().unwrap_or(&all);
    let values = numbers(column, &(0..rows), |value| value);
    let mut sum = 0_i128;
    for (block, word) in values.chunks(64).zip(&validity.words) {
        let known = block.iter().enumerate().map(|(at, value)| (word >> at & 1) as i64 * value);
        // 64 amounts of at most 2^56 fit: larger ones are added one by one.
        sum += if column.range.0.unsigned_abs().max(column.range.1.unsigned_abs()) < 1 << 56 {
            i128::from(known.sum::<i64>())
        } else {
            known.map(i128::from).sum()
        };
    }
    (sum, validity.words.iter().map(|word| u64::from(word.count_ones())).sum())
}
