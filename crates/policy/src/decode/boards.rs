//! Matches, views and exemptions.

use super::Entries;
use super::cursor::{Cursor, Report};
use super::rules::entity;
use super::structure::clauses;
use super::tree::Node;
use crate::diagnostic::nearest;
use crate::formula::Compiler;
use crate::ir::{ExprId, Type};
use crate::model::{
    Entity, Exemptions, Field, FieldType, LevelId, Match, MatchPart, MatchTest, Pack, Place, Register, RegisterId,
    VariableId, View, ViewKind,
};

/// Advice that names the nearest known word.
pub(super) fn nearest_of<'a>(name: &str, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(name, known).map_or(otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}

/// The level of this name.
pub(super) fn level_named(pack: &Pack, name: &str, place: &Place, report: &mut Report) -> Option<LevelId> {
    let found = pack.levels.iter().position(|level| level.id == name);
    if found.is_none() {
        let levels: Vec<_> = pack.levels.iter().map(|level| level.id.as_str()).collect();
        report.say(place, format!("`{name}` is not a division level"), format!("the levels are {}", levels.join(", ")));
    }
    found.map(|n| LevelId(n as u16))
}

pub(super) fn matches(compiler: &mut Compiler<'_>, entries: &Entries<'_>, report: &mut Report) -> Vec<Match> {
    let mut all = Vec::new();
    for (id, place, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("match `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        let of = entity(compiler.pack(), &mut cursor, report);
        let with = offered(compiler.pack(), &mut cursor, report);
        let within = cursor.text("within", report);
        let within = within.and_then(|(name, at)| level_named(compiler.pack(), &name, at, report));
        let mut condition = |key: &'static str, entity: Option<Entity>, report: &mut Report| {
            let (text, at) = cursor.text(key, report)?;
            compiler.expression(&text, entity?, Some(Type::Boolean), at)
        };
        let (seeks, open) = (condition("where", of, report), condition("open", with, report));
        let nodes = cursor.list("parts");
        let sides = of.zip(with);
        let parts: Vec<MatchPart> = nodes.into_iter().filter_map(|node| part(compiler, sides, node, report)).collect();
        let sum: u32 = parts.iter().map(|part| u32::from(part.weight)).sum();
        if sum != 100 {
            let advice = "give every part a share of 100 points";
            report.say(&cursor.place, format!("the weights of `{id}` add up to {sum}"), advice);
        }
        cursor.finish(report);
        let Some((of, with)) = sides else { continue };
        let (id, place) = ((*id).to_owned(), (*place).clone());
        all.push(Match { id, title, clauses, of, seeks, with, open, within, parts, place });
    }
    all
}

/// A test of two values, one of each side.
type Pair = fn(ExprId, ExprId) -> MatchTest;

/// `with: vacancy`
fn offered(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Option<Entity> {
    let (name, place) = cursor.required_text("with", report)?;
    let found = pack.entity(&name);
    if found.is_none() {
        let known = pack.registers.iter().map(|register| register.id.as_str());
        report.say(
            place,
            format!("`{name}` cannot be offered"),
            nearest_of(&name, known, "name a register of records"),
        );
    }
    found
}

fn part(
    compiler: &mut Compiler<'_>,
    sides: Option<(Entity, Entity)>,
    node: &Node,
    report: &mut Report,
) -> Option<MatchPart> {
    let mut cursor = Cursor::new(node, "a part", report)?;
    let title = cursor.title("title", report);
    let weight = cursor.required_text("weight", report).and_then(|(text, place)| {
        let weight = text.parse().ok().filter(|weight| (1..=100_u8).contains(weight));
        if weight.is_none() {
            report.say(place, format!("`weight: {text}` is no share of 100"), "write a whole number from 1 to 100");
        }
        weight
    });
    let mut tests = Vec::new();
    let two: [(&'static str, Pair); 3] =
        [("equal", MatchTest::Equal), ("at_least", MatchTest::AtLeast), ("at_most", MatchTest::AtMost)];
    for (key, test) in two {
        if cursor.node(key).is_some() {
            tests.push(pair(compiler, &mut cursor, key, sides?, report).map(|(a, b)| test(a, b)));
        }
    }
    if cursor.node("near").is_some() {
        let names = cursor.texts("near", report);
        let levels = names.iter().filter_map(|(name, at)| level_named(compiler.pack(), name, at, report));
        tests.push(Some(MatchTest::Near(levels.collect())));
    }
    if tests.len() != 1 {
        let advice = "write exactly one of equal, at_least, at_most, near";
        report.say(&cursor.place, format!("the part has {} tests", tests.len()), advice);
    }
    cursor.finish(report);
    Some(MatchPart { title, weight: weight?, test: tests.pop()?? })
}

/// `equal: [formula of the seeker, formula of the offer]`
fn pair(
    compiler: &mut Compiler<'_>,
    cursor: &mut Cursor<'_>,
    key: &'static str,
    (of, with): (Entity, Entity),
    report: &mut Report,
) -> Option<(ExprId, ExprId)> {
    let texts = cursor.texts(key, report);
    let [(left, left_at), (right, right_at)] = texts.as_slice() else {
        let advice = "write [formula of the seeker, formula of the offer]";
        report.say(&cursor.place, format!("`{key}` needs two formulas"), advice);
        return None;
    };
    let left = compiler.expression(left, of, None, left_at)?;
    let ty = compiler.pack().graph[left].ty;
    let right = compiler.expression(right, with, Some(ty), right_at)?;
    let other = compiler.pack().graph[right].ty;
    if ty != other {
        report.say(right_at, format!("`{key}` compares values of two types"), "compare values of one type");
        return None;
    }
    Some((left, right))
}

pub(super) fn views(pack: &Pack, entries: &Entries<'_>, report: &mut Report) -> Vec<View> {
    let mut all = Vec::new();
    for (id, place, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("view `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        let kind = match cursor.required_text("kind", report) {
            Some((kind, _)) if kind == "pipeline" => pipeline(pack, &mut cursor, report),
            Some((kind, _)) if kind == "calendar" => calendar(pack, &mut cursor, report),
            Some((kind, _)) if kind == "matrix" => matrix(pack, &mut cursor, report),
            Some((kind, at)) => {
                report.say(at, format!("`kind: {kind}` is not known"), "write pipeline, calendar or matrix");
                continue;
            }
            None => None,
        };
        cursor.finish(report);
        let (id, place) = ((*id).to_owned(), (*place).clone());
        all.extend(kind.map(|kind| View { id, title, clauses, kind, place }));
    }
    all
}

fn pipeline(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Option<ViewKind> {
    let found = register(pack, cursor, report);
    let code = |ty: FieldType| matches!(ty, FieldType::Code(_));
    let number = |ty: FieldType| matches!(ty, FieldType::Integer | FieldType::Decimal(_) | FieldType::Money);
    let stage = field(cursor, found, "stage", true, ("a code", &code), report);
    let sum = field(cursor, found, "sum", false, ("a number or money", &number), report);
    let since = field(cursor, found, "since", false, ("a date", &|ty| ty == FieldType::Date), report);
    Some(ViewKind::Pipeline { register: found?.0, stage: stage?, sum, since })
}

fn calendar(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Option<ViewKind> {
    let found = register(pack, cursor, report);
    let date = field(cursor, found, "date", true, ("a date", &|ty| ty == FieldType::Date), report);
    let who = field(cursor, found, "who", true, ("open", &|_| true), report);
    let mark = field(cursor, found, "mark", true, ("a code", &|ty| matches!(ty, FieldType::Code(_))), report);
    Some(ViewKind::Calendar { register: found?.0, date: date?, who: who?, mark: mark? })
}

fn matrix(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Option<ViewKind> {
    let level = cursor.required_text("level", report);
    let level = level.and_then(|(name, place)| level_named(pack, &name, place, report));
    let mut variables = Vec::new();
    for (name, at) in cursor.texts("variables", report) {
        let found = pack.variable(&name).filter(|id| {
            let variable = pack.variables.get(id.index());
            variable.is_some_and(|v| v.ty == Type::Boolean && level.is_none_or(|level| v.of == Entity::Level(level)))
        });
        if found.is_none() {
            let known = pack.variables.iter().map(|variable| variable.id.as_str());
            let advice = nearest_of(&name, known, "name a variable that is true or false for that level");
            report.say(at, format!("`{name}` does not say yes or no about the level"), advice);
        }
        variables.extend::<Option<VariableId>>(found);
    }
    Some(ViewKind::Matrix { level: level?, variables })
}

type Found<'p> = Option<(RegisterId, &'p Register)>;

fn register<'p>(pack: &'p Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Found<'p> {
    let (name, place) = cursor.required_text("register", report)?;
    let found = pack.register(&name).and_then(|id| Some((id, pack.registers.get(id.index())?)));
    if found.is_none() {
        let known = pack.registers.iter().map(|register| register.id.as_str());
        report.say(place, format!("there is no register `{name}`"), nearest_of(&name, known, "define it first"));
    }
    found
}

/// A field of a register with a type that fits; secret ones are shown nowhere.
fn field(
    cursor: &mut Cursor<'_>,
    register: Found<'_>,
    key: &'static str,
    required: bool,
    (what, fits): (&str, &dyn Fn(FieldType) -> bool),
    report: &mut Report,
) -> Option<u16> {
    let named = if required { cursor.required_text(key, report) } else { cursor.text(key, report) };
    let ((name, place), (_, register)) = (named?, register?);
    let wanted = |field: &Field| field.id == name && fits(field.ty) && !field.secret;
    let found = register.fields.iter().position(wanted);
    if found.is_none() {
        let known = register.fields.iter().filter(|field| fits(field.ty) && !field.secret).map(|f| f.id.as_str());
        let advice = nearest_of(&name, known, "name a field of that type");
        report.say(place, format!("`{key}: {name}` is no field of `{}` that is {what}", register.id), advice);
    }
    found.map(|n| n as u16)
}

pub(super) fn exemptions(pack: &Pack, nodes: &[&Node], report: &mut Report) -> Option<Exemptions> {
    let node = nodes.first()?;
    if let Some(second) = nodes.get(1) {
        report.say(&second.place, "`exemptions:` stands twice", "keep one of them");
    }
    let mut cursor = Cursor::new(node, "`exemptions`", report)?;
    let found = register(pack, &mut cursor, report);
    let text = |ty: FieldType| ty.is_text();
    let date = |ty: FieldType| ty == FieldType::Date;
    let check = field(&mut cursor, found, "check", true, ("a text", &text), report);
    let record = field(&mut cursor, found, "record", true, ("a text", &text), report);
    let until = field(&mut cursor, found, "until", true, ("a date", &date), report);
    let reason = field(&mut cursor, found, "reason", true, ("a text", &text), report);
    cursor.finish(report);
    Some(Exemptions { register: found?.0, check: check?, record: record?, until: until?, reason: reason? })
}
