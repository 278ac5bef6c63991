//! Batches → rows.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int32Type, Int64Type};
use bangfu_policy::model::{Entity, Field, Pack, Register, RegisterId, RegisterKind};
use serde_json::Map;
use sha2::{Digest, Sha256};
use sqlx::sqlite::LockedSqliteHandle;

use super::raw::{Connection, Step};
use crate::change::{Changed, Duplicates, LoadReport, Outcome, Refusal};
use crate::edit::named;
use crate::kept::Kept;
use crate::scope::Scope;
use crate::secrets::SecretKeys;
use crate::{RecordId, StoreError, schema, search};

/// What a load needs to know.
pub(crate) struct Loading<'a> {
    pub pack: &'a Pack,
    pub register: RegisterId,
    pub secrets: &'a SecretKeys,
    pub scope: &'a Scope,
    pub duplicates: Duplicates,
    /// Number of the journal entry that this load gets.
    pub seq: i64,
}

/// A value of a cell, borrowed from its batch.
#[derive(Clone, PartialEq, Debug)]
enum Cell<'b> {
    Null,
    Integer(i64),
    Text(&'b str),
    Sealed(Vec<u8>),
}

/// Loads a batch; the caller writes the journal entry and commits.
pub(crate) fn load(
    handle: &mut LockedSqliteHandle<'_>,
    loading: &Loading<'_>,
    batch: &RecordBatch,
) -> Result<LoadReport, StoreError> {
    let connection = Connection::new(handle.as_raw_handle());
    let register = &loading.pack.registers[loading.register.index()];
    let columns = &register.columns;
    let owner_name = columns.parent.as_ref().or(columns.division.as_ref());
    let owner = text_column(batch, owner_name.map_or("", String::as_str))?;
    let period = match &columns.period {
        Some(name) => Some(column(batch, name)?),
        None => None,
    };
    let fields: Vec<Option<&dyn Array>> =
        register.fields.iter().map(|field| batch.column_by_name(&field.id).map(AsRef::as_ref)).collect();
    let table = schema::table(register);
    let names: String = register.fields.iter().map(|field| format!(", \"{}\"", field.id)).collect();
    let marks = ", ?".repeat(register.fields.len());
    let mut insert = connection.prepare(&format!(
        "insert into {table} (_id, _version, _parent, _division, _period, _changed{names}) values (?, 1, ?, ?, ?, ?{marks})"
    ))?;
    let mut next = next_id(connection, register)?;
    let mut parents = Parents::new(connection, loading.pack, register)?;
    let key = register.key.map(usize::from);
    let label = register.label.map(usize::from);
    let empty = {
        let mut any = connection.prepare(&format!("select 1 from {table} limit 1"))?;
        any.step()? == Step::Done
    };
    let identity = match (key, register.parent) {
        (Some(key), _) => format!("\"{}\" = ?1", register.fields[key].id),
        (None, Entity::Register(_)) => "_parent = ?1 and _period is ?2".to_owned(),
        (None, Entity::Level(_)) => "_division = ?1 and _period is ?2".to_owned(),
    };
    // Of many records without a key, one is known by all that the list says of it.
    let by_all = key.is_none() && register.kind == RegisterKind::Entity;
    let all: String = register
        .fields
        .iter()
        .enumerate()
        .filter(|(index, _)| by_all && fields[*index].is_some())
        .map(|(index, field)| format!(" and \"{}\" is ?{}", field.id, index + 3))
        .collect();
    let mut existing = connection
        .prepare(&format!("select _id, _parent, _division{names} from {table} where {identity}{all} limit 1"))?;
    // Fields without a column keep their values.
    let given = register.fields.iter().zip(&fields).filter(|(_, array)| array.is_some());
    let sets: String = given.map(|(field, _)| format!(", \"{}\" = ?", field.id)).collect();
    let mut update =
        connection.prepare(&format!("update {table} set _version = _version + 1, _changed = ?{sets} where _id = ?"))?;
    let lacking: Vec<u16> = register
        .fields
        .iter()
        .enumerate()
        .filter(|(index, field)| field.required && fields[*index].is_none())
        .map(|(index, _)| index as u16)
        .collect();
    let mut report = LoadReport { outcomes: vec![Outcome::Refused; batch.num_rows()], ..LoadReport::default() };
    let mut hasher = Sha256::new();
    let mut tokens: Vec<(String, i64)> = Vec::new();
    let mut cells: Vec<Cell<'_>> = Vec::with_capacity(fields.len());
    let digits = schema::part_digits(loading.pack);
    for row in 0..batch.num_rows() {
        let holder = owner.value(row);
        let Some((parent, division)) = parents.find(holder)? else {
            let rule = if columns.parent.is_some() { "parent" } else { "division" };
            report.refused.push(Refusal::new(row, rule, holder.to_owned()));
            continue;
        };
        if loading.scope.permit(loading.register, &division).is_err() {
            report.refused.push(Refusal::new(row, "scope", division));
            continue;
        }
        let at = period.and_then(|period| integer(period, row));
        cells.clear();
        for (field, array) in register.fields.iter().zip(&fields) {
            cells.push(match array.map_or(Cell::Null, |array| cell(array, row)) {
                Cell::Text(text) if field.secret => {
                    loading.secrets.seal(&field.id, text).map_or(Cell::Null, Cell::Sealed)
                }
                cell => cell,
            });
        }
        digest(&mut hasher, holder, at, &cells);
        if !empty {
            existing.reset();
            if let Some(cell) = key.map(|key| &cells[key]) {
                bind(&mut existing, 1, cell);
            } else {
                match parent {
                    Some(parent) => existing.bind_integer(1, Some(parent)),
                    None => existing.bind_text(1, Some(&division)),
                }
                existing.bind_integer(2, at);
            }
            if by_all {
                for (index, cell) in cells.iter().enumerate().filter(|(index, _)| fields[*index].is_some()) {
                    bind(&mut existing, index + 3, cell);
                }
            }
            if existing.step()? == Step::Row {
                let id = existing.integer(0).unwrap_or(0);
                let stays = existing.integer(1) == parent && existing.text(2) == Some(division.as_str());
                let given = || cells.iter().enumerate().filter(|(index, _)| fields[*index].is_some());
                let other: Vec<u16> = given()
                    .filter(|(index, cell)| !equals(&existing, 3 + index, cell))
                    .map(|(index, _)| index as u16)
                    .collect();
                let before: Vec<Kept> = if stays && loading.duplicates == Duplicates::Update {
                    other.iter().map(|index| kept(&existing, 3 + usize::from(*index), register, *index)).collect()
                } else {
                    Vec::new()
                };
                existing.reset();
                match (stays, other.is_empty(), loading.duplicates) {
                    (false, ..) => report.refused.push(Refusal::new(row, "moved", shown(key, &cells, holder))),
                    (true, true, _) => {
                        report.unchanged += 1;
                        report.outcomes[row] = Outcome::Unchanged;
                    }
                    (true, false, Duplicates::Refuse) => {
                        let refusal = Refusal::new(row, "exists", shown(key, &cells, holder));
                        report.refused.push(Refusal { fields: other, ..refusal });
                    }
                    (true, false, Duplicates::Update) => {
                        update.reset();
                        update.bind_integer(1, Some(loading.seq));
                        let mut at = 2;
                        for (_, cell) in given() {
                            bind(&mut update, at, cell);
                            at += 1;
                        }
                        update.bind_integer(at, Some(id));
                        if update.step()? == Step::Refused {
                            let refusal = Refusal::new(row, "unique", shown(key, &cells, holder));
                            let fields = named(&connection.message(), register).collect();
                            report.refused.push(Refusal { fields, ..refusal });
                        } else {
                            report.updated += 1;
                            report.outcomes[row] = Outcome::Updated;
                            report.changed.push(changed(loading.pack, register, (&other, &before), &cells, |sides| {
                                let (before, after) = sides;
                                Changed { row, record: RecordId(id), division: division.clone(), before, after }
                            }));
                            report.touch(&division, digits);
                            if let Some(Cell::Text(name)) = label.map(|label| &cells[label]) {
                                tokens.extend(search::tokens(name).into_iter().map(|token| (token, id)));
                            }
                        }
                    }
                }
                continue;
            }
        }
        if !lacking.is_empty() {
            let refusal = Refusal::new(row, "required", shown(key, &cells, holder));
            report.refused.push(Refusal { fields: lacking.clone(), ..refusal });
            continue;
        }
        insert.reset();
        insert.bind_integer(1, next);
        insert.bind_integer(2, parent);
        insert.bind_text(3, Some(&division));
        insert.bind_integer(4, at);
        insert.bind_integer(5, Some(loading.seq));
        for (index, cell) in cells.iter().enumerate() {
            bind(&mut insert, 6 + index, cell);
        }
        if insert.step()? == Step::Refused {
            let refusal = Refusal::new(row, "unique", shown(key, &cells, holder));
            let fields = named(&connection.message(), register).collect();
            report.refused.push(Refusal { fields, ..refusal });
            continue;
        }
        next = None;
        report.inserted += 1;
        report.outcomes[row] = Outcome::Inserted;
        report.touch(&division, digits);
        if let Some(Cell::Text(name)) = label.map(|label| &cells[label]) {
            let id = connection.last_row();
            tokens.extend(search::tokens(name).into_iter().map(|token| (token, id)));
        }
    }
    tokens.sort();
    let mut token_insert = connection.prepare("insert or ignore into search values (?, ?, ?)")?;
    for (token, id) in &tokens {
        token_insert.reset();
        token_insert.bind_text(1, Some(token));
        token_insert.bind_integer(2, Some(i64::from(loading.register.0)));
        token_insert.bind_integer(3, Some(*id));
        token_insert.step()?;
    }
    let mut touched = connection.prepare("insert or replace into touched values (?, ?, ?)")?;
    for part in &report.parts {
        touched.reset();
        touched.bind_text(1, Some(&register.id));
        touched.bind_text(2, Some(part));
        touched.bind_integer(3, Some(loading.seq));
        touched.step()?;
    }
    report.content = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(report)
}

/// See [`schema::next_id`].
fn next_id(connection: Connection<'_>, register: &Register) -> Result<Option<i64>, StoreError> {
    let mut query = connection.prepare(&schema::next_id(register))?;
    query.bind_text(1, Some(&register.id));
    Ok(if query.step()? == Step::Row { query.integer(0) } else { None })
}

/// What a column of a row keeps.
fn kept(row: &super::raw::Statement<'_>, column: usize, register: &Register, field: u16) -> Kept {
    let secret = register.fields.get(usize::from(field)).is_some_and(|field| field.secret);
    let text = register.fields.get(usize::from(field)).is_some_and(is_text);
    match row.bytes(column) {
        None => Kept::Null,
        Some(bytes) if secret => Kept::Sealed(bytes.to_vec()),
        Some(bytes) if text => Kept::Text(String::from_utf8_lossy(bytes).into_owned()),
        Some(_) => row.integer(column).map_or(Kept::Null, Kept::Integer),
    }
}

fn is_text(field: &Field) -> bool {
    field.ty.is_text() || matches!(field.ty, bangfu_policy::model::FieldType::Code(_))
}

/// Both sides of a changed record, as the journal writes them.
fn changed<T>(
    pack: &Pack,
    register: &Register,
    (fields, before): (&[u16], &[Kept]),
    cells: &[Cell<'_>],
    make: impl FnOnce((Map<String, serde_json::Value>, Map<String, serde_json::Value>)) -> T,
) -> T {
    let (mut old, mut new) = (Map::new(), Map::new());
    for (index, kept) in fields.iter().zip(before) {
        let index = usize::from(*index);
        let (Some(field), Some(cell)) = (register.fields.get(index), cells.get(index)) else { continue };
        let after = match cell {
            Cell::Null => Kept::Null,
            Cell::Integer(number) => Kept::Integer(*number),
            Cell::Text(text) => Kept::Text((*text).to_owned()),
            Cell::Sealed(bytes) => Kept::Sealed(bytes.clone()),
        };
        old.insert(field.id.clone(), kept.json(pack, field));
        new.insert(field.id.clone(), after.json(pack, field));
    }
    make((old, new))
}

/// Finds the record or division that a row belongs to; rows of one parent follow each other.
struct Parents<'c> {
    find: Option<super::raw::Statement<'c>>,
    last: String,
    found: Option<(Option<i64>, String)>,
    digits: usize,
}

impl<'c> Parents<'c> {
    fn new(connection: Connection<'c>, pack: &Pack, register: &Register) -> Result<Self, StoreError> {
        let (find, digits) = match register.parent {
            Entity::Register(parent) => {
                let parent = &pack.registers[parent.index()];
                let key =
                    parent.key.and_then(|key| parent.fields.get(key as usize)).map_or("_id", |key| key.id.as_str());
                let sql = format!("select _id, _division from {} where \"{key}\" = ?", schema::table(parent));
                (Some(connection.prepare(&sql)?), 0)
            }
            Entity::Level(level) => (None, pack.levels.get(level.index()).map_or(0, |level| level.digits)),
        };
        Ok(Self { find, last: String::new(), found: None, digits })
    }

    fn find(&mut self, holder: &str) -> Result<Option<(Option<i64>, String)>, StoreError> {
        let Some(find) = &mut self.find else {
            return Ok((holder.len() == self.digits).then(|| (None, holder.to_owned())));
        };
        if self.last != holder || self.found.is_none() {
            find.reset();
            find.bind_text(1, Some(holder));
            self.found = match find.step()? {
                Step::Row => find.integer(0).map(|id| (Some(id), find.text(1).unwrap_or_default().to_owned())),
                _ => None,
            };
            holder.clone_into(&mut self.last);
        }
        Ok(self.found.clone())
    }
}

fn bind(statement: &mut super::raw::Statement<'_>, at: usize, cell: &Cell<'_>) {
    match cell {
        Cell::Null => statement.bind_integer(at, None),
        Cell::Integer(value) => statement.bind_integer(at, Some(*value)),
        Cell::Text(text) => statement.bind_text(at, Some(text)),
        Cell::Sealed(bytes) => statement.bind_blob(at, Some(bytes)),
    }
}

fn equals(statement: &super::raw::Statement<'_>, column: usize, cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Null => statement.bytes(column).is_none(),
        Cell::Integer(value) => statement.integer(column) == Some(*value),
        Cell::Text(text) => statement.bytes(column) == Some(text.as_bytes()),
        Cell::Sealed(bytes) => statement.bytes(column) == Some(bytes),
    }
}

fn shown(key: Option<usize>, cells: &[Cell<'_>], holder: &str) -> String {
    match key.and_then(|key| cells.get(key)) {
        Some(Cell::Text(text)) => (*text).to_owned(),
        _ => holder.to_owned(),
    }
}

fn digest(hasher: &mut Sha256, holder: &str, period: Option<i64>, cells: &[Cell<'_>]) {
    hasher.update((holder.len() as u64).to_le_bytes());
    hasher.update(holder);
    hasher.update(period.unwrap_or(-1).to_le_bytes());
    for cell in cells {
        match cell {
            Cell::Null => hasher.update([0]),
            Cell::Integer(value) => {
                hasher.update([1]);
                hasher.update(value.to_le_bytes());
            }
            Cell::Text(text) => {
                hasher.update([2]);
                hasher.update((text.len() as u64).to_le_bytes());
                hasher.update(text);
            }
            Cell::Sealed(bytes) => {
                hasher.update([3]);
                hasher.update(bytes);
            }
        }
    }
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b dyn Array, StoreError> {
    batch.column_by_name(name).map(AsRef::as_ref).ok_or_else(|| StoreError::Column(name.to_owned()))
}

fn text_column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b arrow::array::StringArray, StoreError> {
    column(batch, name)?.as_string_opt::<i32>().ok_or_else(|| StoreError::Column(name.to_owned()))
}

fn integer(array: &dyn Array, row: usize) -> Option<i64> {
    match cell(array, row) {
        Cell::Integer(value) => Some(value),
        _ => None,
    }
}

fn cell(array: &dyn Array, row: usize) -> Cell<'_> {
    if array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row)),
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::Int32 => Cell::Integer(i64::from(array.as_primitive::<Int32Type>().value(row))),
        DataType::Date32 => Cell::Integer(i64::from(array.as_primitive::<Date32Type>().value(row))),
        DataType::Boolean => Cell::Integer(i64::from(array.as_boolean().value(row))),
        DataType::Decimal128(..) => {
            i64::try_from(array.as_primitive::<Decimal128Type>().value(row)).map_or(Cell::Null, Cell::Integer)
        }
        _ => Cell::Null,
    }
}
