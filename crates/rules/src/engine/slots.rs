//! Which buffer of the chunk each step writes: as few as the steps that are alive at a time.

use std::collections::HashMap;

use bangfu_policy::ir::ExprId;
use bangfu_policy::model::Entity;

use super::buffer::Lane;
use super::plan::{Gather, Operand, Step};

/// Steps of a pass; before allocation a slot is the position of its step.
pub(super) struct Building {
    pub(super) slot: HashMap<(ExprId, Option<Entity>), usize>,
    pub(super) steps: Vec<Step>,
    pub(super) lanes: Vec<Lane>,
}

impl Building {
    pub(super) fn push(&mut self, step: Step) -> usize {
        let slot = self.steps.len();
        self.slot.insert((step.node, None), slot);
        self.lanes.push(step.lane);
        self.steps.push(step);
        slot
    }

    /// Lets steps share buffers: one is free again after its last use.
    pub(super) fn allocate(mut self, mut gathers: Vec<Gather>) -> (Vec<Step>, Vec<Gather>, usize) {
        let mut last: Vec<usize> = (0..self.steps.len()).collect();
        for (at, step) in self.steps.iter().enumerate() {
            for operand in &step.operands {
                if let Operand::Slot(slot) = operand {
                    last[*slot] = at;
                }
            }
        }
        for gather in &gathers {
            for operand in gather.value.iter().chain(&gather.filter) {
                if let Operand::Slot(slot) = operand {
                    last[*slot] = usize::MAX;
                }
            }
        }
        let mut ending: HashMap<usize, Vec<usize>> = HashMap::new();
        for (slot, at) in last.iter().enumerate() {
            ending.entry(*at).or_default().push(slot);
        }
        let mut free: HashMap<u8, Vec<usize>> = HashMap::new();
        let mut real = vec![0; self.steps.len()];
        let mut count = 0;
        let class = |lane: Lane| match lane {
            Lane::Mask => 0,
            Lane::Narrow => 1,
            Lane::Wide => 2_u8,
        };
        for at in 0..self.steps.len() {
            real[at] = free.get_mut(&class(self.lanes[at])).and_then(Vec::pop).unwrap_or_else(|| {
                count += 1;
                count - 1
            });
            for slot in ending.get(&at).into_iter().flatten() {
                free.entry(class(self.lanes[*slot])).or_default().push(real[*slot]);
            }
        }
        let place = |operand: &mut Operand| {
            if let Operand::Slot(slot) = operand {
                *slot = real[*slot];
            }
        };
        for (at, step) in self.steps.iter_mut().enumerate() {
            step.out = real[at];
            step.operands.iter_mut().for_each(place);
        }
        for gather in &mut gathers {
            gather.value.iter_mut().chain(&mut gather.filter).for_each(place);
        }
        (self.steps, gathers, count)
    }
}
