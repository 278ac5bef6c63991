//! Imports under way: rows, so that whichever process is asked knows them.

use crate::database::{Dialect, Row, sql};
use crate::{Store, StoreError};

/// An import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Id in addresses.
    pub id: String,
    /// The account that sent it; nobody else sees it.
    pub owner: i64,
    /// Id of the register of the rows.
    pub register: String,
    /// Name of the file as it was sent.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// Name of the kept file.
    pub file: String,
    /// Language of messages.
    pub language: String,
    /// `looking`, `shown`, `taking`, `done` or `failed`.
    pub state: String,
    /// What would become, or became, of its rows (JSON); of a failed one: why.
    pub outlook: String,
    /// The process that is at it.
    pub worker: String,
    /// When it was sent, milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// How long jobs are remembered.
const KEPT: i64 = 7 * 86_400_000;

fn job(row: &Row) -> Result<Job, sqlx::Error> {
    Ok(Job {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        register: row.try_get("register")?,
        name: row.try_get("name")?,
        size: row.try_get("size")?,
        file: row.try_get("file")?,
        language: row.try_get("language")?,
        state: row.try_get("state")?,
        outlook: row.try_get("outlook")?,
        worker: row.try_get("worker")?,
        at: row.try_get("at")?,
    })
}

impl Store {
    /// Remembers a new job, at which this process is.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn add_job(&self, job: &Job) -> Result<(), StoreError> {
        let mut writer = self.free_writer().await;
        sql("delete from job where at < ?").bind(job.at - KEPT).execute(&mut *writer).await?;
        sql("insert into job values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&job.id)
            .bind(job.owner)
            .bind(&job.register)
            .bind(&job.name)
            .bind(job.size)
            .bind(&job.file)
            .bind(&job.language)
            .bind(&job.state)
            .bind(&job.outlook)
            .bind(&*self.worker)
            .bind(job.at)
            .execute(&mut *writer)
            .await?;
        Ok(())
    }

    /// A job by its id.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let row = sql("select * from job where id = ?").bind(id).fetch_optional(&self.readers).await?;
        Ok(row.as_ref().map(job).transpose()?)
    }

    /// Moves a job from one state to another, for this process; whether it was in that state. Of several that ask at
    /// once, one is told yes.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn move_job(&self, id: &str, (from, to): (&str, &str), outlook: &str) -> Result<bool, StoreError> {
        let mut writer = self.free_writer().await;
        let moved = sql("update job set state = ?, outlook = ?, worker = ? where id = ? and state = ?")
            .bind(to)
            .bind(outlook)
            .bind(&*self.worker)
            .bind(id)
            .bind(from)
            .execute(&mut *writer)
            .await?;
        Ok(moved > 0)
    }

    /// Whether a job beside this one still needs a kept file.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn needs(&self, file: &str, beside: &str) -> Result<bool, StoreError> {
        let text = "select 1 from job where file = ? and id <> ? and state not in ('done', 'failed') limit 1";
        let row = sql(text).bind(file).bind(beside).fetch_optional(&self.readers).await?;
        Ok(row.is_some())
    }

    /// Whether the process that works on something still runs. Of a file only this one serves.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn works(&self, worker: &str) -> Result<bool, StoreError> {
        if *self.worker == *worker {
            return Ok(true);
        }
        if self.dialect() == Dialect::Sqlite {
            return Ok(false);
        }
        let text = "select 1 from pg_stat_activity where application_name = ? limit 1";
        let row = sql(text).bind(worker).fetch_optional(&self.readers).await?;
        Ok(row.is_some())
    }
}
