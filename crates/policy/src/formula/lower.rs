//! Syntax tree → typed nodes.

use sqlparser::ast::{BinaryOperator, CastKind, DateTimeField, Expr, InTarget, UnaryOperator, Value as SqlValue};

use crate::ir::{Comparison, DatePart, ExprId, Op, Scalar, Type};
use crate::model::{Entity, Place};

use super::names::wrong;
use super::parse::place_of;
use super::{Compiler, Stop};

/// Where a formula is being lowered.
#[derive(Clone)]
pub(super) struct Context {
    /// Entity of the values: the formula's own, or the descendant inside an aggregate.
    pub entity: Entity,
    /// Entity of names without entity; `None` in indicators.
    pub base: Option<Entity>,
    /// Periods back.
    pub shift: i32,
    /// Inside an arm of a `case`: operations stay at the entity of the arm, so that its condition guards them.
    pub guarded: bool,
    /// Inside an aggregate already.
    pub aggregated: bool,
    /// Where the formula begins.
    pub place: Place,
}

impl Context {
    pub(super) fn new(entity: Entity, place: &Place) -> Self {
        Self { entity, base: Some(entity), shift: 0, guarded: false, aggregated: false, place: place.clone() }
    }
}

/// What a part of a formula became.
#[derive(Clone, Debug)]
pub(super) enum Lowered {
    /// A typed node.
    Node(ExprId),
    /// A number as written, not yet of any unit: `units / 10^scale`.
    Number { units: i64, scale: u8 },
    /// A quoted text, not yet a code, date or text.
    Quoted(String),
    /// `null`, not yet of any type.
    Null,
    /// An exact quotient that still has to be rounded or compared.
    Quotient { numerator: ExprId, denominator: ExprId, money: bool },
}

impl Compiler<'_> {
    /// Lowers an expression; `hint` is the type that the place would like, used for literals only.
    pub(super) fn lower(&mut self, tree: &Expr, context: &Context, hint: Option<Type>) -> Result<Lowered, Stop> {
        let place = || place_of(tree, &context.place);
        match tree {
            Expr::Nested(inner) => self.lower(inner, context, hint),
            Expr::Identifier(name) => {
                self.name(std::slice::from_ref(&name.value), context, &place()).map(Lowered::Node)
            }
            Expr::CompoundIdentifier(names) => {
                let path: Vec<_> = names.iter().map(|name| name.value.clone()).collect();
                self.name(&path, context, &place()).map(Lowered::Node)
            }
            Expr::Value(value) => self.literal(&value.value, &place()),
            Expr::TypedString(typed) => self.typed_string(typed, &place()),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, context, hint, &place()),
            Expr::BinaryOp { .. } => self.binary_chain(tree, context, hint),
            Expr::IsNull(inner) => self.is_missing(inner, context),
            Expr::IsNotNull(inner) => self.is_missing(inner, context).map(|node| self.not(node)),
            Expr::IsUnknown(inner) => self.boolean(inner, context).map(|node| self.op_missing(node)),
            Expr::IsNotUnknown(inner) => {
                let missing = self.boolean(inner, context).map(|node| self.op_missing(node))?;
                Ok(self.not(missing))
            }
            Expr::IsTrue(inner) => self.is_truth(inner, true, context),
            Expr::IsFalse(inner) => self.is_truth(inner, false, context),
            Expr::IsNotTrue(inner) => self.is_truth(inner, true, context).map(|node| self.not(node)),
            Expr::IsNotFalse(inner) => self.is_truth(inner, false, context).map(|node| self.not(node)),
            Expr::Between { expr, negated, low, high } => {
                let low = self.compare(Comparison::GreaterOrEqual, expr, low, context)?;
                let high = self.compare(Comparison::LessOrEqual, expr, high, context)?;
                let both = self.combine_boolean(vec![low, high], true);
                Ok(if *negated { self.not(Lowered::Node(both)) } else { Lowered::Node(both) })
            }
            Expr::In { expr, target: InTarget::List(list), negated, .. } => {
                let found = self.in_list(expr, list, context)?;
                Ok(if *negated { self.not(Lowered::Node(found)) } else { Lowered::Node(found) })
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), context, hint, &place())
            }
            Expr::Extract { field, expr, .. } => {
                let part = match field {
                    DateTimeField::Year => DatePart::Year,
                    DateTimeField::Month => DatePart::Month,
                    DateTimeField::Day => DatePart::Day,
                    other => {
                        return Err(wrong(
                            &place(),
                            format!("`extract({other} …)` is not known"),
                            "take year, month or day".to_owned(),
                        ));
                    }
                };
                let date = self.typed(expr, context, Type::Date)?;
                self.op(vec![date], Type::INTEGER, context, |v| Op::DatePart(part, v[0])).map(Lowered::Node)
            }
            Expr::Floor { expr, field } => self.floor_or_ceiling(expr, field, true, context, &place()),
            Expr::Ceil { expr, field } => self.floor_or_ceiling(expr, field, false, context, &place()),
            Expr::Function(function) => self.function(function, context, hint, &place()),
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, .. } => Err(wrong(
                &place(),
                "types are not cast".to_owned(),
                "write `round(…, n)` to change the digits of a number, `extract(year from d)` to take a part of a date"
                    .to_owned(),
            )),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::In { .. } => Err(wrong(
                &place(),
                "subqueries are not allowed in formulas".to_owned(),
                "write an aggregate over a child register, such as `any(person.x = 1)`, or a list `in ('01', '02')`"
                    .to_owned(),
            )),
            other => Err(wrong(
                &place(),
                format!("`{other}` is not allowed in formulas"),
                "see the table in docs/pack-format.md for what formulas may say".to_owned(),
            )),
        }
    }

    /// Chains such as `a + b + c` lean left: walk them with a loop, not with the call stack.
    fn binary_chain(&mut self, tree: &Expr, context: &Context, hint: Option<Type>) -> Result<Lowered, Stop> {
        let mut links = Vec::new();
        let mut first = tree;
        while let Expr::BinaryOp { left, op, right } = first {
            links.push((op, right.as_ref(), first));
            first = left;
        }
        let mut value = None;
        let mut left = first;
        for (op, right, whole) in links.into_iter().rev() {
            let place = place_of(right, &context.place);
            let comparison = match op {
                BinaryOperator::Eq => Some(Comparison::Equal),
                BinaryOperator::NotEq => Some(Comparison::NotEqual),
                BinaryOperator::Lt => Some(Comparison::Less),
                BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
                BinaryOperator::Gt => Some(Comparison::Greater),
                BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
                _ => None,
            };
            let a = match value.take() {
                Some(value) => value,
                None => self.lower(left, context, hint)?,
            };
            let next = match op {
                BinaryOperator::And | BinaryOperator::Or => {
                    let a = self.to_boolean(a, left, context)?;
                    let b = self.boolean(right, context)?;
                    Lowered::Node(self.combine_boolean(vec![a, b], *op == BinaryOperator::And))
                }
                _ if comparison.is_some() => {
                    let comparison = comparison.unwrap_or(Comparison::Equal);
                    let b = self.lower(right, context, None)?;
                    Lowered::Node(self.compare_lowered(comparison, a, b, context, &place)?)
                }
                BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply | BinaryOperator::Divide => {
                    let b = self.lower(right, context, hint)?;
                    self.arithmetic(op, a, b, context, &place)?
                }
                other => {
                    return Err(wrong(
                        &place,
                        format!("the operator `{other}` is not allowed in formulas"),
                        "use + - * /, comparisons, and, or, not, between, in, is null".to_owned(),
                    ));
                }
            };
            value = Some(next);
            left = whole;
        }
        value.ok_or(Stop::Broken)
    }

    fn unary(
        &mut self,
        op: UnaryOperator,
        inner: &Expr,
        context: &Context,
        hint: Option<Type>,
        place: &Place,
    ) -> Result<Lowered, Stop> {
        match op {
            UnaryOperator::Not => {
                let inner = self.boolean(inner, context)?;
                Ok(self.not(Lowered::Node(inner)))
            }
            UnaryOperator::Plus => self.lower(inner, context, hint),
            UnaryOperator::Minus => match self.lower(inner, context, hint)? {
                Lowered::Number { units, scale } => Ok(Lowered::Number { units: -units, scale }),
                Lowered::Quotient { numerator, denominator, money } => {
                    let ty = self.graph()[numerator].ty;
                    let numerator = self.op(vec![numerator], ty, context, |v| Op::Negate(v[0]))?;
                    Ok(Lowered::Quotient { numerator, denominator, money })
                }
                lowered => {
                    let node = self.number(lowered, context, place)?;
                    let ty = self.graph()[node].ty;
                    self.op(vec![node], ty, context, |v| Op::Negate(v[0])).map(Lowered::Node)
                }
            },
            other => Err(wrong(
                place,
                format!("the operator `{other}` is not allowed in formulas"),
                "use not, + or -".to_owned(),
            )),
        }
    }

    /// A boolean operand.
    pub(super) fn boolean(&mut self, tree: &Expr, context: &Context) -> Result<ExprId, Stop> {
        let lowered = self.lower(tree, context, Some(Type::Boolean))?;
        self.to_boolean(lowered, tree, context)
    }

    #[expect(clippy::wrong_self_convention, reason = "the compiler makes the node, the operand is what is converted")]
    fn to_boolean(&mut self, lowered: Lowered, tree: &Expr, context: &Context) -> Result<ExprId, Stop> {
        let place = place_of(tree, &context.place);
        let node = self.as_node(lowered, Some(Type::Boolean), &Context { place: place.clone(), ..context.clone() })?;
        self.require(node, Type::Boolean, &place)
    }

    /// An operand of exactly this type.
    pub(super) fn typed(&mut self, tree: &Expr, context: &Context, ty: Type) -> Result<ExprId, Stop> {
        let place = place_of(tree, &context.place);
        let lowered = self.lower(tree, context, Some(ty))?;
        let node = self.as_node(lowered, Some(ty), &Context { place: place.clone(), ..context.clone() })?;
        self.require(node, ty, &place)
    }

    fn require(&self, node: ExprId, ty: Type, place: &Place) -> Result<ExprId, Stop> {
        let found = self.graph()[node].ty;
        if found == ty {
            return Ok(node);
        }
        Err(wrong(
            place,
            format!("{} is needed here, but this is {}", self.type_name(ty), self.type_name(found)),
            match ty {
                Type::Boolean => "compare it with something, or test `is null`".to_owned(),
                _ => format!("use something that is {}", self.type_name(ty)),
            },
        ))
    }

    fn is_missing(&mut self, inner: &Expr, context: &Context) -> Result<Lowered, Stop> {
        let lowered = self.lower(inner, context, None)?;
        match lowered {
            Lowered::Node(node) => Ok(self.op_missing(node)),
            _ => Err(wrong(
                &place_of(inner, &context.place),
                "only a field, variable or parameter can be null".to_owned(),
                "name what may be missing".to_owned(),
            )),
        }
    }

    fn op_missing(&mut self, node: ExprId) -> Lowered {
        let entity = self.graph()[node].entity;
        Lowered::Node(self.node(Op::IsMissing(node), Type::Boolean, entity))
    }

    fn is_truth(&mut self, inner: &Expr, truth: bool, context: &Context) -> Result<Lowered, Stop> {
        let node = self.boolean(inner, context)?;
        let entity = self.graph()[node].entity;
        Ok(Lowered::Node(self.node(Op::IsTruth(node, truth), Type::Boolean, entity)))
    }

    pub(super) fn not(&mut self, lowered: Lowered) -> Lowered {
        let Lowered::Node(node) = lowered else { return lowered };
        let entity = self.graph()[node].entity;
        Lowered::Node(self.node(Op::Not(node), Type::Boolean, entity))
    }

    /// Kleene `and` / `or`, flattened.
    pub(super) fn combine_boolean(&mut self, parts: Vec<ExprId>, and: bool) -> ExprId {
        let mut flat = Vec::new();
        for part in parts {
            match &self.graph()[part].op {
                Op::And(inner) if and => flat.extend(inner.iter().copied()),
                Op::Or(inner) if !and => flat.extend(inner.iter().copied()),
                _ => flat.push(part),
            }
        }
        let entity = self.deepest(&flat);
        let flat = self.align(flat, entity);
        self.node(if and { Op::And(flat) } else { Op::Or(flat) }, Type::Boolean, entity)
    }

    /// The lowest entity among nodes; all of them lie on one line of ancestors.
    pub(super) fn deepest(&self, nodes: &[ExprId]) -> Option<Entity> {
        let mut deepest = None;
        for entity in nodes.iter().filter_map(|node| self.graph()[*node].entity) {
            if deepest.is_none_or(|so_far| self.pack.is_below(entity, so_far)) {
                deepest = Some(entity);
            }
        }
        deepest
    }

    /// Brings nodes down to one entity.
    pub(super) fn align(&mut self, nodes: Vec<ExprId>, entity: Option<Entity>) -> Vec<ExprId> {
        match entity {
            Some(entity) => nodes.into_iter().map(|node| self.broadcast(node, entity)).collect(),
            None => nodes,
        }
    }

    /// Adds an operation at the lowest entity of its operands – or, inside a guarded arm, at the entity of the arm.
    #[expect(clippy::unnecessary_wraps, reason = "callers return it beside operations that can fail")]
    pub(super) fn op(
        &mut self,
        operands: Vec<ExprId>,
        ty: Type,
        context: &Context,
        make: impl FnOnce(&[ExprId]) -> Op,
    ) -> Result<ExprId, Stop> {
        let mut entity = self.deepest(&operands);
        if context.guarded && entity.is_some() {
            entity = Some(context.entity);
        }
        let operands = self.align(operands, entity);
        Ok(self.node(make(&operands), ty, entity))
    }

    fn literal(&mut self, value: &SqlValue, place: &Place) -> Result<Lowered, Stop> {
        match value {
            SqlValue::Number(digits, _) => super::literals::number(digits, place),
            SqlValue::SingleQuotedString(text) => Ok(Lowered::Quoted(text.clone())),
            SqlValue::Boolean(truth) => {
                Ok(Lowered::Node(self.node(Op::Literal(Scalar::Boolean(*truth)), Type::Boolean, None)))
            }
            SqlValue::Null => Ok(Lowered::Null),
            other => Err(wrong(
                place,
                format!("`{other}` is not a literal of formulas"),
                "write a number, 'code', date '2016-01-01', true, false or null".to_owned(),
            )),
        }
    }
}
