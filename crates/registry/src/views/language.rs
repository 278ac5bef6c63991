//! The languages of a site, and how figures and dates are written in each.
//!
//! A language is a value that is made once and then copied about. Chinese and English are built in; any other is made
//! from the locale files of its pack ([`Language::new`]) and stays in memory as long as the process.

use jiff::civil::Date;

/// A language with its ways of writing figures and dates.
#[derive(Clone, Copy)]
pub struct Language(&'static Manner);

/// How a language writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Manner {
    /// Id in packs, such as `zh`.
    pub id: &'static str,
    /// Tag in pages, such as `zh-CN`.
    pub tag: &'static str,
    /// Its own name.
    pub name: &'static str,
    /// Between whole and part of a number.
    pub point: &'static str,
    /// Between groups of three digits.
    pub group: &'static str,
    /// From which size a headline is divided by how much, with the word behind it and the digits; the largest first.
    pub short: &'static [(f64, f64, &'static str, u8)],
    /// Before `%` and `‰`.
    pub before_percent: &'static str,
    /// Months, the first first.
    pub months: [&'static str; 12],
    /// A day, with `{day}`, `{month}` (a word), `{number}` (of the month) and `{year}`.
    pub day: &'static str,
    /// Yes and no.
    pub truths: (&'static str, &'static str),
}

static CHINESE: Manner = Manner {
    id: "zh",
    tag: "zh-CN",
    name: "中文",
    point: ".",
    group: ",",
    short: &[(1e8, 1e8, "亿", 2), (1e4, 1e4, "万", 2)],
    before_percent: "",
    months: ENGLISH.months,
    day: "{year}年{number}月{day}日",
    truths: ("是", "否"),
};

static ENGLISH: Manner = Manner {
    id: "en",
    tag: "en",
    name: "English",
    point: ".",
    group: ",",
    short: &[(1e9, 1e9, "bn", 1), (1e6, 1e6, "M", 1), (1e4, 1e3, "k", 1)],
    before_percent: "",
    months: [
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
    ],
    day: "{day} {month} {year}",
    truths: ("yes", "no"),
};

impl Language {
    /// Simplified Chinese.
    pub const CHINESE: Self = Self(&CHINESE);
    /// English, which also speaks where a language has no words.
    pub const ENGLISH: Self = Self(&ENGLISH);

    /// The built-in language with this id.
    pub fn built_in(id: &str) -> Option<Self> {
        [Self::CHINESE, Self::ENGLISH].into_iter().find(|language| language.id() == id)
    }

    /// Another language: the English manner with what `say` knows of it under the keys of a locale file
    /// (`locale-name`, `locale-tag`, `number-point`, `number-group`, `number-percent`, `number-thousand`,
    /// `number-million`, `number-billion`, `date-day`, `month-1` … `month-12`, `truth-yes`, `truth-no`).
    pub fn new(id: &str, say: impl Fn(&str) -> Option<String>) -> Self {
        if let Some(known) = Self::built_in(id) {
            return known;
        }
        let keep = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let own = |key: &str, otherwise: &'static str| say(key).map_or(otherwise, keep);
        let words = [("number-billion", 1e9, 1e9), ("number-million", 1e6, 1e6), ("number-thousand", 1e4, 1e3)];
        let mut short: Vec<(f64, f64, &'static str, u8)> = ENGLISH.short.to_vec();
        for (place, (key, from, by)) in short.iter_mut().zip(words) {
            *place = (from, by, own(key, place.2), place.3);
        }
        let mut months = ENGLISH.months;
        for (month, number) in months.iter_mut().zip(1..) {
            *month = own(&format!("month-{number}"), month);
        }
        let id = keep(id.to_owned());
        Self(Box::leak(Box::new(Manner {
            id,
            tag: own("locale-tag", id),
            name: own("locale-name", id),
            point: own("number-point", ENGLISH.point),
            group: own("number-group", ENGLISH.group),
            short: Box::leak(short.into_boxed_slice()),
            before_percent: own("number-percent", ENGLISH.before_percent),
            months,
            day: own("date-day", ENGLISH.day),
            truths: (own("truth-yes", ENGLISH.truths.0), own("truth-no", ENGLISH.truths.1)),
        })))
    }

    /// Id in packs, such as `zh`.
    pub fn id(self) -> &'static str {
        self.0.id
    }

    /// How it writes.
    pub fn manner(self) -> &'static Manner {
        self.0
    }

    /// Whether its letters are as wide as they are high.
    pub fn is_wide(self) -> bool {
        ["zh", "ja", "ko"].contains(&self.id())
    }

    /// `1234567` → `1,234,567`.
    pub fn grouped(self, n: i64) -> String {
        let digits = n.unsigned_abs().to_string();
        let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
        if n < 0 {
            out.push('-');
        }
        for (i, c) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                out.push_str(self.0.group);
            }
            out.push(c);
        }
        out
    }

    /// A value in units of `10^-scale` with all its digits: 285 500 and 2 → `2,855.00`.
    pub fn fixed(self, n: i64, scale: u8) -> String {
        let unit = 10_u64.saturating_pow(u32::from(scale));
        let whole = n.unsigned_abs() / unit;
        let sign = if n < 0 { "-" } else { "" };
        let head = self.grouped(i64::try_from(whole).unwrap_or(i64::MAX));
        if scale == 0 {
            return format!("{sign}{head}");
        }
        let rest = n.unsigned_abs() % unit;
        format!("{sign}{head}{point}{rest:0width$}", point = self.0.point, width = usize::from(scale))
    }

    /// `x` rounded to `n` digits.
    pub fn decimals(self, x: f64, n: u8) -> String {
        let scaled = (x * 10_f64.powi(i32::from(n))).round();
        self.fixed(scaled as i64, n)
    }

    /// A day in full.
    pub fn day(self, date: Date) -> String {
        let month = usize::try_from(date.month() - 1).ok().and_then(|at| self.0.months.get(at)).unwrap_or(&"");
        let parts = [
            ("{day}", date.day().to_string()),
            ("{month}", (*month).to_owned()),
            ("{number}", date.month().to_string()),
            ("{year}", date.year().to_string()),
        ];
        parts.iter().fold(self.0.day.to_owned(), |text, (mark, part)| text.replace(mark, part))
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Language {}

impl std::hash::Hash for Language {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl std::fmt::Debug for Language {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn a_language_of_a_pack_writes_as_its_locale_says() {
        let say = |key: &str| {
            let text = match key {
                "locale-name" => "Français",
                "number-point" => ",",
                "month-3" => "mars",
                "date-day" => "{day} {month} {year}",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let french = Language::new("fr", say);
        assert_eq!(french.day(jiff::civil::date(2016, 3, 1)), "1 mars 2016");
        assert_eq!((french.manner().point, french.manner().group, french.manner().tag), (",", ",", "fr"));
        assert_eq!(Language::new("zh", say), Language::CHINESE);
        assert_ne!(french, Language::ENGLISH);
    }
}
