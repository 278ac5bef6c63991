//! Statements with their arguments.

use std::pin::Pin;

use futures_core::Stream;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Postgres, Sqlite};

use super::{Connection, Dialect, Pool, Row};

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    Integer(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Truth(bool),
}

macro_rules! arguments {
    ($($from:ty, $value:ident => $into:expr;)*) => {
        $(impl From<$from> for Argument {
            fn from($value: $from) -> Self {
                $into
            }
        })*
    };
}

arguments! {
    i64, value => Self::Integer(Some(value));
    Option<i64>, value => Self::Integer(value);
    i32, value => Self::Integer(Some(value.into()));
    Option<i32>, value => Self::Integer(value.map(i64::from));
    bool, value => Self::Truth(value);
    String, value => Self::Text(Some(value));
    Option<String>, value => Self::Text(value);
    &String, value => Self::Text(Some(value.clone()));
    &Option<String>, value => Self::Text(value.clone());
    &str, value => Self::Text(Some(value.to_owned()));
    Vec<u8>, value => Self::Bytes(Some(value));
    &Vec<u8>, value => Self::Bytes(Some(value.clone()));
    &[u8], value => Self::Bytes(Some(value.to_vec()));
    Option<Vec<u8>>, value => Self::Bytes(value);
    Option<&[u8]>, value => Self::Bytes(value.map(<[u8]>::to_vec));
}

/// A statement; see [`sql`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    text: String,
    arguments: Vec<Argument>,
}

/// A statement, whose arguments are `?` in their order or `?1` by their number. It is made of words of this crate and
/// names of the pack, never of what somebody typed.
pub(crate) fn sql(text: impl Into<String>) -> Query {
    Query { text: text.into(), arguments: Vec::new() }
}

/// Where a statement runs.
pub(crate) enum On<'o> {
    Pool(&'o Pool),
    Connection(&'o mut Connection),
}

impl<'o> From<&'o Pool> for On<'o> {
    fn from(pool: &'o Pool) -> Self {
        Self::Pool(pool)
    }
}

impl<'o> From<&'o mut Connection> for On<'o> {
    fn from(connection: &'o mut Connection) -> Self {
        Self::Connection(connection)
    }
}

type SqliteQuery = sqlx::query::Query<'static, Sqlite, SqliteArguments>;
type PostgresQuery = sqlx::query::Query<'static, Postgres, PgArguments>;

/// Runs the query with a method of sqlx where it is to run, and takes what comes of it.
macro_rules! on {
    ($query:expr, $on:expr, $method:ident, $sqlite:expr, $postgres:expr) => {
        match $on.into() {
            On::Pool(Pool::Sqlite(pool)) => $query.sqlite()?.$method(pool).await.map($sqlite),
            On::Connection(Connection::Sqlite(connection)) => $query.sqlite()?.$method(connection).await.map($sqlite),
            On::Pool(Pool::Postgres(pool)) => $query.postgres()?.$method(pool).await.map($postgres),
            On::Connection(Connection::Postgres(connection)) => {
                $query.postgres()?.$method(connection).await.map($postgres)
            }
        }
    };
}

impl Query {
    /// The next argument.
    pub(crate) fn bind(mut self, value: impl Into<Argument>) -> Self {
        self.arguments.push(value.into());
        self
    }

    /// All arguments that follow.
    pub(crate) fn bind_all(mut self, values: impl IntoIterator<Item = Argument>) -> Self {
        self.arguments.extend(values);
        self
    }

    /// Runs it; rows that it changed.
    pub(crate) async fn execute<'o>(self, on: impl Into<On<'o>>) -> Result<u64, sqlx::Error> {
        on!(self, on, execute, |done| done.rows_affected(), |done| done.rows_affected())
    }

    /// All its rows.
    pub(crate) async fn fetch_all<'o>(self, on: impl Into<On<'o>>) -> Result<Vec<Row>, sqlx::Error> {
        on!(self, on, fetch_all, |rows| rows.into_iter().map(Row::Sqlite).collect(), |rows| rows
            .into_iter()
            .map(Row::Postgres)
            .collect())
    }

    /// Its first row, if there is one.
    pub(crate) async fn fetch_optional<'o>(self, on: impl Into<On<'o>>) -> Result<Option<Row>, sqlx::Error> {
        on!(self, on, fetch_optional, |row| row.map(Row::Sqlite), |row| row.map(Row::Postgres))
    }

    /// Its first row.
    pub(crate) async fn fetch_one<'o>(self, on: impl Into<On<'o>>) -> Result<Row, sqlx::Error> {
        on!(self, on, fetch_one, Row::Sqlite, Row::Postgres)
    }

    /// Its rows, one after the other.
    pub(crate) fn stream(self, pool: &Pool) -> Result<Rows<'_>, sqlx::Error> {
        Ok(match pool {
            Pool::Sqlite(pool) => Rows::Sqlite(self.sqlite()?.fetch(pool)),
            Pool::Postgres(pool) => Rows::Postgres(self.postgres()?.fetch(pool)),
        })
    }

    /// Runs a statement that a unique index may refuse; then the transaction goes on as if it had not been asked for.
    pub(crate) async fn attempt(self, connection: &mut Connection) -> Result<u64, sqlx::Error> {
        if matches!(connection, Connection::Sqlite(_)) {
            return self.execute(connection).await;
        }
        connection.run("savepoint attempt").await?;
        let done = self.execute(&mut *connection).await;
        connection.run(if done.is_ok() { "release attempt" } else { "rollback to attempt" }).await?;
        done
    }

    fn sqlite(self) -> Result<SqliteQuery, sqlx::Error> {
        let mut arguments = SqliteArguments::default();
        for argument in self.arguments {
            match argument {
                Argument::Integer(value) => Arguments::add(&mut arguments, value),
                Argument::Text(value) => Arguments::add(&mut arguments, value),
                Argument::Bytes(value) => Arguments::add(&mut arguments, value),
                Argument::Truth(value) => Arguments::add(&mut arguments, value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(sqlx::query_with(AssertSqlSafe(self.text), arguments))
    }

    /// As PostgreSQL takes it.
    pub(crate) fn postgres(self) -> Result<PostgresQuery, sqlx::Error> {
        let text = Dialect::Postgres.marks(&self.text);
        let mut arguments = PgArguments::default();
        for argument in self.arguments {
            match argument {
                Argument::Integer(value) => Arguments::add(&mut arguments, value),
                Argument::Text(value) => Arguments::add(&mut arguments, value),
                Argument::Bytes(value) => Arguments::add(&mut arguments, value),
                Argument::Truth(value) => Arguments::add(&mut arguments, value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(sqlx::query_with(AssertSqlSafe(text), arguments))
    }
}

type Streamed<'r, R> = Pin<Box<dyn Stream<Item = Result<R, sqlx::Error>> + Send + 'r>>;

/// Rows that arrive one after the other.
pub(crate) enum Rows<'r> {
    Sqlite(Streamed<'r, SqliteRow>),
    Postgres(Streamed<'r, PgRow>),
}

impl Rows<'_> {
    /// The next row; none: that was the last one.
    pub(crate) async fn next(&mut self) -> Option<Result<Row, sqlx::Error>> {
        match self {
            Self::Sqlite(rows) => next(rows).await.map(|row| row.map(Row::Sqlite)),
            Self::Postgres(rows) => next(rows).await.map(|row| row.map(Row::Postgres)),
        }
    }
}

pub(super) async fn next<S: Stream + ?Sized>(stream: &mut Pin<Box<S>>) -> Option<S::Item> {
    std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
}
