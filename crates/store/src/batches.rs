//! Open cases at the same step in the same place, counted: what is handled at once.

use serde::Serialize;

use crate::database::{Row, sql};
use crate::scope::after;
use crate::{Reader, StoreError};

/// Cases of a procedure at one step in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Batch {
    /// Position of the step.
    pub step: usize,
    /// Code of the place.
    pub place: String,
    /// How many cases.
    pub count: i64,
    /// The first deadline of them.
    pub due: Option<i64>,
}

impl Reader {
    /// Places, named by so many digits, where more than one case of a procedure is at the same of some steps. Which
    /// subjects are seen is asked for by the caller.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn batches(
        &self,
        (procedure, steps): (&str, &[usize]),
        digits: usize,
        division: &str,
        most: i64,
    ) -> Result<Vec<Batch>, StoreError> {
        let Some(division) = self.scope.place(division).filter(|_| !steps.is_empty()) else { return Ok(Vec::new()) };
        let steps: Vec<String> = steps.iter().map(usize::to_string).collect();
        let text = format!(
            "select step, substr(division, 1, {digits}) as place, count(*) as cases, min(due) as first_due from case_file \
             where state = 'open' and procedure = ? and division >= ? and division < ? and step in ({}) \
             group by step, place having count(*) > 1 order by place, step limit ?",
            steps.join(", ")
        );
        let rows = sql(text)
            .bind(procedure)
            .bind(&division)
            .bind(after(&division))
            .bind(most)
            .fetch_all(&self.store.readers)
            .await?;
        let batch = |row: &Row| {
            Ok(Batch {
                step: row.try_get::<i64, _>("step")? as usize,
                place: row.try_get("place")?,
                count: row.try_get("cases")?,
                due: row.try_get("first_due")?,
            })
        };
        Ok(rows.iter().map(batch).collect::<Result<_, sqlx::Error>>()?)
    }
}
