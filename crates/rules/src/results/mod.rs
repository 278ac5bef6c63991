//! Result folders: one Parquet file per entity, the indicators, and a summary. Layout: `docs/snapshot-format.md`.
//!
//! This module writes and reads what was computed; it computes nothing but the counts of the summary.

mod arrays;
mod indicators;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Entity, FieldType, Pack, VariableId};
use bangfu_policy::value::format_number;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::frame::{Column, Frame};
use crate::interpret::stored;
use crate::snapshot::SnapshotError;
use crate::snapshot::columns::{Growing, Texts};
use crate::snapshot::convert::{Bad, Target, push, push_texts};
use crate::snapshot::writer::{ParquetFile, sync};
pub use indicators::{IndicatorTable, read_indicators};

/// Rows of a written batch.
const BATCH: usize = 131_072;

/// `summary.json`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Date of the run.
    pub as_of: String,
    /// Hash of the pack.
    pub policy_hash: String,
    /// Hash of the snapshot.
    pub snapshot_hash: String,
    /// Parameters that were set, as written.
    pub parameters: BTreeMap<String, String>,
    /// Entities by id.
    pub entities: BTreeMap<String, EntityCount>,
    /// Boolean variables by `entity.variable`.
    pub booleans: BTreeMap<String, BooleanCount>,
    /// Money variables by `entity.variable`.
    pub amounts: BTreeMap<String, AmountSum>,
    /// Warnings of the snapshot as sentences.
    pub warnings: Vec<String>,
    /// Milliseconds per stage.
    pub timings_ms: BTreeMap<String, f64>,
}

/// Rows of an entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct EntityCount {
    /// Rows.
    pub rows: u64,
}

/// Outcomes of a boolean variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct BooleanCount {
    /// True.
    pub yes: u64,
    /// False.
    pub no: u64,
    /// Cannot be told.
    pub unknown: u64,
}

/// Sum of a money variable.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AmountSum {
    /// Sum of the known amounts, in units of the currency.
    pub sum: String,
    /// Rows with a known amount.
    pub known: u64,
    /// Rows without.
    pub unknown: u64,
}

/// Results of an entity, as read.
#[derive(Clone, Debug, Default)]
pub struct EntityResults {
    /// Keys of the records; division codes for levels.
    pub keys: Vec<String>,
    /// Code of the division that each record lies in.
    pub divisions: Vec<String>,
    /// Variables with their values.
    pub columns: Vec<(VariableId, Column)>,
}

impl EntityResults {
    /// Value of a variable for a row.
    pub fn value(&self, variable: VariableId, row: usize) -> Scalar {
        let column = self.columns.iter().find(|(id, _)| *id == variable);
        column.map_or(Scalar::Missing, |(_, column)| stored(column, row))
    }
}

/// What changed between two runs in a boolean variable.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Difference {
    /// Id of the entity.
    pub entity: String,
    /// Id of the variable.
    pub variable: String,
    /// Keys of records that are true now and were not.
    pub entered: Vec<String>,
    /// Keys of records that were true and are false now, or are no longer there.
    pub left: Vec<String>,
    /// Keys of records that were known and cannot be told now.
    pub unknown: Vec<String>,
}

/// Writes a result folder: the values of one frame after the other, then the indicators and the summary.
pub struct Writer<'p> {
    folder: PathBuf,
    pack: &'p Pack,
    files: BTreeMap<Entity, ParquetFile>,
    entities: BTreeMap<String, EntityCount>,
    booleans: BTreeMap<String, BooleanCount>,
    /// Sum, scale, known and unknown rows.
    amounts: BTreeMap<String, (i128, u8, u64, u64)>,
}

impl<'p> Writer<'p> {
    /// A writer into a folder, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: &Path, pack: &'p Pack) -> Result<Self, SnapshotError> {
        let failed = |source| SnapshotError::File { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            pack,
            files: BTreeMap::new(),
            entities: BTreeMap::new(),
            booleans: BTreeMap::new(),
            amounts: BTreeMap::new(),
        })
    }

    /// Adds the values of a frame; every frame has values of the same variables.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn append(
        &mut self,
        frame: &Frame,
        entities: &HashMap<Entity, Vec<(VariableId, Column)>>,
    ) -> Result<(), SnapshotError> {
        for (entity, columns) in entities {
            if !self.files.contains_key(entity) {
                let path = self.folder.join(format!("{}.parquet", self.pack.entity_id(*entity)));
                self.files.insert(*entity, ParquetFile::create(&path, &result_schema(self.pack, *entity, columns))?);
            }
            self.count(frame, *entity, columns);
        }
        let pack = self.pack;
        let write = |(entity, file): (&Entity, &mut ParquetFile)| match entities.get(entity) {
            Some(columns) => write_entity(file, pack, frame, *entity, columns),
            None => Ok(()),
        };
        self.files.par_iter_mut().try_for_each(write)
    }

    /// Ends the files, and writes the indicators and the summary with its counts and sums, which is returned.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(self, indicators: &IndicatorTable, mut summary: Summary) -> Result<Summary, SnapshotError> {
        let figures = self.folder.join("indicators.parquet");
        let file_of = |entity: &Entity| self.folder.join(format!("{}.parquet", self.pack.entity_id(*entity)));
        let mut written: Vec<PathBuf> = self.files.keys().map(file_of).collect();
        written.push(figures.clone());
        let (files, pack) = (self.files, self.pack);
        let end = || files.into_par_iter().try_for_each(|(_, file)| file.finish().map(|_| ()));
        let (ended, told) = rayon::join(end, || indicators.write(pack, &figures));
        ended.and(told)?;
        sync(&written)?;
        summary.entities.extend(self.entities);
        summary.booleans.extend(self.booleans);
        for (name, (sum, scale, known, unknown)) in self.amounts {
            let sum = i64::try_from(sum).map_or_else(|_| sum.to_string(), |sum| format_number(sum, scale));
            summary.amounts.insert(name, AmountSum { sum, known, unknown });
        }
        write_summary(&self.folder, &summary)?;
        Ok(summary)
    }

    fn count(&mut self, frame: &Frame, entity: Entity, columns: &[(VariableId, Column)]) {
        let rows = frame.tables.get(&entity).map_or(0, |table| table.rows);
        let id = self.pack.entity_id(entity);
        self.entities.entry(id.to_owned()).or_default().rows += rows as u64;
        for (variable, column) in columns {
            let Some(variable) = self.pack.variables.get(variable.index()) else { continue };
            let name = format!("{id}.{}", variable.id);
            match variable.ty {
                Type::Boolean => {
                    let (found, more) = (self.booleans.entry(name).or_default(), arrays::answers(column, rows));
                    found.yes += more.yes;
                    found.no += more.no;
                    found.unknown += more.unknown;
                }
                Type::Number { money: true, scale } => {
                    let (sum, _, known, unknown) = self.amounts.entry(name).or_insert((0, scale, 0, 0));
                    let (more, told) = arrays::total(column, rows);
                    *sum += more;
                    *known += told;
                    *unknown += rows as u64 - told;
                }
                _ => {}
            }
        }
    }
}

/// Writes `summary.json`; it is whole or not there.
///
/// # Errors
/// The file cannot be written.
pub fn write_summary(folder: &Path, summary: &Summary) -> Result<(), SnapshotError> {
    let path = folder.join("summary.json");
    let text = serde_json::to_string_pretty(summary)
        .map_err(|source| SnapshotError::Manifest { path: path.clone(), source })?;
    let temporary = folder.join("summary.json.new");
    let failed = |source| SnapshotError::File { path: path.clone(), source };
    std::fs::write(&temporary, text).map_err(failed)?;
    std::fs::rename(&temporary, &path).map_err(failed)?;
    Ok(())
}

fn result_schema(pack: &Pack, entity: Entity, columns: &[(VariableId, Column)]) -> SchemaRef {
    let mut fields: Vec<Field> =
        key_column(pack, entity).into_iter().map(|key| Field::new(key, DataType::Utf8, false)).collect();
    fields.push(Field::new("division", DataType::Utf8, true));
    let variables = columns.iter().filter_map(|(variable, _)| pack.variables.get(variable.index()));
    fields.extend(variables.map(|variable| Field::new(&variable.id, physical(variable.ty), true)));
    Arc::new(Schema::new(fields))
}

fn write_entity(
    file: &mut ParquetFile,
    pack: &Pack,
    frame: &Frame,
    entity: Entity,
    columns: &[(VariableId, Column)],
) -> Result<(), SnapshotError> {
    let Some(table) = frame.tables.get(&entity) else { return Ok(()) };
    let (deepest, of_row) = division_rows(pack, frame, entity, table.rows);
    let codes =
        deepest.and_then(|level| frame.tables.get(&level)).map(|table| table.keys.as_slice()).unwrap_or_default();
    let schema = result_schema(pack, entity, columns);
    let key = key_column(pack, entity);
    for start in (0..table.rows).step_by(BATCH) {
        let end = (start + BATCH).min(table.rows);
        let mut arrays: Vec<ArrayRef> = Vec::new();
        if key.is_some() {
            arrays.push(Arc::new(StringArray::from_iter_values(table.keys.get(start..end).unwrap_or_default())));
        }
        let divisions = (start..end).map(|row| codes.get(of_row.get(row).map_or(0, |at| *at as usize)));
        arrays.push(Arc::new(divisions.map(|code| code.map(String::as_str)).collect::<StringArray>()));
        let values: Vec<ArrayRef> = columns
            .par_iter()
            .filter_map(|(variable, column)| {
                let variable = pack.variables.get(variable.index())?;
                Some(arrays::array(pack, column, variable.ty, &(start..end)))
            })
            .collect();
        arrays.extend(values);
        let batch = RecordBatch::try_new(schema.clone(), arrays)
            .map_err(|source| SnapshotError::Arrow { register: pack.entity_id(entity).to_owned(), source })?;
        file.write(&batch)?;
    }
    Ok(())
}

/// Name of the key column; `None` for levels, whose key is the division, and for registers without key.
fn key_column(pack: &Pack, entity: Entity) -> Option<String> {
    let Entity::Register(id) = entity else { return None };
    let register = pack.registers.get(id.index())?;
    register.fields.get(register.key? as usize).map(|field| field.id.clone())
}

/// The deepest level above an entity, and for each row the row of its division there.
fn division_rows(pack: &Pack, frame: &Frame, entity: Entity, rows: usize) -> (Option<Entity>, Vec<u32>) {
    let mut at = entity;
    let mut of_row: Vec<u32> = (0..rows as u32).collect();
    while !matches!(at, Entity::Level(_)) {
        let Some(above) = pack.parent(at) else { return (None, of_row) };
        let Some(table) = frame.tables.get(&at) else { return (None, of_row) };
        let mut parents = vec![0; table.rows];
        for (parent, bounds) in table.offsets.windows(2).enumerate() {
            let [start, end] = bounds else { continue };
            if let Some(children) = parents.get_mut(*start as usize..*end as usize) {
                children.fill(parent as u32);
            }
        }
        for row in &mut of_row {
            *row = parents.get(*row as usize).copied().unwrap_or(0);
        }
        at = above;
    }
    (Some(at), of_row)
}

fn physical(ty: Type) -> DataType {
    match ty {
        Type::Boolean => DataType::Boolean,
        Type::Number { money: false, scale: 0 } => DataType::Int64,
        Type::Number { scale, .. } => DataType::Decimal128(18, scale as i8),
        Type::Date => DataType::Date32,
        Type::Code(_) | Type::Text => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    }
}

/// The summary of a result folder.
///
/// # Errors
/// The file cannot be read.
pub fn read_summary(folder: &Path) -> Result<Summary, SnapshotError> {
    let path = folder.join("summary.json");
    let text = std::fs::read_to_string(&path).map_err(|source| SnapshotError::File { path: path.clone(), source })?;
    serde_json::from_str(&text).map_err(|source| SnapshotError::Manifest { path, source })
}

fn batches(path: &Path) -> Result<Vec<RecordBatch>, SnapshotError> {
    let failed = |source| SnapshotError::Parquet { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(|source| SnapshotError::File { path: path.to_owned(), source })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?.with_batch_size(BATCH);
    let reader = reader.build().map_err(failed)?;
    reader.map(|batch| batch.map_err(|error| failed(parquet::errors::ParquetError::from(error)))).collect()
}

fn column<'b>(batch: &'b RecordBatch, path: &Path, name: &str) -> Result<&'b ArrayRef, SnapshotError> {
    batch.column_by_name(name).ok_or_else(|| SnapshotError::NoColumn {
        place: path.display().to_string(),
        register: "results".to_owned(),
        column: name.to_owned(),
    })
}

/// The results of an entity; variables that the pack no longer has are left out. No file: no rows.
///
/// # Errors
/// The file cannot be read.
pub fn read_entity(folder: &Path, pack: &Pack, entity: Entity) -> Result<EntityResults, SnapshotError> {
    let path: PathBuf = folder.join(format!("{}.parquet", pack.entity_id(entity)));
    if !path.is_file() {
        return Ok(EntityResults::default());
    }
    let key = key_column(pack, entity);
    let (mut keys, mut divisions) = (Texts::default(), Texts::default());
    let mut grown: Vec<(VariableId, Growing)> = Vec::new();
    let (mut scratch, mut bad) = (Vec::new(), Bad::default());
    let wrong = |name: &str, found: &DataType| SnapshotError::ColumnType {
        place: path.display().to_string(),
        column: name.to_owned(),
        found: found.to_string(),
        expected: "what `bangfu run` writes for this policy; run it again".to_owned(),
    };
    for batch in batches(&path)? {
        let division = column(&batch, &path, "division")?;
        push_texts(&mut divisions, division).map_err(|_| wrong("division", division.data_type()))?;
        if let Some(key) = &key {
            let array = column(&batch, &path, key)?;
            push_texts(&mut keys, array).map_err(|_| wrong(key, array.data_type()))?;
        }
        for (index, variable) in pack.variables.iter().enumerate().filter(|(_, variable)| variable.of == entity) {
            let Some(array) = batch.column_by_name(&variable.id) else { continue };
            let target = Target::of(pack, stored_type(variable.ty), None);
            let id = VariableId(index as u16);
            if grown.iter().all(|(known, _)| *known != id) {
                grown.push((id, Growing::new(target.kind())));
            }
            if let Some((_, column)) = grown.iter_mut().find(|(known, _)| *known == id) {
                push(column, array, &target, &mut scratch, &mut bad, 0)
                    .map_err(|_| wrong(&variable.id, array.data_type()))?;
            }
        }
    }
    let text = |texts: &Texts| (0..texts.len()).map(|row| texts.get(row).unwrap_or_default().to_owned()).collect();
    let divisions: Vec<String> = text(&divisions);
    let keys = match (entity, &key) {
        (Entity::Level(_), _) => divisions.clone(),
        (_, Some(_)) => text(&keys),
        _ => vec![String::new(); divisions.len()],
    };
    Ok(EntityResults {
        keys,
        divisions,
        columns: grown.into_iter().map(|(id, column)| (id, column.finish())).collect(),
    })
}

fn stored_type(ty: Type) -> FieldType {
    match ty {
        Type::Boolean => FieldType::Boolean,
        Type::Number { money: false, scale: 0 } => FieldType::Integer,
        Type::Number { scale, .. } => FieldType::Decimal(scale),
        Type::Date => FieldType::Date,
        Type::Code(list) => FieldType::Code(list),
        Type::Text => FieldType::Text,
    }
}

/// What changed from one result folder to another: for every boolean variable of registers with a key, and of levels.
///
/// # Errors
/// A file cannot be read.
pub fn differences(before: &Path, after: &Path, pack: &Pack) -> Result<Vec<Difference>, SnapshotError> {
    let mut entities: Vec<Entity> = pack.variables.iter().map(|variable| variable.of).collect();
    entities.sort_unstable();
    entities.dedup();
    let mut found = Vec::new();
    for entity in entities {
        let old = read_entity(before, pack, entity)?;
        let new = read_entity(after, pack, entity)?;
        if new.keys.iter().chain(&old.keys).any(String::is_empty) {
            continue;
        }
        let row_before: HashMap<&str, usize> =
            old.keys.iter().enumerate().map(|(row, key)| (key.as_str(), row)).collect();
        let row_after: HashMap<&str, usize> =
            new.keys.iter().enumerate().map(|(row, key)| (key.as_str(), row)).collect();
        for (index, variable) in pack.variables.iter().enumerate() {
            let id = VariableId(index as u16);
            let known = |results: &EntityResults| results.columns.iter().any(|(column, _)| *column == id);
            if variable.of != entity || variable.ty != Type::Boolean || !known(&old) || !known(&new) {
                continue;
            }
            let mut difference = Difference {
                entity: pack.entity_id(entity).to_owned(),
                variable: variable.id.clone(),
                ..Difference::default()
            };
            for (row, key) in new.keys.iter().enumerate() {
                let earlier = row_before.get(key.as_str()).map(|row| old.value(id, *row));
                match (earlier, new.value(id, row)) {
                    (earlier, Scalar::Boolean(true)) if earlier != Some(Scalar::Boolean(true)) => {
                        difference.entered.push(key.clone());
                    }
                    (Some(Scalar::Boolean(true)), Scalar::Boolean(false)) => difference.left.push(key.clone()),
                    (Some(Scalar::Boolean(_)), Scalar::Missing) => difference.unknown.push(key.clone()),
                    _ => {}
                }
            }
            let gone = old.keys.iter().enumerate().filter(|(_, key)| !row_after.contains_key(key.as_str()));
            let gone = gone.filter(|(row, _)| old.value(id, *row) == Scalar::Boolean(true));
            difference.left.extend(gone.map(|(_, key)| key.clone()));
            if !(difference.entered.is_empty() && difference.left.is_empty() && difference.unknown.is_empty()) {
                found.push(difference);
            }
        }
    }
    Ok(found)
}
