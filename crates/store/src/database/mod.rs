//! The database under a registry: a file of SQLite, or a server of PostgreSQL.
//!
//! ```text
//! Address ─ open ─► Pool (reads) and Connection (writes) ◄─ Query: text with `?`, arguments ─► Row
//! ```
//! Statements are written once, in words that both take; where they have no word in common, [`Dialect`] has it.

mod copy;
mod dialect;
mod query;
mod row;

use std::path::PathBuf;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

pub(crate) use copy::{read as copy_out, write as copy_in};
pub(crate) use dialect::Dialect;
pub(crate) use query::{Argument, On, Query, sql};
pub(crate) use row::Row;

use crate::StoreError;

/// Connections that read at the same time.
const READERS: u32 = 8;
/// Statements that each connection keeps prepared: there are several for each register, and preparing one takes longer
/// than running it.
const STATEMENTS: usize = 2_000;
/// Key of the lock that makes writers of one database wait for each other.
const WRITER: i64 = 0x6261_6e67_6675;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of a PostgreSQL server, `postgres://user@host/name`.
    Server(String),
}

impl Address {
    /// The address without its password, for messages.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Server(url) => match (url.split_once("://"), url.rsplit_once('@')) {
                (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
                _ => url.clone(),
            },
        }
    }
}

/// Connections for reading.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A connection for writing.
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// How to connect.
#[derive(Clone)]
pub(crate) enum Options {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

impl Options {
    /// `name`: how the server lists the connections.
    pub(crate) fn new(address: &Address, name: &str) -> Result<Self, StoreError> {
        match address {
            Address::File(path) => {
                if let Some(folder) = path.parent() {
                    let failed = |source| StoreError::File { path: folder.display().to_string(), source };
                    std::fs::create_dir_all(folder).map_err(failed)?;
                }
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(std::time::Duration::from_secs(30))
                    .pragma("cache_size", "-65536")
                    .pragma("mmap_size", "1073741824")
                    .pragma("temp_store", "memory")
                    .statement_cache_capacity(STATEMENTS)
                    .disable_statement_logging();
                Ok(Self::Sqlite(Box::new(options)))
            }
            Address::Server(url) => {
                let options: PgConnectOptions =
                    url.parse().map_err(|source| StoreError::Server { address: address.shown(), source })?;
                let options = options.application_name(name).statement_cache_capacity(STATEMENTS);
                Ok(Self::Postgres(Box::new(options.disable_statement_logging())))
            }
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(crate) async fn connect(&self) -> Result<Connection, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(options) => Connection::Sqlite(options.connect().await?),
            Self::Postgres(options) => Connection::Postgres(options.connect().await?),
        })
    }

    pub(crate) async fn pool(&self) -> Result<Pool, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(options) => {
                let options = SqliteConnectOptions::clone(options).read_only(true);
                Pool::Sqlite(SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await?)
            }
            Self::Postgres(options) => {
                let options = PgConnectOptions::clone(options).options([("default_transaction_read_only", "on")]);
                Pool::Postgres(PgPoolOptions::new().max_connections(READERS).connect_with(options).await?)
            }
        })
    }
}

impl Pool {
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Connection {
    /// Runs statements that take no arguments and give no rows.
    pub(crate) async fn run(&mut self, text: impl Into<String>) -> Result<(), sqlx::Error> {
        let text = sqlx::raw_sql(AssertSqlSafe(text.into()));
        match self {
            Self::Sqlite(connection) => connection.execute(text).await.map(|_| ()),
            Self::Postgres(connection) => connection.execute(text).await.map(|_| ()),
        }
    }

    /// Begins a transaction that writes; others, also of other processes, wait for it.
    pub(crate) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => self.run("begin immediate").await,
            Self::Postgres(_) => self.run(format!("begin; select pg_advisory_xact_lock({WRITER})")).await,
        }
    }

    /// Ends a transaction that was left open; whether the connection still answers.
    pub(crate) async fn settle(&mut self) -> bool {
        match self {
            // There may be none, which is no error of the connection.
            Self::Sqlite(_) => {
                let _ = self.run("rollback").await;
                true
            }
            // A rollback alone would warn in the log of the server each time that there is none. In a transaction that
            // failed this fails too, and the connection is made anew.
            Self::Postgres(_) => self.run("begin; rollback").await.is_ok(),
        }
    }

    /// What was written reaches the file itself; a server counts how much there is of what, so that it finds it well, and
    /// marks what is on record for good, which the first readers would otherwise do.
    pub(crate) async fn checkpoint(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => self.run("pragma wal_checkpoint(truncate)").await,
            Self::Postgres(_) => self.run("vacuum (analyze)").await,
        }
    }
}
