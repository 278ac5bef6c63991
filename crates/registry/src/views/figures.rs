//! Figures and dates as people of each language read them.
//!
//! Chinese counts in 万 and 亿, English in k and M. Money is always two decimals in tables. Nothing here knows where a
//! figure comes from.

use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Pack, Unit, text_in};
use jiff::civil::Date;

/// A language of the site; any other language of a pack is shown with English conventions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Language {
    /// Simplified Chinese.
    Chinese,
    /// English.
    English,
}

impl Language {
    /// Id in packs: `zh` or `en`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

/// `1234567` → `1,234,567`.
pub fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        out.push('-');
    }
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A value in units of `10^-scale` with all its digits: `fixed(285_500, 2)` → `2,855.00`.
pub fn fixed(n: i64, scale: u8) -> String {
    let unit = 10_u64.saturating_pow(u32::from(scale));
    let whole = n.unsigned_abs() / unit;
    let sign = if n < 0 { "-" } else { "" };
    let head = grouped(i64::try_from(whole).unwrap_or(i64::MAX));
    if scale == 0 {
        return format!("{sign}{head}");
    }
    let rest = n.unsigned_abs() % unit;
    format!("{sign}{head}.{rest:0width$}", width = usize::from(scale))
}

/// A large figure for headlines: `803000` → `80.3万` or `803k`; small ones stay whole.
pub fn short(x: f64, language: Language) -> String {
    let size = x.abs();
    let (value, word) = match language {
        Language::Chinese if size >= 1e8 => (x / 1e8, "亿"),
        Language::Chinese if size >= 1e4 => (x / 1e4, "万"),
        Language::English if size >= 1e9 => (x / 1e9, "bn"),
        Language::English if size >= 1e6 => (x / 1e6, "M"),
        Language::English if size >= 1e4 => (x / 1e3, "k"),
        _ => return if x.fract().abs() < 1e-9 { grouped(x as i64) } else { decimals(x, 2) },
    };
    let digits = if value.abs() >= 100.0 || language == Language::English { 1 } else { 2 };
    format!("{}{word}", trimmed(&decimals(value, digits)))
}

/// `x` rounded to `n` digits, with separators.
pub fn decimals(x: f64, n: u8) -> String {
    let scaled = (x * 10_f64.powi(i32::from(n))).round();
    fixed(scaled as i64, n)
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// An indicator's value in its unit. `money` values are yuan here, not fen.
pub fn indicator(value: f64, unit: Unit, language: Language) -> String {
    match unit {
        Unit::Count | Unit::Money => short(value, language),
        Unit::Percent => format!("{}%", decimals(value * 100.0, 2)),
        Unit::PerMille => format!("{}‰", decimals(value * 1000.0, 2)),
        Unit::Index => decimals(value, 4),
        Unit::Number => trimmed(&decimals(value, 2)).to_owned(),
    }
}

/// An indicator's value for a dense table: all digits of counts.
pub fn indicator_exact(value: f64, unit: Unit, language: Language) -> String {
    match unit {
        Unit::Count => grouped(value.round() as i64),
        Unit::Money => decimals(value, 2),
        _ => indicator(value, unit, language),
    }
}

/// A day as `2015年3月1日` or `1 March 2015`.
pub fn day(days: i64, language: Language) -> String {
    match civil(days) {
        Some(date) => match language {
            Language::Chinese => format!("{}年{}月{}日", date.year(), date.month(), date.day()),
            Language::English => {
                const MONTHS: [&str; 12] = [
                    "January",
                    "February",
                    "March",
                    "April",
                    "May",
                    "June",
                    "July",
                    "August",
                    "September",
                    "October",
                    "November",
                    "December",
                ];
                let month = usize::try_from(date.month() - 1).ok().and_then(|m| MONTHS.get(m)).unwrap_or(&"");
                format!("{} {month} {}", date.day(), date.year())
            }
        },
        None => String::from("—"),
    }
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

/// A moment (milliseconds since 1970) as `2026-11-23 20:44`, in UTC.
pub fn moment(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds)
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
        Type::Number { scale, .. } => fixed(n, scale),
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
    match (yes, language) {
        (true, Language::Chinese) => "是",
        (false, Language::Chinese) => "否",
        (true, Language::English) => "yes",
        (false, Language::English) => "no",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_each_language_writes_them() {
        let zh = Language::Chinese;
        let en = Language::English;
        assert_eq!(short(803_000.0, zh), "80.3万");
        assert_eq!(short(803_000.0, en), "803k");
        assert_eq!(short(1_234_567_890.0, zh), "12.35亿");
        assert_eq!(short(9_999.0, zh), "9,999");
        assert_eq!(fixed(-285_507, 2), "-2,855.07");
        assert_eq!(fixed(-7, 2), "-0.07");
        assert_eq!(grouped(-1_000), "-1,000");
        assert_eq!(indicator(0.0313, Unit::Percent, zh), "3.13%");
        assert_eq!(day(16_495, zh), "2015年3月1日");
        assert_eq!(day(16_495, en), "1 March 2015");
        assert_eq!(civil(16_495).map(days_of), Some(16_495));
    }
}
