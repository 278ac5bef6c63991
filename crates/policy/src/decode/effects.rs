//! What completing a case, or a step of it, does to the registry, and what is entered at its steps for that.

use super::boards::nearest_of;
use super::cursor::{Cursor, Report};
use super::procedures::named_fields;
use super::tree::{Data, Node};
use crate::model::{
    Asked, Destination, Effect, Effects, Entity, Field, FieldType, Moves, Pack, RegisterId, RegisterKind, Set, Step,
    StepKind, Wanted,
};
use crate::value::parse;

/// Reads effects; the steps learn what is entered at them.
struct Reading<'a> {
    pack: &'a Pack,
    subject: Option<Entity>,
    steps: &'a mut Vec<Step>,
    /// The step that has these effects; `None`: completing has.
    at: Option<usize>,
    report: &'a mut Report,
}

/// Effects that a step may have.
pub(super) const AT_STEPS: [&str; 3] = ["then", "adds", "ends"];

/// `then`, `adds`, `ends` of steps, and with `moves` of the procedure.
pub(super) fn read(
    pack: &Pack,
    subject: Option<Entity>,
    steps: &mut Vec<Step>,
    cursor: &mut Cursor<'_>,
    report: &mut Report,
) -> Effects {
    let mut reading = Reading { pack, subject, steps, at: None, report };
    for node in cursor.list("steps") {
        // What is wrong with the step itself was said before.
        let Data::Map(entries) = &node.data else { continue };
        let id = entries.iter().find(|(key, ..)| key == "id").and_then(|(_, _, node)| node.scalar_text());
        reading.at = reading.steps.iter().position(|step| Some(&step.id) == id.as_ref());
        if reading.at.is_none() {
            continue;
        }
        let Some(mut inner) = Cursor::new(node, "a step", reading.report) else { continue };
        let effects = reading.effects(&mut inner);
        if !effects.is_empty() && reading.at.is_some_and(|at| at + 1 == reading.steps.len()) {
            let advice = "write them under the procedure: its last step completes the case";
            reading.report.say(&node.place, "the last step has effects of its own", advice);
        }
        if let Some(step) = reading.at.and_then(|at| reading.steps.get_mut(at)) {
            step.effects = effects;
        }
    }
    reading.at = None;
    let moves = cursor.node("moves").and_then(|node| reading.moves(node));
    Effects { moves, ..reading.effects(cursor) }
}

impl Reading<'_> {
    fn subject_register(&self) -> Option<RegisterId> {
        match self.subject {
            Some(Entity::Register(register)) => Some(register),
            _ => None,
        }
    }

    fn effects(&mut self, cursor: &mut Cursor<'_>) -> Effects {
        let [then, adds, ends] = AT_STEPS.map(|key| cursor.node(key));
        Effects {
            then: then.map(|node| self.then(node)).unwrap_or_default(),
            adds: adds.map(|node| self.records(node, "adds")).unwrap_or_default(),
            ends: ends.map(|node| self.records(node, "ends")).unwrap_or_default(),
            moves: None,
        }
    }

    /// A record that a case adds has all that its register requires.
    fn complete(&mut self, register: RegisterId, set: &[(u16, Set)], place: &crate::model::Place) {
        let Some(found) = self.pack.registers.get(register.index()) else { return };
        let own_key = found.key.is_none_or(|key| set.iter().any(|(field, _)| *field == key));
        if self.at.is_some() && found.kind == RegisterKind::Entity && own_key {
            let words = format!("a step that is done again does not find its record of `{}`", found.id);
            self.report.say(place, words, "take a register with a key, and leave the key to the case");
        }
        // What an earlier step added is there, and of what there is only one it may be there before the case.
        let mut before = self.steps.iter().take(self.at.unwrap_or(usize::MAX)).flat_map(|step| &step.effects.adds);
        if before.any(|earlier| earlier.register == register) || found.kind != RegisterKind::Entity {
            return;
        }
        let given = |at: usize| set.iter().any(|(field, _)| usize::from(*field) == at) || found.key == Some(at as u16);
        let lacking = found.fields.iter().enumerate().find(|(at, field)| field.required && !given(*at));
        if let Some((_, field)) = lacking {
            let words = format!("a record of `{}` that is added needs `{}`", found.id, field.id);
            self.report.say(place, words, "give it a value, or `{step: …}` to have it entered");
        }
    }

    /// `then: {poverty_status: '0'}`
    fn then(&mut self, node: &Node) -> Vec<(u16, Set)> {
        let Some(register) = self.subject_register() else {
            self.report.say(&node.place, "only a record has fields that can be set", "leave `then` out");
            return Vec::new();
        };
        self.fields(register, node, "then", None)
    }

    /// A register of the subject, by name.
    fn below(&mut self, name: &str, place: &crate::model::Place) -> Option<RegisterId> {
        let (pack, subject) = (self.pack, self.subject);
        let found = pack.register(name).filter(|id| pack.registers.get(id.index()).map(|r| r.parent) == subject);
        if found.is_none() {
            let below = pack.registers.iter().filter(|register| Some(register.parent) == subject);
            let advice = nearest_of(name, below.map(|register| register.id.as_str()), "name a register of the subject");
            self.report.say(place, format!("`{name}` is no register of the subject"), advice);
        }
        found
    }

    /// `adds: {label: {kind: dibao, start: today}}`,
    /// `ends: {label: {where: {kind: dibao, ended: null}, set: {ended: today}}}`; of one register also a list of such
    /// changes.
    fn records(&mut self, node: &Node, key: &'static str) -> Vec<Effect> {
        let Some(cursor) = Cursor::new(node, key, self.report) else { return Vec::new() };
        let mut all = Vec::new();
        for (name, place, node) in cursor.entries() {
            let Some(register) = self.below(name, place) else { continue };
            // Of one register several kinds of records can be changed, each in its own way.
            let several = match &node.data {
                Data::List(items) => items.iter().collect(),
                _ => vec![node],
            };
            if key == "adds" {
                for node in several {
                    let set = self.fields(register, node, key, None);
                    self.complete(register, &set, &node.place);
                    all.push(Effect { register, chosen: None, filter: Vec::new(), set });
                }
                continue;
            }
            for node in several {
                let Some(mut inner) = Cursor::new(node, "`ends`", self.report) else { continue };
                let (mut filter, mut set) = (Vec::new(), Vec::new());
                let chosen = self.chosen(register, &mut inner);
                if let Some(node) = inner.node("where") {
                    filter = fixed(self.pack, register, node, "where", self.report);
                }
                match inner.node("set") {
                    Some(node) => set = self.fields(register, node, "set", None),
                    None => self.report.say(place, "nothing is set", "add `set: {field: value}`"),
                }
                inner.finish(self.report);
                all.push(Effect { register, chosen, filter, set });
            }
        }
        all
    }

    /// `moves: {records: person, chosen: apply, new: {household_no: {step: decide}}, keeps: [group_name]}`,
    /// `moves: {to: {step: apply}}`
    fn moves(&mut self, node: &Node) -> Option<Moves> {
        let mut cursor = Cursor::new(node, "`moves`", self.report)?;
        let Some(own) = self.subject_register() else {
            self.report.say(&node.place, "a division does not move", "leave `moves` out");
            return None;
        };
        let records = match cursor.text("records", self.report) {
            Some((name, place)) => Some(self.below(&name, place)?),
            None => None,
        };
        let kind = |id: RegisterId| self.pack.registers.get(id.index()).map(|register| register.kind);
        if records.is_some_and(|id| kind(id) != Some(RegisterKind::Entity)) {
            let advice = "name a register of which the subject has many records";
            self.report.say(&node.place, "only records that stand for themselves move", advice);
        }
        let chosen = records.and_then(|register| self.chosen(register, &mut cursor));
        let parent = self.pack.registers.get(own.index()).map(|register| register.parent);
        let to = match (cursor.node("to"), cursor.node("new"), records) {
            (Some(node), None, _) => {
                let of = if records.is_some() { Entity::Register(own) } else { parent? };
                if records.is_none() && !matches!(of, Entity::Level(_)) {
                    let advice = "give `records`, or take a register of a division level";
                    self.report.say(&node.place, "the subject does not lie in a division itself", advice);
                }
                let step = self.step(node)?;
                self.ask(step, "to".to_owned(), Wanted::Place(of), false, &node.place);
                Destination::Entered("to".to_owned())
            }
            (None, Some(node), Some(_)) => {
                let set = self.fields(own, node, "new", Some("new"));
                let keeps = cursor.texts("keeps", self.report);
                let keeps = named_fields(self.pack, self.subject, &keeps, true, self.report);
                let copies = cursor.texts("copies", self.report);
                let copies = copies.iter().filter_map(|(name, place)| self.below(name, place)).collect();
                let fields = self.pack.registers.get(own.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
                let given = |at: usize| set.iter().map(|(at, _)| at).chain(&keeps).any(|had| usize::from(*had) == at);
                let lacking = fields.iter().enumerate().find(|(at, field)| field.required && !given(*at));
                if let Some((_, field)) = lacking {
                    let words = format!("a new record needs `{}`", field.id);
                    self.report.say(&node.place, words, "give it a value, or name it under `keeps`");
                }
                Destination::New { set, keeps, copies }
            }
            _ => {
                let advice = "write `to: {step: …}`, or with `records` also `new: {field: …}`";
                self.report.say(&node.place, "it is not said where it moves to", advice);
                return None;
            }
        };
        cursor.finish(self.report);
        Some(Moves { records, chosen, to })
    }

    /// `chosen: apply`: some of the subject's records of a register, chosen at a step; the key of the choice.
    fn chosen(&mut self, register: RegisterId, cursor: &mut Cursor<'_>) -> Option<String> {
        let (name, place) = cursor.text("chosen", self.report)?;
        let step = self.step_named(&name, place)?;
        let key = self.pack.registers.get(register.index())?.id.clone();
        self.ask(step, key.clone(), Wanted::Records(register), false, place);
        Some(key)
    }

    fn step_named(&mut self, name: &str, place: &crate::model::Place) -> Option<usize> {
        let found = self.steps.iter().position(|step| step.id == name);
        if found.is_none() {
            let known = self.steps.iter().map(|step| step.id.as_str());
            let advice = nearest_of(name, known, "name a step of the procedure");
            self.report.say(place, format!("there is no step `{name}`"), advice);
        }
        if let (Some(found), Some(at)) = (found, self.at)
            && found > at
        {
            let advice = "name the step that has the effect, or one before it";
            self.report.say(place, format!("`{name}` comes after what it is entered for"), advice);
        }
        found
    }

    /// The step that `{step: apply}` names.
    fn step(&mut self, node: &Node) -> Option<usize> {
        let mut cursor = Cursor::new(node, "what is entered at a step", self.report)?;
        let (name, place) = cursor.required_text("step", self.report)?;
        cursor.finish(self.report);
        self.step_named(&name, place)
    }

    /// The step asks for something, once.
    fn ask(&mut self, step: usize, key: String, what: Wanted, optional: bool, place: &crate::model::Place) {
        let other = self.steps.iter().position(|step| step.asked.iter().any(|asked| asked.key == key));
        if other.is_some_and(|other| other != step) {
            let words = format!("`{key}` is entered at two steps");
            self.report.say(place, words, "name the same step in both places");
            return;
        }
        let Some(found) = self.steps.get_mut(step) else { return };
        match found.asked.iter_mut().find(|asked| asked.key == key) {
            // Where one of two places needs it, it may not be left empty.
            Some(asked) => asked.optional &= optional,
            None => found.asked.push(Asked { key, what, optional }),
        }
    }

    /// Fields of a register with values, of which some are entered at steps (`{step: apply}`); `prefix`: before their
    /// keys, instead of the register.
    fn fields(
        &mut self,
        register: RegisterId,
        node: &Node,
        key: &'static str,
        prefix: Option<&str>,
    ) -> Vec<(u16, Set)> {
        let Some(cursor) = Cursor::new(node, key, self.report) else { return Vec::new() };
        let mut set = Vec::new();
        for (name, place, node) in cursor.entries() {
            let Some((at, field)) = field_named(self.pack, register, name, place, self.report) else { continue };
            let Data::Map(_) = &node.data else {
                if field.ty == FieldType::Date && node.scalar_text().as_deref() == Some("posted") {
                    if self.at.and_then(|at| self.steps.get(at)).is_none_or(|step| step.kind != StepKind::Notice) {
                        let advice = "write it under a step of kind `notice`";
                        self.report.say(place, "only a notice is put up", advice);
                    }
                    set.push((at, Set::Posted));
                    continue;
                }
                set.push((at, value(self.pack, field, node, self.report)));
                continue;
            };
            let Some(mut inner) = Cursor::new(node, "what is entered at a step", self.report) else { continue };
            let Some((step, place)) = inner.required_text("step", self.report) else { continue };
            let optional = inner.flag("optional", self.report);
            inner.finish(self.report);
            if field.secret {
                let advice = "enter it in the record itself: what is entered at a step stands in the case";
                self.report.say(place, format!("`{}` is secret", field.id), advice);
            }
            let of = prefix.or(self.pack.registers.get(register.index()).map(|register| register.id.as_str()));
            let key = format!("{}.{}", of.unwrap_or_default(), field.id);
            if let Some(step) = self.step_named(&step, place) {
                self.ask(step, key.clone(), Wanted::Value(register, at), optional, place);
                set.push((at, Set::Entered(key)));
            }
        }
        set
    }
}

fn field_named<'p>(
    pack: &'p Pack,
    register: RegisterId,
    name: &str,
    place: &crate::model::Place,
    report: &mut Report,
) -> Option<(u16, &'p Field)> {
    let fields = pack.registers.get(register.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
    let found = fields.iter().enumerate().find(|(_, field)| field.id == name);
    if found.is_none() {
        let advice = nearest_of(name, fields.iter().map(|field| field.id.as_str()), "name a field");
        report.say(place, format!("there is no field `{name}`"), advice);
    }
    found.map(|(at, field)| (at as u16, field))
}

fn value(pack: &Pack, field: &Field, node: &Node, report: &mut Report) -> Set {
    match node.scalar_text() {
        Some(text) if text == "today" && field.ty == FieldType::Date => Set::Today,
        Some(text) => parse(&text, field.ty, pack, "en").map_or_else(
            |error| {
                report.say(&node.place, error.words("en"), error.advice());
                Set::Nothing
            },
            Set::Value,
        ),
        None => {
            if !matches!(node.data, Data::Null) {
                report.say(&node.place, format!("`{}` takes one value", field.id), "write a value, or null for none");
            }
            Set::Nothing
        }
    }
}

/// Fields of a register with values that the pack gives; `today` is the day on which the case completes.
pub(super) fn fixed(
    pack: &Pack,
    register: RegisterId,
    node: &Node,
    key: &'static str,
    report: &mut Report,
) -> Vec<(u16, Set)> {
    let Some(cursor) = Cursor::new(node, key, report) else { return Vec::new() };
    let mut set = Vec::new();
    for (name, place, node) in cursor.entries() {
        if let Some((at, field)) = field_named(pack, register, name, place, report) {
            set.push((at, value(pack, field, node, report)));
        }
    }
    set
}
