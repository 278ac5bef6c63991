//! Lists: what can be filtered, and what a query means.
//!
//! The names in an address: `q` search, `f.<field>` a value, `f.<field>.from` and `.to` a range, `-` not filled in,
//! `sort` a field id or `-` and a field id, `page`, `limit`.

use std::collections::BTreeMap;

use bangfu_policy::model::{FieldType, Pack, Register, RegisterId, Value, text_in};
use serde::Serialize;

use super::figures::{self, Language};
use super::file;

/// What a list asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct Listing {
    /// The register.
    pub register: RegisterId,
    /// Only records below this division.
    pub division: String,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Words to search for.
    pub search: Option<String>,
    /// Field to sort by, and whether from the top; the key otherwise.
    pub sort: Option<(u16, bool)>,
    /// From 1.
    pub page: u64,
    /// Records on a page.
    pub limit: u64,
}

/// A condition on a field.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// The field.
    pub field: u16,
    /// What must hold.
    pub test: Test,
}

/// What must hold.
#[derive(Clone, PartialEq, Debug)]
pub enum Test {
    /// Equal.
    Is(Value),
    /// Not below.
    AtLeast(Value),
    /// Not above.
    AtMost(Value),
    /// Not filled in.
    Empty,
}

/// A value of the query that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name}: `{value}` cannot be read; write a number as 1200.50, a date as 2015-03-01")]
pub struct QueryError {
    /// Name in the address.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A filter on the page.
#[derive(Clone, Debug, Serialize)]
pub struct Filter {
    /// Id of the field.
    pub id: String,
    /// Title.
    pub title: String,
    /// `choice`, `range` or `text`.
    pub kind: &'static str,
    /// Type of the input.
    pub input: &'static str,
    /// Options of a choice.
    pub options: Vec<(String, String)>,
    /// What is asked for.
    pub value: String,
    /// Upper end of a range.
    pub to: String,
    /// Shown at once, not below "more".
    pub first: bool,
}

/// Largest page.
pub const LARGEST_PAGE: u64 = 200;

/// Reads the query of a list.
pub fn parse(
    pack: &Pack,
    id: RegisterId,
    division: &str,
    query: &BTreeMap<String, String>,
) -> Result<Listing, QueryError> {
    let fields = pack.registers.get(id.index()).map(|register| register.fields.as_slice()).unwrap_or_default();
    let mut conditions = Vec::new();
    for (name, text) in query.iter().filter(|(_, text)| !text.is_empty()) {
        let Some(rest) = name.strip_prefix("f.") else { continue };
        let (field_id, end) = rest.split_once('.').unwrap_or((rest, ""));
        let Some(position) = fields.iter().position(|field| field.id == field_id && !field.secret) else { continue };
        let Some(field) = fields.get(position) else { continue };
        let error = || QueryError { name: field_id.to_owned(), value: text.clone() };
        let test = if text == "-" {
            Test::Empty
        } else {
            let value = read(pack, field.ty, text).ok_or_else(error)?;
            match end {
                "from" => Test::AtLeast(value),
                "to" => Test::AtMost(value),
                _ => Test::Is(value),
            }
        };
        conditions.push(Condition { field: position as u16, test });
    }
    let number = |name: &str, default: u64| -> Result<u64, QueryError> {
        match query.get(name).filter(|text| !text.is_empty()) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| QueryError { name: name.to_owned(), value: text.clone() }),
        }
    };
    let sort = query.get("sort").and_then(|text| {
        let (name, descending) = text.strip_prefix('-').map_or((text.as_str(), false), |name| (name, true));
        let position = fields.iter().position(|field| field.id == name && !field.secret)?;
        Some((position as u16, descending))
    });
    Ok(Listing {
        register: id,
        division: division.to_owned(),
        conditions,
        search: query.get("q").map(|q| q.trim().to_owned()).filter(|q| !q.is_empty()),
        sort,
        page: number("page", 1)?.min(1_000_000),
        limit: number("limit", 50)?.min(LARGEST_PAGE),
    })
}

/// A stored value from the text of a form.
fn read(pack: &Pack, ty: FieldType, text: &str) -> Option<Value> {
    let text = text.trim();
    Some(match ty {
        FieldType::Boolean => Value::Boolean(match text {
            "true" => true,
            "false" => false,
            _ => return None,
        }),
        FieldType::Code(list) => {
            let list = pack.codes.get(list.index())?;
            Value::Integer(list.values.iter().position(|code| code.code == text)? as i64)
        }
        FieldType::Date => Value::Integer(figures::days_of(text.parse().ok()?).into()),
        FieldType::Integer | FieldType::Year => Value::Integer(text.replace(',', "").parse().ok()?),
        FieldType::Money => Value::Integer(units(text, 2)?),
        FieldType::Decimal(scale) => Value::Integer(units(text, scale)?),
        _ => Value::Text(text.to_owned()),
    })
}

/// A decimal as a whole number of its units; no more digits than the scale has.
pub fn units(text: &str, scale: u8) -> Option<i64> {
    let text = text.replace(',', "");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || rest.len() > usize::from(scale) || !all_digits(whole) || !all_digits(rest) {
        return None;
    }
    let padded = format!("{whole}{rest:0<width$}", width = usize::from(scale));
    padded.parse::<i64>().ok().map(|n| n * sign)
}

/// The filters of a register's list with what is asked for.
pub fn filters(
    pack: &Pack,
    register: &Register,
    id: RegisterId,
    query: &BTreeMap<String, String>,
    language: Language,
) -> Vec<Filter> {
    let columns = file::list_columns(pack, id);
    let asked = |name: String| query.get(&name).cloned().unwrap_or_default();
    let mut shown = 0;
    register
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| !field.secret)
        .map(|(n, field)| {
            let (kind, input, options) = match field.ty {
                FieldType::Boolean => {
                    let option = |b: bool| (b.to_string(), figures::truth(b, language).to_owned());
                    ("choice", "", vec![option(true), option(false)])
                }
                FieldType::Code(list) => {
                    let values = pack.codes.get(list.index()).map(|list| list.values.as_slice()).unwrap_or_default();
                    let option = |code: &bangfu_policy::model::Code| {
                        (code.code.clone(), text_in(&code.label, language.id()).to_owned())
                    };
                    ("choice", "", values.iter().map(option).collect())
                }
                FieldType::Date => ("range", "date", Vec::new()),
                FieldType::Integer | FieldType::Year | FieldType::Money | FieldType::Decimal(_) => {
                    ("range", "number", Vec::new())
                }
                _ => ("text", "", Vec::new()),
            };
            let value =
                if kind == "range" { asked(format!("f.{}.from", field.id)) } else { asked(format!("f.{}", field.id)) };
            let first = kind == "choice" && columns.contains(&n) && shown < 3;
            shown += usize::from(first);
            Filter {
                id: field.id.clone(),
                title: text_in(&field.title, language.id()).to_owned(),
                kind,
                input,
                options,
                value,
                to: asked(format!("f.{}.to", field.id)),
                first,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn decimals_become_whole_units() {
        assert_eq!(units("2855", 2), Some(285_500));
        assert_eq!(units("-0.5", 2), Some(-50));
        assert_eq!(units("1,234.56", 2), Some(123_456));
        for bad in ["", "1.234", "1e3", "--1", "1.2.3", "９"] {
            assert_eq!(units(bad, 2), None, "{bad}");
        }
    }
}
