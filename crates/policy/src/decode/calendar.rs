//! The calendar: offset from UTC, working week, holidays, make-up days.

use std::collections::{BTreeMap, BTreeSet};

use super::boards::nearest_of;
use super::cursor::{Cursor, Report};
use super::tree::Node;
use crate::arithmetic::civil;
use crate::model::{Calendar, Pack, Place};
use crate::value::iso_date;

/// Days of the week as packs write them.
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Days that a range or the list of every year has at most: a calendar in which nothing is worked counts to no end.
const MOST_DAYS: usize = 100;
/// A year that has all days, for days of every year.
const LEAP_YEAR: &str = "2000";

pub(super) fn calendar(pack: &mut Pack, nodes: &[&Node], report: &mut Report) {
    let Some(node) = nodes.first() else { return };
    if let Some(second) = nodes.get(1) {
        report.say(&second.place, "`calendar:` stands twice", "keep one of them");
    }
    let Some(mut cursor) = Cursor::new(node, "`calendar`", report) else { return };
    let mut calendar = Calendar::default();
    if let Some((text, place)) = cursor.required_text("utc_offset", report) {
        match offset(&text) {
            Some(offset) => calendar.offset = offset,
            None => report.say(
                place,
                format!("`{text}` is no offset from UTC"),
                "write hours and minutes with their sign, in quotes, such as \"+08:00\"",
            ),
        }
    }
    calendar.week = week(&mut cursor, report);
    let mut holidays = cursor.node("holidays").map(|node| years(node, "holidays", report)).unwrap_or_default();
    let make_up = cursor.node("make_up_days").map(|node| years(node, "make_up_days", report)).unwrap_or_default();
    for (year, days) in &make_up {
        for (day, place) in days {
            let free = holidays.get(year).is_some_and(|known| known.iter().any(|(known, _)| known == day));
            if free {
                report.say(place, "the day is a holiday and a make-up day", "keep one of them");
            } else if calendar.is_worked_in_week(*day) {
                report.say(place, "the week has this day as a working day", "leave it out, or correct the date");
            }
        }
    }
    let every_year = holidays.remove(&None).unwrap_or_default();
    if every_year.len() > MOST_DAYS {
        report.say(&node.place, "`every_year` has too many days", format!("name at most {MOST_DAYS}"));
    } else {
        calendar.every_year =
            every_year.iter().map(|(day, _)| civil(*day)).map(|(_, month, day)| (month, day)).collect();
    }
    let listed = holidays.into_iter().filter_map(|(year, days)| Some((year?, days)));
    calendar.holidays = listed.map(|(year, days)| (year, days.into_iter().map(|(day, _)| day).collect())).collect();
    calendar.make_up = make_up.into_values().flatten().map(|(day, _)| day).collect();
    cursor.finish(report);
    pack.calendar = calendar;
}

/// `+08:00` in milliseconds.
fn offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    let within = hours < 15 && minutes < 60;
    within.then(|| sign * (i64::from(hours) * 60 + i64::from(minutes)) * 60_000)
}

fn week(cursor: &mut Cursor<'_>, report: &mut Report) -> [bool; 7] {
    let place = cursor.place.clone();
    let mut week = [false; 7];
    for (word, place) in cursor.texts("working_days", report) {
        let at = WEEK.iter().position(|known| *known == word);
        if let Some(worked) = at.and_then(|at| week.get_mut(at)) {
            *worked = true;
        } else {
            let advice = nearest_of(&word, WEEK.iter().copied(), "write mon, tue, wed, thu, fri, sat or sun");
            report.say(place, format!("`{word}` is no day of the week"), advice);
        }
    }
    if !week.contains(&true) {
        report.say(&place, "`calendar` has no working days", "add `working_days: [mon, tue, wed, thu, fri]`");
        return [true; 7];
    }
    week
}

type Days<'n> = Vec<(i64, &'n Place)>;

/// `2025: [2025-01-01, 2025-01-28/2025-02-04]`, `every_year: [01-01]`, which is the year `None`.
fn years<'n>(node: &'n Node, key: &'static str, report: &mut Report) -> BTreeMap<Option<i64>, Days<'n>> {
    let mut all = BTreeMap::new();
    let Some(cursor) = Cursor::new(node, &format!("`{key}`"), report) else { return all };
    for (name, place, node) in cursor.entries() {
        let year = name.parse::<i64>().ok().filter(|year| (1900..=2200).contains(year));
        if year.is_none() && !(name == "every_year" && key == "holidays") {
            report.say(place, format!("`{name}` is no year"), "write the year before the list of its days");
            continue;
        }
        let mut days: Days<'n> = Vec::new();
        let mut known = BTreeSet::new();
        for node in node.items() {
            let text = node.scalar_text().unwrap_or_default();
            match range(&text, year) {
                Some(found) => days.extend(found.filter(|day| known.insert(*day)).map(|day| (day, &node.place))),
                None => report.say(
                    &node.place,
                    format!("`{text}` is no day or range of days of the year"),
                    match year {
                        Some(year) => format!("write {year}-05-01, or {year}-05-01/{year}-05-05"),
                        None => "write 05-01, or 10-01/10-03".to_owned(),
                    },
                ),
            }
        }
        all.insert(year, days);
    }
    all
}

/// A day, or the first and the last of a range.
fn range(text: &str, year: Option<i64>) -> Option<std::ops::RangeInclusive<i64>> {
    let day = |text: &str| match year {
        Some(year) => iso_date(text).map(i64::from).filter(|day| civil(*day).0 == year),
        None => iso_date(&format!("{LEAP_YEAR}-{text}")).map(i64::from),
    };
    let (first, last) = text.split_once('/').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let count = usize::try_from(last - first).ok()?;
    (count < MOST_DAYS).then_some(first..=last)
}
