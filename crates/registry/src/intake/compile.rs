//! A mapping file fitted to a pack and to the header of a file: names become fields and columns.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bangfu_policy::model::{Entity, FieldRef, Pack, RegisterId, RegisterKind, Value};
use serde_json::Value as Json;

use super::IntakeError;
use super::cells::parse_any;
use super::mapped::{Check, Column, Condition, FieldUse, Mapping, Piece, RecordRule, Source, Target};
use super::mapping::{MappingFile, Use, Words, use_of};

/// Checks a mapping against a pack, without a file.
///
/// # Errors
/// It names what the pack does not have.
pub fn check(pack: &Pack, file: &MappingFile) -> Result<(), IntakeError> {
    let header: Vec<String> = file.columns.keys().chain(&file.division_names).cloned().collect();
    Compiler::new(pack, file, &header)?.run().map(|_| ())
}

/// Headers that differ only in blanks, width of brackets or a star are the same.
fn plain(header: &str) -> String {
    let kept = header.chars().filter(|c| !c.is_whitespace()).map(|c| match c {
        '（' => '(',
        '）' => ')',
        other => other,
    });
    kept.collect::<String>().trim_end_matches('*').to_lowercase()
}

pub(super) struct Compiler<'a> {
    pack: &'a Pack,
    file: &'a MappingFile,
    register: RegisterId,
    header: &'a [String],
    /// Column of a header as the mapping names it.
    at: HashMap<String, usize>,
    uses: u32,
    read: BTreeSet<usize>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(pack: &'a Pack, file: &'a MappingFile, header: &'a [String]) -> Result<Self, IntakeError> {
        let register = pack.register(&file.register).ok_or_else(|| {
            IntakeError::Mapping(format!(
                "{}, register: the pack has no register `{}`; name the one that a row is",
                file.path, file.register
            ))
        })?;
        let aliases: HashMap<String, String> =
            file.aliases.iter().map(|(theirs, ours)| (plain(theirs), plain(ours))).collect();
        let mut at = HashMap::new();
        for (index, cell) in header.iter().enumerate() {
            let name = plain(cell);
            let name = aliases.get(&name).cloned().unwrap_or(name);
            at.entry(name).or_insert(index);
        }
        Ok(Self { pack, file, register, header, at, uses: 0, read: BTreeSet::new() })
    }

    fn wrong(&self, place: &str, what: impl std::fmt::Display) -> IntakeError {
        IntakeError::Mapping(format!("{}, {place}: {what}", self.file.path))
    }

    pub(super) fn run(mut self) -> Result<Mapping, IntakeError> {
        let file = self.file;
        let mut columns: Vec<Column> = self
            .header
            .iter()
            .map(|header| Column { header: header.clone(), empty: Vec::new(), targets: Vec::new(), ignored: true })
            .collect();
        let mut missing = Vec::new();
        for (header, uses) in &file.columns {
            let place = format!("columns.{header}");
            let targets = uses.iter().map(|one| self.target(&place, header, one)).collect::<Result<Vec<_>, _>>()?;
            let targets: Vec<Target> = targets.into_iter().flatten().collect();
            match self.column(header).and_then(|index| columns.get_mut(index)) {
                Some(column) => column.targets = targets,
                None if !targets.is_empty() => missing.push(header.clone()),
                None => {}
            }
        }
        for (position, header) in file.division_names.iter().enumerate() {
            match self.column(header).and_then(|index| columns.get_mut(index)) {
                Some(column) => column.targets.push(Target::DivisionName(position)),
                None => missing.push(header.clone()),
            }
        }
        for (header, words) in &file.empty {
            let chosen = if header == "*" { None } else { self.column(header) };
            for (index, column) in columns.iter_mut().enumerate() {
                if header == "*" || chosen == Some(index) {
                    column.empty.extend(words.iter().cloned());
                }
            }
        }
        let mut constants = Vec::new();
        for (name, text) in &file.constants {
            let place = format!("constants.{name}");
            let field = self.field(&place, name)?;
            constants.push((field, self.value(&place, text, field)?));
        }
        let records = self.records()?;
        let mut checks = Vec::new();
        for check in &file.checks {
            let when = self.conditions(&check.when);
            let named = |compiler: &mut Self, headers: &[String]| {
                headers.iter().map(|header| (header.clone(), compiler.column(header))).collect::<Vec<_>>()
            };
            let (filled, blank) = (named(&mut self, &check.filled), named(&mut self, &check.blank));
            let (message, advice) = (check.message.clone(), check.advice.clone());
            checks.push(Check { id: check.id.clone(), when, filled, blank, message, advice });
        }
        for (index, column) in columns.iter_mut().enumerate() {
            let known = file.columns.keys().any(|header| self.at.get(&plain(header)) == Some(&index));
            column.ignored = column.targets.is_empty() && !known && !self.read.contains(&index);
        }
        Ok(Mapping {
            register: self.register,
            partial: false,
            columns,
            missing,
            names: file.division_names.len(),
            period: file.period,
            constants,
            records,
            checks,
        })
    }

    fn column(&mut self, header: &str) -> Option<usize> {
        let index = self.at.get(&plain(header)).copied();
        self.read.extend(index);
        index
    }

    fn conditions(&mut self, when: &BTreeMap<String, Words>) -> Vec<Condition> {
        when.iter().map(|(header, words)| Condition { column: self.column(header), words: words.0.clone() }).collect()
    }

    /// What a use of a column means; `None` for `-`.
    fn target(&mut self, place: &str, header: &str, one: &Use) -> Result<Option<Target>, IntakeError> {
        if one.column.is_some() {
            return Err(self.wrong(place, "`column:` stands only in `records`; leave it out"));
        }
        match (one.field.as_deref(), &one.count) {
            (Some("division"), None) => Ok(Some(Target::Division)),
            (Some("period"), None) => Ok(Some(Target::Period)),
            (Some("-"), None) => Ok(None),
            (None, Some(register)) => {
                let above = self
                    .pack
                    .register(register)
                    .filter(|id| self.pack.is_below(Entity::Register(self.register), Entity::Register(*id)));
                above.map(|id| Some(Target::Count(id))).ok_or_else(|| {
                    self.wrong(
                        place,
                        format!(
                            "`{register}` is no register above `{}`; count the rows of one that is",
                            self.file.register
                        ),
                    )
                })
            }
            (Some(name), None) => {
                let field = self.field(place, name)?;
                let default = self.file.codes.get(header).cloned();
                let scope = self.scope(place, field.register)?;
                self.field_use(place, field, one, default, scope).map(|one| Some(Target::Field(one)))
            }
            _ => Err(self.wrong(place, "a use has either `field:` or `count:`; write one of them")),
        }
    }

    fn field_use(
        &mut self,
        place: &str,
        field: FieldRef,
        one: &Use,
        system: Option<String>,
        scope: Option<Entity>,
    ) -> Result<FieldUse, IntakeError> {
        let mut values = BTreeMap::new();
        for (theirs, ours) in &one.values {
            if !ours.0.is_empty() {
                self.value(place, &ours.0, field)?;
            }
            values.insert(theirs.clone(), ours.0.clone());
        }
        let constant = one.value.as_ref().map(|word| self.value(place, &word.0, field)).transpose()?;
        let system = one.codes.clone().or(system);
        if let Some(system) = &system {
            self.system(place, system, field)?;
        }
        self.uses += 1;
        let when = self.conditions(&one.when);
        Ok(FieldUse { number: self.uses, field, take: one.take, when, values, constant, system, scope })
    }

    /// A code system must be one of the field's list.
    fn system(&self, place: &str, system: &str, field: FieldRef) -> Result<(), IntakeError> {
        let bangfu_policy::model::FieldType::Code(list) =
            self.pack.field(field).map_or(bangfu_policy::model::FieldType::Text, |field| field.ty)
        else {
            return Ok(());
        };
        let Some(list) = self.pack.codes.get(list.index()) else { return Ok(()) };
        if list.foreign.contains_key(system) {
            return Ok(());
        }
        let known: Vec<_> = list.foreign.keys().cloned().collect();
        let known =
            if known.is_empty() { "it has none yet".to_owned() } else { format!("it has {}", known.join(", ")) };
        Err(self.wrong(
            place,
            format!("code list `{}` has no foreign system `{system}`, {known}; add it under `foreign:`", list.id),
        ))
    }

    /// The record above on which a register's facts hang, if it lies above the rows.
    fn scope(&self, place: &str, register: RegisterId) -> Result<Option<Entity>, IntakeError> {
        let definition = &self.pack.registers[register.index()];
        let entity = match definition.kind {
            RegisterKind::Entity => Entity::Register(register),
            _ => definition.parent,
        };
        let row = Entity::Register(self.register);
        if entity == row || self.pack.is_below(entity, row) {
            Ok(None)
        } else if self.pack.is_below(row, entity) {
            Ok(Some(entity))
        } else {
            let (theirs, ours) = (&definition.id, &self.file.register);
            Err(self.wrong(
                place,
                format!("`{theirs}` neither belongs to `{ours}` nor lies above it; import it from a list of its own"),
            ))
        }
    }

    fn records(&mut self) -> Result<Vec<RecordRule>, IntakeError> {
        let file = self.file;
        let mut rules = Vec::new();
        for (position, record) in file.records.iter().enumerate() {
            let place = format!("records, entry {}", position + 1);
            let register = self.pack.register(&record.register).ok_or_else(|| {
                self.wrong(&place, format!("the pack has no register `{}`; name one", record.register))
            })?;
            let definition = &self.pack.registers[register.index()];
            let parent = definition.parent;
            let row = Entity::Register(self.register);
            let key = definition.key.filter(|_| parent == row || self.pack.is_below(row, parent));
            let key = key
                .and_then(|key| definition.fields.get(usize::from(key)))
                .filter(|key| record.fields.contains_key(&key.id));
            if key.is_none() {
                return Err(self.wrong(
                    &place,
                    format!("a record needs a register that belongs to `{}` or above, and a text for its key; write one, such as \"{{{}.…}}-1\"", file.register, file.register),
                ));
            }
            let mut fields = Vec::new();
            for (name, value) in &record.fields {
                let place = format!("{place}, {name}");
                let field = self.field(&place, &format!("{}.{name}", record.register))?;
                if let Some(source) = self.source(&place, register, field, value)? {
                    fields.push((field.field, source));
                }
            }
            // Composed texts last: they may name the other fields.
            fields.sort_by_key(|(field, source)| (matches!(source, Source::Text(_)), *field));
            let when = self.conditions(&record.when);
            rules.push(RecordRule { register, when, fields });
        }
        Ok(rules)
    }

    /// Where a field of a record comes from; `None` if its column is not in the file.
    fn source(
        &mut self,
        place: &str,
        register: RegisterId,
        field: FieldRef,
        value: &Json,
    ) -> Result<Option<Source>, IntakeError> {
        if value.is_object() {
            let one = use_of(value.clone()).map_err(|error| self.wrong(place, error))?;
            let Some(header) = one.column.clone() else {
                return Err(self.wrong(place, "the map names no `column:`; add it"));
            };
            // Facts of such a record hold for what it belongs to.
            let parent = self.pack.registers[register.index()].parent;
            let scope = Some(parent).filter(|parent| *parent != Entity::Register(self.register));
            let system = self.file.codes.get(&header).cloned();
            let compiled = self.field_use(place, field, &one, system, scope)?;
            return Ok(self.column(&header).map(|column| Source::Cell(column, compiled)));
        }
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        if !text.contains('{') {
            return self.value(place, &text, field).map(|value| Some(Source::Constant(value)));
        }
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(self.wrong(place, format!("`{text}` has a bracket that is not closed; close it")));
            };
            pieces.push(Piece::Text(before.to_owned()));
            let own = self.pack.registers[register.index()].fields.iter().position(|known| known.id == name);
            pieces.push(Piece::Field(match own {
                Some(own) => FieldRef { register, field: own as u16 },
                None => self.field(place, name)?,
            }));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Some(Source::Text(pieces)))
    }

    /// `field` or `register.field`.
    fn field(&self, place: &str, name: &str) -> Result<FieldRef, IntakeError> {
        let (register, field) = match name.split_once('.') {
            Some((register, field)) => (self.pack.register(register), field),
            None => (Some(self.register), name),
        };
        let fields = register.and_then(|id| Some((id, &self.pack.registers.get(id.index())?.fields)));
        let found = fields.and_then(|(id, fields)| {
            let index = fields.iter().position(|known| known.id == field)?;
            Some(FieldRef { register: id, field: index as u16 })
        });
        found.ok_or_else(|| {
            let near = fields.and_then(|(_, fields)| {
                bangfu_policy::diagnostic::nearest(field, fields.iter().map(|field| field.id.as_str()))
            });
            let near = near.map_or(String::new(), |near| format!(" (did you mean {near}?)"));
            self.wrong(place, format!("`{name}` is no field{near}; write field, register.field, division, period or -"))
        })
    }

    fn value(&self, place: &str, text: &str, field: FieldRef) -> Result<Value, IntakeError> {
        let ty = self.pack.field(field).map_or(bangfu_policy::model::FieldType::Text, |field| field.ty);
        parse_any(text, ty, self.pack, "")
            .map_err(|error| self.wrong(place, format!("`{text}`: {error}; {}", error.advice())))
    }
}
