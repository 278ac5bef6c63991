//! The snapshot of the last run in memory: explanations, what-if and books read it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bangfu_policy::books::Book;
use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Entity, Pack, ParameterId, VariableId};
use bangfu_rules::books::Tally;
use bangfu_rules::engine::{Baseline, EngineError};
use bangfu_rules::explain::{self, Explanation};
use bangfu_rules::frame::{Column, Frame};
use bangfu_rules::interpret::EvaluationError;
use bangfu_rules::needs::Needs;
use bangfu_rules::snapshot::{self, SnapshotError};

use super::books::Shelf;
use super::figures::Language;
use super::matching::{self, Values};
use super::results::Results;
use super::told::Told;

/// All records that the rules read, with a way from a key to its row.
#[derive(Debug)]
pub struct Snapshot {
    /// The records.
    pub frame: Frame,
    by_key: HashMap<Entity, Vec<u32>>,
    parents: HashMap<Entity, Entity>,
    baseline: OnceLock<Baseline>,
    books: Shelf,
    matching: OnceLock<Values>,
    told: Told<Arc<Explanation>>,
}

impl Snapshot {
    /// Reads a snapshot folder for a day.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(folder: &Path, pack: &Pack, as_of: i32) -> Result<Self, SnapshotError> {
        Ok(Self::of(pack, snapshot::read(folder, pack, &Needs::with_books(pack), as_of)?.frame))
    }

    /// Of a frame.
    pub fn of(pack: &Pack, frame: Frame) -> Self {
        let by_key = frame
            .tables
            .iter()
            .map(|(entity, table)| {
                let mut rows: Vec<u32> = (0..table.keys.len() as u32).collect();
                rows.sort_by(|a, b| table.keys.get(*a as usize).cmp(&table.keys.get(*b as usize)));
                (*entity, rows)
            })
            .collect();
        let parents = frame.tables.keys().filter_map(|entity| Some((*entity, pack.parent(*entity)?))).collect();
        let (baseline, matching, books) = (OnceLock::new(), OnceLock::new(), Shelf::default());
        Self { frame, by_key, parents, baseline, books, matching, told: Told::default() }
    }

    /// Row of a record or division.
    pub fn row(&self, entity: Entity, key: &str) -> Option<usize> {
        let keys = &self.frame.tables.get(&entity)?.keys;
        let rows = self.by_key.get(&entity)?;
        let at = rows.binary_search_by(|row| keys.get(*row as usize).map_or("", String::as_str).cmp(key)).ok()?;
        rows.get(at).map(|row| *row as usize)
    }

    /// Rows of an entity in a division: of a level the division and all below it.
    pub fn rows_in(&self, pack: &Pack, entity: Entity, division: &str) -> std::ops::Range<usize> {
        let Some(level) = pack.level_of_code(division).map(Entity::Level) else { return 0..0 };
        let Some(row) = self.row(level, division) else { return 0..0 };
        let mut chain = vec![entity];
        chain.extend(pack.ancestors(entity).take_while(|above| *above != level));
        chain.reverse();
        if entity == level {
            return row..row + 1;
        }
        matching::descend(self, &chain, row)
    }

    /// Code of the division that a record lies in; of a division its own.
    pub fn division_of(&self, pack: &Pack, entity: Entity, row: usize) -> &str {
        let (mut entity, mut row) = (entity, row);
        loop {
            let Some(table) = self.frame.tables.get(&entity) else { return "" };
            if let Entity::Level(_) = entity {
                return table.keys.get(row).map_or("", String::as_str);
            }
            row = table.offsets.partition_point(|offset| *offset as usize <= row).saturating_sub(1);
            match pack.parent(entity) {
                Some(above) => entity = above,
                None => return "",
            }
        }
    }

    /// What the matches of the pack compare, computed once.
    ///
    /// # Errors
    /// A formula has no result for a record.
    pub fn matching(&self, pack: &Pack) -> Result<&Values, EngineError> {
        if let Some(values) = self.matching.get() {
            return Ok(values);
        }
        let made = Values::of(pack, self)?;
        Ok(self.matching.get_or_init(|| made))
    }

    /// Records of all registers below a division; 0 for a record.
    pub fn rows_below(&self, entity: Entity, key: &str) -> usize {
        let (Entity::Level(_), Some(row)) = (entity, self.row(entity, key)) else { return 0 };
        let mut open = vec![(entity, row..row + 1)];
        let mut below = 0;
        while let Some((above, rows)) = open.pop() {
            for (child, table) in self.frame.tables.iter().filter(|(child, _)| self.parents.get(child) == Some(&above))
            {
                let first = table.children(rows.start).start;
                let last = table.children(rows.end.saturating_sub(1)).end;
                if first < last {
                    below += if matches!(child, Entity::Register(_)) { last - first } else { 0 };
                    open.push((*child, first..last));
                }
            }
        }
        below
    }

    /// Why a variable of a record has its value; `None` when the record is not in the snapshot.
    ///
    /// # Errors
    /// The formula fails for the record.
    pub fn explain(
        &self,
        pack: &Pack,
        entity: Entity,
        key: &str,
        variable: VariableId,
        language: Language,
    ) -> Result<Option<Arc<Explanation>>, EvaluationError> {
        let Some(row) = self.row(entity, key) else { return Ok(None) };
        let make = || explain::explain(pack, &self.frame, entity, row, variable, &[], language.id()).map(Arc::new);
        self.told.get((entity, row, variable, language.id()), make).map(Some)
    }

    /// Whether these are the records of a run: what-if compares row by row.
    pub fn fits(&self, results: &Results) -> bool {
        results.entities.iter().all(|(entity, rows)| {
            let table = self.frame.tables.get(entity);
            table.is_none_or(|table| {
                table.rows == rows.len() && table.keys.first().map(String::as_str).unwrap_or_default() == rows.key(0)
            })
        })
    }

    /// Evaluates what the what-if screen shows and keeps what its parameters do not touch, so that a moved slider is
    /// answered at once. Done once; a site does it before the first visitor asks.
    ///
    /// # Errors
    /// A formula fails for a record.
    pub fn prepare(&self, pack: &Pack) -> Result<&Baseline, EngineError> {
        if let Some(baseline) = self.baseline.get() {
            return Ok(baseline);
        }
        let wanted = super::what_if::wanted(pack);
        let made = Baseline::new(pack, &self.frame, &pack.screens.what_if.parameters, &wanted)?;
        Ok(self.baseline.get_or_init(|| made))
    }

    /// Values of the what-if screen's variables that depend on these parameters, in the order of the snapshot's rows.
    ///
    /// # Errors
    /// A formula fails for a record.
    pub fn compute(
        &self,
        pack: &Pack,
        overrides: &[(ParameterId, Scalar)],
    ) -> Result<BTreeMap<u16, Column>, EngineError> {
        let columns = self.prepare(pack)?.with(pack, &self.frame, overrides)?;
        Ok(columns.into_iter().map(|(id, column)| (id.0, column)).collect())
    }

    /// A book, counted over these records with the parameters of the run; counted books are kept as long as there is room.
    ///
    /// # Errors
    /// A formula fails for a record.
    pub fn tally(
        &self,
        pack: &Pack,
        overrides: &[(ParameterId, Scalar)],
        book: &Book,
    ) -> Result<Arc<Tally>, EngineError> {
        self.books.get(pack, &self.frame, overrides, book)
    }

    /// Counted books.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.books
    }

    /// Titles of the facts that are missing for a condition that cannot be told.
    ///
    /// # Errors
    /// The formula fails for the record.
    pub fn missing(
        &self,
        pack: &Pack,
        entity: Entity,
        key: &str,
        variable: VariableId,
        language: Language,
    ) -> Result<Vec<String>, EvaluationError> {
        let condition = pack.variables.get(variable.index()).is_some_and(|v| v.ty == Type::Boolean);
        let why = if condition { self.explain(pack, entity, key, variable, language)? } else { None };
        Ok(why
            .iter()
            .flat_map(|why| &why.missing)
            .map(|fact| match &fact.period {
                Some(period) => format!("{} {period}", fact.title),
                None => fact.title.clone(),
            })
            .collect())
    }
}
