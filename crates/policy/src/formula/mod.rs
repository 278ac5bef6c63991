//! Formula text → nodes of the graph.
//!
//! ```text
//! text ─ parse (sqlparser) ─► syntax tree ─ lower: names, types, units, entities ─► Graph
//! ```
//! Knows the names of a pack, not its data. Formulas refer to each other in any acyclic order: a formula that needs
//! another one first says so (`Stop::Needs`) and is lowered again later, so that no chain of formulas, however
//! long, deepens the call stack.

mod books;
mod combination;
mod functions;
mod literals;
mod lower;
mod names;
mod numbers;
mod parse;

use std::collections::HashMap;

use sqlparser::ast::Expr;

use crate::diagnostic::Diagnostic;
use crate::ir::{Comparison, ExprId, Graph, Node, Op, Scalar, Type};
use crate::model::{CodeListId, Combination, Entity, FieldType, Pack, ParameterId, ParameterRow, Place, VariableId};
use lower::{Context, Lowered};

/// Periods that `previous` may reach back: more is a formula that refers to its own past.
const MOST_PERIODS_BACK: i32 = 4;

/// Why lowering stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Another variable must be lowered first.
    Needs(VariableId, i32),
    /// A name that is known to be broken already: nothing more to say.
    Broken,
    /// Something is wrong with this formula.
    Wrong(Box<Diagnostic>),
}

/// State of a variable at a shift.
enum State {
    Done(ExprId),
    Broken,
}

/// Compiles the formulas of a pack.
pub struct Compiler<'a> {
    pack: &'a mut Pack,
    declared: HashMap<VariableId, Type>,
    parsed: HashMap<VariableId, Option<Expr>>,
    states: HashMap<(VariableId, i32), State>,
    found: Vec<Diagnostic>,
}

impl<'a> Compiler<'a> {
    /// A compiler for a pack whose levels, codes, registers and parameters are complete and whose variables carry
    /// their formula text and place.
    pub fn new(pack: &'a mut Pack) -> Self {
        Self { pack, declared: HashMap::new(), parsed: HashMap::new(), states: HashMap::new(), found: Vec::new() }
    }

    /// The pack as compiled so far.
    pub fn pack(&self) -> &Pack {
        self.pack
    }

    /// Everything that was wrong.
    pub fn diagnostics(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Compiles the class expression of a parameter (`banner.banner_file.area_kind`) and returns its code list.
    /// To be called before anything that may use the parameter.
    pub fn class(&mut self, parameter: ParameterId, text: &str, place: &Place) -> Option<CodeListId> {
        let first = text.split('.').next().unwrap_or_default().trim();
        let entity = self.pack.entity(first).filter(|entity| matches!(entity, Entity::Level(_)));
        let Some(entity) = entity else {
            let levels: Vec<_> = self.pack.levels.iter().map(|level| level.id.as_str()).collect();
            self.found.push(Diagnostic::new(
                place,
                format!("the class `{text}` does not begin with a division level"),
                format!(
                    "write one of {} and then a code field, such as `{}.kind`",
                    levels.join(", "),
                    levels.first().unwrap_or(&"level")
                ),
            ));
            return None;
        };
        let root = self.expression(text, entity, None, place)?;
        let Type::Code(list) = self.pack.graph[root].ty else {
            self.found.push(Diagnostic::new(
                place,
                format!("the class `{text}` is not a code"),
                "name a field of type code(list)".to_owned(),
            ));
            return None;
        };
        if let Some(slot) = self.pack.parameters.get_mut(parameter.index()) {
            slot.class = Some(root);
        }
        Some(list)
    }

    /// Gives a parameter its rows.
    pub fn set_rows(&mut self, parameter: ParameterId, rows: Vec<ParameterRow>) {
        if let Some(slot) = self.pack.parameters.get_mut(parameter.index()) {
            slot.rows = rows;
        }
    }

    /// Compiles every variable, in whatever order they need each other; fills their roots and types. `declared` are
    /// the types that authors wrote.
    pub fn variables(&mut self, declared: HashMap<VariableId, Type>) {
        self.declared = declared;
        for index in 0..self.pack.variables.len() {
            self.demand(VariableId(index as u16), 0);
        }
        for index in 0..self.pack.variables.len() {
            if let Some(State::Done(root)) = self.states.get(&(VariableId(index as u16), 0)) {
                let ty = self.pack.graph[*root].ty;
                let variable = &mut self.pack.variables[index];
                (variable.root, variable.ty) = (*root, ty);
            }
        }
    }

    /// Compiles an expression for an entity. `expected` is the type that the place needs.
    pub fn expression(&mut self, text: &str, entity: Entity, expected: Option<Type>, place: &Place) -> Option<ExprId> {
        let tree = self.parse(text, place)?;
        self.settle(|compiler| {
            let context = Context::new(entity, place);
            let lowered = compiler.lower(&tree, &context, expected)?;
            compiler.finish(lowered, &context, expected)
        })
    }

    /// Compiles the numerator or denominator of an indicator.
    pub fn combination(&mut self, text: &str, place: &Place) -> Option<Combination> {
        let tree = self.parse(text, place)?;
        self.settle(|compiler| compiler.lower_combination(&tree, place))
    }

    fn parse(&mut self, text: &str, place: &Place) -> Option<Expr> {
        match parse::formula(text, place) {
            Ok(tree) => Some(tree),
            Err(diagnostic) => {
                self.found.push(diagnostic);
                None
            }
        }
    }

    /// Runs `attempt` until it no longer needs a variable that is not lowered yet.
    fn settle<T>(&mut self, attempt: impl Fn(&mut Self) -> Result<T, Stop>) -> Option<T> {
        loop {
            match attempt(self) {
                Ok(done) => return Some(done),
                Err(Stop::Needs(variable, shift)) => self.demand(variable, shift),
                Err(Stop::Broken) => return None,
                Err(Stop::Wrong(diagnostic)) => {
                    self.found.push(*diagnostic);
                    return None;
                }
            }
        }
    }

    /// Lowers a variable and all that it needs, with an explicit stack.
    fn demand(&mut self, variable: VariableId, shift: i32) {
        let mut stack = vec![(variable, shift)];
        while let Some(&(variable, shift)) = stack.last() {
            if self.states.contains_key(&(variable, shift)) {
                stack.pop();
                continue;
            }
            match self.attempt(variable, shift) {
                Ok(root) => {
                    self.states.insert((variable, shift), State::Done(root));
                }
                Err(Stop::Needs(next, back)) => match stack.iter().position(|on| *on == (next, back)) {
                    Some(start) => self.report_cycle(stack.split_off(start)),
                    None => stack.push((next, back)),
                },
                Err(Stop::Broken) => {
                    self.states.insert((variable, shift), State::Broken);
                }
                Err(Stop::Wrong(diagnostic)) => {
                    // The formula at another shift says the same again.
                    if !self.found.contains(&diagnostic) {
                        self.found.push(*diagnostic);
                    }
                    self.states.insert((variable, shift), State::Broken);
                }
            }
        }
    }

    fn report_cycle(&mut self, cycle: Vec<(VariableId, i32)>) {
        let names: Vec<_> =
            cycle.iter().filter_map(|(id, _)| self.pack.variables.get(id.index())).map(|v| v.id.clone()).collect();
        let place = cycle.first().and_then(|(id, _)| self.pack.variables.get(id.index())).map(|v| v.place.clone());
        let first = names.first().cloned().unwrap_or_default();
        self.found.push(Diagnostic::new(
            &place.unwrap_or_default(),
            format!("the formula of `{first}` needs its own result: {} → {first}", names.join(" → ")),
            "break the cycle: one of these must not use the next one (`previous.x` reads the period before)".to_owned(),
        ));
        for key in cycle {
            self.states.insert(key, State::Broken);
        }
    }

    /// Lowers one variable at a shift.
    fn attempt(&mut self, id: VariableId, shift: i32) -> Result<ExprId, Stop> {
        let Some(variable) = self.pack.variables.get(id.index()) else { return Err(Stop::Broken) };
        let (of, place) = (variable.of, variable.place.clone());
        if shift < -MOST_PERIODS_BACK {
            return Err(Stop::Wrong(Box::new(Diagnostic::new(
                &place,
                format!("`{}` reaches back more than {MOST_PERIODS_BACK} periods: it needs its own past", variable.id),
                "use `previous.` on fields of periodic registers or on variables that do not use `previous.` themselves"
                    .to_owned(),
            ))));
        }
        if !self.parsed.contains_key(&id) {
            let formula = variable.formula.clone();
            let tree = self.parse(&formula, &place);
            self.parsed.insert(id, tree);
        }
        let Some(tree) = self.parsed.get(&id).cloned().flatten() else { return Err(Stop::Broken) };
        let context = Context { shift, ..Context::new(of, &place) };
        let expected = self.declared.get(&id).copied();
        let lowered = self.lower(&tree, &context, expected)?;
        let root = self.finish(lowered, &context, expected)?;
        let root = self.in_force(id, root, shift);
        Ok(self.node(Op::Variable { variable: id, value: root, shift }, self.pack.graph[root].ty, Some(of)))
    }

    /// Brings a result to the context's entity and to the type that is expected.
    fn finish(&mut self, lowered: Lowered, context: &Context, expected: Option<Type>) -> Result<ExprId, Stop> {
        let node = self.as_node(lowered, expected, context)?;
        let node = self.fit(node, expected, context)?;
        Ok(self.broadcast(node, context.entity))
    }

    /// Outside the time in which a programme is in force nobody is eligible.
    fn in_force(&mut self, id: VariableId, root: ExprId, shift: i32) -> ExprId {
        let programme = self.pack.programmes.iter().find(|programme| programme.eligible == id);
        let Some((from, to)) = programme.map(|programme| (programme.from, programme.to)) else { return root };
        let as_of = self.node(Op::AsOf { shift }, Type::Date, None);
        let mut parts = Vec::new();
        for (day, comparison) in [(from, Comparison::GreaterOrEqual), (to, Comparison::LessOrEqual)] {
            if let Some(day) = day {
                let bound = self.node(Op::Literal(Scalar::Integer(i64::from(day))), Type::Date, None);
                parts.push(self.node(Op::Compare(comparison, as_of, bound), Type::Boolean, None));
            }
        }
        if parts.is_empty() {
            return root;
        }
        parts.push(root);
        let entity = self.pack.graph[root].entity;
        self.node(Op::And(parts), Type::Boolean, entity)
    }

    fn node(&mut self, op: Op, ty: Type, entity: Option<Entity>) -> ExprId {
        self.pack.graph.add(Node { op, ty, entity })
    }

    fn graph(&self) -> &Graph {
        &self.pack.graph
    }

    /// Moves a node down to an entity, if it is not there yet.
    fn broadcast(&mut self, value: ExprId, to: Entity) -> ExprId {
        let node = &self.pack.graph[value];
        match node.entity {
            Some(from) if from != to => {
                let ty = node.ty;
                self.node(Op::Broadcast { value, from }, ty, Some(to))
            }
            _ => value,
        }
    }

    /// Words for a type, for messages.
    fn type_name(&self, ty: Type) -> String {
        match ty {
            Type::Boolean => "a truth value".to_owned(),
            Type::Number { money: true, scale: 2 } => "money".to_owned(),
            Type::Number { money: true, scale } => format!("money with {scale} digits after the point"),
            Type::Number { scale: 0, .. } => "a whole number".to_owned(),
            Type::Number { scale, .. } => format!("a number with {scale} digits after the point"),
            Type::Date => "a date".to_owned(),
            Type::Code(list) => {
                format!("a code of `{}`", self.pack.codes.get(list.index()).map_or("?", |codes| &codes.id))
            }
            Type::Text => "a text".to_owned(),
        }
    }
}

/// The formula type of a declared field type; texts have none.
pub fn declared_type(ty: FieldType) -> Option<Type> {
    Some(ty.formula_type()).filter(|ty| *ty != Type::Text)
}
