//! Records in the order of their places: pages that continue after a record, and whole lists that stream.
//!
//! Unlike pages with an offset, these cost the same at the end of a register as at its beginning.

use bangfu_policy::model::{Entity, Register, RegisterId, RegisterKind};
use tokio::sync::mpsc::Sender;

use crate::database;
use crate::{ListQuery, Reader, Record, RecordId, Sort, StoreError, schema};

/// Records that are handed over at a time.
const AT_A_TIME: usize = 512;

/// A record and what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The record.
    pub record: Record,
    /// Key of the record above; the division's code where the register belongs to divisions.
    pub owner: String,
}

impl Reader {
    /// The records that follow one in the order of places, at most `query.limit`; from the first without `after`. Sort
    /// and offset of the query are not looked at.
    ///
    /// # Errors
    /// `after` is not a record of the register within the scope, or the database refuses.
    pub async fn rows_after(
        &self,
        register: RegisterId,
        query: &ListQuery,
        after: Option<RecordId>,
    ) -> Result<Vec<Row>, StoreError> {
        let definition = self.register(register)?;
        let Some(mut conditions) = self.conditions(register, query)? else { return Ok(Vec::new()) };
        let columns = place(definition);
        if let Some(id) = after {
            let absent = || StoreError::Absent(format!("{} of {}", id.0, definition.id));
            let last = self.by_id(register, id).await?.ok_or_else(absent)?;
            let table = schema::table(definition);
            // The first condition is implied by the second: with it every index begins at the right place.
            if columns.starts_with("_division") {
                conditions.and("_division >= ?");
                conditions.bind(last.division);
            }
            conditions.and(&format!("({columns}) > (select {columns} from {table} where _id = ?)"));
            conditions.bind(id.0);
        }
        let text = format!("{}{} order by {columns} limit {}", self.select(definition)?, conditions.text, query.limit);
        let rows = conditions.query(text).fetch_all(&self.store.readers).await?;
        rows.iter().map(|row| self.row(register, definition, row)).collect()
    }

    /// Sends all records of a list, as they were when it began, some hundred at a time; limit and offset of the query
    /// are not looked at. Ends early when nobody listens any more.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn stream(
        &self,
        register: RegisterId,
        query: &ListQuery,
        to: Sender<Vec<Row>>,
    ) -> Result<(), StoreError> {
        let definition = self.register(register)?;
        let Some(conditions) = self.conditions(register, query)? else { return Ok(()) };
        let order = match query.sort {
            Sort::Field(field) => self.sorted_field(definition, field, query.descending),
            Sort::Place => place(definition),
        };
        let text = format!("{}{} order by {order}", self.select(definition)?, conditions.text);
        let mut rows = conditions.query(text).stream(&self.store.readers)?;
        let mut batch = Vec::with_capacity(AT_A_TIME);
        while let Some(row) = rows.next().await {
            batch.push(self.row(register, definition, &row?)?);
            if batch.len() == AT_A_TIME {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(AT_A_TIME));
                if to.send(full).await.is_err() {
                    return Ok(());
                }
            }
        }
        if !batch.is_empty() {
            // Whoever stopped listening needs no rest.
            let _ = to.send(batch).await;
        }
        Ok(())
    }

    /// `select` of records with the key of what they belong to.
    fn select(&self, register: &Register) -> Result<String, StoreError> {
        let owner = match register.parent {
            Entity::Level(_) => "t._division".to_owned(),
            Entity::Register(parent) => {
                let parent = self.register(parent)?;
                let key = schema::key_column(parent);
                format!("(select p.{key} from {} p where p._id = t._parent)", schema::table(parent))
            }
        };
        Ok(format!("select t.*, cast({owner} as text) as _owner from {} t", schema::table(register)))
    }

    fn row(&self, register: RegisterId, definition: &Register, row: &database::Row) -> Result<Row, StoreError> {
        let owner: Option<String> = row.try_get("_owner")?;
        Ok(Row { record: self.record(register, definition, row)?, owner: owner.unwrap_or_default() })
    }
}

/// Columns of the order of places, the last of which is unique: those that an index of the table holds.
fn place(register: &Register) -> String {
    match (register.kind, register.parent) {
        (RegisterKind::Entity, _) => {
            let key = register.key.and_then(|key| register.fields.get(usize::from(key)));
            // A key that may be missing has no place among others.
            match key.filter(|key| key.required) {
                Some(key) => format!("_division, \"{}\", _id", key.id),
                None => "_division, _id".to_owned(),
            }
        }
        (RegisterKind::One, Entity::Level(_)) => "_division, _id".to_owned(),
        (_, Entity::Level(_)) => "_division, _period, _id".to_owned(),
        _ => "_id".to_owned(),
    }
}
