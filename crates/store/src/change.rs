//! Changing records: one transaction with its journal entry.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use bangfu_policy::model::{Register, RegisterId};
use serde_json::{Map, Value as Json, json};
use tokio::sync::OwnedMutexGuard;

use crate::database::Connection;
use crate::divisions::Division;
use crate::journal::{Entry, append, last};
use crate::shared::by_hand;
use crate::{JournalSeq, RecordId, Scope, Store, StoreError, bulk, divisions};

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

    /// A person who signed in, acting in a role at a division.
    pub fn person(login: &str, role: &str, division: &str) -> Self {
        Self { name: format!("{login} ({role} {division})") }
    }

    /// The name that stands in the journal.
    pub fn name(&self) -> &str {
        &self.name
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
    /// `parent`, `division`, `scope`, `exists` (other values), `moved` (belongs elsewhere), `unique`, or `required` (a
    /// new record, and the list has no column for the field).
    pub rule: &'static str,
    /// The key or code concerned.
    pub value: String,
    /// Positions of the fields that differ (`exists`), are taken (`unique`) or lacking (`required`).
    pub fields: Vec<u16>,
}

impl Refusal {
    pub(crate) fn new(row: usize, rule: &'static str, value: String) -> Self {
        Self { row, rule, value, fields: Vec::new() }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new record.
    Inserted,
    /// A record with new values.
    Updated,
    /// It was so already.
    Unchanged,
    /// Not taken.
    Refused,
}

/// A record that a batch changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Row of the batch.
    pub row: usize,
    /// The record.
    pub record: RecordId,
    /// Its division.
    pub division: String,
    /// Field → value as the journal writes it, before.
    pub before: Map<String, Json>,
    /// The same after.
    pub after: Map<String, Json>,
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
    /// What became of each row.
    pub outcomes: Vec<Outcome>,
    /// The records with new values; each has an entry of its own in the journal.
    pub changed: Vec<Changed>,
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
    pub(crate) store: Store,
    pub(crate) scope: Scope,
    pub(crate) connection: OwnedMutexGuard<Connection>,
    pub(crate) actor: Actor,
    reason: String,
    pub(crate) at: i64,
    pub(crate) seq: i64,
    hash: Vec<u8>,
    open: bool,
}

impl Store {
    /// The connection that writes, once it is free; others wait.
    pub(crate) async fn free_writer(&self) -> OwnedMutexGuard<Connection> {
        let connection = std::sync::Arc::clone(&self.writer).lock_owned().await;
        self.settled(connection).await
    }

    /// The connection that writes, if nobody writes now.
    pub(crate) async fn writer_if_free(&self) -> Option<OwnedMutexGuard<Connection>> {
        let connection = std::sync::Arc::clone(&self.writer).try_lock_owned().ok()?;
        Some(self.settled(connection).await)
    }

    /// A change that was dropped leaves its transaction open: it ends before the next one begins. A connection that was
    /// lost, because the server was started anew, is made again; if it cannot be, the next statement says so.
    async fn settled(&self, mut connection: OwnedMutexGuard<Connection>) -> OwnedMutexGuard<Connection> {
        if !connection.settle().await
            && let Ok(new) = self.options.connect().await
        {
            *connection = new;
        }
        connection
    }

    /// Begins a change; others wait. `at` is milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn change(&self, scope: &Scope, actor: &Actor, reason: &str, at: i64) -> Result<Change, StoreError> {
        let mut connection = self.free_writer().await;
        connection.begin().await?;
        let (seq, hash) = last(&mut *connection).await?;
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
    pub(crate) fn register(&self, register: RegisterId) -> Result<&Register, StoreError> {
        let found = self.store.pack.registers.get(register.index());
        found.ok_or_else(|| StoreError::Absent(format!("of register {}", register.0)))
    }

    pub(crate) async fn enter(
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
        by_hand(self.register(register)?)?;
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
        let report = bulk::load(&mut self.connection, &loading, batch).await?;
        if report.inserted + report.updated > 0 {
            let body = json!({
                "inserted": report.inserted, "updated": report.updated, "unchanged": report.unchanged,
                "refused": report.refused.len(), "content": report.content,
            });
            let id = self.register(register)?.id.clone();
            let division = common_prefix(&report.parts);
            self.enter("load", &id, None, &division, body.to_string()).await?;
            for changed in &report.changed {
                let body = json!({ "before": changed.before, "after": changed.after }).to_string();
                self.enter("update", &id, Some(changed.record), &changed.division, body).await?;
            }
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

    /// Writes down that the secret fields of a record are shown in clear.
    ///
    /// # Errors
    /// The record lies outside of the scope, or the database refuses.
    pub async fn cleared(&mut self, register: RegisterId, row: &crate::Row) -> Result<(), StoreError> {
        let record = &row.record;
        if !self.scope.sees(register) || !self.scope.covers(&record.division) {
            let scope = self.scope.division.clone();
            return Err(StoreError::Scope { division: record.division.clone(), scope });
        }
        let id = self.register(register)?.id.clone();
        self.enter("clear", &id, Some(record.id), &record.division, "{}".to_owned()).await
    }

    /// The last journal entry of the change so far.
    pub fn entry(&self) -> JournalSeq {
        JournalSeq(self.seq)
    }

    /// Makes the change lasting; returns the last journal entry.
    ///
    /// # Errors
    /// The database refuses; then nothing happened.
    pub async fn commit(mut self) -> Result<JournalSeq, StoreError> {
        self.connection.run("commit").await?;
        self.open = false;
        Ok(JournalSeq(self.seq))
    }

    /// Undoes the change.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn roll_back(mut self) -> Result<(), StoreError> {
        self.open = false;
        self.connection.run("rollback").await?;
        Ok(())
    }
}

/// What all parts begin with.
fn common_prefix(parts: &BTreeSet<String>) -> String {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return String::new() };
    first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}
