//! Between the records of a household and the household: values repeated downwards, aggregates upwards.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]
#![expect(clippy::too_many_arguments, reason = "a kernel takes the step, its rows, its inputs and its outputs")]

use std::ops::Range;

use bangfu_policy::ir::{Aggregate, ExprId};
use bangfu_policy::model::Entity;

use super::buffer::{Buffer, Lane};
use super::execute::{Chunk, Shared, Workspace, lane_of, missing, put, settle, valid, view};
use super::kernels::{NarrowLanes, Same, Source, View, WideLanes, and_into, or_not, with_lanes};
use super::packed::Packed;
use super::plan::{Operand, Step};

/// Ends of the groups of a chunk, counted from its first row below; the first group begins at 0.
#[derive(Clone, Copy)]
struct Groups<'a> {
    base: u32,
    ends: &'a [u32],
}

impl<'a> Groups<'a> {
    fn new(offsets: &'a [u32]) -> Self {
        let (base, ends) = offsets.split_first().map_or((0, offsets), |(base, ends)| (*base, ends));
        Self { base, ends }
    }
}

/// Runs a loop over groups, written out so that it is inlined: row, start and end.
macro_rules! each {
    ($groups:expr, ($row:ident, $start:ident, $end:ident) => $body:expr) => {
        let mut $start = 0_usize;
        for ($row, end) in $groups.ends.iter().enumerate() {
            let $end = (end - $groups.base) as usize;
            $body;
            $start = $end;
        }
    };
}

/// Repeats the value of each ancestor for its rows.
#[inline(always)]
pub(super) fn broadcast(
    shared: &Shared<'_>,
    step: &Step,
    from: Entity,
    chunk: &Chunk,
    range: &Range<usize>,
    work: &Workspace,
    out: &mut Buffer,
) {
    let Some(operand) = step.operands.first().copied() else { return };
    let offsets = shared.layout.offsets(from, step.entity);
    // Rows of the ancestor: those of the chunk when it is of the same tree, else those that hold the chunk's rows.
    let above = if let Operand::Slot(_) = operand {
        chunk.range(from)
    } else {
        let first = offsets.partition_point(|offset| *offset as usize <= range.start).saturating_sub(1);
        let last = offsets.partition_point(|offset| (*offset as usize) < range.end);
        first..last.max(first)
    };
    let (buffer, start) = match operand {
        Operand::Slot(slot) => (&work.slots[slot], 0),
        Operand::Kept(id) => match shared.kept(id) {
            Some(buffer) => (buffer, above.start),
            None => return missing(out, range.len()),
        },
        Operand::Same(_) => return,
    };
    out.all_valid = buffer.all_valid;
    if !out.all_valid {
        out.size_valid(range.len());
    }
    let parents = shared.layout.parents(from, step.entity);
    let shift = above.start - start;
    macro_rules! repeat {
        ($from:expr, $to:expr) => {
            if let Some(parents) = parents.and_then(|parents| parents.get(range.clone())) {
                let to = &mut $to[..parents.len()];
                for row in 0..parents.len() {
                    to[row] = $from[parents[row] as usize - shift];
                }
            } else {
                for (index, row) in above.clone().enumerate() {
                    let Some(value) = $from.get(start + index) else { break };
                    let (first, last) = (offsets[row] as usize, offsets[row + 1] as usize);
                    let (first, last) =
                        (first.max(range.start) - range.start, last.min(range.end).max(range.start) - range.start);
                    $to[first.min(last)..last].fill(*value);
                }
            }
        };
    }
    match step.lane {
        Lane::Mask => repeat!(buffer.mask, out.mask),
        Lane::Narrow => repeat!(buffer.narrow, out.narrow),
        Lane::Wide => repeat!(buffer.wide, out.wide),
    }
    if !out.all_valid {
        repeat!(buffer.valid, out.valid);
        settle(out);
    }
}

/// An aggregate over descendants in the same tree.
#[inline(always)]
pub(super) fn aggregate(
    shared: &Shared<'_>,
    step: &Step,
    (function, over, has_value, has_filter): (Aggregate, Entity, bool, bool),
    ids: &[ExprId],
    chunk: &Chunk,
    range: &Range<usize>,
    work: &Workspace,
    out: &mut Buffer,
) {
    let rows = range.len();
    let offsets = shared.layout.offsets(step.entity, over);
    let below = chunk.range(over);
    let count = below.len();
    let groups = Groups::new(&offsets[range.start..=range.end]);
    let mut operands = step.operands.iter().zip(ids);
    let value = if has_value { operands.next() } else { None };
    let filter = if has_filter { operands.next() } else { None };
    let taken = filter.map(|(operand, _)| match view(shared, *operand, Lane::Mask, &below, work) {
        View::Mask(mask) => mask,
        _ => &[],
    });
    let filter_known = filter.and_then(|(operand, _)| valid(shared, *operand, &below, work));
    let value_known = value.and_then(|(operand, _)| valid(shared, *operand, &below, work));
    // Rows that leave the answer open: an unknown filter, or an unknown value of a row that is taken.
    let mut open: Option<Vec<u8>> = None;
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
    out.all_valid = true;
    match function {
        Aggregate::Count => {
            let packed = taken.map(|taken| Packed::of(&taken[..count]));
            match (packed, step.lane) {
                (None, lane) => {
                    each!(groups, (row, start, end) => put(lane, row, (end - start) as i64, out));
                }
                (Some(packed), Lane::Narrow) => {
                    let out = &mut out.narrow[..rows];
                    each!(groups, (row, start, end) => out[row] = packed.count(start, end) as i32);
                }
                (Some(packed), lane) => {
                    each!(groups, (row, start, end) => put(lane, row, i64::from(packed.count(start, end)), out));
                }
            }
        }
        Aggregate::Sum => {
            let Some((operand, id)) = value else { return };
            let value = view(shared, *operand, lane_of(shared, *id), &below, work);
            // Rows that are not taken, or not known, add nothing.
            match (taken, value_known) {
                (None, None) => sums(step, rows, count, groups, value, out),
                (Some(one), None) | (None, Some(one)) => weighted(step, rows, groups, value, &one[..count], out),
                (Some(taken), Some(known)) => {
                    let mut weight = taken[..count].to_vec();
                    and_into(&mut weight, known);
                    weighted(step, rows, groups, value, &weight, out);
                }
            }
        }
        Aggregate::Any | Aggregate::All => {
            let Some((operand, _)) = value else { return };
            let View::Mask(mask) = view(shared, *operand, Lane::Mask, &below, work) else { return };
            quantified(function == Aggregate::Any, rows, groups, (&mask[..count], value_known, taken), open, out);
            return;
        }
        Aggregate::Minimum | Aggregate::Maximum => {
            let Some((operand, id)) = value else { return };
            let value = view(shared, *operand, lane_of(shared, *id), &below, work);
            out.size_valid(rows);
            each!(groups, (row, start, end) => {
                let used =
                    (start..end).filter(|row| taken.is_none_or(|taken| taken[*row] == 1)).map(|row| value.get(row));
                let found = if function == Aggregate::Minimum { used.min() } else { used.max() };
                out.valid[row] = u8::from(found.is_some());
                put(step.lane, row, found.unwrap_or(0), out);
            });
            out.all_valid = false;
        }
    }
    if let Some(open) = open {
        if out.all_valid {
            out.size_valid(rows);
            out.valid.fill(1);
            out.all_valid = false;
        }
        let open = Packed::of(&open);
        let valid = &mut out.valid[..rows];
        each!(groups, (row, start, end) => valid[row] &= u8::from(open.count(start, end) == 0));
    }
    if !out.all_valid {
        settle(out);
    }
}

/// `any` and `all`: one taken row that is true, or known to be false, settles the answer.
#[inline(always)]
fn quantified(
    any: bool,
    rows: usize,
    groups: Groups<'_>,
    (mask, known, taken): (&[u8], Option<&[u8]>, Option<&[u8]>),
    open: Option<Vec<u8>>,
    out: &mut Buffer,
) {
    // Missing truths are 0, so what is true is also known.
    let mut settling = mask.to_vec();
    if !any {
        settling.fill(0);
        or_not(&mut settling, mask);
        if let Some(known) = known {
            and_into(&mut settling, known);
        }
    }
    // A row whose filter is unknown leaves nothing open if its value would not settle the answer anyway.
    let open = open.map(|mut open| {
        let mut harmful = settling.clone();
        if let Some(known) = known {
            or_not(&mut harmful, known);
        }
        and_into(&mut open, &harmful);
        Packed::of(&open)
    });
    if let Some(taken) = taken {
        and_into(&mut settling, taken);
    }
    let settling = Packed::of(&settling);
    let truths = &mut out.mask[..rows];
    match open {
        None => {
            each!(groups, (row, start, end) => truths[row] = u8::from((settling.count(start, end) > 0) == any));
        }
        Some(open) => {
            out.valid.resize(rows, 0);
            out.all_valid = false;
            let valid = &mut out.valid[..rows];
            each!(groups, (row, start, end) => {
                let settled = settling.count(start, end) > 0;
                truths[row] = u8::from(settled == any);
                valid[row] = u8::from(settled || open.count(start, end) == 0);
            });
            settle(out);
        }
    }
}

/// Sums over the rows whose weight is 1.
#[inline(always)]
fn weighted(step: &Step, rows: usize, groups: Groups<'_>, value: View<'_>, weight: &[u8], out: &mut Buffer) {
    let count = weight.len();
    if value.is_wide() || step.lane != Lane::Narrow {
        let mut kept = vec![0_i64; count];
        with_lanes!(value, count, value => {
            for row in 0..count {
                kept[row] = Source::<i64>::at(&value, row) & -i64::from(weight[row]);
            }
        });
        sums(step, rows, count, groups, View::Wide(&kept), out);
    } else {
        let mut kept = vec![0_i32; count];
        with_lanes!(value, count, value => {
            for row in 0..count {
                kept[row] = Source::<i32>::at(&value, row) & -i32::from(weight[row]);
            }
        });
        sums(step, rows, count, groups, View::Narrow(&kept), out);
    }
}

/// Sums of groups as differences of running sums. Running sums may wrap; their differences do not, because the sums of
/// groups fit the lane.
#[inline(always)]
fn sums(step: &Step, rows: usize, count: usize, groups: Groups<'_>, value: View<'_>, out: &mut Buffer) {
    macro_rules! differences {
        ($of:ty, $out:expr) => {{
            let mut running: Vec<$of> = vec![0; count + 1];
            with_lanes!(value, count, value => {
                let running = &mut running[1..=count];
                let mut sum: $of = 0;
                for row in 0..count {
                    sum = sum.wrapping_add(Source::<$of>::at(&value, row));
                    running[row] = sum;
                }
            });
            let out = &mut $out[..rows];
            let mut before = 0;
            for (slot, end) in out.iter_mut().zip(groups.ends) {
                let after = running[((end - groups.base) as usize).min(count)];
                *slot = after.wrapping_sub(before);
                before = after;
            }
        }};
    }
    if step.lane == Lane::Narrow { differences!(i32, out.narrow) } else { differences!(i64, out.wide) }
}

/// Groups whose sum does not fit 64 bits; looked for only where the ranges do not rule it out.
pub(super) fn overflowing_sums(
    shared: &Shared<'_>,
    step: &Step,
    over: Entity,
    ids: &[ExprId],
    chunk: &Chunk,
    range: &Range<usize>,
    work: &Workspace,
    failures: &mut Vec<usize>,
) {
    let below = chunk.range(over);
    let (Some(operand), Some(id)) = (step.operands.first(), ids.first()) else { return };
    let value = view(shared, *operand, lane_of(shared, *id), &below, work);
    let groups = Groups::new(&shared.layout.offsets(step.entity, over)[range.start..=range.end]);
    each!(groups, (row, start, end) => {
        // The sum of magnitudes bounds every sum of a part.
        let most: u128 = (start..end).map(|row| u128::from(value.get(row).unsigned_abs())).sum();
        if most > i64::MAX as u128 {
            failures.push(row);
        }
    });
}
