//! A registry that is open: one connection that writes, several that read.

use std::sync::Arc;

use bangfu_policy::model::Pack;
use tokio::sync::Mutex;

use crate::database::{Address, Connection, Dialect, Options, Pool, sql};
use crate::secrets::SecretKeys;
use crate::{Reader, Scope, StoreError, schema, search};

/// A registry. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) pack: Arc<Pack>,
    pub(crate) readers: Pool,
    pub(crate) writer: Arc<Mutex<Connection>>,
    pub(crate) secrets: SecretKeys,
    pub(crate) options: Options,
    /// Name of this process among those that use the database.
    pub(crate) worker: Arc<str>,
}

impl Store {
    /// Opens a database, makes the file if there is none, and brings its tables up to the pack.
    ///
    /// # Errors
    /// The database cannot be used, or its tables contradict the pack.
    pub async fn open(address: &Address, pack: Arc<Pack>, secrets: SecretKeys) -> Result<Self, StoreError> {
        let worker: Arc<str> = format!("bangfu {}", uuid::Uuid::now_v7()).into();
        let options = Options::new(address, &worker)?;
        let unreachable = |source| match address {
            Address::File(_) => StoreError::Database(source),
            Address::Server(_) => StoreError::Server { address: address.shown(), source },
        };
        let mut writer = options.connect().await.map_err(unreachable)?;
        plan(&mut writer, options.dialect(), &pack).await?;
        let readers = options.pool().await.map_err(unreachable)?;
        Ok(Self { pack, readers, writer: Arc::new(Mutex::new(writer)), secrets, options, worker })
    }

    /// The words of its database.
    pub(crate) fn dialect(&self) -> Dialect {
        self.options.dialect()
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

    /// Writes everything into the database and lets it go.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.free_writer().await.checkpoint().await?;
        Ok(())
    }
}

/// Creates missing tables and columns; refuses to change the type of a column.
async fn plan(connection: &mut Connection, dialect: Dialect, pack: &Pack) -> Result<(), StoreError> {
    connection.begin().await?;
    connection.run(schema::system(dialect)).await?;
    let recorded: Vec<(String, String, String)> = sql("select register, field, kind from register_schema")
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
                        connection.run(dialect.table(&schema::add_column(register, field))).await?;
                    }
                    sql("insert into register_schema values (?, ?, ?)")
                        .bind(&register.id)
                        .bind(&field.id)
                        .bind(kind)
                        .execute(&mut *connection)
                        .await?;
                }
            }
        }
        for statement in schema::create(register) {
            connection.run(dialect.table(&statement)).await?;
        }
    }
    search::renew(connection, dialect, pack).await?;
    connection.run("commit").await?;
    Ok(())
}
