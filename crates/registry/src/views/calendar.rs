//! The calendar of the pack as the page of procedures tells it.

use std::collections::BTreeSet;

use bangfu_policy::arithmetic::civil;
use bangfu_policy::model::Calendar;
use serde::Serialize;

use super::figures::iso_day;

/// The calendar of a year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CalendarView {
    /// By how much clocks are ahead of UTC, such as `+08:00`.
    pub offset: String,
    /// Numbers of the days of the week that are worked, Monday is 1.
    pub week: Vec<usize>,
    /// The year.
    pub year: String,
    /// Its holidays: days, and ranges with both ends; of a year without a list month and day.
    pub holidays: Vec<String>,
    /// Whether its list is known.
    pub listed: bool,
    /// Days of it that are worked although the week has them free.
    pub make_up: Vec<String>,
}

/// The calendar of the year in which a day lies.
pub fn of(calendar: &Calendar, day: i64) -> CalendarView {
    let (year, ..) = civil(day);
    let minutes = calendar.offset / 60_000;
    let sign = if minutes < 0 { '-' } else { '+' };
    let listed = calendar.holidays.get(&year);
    let every_year = || calendar.every_year.iter().map(|(month, day)| format!("{month:02}-{day:02}")).collect();
    CalendarView {
        offset: format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60),
        week: (1..=7).filter(|n| calendar.week.get(n - 1) == Some(&true)).collect(),
        year: year.to_string(),
        holidays: listed.map_or_else(every_year, ranges),
        listed: listed.is_some(),
        make_up: calendar.make_up.iter().filter(|day| civil(**day).0 == year).map(|day| iso_day(*day)).collect(),
    }
}

/// Days in a row as `first – last`.
fn ranges(days: &BTreeSet<i64>) -> Vec<String> {
    let mut rows: Vec<(i64, i64)> = Vec::new();
    for day in days {
        match rows.last_mut() {
            Some((_, last)) if *last + 1 == *day => *last = *day,
            _ => rows.push((*day, *day)),
        }
    }
    let text = |(first, last): (i64, i64)| {
        let first_day = iso_day(first);
        if first == last { first_day } else { format!("{first_day} – {}", iso_day(last)) }
    };
    rows.into_iter().map(text).collect()
}
