//! Sessions of people, tokens of programs, one-time links, and who looked at what.

use serde::Serialize;

use crate::accounts::account;
use crate::database::{Row, sql};
use crate::{Account, Store, StoreError};

/// A session, a token or a link: whoever brings the text that hashes to it is the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// SHA-256 of the text.
    #[serde(skip)]
    pub hash: Vec<u8>,
    /// The account.
    pub account: i64,
    /// The role that it acts in, if one was chosen.
    pub held: Option<i64>,
    /// `site`, `vouched` (the same, with a second factor that another provider asked for), `token` or `link`.
    pub kind: String,
    /// Browser of a session, name of a token.
    pub name: String,
    /// Whether it may change anything.
    pub writes: bool,
    /// When it was made, milliseconds since 1970-01-01 UTC; so are the next two.
    pub made: i64,
    /// When it was last used, to the minute.
    pub seen: i64,
    /// When it ends at the latest.
    pub expires: i64,
}

/// Somebody looked at a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// When, milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Register.
    pub register: String,
    /// Record.
    pub record: i64,
    /// Login.
    pub account: String,
    /// Role and division.
    pub role: String,
    /// `file` (the page was opened) or `clear` (secret fields were shown).
    pub what: String,
    /// Why, for `clear`.
    pub reason: String,
}

/// Precision of [`Session::seen`]: a session that is used does not write each time.
const MINUTE: i64 = 60_000;

fn session(row: &Row) -> Result<Session, sqlx::Error> {
    Ok(Session {
        hash: row.try_get("hash")?,
        account: row.try_get("account")?,
        held: row.try_get("held")?,
        kind: row.try_get("kind")?,
        name: row.try_get("name")?,
        writes: row.try_get("writes")?,
        made: row.try_get("session_made")?,
        seen: row.try_get("seen")?,
        expires: row.try_get("expires")?,
    })
}

const COLUMNS: &str =
    "s.hash, s.account, s.held, s.kind, s.name as name, s.writes, s.made as session_made, s.seen, s.expires";

impl Store {
    /// Begins a session.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn begin_session(&self, session: &Session) -> Result<(), StoreError> {
        let mut writer = self.free_writer().await;
        sql("delete from session where expires < ?").bind(session.made).execute(&mut *writer).await?;
        sql("insert into session values (?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&session.hash)
            .bind(session.account)
            .bind(session.held)
            .bind(&session.kind)
            .bind(&session.name)
            .bind(session.writes)
            .bind(session.made)
            .bind(session.seen)
            .bind(session.expires)
            .execute(&mut *writer)
            .await?;
        Ok(())
    }

    /// The session of a hash and its account, unless it is over or the account blocked.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn session(&self, hash: &[u8], now: i64, idle: i64) -> Result<Option<(Session, Account)>, StoreError> {
        let text = format!("select {COLUMNS} from session s where s.hash = ? and s.expires > ?");
        let row = sql(text).bind(hash).bind(now).fetch_optional(&self.readers).await?;
        let Some(found) = row.as_ref().map(session).transpose()? else { return Ok(None) };
        if matches!(found.kind.as_str(), "site" | "vouched") && now - found.seen > idle {
            return Ok(None);
        }
        let row = sql("select * from account where id = ? and not blocked")
            .bind(found.account)
            .fetch_optional(&self.readers)
            .await?;
        let Some(owner) = row.as_ref().map(account).transpose()? else { return Ok(None) };
        // Whoever writes much for long does not hold up those who only look: then it is noted by a later request.
        if now - found.seen >= MINUTE
            && let Some(mut writer) = self.writer_if_free().await
        {
            let set = "update session set seen = ? where hash = ?";
            sql(set).bind(now).bind(hash).execute(&mut *writer).await?;
        }
        Ok(Some((found, owner)))
    }

    /// All sessions and tokens of an account, newest first.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn sessions(&self, account: i64) -> Result<Vec<Session>, StoreError> {
        let text =
            format!("select {COLUMNS} from session s where s.account = ? and s.kind <> 'link' order by s.made desc");
        let rows = sql(text).bind(account).fetch_all(&self.readers).await?;
        Ok(rows.iter().map(session).collect::<Result<_, _>>()?)
    }

    /// Ends a session; whether there was one.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn end_session(&self, account: i64, hash: &[u8]) -> Result<bool, StoreError> {
        let mut writer = self.free_writer().await;
        let text = "delete from session where account = ? and hash = ?";
        Ok(sql(text).bind(account).bind(hash).execute(&mut *writer).await? > 0)
    }

    /// Ends all sessions of an account but one.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn end_other_sessions(&self, account: i64, hash: &[u8]) -> Result<u64, StoreError> {
        let mut writer = self.free_writer().await;
        let text = "delete from session where account = ? and hash <> ? and kind <> 'token'";
        Ok(sql(text).bind(account).bind(hash).execute(&mut *writer).await?)
    }

    /// Chooses the role that a session acts in.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn act_as(&self, hash: &[u8], held: i64) -> Result<(), StoreError> {
        let mut writer = self.free_writer().await;
        let text = "update session set held = ? where hash = ?";
        sql(text).bind(held).bind(hash).execute(&mut *writer).await?;
        Ok(())
    }

    /// Remembers who looked at what.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn looked(&self, looks: &[Look]) -> Result<(), StoreError> {
        if looks.is_empty() {
            return Ok(());
        }
        let mut writer = self.free_writer().await;
        writer.begin().await?;
        for look in looks {
            sql("insert into looked (at, register, record, account, role, what, reason) values (?, ?, ?, ?, ?, ?, ?)")
                .bind(look.at)
                .bind(&look.register)
                .bind(look.record)
                .bind(&look.account)
                .bind(&look.role)
                .bind(&look.what)
                .bind(&look.reason)
                .execute(&mut *writer)
                .await?;
        }
        writer.run("commit").await?;
        Ok(())
    }

    /// Who looked at a record, newest first.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn looks(&self, register: &str, record: i64, most: i64) -> Result<Vec<Look>, StoreError> {
        let rows = sql("select * from looked where register = ? and record = ? order by id desc limit ?")
            .bind(register)
            .bind(record)
            .bind(most)
            .fetch_all(&self.readers)
            .await?;
        let look = |row: &Row| {
            Ok(Look {
                at: row.try_get("at")?,
                register: row.try_get("register")?,
                record: row.try_get("record")?,
                account: row.try_get("account")?,
                role: row.try_get("role")?,
                what: row.try_get("what")?,
                reason: row.try_get("reason")?,
            })
        };
        Ok(rows.iter().map(look).collect::<Result<_, sqlx::Error>>()?)
    }
}
