//! Lists as files, whatever their length: rows come out of the store some hundred at a time, and bytes leave as soon as
//! there are enough of them. Whoever takes the bytes slowly makes the store wait.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bangfu_office::OfficeError;
use bangfu_office::write::{Archive, CellKind, CsvReader, CsvRows};
use bangfu_policy::model::{Entity, Field, Pack, Register, RegisterId, Value};
use bangfu_policy::value::format;
use bangfu_rules::snapshot::{ParquetRows, SnapshotError, schema};
use bangfu_store::{ListQuery, Row, StoreError};
use tokio::sync::mpsc::{self, Sender};

use super::table_schema::{self, Content};
use crate::batches::BatchBuilder;
use crate::views::facts::Facts;
use crate::views::figures::Language;
use crate::views::file;
use crate::views::listing::Listing;
use crate::views::places::Places;

/// Bytes that are handed on at a time, at least.
const CHUNK: usize = 64 * 1024;
/// Batches of rows that wait at most.
const WAITING: usize = 4;

/// Why an export ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// CSV or archive.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// Parquet.
    #[error(transparent)]
    Parquet(#[from] SnapshotError),
    /// Rows do not fit their columns.
    #[error("rows do not fit their columns: {0}")]
    Batch(#[from] arrow::error::ArrowError),
    /// Nobody takes the bytes any more.
    #[error("the reader went away")]
    Gone,
}

/// A file that can be made of a list.
#[derive(Clone, Debug)]
pub enum Form {
    /// The columns of the list in words, for spreadsheets. Words for the columns of code and name of the division.
    Csv(String, String),
    /// All open fields in the columns of snapshots.
    Parquet,
    /// A data package of the register and all that belongs to the records.
    Package,
}

/// Bytes on their way out.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self, least: usize) -> Option<Vec<u8>> {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (bytes.len() >= least.max(1)).then(|| std::mem::take(&mut *bytes))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One export under way.
pub struct Export<'a> {
    /// Records, within their scope.
    pub facts: &'a Facts,
    /// Names of divisions.
    pub places: &'a Places,
    /// Language of words and titles.
    pub language: Language,
    /// Takes the bytes.
    pub to: Sender<Vec<u8>>,
}

impl Export<'_> {
    /// Writes a list; its page and limit are not looked at.
    ///
    /// # Errors
    /// The store fails or nobody takes the bytes; what was sent is not a whole file then.
    pub async fn list(&self, listing: &Listing, form: &Form) -> Result<(), ExportError> {
        let query = self.facts.query(listing);
        match form {
            Form::Csv(code, name) => self.csv(listing.register, &query, code, name).await,
            Form::Parquet => self.parquet(listing.register, &query).await,
            Form::Package => {
                let pack = self.facts.pack();
                let id = pack.registers.get(listing.register.index()).map_or("", |register| &register.id);
                let narrowed = !query.filters.is_empty() || query.search.is_some();
                let all = ListQuery { division: query.division.clone(), ..ListQuery::default() };
                let of = |below: RegisterId| {
                    // What lies in the same divisions belongs to records that are all in the list.
                    if narrowed { below_of(pack, below, listing.register, &query) } else { all.clone() }
                };
                let family = table_schema::family(pack, listing.register);
                let queries: Vec<_> = family.into_iter().map(|below| (below, of(below))).collect();
                let whole = !narrowed && query.division.is_none();
                self.package(&format!("{}-{id}", pack.policy.id), &queries, whole).await
            }
        }
    }

    /// Writes all registers below a division as one data package.
    ///
    /// # Errors
    /// See [`Export::list`].
    pub async fn everything(&self, division: Option<String>) -> Result<(), ExportError> {
        let pack = self.facts.pack();
        let query = ListQuery { division, ..ListQuery::default() };
        let all: Vec<_> = (0..pack.registers.len()).map(|n| (RegisterId(n as u16), query.clone())).collect();
        self.package(&pack.policy.id, &all, query.division.is_none()).await
    }

    /// Hands each batch of rows to `take` and sends what it has written.
    async fn pump(
        &self,
        register: RegisterId,
        query: &ListQuery,
        buffer: &Buffer,
        mut take: impl FnMut(&[Row]) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let (send, mut receive) = mpsc::channel::<Vec<Row>>(WAITING);
        let reading = self.facts.reader().stream(register, query, send);
        let writing = async move {
            while let Some(rows) = receive.recv().await {
                tokio::task::block_in_place(|| take(&rows))?;
                self.send(buffer, CHUNK).await?;
            }
            Ok::<(), ExportError>(())
        };
        let (read, written) = tokio::join!(reading, writing);
        written?;
        Ok(read?)
    }

    async fn send(&self, buffer: &Buffer, least: usize) -> Result<(), ExportError> {
        match buffer.take(least) {
            Some(bytes) => self.to.send(bytes).await.map_err(|_| ExportError::Gone),
            None => Ok(()),
        }
    }

    async fn csv(&self, id: RegisterId, query: &ListQuery, code: &str, name: &str) -> Result<(), ExportError> {
        let pack = self.facts.pack();
        let buffer = Buffer::default();
        let head = file::children(pack, id, &[], self.places, self.language);
        let columns = head
            .columns
            .iter()
            .map(|(title, number)| (title.as_str(), if *number { CellKind::Number(0) } else { CellKind::Text }));
        let columns = [(code, CellKind::Text), (name, CellKind::Text)].into_iter().chain(columns);
        let mut rows = CsvRows::new(buffer.clone(), columns, CsvReader::Spreadsheet)?;
        self.pump(id, query, &buffer, |batch| {
            let facts: Vec<_> = batch.iter().map(|row| self.facts.fact(row.record.clone())).collect();
            let table = file::children(pack, id, &facts, self.places, self.language);
            for (fact, (_, cells)) in facts.iter().zip(table.rows) {
                let trail = self.places.trail(&fact.division, self.language);
                let names: Vec<String> = trail.into_iter().map(|place| place.name).collect();
                let place = [fact.division.clone(), names.join(" ")];
                let texts: Vec<String> = place.into_iter().chain(cells.into_iter().map(|cell| cell.text)).collect();
                rows.row(texts.iter().map(String::as_str))?;
            }
            Ok(())
        })
        .await?;
        rows.finish()?;
        self.send(&buffer, 1).await
    }

    async fn parquet(&self, id: RegisterId, query: &ListQuery) -> Result<(), ExportError> {
        let pack = self.facts.pack();
        let Some(register) = pack.registers.get(id.index()) else { return Ok(()) };
        let buffer = Buffer::default();
        let mut file = ParquetRows::new(buffer.clone(), Path::new(&register.id), &schema(pack, id))?;
        let open = |field: usize| register.fields.get(field).is_some_and(|field| !field.secret);
        let mut batch = BatchBuilder::of_fields(pack, id, open);
        self.pump(id, query, &buffer, |rows| {
            for row in rows {
                let values = &row.record.values;
                batch.push(&row.owner, row.record.period, |field| values.get(field).and_then(Option::as_ref));
            }
            file.write(&fitted(&batch.finish()?, &schema(pack, id))?)?;
            Ok(())
        })
        .await?;
        file.finish()?;
        self.send(&buffer, 1).await
    }

    async fn package(&self, name: &str, registers: &[(RegisterId, ListQuery)], whole: bool) -> Result<(), ExportError> {
        let pack = self.facts.pack();
        let buffer = Buffer::default();
        let mut archive = Archive::new(buffer.clone());
        let ids: Vec<RegisterId> = registers.iter().map(|(id, _)| *id).collect();
        let content = Content { registers: &ids, whole, language: self.language };
        let described = table_schema::package(pack, name, &content);
        archive.begin("datapackage.json")?;
        archive.write_all(format!("{described:#}\n").as_bytes()).map_err(written)?;
        archive.begin(&table_schema::path(table_schema::DIVISIONS))?;
        self.divisions(&mut archive).await?;
        self.send(&buffer, CHUNK).await?;
        for (id, query) in registers {
            let Some(register) = pack.registers.get(id.index()) else { continue };
            archive.begin(&table_schema::path(&register.id))?;
            let columns: Vec<(&str, CellKind)> = columns(register).map(|name| (name, CellKind::Text)).collect();
            let mut rows = CsvRows::new(&mut archive, columns, CsvReader::Program)?;
            self.pump(*id, query, &buffer, |batch| {
                for row in batch {
                    let cells = cells(pack, register, row);
                    rows.row(cells.iter().map(String::as_str))?;
                }
                Ok(())
            })
            .await?;
            rows.finish()?;
        }
        archive.finish()?;
        self.send(&buffer, 1).await
    }

    async fn divisions(&self, archive: &mut Archive<Buffer>) -> Result<(), ExportError> {
        let pack = self.facts.pack();
        let names = ["code", "name", "name_en", "level", "parent"].map(|name| (name, CellKind::Text));
        let mut rows = CsvRows::new(archive, names, CsvReader::Program)?;
        for division in self.facts.reader().divisions().await? {
            let level = pack.levels.get(division.level).map_or("", |level| &level.id);
            let above = division.level.checked_sub(1).and_then(|above| pack.levels.get(above));
            let parent = above.and_then(|above| division.code.get(..above.digits)).unwrap_or_default();
            rows.row([division.code.as_str(), &division.name, &division.name_en, level, parent])?;
        }
        Ok(rows.finish()?)
    }
}

fn written(error: std::io::Error) -> ExportError {
    ExportError::Office(OfficeError::Write(error.to_string()))
}

/// The records of a register that belong to those of a query over a register above it, at any distance.
fn below_of(pack: &Pack, register: RegisterId, top: RegisterId, query: &ListQuery) -> ListQuery {
    let parent = pack.registers.get(register.index()).map(|register| register.parent);
    match parent {
        Some(Entity::Register(above)) if register != top => ListQuery {
            division: query.division.clone(),
            above: Some((above, Box::new(below_of(pack, above, top, query)))),
            ..ListQuery::default()
        },
        _ => ListQuery { offset: 0, sort: bangfu_store::Sort::Place, descending: false, ..query.clone() },
    }
}

/// Names of the columns: what a record belongs to, its period, its open fields.
fn columns(register: &Register) -> impl Iterator<Item = &str> {
    let names = &register.columns;
    let technical = names.parent.as_deref().or(names.division.as_deref()).into_iter().chain(names.period.as_deref());
    technical.chain(register.fields.iter().filter(|field| !field.secret).map(|field| field.id.as_str()))
}

fn cells(pack: &Pack, register: &Register, row: &Row) -> Vec<String> {
    let names = &register.columns;
    let mut cells = Vec::with_capacity(register.fields.len() + 2);
    if names.parent.is_some() || names.division.is_some() {
        cells.push(row.owner.clone());
    }
    if names.period.is_some() {
        cells.push(row.record.period.map(|period| period.to_string()).unwrap_or_default());
    }
    let open = register.fields.iter().zip(&row.record.values).filter(|(field, _)| !field.secret);
    let written = |(field, value): (&Field, &Option<Value>)| {
        value.as_ref().map(|value| format(value, field.ty, pack)).unwrap_or_default()
    };
    cells.extend(open.map(written));
    cells
}

/// The batch under the columns of the file, which say the same with other words on what may be missing.
fn fitted(
    batch: &arrow::array::RecordBatch,
    columns: &arrow::datatypes::SchemaRef,
) -> Result<arrow::array::RecordBatch, arrow::error::ArrowError> {
    arrow::array::RecordBatch::try_new(Arc::clone(columns), batch.columns().to_vec())
}
