//! Cases that a pack brings with it.

use super::tree::{Data, Node};
use crate::formula::declared_type;
use crate::ir::Scalar;
use crate::model::{
    Entity, FieldRef, GivenRecord, Pack, ParameterId, Place, RegisterId, RegisterKind, TestCase, Value, VariableId,
};
use crate::value::{parse, parse_scalar};

use super::cursor::{Cursor, Report};
use super::structure::clause_exists;

pub(super) fn cases(pack: &mut Pack, nodes: &[&Node], report: &mut Report) {
    let mut cases = Vec::new();
    for node in nodes {
        let Data::List(items) = &node.data else {
            report.say(
                &node.place,
                format!("`tests:` is {}, not a list", node.kind()),
                "write `- name: …` items below it",
            );
            continue;
        };
        cases.extend(items.iter().filter_map(|item| case(pack, item, report)));
    }
    pack.tests = cases;
}

fn case(pack: &Pack, node: &Node, report: &mut Report) -> Option<TestCase> {
    let mut cursor = Cursor::new(node, "a test", report)?;
    let name = cursor.required_text("name", report).map(|(text, _)| text).unwrap_or_default();
    let as_of = cursor.date("as_of", report);
    if as_of.is_none() {
        report.say(&node.place, "a test has no date", "add `as_of: 2015-12-31`");
    }
    let mut case = TestCase {
        name,
        as_of: as_of.unwrap_or(0),
        set: overrides(pack, &mut cursor, report),
        given: Vec::new(),
        expect: Vec::new(),
        missing: Vec::new(),
        because: Vec::new(),
        place: node.place.clone(),
    };
    if let Some(given) = cursor.required("given", report)
        && let Some(given) = Cursor::new(given, "`given`", report)
    {
        for (id, place, node) in given.entries() {
            match pack.entity(id) {
                Some(entity) => records(pack, entity, None, node, &mut case.given, report),
                None => report.say(
                    place,
                    format!("`{id}` is not an entity"),
                    "give records of entity registers and division levels",
                ),
            }
        }
    }
    if cursor.node("expect").is_none() {
        report.say(&node.place, "a test expects nothing", "add `expect: {household: {variable: value}}`");
    }
    each_variable(pack, &mut cursor, "expect", report, &mut |pack, at, variable, node, report| {
        let ty = pack.variables.get(variable.index()).map(|v| v.ty);
        let text = node.scalar_text().unwrap_or_default();
        let value = match ty {
            _ if text == "unknown" => Some(Scalar::Missing),
            Some(ty) => match parse_scalar(&text, ty, &pack.codes) {
                Ok(value) => Some(value),
                Err(error) => {
                    report.say(&node.place, error.to_string(), "write a value of the variable's type, or unknown");
                    None
                }
            },
            None => None,
        };
        case.expect.extend(value.map(|value| (at.0, at.1, variable, value)));
    });
    for (entity, at, place) in numbered(pack, &mut cursor) {
        let given = case.given.iter().filter(|record| record.entity == entity).count();
        // Divisions need not be given: there is one of each level.
        let known = if matches!(entity, Entity::Level(_)) { given.max(1) } else { given };
        if at >= known {
            let id = pack.entity_id(entity);
            report.say(
                place,
                format!("there is no record {} of {id}", at + 1),
                format!("give it under `given:`, which has {known}"),
            );
        }
    }
    for (key, list) in [("missing", &mut case.missing), ("because", &mut case.because)] {
        each_variable(pack, &mut cursor, key, report, &mut |_, at, variable, node, report| {
            let Data::List(items) = &node.data else {
                report.say(&node.place, "a list is needed", "write [name, …]");
                return;
            };
            if key == "because" {
                let clauses = items.iter().filter_map(|item| Some((item.scalar_text()?, &item.place)));
                clauses.for_each(|(clause, place)| clause_exists(&clause, place, report));
            }
            list.extend(items.iter().filter_map(Node::scalar_text).map(|text| (at.0, at.1, variable, text)));
        });
    }
    cursor.finish(report);
    Some(case)
}

fn overrides(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Vec<(ParameterId, Scalar)> {
    let mut set = Vec::new();
    let Some(list) = cursor.node("set").and_then(|node| Cursor::new(node, "`set`", report)) else { return set };
    for (id, place, node) in list.entries() {
        let Some(parameter) = pack.parameter(id) else {
            report.say(place, format!("there is no parameter `{id}`"), "set parameters of the pack");
            continue;
        };
        let text = node.scalar_text().unwrap_or_default();
        match parse_scalar(&text, pack.parameters[parameter.index()].ty, &pack.codes) {
            Ok(value) => set.push((parameter, value)),
            Err(error) => report.say(&node.place, error.to_string(), "write a value of the parameter's type"),
        }
    }
    set
}

/// One record (map) or several (list) of an entity.
fn records(
    pack: &Pack,
    entity: Entity,
    parent: Option<usize>,
    node: &Node,
    given: &mut Vec<GivenRecord>,
    report: &mut Report,
) {
    let items: Vec<&Node> = match &node.data {
        Data::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    for item in items {
        let Some(cursor) = Cursor::new(item, &format!("a record of {}", pack.entity_id(entity)), report) else {
            continue;
        };
        let at = given.len();
        given.push(GivenRecord { entity, parent, fields: Vec::new(), periodic: Vec::new() });
        for (key, place, node) in cursor.entries() {
            member(pack, entity, at, (key, place, node), given, report);
        }
    }
}

fn member(
    pack: &Pack,
    entity: Entity,
    at: usize,
    (key, place, node): (&str, &Place, &Node),
    given: &mut Vec<GivenRecord>,
    report: &mut Report,
) {
    if let Entity::Register(register) = entity
        && let Some(found) = value(pack, register, key, node, report)
    {
        given[at].fields.extend(found);
        return;
    }
    let Some(register) = pack.register(key).filter(|id| pack.registers[id.index()].parent == entity) else {
        report.say(
            place,
            format!("{} has no `{key}`", pack.entity_id(entity)),
            "name a field, an attached register or a child register",
        );
        return;
    };
    match pack.registers[register.index()].kind {
        RegisterKind::Entity => records(pack, Entity::Register(register), Some(at), node, given, report),
        RegisterKind::One => {
            let fields = attached(pack, register, node, report);
            given[at].fields.extend(fields);
        }
        RegisterKind::Yearly { .. } | RegisterKind::Quarterly => {
            let Some(periods) = Cursor::new(node, key, report) else { return };
            for (period, place, node) in periods.entries() {
                let kind = pack.registers[register.index()].kind;
                let Some(number) = period.parse::<i32>().ok().filter(|number| crate::period::exists(kind, *number))
                else {
                    report.say(
                        place,
                        format!("`{period}` is not a period of `{key}`"),
                        "write the year, such as 2015, or year and quarter, such as 20153",
                    );
                    continue;
                };
                let fields = attached(pack, register, node, report);
                given[at].periodic.extend(fields.into_iter().map(|(field, value)| (number, field, value)));
            }
        }
    }
}

fn attached(pack: &Pack, register: RegisterId, node: &Node, report: &mut Report) -> Vec<(FieldRef, Value)> {
    let id = &pack.registers[register.index()].id;
    let Some(cursor) = Cursor::new(node, &format!("a record of {id}"), report) else { return Vec::new() };
    let mut fields = Vec::new();
    for (key, place, node) in cursor.entries() {
        match value(pack, register, key, node, report) {
            Some(found) => fields.extend(found),
            None => report.say(place, format!("{id} has no field `{key}`"), "name one of its fields"),
        }
    }
    fields
}

/// The value of a field; `None` if there is no such field, `Some(None)` for a missing or wrong value.
#[expect(clippy::option_option, reason = "no such field, no value, and a value are three different answers")]
fn value(
    pack: &Pack,
    register: RegisterId,
    key: &str,
    node: &Node,
    report: &mut Report,
) -> Option<Option<(FieldRef, Value)>> {
    let fields = &pack.registers[register.index()].fields;
    let index = fields.iter().position(|field| field.id == key)?;
    let Some(text) = node.scalar_text() else { return Some(None) };
    let ty = fields[index].ty;
    // Identity numbers and the like are texts to formulas; cases need not carry valid ones.
    let parsed = if declared_type(ty).is_some() { parse(&text, ty, pack, "en") } else { Ok(Value::Text(text)) };
    match parsed {
        Ok(value) => Some(Some((FieldRef { register, field: index as u16 }, value))),
        Err(error) => {
            report.say(&node.place, error.to_string(), "write a value of the field's type");
            Some(None)
        }
    }
}

/// The records that results are expected of: entity, position, place.
fn numbered<'n>(pack: &Pack, cursor: &mut Cursor<'n>) -> Vec<(Entity, usize, &'n Place)> {
    let mut found = Vec::new();
    let Some(Data::Map(entries)) = cursor.node("expect").map(|node| &node.data) else { return found };
    for (id, _, node) in entries {
        let Some(entity) = pack.entity(id) else { continue };
        match &node.data {
            Data::List(items) => found.extend(items.iter().enumerate().map(|(at, item)| (entity, at, &item.place))),
            _ => found.push((entity, 0, &node.place)),
        }
    }
    found
}

type Found<'f> = dyn FnMut(&Pack, (Entity, usize), VariableId, &Node, &mut Report) + 'f;

/// Calls `found` for every variable of `{household: {variable: …}, person: [{…}, {…}]}`.
fn each_variable(pack: &Pack, cursor: &mut Cursor<'_>, key: &'static str, report: &mut Report, found: &mut Found<'_>) {
    let Some(list) = cursor.node(key).and_then(|node| Cursor::new(node, key, report)) else { return };
    for (id, place, node) in list.entries() {
        let Some(entity) = pack.entity(id) else {
            report.say(place, format!("`{id}` is not an entity"), "name an entity register or a division level");
            continue;
        };
        let items: Vec<&Node> = match &node.data {
            Data::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        for (at, item) in items.into_iter().enumerate() {
            let Some(variables) = Cursor::new(item, id, report) else { continue };
            for (name, place, node) in variables.entries() {
                let variable = pack.variable(name).filter(|v| pack.variables[v.index()].of == entity);
                match variable {
                    Some(variable) => found(pack, (entity, at), variable, node, report),
                    None => report.say(
                        place,
                        format!("{id} has no variable `{name}`"),
                        "expect variables and programmes of the entity",
                    ),
                }
            }
        }
    }
}
