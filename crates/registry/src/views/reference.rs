//! The vocabulary of a pack: registers with their fields, code lists, indicators, checks.

use bangfu_policy::model::{
    CodeList, Direction, Entity, FieldType, Pack, RegisterId, RegisterKind, Severity, Unit, text_in,
};
use serde::Serialize;

use super::excused::Excused;
use super::figures::{self, Language};
use super::policy::Item;
use super::results::Results;
use super::rule;

/// A register with its fields.
#[derive(Clone, Debug, Serialize)]
pub struct RegisterView {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Title of what a record belongs to.
    pub parent: String,
    /// Id of the parent, if it is a register.
    pub parent_register: Option<String>,
    /// `entity`, `one`, `yearly` or `quarterly`.
    pub kind: &'static str,
    /// Clauses.
    pub clauses: Vec<String>,
    /// Fields.
    pub fields: Vec<FieldView>,
}

/// A field.
#[derive(Clone, Debug, Serialize)]
pub struct FieldView {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Type in one word, a key of the site's texts after `type-`.
    pub ty: &'static str,
    /// Code list of a code.
    pub codes: Option<String>,
    /// Must be given.
    pub required: bool,
    /// Encrypted and masked.
    pub secret: bool,
    /// Column of the national export.
    pub national: String,
    /// Explanation.
    pub help: String,
}

/// Type of a field in one word.
pub fn type_word(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Text => "text",
        FieldType::IdNumber => "id-number",
        FieldType::Uscc => "uscc",
        FieldType::DisabilityCard => "disability-card",
        FieldType::BankCard => "bank-card",
        FieldType::Phone => "phone",
        FieldType::Integer | FieldType::Decimal(_) => "number",
        FieldType::Money => "money",
        FieldType::Date => "date",
        FieldType::Year => "year",
        FieldType::Boolean => "boolean",
        FieldType::Code(_) => "code",
        FieldType::Division => "division",
        FieldType::Reference(_) => "reference",
    }
}

/// A register.
pub fn register(pack: &Pack, id: RegisterId, language: Language) -> Option<RegisterView> {
    let register = pack.registers.get(id.index())?;
    let words = |text| text_in(text, language.id()).to_owned();
    Some(RegisterView {
        id: register.id.clone(),
        title: words(&register.title),
        parent: pack.entity_title(register.parent).map(words).unwrap_or_default(),
        parent_register: match register.parent {
            Entity::Register(_) => Some(pack.entity_id(register.parent).to_owned()),
            Entity::Level(_) => None,
        },
        kind: kind_word(register.kind),
        clauses: register.clauses.clone(),
        fields: register
            .fields
            .iter()
            .map(|field| FieldView {
                id: field.id.clone(),
                title: words(&field.title),
                ty: type_word(field.ty),
                codes: match field.ty {
                    FieldType::Code(list) => pack.codes.get(list.index()).map(|list| list.id.clone()),
                    _ => None,
                },
                required: field.required,
                secret: field.secret,
                national: field.national.clone().unwrap_or_default(),
                help: field.help.as_ref().map(words).unwrap_or_default(),
            })
            .collect(),
    })
}

/// Kind of a register in one word.
pub fn kind_word(kind: RegisterKind) -> &'static str {
    match kind {
        RegisterKind::Entity => "entity",
        RegisterKind::One => "one",
        RegisterKind::Yearly { .. } => "yearly",
        RegisterKind::Quarterly => "quarterly",
    }
}

/// A code.
#[derive(Clone, Debug, Serialize)]
pub struct CodeView {
    /// The code.
    pub code: String,
    /// Label.
    pub label: String,
    /// Other languages' labels.
    pub others: String,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
}

/// The values of a code list.
pub fn codes(list: &CodeList, language: Language) -> Vec<CodeView> {
    list.values
        .iter()
        .map(|value| CodeView {
            code: value.code.clone(),
            label: text_in(&value.label, language.id()).to_owned(),
            others: value
                .label
                .iter()
                .filter(|(id, _)| *id != language.id())
                .map(|(_, text)| text.as_str())
                .collect::<Vec<_>>()
                .join(" · "),
            from: value.from.map(|day| figures::iso_day(day.into())).unwrap_or_default(),
            to: value.to.map(|day| figures::iso_day(day.into())).unwrap_or_default(),
        })
        .collect()
}

/// An indicator.
#[derive(Clone, Debug, Serialize)]
pub struct IndicatorView {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// `count`, `percent`, `per-mille`, `money`, `index` or `number`.
    pub unit: &'static str,
    /// `lower`, `higher` or empty.
    pub better: &'static str,
    /// Targets: day and value.
    pub targets: Vec<(String, String)>,
    /// Clauses.
    pub clauses: Vec<String>,
    /// What it reads.
    pub reads: Vec<Item>,
}

/// An indicator.
pub fn indicator(pack: &Pack, index: usize, language: Language) -> Option<IndicatorView> {
    let indicator = pack.indicators.get(index)?;
    let mut reads: Vec<Item> =
        rule::roots(&indicator.value).into_iter().flat_map(|root| rule::reads(pack, root, language)).collect();
    reads.sort_by(|a, b| (a.kind, a.index, &a.title).cmp(&(b.kind, b.index, &b.title)));
    reads.dedup();
    Some(IndicatorView {
        id: indicator.id.clone(),
        title: text_in(&indicator.title, language.id()).to_owned(),
        unit: unit_word(indicator.unit),
        better: match indicator.better {
            Some(Direction::Lower) => "lower",
            Some(Direction::Higher) => "higher",
            None => "",
        },
        targets: indicator
            .targets
            .iter()
            .map(|(day, value, scale)| {
                (figures::iso_day((*day).into()), target(*value, *scale, indicator.unit, language))
            })
            .collect(),
        clauses: indicator.clauses.clone(),
        reads,
    })
}

/// A target in the unit of its indicator, as a number.
pub fn target_value(value: i64, scale: u8) -> f64 {
    value as f64 / 10_f64.powi(i32::from(scale))
}

/// A target in words of its unit. Targets of shares are written in the unit itself: `3` of a percentage is 3 %.
pub fn target(value: i64, scale: u8, unit: Unit, language: Language) -> String {
    let x = target_value(value, scale);
    match unit {
        Unit::Percent => figures::indicator(x / 100.0, unit, language),
        Unit::PerMille => figures::indicator(x / 1000.0, unit, language),
        _ => figures::indicator(x, unit, language),
    }
}

fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "count",
        Unit::Percent => "percent",
        Unit::PerMille => "per-mille",
        Unit::Money => "money",
        Unit::Index => "index",
        Unit::Number => "number",
    }
}

/// A check.
#[derive(Clone, Debug, Serialize)]
pub struct CheckView {
    /// Id.
    pub id: String,
    /// Title of the entity.
    pub of: String,
    /// `error` or `suspect`.
    pub severity: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub advice: String,
    /// Clauses.
    pub clauses: Vec<String>,
    /// Records of the division that it hits, with separators; empty before the first run.
    pub hits: String,
    /// Records of which it cannot be told.
    pub unknown: String,
    /// Hits that are excused; empty when none.
    pub excused: String,
    /// What it looks for is refused at entry.
    pub at_entry: bool,
}

/// All checks, with what they found in a division: most hits first. Excused hits are counted apart.
pub fn checks(
    pack: &Pack,
    results: Option<&Results>,
    excused: &Excused,
    division: &str,
    language: Language,
) -> Vec<CheckView> {
    let words = |text| text_in(text, language.id()).to_owned();
    let mut checks: Vec<(u64, CheckView)> = pack
        .checks
        .iter()
        .filter_map(|check| Some((check, pack.variables.get(check.variable.index())?)))
        .map(|(check, variable)| (check, variable, results.and_then(|r| r.count(pack, check.variable, division))))
        .map(|(check, variable, found)| {
            let apart = results.map_or(0, |results| excused.hits(pack, results, check, division));
            let view = CheckView {
                excused: if apart == 0 { String::new() } else { language.grouped(apart as i64) },
                hits: found.map(|found| language.grouped(found.yes.saturating_sub(apart) as i64)).unwrap_or_default(),
                unknown: found.map(|found| language.grouped(found.unknown as i64)).unwrap_or_default(),
                id: variable.id.clone(),
                of: pack.entity_title(variable.of).map(words).unwrap_or_default(),
                severity: match check.severity {
                    Severity::Error => "error",
                    Severity::Suspect => "suspect",
                },
                message: words(&variable.title),
                advice: check.advice.as_ref().map(words).unwrap_or_default(),
                clauses: variable.clauses.clone(),
                at_entry: check.at_entry,
            };
            (found.map_or(0, |found| found.yes), view)
        })
        .collect();
    checks.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.id.cmp(&other.id)));
    checks.into_iter().map(|(_, check)| check).collect()
}
