//! Aggregates that leave their tree: from units to divisions, for division nodes and for indicators.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]

use std::ops::Range;

use bangfu_policy::ir::Aggregate;

use super::buffer::{Buffer, Lane};
use super::kernels::{and_into, or_not, wide_registers};
use super::packed::Packed;
use super::plan::{Gather, Operand};

/// What was gathered for one division. There is one for each wish and division, so it is kept small.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathered {
    /// Number, sum, smallest or largest of the known rows.
    pub value: i64,
    /// Rows that count.
    pub count: u32,
    /// Rows that could not be counted; the highest bit says that the sum does not fit 64 bits.
    open: u32,
}

/// The sum does not fit.
const OVERFLOW: u32 = 1 << 31;

impl Gathered {
    pub(crate) const EMPTY: Self = Self { value: 0, count: 0, open: 0 };

    /// One row that counts.
    pub(crate) const fn one(value: i64) -> Self {
        Self { value, count: 1, open: 0 }
    }

    /// One row that cannot be counted.
    pub(crate) const UNKNOWN: Self = Self { value: 0, count: 0, open: 1 };

    /// Rows that could not be counted.
    pub(crate) fn unknown(self) -> u32 {
        self.open & !OVERFLOW
    }

    /// Whether the sum does not fit 64 bits.
    pub(crate) fn overflow(self) -> bool {
        self.open & OVERFLOW != 0
    }

    /// Joins what was gathered from two parts.
    pub(crate) fn join(&mut self, function: Aggregate, other: Self) {
        let mut overflow = (self.open | other.open) & OVERFLOW;
        self.value = match function {
            Aggregate::Minimum if other.count > 0 && self.count > 0 => self.value.min(other.value),
            Aggregate::Maximum if other.count > 0 && self.count > 0 => self.value.max(other.value),
            Aggregate::Minimum | Aggregate::Maximum if self.count > 0 => self.value,
            Aggregate::Minimum | Aggregate::Maximum => other.value,
            _ => {
                let (sum, wrapped) = self.value.overflowing_add(other.value);
                overflow |= u32::from(wrapped) << 31;
                sum
            }
        };
        self.count += other.count;
        self.open = (self.unknown() + other.unknown()) | overflow;
    }
}

/// Parts of the same wish one after the other, each with the first row of the level it begins at; a row that two parts
/// share is joined. `rows` in all.
pub(super) fn together(function: Aggregate, rows: usize, parts: Vec<(usize, Vec<Gathered>)>) -> Vec<Gathered> {
    let mut parts = parts.into_iter();
    let mut all = match parts.next() {
        Some((0, first)) => first,
        Some((start, first)) => {
            let mut all = vec![Gathered::EMPTY; start];
            all.extend(first);
            all
        }
        None => Vec::new(),
    };
    for (start, part) in parts {
        let shared = all.len().saturating_sub(start).min(part.len());
        if start > all.len() {
            all.resize(start, Gathered::EMPTY);
        }
        let at = all.len() - shared;
        for (slot, found) in all.iter_mut().skip(at).zip(&part) {
            slot.join(function, *found);
        }
        all.extend(part.get(shared..).unwrap_or_default());
    }
    all.resize(rows, Gathered::EMPTY);
    all
}

/// Adds the rows `range` of the entity, split at `offsets` of the level, to `out` (whose first row is `first` of the
/// level). `find` gives the rows of an operand, and whether they are the whole table's.
pub(super) fn gather<'b>(
    gather: &Gather,
    range: &Range<usize>,
    offsets: &[u32],
    first: usize,
    out: &mut [Gathered],
    find: impl Fn(Operand) -> Option<(&'b Buffer, bool)>,
) {
    let rows = |operand: Option<Operand>| {
        let (buffer, whole) = find(operand?)?;
        let start = if whole { range.start } else { 0 };
        Some(Rows { buffer, rows: start..start + range.len() })
    };
    let (value, filter) = (rows(gather.value), rows(gather.filter));
    #[cfg(target_arch = "x86_64")]
    if wide_registers() {
        #[expect(unsafe_code, reason = "the processor has just been found to have what the copy uses")]
        // SAFETY: as said; the function is the same code as `parts`, compiled for AVX2.
        unsafe {
            parts_avx2(gather, range, offsets, first, out, value, filter);
        }
        return;
    }
    parts(gather, range, offsets, first, out, value, filter);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn parts_avx2(
    gather: &Gather,
    range: &Range<usize>,
    offsets: &[u32],
    first: usize,
    out: &mut [Gathered],
    value: Option<Rows<'_>>,
    filter: Option<Rows<'_>>,
) {
    parts(gather, range, offsets, first, out, value, filter);
}

/// Rows of the chunk in a buffer.
struct Rows<'a> {
    buffer: &'a Buffer,
    rows: Range<usize>,
}

impl<'a> Rows<'a> {
    fn known(&self) -> Option<&'a [u8]> {
        if self.buffer.all_valid { None } else { self.buffer.valid.get(self.rows.clone()) }
    }
}

#[inline(always)]
fn parts(
    gather: &Gather,
    range: &Range<usize>,
    offsets: &[u32],
    first: usize,
    out: &mut [Gathered],
    value: Option<Rows<'_>>,
    filter: Option<Rows<'_>>,
) {
    let count = range.len();
    let taken = filter.as_ref().and_then(|rows| rows.buffer.mask.get(rows.rows.clone()));
    let filter_known = filter.as_ref().and_then(Rows::known);
    let value_known = value.as_ref().and_then(Rows::known);
    // Rows that count, and rows of which it is not known.
    let used = match (taken, value_known) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(one.to_vec()),
        (Some(taken), Some(known)) => {
            let mut used = taken.to_vec();
            and_into(&mut used, known);
            Some(used)
        }
    };
    let mut open = None;
    if filter_known.is_some() || value_known.is_some() {
        let mut rows = vec![0_u8; count];
        if let Some(known) = value_known {
            or_not(&mut rows, known);
            if let Some(taken) = taken {
                and_into(&mut rows, taken);
            }
        }
        if let Some(known) = filter_known {
            or_not(&mut rows, known);
        }
        open = Some(rows);
    }
    let mut settling = None;
    if let (Aggregate::Any | Aggregate::All, Some(value)) = (gather.function, &value) {
        // `any` is settled by a known truth, `all` by what is known not to be one. Missing truths are 0.
        let mask = value.buffer.mask.get(value.rows.clone()).unwrap_or_default();
        let mut hit = if gather.function == Aggregate::Any { mask.to_vec() } else { vec![0; mask.len()] };
        if gather.function == Aggregate::All {
            or_not(&mut hit, mask);
        }
        let mut harmful = hit.clone();
        if let Some(known) = value_known {
            or_not(&mut harmful, known);
        }
        if let Some(open) = &mut open {
            and_into(open, &harmful);
        }
        if let Some(used) = &used {
            and_into(&mut hit, used);
        }
        settling = Some(Packed::of(&hit));
    }
    let open = open.map(|rows| Packed::of(&rows));
    let taken = used.as_deref();
    let counted = taken.map(Packed::of);
    let mut row = offsets.partition_point(|offset| *offset as usize <= range.start).saturating_sub(1);
    while let (Some(start), Some(end)) = (offsets.get(row), offsets.get(row + 1)) {
        let start = (*start as usize).max(range.start);
        let end = (*end as usize).min(range.end);
        if start >= range.end {
            break;
        }
        if start < end
            && let Some(slot) = row.checked_sub(first).and_then(|at| out.get_mut(at))
        {
            let (start, end) = (start - range.start, end - range.start);
            let mut found = Gathered::EMPTY;
            found.count = counted.as_ref().map_or((end - start) as u32, |counted| counted.count(start, end));
            found.open = open.as_ref().map_or(0, |open| open.count(start, end));
            if let Some(settling) = &settling {
                found.value = i64::from(settling.count(start, end));
            } else if gather.function == Aggregate::Count {
                found.value = i64::from(found.count);
            } else if let Some(value) = &value {
                let at = value.rows.start + start..value.rows.start + end;
                fold(gather, value.buffer, at, taken.map(|taken| &taken[start..end]), &mut found);
            }
            slot.join(gather.function, found);
        }
        row += 1;
    }
}

/// Sum, smallest or largest of one division's rows.
#[inline(always)]
fn fold(gather: &Gather, buffer: &Buffer, at: Range<usize>, used: Option<&[u8]>, found: &mut Gathered) {
    if gather.function == Aggregate::Sum && gather.value_lane == Lane::Narrow {
        let values = &buffer.narrow[at];
        let mut sum = 0_i64;
        match used {
            None => {
                for value in values {
                    sum += i64::from(*value);
                }
            }
            Some(used) => {
                for (value, used) in values.iter().zip(used) {
                    sum += i64::from(value & -i32::from(*used));
                }
            }
        }
        found.value = sum;
        return;
    }
    let mut all = Gathered::EMPTY;
    for row in at.clone().filter(|row| used.is_none_or(|used| used[row - at.start] == 1)) {
        let value = match gather.value_lane {
            Lane::Narrow => i64::from(buffer.narrow[row]),
            Lane::Wide => buffer.wide[row],
            Lane::Mask => i64::from(buffer.mask[row]),
        };
        all.join(gather.function, Gathered::one(value));
    }
    found.value = all.value;
    found.open |= all.open & OVERFLOW;
}

/// Values of a division node from what was gathered: missing where a row could not be counted.
pub(super) fn settle(gathered: &[Gathered], function: Aggregate, lane: Lane) -> Buffer {
    let mut buffer = Buffer::default();
    buffer.size(lane, gathered.len());
    buffer.size_valid(gathered.len());
    buffer.all_valid = false;
    for (row, found) in gathered.iter().enumerate() {
        let known = found.unknown() == 0;
        let (value, known) = match function {
            Aggregate::Any => (i64::from(found.value > 0), known || found.value > 0),
            Aggregate::All => (i64::from(found.value == 0), known || found.value > 0),
            Aggregate::Minimum | Aggregate::Maximum => (found.value, known && found.count > 0),
            Aggregate::Count | Aggregate::Sum => (found.value, known),
        };
        let value = if known { value } else { 0 };
        match lane {
            Lane::Mask => buffer.mask[row] = value as u8,
            Lane::Narrow => buffer.narrow[row] = value as i32,
            Lane::Wide => buffer.wide[row] = value,
        }
        buffer.valid[row] = u8::from(known);
    }
    buffer.all_valid = buffer.valid.iter().all(|valid| *valid == 1);
    buffer
}
