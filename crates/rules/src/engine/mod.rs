//! The vectorised engine: a pack's formulas over the records of a frame.
//!
//! ```text
//! graph ─ plan ─► passes of steps ─ chunks × threads ─► results for all rows, gathers by division ─► indicators
//! ```
//! Every value is a 64-bit integer, a truth, or missing, exactly as the scalar interpreter computes it; a row in which
//! something has no result (overflow, division by zero) is looked at by the interpreter, which knows whether the
//! operation was live.

mod buffer;
mod by_node;
mod choice;
mod dates;
mod execute;
pub(crate) mod gather;
mod groups;
mod kept;
mod kernels;
mod layout;
mod measures;
mod nodes;
mod numbers;
mod packed;
mod packed_column;
mod parameters;
mod partial;
mod plan;
mod ranges;
mod slots;
mod what_if;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bangfu_policy::ir::{ExprId, Op, Scalar};
use bangfu_policy::model::{Entity, LevelId, Pack, ParameterId, VariableId};
use rayon::prelude::*;

use crate::frame::{Column, Frame, Lanes};
use crate::indicators::Reader;
use crate::interpret::{EvaluationError, Interpreter};
use buffer::{Buffer, Lane, pack as pack_bits};
use execute::{Chunk, Failure, Workspace};
use gather::Gathered;
use kept::{Filled, Part, Room};
pub(crate) use layout::Layout;
pub(crate) use measures::measure;
pub use nodes::nodes;
use packed_column::PackedPart;
pub use partial::Partial;
use plan::{Keep, Operand, Pass, Plan, Step, Tree, tree_of};
pub(crate) use plan::{Wanted, canonical};
use ranges::Bounds;
pub use what_if::Baseline;

/// Units of a chunk: enough to make a step worth its dispatch, few enough to stay in the cache.
const UNITS_PER_CHUNK: usize = 1_536;
/// Most failing rows that are told.
const MOST_ERRORS: usize = 20;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Parameters set to other values.
    pub overrides: Vec<(ParameterId, Scalar)>,
    /// Variables whose values are wanted; `None`: all.
    pub outputs: Option<Vec<VariableId>>,
    /// Whether the indicators are wanted.
    pub indicators: bool,
    /// Threads; 0: one for each processor.
    pub threads: usize,
}

impl Default for Request {
    fn default() -> Self {
        Self { overrides: Vec::new(), outputs: None, indicators: true, threads: 0 }
    }
}

/// What was computed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Values of variables by entity, in the order of the frame's rows.
    pub entities: HashMap<Entity, Vec<(VariableId, Column)>>,
    /// Indicators in the order of the pack: see [`crate::indicators::Figures`].
    pub indicators: Vec<crate::indicators::Figures>,
}

/// Rows in which a formula has no result.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct EngineError(pub Vec<EvaluationError>);

/// A pack's formulas, planned for a frame.
pub struct Program<'a> {
    pack: &'a Pack,
    frame: &'a Frame,
    request: Request,
    outputs: Vec<VariableId>,
    plan: Plan,
    layout: Arc<Layout>,
    given: Values,
    /// Nodes of which nothing but a gather is wanted.
    summed: Vec<ExprId>,
}

/// Values of nodes in all rows.
type Values = HashMap<ExprId, Arc<Buffer>>;

/// What an evaluation leaves.
struct Evaluated {
    /// Values that are read row by row.
    kept: Values,
    /// Values of nodes that only the results read.
    packed: HashMap<ExprId, Column>,
    /// What was gathered by division, in the order of the plan's wishes.
    gathered: Vec<Vec<Gathered>>,
}

/// What an evaluation may begin with.
#[derive(Default)]
struct Beginning {
    layout: Option<Arc<Layout>>,
    /// Nodes whose values are there.
    given: HashMap<ExprId, (Lane, Bounds, Arc<Buffer>)>,
    /// Nodes whose values are wanted besides the outputs'.
    kept: Vec<ExprId>,
    /// Gathers that are wanted besides those of the indicators.
    wanted: Vec<Wanted>,
}

impl<'a> Program<'a> {
    /// Plans the evaluation.
    pub fn compile(pack: &'a Pack, frame: &'a Frame, request: &Request) -> Self {
        Self::begin(pack, frame, request, Beginning::default())
    }

    fn begin(pack: &'a Pack, frame: &'a Frame, request: &Request, beginning: Beginning) -> Self {
        let all = || (0..pack.variables.len()).map(|index| VariableId(index as u16)).collect();
        let outputs: Vec<VariableId> = request.outputs.clone().unwrap_or_else(all);
        let results: Vec<ExprId> =
            outputs.iter().filter_map(|id| pack.variables.get(id.index())).map(|variable| variable.root).collect();
        let mut roots = beginning.kept;
        let summed = beginning.wanted.iter().flat_map(|wanted| wanted.value.into_iter().chain(wanted.filter)).collect();
        let mut wanted = beginning.wanted;
        if request.indicators {
            wanted.extend(crate::indicators::wanted(pack));
            roots.extend(crate::indicators::distribution_roots(pack));
        }
        let layout = beginning.layout.unwrap_or_else(|| Arc::new(Layout::new(pack, frame)));
        let known = beginning.given.iter().map(|(id, (lane, bounds, _))| (*id, (*lane, *bounds))).collect();
        let plan = plan::plan(pack, (frame, &layout), &request.overrides, &known, (&results, &roots), &wanted);
        let given = beginning.given.into_iter().map(|(id, (.., values))| (id, values)).collect();
        Self { pack, frame, request: request.clone(), outputs, plan, layout, given, summed }
    }

    /// Number of steps of all passes.
    pub fn steps(&self) -> usize {
        self.plan.passes.iter().map(|pass| pass.steps.len()).sum()
    }

    /// Evaluates.
    ///
    /// # Errors
    /// Rows in which a live operation overflows or divides by zero.
    pub fn run(&self) -> Result<Outcome, EngineError> {
        self.run_timed().map(|(outcome, ..)| outcome)
    }

    /// As [`Program::run`], with the time for evaluation and that for assembling results and indicators.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_timed(&self) -> Result<(Outcome, Duration, Duration), EngineError> {
        let started = Instant::now();
        let found = self.evaluate()?;
        let evaluated = started.elapsed();
        let outcome = self.outcome(found);
        Ok((outcome, evaluated, started.elapsed().saturating_sub(evaluated)))
    }

    /// Values of all nodes that are kept, and what was gathered by division.
    fn evaluate(&self) -> Result<Evaluated, EngineError> {
        let threads = match self.request.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let mut found = Evaluated {
            kept: self.given.clone(),
            packed: HashMap::new(),
            gathered: vec![Vec::new(); self.plan.wanted.len()],
        };
        let mut failures: Vec<Failure> = Vec::new();
        let together = |a: &Pass, b: &Pass| a.number == b.number && a.tree != Tree::Divisions;
        for stage in self.plan.passes.chunk_by(together) {
            failures.extend(self.stage(stage, threads, &mut found));
        }
        self.verify(&failures)?;
        Ok(found)
    }

    /// Evaluates passes that do not depend on each other, and adds what they leave.
    fn stage(&self, stage: &[Pass], threads: usize, found: &mut Evaluated) -> Vec<Failure> {
        let division_values = match stage {
            [pass] if pass.tree == Tree::Divisions => self.gathered_nodes(pass, &found.gathered),
            _ => HashMap::new(),
        };
        let shared = execute::Shared {
            pack: self.pack,
            frame: self.frame,
            plan: &self.plan,
            layout: &self.layout,
            overrides: &self.request.overrides,
            values: &found.kept,
            gathered: &division_values,
        };
        let spans: Vec<_> = stage.iter().map(|pass| self.spans(pass, threads)).collect();
        let mut rooms: Vec<Vec<Room>> = stage.iter().map(|pass| self.rooms(pass)).collect();
        let mut tasks = Vec::new();
        for ((pass, spans), rooms) in stage.iter().zip(&spans).zip(&mut rooms) {
            tasks.extend(self.tasks(pass, spans, rooms).into_iter().map(|task| (pass, task)));
        }
        let run = |(pass, task)| self.run_span(&shared, pass, task);
        let mut left: Vec<SpanResult> = if tasks.len() > 1 && threads > 1 {
            // Tasks are of very different size: each is taken by itself.
            tasks.into_par_iter().with_max_len(1).map(run).collect()
        } else {
            tasks.into_iter().map(run).collect()
        };
        let failures = left.iter_mut().flat_map(|span| std::mem::take(&mut span.failures)).collect();
        let mut steps: Vec<(&Step, Room, Vec<Left>)> = Vec::new();
        let mut gathers: Vec<(usize, Vec<GatheredPart>)> = Vec::new();
        let mut left = left.into_iter();
        for ((pass, spans), rooms) in stage.iter().zip(&spans).zip(rooms) {
            let first = (steps.len(), gathers.len());
            steps.extend(keeps(pass).zip(rooms).map(|(step, room)| (step, room, Vec::new())));
            gathers.extend(pass.gathers.iter().map(|gather| (gather.number, Vec::new())));
            for span in left.by_ref().take(spans.len()) {
                for ((_, _, parts), part) in steps[first.0..].iter_mut().zip(span.left) {
                    parts.push(part);
                }
                for ((_, parts), part) in gathers[first.1..].iter_mut().zip(span.gathered) {
                    parts.push(part);
                }
            }
        }
        let joined: Vec<_> = gathers
            .into_par_iter()
            .map(|(number, parts)| {
                let wanted = &self.plan.wanted[number];
                (number, gather::together(wanted.function, self.rows(wanted.level), parts))
            })
            .collect();
        let made: Vec<(ExprId, Made)> =
            steps.into_par_iter().map(|(step, room, parts)| (step.node, self.made(step, room, parts))).collect();
        for (number, all) in joined {
            found.gathered[number] = all;
        }
        for (node, made) in made {
            match made {
                Made::Rows(buffer) => drop(found.kept.insert(node, Arc::new(buffer))),
                Made::Packed(column) => drop(found.packed.insert(node, column)),
            }
        }
        failures
    }

    /// Room for the values of the steps that are kept row by row; none for those that are packed.
    fn rooms(&self, pass: &Pass) -> Vec<Room> {
        let rows = |step: &Step| if step.keep == Keep::Rows { self.rows(step.entity) } else { 0 };
        keeps(pass).map(|step| Room::new(step.lane, rows(step))).collect()
    }

    fn tasks<'t>(&self, pass: &Pass, spans: &'t [Vec<Range<usize>>], rooms: &'t mut [Room]) -> Vec<Task<'t>> {
        let mut tasks: Vec<Task<'t>> = spans.iter().map(|span| self.task(pass, span)).collect();
        for (room, step) in rooms.iter_mut().zip(keeps(pass)) {
            let lengths: Vec<usize> = tasks.iter().map(|task| task.whole.range(step.entity).len()).collect();
            if step.keep == Keep::Rows {
                for (task, part) in tasks.iter_mut().zip(room.split(lengths.into_iter())) {
                    task.parts.push(Place::Rows(part));
                }
                continue;
            }
            for (number, task) in tasks.iter_mut().enumerate() {
                // The parts that follow are added to the first.
                let rows = if number == 0 { self.rows(step.entity) } else { lengths[number] };
                task.parts.push(Place::Packed(PackedPart::new(step.lane, self.bounds(step.node), rows)));
            }
        }
        tasks
    }

    fn made(&self, step: &Step, room: Room, parts: Vec<Left>) -> Made {
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Left::Rows(filled) => rows.push(filled),
                Left::Packed(part) => columns.push(part),
            }
        }
        let bounds = self.bounds(step.node);
        match columns.into_iter().reduce(PackedPart::joined) {
            Some(all) => Made::Packed(all.finish(bounds)),
            None => Made::Rows(room.finish(&rows)),
        }
    }

    fn bounds(&self, id: ExprId) -> Bounds {
        self.plan.bounds.get(id).copied().unwrap_or(Bounds::WIDE)
    }

    fn rows(&self, entity: Entity) -> usize {
        self.frame.tables.get(&entity).map_or(0, |table| table.rows)
    }

    /// Values of division nodes that were gathered from units.
    fn gathered_nodes(&self, pass: &Pass, gathered: &[Vec<Gathered>]) -> HashMap<ExprId, Buffer> {
        let mut values = HashMap::new();
        for step in &pass.steps {
            let Op::Aggregate { function, over, value, filter } = &self.pack.graph[step.node].op else { continue };
            if tree_of(self.pack, *over) == Tree::Divisions {
                continue;
            }
            let canonical = |id: &Option<ExprId>| id.map(|id| canonical(self.pack, id));
            let wanted = Wanted {
                function: *function,
                over: *over,
                level: step.entity,
                value: canonical(value),
                filter: canonical(filter),
            };
            if let Some(number) = self.plan.places.get(&wanted) {
                values.insert(step.node, gather::settle(&gathered[*number], *function, step.lane));
            }
        }
        values
    }

    /// Contiguous spans of chunks, one for each thread.
    fn spans(&self, pass: &Pass, threads: usize) -> Vec<Vec<Range<usize>>> {
        // Divisions are few: all of them are one chunk.
        let Tree::Units(unit) = pass.tree else { return vec![vec![0..1]] };
        let units = self.rows(unit);
        let chunks: Vec<Range<usize>> =
            (0..units).step_by(UNITS_PER_CHUNK).map(|start| start..(start + UNITS_PER_CHUNK).min(units)).collect();
        if chunks.is_empty() {
            return vec![Vec::new()];
        }
        chunks.chunks(chunks.len().div_ceil(threads.max(1))).map(<[Range<usize>]>::to_vec).collect()
    }

    fn chunk(&self, tree: Tree, units: &Range<usize>) -> Chunk {
        match tree {
            Tree::Divisions => {
                let levels = (0..self.pack.levels.len()).map(|level| Entity::Level(LevelId(level as u16)));
                Chunk::new(self.pack, levels.map(|entity| (entity, 0..self.rows(entity))))
            }
            Tree::Units(unit) => {
                let own = self.frame.tables.keys().filter(|entity| tree_of(self.pack, **entity) == tree);
                let rows = own.map(|entity| {
                    let rows = if *entity == unit { units.clone() } else { self.layout.rows(unit, *entity, units) };
                    (*entity, rows)
                });
                Chunk::new(self.pack, rows)
            }
        }
    }

    fn task<'t>(&self, pass: &Pass, chunks: &'t [Range<usize>]) -> Task<'t> {
        let whole: Range<usize> =
            chunks.first().map_or(0, |chunk| chunk.start)..chunks.last().map_or(0, |chunk| chunk.end);
        Task { chunks, whole: self.chunk(pass.tree, &whole), parts: Vec::new() }
    }

    fn run_span(&self, shared: &execute::Shared<'_>, pass: &Pass, mut task: Task<'_>) -> SpanResult {
        let mut gathered = Vec::new();
        let mut work = Workspace::default();
        for gather in &pass.gathers {
            let rows = task.whole.range(gather.over);
            let offsets = self.layout.offsets(gather.level, gather.over);
            let start = offsets.partition_point(|offset| *offset as usize <= rows.start).saturating_sub(1);
            let end = offsets.partition_point(|offset| (*offset as usize) < rows.end);
            let left = self.rows(gather.level).saturating_sub(start);
            let length = end.saturating_sub(start).min(left);
            let mut out = Vec::with_capacity(if start == 0 { left } else { length });
            out.resize(length, Gathered::EMPTY);
            gathered.push((start, out));
        }
        for units in task.chunks {
            let chunk = self.chunk(pass.tree, units);
            let mut parts = task.parts.iter_mut();
            execute::run(shared, pass, &chunk, &mut work, &mut |rows, buffer| match parts.next() {
                Some(Place::Rows(part)) => part.push(buffer, rows),
                Some(Place::Packed(part)) => part.push(buffer, rows),
                None => {}
            });
            for (gather, (start, out)) in pass.gathers.iter().zip(&mut gathered) {
                let offsets = self.layout.offsets(gather.level, gather.over);
                gather::gather(gather, &chunk.range(gather.over), offsets, *start, out, |operand| match operand {
                    Operand::Slot(slot) => work.slots.get(slot).map(|buffer| (buffer, false)),
                    Operand::Kept(id) => shared.kept(id).map(|buffer| (buffer, true)),
                    Operand::Same(_) => None,
                });
            }
        }
        let left = task.parts.into_iter().map(|part| match part {
            Place::Rows(part) => Left::Rows(part.filled()),
            Place::Packed(part) => Left::Packed(part),
        });
        SpanResult { left: left.collect(), gathered, failures: work.failures }
    }

    /// Asks the interpreter whether the failing operations were live.
    fn verify(&self, failures: &[Failure]) -> Result<(), EngineError> {
        let mut interpreter = Interpreter::new(self.pack, self.frame, &self.request.overrides);
        let mut errors: Vec<EvaluationError> = Vec::new();
        for failure in failures {
            let Some(entity) = self.pack.graph[failure.node].entity else { continue };
            for root in self.summed.iter().filter(|root| self.contains(**root, failure.node)) {
                let row = self.pack.graph[*root].entity.and_then(|of| interpreter.related(entity, failure.row, of));
                if let Some(Err(error)) = row.map(|row| interpreter.value(*root, row))
                    && errors.len() < MOST_ERRORS
                    && !errors.contains(&error)
                {
                    errors.push(error);
                }
            }
            for (index, variable) in
                self.pack.variables.iter().enumerate().filter(|(_, variable)| variable.of == entity)
            {
                if errors.len() >= MOST_ERRORS {
                    return Err(EngineError(errors));
                }
                if self.contains(variable.root, failure.node)
                    && let Err(error) = interpreter.variable(VariableId(index as u16), failure.row)
                    && !errors.contains(&error)
                {
                    errors.push(error);
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(EngineError(errors)) }
    }

    fn contains(&self, root: ExprId, node: ExprId) -> bool {
        let mut open = vec![root];
        let mut seen = std::collections::HashSet::new();
        while let Some(id) = open.pop() {
            if id == node {
                return true;
            }
            if id >= node && seen.insert(id) {
                open.extend(self.pack.graph[id].op.operands());
            }
        }
        false
    }

    fn outcome(&self, found: Evaluated) -> Outcome {
        let Evaluated { kept, packed, gathered } = found;
        let mut indicators = Vec::new();
        if self.request.indicators {
            let sums = |wanted: &Wanted| gathered.get(*self.plan.places.get(wanted)?).map(Vec::as_slice);
            let value = |id: ExprId| self.reader(&kept, id);
            indicators = crate::indicators::compute(self.pack, self.frame, &self.layout, &sums, &value);
        }
        Outcome { entities: self.columns(kept, packed), indicators }
    }

    /// The outputs as columns.
    fn columns(&self, kept: Values, mut packed: HashMap<ExprId, Column>) -> HashMap<Entity, Vec<(VariableId, Column)>> {
        let mut uses: HashMap<ExprId, usize> = HashMap::new();
        let of = |id: &VariableId| Some((*id, canonical(self.pack, self.pack.variables.get(id.index())?.root)));
        let roots: Vec<(VariableId, ExprId)> = self.outputs.iter().filter_map(of).collect();
        for (_, root) in &roots {
            *uses.entry(*root).or_default() += 1;
        }
        let mut entities: HashMap<Entity, Vec<(VariableId, Column)>> = HashMap::new();
        for (id, root) in roots {
            let Some(variable) = self.pack.variables.get(id.index()) else { continue };
            let left = uses.entry(root).or_default();
            *left -= 1;
            // The last variable with this root takes the column, others copy it.
            let taken = if *left == 0 { packed.remove(&root) } else { packed.get(&root).cloned() };
            let found = taken.or_else(|| match (self.plan.constants.get(root), kept.get(&root)) {
                (Some(value), _) => Some(constant(*value, self.rows(variable.of))),
                (None, Some(buffer)) => {
                    Some(column(buffer, self.plan.lanes.get(root).copied()?, self.plan.bounds.get(root).copied()?))
                }
                (None, None) => None,
            });
            entities.entry(variable.of).or_default().extend(found.map(|column| (id, column)));
        }
        entities
    }

    /// A kept node's values as the interpreter would give them.
    fn reader<'v>(&'v self, kept: &'v Values, id: ExprId) -> Reader<'v> {
        let id = canonical(self.pack, id);
        if let Some(value) = self.plan.constants.get(id) {
            return Box::new(|_| *value);
        }
        let (buffer, lane) = (kept.get(&id).map(Arc::as_ref), self.plan.lanes.get(id).copied());
        Box::new(move |row| value_of(buffer, lane, row))
    }
}

/// A kept value as the interpreter would give it.
fn value_of(buffer: Option<&Buffer>, lane: Option<Lane>, row: usize) -> Scalar {
    let Some(buffer) = buffer else { return Scalar::Missing };
    if !buffer.all_valid && buffer.valid.get(row) != Some(&1) {
        return Scalar::Missing;
    }
    let value = match lane {
        Some(Lane::Mask) => buffer.mask.get(row).map(|truth| Scalar::Boolean(*truth == 1)),
        Some(Lane::Narrow) => buffer.narrow.get(row).map(|value| Scalar::Integer(i64::from(*value))),
        _ => buffer.wide.get(row).map(|value| Scalar::Integer(*value)),
    };
    value.unwrap_or(Scalar::Missing)
}

/// A thread's share of a pass.
struct Task<'a> {
    chunks: &'a [Range<usize>],
    /// Rows of all its chunks.
    whole: Chunk,
    /// Where the values of the steps that are kept go, in the order of the steps.
    parts: Vec<Place<'a>>,
}

/// Where a thread's values of a step go.
enum Place<'a> {
    Rows(Part<'a>),
    Packed(PackedPart),
}

/// Values of a step in all rows.
enum Made {
    Rows(Buffer),
    Packed(Column),
}

/// Steps of which the values outlive their chunk.
fn keeps(pass: &Pass) -> impl Iterator<Item = &Step> {
    pass.steps.iter().filter(|step| step.keep != Keep::No)
}

/// What a thread leaves of a step.
enum Left {
    Rows(Filled),
    Packed(PackedPart),
}

/// What a thread gathered: the first row of the level, and what was found for it and those that follow.
type GatheredPart = (usize, Vec<Gathered>);

/// What it leaves.
struct SpanResult {
    /// Of the steps that are kept, in their order.
    left: Vec<Left>,
    /// In the order of the pass's gathers.
    gathered: Vec<GatheredPart>,
    failures: Vec<Failure>,
}

fn column(buffer: &Buffer, lane: Lane, bounds: Bounds) -> Column {
    let rows = match lane {
        Lane::Mask => buffer.mask.len(),
        Lane::Narrow => buffer.narrow.len(),
        Lane::Wide => buffer.wide.len(),
    };
    let mut part = PackedPart::new(lane, bounds, rows);
    part.push(buffer, rows);
    part.finish(bounds)
}

fn constant(value: Scalar, rows: usize) -> Column {
    let missing = || Some(pack_bits(&vec![0; rows]));
    match value {
        Scalar::Boolean(truth) => {
            Column { lanes: Lanes::Bits(pack_bits(&vec![u8::from(truth); rows])), validity: None, range: (0, 1) }
        }
        Scalar::Integer(value) => {
            Column { lanes: Lanes::I64(vec![value; rows]), validity: None, range: (value, value) }
        }
        Scalar::Missing => Column { lanes: Lanes::Bits(pack_bits(&vec![0; rows])), validity: missing(), range: (0, 1) },
    }
}
