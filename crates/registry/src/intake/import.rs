//! A file into the registry: read, checked, loaded in one change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use bangfu_office::Limits;
use bangfu_policy::model::{Entity, FieldRef, Pack, RegisterId, text_in};
use bangfu_store::change::{Changed, Outcome, Refusal};
use bangfu_store::{Actor, Duplicates, Scope, Store, StoreError};

use serde::{Deserialize, Serialize};

use super::cells::mask;
use super::{Accepted, DivisionNames, IntakeError, MappingFile, Problem, Reading, links, read_within};

/// What happens when some rows are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Nothing is taken unless every row is good.
    All,
    /// Good rows are taken.
    Good,
    /// Nothing is taken: what would become of the rows.
    Nothing,
}

/// What is imported, and how.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The file.
    pub file: &'a Path,
    /// Caps on it.
    pub limits: Limits,
    /// What may be changed.
    pub scope: &'a Scope,
    /// What must come of it; if it is something else, nothing is taken.
    pub expected: Option<Divided>,
    /// Register of the rows, when there is no mapping.
    pub register: Option<RegisterId>,
    /// Mapping of a foreign list.
    pub mapping: Option<&'a MappingFile>,
    /// All rows or the good ones.
    pub take: Take,
    /// What happens to records that exist with other values.
    pub duplicates: Duplicates,
    /// Language of messages.
    pub language: &'a str,
    /// Who imports.
    pub actor: &'a Actor,
    /// Why, for the journal.
    pub reason: &'a str,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
}

/// What became of the records of a register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// New records.
    pub inserted: u64,
    /// Records with new values.
    pub updated: u64,
    /// Records that were so already.
    pub unchanged: u64,
}

/// What became of the rows of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divided {
    /// Records.
    pub counts: Counts,
    /// Rows that were refused.
    pub refused: usize,
}

/// What became of a file.
#[derive(Debug, Default)]
pub struct Imported {
    /// What it holds, with all problems in the order of rows.
    pub reading: Reading,
    /// By register id; of a file that was not taken: what would have become of the good rows.
    pub registers: BTreeMap<String, Counts>,
    /// Whether it was taken, its refused rows left out.
    pub taken: bool,
    /// By row of the file: what became of its own record.
    pub outcomes: BTreeMap<u64, Outcome>,
    /// Records with new values and their rows, of all registers.
    pub changed: Vec<(RegisterId, u64, Changed)>,
}

/// Why a file is not imported at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Imported {
    /// Rows of the file that were not taken, or would not be.
    pub fn refused_rows(&self) -> usize {
        self.reading.problems.iter().map(|problem| problem.row).collect::<BTreeSet<_>>().len()
    }

    /// Records and refused rows.
    pub fn divided(&self) -> Divided {
        Divided { counts: self.sum(), refused: self.refused_rows() }
    }

    /// Sums over all registers.
    pub fn sum(&self) -> Counts {
        self.registers.values().fold(Counts::default(), |sum, one| Counts {
            inserted: sum.inserted + one.inserted,
            updated: sum.updated + one.updated,
            unchanged: sum.unchanged + one.unchanged,
        })
    }
}

/// Imports a file. Rows that tell of one household are taken together or not at all.
///
/// # Errors
/// The file cannot be read, has no header that fits, or the store refuses; rows that are refused are in the answer.
pub async fn import(store: &Store, request: &Request<'_>) -> Result<Imported, ImportError> {
    let pack = store.pack();
    let reader = store.reader(request.scope);
    let divisions: Vec<_> = reader.divisions().await?.into_iter().map(|d| (d.code, d.name)).collect();
    let endings = request.mapping.map(|mapping| mapping.division_endings.as_slice()).unwrap_or_default();
    let names = DivisionNames::new(pack, &divisions, endings);
    let kind = (request.register, request.mapping);
    let read = || read_within(pack, kind, &names, request.file, request.language, &request.limits);
    let mut reading = tokio::task::block_in_place(read)?;
    let unknown = links::broken(pack, &reader, &names, &reading, request.language).await?;
    reading.refused.extend(unknown.iter().map(|problem| problem.row));
    reading.problems.extend(unknown);
    let own = request.register.or_else(|| pack.register(&request.mapping?.register));
    let mut refused = reading.refused.clone();
    with_companions(pack, &mut reading, &mut refused, request.language);
    let mut all = Imported { reading, ..Imported::default() };
    all.taken = loop {
        let mut change = store.change(request.scope, request.actor, request.reason, request.at).await?;
        let mut found = Vec::new();
        let reading = &all.reading;
        (all.registers, all.outcomes, all.changed) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for accepted in &reading.accepted {
            let (batch, rows) = kept(accepted, &refused)?;
            if batch.num_rows() == 0 {
                continue;
            }
            let report = change.load(accepted.register, &batch, request.duplicates).await?;
            let id = pack.registers.get(accepted.register.index()).map(|register| register.id.clone());
            let counts = all.registers.entry(id.unwrap_or_default()).or_default();
            counts.inserted += report.inserted;
            counts.updated += report.updated;
            counts.unchanged += report.unchanged;
            let row = |at: usize| rows.get(at).copied().unwrap_or(0);
            for refusal in report.refused {
                let at = row(refusal.row);
                found.push(problem(pack, reading, accepted.register, at, &refusal, request.language));
            }
            if own == Some(accepted.register) {
                all.outcomes.extend(rows.iter().copied().zip(report.outcomes));
            }
            all.changed.extend(report.changed.into_iter().map(|one| (accepted.register, row(one.row), one)));
        }
        let again = !found.is_empty() && reading.accepted.len() > 1;
        refused.extend(found.iter().map(|problem| problem.row));
        all.reading.problems.extend(found);
        with_companions(pack, &mut all.reading, &mut refused, request.language);
        if request.take == Take::All && !refused.is_empty() {
            change.roll_back().await?;
            break false;
        }
        if !again && (request.take == Take::Nothing || request.expected.is_some_and(|known| known != all.divided())) {
            change.roll_back().await?;
            break false;
        }
        if !again {
            change.commit().await?;
            break true;
        }
        // The records of a refused row that were taken must not stay: without these rows once more.
        change.roll_back().await?;
    };
    all.reading.problems.sort_by_key(|problem| problem.row);
    Ok(all)
}

/// Refuses with the rows that have problems those that are refused together with them.
fn with_companions(pack: &Pack, reading: &mut Reading, refused: &mut BTreeSet<u64>, language: &str) {
    let said: BTreeSet<u64> = reading.problems.iter().map(|problem| problem.row).collect();
    let register = reading.group.and_then(|id| pack.registers.get(id.index()));
    let title = register.map_or("", |register| text_in(&register.title, language));
    for (row, because) in reading.groups.companions(&said) {
        refused.insert(row);
        let (message, advice) = match language {
            "zh" => (
                format!("同一{title}的第 {because} 行被退回"),
                format!("更正第 {because} 行后，把这个{title}的各行一起重新导入"),
            ),
            _ => (
                format!("row {because} of the same “{title}” is refused"),
                format!("correct row {because} and import all rows of it again"),
            ),
        };
        let (column, value) = (String::new(), String::new());
        reading.problems.push(Problem { row, column, value, rule: "together".to_owned(), message, advice });
    }
}

/// The records of a register that have a row which is not refused, and that row.
fn kept(accepted: &Accepted, refused: &BTreeSet<u64>) -> Result<(RecordBatch, Vec<u64>), IntakeError> {
    let good = accepted.rows.iter().map(|rows| rows.iter().copied().find(|row| !refused.contains(row)));
    let good: Vec<Option<u64>> = good.collect();
    let mask = BooleanArray::from(good.iter().map(Option::is_some).collect::<Vec<bool>>());
    let batch = filter_record_batch(&accepted.batch, &mask)?;
    Ok((batch, good.into_iter().flatten().collect()))
}

/// A row that the store refused, with the first column that it is about.
fn problem(
    pack: &Pack,
    reading: &Reading,
    register: RegisterId,
    row: u64,
    refusal: &Refusal,
    language: &str,
) -> Problem {
    let key = |register: RegisterId| Some(FieldRef { register, field: pack.registers.get(register.index())?.key? });
    let field = match refusal.rule {
        "exists" | "required" => refusal.fields.first().map(|field| FieldRef { register, field: *field }),
        "unique" if !refusal.fields.is_empty() => {
            refusal.fields.first().map(|field| FieldRef { register, field: *field })
        }
        "parent" => pack.registers.get(register.index()).and_then(|definition| match definition.parent {
            Entity::Register(parent) => key(parent),
            Entity::Level(_) => None,
        }),
        "division" | "scope" => None,
        _ => key(register),
    };
    let column = field.and_then(|field| reading.columns.get(&field));
    let cells = |wanted: u64| {
        let at = reading.table.binary_search_by_key(&wanted, |(number, _)| *number).ok();
        at.and_then(|at| reading.table.get(at)).map(|(_, cells)| cells)
    };
    let cell = column.and_then(|column| cells(row)?.get(*column)).cloned();
    let secret = field.and_then(|field| pack.field(field)).is_some_and(|field| field.secret);
    let header = column.and_then(|column| reading.table.first()?.1.get(*column)).cloned();
    let value = cell.map_or_else(|| refusal.value.clone(), |text| if secret { mask(&text) } else { text });
    let title = field.and_then(|field| pack.field(field)).map(|field| text_in(&field.title, language).to_owned());
    let (message, advice) = words(refusal.rule, language);
    Problem {
        row,
        column: header.or(title).unwrap_or_default(),
        value,
        rule: refusal.rule.to_owned(),
        message: message.to_owned(),
        advice: advice.to_owned(),
    }
}

/// Words for a row that the store refused.
fn words(rule: &str, language: &str) -> (&'static str, &'static str) {
    match (rule, language == "zh") {
        ("parent", true) => ("上级档案不存在", "先导入所属的户或人"),
        ("parent", false) => ("the record that it belongs to does not exist", "import that one first"),
        ("exists", true) => ("已登记的内容不同", "核对后如需更改，请用更新方式（--update）导入"),
        ("exists", false) => ("the record exists with other values", "import with --update to change it"),
        ("moved", true) => ("已登记在另一户或另一行政区划下", "核对编号；确属迁移的，先办理迁移"),
        ("moved", false) => ("the record belongs elsewhere", "check the number; if it moved, enter the move first"),
        ("unique", true) => ("与另一条记录重复", "核对编号"),
        ("unique", false) => ("another record has this value already", "check the number"),
        ("required", true) => ("新记录缺少必填项，表中没有这一列", "补上这一列，或核对编号"),
        ("required", false) => {
            ("a new record needs this, and the list has no such column", "add the column, or check the key")
        }
        ("scope", true) => ("不在管辖范围", "由所属地区导入"),
        ("scope", false) => ("outside of what you may change", "let the office of that division import it"),
        (_, true) => ("行政区划代码不符", "填写完整代码"),
        (_, false) => ("not a division code of this level", "write the full code"),
    }
}
