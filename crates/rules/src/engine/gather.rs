//! Aggregates that leave their tree: from units to divisions, for division nodes and for indicators.
#![expect(
    clippy::needless_range_loop,
    reason = "loops over rows of several slices become vector instructions in this form"
)]

use std::ops::Range;

use bangfu_policy::ir::Aggregate;

use super::buffer::{Buffer, Lane};
use super::plan::{Gather, Operand};

/// What was gathered for one division.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathered {
    /// Number, sum, smallest or largest of the known rows.
    pub value: i64,
    /// Rows that count.
    pub count: u32,
    /// Rows that could not be counted.
    pub unknown: u32,
    /// The sum does not fit 64 bits.
    pub overflow: bool,
}

impl Gathered {
    pub(crate) const EMPTY: Self = Self { value: 0, count: 0, unknown: 0, overflow: false };

    /// Joins what was gathered from two parts.
    pub(crate) fn join(&mut self, function: Aggregate, other: Self) {
        self.value = match function {
            Aggregate::Minimum if other.count > 0 && self.count > 0 => self.value.min(other.value),
            Aggregate::Maximum if other.count > 0 && self.count > 0 => self.value.max(other.value),
            Aggregate::Minimum | Aggregate::Maximum if self.count > 0 => self.value,
            Aggregate::Minimum | Aggregate::Maximum => other.value,
            _ => {
                let (sum, overflow) = self.value.overflowing_add(other.value);
                self.overflow |= overflow;
                sum
            }
        };
        self.overflow |= other.overflow;
        self.count += other.count;
        self.unknown += other.unknown;
    }
}

/// A source of rows: a buffer of the chunk, or one kept for all rows with the range that is meant.
struct Rows<'a> {
    buffer: &'a Buffer,
    start: usize,
}

/// Adds the rows `range` of the entity, split at `offsets` of the level, to `out` (whose first row is `first` of the
/// level). `slot` finds buffers; their first row is `range.start`.
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
        Some(Rows { buffer, start: if whole { range.start } else { 0 } })
    };
    let (value, filter) = (rows(gather.value), rows(gather.filter));
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
            let part = start - range.start..end - range.start;
            slot.join(gather.function, one(gather, &part, value.as_ref(), filter.as_ref()));
        }
        row += 1;
    }
}

/// One division's rows.
fn one(gather: &Gather, part: &Range<usize>, value: Option<&Rows<'_>>, filter: Option<&Rows<'_>>) -> Gathered {
    let slice = |rows: &Rows<'_>| rows.start + part.start..rows.start + part.end;
    let taken = filter.and_then(|rows| rows.buffer.mask.get(slice(rows)));
    let filter_known = filter.filter(|rows| !rows.buffer.all_valid).and_then(|rows| rows.buffer.valid.get(slice(rows)));
    let value_known = value.filter(|rows| !rows.buffer.all_valid).and_then(|rows| rows.buffer.valid.get(slice(rows)));
    let mut found = Gathered::EMPTY;
    let count = part.len();
    found.unknown += filter_known.map_or(0, |known| (count - ones(known)) as u32);
    if gather.function == Aggregate::Count {
        found.count = taken.map_or(count, ones) as u32;
        found.value = i64::from(found.count);
        return found;
    }
    let Some(value) = value else { return found };
    let used = |row: usize| taken.map_or(1, |taken| taken[row]) & value_known.map_or(1, |known| known[row]);
    if let Some(known) = value_known {
        found.unknown +=
            (0..count).filter(|row| taken.is_none_or(|taken| taken[*row] == 1) && known[*row] == 0).count() as u32;
    }
    let at = slice(value);
    match (gather.function, gather.value_lane) {
        (Aggregate::Sum, Lane::Narrow) => {
            let values = &value.buffer.narrow[at];
            if taken.is_none() && value_known.is_none() {
                found.value = values.iter().map(|value| i64::from(*value)).sum();
                found.count = count as u32;
            } else {
                for row in 0..count {
                    found.value += i64::from(values[row]) * i64::from(used(row));
                    found.count += u32::from(used(row));
                }
            }
        }
        (Aggregate::Any | Aggregate::All, _) => {
            let any = gather.function == Aggregate::Any;
            let mask = &value.buffer.mask[at];
            // An unknown filter leaves nothing open if the value would not settle the answer anyway.
            found.unknown = (0..count)
                .filter(|row| {
                    let filter_open = filter_known.is_some_and(|known| known[*row] == 0);
                    let value_open = value_known.is_some_and(|known| known[*row] == 0);
                    let settles = value_open || (mask[*row] == 1) == any;
                    settles && (filter_open || (value_open && taken.is_none_or(|taken| taken[*row] == 1)))
                })
                .count() as u32;
            for row in 0..count {
                found.value += i64::from(used(row) & if any { mask[row] } else { 1 - mask[row] });
            }
        }
        (function, lane) => {
            for row in (0..count).filter(|row| used(*row) == 1) {
                let value = match lane {
                    Lane::Narrow => i64::from(value.buffer.narrow[at.start + row]),
                    Lane::Wide => value.buffer.wide[at.start + row],
                    Lane::Mask => i64::from(value.buffer.mask[at.start + row]),
                };
                found.join(function, Gathered { value, count: 1, unknown: 0, overflow: false });
            }
        }
    }
    found
}

fn ones(mask: &[u8]) -> usize {
    mask.iter().map(|bit| usize::from(*bit)).sum()
}

/// Values of a division node from what was gathered: missing where a row could not be counted.
pub(super) fn settle(gathered: &[Gathered], function: Aggregate, lane: Lane) -> Buffer {
    let mut buffer = Buffer::default();
    buffer.size(lane, gathered.len());
    buffer.size_valid(gathered.len());
    buffer.all_valid = false;
    for (row, found) in gathered.iter().enumerate() {
        let known = found.unknown == 0;
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
