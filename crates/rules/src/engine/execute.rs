//! One pass over one chunk: steps from buffer to buffer.
//! Length: one match over the operations of the graph, each a few lines; read beside `ir.rs`.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over rows of several slices become vector instructions in this form"
)]
#![expect(clippy::too_many_arguments, reason = "a kernel takes the step, its rows, its inputs and its outputs")]

use std::collections::HashMap;
use std::ops::Range;

use bangfu_policy::arithmetic;
use bangfu_policy::ir::{Aggregate, Comparison, DatePart, ExprId, Op, Rounding, Scalar, Type};
use bangfu_policy::model::{Entity, Pack, ParameterId};

use super::buffer::{Buffer, Lane, load};
use super::kernels::{NarrowLanes, Same, Source, View, WideLanes, and_into, blend, compare, map, with_lanes, zip};
use super::layout::Layout;
use super::plan::{Action, Operand, Pass, Plan, Step};
use crate::frame::{Frame, Lanes};

/// A loop over dates; the call is written out, so that it is inlined.
macro_rules! dates {
    ($step:expr, $rows:expr, $a:expr, $b:expr, $out:expr, ($x:ident, $y:ident) => $value:expr) => {
        match $step.lane {
            Lane::Narrow => with_lanes!($a, $rows, a => with_lanes!($b, $rows, b => {
                let out = &mut $out.narrow[..$rows];
                for row in 0..$rows {
                    let ($x, $y): (i32, i32) = (a.at(row), b.at(row));
                    out[row] = $value;
                }
            })),
            lane => {
                for row in 0..$rows {
                    let ($x, $y) = ($a.get(row) as i32, $b.get(row) as i32);
                    put(lane, row, i64::from($value), $out);
                }
            }
        }
    };
}

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
    pub kept: &'a HashMap<ExprId, Buffer>,
    /// Results of gathers of earlier passes, by position of the wanted gather.
    pub gathered: &'a HashMap<ExprId, Buffer>,
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
    pub rows: HashMap<Entity, Range<usize>>,
}

impl Chunk {
    pub(super) fn range(&self, entity: Entity) -> Range<usize> {
        self.rows.get(&entity).cloned().unwrap_or(0..0)
    }
}

/// Runs all steps of a pass; `keep` is handed the buffers that must outlive the chunk.
pub(super) fn run(
    shared: &Shared<'_>,
    pass: &Pass,
    chunk: &Chunk,
    work: &mut Workspace,
    keep: &mut dyn FnMut(&Step, &Range<usize>, &Buffer),
) {
    work.slots.resize_with(shared.plan.slots.max(work.slots.len()), Buffer::default);
    for step in &pass.steps {
        let rows = chunk.range(step.entity);
        let mut out = std::mem::take(&mut work.slots[step.out]);
        dispatch(shared, step, chunk, &rows, work, &mut out);
        if step.keep {
            keep(step, &rows, &out);
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
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "the processor has just been found to have AVX2")]
        // SAFETY: as said; the function is the same code as `step_of`, compiled for AVX2.
        unsafe {
            step_avx2(shared, step, chunk, rows, work, out);
        }
        return;
    }
    step_of(shared, step, chunk, rows, work, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
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
fn view<'a>(
    shared: &'a Shared<'_>,
    operand: Operand,
    lane: Lane,
    rows: &Range<usize>,
    work: &'a Workspace,
) -> View<'a> {
    let (buffer, range) = match operand {
        Operand::Same(value) => return View::Same(value),
        Operand::Slot(slot) => (&work.slots[slot], 0..rows.len()),
        Operand::Kept(id) => match shared.kept.get(&id) {
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
fn valid<'a>(shared: &'a Shared<'_>, operand: Operand, rows: &Range<usize>, work: &'a Workspace) -> Option<&'a [u8]> {
    let (buffer, range) = match operand {
        Operand::Same(_) => return None,
        Operand::Slot(slot) => (&work.slots[slot], 0..rows.len()),
        Operand::Kept(id) => (shared.kept.get(&id)?, rows.clone()),
    };
    if buffer.all_valid { None } else { buffer.valid.get(range) }
}

/// Lane in which an operand's values stand.
#[inline(always)]
fn lane_of(shared: &Shared<'_>, id: ExprId) -> Lane {
    let id = super::plan::canonical(shared.pack, id);
    match shared.plan.constants.get(&id) {
        Some(_) if shared.pack.graph[id].ty == Type::Boolean => Lane::Mask,
        Some(Scalar::Integer(value)) if i32::try_from(*value).is_err() => Lane::Wide,
        Some(_) => Lane::Narrow,
        None => shared.plan.lanes.get(&id).copied().unwrap_or(Lane::Wide),
    }
}

/// `out.valid` = all of these are known.
#[inline(always)]
fn all_known(out: &mut Buffer, rows: usize, parts: &[Option<&[u8]>]) {
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
fn clear_missing(out: &mut Buffer) {
    if !out.all_valid {
        let (mask, valid) = (&mut out.mask, &out.valid);
        and_into(mask, valid);
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
            if let Some(kept) = shared.kept.get(&step.node) {
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
                        for row in 0..rows {
                            out.mask[row] = valid[row] & (1 - mask[row]);
                        }
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

fn missing(out: &mut Buffer, rows: usize) {
    out.size_valid(rows);
    out.valid.fill(0);
    out.mask.fill(0);
    out.narrow.fill(0);
    out.wide.fill(0);
    out.all_valid = false;
}

#[inline(always)]
fn put(lane: Lane, row: usize, value: i64, out: &mut Buffer) {
    match lane {
        Lane::Mask => out.mask[row] = value as u8,
        Lane::Narrow => out.narrow[row] = value as i32,
        Lane::Wide => out.wide[row] = value,
    }
}

#[inline(always)]
fn each(step: &Step, rows: usize, out: &mut Buffer, f: impl Fn(usize) -> i64) {
    for row in 0..rows {
        put(step.lane, row, f(row), out);
    }
}

#[inline(always)]
fn copy_lanes(lane: Lane, rows: usize, a: View<'_>, out: &mut Buffer) {
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
    match shared.plan.constants.get(&id) {
        Some(Scalar::Integer(value)) => u128::from(value.unsigned_abs()),
        Some(_) => 0,
        None => shared.plan.bounds.get(&id).map_or(u128::MAX, |bounds| bounds.magnitude()),
    }
}

fn operand_low(shared: &Shared<'_>, id: ExprId) -> i128 {
    let id = super::plan::canonical(shared.pack, id);
    match shared.plan.constants.get(&id) {
        Some(Scalar::Integer(value)) => i128::from(*value),
        Some(_) => 0,
        None => shared.plan.bounds.get(&id).map_or(i128::MIN, |bounds| bounds.low),
    }
}

/// An operation on two integers, in every lane and checked.
trait Arithmetic {
    fn narrow(a: i32, b: i32) -> i32;
    fn wide(a: i64, b: i64) -> i64;
    fn checked(a: i64, b: i64) -> Option<i64>;
}

macro_rules! arithmetic {
    ($name:ident, $wrapping:ident, $checked:ident) => {
        struct $name;
        impl Arithmetic for $name {
            #[inline(always)]
            fn narrow(a: i32, b: i32) -> i32 {
                a.$wrapping(b)
            }
            #[inline(always)]
            fn wide(a: i64, b: i64) -> i64 {
                a.$wrapping(b)
            }
            #[inline(always)]
            fn checked(a: i64, b: i64) -> Option<i64> {
                a.$checked(b)
            }
        }
    };
}
arithmetic!(Plus, wrapping_add, checked_add);
arithmetic!(Minus, wrapping_sub, checked_sub);
arithmetic!(Times, wrapping_mul, checked_mul);

#[inline(always)]
fn integers<A: Arithmetic>(
    _: A,
    step: &Step,
    rows: usize,
    a: View<'_>,
    b: View<'_>,
    known: [Option<&[u8]>; 2],
    out: &mut Buffer,
    failures: &mut Vec<usize>,
) {
    all_known(out, rows, &known);
    if step.checked {
        for row in 0..rows {
            let valid = out.all_valid || out.valid[row] == 1;
            match A::checked(a.get(row), b.get(row)) {
                Some(value) => out.wide[row] = value,
                None if valid => failures.push(row),
                None => out.wide[row] = 0,
            }
        }
        return;
    }
    match step.lane {
        // Missing lanes hold values of the proved range too, so nothing can overflow.
        Lane::Narrow => {
            with_lanes!(a, rows, a => with_lanes!(b, rows, b => {
                let out = &mut out.narrow[..rows];
                for row in 0..rows {
                    out[row] = A::narrow(a.at(row), b.at(row));
                }
            }));
        }
        _ => with_lanes!(a, rows, a => with_lanes!(b, rows, b => {
            let out = &mut out.wide[..rows];
            for row in 0..rows {
                out[row] = A::wide(a.at(row), b.at(row));
            }
        })),
    }
}

#[inline(always)]
fn rescale(
    step: &Step,
    rows: usize,
    a: View<'_>,
    known: Option<&[u8]>,
    (from, to): (u8, u8),
    (rounding, exact): (Rounding, bool),
    out: &mut Buffer,
    failures: &mut Vec<usize>,
) {
    let factor = 10_i64.pow(u32::from(from.abs_diff(to)));
    if to >= from {
        return integers(Times, step, rows, a, View::Same(factor), [known, None], out, failures);
    }
    all_known(out, rows, &[known]);
    divide(step, rows, a, View::Same(factor), (0, rounding), exact, out, failures);
}

#[inline(always)]
fn divide(
    step: &Step,
    rows: usize,
    a: View<'_>,
    b: View<'_>,
    (shift, rounding): (u8, Rounding),
    exact: bool,
    out: &mut Buffer,
    failures: &mut Vec<usize>,
) {
    let mut zero = 0_u8;
    for row in 0..rows {
        zero |= u8::from(b.get(row) == 0);
    }
    if !exact || zero == 1 {
        for row in 0..rows {
            let valid = out.all_valid || out.valid[row] == 1;
            match arithmetic::divide(a.get(row), b.get(row), shift, rounding) {
                Ok(value) => put(step.lane, row, value, out),
                Err(_) if valid => failures.push(row),
                Err(_) => put(step.lane, row, 0, out),
            }
        }
        return;
    }
    // Both sides are below 2^51: the quotient in double precision, rounded, is the exact one.
    let factor = 10_i64.pow(u32::from(shift)) as f64;
    macro_rules! rounded {
        ($round:path) => {
            match step.lane {
                Lane::Narrow if !a.is_wide() && !b.is_wide() => {
                    with_lanes!(a, rows, a => with_lanes!(b, rows, b => {
                        let out = &mut out.narrow[..rows];
                        for row in 0..rows {
                            let (x, y): (i32, i32) = (a.at(row), b.at(row));
                            out[row] = $round(f64::from(x) * factor, f64::from(y)) as i32;
                        }
                    }));
                }
                lane => {
                    for row in 0..rows {
                        put(lane, row, $round(a.get(row) as f64 * factor, b.get(row) as f64) as i64, out);
                    }
                }
            }
        };
    }
    match rounding {
        Rounding::Truncate => rounded!(truncated),
        Rounding::Floor => rounded!(floored),
        Rounding::Ceiling => rounded!(raised),
        Rounding::HalfAwayFromZero => rounded!(half_away),
    }
}

#[inline(always)]
fn truncated(x: f64, y: f64) -> f64 {
    (x / y).trunc()
}

#[inline(always)]
fn floored(x: f64, y: f64) -> f64 {
    (x / y).floor()
}

#[inline(always)]
fn raised(x: f64, y: f64) -> f64 {
    (x / y).ceil()
}

#[inline(always)]
fn half_away(x: f64, y: f64) -> f64 {
    let whole = ((2.0 * x.abs() + y.abs()) / (2.0 * y.abs())).floor();
    whole.copysign(x * y)
}

#[inline(always)]
fn compare_quotient(
    rows: usize,
    [a, b, c]: [View<'_>; 3],
    comparison: Comparison,
    positive: bool,
    out: &mut Buffer,
    failures: &mut Vec<usize>,
) {
    let mut zero = 0_u8;
    for row in 0..rows {
        zero |= u8::from(b.get(row) == 0);
    }
    if positive && zero == 0 {
        let mut product = vec![0_i64; rows];
        with_lanes!(b, rows, b => with_lanes!(c, rows, c => zip(&mut product, b, c, |x: i64, y: i64| x * y)));
        with_lanes!(a, rows, a => compare::<i64, _, _>(&mut out.mask[..rows], comparison, a, WideLanes(&product)));
        return;
    }
    for row in 0..rows {
        let valid = out.all_valid || out.valid[row] == 1;
        match arithmetic::compare_quotient(comparison, a.get(row), b.get(row), c.get(row)) {
            Ok(truth) => out.mask[row] = u8::from(truth),
            Err(_) if valid => failures.push(row),
            Err(_) => out.mask[row] = 0,
        }
    }
}

#[inline(always)]
fn is_in(rows: usize, a: View<'_>, list: &[i64], out: &mut Buffer) {
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
fn text_in(
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
fn fold(
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

/// Takes a value, with its validity, where the mask is set.
#[inline(always)]
fn take(lane: Lane, rows: usize, mask: &[u8], value: View<'_>, known: Option<&[u8]>, out: &mut Buffer) {
    match lane {
        Lane::Mask => {
            if let View::Mask(value) = value {
                for row in 0..rows {
                    out.mask[row] = if mask[row] != 0 { value[row] } else { out.mask[row] };
                }
            }
        }
        Lane::Narrow => with_lanes!(value, rows, value => blend(&mut out.narrow[..rows], mask, value)),
        Lane::Wide => with_lanes!(value, rows, value => blend(&mut out.wide[..rows], mask, value)),
    }
    match known {
        Some(known) => {
            for row in 0..rows {
                out.valid[row] = if mask[row] != 0 { known[row] } else { out.valid[row] };
            }
        }
        None => {
            for row in 0..rows {
                out.valid[row] |= mask[row];
            }
        }
    }
}

/// Begins with a value for all rows; the validity is written out.
#[inline(always)]
fn begin(lane: Lane, rows: usize, value: View<'_>, known: Option<&[u8]>, out: &mut Buffer) {
    copy_lanes(lane, rows, value, out);
    out.size_valid(rows);
    match known {
        Some(known) => out.valid.copy_from_slice(&known[..rows]),
        None => out.valid.fill(1),
    }
    out.all_valid = false;
}

/// Forgets the validity again where nothing is missing.
#[inline(always)]
fn settle(out: &mut Buffer) {
    let mut all = 1_u8;
    for valid in &out.valid {
        all &= valid;
    }
    out.all_valid = all == 1;
    if !out.all_valid && !out.mask.is_empty() && out.mask.len() == out.valid.len() {
        clear_missing(out);
    }
}

#[inline(always)]
fn coalesce(
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
        if index + 1 == list.len() {
            begin(step.lane, rows, value, known, out);
        } else {
            match known {
                Some(known) => take(step.lane, rows, known, value, None, out),
                None => begin(step.lane, rows, value, None, out),
            }
        }
    }
    settle(out);
}

/// Missing truths are 0, so `and` and `or` of the bytes are right; only what is known has to be found.
#[inline(always)]
fn kleene(shared: &Shared<'_>, step: &Step, and: bool, range: &Range<usize>, work: &Workspace, out: &mut Buffer) {
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
fn case(
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
    begin(step.lane, rows, value, known, out);
    for arm in (0..arms).rev() {
        let (condition, condition_known) = part(arm * 2);
        let (value, known) = part(arm * 2 + 1);
        let View::Mask(condition) = condition else { continue };
        take(step.lane, rows, condition, value, known, out);
        if let Some(condition_known) = condition_known {
            and_into(&mut out.valid, condition_known);
        }
    }
    settle(out);
}

/// Year, month and day of a day number within four-digit years, without branches.
#[inline(always)]
fn civil(day: i32) -> (i32, i32, i32) {
    // 40 eras of 400 years keep everything positive.
    let shifted = (day + 719_468 + 40 * 146_097) as u32;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = (year_of_era + era * 400) as i32 - 16_000 + i32::from(month <= 2);
    (year, month as i32, day as i32)
}

#[inline(always)]
fn age(birth: i32, on: i32) -> i32 {
    let ((birth_year, birth_month, birth_day), (year, month, day)) = (civil(birth), civil(on));
    year - birth_year - i32::from(month * 32 + day < birth_month * 32 + birth_day)
}

/// Completed months; symmetric in its sign.
#[inline(always)]
fn months(from: i32, to: i32) -> i32 {
    let ((year, month, day), (last_year, last_month, last_day)) = (civil(from.min(to)), civil(from.max(to)));
    let count = (last_year - year) * 12 + last_month - month - i32::from(last_day < day);
    if to < from { -count } else { count }
}

fn parameter_values(
    shared: &Shared<'_>,
    step: &Step,
    parameter: ParameterId,
    table: bool,
    shift: i32,
    (selector, known): (View<'_>, Option<&[u8]>),
    range: &Range<usize>,
    out: &mut Buffer,
) {
    let rows = range.len();
    missing(out, rows);
    let Some(definition) = shared.pack.parameters.get(parameter.index()) else { return };
    let day = bangfu_policy::period::shift_day(shared.frame.as_of, shift);
    let set = shared.overrides.iter().find(|(id, _)| *id == parameter).map(|(_, value)| *value);
    let write = |row: usize, value: Scalar, out: &mut Buffer| {
        let number = match value {
            Scalar::Integer(number) => number,
            Scalar::Boolean(truth) => i64::from(truth),
            Scalar::Missing => return,
        };
        put(step.lane, row, number, out);
        out.valid[row] = 1;
    };
    if table {
        let entries = definition.row_on(day, "", None).map(|row| row.table.as_slice()).unwrap_or_default();
        for row in 0..rows {
            if known.is_none_or(|known| known[row] == 1) {
                let entry = usize::try_from(selector.get(row)).ok().and_then(|code| entries.get(code));
                write(row, set.or(entry.copied()).unwrap_or(Scalar::Missing), out);
            }
        }
    } else {
        let codes = shared.frame.tables.get(&step.entity).map(|table| table.keys.as_slice()).unwrap_or_default();
        let classes = definition.class.is_some() && !step.operands.is_empty();
        for row in 0..rows {
            let code = codes.get(range.start + row).map_or("", String::as_str);
            let class_known = known.is_none_or(|known| known[row] == 1);
            let class = (classes && class_known).then(|| selector.get(row));
            let found = definition.row_on(day, code, class);
            // An unknown class leaves the value unknown, unless a division's own row decides.
            let decided = class.is_some()
                || !classes
                || !definition.has_classes()
                || found.is_some_and(|row| row.division.is_some());
            let value = if decided { found.map_or(Scalar::Missing, |row| row.value) } else { Scalar::Missing };
            write(row, set.unwrap_or(value), out);
        }
    }
    settle(out);
}

/// Repeats the value of each ancestor for its rows.
#[inline(always)]
fn broadcast(
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
        Operand::Kept(id) => match shared.kept.get(&id) {
            Some(buffer) => (buffer, above.start),
            None => return missing(out, range.len()),
        },
        Operand::Same(_) => return,
    };
    out.all_valid = buffer.all_valid;
    if !out.all_valid {
        out.size_valid(range.len());
    }
    macro_rules! repeat {
        ($from:expr, $to:expr) => {
            for (index, row) in above.clone().enumerate() {
                let Some(value) = $from.get(start + index) else { break };
                let (first, last) = (offsets[row] as usize, offsets[row + 1] as usize);
                let (first, last) =
                    (first.max(range.start) - range.start, last.min(range.end).max(range.start) - range.start);
                for slot in &mut $to[first.min(last)..last] {
                    *slot = *value;
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
fn aggregate(
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
    let groups = &offsets[range.start..=range.end];
    let base = groups.first().copied().unwrap_or(0);
    let start_end = |row: usize| ((groups[row] - base) as usize, (groups[row + 1] - base) as usize);
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
            for row in 0..count {
                rows[row] = 1 - known[row];
            }
            if let Some(taken) = taken {
                and_into(&mut rows, taken);
            }
        }
        if let Some(known) = filter_known {
            for row in 0..count {
                rows[row] |= 1 - known[row];
            }
        }
        open = rows.contains(&1).then_some(rows);
    }
    out.all_valid = true;
    match function {
        Aggregate::Count => match taken {
            None => each(step, rows, out, |row| (groups[row + 1] - groups[row]) as i64),
            Some(taken) => differences(step, rows, count, groups, out, |row| i64::from(taken[row])),
        },
        Aggregate::Sum => {
            let Some((operand, id)) = value else { return };
            let value = view(shared, *operand, lane_of(shared, *id), &below, work);
            if taken.is_none() && value_known.is_none() {
                with_lanes!(value, count, value => differences(step, rows, count, groups, out, |row| Source::<i64>::at(&value, row)));
            } else {
                // Rows that are not taken, or not known, add nothing.
                let mut weight = vec![1_u8; count];
                if let Some(taken) = taken {
                    and_into(&mut weight, taken);
                }
                if let Some(known) = value_known {
                    and_into(&mut weight, known);
                }
                with_lanes!(value, count, value => differences(step, rows, count, groups, out, |row| {
                    Source::<i64>::at(&value, row) & -i64::from(weight[row])
                }));
            }
        }
        Aggregate::Any | Aggregate::All => {
            let Some((operand, _)) = value else { return };
            let View::Mask(mask) = view(shared, *operand, Lane::Mask, &below, work) else { return };
            let any = function == Aggregate::Any;
            // Any: a taken row that is true. All: no taken row that is known to be false.
            let hit: Vec<u8> = (0..count)
                .map(|row| {
                    let taken = taken.map_or(1, |taken| taken[row]);
                    let known = value_known.map_or(1, |known| known[row]);
                    taken & known & if any { mask[row] } else { 1 - mask[row] }
                })
                .collect();
            let mut hits = vec![0_i32; rows];
            let mut sums = vec![0_i32; count + 1];
            for row in 0..count {
                sums[row + 1] = sums[row] + i32::from(hit[row]);
            }
            for row in 0..rows {
                let (start, end) = start_end(row);
                hits[row] = sums[end] - sums[start];
                out.mask[row] = u8::from((hits[row] > 0) == any);
            }
            if let Some(open) = &mut open {
                // A row with an unknown filter leaves nothing open if its value would not settle the answer anyway.
                for row in 0..count {
                    let harmless =
                        value_known.map_or(1, |known| known[row]) & if any { 1 - mask[row] } else { mask[row] };
                    open[row] &= 1 - harmless;
                }
                out.size_valid(rows);
                for row in 0..rows {
                    let (start, end) = start_end(row);
                    out.valid[row] = u8::from(hits[row] > 0 || !open[start..end].contains(&1));
                }
                out.all_valid = false;
                settle(out);
            }
            return;
        }
        Aggregate::Minimum | Aggregate::Maximum => {
            let Some((operand, id)) = value else { return };
            let value = view(shared, *operand, lane_of(shared, *id), &below, work);
            out.size_valid(rows);
            for row in 0..rows {
                let (start, end) = start_end(row);
                let used =
                    (start..end).filter(|row| taken.is_none_or(|taken| taken[*row] == 1)).map(|row| value.get(row));
                let found = if function == Aggregate::Minimum { used.min() } else { used.max() };
                out.valid[row] = u8::from(found.is_some());
                put(step.lane, row, found.unwrap_or(0), out);
            }
            out.all_valid = false;
        }
    }
    if let Some(open) = open {
        if out.all_valid {
            out.size_valid(rows);
            out.valid.fill(1);
            out.all_valid = false;
        }
        for row in 0..rows {
            let (start, end) = start_end(row);
            if open[start..end].contains(&1) {
                out.valid[row] = 0;
            }
        }
    }
    if !out.all_valid {
        settle(out);
    }
}

/// Sums of groups as differences of running sums. Running sums may wrap; their differences do not, because the sums of
/// groups fit the lane.
#[inline(always)]
fn differences(step: &Step, rows: usize, count: usize, groups: &[u32], out: &mut Buffer, value: impl Fn(usize) -> i64) {
    let base = groups.first().copied().unwrap_or(0);
    let ends = |row: usize| ((groups[row] - base) as usize, (groups[row + 1] - base) as usize);
    if step.lane == Lane::Narrow {
        let mut sums = vec![0_i32; count + 1];
        let mut sum = 0_i32;
        for row in 0..count {
            sum = sum.wrapping_add(value(row) as i32);
            sums[row + 1] = sum;
        }
        for row in 0..rows {
            let (start, end) = ends(row);
            out.narrow[row] = sums[end].wrapping_sub(sums[start]);
        }
        return;
    }
    let mut sums = vec![0_i64; count + 1];
    let mut sum = 0_i64;
    for row in 0..count {
        sum = sum.wrapping_add(value(row));
        sums[row + 1] = sum;
    }
    for row in 0..rows {
        let (start, end) = ends(row);
        put(step.lane, row, sums[end].wrapping_sub(sums[start]), out);
    }
}

/// Groups whose sum does not fit 64 bits; looked for only where the ranges do not rule it out.
fn overflowing_sums(
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
    let groups = &shared.layout.offsets(step.entity, over)[range.start..=range.end];
    let base = groups.first().copied().unwrap_or(0);
    for (row, group) in groups.windows(2).enumerate() {
        let rows = (group[0] - base) as usize..(group[1] - base) as usize;
        // The sum of magnitudes bounds every sum of a part.
        let most: u128 = rows.map(|row| u128::from(value.get(row).unsigned_abs())).sum();
        if most > i64::MAX as u128 {
            failures.push(row);
        }
    }
}
