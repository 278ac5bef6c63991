//! What becomes of the rows of a batch.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int32Type, Int64Type};
use bangfu_policy::model::{Pack, Register, RegisterId, RegisterKind};
use serde_json::Map;
use sha2::{Digest, Sha256};

use super::direct::Direct;
use super::mirror::Mirror;
use super::raw;
use crate::change::{Changed, Duplicates, LoadReport, Outcome, Refusal};
use crate::database::Connection;
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
pub(super) enum Cell<'b> {
    Null,
    Integer(i64),
    Text(&'b str),
    Sealed(Vec<u8>),
}

impl Cell<'_> {
    /// As its column keeps it.
    pub(super) fn kept(&self) -> Kept {
        match self {
            Self::Null => Kept::Null,
            Self::Integer(number) => Kept::Integer(*number),
            Self::Text(text) => Kept::Text((*text).to_owned()),
            Self::Sealed(bytes) => Kept::Sealed(bytes.clone()),
        }
    }
}

/// A batch and the register that it goes into.
pub(super) struct Plan<'a> {
    pub pack: &'a Pack,
    pub register: &'a Register,
    pub seq: i64,
    /// Position of the key.
    pub key: Option<usize>,
    /// Of many records without a key, one is known by all that the list says of it.
    pub by_all: bool,
    /// Columns of the batch in the order of the fields; a field without one keeps its value.
    pub fields: Vec<Option<&'a dyn Array>>,
    /// Key or code of what each row belongs to.
    pub owner: &'a arrow::array::StringArray,
    period: Option<&'a dyn Array>,
    secrets: &'a SecretKeys,
}

/// A row as it is to stand in the table.
pub(super) struct Line<'r> {
    pub parent: Option<i64>,
    pub division: &'r str,
    pub period: Option<i64>,
    pub cells: &'r [Cell<'r>],
}

/// The table that rows go into. Of `find`, `stays`, `differs` and `kept`, the last three speak of the record that the
/// first one found last.
pub(super) trait Table {
    /// Whether the register had no record when the load began.
    fn empty(&self) -> bool;
    /// Id and division of what a row belongs to.
    fn owner(&mut self, holder: &str) -> Result<Option<(Option<i64>, String)>, StoreError>;
    /// The record that a row speaks of.
    fn find(&mut self, line: &Line<'_>) -> Result<Option<i64>, StoreError>;
    /// Whether the record belongs where the row says.
    fn stays(&self, line: &Line<'_>) -> bool;
    /// Whether a field of the record is another one than the row's.
    fn differs(&self, field: usize, cell: &Cell<'_>) -> bool;
    /// A field of the record.
    fn kept(&self, field: usize) -> Kept;
    /// A new record: its id, or the fields that another record has already.
    fn insert(&mut self, line: &Line<'_>) -> Result<Result<i64, Vec<u16>>, StoreError>;
    /// Gives a record the fields that the batch has.
    fn update(&mut self, id: i64, cells: &[Cell<'_>]) -> Result<Result<(), Vec<u16>>, StoreError>;
}

/// What a load leaves to be written beside the records: words by which they are found.
pub(super) type Tokens = Vec<(String, i64, String)>;

impl<'a> Plan<'a> {
    fn new(loading: &Loading<'a>, batch: &'a RecordBatch) -> Result<Self, StoreError> {
        let register = &loading.pack.registers[loading.register.index()];
        let columns = &register.columns;
        let owner_name = columns.parent.as_ref().or(columns.division.as_ref());
        let period = match &columns.period {
            Some(name) => Some(column(batch, name)?),
            None => None,
        };
        let key = register.key.map(usize::from);
        Ok(Self {
            pack: loading.pack,
            register,
            seq: loading.seq,
            key,
            by_all: key.is_none() && register.kind == RegisterKind::Entity,
            fields: register.fields.iter().map(|field| batch.column_by_name(&field.id).map(AsRef::as_ref)).collect(),
            owner: text_column(batch, owner_name.map_or("", String::as_str))?,
            period,
            secrets: loading.secrets,
        })
    }

    /// Whether the batch has a column for a field.
    pub(super) fn gives(&self, field: usize) -> bool {
        self.fields.get(field).is_some_and(Option::is_some)
    }

    /// The value of a field in a row.
    pub(super) fn cell(&self, row: usize, index: usize) -> Cell<'a> {
        let field = self.register.fields.get(index);
        match self.fields.get(index).copied().flatten().map_or(Cell::Null, |array| cell(array, row)) {
            Cell::Text(text) if field.is_some_and(|field| field.secret) => {
                field.and_then(|field| self.secrets.seal(&field.id, text)).map_or(Cell::Null, Cell::Sealed)
            }
            cell => cell,
        }
    }

    /// The period of a row.
    pub(super) fn period(&self, row: usize) -> Option<i64> {
        self.period.and_then(|period| integer(period, row))
    }
}

/// Loads a batch; the caller writes the journal entry and commits.
pub(crate) async fn load(
    connection: &mut Connection,
    loading: &Loading<'_>,
    batch: &RecordBatch,
) -> Result<LoadReport, StoreError> {
    let plan = Plan::new(loading, batch)?;
    match connection {
        Connection::Sqlite(connection) => {
            let mut handle = connection.lock_handle().await?;
            tokio::task::block_in_place(|| {
                let connection = raw::Connection::new(handle.as_raw_handle());
                let mut table = Direct::new(connection, &plan)?;
                let (report, tokens) = take(&mut table, &plan, loading)?;
                table.finish(&report, &tokens, loading)?;
                Ok(report)
            })
        }
        Connection::Postgres(connection) => {
            let mut table = Mirror::fetch(connection, &plan).await?;
            let (report, tokens) = tokio::task::block_in_place(|| take(&mut table, &plan, loading))?;
            table.finish(connection, &report, tokens, loading).await?;
            Ok(report)
        }
    }
}

fn take(table: &mut impl Table, plan: &Plan<'_>, loading: &Loading<'_>) -> Result<(LoadReport, Tokens), StoreError> {
    let register = plan.register;
    let label = register.label.map(usize::from);
    let lacking: Vec<u16> = register
        .fields
        .iter()
        .enumerate()
        .filter(|(index, field)| field.required && !plan.gives(*index))
        .map(|(index, _)| index as u16)
        .collect();
    let rows = plan.owner.len();
    let mut report = LoadReport { outcomes: vec![Outcome::Refused; rows], ..LoadReport::default() };
    let mut hasher = Sha256::new();
    let mut tokens: Tokens = Vec::new();
    let mut cells: Vec<Cell<'_>> = Vec::with_capacity(plan.fields.len());
    let digits = schema::part_digits(plan.pack);
    for row in 0..rows {
        let holder = plan.owner.value(row);
        let Some((parent, division)) = table.owner(holder)? else {
            let rule = if register.columns.parent.is_some() { "parent" } else { "division" };
            report.refused.push(Refusal::new(row, rule, holder.to_owned()));
            continue;
        };
        if loading.scope.permit(loading.register, &division).is_err() {
            report.refused.push(Refusal::new(row, "scope", division));
            continue;
        }
        let period = plan.period(row);
        cells.clear();
        cells.extend((0..plan.fields.len()).map(|field| plan.cell(row, field)));
        digest(&mut hasher, holder, period, &cells);
        let line = Line { parent, division: &division, period, cells: &cells };
        let refuse = |rule, fields| {
            let refusal = Refusal::new(row, rule, shown(plan.key, &cells, holder));
            Refusal { fields, ..refusal }
        };
        let named = |id: i64, tokens: &mut Tokens| {
            if let Some(Cell::Text(name)) = label.and_then(|label| cells.get(label)) {
                tokens.extend(search::tokens(name).into_iter().map(|token| (token, id, division.clone())));
            }
        };
        if let Some(id) = if table.empty() { None } else { table.find(&line)? } {
            let given = || cells.iter().enumerate().filter(|(index, _)| plan.gives(*index));
            let other: Vec<u16> =
                given().filter(|(index, cell)| table.differs(*index, cell)).map(|(index, _)| index as u16).collect();
            match (table.stays(&line), other.is_empty(), loading.duplicates) {
                (false, ..) => report.refused.push(refuse("moved", Vec::new())),
                (true, true, _) => {
                    report.unchanged += 1;
                    report.outcomes[row] = Outcome::Unchanged;
                }
                (true, false, Duplicates::Refuse) => report.refused.push(refuse("exists", other)),
                (true, false, Duplicates::Update) => {
                    let before: Vec<Kept> = other.iter().map(|index| table.kept(usize::from(*index))).collect();
                    if let Err(fields) = table.update(id, &cells)? {
                        report.refused.push(refuse("unique", fields));
                        continue;
                    }
                    report.updated += 1;
                    report.outcomes[row] = Outcome::Updated;
                    report.changed.push(changed(plan.pack, register, (&other, &before), &cells, |sides| {
                        let (before, after) = sides;
                        Changed { row, record: RecordId(id), division: division.clone(), before, after }
                    }));
                    report.touch(&division, digits);
                    named(id, &mut tokens);
                }
            }
            continue;
        }
        if !lacking.is_empty() {
            report.refused.push(refuse("required", lacking.clone()));
            continue;
        }
        match table.insert(&line)? {
            Err(fields) => report.refused.push(refuse("unique", fields)),
            Ok(id) => {
                report.inserted += 1;
                report.outcomes[row] = Outcome::Inserted;
                report.touch(&division, digits);
                named(id, &mut tokens);
            }
        }
    }
    tokens.sort();
    tokens.dedup();
    report.content = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((report, tokens))
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
        old.insert(field.id.clone(), kept.json(pack, field));
        new.insert(field.id.clone(), cell.kept().json(pack, field));
    }
    make((old, new))
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
