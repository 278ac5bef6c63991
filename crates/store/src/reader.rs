//! Reading records: lists, single records, children, batches.

use bangfu_policy::model::{Field, FieldType, Pack, Register, RegisterId, Value};

use crate::database::{Argument, Dialect, Query, Row, sql};
use crate::kept::Kept;
use crate::scope::after;
use crate::secrets::masked;
use crate::{Owner, RecordId, Scope, Store, StoreError, bulk, schema, search};

/// Most records of one page.
const MOST_RECORDS: u64 = 100_000;

/// Reads within a scope.
#[derive(Clone)]
pub struct Reader {
    pub(crate) store: Store,
    pub(crate) scope: Scope,
}

/// A record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Id.
    pub id: RecordId,
    /// Register.
    pub register: RegisterId,
    /// Grows with every change.
    pub version: i64,
    /// The record that it belongs to.
    pub parent: Option<RecordId>,
    /// Code of its division.
    pub division: String,
    /// Period of a periodic register.
    pub period: Option<i32>,
    /// Journal entry of the last change.
    pub changed: i64,
    /// Values in the order of the fields; secret ones masked unless the scope may see them.
    pub values: Vec<Option<Value>>,
}

/// A condition on a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Position of the field.
    pub field: u16,
    /// How it is compared.
    pub operator: Operator,
    /// With what; codes as positions.
    pub values: Vec<Value>,
}

/// Comparison of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// One of the values.
    In,
    /// None of the values.
    NotIn,
    /// At least the first value.
    AtLeast,
    /// At most the first value.
    AtMost,
    /// A text that contains the first value.
    Contains,
    /// Missing.
    Missing,
    /// Known.
    Known,
}

/// Order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// By division, then key.
    Place,
    /// By a field.
    Field(u16),
}

/// What a list shows.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Only below this division.
    pub division: Option<String>,
    /// Conditions, all of which hold.
    pub filters: Vec<Filter>,
    /// Only these keys.
    pub keys: Option<Vec<String>>,
    /// Only children of this record.
    pub parent: Option<RecordId>,
    /// Only children of the records of this register that its query finds.
    pub above: Option<(RegisterId, Box<ListQuery>)>,
    /// Name, part of it, or its sound; or the beginning of the key.
    pub search: Option<String>,
    /// Order.
    pub sort: Sort,
    /// Backwards.
    pub descending: bool,
    /// Records left out at the beginning.
    pub offset: u64,
    /// Most records.
    pub limit: u64,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            division: None,
            filters: Vec::new(),
            keys: None,
            parent: None,
            above: None,
            search: None,
            sort: Sort::Place,
            descending: false,
            offset: 0,
            limit: 50,
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// How many match in all.
    pub total: u64,
}

/// Text and arguments of a `where`.
#[derive(Default)]
pub(crate) struct Conditions {
    pub(crate) text: String,
    pub(crate) arguments: Vec<Argument>,
}

impl Conditions {
    pub(crate) fn and(&mut self, text: &str) {
        self.text.push_str(" and ");
        self.text.push_str(text);
    }

    pub(crate) fn bind(&mut self, value: impl Into<Argument>) {
        self.arguments.push(value.into());
    }

    /// A `select` under these conditions.
    pub(crate) fn query(self, text: String) -> Query {
        sql(text).bind_all(self.arguments)
    }
}

impl Reader {
    pub(crate) fn register(&self, register: RegisterId) -> Result<&Register, StoreError> {
        let found = self.store.pack.registers.get(register.index());
        found.ok_or_else(|| StoreError::Absent(format!("of register {}", register.0)))
    }

    pub(crate) fn conditions(&self, register: RegisterId, query: &ListQuery) -> Result<Option<Conditions>, StoreError> {
        let mut conditions = Conditions::default();
        Ok(self.add_conditions(register, query, &mut conditions)?.then_some(conditions))
    }

    /// The one place where queries are bound to the scope; false: nothing is seen.
    fn add_conditions(
        &self,
        register: RegisterId,
        query: &ListQuery,
        conditions: &mut Conditions,
    ) -> Result<bool, StoreError> {
        let definition = self.register(register)?;
        let Some(prefix) = self.scope.narrowed(register, query.division.as_deref()) else { return Ok(false) };
        if prefix.is_empty() {
            conditions.text.push_str(" where true");
        } else {
            conditions.text.push_str(" where _division >= ? and _division < ?");
            conditions.bind(prefix.clone());
            conditions.bind(after(&prefix));
        }
        if let Some(parent) = query.parent {
            conditions.and("_parent = ?");
            conditions.bind(parent.0);
        }
        if let Some((above, wanted)) = &query.above {
            conditions.and(&format!("_parent in (select _id from {}", schema::table(self.register(*above)?)));
            if !self.add_conditions(*above, wanted, conditions)? {
                return Ok(false);
            }
            conditions.text.push(')');
        }
        if let Some(keys) = &query.keys {
            let (key, dialect) = (schema::key_column(definition), self.store.dialect());
            if definition.key.is_some() {
                conditions.and(&format!("{key} in {}", dialect.each("?")));
                conditions.bind(serde_json::to_string(keys)?);
            } else {
                let ids: Vec<i64> = keys.iter().filter_map(|key| key.parse().ok()).collect();
                conditions.and(&format!("{key} in {}", dialect.each_number("?")));
                conditions.bind(serde_json::to_string(&ids)?);
            }
        }
        for filter in &query.filters {
            self.filter(definition, filter, conditions);
        }
        if let Some(words) = query.search.as_deref().filter(|words| !words.trim().is_empty()) {
            searched(self.store.dialect(), definition, (&prefix, words), conditions);
        }
        Ok(true)
    }

    fn filter(&self, register: &Register, filter: &Filter, conditions: &mut Conditions) {
        let Some(field) = register.fields.get(filter.field as usize) else { return };
        let column = format!("\"{}\"", field.id);
        match filter.operator {
            Operator::Missing => conditions.and(&format!("{column} is null")),
            Operator::Known => conditions.and(&format!("{column} is not null")),
            Operator::In | Operator::NotIn => {
                let marks = vec!["?"; filter.values.len()].join(", ");
                let marks = if marks.is_empty() { "null".to_owned() } else { marks };
                let not = if filter.operator == Operator::NotIn { "not " } else { "" };
                conditions.and(&format!("{column} {not}in ({marks})"));
                for value in &filter.values {
                    conditions.bind(self.argument(field, value));
                }
            }
            Operator::AtLeast | Operator::AtMost => {
                if let Some(value) = filter.values.first() {
                    let sign = if filter.operator == Operator::AtLeast { ">=" } else { "<=" };
                    conditions.and(&format!("{column} {sign} ?"));
                    conditions.bind(self.argument(field, value));
                }
            }
            // Parts of what is sealed are not found.
            Operator::Contains if field.secret => conditions.and("false"),
            Operator::Contains => {
                if let Some(Value::Text(text)) = filter.values.first() {
                    conditions.and(&format!("{} > 0", self.store.dialect().position(&column, "?")));
                    conditions.bind(text.clone());
                }
            }
        }
    }

    /// A value that a field is compared with.
    fn argument(&self, field: &Field, value: &Value) -> Argument {
        Kept::of(&self.store.pack, &self.store.secrets, field, Some(value)).argument(field)
    }

    /// A page of a list and the number of all matches.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn list(&self, register: RegisterId, query: &ListQuery) -> Result<Page, StoreError> {
        let total = self.count(register, query).await?;
        let records = if total > query.offset { self.records(register, query).await? } else { Vec::new() };
        Ok(Page { records, total })
    }

    /// A page of a list.
    async fn records(&self, register: RegisterId, query: &ListQuery) -> Result<Vec<Record>, StoreError> {
        let Some(conditions) = self.conditions(register, query)? else { return Ok(Vec::new()) };
        let definition = self.register(register)?;
        let order = match query.sort {
            Sort::Place => {
                let way = if query.descending { "desc" } else { "asc" };
                format!("_division {way}, {}", self.sorted_key(definition, query.descending))
            }
            Sort::Field(field) => self.sorted_field(definition, field, query.descending),
        };
        let limit = query.limit.min(MOST_RECORDS);
        let text = format!(
            "select * from {}{} order by {order} limit {limit} offset {}",
            schema::table(definition),
            conditions.text,
            query.offset
        );
        let rows = conditions.query(text).fetch_all(&self.store.readers).await?;
        rows.iter().map(|row| self.record(register, definition, row)).collect()
    }

    /// Of some registers those that are seen and have records of an owner, whom the caller found within the scope.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn filled(&self, registers: &[RegisterId], owner: &Owner) -> Result<Vec<RegisterId>, StoreError> {
        // Far below what either database takes in one answer.
        const AT_ONCE: usize = 200;
        let column = match owner {
            Owner::Record(_) => "_parent",
            Owner::Division(_) => "_division",
        };
        let mut filled = Vec::new();
        let seen: Vec<RegisterId> = registers.iter().copied().filter(|register| self.scope.sees(*register)).collect();
        for some in seen.chunks(AT_ONCE) {
            let mut each = Vec::new();
            for register in some {
                let table = schema::table(self.register(*register)?);
                each.push(format!(
                    "cast(case when exists (select 1 from {table} where {column} = ?1) then 1 else 0 end as bigint)"
                ));
            }
            let query = sql(format!("select {}", each.join(", ")));
            let query = match owner {
                Owner::Record(id) => query.bind(id.0),
                Owner::Division(code) => query.bind(code),
            };
            let row = query.fetch_one(&self.store.readers).await?;
            for (n, register) in some.iter().enumerate() {
                if row.try_get::<i64, _>(n)? == 1 {
                    filled.push(*register);
                }
            }
        }
        Ok(filled)
    }

    /// How many records match.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn count(&self, register: RegisterId, query: &ListQuery) -> Result<u64, StoreError> {
        let Some(conditions) = self.conditions(register, query)? else { return Ok(0) };
        let text = format!("select count(*) from {}{}", schema::table(self.register(register)?), conditions.text);
        let row = conditions.query(text).fetch_one(&self.store.readers).await?;
        Ok(row.try_get::<i64, _>(0)? as u64)
    }

    /// The record with a key.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn get(&self, register: RegisterId, key: &str) -> Result<Option<Record>, StoreError> {
        let query = ListQuery { keys: Some(vec![key.to_owned()]), limit: 1, ..ListQuery::default() };
        Ok(self.records(register, &query).await?.pop())
    }

    /// The record with an id.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn by_id(&self, register: RegisterId, id: RecordId) -> Result<Option<Record>, StoreError> {
        let Some(mut conditions) = self.conditions(register, &ListQuery::default())? else { return Ok(None) };
        conditions.and("_id = ?");
        conditions.bind(id.0);
        let definition = self.register(register)?;
        let text = format!("select * from {}{}", schema::table(definition), conditions.text);
        let row = conditions.query(text).fetch_optional(&self.store.readers).await?;
        row.map(|row| self.record(register, definition, &row)).transpose()
    }

    /// Records of a register that belong to a record.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn children(&self, register: RegisterId, parent: RecordId) -> Result<Vec<Record>, StoreError> {
        let query = ListQuery { parent: Some(parent), limit: MOST_RECORDS, ..ListQuery::default() };
        self.records(register, &query).await
    }

    /// Records of a register kept for a division itself (not those below it).
    ///
    /// # Errors
    /// The database refuses.
    pub async fn of_division(&self, register: RegisterId, code: &str) -> Result<Vec<Record>, StoreError> {
        let query = ListQuery { division: Some(code.to_owned()), limit: 1000, ..ListQuery::default() };
        let mut records = self.records(register, &query).await?;
        records.retain(|record| record.division == code);
        Ok(records)
    }

    /// Records of a division as a batch in the columns of snapshots, sorted by division, parent and key.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn batch(&self, register: RegisterId, division: &str) -> Result<arrow::array::RecordBatch, StoreError> {
        let prefix = self
            .scope
            .narrowed(register, Some(division))
            .ok_or_else(|| StoreError::Scope { division: division.to_owned(), scope: self.scope.division.clone() })?;
        bulk::read(&self.store.readers, &self.store.pack, register, &prefix).await
    }

    /// The key as a column to sort by. One that every record has can be read from its index.
    fn sorted_key(&self, definition: &Register, descending: bool) -> String {
        let key = schema::key_column(definition);
        let field = definition.key.and_then(|key| definition.fields.get(usize::from(key)));
        match (field.is_none_or(|field| field.required), descending) {
            (true, false) => key,
            (true, true) => format!("{key} desc"),
            (false, _) => self.store.dialect().sorted(&key, descending),
        }
    }

    /// A field as columns to sort by; by id without it.
    pub(crate) fn sorted_field(&self, definition: &Register, field: u16, descending: bool) -> String {
        match definition.fields.get(usize::from(field)) {
            Some(field) => {
                format!("{}, _id", self.store.dialect().sorted(&format!("\"{}\"", field.id), descending))
            }
            None => "_id".to_owned(),
        }
    }

    pub(crate) fn record(&self, register: RegisterId, definition: &Register, row: &Row) -> Result<Record, StoreError> {
        let pack: &Pack = &self.store.pack;
        let mut values = Vec::with_capacity(definition.fields.len());
        for field in &definition.fields {
            let id = field.id.as_str();
            values.push(if field.secret {
                let sealed: Option<Vec<u8>> = row.try_get(id)?;
                let text = sealed.and_then(|sealed| self.store.secrets.open(id, &sealed));
                text.map(|text| Value::Text(if self.scope.unmask { text } else { masked(&text) }))
            } else {
                match field.ty {
                    FieldType::Boolean => row.try_get::<Option<i64>, _>(id)?.map(|truth| Value::Boolean(truth != 0)),
                    FieldType::Code(list) => {
                        let text: Option<String> = row.try_get(id)?;
                        let codes = pack.codes.get(list.index());
                        let position = |text: String| codes?.values.iter().position(|code| code.code == text);
                        text.and_then(position).map(|position| Value::Integer(position as i64))
                    }
                    _ if field.ty.is_text() => row.try_get::<Option<String>, _>(id)?.map(Value::Text),
                    _ => row.try_get::<Option<i64>, _>(id)?.map(Value::Integer),
                }
            });
        }
        Ok(Record {
            id: RecordId(row.try_get("_id")?),
            register,
            version: row.try_get("_version")?,
            parent: row.try_get::<Option<i64>, _>("_parent")?.map(RecordId),
            division: row.try_get("_division")?,
            period: row.try_get::<Option<i64>, _>("_period")?.map(|period| period as i32),
            changed: row.try_get("_changed")?,
            values,
        })
    }
}

fn searched(dialect: Dialect, definition: &Register, (prefix, words): (&str, &str), conditions: &mut Conditions) {
    let words = words.trim();
    let key = match definition.key {
        Some(_) => schema::key_column(definition),
        None => "cast(_id as text)".to_owned(),
    };
    let looks_like_key = words.chars().any(|c| c.is_ascii_digit());
    if looks_like_key || definition.label.is_none() {
        conditions.and(&format!("{key} >= ? and {key} < ?"));
        conditions.bind(words.to_owned());
        conditions.bind(after(words));
        return;
    }
    for (token, beginning) in search::wanted(words) {
        let range = if beginning { "token >= ? and token < ?" } else { "token = ?" };
        // The place stands beside the token: a frequent one is looked through without a look at its records.
        let place = "division >= ? and division < ?";
        let select = format!("select record from name_token where register = ? and {range} and {place}");
        conditions.and(&dialect.among("_id", &select));
        conditions.bind(definition.id.clone());
        conditions.bind(token.clone());
        if beginning {
            conditions.bind(after(&token));
        }
        conditions.bind(prefix.to_owned());
        conditions.bind(after(prefix));
    }
}
