//! Roles and procedures.

use std::collections::BTreeSet;

use super::Entries;
use super::boards::{level_named, nearest_of};
use super::cursor::{Cursor, Report, is_id, languages};
use super::indicators::fraction;
use super::notices::notice;
use super::structure::clauses;
use super::tree::{Data, Node};
use super::{effects, escalation};
use crate::ir::Type;
use crate::model::{
    Asks, Effects, Entity, Field, FieldType, LevelId, Pack, Place, Procedure, RegisterId, Right, Role, RoleId, Rung,
    Step, StepKind, VariableId,
};

pub(super) fn roles(pack: &mut Pack, entries: &Entries<'_>, report: &mut Report) {
    for (id, place, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("role `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let level = level(pack, &mut cursor, "level", true, report);
        let mut registers = |key, report: &mut Report| -> BTreeSet<RegisterId> {
            let named = cursor.texts(key, report);
            named.iter().flat_map(|(name, place)| registers(pack, name, place, report)).collect()
        };
        let edits = registers("edits", report);
        let reads = &registers("reads", report) | &edits;
        let may = cursor.texts("may", report);
        let may = may.iter().filter_map(|(word, place)| right(word, place, report)).collect();
        // Roles may name roles that stand behind them.
        let mut others = |key, report: &mut Report| -> BTreeSet<RoleId> {
            let named = cursor.texts(key, report);
            let found = named.iter().filter_map(|(name, place)| {
                let found = entries.iter().position(|(id, ..)| id == name);
                if found.is_none() {
                    let known = entries.iter().map(|(id, ..)| *id);
                    report.say(
                        place,
                        format!("there is no role `{name}`"),
                        nearest_of(name, known, "name another role"),
                    );
                }
                found.map(|index| RoleId(index as u16))
            });
            found.collect()
        };
        let apart_from = others("apart_from", report);
        let entered_by = others("entered_by", report);
        let second_factor = cursor.flag("second_factor", report);
        cursor.finish(report);
        let (id, place) = ((*id).to_owned(), (*place).clone());
        let level = level.unwrap_or(LevelId(0));
        pack.roles.push(Role { id, title, level, reads, edits, may, apart_from, entered_by, second_factor, place });
    }
}

/// Registers that a word means: `all`, one, or `article N` – all that cite a clause of the article.
fn registers(pack: &Pack, name: &str, place: &Place, report: &mut Report) -> Vec<RegisterId> {
    let all = (0..pack.registers.len()).map(|index| RegisterId(index as u16));
    if name == "all" {
        return all.collect();
    }
    if let Some(id) = name.strip_prefix("article ") {
        let article = pack.articles.iter().find(|article| article.id == id);
        let cited = |register: &RegisterId| {
            let clauses = pack.registers.get(register.index()).map_or(&[][..], |register| &register.clauses);
            article.is_some_and(|article| article.clauses.iter().any(|clause| clauses.contains(&clause.id)))
        };
        let found: Vec<RegisterId> = all.filter(cited).collect();
        if found.is_empty() {
            report.say(
                place,
                format!("no register cites a clause of article {id}"),
                "name an article that has registers",
            );
        }
        return found;
    }
    let found = pack.register(name);
    if found.is_none() {
        let known = pack.registers.iter().map(|register| register.id.as_str());
        let advice = nearest_of(name, known, "name a register, `all`, or an article as in `article 5`");
        report.say(place, format!("there is no register `{name}`"), advice);
    }
    found.into_iter().collect()
}

fn right(word: &str, place: &Place, report: &mut Report) -> Option<Right> {
    let found = Right::ALL.iter().find(|(known, _)| *known == word);
    if found.is_none() {
        let known = Right::ALL.iter().map(|(known, _)| *known);
        report.say(place, format!("`{word}` is no right"), nearest_of(word, known, "see docs/pack-format.md"));
    }
    found.map(|(_, right)| *right)
}

pub(super) fn procedures(pack: &mut Pack, entries: &Entries<'_>, report: &mut Report) {
    let mut all = Vec::new();
    for (id, place, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("procedure `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        let words = cursor.optional_title("words", report);
        let subject = subject(pack, &mut cursor, report);
        let together = level(pack, &mut cursor, "together", false, report);
        let begins = cursor.text("begins", report).and_then(|(name, at)| begins(pack, subject, &name, at, report));
        let ladder = cursor.node("escalates").map(|node| escalation::ladder(pack, node, report));
        let mut steps = steps(pack, &mut cursor, ladder.as_deref().unwrap_or_default(), report);
        let asks = cursor.node("asks").and_then(|node| asks(pack, subject, node, report));
        let effects = effects::read(pack, subject, &mut steps, &mut cursor, report);
        let notice = cursor.node("notice").and_then(|node| notice(pack, (subject, &steps), node, report));
        cursor.finish(report);
        let Some(subject) = subject else { continue };
        let id = (*id).to_owned();
        let place = (*place).clone();
        all.push(Procedure {
            id,
            title,
            clauses,
            subject,
            begins,
            together,
            words,
            notice,
            asks,
            steps,
            effects,
            place,
        });
    }
    pack.procedures = all;
}

fn level(
    pack: &Pack,
    cursor: &mut Cursor<'_>,
    key: &'static str,
    required: bool,
    report: &mut Report,
) -> Option<LevelId> {
    let named = if required { cursor.required_text(key, report) } else { cursor.text(key, report) };
    let (name, place) = named?;
    level_named(pack, &name, place, report)
}

fn subject(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Option<Entity> {
    let (name, place) = cursor.required_text("subject", report)?;
    let found = pack.entity(&name);
    if found.is_none() {
        let registers = pack.registers.iter().map(|register| register.id.as_str());
        let known = registers.chain(pack.levels.iter().map(|level| level.id.as_str()));
        let advice = nearest_of(&name, known, "name a register of records or a division level");
        report.say(place, format!("a case cannot be about `{name}`"), advice);
    }
    found
}

/// The variable that proposes a case: boolean, of the subject.
fn begins(pack: &Pack, of: Option<Entity>, name: &str, place: &Place, report: &mut Report) -> Option<VariableId> {
    let found = pack.variable(name);
    let Some(variable) = found.and_then(|id| pack.variables.get(id.index())) else {
        let known = pack.variables.iter().map(|variable| variable.id.as_str());
        report.say(place, format!("there is no variable `{name}`"), nearest_of(name, known, "define it first"));
        return None;
    };
    if Some(variable.of) != of || variable.ty != Type::Boolean {
        let advice = "name a variable that is true or false for the subject of the procedure";
        report.say(place, format!("`{name}` does not say yes or no about the subject"), advice);
        return None;
    }
    found
}

fn steps(pack: &Pack, cursor: &mut Cursor<'_>, ladder: &[Rung], report: &mut Report) -> Vec<Step> {
    let nodes = cursor.list("steps");
    if nodes.is_empty() {
        report.say(
            &cursor.place,
            "the procedure has no steps",
            "add `steps: [{id: apply, title: …, role: …, kind: apply}]`",
        );
    }
    // Steps may name steps that stand behind them: all ids first.
    let id_of = |node: &&Node| match &node.data {
        Data::Map(entries) => entries.iter().find(|(key, ..)| key == "id").and_then(|(_, _, node)| node.scalar_text()),
        _ => None,
    };
    let ids: Vec<String> = nodes.iter().map(|node| id_of(node).unwrap_or_default()).collect();
    let step = |(at, node): (usize, &&Node)| step(pack, (&ids, ladder), at, node, report);
    nodes.iter().enumerate().filter_map(step).collect()
}

fn step(pack: &Pack, (ids, ladder): (&[String], &[Rung]), at: usize, node: &Node, report: &mut Report) -> Option<Step> {
    let mut cursor = Cursor::new(node, "a step", report)?;
    let (id, place) = cursor.required_text("id", report)?;
    if !is_id(&id, false) {
        report.say(place, format!("`{id}` is not an id"), "use small letters, digits and _, beginning with a letter");
    }
    if ids.iter().position(|known| *known == id) != Some(at) {
        report.say(place, format!("two steps are called `{id}`"), "give one of them another id");
    }
    let title = cursor.title("title", report);
    let role = role(pack, &mut cursor, report);
    let kind = kind(&mut cursor, report);
    let lasts = days(&mut cursor, "days", report);
    let within = days(&mut cursor, "within", report);
    let working = cursor.flag("working", report);
    if working && !pack.calendar.has_free_days() {
        let advice = "add `calendar: {utc_offset: …, working_days: […]}`";
        report.say(&node.place, "the pack does not say which days are working days", advice);
    }
    let evidence = cursor.list("evidence").into_iter().map(|node| languages(node, "evidence", true, report)).collect();
    let mut share = |key: &'static str, report: &mut Report| {
        let (text, place) = cursor.text(key, report)?;
        fraction(&text, place, report)
    };
    let (quorum, majority) = (share("quorum", report), share("majority", report));
    let named = |name: &str, place: &Place, report: &mut Report| {
        let found = ids.iter().position(|id| id == name);
        if found.is_none() {
            let advice = nearest_of(name, ids.iter().map(String::as_str), "name a step of the procedure");
            report.say(place, format!("there is no step `{name}`"), advice);
        }
        found
    };
    let others = cursor.texts("others_than", report);
    let others_than = others.iter().filter_map(|(name, place)| named(name, place, report)).collect();
    let back_to = cursor.text("back_to", report).and_then(|(name, place)| named(&name, place, report));
    let objection = cursor.text("objection", report).and_then(|(name, place)| named(&name, place, report));
    let own = cursor.node("escalates").map(|node| escalation::ladder(pack, node, report));
    // They may ask at other steps, so they are read when all steps are known.
    for key in effects::AT_STEPS {
        cursor.node(key);
    }
    cursor.finish(report);
    let escalates = escalation::above(pack, role?, own.as_deref().unwrap_or(ladder));
    Some(Step {
        id,
        title,
        role: role?,
        kind: kind?,
        days: lasts,
        within,
        working,
        evidence,
        others_than,
        quorum,
        majority,
        back_to,
        objection,
        escalates,
        asked: Vec::new(),
        effects: Effects::default(),
    })
}

fn role(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Option<RoleId> {
    let (name, place) = cursor.required_text("role", report)?;
    role_named(pack, &name, place, report)
}

/// The role of this name.
pub(super) fn role_named(pack: &Pack, name: &str, place: &Place, report: &mut Report) -> Option<RoleId> {
    let found = pack.roles.iter().position(|role| role.id == name);
    if found.is_none() {
        let known = pack.roles.iter().map(|role| role.id.as_str());
        report.say(place, format!("there is no role `{name}`"), nearest_of(name, known, "define it under `roles:`"));
    }
    found.map(|n| RoleId(n as u16))
}

fn kind(cursor: &mut Cursor<'_>, report: &mut Report) -> Option<StepKind> {
    let (name, place) = cursor.required_text("kind", report)?;
    let found = StepKind::ALL.iter().find(|(word, _)| *word == name).map(|(_, kind)| *kind);
    if found.is_none() {
        let words: Vec<&str> = StepKind::ALL.iter().map(|(word, _)| *word).collect();
        report.say(place, format!("`kind: {name}` is not known"), format!("write one of {}", words.join(", ")));
    }
    found
}

pub(super) fn days(cursor: &mut Cursor<'_>, key: &'static str, report: &mut Report) -> Option<u16> {
    let (text, place) = cursor.text(key, report)?;
    let days = text.parse().ok().filter(|days| *days > 0);
    if days.is_none() {
        report.say(place, format!("`{key}: {text}` is no number of days"), "write a whole number above 0");
    }
    days
}

/// Fields of the subject, by name; secret ones are refused where they would be shown.
pub(super) fn named_fields(
    pack: &Pack,
    subject: Option<Entity>,
    names: &[(String, &Place)],
    shown: bool,
    report: &mut Report,
) -> Vec<u16> {
    let register = match subject {
        Some(Entity::Register(register)) => pack.registers.get(register.index()),
        _ => None,
    };
    let fields = register.map(|register| register.fields.as_slice()).unwrap_or_default();
    let mut found = Vec::new();
    for (name, place) in names {
        match fields.iter().position(|field| field.id == *name) {
            Some(at) if shown && fields.get(at).is_some_and(|field| field.secret) => {
                let advice = "leave it out: a notice hangs where everybody reads it";
                report.say(place, format!("`{name}` is secret"), advice);
            }
            Some(at) => found.push(at as u16),
            None => {
                let advice = nearest_of(name, fields.iter().map(|field| field.id.as_str()), "name a field");
                report.say(place, format!("the subject has no field `{name}`"), advice);
            }
        }
    }
    found
}

/// `asks: {fields: [content], set: {received_on: today}}`
fn asks(pack: &Pack, subject: Option<Entity>, node: &Node, report: &mut Report) -> Option<Asks> {
    let mut cursor = Cursor::new(node, "`asks`", report)?;
    let names = cursor.texts("fields", report);
    let asked = named_fields(pack, subject, &names, false, report);
    let Some(Entity::Register(register)) = subject else {
        report.say(&node.place, "only a record can be asked for", "leave `asks` out");
        return None;
    };
    let kept = pack.registers.get(register.index()).is_some_and(|r| matches!(r.parent, Entity::Level(_)));
    if !kept {
        report.say(&node.place, "the subject does not lie in a division itself", "take a register of a level");
    }
    let set = cursor.node("set").map(|node| effects::fixed(pack, register, node, "set", report)).unwrap_or_default();
    let mark = cursor.text("mark", report).and_then(|(name, place)| mark(pack, register, &asked, &name, place, report));
    cursor.finish(report);
    Some(Asks { fields: asked, set, mark })
}

/// The field of a mark: a code that the form does not ask for already.
fn mark(
    pack: &Pack,
    register: RegisterId,
    asked: &[u16],
    name: &str,
    place: &Place,
    report: &mut Report,
) -> Option<u16> {
    let fields = pack.registers.get(register.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
    let fits = |field: &Field| matches!(field.ty, FieldType::Code(_)) && !field.secret;
    let found = fields.iter().position(|field| field.id == name && fits(field)).map(|at| at as u16);
    if found.is_none_or(|at| asked.contains(&at)) {
        let known = fields.iter().filter(|field| fits(field)).map(|field| field.id.as_str());
        let advice = nearest_of(name, known, "name a code field that `fields` does not ask for");
        report.say(place, format!("`mark: {name}` is no field for a mark"), advice);
        return None;
    }
    found
}
