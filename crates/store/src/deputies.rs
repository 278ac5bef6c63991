//! Who is away from a role for some days, and who acts for them; and who holds a role where.

use serde::Serialize;
use serde_json::json;

use crate::database::{Row, sql};
use crate::{Change, Held, Store, StoreError};

/// Days on which somebody does not act in a role. Days are counted from 1970-01-01.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Absence {
    /// Id.
    pub id: i64,
    /// The role that they hold, with their account.
    pub held: Held,
    /// Their login.
    pub login: String,
    /// Account of who acts for them; none: nobody does.
    pub deputy: Option<i64>,
    /// The login of it.
    pub deputy_login: Option<String>,
    /// First day.
    pub first: i64,
    /// Last day.
    pub last: i64,
}

/// Somebody who holds a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The role that they hold, with their account.
    pub held: Held,
    /// Their login.
    pub login: String,
    /// Their name.
    pub name: String,
}

fn held(row: &Row) -> Result<Held, sqlx::Error> {
    Ok(Held {
        id: row.try_get("held")?,
        account: row.try_get("holder")?,
        role: row.try_get("role")?,
        division: row.try_get("division")?,
        given: row.try_get("given")?,
        ended: None,
    })
}

fn absence(row: &Row) -> Result<Absence, sqlx::Error> {
    Ok(Absence {
        id: row.try_get("id")?,
        held: held(row)?,
        login: row.try_get("login")?,
        deputy: row.try_get("deputy")?,
        deputy_login: row.try_get("deputy_login")?,
        first: row.try_get("first_day")?,
        last: row.try_get("last_day")?,
    })
}

impl Store {
    /// Absences that are not over on a day: those of an account and those in which it acts for others, or of all.
    /// What ended early, a role that was taken away and a blocked account give none.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn absences(&self, account: Option<i64>, day: i64) -> Result<Vec<Absence>, StoreError> {
        let text = "select d.id, d.held, d.deputy, d.first_day, d.last_day, h.account as holder, h.role, h.division, \
                    h.given, a.login, b.login as deputy_login from deputy d join held h on h.id = d.held \
                    join account a on a.id = h.account left join account b on b.id = d.deputy \
                    where d.ended is null and d.last_day >= ?1 and h.ended is null and not a.blocked \
                    and (?2 is null or h.account = ?2 or d.deputy = ?2) order by d.first_day, d.id";
        let rows = sql(text).bind(day).bind(account).fetch_all(&self.readers).await?;
        Ok(rows.iter().map(absence).collect::<Result<_, _>>()?)
    }

    /// Who holds any of the roles at any of the divisions, by login, without blocked accounts.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn holders(&self, roles: &[&str], divisions: &[&str], most: i64) -> Result<Vec<Holder>, StoreError> {
        if roles.is_empty() || divisions.is_empty() {
            return Ok(Vec::new());
        }
        let marks = |count: usize| vec!["?"; count].join(", ");
        let text = format!(
            "select h.id as held, h.account as holder, h.role, h.division, h.given, a.login, a.name from held h \
             join account a on a.id = h.account where h.ended is null and not a.blocked and h.role in ({}) \
             and h.division in ({}) order by a.login, h.id limit ?",
            marks(roles.len()),
            marks(divisions.len())
        );
        let mut query = sql(text);
        for part in roles.iter().chain(divisions) {
            query = query.bind(*part);
        }
        let rows = query.bind(most).fetch_all(&self.readers).await?;
        let holder =
            |row: &Row| Ok(Holder { held: held(row)?, login: row.try_get("login")?, name: row.try_get("name")? });
        Ok(rows.iter().map(holder).collect::<Result<_, sqlx::Error>>()?)
    }
}

impl Change {
    /// Says that somebody is away from a role that they hold, and who acts for them.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn say_absent(
        &mut self,
        (login, held): (&str, &Held),
        deputy: Option<(i64, &str)>,
        (first, last): (i64, i64),
    ) -> Result<(), StoreError> {
        sql("insert into deputy (held, deputy, first_day, last_day, said) values (?, ?, ?, ?, ?)")
            .bind(held.id)
            .bind(deputy.map(|(id, _)| id))
            .bind(first)
            .bind(last)
            .bind(self.at)
            .execute(&mut *self.connection)
            .await?;
        let body = json!({
            "login": login, "role": held.role, "division": held.division, "deputy": deputy.map(|(_, login)| login),
            "first": first, "last": last,
        });
        self.event("absence", body).await
    }

    /// Ends an absence before its last day.
    ///
    /// # Errors
    /// It is over already, or the database refuses.
    pub async fn end_absence(&mut self, absence: &Absence) -> Result<(), StoreError> {
        let done = sql("update deputy set ended = ?2 where id = ?1 and ended is null")
            .bind(absence.id)
            .bind(self.at)
            .execute(&mut *self.connection)
            .await?;
        if done == 0 {
            return Err(StoreError::Absent(format!("absence {}", absence.id)));
        }
        let held = &absence.held;
        let body = json!({
            "login": absence.login, "role": held.role, "division": held.division, "deputy": absence.deputy_login,
        });
        self.event("absence-end", body).await
    }
}
