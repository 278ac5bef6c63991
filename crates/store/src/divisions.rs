//! The tree of divisions.

use crate::database::{Connection, Row, sql};
use crate::{Reader, StoreError};

/// A division.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Name in English; empty where there is none.
    pub name_en: String,
    /// Position of its level, from the top.
    pub level: usize,
}

fn division(row: &Row) -> Result<Division, sqlx::Error> {
    Ok(Division {
        code: row.try_get(0)?,
        name: row.try_get(1)?,
        name_en: row.try_get(2)?,
        level: row.try_get::<i64, _>(3)? as usize,
    })
}

/// Adds or renames divisions; returns how many rows changed.
pub(crate) async fn write(connection: &mut Connection, divisions: &[Division]) -> Result<u64, StoreError> {
    let mut changed = 0;
    for division in divisions {
        let result = sql(
            "insert into division (code, name, name_en, level) values (?, ?, ?, ?) on conflict (code) do update set \
             name = excluded.name, name_en = excluded.name_en, level = excluded.level \
             where division.name <> excluded.name or division.name_en <> excluded.name_en or division.level <> excluded.level",
        )
        .bind(&division.code)
        .bind(&division.name)
        .bind(&division.name_en)
        .bind(division.level as i64)
        .execute(&mut *connection)
        .await?;
        changed += result;
    }
    Ok(changed)
}

impl Reader {
    /// All divisions of the scope, sorted by code.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn divisions(&self) -> Result<Vec<Division>, StoreError> {
        let rows = sql("select code, name, name_en, level from division where code >= ? and code < ? order by code")
            .bind(&self.scope.division)
            .bind(crate::scope::after(&self.scope.division))
            .fetch_all(&self.store.readers)
            .await?;
        Ok(rows.iter().map(division).collect::<Result<_, _>>()?)
    }
}
