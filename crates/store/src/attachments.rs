//! Files that belong to records and cases: what is known of them. Their bytes lie in the data folder, named by their hash.

use bangfu_policy::model::RegisterId;
use serde_json::json;

use crate::database::{Row, sql};
use crate::{Change, Reader, RecordId, StoreError};

/// What a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// A record.
    Record(RegisterId, RecordId),
    /// A case, by its id.
    Case(i64),
}

/// The name under which files of cases are kept, where records have their register.
const CASE: &str = "@case";

/// A file of a record or case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Id.
    pub id: i64,
    /// SHA-256 of its bytes, lower-case hex.
    pub hash: String,
    /// Name that it came with.
    pub name: String,
    /// Media type, found out from its bytes.
    pub media: String,
    /// Bytes.
    pub size: i64,
    /// Who brought it.
    pub actor: String,
    /// When, milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// A file that is about to belong to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// See [`Attachment::hash`].
    pub hash: String,
    /// See [`Attachment::name`].
    pub name: String,
    /// See [`Attachment::media`].
    pub media: String,
    /// Bytes.
    pub size: i64,
}

fn attachment(row: &Row) -> Result<Attachment, sqlx::Error> {
    Ok(Attachment {
        id: row.try_get("id")?,
        hash: row.try_get("hash")?,
        name: row.try_get("name")?,
        media: row.try_get("media")?,
        size: row.try_get("size")?,
        actor: row.try_get("actor")?,
        at: row.try_get("at")?,
    })
}

impl Change {
    /// Under which names files of something are kept, and its division.
    async fn bearer(&mut self, bearer: Bearer) -> Result<(String, RecordId, String), StoreError> {
        match bearer {
            Bearer::Record(register, record) => {
                let definition = self.register(register)?.clone();
                let row = self.present(register, &definition, record).await?;
                Ok((definition.id, record, row.try_get("_division")?))
            }
            Bearer::Case(id) => {
                let query = sql("select division from case_file where id = ?").bind(id);
                let row = query.fetch_optional(&mut *self.connection).await?;
                let division: String = row.ok_or_else(|| StoreError::Absent(format!("case {id}")))?.try_get(0)?;
                if !self.scope.covers(&division) {
                    return Err(StoreError::Scope { division, scope: self.scope.division.clone() });
                }
                Ok((CASE.to_owned(), RecordId(id), division))
            }
        }
    }

    /// Adds a file to what has fewer than `most`; its id.
    ///
    /// # Errors
    /// The record or case does not exist or lies outside the scope, has `most` files, or the database refuses.
    pub async fn attach(&mut self, bearer: Bearer, file: &NewFile, most: i64) -> Result<i64, StoreError> {
        let (register, record, division) = self.bearer(bearer).await?;
        let count = sql("select count(*) from attachment where register = ? and record = ?")
            .bind(&register)
            .bind(record.0)
            .fetch_one(&mut *self.connection)
            .await?;
        if count.try_get::<i64, _>(0)? >= most {
            return Err(StoreError::Full(most));
        }
        let done = sql(
            "insert into attachment (register, record, hash, name, media, size, actor, at) values (?, ?, ?, ?, ?, ?, ?, ?) returning id",
        )
        .bind(&register)
        .bind(record.0)
        .bind(&file.hash)
        .bind(&file.name)
        .bind(&file.media)
        .bind(file.size)
        .bind(self.actor.name().to_owned())
        .bind(self.at)
        .fetch_one(&mut *self.connection)
        .await?;
        let id: i64 = done.try_get(0)?;
        let body = json!({
            "file": id, "hash": file.hash, "name": file.name, "media": file.media, "size": file.size,
        });
        self.enter("attach", &register, Some(record), &division, body.to_string()).await?;
        Ok(id)
    }

    /// Takes a file away; its hash, and whether something else has the same bytes.
    ///
    /// # Errors
    /// There is no such file, what it belongs to lies outside the scope, or the database refuses.
    pub async fn detach(&mut self, bearer: Bearer, id: i64) -> Result<(String, bool), StoreError> {
        let (register, record, division) = self.bearer(bearer).await?;
        let found = sql("select * from attachment where id = ? and register = ? and record = ?")
            .bind(id)
            .bind(&register)
            .bind(record.0)
            .fetch_optional(&mut *self.connection)
            .await?;
        let found = attachment(&found.ok_or_else(|| StoreError::Absent(format!("file {id}")))?)?;
        sql("delete from attachment where id = ?").bind(id).execute(&mut *self.connection).await?;
        let other = sql("select 1 from attachment where hash = ? limit 1")
            .bind(&found.hash)
            .fetch_optional(&mut *self.connection)
            .await?;
        let body = json!({
            "file": id, "hash": found.hash, "name": found.name, "media": found.media, "size": found.size,
        });
        self.enter("detach", &register, Some(record), &division, body.to_string()).await?;
        Ok((found.hash, other.is_some()))
    }
}

impl Reader {
    /// Whether a record or case – of whatever scope – has a file with these bytes.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn keeps(&self, hash: &str) -> Result<bool, StoreError> {
        let row = sql("select 1 from attachment where hash = ? limit 1")
            .bind(hash)
            .fetch_optional(&self.store.readers)
            .await?;
        Ok(row.is_some())
    }

    /// Files of a record or case that is seen, oldest first.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn attachments(&self, bearer: Bearer) -> Result<Vec<Attachment>, StoreError> {
        let (register, record, seen) = match bearer {
            Bearer::Record(register, record) => {
                let seen = self.by_id(register, record).await?.is_some();
                (self.register(register)?.id.as_str(), record, seen)
            }
            Bearer::Case(id) => (CASE, RecordId(id), self.case(id).await?.is_some()),
        };
        if !seen {
            return Ok(Vec::new());
        }
        let rows = sql("select * from attachment where register = ? and record = ? order by id")
            .bind(register)
            .bind(record.0)
            .fetch_all(&self.store.readers)
            .await?;
        Ok(rows.iter().map(attachment).collect::<Result<_, _>>()?)
    }
}
