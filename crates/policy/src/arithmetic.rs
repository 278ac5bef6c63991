//! The scalar arithmetic of formulas: exact 64-bit integers, dates as days since 1970-01-01.
//!
//! Interpreter and kernels give the same results as these functions.

use std::cmp::Ordering;

use crate::ir::{Comparison, DatePart, Rounding};

/// Why a calculation has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ArithmeticError {
    /// The result does not fit 64 bits.
    #[error("the result does not fit 64 bits")]
    Overflow,
    /// The divisor is 0.
    #[error("division by zero")]
    DivisionByZero,
}

/// `round(numerator · 10^shift / denominator)`.
pub fn divide(numerator: i64, denominator: i64, shift: u8, rounding: Rounding) -> Result<i64, ArithmeticError> {
    if denominator == 0 {
        return Err(ArithmeticError::DivisionByZero);
    }
    let factor = 10_i128.checked_pow(u32::from(shift)).ok_or(ArithmeticError::Overflow)?;
    let numerator = i128::from(numerator).checked_mul(factor).ok_or(ArithmeticError::Overflow)?;
    let quotient = rounded_quotient(numerator, i128::from(denominator), rounding);
    i64::try_from(quotient).map_err(|_| ArithmeticError::Overflow)
}

/// Changes the scale of a number from `from` to `to` digits after the point.
pub fn rescale(value: i64, from: u8, to: u8, rounding: Rounding) -> Result<i64, ArithmeticError> {
    let factor = 10_i64.checked_pow(u32::from(from.abs_diff(to))).ok_or(ArithmeticError::Overflow)?;
    if to >= from {
        return value.checked_mul(factor).ok_or(ArithmeticError::Overflow);
    }
    Ok(rounded_quotient(i128::from(value), i128::from(factor), rounding) as i64)
}

fn rounded_quotient(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    let truncated = numerator / denominator;
    let rest = numerator % denominator;
    if rest == 0 {
        return truncated;
    }
    let negative = (rest < 0) != (denominator < 0);
    let away = if negative { truncated - 1 } else { truncated + 1 };
    match rounding {
        Rounding::Floor if negative => away,
        Rounding::Ceiling if !negative => away,
        Rounding::HalfAwayFromZero if rest.unsigned_abs() * 2 >= denominator.unsigned_abs() => away,
        Rounding::Truncate | Rounding::Floor | Rounding::Ceiling | Rounding::HalfAwayFromZero => truncated,
    }
}

/// `a ⋛ b`.
pub fn compare(comparison: Comparison, a: i64, b: i64) -> bool {
    holds(comparison, a.cmp(&b))
}

/// `numerator / denominator ⋛ right`, exact.
pub fn compare_quotient(
    comparison: Comparison,
    numerator: i64,
    denominator: i64,
    right: i64,
) -> Result<bool, ArithmeticError> {
    let product = i128::from(denominator) * i128::from(right);
    let ordering = i128::from(numerator).cmp(&product);
    match denominator.cmp(&0) {
        Ordering::Equal => Err(ArithmeticError::DivisionByZero),
        Ordering::Greater => Ok(holds(comparison, ordering)),
        Ordering::Less => Ok(holds(comparison, ordering.reverse())),
    }
}

fn holds(comparison: Comparison, ordering: Ordering) -> bool {
    match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }
}

/// Days since 1970-01-01 of a day of the proleptic Gregorian calendar; the parts are not checked.
pub fn day_number(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day number.
pub fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Year, month or day of a date.
pub fn date_part(part: DatePart, day: i64) -> i64 {
    let (year, month, day) = civil(day);
    match part {
        DatePart::Year => year,
        DatePart::Month => month,
        DatePart::Day => day,
    }
}

/// Completed years from `birth` to `on`; negative before birth. Born on 29 February: complete on 1 March of other years.
pub fn age(birth: i64, on: i64) -> i64 {
    let (birth_year, birth_month, birth_day) = civil(birth);
    let (year, month, day) = civil(on);
    year - birth_year - i64::from((month, day) < (birth_month, birth_day))
}

/// Completed months from one day to another; negative if `to` lies before `from`.
pub fn months_between(from: i64, to: i64) -> i64 {
    if to < from {
        return -months_between(to, from);
    }
    let (from_year, from_month, from_day) = civil(from);
    let (year, month, day) = civil(to);
    (year - from_year) * 12 + month - from_month - i64::from(day < from_day)
}

/// A date some months later, on the last day of the month if it is shorter.
pub fn add_months(day: i64, months: i64) -> Result<i64, ArithmeticError> {
    let (year, month, day) = civil(day);
    let count = (year * 12 + month - 1).checked_add(months).ok_or(ArithmeticError::Overflow)?;
    let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
    if !(-9999..=9999).contains(&year) {
        return Err(ArithmeticError::Overflow);
    }
    Ok(day_number(year, month, day.min(days_in_month(year, month))))
}

/// The day with these parts; `None` if there is none.
pub fn make_date(year: i64, month: i64, day: i64) -> Option<i64> {
    let exists = (-9999..=9999).contains(&year) && (1..=12).contains(&month);
    (exists && day >= 1 && day <= days_in_month(year, month)).then(|| day_number(year, month, day))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
