//! What the hand-made pages show.

use std::collections::BTreeMap;

use super::tree::Node;
use crate::formula::Compiler;
use crate::ir::ExprId;
use crate::model::{
    Entity, EntityScreen, IncomeScreen, IndicatorId, OverviewScreen, Pack, Place, ProgrammeId, RegisterId, Screens,
    Text, VariableId, WhatIfScreen,
};

use super::cursor::{Cursor, Report};

/// Reads everything but references to indicators, which are not known yet.
pub(super) fn screens(compiler: &mut Compiler<'_>, nodes: &[&Node], report: &mut Report) -> Screens {
    let mut screens = Screens::default();
    for node in nodes {
        let Some(cursor) = Cursor::new(node, "`screens`", report) else { continue };
        for (name, place, node) in cursor.entries() {
            match name.as_str() {
                "overview" => screens.overview = overview(compiler.pack(), node, report),
                "what_if" => screens.what_if = what_if(compiler.pack(), node, report),
                name => match compiler.pack().entity(name) {
                    Some(entity) => {
                        if let Some(screen) = entity_screen(compiler, entity, node, report) {
                            screens.entities.insert(name.to_owned(), screen);
                        }
                    }
                    None => report.say(
                        place,
                        format!("there is no screen `{name}`"),
                        "write overview, what_if, or the id of an entity",
                    ),
                },
            }
        }
    }
    screens
}

/// Adds the references to indicators.
pub(super) fn with_indicators(
    pack: &Pack,
    mut screens: Screens,
    nodes: &[&Node],
    declared: &[&str],
    report: &mut Report,
) -> Screens {
    let named_indicators = |pack: &Pack, cursor: &mut Cursor<'_>, key: &'static str, report: &mut Report| {
        named_indicators(pack, cursor, key, declared, report)
    };
    for node in nodes {
        let mut quiet = Report::default();
        let Some(cursor) = Cursor::new(node, "`screens`", &mut quiet) else { continue };
        for (name, _, node) in cursor.entries() {
            let Some(mut screen) = Cursor::new(node, name, &mut quiet) else { continue };
            if name == "overview" {
                screens.overview.map = named_indicators(pack, &mut screen, "map", report);
                screens.overview.headlines = named_indicators(pack, &mut screen, "headlines", report);
                screens.overview.ranking = named_indicators(pack, &mut screen, "ranking", report);
            } else if let Some(entity) = screens.entities.get_mut(name) {
                entity.indicators = named_indicators(pack, &mut screen, "indicators", report);
            }
        }
    }
    screens
}

/// Indicators by id. One that is declared but wrong has been reported where it stands.
fn named_indicators(
    pack: &Pack,
    cursor: &mut Cursor<'_>,
    key: &'static str,
    declared: &[&str],
    report: &mut Report,
) -> Vec<IndicatorId> {
    let find = |id: &str| pack.indicator(id).map(Some).or_else(|| declared.contains(&id).then_some(None));
    let known = || declared.iter().map(|id| (*id).to_owned()).collect();
    named(cursor, key, report, "indicator", find, known).into_iter().flatten().collect()
}

fn ids<'a>(all: impl Iterator<Item = &'a String>) -> Vec<String> {
    all.cloned().collect()
}

/// A list of ids of one kind.
pub(super) fn named<T>(
    cursor: &mut Cursor<'_>,
    key: &'static str,
    report: &mut Report,
    what: &str,
    find: impl Fn(&str) -> Option<T>,
    known: impl Fn() -> Vec<String>,
) -> Vec<T> {
    let mut found = Vec::new();
    for (id, place) in cursor.texts(key, report) {
        if let Some(item) = find(&id) {
            found.push(item);
        } else {
            let known = known();
            let near = crate::diagnostic::nearest(&id, known.iter().map(String::as_str));
            let advice = near.map_or(format!("define the {what} first"), |near| format!("did you mean `{near}`?"));
            report.say(place, format!("there is no {what} `{id}`"), advice);
        }
    }
    found
}

fn overview(pack: &Pack, node: &Node, report: &mut Report) -> OverviewScreen {
    let mut screen = OverviewScreen::default();
    let Some(mut cursor) = Cursor::new(node, "`overview`", report) else { return screen };
    for key in ["map", "headlines", "ranking"] {
        cursor.node(key);
    }
    if let Some(node) = cursor.node("trend")
        && let Some(mut trend) = Cursor::new(node, "`trend`", report)
    {
        if let Some((id, place)) = trend.required_text("register", report) {
            match pack.register(&id) {
                Some(register) => {
                    let fields = &pack.registers[register.index()].fields;
                    let find = |id: &str| fields.iter().position(|field| field.id == id).map(|n| n as u16);
                    let known = || ids(fields.iter().map(|field| &field.id));
                    let fields = named(&mut trend, "fields", report, "field", find, known);
                    screen.trend = Some((register, fields));
                }
                None => report.say(
                    place,
                    format!("there is no register `{id}`"),
                    "name a periodic register of a division level",
                ),
            }
        }
        trend.finish(report);
    }
    cursor.finish(report);
    screen
}

fn what_if(pack: &Pack, node: &Node, report: &mut Report) -> WhatIfScreen {
    let mut screen = WhatIfScreen::default();
    let Some(mut cursor) = Cursor::new(node, "`what_if`", report) else { return screen };
    let known = || ids(pack.parameters.iter().map(|p| &p.id));
    screen.parameters = named(&mut cursor, "parameters", report, "parameter", |id| pack.parameter(id), known);
    screen.outcomes = variables(pack, &mut cursor, "outcomes", report);
    let find = |id: &str| pack.programmes.iter().position(|p| p.id == id).map(|n| ProgrammeId(n as u16));
    let known = || ids(pack.programmes.iter().map(|p| &p.id));
    screen.programmes = named(&mut cursor, "programmes", report, "programme", find, known);
    cursor.finish(report);
    screen
}

fn variables(pack: &Pack, cursor: &mut Cursor<'_>, key: &'static str, report: &mut Report) -> Vec<VariableId> {
    let known = || ids(pack.variables.iter().map(|v| &v.id));
    named(cursor, key, report, "variable", |id| pack.variable(id), known)
}

fn entity_screen(
    compiler: &mut Compiler<'_>,
    entity: Entity,
    node: &Node,
    report: &mut Report,
) -> Option<EntityScreen> {
    let mut cursor = Cursor::new(node, "a screen", report)?;
    let pack = compiler.pack();
    let known = || ids(pack.registers.iter().map(|r| &r.id));
    let mut register = |key: &'static str, report: &mut Report| -> Option<RegisterId> {
        named(&mut cursor, key, report, "register", |id| pack.register(id), known).pop()
    };
    let (members, labels) = (register("members", report), register("labels", report));
    let mut screen = EntityScreen {
        members,
        labels,
        tiles: variables(pack, &mut cursor, "tiles", report),
        determinations: variables(pack, &mut cursor, "determinations", report),
        ..EntityScreen::default()
    };
    cursor.node("indicators");
    for (key, list) in [("summary", &mut screen.summary), ("list", &mut screen.list)] {
        for (name, place) in cursor.texts(key, report) {
            if name_text(pack, entity, &name).is_none() {
                report.say(
                    place,
                    format!("`{name}` is neither a field nor a variable here"),
                    "name fields, register.field or variables of the entity",
                );
            }
            list.push(name);
        }
    }
    if let Some(node) = cursor.node("income") {
        screen.income = income(compiler, entity, node, report);
    }
    cursor.finish(report);
    Some(screen)
}

/// Title of a field, attached field or variable of an entity.
pub(super) fn name_text(pack: &Pack, entity: Entity, name: &str) -> Option<Text> {
    let field = |register: RegisterId, id: &str| {
        let register = pack.registers.get(register.index())?;
        register.fields.iter().find(|field| field.id == id).map(|field| field.title.clone())
    };
    if let Some((register, id)) = name.split_once('.') {
        return field(pack.register(register)?, id);
    }
    let own = match entity {
        Entity::Register(register) => field(register, name),
        Entity::Level(_) => None,
    };
    own.or_else(|| {
        let variable = pack.variables.get(pack.variable(name)?.index())?;
        (variable.of == entity).then(|| variable.title.clone())
    })
}

fn income(compiler: &mut Compiler<'_>, entity: Entity, node: &Node, report: &mut Report) -> Option<IncomeScreen> {
    let mut cursor = Cursor::new(node, "`income`", report)?;
    let mut parts = |key: &'static str, cursor: &mut Cursor<'_>, report: &mut Report| {
        let mut found: Vec<(Text, ExprId)> = Vec::new();
        for (name, place) in cursor.texts(key, report) {
            let title = name_text(compiler.pack(), entity, &name)
                .unwrap_or_else(|| BTreeMap::from([(String::new(), name.clone())]));
            found.extend(compiler.expression(&name, entity, None, place).map(|root| (title, root)));
        }
        found
    };
    let (plus, minus) = (parts("plus", &mut cursor, report), parts("minus", &mut cursor, report));
    let mut one = |key: &'static str, cursor: &mut Cursor<'_>, report: &mut Report| {
        let (text, place): (String, &Place) = cursor.required_text(key, report)?;
        compiler.expression(&text, entity, None, place)
    };
    let total = one("total", &mut cursor, report);
    let per_head = one("per_head", &mut cursor, report);
    let line = one("line", &mut cursor, report);
    cursor.finish(report);
    Some(IncomeScreen { plus, minus, total: total?, per_head: per_head?, line: line? })
}
