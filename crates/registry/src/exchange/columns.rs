//! The columns of a register's lists: those of templates and exports, which imports know again.
//!
//! No two columns of a list have the same header, in any language.

use bangfu_office::{CellKind, ColumnSpec};
use bangfu_policy::model::{CodeList, Entity, Field, FieldType, Pack, Register, RegisterId, RegisterKind, text_in};
use bangfu_policy::value::{format, format_date, format_number};

/// Integers that may be longer than this are written as texts: spreadsheets keep 15 digits.
const LONG: i64 = 1_000_000_000_000_000;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// What the record belongs to: the key of the record above, or the code of the division.
    Owner,
    /// Name of the division, for who reads the list; not read.
    Place,
    /// The period.
    Period,
    /// A field.
    Field(u16),
}

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// What it holds.
    pub part: Part,
    /// Its header.
    pub title: String,
}

fn word(language: &str, zh: &str, en: &str) -> String {
    if language == "zh" { zh } else { en }.to_owned()
}

/// The columns of a register's list in a language, those of secret fields included.
pub fn columns(pack: &Pack, id: RegisterId, language: &str) -> Vec<Column> {
    let Some(register) = pack.registers.get(id.index()) else { return Vec::new() };
    let titles: Vec<&str> = register.fields.iter().map(|field| text_in(&field.title, language)).collect();
    let names = &register.columns;
    let free = |title: String, id: Option<&str>| {
        let taken = titles.contains(&title.as_str()) || register.fields.iter().any(|field| field.id == title);
        if taken { bracketed(&title, id.unwrap_or("-"), language) } else { title }
    };
    let owner = match register.parent {
        Entity::Level(_) => word(language, "行政区划代码", "Division code"),
        Entity::Register(above) => {
            let above = pack.registers.get(above.index());
            let key = above.and_then(|above| above.fields.get(usize::from(above.key?)));
            key.map(|key| text_in(&key.title, language).to_owned()).unwrap_or_default()
        }
    };
    let owner_id = names.parent.as_deref().or(names.division.as_deref());
    let mut all = vec![
        Column { part: Part::Owner, title: free(owner, owner_id) },
        Column { part: Part::Place, title: free(word(language, "区划名称", "Division name"), Some("place")) },
    ];
    let period = match register.kind {
        RegisterKind::Yearly { .. } => Some(word(language, "年度", "Year")),
        RegisterKind::Quarterly => Some(word(language, "季度", "Quarter")),
        RegisterKind::Entity | RegisterKind::One => None,
    };
    all.extend(period.map(|title| Column { part: Part::Period, title: free(title, names.period.as_deref()) }));
    for (index, (field, title)) in register.fields.iter().zip(&titles).enumerate() {
        let alone = titles.iter().filter(|other| *other == title).count() == 1;
        let title = if alone { (*title).to_owned() } else { bracketed(title, &field.id, language) };
        all.push(Column { part: Part::Field(index as u16), title });
    }
    all
}

fn bracketed(title: &str, id: &str, language: &str) -> String {
    if language == "zh" { format!("{title}（{id}）") } else { format!("{title} ({id})") }
}

/// The column that a header means, in any language of the pack.
pub(crate) fn known(pack: &Pack, id: RegisterId, header: &str) -> Option<Part> {
    let all = pack.policy.languages.iter().flat_map(|language| columns(pack, id, language));
    let mut found = all.filter(|column| column.title == header);
    found.next().map(|column| column.part)
}

/// The word for a code: its label, or the code itself where the label could mean another one.
pub fn choice<'l>(list: &'l CodeList, position: usize, language: &str) -> &'l str {
    let Some(code) = list.values.get(position) else { return "" };
    let label = text_in(&code.label, language);
    let read = |text: &str| {
        let by_code = list.values.iter().position(|code| code.code == text);
        by_code.or_else(|| list.values.iter().position(|code| text_in(&code.label, language) == text))
    };
    if !label.is_empty() && label.trim() == label && read(label) == Some(position) { label } else { &code.code }
}

/// The text of a value in a list; what an import reads as the same value.
pub fn text(pack: &Pack, field: &Field, value: &bangfu_policy::model::Value, language: &str) -> String {
    use bangfu_policy::model::Value;
    match (value, field.ty) {
        (Value::Boolean(truth), _) => truth_word(*truth, language),
        (Value::Integer(position), FieldType::Code(list)) => {
            let list = pack.codes.get(list.index());
            let position = usize::try_from(*position).unwrap_or(usize::MAX);
            list.map(|list| choice(list, position, language).to_owned()).unwrap_or_default()
        }
        _ => format(value, field.ty, pack),
    }
}

fn truth_word(truth: bool, language: &str) -> String {
    if truth { word(language, "是", "yes") } else { word(language, "否", "no") }
}

/// How a column stands in a workbook.
pub fn spec(pack: &Pack, register: &Register, column: &Column, language: &str) -> ColumnSpec {
    let Part::Field(index) = column.part else {
        let mut spec = ColumnSpec::new(&column.title, CellKind::Text);
        spec.required = column.part != Part::Place;
        return spec;
    };
    let Some(field) = register.fields.get(usize::from(index)) else {
        return ColumnSpec::new(&column.title, CellKind::Text);
    };
    let kind = match field.ty {
        FieldType::Integer if field.max.is_some_and(|max| max >= LONG) => CellKind::Text,
        FieldType::Integer | FieldType::Year => CellKind::Number(0),
        FieldType::Money => CellKind::Number(2),
        FieldType::Decimal(scale) => CellKind::Number(scale),
        FieldType::Date => CellKind::Date,
        _ => CellKind::Text,
    };
    let mut spec = ColumnSpec::new(&column.title, kind);
    spec.required = field.required;
    spec.choices = match field.ty {
        FieldType::Boolean => vec![truth_word(true, language), truth_word(false, language)],
        FieldType::Code(list) => {
            let list = pack.codes.get(list.index());
            let words = |list: &CodeList| {
                (0..list.values.len()).map(|position| choice(list, position, language).to_owned()).collect()
            };
            list.map(words).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    spec.help = field.help.as_ref().map(|help| text_in(help, language).to_owned()).unwrap_or_default();
    spec
}

/// What must be written into a column, in words.
pub fn writing(pack: &Pack, register: &Register, part: Part, language: &str) -> String {
    let say = |zh: &str, en: &str| word(language, zh, en);
    let index = match part {
        Part::Owner => return owner_words(pack, register, language),
        Part::Place => return say("供核对，不读取", "For who reads the list; it is not read"),
        Part::Period if register.kind == RegisterKind::Quarterly => {
            return say("年份和季度，如 2016Q1", "Year and quarter, such as 2016Q1");
        }
        Part::Period => return say("四位年份，如 2016", "Year in four digits, such as 2016"),
        Part::Field(index) => index,
    };
    let Some(field) = register.fields.get(usize::from(index)) else { return String::new() };
    match field.ty {
        FieldType::Text => say("文字", "Text"),
        FieldType::IdNumber => say("公民身份号码，18 位", "Identity number, 18 characters"),
        FieldType::Uscc => say("统一社会信用代码，18 位", "Unified social credit code, 18 characters"),
        FieldType::DisabilityCard => say("残疾人证号，20 位", "Number of the disability card, 20 characters"),
        FieldType::BankCard => say("银行卡号", "Number of the bank card"),
        FieldType::Phone => say("电话号码", "Telephone number"),
        FieldType::Integer => say("整数", "Whole number"),
        FieldType::Decimal(digits) => match language {
            "zh" => format!("数字，最多 {digits} 位小数"),
            _ => format!("Number, at most {digits} digits after the point"),
        },
        FieldType::Money => {
            let unit = text_in(&pack.policy.currency_symbol, language);
            match language {
                "zh" => format!("金额（{unit}），最多两位小数"),
                _ => format!("Amount ({unit}), at most two digits after the point"),
            }
        }
        FieldType::Date => say("日期，如 2016-01-31", "Day, such as 2016-01-31"),
        FieldType::Year => say("四位年份", "Year in four digits"),
        FieldType::Boolean => say("是或否；不清楚时留空", "yes or no; empty where it is not known"),
        FieldType::Code(_) => say("从下拉列表选择，或填写代码", "Choose from the list, or write the code"),
        FieldType::Division => say("行政区划代码", "Code of a division"),
        FieldType::Reference(to) => {
            let title = pack.registers.get(to.index()).map_or("", |to| text_in(&to.title, language));
            match language {
                "zh" => format!("“{title}”中已有记录的编号"),
                _ => format!("Key of a record of “{title}”"),
            }
        }
    }
}

fn owner_words(pack: &Pack, register: &Register, language: &str) -> String {
    match (register.parent, language) {
        (Entity::Level(level), _) => {
            let level = pack.levels.get(level.index());
            let (title, digits) = level.map_or(("", 0), |level| (text_in(&level.title, language), level.digits));
            match language {
                "zh" => format!("所属{title}的 {digits} 位区划代码"),
                _ => format!("Code of the {title} that the record belongs to, {digits} digits"),
            }
        }
        (Entity::Register(above), _) => {
            let title = pack.registers.get(above.index()).map_or("", |above| text_in(&above.title, language));
            match language {
                "zh" => format!("所属“{title}”的编号，须已登记"),
                _ => format!("Key of the record of “{title}” that it belongs to"),
            }
        }
    }
}

/// The rules of a field beside its type: bounds, pattern, uniqueness.
pub fn rules(field: &Field, language: &str) -> String {
    let bound = |value: i64| match field.ty {
        FieldType::Date => format_date(value),
        FieldType::Money => format_number(value, 2),
        FieldType::Decimal(scale) => format_number(value, scale),
        _ => value.to_string(),
    };
    let mut all = Vec::new();
    let say = |zh: String, en: String| if language == "zh" { zh } else { en };
    match (field.min.map(bound), field.max.map(bound)) {
        (Some(min), Some(max)) => all.push(say(format!("{min} 至 {max}"), format!("{min} to {max}"))),
        (Some(min), None) => all.push(say(format!("不小于 {min}"), format!("at least {min}"))),
        (None, Some(max)) => all.push(say(format!("不大于 {max}"), format!("at most {max}"))),
        (None, None) => {}
    }
    if let Some(pattern) = &field.pattern {
        all.push(say(format!("格式 {}", pattern.text()), format!("written as {}", pattern.text())));
    }
    if field.unique {
        all.push(say("不得重复".to_owned(), "no two records share it".to_owned()));
    }
    all.join(if language == "zh" { "；" } else { "; " })
}
