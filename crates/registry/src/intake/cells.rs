//! One cell → the value of its field, with the checks of the field.

use bangfu_policy::identity;
use bangfu_policy::model::{CodeList, Field, FieldType, Pack, Value, text_in};
use bangfu_policy::value::{self, ValueError};

use super::mapped::FieldUse;
use super::mapping::Part;

/// Labels of a code list that are named as examples.
const EXAMPLES: usize = 8;

/// Why a cell is refused.
pub(crate) struct Refused {
    pub rule: &'static str,
    pub message: String,
    pub advice: String,
}

/// The value of a cell that is not empty; none if the mapping says that the word stands for no value.
pub(super) fn read(
    pack: &Pack,
    field: &Field,
    one: &FieldUse,
    text: &str,
    language: &str,
) -> Result<Option<Value>, Refused> {
    if let Some(constant) = &one.constant {
        return Ok(Some(constant.clone()));
    }
    let Some(text) = part(one.take, text) else { return Ok(None) };
    let text = match one.values.get(&text) {
        Some(ours) if ours.is_empty() => return Ok(None),
        Some(ours) => ours.clone(),
        None => text,
    };
    let list = match field.ty {
        FieldType::Code(list) => pack.codes.get(list.index()),
        _ => None,
    };
    let foreign = one.system.as_ref().and_then(|system| list?.foreign.get(system)?.get(&text));
    let value = match foreign {
        Some(position) => Value::Integer(*position as i64),
        None => return checked(pack, field, &text, language).map(Some),
    };
    keeps_rules(pack, field, &value, language)?;
    Ok(Some(value))
}

/// The value that a text of a field means, if it keeps the rules of the field.
pub(crate) fn checked(pack: &Pack, field: &Field, text: &str, language: &str) -> Result<Value, Refused> {
    let list = match field.ty {
        FieldType::Code(list) => pack.codes.get(list.index()),
        _ => None,
    };
    let value = parse_any(text, field.ty, pack, language).map_err(|error| Refused {
        rule: "type",
        message: words(&error, list, language),
        advice: match list {
            Some(list) => code_advice(list, language),
            None => error.advice_in(language).to_owned(),
        },
    })?;
    keeps_rules(pack, field, &value, language)?;
    Ok(value)
}

fn keeps_rules(pack: &Pack, field: &Field, value: &Value, language: &str) -> Result<(), Refused> {
    range(pack, field, value, language)?;
    pattern(pack, field, value, language)
}

/// Reads a value; labels of codes are taken in every language of the pack.
pub(super) fn parse_any(text: &str, ty: FieldType, pack: &Pack, language: &str) -> Result<Value, ValueError> {
    let first = value::parse(text, ty, pack, language);
    if first.is_ok() || !matches!(ty, FieldType::Code(_)) {
        return first;
    }
    let others = pack.policy.languages.iter().filter(|known| *known != language);
    others.map(|language| value::parse(text, ty, pack, language)).find(Result::is_ok).unwrap_or(first)
}

fn range(pack: &Pack, field: &Field, found: &Value, language: &str) -> Result<(), Refused> {
    let Value::Integer(units) = found else { return Ok(()) };
    let below = field.min.is_some_and(|min| *units < min);
    if !below && field.max.is_none_or(|max| *units <= max) {
        return Ok(());
    }
    let bound = if below { field.min } else { field.max }.map(Value::Integer);
    let bound = bound.map(|bound| value::format(&bound, field.ty, pack)).unwrap_or_default();
    let message = match (below, language == "zh") {
        (true, true) => format!("小于最小值 {bound}"),
        (false, true) => format!("大于最大值 {bound}"),
        (true, false) => format!("less than {bound}"),
        (false, false) => format!("more than {bound}"),
    };
    let advice = if language == "zh" { "核对数值和单位" } else { "check the value and its unit" };
    Err(Refused { rule: "range", message, advice: advice.to_owned() })
}

fn pattern(pack: &Pack, field: &Field, found: &Value, language: &str) -> Result<(), Refused> {
    let Some(pattern) = &field.pattern else { return Ok(()) };
    if pattern.fits(&value::format(found, field.ty, pack)) {
        return Ok(());
    }
    let help = field.help.as_ref().map(|help| text_in(help, language).to_owned());
    let (message, advice) = match language {
        "zh" => (format!("与规定的格式（{}）不符", pattern.text()), "按规定的格式填写，核对位数和字符"),
        _ => (format!("not written as {}", pattern.text()), "write it in this form; check the number of characters"),
    };
    Err(Refused { rule: "pattern", message, advice: help.unwrap_or_else(|| advice.to_owned()) })
}

fn words(error: &ValueError, list: Option<&CodeList>, language: &str) -> String {
    match list {
        Some(list) if language == "zh" => format!("不在代码表“{}”中", text_in(&list.title, language)),
        Some(list) => format!("this is not a code of “{}”", text_in(&list.title, language)),
        None => error.words(language),
    }
}

fn code_advice(list: &CodeList, language: &str) -> String {
    let labels: Vec<&str> = list.values.iter().take(EXAMPLES).map(|code| text_in(&code.label, language)).collect();
    let more = if list.values.len() > EXAMPLES { "…" } else { "" };
    if language == "zh" {
        format!("填写代码或名称：{}{more}；名单另有写法时，在映射文件中写明对应的代码", labels.join("、"))
    } else {
        format!("write a code or label: {}{more}; or say in the mapping which code the word means", labels.join(", "))
    }
}

/// The part of a cell that is taken; none if the cell does not hold it.
fn part(take: Part, text: &str) -> Option<String> {
    if take == Part::Whole {
        return Some(text.to_owned());
    }
    let text = text.trim().to_uppercase();
    let card = matches!(text.chars().count(), 20 | 22);
    let number = if card { text.chars().take(18).collect() } else { text.clone() };
    let full = || identity::id_number(&number).ok();
    let digit = |at: usize| {
        let known = card && identity::disability_card(&text).is_ok();
        text.chars().nth(at).filter(|_| known).map(String::from)
    };
    match take {
        Part::Whole | Part::IdNumber => Some(number),
        Part::Birth => full().and_then(|id| identity::birth_of(&id)).map(|day| value::format_date(i64::from(day))),
        Part::Sex => full().and_then(|id| identity::is_male(&id)).map(|male| if male { "1" } else { "2" }.to_owned()),
        Part::DisabilityCard => card.then(|| text.clone()),
        Part::DisabilityKind => digit(18),
        Part::DisabilityGrade => digit(19),
    }
}

/// First and last characters only.
pub(super) fn mask(text: &str) -> String {
    let count = text.chars().count();
    let keep = if count > 8 { 4 } else { 1 };
    let start: String = text.chars().take(keep).collect();
    format!("{start}{}", "*".repeat(count.saturating_sub(keep)))
}

#[cfg(test)]
mod tests {
    use super::{Part, mask, part};

    #[test]
    fn parts_of_numbers() {
        let id = "159900198001010013";
        let card = "15990019800101001332";
        let taken = |take, text: &str| part(take, text).unwrap_or_default();
        assert_eq!(taken(Part::IdNumber, card), id);
        assert_eq!((taken(Part::Birth, id), taken(Part::Sex, card)), ("1980-01-01".into(), "1".into()));
        assert_eq!((taken(Part::DisabilityCard, id), taken(Part::DisabilityCard, card)), (String::new(), card.into()));
        assert_eq!((taken(Part::DisabilityKind, card), taken(Part::DisabilityGrade, card)), ("3".into(), "2".into()));
        assert_eq!((taken(Part::Birth, "x"), taken(Part::DisabilityKind, id)), (String::new(), String::new()));
        assert_eq!(mask("13800000000"), "1380*******");
    }
}
