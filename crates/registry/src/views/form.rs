//! Forms: an input for each field, made from its type and rules.

use std::collections::BTreeMap;

use bangfu_policy::model::{CodeList, Field, FieldType, Pack, Register, Value, text_in};
use bangfu_policy::value::{format, format_date, format_number};
use serde::Serialize;

use super::figures::{self, Language};
use super::file::Fact;
use crate::exchange::columns;

/// An input of a form.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Input {
    /// Id of the field.
    pub id: String,
    /// Title.
    pub title: String,
    /// `text`, `number`, `date`, `choice`, `truth`, `reference` or `several`.
    pub kind: &'static str,
    /// What stands in it.
    pub value: String,
    /// What stood in it when the form was made.
    pub was: String,
    /// Whether it must be filled in.
    pub required: bool,
    /// Unit, behind the input.
    pub unit: String,
    /// Smallest value.
    pub min: String,
    /// Largest value.
    pub max: String,
    /// Step of a number.
    pub step: String,
    /// Code and label; those that are in force.
    pub options: Vec<(String, String)>,
    /// Those that are no longer.
    pub old_options: Vec<(String, String)>,
    /// Explanation.
    pub help: String,
    /// Rules in words.
    pub rules: String,
    /// Whether its value is not shown.
    pub secret: bool,
    /// The masked value of a secret field; empty: none.
    pub masked: String,
    /// What is wrong.
    pub error: String,
    /// Title of the register that a reference names.
    pub of: String,
    /// Name of the record that a reference names.
    pub named: String,
    /// Records that may be meant: key and name.
    pub found: Vec<(String, String)>,
}

/// The texts of a record's values as its form has them; secret ones are empty.
pub fn texts(pack: &Pack, register: &Register, values: &[Option<Value>]) -> BTreeMap<String, String> {
    let open = register.fields.iter().zip(values).filter(|(field, _)| !field.secret);
    open.map(|(field, value)| {
        let text = value.as_ref().map(|value| format(value, field.ty, pack)).unwrap_or_default();
        (field.id.clone(), text)
    })
    .collect()
}

/// What a form has in its inputs.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// By field: what was typed.
    pub values: BTreeMap<String, String>,
    /// By field: what stood there before.
    pub was: BTreeMap<String, String>,
    /// By field: what is wrong.
    pub errors: BTreeMap<String, String>,
    /// By field: records that a reference may mean.
    pub found: BTreeMap<String, Vec<(String, String)>>,
    /// By field: the record that a reference names.
    pub named: BTreeMap<String, String>,
}

/// The inputs of a register's form. `own`: the record that is changed. Codes in force on `today` come first.
pub fn inputs(
    pack: &Pack,
    register: &Register,
    draft: &Draft,
    own: Option<&Fact>,
    today: i32,
    language: Language,
) -> Vec<Input> {
    let text = |map: &BTreeMap<String, String>, id: &str| map.get(id).cloned().unwrap_or_default();
    register
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let masked = match own.and_then(|own| own.values.get(index)) {
                Some(Some(Value::Text(masked))) if field.secret => masked.clone(),
                _ => String::new(),
            };
            let mut input = Input {
                id: field.id.clone(),
                title: text_in(&field.title, language.id()).to_owned(),
                value: text(&draft.values, &field.id),
                was: text(&draft.was, &field.id),
                required: field.required && masked.is_empty(),
                help: field.help.as_ref().map(|help| text_in(help, language.id()).to_owned()).unwrap_or_default(),
                rules: columns::rules(field, language.id()),
                secret: field.secret,
                masked,
                error: text(&draft.errors, &field.id),
                named: text(&draft.named, &field.id),
                found: draft.found.get(&field.id).cloned().unwrap_or_default(),
                ..Input::default()
            };
            shape(pack, field, today, language, &mut input);
            input
        })
        .collect()
}

/// Makes an input fit for values of a field: its kind, what can be chosen, bounds. Codes in force on `today` come first.
pub fn shape(pack: &Pack, field: &Field, today: i32, language: Language, input: &mut Input) {
    let bound = |value: Option<i64>| {
        let text = |value| match field.ty {
            FieldType::Date => format_date(value),
            FieldType::Money => format_number(value, 2),
            FieldType::Decimal(scale) => format_number(value, scale),
            _ => value.to_string(),
        };
        value.map(text).unwrap_or_default()
    };
    (input.min, input.max) = (bound(field.min), bound(field.max));
    input.kind = match field.ty {
        FieldType::Boolean => {
            input.options = [true, false].map(|b| (b.to_string(), figures::truth(b, language).to_owned())).to_vec();
            "truth"
        }
        FieldType::Code(list) => {
            if let Some(list) = pack.codes.get(list.index()) {
                (input.options, input.old_options) = options(list, today, language);
            }
            "choice"
        }
        FieldType::Date => "date",
        FieldType::Integer | FieldType::Year => {
            input.step = "1".to_owned();
            "number"
        }
        FieldType::Money => {
            input.step = "0.01".to_owned();
            input.unit = text_in(&pack.policy.currency_symbol, language.id()).to_owned();
            "number"
        }
        FieldType::Decimal(scale) => {
            input.step = format_number(1, scale);
            "number"
        }
        FieldType::Reference(to) => {
            let to = pack.registers.get(to.index());
            input.of = to.map_or_else(String::new, |to| text_in(&to.title, language.id()).to_owned());
            "reference"
        }
        _ => "text",
    };
}

type Options = Vec<(String, String)>;

/// Codes with their labels: those in force on a day, and the others.
fn options(list: &CodeList, today: i32, language: Language) -> (Options, Options) {
    let (mut now, mut old) = (Vec::new(), Vec::new());
    for code in &list.values {
        let option = (code.code.clone(), text_in(&code.label, language.id()).to_owned());
        let in_force = code.from.is_none_or(|from| from <= today) && code.to.is_none_or(|to| to >= today);
        if in_force { now.push(option) } else { old.push(option) }
    }
    (now, old)
}
