//! Determination runs and what changed between them.

use serde::{Deserialize, Serialize};

use crate::database::{Row, sql};
use crate::{Store, StoreError};

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Id (UUID v7).
    pub id: String,
    /// Day, days since 1970-01-01.
    pub as_of: i32,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub started: i64,
    /// The same; none while it runs.
    pub finished: Option<i64>,
    /// Hash of the pack.
    pub policy_hash: String,
    /// Hash of the snapshot.
    pub snapshot_hash: String,
    /// Parameters that were set, as JSON.
    pub overrides: String,
    /// Folder of the results.
    pub folder: String,
    /// Summary as JSON; of a failed run: why.
    pub summary: String,
    /// Last journal entry that the snapshot holds.
    pub journal_seq: i64,
}

/// What changed since the run before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Id of the variable.
    pub variable: String,
    /// Id of its entity.
    pub entity: String,
    /// `newly_yes`, `no_longer`, `now_unknown`, …
    pub change: String,
    /// Records.
    pub count: i64,
    /// Some of their keys.
    pub examples: Vec<String>,
}

fn run(row: &Row) -> Result<Run, sqlx::Error> {
    Ok(Run {
        id: row.try_get("id")?,
        as_of: row.try_get::<i64, _>("as_of")? as i32,
        state: row.try_get("state")?,
        started: row.try_get("started")?,
        finished: row.try_get("finished")?,
        policy_hash: row.try_get("policy_hash")?,
        snapshot_hash: row.try_get("snapshot_hash")?,
        overrides: row.try_get("overrides")?,
        folder: row.try_get("folder")?,
        summary: row.try_get("summary")?,
        journal_seq: row.try_get("journal_seq")?,
    })
}

impl Store {
    /// Records a run, or what became of it, with its differences.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn record_run(&self, run: &Run, differences: &[Difference]) -> Result<(), StoreError> {
        let mut connection = self.free_writer().await;
        connection.begin().await?;
        sql(
            "insert into run values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do update set \
             as_of = excluded.as_of, state = excluded.state, started = excluded.started, finished = excluded.finished, \
             policy_hash = excluded.policy_hash, snapshot_hash = excluded.snapshot_hash, overrides = excluded.overrides, \
             folder = excluded.folder, summary = excluded.summary, journal_seq = excluded.journal_seq",
        )
            .bind(&run.id)
            .bind(i64::from(run.as_of))
            .bind(&run.state)
            .bind(run.started)
            .bind(run.finished)
            .bind(&run.policy_hash)
            .bind(&run.snapshot_hash)
            .bind(&run.overrides)
            .bind(&run.folder)
            .bind(&run.summary)
            .bind(run.journal_seq)
            .execute(&mut *connection)
            .await?;
        for difference in differences {
            sql("insert into difference values (?, ?, ?, ?, ?, ?) on conflict (run, variable, change) do update set \
                 entity = excluded.entity, count = excluded.count, examples = excluded.examples")
            .bind(&run.id)
            .bind(&difference.variable)
            .bind(&difference.entity)
            .bind(&difference.change)
            .bind(difference.count)
            .bind(serde_json::to_string(&difference.examples)?)
            .execute(&mut *connection)
            .await?;
        }
        connection.run("commit").await?;
        Ok(())
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn runs(&self) -> Result<Vec<Run>, StoreError> {
        let rows = sql("select * from run order by started desc, id desc").fetch_all(&self.readers).await?;
        Ok(rows.iter().map(run).collect::<Result<_, _>>()?)
    }

    /// Differences that a run recorded.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn differences(&self, run: &str) -> Result<Vec<Difference>, StoreError> {
        let rows = sql("select * from difference where run = ? order by variable, change")
            .bind(run)
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Difference {
                    variable: row.try_get("variable")?,
                    entity: row.try_get("entity")?,
                    change: row.try_get("change")?,
                    count: row.try_get("count")?,
                    examples: serde_json::from_str(&row.try_get::<String, _>("examples")?)?,
                })
            })
            .collect()
    }

    /// Runs that were under way when their process ended did not finish. To be called only while no process can be at
    /// one.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn fail_interrupted_runs(&self) -> Result<(), StoreError> {
        let mut connection = self.free_writer().await;
        sql("update run set state = 'failed', summary = 'interrupted' where state = 'running'")
            .execute(&mut *connection)
            .await?;
        Ok(())
    }
}
