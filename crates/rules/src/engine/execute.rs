//! One pass over one chunk: steps from buffer to buffer.
//! Length: one match over the operations of the graph, each a few lines; read beside `ir.rs`.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bangfu_policy::arithmetic;
use bangfu_policy::ir::{Aggregate, Comparison, DatePart, ExprId, Op, Scalar, Type};
use bangfu_policy::model::{Entity, Pack, ParameterId};

use super::buffer::{Buffer, Lane, load};
use super::choice::{case, coalesce, fold, is_in, kleene, text_in};
use super::dates::{age, civil, dates, months};
use super::groups::{aggregate, broadcast, overflowing_sums};
use super::kernels::{NarrowLanes, Same, Source, View, WideLanes, and_into, compare, map, wide_registers, with_lanes};
use super::layout::Layout;
use super::numbers::{Minus, Plus, Times, compare_quotient, divide, integers, rescale};
use super::parameters::parameter_values;
use super::plan::{Action, Keep, Operand, Pass, Plan, Step};
use crate::frame::Frame;

/// Values below this magnitude divide exactly in double precision.
const EXACT: u128 = 1 << 51;
/// Most rows that are reported as failing.
const MOST_FAILURES: usize = 200;

/// What all chunks share.
pub(super) struct Shared<'a> {
    pub pack: &'a Pack,
    pub frame: &'a Frame,
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub overrides: &'a [(ParameterId, Scalar)],
    /// Values kept by earlier passes, for all rows.
    pub values: &'a HashMap<ExprId, Arc<Buffer>>,
    /// Results of gathers of earlier passes, by position of the wanted gather.
    pub gathered: &'a HashMap<ExprId, Buffer>,
}

impl Shared<'_> {
    /// Values kept for all rows.
    #[inline(always)]
    pub(super) fn kept(&self, id: ExprId) -> Option<&Buffer> {
        self.values.get(&id).map(Arc::as_ref)
    }
}

/// A row in which an operation had no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    pub node: ExprId,
    pub row: usize,
}

/// Buffers of a thread.
#[derive(Default)]
pub(super) struct Workspace {
    pub slots: Vec<Buffer>,
    pub failures: Vec<Failure>,
}

/// Rows of each entity in the chunk.
pub(super) struct Chunk {
    /// Levels, then registers.
    rows: Vec<Range<usize>>,
    levels: usize,
}

impl Chunk {
    pub(super) fn new(pack: &Pack, rows: impl Iterator<Item = (Entity, Range<usize>)>) -> Self {
        let levels = pack.levels.len();
        let mut chunk = Self { rows: vec![0..0; levels + pack.registers.len()], levels };
        for (entity, rows) in rows {
            let place = chunk.place(entity);
            if let Some(slot) = chunk.rows.get_mut(place) {
                *slot = rows;
            }
        }
        chunk
    }

    fn place(&self, entity: Entity) -> usize {
        match entity {
            Entity::Level(level) => level.index(),
            Entity::Register(register) => self.levels + register.index(),
        }
    }

    pub(super) fn range(&self, entity: Entity) -> Range<usize> {
        self.rows.get(self.place(entity)).cloned().unwrap_or(0..0)
    }
}

/// Runs all steps of a pass; `keep` is handed the buffers that must outlive the chunk.
pub(super) fn run(
    shared: &Shared<'_>,
    pass: &Pass,
    chunk: &Chunk,
    work: &mut Workspace,
    keep: &mut dyn FnMut(usize, &Buffer),
) {
    work.slots.resize_with(shared.plan.slots.max(work.slots.len()), Buffer::default);
    for step in &pass.steps {
        let rows = chunk.range(step.entity);
        let mut out = std::mem::take(&mut work.slots[step.out]);
        dispatch(shared, step, chunk, &rows, work, &mut out);
        if step.keep != Keep::No {
            keep(rows.len(), &out);
        }
        work.slots[step.out] = out;
    }
}

/// Chooses the copy of the loops that fits the processor.
fn dispatch(
    shared: &Shared<'_>,
    step: &Step,
    chunk: &Chunk,
    rows: &Range<usize>,
    work: &mut Workspace,
    out: &mut Buffer,
) {
    #[cfg(target_arch = "x86_64")]
    if wide_registers() {
        #[expect(unsafe_code, reason = "the processor has just been found to have what the copy uses")]
        // SAFETY: as said; the function is the same code as `step_of`, compiled for AVX2.
        unsafe {
            step_avx2(shared, step, chunk, rows, work, out);
        }
        return;
    }
    step_of(shared, step, chunk, rows, work, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn step_avx2(
    shared: &Shared<'_>,
    step: &Step,
    chunk: &Chunk,
    rows: &Range<usize>,
    work: &mut Workspace,
    out: &mut Buffer,
) {
    step_of(shared, step, chunk, rows, work, out);
}

/// Operands of a step in the chunk.
struct Inputs<'a> {
    views: [View<'a>; 3],
    valid: [Option<&'a [u8]>; 3],
}

#[inline(always)]
pub(super) fn view<'a>(
    shared: &'a Shared<'_>,
    operand: Operand,
    lane: Lane,
    rows: &Range<usize>,
    work: &'a Workspace,
) -> View<'a> {
    let (buffer, range) = match operand {
        Operand::Same(value) => return View::Same(value),
        Operand::Slot(slot) => (&work.slots[slot], 0..rows.len()),
        Operand::Kept(id) => match shared.kept(id) {
            Some(buffer) => (buffer, rows.clone()),
            None => return View::Same(0),
        },
    };
    match lane {
        Lane::Mask => View::Mask(buffer.mask.get(range).unwrap_or_default()),
        Lane::Narrow => View::Narrow(buffer.narrow.get(range).unwrap_or_default()),
        Lane::Wide => View::Wide(buffer.wide.get(range).unwrap_or_default()),
    }
}

#[inline(always)]
pub(super) fn valid<'a>(
    shared: &'a Shared<'_>,
    operand: Operand,
    rows: &Range<usize>,
    work: &'a Workspace,
) -> Option<&'a [u8]> {
    let (buffer, range) = match operand {
        Operand::Same(_) => return None,
        Operand::Slot(slot) => (&work.slots[slot], 0..rows.len()),
        Operand::Kept(id) => (shared.kept(id)?, rows.clone()),
    };
    if buffer.all_valid { None } else { buffer.valid.get(range) }
}

/// Lane in which an operand's values stand.
#[inline(always)]
pub(super) fn lane_of(shared: &Shared<'_>, id: ExprId) -> Lane {
    let id = super::plan::canonical(shared.pack, id);
    match shared.plan.constants.get(id) {
        Some(_) if shared.pack.graph[id].ty == Type::Boolean => Lane::Mask,
        Some(Scalar::Integer(value)) if i32::try_from(*value).is_err() => Lane::Wide,
        Some(_) => Lane::Narrow,
        None => shared.plan.lanes.get(id).copied().unwrap_or(Lane::Wide),
    }
}

/// `out.valid` = all of these are known.
#[inline(always)]
pub(super) fn all_known(out: &mut Buffer, rows: usize, parts: &[Option<&[u8]>]) {
    out.all_valid = true;
    for part in parts.iter().flatten() {
        if out.all_valid {
            out.size_valid(rows);
            out.valid.copy_from_slice(&part[..rows]);
            out.all_valid = false;
        } else {
            and_into(&mut out.valid, part);
        }
    }
}

/// Missing truths are 0.
#[inline(always)]
pub(super) fn clear_missing(out: &mut Buffer) {
    if !out.all_valid {
        let (mask, valid) = (&mut out.mask, &out.valid);
        and_into(mask, valid);
    }
}

/// Forgets the validity again where nothing is missing.
#[inline(always)]
pub(super) fn settle(out: &mut Buffer) {
    let mut all = 1_u8;
    for valid in &out.valid {
        all &= valid;
    }
    out.all_valid = all == 1;
    if !out.all_valid && !out.mask.is_empty() && out.mask.len() == out.valid.len() {
        clear_missing(out);
    }
}

/// Marks a row as failed: missing here, and looked at again by the interpreter.
#[inline(always)]
fn fail(out: &mut Buffer, rows: usize, at: usize) {
    if out.all_valid {
        out.size_valid(rows);
        out.valid.fill(1);
        out.all_valid = false;
    }
    out.valid[at] = 0;
}

#[inline(always)]
fn step_of(
    shared: &Shared<'_>,
    step: &Step,
    chunk: &Chunk,
    range: &Range<usize>,
    work: &mut Workspace,
    out: &mut Buffer,
) {
    let rows = range.len();
    out.size(step.lane, rows);
    match step.action {
        Action::Fill(value) => {
            out.all_valid = value != Scalar::Missing;
            if !out.all_valid {
                out.size_valid(rows);
                out.valid.fill(0);
            }
            let number = match value {
                Scalar::Integer(number) => number,
                Scalar::Boolean(truth) => i64::from(truth),
                Scalar::Missing => 0,
            };
            match step.lane {
                Lane::Mask => out.mask.fill(number as u8),
                Lane::Narrow => out.narrow.fill(number as i32),
                Lane::Wide => out.wide.fill(number),
            }
            return;
        }
        Action::Reload => {
            if let Some(kept) = shared.kept(step.node) {
                copy_rows(kept, range, step.lane, out);
            }
            return;
        }
        Action::Compute => {}
    }
    let node = &shared.pack.graph[step.node];
    if let Some(gathered) = shared.gathered.get(&step.node) {
        copy_rows(gathered, range, step.lane, out);
        return;
    }
    let ids = node.op.operands();
    let mut inputs = Inputs { views: [View::Same(0); 3], valid: [None; 3] };
    for (index, operand) in step.operands.iter().enumerate().take(3) {
        let lane = ids.get(index).map_or(Lane::Wide, |id| lane_of(shared, *id));
        inputs.views[index] = view(shared, *operand, lane, range, work);
        inputs.valid[index] = valid(shared, *operand, range, work);
    }
    let [a, b, c] = inputs.views;
    let [va, vb, vc] = inputs.valid;
    let mut failures = Vec::new();
    match &node.op {
        Op::Field { field, shift } => {
            let column = shared.frame.tables.get(&step.entity).and_then(|table| table.columns.get(&(*field, *shift)));
            match column {
                Some(column) => load(&column.lanes, column.validity.as_ref(), range.start, rows, step.lane, out),
                None => missing(out, rows),
            }
        }
        Op::Parameter { parameter, key, shift, .. } => {
            parameter_values(shared, step, *parameter, key.is_some(), *shift, (a, va), range, out);
        }
        Op::Broadcast { from, .. } => broadcast(shared, step, *from, chunk, range, work, out),
        Op::Aggregate { function, over, value, filter } => {
            aggregate(
                shared,
                step,
                (*function, *over, value.is_some(), filter.is_some()),
                &ids,
                chunk,
                range,
                work,
                out,
            );
            if step.checked && *function == Aggregate::Sum {
                overflowing_sums(shared, step, *over, &ids, chunk, range, work, &mut failures);
            }
        }
        Op::Add(..) | Op::AddDays(..) => integers(Plus, step, rows, a, b, [va, vb], out, &mut failures),
        Op::Subtract(..) => integers(Minus, step, rows, a, b, [va, vb], out, &mut failures),
        Op::Multiply(..) => integers(Times, step, rows, a, b, [va, vb], out, &mut failures),
        Op::Negate(_) => integers(Minus, step, rows, View::Same(0), a, [None, va], out, &mut failures),
        Op::Absolute(_) => {
            all_known(out, rows, &[va]);
            match step.lane {
                Lane::Narrow => with_lanes!(a, rows, a => map(&mut out.narrow[..rows], a, |x: i32| x.wrapping_abs())),
                _ => with_lanes!(a, rows, a => map(&mut out.wide[..rows], a, |x: i64| x.wrapping_abs())),
            }
        }
        Op::Rescale { rounding, .. } => {
            let scale = |id: ExprId| match shared.pack.graph[id].ty {
                Type::Number { scale, .. } => scale,
                _ => 0,
            };
            let exact = operand_magnitude(shared, ids[0]) < EXACT;
            let scales = (scale(ids[0]), scale(step.node));
            rescale(step, rows, a, va, scales, (*rounding, exact), out, &mut failures);
        }
        Op::Divide { shift, rounding, .. } => {
            let bounds = |index: usize| operand_magnitude(shared, ids[index]);
            let exact = bounds(0).saturating_mul(10_u128.pow(u32::from(*shift))) < EXACT && bounds(1) < EXACT;
            all_known(out, rows, &[va, vb]);
            divide(step, rows, a, b, (*shift, *rounding), exact, out, &mut failures);
        }
        Op::Compare(comparison, ..) => {
            all_known(out, rows, &[va, vb]);
            let mask = &mut out.mask[..rows];
            if a.is_wide() || b.is_wide() {
                with_lanes!(a, rows, a => with_lanes!(b, rows, b => compare::<i64, _, _>(mask, *comparison, a, b)));
            } else {
                with_lanes!(a, rows, a => with_lanes!(b, rows, b => compare::<i32, _, _>(mask, *comparison, a, b)));
            }
            clear_missing(out);
        }
        Op::CompareQuotient { comparison, .. } => {
            all_known(out, rows, &[va, vb, vc]);
            let product = operand_magnitude(shared, ids[1]).saturating_mul(operand_magnitude(shared, ids[2]));
            let positive = operand_low(shared, ids[1]) >= 0 && product < i64::MAX as u128;
            compare_quotient(rows, [a, b, c], *comparison, positive, out, &mut failures);
            clear_missing(out);
        }
        Op::Least(list) | Op::Greatest(list) => {
            let least = matches!(node.op, Op::Least(_));
            fold(shared, step, list, range, work, out, least);
        }
        Op::Coalesce(list) => coalesce(shared, step, list, range, work, out),
        Op::NullIf(..) => {
            all_known(out, rows, &[va]);
            copy_lanes(step.lane, rows, a, out);
            let mut equal = vec![0_u8; rows];
            with_lanes!(a, rows, a => with_lanes!(b, rows, b => compare::<i64, _, _>(&mut equal, Comparison::Equal, a, b)));
            if let Some(vb) = vb {
                and_into(&mut equal, vb);
            }
            if equal.contains(&1) {
                if out.all_valid {
                    out.size_valid(rows);
                    out.valid.fill(1);
                    out.all_valid = false;
                }
                out.valid.iter_mut().zip(&equal).for_each(|(valid, equal)| *valid &= 1 - equal);
            }
        }
        Op::In(_, list) => {
            all_known(out, rows, &[va]);
            is_in(rows, a, list, out);
            clear_missing(out);
        }
        Op::TextIn(field, texts) => text_in(shared, step, *field, texts, rows, (a, va), out),
        Op::IsMissing(_) => {
            out.all_valid = true;
            match va {
                Some(valid) => out.mask.iter_mut().zip(valid).for_each(|(out, valid)| *out = 1 - valid),
                None => out.mask.fill(0),
            }
        }
        Op::IsTruth(_, truth) => {
            out.all_valid = true;
            if let View::Mask(mask) = a {
                match (truth, va) {
                    (true, _) => out.mask.copy_from_slice(&mask[..rows]),
                    (false, None) => out.mask.iter_mut().zip(mask).for_each(|(out, truth)| *out = 1 - truth),
                    (false, Some(valid)) => {
                        let truths = valid.iter().zip(mask).map(|(valid, mask)| valid & (1 - mask));
                        out.mask.iter_mut().zip(truths).for_each(|(out, truth)| *out = truth);
                    }
                }
            }
        }
        Op::Not(_) => {
            all_known(out, rows, &[va]);
            if let View::Mask(mask) = a {
                out.mask.iter_mut().zip(mask).for_each(|(out, truth)| *out = 1 - truth);
            }
            clear_missing(out);
        }
        Op::And(_) | Op::Or(_) => kleene(shared, step, matches!(node.op, Op::And(_)), range, work, out),
        Op::Case { arms, .. } => case(shared, step, arms.len(), &ids, range, work, out),
        Op::Age { .. } => {
            all_known(out, rows, &[va, vb]);
            dates!(step, rows, a, b, out, (x, y) => age(x, y));
        }
        Op::Months { .. } => {
            all_known(out, rows, &[va, vb]);
            dates!(step, rows, a, b, out, (x, y) => months(x, y));
        }
        Op::DatePart(part, _) => {
            all_known(out, rows, &[va]);
            let none = View::Same(0);
            match part {
                DatePart::Year => dates!(step, rows, a, none, out, (x, _y) => civil(x).0),
                DatePart::Month => dates!(step, rows, a, none, out, (x, _y) => civil(x).1),
                DatePart::Day => dates!(step, rows, a, none, out, (x, _y) => civil(x).2),
            }
        }
        Op::AddMonths(..) => {
            all_known(out, rows, &[va, vb]);
            for row in 0..rows {
                let known = out.all_valid || out.valid[row] == 1;
                match arithmetic::add_months(a.get(row), b.get(row)) {
                    Ok(day) => put(step.lane, row, day, out),
                    Err(_) if known => failures.push(row),
                    Err(_) => put(step.lane, row, 0, out),
                }
            }
        }
        Op::MakeDate(..) => {
            all_known(out, rows, &[va, vb, vc]);
            for row in 0..rows {
                if let Some(day) = arithmetic::make_date(a.get(row), b.get(row), c.get(row)) {
                    put(step.lane, row, day, out);
                } else {
                    put(step.lane, row, 0, out);
                    fail(out, rows, row);
                }
            }
        }
        Op::Literal(_) | Op::Period { .. } | Op::AsOf { .. } | Op::Variable { .. } => missing(out, rows),
    }
    for at in failures {
        put(step.lane, at, 0, out);
        fail(out, rows, at);
        if work.failures.len() < MOST_FAILURES {
            work.failures.push(Failure { node: step.node, row: range.start + at });
        }
    }
}

/// Copies rows kept for the whole table into a buffer of the chunk.
#[inline(always)]
fn copy_rows(from: &Buffer, range: &Range<usize>, lane: Lane, out: &mut Buffer) {
    match lane {
        Lane::Mask => out.mask.copy_from_slice(&from.mask[range.clone()]),
        Lane::Narrow => out.narrow.copy_from_slice(&from.narrow[range.clone()]),
        Lane::Wide => out.wide.copy_from_slice(&from.wide[range.clone()]),
    }
    out.all_valid = from.all_valid;
    if !from.all_valid {
        out.size_valid(range.len());
        out.valid.copy_from_slice(&from.valid[range.clone()]);
    }
}

pub(super) fn missing(out: &mut Buffer, rows: usize) {
    out.size_valid(rows);
    out.valid.fill(0);
    out.mask.fill(0);
    out.narrow.fill(0);
    out.wide.fill(0);
    out.all_valid = false;
}

#[inline(always)]
pub(super) fn put(lane: Lane, row: usize, value: i64, out: &mut Buffer) {
    match lane {
        Lane::Mask => out.mask[row] = value as u8,
        Lane::Narrow => out.narrow[row] = value as i32,
        Lane::Wide => out.wide[row] = value,
    }
}

#[inline(always)]
pub(super) fn copy_lanes(lane: Lane, rows: usize, a: View<'_>, out: &mut Buffer) {
    match lane {
        Lane::Mask => {
            if let View::Mask(mask) = a {
                out.mask.copy_from_slice(&mask[..rows]);
            }
        }
        Lane::Narrow => with_lanes!(a, rows, a => map(&mut out.narrow[..rows], a, |x: i32| x)),
        Lane::Wide => with_lanes!(a, rows, a => map(&mut out.wide[..rows], a, |x: i64| x)),
    }
}

fn operand_magnitude(shared: &Shared<'_>, id: ExprId) -> u128 {
    let id = super::plan::canonical(shared.pack, id);
    match shared.plan.constants.get(id) {
        Some(Scalar::Integer(value)) => u128::from(value.unsigned_abs()),
        Some(_) => 0,
        None => shared.plan.bounds.get(id).map_or(u128::MAX, |bounds| bounds.magnitude()),
    }
}

fn operand_low(shared: &Shared<'_>, id: ExprId) -> i128 {
    let id = super::plan::canonical(shared.pack, id);
    match shared.plan.constants.get(id) {
        Some(Scalar::Integer(value)) => i128::from(*value),
        Some(_) => 0,
        None => shared.plan.bounds.get(id).map_or(i128::MIN, |bounds| bounds.low),
    }
}
