//! What a table of PostgreSQL holds of the records that a batch speaks of, in memory: rows are decided here and written
//! together.

use arrow::array::Array as _;
use std::collections::{BTreeSet, HashMap, HashSet};

use bangfu_policy::model::{Entity, RegisterKind};
use sqlx::postgres::PgConnection;

use super::load::{Cell, Line, Loading, Plan, Table, Tokens};
use crate::change::LoadReport;
use crate::database::{Dialect, Query, Row, copy_in, sql};
use crate::kept::Kept;
use crate::{StoreError, schema};

const DIALECT: Dialect = Dialect::Postgres;

/// A record as it is after the rows so far.
struct Known {
    id: i64,
    version: i64,
    parent: Option<i64>,
    division: String,
    period: Option<i64>,
    values: Vec<Kept>,
}

/// A unique index, and which record has what.
struct Unique {
    /// The field; none: what it belongs to and its period.
    field: Option<usize>,
    taken: HashMap<Vec<u8>, usize>,
}

/// See [`Table`].
pub(super) struct Mirror<'p> {
    plan: &'p Plan<'p>,
    /// Records by their key, for those that rows belong to; none: rows belong to divisions with so many digits.
    owners: Result<HashMap<String, (i64, String)>, usize>,
    known: Vec<Known>,
    /// Where the records that came with the batch begin.
    first_new: usize,
    /// Records that the database has and the batch changed.
    changed: BTreeSet<usize>,
    /// What a row names → the record.
    named: HashMap<Vec<u8>, usize>,
    uniques: Vec<Unique>,
    current: usize,
    next: i64,
    empty: bool,
}

impl<'p> Mirror<'p> {
    /// Fetches all records that the rows may speak of, or whose values they may not have.
    pub(super) async fn fetch(connection: &mut PgConnection, plan: &'p Plan<'p>) -> Result<Self, StoreError> {
        let register = plan.register;
        let table = schema::table(register);
        let next = fetch(connection, sql(schema::next_id(register)).bind(&register.id)).await?;
        let any = fetch(connection, sql(format!("select 1 from {table} limit 1"))).await?;
        let mut mirror = Self {
            plan,
            owners: owners(connection, plan).await?,
            known: Vec::new(),
            first_new: 0,
            changed: BTreeSet::new(),
            named: HashMap::new(),
            uniques: uniques(plan),
            current: 0,
            next: next.first().map_or(Ok(1), |row| row.try_get(0))?,
            empty: any.is_empty(),
        };
        if !mirror.empty {
            let mut seen = HashSet::new();
            for query in mirror.wanted(&table) {
                for row in fetch(connection, query).await? {
                    if seen.insert(row.try_get::<i64, _>("_id")?) {
                        mirror.remember(&row)?;
                    }
                }
            }
        }
        mirror.first_new = mirror.known.len();
        Ok(mirror)
    }

    /// Queries for the records that the batch is compared with.
    fn wanted(&self, table: &str) -> Vec<Query> {
        let (plan, register) = (self.plan, self.plan.register);
        // Values of each unique field, and what rows belong to.
        let fields: BTreeSet<usize> = self.uniques.iter().filter_map(|unique| unique.field).chain(plan.key).collect();
        let mut values: Vec<(usize, Vec<Kept>)> = fields.into_iter().map(|field| (field, Vec::new())).collect();
        let (mut parents, mut divisions) = (BTreeSet::new(), BTreeSet::new());
        for row in 0..plan.owner.len() {
            for (field, values) in &mut values {
                values.push(plan.cell(row, *field).kept());
            }
            match &self.owners {
                Ok(owners) => parents.extend(owners.get(plan.owner.value(row)).map(|(id, _)| *id)),
                Err(_) => drop(divisions.insert(plan.owner.value(row))),
            }
        }
        let select = |condition: String| sql(format!("select * from {table} where {condition} order by _id"));
        let mut queries: Vec<Query> = values
            .into_iter()
            .filter_map(|(field, values)| {
                let column = format!("\"{}\"", register.fields.get(field)?.id);
                let (list, each) = json_list(&values)?;
                Some(select(format!("{column} in {each}")).bind(list))
            })
            .collect();
        let by_place = plan.key.is_none() || self.uniques.iter().any(|unique| unique.field.is_none());
        if by_place && !parents.is_empty() {
            let list = serde_json::to_string(&parents).unwrap_or_default();
            queries.push(select(format!("_parent in {}", DIALECT.each_number("?"))).bind(list));
        }
        if by_place && !divisions.is_empty() {
            let list = serde_json::to_string(&divisions).unwrap_or_default();
            queries.push(select(format!("_division in {}", DIALECT.each("?"))).bind(list));
        }
        queries
    }

    /// Takes a record of the database.
    fn remember(&mut self, row: &Row) -> Result<(), StoreError> {
        let register = self.plan.register;
        let values: Vec<Kept> =
            register.fields.iter().map(|field| Kept::of_row(field, row)).collect::<Result<_, _>>()?;
        let known = Known {
            id: row.try_get("_id")?,
            version: row.try_get("_version")?,
            parent: row.try_get("_parent")?,
            division: row.try_get("_division")?,
            period: row.try_get("_period")?,
            values,
        };
        let at = self.known.len();
        for unique in &mut self.uniques {
            if let Some(value) = unique.value(&known) {
                unique.taken.entry(value).or_insert(at);
            }
        }
        let name = name(self.plan, known.parent, &known.division, known.period, &known.values);
        self.named.entry(name).or_insert(at);
        self.known.push(known);
        Ok(())
    }

    /// The fields that another record has already.
    fn taken(&self, record: &Known, own: Option<usize>) -> Option<Vec<u16>> {
        let other = |unique: &&Unique| {
            let holder = unique.value(record).and_then(|value| unique.taken.get(&value));
            holder.is_some_and(|holder| own != Some(*holder))
        };
        let found = self.uniques.iter().find(other)?;
        Some(found.field.into_iter().map(|field| field as u16).collect())
    }

    /// Writes the records, and what goes beside them.
    pub(super) async fn finish(
        &self,
        connection: &mut PgConnection,
        report: &LoadReport,
        tokens: Tokens,
        loading: &Loading<'_>,
    ) -> Result<(), StoreError> {
        let register = self.plan.register;
        let table = schema::table(register);
        let given = || register.fields.iter().enumerate().filter(|(index, _)| self.plan.gives(*index));
        let sets: String = given().map(|(_, field)| format!(", \"{}\" = ?", field.id)).collect();
        let update = format!("update {table} set _version = ?, _changed = ?{sets} where _id = ?");
        for known in self.changed.iter().filter_map(|at| self.known.get(*at)) {
            let values = given().filter_map(|(index, field)| Some(known.values.get(index)?.clone().argument(field)));
            let query = sql(update.as_str()).bind(known.version).bind(self.plan.seq).bind_all(values).bind(known.id);
            run(connection, query).await?;
        }
        let new = self.known.get(self.first_new..).unwrap_or_default();
        if !new.is_empty() {
            let names: String = register.fields.iter().map(|field| format!(", \"{}\"", field.id)).collect();
            let into = format!("{table} (_id, _version, _parent, _division, _period, _changed{names})");
            copy_in(connection, (&into, 6 + register.fields.len()), |sheet| {
                for known in new {
                    sheet.row();
                    sheet.integer(Some(known.id));
                    sheet.integer(Some(known.version));
                    sheet.integer(known.parent);
                    sheet.field(Some(known.division.as_bytes()));
                    sheet.integer(known.period);
                    sheet.integer(Some(self.plan.seq));
                    for value in &known.values {
                        match value {
                            Kept::Null => sheet.field(None),
                            Kept::Integer(value) => sheet.integer(Some(*value)),
                            Kept::Text(text) => sheet.field(Some(text.as_bytes())),
                            Kept::Sealed(bytes) => sheet.field(Some(bytes)),
                        }
                    }
                }
            })
            .await?;
        }
        self.write_tokens(connection, tokens).await?;
        for part in &report.parts {
            run(connection, schema::touch(&register.id, part, loading.seq)).await?;
        }
        Ok(())
    }

    /// Words of new records cannot be there already; those of changed ones can.
    async fn write_tokens(&self, connection: &mut PgConnection, tokens: Tokens) -> Result<(), StoreError> {
        let register = self.plan.register.id.as_str();
        let first = self.known.get(self.first_new).map_or(i64::MAX, |known| known.id);
        let (new, old): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|(_, id, _)| *id >= first);
        if !new.is_empty() {
            copy_in(connection, ("name_token (register, token, record, division)", 4), |sheet| {
                for (token, id, division) in &new {
                    sheet.row();
                    sheet.field(Some(register.as_bytes()));
                    sheet.field(Some(token.as_bytes()));
                    sheet.integer(Some(*id));
                    sheet.field(Some(division.as_bytes()));
                }
            })
            .await?;
        }
        for (token, id, division) in old {
            run(connection, schema::token(register, token, id, &division)).await?;
        }
        Ok(())
    }
}

impl Table for Mirror<'_> {
    fn empty(&self) -> bool {
        self.empty
    }

    fn owner(&mut self, holder: &str) -> Result<Option<(Option<i64>, String)>, StoreError> {
        Ok(match &self.owners {
            Ok(owners) => owners.get(holder).map(|(id, division)| (Some(*id), division.clone())),
            Err(digits) => (holder.len() == *digits).then(|| (None, holder.to_owned())),
        })
    }

    fn find(&mut self, line: &Line<'_>) -> Result<Option<i64>, StoreError> {
        let values: Vec<Kept> = line.cells.iter().map(Cell::kept).collect();
        let name = name(self.plan, line.parent, line.division, line.period, &values);
        let Some(at) = self.named.get(&name) else { return Ok(None) };
        self.current = *at;
        Ok(self.known.get(*at).map(|known| known.id))
    }

    fn stays(&self, line: &Line<'_>) -> bool {
        let known = self.known.get(self.current);
        known.is_some_and(|known| known.parent == line.parent && known.division == line.division)
    }

    fn differs(&self, field: usize, cell: &Cell<'_>) -> bool {
        self.kept(field) != cell.kept()
    }

    fn kept(&self, field: usize) -> Kept {
        self.known.get(self.current).and_then(|known| known.values.get(field)).cloned().unwrap_or(Kept::Null)
    }

    fn insert(&mut self, line: &Line<'_>) -> Result<Result<i64, Vec<u16>>, StoreError> {
        let known = Known {
            id: self.next,
            version: 1,
            parent: line.parent,
            division: line.division.to_owned(),
            period: line.period,
            values: line.cells.iter().map(Cell::kept).collect(),
        };
        if let Some(fields) = self.taken(&known, None) {
            return Ok(Err(fields));
        }
        let at = self.known.len();
        for unique in &mut self.uniques {
            if let Some(value) = unique.value(&known) {
                unique.taken.insert(value, at);
            }
        }
        let name = name(self.plan, known.parent, &known.division, known.period, &known.values);
        self.named.entry(name).or_insert(at);
        self.known.push(known);
        self.next += 1;
        Ok(Ok(self.next - 1))
    }

    fn update(&mut self, id: i64, cells: &[Cell<'_>]) -> Result<Result<(), Vec<u16>>, StoreError> {
        let at = self.current;
        let Some(known) = self.known.get(at) else { return Ok(Ok(())) };
        let mut values = known.values.clone();
        for (index, cell) in cells.iter().enumerate().filter(|(index, _)| self.plan.gives(*index)) {
            if let Some(value) = values.get_mut(index) {
                *value = cell.kept();
            }
        }
        let (parent, division, period) = (known.parent, known.division.clone(), known.period);
        let after = Known { id, version: known.version + 1, parent, division, period, values };
        if let Some(fields) = self.taken(&after, Some(at)) {
            return Ok(Err(fields));
        }
        for unique in &mut self.uniques {
            let (old, new) = (unique.value(known), unique.value(&after));
            if old != new {
                old.and_then(|old| unique.taken.remove(&old));
                new.and_then(|new| unique.taken.insert(new, at));
            }
        }
        if at < self.first_new {
            self.changed.insert(at);
        }
        if let Some(known) = self.known.get_mut(at) {
            *known = after;
        }
        Ok(Ok(()))
    }
}

impl Unique {
    /// What may stand only once, as bytes; none: it is missing.
    fn value(&self, known: &Known) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.field {
            Some(field) => match known.values.get(field)? {
                Kept::Null => return None,
                value => spell(value, &mut bytes),
            },
            None => place(known.parent, &known.division, known.period, &mut bytes),
        }
        Some(bytes)
    }
}

/// What a row names a record by: its key, or where it belongs, with all that the list says where there are many.
fn name(plan: &Plan<'_>, parent: Option<i64>, division: &str, period: Option<i64>, values: &[Kept]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(value) = plan.key.and_then(|key| values.get(key)) {
        spell(value, &mut bytes);
        return bytes;
    }
    place(parent, division, period, &mut bytes);
    if plan.by_all {
        for (_, value) in values.iter().enumerate().filter(|(index, _)| plan.gives(*index)) {
            spell(value, &mut bytes);
        }
    }
    bytes
}

fn place(parent: Option<i64>, division: &str, period: Option<i64>, bytes: &mut Vec<u8>) {
    match parent {
        Some(parent) => bytes.extend(parent.to_le_bytes()),
        None => bytes.extend(division.as_bytes()),
    }
    bytes.extend(period.unwrap_or(i64::MIN).to_le_bytes());
}

fn spell(value: &Kept, bytes: &mut Vec<u8>) {
    let (kind, text): (u8, &[u8]) = match value {
        Kept::Null => (0, &[]),
        Kept::Integer(number) => {
            bytes.push(1);
            bytes.extend(number.to_le_bytes());
            return;
        }
        Kept::Text(text) => (2, text.as_bytes()),
        Kept::Sealed(sealed) => (3, sealed),
    };
    bytes.push(kind);
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text);
}

/// The unique indexes that [`schema::create`] makes.
fn uniques(plan: &Plan<'_>) -> Vec<Unique> {
    let register = plan.register;
    let fields = register.fields.iter().enumerate().filter(|(index, field)| plan.key == Some(*index) || field.unique);
    let mut found: Vec<Option<usize>> = fields.map(|(index, _)| Some(index)).collect();
    if register.kind != RegisterKind::Entity {
        found.push(None);
    }
    found.into_iter().map(|field| Unique { field, taken: HashMap::new() }).collect()
}

/// The records or divisions that the rows belong to.
async fn owners(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
) -> Result<Result<HashMap<String, (i64, String)>, usize>, StoreError> {
    let above = match plan.register.parent {
        Entity::Level(level) => return Ok(Err(plan.pack.levels.get(level.index()).map_or(0, |level| level.digits))),
        Entity::Register(above) => &plan.pack.registers[above.index()],
    };
    let wanted: BTreeSet<&str> = plan.owner.iter().flatten().collect();
    let (table, key) = (schema::table(above), schema::key_column(above));
    let query = if above.key.is_some() {
        let list = serde_json::to_string(&wanted).unwrap_or_default();
        sql(format!("select {key}, _id, _division from {table} where {key} in {}", DIALECT.each("?"))).bind(list)
    } else {
        let ids: Vec<i64> = wanted.iter().filter_map(|id| id.parse().ok()).collect();
        let list = serde_json::to_string(&ids).unwrap_or_default();
        sql(format!("select _id::text, _id, _division from {table} where _id in {}", DIALECT.each_number("?")))
            .bind(list)
    };
    let rows = fetch(connection, query).await?;
    let owners = rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?))));
    Ok(Ok(owners.collect::<Result<_, sqlx::Error>>()?))
}

/// Values as a JSON list and the words that open it; none: there are no values.
fn json_list(values: &[Kept]) -> Option<(String, String)> {
    let first = values.iter().find(|value| **value != Kept::Null)?;
    let each = match first {
        Kept::Integer(_) => DIALECT.each_number("?"),
        Kept::Sealed(_) => "(select decode(jsonb_array_elements_text((?)::jsonb), 'hex'))".to_owned(),
        _ => DIALECT.each("?"),
    };
    let texts: Vec<String> = values
        .iter()
        .filter_map(|value| match value {
            Kept::Null => None,
            Kept::Integer(number) => Some(number.to_string()),
            Kept::Text(text) => Some(text.clone()),
            Kept::Sealed(bytes) => Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        })
        .collect();
    Some((serde_json::to_string(&texts).ok()?, each))
}

async fn fetch(connection: &mut PgConnection, query: Query) -> Result<Vec<Row>, sqlx::Error> {
    let rows = query.postgres()?.fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

async fn run(connection: &mut PgConnection, query: Query) -> Result<(), sqlx::Error> {
    query.postgres()?.execute(connection).await.map(|_| ())
}
