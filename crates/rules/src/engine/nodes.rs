//! Values of single formulas that belong to no variable.

use std::collections::HashMap;

use bangfu_policy::ir::{ExprId, Op, Type};
use bangfu_policy::model::Pack;

use super::plan::canonical;
use super::{Beginning, EngineError, Program, Request, column, constant};
use crate::frame::{Column, Frame};

/// Values of nodes in all rows of their entities; texts only where the node is a stored field.
///
/// # Errors
/// As [`Program::run`].
pub fn nodes(pack: &Pack, frame: &Frame, roots: &[ExprId]) -> Result<HashMap<ExprId, Column>, EngineError> {
    let stored = |root: ExprId| match &pack.graph[canonical(pack, root)].op {
        Op::Field { field, shift } => {
            let table = pack.graph[root].entity.and_then(|entity| frame.tables.get(&entity));
            table.and_then(|table| table.columns.get(&(*field, *shift))).cloned()
        }
        _ => None,
    };
    let mut found: HashMap<ExprId, Column> = roots.iter().filter_map(|root| Some((*root, stored(*root)?))).collect();
    let open: Vec<ExprId> =
        roots.iter().copied().filter(|root| !found.contains_key(root) && pack.graph[*root].ty != Type::Text).collect();
    let request = Request { overrides: Vec::new(), outputs: Some(Vec::new()), indicators: false, threads: 0 };
    let kept = open.iter().map(|root| canonical(pack, *root)).collect();
    let program = Program::begin(pack, frame, &request, Beginning { kept, ..Beginning::default() });
    let values = program.evaluate()?.kept;
    for root in open {
        let id = canonical(pack, root);
        let rows = pack.graph[root].entity.map_or(0, |entity| program.rows(entity));
        let made = match (program.plan.constants.get(id), values.get(&id)) {
            (Some(value), _) => Some(constant(*value, rows)),
            (None, Some(buffer)) => {
                let (lane, bounds) = (program.plan.lanes.get(id), program.plan.bounds.get(id));
                lane.zip(bounds).map(|(lane, bounds)| column(buffer, *lane, *bounds))
            }
            (None, None) => None,
        };
        found.extend(made.map(|column| (root, column)));
    }
    Ok(found)
}
