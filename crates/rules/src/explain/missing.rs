//! The facts that make a result unknown: from the result down, only where something missing decides.

use std::collections::HashSet;

use bangfu_policy::ir::{ExprId, Op, Scalar, Type};
use bangfu_policy::model::{Entity, Pack, RegisterKind, text_in};
use bangfu_policy::period;

use super::sentences::{Sentence, sentence};
use super::words::field_name;
use super::{Explainer, MissingFact};

/// Facts that are named at most.
const FACTS: usize = 50;

impl Explainer<'_> {
    pub(super) fn missing_facts(&mut self, node: ExprId, row: usize) -> Vec<MissingFact> {
        let root = self.pack.graph[node].entity;
        let mut facts = Vec::new();
        let mut seen = HashSet::new();
        let mut stack = vec![(node, row)];
        while let Some((node, row)) = stack.pop() {
            if !seen.insert((node, row)) || facts.len() >= FACTS {
                continue;
            }
            let mut next = self.causes(node, row, root, &mut facts);
            // The first operand is looked at first.
            next.reverse();
            stack.extend(next);
        }
        facts
    }

    /// What is missing directly below a missing node.
    fn causes(
        &mut self,
        node: ExprId,
        row: usize,
        root: Option<Entity>,
        facts: &mut Vec<MissingFact>,
    ) -> Vec<(ExprId, usize)> {
        let pack: &Pack = self.pack;
        let definition = &pack.graph[node];
        if definition.ty == Type::Text {
            if self.interpreter.text(node, row).is_some() {
                return Vec::new();
            }
        } else if self.value(node, row) != Scalar::Missing {
            return Vec::new();
        }
        match &definition.op {
            Op::Field { field, shift } => {
                let Some(register) = pack.registers.get(field.register.index()) else { return Vec::new() };
                let title = pack.field(*field).map_or("", |field| text_in(&field.title, self.language)).to_owned();
                let periodic = matches!(register.kind, RegisterKind::Yearly { .. } | RegisterKind::Quarterly);
                let period = periodic
                    .then(|| period::shifted(register.kind, period::current(register.kind, self.frame.as_of), *shift));
                let entity = definition.entity.map_or("", |entity| pack.entity_id(entity)).to_owned();
                let entity_title =
                    definition.entity.and_then(|e| pack.entity_title(e)).map_or("", |t| text_in(t, self.language));
                let record = self.record_key(definition.entity, row);
                let text = match period {
                    Some(period) => sentence(
                        self.pack,
                        Sentence::PeriodMissing,
                        self.language,
                        &[&title, &period_text(register.kind, period), entity_title, &record],
                    ),
                    None => sentence(self.pack, Sentence::FieldMissing, self.language, &[&title, entity_title, &record]),
                };
                let mut name = field_name(pack, *field);
                if definition.entity != root {
                    name = format!("{entity}.{name}");
                }
                facts.push(MissingFact { name, title, period, entity, record, text });
                Vec::new()
            }
            Op::Parameter { parameter, key, class, .. } => {
                let below: Vec<(ExprId, usize)> = key.iter().chain(class).map(|node| (*node, row)).collect();
                let unknown = below.iter().any(|(node, row)| self.value(*node, *row) == Scalar::Missing);
                if !unknown && let Some(parameter) = pack.parameters.get(parameter.index()) {
                    let title = text_in(&parameter.title, self.language).to_owned();
                    let text = sentence(self.pack, Sentence::ParameterMissing, self.language, &[&title]);
                    let name = format!("param.{}", parameter.id);
                    facts.push(MissingFact {
                        name,
                        title,
                        period: None,
                        entity: String::new(),
                        record: String::new(),
                        text,
                    });
                }
                below
            }
            Op::Broadcast { value, from } => {
                let above = self.interpreter.ancestor(definition.entity, row, *from);
                above.map(|above| (*value, above)).into_iter().collect()
            }
            Op::Aggregate { over, value, filter, .. } => {
                let rows = self.interpreter.descendants(definition.entity, row, *over);
                if rows.is_empty() {
                    let title = pack.entity_title(*over).map_or("", |title| text_in(title, self.language)).to_owned();
                    let text = sentence(self.pack, Sentence::NoRecords, self.language, &[&title]);
                    let name = pack.entity_id(*over).to_owned();
                    let entity = name.clone();
                    facts.push(MissingFact { name, title, period: None, entity, record: String::new(), text });
                }
                let mut next = Vec::new();
                for at in rows {
                    let taken = filter.map_or(Scalar::Boolean(true), |filter| self.value(filter, at));
                    match taken {
                        Scalar::Boolean(false) => {}
                        Scalar::Missing => next.extend(filter.map(|filter| (filter, at))),
                        _ => next.extend(value.map(|value| (value, at))),
                    }
                }
                next
            }
            Op::Case { arms, otherwise } => {
                for (condition, value) in arms {
                    match self.value(*condition, row) {
                        Scalar::Missing => return vec![(*condition, row)],
                        Scalar::Boolean(true) => return vec![(*value, row)],
                        _ => {}
                    }
                }
                vec![(*otherwise, row)]
            }
            op => op.operands().into_iter().map(|operand| (operand, row)).collect(),
        }
    }
}

fn period_text(kind: RegisterKind, period: i32) -> String {
    match kind {
        RegisterKind::Quarterly => format!("{}-Q{}", period / 10, period % 10),
        _ => period.to_string(),
    }
}
