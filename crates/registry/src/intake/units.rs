//! Rows that belong together. A list of persons repeats its household in every row: the rows must agree about it, and
//! are taken or refused together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bangfu_policy::model::{Entity, RegisterId, Value};

/// Rows of a file that are taken or refused together.
#[derive(Debug, Default)]
pub struct Groups {
    of_row: HashMap<u64, usize>,
    rows: Vec<Vec<u64>>,
}

impl Groups {
    fn join(&mut self, row: u64, unit: usize) {
        if self.rows.len() <= unit {
            self.rows.resize_with(unit + 1, Vec::new);
        }
        if let Some(rows) = self.rows.get_mut(unit) {
            rows.push(row);
        }
        self.of_row.insert(row, unit);
    }

    /// The rows beside the refused ones that are refused with them, each with the refused row that is the reason.
    pub fn companions(&self, refused: &BTreeSet<u64>) -> BTreeMap<u64, u64> {
        let mut found = BTreeMap::new();
        for row in refused {
            let unit = self.of_row.get(row).and_then(|unit| self.rows.get(*unit));
            for other in unit.into_iter().flatten().filter(|other| !refused.contains(other)) {
                found.entry(*other).or_insert(*row);
            }
        }
        found
    }
}

/// A record above the rows, or a division: what its rows say of it.
#[derive(Debug)]
struct Unit {
    entity: Entity,
    rows: Vec<u64>,
    /// By use: the value, and the row and column that said it first.
    first: HashMap<u32, (Value, u64)>,
    /// Rows that it should have: number, row, column.
    count: Option<(i64, u64, usize)>,
}

/// All units of a file.
#[derive(Debug, Default)]
pub(super) struct Units {
    all: Vec<Unit>,
    by_key: HashMap<(Entity, String), usize>,
    pub groups: Groups,
}

/// A unit with fewer or more rows than a cell says.
pub(super) struct Miscount {
    pub entity: Entity,
    pub row: u64,
    pub column: usize,
    pub rows: Vec<u64>,
}

impl Units {
    /// The unit of an entity with this key; the row is one of its rows.
    pub(super) fn join(&mut self, entity: Entity, key: &str, row: u64) -> usize {
        let next = self.all.len();
        let at = *self.by_key.entry((entity, key.to_owned())).or_insert(next);
        if at == next {
            self.all.push(Unit { entity, rows: Vec::new(), first: HashMap::new(), count: None });
        }
        if let Some(unit) = self.all.get_mut(at)
            && unit.rows.last() != Some(&row)
        {
            unit.rows.push(row);
        }
        at
    }

    /// The row is taken or refused with the other rows of this unit.
    pub(super) fn bind(&mut self, row: u64, unit: usize) {
        self.groups.join(row, unit);
    }

    /// What a row says of a unit by one use. The row that said something else before, if there is one.
    pub(super) fn say(&mut self, unit: usize, number: u32, value: &Value, row: u64) -> Option<u64> {
        let unit = self.all.get_mut(unit)?;
        let (first, before) = unit.first.entry(number).or_insert_with(|| (value.clone(), row));
        (first != value).then_some(*before)
    }

    /// How many rows a unit should have. The row that said another number before, if there is one.
    pub(super) fn count(&mut self, unit: usize, number: i64, row: u64, column: usize) -> Option<u64> {
        let unit = self.all.get_mut(unit)?;
        let (first, before, _) = unit.count.get_or_insert((number, row, column));
        (*first != number).then_some(*before)
    }

    /// All rows of a unit.
    pub(super) fn rows(&self, unit: usize) -> &[u64] {
        self.all.get(unit).map(|unit| unit.rows.as_slice()).unwrap_or_default()
    }

    /// Units that do not have as many rows as they should.
    pub(super) fn miscounts(&self) -> Vec<Miscount> {
        let wrong = |unit: &Unit| {
            let (number, row, column) = unit.count?;
            let right = usize::try_from(number) == Ok(unit.rows.len());
            (!right).then(|| Miscount { entity: unit.entity, row, column, rows: unit.rows.clone() })
        };
        self.all.iter().filter_map(wrong).collect()
    }
}

/// A record that several rows may tell of.
#[derive(Debug)]
pub(super) struct Gathered {
    pub register: RegisterId,
    pub holder: String,
    pub period: Option<i32>,
    pub values: BTreeMap<u16, Value>,
    pub rows: Vec<u64>,
}

/// Records that several rows may tell of, in the order of their first rows.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    pub records: Vec<Gathered>,
    by_name: HashMap<(RegisterId, String), usize>,
}

impl Gathering {
    /// Adds what a row says of a record; a value that is there already stays.
    pub(super) fn add(
        &mut self,
        (register, name): (RegisterId, String),
        (holder, period): (&str, Option<i32>),
        row: u64,
        values: impl Iterator<Item = (u16, Value)>,
    ) {
        let next = self.records.len();
        let at = *self.by_name.entry((register, name)).or_insert(next);
        if at == next {
            let holder = holder.to_owned();
            self.records.push(Gathered { register, holder, period, values: BTreeMap::new(), rows: Vec::new() });
        }
        if let Some(record) = self.records.get_mut(at) {
            record.rows.push(row);
            for (field, value) in values {
                record.values.entry(field).or_insert(value);
            }
        }
    }
}
