//! The calendar of a pack: where a day begins, and which days are worked. It knows no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::arithmetic::civil;

/// A day, milliseconds.
pub const DAY: i64 = 86_400_000;

/// Days and working days. Moments are milliseconds since 1970-01-01 UTC, days are counted from 1970-01-01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Milliseconds by which the clocks are ahead of UTC.
    pub offset: i64,
    /// Whether a day of the week is worked, from Monday on.
    pub week: [bool; 7],
    /// Holidays of the years whose list is known.
    pub holidays: BTreeMap<i64, BTreeSet<i64>>,
    /// Month and day of holidays in all other years.
    pub every_year: BTreeSet<(i64, i64)>,
    /// Days that are worked although the week has them free.
    pub make_up: BTreeSet<i64>,
}

impl Default for Calendar {
    /// UTC, and every day is worked: nothing is known of any week.
    fn default() -> Self {
        let (holidays, every_year, make_up) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { offset: 0, week: [true; 7], holidays, every_year, make_up }
    }
}

impl Calendar {
    /// The day of a moment.
    pub fn day(&self, at: i64) -> i64 {
        at.saturating_add(self.offset).div_euclid(DAY)
    }

    /// The moment at which a day begins.
    pub fn begins(&self, day: i64) -> i64 {
        day.saturating_mul(DAY).saturating_sub(self.offset)
    }

    /// Whether any day is free.
    pub fn has_free_days(&self) -> bool {
        self.week.contains(&false) || !self.holidays.is_empty() || !self.every_year.is_empty()
    }

    /// Whether a day is worked.
    pub fn is_worked(&self, day: i64) -> bool {
        let (year, month, of_month) = civil(day);
        let holiday = match self.holidays.get(&year) {
            Some(known) => known.contains(&day),
            None => self.every_year.contains(&(month, of_month)),
        };
        self.make_up.contains(&day) || (!holiday && self.is_worked_in_week(day))
    }

    /// Whether a day is worked in a week without holidays.
    pub fn is_worked_in_week(&self, day: i64) -> bool {
        // 1970-01-01 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        usize::try_from(weekday).ok().and_then(|weekday| self.week.get(weekday)).is_some_and(|worked| *worked)
    }

    /// The end of the day so many days after a moment; the day of the moment is not counted.
    pub fn ends(&self, from: i64, days: u16, working: bool) -> i64 {
        let mut day = self.day(from);
        let mut left = days;
        while left > 0 {
            day += 1;
            if !working || self.is_worked(day) {
                left -= 1;
            }
        }
        self.begins(day + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(hours: i64) -> Calendar {
        Calendar {
            offset: hours * DAY / 24,
            week: [true, true, true, true, true, false, false],
            every_year: BTreeSet::from([(1, 2)]),
            ..Calendar::default()
        }
    }

    #[test]
    fn a_day_begins_where_the_clocks_say() {
        assert_eq!(calendar(8).day(DAY - 1), 1, "eight hours before midnight UTC it is the next day");
        assert_eq!(calendar(-5).day(DAY + 1), 0);
        for hours in [-11, 0, 8] {
            let calendar = calendar(hours);
            assert_eq!(calendar.day(calendar.begins(17_000)), 17_000);
            assert_eq!(calendar.day(calendar.begins(17_000) - 1), 16_999);
        }
    }

    #[test]
    fn days_that_are_free_are_not_counted() {
        // 2016-12-30 was a Friday; 2017-01-02 is free in every year whose list is not known.
        let mut calendar = calendar(0);
        let friday = 17_165 * DAY + 5;
        assert_eq!(calendar.ends(friday, 3, false), 17_169 * DAY);
        assert_eq!(calendar.ends(friday, 3, true), 17_172 * DAY);
        // A list of the year says all of it: now Tuesday is free, and Monday is not.
        calendar.holidays.insert(2017, BTreeSet::from([17_169]));
        assert_eq!(calendar.ends(friday, 3, true), 17_172 * DAY);
        assert!(calendar.is_worked(17_168) && !calendar.is_worked(17_169));
        // The Saturday before is worked for it.
        calendar.make_up.insert(17_166);
        assert_eq!(calendar.ends(friday, 3, true), 17_171 * DAY);
        assert_eq!(calendar.ends(friday, 0, true), 17_166 * DAY);
    }
}
