//! Valid values of fields, from their types and rules alone.

use std::collections::BTreeMap;

use bangfu_policy::model::{Field, FieldType, Pack, RegisterId};
use bangfu_policy::value::{format_date, format_number};
use bangfu_registry::exchange::columns;
use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;

/// Makes values; each is another one where it can be.
pub(crate) struct Samples<'p> {
    pub(crate) pack: &'p Pack,
    /// Keys of records that are there, by register.
    pub(crate) keys: BTreeMap<RegisterId, Vec<String>>,
    /// A division that is there.
    pub(crate) division: String,
    /// Grows with every value.
    pub(crate) count: u32,
    runner: TestRunner,
}

impl<'p> Samples<'p> {
    pub(crate) fn new(pack: &'p Pack, division: &str) -> Self {
        let runner = TestRunner::deterministic();
        Self { pack, keys: BTreeMap::new(), division: division.to_owned(), count: 0, runner }
    }

    /// A text of a field as it is written into an English list; empty where nothing can stand there.
    pub(crate) fn text(&mut self, field: &Field) -> String {
        self.count += 1;
        let n = self.count;
        let within = |value: i64| value.clamp(field.min.unwrap_or(i64::MIN), field.max.unwrap_or(i64::MAX));
        match field.ty {
            FieldType::Text => match &field.pattern {
                Some(pattern) => {
                    let made = string_regex(pattern.text()).unwrap();
                    let tries = (0..1000).map(|_| made.new_tree(&mut self.runner).unwrap().current().trim().to_owned());
                    tries.into_iter().find(|text| !text.is_empty() && pattern.fits(text)).unwrap()
                }
                None => format!("文字{n}"),
            },
            FieldType::Integer => within(i64::from(n % 7) + 1).to_string(),
            FieldType::Year => within(2016).to_string(),
            FieldType::Decimal(scale) => format_number(within(12), scale),
            FieldType::Money => format_number(within(123_450 + i64::from(n)), 2),
            FieldType::Date => format_date(within(16_800 + i64::from(n % 300))),
            FieldType::Boolean => if n.is_multiple_of(2) { "yes" } else { "no" }.to_owned(),
            FieldType::Code(list) => {
                let list = &self.pack.codes[list.index()];
                columns::choice(list, n as usize % list.values.len(), "en").to_owned()
            }
            FieldType::Division => self.division.clone(),
            FieldType::Reference(to) => self.keys.get(&to).and_then(|keys| keys.first()).cloned().unwrap_or_default(),
            FieldType::IdNumber => id_number(n),
            FieldType::DisabilityCard => format!("{}31", id_number(n)),
            FieldType::Phone => format!("138{n:08}"),
            FieldType::BankCard => luhn(&format!("621700{n:09}")),
            FieldType::Uscc => uscc(&format!("9115{n:013}")),
        }
    }

    /// A text that the field does not take, and the rule that it breaks; none if it takes everything.
    pub(crate) fn wrong(field: &Field) -> Option<(String, &'static str)> {
        let above = |max: i64, scale: u8| format_number(max + 1, scale);
        match field.ty {
            FieldType::Date => Some(("2016-02-30".to_owned(), "type")),
            FieldType::Code(_) => Some(("no such code".to_owned(), "type")),
            FieldType::IdNumber => Some(("159900198001010012".to_owned(), "type")),
            FieldType::Integer => field.max.map(|max| (above(max, 0), "range")),
            FieldType::Money => field.max.map(|max| (above(max, 2), "range")),
            FieldType::Decimal(scale) => field.max.map(|max| (above(max, scale), "range")),
            FieldType::Text => field.pattern.as_ref().map(|_| ("not ☂ so".to_owned(), "pattern")),
            FieldType::Reference(_) => Some(("nobody".to_owned(), "reference")),
            _ => None,
        }
    }
}

/// A number with the check of GB 11643.
fn id_number(n: u32) -> String {
    let body = format!("159900{:04}0101{:03}", 1950 + n / 900 % 60, n % 900 + 1);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{body}{}", char::from(b"10X98765432"[sum as usize % 11]))
}

/// The digits with their Luhn digit.
fn luhn(digits: &str) -> String {
    let doubled = digits.bytes().rev().enumerate().map(|(at, digit)| {
        let value = u32::from(digit - b'0') * if at % 2 == 0 { 2 } else { 1 };
        if value > 9 { value - 9 } else { value }
    });
    format!("{digits}{}", (10 - doubled.sum::<u32>() % 10) % 10)
}

/// The first 17 characters with the check of GB 32100.
fn uscc(body: &str) -> String {
    const LETTERS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let (mut sum, mut weight) = (0, 1);
    for letter in body.bytes() {
        sum += LETTERS.iter().position(|known| *known == letter).unwrap() * weight;
        weight = weight * 3 % 31;
    }
    format!("{body}{}", char::from(LETTERS[(31 - sum % 31) % 31]))
}
