//! Changing records: one transaction with its journal entry.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use bangfu_policy::model::{Entity, Field, FieldType, Register, RegisterId, Value};
use serde_json::{Map, Value as Json, json};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Executor, Row};
use tokio::sync::OwnedMutexGuard;

use crate::divisions::Division;
use crate::journal::{Entry, append, last};
use crate::{JournalSeq, RecordId, Scope, Store, StoreError, bulk, divisions, schema, search};

/// What a new record belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A record of the register above.
    Record(RecordId),
    /// A division, by its code.
    Division(String),
}

impl Owner {
    fn words(&self) -> String {
        match self {
            Self::Record(id) => format!("~{}", id.0),
            Self::Division(code) => code.clone(),
        }
    }
}

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

    /// Adds a record below its owner: a record of the register above, or a division.
    ///
    /// # Errors
    /// The owner does not exist or lies outside the scope, another record has a value that must be unique, or the
    /// database refuses.
    pub async fn insert(
        &mut self,
        register: RegisterId,
        owner: &Owner,
        period: Option<i32>,
        values: &[(u16, Option<Value>)],
    ) -> Result<RecordId, StoreError> {
        let store = self.store.clone();
        let definition = self.register(register)?.clone();
        let (parent, division) = self.owner(&definition, owner).await?;
        self.scope.permit(register, &division)?;
        let table = schema::table(&definition);
        let seq = self.seq + 1;
        let mut arguments = SqliteArguments::default();
        arguments.add(parent.map(|id| id.0)).map_err(encode)?;
        arguments.add(division.clone()).map_err(encode)?;
        arguments.add(period).map_err(encode)?;
        arguments.add(seq).map_err(encode)?;
        let (mut names, mut after) = (String::new(), Map::new());
        for (field, value) in fields(&definition, values) {
            names.push_str(&format!(", \"{}\"", field.id));
            bind(&store, field, value, &mut arguments)?;
            after.insert(field.id.clone(), shown(&store, field, value));
        }
        let marks = ", ?".repeat(fields(&definition, values).count());
        let sql = format!(
            "insert into {table} (_version, _parent, _division, _period, _changed{names}) values (1, ?, ?, ?, ?{marks})"
        );
        let done = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *self.connection).await;
        let id = RecordId(done.map_err(|error| taken(error, &definition))?.last_insert_rowid());
        self.index_name(register, &definition, id, values).await?;
        self.touch(&definition, &division, seq).await?;
        let body = json!({ "owner": owner.words(), "period": period, "after": after }).to_string();
        self.enter("insert", &definition.id, Some(id), &division, body).await?;
        Ok(id)
    }

    /// Removes a record that nothing belongs to; its values stay in the journal. `version` is that of the record as it
    /// was shown.
    ///
    /// # Errors
    /// Other records belong to it, someone else was faster, it lies outside the scope, or the database refuses.
    pub async fn remove(&mut self, register: RegisterId, id: RecordId, version: i64) -> Result<(), StoreError> {
        let store = self.store.clone();
        let definition = self.register(register)?.clone();
        let row = self.found(register, &definition, id, version).await?;
        for below in store.pack.registers.iter().filter(|below| below.parent == Entity::Register(register)) {
            let sql = format!("select 1 from {} where _parent = ? limit 1", schema::table(below));
            let any = sqlx::query(AssertSqlSafe(sql)).bind(id.0).fetch_optional(&mut *self.connection).await?;
            if any.is_some() {
                return Err(StoreError::Holds(below.id.clone()));
            }
        }
        let before: Map<String, Json> = definition
            .fields
            .iter()
            .map(|field| Ok((field.id.clone(), stored(&store, field, &row)?)))
            .collect::<Result<_, StoreError>>()?;
        let sql = format!("delete from {} where _id = ?", schema::table(&definition));
        sqlx::query(AssertSqlSafe(sql)).bind(id.0).execute(&mut *self.connection).await?;
        sqlx::query("delete from search where register = ? and record = ?")
            .bind(i64::from(register.0))
            .bind(id.0)
            .execute(&mut *self.connection)
            .await?;
        let division: String = row.try_get("_division")?;
        let owner: Option<i64> = row.try_get("_parent")?;
        let period: Option<i64> = row.try_get("_period")?;
        self.touch(&definition, &division, self.seq + 1).await?;
        let body = json!({ "parent": owner, "period": period, "before": before }).to_string();
        self.enter("remove", &definition.id, Some(id), &division, body).await
    }

    /// Changes fields of a record. `version` is that of the record as it was shown.
    ///
    /// # Errors
    /// Someone else was faster, another record has a value that must be unique, the record lies outside the scope, or
    /// the database refuses.
    pub async fn update(
        &mut self,
        register: RegisterId,
        id: RecordId,
        version: i64,
        values: &[(u16, Option<Value>)],
    ) -> Result<(), StoreError> {
        let store = self.store.clone();
        let definition = self.register(register)?.clone();
        let row = self.found(register, &definition, id, version).await?;
        let division: String = row.try_get("_division")?;
        let (mut before, mut after) = (Map::new(), Map::new());
        let mut sets = String::new();
        let mut arguments = SqliteArguments::default();
        for (field, value) in fields(&definition, values) {
            sets.push_str(&format!(", \"{}\" = ?", field.id));
            bind(&store, field, value, &mut arguments)?;
            before.insert(field.id.clone(), stored(&store, field, &row)?);
            after.insert(field.id.clone(), shown(&store, field, value));
        }
        let seq = self.seq + 1;
        arguments.add(id.0).map_err(encode)?;
        let table = schema::table(&definition);
        let sql = format!("update {table} set _version = _version + 1, _changed = {seq}{sets} where _id = ?");
        let done = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *self.connection).await;
        done.map_err(|error| taken(error, &definition))?;
        self.index_name(register, &definition, id, values).await?;
        self.touch(&definition, &division, seq).await?;
        let body = json!({ "before": before, "after": after }).to_string();
        self.enter("update", &definition.id, Some(id), &division, body).await
    }

    /// The record above and the division of a new record.
    async fn owner(&mut self, definition: &Register, owner: &Owner) -> Result<(Option<RecordId>, String), StoreError> {
        let absent = || StoreError::Absent(owner.words());
        match (definition.parent, owner) {
            (Entity::Register(above), Owner::Record(id)) => {
                let table = schema::table(self.register(above)?);
                let sql = format!("select _division from {table} where _id = ?");
                let row = sqlx::query(AssertSqlSafe(sql)).bind(id.0).fetch_optional(&mut *self.connection).await?;
                Ok((Some(*id), row.ok_or_else(absent)?.try_get(0)?))
            }
            (Entity::Level(level), Owner::Division(code)) => {
                let digits = self.store.pack.levels.get(level.index()).map_or(0, |level| level.digits);
                let sql = "select 1 from division where code = ?";
                let found = sqlx::query(sql).bind(code).fetch_optional(&mut *self.connection).await?;
                if code.len() != digits || found.is_none() {
                    return Err(absent());
                }
                Ok((None, code.clone()))
            }
            _ => Err(absent()),
        }
    }

    /// The record as it is, if it has the version and lies in the scope.
    async fn found(
        &mut self,
        register: RegisterId,
        definition: &Register,
        id: RecordId,
        version: i64,
    ) -> Result<SqliteRow, StoreError> {
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
        Ok(row)
    }

    /// Lets a record be found by its new name.
    async fn index_name(
        &mut self,
        register: RegisterId,
        definition: &Register,
        id: RecordId,
        values: &[(u16, Option<Value>)],
    ) -> Result<(), StoreError> {
        let named = values.iter().find(|(index, _)| definition.label == Some(*index));
        let Some((_, Some(Value::Text(name)))) = named else { return Ok(()) };
        for token in search::tokens(name) {
            sqlx::query("insert or ignore into search values (?, ?, ?)")
                .bind(token)
                .bind(i64::from(register.0))
                .bind(id.0)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    /// The snapshot of the division's part is no longer current.
    async fn touch(&mut self, definition: &Register, division: &str, seq: i64) -> Result<(), StoreError> {
        let part = division.get(..schema::part_digits(&self.store.pack)).unwrap_or(division).to_owned();
        sqlx::query("insert or replace into touched values (?, ?, ?)")
            .bind(&definition.id)
            .bind(part)
            .bind(seq)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
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

/// Fields of a change with their new values.
fn fields<'a>(
    definition: &'a Register,
    values: &'a [(u16, Option<Value>)],
) -> impl Iterator<Item = (&'a Field, Option<&'a Value>)> {
    values.iter().filter_map(|(index, value)| Some((definition.fields.get(usize::from(*index))?, value.as_ref())))
}

fn encode(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Database(sqlx::Error::Encode(error))
}

fn bind(
    store: &Store,
    field: &Field,
    value: Option<&Value>,
    arguments: &mut SqliteArguments,
) -> Result<(), StoreError> {
    match value {
        Some(Value::Text(text)) if field.secret => arguments.add(store.secrets.seal(&field.id, text)),
        None => arguments.add(None::<i64>),
        Some(value) if matches!(field.ty, FieldType::Code(_)) => {
            arguments.add(bangfu_policy::value::format(value, field.ty, &store.pack))
        }
        Some(Value::Text(text)) => arguments.add(text.clone()),
        Some(Value::Boolean(truth)) => arguments.add(i64::from(*truth)),
        Some(Value::Integer(number)) => arguments.add(*number),
    }
    .map_err(encode)
}

/// A value as the journal keeps it: secret ones only as known or not.
fn shown(store: &Store, field: &Field, value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(_) if field.secret => json!("***"),
        Some(value) => json!(bangfu_policy::value::format(value, field.ty, &store.pack)),
    }
}

/// The same of a row.
fn stored(store: &Store, field: &Field, row: &SqliteRow) -> Result<Json, StoreError> {
    let id = field.id.as_str();
    if field.secret {
        let sealed: Option<Vec<u8>> = row.try_get(id)?;
        return Ok(sealed.map_or(Json::Null, |_| json!("***")));
    }
    if field.ty.is_text() || matches!(field.ty, FieldType::Code(_)) {
        return Ok(json!(row.try_get::<Option<String>, _>(id)?));
    }
    let number: Option<i64> = row.try_get(id)?;
    let value = number.map(|n| if field.ty == FieldType::Boolean { Value::Boolean(n != 0) } else { Value::Integer(n) });
    Ok(json!(value.map(|value| bangfu_policy::value::format(&value, field.ty, &store.pack))))
}

/// A violated unique index names the fields that another record has already.
fn taken(error: sqlx::Error, definition: &Register) -> StoreError {
    let Some(refused) = error.as_database_error().filter(|refused| refused.is_unique_violation()) else {
        return StoreError::Database(error);
    };
    let names = refused.message();
    let fields: Vec<String> = definition
        .fields
        .iter()
        .filter(|field| names.split([',', ' ', ':']).any(|word| word.ends_with(&format!(".{}", field.id))))
        .map(|field| field.id.clone())
        .collect();
    StoreError::Taken { register: definition.id.clone(), fields }
}
