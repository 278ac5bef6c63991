//! Literals take the type of their neighbour.

use sqlparser::ast::{DataType, TypedString, Value as SqlValue};

use crate::diagnostic::nearest;
use crate::ir::{ExprId, Op, Scalar, Type};
use crate::model::{CodeListId, Place};

use super::lower::{Context, Lowered};
use super::names::wrong;
use super::{Compiler, Stop};

/// Most digits after the point of a literal.
const MOST_DIGITS: usize = 9;

/// Digits with an optional point.
pub(super) fn number(digits: &str, place: &Place) -> Result<Lowered, Stop> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let units = format!("{whole}{part}").parse::<i64>().ok().filter(|_| part.len() <= MOST_DIGITS);
    match units {
        Some(units) => Ok(Lowered::Number { units, scale: part.len() as u8 }),
        None => Err(wrong(
            place,
            format!("the number {digits} is too large or too precise"),
            format!("write at most 18 digits, {MOST_DIGITS} of them after the point, without exponent"),
        )),
    }
}

impl Compiler<'_> {
    /// `date '2016-01-01'`
    pub(super) fn typed_string(&mut self, typed: &TypedString, place: &Place) -> Result<Lowered, Stop> {
        match (&typed.data_type, &typed.value.value) {
            (DataType::Date, SqlValue::SingleQuotedString(text)) => self.date(text, place).map(Lowered::Node),
            _ => Err(wrong(
                place,
                format!("`{typed}` is not a literal of formulas"),
                "dates are written date '2016-01-01'".to_owned(),
            )),
        }
    }

    fn date(&mut self, text: &str, place: &Place) -> Result<ExprId, Stop> {
        let Ok(date) = text.parse::<jiff::civil::Date>() else {
            return Err(wrong(
                place,
                format!("there is no date '{text}'"),
                "write year-month-day, such as date '2016-01-31'".to_owned(),
            ));
        };
        let day = crate::arithmetic::day_number(i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
        Ok(self.node(Op::Literal(Scalar::Integer(day)), Type::Date, None))
    }

    /// What was lowered as a node; `hint` types what has no type yet.
    pub(super) fn as_node(&mut self, lowered: Lowered, hint: Option<Type>, context: &Context) -> Result<ExprId, Stop> {
        match lowered {
            Lowered::Node(node) => Ok(node),
            Lowered::Number { units, scale } => {
                let (money, wanted) = match hint {
                    Some(Type::Number { money, scale }) => (money, scale),
                    _ => (false, 0),
                };
                let (units, scale) = rescaled(units, scale, wanted, &context.place)?;
                Ok(self.node(Op::Literal(Scalar::Integer(units)), Type::Number { money, scale }, None))
            }
            Lowered::Quoted(text) => match hint {
                Some(Type::Code(list)) => self.code(&text, list, &context.place),
                Some(Type::Date) => self.date(&text, &context.place),
                _ => Err(wrong(
                    &context.place,
                    format!("'{text}' stands beside nothing that is a code, date or text"),
                    "compare it with a code field, a date or a text field".to_owned(),
                )),
            },
            Lowered::Null => match hint {
                Some(ty) => Ok(self.node(Op::Literal(Scalar::Missing), ty, None)),
                None => Err(wrong(
                    &context.place,
                    "null has no type here".to_owned(),
                    "test with `is null`; in a `case`, let another arm have a value".to_owned(),
                )),
            },
            Lowered::Quotient { money, .. } => Err(wrong(
                &context.place,
                "an exact quotient must be rounded".to_owned(),
                if money { "write round(a / b, 2)" } else { "write round(a / b, n), floor(a / b) or ceil(a / b)" }
                    .to_owned(),
            )),
        }
    }

    /// A code as a constant.
    pub(super) fn code(&mut self, text: &str, list: CodeListId, place: &Place) -> Result<ExprId, Stop> {
        let position = self.code_position(text, list, place)?;
        Ok(self.node(Op::Literal(Scalar::Integer(position)), Type::Code(list), None))
    }

    /// Position of a code in its list.
    pub(super) fn code_position(&self, text: &str, list: CodeListId, place: &Place) -> Result<i64, Stop> {
        let codes = &self.pack.codes[list.index()];
        codes.values.iter().position(|code| code.code == text).map(|index| index as i64).ok_or_else(|| {
            let near = nearest(text, codes.values.iter().map(|code| code.code.as_str()));
            let some: Vec<_> = codes.values.iter().take(12).map(|code| code.code.as_str()).collect();
            let advice = near.map_or(format!("its codes are {}", some.join(", ")), |near| {
                format!("did you mean '{near}'? Its codes are {}", some.join(", "))
            });
            wrong(place, format!("'{text}' is not a code of `{}`", codes.id), advice)
        })
    }
}

/// Units at least at the wanted scale.
pub(super) fn rescaled(units: i64, scale: u8, wanted: u8, place: &Place) -> Result<(i64, u8), Stop> {
    let up = wanted.saturating_sub(scale);
    let factor = 10_i64.checked_pow(u32::from(up));
    match factor.and_then(|factor| units.checked_mul(factor)) {
        Some(units) => Ok((units, scale + up)),
        None => Err(wrong(place, "the number is too large".to_owned(), "write a smaller one".to_owned())),
    }
}
