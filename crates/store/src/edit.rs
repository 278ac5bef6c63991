//! Single records: adding, changing, removing, bringing back, undoing.

use bangfu_policy::model::{Entity, Field, Register, RegisterId, Value};
use serde_json::{Map, Value as Json, json};

use crate::database::{Row, sql};
use crate::journal::{Entry, entry};
use crate::kept::Kept;
use crate::shared::by_hand;
use crate::{Change, RecordId, StoreError, schema, search};

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

/// Where a record stands.
struct Spot {
    /// A given id; none: the next one.
    id: Option<RecordId>,
    parent: Option<RecordId>,
    division: String,
    period: Option<i32>,
}

type Fields = Vec<(u16, Kept)>;

impl Change {
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
        let definition = self.register(register)?.clone();
        let (parent, division) = self.owner(&definition, owner).await?;
        let fields = self.kept(&definition, values);
        let spot = Spot { id: None, parent, division, period };
        let (id, after) = self.place(register, &definition, &spot, fields).await?;
        let body = json!({ "parent": parent.map(|id| id.0), "period": period, "after": after }).to_string();
        self.enter("insert", &definition.id, Some(id), &spot.division, body).await?;
        Ok(id)
    }

    /// Brings a removed record back under its old id, with the values that it had.
    ///
    /// # Errors
    /// It is not removed, what it belonged to is gone, its place was taken, it lay outside the scope, or the database
    /// refuses.
    pub async fn restore(&mut self, register: RegisterId, id: RecordId) -> Result<(), StoreError> {
        let store = self.store.clone();
        let definition = self.register(register)?.clone();
        let absent = || StoreError::Absent(format!("~{} of {} that was removed", id.0, definition.id));
        let text = "select * from journal where register = ? and record = ? and action in ('insert', 'remove', 'restore') \
                    order by seq desc limit 1";
        let last = sql(text).bind(&definition.id).bind(id.0).fetch_optional(&mut *self.connection).await?;
        let last =
            last.map(|row| entry(&row)).transpose()?.filter(|last| last.action == "remove").ok_or_else(absent)?;
        let body: Json = serde_json::from_str(&last.body)?;
        let parent = body.get("parent").and_then(Json::as_i64).map(RecordId);
        let owner = parent.map_or_else(|| Owner::Division(last.division.clone()), Owner::Record);
        let (parent, division) = self.owner(&definition, &owner).await?;
        let period = body.get("period").and_then(Json::as_i64).map(|period| period as i32);
        let fields = written(&store.pack, &definition, body.get("before"))?;
        let spot = Spot { id: Some(id), parent, division, period };
        let (_, after) = self.place(register, &definition, &spot, fields).await?;
        let body = json!({ "parent": parent.map(|id| id.0), "period": period, "after": after, "undoes": last.seq });
        self.enter("restore", &definition.id, Some(id), &spot.division, body.to_string()).await
    }

    /// Gives the fields that an entry changed the values that they had before it. `version` is that of the record as
    /// it was shown.
    ///
    /// # Errors
    /// See [`Change::update`]; there is no such entry, or it changed no fields.
    pub async fn undo(&mut self, register: RegisterId, id: RecordId, version: i64, seq: i64) -> Result<(), StoreError> {
        let store = self.store.clone();
        let definition = self.register(register)?.clone();
        let found = self.entry_of(&definition, id, seq).await?;
        let body: Json = serde_json::from_str(&found.body)?;
        let fields = written(&store.pack, &definition, body.get("before"))?;
        if found.action != "update" || fields.is_empty() {
            return Err(StoreError::Absent(format!("in entry {seq} that can be undone")));
        }
        self.set(register, &definition, (id, version), fields, Some(seq)).await
    }

    /// Removes a record that nothing belongs to; its values stay in the journal. `version` is that of the record as it
    /// was shown.
    ///
    /// # Errors
    /// Records that are kept by hand belong to it, someone else was faster, it lies outside the scope, or the database
    /// refuses.
    pub async fn remove(&mut self, register: RegisterId, id: RecordId, version: i64) -> Result<(), StoreError> {
        let store = self.store.clone();
        let definition = self.register(register)?.clone();
        let row = self.found(register, &definition, id, version).await?;
        let below = || store.pack.registers.iter().filter(|below| below.parent == Entity::Register(register));
        for below in below().filter(|below| !below.kept_by_system()) {
            let text = format!("select 1 from {} where _parent = ? limit 1", schema::table(below));
            let any = sql(text).bind(id.0).fetch_optional(&mut *self.connection).await?;
            if any.is_some() {
                return Err(StoreError::Holds(below.id.clone()));
            }
        }
        let division: String = row.try_get("_division")?;
        // What the system keeps of it goes with it.
        for below in below().filter(|below| below.kept_by_system()) {
            let text = format!("delete from {} where _parent = ?", schema::table(below));
            sql(text).bind(id.0).execute(&mut *self.connection).await?;
            self.touch(below, &division, self.seq + 1).await?;
        }
        let mut before = Map::new();
        for field in &definition.fields {
            before.insert(field.id.clone(), Kept::of_row(field, &row)?.json(&store.pack, field));
        }
        let text = format!("delete from {} where _id = ?", schema::table(&definition));
        sql(text).bind(id.0).execute(&mut *self.connection).await?;
        sql("delete from name_token where register = ? and record = ?")
            .bind(&definition.id)
            .bind(id.0)
            .execute(&mut *self.connection)
            .await?;
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
        let definition = self.register(register)?.clone();
        let fields = self.kept(&definition, values);
        self.set(register, &definition, (id, version), fields, None).await
    }

    /// The record that a request with this key made, and what was asked for; for seven days.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn answered(&mut self, key: &str) -> Result<Option<(Vec<u8>, RecordId)>, StoreError> {
        const KEPT: i64 = 7 * 86_400_000;
        sql("delete from answered where at < ?").bind(self.at - KEPT).execute(&mut *self.connection).await?;
        let row = sql("select request, record from answered where key = ?")
            .bind(key)
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(row.map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, RecordId(row.try_get(1)?)))).transpose()?)
    }

    /// Keeps what a request with a key made.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn answer(&mut self, key: &str, request: &[u8], record: RecordId) -> Result<(), StoreError> {
        sql("insert into answered values (?, ?, ?, ?)")
            .bind(key)
            .bind(request)
            .bind(record.0)
            .bind(self.at)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    fn kept(&self, definition: &Register, values: &[(u16, Option<Value>)]) -> Fields {
        let kept = |(index, value): &(u16, Option<Value>)| {
            let field = definition.fields.get(usize::from(*index))?;
            Some((*index, Kept::of(&self.store.pack, &self.store.secrets, field, value.as_ref())))
        };
        values.iter().filter_map(kept).collect()
    }

    /// Puts a record into its table; its id, and its values as the journal writes them.
    async fn place(
        &mut self,
        register: RegisterId,
        definition: &Register,
        spot: &Spot,
        fields: Fields,
    ) -> Result<(RecordId, Map<String, Json>), StoreError> {
        let store = self.store.clone();
        by_hand(definition)?;
        self.scope.permit(register, &spot.division)?;
        let table = schema::table(definition);
        let seq = self.seq + 1;
        let id = match spot.id {
            Some(id) => id,
            None => self.next_id(definition).await?,
        };
        let (mut names, mut after, mut name, mut values) = (String::new(), Map::new(), None, Vec::new());
        let marks = ", ?".repeat(fields.len());
        for (field, index, kept) in of(definition, fields) {
            names.push_str(&format!(", \"{}\"", field.id));
            after.insert(field.id.clone(), kept.json(&store.pack, field));
            name = name.or(label(definition, index, &kept));
            values.push(kept.argument(field));
        }
        let text = format!(
            "insert into {table} (_id, _version, _parent, _division, _period, _changed{names}) \
             values (?, 1, ?, ?, ?, ?{marks})"
        );
        let insert = sql(text)
            .bind(id.0)
            .bind(spot.parent.map(|id| id.0))
            .bind(&spot.division)
            .bind(spot.period)
            .bind(seq)
            .bind_all(values);
        insert.attempt(&mut self.connection).await.map_err(|error| taken(error, definition))?;
        self.index_name(definition, (id, &spot.division), name).await?;
        self.touch(definition, &spot.division, seq).await?;
        Ok((id, after))
    }

    /// Changes fields; `undoes`: the entry that is undone.
    async fn set(
        &mut self,
        register: RegisterId,
        definition: &Register,
        (id, version): (RecordId, i64),
        fields: Fields,
        undoes: Option<i64>,
    ) -> Result<(), StoreError> {
        let store = self.store.clone();
        let row = self.found(register, definition, id, version).await?;
        let division: String = row.try_get("_division")?;
        let (mut before, mut after) = (Map::new(), Map::new());
        let (mut sets, mut name) = (String::new(), None);
        let mut values = Vec::new();
        for (field, index, kept) in of(definition, fields) {
            sets.push_str(&format!(", \"{}\" = ?", field.id));
            before.insert(field.id.clone(), Kept::of_row(field, &row)?.json(&store.pack, field));
            after.insert(field.id.clone(), kept.json(&store.pack, field));
            name = name.or(label(definition, index, &kept));
            values.push(kept.argument(field));
        }
        let seq = self.seq + 1;
        let table = schema::table(definition);
        let text = format!("update {table} set _version = _version + 1, _changed = {seq}{sets} where _id = ?");
        let update = sql(text).bind_all(values).bind(id.0);
        update.attempt(&mut self.connection).await.map_err(|error| taken(error, definition))?;
        self.index_name(definition, (id, &division), name).await?;
        self.touch(definition, &division, seq).await?;
        let mut body = json!({ "before": before, "after": after });
        if let (Some(body), Some(undone)) = (body.as_object_mut(), undoes) {
            body.insert("undoes".to_owned(), json!(undone));
        }
        self.enter("update", &definition.id, Some(id), &division, body.to_string()).await
    }

    /// The id of a new record.
    async fn next_id(&mut self, definition: &Register) -> Result<RecordId, StoreError> {
        let next = sql(schema::next_id(definition)).bind(&definition.id).fetch_one(&mut *self.connection).await?;
        Ok(RecordId(next.try_get(0)?))
    }

    /// An entry about a record.
    async fn entry_of(&mut self, definition: &Register, id: RecordId, seq: i64) -> Result<Entry, StoreError> {
        let row = sql("select * from journal where seq = ? and register = ? and record = ?")
            .bind(seq)
            .bind(&definition.id)
            .bind(id.0)
            .fetch_optional(&mut *self.connection)
            .await?;
        let row = row.ok_or_else(|| StoreError::Absent(format!("{} with an entry {seq}", id.0)))?;
        Ok(entry(&row)?)
    }

    /// The record above and the division of a new record.
    pub(crate) async fn owner(
        &mut self,
        definition: &Register,
        owner: &Owner,
    ) -> Result<(Option<RecordId>, String), StoreError> {
        let absent = || StoreError::Absent(owner.words());
        match (definition.parent, owner) {
            (Entity::Register(above), Owner::Record(id)) => {
                let table = schema::table(self.register(above)?);
                let text = format!("select _division from {table} where _id = ?");
                let row = sql(text).bind(id.0).fetch_optional(&mut *self.connection).await?;
                Ok((Some(*id), row.ok_or_else(absent)?.try_get(0)?))
            }
            (Entity::Level(level), Owner::Division(code)) => {
                let digits = self.store.pack.levels.get(level.index()).map_or(0, |level| level.digits);
                let text = "select 1 from division where code = ?";
                let found = sql(text).bind(code).fetch_optional(&mut *self.connection).await?;
                if code.len() != digits || found.is_none() {
                    return Err(absent());
                }
                Ok((None, code.clone()))
            }
            _ => Err(absent()),
        }
    }

    /// The record as it is, if it has the version and lies in the scope.
    pub(crate) async fn found(
        &mut self,
        register: RegisterId,
        definition: &Register,
        id: RecordId,
        version: i64,
    ) -> Result<Row, StoreError> {
        let row = self.present(register, definition, id).await?;
        let found: i64 = row.try_get("_version")?;
        if found != version {
            return Err(StoreError::Version { found, given: version });
        }
        Ok(row)
    }

    /// The record as it is, if it lies in the scope and may be changed by hand.
    pub(crate) async fn present(
        &mut self,
        register: RegisterId,
        definition: &Register,
        id: RecordId,
    ) -> Result<Row, StoreError> {
        by_hand(definition)?;
        let table = schema::table(definition);
        let row = sql(format!("select * from {table} where _id = ?"))
            .bind(id.0)
            .fetch_optional(&mut *self.connection)
            .await?
            .ok_or_else(|| StoreError::Absent(format!("{} of {}", id.0, definition.id)))?;
        let division: String = row.try_get("_division")?;
        self.scope.permit(register, &division)?;
        Ok(row)
    }

    /// Lets a record be found by its new name.
    async fn index_name(
        &mut self,
        definition: &Register,
        (id, division): (RecordId, &str),
        name: Option<String>,
    ) -> Result<(), StoreError> {
        let Some(name) = name else { return Ok(()) };
        for token in search::tokens(&name) {
            schema::token(&definition.id, token, id.0, division).execute(&mut *self.connection).await?;
        }
        Ok(())
    }

    /// The snapshot of the division's part is no longer current.
    pub(crate) async fn touch(&mut self, definition: &Register, division: &str, seq: i64) -> Result<(), StoreError> {
        let part = division.get(..schema::part_digits(&self.store.pack)).unwrap_or(division).to_owned();
        schema::touch(&definition.id, &part, seq).execute(&mut *self.connection).await?;
        Ok(())
    }
}

fn of(definition: &Register, fields: Fields) -> impl Iterator<Item = (&Field, u16, Kept)> {
    fields.into_iter().filter_map(|(index, kept)| Some((definition.fields.get(usize::from(index))?, index, kept)))
}

fn label(definition: &Register, index: u16, kept: &Kept) -> Option<String> {
    match kept {
        Kept::Text(name) if definition.label == Some(index) => Some(name.clone()),
        _ => None,
    }
}

/// One side of a journal's entry as fields; those that the pack no longer has are left out.
fn written(
    pack: &bangfu_policy::model::Pack,
    definition: &Register,
    side: Option<&Json>,
) -> Result<Fields, StoreError> {
    let side = side.and_then(Json::as_object);
    let fields = definition.fields.iter().enumerate().filter_map(|(index, field)| {
        let value = side?.get(&field.id)?;
        Some(Kept::of_json(pack, field, value).map(|kept| (index as u16, kept)))
    });
    fields.collect()
}

/// A violated unique index names the fields that another record has already.
pub(crate) fn taken(error: sqlx::Error, definition: &Register) -> StoreError {
    let Some(refused) = error.as_database_error().filter(|refused| refused.is_unique_violation()) else {
        return StoreError::Database(error);
    };
    let fields = match refused.constraint() {
        Some(index) => schema::indexed(definition, index),
        None => named(refused.message(), definition).collect(),
    };
    let fields = fields.into_iter();
    let fields = fields.filter_map(|index| definition.fields.get(usize::from(index)).map(|field| field.id.clone()));
    StoreError::Taken { register: definition.id.clone(), fields: fields.collect() }
}

/// The fields that the message of a violated unique index names.
pub(crate) fn named<'a>(message: &'a str, definition: &'a Register) -> impl Iterator<Item = u16> + 'a {
    definition.fields.iter().enumerate().filter_map(move |(index, field)| {
        let column = format!(".{}", field.id);
        message.split([',', ' ', ':']).any(|word| word.ends_with(&column)).then_some(index as u16)
    })
}
