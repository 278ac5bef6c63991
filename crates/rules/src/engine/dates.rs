//! Calendar arithmetic on lanes of day numbers.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]

/// Year, month and day of a day number within four-digit years, without branches.
#[inline(always)]
pub(super) fn civil(day: i32) -> (i32, i32, i32) {
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
pub(super) fn age(birth: i32, on: i32) -> i32 {
    let ((birth_year, birth_month, birth_day), (year, month, day)) = (civil(birth), civil(on));
    year - birth_year - i32::from(month * 32 + day < birth_month * 32 + birth_day)
}

/// Completed months; symmetric in its sign.
#[inline(always)]
pub(super) fn months(from: i32, to: i32) -> i32 {
    let ((year, month, day), (last_year, last_month, last_day)) = (civil(from.min(to)), civil(from.max(to)));
    let count = (last_year - year) * 12 + last_month - month - i32::from(last_day < day);
    if to < from { -count } else { count }
}

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
pub(super) use dates;
