//! Which rows lie below which: offsets between any two entities of a frame, composed once.

use std::collections::HashMap;
use std::ops::Range;

use bangfu_policy::model::{Entity, Pack};

use crate::frame::Frame;

/// Rows below one row up to which their ancestor is looked up row by row; above it, runs are filled.
const SMALL_GROUP: usize = 12;

/// Offsets from ancestors to descendants.
pub(crate) struct Layout {
    offsets: HashMap<(Entity, Entity), Vec<u32>>,
    /// Row of the ancestor of each row, where groups are small.
    parents: HashMap<(Entity, Entity), Vec<u32>>,
    /// Most rows below one row.
    largest: HashMap<(Entity, Entity), u32>,
}

impl Layout {
    /// Composes the offsets of every entity of the frame with those of all its ancestors.
    pub(crate) fn new(pack: &Pack, frame: &Frame) -> Self {
        let mut offsets = HashMap::new();
        let mut parents = HashMap::new();
        let mut largest = HashMap::new();
        for below in frame.tables.keys() {
            let Some(table) = frame.tables.get(below) else { continue };
            let mut so_far: Option<Vec<u32>> = None;
            let mut own = table.offsets.clone();
            for above in pack.ancestors(*below) {
                let rows = frame.tables.get(&above).map_or(0, |table| table.rows);
                let composed = match so_far.take() {
                    None => std::mem::take(&mut own),
                    Some(from_child) => {
                        // `from_child` maps rows of the entity between to rows below; its own offsets map `above` to it.
                        from_child
                    }
                };
                let mut composed = composed;
                composed.resize(rows + 1, table.rows as u32);
                let upper = frame.tables.get(&above).map(|table| table.offsets.as_slice()).unwrap_or_default();
                so_far = Some(
                    upper.iter().map(|row| composed.get(*row as usize).copied().unwrap_or(table.rows as u32)).collect(),
                );
                if rows > 0 && table.rows / rows < SMALL_GROUP && !matches!(above, Entity::Level(_)) {
                    let mut rows_above = Vec::with_capacity(table.rows);
                    for (row, ends) in composed.windows(2).enumerate() {
                        rows_above.extend(std::iter::repeat_n(row as u32, ends[1].saturating_sub(ends[0]) as usize));
                    }
                    parents.insert((above, *below), rows_above);
                }
                let most = composed.windows(2).map(|ends| ends[1].saturating_sub(ends[0])).max();
                largest.insert((above, *below), most.unwrap_or(0));
                offsets.insert((above, *below), composed);
            }
            let identity = (0..=table.rows as u32).collect();
            largest.insert((*below, *below), 1);
            offsets.insert((*below, *below), identity);
        }
        Self { offsets, parents, largest }
    }

    /// Rows of `below` under the rows of `above`: row `r` holds `o[r]..o[r + 1]`.
    pub(crate) fn offsets(&self, above: Entity, below: Entity) -> &[u32] {
        self.offsets.get(&(above, below)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The row of `above` for each row of `below`, where groups are small.
    pub(crate) fn parents(&self, above: Entity, below: Entity) -> Option<&[u32]> {
        self.parents.get(&(above, below)).map(Vec::as_slice)
    }

    /// Most rows of `below` under one row of `above`.
    pub(crate) fn largest(&self, above: Entity, below: Entity) -> u32 {
        self.largest.get(&(above, below)).copied().unwrap_or(0)
    }

    /// Rows of `below` under a range of rows of `above`.
    pub(crate) fn rows(&self, above: Entity, below: Entity, range: &Range<usize>) -> Range<usize> {
        let offsets = self.offsets(above, below);
        let at = |index: usize| offsets.get(index).or(offsets.last()).map_or(0, |offset| *offset as usize);
        at(range.start)..at(range.end)
    }
}
