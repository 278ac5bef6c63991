//! What everybody may see: the section `public`.

use super::boards::{level_named, nearest_of};
use super::cursor::{Cursor, Report};
use super::effects::fixed;
use super::screens::named;
use super::tree::Node;
use crate::ir::Aggregate;
use crate::model::{
    Entity, Field, FieldType, Indicator, IndicatorValue, LevelId, Pack, Place, ProgrammeId, Public, PublicFigures,
    PublicRegister, Register, RegisterId, Set, Unit,
};

/// Reads the section; lists of several files add up.
///
/// `declared`: ids of all indicators; one that is wrong has been reported where it stands.
pub(super) fn public(pack: &Pack, nodes: &[&Node], declared: &[&str], report: &mut Report) -> Public {
    let mut public = Public::default();
    for node in nodes {
        let Some(mut cursor) = Cursor::new(node, "`public`", report) else { continue };
        let known = || pack.parameters.iter().map(|parameter| parameter.id.clone()).collect();
        let find = |id: &str| pack.parameter(id);
        public.parameters.extend(named(&mut cursor, "parameters", report, "parameter", find, known));
        let known = || pack.programmes.iter().map(|programme| programme.id.clone()).collect();
        let find = |id: &str| pack.programmes.iter().position(|p| p.id == id).map(|n| ProgrammeId(n as u16));
        public.programmes.extend(named(&mut cursor, "programmes", report, "programme", find, known));
        let node = cursor.node("registers");
        let registers = node.and_then(|node| Cursor::new(node, "`registers`", report));
        for (name, place, node) in registers.iter().flat_map(Cursor::entries) {
            public.registers.extend(register(pack, name, place, node, report));
        }
        if let Some(node) = cursor.node("figures") {
            if public.figures.is_some() {
                report.say(&node.place, "`figures:` stands twice", "keep one of them");
            }
            public.figures = figures(pack, node, declared, report);
        }
        cursor.finish(report);
    }
    public
}

/// `figures: {below: 5, counts: [registered], shares: {incidence: registered}}`
fn figures(pack: &Pack, node: &Node, declared: &[&str], report: &mut Report) -> Option<PublicFigures> {
    let mut cursor = Cursor::new(node, "`figures`", report)?;
    let below = match cursor.text("below", report) {
        None => 5,
        Some((text, place)) => text.parse().unwrap_or_else(|_| {
            report.say(place, format!("`below: {text}` is no count"), "write a whole number; 0 hides nothing");
            5
        }),
    };
    let indicator = |name: &str, place: &Place, report: &mut Report| {
        let found = pack.indicator(name);
        if found.is_none() && !declared.contains(&name) {
            let advice = nearest_of(name, declared.iter().copied(), "define it first");
            report.say(place, format!("there is no indicator `{name}`"), advice);
        }
        found
    };
    let mut counts = Vec::new();
    for (name, place) in cursor.texts("counts", report) {
        let Some(id) = indicator(&name, place, report) else { continue };
        if pack.indicators.get(id.index()).is_some_and(adds_up) {
            counts.push(id);
        } else {
            let advice =
                "name one with `unit: count` whose numerator adds counts and sums; others stand under `shares`";
            report.say(place, format!("`{name}` is no count that adds up over divisions"), advice);
        }
    }
    let mut shares = Vec::new();
    let entries = cursor.node("shares").and_then(|node| Cursor::new(node, "`shares`", report));
    for (name, place, node) in entries.iter().flat_map(Cursor::entries) {
        let count = node.scalar_text().unwrap_or_default();
        let Some(id) = indicator(name, place, report) else { continue };
        let Some(of) = indicator(&count, &node.place, report) else { continue };
        if counts.contains(&of) {
            shares.push((id, of));
        } else {
            let advice = "name one of `counts`: the share is shown where it is";
            report.say(&node.place, format!("`{count}` is not a public count"), advice);
        }
    }
    cursor.finish(report);
    Some(PublicFigures { below, counts, shares })
}

/// Whether an indicator of a division is the sum of those of the divisions below it.
fn adds_up(indicator: &Indicator) -> bool {
    let IndicatorValue::Quotient { numerator, denominator: None } = &indicator.value else { return false };
    let plain = |at: &usize| {
        let aggregate = numerator.aggregates.get(*at);
        aggregate.is_some_and(|aggregate| matches!(aggregate.function, Aggregate::Count | Aggregate::Sum))
    };
    let added = |(factor, product): &(i64, Vec<usize>)| *factor > 0 && product.len() == 1 && product.iter().all(plain);
    indicator.unit == Unit::Count && numerator.terms.iter().all(added)
}

/// `project: {fields: [name, budget], sums: [budget], where: {state: '2'}}`
fn register(pack: &Pack, name: &str, place: &Place, node: &Node, report: &mut Report) -> Option<PublicRegister> {
    let found = pack.register(name).and_then(|id| Some((id, pack.registers.get(id.index())?)));
    let Some((id, definition)) = found else {
        let known = pack.registers.iter().map(|register| register.id.as_str());
        report.say(place, format!("there is no register `{name}`"), nearest_of(name, known, "define it first"));
        return None;
    };
    let mut cursor = Cursor::new(node, "a public register", report)?;
    let nameless = cursor.text("nameless", report);
    let nameless = nameless.and_then(|(level, at)| nameless_at(pack, id, &level, at, report));
    let of_people = pack.tells_of_people(id);
    if of_people && cursor.node("nameless").is_none() {
        let advice =
            "leave it out, or say `nameless: LEVEL`: then only codes, numbers and dates are shown, by that level";
        report.say(place, format!("`{name}` tells of people"), advice);
    }
    let bare = of_people || nameless.is_some();
    let mut shown = |key: &'static str, sums: bool, report: &mut Report| -> Vec<u16> {
        let names = cursor.texts(key, report);
        names.iter().filter_map(|(field, at)| open_field(pack, definition, field, (bare, sums), at, report)).collect()
    };
    let (listed, sums) = (shown("fields", false, report), shown("sums", true, report));
    if listed.is_empty() {
        report.say(place, format!("nothing of `{name}` is shown"), "add `fields: […]`");
    }
    let wanted = cursor.node("where").map(|node| fixed(pack, id, node, "where", report)).unwrap_or_default();
    let mut filter = Vec::new();
    for (at, set) in wanted {
        let Some(field) = definition.fields.get(usize::from(at)) else { continue };
        match set {
            _ if field.secret => {
                report.say(place, format!("`{}` is secret", field.id), "choose records by a field that is not");
            }
            Set::Today | Set::Posted | Set::Entered(_) => {
                report.say(place, format!("`{}: today` is another value every day", field.id), "write a day");
            }
            Set::Value(value) => filter.push((at, Some(value))),
            Set::Nothing => filter.push((at, None)),
        }
    }
    cursor.finish(report);
    Some(PublicRegister { register: id, fields: listed, sums, filter, nameless })
}

/// The level by which records without names are shown: not below that of the division in which they lie, and never the
/// lowest, where everybody knows everybody.
fn nameless_at(pack: &Pack, id: RegisterId, name: &str, place: &Place, report: &mut Report) -> Option<LevelId> {
    let level = level_named(pack, name, place, report)?;
    let lies = pack.ancestors(Entity::Register(id)).find_map(|entity| match entity {
        Entity::Level(level) => Some(level),
        Entity::Register(_) => None,
    });
    if lies.is_none_or(|lies| level > lies) || level.index() + 1 >= pack.levels.len() {
        let advice = "name a level above the lowest, and not below the division in which the records lie";
        report.say(place, format!("`nameless: {name}` says where the people live"), advice);
        return None;
    }
    Some(level)
}

/// A field that may be shown: not secret, not a pointer to people; of people only codes, numbers and dates.
fn open_field(
    pack: &Pack,
    register: &Register,
    name: &str,
    (bare, sums): (bool, bool),
    place: &Place,
    report: &mut Report,
) -> Option<u16> {
    let number = |ty: FieldType| matches!(ty, FieldType::Integer | FieldType::Decimal(_) | FieldType::Money);
    let refusal = |field: &Field| match field.ty {
        _ if field.secret => Some("is secret"),
        FieldType::Reference(other) if pack.tells_of_people(other) => Some("points to people"),
        ty if bare && (ty.is_text() || ty == FieldType::Division) => Some("could name somebody"),
        ty if sums && !number(ty) => Some("cannot be added up"),
        _ => None,
    };
    let Some(at) = register.fields.iter().position(|field| field.id == name) else {
        let advice = nearest_of(name, register.fields.iter().map(|field| field.id.as_str()), "name a field");
        report.say(place, format!("`{}` has no field `{name}`", register.id), advice);
        return None;
    };
    if let Some(why) = register.fields.get(at).and_then(refusal) {
        report.say(place, format!("`{name}` {why}"), "leave it out: everybody reads what is public");
        return None;
    }
    Some(at as u16)
}
