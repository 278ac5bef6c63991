//! Graph → passes of steps over reused buffers.
//!
//! ```text
//! divisions 0 ─► units 0 ─► divisions 1 ─► units 1 …      a unit tree: a register `within` a level and all below it
//! ```
//! A node belongs to the first pass in which all that it needs is there. What a later pass, another tree or a result
//! needs is kept for all rows; everything else lives in a buffer of the chunk until its last use.

use std::collections::{BTreeMap, HashMap, HashSet};

use bangfu_policy::ir::{ExprId, Op, Scalar, Type};
use bangfu_policy::model::{Entity, Pack, ParameterId};

use super::buffer::Lane;
use super::by_node::ByNode;
use super::layout::Layout;
use super::ranges::{self, Bounds};
use super::slots::Building;
use crate::frame::{Frame, Lanes};
use crate::interpret::Interpreter;

/// The divisions, or the unit register at the top of a tree of registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Tree {
    Divisions,
    Units(Entity),
}

/// Where an operand comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operand {
    /// A buffer of the chunk.
    Slot(usize),
    /// Values kept for all rows of a division level.
    Kept(ExprId),
    /// The same for all rows.
    Same(i64),
}

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// Computes the node.
    Compute,
    /// Reads values kept by an earlier pass.
    Reload,
    /// Fills a buffer with a constant that cannot be an operand by itself.
    Fill(Scalar),
}

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub node: ExprId,
    pub action: Action,
    pub entity: Entity,
    pub lane: Lane,
    pub out: usize,
    pub operands: Vec<Operand>,
    /// The result may not fit 64 bits: check it.
    pub checked: bool,
    /// Whether it outlives its chunk, and how.
    pub keep: Keep,
}

/// How the values of a step outlive their chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keep {
    /// They do not.
    No,
    /// For other passes, row by row.
    Rows,
    /// For the results only, as a column.
    Packed,
}

/// A pass over one tree.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// Passes of the same number over units do not depend on each other.
    pub number: usize,
    pub tree: Tree,
    pub steps: Vec<Step>,
    /// Aggregates of levels over entities of this tree, and of indicators, with their operands' slots.
    pub gathers: Vec<Gather>,
}

/// An aggregate that leaves its tree.
#[derive(Clone, Debug)]
pub(super) struct Gather {
    /// Position among all gathers.
    pub number: usize,
    pub function: bangfu_policy::ir::Aggregate,
    pub over: Entity,
    /// The level whose rows it is for.
    pub level: Entity,
    pub value: Option<Operand>,
    pub filter: Option<Operand>,
    pub value_lane: Lane,
}

/// A gather that was asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Wanted {
    pub function: bangfu_policy::ir::Aggregate,
    pub over: Entity,
    pub level: Entity,
    pub value: Option<ExprId>,
    pub filter: Option<ExprId>,
}

/// The plan of a program.
#[derive(Debug)]
pub(super) struct Plan {
    pub passes: Vec<Pass>,
    pub slots: usize,
    /// Gathers, each once, and where they stand.
    pub wanted: Vec<Wanted>,
    pub places: HashMap<Wanted, usize>,
    pub lanes: ByNode<Lane>,
    pub bounds: ByNode<Bounds>,
    pub constants: ByNode<Scalar>,
    /// Nodes whose values other passes, or whoever asked for them, read row by row.
    pub kept: HashSet<ExprId>,
    /// Nodes that nothing but the results read.
    pub packed: HashSet<ExprId>,
}

/// Follows names to what they name.
pub(crate) fn canonical(pack: &Pack, mut id: ExprId) -> ExprId {
    while let Op::Variable { value, .. } = &pack.graph[id].op {
        id = *value;
    }
    id
}

pub(super) fn tree_of(pack: &Pack, entity: Entity) -> Tree {
    if let Entity::Level(_) = entity {
        return Tree::Divisions;
    }
    let mut unit = entity;
    for above in pack.ancestors(entity) {
        if matches!(above, Entity::Level(_)) {
            break;
        }
        unit = above;
    }
    Tree::Units(unit)
}

struct Planner<'a> {
    pack: &'a Pack,
    frame: &'a Frame,
    overrides: &'a [(ParameterId, Scalar)],
    layout: &'a Layout,
    plan: Plan,
    order: Vec<ExprId>,
    pass: HashMap<ExprId, usize>,
}

/// Values of nodes that need not be computed: those of an earlier evaluation.
pub(super) type Given = HashMap<ExprId, (Lane, Bounds)>;

/// Plans the evaluation of `outputs` (columns of the results), of `roots` (kept for all rows) and of gathers for
/// indicators.
pub(super) fn plan(
    pack: &Pack,
    (frame, layout): (&Frame, &Layout),
    overrides: &[(ParameterId, Scalar)],
    given: &Given,
    (outputs, roots): (&[ExprId], &[ExprId]),
    indicators: &[Wanted],
) -> Plan {
    let empty = Plan {
        passes: Vec::new(),
        slots: 0,
        wanted: Vec::new(),
        places: HashMap::new(),
        lanes: ByNode::default(),
        bounds: ByNode::default(),
        constants: ByNode::default(),
        kept: HashSet::new(),
        packed: HashSet::new(),
    };
    let mut planner = Planner { pack, frame, overrides, layout, plan: empty, order: Vec::new(), pass: HashMap::new() };
    let outputs: Vec<ExprId> = outputs.iter().map(|root| canonical(pack, *root)).collect();
    let roots: Vec<ExprId> = roots.iter().map(|root| canonical(pack, *root)).collect();
    let all: Vec<ExprId> = outputs.iter().chain(&roots).copied().collect();
    for (id, (lane, bounds)) in given {
        planner.plan.lanes.insert(*id, *lane);
        planner.plan.bounds.insert(*id, *bounds);
    }
    for wanted in indicators {
        planner.plan.place(wanted);
    }
    planner.reach(&all, indicators);
    planner.fold();
    planner.annotate();
    planner.assign_passes();
    planner.keep(&outputs, &roots);
    planner.build();
    planner.plan
}

impl Plan {
    /// Where a gather stands; it is added when it is not there.
    fn place(&mut self, wanted: &Wanted) -> usize {
        if let Some(place) = self.places.get(wanted) {
            return *place;
        }
        let place = self.wanted.len();
        self.places.insert(wanted.clone(), place);
        self.wanted.push(wanted.clone());
        place
    }
}

impl Planner<'_> {
    fn operands(&self, id: ExprId) -> Vec<ExprId> {
        self.pack.graph[id].op.operands().into_iter().map(|operand| canonical(self.pack, operand)).collect()
    }

    /// Nodes that are needed, operands first.
    fn reach(&mut self, roots: &[ExprId], indicators: &[Wanted]) {
        let mut seen = HashSet::new();
        let from_indicators = indicators.iter().flat_map(|wanted| wanted.value.iter().chain(&wanted.filter));
        let mut open: Vec<ExprId> =
            roots.iter().copied().chain(from_indicators.map(|id| canonical(self.pack, *id))).collect();
        while let Some(id) = open.pop() {
            if !self.plan.lanes.contains_key(id) && seen.insert(id) {
                open.extend(self.operands(id));
            }
        }
        self.order = seen.into_iter().collect();
        // Operands stand before users in the graph.
        self.order.sort();
    }

    /// Nodes without entity have one value for the run, and so has what is repeated from them.
    fn fold(&mut self) {
        let mut interpreter = Interpreter::new(self.pack, self.frame, self.overrides);
        for id in &self.order {
            let node = &self.pack.graph[*id];
            let value = match &node.op {
                _ if node.entity.is_none() => Some(interpreter.value(*id, 0).unwrap_or(Scalar::Missing)),
                Op::Broadcast { value, .. } => self.plan.constants.get(canonical(self.pack, *value)).copied(),
                _ => None,
            };
            if let Some(value) = value {
                self.plan.constants.insert(*id, value);
            }
        }
        let constants = &self.plan.constants;
        self.order.retain(|id| !constants.contains_key(*id));
    }

    /// Most rows of `over` below one row of an entity.
    fn largest_group(&self, entity: Option<Entity>, over: Entity) -> i128 {
        entity.map_or(0, |entity| i128::from(self.layout.largest(entity, over)))
    }

    fn bounds_of(&self, id: ExprId) -> Bounds {
        match self.plan.constants.get(id) {
            Some(Scalar::Integer(value)) => Bounds::one(*value),
            Some(_) => Bounds::one(0),
            None => self.plan.bounds.get(id).copied().unwrap_or(Bounds::WIDE),
        }
    }

    fn annotate(&mut self) {
        for index in 0..self.order.len() {
            let id = self.order[index];
            let node = &self.pack.graph[id];
            let operands = self.operands(id);
            let scale = |at: usize| {
                let of = if at == usize::MAX { Some(id) } else { operands.get(at).copied() };
                match of.map(|of| self.pack.graph[of].ty) {
                    Some(Type::Number { scale, .. }) => scale,
                    _ => 0,
                }
            };
            let operand = |at: usize| operands.get(at).map_or(Bounds::WIDE, |id| self.bounds_of(*id));
            let group = match &node.op {
                Op::Aggregate { over, .. } => self.largest_group(node.entity, *over),
                _ => 1,
            };
            let bounds = match ranges::of(&node.op, scale, operand, group) {
                Some(bounds) => bounds,
                None => self.stored_bounds(id),
            };
            let lane = match node.ty {
                Type::Boolean => Lane::Mask,
                _ if bounds.fits_narrow() => Lane::Narrow,
                _ => Lane::Wide,
            };
            self.plan.bounds.insert(id, bounds);
            self.plan.lanes.insert(id, lane);
        }
    }

    /// Bounds of what is read from columns and parameters.
    fn stored_bounds(&self, id: ExprId) -> Bounds {
        let node = &self.pack.graph[id];
        match &node.op {
            Op::Field { field, shift } => {
                let table = node.entity.and_then(|entity| self.frame.tables.get(&entity));
                match table.and_then(|table| table.columns.get(&(*field, *shift))) {
                    Some(column) if matches!(column.lanes, Lanes::Texts { .. }) => Bounds::new(0, i64::from(i32::MAX)),
                    Some(column) => Bounds::new(column.range.0, column.range.1),
                    None => Bounds::one(0),
                }
            }
            Op::Parameter { parameter, .. } => {
                let rows = self.pack.parameters.get(parameter.index()).map(|p| p.rows.as_slice()).unwrap_or_default();
                let set = self.overrides.iter().filter(|(id, _)| id == parameter).map(|(_, value)| value);
                let values = rows.iter().flat_map(|row| row.table.iter().chain([&row.value])).chain(set);
                let numbers = values.filter_map(|value| match value {
                    Scalar::Integer(number) => Some(*number),
                    _ => None,
                });
                let (mut low, mut high) = (0, 0);
                for number in numbers {
                    low = low.min(number);
                    high = high.max(number);
                }
                Bounds::new(low, high)
            }
            _ => Bounds::WIDE,
        }
    }

    fn tree(&self, id: ExprId) -> Tree {
        self.pack.graph[id].entity.map_or(Tree::Divisions, |entity| tree_of(self.pack, entity))
    }

    fn assign_passes(&mut self) {
        for index in 0..self.order.len() {
            let id = self.order[index];
            let own = self.tree(id);
            let over = match &self.pack.graph[id].op {
                Op::Aggregate { over, .. } => Some(tree_of(self.pack, *over)),
                _ => None,
            };
            let mut pass = 0;
            for operand in self.operands(id).iter().filter(|operand| !self.plan.constants.contains_key(**operand)) {
                let of = self.pass.get(operand).copied().unwrap_or(0);
                let leaves = own == Tree::Divisions && self.tree(*operand) != Tree::Divisions;
                pass = pass.max(of + usize::from(leaves));
            }
            // An aggregate without operands still runs over the units of a pass.
            if own == Tree::Divisions && over.is_some_and(|over| over != Tree::Divisions) {
                pass = pass.max(1);
            }
            self.pass.insert(id, pass);
        }
    }

    /// What must be kept for all rows: results, what another tree reads, what a later pass reads.
    fn keep(&mut self, outputs: &[ExprId], roots: &[ExprId]) {
        let mut kept: HashSet<ExprId> = roots.iter().copied().collect();
        for id in &self.order {
            let own = (self.tree(*id), self.pass.get(id).copied().unwrap_or(0));
            for operand in self.operands(*id) {
                let of = (self.tree(operand), self.pass.get(&operand).copied().unwrap_or(0));
                let gathered = own.0 == Tree::Divisions && of.0 != Tree::Divisions;
                if of != own && !gathered {
                    kept.insert(operand);
                }
            }
        }
        for wanted in &self.plan.wanted {
            let gathered = self.gather_pass(wanted);
            for id in wanted.value.iter().chain(&wanted.filter) {
                let id = canonical(self.pack, *id);
                if self.tree(id) == Tree::Divisions || self.pass.get(&id).is_some_and(|pass| *pass != gathered) {
                    kept.insert(id);
                }
            }
        }
        let constants = &self.plan.constants;
        kept.retain(|id| !constants.contains_key(*id));
        self.plan.packed =
            outputs.iter().copied().filter(|id| !constants.contains_key(*id) && !kept.contains(id)).collect();
        self.plan.kept = kept;
    }

    /// The pass in which all that a gather sums is there.
    fn gather_pass(&self, wanted: &Wanted) -> usize {
        let operands = wanted.value.iter().chain(&wanted.filter).map(|id| canonical(self.pack, *id));
        operands.filter_map(|id| self.pass.get(&id)).max().copied().unwrap_or(0)
    }

    fn build(&mut self) {
        // Gathers of levels over units happen in the pass before the node's own.
        let mut gathers: BTreeMap<(usize, Tree), Vec<Wanted>> = BTreeMap::new();
        let mut placed: HashSet<Wanted> = HashSet::new();
        for id in &self.order {
            let node = &self.pack.graph[*id];
            if let (Op::Aggregate { function, over, value, filter }, Some(level)) = (&node.op, node.entity)
                && self.tree(*id) == Tree::Divisions
                && tree_of(self.pack, *over) != Tree::Divisions
            {
                let canonical = |id: &Option<ExprId>| id.map(|id| canonical(self.pack, id));
                let wanted = Wanted {
                    function: *function,
                    over: *over,
                    level,
                    value: canonical(value),
                    filter: canonical(filter),
                };
                let pass = self.pass.get(id).copied().unwrap_or(1) - 1;
                self.plan.place(&wanted);
                // The same gather may be written in two ways: with the name of a value, and with the value.
                if placed.insert(wanted.clone()) {
                    gathers.entry((pass, tree_of(self.pack, *over))).or_default().push(wanted);
                }
            }
        }
        for wanted in self.plan.wanted.clone() {
            let tree = tree_of(self.pack, wanted.over);
            if tree != Tree::Divisions && placed.insert(wanted.clone()) {
                let pass = self.gather_pass(&wanted);
                gathers.entry((pass, tree)).or_default().push(wanted);
            }
        }
        let mut keys: Vec<(usize, Tree)> =
            self.order.iter().map(|id| (self.pass.get(id).copied().unwrap_or(0), self.tree(*id))).collect();
        keys.extend(gathers.keys().copied());
        keys.sort();
        keys.dedup();
        for (pass, tree) in keys {
            let built = self.build_pass(pass, tree, gathers.get(&(pass, tree)).map(Vec::as_slice).unwrap_or_default());
            self.plan.passes.push(built);
        }
    }

    fn build_pass(&mut self, number: usize, tree: Tree, gathers: &[Wanted]) -> Pass {
        let here: Vec<ExprId> = self
            .order
            .iter()
            .copied()
            .filter(|id| self.tree(*id) == tree && self.pass.get(id).copied().unwrap_or(0) == number)
            .collect();
        let mut building = Building { slot: HashMap::new(), steps: Vec::new(), lanes: Vec::new() };
        for id in here {
            let gathered = match &self.pack.graph[id].op {
                Op::Aggregate { over, .. } => tree == Tree::Divisions && tree_of(self.pack, *over) != Tree::Divisions,
                _ => false,
            };
            let operands = if gathered {
                Vec::new()
            } else {
                self.operands(id).into_iter().map(|operand| self.operand(operand, id, tree, &mut building)).collect()
            };
            let bounds = self.bounds_of(id);
            let lane = self.plan.lanes.get(id).copied().unwrap_or(Lane::Wide);
            let Some(entity) = self.pack.graph[id].entity else { continue };
            building.push(Step {
                node: id,
                action: Action::Compute,
                entity,
                lane,
                out: 0,
                operands,
                checked: !bounds.fits(),
                keep: match (self.plan.kept.contains(&id), self.plan.packed.contains(&id)) {
                    (true, _) => Keep::Rows,
                    (false, true) => Keep::Packed,
                    (false, false) => Keep::No,
                },
            });
        }
        let mut found = Vec::new();
        for wanted in gathers {
            let source = |id: &Option<ExprId>, building: &mut Building| {
                id.map(|id| self.gather_operand(canonical(self.pack, id), wanted.over, tree, building))
            };
            let value = source(&wanted.value, &mut building);
            let filter = source(&wanted.filter, &mut building);
            let value_lane = wanted.value.and_then(|id| self.plan.lanes.get(canonical(self.pack, id)).copied());
            found.push(Gather {
                number: self.plan.place(wanted),
                function: wanted.function,
                over: wanted.over,
                level: wanted.level,
                value,
                filter,
                value_lane: value_lane.unwrap_or(Lane::Mask),
            });
        }
        let (steps, gathers, slots) = building.allocate(found);
        self.plan.slots = self.plan.slots.max(slots);
        Pass { number, tree, steps, gathers }
    }

    fn operand(&self, id: ExprId, user: ExprId, tree: Tree, building: &mut Building) -> Operand {
        let entity = self.pack.graph[user].entity;
        if let Some(value) = self.plan.constants.get(id) {
            let mask = self.pack.graph[id].ty == Type::Boolean;
            return match value {
                Scalar::Integer(value) if !mask => Operand::Same(*value),
                value => self.fill(id, *value, self.operand_entity(user).or(entity), building),
            };
        }
        if let Some(slot) = building.slot.get(&(id, None)) {
            return Operand::Slot(*slot);
        }
        if self.tree(id) != tree {
            return Operand::Kept(id);
        }
        self.reload(id, building)
    }

    /// Entity at which a constant operand of a node is needed: aggregates take theirs from below.
    fn operand_entity(&self, user: ExprId) -> Option<Entity> {
        match &self.pack.graph[user].op {
            Op::Aggregate { over, .. } => Some(*over),
            _ => None,
        }
    }

    fn gather_operand(&self, id: ExprId, over: Entity, tree: Tree, building: &mut Building) -> Operand {
        if let Some(value) = self.plan.constants.get(id) {
            return self.fill(id, *value, Some(over), building);
        }
        if let Some(slot) = building.slot.get(&(id, None)) {
            return Operand::Slot(*slot);
        }
        if self.tree(id) != tree {
            return Operand::Kept(id);
        }
        self.reload(id, building)
    }

    fn fill(&self, id: ExprId, value: Scalar, entity: Option<Entity>, building: &mut Building) -> Operand {
        let Some(entity) = entity else { return Operand::Same(0) };
        if let Some(slot) = building.slot.get(&(id, Some(entity))) {
            return Operand::Slot(*slot);
        }
        let narrow =
            matches!(value, Scalar::Integer(value) if i32::try_from(value).is_ok()) || value == Scalar::Missing;
        let lane = match self.pack.graph[id].ty {
            Type::Boolean => Lane::Mask,
            _ if narrow => Lane::Narrow,
            _ => Lane::Wide,
        };
        let step = Step {
            node: id,
            action: Action::Fill(value),
            entity,
            lane,
            out: 0,
            operands: Vec::new(),
            checked: false,
            keep: Keep::No,
        };
        let slot = building.steps.len();
        building.slot.insert((id, Some(entity)), slot);
        building.steps.push(step);
        building.lanes.push(lane);
        Operand::Slot(slot)
    }

    fn reload(&self, id: ExprId, building: &mut Building) -> Operand {
        let lane = self.plan.lanes.get(id).copied().unwrap_or(Lane::Wide);
        let Some(entity) = self.pack.graph[id].entity else { return Operand::Same(0) };
        let step = Step {
            node: id,
            action: Action::Reload,
            entity,
            lane,
            out: 0,
            operands: Vec::new(),
            checked: false,
            keep: Keep::No,
        };
        Operand::Slot(building.push(step))
    }
}
