//! Records that an office excuses from checks, with a reason and a last day.

use std::collections::HashMap;

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::{Check, Pack, Value};
use bangfu_store::{Filter, ListQuery, Operator, StoreError};

use super::facts::Facts;
use super::figures;
use super::results::Results;

/// Excuses that a page reads at most.
const MOST: u64 = 100_000;

/// Excuses in force on a day.
#[derive(Clone, Debug, Default)]
pub struct Excused {
    /// For each check, key of the record → last day and reason.
    by_check: HashMap<String, HashMap<String, (String, String)>>,
}

impl Excused {
    /// The excuses of a registry that are in force on a day; none where the pack has no such register.
    ///
    /// # Errors
    /// The store fails.
    pub async fn on(facts: &Facts, day: i32) -> Result<Self, StoreError> {
        let Some(place) = &facts.pack().exemptions else { return Ok(Self::default()) };
        let filter =
            Filter { field: place.until, operator: Operator::AtLeast, values: vec![Value::Integer(day.into())] };
        let query = ListQuery { filters: vec![filter], limit: MOST, ..ListQuery::default() };
        let mut by_check: HashMap<String, HashMap<String, (String, String)>> = HashMap::new();
        for record in facts.reader().list(place.register, &query).await?.records {
            let text = |field: u16| match record.values.get(usize::from(field)) {
                Some(Some(Value::Text(text))) => Some(text.clone()),
                _ => None,
            };
            let until = match record.values.get(usize::from(place.until)) {
                Some(Some(Value::Integer(day))) => figures::iso_day(*day),
                _ => String::new(),
            };
            if let (Some(check), Some(key)) = (text(place.check), text(place.record)) {
                by_check.entry(check).or_default().insert(key, (until, text(place.reason).unwrap_or_default()));
            }
        }
        Ok(Self { by_check })
    }

    /// Last day and reason for a record.
    pub fn of(&self, check: &str, key: &str) -> Option<&(String, String)> {
        self.by_check.get(check)?.get(key)
    }

    /// How many hits of a check in a division are excused.
    pub fn hits(&self, pack: &Pack, results: &Results, check: &Check, division: &str) -> u64 {
        let variable = pack.variables.get(check.variable.index());
        let found = variable.and_then(|variable| {
            let keys = self.by_check.get(&variable.id)?;
            let rows = results.entities.get(&variable.of)?;
            let hit = |key: &&String| {
                rows.row(key).is_some_and(|row| {
                    rows.division(row).starts_with(division) && rows.value(row, check.variable) == Scalar::Boolean(true)
                })
            };
            Some(keys.keys().filter(hit).count() as u64)
        });
        found.unwrap_or(0)
    }
}
