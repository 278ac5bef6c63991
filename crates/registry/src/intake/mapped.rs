//! What is read from the columns of a file: the outcome of fitting a mapping, or the titles of a register, to its header.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bangfu_policy::model::{Entity, FieldRef, Pack, RegisterId, Value};

use super::IntakeError;
use super::compile::Compiler;
use super::mapping::{MappingFile, Part};
use super::recognise::recognised;

/// Rows that are searched for the header.
pub(super) const HEADER_ROWS: usize = 10;

/// Titles that are named as examples.
const SOME: usize = 6;

/// Where a cell goes.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Field(FieldUse),
    /// The parent's key, for a register that belongs to another.
    Parent,
    Division,
    DivisionName(usize),
    Period,
    /// How many rows the record of a register above has.
    Count(RegisterId),
}

/// A cell that becomes the value of a field.
#[derive(Clone, Debug)]
pub(super) struct FieldUse {
    /// Position among all uses of the mapping.
    pub number: u32,
    pub field: FieldRef,
    pub take: Part,
    pub when: Vec<Condition>,
    /// Word of the list → text of the value; empty: no value.
    pub values: BTreeMap<String, String>,
    pub constant: Option<Value>,
    pub system: Option<String>,
    /// The record above whose rows must all say the same.
    pub scope: Option<Entity>,
}

/// A column holds one of some words.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub column: Option<usize>,
    pub words: Vec<String>,
}

impl Condition {
    /// Whether it holds in a row of cells.
    pub(super) fn holds(&self, cells: &[&str]) -> bool {
        let text = self.column.and_then(|column| cells.get(column)).copied().unwrap_or_default();
        !text.is_empty() && self.words.iter().any(|word| word == "*" || word == text)
    }
}

/// A column of the file.
#[derive(Debug)]
pub(super) struct Column {
    pub header: String,
    /// Texts that stand for an empty cell.
    pub empty: Vec<String>,
    pub targets: Vec<Target>,
    /// Nothing reads it.
    pub ignored: bool,
}

/// A further record of a row.
#[derive(Debug)]
pub(super) struct RecordRule {
    pub register: RegisterId,
    pub when: Vec<Condition>,
    pub fields: Vec<(u16, Source)>,
}

/// Where the value of such a record's field comes from.
#[derive(Debug)]
pub(super) enum Source {
    Cell(usize, FieldUse),
    Constant(Value),
    Text(Vec<Piece>),
}

/// A part of a composed text.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    Field(FieldRef),
}

/// What the cells of a row must agree in.
#[derive(Debug)]
pub(super) struct Check {
    pub id: String,
    pub when: Vec<Condition>,
    pub filled: Vec<(String, Option<usize>)>,
    pub blank: Vec<(String, Option<usize>)>,
    pub message: BTreeMap<String, String>,
    pub advice: BTreeMap<String, String>,
}

/// A compiled mapping for one file.
#[derive(Debug)]
pub(super) struct Mapping {
    pub register: RegisterId,
    /// A register's own list: it may leave out columns, whose fields then stay as they are.
    pub partial: bool,
    pub columns: Vec<Column>,
    /// Headers that the mapping names and the file does not have.
    pub missing: Vec<String>,
    /// Number of columns that name divisions.
    pub names: usize,
    pub period: Option<i32>,
    pub constants: Vec<(FieldRef, Value)>,
    pub records: Vec<RecordRule>,
    pub checks: Vec<Check>,
}

/// A header that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Position of its row.
    pub row: usize,
    /// Columns that it knows.
    pub known: usize,
    pub mapping: Mapping,
}

impl Mapping {
    /// Finds the header among the first rows and maps its columns.
    pub(super) fn find(
        pack: &Pack,
        register: Option<RegisterId>,
        file: Option<&MappingFile>,
        (path, rows): (&str, &[Vec<String>]),
    ) -> Result<Found, IntakeError> {
        let mut best: Option<(usize, usize, Self)> = None;
        for (number, row) in rows.iter().take(HEADER_ROWS).enumerate() {
            let mapping = match (file, register) {
                (Some(file), _) => Compiler::new(pack, file, row)?.run()?,
                (None, Some(register)) => Self::of_titles(pack, register, row),
                (None, None) => {
                    return Err(IntakeError::Mapping(
                        "neither a register nor a mapping is given; add --register or --mapping".to_owned(),
                    ));
                }
            };
            let known = mapping.columns.iter().filter(|column| !column.ignored).count();
            if known > best.as_ref().map_or(0, |(known, ..)| *known) {
                best = Some((known, number, mapping));
            }
        }
        if let Some((known, number, mapping)) = best
            && (known >= 2 || mapping.columns.len() == 1)
        {
            return Ok(Found { row: number, known, mapping });
        }
        let (of, some): (String, Vec<&str>) = if let Some(file) = file {
            let named = file.division_names.iter().chain(file.columns.keys()).map(String::as_str);
            (format!("the mapping {}", file.path), named.take(SOME).collect())
        } else {
            let register = register.and_then(|register| pack.registers.get(register.index()));
            let fields = register.map(|register| register.fields.as_slice()).unwrap_or_default();
            let titles = fields.iter().filter_map(|field| field.title.values().last()).map(String::as_str);
            let id = register.map_or("", |register| register.id.as_str());
            (format!("the register `{id}`"), titles.take(SOME).collect())
        };
        let first = rows.first().map(|row| row.join("、")).unwrap_or_default();
        Err(IntakeError::Header { path: path.to_owned(), first: format!("“{first}”"), of, some: some.join("、") })
    }

    /// Headers as the pack names them.
    fn of_titles(pack: &Pack, register: RegisterId, header: &[String]) -> Self {
        let columns = header.iter().map(|cell| {
            let found = recognised(pack, register, cell);
            let ignored = found.is_none();
            Column { header: cell.clone(), empty: Vec::new(), ignored, targets: found.flatten().into_iter().collect() }
        });
        Self {
            register,
            partial: true,
            columns: columns.collect(),
            missing: Vec::new(),
            names: 0,
            period: None,
            constants: Vec::new(),
            records: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// The fields that columns or constants fill, by register.
    pub(super) fn fields(&self) -> BTreeMap<RegisterId, BTreeSet<u16>> {
        let mut fields: BTreeMap<RegisterId, BTreeSet<u16>> = BTreeMap::new();
        fields.entry(self.register).or_default();
        let uses = self.columns.iter().flat_map(|column| &column.targets).filter_map(|target| match target {
            Target::Field(one) => Some(one.field),
            _ => None,
        });
        for field in uses.chain(self.constants.iter().map(|(field, _)| *field)) {
            fields.entry(field.register).or_default().insert(field.field);
        }
        fields
    }

    /// The first column that each field is read from.
    pub(super) fn columns_of_fields(&self) -> HashMap<FieldRef, usize> {
        let mut found = HashMap::new();
        for (index, column) in self.columns.iter().enumerate() {
            for target in &column.targets {
                if let Target::Field(one) = target {
                    found.entry(one.field).or_insert(index);
                }
            }
        }
        for (field, source) in self.records.iter().flat_map(|record| {
            record
                .fields
                .iter()
                .map(move |(field, source)| (FieldRef { register: record.register, field: *field }, source))
        }) {
            if let Source::Cell(index, _) = source {
                found.entry(field).or_insert(*index);
            }
        }
        found
    }

    /// Whether any column is read so.
    pub(super) fn has(&self, wanted: impl Fn(&Target) -> bool) -> bool {
        self.columns.iter().flat_map(|column| &column.targets).any(wanted)
    }
}

impl FieldUse {
    /// The whole cell of a column of a register's own list.
    pub(super) fn whole(field: FieldRef) -> Self {
        Self {
            number: 0,
            field,
            take: Part::Whole,
            when: Vec::new(),
            values: BTreeMap::new(),
            constant: None,
            system: None,
            scope: None,
        }
    }
}
