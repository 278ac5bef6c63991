//! A table of SQLite that rows go into one by one.

use bangfu_policy::model::{Entity, Field, FieldType, Pack, Register};

use super::load::{Cell, Line, Loading, Plan, Table, Tokens};
use super::raw::{Connection, Statement, Step};
use crate::change::LoadReport;
use crate::edit::named;
use crate::kept::Kept;
use crate::{StoreError, schema};

/// See [`Table`].
pub(super) struct Direct<'c> {
    connection: Connection<'c>,
    plan: &'c Plan<'c>,
    owners: Owners<'c>,
    existing: Statement<'c>,
    insert: Statement<'c>,
    update: Statement<'c>,
    /// The id of the next record, where it is not the one after the highest.
    next: Option<i64>,
    empty: bool,
}

impl<'c> Direct<'c> {
    pub(super) fn new(connection: Connection<'c>, plan: &'c Plan<'c>) -> Result<Self, StoreError> {
        let register = plan.register;
        let table = schema::table(register);
        let names: String = register.fields.iter().map(|field| format!(", \"{}\"", field.id)).collect();
        let marks = ", ?".repeat(register.fields.len());
        let identity = match (plan.key, register.parent) {
            (Some(key), _) => format!("\"{}\" = ?1", register.fields[key].id),
            (None, Entity::Register(_)) => "_parent = ?1 and _period is ?2".to_owned(),
            (None, Entity::Level(_)) => "_division = ?1 and _period is ?2".to_owned(),
        };
        let given = || register.fields.iter().enumerate().filter(|(index, _)| plan.gives(*index));
        let all: String = given()
            .filter(|_| plan.by_all)
            .map(|(index, field)| format!(" and \"{}\" is ?{}", field.id, index + 3))
            .collect();
        let sets: String = given().map(|(_, field)| format!(", \"{}\" = ?", field.id)).collect();
        let mut any = connection.prepare(&format!("select 1 from {table} limit 1"))?;
        let empty = any.step()? == Step::Done;
        Ok(Self {
            connection,
            plan,
            owners: Owners::new(connection, plan.pack, register)?,
            existing: connection.prepare(&format!(
                "select _id, _parent, _division{names} from {table} where {identity}{all} limit 1"
            ))?,
            insert: connection.prepare(&format!(
                "insert into {table} (_id, _version, _parent, _division, _period, _changed{names}) \
                 values (?, 1, ?, ?, ?, ?{marks})"
            ))?,
            update: connection
                .prepare(&format!("update {table} set _version = _version + 1, _changed = ?{sets} where _id = ?"))?,
            next: Some(next_id(connection, register)?),
            empty,
        })
    }

    /// Writes what goes beside the records.
    pub(super) fn finish(&self, report: &LoadReport, tokens: &Tokens, loading: &Loading<'_>) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare("insert or ignore into name_token values (?, ?, ?, ?)")?;
        for (token, id, division) in tokens {
            insert.reset();
            insert.bind_text(1, Some(&self.plan.register.id));
            insert.bind_text(2, Some(token));
            insert.bind_integer(3, Some(*id));
            insert.bind_text(4, Some(division));
            insert.step()?;
        }
        let mut touched = self.connection.prepare("insert or replace into touched values (?, ?, ?)")?;
        for part in &report.parts {
            touched.reset();
            touched.bind_text(1, Some(&self.plan.register.id));
            touched.bind_text(2, Some(part));
            touched.bind_integer(3, Some(loading.seq));
            touched.step()?;
        }
        Ok(())
    }

    fn taken(&self) -> Vec<u16> {
        named(&self.connection.message(), self.plan.register).collect()
    }
}

impl Table for Direct<'_> {
    fn empty(&self) -> bool {
        self.empty
    }

    fn owner(&mut self, holder: &str) -> Result<Option<(Option<i64>, String)>, StoreError> {
        self.owners.find(holder)
    }

    fn find(&mut self, line: &Line<'_>) -> Result<Option<i64>, StoreError> {
        let existing = &mut self.existing;
        existing.reset();
        if let Some(cell) = self.plan.key.and_then(|key| line.cells.get(key)) {
            bind(existing, 1, cell);
        } else {
            match line.parent {
                Some(parent) => existing.bind_integer(1, Some(parent)),
                None => existing.bind_text(1, Some(line.division)),
            }
            existing.bind_integer(2, line.period);
        }
        if self.plan.by_all {
            for (index, cell) in line.cells.iter().enumerate().filter(|(index, _)| self.plan.gives(*index)) {
                bind(existing, index + 3, cell);
            }
        }
        Ok(if existing.step()? == Step::Row { existing.integer(0) } else { None })
    }

    fn stays(&self, line: &Line<'_>) -> bool {
        self.existing.integer(1) == line.parent && self.existing.text(2) == Some(line.division)
    }

    fn differs(&self, field: usize, cell: &Cell<'_>) -> bool {
        let (row, column) = (&self.existing, field + 3);
        match cell {
            Cell::Null => row.bytes(column).is_some(),
            Cell::Integer(value) => row.integer(column) != Some(*value),
            Cell::Text(text) => row.bytes(column) != Some(text.as_bytes()),
            Cell::Sealed(bytes) => row.bytes(column) != Some(bytes),
        }
    }

    fn kept(&self, field: usize) -> Kept {
        let (row, column) = (&self.existing, field + 3);
        let field = self.plan.register.fields.get(field);
        match row.bytes(column) {
            None => Kept::Null,
            Some(bytes) if field.is_some_and(|field| field.secret) => Kept::Sealed(bytes.to_vec()),
            Some(bytes) if field.is_some_and(is_text) => Kept::Text(String::from_utf8_lossy(bytes).into_owned()),
            Some(_) => row.integer(column).map_or(Kept::Null, Kept::Integer),
        }
    }

    fn insert(&mut self, line: &Line<'_>) -> Result<Result<i64, Vec<u16>>, StoreError> {
        self.existing.reset();
        let insert = &mut self.insert;
        insert.reset();
        insert.bind_integer(1, self.next);
        insert.bind_integer(2, line.parent);
        insert.bind_text(3, Some(line.division));
        insert.bind_integer(4, line.period);
        insert.bind_integer(5, Some(self.plan.seq));
        for (index, cell) in line.cells.iter().enumerate() {
            bind(insert, 6 + index, cell);
        }
        if insert.step()? == Step::Refused {
            return Ok(Err(self.taken()));
        }
        self.next = None;
        Ok(Ok(self.connection.last_row()))
    }

    fn update(&mut self, id: i64, cells: &[Cell<'_>]) -> Result<Result<(), Vec<u16>>, StoreError> {
        self.existing.reset();
        let update = &mut self.update;
        update.reset();
        update.bind_integer(1, Some(self.plan.seq));
        let mut at = 2;
        for (_, cell) in cells.iter().enumerate().filter(|(index, _)| self.plan.gives(*index)) {
            bind(update, at, cell);
            at += 1;
        }
        update.bind_integer(at, Some(id));
        Ok(if update.step()? == Step::Refused { Err(self.taken()) } else { Ok(()) })
    }
}

/// See [`schema::next_id`].
fn next_id(connection: Connection<'_>, register: &Register) -> Result<i64, StoreError> {
    let mut query = connection.prepare(&schema::next_id(register))?;
    query.bind_text(1, Some(&register.id));
    query.step()?;
    Ok(query.integer(0).unwrap_or(1))
}

fn is_text(field: &Field) -> bool {
    field.ty.is_text() || matches!(field.ty, FieldType::Code(_))
}

fn bind(statement: &mut Statement<'_>, at: usize, cell: &Cell<'_>) {
    match cell {
        Cell::Null => statement.bind_integer(at, None),
        Cell::Integer(value) => statement.bind_integer(at, Some(*value)),
        Cell::Text(text) => statement.bind_text(at, Some(text)),
        Cell::Sealed(bytes) => statement.bind_blob(at, Some(bytes)),
    }
}

/// Finds the record or division that a row belongs to; rows of one owner follow each other.
struct Owners<'c> {
    find: Option<Statement<'c>>,
    last: String,
    found: Option<(Option<i64>, String)>,
    digits: usize,
}

impl<'c> Owners<'c> {
    fn new(connection: Connection<'c>, pack: &Pack, register: &Register) -> Result<Self, StoreError> {
        let (find, digits) = match register.parent {
            Entity::Register(parent) => {
                let parent = &pack.registers[parent.index()];
                let sql = format!(
                    "select _id, _division from {} where {} = ?",
                    schema::table(parent),
                    schema::key_column(parent)
                );
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
