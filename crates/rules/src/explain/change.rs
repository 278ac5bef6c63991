//! The number whose change alone turns a yes or no.
//!
//! Candidates are the numbers below the comparisons that the answer rests on: variables and stored fields. Each is
//! changed in the interpreter, along the slope that two evaluations give, until the answer turns, and the value is
//! then drawn in so that one unit less would not do. Nothing is reported that was not verified by evaluating again.

use std::collections::HashSet;

use bangfu_policy::ir::{ExprId, Op, Scalar, Type};
use bangfu_policy::model::text_in;
use bangfu_policy::value::format_scalar;

use super::sentences::{Sentence, sentence};
use super::words::field_name;
use super::{Change, Explainer};

/// Comparisons and candidates that are tried at most: a page waits for them.
const COMPARISONS: usize = 6;
const CANDIDATES: usize = 24;

struct Candidate {
    node: ExprId,
    row: usize,
    comparison: (ExprId, usize),
}

impl Explainer<'_> {
    pub(super) fn changes(&mut self, root: ExprId, row: usize, truth: bool) -> Vec<Change> {
        let mut comparisons = Vec::new();
        self.comparisons(root, row, &mut comparisons, &mut HashSet::new());
        comparisons.truncate(COMPARISONS);
        let mut candidates = Vec::new();
        let mut seen = HashSet::new();
        for comparison in comparisons {
            self.candidates(comparison, &mut candidates, &mut seen);
        }
        candidates.truncate(CANDIDATES);
        let mut changes = Vec::new();
        for candidate in candidates {
            if let Some(change) = self.solve(&candidate, (root, row), truth) {
                changes.push(change);
            }
        }
        changes
    }

    /// Comparisons of numbers that the answer rests on. Of an `and` that fails only the failing parts matter.
    fn comparisons(
        &mut self,
        node: ExprId,
        row: usize,
        found: &mut Vec<(ExprId, usize)>,
        seen: &mut HashSet<(ExprId, usize)>,
    ) {
        if found.len() >= COMPARISONS || !seen.insert((node, row)) {
            return;
        }
        let definition = &self.pack.graph[node];
        match &definition.op {
            Op::Compare(_, a, _) | Op::CompareQuotient { numerator: a, .. } => {
                if matches!(self.pack.graph[*a].ty, Type::Number { .. }) {
                    found.push((node, row));
                }
            }
            Op::Variable { value, .. } | Op::Not(value) | Op::IsTruth(value, _) => {
                self.comparisons(*value, row, found, seen);
            }
            Op::Broadcast { value, from } => {
                if let Some(above) = self.interpreter.ancestor(definition.entity, row, *from) {
                    self.comparisons(*value, above, found, seen);
                }
            }
            Op::And(parts) | Op::Or(parts) => {
                let whole = self.value(node, row);
                let deciding = matches!(
                    (&definition.op, whole),
                    (Op::And(_), Scalar::Boolean(false)) | (Op::Or(_), Scalar::Boolean(true))
                );
                for part in parts {
                    if !deciding || self.value(*part, row) == whole {
                        self.comparisons(*part, row, found, seen);
                    }
                }
            }
            Op::Case { arms, otherwise } => {
                for (condition, value) in arms {
                    self.comparisons(*condition, row, found, seen);
                    if self.value(*condition, row) != Scalar::Boolean(false) {
                        self.comparisons(*value, row, found, seen);
                        return;
                    }
                }
                self.comparisons(*otherwise, row, found, seen);
            }
            _ => {}
        }
    }

    /// Numbers below a comparison, nearest first.
    fn candidates(
        &mut self,
        comparison: (ExprId, usize),
        candidates: &mut Vec<Candidate>,
        seen: &mut HashSet<(ExprId, usize)>,
    ) {
        let mut layer = vec![comparison];
        while !layer.is_empty() && candidates.len() < CANDIDATES {
            let mut next = Vec::new();
            for (node, row) in layer {
                let definition = &self.pack.graph[node];
                if !seen.insert((node, row)) {
                    continue;
                }
                let number = matches!(definition.ty, Type::Number { .. });
                if number && matches!(definition.op, Op::Variable { .. } | Op::Field { .. }) {
                    candidates.push(Candidate { node, row, comparison });
                }
                match &definition.op {
                    Op::Broadcast { value, from } => {
                        next.extend(self.interpreter.ancestor(definition.entity, row, *from).map(|at| (*value, at)));
                    }
                    Op::Aggregate { over, value, .. } => {
                        let rows = self.interpreter.descendants(definition.entity, row, *over).take(12);
                        next.extend(value.iter().flat_map(|value| rows.clone().map(|at| (*value, at))));
                    }
                    Op::Case { arms, otherwise } => {
                        let arm = arms.iter().find(|(condition, _)| {
                            self.interpreter.value(*condition, row) == Ok(Scalar::Boolean(true))
                        });
                        next.push((arm.map_or(*otherwise, |(_, value)| *value), row));
                    }
                    Op::Parameter { .. } => {}
                    op => next.extend(op.operands().into_iter().map(|operand| (operand, row))),
                }
            }
            layer = next;
        }
    }

    /// Signed distance of a comparison from its border.
    fn gap(&mut self, (node, row): (ExprId, usize)) -> Option<i128> {
        let number = |value: Scalar| match value {
            Scalar::Integer(value) => Some(i128::from(value)),
            _ => None,
        };
        match &self.pack.graph[node].op {
            Op::Compare(_, a, b) => Some(number(self.value(*a, row))? - number(self.value(*b, row))?),
            Op::CompareQuotient { numerator, denominator, right, .. } => {
                let product = number(self.value(*denominator, row))?.checked_mul(number(self.value(*right, row))?)?;
                number(self.value(*numerator, row))?.checked_sub(product)
            }
            _ => None,
        }
    }

    fn turned(&mut self, candidate: &Candidate, value: i64, root: (ExprId, usize), truth: bool) -> bool {
        self.interpreter.pin(candidate.node, candidate.row, Scalar::Integer(value));
        self.interpreter.value(root.0, root.1) == Ok(Scalar::Boolean(!truth))
    }

    fn solve(&mut self, candidate: &Candidate, root: (ExprId, usize), truth: bool) -> Option<Change> {
        self.interpreter.unpin();
        let Scalar::Integer(now) = self.value(candidate.node, candidate.row) else { return None };
        let found = self.search(candidate, now, root, truth);
        self.interpreter.unpin();
        found.map(|to| self.change(candidate, now, to))
    }

    fn search(&mut self, candidate: &Candidate, now: i64, root: (ExprId, usize), truth: bool) -> Option<i64> {
        let gap = self.gap(candidate.comparison)?;
        // A step of the size of the gap shows the slope well even where the formula rounds.
        let probe = i64::try_from(gap.unsigned_abs().max(1)).ok()?;
        self.interpreter.pin(candidate.node, candidate.row, Scalar::Integer(now.checked_add(probe)?));
        let moved = self.gap(candidate.comparison)? - gap;
        if moved == 0 {
            return None;
        }
        let distance = gap.checked_mul(i128::from(probe))?.checked_neg()?.div_euclid(moved);
        let base = now.checked_add(i64::try_from(distance).ok()?)?;
        // Away from the present value first: the border itself may still count to the present side.
        let direction: i64 =
            if distance < 0 || (distance == 0 && (gap == 0) == (moved > 0) && !truth) { -1 } else { 1 };
        let mut to = None;
        for away in [direction, -direction] {
            for step in [0, 1, 2, 4, 8, 16, 32, 64, 128] {
                let at = base.checked_add(away.checked_mul(step)?)?;
                if at != now && (at >= 0 || now < 0) && self.turned(candidate, at, root, truth) {
                    to = Some(at);
                    break;
                }
            }
            if to.is_some() {
                break;
            }
        }
        // Between the present value, which does not turn the answer, and the one found, the border is bisected.
        let (mut inside, mut outside) = (now, to?);
        while inside.abs_diff(outside) > 1 {
            let middle = inside.midpoint(outside);
            if self.turned(candidate, middle, root, truth) {
                outside = middle;
            } else {
                inside = middle;
            }
        }
        self.turned(candidate, outside, root, truth).then_some(outside)
    }

    fn change(&self, candidate: &Candidate, now: i64, to: i64) -> Change {
        let definition = &self.pack.graph[candidate.node];
        let (name, title) = match &definition.op {
            Op::Variable { variable, .. } => match self.pack.variables.get(variable.index()) {
                Some(variable) => (variable.id.clone(), text_in(&variable.title, self.language).to_owned()),
                None => (String::new(), String::new()),
            },
            Op::Field { field, .. } => {
                let title = self.pack.field(*field).map_or("", |field| text_in(&field.title, self.language));
                (field_name(self.pack, *field), title.to_owned())
            }
            _ => (String::new(), String::new()),
        };
        let unit = match definition.ty {
            Type::Number { money: true, .. } => {
                format!(" {}", text_in(&self.pack.policy.currency_symbol, self.language))
            }
            _ => String::new(),
        };
        let written = |value: i64| format!("{}{unit}", format_scalar(Scalar::Integer(value), definition.ty, self.pack));
        let by = written(i64::try_from(now.abs_diff(to)).unwrap_or(i64::MAX));
        let lower = to < now;
        let (from, to) = (written(now), written(to));
        let which = if lower { Sentence::Lower } else { Sentence::Higher };
        let text = sentence(self.pack, which, self.language, &[&title, &by, &from, &to]);
        let record = self.record_key(definition.entity, candidate.row);
        Change { name, title, record, from, to, by, lower, money: !unit.is_empty(), text }
    }
}

/// The change to show first: an amount of money before other numbers, for that is what changes from year to year;
/// among these the one that stands next to the border.
pub(super) fn preferred(changes: &[Change]) -> Option<Change> {
    changes.iter().find(|change| change.money).or_else(|| changes.first()).cloned()
}
