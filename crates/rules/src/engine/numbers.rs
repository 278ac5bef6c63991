//! Sums, products, quotients and comparisons with quotients: exact integers, checked where the ranges do not rule an
//! overflow out.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over rows of several slices become vector instructions in this form"
)]
#![expect(clippy::too_many_arguments, reason = "a kernel takes the step, its rows, its inputs and its outputs")]

use bangfu_policy::arithmetic;
use bangfu_policy::ir::{Comparison, Rounding};

use super::buffer::{Buffer, Lane};
use super::execute::{all_known, put};
use super::kernels::{NarrowLanes, Same, Source, View, WideLanes, compare, with_lanes, zip};
use super::plan::Step;

/// An operation on two integers, in every lane and checked.
pub(super) trait Arithmetic {
    fn narrow(a: i32, b: i32) -> i32;
    fn wide(a: i64, b: i64) -> i64;
    fn checked(a: i64, b: i64) -> Option<i64>;
}

macro_rules! arithmetic {
    ($name:ident, $wrapping:ident, $checked:ident) => {
        pub(super) struct $name;
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
pub(super) fn integers<A: Arithmetic>(
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
pub(super) fn rescale(
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

/// 1 where the divisor is 0; nothing if it is nowhere.
#[inline(always)]
fn zeros(rows: usize, divisor: View<'_>) -> Option<Vec<u8>> {
    if let View::Same(value) = divisor {
        return (value == 0).then(|| vec![1; rows]);
    }
    let mut any = 0_u8;
    with_lanes!(divisor, rows, lanes => {
        for row in 0..rows {
            any |= u8::from(Source::<i64>::at(&lanes, row) == 0);
        }
    });
    if any == 0 {
        return None;
    }
    let mut zeros = vec![0_u8; rows];
    with_lanes!(divisor, rows, lanes => compare::<i64, _, _>(&mut zeros, Comparison::Equal, lanes, Same(0)));
    Some(zeros)
}

/// Known rows that divide by zero have no result.
#[inline(always)]
fn refuse(zeros: Option<Vec<u8>>, out: &Buffer, failures: &mut Vec<usize>) {
    let zeros = zeros.iter().flatten().enumerate();
    failures
        .extend(zeros.filter(|(row, zero)| **zero == 1 && (out.all_valid || out.valid[*row] == 1)).map(|(row, _)| row));
}

#[inline(always)]
pub(super) fn divide(
    step: &Step,
    rows: usize,
    a: View<'_>,
    b: View<'_>,
    (shift, rounding): (u8, Rounding),
    exact: bool,
    out: &mut Buffer,
    failures: &mut Vec<usize>,
) {
    if !exact {
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
    refuse(zeros(rows, b), out, failures);
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
                            let y = y + i32::from(y == 0);
                            out[row] = $round(f64::from(x) * factor, f64::from(y)) as i32;
                        }
                    }));
                }
                Lane::Narrow => with_lanes!(a, rows, a => with_lanes!(b, rows, b => {
                    let out = &mut out.narrow[..rows];
                    for row in 0..rows {
                        let (x, y): (i64, i64) = (a.at(row), b.at(row));
                        let y = y + i64::from(y == 0);
                        out[row] = $round(double(x) * factor, double(y)) as i32;
                    }
                })),
                _ => with_lanes!(a, rows, a => with_lanes!(b, rows, b => {
                    let out = &mut out.wide[..rows];
                    for row in 0..rows {
                        let (x, y): (i64, i64) = (a.at(row), b.at(row));
                        let y = y + i64::from(y == 0);
                        out[row] = whole($round(double(x) * factor, double(y)));
                    }
                })),
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

/// 1.5 × 2^52: added to an integer below 2^51 as bits, or to a whole number as a double, one becomes the other. The
/// processor has an instruction for it only from AVX-512 on.
const SHIFTED: f64 = 6_755_399_441_055_744.0;

#[inline(always)]
fn double(value: i64) -> f64 {
    f64::from_bits(value.wrapping_add(SHIFTED.to_bits() as i64) as u64) - SHIFTED
}

#[inline(always)]
fn whole(value: f64) -> i64 {
    ((value + SHIFTED).to_bits() as i64).wrapping_sub(SHIFTED.to_bits() as i64)
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
pub(super) fn compare_quotient(
    rows: usize,
    [a, b, c]: [View<'_>; 3],
    comparison: Comparison,
    positive: bool,
    out: &mut Buffer,
    failures: &mut Vec<usize>,
) {
    if positive {
        refuse(zeros(rows, b), out, failures);
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
