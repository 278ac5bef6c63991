//! What-if: an evaluation that is kept, so that with other parameters only what depends on them is computed again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bangfu_policy::ir::{ExprId, Op, Scalar};
use bangfu_policy::model::{Pack, ParameterId, VariableId};

use super::buffer::{Buffer, Lane};
use super::plan::canonical;
use super::ranges::Bounds;
use super::{Beginning, EngineError, Layout, Program, Request};
use crate::frame::{Column, Frame};

/// Values of some variables, and the values that do not depend on some parameters but are read by what does.
pub struct Baseline {
    layout: Arc<Layout>,
    given: HashMap<ExprId, (Lane, Bounds, Arc<Buffer>)>,
    outputs: HashMap<VariableId, Column>,
}

impl std::fmt::Debug for Baseline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Baseline({} outputs, {} values kept)", self.outputs.len(), self.given.len())
    }
}

impl Baseline {
    /// Evaluates `outputs` with the values in force and keeps what [`Baseline::with`] needs for `parameters`.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn new(
        pack: &Pack,
        frame: &Frame,
        parameters: &[ParameterId],
        outputs: &[VariableId],
    ) -> Result<Self, EngineError> {
        let reached = reached(pack, outputs);
        let mut border = HashSet::new();
        for parameter in parameters {
            let dependent = dependent(pack, &reached, &[*parameter]);
            let operands = dependent.iter().flat_map(|id| operands(pack, *id));
            // Stored fields are read again where they are.
            let stored = |id: &ExprId| matches!(pack.graph[*id].op, Op::Field { .. } | Op::Literal(_));
            border.extend(operands.filter(|id| !dependent.contains(id) && !stored(id)));
        }
        let request = Request { overrides: Vec::new(), outputs: Some(outputs.to_vec()), indicators: false, threads: 0 };
        let kept = border.iter().copied().collect();
        let program = Program::begin(pack, frame, &request, Beginning { kept, ..Beginning::default() });
        let found = program.evaluate()?;
        let given = border.into_iter().filter_map(|id| {
            let (lane, bounds) = (program.plan.lanes.get(id)?, program.plan.bounds.get(id)?);
            Some((id, (*lane, *bounds, found.kept.get(&id)?.clone())))
        });
        let given = given.collect();
        let layout = Arc::clone(&program.layout);
        let outcome = program.outcome(found);
        let outputs = outcome.entities.into_values().flatten().collect();
        Ok(Self { layout, given, outputs })
    }

    /// Values with the values in force.
    pub fn before(&self, variable: VariableId) -> Option<&Column> {
        self.outputs.get(&variable)
    }

    /// Values with other parameters: of the variables that depend on them, all others are as before. The frame is that
    /// of [`Baseline::new`].
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn with(
        &self,
        pack: &Pack,
        frame: &Frame,
        overrides: &[(ParameterId, Scalar)],
    ) -> Result<HashMap<VariableId, Column>, EngineError> {
        let all: Vec<VariableId> = self.outputs.keys().copied().collect();
        let parameters: Vec<ParameterId> = overrides.iter().map(|(id, _)| *id).collect();
        let changed = dependent(pack, &reached(pack, &all), &parameters);
        let outputs: Vec<VariableId> = all.into_iter().filter(|id| changed.contains(&root(pack, *id))).collect();
        let request = Request { overrides: overrides.to_vec(), outputs: Some(outputs), indicators: false, threads: 0 };
        let given = self.given.iter().filter(|(id, _)| !changed.contains(id));
        let beginning = Beginning {
            layout: Some(Arc::clone(&self.layout)),
            given: given.map(|(id, value)| (*id, value.clone())).collect(),
            kept: Vec::new(),
            wanted: Vec::new(),
        };
        let outcome = Program::begin(pack, frame, &request, beginning).run()?;
        Ok(outcome.entities.into_values().flatten().collect())
    }
}

fn root(pack: &Pack, variable: VariableId) -> ExprId {
    canonical(pack, pack.variables[variable.index()].root)
}

fn operands(pack: &Pack, id: ExprId) -> impl Iterator<Item = ExprId> {
    pack.graph[id].op.operands().into_iter().map(|operand| canonical(pack, operand))
}

/// Nodes that variables need, operands first.
fn reached(pack: &Pack, variables: &[VariableId]) -> Vec<ExprId> {
    let mut open: Vec<ExprId> = variables.iter().map(|id| root(pack, *id)).collect();
    let mut seen = HashSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(operands(pack, id));
        }
    }
    let mut all: Vec<ExprId> = seen.into_iter().collect();
    // Operands stand before users in the graph.
    all.sort();
    all
}

/// Which of the nodes depend on a parameter.
fn dependent(pack: &Pack, nodes: &[ExprId], parameters: &[ParameterId]) -> HashSet<ExprId> {
    let mut found = HashSet::new();
    for id in nodes {
        let own = matches!(pack.graph[*id].op, Op::Parameter { parameter, .. } if parameters.contains(&parameter));
        if own || operands(pack, *id).any(|operand| found.contains(&operand)) {
            found.insert(*id);
        }
    }
    found
}
