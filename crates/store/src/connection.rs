//! The database file: one writer, several readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bangfu_policy::model::Pack;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};
use tokio::sync::Mutex;

use crate::secrets::SecretKeys;
use crate::{Reader, Scope, StoreError, schema};

/// A registry. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) pack: Arc<Pack>,
    pub(crate) readers: SqlitePool,
    pub(crate) writer: Arc<Mutex<SqliteConnection>>,
    pub(crate) secrets: SecretKeys,
    pub(crate) path: PathBuf,
}

impl Store {
    /// Opens the file, makes it if there is none, and brings its tables up to the pack.
    ///
    /// # Errors
    /// The file cannot be used, or its tables contradict the pack.
    pub async fn open(path: &Path, pack: Arc<Pack>, secrets: SecretKeys) -> Result<Self, StoreError> {
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
            .disable_statement_logging();
        let mut writer = options.clone().connect().await?;
        plan(&mut writer, &pack).await?;
        let readers = SqlitePoolOptions::new().max_connections(8).connect_with(options.read_only(true)).await?;
        Ok(Self { pack, readers, writer: Arc::new(Mutex::new(writer)), secrets, path: path.to_owned() })
    }

    /// The pack that the tables follow.
    pub fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }

    /// The keys of secret fields.
    pub fn keys(&self) -> &SecretKeys {
        &self.secrets
    }

    /// Reads records within a scope.
    pub fn reader(&self, scope: &Scope) -> Reader {
        Reader { store: self.clone(), scope: scope.clone() }
    }

    /// Writes everything into the database file and lets it go.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.lock().await.execute("pragma wal_checkpoint(truncate)").await?;
        Ok(())
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates missing tables and columns; refuses to change the type of a column.
async fn plan(connection: &mut SqliteConnection, pack: &Pack) -> Result<(), StoreError> {
    connection.execute("begin immediate").await?;
    connection.execute(AssertSqlSafe(schema::SYSTEM)).await?;
    let recorded: Vec<(String, String, String)> = sqlx::query("select register, field, kind from register_schema")
        .fetch_all(&mut *connection)
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))
        .collect::<Result<_, sqlx::Error>>()?;
    for register in &pack.registers {
        let known = recorded.iter().any(|(id, ..)| *id == register.id);
        for field in &register.fields {
            let kind = schema::kind(pack, field);
            let have = recorded.iter().find(|(id, name, _)| *id == register.id && *name == field.id);
            match have {
                Some((.., have)) if *have != kind => {
                    return Err(StoreError::Schema(format!(
                        "field `{}.{}` is stored as {have}, the pack says {kind}; a stored field keeps its type – give the changed field a new name in the pack",
                        register.id, field.id
                    )));
                }
                Some(_) => {}
                None => {
                    if known {
                        connection.execute(AssertSqlSafe(schema::add_column(register, field))).await?;
                    }
                    sqlx::query("insert into register_schema values (?, ?, ?)")
                        .bind(&register.id)
                        .bind(&field.id)
                        .bind(kind)
                        .execute(&mut *connection)
                        .await?;
                }
            }
        }
        for statement in schema::create(register) {
            connection.execute(AssertSqlSafe(statement)).await?;
        }
    }
    connection.execute("commit").await?;
    Ok(())
}
