//! Nodes that books are made of: records of one code, band or truth, and records of which something is not known.

use crate::ir::{Aggregate, Comparison, ExprId, Graph, Op, Scalar, Type};
use crate::model::Entity;

use super::Compiler;

impl Compiler<'_> {
    /// Records whose code is this one; never missing.
    pub(crate) fn has_code(&mut self, code: ExprId, position: usize) -> ExprId {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let found = self.beside(code, |code| Op::In(code, vec![position]));
        self.holds(found)
    }

    /// Records whose number lies in a band; never missing.
    pub(crate) fn in_band(&mut self, number: ExprId, from: Option<i64>, to: Option<i64>) -> ExprId {
        let ty = self.pack.graph[number].ty;
        let mut parts = Vec::new();
        for (bound, comparison) in [(from, Comparison::GreaterOrEqual), (to, Comparison::Less)] {
            if let Some(bound) = bound {
                let literal = self.node(Op::Literal(Scalar::Integer(bound)), ty, None);
                parts.push(self.beside(number, |number| Op::Compare(comparison, number, literal)));
            }
        }
        let both = self.all_of(parts);
        both.map_or(number, |both| self.holds(both))
    }

    /// Records for which a truth is known to be so, or not to be so; never missing.
    pub(crate) fn is(&mut self, truth: ExprId, so: bool) -> ExprId {
        self.beside(truth, |truth| Op::IsTruth(truth, so))
    }

    /// Records for which a node is missing.
    pub(crate) fn lacks(&mut self, node: ExprId) -> ExprId {
        self.beside(node, Op::IsMissing)
    }

    /// A node that is true where all are; `None` if there are none. Nothing is flattened: parts are shared by many cells.
    pub(crate) fn all_of(&mut self, mut parts: Vec<ExprId>) -> Option<ExprId> {
        parts.dedup();
        self.joined(parts, Op::And)
    }

    /// A node that is true where any is; `None` if there are none.
    pub(crate) fn any_of(&mut self, mut parts: Vec<ExprId>) -> Option<ExprId> {
        parts.sort();
        parts.dedup();
        self.joined(parts, Op::Or)
    }

    /// Whether a node can be missing, as far as its formula tells.
    pub(crate) fn can_be_missing(&self, node: ExprId) -> bool {
        can_be_missing(&self.pack.graph, node)
    }

    /// Type of a node.
    pub(crate) fn ty(&self, node: ExprId) -> Type {
        self.pack.graph[node].ty
    }

    fn holds(&mut self, truth: ExprId) -> ExprId {
        if self.can_be_missing(truth) { self.is(truth, true) } else { truth }
    }

    fn joined(&mut self, parts: Vec<ExprId>, make: fn(Vec<ExprId>) -> Op) -> Option<ExprId> {
        if parts.len() < 2 {
            return parts.first().copied();
        }
        let entity = self.deepest(&parts);
        let parts = self.align(parts, entity);
        Some(self.node(make(parts), Type::Boolean, entity))
    }

    fn beside(&mut self, node: ExprId, make: impl FnOnce(ExprId) -> Op) -> ExprId {
        let entity: Option<Entity> = self.pack.graph[node].entity;
        self.node(make(node), Type::Boolean, entity)
    }
}

/// A field may always be missing: a snapshot need not have its column.
fn can_be_missing(graph: &Graph, node: ExprId) -> bool {
    let mut open = vec![node];
    let mut seen = std::collections::HashSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        match &graph[id].op {
            Op::Literal(Scalar::Missing)
            | Op::Field { .. }
            | Op::Period { .. }
            | Op::Parameter { .. }
            | Op::NullIf(..)
            | Op::MakeDate(..)
            | Op::Aggregate { function: Aggregate::Minimum | Aggregate::Maximum, .. } => return true,
            Op::Literal(_) | Op::AsOf { .. } | Op::IsMissing(_) | Op::IsTruth(..) => {}
            // The last resort is missing only if all before it are; if it cannot be, nothing can.
            Op::Coalesce(values) => open.extend(values.last()),
            op => open.extend(op.operands()),
        }
    }
    false
}
