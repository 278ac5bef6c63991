//! Choices between values: lists, folds, `coalesce`, `and`, `or`, `case`.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over rows of several slices become vector instructions in this form"
)]

use std::ops::Range;

use bangfu_policy::ir::{ExprId, Op};

use super::buffer::{Buffer, Lane};
use super::execute::{Shared, Workspace, all_known, clear_missing, copy_lanes, lane_of, settle, valid, view};
use super::kernels::{NarrowLanes, Same, Source, View, WideLanes, and_into, blend, with_lanes};
use super::plan::Step;
use crate::frame::Lanes;

#[inline(always)]
pub(super) fn is_in(rows: usize, a: View<'_>, list: &[i64], out: &mut Buffer) {
    out.mask.fill(0);
    let mask = &mut out.mask[..rows];
    for constant in list {
        let constant = Same(*constant);
        with_lanes!(a, rows, a => {
            for row in 0..rows {
                mask[row] |= u8::from(Source::<i64>::at(&a, row) == constant.0);
            }
        });
    }
}

/// Texts were read as positions in the column's dictionary.
#[inline(always)]
pub(super) fn text_in(
    shared: &Shared<'_>,
    step: &Step,
    field: ExprId,
    texts: &[String],
    rows: usize,
    (a, va): (View<'_>, Option<&[u8]>),
    out: &mut Buffer,
) {
    all_known(out, rows, &[va]);
    let Op::Field { field, shift } = &shared.pack.graph[super::plan::canonical(shared.pack, field)].op else { return };
    let column = shared.frame.tables.get(&step.entity).and_then(|table| table.columns.get(&(*field, *shift)));
    if let Some(Lanes::Texts { dictionary, .. }) = column.map(|column| &column.lanes) {
        let wanted: Vec<u8> = dictionary.iter().map(|text| u8::from(texts.contains(text))).collect();
        for row in 0..rows {
            out.mask[row] = wanted.get(a.get(row) as usize).copied().unwrap_or(0);
        }
    } else {
        out.mask.fill(0);
    }
    clear_missing(out);
}

#[inline(always)]
pub(super) fn fold(
    shared: &Shared<'_>,
    step: &Step,
    list: &[ExprId],
    range: &Range<usize>,
    work: &Workspace,
    out: &mut Buffer,
    least: bool,
) {
    let rows = range.len();
    let known: Vec<_> = step.operands.iter().map(|operand| valid(shared, *operand, range, work)).collect();
    all_known(out, rows, &known);
    for (index, (operand, id)) in step.operands.iter().zip(list).enumerate() {
        let value = view(shared, *operand, lane_of(shared, *id), range, work);
        if index == 0 {
            copy_lanes(step.lane, rows, value, out);
            continue;
        }
        match step.lane {
            Lane::Narrow => with_lanes!(value, rows, b => {
                let out = &mut out.narrow[..rows];
                for row in 0..rows {
                    let other: i32 = b.at(row);
                    out[row] = if least { out[row].min(other) } else { out[row].max(other) };
                }
            }),
            _ => with_lanes!(value, rows, b => {
                let out = &mut out.wide[..rows];
                for row in 0..rows {
                    let other: i64 = b.at(row);
                    out[row] = if least { out[row].min(other) } else { out[row].max(other) };
                }
            }),
        }
    }
}

/// Takes a value where the mask is set.
#[inline(always)]
fn take(lane: Lane, rows: usize, mask: &[u8], value: View<'_>, out: &mut Buffer) {
    match lane {
        Lane::Mask => {
            if let View::Mask(value) = value {
                choose(&mut out.mask[..rows], mask, value);
            }
        }
        Lane::Narrow => with_lanes!(value, rows, value => blend(&mut out.narrow[..rows], mask, value)),
        Lane::Wide => with_lanes!(value, rows, value => blend(&mut out.wide[..rows], mask, value)),
    }
}

/// Bytes of `other` where the mask is 1.
#[inline(always)]
fn choose(out: &mut [u8], mask: &[u8], other: &[u8]) {
    let (mask, other) = (&mask[..out.len()], &other[..out.len()]);
    for row in 0..out.len() {
        let chosen = mask[row].wrapping_neg();
        out[row] = (other[row] & chosen) | (out[row] & !chosen);
    }
}

/// Takes the validity of a value where the mask is set.
#[inline(always)]
fn take_known(rows: usize, mask: &[u8], known: Option<&[u8]>, out: &mut Buffer) {
    let (valid, mask) = (&mut out.valid[..rows], &mask[..rows]);
    match known {
        Some(known) => choose(valid, mask, known),
        None => {
            for row in 0..rows {
                valid[row] |= mask[row];
            }
        }
    }
}

/// Writes the validity of a first value out.
#[inline(always)]
fn begin_known(rows: usize, known: Option<&[u8]>, out: &mut Buffer) {
    out.size_valid(rows);
    match known {
        Some(known) => out.valid.copy_from_slice(&known[..rows]),
        None => out.valid.fill(1),
    }
    out.all_valid = false;
}

#[inline(always)]
pub(super) fn coalesce(
    shared: &Shared<'_>,
    step: &Step,
    list: &[ExprId],
    range: &Range<usize>,
    work: &Workspace,
    out: &mut Buffer,
) {
    let rows = range.len();
    for (index, (operand, id)) in step.operands.iter().zip(list).enumerate().rev() {
        let value = view(shared, *operand, lane_of(shared, *id), range, work);
        let known = valid(shared, *operand, range, work);
        match known {
            Some(known) if index + 1 < list.len() => {
                take(step.lane, rows, known, value, out);
                take_known(rows, known, None, out);
            }
            known => {
                copy_lanes(step.lane, rows, value, out);
                begin_known(rows, known, out);
            }
        }
    }
    settle(out);
}

/// Missing truths are 0, so `and` and `or` of the bytes are right; only what is known has to be found.
#[inline(always)]
pub(super) fn kleene(
    shared: &Shared<'_>,
    step: &Step,
    and: bool,
    range: &Range<usize>,
    work: &Workspace,
    out: &mut Buffer,
) {
    let rows = range.len();
    let parts: Vec<(&[u8], Option<&[u8]>)> = step
        .operands
        .iter()
        .filter_map(|operand| match view(shared, *operand, Lane::Mask, range, work) {
            View::Mask(mask) => Some((mask, valid(shared, *operand, range, work))),
            _ => None,
        })
        .collect();
    out.mask.fill(u8::from(and));
    for (mask, _) in &parts {
        let (mask, target) = (&mask[..rows], &mut out.mask[..rows]);
        if and {
            for row in 0..rows {
                target[row] &= mask[row];
            }
        } else {
            for row in 0..rows {
                target[row] |= mask[row];
            }
        }
    }
    let known: Vec<_> = parts.iter().map(|(_, known)| *known).collect();
    all_known(out, rows, &known);
    if out.all_valid {
        return;
    }
    // One known false settles `and`; one known true settles `or`.
    let decided = &mut out.valid[..rows];
    for (mask, known) in &parts {
        let mask = &mask[..rows];
        match (and, known) {
            (true, Some(known)) => {
                let known = &known[..rows];
                for row in 0..rows {
                    decided[row] |= known[row] & (1 - mask[row]);
                }
            }
            (true, None) => {
                for row in 0..rows {
                    decided[row] |= 1 - mask[row];
                }
            }
            (false, _) => {
                for row in 0..rows {
                    decided[row] |= mask[row];
                }
            }
        }
    }
    clear_missing(out);
}

#[inline(always)]
pub(super) fn case(
    shared: &Shared<'_>,
    step: &Step,
    arms: usize,
    ids: &[ExprId],
    range: &Range<usize>,
    work: &Workspace,
    out: &mut Buffer,
) {
    let rows = range.len();
    let part = |index: usize| {
        let operand = step.operands[index];
        let lane = if index < arms * 2 && index.is_multiple_of(2) { Lane::Mask } else { lane_of(shared, ids[index]) };
        (view(shared, operand, lane, range, work), valid(shared, operand, range, work))
    };
    let (value, known) = part(arms * 2);
    let open = (0..=arms * 2).any(|index| part(index).1.is_some());
    copy_lanes(step.lane, rows, value, out);
    out.all_valid = true;
    if open {
        begin_known(rows, known, out);
    }
    for arm in (0..arms).rev() {
        let (condition, condition_known) = part(arm * 2);
        let (value, known) = part(arm * 2 + 1);
        let View::Mask(condition) = condition else { continue };
        take(step.lane, rows, condition, value, out);
        if open {
            take_known(rows, condition, known, out);
        }
        if let Some(condition_known) = condition_known {
            and_into(&mut out.valid, condition_known);
        }
    }
    if open {
        settle(out);
    }
}
