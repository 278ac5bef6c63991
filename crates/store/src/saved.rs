//! Queries of lists that were given a name.

use bangfu_policy::model::RegisterId;
use serde_json::json;

use crate::database::sql;
use crate::{Change, Reader, StoreError};

/// A query with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// Id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// The query of the address.
    pub query: String,
    /// Who saved it.
    pub actor: String,
}

impl Change {
    /// Gives a query of a register's list a name; a query that had the name is replaced.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn save_query(&mut self, register: RegisterId, name: &str, query: &str) -> Result<(), StoreError> {
        let id = self.register(register)?.id.clone();
        sql(
            "insert into saved_query (register, name, query, actor, at) values (?, ?, ?, ?, ?) \
             on conflict (register, name) do update set query = excluded.query, actor = excluded.actor, at = excluded.at",
        )
        .bind(&id)
        .bind(name)
        .bind(query)
        .bind(self.actor.name().to_owned())
        .bind(self.at)
        .execute(&mut *self.connection)
        .await?;
        self.enter("save", &id, None, "", json!({ "name": name, "query": query }).to_string()).await
    }

    /// Forgets a query.
    ///
    /// # Errors
    /// There is none, or the database refuses.
    pub async fn forget_query(&mut self, register: RegisterId, query: i64) -> Result<(), StoreError> {
        let id = self.register(register)?.id.clone();
        let row = sql("delete from saved_query where id = ? and register = ? returning name, query")
            .bind(query)
            .bind(&id)
            .fetch_optional(&mut *self.connection)
            .await?;
        let row = row.ok_or_else(|| StoreError::Absent(format!("query {query}")))?;
        let (name, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        self.enter("forget", &id, None, "", json!({ "name": name, "query": text }).to_string()).await
    }
}

impl Reader {
    /// The saved queries of a register's list, by name.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn saved_queries(&self, register: RegisterId) -> Result<Vec<SavedQuery>, StoreError> {
        if !self.scope.sees(register) {
            return Ok(Vec::new());
        }
        let rows = sql("select id, name, query, actor from saved_query where register = ? order by name")
            .bind(&self.register(register)?.id)
            .fetch_all(&self.store.readers)
            .await?;
        let saved = rows.iter().map(|row| {
            Ok(SavedQuery {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
                query: row.try_get(2)?,
                actor: row.try_get(3)?,
            })
        });
        Ok(saved.collect::<Result<_, sqlx::Error>>()?)
    }
}
