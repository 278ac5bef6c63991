//! Changing records: one transaction with its journal entry.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use bangfu_policy::model::{FieldType, Register, RegisterId, Value};
use serde_json::{Map, json};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Executor, Row};
use tokio::sync::OwnedMutexGuard;

use crate::divisions::Division;
use crate::journal::{Entry, append, last};
use crate::{JournalSeq, RecordId, Scope, Store, StoreError, bulk, divisions, schema, search};

/// Who changes something. Made by the command line for its user, and by a session – never from a request's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    name: String,
}

impl Actor {
    /// The person at the keyboard of the server.
    pub fn console(name: &str) -> Self {
        Self { name: format!("console:{name}") }
    }
}

/// What to do with a row whose record exists with other values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// Refuse the row.
    Refuse,
    /// Take the new values.
    Update,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Row of the batch.
    pub row: usize,
    /// `parent`, `division`, `scope`, `exists` (other values), `moved` (belongs elsewhere) or `unique`.
    pub rule: &'static str,
    /// The key or code concerned.
    pub value: String,
    /// Of `exists`: positions of the fields that differ.
    pub fields: Vec<u16>,
}

impl Refusal {
    pub(crate) fn new(row: usize, rule: &'static str, value: String) -> Self {
        Self { row, rule, value, fields: Vec::new() }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// New records.
    pub inserted: u64,
    /// Records with new values.
    pub updated: u64,
    /// Rows that changed nothing.
    pub unchanged: u64,
    /// Rows not taken.
    pub refused: Vec<Refusal>,
    /// Hash of all rows, lower-case hex.
    pub content: String,
    /// Divisions whose snapshot is no longer current.
    pub(crate) parts: BTreeSet<String>,
}

impl LoadReport {
    pub(crate) fn touch(&mut self, division: &str, digits: usize) {
        let part = division.get(..digits).unwrap_or(division);
        if !self.parts.contains(part) {
            self.parts.insert(part.to_owned());
        }
    }
}

/// A transaction. Dropped without `commit`, nothing happened.
pub struct Change {
    store: Store,
    scope: Scope,
    connection: OwnedMutexGuard<SqliteConnection>,
    actor: Actor,
    reason: String,
    at: i64,
    seq: i64,
    hash: Vec<u8>,
    open: bool,
}

impl Store {
    /// Begins a change; others wait. `at` is milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn change(&self, scope: &Scope, actor: &Actor, reason: &str, at: i64) -> Result<Change, StoreError> {
        let mut connection = std::sync::Arc::clone(&self.writer).lock_owned().await;
        // A change that was dropped leaves its transaction open: end it before the next one begins.
        let _ = connection.execute("rollback").await;
        connection.execute("begin immediate").await?;
        let (seq, hash) = last(&mut connection).await?;
        Ok(Change {
            store: self.clone(),
            scope: scope.clone(),
            connection,
            actor: actor.clone(),
            reason: reason.to_owned(),
            at,
            seq,
            hash,
            open: true,
        })
    }
}

impl Change {
    fn register(&self, register: RegisterId) -> Result<&Register, StoreError> {
        let found = self.store.pack.registers.get(register.index());
        found.ok_or_else(|| StoreError::Absent(format!("of register {}", register.0)))
    }

    async fn enter(
        &mut self,
        action: &str,
        register: &str,
        record: Option<RecordId>,
        division: &str,
        body: String,
    ) -> Result<(), StoreError> {
        self.seq += 1;
        let entry = Entry {
            seq: self.seq,
            at: self.at,
            actor: self.actor.name.clone(),
            reason: self.reason.clone(),
            action: action.to_owned(),
            register: register.to_owned(),
            record: record.map(|id| id.0),
            division: division.to_owned(),
            body,
        };
        self.hash = append(&mut self.connection, &entry, &self.hash).await?;
        Ok(())
    }

    /// Loads a batch of a register: columns as in snapshots, and secret fields as texts.
    ///
    /// # Errors
    /// The database refuses; rows that do not fit are in the report, not here.
    pub async fn load(
        &mut self,
        register: RegisterId,
        batch: &RecordBatch,
        duplicates: Duplicates,
    ) -> Result<LoadReport, StoreError> {
        let store = self.store.clone();
        let scope = self.scope.clone();
        let loading = bulk::Loading {
            pack: &store.pack,
            register,
            secrets: &store.secrets,
            scope: &scope,
            duplicates,
            seq: self.seq + 1,
        };
        let report = {
            let mut handle = self.connection.lock_handle().await?;
            tokio::task::block_in_place(|| bulk::load(&mut handle, &loading, batch))?
        };
        if report.inserted + report.updated > 0 {
            let body = json!({
                "inserted": report.inserted, "updated": report.updated, "unchanged": report.unchanged,
                "refused": report.refused.len(), "content": report.content,
            });
            let id = self.register(register)?.id.clone();
            let division = common_prefix(&report.parts);
            self.enter("load", &id, None, &division, body.to_string()).await?;
        }
        Ok(report)
    }

    /// Adds or renames divisions.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn divisions(&mut self, list: &[Division]) -> Result<u64, StoreError> {
        let changed = divisions::write(&mut self.connection, list).await?;
        if changed > 0 {
            self.enter("divisions", "division", None, "", json!({ "changed": changed }).to_string()).await?;
        }
        Ok(changed)
    }

    /// Changes fields of a record. `version` is that of the record as it was shown.
    ///
    /// # Errors
    /// Someone else was faster, the record lies outside the scope, or the database refuses.
    pub async fn update(
        &mut self,
        register: RegisterId,
        id: RecordId,
        version: i64,
        values: &[(u16, Option<Value>)],
    ) -> Result<(), StoreError> {
        let store = self.store.clone();
        let definition =
            store.pack.registers.get(register.index()).ok_or_else(|| StoreError::Absent(format!("{}", id.0)))?;
        let table = schema::table(definition);
        let row = sqlx::query(AssertSqlSafe(format!("select * from {table} where _id = ?")))
            .bind(id.0)
            .fetch_optional(&mut *self.connection)
            .await?
            .ok_or_else(|| StoreError::Absent(format!("{} of {}", id.0, definition.id)))?;
        let (found, division): (i64, String) = (row.try_get("_version")?, row.try_get("_division")?);
        self.scope.permit(register, &division)?;
        if found != version {
            return Err(StoreError::Version { found, given: version });
        }
        let (mut before, mut after) = (Map::new(), Map::new());
        let mut sets = String::new();
        let mut arguments = SqliteArguments::default();
        let encode = |error| StoreError::Database(sqlx::Error::Encode(error));
        for (index, value) in values {
            let Some(field) = definition.fields.get(*index as usize) else { continue };
            sets.push_str(&format!(", \"{}\" = ?", field.id));
            let id = field.id.as_str();
            if field.secret {
                before.insert(id.to_owned(), json!("***"));
                after.insert(id.to_owned(), json!("***"));
                let sealed = match value {
                    Some(Value::Text(text)) => store.secrets.seal(id, text),
                    _ => None,
                };
                arguments.add(sealed).map_err(encode)?;
                continue;
            }
            let text = value.as_ref().map(|value| bangfu_policy::value::format(value, field.ty, &store.pack));
            match (field.ty, value) {
                (_, None) => arguments.add(None::<i64>),
                (FieldType::Code(_), Some(_)) => arguments.add(text.clone()),
                (_, Some(Value::Text(text))) => arguments.add(text.clone()),
                (_, Some(Value::Boolean(truth))) => arguments.add(i64::from(*truth)),
                (_, Some(Value::Integer(number))) => arguments.add(*number),
            }
            .map_err(encode)?;
            let old = if field.ty.is_text() || matches!(field.ty, FieldType::Code(_)) {
                row.try_get::<Option<String>, _>(id)?
            } else {
                let number: Option<i64> = row.try_get(id)?;
                let value = number
                    .map(|n| if field.ty == FieldType::Boolean { Value::Boolean(n != 0) } else { Value::Integer(n) });
                value.map(|value| bangfu_policy::value::format(&value, field.ty, &store.pack))
            };
            before.insert(id.to_owned(), json!(old));
            after.insert(id.to_owned(), json!(text));
            if definition.label == Some(*index)
                && let Some(name) = &text
            {
                for token in search::tokens(name) {
                    sqlx::query("insert or ignore into search values (?, ?, ?)")
                        .bind(token)
                        .bind(i64::from(register.0))
                        .bind(row.try_get::<i64, _>("_id")?)
                        .execute(&mut *self.connection)
                        .await?;
                }
            }
        }
        let seq = self.seq + 1;
        arguments.add(id.0).map_err(encode)?;
        let sql = format!("update {table} set _version = _version + 1, _changed = {seq}{sets} where _id = ?");
        sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *self.connection).await?;
        let part = division.get(..schema::part_digits(&store.pack)).unwrap_or(&division).to_owned();
        sqlx::query("insert or replace into touched values (?, ?, ?)")
            .bind(&definition.id)
            .bind(part)
            .bind(seq)
            .execute(&mut *self.connection)
            .await?;
        let body = json!({ "before": before, "after": after }).to_string();
        self.enter("update", &definition.id, Some(id), &division, body).await
    }

    /// Makes the change lasting; returns the last journal entry.
    ///
    /// # Errors
    /// The database refuses; then nothing happened.
    pub async fn commit(mut self) -> Result<JournalSeq, StoreError> {
        self.connection.execute("commit").await?;
        self.open = false;
        Ok(JournalSeq(self.seq))
    }

    /// Undoes the change.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn roll_back(mut self) -> Result<(), StoreError> {
        self.open = false;
        self.connection.execute("rollback").await?;
        Ok(())
    }
}

/// What all parts begin with.
fn common_prefix(parts: &BTreeSet<String>) -> String {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return String::new() };
    first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}
