//! What happened, by whom, why: entries that only grow and are chained by hashes.

use serde::Serialize;
use sha2::{Digest, Sha256};

use bangfu_policy::model::RegisterId;

use crate::database::{Connection, On, Row, sql};
use crate::scope::after;
use crate::{JournalSeq, Reader, RecordId, Store, StoreError, schema};

/// An entry.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Entry {
    /// Number.
    pub seq: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// `insert`, `update`, `remove`, `restore`, `load`, `divisions`, `attach`, `detach`, `save`, `forget`,
    /// `clear` (secret fields were shown); of accounts `account`, `password`, `factor`, `block`, `unblock`, `grant`,
    /// `revoke`, `link`, `token`, `sign-in`, `sign-out`, `absence`, `absence-end`.
    pub action: String,
    /// Register.
    pub register: String,
    /// Record; none for a load of many.
    pub record: Option<i64>,
    /// Division.
    pub division: String,
    /// Before and after, or counts and content hash of a load (JSON).
    pub body: String,
}

/// Hash of an entry: that of the one before, and all of its own parts with their lengths.
pub(crate) fn hash(previous: &[u8], entry: &Entry) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(entry.seq.to_le_bytes());
    hasher.update(entry.at.to_le_bytes());
    hasher.update(entry.record.unwrap_or(-1).to_le_bytes());
    for part in [&entry.actor, &entry.reason, &entry.action, &entry.register, &entry.division, &entry.body] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_vec()
}

/// Number and hash of the last entry.
pub(crate) async fn last<'o>(on: impl Into<On<'o>>) -> Result<(i64, Vec<u8>), StoreError> {
    let row = sql("select seq, hash from journal order by seq desc limit 1").fetch_optional(on).await?;
    match row {
        Some(row) => Ok((row.try_get(0)?, row.try_get(1)?)),
        None => Ok((0, Vec::new())),
    }
}

/// Appends an entry.
pub(crate) async fn append(connection: &mut Connection, entry: &Entry, previous: &[u8]) -> Result<Vec<u8>, StoreError> {
    let hash = hash(previous, entry);
    sql("insert into journal values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(entry.seq)
        .bind(entry.at)
        .bind(&entry.actor)
        .bind(&entry.reason)
        .bind(&entry.action)
        .bind(&entry.register)
        .bind(entry.record)
        .bind(&entry.division)
        .bind(&entry.body)
        .bind(previous)
        .bind(&hash)
        .execute(connection)
        .await?;
    Ok(hash)
}

pub(crate) fn entry(row: &Row) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        seq: row.try_get("seq")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        reason: row.try_get("reason")?,
        action: row.try_get("action")?,
        register: row.try_get("register")?,
        record: row.try_get("record")?,
        division: row.try_get("division")?,
        body: row.try_get("body")?,
    })
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct JournalQuery {
    /// Only entries before this one.
    pub before: Option<i64>,
    /// Only by those whose name begins so; empty: all.
    pub actor: String,
    /// Only this action; empty: all.
    pub action: String,
    /// Only of divisions that begin so; empty: all.
    pub division: String,
    /// At most so many.
    pub most: i64,
}

impl Store {
    /// Entries, newest first.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn journal(&self, query: &JournalQuery) -> Result<Vec<Entry>, StoreError> {
        let rows = sql(
            "select * from journal where (?1 is null or seq < ?1) and (?2 = '' or actor >= ?2 and actor < ?3) and \
             (?4 = '' or action = ?4) and division >= ?5 and division < ?6 order by seq desc limit ?7",
        )
        .bind(query.before)
        .bind(&query.actor)
        .bind(after(&query.actor))
        .bind(&query.action)
        .bind(&query.division)
        .bind(after(&query.division))
        .bind(query.most)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
    }

    /// Number of the last entry; 0 for a new registry.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn journal_end(&self) -> Result<JournalSeq, StoreError> {
        Ok(JournalSeq(last(&self.readers).await?.0))
    }

    /// Time of the last entry, milliseconds since 1970-01-01 UTC; 0 without any.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn journal_time(&self) -> Result<i64, StoreError> {
        let row = sql("select coalesce((select at from journal order by seq desc limit 1), 0) as at")
            .fetch_one(&self.readers)
            .await?;
        Ok(row.try_get("at")?)
    }

    /// Recomputes the chain from the first entry; returns how many entries there are.
    ///
    /// # Errors
    /// The first entry that does not fit, and why.
    pub async fn verify_journal(&self) -> Result<u64, StoreError> {
        let (mut count, mut previous) = (0_i64, Vec::new());
        loop {
            let rows = sql("select * from journal where seq > ? order by seq limit 1000")
                .bind(count)
                .fetch_all(&self.readers)
                .await?;
            if rows.is_empty() {
                return Ok(count as u64);
            }
            for row in &rows {
                let entry = entry(row)?;
                count += 1;
                let broken = |what: &str| StoreError::Journal { seq: count, what: what.to_owned() };
                if entry.seq != count {
                    return Err(broken("an entry is missing"));
                }
                if row.try_get::<Vec<u8>, _>("previous")? != previous {
                    return Err(broken("it does not follow the entry before"));
                }
                let stored: Vec<u8> = row.try_get("hash")?;
                if hash(&previous, &entry) != stored {
                    return Err(broken("its content was changed"));
                }
                previous = stored;
            }
        }
    }

    /// Entries of a record, newest first: its own, and the load that brought or last changed it.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn history(&self, register: &str, record: RecordId, changed: i64) -> Result<Vec<Entry>, StoreError> {
        let rows = sql("select * from journal where (register = ? and record = ?) or seq = ? \
             order by seq desc")
        .bind(register)
        .bind(record.0)
        .bind(changed)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
    }

    /// Parts (divisions by which snapshots are cut) whose records of a register changed after an entry.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn changed_parts(&self, register: &str, after: JournalSeq) -> Result<Vec<String>, StoreError> {
        let rows = sql("select part from touched where register = ? and seq > ? order by part")
            .bind(register)
            .bind(after.0)
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}

impl Reader {
    /// Entries about a record, newest first, also of one that was removed; none outside the scope.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn told(&self, register: RegisterId, record: RecordId) -> Result<Vec<Entry>, StoreError> {
        let Some(prefix) = self.scope.narrowed(register, None) else { return Ok(Vec::new()) };
        let rows = sql("select * from journal where register = ? and record = ? order by seq desc")
            .bind(&self.register(register)?.id)
            .bind(record.0)
            .fetch_all(&self.store.readers)
            .await?;
        let entries: Vec<Entry> = rows.iter().map(entry).collect::<Result<_, _>>()?;
        Ok(entries.into_iter().filter(|entry| entry.division.starts_with(&prefix)).collect())
    }

    /// The entries by which the records of a register were removed that are not there again, newest first, and how
    /// many there are.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn removed(
        &self,
        register: RegisterId,
        division: Option<&str>,
        (offset, limit): (u64, u64),
    ) -> Result<(Vec<Entry>, u64), StoreError> {
        let Some(prefix) = self.scope.narrowed(register, division) else { return Ok((Vec::new(), 0)) };
        let definition = self.register(register)?;
        let table = schema::table(definition);
        // The last removal of each record that has no row.
        let found = format!(
            "from journal j where j.register = ?1 and j.action = 'remove' and j.division >= ?2 and j.division < ?3 \
             and not exists (select 1 from {table} t where t._id = j.record) and not exists (select 1 from journal k \
             where k.register = j.register and k.record = j.record and k.action = 'remove' and k.seq > j.seq)"
        );
        let count = sql(format!("select count(*) {found}"))
            .bind(&definition.id)
            .bind(&prefix)
            .bind(after(&prefix))
            .fetch_one(&self.store.readers)
            .await?;
        let rows = sql(format!("select j.* {found} order by j.seq desc limit {limit} offset {offset}"))
            .bind(&definition.id)
            .bind(&prefix)
            .bind(after(&prefix))
            .fetch_all(&self.store.readers)
            .await?;
        let entries = rows.iter().map(entry).collect::<Result<_, _>>()?;
        Ok((entries, count.try_get::<i64, _>(0)? as u64))
    }
}
