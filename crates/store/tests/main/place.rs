//! The database of a test: a file in its folder, or a database of the server that `BANGFU_TEST_POSTGRES` names, which
//! `cargo xtask test` starts. Every test runs on either.

use std::path::Path;

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::Address;

/// The server that tests run on; none: they run on files.
pub(crate) fn server() -> Option<String> {
    std::env::var("BANGFU_TEST_POSTGRES").ok()
}

/// The database of a folder, which is made when it is asked for first.
pub(crate) async fn address(folder: &Path) -> Address {
    database(folder).await.map_or_else(|| Address::File(folder.join("registry.sqlite")), Address::Server)
}

/// The database of the server that belongs to a folder; none: tests run on files.
pub(crate) async fn database(folder: &Path) -> Option<String> {
    let server = server()?;
    let hash: String =
        Sha256::digest(folder.as_os_str().as_encoded_bytes())[..8].iter().map(|b| format!("{b:02x}")).collect();
    let name = format!("t_{hash}");
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let there = sqlx::query("select 1 from pg_database where datname = $1").bind(&name);
    if there.fetch_optional(&mut connection).await.unwrap().is_none() {
        let made = format!("create database {name} template template0 encoding 'UTF8' locale 'C'");
        connection.execute(AssertSqlSafe(made)).await.unwrap();
    }
    connection.close().await.unwrap();
    Some(server.replacen("/postgres?", &format!("/{name}?"), 1))
}
