//! What a set of formulas reads: fields with their shifts, and the entities that must be in the frame.
//!
//! Reading a snapshot decodes only these columns. This module knows the graph and no data.

use std::collections::{BTreeSet, HashSet};

use bangfu_policy::books::{Book, Measure};
use bangfu_policy::ir::{ExprId, Op};
use bangfu_policy::model::{Distribution, Entity, FieldRef, IndicatorValue, Match, MatchTest, Pack, RegisterKind, VariableId};

/// Fields and entities that a set of roots reaches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// Fields with shift (periods back, ≤ 0).
    pub fields: BTreeSet<(FieldRef, i32)>,
    /// Entity registers whose records take part, their ancestors included.
    pub entities: BTreeSet<Entity>,
}

impl Needs {
    /// What these roots read.
    pub fn of(pack: &Pack, roots: impl IntoIterator<Item = ExprId>) -> Self {
        let mut needs = Self::default();
        let mut seen = HashSet::new();
        let mut stack: Vec<ExprId> = roots.into_iter().collect();
        while let Some(id) = stack.pop() {
            if !seen.insert(id) || id.0 as usize >= pack.graph.len() {
                continue;
            }
            let node = &pack.graph[id];
            node.entity.into_iter().for_each(|entity| needs.add_entity(pack, entity));
            match &node.op {
                Op::Field { field, shift } => {
                    needs.fields.insert((*field, *shift));
                }
                Op::Aggregate { over, .. } => needs.add_entity(pack, *over),
                _ => {}
            }
            stack.extend(node.op.operands());
        }
        needs
    }

    /// What some variables read.
    pub fn of_variables(pack: &Pack, variables: &[VariableId]) -> Self {
        Self::of(pack, variables.iter().filter_map(|id| pack.variables.get(id.index())).map(|variable| variable.root))
    }

    /// What all variables, indicators, matches and classes of parameters read.
    pub fn all(pack: &Pack) -> Self {
        let roots = pack.variables.iter().map(|variable| variable.root);
        let roots = roots.chain(pack.parameters.iter().filter_map(|parameter| parameter.class));
        let roots = roots.chain(pack.matches.iter().flat_map(match_roots));
        let mut needs = Self::of(pack, roots.chain(pack.indicators.iter().flat_map(|i| indicator_roots(&i.value))));
        for indicator in &pack.indicators {
            for entity in indicator_entities(&indicator.value) {
                needs.add_entity(pack, entity);
            }
        }
        for entity in pack.matches.iter().flat_map(|matching| [matching.of, matching.with]) {
            needs.add_entity(pack, entity);
        }
        needs
    }

    /// What [`Needs::all`] reads, and the books.
    pub fn with_books(pack: &Pack) -> Self {
        let mut needs = Self::all(pack);
        for book in &pack.books {
            needs.join(Self::of_book(pack, book));
        }
        needs
    }

    /// What a book reads.
    pub fn of_book(pack: &Pack, book: &Book) -> Self {
        let sums = || book.measures().flat_map(Measure::combinations).flat_map(|sums| &sums.aggregates);
        let mut needs = Self::of(pack, sums().flat_map(|sum| sum.value.into_iter().chain(sum.filter)));
        for sum in sums() {
            needs.add_entity(pack, sum.over);
        }
        needs
    }

    fn join(&mut self, other: Self) {
        self.fields.extend(other.fields);
        self.entities.extend(other.entities);
    }

    /// Everything that a frame can hold: every record of every entity register and all that formulas read.
    pub fn everything(pack: &Pack) -> Self {
        let mut needs = Self::with_books(pack);
        for (index, register) in pack.registers.iter().enumerate() {
            if register.kind == RegisterKind::Entity {
                needs.add_entity(pack, Entity::Register(bangfu_policy::model::RegisterId(index as u16)));
            }
        }
        needs
    }

    fn add_entity(&mut self, pack: &Pack, entity: Entity) {
        if self.entities.insert(entity) {
            self.entities.extend(pack.ancestors(entity));
        }
    }
}

/// Nodes that a match reads.
pub fn match_roots(matching: &Match) -> Vec<ExprId> {
    let parts = matching.parts.iter().flat_map(|part| match &part.test {
        MatchTest::Equal(a, b) | MatchTest::AtLeast(a, b) | MatchTest::AtMost(a, b) => vec![*a, *b],
        MatchTest::Near(_) => Vec::new(),
    });
    parts.chain(matching.seeks).chain(matching.open).collect()
}

/// Nodes that an indicator reads.
pub fn indicator_roots(value: &IndicatorValue) -> Vec<ExprId> {
    match value {
        IndicatorValue::Quotient { numerator, denominator } => std::iter::once(numerator)
            .chain(denominator)
            .flat_map(|combination| &combination.aggregates)
            .flat_map(|aggregate| aggregate.value.into_iter().chain(aggregate.filter))
            .collect(),
        IndicatorValue::Distribution(distribution) => match distribution {
            Distribution::Fgt(_, incomes)
            | Distribution::Sen(incomes)
            | Distribution::Sst(incomes)
            | Distribution::Watts(incomes)
            | Distribution::Gini(incomes) => {
                std::iter::once(incomes.income).chain(incomes.line).chain(incomes.weight).collect()
            }
            Distribution::AlkireFoster { weight, deprivations, .. } => {
                deprivations.iter().map(|(_, node)| *node).chain(*weight).collect()
            }
        },
    }
}

fn indicator_entities(value: &IndicatorValue) -> Vec<Entity> {
    match value {
        IndicatorValue::Quotient { numerator, denominator } => std::iter::once(numerator)
            .chain(denominator)
            .flat_map(|combination| combination.aggregates.iter().map(|aggregate| aggregate.over))
            .collect(),
        IndicatorValue::Distribution(distribution) => match distribution {
            Distribution::Fgt(_, incomes)
            | Distribution::Sen(incomes)
            | Distribution::Sst(incomes)
            | Distribution::Watts(incomes)
            | Distribution::Gini(incomes) => vec![incomes.of],
            Distribution::AlkireFoster { of, .. } => vec![*of],
        },
    }
}
