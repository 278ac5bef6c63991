//! Figures and dates as people of each language read them.
//!
//! How a language writes stands in [`super::language`]. Money is always two decimals in tables. Nothing here knows where
//! a figure comes from.

use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Calendar, Pack, Unit, text_in};
use jiff::civil::Date;

pub use super::language::Language;

/// `1234567` → `1,234,567`, where there is no language.
pub fn grouped(n: i64) -> String {
    Language::ENGLISH.grouped(n)
}

/// A value in units of `10^-scale` with all its digits, where there is no language: `fixed(285_500, 2)` → `2,855.00`.
pub fn fixed(n: i64, scale: u8) -> String {
    Language::ENGLISH.fixed(n, scale)
}

/// `x` rounded to `n` digits, where there is no language.
pub fn decimals(x: f64, n: u8) -> String {
    Language::ENGLISH.decimals(x, n)
}

/// A large figure for headlines: `803000` → `80.3万` or `803k`; small ones stay whole.
pub fn short(x: f64, language: Language) -> String {
    let Some((_, by, word, digits)) = language.manner().short.iter().find(|(from, ..)| x.abs() >= *from) else {
        return if x.fract().abs() < 1e-9 { language.grouped(x as i64) } else { language.decimals(x, 2) };
    };
    let value = x / by;
    let digits = if value.abs() >= 100.0 { 1 } else { *digits };
    format!("{}{word}", trimmed(&language.decimals(value, digits), language))
}

fn trimmed(text: &str, language: Language) -> &str {
    let point = language.manner().point;
    if text.contains(point) { text.trim_end_matches('0').trim_end_matches(point) } else { text }
}

/// An indicator's value in its unit. `money` values are units of the currency here, not hundredths.
pub fn indicator(value: f64, unit: Unit, language: Language) -> String {
    let before = language.manner().before_percent;
    match unit {
        Unit::Count | Unit::Money => short(value, language),
        Unit::Percent => format!("{}{before}%", language.decimals(value * 100.0, 2)),
        Unit::PerMille => format!("{}{before}‰", language.decimals(value * 1000.0, 2)),
        Unit::Index => language.decimals(value, 4),
        Unit::Number => trimmed(&language.decimals(value, 2), language).to_owned(),
    }
}

/// An indicator's value for a dense table: all digits of counts.
pub fn indicator_exact(value: f64, unit: Unit, language: Language) -> String {
    match unit {
        Unit::Count => language.grouped(value.round() as i64),
        Unit::Money => language.decimals(value, 2),
        _ => indicator(value, unit, language),
    }
}

/// A day as `2015年3月1日` or `1 March 2015`.
pub fn day(days: i64, language: Language) -> String {
    civil(days).map_or_else(|| String::from("—"), |date| language.day(date))
}

/// A day as `2015-03-01`, for tables and forms.
pub fn iso_day(days: i64) -> String {
    civil(days).map_or_else(String::new, |date| date.to_string())
}

/// Days since 1970-01-01 to a date.
pub fn civil(days: i64) -> Option<Date> {
    jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// A date to days since 1970-01-01.
pub fn days_of(date: Date) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    date.since((jiff::Unit::Day, epoch)).map_or(0, |span| span.get_days())
}

/// A moment (milliseconds since 1970-01-01 UTC) as `2026-11-23 20:44`, as the clocks of the calendar show it.
pub fn moment(milliseconds: i64, calendar: &Calendar) -> String {
    jiff::Timestamp::from_millisecond(milliseconds.saturating_add(calendar.offset))
        .map(|at| at.strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default()
}

/// A value of a formula with its type, as people read it.
pub fn scalar(pack: &Pack, value: Scalar, ty: Type, language: Language) -> String {
    let n = match value {
        Scalar::Missing => return String::from("—"),
        Scalar::Boolean(b) => return truth(b, language).to_owned(),
        Scalar::Integer(n) => n,
    };
    match ty {
        Type::Boolean => truth(n != 0, language).to_owned(),
        Type::Number { scale, .. } => language.fixed(n, scale),
        Type::Date => day(n, language),
        Type::Code(list) => pack
            .codes
            .get(list.index())
            .and_then(|list| list.values.get(usize::try_from(n).ok()?))
            .map_or_else(|| n.to_string(), |code| text_in(&code.label, language.id()).to_owned()),
        Type::Text => n.to_string(),
    }
}

/// Yes or no.
pub fn truth(yes: bool, language: Language) -> &'static str {
    let (so, not_so) = language.manner().truths;
    if yes { so } else { not_so }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_each_language_writes_them() {
        let zh = Language::CHINESE;
        let en = Language::ENGLISH;
        assert_eq!(short(803_000.0, zh), "80.3万");
        assert_eq!(short(803_000.0, en), "803k");
        assert_eq!(short(1_234_567_890.0, zh), "12.35亿");
        assert_eq!(short(9_999.0, zh), "9,999");
        assert_eq!(zh.fixed(-285_507, 2), "-2,855.07");
        assert_eq!(zh.fixed(-7, 2), "-0.07");
        assert_eq!(en.grouped(-1_000), "-1,000");
        assert_eq!(indicator(0.0313, Unit::Percent, zh), "3.13%");
        assert_eq!(day(16_495, zh), "2015年3月1日");
        assert_eq!(day(16_495, en), "1 March 2015");
        assert_eq!(civil(16_495).map(days_of), Some(16_495));
    }
}
