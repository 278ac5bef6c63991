//! Which record of a periodic register counts on a day.
//!
//! A year is its number (2015); a quarter is year · 10 + quarter (20153).

use crate::arithmetic::{add_months, civil, day_number};
use crate::model::RegisterKind;

/// The newest period that has begun to count on a day; 0 for registers without periods.
pub fn current(kind: RegisterKind, day: i32) -> i32 {
    let (year, month, day_of_month) = civil(i64::from(day));
    match kind {
        RegisterKind::Entity | RegisterKind::One => 0,
        RegisterKind::Yearly { month: from_month, day: from_day } => {
            let begun = (month, day_of_month) >= (i64::from(from_month), i64::from(from_day));
            (if begun { year } else { year - 1 }) as i32
        }
        RegisterKind::Quarterly => {
            let quarter = (month - 1) / 3 + 1;
            let period = (year * 10 + quarter) as i32;
            let begun = i64::from(day) >= last_day_of_quarter(year, quarter);
            if begun { period } else { shifted(kind, period, -1) }
        }
    }
}

/// The period some periods later (negative: earlier).
pub fn shifted(kind: RegisterKind, period: i32, periods: i32) -> i32 {
    match kind {
        RegisterKind::Entity | RegisterKind::One => period,
        RegisterKind::Yearly { .. } => period.saturating_add(periods),
        RegisterKind::Quarterly => {
            let count = i64::from(period / 10) * 4 + i64::from(period % 10) - 1 + i64::from(periods);
            (count.div_euclid(4) * 10 + count.rem_euclid(4) + 1) as i32
        }
    }
}

/// The first day on which the record of a period counts; `None` if the register has no such period.
pub fn counts_from(kind: RegisterKind, period: i32) -> Option<i32> {
    let day = match kind {
        RegisterKind::Entity | RegisterKind::One => return None,
        RegisterKind::Yearly { month, day } => day_number(i64::from(period), i64::from(month), i64::from(day)),
        RegisterKind::Quarterly => {
            let quarter = i64::from(period % 10);
            if !(1..=4).contains(&quarter) {
                return None;
            }
            last_day_of_quarter(i64::from(period / 10), quarter)
        }
    };
    i32::try_from(day).ok()
}

/// Whether a number is a period of a register: a plausible year, or a year and a quarter.
pub fn exists(kind: RegisterKind, period: i32) -> bool {
    let year = |year: i32| (1900..=2200).contains(&year);
    match kind {
        RegisterKind::Entity | RegisterKind::One => false,
        RegisterKind::Yearly { .. } => year(period),
        RegisterKind::Quarterly => year(period / 10) && (1..=4).contains(&(period % 10)),
    }
}

/// A period as people write it: `2016`, `2016年`, `2016Q1`, `2016年1季度`; none if the register has no such period.
pub fn parse(kind: RegisterKind, text: &str) -> Option<i32> {
    let plain: String = text.trim().chars().filter(|c| !"年季度 ".contains(*c)).collect();
    let period = match kind {
        RegisterKind::Entity | RegisterKind::One => return None,
        RegisterKind::Yearly { .. } => plain.parse().ok()?,
        RegisterKind::Quarterly => {
            let digits: String = plain.chars().filter(|c| !"Qq第-".contains(*c)).collect();
            digits.parse().ok()?
        }
    };
    exists(kind, period).then_some(period)
}

/// A period as it is written: `2016`, `2016Q1`.
pub fn format(kind: RegisterKind, period: i32) -> String {
    match kind {
        RegisterKind::Quarterly => format!("{}Q{}", period / 10, period % 10),
        _ => period.to_string(),
    }
}

/// The same day some years later (negative: earlier); 29 February becomes 28 February where there is none.
pub fn shift_day(day: i32, years: i32) -> i32 {
    let moved = add_months(i64::from(day), i64::from(years) * 12).ok();
    moved.and_then(|day| i32::try_from(day).ok()).unwrap_or(day)
}

fn last_day_of_quarter(year: i64, quarter: i64) -> i64 {
    if quarter == 4 { day_number(year, 12, 31) } else { day_number(year, quarter * 3 + 1, 1) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i64, month: i64, day: i64) -> i32 {
        day_number(year, month, day) as i32
    }

    #[test]
    fn a_year_counts_from_its_day() {
        let october = RegisterKind::Yearly { month: 10, day: 1 };
        assert_eq!(current(october, day(2015, 9, 30)), 2014);
        assert_eq!(current(october, day(2015, 10, 1)), 2015);
        assert_eq!(counts_from(october, 2015), Some(day(2015, 10, 1)));
    }

    #[test]
    fn a_quarter_counts_from_its_last_day() {
        let kind = RegisterKind::Quarterly;
        assert_eq!(current(kind, day(2016, 3, 30)), 20154);
        assert_eq!(current(kind, day(2016, 3, 31)), 20161);
        assert_eq!(shifted(kind, 20161, -1), 20154);
        assert_eq!(shifted(kind, 20154, 1), 20161);
        assert_eq!(counts_from(kind, 20162), Some(day(2016, 6, 30)));
    }

    #[test]
    fn periods_are_read_as_people_write_them() {
        let year = RegisterKind::Yearly { month: 12, day: 31 };
        for (kind, text, period) in [
            (year, "2016", Some(2016)),
            (year, " 2016年 ", Some(2016)),
            (year, "2016Q1", None),
            (year, "16", None),
            (RegisterKind::Quarterly, "2016Q1", Some(20161)),
            (RegisterKind::Quarterly, "2016年第4季度", Some(20164)),
            (RegisterKind::Quarterly, "2016Q5", None),
            (RegisterKind::Quarterly, "2016", None),
            (RegisterKind::One, "2016", None),
        ] {
            assert_eq!(parse(kind, text), period, "{text}");
        }
        assert_eq!((format(year, 2016), format(RegisterKind::Quarterly, 20163)), ("2016".into(), "2016Q3".into()));
    }

    #[test]
    fn leap_days_move_to_28_february() {
        assert_eq!(shift_day(day(2016, 2, 29), -1), day(2015, 2, 28));
        assert_eq!(shift_day(day(2016, 3, 1), -1), day(2015, 3, 1));
    }
}
