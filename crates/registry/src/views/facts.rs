//! Facts for pages: records of the store as plain values, tables as files.

use bangfu_office::OfficeError;
use bangfu_office::write::{CellKind, ColumnSpec, SheetSpec, write_workbook};
use bangfu_policy::model::{Entity, Pack, Procedure, RegisterId, Value, text_in};
use bangfu_store::journal::Entry;
use bangfu_store::{
    Attachment, Batch, Bearer, CaseEvent, CaseFile, CaseQuery, Filter, ListQuery, Operator, Owner, Reader, Record,
    RecordId, Row, SavedQuery, Scope, Sort, Store, StoreError,
};
use serde::Serialize;

use super::figures::{self, Language};
use super::file::Fact;
use super::listing::{Condition, Listing, Test};

/// Batches of a procedure that are counted at most.
const MOST_BATCHES: i64 = 200;

/// Most records of a division that one page shows below it.
const MOST_BELOW: u64 = 100_000;

/// Reads records of a registry, all that the scope lets see, secret fields masked.
#[derive(Clone)]
pub struct Facts {
    store: Store,
    scope: Scope,
    reader: Reader,
}

/// A change of a record.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// When.
    pub at: String,
    /// `insert`, `update`, `load` …
    pub action: String,
    /// Fields with their values before and after.
    pub fields: Vec<(String, String, String)>,
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    /// Id.
    pub id: String,
    /// When.
    pub at: String,
    /// Day of the run.
    pub as_of: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// Seconds that it took; empty while it runs.
    pub seconds: String,
    /// First digits of the policy's hash.
    pub policy: String,
    /// Parameters that were set.
    pub overrides: String,
}

/// A difference between the last run and the one before.
#[derive(Clone, Debug, Serialize)]
pub struct DifferenceLine {
    /// Id of the rule.
    pub id: String,
    /// Title of the rule.
    pub title: String,
    /// Kind of change, one word.
    pub change: String,
    /// Records.
    pub count: String,
    /// Address of the entity's files, and some keys.
    pub examples: Vec<(String, String)>,
}

impl Facts {
    /// Reads a store within a scope.
    pub fn new(store: Store, scope: &Scope) -> Self {
        Self { reader: store.reader(scope), scope: scope.clone(), store }
    }

    pub(crate) fn pack(&self) -> &Pack {
        self.store.pack()
    }

    /// The reader, bound to the scope.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The store, for changes.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Cases by deadline, and how many there are.
    ///
    /// # Errors
    /// The store fails.
    pub async fn cases(&self, query: &CaseQuery) -> Result<(Vec<CaseFile>, u64), StoreError> {
        self.reader.cases(query).await
    }

    /// Places, named by so many digits, where more than one case of a procedure is at the same of some steps.
    ///
    /// # Errors
    /// The store fails.
    pub async fn batches(
        &self,
        procedure: &Procedure,
        steps: &[usize],
        digits: usize,
        division: &str,
    ) -> Result<Vec<Batch>, StoreError> {
        let seen = match procedure.subject {
            Entity::Register(register) => self.scope.sees(register),
            Entity::Level(_) => true,
        };
        if !seen || steps.is_empty() {
            return Ok(Vec::new());
        }
        self.reader.batches((&procedure.id, steps), digits, division, MOST_BATCHES).await
    }

    /// The case of a code, wherever it lies: for whoever has the code.
    ///
    /// # Errors
    /// The store fails.
    pub async fn case_of_code(&self, code: &str) -> Result<Option<CaseFile>, StoreError> {
        self.reader.case_of_code(code).await
    }

    /// What was done on a case, in order.
    ///
    /// # Errors
    /// The store fails.
    pub async fn case_events(&self, id: i64) -> Result<Vec<CaseEvent>, StoreError> {
        self.reader.case_events(id).await
    }

    /// What may be seen and changed.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What a listing asks the store for.
    pub(crate) fn query(&self, listing: &Listing) -> ListQuery {
        ListQuery {
            division: within(self.pack(), &listing.division),
            filters: listing.conditions.iter().map(filter).collect(),
            search: listing.search.clone(),
            sort: listing.sort.map_or(Sort::Place, |(field, _)| Sort::Field(field)),
            descending: listing.sort.is_some_and(|(_, descending)| descending),
            offset: listing.page.saturating_sub(1).saturating_mul(listing.limit),
            limit: listing.limit,
            ..ListQuery::default()
        }
    }

    /// A record as pages take it.
    pub fn fact(&self, record: Record) -> Fact {
        let key = self.pack().registers.get(record.register.index()).and_then(|register| register.key);
        let id = match key.and_then(|key| record.values.get(usize::from(key))) {
            Some(Some(Value::Text(text))) => text.clone(),
            _ => format!("~{}", record.id.0),
        };
        Fact {
            id,
            register: record.register,
            row: record.id.0,
            parent: record.parent.map(|parent| parent.0),
            changed: record.changed,
            division: record.division,
            period: record.period,
            values: record.values,
        }
    }

    fn facts(&self, records: Vec<Record>) -> Vec<Fact> {
        records.into_iter().map(|record| self.fact(record)).collect()
    }

    /// A page of a list and the number of all that match.
    ///
    /// # Errors
    /// The store fails; the same holds for all that follows.
    pub async fn page(&self, listing: &Listing) -> Result<(Vec<Fact>, u64), StoreError> {
        let query = self.query(listing);
        let page = self.reader.list(listing.register, &query).await?;
        Ok((self.facts(page.records), page.total))
    }

    /// How many records a list has.
    pub async fn matching(&self, listing: &Listing) -> Result<u64, StoreError> {
        self.reader.count(listing.register, &self.query(listing)).await
    }

    /// The records of a list with what they belong to, as many as its page has.
    pub(crate) async fn rows(&self, listing: &Listing) -> Result<Vec<Row>, StoreError> {
        self.reader.rows_after(listing.register, &self.query(listing), None).await
    }

    /// One record by its address: the key, or `~` and the row.
    pub async fn get(&self, register: RegisterId, address: &str) -> Result<Option<Fact>, StoreError> {
        let record = match address.strip_prefix('~').and_then(|row| row.parse().ok()) {
            Some(row) => self.reader.by_id(register, RecordId(row)).await?,
            None if self.pack().registers.get(register.index()).is_some_and(|r| r.key.is_some()) => {
                self.reader.get(register, address).await?
            }
            None => None,
        };
        Ok(record.map(|record| self.fact(record)))
    }

    /// The record above.
    pub async fn parent(&self, fact: &Fact) -> Result<Option<Fact>, StoreError> {
        let above = self.pack().registers.get(fact.register.index()).map(|register| register.parent);
        match (above, fact.parent) {
            (Some(Entity::Register(register)), Some(row)) => {
                Ok(self.reader.by_id(register, RecordId(row)).await?.map(|record| self.fact(record)))
            }
            _ => Ok(None),
        }
    }

    /// Records below a record.
    pub async fn children(&self, register: RegisterId, fact: &Fact) -> Result<Vec<Fact>, StoreError> {
        Ok(self.facts(self.reader.children(register, RecordId(fact.row)).await?))
    }

    /// Of some registers those that have records of an owner: of many registers most have none.
    pub async fn filled(&self, registers: &[RegisterId], owner: &Owner) -> Result<Vec<RegisterId>, StoreError> {
        self.reader.filled(registers, owner).await
    }

    /// Records of a division itself.
    pub async fn of_division(&self, register: RegisterId, code: &str) -> Result<Vec<Fact>, StoreError> {
        Ok(self.facts(self.reader.of_division(register, code).await?))
    }

    /// Records of a division and all below.
    pub async fn below(&self, register: RegisterId, code: &str) -> Result<Vec<Fact>, StoreError> {
        let query = ListQuery { division: within(self.pack(), code), limit: MOST_BELOW, ..ListQuery::default() };
        Ok(self.facts(self.reader.list(register, &query).await?.records))
    }

    /// Records by their keys, in that order.
    pub async fn by_keys(&self, register: RegisterId, keys: &[&str]) -> Result<Vec<Fact>, StoreError> {
        let wanted = keys.iter().map(|key| (*key).to_owned()).collect();
        let query = ListQuery { keys: Some(wanted), limit: keys.len() as u64, ..ListQuery::default() };
        let mut facts = self.facts(self.reader.list(register, &query).await?.records);
        facts.sort_by_key(|fact| keys.iter().position(|key| *key == fact.id));
        Ok(facts)
    }

    /// Number of records in a division.
    pub async fn count(&self, register: RegisterId, division: &str) -> Result<u64, StoreError> {
        let query = ListQuery { division: within(self.pack(), division), ..ListQuery::default() };
        self.reader.count(register, &query).await
    }

    /// Changes of a record, newest first.
    pub async fn history(&self, fact: &Fact, language: Language) -> Result<Vec<Change>, StoreError> {
        let Some(register) = self.pack().registers.get(fact.register.index()) else { return Ok(Vec::new()) };
        let entries = self.store.history(&register.id, RecordId(fact.row), fact.changed).await?;
        let changes = entries.into_iter().map(|entry| {
            let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap_or_default();
            let written = |side: &str, id: &str| {
                let value = body.get(side).and_then(|side| side.get(id));
                let sealed = value.is_some_and(serde_json::Value::is_object).then_some("***");
                value.and_then(|value| value.as_str()).or(sealed).unwrap_or("—").to_owned()
            };
            let changed = body.get("after").or(body.get("before")).and_then(|after| after.as_object());
            let fields = changed.into_iter().flatten().map(|(id, _)| {
                let title = register.fields.iter().find(|field| field.id == *id);
                let title = title.map_or_else(|| id.clone(), |field| text_in(&field.title, language.id()).to_owned());
                (title, written("before", id), written("after", id))
            });
            Change {
                at: figures::moment(entry.at, &self.pack().calendar),
                fields: fields.collect(),
                action: entry.action,
                who: entry.actor,
                reason: entry.reason,
            }
        });
        Ok(changes.collect())
    }

    /// Queries of a register's list that have names.
    pub async fn saved_queries(&self, register: RegisterId) -> Result<Vec<SavedQuery>, StoreError> {
        self.reader.saved_queries(register).await
    }

    /// Files of a record, oldest first.
    pub async fn attachments(&self, bearer: Bearer) -> Result<Vec<Attachment>, StoreError> {
        self.reader.attachments(bearer).await
    }

    /// Journal entries about a record, newest first, also of one that was removed.
    pub async fn told(&self, register: RegisterId, row: i64) -> Result<Vec<Entry>, StoreError> {
        self.reader.told(register, RecordId(row)).await
    }

    /// Registers with records that belong to a record, and how many; without those that the system keeps.
    pub async fn held(&self, register: RegisterId, row: i64) -> Result<Vec<(RegisterId, u64)>, StoreError> {
        let mut held = Vec::new();
        for (n, below) in self.pack().registers.iter().enumerate() {
            if below.parent == Entity::Register(register) && !below.kept_by_system() {
                let id = RegisterId(n as u16);
                let query = ListQuery { parent: Some(RecordId(row)), ..ListQuery::default() };
                let count = self.reader.count(id, &query).await?;
                held.extend((count > 0).then_some((id, count)));
            }
        }
        Ok(held)
    }

    /// Runs, newest first.
    pub async fn runs(&self) -> Result<Vec<RunLine>, StoreError> {
        let runs = self.store.runs().await?;
        let lines = runs.into_iter().take(20).map(|run| RunLine {
            at: figures::moment(run.started, &self.pack().calendar),
            as_of: figures::iso_day(run.as_of.into()),
            seconds: run
                .finished
                .map(|end| figures::decimals((end - run.started) as f64 / 1000.0, 1))
                .unwrap_or_default(),
            policy: run.policy_hash.get(..12).unwrap_or_default().to_owned(),
            overrides: if matches!(run.overrides.as_str(), "{}" | "[]" | "") { String::new() } else { run.overrides },
            state: run.state,
            id: run.id,
        });
        Ok(lines.collect())
    }

    /// What changed with the last run that ended well.
    pub async fn differences(&self, language: Language) -> Result<Vec<DifferenceLine>, StoreError> {
        let Some(run) = self.store.runs().await?.into_iter().find(|run| run.state == "done") else {
            return Ok(Vec::new());
        };
        let pack = self.pack();
        let lines = self.store.differences(&run.id).await?.into_iter().map(|difference| {
            let variable = pack.variable(&difference.variable).and_then(|id| pack.variables.get(id.index()));
            let folder = match pack.entity(&difference.entity) {
                Some(Entity::Level(_)) => "/division".to_owned(),
                _ => format!("/registry/{}", difference.entity),
            };
            DifferenceLine {
                title: variable.map(|v| text_in(&v.title, language.id()).to_owned()).unwrap_or_default(),
                id: difference.variable,
                change: difference.change,
                count: language.grouped(difference.count),
                examples: difference.examples.into_iter().take(3).map(|key| (format!("{folder}/{key}"), key)).collect(),
            }
        });
        Ok(lines.collect())
    }
}

/// The whole is no condition: records without division code of their own would be left out, and the scan is longer.
pub(super) fn within(pack: &Pack, division: &str) -> Option<String> {
    (division != pack.policy.root).then(|| division.to_owned())
}

fn filter(condition: &Condition) -> Filter {
    let (operator, values) = match &condition.test {
        Test::Is(Value::Text(text)) => (Operator::Contains, vec![Value::Text(text.clone())]),
        Test::Is(value) => (Operator::In, vec![value.clone()]),
        Test::AtLeast(value) => (Operator::AtLeast, vec![value.clone()]),
        Test::AtMost(value) => (Operator::AtMost, vec![value.clone()]),
        Test::Empty => (Operator::Missing, Vec::new()),
    };
    Filter { field: condition.field, operator, values }
}

/// A table to take away: title, header with whether a column holds numbers, rows.
pub struct Table {
    /// Title.
    pub title: String,
    /// Words and whether the column holds numbers.
    pub columns: Vec<(String, bool)>,
    /// Rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn sheet(self) -> SheetSpec {
        let columns = self.columns.into_iter().map(|(title, _)| ColumnSpec::new(title, CellKind::Text)).collect();
        SheetSpec { name: self.title, columns, rows: self.rows }
    }

    /// As a workbook.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn xlsx(self) -> Result<Vec<u8>, OfficeError> {
        write_workbook(&[self.sheet()])
    }
}
