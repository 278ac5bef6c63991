//! Work that one process at a time does, of all that use a database.

use crate::database::{Connection, Dialect, sql};
use crate::{Store, StoreError};

/// Key of the lock of PostgreSQL for work on the snapshot and the runs.
const WORK: i64 = 0x6261_6e67_6677;

/// The server notices a little later that whoever worked has gone: the claim is tried so often, with so long between.
const TRIES: u32 = 10;
const BETWEEN: std::time::Duration = std::time::Duration::from_millis(50);

/// The right to work; it ends when this is dropped, or with the process or its connection.
pub struct Claim {
    _connection: Option<Connection>,
}

impl Store {
    /// Claims the work on the snapshot and the runs; none: another process has it. Of a file only one machine's
    /// processes can be users, who lock a file for it themselves.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn claim(&self) -> Result<Option<Claim>, StoreError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(Some(Claim { _connection: None }));
        }
        let mut connection = self.options.connect().await?;
        for _ in 0..TRIES {
            let row = sql("select pg_try_advisory_lock(?)").bind(WORK).fetch_one(&mut connection).await?;
            if row.try_get::<bool, _>(0)? {
                return Ok(Some(Claim { _connection: Some(connection) }));
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(None)
    }
}
