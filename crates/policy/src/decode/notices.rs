//! What a notice says, and beside it the same in a further script.

use super::boards::nearest_of;
use super::cursor::{Cursor, Report};
use super::procedures::named_fields;
use super::tree::Node;
use crate::model::{
    Beside, Entity, FieldType, LevelId, Notice, Pack, RegisterId, RegisterKind, Step, StepKind, Wanted,
};

/// `notice: {words: …, shows: [head_name, label.kind], phone: "12317"}`
pub(super) fn notice(
    pack: &Pack,
    (subject, steps): (Option<Entity>, &[Step]),
    node: &Node,
    report: &mut Report,
) -> Option<Notice> {
    let mut cursor = Cursor::new(node, "`notice`", report)?;
    let words = cursor.title("words", report);
    let (keys, names): (Vec<_>, Vec<_>) =
        cursor.texts("shows", report).into_iter().partition(|(name, _)| name.contains('.'));
    let shows = named_fields(pack, subject, &names, true, report);
    let entered = keys.iter().filter_map(|(key, place)| entered(steps, key, place, report)).collect();
    let phone = cursor.required_text("phone", report).map(|(phone, _)| phone);
    let beside = cursor.node("beside").and_then(|node| beside(pack, subject, node, report));
    cursor.finish(report);
    Some(Notice { words, shows, entered, phone: phone?, beside })
}

/// A value that is entered at a step, by its key `register.field`. None of them is secret.
fn entered(
    steps: &[Step],
    key: &str,
    place: &crate::model::Place,
    report: &mut Report,
) -> Option<(String, RegisterId, u16)> {
    let asked = || steps.iter().flat_map(|step| &step.asked);
    let before = |step: &usize| steps.iter().skip(*step).any(|step| step.kind == StepKind::Notice);
    let step = steps.iter().position(|step| step.asked.iter().any(|asked| asked.key == key));
    if step.is_some_and(|step| !before(&step)) {
        let advice = "name a value that is entered before the notice, or at its step";
        report.say(place, format!("`{key}` is entered after the notice"), advice);
    }
    let value = asked().find(|asked| asked.key == key).and_then(|asked| match asked.what {
        Wanted::Value(register, field) => Some((key.to_owned(), register, field)),
        Wanted::Records(_) | Wanted::Place(_) => None,
    });
    if value.is_none() {
        let known = asked().filter(|asked| matches!(asked.what, Wanted::Value(..))).map(|asked| asked.key.as_str());
        let advice = nearest_of(key, known, "name register.field of a value with `{step: …}`");
        report.say(place, format!("`{key}` is not entered in the case"), advice);
    }
    value
}

/// `beside: {language: mn-Mong, vertical: true, title: …, words: …, shows: [name_mn], where: village_file.wish}`
fn beside(pack: &Pack, subject: Option<Entity>, node: &Node, report: &mut Report) -> Option<Beside> {
    let mut cursor = Cursor::new(node, "`beside`", report)?;
    let language = cursor.required_text("language", report).map(|(language, place)| {
        if language.is_empty() || !language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let advice = "write a language tag such as mn-Mong";
            report.say(place, format!("`{language}` is no language tag"), advice);
        }
        language
    });
    let vertical = cursor.flag("vertical", report);
    let title = cursor.required_text("title", report).map(|(title, _)| title);
    let mut words = |key| cursor.text(key, report).map(|(words, _)| words).unwrap_or_default();
    let (above, seal) = (words("words"), words("seal"));
    let names = cursor.texts("shows", report);
    let shows = named_fields(pack, subject, &names, true, report);
    let named = cursor.text("where", report);
    let (asked, wanted) = (named.is_some(), named.and_then(|(name, place)| wish(pack, &name, place, report)));
    cursor.finish(report);
    // A wish that is wrong has been reported.
    (!asked || wanted.is_some()).then_some(())?;
    Some(Beside { language: language?, vertical, title: title?, words: above, shows, seal, wanted })
}

/// A truth of a division: `register.field`, of a register with at most one record for a division.
fn wish(
    pack: &Pack,
    name: &str,
    place: &crate::model::Place,
    report: &mut Report,
) -> Option<(LevelId, RegisterId, u16)> {
    let found = name.split_once('.').and_then(|(register, field)| {
        let id = pack.register(register)?;
        let register = pack.registers.get(id.index()).filter(|register| register.kind == RegisterKind::One)?;
        let Entity::Level(level) = register.parent else { return None };
        let fits = |known: &crate::model::Field| known.id == field && known.ty == FieldType::Boolean && !known.secret;
        register.fields.iter().position(fits).map(|at| (level, id, at as u16))
    });
    if found.is_none() {
        let truths = pack.registers.iter().filter(|r| r.kind == RegisterKind::One).flat_map(|register| {
            let truths = register.fields.iter().filter(|field| field.ty == FieldType::Boolean);
            truths.map(|field| format!("{}.{}", register.id, field.id))
        });
        let truths: Vec<String> = truths.collect();
        let otherwise = "write register.field: a truth of a register with `one: true` of a division level";
        let advice = nearest_of(name, truths.iter().map(String::as_str), otherwise);
        report.say(place, format!("`{name}` is no truth of a division"), advice);
    }
    found
}
