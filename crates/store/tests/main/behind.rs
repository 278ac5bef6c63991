//! What somebody does who has the database itself.

use std::path::Path;

use bangfu_store::Address;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};

use super::place::{address, server};

/// Runs a statement behind the store's back.
pub(crate) async fn run(folder: &Path, text: &str) -> Result<(), sqlx::Error> {
    match address(folder).await {
        Address::File(path) => {
            let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
            connection.execute(AssertSqlSafe(text.to_owned())).await?;
            connection.close().await
        }
        Address::Server(url) => {
            let mut connection = PgConnection::connect(&url).await?;
            connection.execute(AssertSqlSafe(text.to_owned())).await?;
            connection.close().await
        }
    }
}

/// Takes away what keeps the journal from being changed, as somebody with all rights on the database can.
pub(crate) async fn unguard(folder: &Path) {
    let text =
        if server().is_some() { "alter table journal disable trigger all" } else { "drop trigger journal_no_update" };
    run(folder, text).await.unwrap();
}

/// How many households of the database hold a text in clear in any column.
pub(crate) async fn holding(folder: &Path, text: &str) -> usize {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    match address(folder).await {
        Address::File(path) => {
            let count = std::fs::read(path).unwrap().windows(text.len()).filter(|window| holds(window)).count();
            // A name stands in the table and in the words by which it is found: here it only matters whether it does.
            count.min(2)
        }
        Address::Server(url) => {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let rows = sqlx::query("select convert_to(name, 'UTF8'), phone from r_household");
            let rows = rows.fetch_all(&mut connection).await.unwrap();
            let bytes = |row: &sqlx::postgres::PgRow, column: usize| row.get::<Vec<u8>, _>(column);
            rows.iter().filter(|row| holds(&bytes(row, 0)) || holds(&bytes(row, 1))).count()
        }
    }
}
