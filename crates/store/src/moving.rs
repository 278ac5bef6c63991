//! All tables of a file, copied into a database of PostgreSQL.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use crate::bulk::raw::{self, Step};
use crate::database::{Connection, Dialect, copy_in, sql};
use crate::{Store, StoreError};

/// Rows that are sent together.
const AT_A_TIME: usize = 50_000;

/// A table of the file with its columns.
struct Table {
    name: String,
    definition: String,
    /// Name and declared type.
    columns: Vec<(String, String)>,
    rows: u64,
}

/// How a column of PostgreSQL wants its values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Truth,
    Bytes,
}

impl Store {
    /// Copies all tables into the empty database of another store, in one transaction; rows copied. `progress` is told
    /// rows copied and all rows. What the pack no longer names comes along.
    ///
    /// # Errors
    /// This store is no file or the other one no server, or a database refuses; then nothing was copied.
    pub async fn copy_to(
        &self,
        target: &Store,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<u64, StoreError> {
        let (mut from, mut to) = (self.free_writer().await, target.free_writer().await);
        // Nobody writes into the file meanwhile, also no other process.
        from.begin().await?;
        to.begin().await?;
        let (Connection::Sqlite(source), Connection::Postgres(server)) = (&mut *from, &mut *to) else {
            return Err(StoreError::Schema("a registry is moved from a file to a server".to_owned()));
        };
        let tables = tables(source).await?;
        let all = tables.iter().map(|table| table.rows).sum();
        let mut done = 0;
        for table in &tables {
            let kinds = prepare(server, table).await?;
            copy(source, server, table, &kinds, &mut |rows| {
                done += rows;
                progress(done, all);
            })
            .await?;
        }
        number_on(server).await?;
        to.run("commit").await?;
        from.run("rollback").await?;
        Ok(done)
    }

    /// Hash of the last journal entry, lower-case hex; empty without entries.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn journal_hash(&self) -> Result<String, StoreError> {
        let (_, hash) = crate::journal::last(&self.readers).await?;
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The tables of a file in the order in which they were made.
async fn tables(source: &mut SqliteConnection) -> Result<Vec<Table>, StoreError> {
    let mut handle = source.lock_handle().await?;
    let connection = raw::Connection::new(handle.as_raw_handle());
    let mut listed = connection.prepare(
        "select name, sql from sqlite_master where type = 'table' and name not like 'sqlite_%' order by rowid",
    )?;
    let mut tables = Vec::new();
    while listed.step()? == Step::Row {
        let (name, definition) = (listed.text(0).unwrap_or_default(), listed.text(1).unwrap_or_default());
        let mut described = connection.prepare(&format!("select name, type from pragma_table_info('{name}')"))?;
        let mut columns = Vec::new();
        while described.step()? == Step::Row {
            let text = |column| described.text(column).unwrap_or_default().to_owned();
            columns.push((text(0), text(1)));
        }
        let mut counted = connection.prepare(&format!("select count(*) from \"{name}\""))?;
        counted.step()?;
        let rows = counted.integer(0).unwrap_or(0).unsigned_abs();
        tables.push(Table { name: name.to_owned(), definition: definition.to_owned(), columns, rows });
    }
    Ok(tables)
}

/// Makes the table and columns that the pack no longer names, and empties what opening the database wrote; how each
/// column wants its values.
async fn prepare(server: &mut PgConnection, table: &Table) -> Result<Vec<Kind>, StoreError> {
    let name = &table.name;
    let execute = async |server: &mut PgConnection, text: String| sql(text).postgres()?.execute(server).await;
    let definition = table.definition.replacen("CREATE TABLE", "create table if not exists", 1);
    execute(server, Dialect::Postgres.table(&definition)).await?;
    for (column, kind) in &table.columns {
        let added = format!("alter table \"{name}\" add column if not exists \"{column}\" {}", kind.to_lowercase());
        execute(server, Dialect::Postgres.table(&added)).await?;
    }
    if name != "journal" {
        execute(server, format!("delete from \"{name}\"")).await?;
    }
    let described = "select column_name::text, data_type::text from information_schema.columns \
                     where table_schema = current_schema() and table_name = ?";
    let rows = sql(described).bind(name).postgres()?.fetch_all(server).await?;
    let mut kinds = HashMap::new();
    for row in &rows {
        let (column, kind): (String, String) = (sqlx::Row::try_get(row, 0)?, sqlx::Row::try_get(row, 1)?);
        let kind = match kind.as_str() {
            "bigint" => Kind::Integer,
            "boolean" => Kind::Truth,
            _ => Kind::Bytes,
        };
        kinds.insert(column, kind);
    }
    Ok(table.columns.iter().map(|(column, _)| kinds.get(column).copied().unwrap_or(Kind::Bytes)).collect())
}

async fn copy(
    source: &mut SqliteConnection,
    server: &mut PgConnection,
    table: &Table,
    kinds: &[Kind],
    copied: &mut (dyn FnMut(u64) + Send),
) -> Result<(), StoreError> {
    let columns: Vec<String> = table.columns.iter().map(|(column, _)| format!("\"{column}\"")).collect();
    let columns = columns.join(", ");
    let into = format!("\"{}\" ({columns})", table.name);
    let mut handle = source.lock_handle().await?;
    let connection = raw::Connection::new(handle.as_raw_handle());
    let mut statement = connection.prepare(&format!("select {columns} from \"{}\"", table.name))?;
    loop {
        let mut page: Vec<Option<Vec<u8>>> = Vec::new();
        let mut rows = 0;
        while rows < AT_A_TIME && statement.step()? == Step::Row {
            for (at, kind) in kinds.iter().enumerate() {
                page.push(match kind {
                    Kind::Integer => statement.integer(at).map(|value| value.to_be_bytes().to_vec()),
                    Kind::Truth => statement.integer(at).map(|value| vec![u8::from(value != 0)]),
                    Kind::Bytes => statement.bytes(at).map(<[u8]>::to_vec),
                });
            }
            rows += 1;
        }
        copy_in(server, (&into, kinds.len()), |sheet| {
            for row in page.chunks(kinds.len()) {
                sheet.row();
                for value in row {
                    sheet.field(value.as_deref());
                }
            }
        })
        .await?;
        copied(rows as u64);
        if rows < AT_A_TIME {
            return Ok(());
        }
    }
}

/// New ids follow those that were copied.
async fn number_on(server: &mut PgConnection) -> Result<(), StoreError> {
    let columns = "select table_name::text, column_name::text from information_schema.columns \
                   where table_schema = current_schema() and is_identity = 'YES'";
    for row in &sql(columns).postgres()?.fetch_all(&mut *server).await? {
        let (table, column): (String, String) = (sqlx::Row::try_get(row, 0)?, sqlx::Row::try_get(row, 1)?);
        let text = format!(
            "select setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max({column}), 0) + 1, false) from {table}"
        );
        sql(text).postgres()?.fetch_all(&mut *server).await?;
    }
    Ok(())
}
