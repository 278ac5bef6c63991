//! Which column of a file is which field.
//!
//! Without a mapping file, headers are recognised by the titles of the pack in any language, by field ids and by the
//! column codes of the national export. A mapping file names the columns of a foreign list, which may hold several
//! registers in one row.

use std::collections::BTreeMap;

use bangfu_policy::model::{Entity, FieldRef, Pack, RegisterId};
use serde::Deserialize;

use super::IntakeError;

/// Rows that are searched for the header.
pub(super) const HEADER_ROWS: usize = 10;

/// A mapping file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingFile {
    /// Words for people.
    #[serde(default)]
    pub title: BTreeMap<String, String>,
    /// Where the list comes from.
    #[serde(default)]
    pub source: String,
    /// The register of a row; others are attached to it or above it.
    pub register: String,
    /// Header → `field`, `register.field`, or one of the words `division`, `period`, or `-` to leave it out.
    pub columns: BTreeMap<String, String>,
    /// Headers whose names lead to the division, from the top down (banner, township, village).
    #[serde(default)]
    pub division_names: Vec<String>,
    /// Header → foreign code system of its list.
    #[serde(default)]
    pub codes: BTreeMap<String, String>,
    /// Period of periodic registers, when the list has no column for it.
    pub period: Option<i32>,
    /// `field` or `register.field` → value that every row gets.
    #[serde(default)]
    pub constants: BTreeMap<String, String>,
}

/// Where a cell goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Field(FieldRef),
    /// The parent's key, for a register that belongs to another.
    Parent(RegisterId),
    Division,
    DivisionName(usize),
    Period,
    Nothing,
}

/// A compiled mapping for one file.
#[derive(Debug)]
pub(super) struct Mapping {
    pub register: RegisterId,
    /// Header and target by column.
    pub columns: Vec<(String, Target)>,
    /// Foreign code system by column.
    pub systems: Vec<Option<String>>,
    pub names: usize,
    pub period: Option<i32>,
    pub constants: Vec<(FieldRef, String)>,
}

impl MappingFile {
    /// Reads a mapping file (YAML).
    ///
    /// # Errors
    /// It is not YAML or has another shape.
    pub fn parse(path: &str, text: &str) -> Result<Self, IntakeError> {
        let value = bangfu_policy::document::parse(path, text).map_err(|d| {
            IntakeError::Mapping(format!("{path}:{}:{}: {}; {}", d.place.line, d.place.column, d.message, d.advice))
        })?;
        serde_json::from_value(value).map_err(|error| {
            IntakeError::Mapping(format!("{path}: {error}; write register:, columns: {{header: field}}, and optionally division_names:, codes:, period:, constants:"))
        })
    }
}

impl Mapping {
    /// Finds the header among the first rows and maps its columns. Returns the position of the header row.
    pub(super) fn find(
        pack: &Pack,
        register: Option<RegisterId>,
        file: Option<&MappingFile>,
        rows: &[Vec<String>],
    ) -> Result<(usize, Self), IntakeError> {
        let register = match (register, file) {
            (_, Some(file)) => pack.register(&file.register).ok_or_else(|| {
                IntakeError::Mapping(format!(
                    "the mapping names a register `{}` that the pack does not have",
                    file.register
                ))
            })?,
            (Some(register), None) => register,
            (None, None) => {
                return Err(IntakeError::Mapping(
                    "neither a register nor a mapping is given; add --register".to_owned(),
                ));
            }
        };
        let mut best: Option<(usize, usize, Self)> = None;
        for (number, row) in rows.iter().take(HEADER_ROWS).enumerate() {
            let mapping = Self::of_header(pack, register, file, row)?;
            let known = mapping.columns.iter().filter(|(_, target)| *target != Target::Nothing).count();
            if known > best.as_ref().map_or(0, |(known, ..)| *known) {
                best = Some((known, number, mapping));
            }
        }
        match best {
            Some((known, number, mapping)) if known >= 2 || mapping.columns.len() == 1 => Ok((number, mapping)),
            _ => {
                let fields = pack.registers.get(register.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
                let some: Vec<_> =
                    fields.iter().take(6).filter_map(|field| field.title.values().next()).cloned().collect();
                Err(IntakeError::Header { some: some.join("、") })
            }
        }
    }

    fn of_header(
        pack: &Pack,
        register: RegisterId,
        file: Option<&MappingFile>,
        header: &[String],
    ) -> Result<Self, IntakeError> {
        let mut columns = Vec::new();
        let mut systems = Vec::new();
        for cell in header {
            let named = file.and_then(|file| file.division_names.iter().position(|name| name == cell));
            let target = match (named, file) {
                (Some(position), _) => Target::DivisionName(position),
                (None, Some(file)) => match file.columns.get(cell) {
                    Some(target) => named_target(pack, register, target)?,
                    None => Target::Nothing,
                },
                (None, None) => recognised(pack, register, cell),
            };
            columns.push((cell.clone(), target));
            systems.push(file.and_then(|file| file.codes.get(cell)).cloned());
        }
        let mut constants = Vec::new();
        for (name, value) in file.into_iter().flat_map(|file| &file.constants) {
            if let Target::Field(field) = named_target(pack, register, name)? {
                constants.push((field, value.clone()));
            }
        }
        let names = file.map_or(0, |file| file.division_names.len());
        Ok(Self { register, columns, systems, names, period: file.and_then(|file| file.period), constants })
    }

    /// The registers that rows have something for, parents before children.
    pub(super) fn registers(&self, pack: &Pack) -> Vec<RegisterId> {
        let mut registers = vec![self.register];
        let fields = self.columns.iter().filter_map(|(_, target)| match target {
            Target::Field(field) => Some(field.register),
            _ => None,
        });
        for register in fields.chain(self.constants.iter().map(|(field, _)| field.register)) {
            if !registers.contains(&register) {
                registers.push(register);
            }
        }
        registers.sort_by_key(|register| pack.ancestors(Entity::Register(*register)).count());
        registers
    }
}

fn named_target(pack: &Pack, register: RegisterId, name: &str) -> Result<Target, IntakeError> {
    let missing = || {
        IntakeError::Mapping(format!(
            "the mapping names `{name}`, which is no field; write field, register.field, division, period or -"
        ))
    };
    match name {
        "division" => return Ok(Target::Division),
        "period" => return Ok(Target::Period),
        "-" => return Ok(Target::Nothing),
        _ => {}
    }
    let (id, field) = match name.split_once('.') {
        Some((id, field)) => (pack.register(id).ok_or_else(missing)?, field),
        None => (register, name),
    };
    let fields = &pack.registers.get(id.index()).ok_or_else(missing)?.fields;
    let index = fields.iter().position(|known| known.id == field).ok_or_else(missing)?;
    Ok(Target::Field(FieldRef { register: id, field: index as u16 }))
}

/// A header as the pack knows it.
fn recognised(pack: &Pack, register: RegisterId, cell: &str) -> Target {
    let Some(definition) = pack.registers.get(register.index()) else { return Target::Nothing };
    let cell = cell.trim().trim_end_matches('*').trim();
    let found = definition.fields.iter().position(|field| {
        field.id == cell || field.title.values().any(|title| title == cell) || field.national.as_deref() == Some(cell)
    });
    if let Some(index) = found {
        return Target::Field(FieldRef { register, field: index as u16 });
    }
    let columns = &definition.columns;
    if columns.parent.as_deref() == Some(cell) || parent_title(pack, definition.parent, cell) {
        return match definition.parent {
            Entity::Register(parent) => Target::Parent(parent),
            Entity::Level(_) => Target::Nothing,
        };
    }
    if columns.division.as_deref() == Some(cell) || ["行政区划代码", "行政区划", "Division code"].contains(&cell)
    {
        return Target::Division;
    }
    if columns.period.as_deref() == Some(cell) || ["数据年度", "年度", "Year", "Period", "AAR040"].contains(&cell)
    {
        return Target::Period;
    }
    Target::Nothing
}

fn parent_title(pack: &Pack, parent: Entity, cell: &str) -> bool {
    let Entity::Register(parent) = parent else { return false };
    let key = pack.registers.get(parent.index()).and_then(|register| register.fields.get(register.key? as usize));
    key.is_some_and(|field| field.title.values().any(|title| title == cell) || field.national.as_deref() == Some(cell))
}
