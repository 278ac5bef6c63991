//! Indicators over several frames: what each leaves is put together once all were evaluated.
//!
//! The frames are those of [`crate::snapshot::batches`]: no division of the lowest levels lies in two of them, and they
//! follow each other in the order of their codes, so that rows of registers stand one batch after the other.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bangfu_policy::ir::{ExprId, Scalar};
use bangfu_policy::model::{Entity, LevelId, Pack};

use super::by_node::ByNode;
use super::gather::Gathered;
use super::plan::{Wanted, canonical};
use super::{EngineError, Evaluated, Layout, Outcome, Program, Values};
use crate::frame::{Frame, Table};
use crate::indicators::{Figures, Reader};

/// What the indicators need of one frame.
pub struct Partial {
    /// Codes of each level.
    levels: Vec<Vec<String>>,
    /// Rows and offsets of the registers.
    offsets: Vec<(Entity, Vec<u32>, usize)>,
    gathered: Vec<(Wanted, Vec<Gathered>)>,
    /// What single rows are read from.
    values: PartialValues,
}

struct PartialValues {
    kept: Values,
    lanes: ByNode<super::Lane>,
    constants: ByNode<Scalar>,
}

impl Program<'_> {
    /// Evaluates one of several frames. The outcome has no indicators: see [`Partial::join`].
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_partial(&self) -> Result<(Outcome, Partial), EngineError> {
        let Evaluated { kept, packed, gathered } = self.evaluate()?;
        let roots = crate::indicators::distribution_roots(self.pack);
        let read: Values = roots
            .iter()
            .map(|id| canonical(self.pack, *id))
            .filter_map(|id| Some((id, Arc::clone(kept.get(&id)?))))
            .collect();
        let level = |index| self.frame.tables.get(&Entity::Level(LevelId(index as u16)));
        let registers = self.frame.tables.iter().filter(|(entity, _)| matches!(entity, Entity::Register(_)));
        let partial = Partial {
            levels: (0..self.pack.levels.len()).map(|at| level(at).map_or(Vec::new(), |t| t.keys.clone())).collect(),
            offsets: registers.map(|(entity, table)| (*entity, table.offsets.clone(), table.rows)).collect(),
            gathered: self.plan.wanted.iter().cloned().zip(gathered).collect(),
            values: PartialValues {
                lanes: read.keys().filter_map(|id| Some((*id, *self.plan.lanes.get(*id)?))).collect(),
                constants: self.plan.constants.clone(),
                kept: read,
            },
        };
        Ok((Outcome { entities: self.columns(kept, packed), indicators: Vec::new() }, partial))
    }

    /// Whether a formula reads or makes values of divisions above a level: such a pack cannot be evaluated part by part.
    pub fn looks_above(pack: &Pack, level: LevelId) -> bool {
        let above = |entity: Option<Entity>| matches!(entity, Some(Entity::Level(of)) if of.index() < level.index());
        let roots = pack.variables.iter().map(|variable| variable.root);
        let of_indicators =
            pack.indicators.iter().flat_map(|indicator| crate::needs::indicator_roots(&indicator.value));
        let mut open: Vec<ExprId> = roots.chain(of_indicators).collect();
        let mut seen = std::collections::HashSet::new();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                if above(pack.graph[id].entity) {
                    return true;
                }
                open.extend(pack.graph[id].op.operands());
            }
        }
        false
    }
}

impl Partial {
    /// The divisions of all frames together, and the indicators of each.
    pub fn join(pack: &Pack, parts: &[Self]) -> (Frame, Vec<Figures>) {
        let mut levels: Vec<BTreeSet<String>> = vec![BTreeSet::new(); pack.levels.len()];
        for (all, codes) in parts.iter().flat_map(levels_of) {
            levels[all].extend(codes.iter().cloned());
        }
        let mut frame = Frame::default();
        frame.tables.extend(crate::snapshot::assemble::level_tables(levels));
        // Where the rows of each level of each part are in the whole.
        let places: Vec<Vec<Vec<usize>>> = parts
            .iter()
            .map(|part| {
                let place = |(level, codes): (usize, &Vec<String>)| {
                    let all = frame.tables.get(&Entity::Level(LevelId(level as u16)));
                    let all = all.map(|table| table.keys.as_slice()).unwrap_or_default();
                    codes.iter().map(|code| all.partition_point(|other| other < code)).collect()
                };
                levels_of(part).map(place).collect()
            })
            .collect();
        let starts = registers(pack, parts, &places, &mut frame);
        let layout = Layout::new(pack, &frame);
        let mut gathered: HashMap<Wanted, Vec<Gathered>> = HashMap::new();
        for (part, places) in parts.iter().zip(&places) {
            for (wanted, found) in &part.gathered {
                let Entity::Level(level) = wanted.level else { continue };
                let rows = frame.tables.get(&wanted.level).map_or(0, |table| table.rows);
                let all = gathered.entry(wanted.clone()).or_insert_with(|| vec![Gathered::EMPTY; rows]);
                for (place, one) in places[level.index()].iter().zip(found) {
                    all[*place].join(wanted.function, *one);
                }
            }
        }
        // Part and row there of a row of the whole.
        let mut of_levels: HashMap<Entity, Vec<(usize, usize)>> = HashMap::new();
        for (number, places) in places.iter().enumerate() {
            for (level, places) in places.iter().enumerate() {
                let entity = Entity::Level(LevelId(level as u16));
                let rows = frame.tables.get(&entity).map_or(0, |table| table.rows);
                let all = of_levels.entry(entity).or_insert_with(|| vec![(0, 0); rows]);
                for (row, place) in places.iter().enumerate() {
                    all[*place] = (number, row);
                }
            }
        }
        let value = |id: ExprId| -> Reader<'_> {
            let id = canonical(pack, id);
            let readers: Vec<Reader<'_>> = parts.iter().map(|part| part.values.reader(id)).collect();
            let entity = pack.graph[id].entity;
            let places = entity.and_then(|entity| of_levels.get(&entity));
            let starts = entity.and_then(|entity| starts.get(&entity)).map(Vec::as_slice).unwrap_or_default();
            Box::new(move |row| {
                let (part, row) = if let Some(places) = places {
                    places.get(row).copied().unwrap_or((0, row))
                } else {
                    let part = starts.partition_point(|start| *start <= row).saturating_sub(1);
                    (part, row - starts.get(part).copied().unwrap_or(0))
                };
                readers.get(part).map_or(Scalar::Missing, |reader| reader(row))
            })
        };
        let sums = |wanted: &Wanted| gathered.get(wanted).map(Vec::as_slice);
        let figures = crate::indicators::compute(pack, &frame, &layout, &sums, &value);
        (frame, figures)
    }
}

fn levels_of(part: &Partial) -> impl Iterator<Item = (usize, &Vec<String>)> {
    part.levels.iter().enumerate()
}

/// Rows and offsets of the registers of all parts, one after the other; gives the first row of each part.
fn registers(
    pack: &Pack,
    parts: &[Partial],
    places: &[Vec<Vec<usize>>],
    frame: &mut Frame,
) -> HashMap<Entity, Vec<usize>> {
    let mut starts: HashMap<Entity, Vec<usize>> = HashMap::new();
    let entities: BTreeSet<Entity> =
        parts.iter().flat_map(|part| part.offsets.iter().map(|(entity, ..)| *entity)).collect();
    for entity in entities {
        let Some(parent) = pack.parent(entity) else { continue };
        let mut rows = 0;
        let mut offsets = Vec::new();
        if let Entity::Level(_) = parent {
            let above = frame.tables.get(&parent).map_or(0, |table| table.rows);
            offsets = vec![0_u32; above + 1];
        }
        for (part, places) in parts.iter().zip(places) {
            starts.entry(entity).or_default().push(rows);
            let Some((_, own, count)) = part.offsets.iter().find(|(of, ..)| *of == entity) else { continue };
            match parent {
                Entity::Level(level) => {
                    for (place, ends) in places[level.index()].iter().zip(own.windows(2)) {
                        offsets[place + 1] += ends[1] - ends[0];
                    }
                }
                Entity::Register(_) => {
                    offsets.extend(own.iter().take(own.len().saturating_sub(1)).map(|offset| offset + rows as u32));
                }
            }
            rows += count;
        }
        if let Entity::Level(_) = parent {
            let mut total = 0;
            for offset in &mut offsets {
                total += *offset;
                *offset = total;
            }
        } else {
            offsets.push(rows as u32);
        }
        frame.tables.insert(entity, Table { rows, offsets, ..Table::default() });
    }
    starts
}

impl PartialValues {
    fn reader(&self, id: ExprId) -> Reader<'_> {
        if let Some(value) = self.constants.get(id) {
            return Box::new(|_| *value);
        }
        let (buffer, lane) = (self.kept.get(&id).map(Arc::as_ref), self.lanes.get(id).copied());
        Box::new(move |row| super::value_of(buffer, lane, row))
    }
}
