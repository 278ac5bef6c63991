//! Between which bounds the values of a node lie, from the verified ranges of the columns.
//!
//! A node whose range fits 32 bits runs in 32-bit lanes; one whose range fits 64 bits cannot overflow.

use bangfu_policy::arithmetic;
use bangfu_policy::ir::{Aggregate, DatePart, Op, Scalar};

/// Lowest and highest value, in 128 bits so that bounds themselves cannot overflow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    pub low: i128,
    pub high: i128,
}

impl Bounds {
    /// All 64-bit integers.
    pub(super) const WIDE: Self = Self { low: i64::MIN as i128, high: i64::MAX as i128 };
    /// Dates of four-digit years.
    const DATES: Self = Self { low: -5_000_000, high: 3_000_000 };

    pub(super) fn new(low: i64, high: i64) -> Self {
        Self { low: i128::from(low), high: i128::from(high) }
    }

    pub(super) fn one(value: i64) -> Self {
        Self::new(value, value)
    }

    pub(super) fn fits_narrow(self) -> bool {
        self.low >= i128::from(i32::MIN) && self.high <= i128::from(i32::MAX)
    }

    pub(super) fn fits(self) -> bool {
        self.low >= i128::from(i64::MIN) && self.high <= i128::from(i64::MAX)
    }

    /// Largest distance from 0.
    pub(super) fn magnitude(self) -> u128 {
        self.low.unsigned_abs().max(self.high.unsigned_abs())
    }

    fn clamped(self) -> Self {
        Self { low: self.low.max(Self::WIDE.low), high: self.high.min(Self::WIDE.high) }
    }

    fn around(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    fn corners(self, other: Self, f: impl Fn(i128, i128) -> i128) -> Self {
        let all = [f(self.low, other.low), f(self.low, other.high), f(self.high, other.low), f(self.high, other.high)];
        let (mut low, mut high) = (all[0], all[0]);
        for value in all {
            low = low.min(value);
            high = high.max(value);
        }
        Self { low, high }
    }
}

/// Bounds before any check for overflow; `operand` gives those of an operand, `group` the largest number of
/// descendants that an aggregate runs over. `None` for operations that read columns or parameters.
pub(super) fn of(
    op: &Op,
    scale: impl Fn(usize) -> u8,
    operand: impl Fn(usize) -> Bounds,
    group: i128,
) -> Option<Bounds> {
    let all = |count: usize| (0..count).map(&operand).reduce(Bounds::around).unwrap_or(Bounds::WIDE);
    Some(match op {
        Op::Literal(Scalar::Integer(value)) => Bounds::one(*value),
        Op::Literal(_) => Bounds::one(0),
        Op::Aggregate { function: Aggregate::Count, .. } => Bounds { low: 0, high: group },
        Op::Aggregate { function: Aggregate::Sum, .. } => {
            let one = operand(0);
            Bounds { low: (one.low * group).min(0), high: (one.high * group).max(0) }
        }
        Op::Aggregate { .. } | Op::Variable { .. } | Op::Broadcast { .. } | Op::NullIf(..) => operand(0),
        Op::Add(..) | Op::AddDays(..) => {
            Bounds { low: operand(0).low + operand(1).low, high: operand(0).high + operand(1).high }
        }
        Op::Subtract(..) => Bounds { low: operand(0).low - operand(1).high, high: operand(0).high - operand(1).low },
        Op::Multiply(..) => {
            let (a, b) = (operand(0), operand(1));
            if a.magnitude().saturating_mul(b.magnitude()) > i128::MAX as u128 {
                Bounds::WIDE
            } else {
                a.corners(b, |x, y| x * y)
            }
        }
        Op::Divide { shift, .. } => {
            let (a, factor) = (operand(0), 10_i128.pow(u32::from(*shift)));
            let most = i128::try_from(a.magnitude()).unwrap_or(i128::MAX).saturating_mul(factor);
            let low = if a.low >= 0 && operand(1).low >= 0 { 0 } else { -most };
            Bounds { low, high: most }
        }
        Op::Rescale { .. } => {
            let (from, to, value) = (scale(0), scale(usize::MAX), operand(0));
            let factor = 10_i128.pow(u32::from(from.abs_diff(to)));
            if to >= from {
                Bounds { low: value.low * factor, high: value.high * factor }
            } else {
                Bounds { low: value.low / factor - 1, high: value.high / factor + 1 }
            }
        }
        Op::Negate(_) => Bounds { low: -operand(0).high, high: -operand(0).low },
        Op::Absolute(_) => {
            let value = operand(0);
            let low = if value.low <= 0 && value.high >= 0 { 0 } else { value.low.abs().min(value.high.abs()) };
            Bounds { low, high: value.low.abs().max(value.high.abs()) }
        }
        Op::Least(list) | Op::Greatest(list) | Op::Coalesce(list) => all(list.len()),
        Op::Case { arms, .. } => {
            let values = (0..arms.len()).map(|arm| operand(arm * 2 + 1)).chain([operand(arms.len() * 2)]);
            values.reduce(Bounds::around)?
        }
        Op::Age { .. } => Bounds { low: -10_000, high: 10_000 },
        Op::Months { .. } => Bounds { low: -120_000, high: 120_000 },
        Op::DatePart(DatePart::Year, _) => {
            let days = operand(0).clamped();
            let year = |day: i128| i128::from(arithmetic::civil(day.clamp(-5_000_000, 5_000_000) as i64).0);
            Bounds { low: year(days.low), high: year(days.high) }
        }
        Op::DatePart(..) => Bounds { low: 1, high: 31 },
        Op::AddMonths(..) | Op::MakeDate(..) => Bounds::DATES,
        Op::AsOf { .. } | Op::Period { .. } | Op::Field { .. } | Op::Parameter { .. } => return None,
        _ => Bounds { low: 0, high: 1 },
    })
}
