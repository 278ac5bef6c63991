//! Units, scales, comparisons and arithmetic.

use sqlparser::ast::{BinaryOperator, Expr};

use crate::ir::{Comparison, ExprId, Op, Rounding, Type};
use crate::model::Place;

use super::literals::rescaled;
use super::lower::{Context, Lowered};
use super::names::wrong;
use super::parse::place_of;
use super::{Compiler, Stop};

/// Most digits after the point that a product may have.
const MOST_SCALE: u8 = 12;

impl Compiler<'_> {
    /// A numeric node.
    pub(super) fn number(&mut self, lowered: Lowered, context: &Context, place: &Place) -> Result<ExprId, Stop> {
        let node = self.as_node(lowered, None, &Context { place: place.clone(), ..context.clone() })?;
        match self.graph()[node].ty {
            Type::Number { .. } => Ok(node),
            other => Err(wrong(
                place,
                format!("a number is needed here, but this is {}", self.type_name(other)),
                "use a number, or compare instead of calculating".to_owned(),
            )),
        }
    }

    /// Brings a node to a scale; shrinking rounds.
    pub(super) fn rescale(&mut self, node: ExprId, scale: u8, rounding: Rounding) -> ExprId {
        match self.graph()[node].ty {
            Type::Number { money, scale: now } if now != scale => {
                let entity = self.graph()[node].entity;
                self.node(Op::Rescale { value: node, rounding }, Type::Number { money, scale }, entity)
            }
            _ => node,
        }
    }

    /// Fits a result to an expected type: numbers may gain digits, never lose them silently. Without expectation,
    /// money with fewer than two digits becomes stored money.
    pub(super) fn fit(&mut self, node: ExprId, expected: Option<Type>, context: &Context) -> Result<ExprId, Stop> {
        let found = self.graph()[node].ty;
        let target = match (found, expected) {
            (Type::Number { money: true, scale }, None) if scale < 2 => Type::MONEY,
            (_, None) => found,
            (_, Some(expected)) => expected,
        };
        match (found, target) {
            _ if found == target && found != Type::Text => Ok(node),
            (Type::Number { money: a, scale: has }, Type::Number { money: b, scale: wants }) if a == b => {
                if has <= wants {
                    return Ok(self.rescale(node, wants, Rounding::HalfAwayFromZero));
                }
                Err(wrong(
                    &context.place,
                    format!("the result has {has} digits after the point, {wants} are kept here"),
                    format!("round it where you mean to: round(…, {wants})"),
                ))
            }
            _ => Err(wrong(
                &context.place,
                format!("the result is {}, but {} is needed", self.type_name(found), self.type_name(target)),
                "change the formula or the declared type".to_owned(),
            )),
        }
    }

    /// Brings operands to one type: literals take the type of the others, numbers the largest scale.
    pub(super) fn unify(
        &mut self,
        operands: Vec<Lowered>,
        hint: Option<Type>,
        context: &Context,
        place: &Place,
    ) -> Result<(Vec<ExprId>, Type), Stop> {
        let here = Context { place: place.clone(), ..context.clone() };
        let typed = operands.iter().find_map(|operand| match operand {
            Lowered::Node(node) => Some(self.graph()[*node].ty),
            _ => None,
        });
        let numbers = operands.iter().any(|operand| matches!(operand, Lowered::Number { .. }));
        let ty = typed.or(hint).or(numbers.then_some(Type::INTEGER));
        let mut scale = 0;
        for operand in &operands {
            match operand {
                Lowered::Node(node) => {
                    if let Type::Number { scale: has, .. } = self.graph()[*node].ty {
                        scale = scale.max(has);
                    }
                }
                Lowered::Number { scale: has, .. } => scale = scale.max(*has),
                _ => {}
            }
        }
        let ty = match ty {
            Some(Type::Number { money, .. }) => Some(Type::Number { money, scale }),
            other => other,
        };
        let mut nodes = Vec::new();
        for operand in operands {
            let node = self.as_node(operand, ty, &here)?;
            let found = self.graph()[node].ty;
            let wanted = ty.unwrap_or(found);
            let same = match (found, wanted) {
                (Type::Number { money: a, .. }, Type::Number { money: b, .. }) => a == b,
                _ => found == wanted,
            };
            if !same {
                return Err(wrong(
                    place,
                    format!("these are unlike: {} and {}", self.type_name(wanted), self.type_name(found)),
                    "bring both to the same kind and unit; numbers as written take the unit of their neighbour"
                        .to_owned(),
                ));
            }
            nodes.push(self.rescale(node, scale, Rounding::HalfAwayFromZero));
        }
        Ok((nodes, ty.unwrap_or(Type::INTEGER)))
    }

    /// `a ⋛ b` of two syntax trees.
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        left: &Expr,
        right: &Expr,
        context: &Context,
    ) -> Result<ExprId, Stop> {
        let a = self.lower(left, context, None)?;
        let b = self.lower(right, context, None)?;
        self.compare_lowered(comparison, a, b, context, &place_of(right, &context.place))
    }

    /// `a ⋛ b`.
    pub(super) fn compare_lowered(
        &mut self,
        comparison: Comparison,
        left: Lowered,
        right: Lowered,
        context: &Context,
        place: &Place,
    ) -> Result<ExprId, Stop> {
        match (left, right) {
            (Lowered::Null, _) | (_, Lowered::Null) => Err(wrong(
                place,
                "a comparison with null is never true".to_owned(),
                "write `is null` or `is not null`".to_owned(),
            )),
            (left @ Lowered::Quotient { .. }, right) => self.compare_quotient(comparison, left, right, context, place),
            (left, right @ Lowered::Quotient { .. }) => {
                self.compare_quotient(mirrored(comparison), right, left, context, place)
            }
            (Lowered::Node(node), Lowered::Quoted(text)) | (Lowered::Quoted(text), Lowered::Node(node))
                if self.graph()[node].ty == Type::Text =>
            {
                let found = self.text_in(node, vec![text], place)?;
                match comparison {
                    Comparison::Equal => Ok(found),
                    Comparison::NotEqual => {
                        let entity = self.graph()[found].entity;
                        Ok(self.node(Op::Not(found), Type::Boolean, entity))
                    }
                    _ => Err(wrong(place, "texts have no order in formulas".to_owned(), "use =, <> or in".to_owned())),
                }
            }
            (left, right) => {
                let (nodes, ty) = self.unify(vec![left, right], None, context, place)?;
                let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                match ty {
                    Type::Code(_) | Type::Boolean if ordered => {
                        Err(wrong(place, format!("{} has no order", self.type_name(ty)), "use =, <> or in".to_owned()))
                    }
                    Type::Text => Err(wrong(
                        place,
                        "two texts cannot be compared".to_owned(),
                        "compare a text field with a 'literal'".to_owned(),
                    )),
                    Type::Boolean => Ok(self.same_truth(nodes[0], nodes[1], comparison == Comparison::Equal)),
                    _ => self.op(nodes, Type::Boolean, context, |v| Op::Compare(comparison, v[0], v[1])),
                }
            }
        }
    }

    /// `a = b` of truth values, from `and`, `or`, `not`.
    fn same_truth(&mut self, a: ExprId, b: ExprId, equal: bool) -> ExprId {
        let flip = |compiler: &mut Self, node: ExprId| {
            let entity = compiler.graph()[node].entity;
            compiler.node(Op::Not(node), Type::Boolean, entity)
        };
        let (not_a, not_b) = (flip(self, a), flip(self, b));
        let (x, y) = if equal { (b, not_b) } else { (not_b, b) };
        let both = self.combine_boolean(vec![a, x], true);
        let neither = self.combine_boolean(vec![not_a, y], true);
        self.combine_boolean(vec![both, neither], false)
    }

    fn compare_quotient(
        &mut self,
        comparison: Comparison,
        quotient: Lowered,
        right: Lowered,
        context: &Context,
        place: &Place,
    ) -> Result<ExprId, Stop> {
        let Lowered::Quotient { numerator, denominator, money } = quotient else { return Err(Stop::Broken) };
        let right = match right {
            Lowered::Number { units, scale } => {
                let hint = Type::Number { money, scale };
                self.as_node(Lowered::Number { units, scale }, Some(hint), context)?
            }
            Lowered::Quotient { .. } => {
                return Err(wrong(
                    place,
                    "two quotients cannot be compared exactly".to_owned(),
                    "round one of them: round(a / b, 6)".to_owned(),
                ));
            }
            other => self.number(other, context, place)?,
        };
        let (Some((_, a)), Some((_, b)), Some((unit, c))) =
            (self.unit(numerator), self.unit(denominator), self.unit(right))
        else {
            return Err(Stop::Broken);
        };
        if unit != money {
            return Err(wrong(
                place,
                format!("these are unlike: {} and {}", unit_name(money), unit_name(unit)),
                "compare money with money and plain numbers with plain numbers".to_owned(),
            ));
        }
        let scale = a.max(b + c);
        let numerator = self.rescale(numerator, scale, Rounding::HalfAwayFromZero);
        let right = self.rescale(right, scale - b, Rounding::HalfAwayFromZero);
        self.op(vec![numerator, denominator, right], Type::Boolean, context, |v| Op::CompareQuotient {
            comparison,
            numerator: v[0],
            denominator: v[1],
            right: v[2],
        })
    }

    /// Whether money, and scale, of a numeric node.
    pub(super) fn unit(&self, node: ExprId) -> Option<(bool, u8)> {
        match self.graph()[node].ty {
            Type::Number { money, scale } => Some((money, scale)),
            _ => None,
        }
    }

    /// `a + b`, `a - b`, `a * b`, `a / b`.
    pub(super) fn arithmetic(
        &mut self,
        op: &BinaryOperator,
        left: Lowered,
        right: Lowered,
        context: &Context,
        place: &Place,
    ) -> Result<Lowered, Stop> {
        let is_date = |compiler: &Self, x: &Lowered| match x {
            Lowered::Node(node) => compiler.graph()[*node].ty == Type::Date,
            _ => false,
        };
        let (left_date, right_date) = (is_date(self, &left), is_date(self, &right));
        match op {
            BinaryOperator::Plus | BinaryOperator::Minus if left_date || right_date => {
                self.date_arithmetic(*op == BinaryOperator::Plus, left, right, context, place)
            }
            BinaryOperator::Plus | BinaryOperator::Minus => {
                if matches!(left, Lowered::Quotient { .. }) || matches!(right, Lowered::Quotient { .. }) {
                    return Err(wrong(
                        place,
                        "a quotient must be rounded before it is added to something".to_owned(),
                        "write round(a / b, 2) + c".to_owned(),
                    ));
                }
                let plus = *op == BinaryOperator::Plus;
                let (nodes, ty) = self.unify(vec![left, right], None, context, place)?;
                if !matches!(ty, Type::Number { .. }) {
                    return Err(wrong(
                        place,
                        format!("{} cannot be added or subtracted", self.type_name(ty)),
                        "use numbers or money".to_owned(),
                    ));
                }
                let make = |v: &[ExprId]| if plus { Op::Add(v[0], v[1]) } else { Op::Subtract(v[0], v[1]) };
                self.op(nodes, ty, context, make).map(Lowered::Node)
            }
            BinaryOperator::Multiply => self.multiply(left, right, context, place),
            _ => self.divide(left, right, context, place),
        }
    }

    fn date_arithmetic(
        &mut self,
        plus: bool,
        left: Lowered,
        right: Lowered,
        context: &Context,
        place: &Place,
    ) -> Result<Lowered, Stop> {
        let a = self.as_node(left, None, context)?;
        let b = self.as_node(right, None, context)?;
        match (self.graph()[a].ty, self.graph()[b].ty, plus) {
            (Type::Date, Type::Date, false) => {
                self.op(vec![a, b], Type::INTEGER, context, |v| Op::Subtract(v[0], v[1])).map(Lowered::Node)
            }
            (Type::Date, Type::INTEGER, true) => {
                self.op(vec![a, b], Type::Date, context, |v| Op::AddDays(v[0], v[1])).map(Lowered::Node)
            }
            (Type::INTEGER, Type::Date, true) => {
                self.op(vec![b, a], Type::Date, context, |v| Op::AddDays(v[0], v[1])).map(Lowered::Node)
            }
            (Type::Date, Type::INTEGER, false) => {
                let back = self.op(vec![b], Type::INTEGER, context, |v| Op::Negate(v[0]))?;
                self.op(vec![a, back], Type::Date, context, |v| Op::AddDays(v[0], v[1])).map(Lowered::Node)
            }
            (x, y, _) => Err(wrong(
                place,
                format!("these are unlike: {} and {}", self.type_name(x), self.type_name(y)),
                "date - date gives days; date + days and date - days give a date".to_owned(),
            )),
        }
    }

    fn multiply(&mut self, left: Lowered, right: Lowered, context: &Context, place: &Place) -> Result<Lowered, Stop> {
        if let (Lowered::Number { units: a, scale: s }, Lowered::Number { units: b, scale: t }) = (&left, &right) {
            return match a.checked_mul(*b) {
                Some(units) => Ok(Lowered::Number { units, scale: s + t }),
                None => Err(wrong(place, "the product is too large".to_owned(), "write a smaller one".to_owned())),
            };
        }
        if let Lowered::Quotient { numerator, denominator, money } = left {
            let factor = self.number(right, context, place)?;
            let (numerator, both) = self.product(numerator, factor, context, place)?;
            return Ok(Lowered::Quotient { numerator, denominator, money: money || both });
        }
        if let Lowered::Quotient { .. } = right {
            return self.multiply(right, left, context, place);
        }
        let (a, b) = (self.number(left, context, place)?, self.number(right, context, place)?);
        Ok(Lowered::Node(self.product(a, b, context, place)?.0))
    }

    #[expect(clippy::many_single_char_names, reason = "units and scales of two operands side by side")]
    fn product(&mut self, a: ExprId, b: ExprId, context: &Context, place: &Place) -> Result<(ExprId, bool), Stop> {
        let (Some((x, s)), Some((y, t))) = (self.unit(a), self.unit(b)) else { return Err(Stop::Broken) };
        if x && y {
            return Err(wrong(
                place,
                "money times money is nothing".to_owned(),
                "one of the two must be a plain number".to_owned(),
            ));
        }
        if s + t > MOST_SCALE {
            return Err(wrong(
                place,
                format!("the product would have {} digits after the point", s + t),
                "round one of the factors first: round(x, 2)".to_owned(),
            ));
        }
        let ty = Type::Number { money: x || y, scale: s + t };
        Ok((self.op(vec![a, b], ty, context, |v| Op::Multiply(v[0], v[1]))?, x || y))
    }

    #[expect(clippy::many_single_char_names, reason = "units and scales of two operands side by side")]
    fn divide(&mut self, left: Lowered, right: Lowered, context: &Context, place: &Place) -> Result<Lowered, Stop> {
        if let Lowered::Quotient { numerator, denominator, money } = left {
            let by = self.number(right, context, place)?;
            if self.unit(by).is_some_and(|(money, _)| money) {
                return Err(Self::unlike_division(place));
            }
            let (denominator, _) = self.product(denominator, by, context, place)?;
            return Ok(Lowered::Quotient { numerator, denominator, money });
        }
        let (a, b) = (self.number(left, context, place)?, self.number(right, context, place)?);
        let (Some((x, s)), Some((y, t))) = (self.unit(a), self.unit(b)) else { return Err(Stop::Broken) };
        if !x && y {
            return Err(Self::unlike_division(place));
        }
        if !x && !y && s == 0 && t == 0 {
            let make = |v: &[ExprId]| Op::Divide {
                numerator: v[0],
                denominator: v[1],
                shift: 0,
                rounding: Rounding::Truncate,
            };
            return self.op(vec![a, b], Type::INTEGER, context, make).map(Lowered::Node);
        }
        Ok(Lowered::Quotient { numerator: a, denominator: b, money: x && !y })
    }

    fn unlike_division(place: &Place) -> Stop {
        wrong(
            place,
            "a plain number divided by money has no unit".to_owned(),
            "divide money by a number, or money by money".to_owned(),
        )
    }

    /// `round`, `floor`, `ceil` of a quotient or a number to `digits` after the point.
    pub(super) fn rounded(
        &mut self,
        lowered: Lowered,
        digits: u8,
        rounding: Rounding,
        context: &Context,
        place: &Place,
    ) -> Result<Lowered, Stop> {
        if let Lowered::Number { units, scale } = lowered {
            let (units, scale) = rescaled(units, scale, digits, place)?;
            let node = self.as_node(Lowered::Number { units, scale }, None, context)?;
            return Ok(Lowered::Node(self.rescale(node, digits, rounding)));
        }
        let Lowered::Quotient { numerator, denominator, money } = lowered else {
            let node = self.number(lowered, context, place)?;
            let less = self.unit(node).is_some_and(|(_, scale)| scale < digits);
            return Ok(Lowered::Node(if less { node } else { self.rescale(node, digits, rounding) }));
        };
        let (Some((_, a)), Some((_, b))) = (self.unit(numerator), self.unit(denominator)) else {
            return Err(Stop::Broken);
        };
        // units = numerator · 10^(digits + b − a) / denominator
        let shift = i32::from(digits) + i32::from(b) - i32::from(a);
        let denominator = match u8::try_from(-shift) {
            Ok(more) => self.rescale(denominator, b + more, rounding),
            Err(_) => denominator,
        };
        let ty = Type::Number { money, scale: digits };
        let make = |v: &[ExprId]| Op::Divide {
            numerator: v[0],
            denominator: v[1],
            shift: u8::try_from(shift).unwrap_or(0),
            rounding,
        };
        self.op(vec![numerator, denominator], ty, context, make).map(Lowered::Node)
    }
}

fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

fn unit_name(money: bool) -> &'static str {
    if money { "money" } else { "a plain number" }
}
