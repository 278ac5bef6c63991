//! Text ↔ stored value: YAML literals, imports, exports.
//!
//! One writing for output; input also takes what spreadsheets and older exports contain (`2016/1/31`, `20160131`,
//! `1,234.50`, `是`, the label of a code).

use crate::arithmetic::{civil, make_date};
use crate::identity::{self, IdentityError};
use crate::ir::{Scalar, Type};
use crate::model::{CodeList, CodeListId, FieldType, Pack, Value};

/// Why a text is not a value of its type.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// Not a number.
    #[error("this is not a number")]
    Number,
    /// More digits after the point than the type keeps.
    #[error("at most {0} digits after the point are kept")]
    Digits(u8),
    /// Beyond 64 bits.
    #[error("the number is too large")]
    TooLarge,
    /// Not an existing day.
    #[error("this is not an existing day")]
    Date,
    /// Not a year.
    #[error("this is not a year")]
    Year,
    /// Not a truth value.
    #[error("this is neither true nor false")]
    Truth,
    /// Not a code of the list.
    #[error("this is not a code of `{0}`")]
    Code(String),
    /// Not a division code.
    #[error("this is not a division code")]
    Division,
    /// The check of the number fails.
    #[error("{0}")]
    Identity(#[from] IdentityError),
}

impl ValueError {
    /// What to write instead.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Number => "write digits, with a point before decimals, such as 1234.50",
            Self::Digits(_) => "round it first",
            Self::TooLarge => "write at most 15 digits before the point",
            Self::Date => "write year-month-day, such as 2016-01-31",
            Self::Year => "write four digits, such as 2016",
            Self::Truth => "write true or false",
            Self::Code(_) => "write a code of the list",
            Self::Division => "write the digits of the code, as many as its level has",
            Self::Identity(_) => "compare it with the document, digit by digit",
        }
    }

    /// What to write instead, in a language (`zh`, else English).
    pub fn advice_in(&self, language: &str) -> &'static str {
        if language != "zh" {
            return self.advice();
        }
        match self {
            Self::Number => "填写数字，如 1234.50",
            Self::Digits(_) => "先四舍五入",
            Self::TooLarge => "小数点前最多 15 位，核对单位",
            Self::Date => "填写年-月-日，如 2016-01-31",
            Self::Year => "填写四位数字，如 2016",
            Self::Truth => "填写“是”或“否”",
            Self::Code(_) => "填写代码表中的代码或名称",
            Self::Division => "填写本级完整的区划代码",
            Self::Identity(_) => "逐位核对证件；在表格中把该列设为文本格式",
        }
    }

    /// The message in a language (`zh`, else English) for who filled in a table.
    pub fn words(&self, language: &str) -> String {
        if language != "zh" {
            return self.to_string();
        }
        match self {
            Self::Number => "不是数字".to_owned(),
            Self::Digits(digits) => format!("小数最多 {digits} 位"),
            Self::TooLarge => "数字过大".to_owned(),
            Self::Date => "不是有效日期".to_owned(),
            Self::Year => "不是年份".to_owned(),
            Self::Truth => "不是“是”或“否”".to_owned(),
            Self::Code(list) => format!("不是代码表 {list} 中的代码"),
            Self::Division => "不是行政区划代码".to_owned(),
            Self::Identity(error) => match error {
                IdentityError::Length => "号码位数不对",
                IdentityError::Character => "号码中有不允许的字符",
                IdentityError::Birth => "号码中的出生日期不存在",
                IdentityError::CheckDigit => "校验码不符",
                IdentityError::Grade => "号码中的类别或等级不存在",
            }
            .to_owned(),
        }
    }
}

/// Reads a value of a field. `language` is the one whose code labels are taken beside codes.
pub fn parse(text: &str, ty: FieldType, pack: &Pack, language: &str) -> Result<Value, ValueError> {
    let text = text.trim();
    Ok(match ty {
        FieldType::Text | FieldType::Reference(_) => Value::Text(text.to_owned()),
        FieldType::IdNumber => Value::Text(identity::id_number(text)?),
        FieldType::Uscc => Value::Text(identity::uscc(text)?),
        FieldType::DisabilityCard => Value::Text(identity::disability_card(text)?),
        FieldType::BankCard => Value::Text(identity::bank_card(text)?),
        FieldType::Phone => Value::Text(identity::phone(text)?),
        FieldType::Integer => Value::Integer(number(text, 0)?),
        FieldType::Decimal(scale) => Value::Integer(number(text, scale)?),
        FieldType::Money => Value::Integer(number(text, 2)?),
        FieldType::Date => Value::Integer(i64::from(date(text).ok_or(ValueError::Date)?)),
        FieldType::Year => Value::Integer(year(text).ok_or(ValueError::Year)?),
        FieldType::Boolean => Value::Boolean(truth(text).ok_or(ValueError::Truth)?),
        FieldType::Code(list) => Value::Integer(code(text, list, &pack.codes, language)?),
        FieldType::Division => {
            let known = pack.level_of_code(text).is_some() && text.bytes().all(|byte| byte.is_ascii_digit());
            Value::Text(known.then(|| text.to_owned()).ok_or(ValueError::Division)?)
        }
    })
}

/// Writes a value of a field: ISO dates, numbers with a point, codes as codes.
pub fn format(value: &Value, ty: FieldType, pack: &Pack) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Integer(number) => match ty {
            FieldType::Year => number.to_string(),
            ty => format_scalar(Scalar::Integer(*number), ty.formula_type(), pack),
        },
    }
}

/// Reads a constant of a formula type.
pub fn parse_scalar(text: &str, ty: Type, codes: &[CodeList]) -> Result<Scalar, ValueError> {
    let text = text.trim();
    Ok(match ty {
        Type::Boolean => Scalar::Boolean(truth(text).ok_or(ValueError::Truth)?),
        Type::Number { scale, .. } => Scalar::Integer(number(text, scale)?),
        Type::Date => Scalar::Integer(i64::from(date(text).ok_or(ValueError::Date)?)),
        Type::Code(list) => Scalar::Integer(code(text, list, codes, "")?),
        Type::Text => return Err(ValueError::Number),
    })
}

/// Writes a constant of a formula type; missing is empty.
pub fn format_scalar(value: Scalar, ty: Type, pack: &Pack) -> String {
    match (value, ty) {
        (Scalar::Missing, _) => String::new(),
        (Scalar::Boolean(truth), _) => truth.to_string(),
        (Scalar::Integer(number), Type::Number { scale, .. }) => format_number(number, scale),
        (Scalar::Integer(day), Type::Date) => format_date(day),
        (Scalar::Integer(position), Type::Code(list)) => {
            let code = pack.codes.get(list.index()).and_then(|list| list.values.get(usize::try_from(position).ok()?));
            code.map_or_else(|| position.to_string(), |code| code.code.clone())
        }
        (Scalar::Integer(number), Type::Boolean | Type::Text) => number.to_string(),
    }
}

/// A number in units of `10^-scale` with its digits after the point.
pub fn format_number(units: i64, scale: u8) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = units.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{part}")
}

/// A day as year-month-day.
pub fn format_date(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A number in units of `10^-scale`. Commas between digits, spaces, full-width digits and zeros that carry nothing are
/// taken.
pub fn number(text: &str, scale: u8) -> Result<i64, ValueError> {
    let (whole, part, negative) = digits_of(text).ok_or(ValueError::Number)?;
    let part = part.trim_end_matches('0');
    if part.len() > usize::from(scale) {
        return Err(ValueError::Digits(scale));
    }
    let units = format!("{whole}{part:0<width$}", width = usize::from(scale));
    let units = units.parse::<i64>().map_err(|_| ValueError::TooLarge)?;
    Ok(if negative { -units } else { units })
}

/// A number with as many digits after the point as are written: units and scale.
pub fn number_as_written(text: &str) -> Result<(i64, u8), ValueError> {
    let (_, part, _) = digits_of(text).ok_or(ValueError::Number)?;
    let scale = u8::try_from(part.len()).map_err(|_| ValueError::TooLarge)?;
    number(text, scale).map(|units| (units, scale))
}

/// Digits before and after the point, and whether the number is negative.
fn digits_of(text: &str) -> Option<(String, String, bool)> {
    let text: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, ',' | '，' | ' ' | '\u{a0}'))
        .map(|c| match c {
            '０'..='９' => char::from_digit(c as u32 - '０' as u32, 10).unwrap_or(c),
            '．' => '.',
            '－' | '−' => '-',
            other => other,
        })
        .collect();
    let negative = text.starts_with('-');
    let text = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let something = !(whole.is_empty() && part.is_empty());
    (something && digits(whole) && digits(part)).then(|| (format!("0{whole}"), part.to_owned(), negative))
}

/// A day written as year-month-day, and nothing else.
pub fn iso_date(text: &str) -> Option<i32> {
    let shaped = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    if !shaped {
        return None;
    }
    make_date(part(0, 4)?, part(5, 7)?, part(8, 10)?).and_then(|day| i32::try_from(day).ok())
}

/// A day as tables contain it: `2016-01-31`, `2016/1/31`, `2016.1.31`, `20160131`, `2016年1月31日`, with or without
/// a time of midnight behind it.
pub fn date(text: &str) -> Option<i32> {
    let text = text.trim();
    let text = text.split_once([' ', 'T']).map_or(text, |(day, _)| day);
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
        return make_date(part(0, 4)?, part(4, 6)?, part(6, 8)?).and_then(|day| i32::try_from(day).ok());
    }
    let text = text.strip_suffix('日').unwrap_or(text);
    let parts: Vec<&str> = text.split(['-', '/', '.', '年', '月']).collect();
    let [year, month, day] = parts.as_slice() else { return None };
    if year.len() != 4 || !parts.iter().all(|part| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let day = make_date(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    i32::try_from(day).ok()
}

fn year(text: &str) -> Option<i64> {
    let text = text.strip_suffix('年').unwrap_or(text);
    let year = text.parse::<i64>().ok().filter(|_| text.len() == 4)?;
    (1800..=2200).contains(&year).then_some(year)
}

fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "是" | "有" | "√" => Some(true),
        "false" | "no" | "n" | "0" | "否" | "无" | "×" => Some(false),
        _ => None,
    }
}

fn code(text: &str, list: CodeListId, codes: &[CodeList], language: &str) -> Result<i64, ValueError> {
    let Some(list) = codes.get(list.index()) else { return Err(ValueError::Code(String::new())) };
    let by_code = list.values.iter().position(|code| code.code == text);
    let by_label = || list.values.iter().position(|code| code.label.get(language).is_some_and(|label| label == text));
    by_code.or_else(by_label).map(|position| position as i64).ok_or_else(|| ValueError::Code(list.id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        for (text, scale, units) in [
            ("2855", 2, 285_500),
            ("1,234.5", 2, 123_450),
            ("-0.05", 2, -5),
            ("１２", 0, 12),
            ("3.00", 0, 3),
            (".5", 1, 5),
        ] {
            assert_eq!(number(text, scale), Ok(units), "{text}");
        }
        assert_eq!(number("1.005", 2), Err(ValueError::Digits(2)));
        assert_eq!(number("1e3", 2), Err(ValueError::Number));
        assert_eq!(number("", 2), Err(ValueError::Number));
        assert_eq!(number("9999999999999999999", 0), Err(ValueError::TooLarge));
        assert_eq!(number_as_written("1.50"), Ok((150, 2)));
        assert_eq!(format_number(-5, 2), "-0.05");
        assert_eq!(format_number(285_500, 2), "2855.00");
    }

    #[test]
    fn dates_in_many_writings() {
        let day = iso_date("2016-01-31");
        assert!(day.is_some());
        for text in ["2016/1/31", "2016.01.31", "20160131", "2016年1月31日", "2016-01-31 00:00:00"] {
            assert_eq!(date(text), day, "{text}");
        }
        for text in ["2016-02-30", "31-01-2016", "2016-1", "16/1/31", "２０１６-01-31"] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(format_date(i64::from(day.unwrap())), "2016-01-31");
    }
}
