//! Loops over lanes. Each is a plain loop without branches that the compiler turns into vector instructions; the caller
//! compiles them once for every processor and once for AVX2.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]
#![expect(
    clippy::needless_range_loop,
    reason = "loops over rows of several slices become vector instructions in this form"
)]

use bangfu_policy::ir::Comparison;

/// A value for each row.
pub(super) trait Source<T>: Copy {
    fn at(&self, row: usize) -> T;
}

/// 32-bit lanes.
#[derive(Clone, Copy)]
pub(super) struct NarrowLanes<'a>(pub &'a [i32]);
/// 64-bit lanes.
#[derive(Clone, Copy)]
pub(super) struct WideLanes<'a>(pub &'a [i64]);
/// The same value for all rows.
#[derive(Clone, Copy)]
pub(super) struct Same(pub i64);

macro_rules! source {
    ($($lanes:ty => $to:ty),*) => {$(
        impl Source<$to> for $lanes {
            #[inline(always)]
            fn at(&self, row: usize) -> $to { self.0[row] as $to }
        }
    )*};
}
source!(NarrowLanes<'_> => i32, NarrowLanes<'_> => i64, WideLanes<'_> => i32, WideLanes<'_> => i64);

impl Source<i32> for Same {
    #[inline(always)]
    fn at(&self, _: usize) -> i32 {
        self.0 as i32
    }
}
impl Source<i64> for Same {
    #[inline(always)]
    fn at(&self, _: usize) -> i64 {
        self.0
    }
}

/// Values of an operand.
#[derive(Clone, Copy)]
pub(super) enum View<'a> {
    Narrow(&'a [i32]),
    Wide(&'a [i64]),
    Mask(&'a [u8]),
    Same(i64),
}

impl View<'_> {
    #[inline(always)]
    pub(super) fn is_wide(&self) -> bool {
        match self {
            View::Wide(_) => true,
            View::Same(value) => i32::try_from(*value).is_err(),
            View::Narrow(_) | View::Mask(_) => false,
        }
    }

    /// A single value, for the few operations that are not vectorised.
    #[inline(always)]
    pub(super) fn get(&self, row: usize) -> i64 {
        match self {
            View::Narrow(values) => i64::from(values[row]),
            View::Wide(values) => values[row],
            View::Mask(values) => i64::from(values[row]),
            View::Same(value) => *value,
        }
    }
}

/// Runs `$body` with `$name` bound to the lanes of a view.
macro_rules! with_lanes {
    ($view:expr, $rows:expr, $name:ident => $body:expr) => {
        match $view {
            View::Narrow(values) => {
                let $name = NarrowLanes(&values[..$rows]);
                $body
            }
            View::Wide(values) => {
                let $name = WideLanes(&values[..$rows]);
                $body
            }
            View::Same(value) => {
                let $name = Same(value);
                $body
            }
            View::Mask(_) => {}
        }
    };
}
pub(super) use with_lanes;

#[inline(always)]
pub(super) fn map<T, A: Source<T>>(out: &mut [T], a: A, f: impl Fn(T) -> T) {
    for row in 0..out.len() {
        out[row] = f(a.at(row));
    }
}

#[inline(always)]
pub(super) fn zip<T, U, A: Source<T>, B: Source<T>>(out: &mut [U], a: A, b: B, f: impl Fn(T, T) -> U) {
    for row in 0..out.len() {
        out[row] = f(a.at(row), b.at(row));
    }
}

/// Takes `b` where the mask is set.
#[inline(always)]
pub(super) fn blend<T: Copy, B: Source<T>>(out: &mut [T], take: &[u8], b: B) {
    let take = &take[..out.len()];
    for row in 0..out.len() {
        out[row] = if take[row] != 0 { b.at(row) } else { out[row] };
    }
}

#[inline(always)]
pub(super) fn compare<T: PartialOrd, A: Source<T>, B: Source<T>>(out: &mut [u8], comparison: Comparison, a: A, b: B) {
    match comparison {
        Comparison::Equal => zip(out, a, b, |x, y| u8::from(x == y)),
        Comparison::NotEqual => zip(out, a, b, |x, y| u8::from(x != y)),
        Comparison::Less => zip(out, a, b, |x, y| u8::from(x < y)),
        Comparison::LessOrEqual => zip(out, a, b, |x, y| u8::from(x <= y)),
        Comparison::Greater => zip(out, a, b, |x, y| u8::from(x > y)),
        Comparison::GreaterOrEqual => zip(out, a, b, |x, y| u8::from(x >= y)),
    }
}

/// `out &= other`
#[inline(always)]
pub(super) fn and_into(out: &mut [u8], other: &[u8]) {
    let other = &other[..out.len()];
    for row in 0..out.len() {
        out[row] &= other[row];
    }
}

/// `out |= not known`
#[inline(always)]
pub(super) fn or_not(out: &mut [u8], known: &[u8]) {
    let known = &known[..out.len()];
    for row in 0..out.len() {
        out[row] |= 1 - known[row];
    }
}

/// Whether the processor has what the second copy of the loops is compiled for.
pub(super) fn wide_registers() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("popcnt");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
