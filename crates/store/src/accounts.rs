//! Accounts and the roles that they hold, each at a division.

use serde::Serialize;
use serde_json::json;

use crate::database::{Row, sql};
use crate::{Change, Store, StoreError};

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Id.
    pub id: i64,
    /// Name that is typed to sign in.
    pub login: String,
    /// Name of the person.
    pub name: String,
    /// Hash of the password with its parameters (PHC string); empty: none was set.
    #[serde(skip)]
    pub secret: String,
    /// Sealed secret of the second factor.
    #[serde(skip)]
    pub factor: Option<Vec<u8>>,
    /// Step of the last code that was taken: a code works once.
    pub factor_step: i64,
    /// Whether signing in is refused.
    pub blocked: bool,
    /// Wrong passwords in a row.
    pub failed: i64,
    /// Until when signing in is refused after wrong passwords, milliseconds since 1970-01-01 UTC.
    pub locked_until: i64,
    /// When it was made, milliseconds since 1970-01-01 UTC.
    pub made: i64,
}

/// A role of an account at a division.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Id.
    pub id: i64,
    /// The account.
    pub account: i64,
    /// Id of the role.
    pub role: String,
    /// Code of the division.
    pub division: String,
    /// Since when, milliseconds since 1970-01-01 UTC.
    pub given: i64,
    /// Until when, if it ended.
    pub ended: Option<i64>,
}

pub(crate) fn account(row: &Row) -> Result<Account, sqlx::Error> {
    Ok(Account {
        id: row.try_get("id")?,
        login: row.try_get("login")?,
        name: row.try_get("name")?,
        secret: row.try_get("secret")?,
        factor: row.try_get("factor")?,
        factor_step: row.try_get("factor_step")?,
        blocked: row.try_get("blocked")?,
        failed: row.try_get("failed")?,
        locked_until: row.try_get("locked_until")?,
        made: row.try_get("made")?,
    })
}

fn held(row: &Row) -> Result<Held, sqlx::Error> {
    Ok(Held {
        id: row.try_get("id")?,
        account: row.try_get("account")?,
        role: row.try_get("role")?,
        division: row.try_get("division")?,
        given: row.try_get("given")?,
        ended: row.try_get("ended")?,
    })
}

impl Store {
    /// All accounts by login.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows = sql("select * from account order by login").fetch_all(&self.readers).await?;
        Ok(rows.iter().map(account).collect::<Result<_, _>>()?)
    }

    /// The account of a login.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn account(&self, login: &str) -> Result<Option<Account>, StoreError> {
        let row = sql("select * from account where login = ?").bind(login).fetch_optional(&self.readers).await?;
        Ok(row.as_ref().map(account).transpose()?)
    }

    /// Roles that are held now, of one account or of all.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn held(&self, account: Option<i64>) -> Result<Vec<Held>, StoreError> {
        let rows = sql("select * from held where ended is null and (?1 is null or account = ?1) order by id")
            .bind(account)
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().map(held).collect::<Result<_, _>>()?)
    }

    /// Counts a wrong password or code; after so many in a row the account is locked until then. Returns until when it
    /// is locked. Not in the journal, because a wrong one is no change.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn failed(&self, account: i64, most: i64, until: i64) -> Result<i64, StoreError> {
        let mut writer = self.free_writer().await;
        // One statement: guesses that come at once are all counted.
        let row = sql("update account set locked_until = case when failed + 1 >= ?2 then ?3 else locked_until end, \
             failed = case when failed + 1 >= ?2 then 0 else failed + 1 end where id = ?1 returning locked_until")
        .bind(account)
        .bind(most)
        .bind(until)
        .fetch_one(&mut *writer)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// Forgets wrong passwords, and takes the step of a code; whether it was not taken before.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn passed(&self, account: i64, factor_step: Option<i64>) -> Result<bool, StoreError> {
        let mut writer = self.free_writer().await;
        let done = sql("update account set failed = 0, locked_until = 0, factor_step = coalesce(?2, factor_step) \
             where id = ?1 and (?2 is null or factor_step < ?2)")
        .bind(account)
        .bind(factor_step)
        .execute(&mut *writer)
        .await?;
        Ok(done > 0)
    }
}

impl Change {
    /// A new account without password; its id.
    ///
    /// # Errors
    /// The login is taken, or the database refuses.
    pub async fn make_account(&mut self, login: &str, name: &str) -> Result<i64, StoreError> {
        let made = sql("insert into account (login, name, secret, factor_step, blocked, failed, locked_until, made) \
             values (?, ?, '', 0, false, 0, 0, ?) on conflict (login) do nothing returning id")
        .bind(login)
        .bind(name)
        .bind(self.at)
        .fetch_optional(&mut *self.connection)
        .await?;
        let id = made.ok_or_else(|| StoreError::Login(login.to_owned()))?.try_get(0)?;
        self.enter("account", "@account", None, "", json!({ "login": login, "name": name }).to_string()).await?;
        Ok(id)
    }

    /// Sets the hash of a password.
    ///
    /// # Errors
    /// There is no such account, or the database refuses.
    pub async fn set_password(&mut self, login: &str, secret: &str) -> Result<(), StoreError> {
        let set = "update account set secret = ?2, failed = 0, locked_until = 0 where login = ?1";
        let done = sql(set).bind(login).bind(secret).execute(&mut *self.connection).await?;
        self.told("password", login, done, json!({ "login": login })).await
    }

    /// Sets or takes away the sealed secret of the second factor.
    ///
    /// # Errors
    /// There is no such account, or the database refuses.
    pub async fn set_factor(&mut self, login: &str, factor: Option<&[u8]>) -> Result<(), StoreError> {
        let set = "update account set factor = ?2, factor_step = 0 where login = ?1";
        let done = sql(set).bind(login).bind(factor).execute(&mut *self.connection).await?;
        self.told("factor", login, done, json!({ "login": login, "set": factor.is_some() })).await
    }

    /// Blocks an account, which ends its sessions, or lets it in again.
    ///
    /// # Errors
    /// There is no such account, or the database refuses.
    pub async fn block(&mut self, login: &str, blocked: bool) -> Result<(), StoreError> {
        let set = "update account set blocked = ?2, failed = 0, locked_until = 0 where login = ?1";
        let done = sql(set).bind(login).bind(blocked).execute(&mut *self.connection).await?;
        if blocked {
            sql("delete from session where account = (select id from account where login = ?)")
                .bind(login)
                .execute(&mut *self.connection)
                .await?;
        }
        let action = if blocked { "block" } else { "unblock" };
        self.told(action, login, done, json!({ "login": login })).await
    }

    /// Gives a role at a division.
    ///
    /// # Errors
    /// There is no such account, or the database refuses.
    pub async fn give_role(&mut self, login: &str, role: &str, division: &str) -> Result<(), StoreError> {
        let done = sql(
            "insert into held (account, role, division, given) select id, ?2, ?3, ?4 from account where login = ?1",
        )
        .bind(login)
        .bind(role)
        .bind(division)
        .bind(self.at)
        .execute(&mut *self.connection)
        .await?;
        let body = json!({ "login": login, "role": role, "division": division });
        self.told("grant", login, done, body).await
    }

    /// Takes a role away, and ends the sessions that use it.
    ///
    /// # Errors
    /// It is not held, or the database refuses.
    pub async fn take_role(&mut self, login: &str, id: i64) -> Result<(), StoreError> {
        let row = sql(
            "update held set ended = ?3 where id = ?2 and ended is null and account = (select id from account where \
             login = ?1) returning role, division",
        )
        .bind(login)
        .bind(id)
        .bind(self.at)
        .fetch_optional(&mut *self.connection)
        .await?;
        let row = row.ok_or_else(|| StoreError::Absent(format!("role {id} of {login}")))?;
        let (role, division): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        sql("delete from session where held = ?").bind(id).execute(&mut *self.connection).await?;
        let body = json!({ "login": login, "role": role, "division": division });
        self.told("revoke", login, 1, body).await
    }

    /// An event of an account that changes nothing else: signed in, signed out.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn event(&mut self, action: &str, body: serde_json::Value) -> Result<(), StoreError> {
        self.enter(action, "@account", None, "", body.to_string()).await
    }

    async fn told(&mut self, action: &str, login: &str, rows: u64, body: serde_json::Value) -> Result<(), StoreError> {
        if rows == 0 {
            return Err(StoreError::Absent(format!("account {login}")));
        }
        self.enter(action, "@account", None, "", body.to_string()).await
    }
}
