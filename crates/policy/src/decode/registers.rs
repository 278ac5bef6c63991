//! Registers, their fields, and the names of types.

use super::Entries;
use super::cursor::{Cursor, Report, is_id};
use super::structure::clauses;
use crate::diagnostic::nearest;
use crate::formula::declared_type;
use crate::ir::{Scalar, Type};
use crate::model::{
    CodeListId, Columns, Entity, Field, FieldType, LevelId, Pack, Place, Register, RegisterId, RegisterKind, Shared,
};
use crate::pattern::Pattern;
use crate::value::parse_scalar;

pub(super) fn registers(pack: &mut Pack, entries: &Entries<'_>, report: &mut Report) {
    let mut ordered: Entries<'_> = entries.clone();
    ordered.sort_by(|a, b| a.0.cmp(b.0));
    // Positions below are those of the list without what is no register at all.
    ordered.retain(|(id, _, node)| Cursor::new(node, &format!("register `{id}`"), report).is_some());
    let ids: Vec<&str> = ordered.iter().map(|(id, ..)| *id).collect();
    for (id, place, node) in &ordered {
        let Some(mut cursor) = Cursor::new(node, &format!("register `{id}`"), report) else { continue };
        if pack.levels.iter().any(|level| level.id == *id) {
            report.say(
                place,
                format!("`{id}` is a division level already"),
                format!("call the register `{id}_file`, or whatever its records are"),
            );
        }
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        let parent = parent(pack, &mut cursor, &ids, id, place, report);
        let kind = kind(&mut cursor, report);
        let fields = fields(pack, &mut cursor, &ids, report);
        let mut named = |key: &'static str, report: &mut Report| {
            let (name, place) = cursor.text(key, report)?;
            let found = fields.iter().position(|field| field.id == name);
            if found.is_none() {
                let near = nearest(&name, fields.iter().map(|field| field.id.as_str())).unwrap_or("one of its fields");
                report.say(place, format!("`{key}: {name}` is not a field of `{id}`"), format!("name {near}"));
            }
            found.map(|index| index as u16)
        };
        let (key, label) = (named("key", report), named("label", report));
        let columns = columns(&mut cursor, report);
        cursor.finish(report);
        pack.registers.push(Register {
            id: (*id).to_owned(),
            title,
            clauses,
            parent,
            kind,
            key,
            label,
            fields,
            columns,
            place: (*place).clone(),
        });
    }
    name_columns(pack, report);
    check_shared(pack, report);
}

fn parent(
    pack: &Pack,
    cursor: &mut Cursor<'_>,
    registers: &[&str],
    id: &str,
    place: &Place,
    report: &mut Report,
) -> Entity {
    let within = cursor.text("within", report);
    let of = cursor.text("of", report);
    let level = |name: &str| pack.levels.iter().position(|level| level.id == name).map(|n| LevelId(n as u16));
    let lowest = Entity::Level(LevelId(pack.levels.len().saturating_sub(1) as u16));
    match (within, of) {
        (Some((name, at)), None) => level(&name).map_or_else(
            || {
                let levels: Vec<_> = pack.levels.iter().map(|level| level.id.as_str()).collect();
                report.say(
                    at,
                    format!("`{name}` is not a division level"),
                    format!("the levels are {}", levels.join(", ")),
                );
                lowest
            },
            Entity::Level,
        ),
        (None, Some((name, at))) => {
            let register = registers.iter().position(|known| *known == name);
            let entity = level(&name).map(Entity::Level);
            entity.or(register.map(|n| Entity::Register(RegisterId(n as u16)))).unwrap_or_else(|| {
                let known = registers.iter().copied().chain(pack.levels.iter().map(|level| level.id.as_str()));
                let near = nearest(&name, known)
                    .map_or("name a register or a level".to_owned(), |near| format!("did you mean `{near}`?"));
                report.say(at, format!("`{name}` is neither a register nor a division level"), near);
                lowest
            })
        }
        (both, _) => {
            let what = if both.is_some() { "both `within` and `of`" } else { "neither `within` nor `of`" };
            report.say(place, format!("register `{id}` has {what}"), "write `within: <level>` for records that lie in a division, `of: <register or level>` for records that belong to another record");
            lowest
        }
    }
}

fn kind(cursor: &mut Cursor<'_>, report: &mut Report) -> RegisterKind {
    let one = cursor.flag("one", report);
    let counts_from = cursor.text("counts_from", report).map(|(text, place)| (text, place.clone()));
    let every = cursor.text("every", report);
    let (month, day) = match &counts_from {
        None => (12, 31),
        Some((text, place)) => {
            let parts: Vec<u8> = text.split('-').filter_map(|part| part.parse().ok()).collect();
            match parts.as_slice() {
                // A day that every year has.
                [month, day] if crate::arithmetic::make_date(2015, i64::from(*month), i64::from(*day)).is_some() => {
                    (*month, *day)
                }
                _ => {
                    report.say(
                        place,
                        format!("`{text}` is not a day of the year"),
                        "write it in quotes: \"10-01\" for 1 October",
                    );
                    (12, 31)
                }
            }
        }
    };
    match every {
        Some((every, _)) if every == "year" => RegisterKind::Yearly { month, day },
        Some((every, _)) if every == "quarter" => RegisterKind::Quarterly,
        Some((every, place)) => {
            report.say(place, format!("`every: {every}` is not known"), "write year or quarter");
            RegisterKind::One
        }
        None if one => RegisterKind::One,
        None => RegisterKind::Entity,
    }
}

fn columns(cursor: &mut Cursor<'_>, report: &mut Report) -> Columns {
    let Some(mut names) = cursor.node("columns").and_then(|node| Cursor::new(node, "`columns`", report)) else {
        return Columns::default();
    };
    let mut text = |key: &'static str| names.text(key, report).map(|(text, _)| text);
    let columns =
        Columns { key: text("key"), parent: text("parent"), division: text("division"), period: text("period") };
    names.finish(report);
    columns
}

/// Fills in the default names of technical columns, once all registers are known.
fn name_columns(pack: &mut Pack, report: &mut Report) {
    for index in 0..pack.registers.len() {
        let register = &pack.registers[index];
        let periodic = matches!(register.kind, RegisterKind::Yearly { .. } | RegisterKind::Quarterly);
        let key = register.key.and_then(|key| register.fields.get(key as usize)).map(|field| field.id.clone());
        let place = register.place.clone();
        let (parent, division) = match register.parent {
            Entity::Level(_) => (None, Some("division".to_owned())),
            Entity::Register(above) => {
                let above = pack.registers.get(above.index());
                let key = above.and_then(|above| Some(above.fields.get(above.key? as usize)?.id.clone()));
                if above.is_some_and(|above| above.kind != RegisterKind::Entity) {
                    let above = above.map_or("?", |above| above.id.as_str()).to_owned();
                    report.say(
                        &place,
                        format!("`{above}` is attached to a parent, so nothing can belong to it"),
                        "belong to its parent instead",
                    );
                } else if key.is_none() {
                    let above = above.map_or("?", |above| above.id.as_str()).to_owned();
                    report.say(
                        &place,
                        format!("`{above}` has no key, so nothing can belong to it"),
                        format!("give `{above}` a `key:`"),
                    );
                }
                (key, None)
            }
        };
        let columns = &mut pack.registers[index].columns;
        columns.key = columns.key.take().or(key);
        columns.parent = if parent.is_some() { columns.parent.take().or(parent) } else { None };
        columns.division = if division.is_some() { columns.division.take().or(division) } else { None };
        columns.period = if periodic { columns.period.take().or(Some("period".to_owned())) } else { None };
    }
    // In formulas and cases `living.grade` must not mean two things.
    for register in pack.registers.iter().filter(|register| register.kind != RegisterKind::Entity) {
        if let Entity::Register(above) = register.parent
            && let Some(above) = pack.registers.get(above.index())
            && above.fields.iter().any(|field| field.id == register.id)
        {
            let message = format!("`{}` already has a field `{}`", above.id, register.id);
            report.say(&register.place, message, "give the register or the field another name");
        }
    }
    for index in 0..pack.registers.len() {
        let start = Entity::Register(RegisterId(index as u16));
        let chain = pack.ancestors(start).take(pack.registers.len() + pack.levels.len() + 1);
        if chain.count() > pack.registers.len() + pack.levels.len() {
            let register = &mut pack.registers[index];
            let message = format!("`{}` belongs to itself over a circle of `of:`", register.id);
            report.say(&register.place, message, "let the circle end in a register `within:` a division level");
            register.parent = Entity::Level(LevelId(0));
        }
    }
}

fn fields(pack: &Pack, cursor: &mut Cursor<'_>, registers: &[&str], report: &mut Report) -> Vec<Field> {
    let Some(list) = cursor.required("fields", report).and_then(|node| Cursor::new(node, "`fields`", report)) else {
        return Vec::new();
    };
    let mut fields: Vec<Field> = Vec::new();
    for (id, place, node) in list.entries() {
        if !is_id(id, false) || id == "id" || id == "period" {
            report.say(
                place,
                format!("`{id}` cannot be the name of a field"),
                "use small letters, digits and _; `id` and `period` are taken",
            );
        }
        let Some(mut field) = Cursor::new(node, &format!("field `{id}`"), report) else { continue };
        let title = field.title("title", report);
        let ty = match field.required_text("type", report) {
            Some((text, place)) => field_type(&text, pack, registers, place, report),
            None => FieldType::Text,
        };
        let mut bound = |key: &'static str, report: &mut Report| {
            let (text, place) = field.text(key, report)?;
            let ty = declared_type(ty).filter(|ty| !matches!(ty, Type::Boolean | Type::Code(_)));
            let value = ty.and_then(|ty| parse_scalar(&text, ty, &pack.codes).ok());
            if let Some(Scalar::Integer(value)) = value {
                Some(value)
            } else {
                report.say(
                    place,
                    format!("`{key}: {text}` does not fit the type"),
                    "bound numbers by numbers, dates by dates",
                );
                None
            }
        };
        let (min, max) = (bound("min", report), bound("max", report));
        if let (Some(min), Some(max)) = (min, max)
            && max < min
        {
            report.say(place, format!("no value of `{id}` lies between `min` and `max`"), "exchange them");
        }
        let field_value = Field {
            id: id.clone(),
            title,
            ty,
            required: field.flag("required", report),
            unique: field.flag("unique", report),
            pattern: pattern(&mut field, ty, report),
            min,
            max,
            secret: field.flag("secret", report),
            national: field.text("national", report).map(|(text, _)| text),
            help: field.optional_title("help", report),
            shared: shared(&mut field, ty, report),
        };
        field.finish(report);
        fields.push(field_value);
    }
    fields
}

/// What the system keeps in a field by itself.
fn shared(field: &mut Cursor<'_>, ty: FieldType, report: &mut Report) -> Option<Shared> {
    let apart = field.flag("apart", report);
    let Some((name, place)) = field.text("shared", report) else {
        if apart {
            report.say(&field.place, "`apart` stands without `shared`", "add `shared: <field>`, or remove it");
        }
        return None;
    };
    if ty != FieldType::Boolean {
        report.say(place, "`shared` stands with a field that is no truth", "write `type: boolean`");
        return None;
    }
    Some(Shared { field: name, apart, place: place.clone() })
}

/// Fields that the system keeps are of a register with one record for each of another, and name a field there.
fn check_shared(pack: &Pack, report: &mut Report) {
    for register in &pack.registers {
        let kept = register.fields.iter().filter_map(|field| field.shared.as_ref());
        for shared in kept {
            let above = match (register.parent, register.kind) {
                (Entity::Register(above), RegisterKind::One) => pack.registers.get(above.index()),
                _ => None,
            };
            let Some(above) = above.filter(|_| register.fields.iter().all(|field| field.shared.is_some())) else {
                let advice = "put it into a register of its own: `of: <register>`, `one: true`, and only such fields";
                report.say(&shared.place, "`shared` cannot stand in this register", advice);
                continue;
            };
            if !above.fields.iter().any(|field| field.id == shared.field) {
                let near = nearest(&shared.field, above.fields.iter().map(|field| field.id.as_str()));
                let advice = near.map_or("name a field of it".to_owned(), |near| format!("did you mean `{near}`?"));
                report.say(&shared.place, format!("`{}` has no field `{}`", above.id, shared.field), advice);
            }
        }
    }
}

/// The pattern of a field, if it has one and it is one.
fn pattern(field: &mut Cursor<'_>, ty: FieldType, report: &mut Report) -> Option<Pattern> {
    let (text, place) = field.text("pattern", report)?;
    if !ty.is_text() {
        report.say(
            place,
            "`pattern` stands with a field that is no text",
            "bound numbers and dates by `min` and `max`; the other types have checks of their own",
        );
        return None;
    }
    match Pattern::new(&text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            report.say(
                place,
                format!("`{text}` is not a regular expression: {error}"),
                "write one for the whole value in single quotes, such as '[0-9]{16}'; a character with a meaning of its own gets a \\ before it",
            );
            None
        }
    }
}

/// The type with this name.
pub(super) fn field_type(text: &str, pack: &Pack, registers: &[&str], place: &Place, report: &mut Report) -> FieldType {
    const NAMES: [&str; 15] = [
        "text",
        "integer",
        "decimal(2)",
        "money",
        "date",
        "year",
        "boolean",
        "code(list)",
        "division",
        "reference(register)",
        "id_number",
        "uscc",
        "disability_card",
        "bank_card",
        "phone",
    ];
    let (name, argument) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')').map(str::trim)),
        None => (text.trim(), None),
    };
    let found = match (name, argument) {
        ("text", None) => Some(FieldType::Text),
        ("integer", None) => Some(FieldType::Integer),
        ("money", None) => Some(FieldType::Money),
        ("date", None) => Some(FieldType::Date),
        ("year", None) => Some(FieldType::Year),
        ("boolean", None) => Some(FieldType::Boolean),
        ("division", None) => Some(FieldType::Division),
        ("id_number", None) => Some(FieldType::IdNumber),
        ("uscc", None) => Some(FieldType::Uscc),
        ("disability_card", None) => Some(FieldType::DisabilityCard),
        ("bank_card", None) => Some(FieldType::BankCard),
        ("phone", None) => Some(FieldType::Phone),
        ("decimal", Some(digits)) => {
            digits.parse().ok().filter(|digits| (1..=6).contains(digits)).map(FieldType::Decimal)
        }
        ("code", Some(list)) => {
            if let Some(index) = pack.codes.iter().position(|codes| codes.id == list) {
                Some(FieldType::Code(CodeListId(index as u16)))
            } else {
                let near = nearest(list, pack.codes.iter().map(|codes| codes.id.as_str()));
                let advice =
                    near.map_or("define it under `codes:`".to_owned(), |near| format!("did you mean code({near})?"));
                report.say(place, format!("there is no code list `{list}`"), advice);
                return FieldType::Text;
            }
        }
        ("reference", Some(register)) => {
            if let Some(index) = registers.iter().position(|known| *known == register) {
                Some(FieldType::Reference(RegisterId(index as u16)))
            } else {
                report.say(place, format!("there is no register `{register}`"), "name a register of the pack");
                return FieldType::Text;
            }
        }
        _ => None,
    };
    found.unwrap_or_else(|| {
        let near = nearest(name, NAMES.iter().copied());
        let advice = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
        report.say(
            place,
            format!("`{text}` is not a type"),
            format!("{advice}Types are text, integer, decimal(n) with n from 1 to 6, money, date, year, boolean, code(list), division, reference(register), id_number, uscc, disability_card, bank_card, phone"),
        );
        FieldType::Text
    })
}
