//! Numerators and denominators of indicators: sums, added and multiplied.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value as SqlValue};

use crate::ir::Type;
use crate::model::{Combination, Entity, IndicatorAggregate, LevelId, Place};

use super::functions::{aggregate_named, arguments, call_name};
use super::lower::Context;
use super::names::wrong;
use super::parse::place_of;
use super::{Compiler, Stop};

/// Terms of a product of brackets; more would be a mistake.
const MOST_TERMS: usize = 64;

impl Compiler<'_> {
    pub(super) fn lower_combination(&mut self, tree: &Expr, place: &Place) -> Result<Combination, Stop> {
        match tree {
            Expr::Nested(inner) => self.lower_combination(inner, place),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                let mut combination = self.lower_combination(expr, place)?;
                combination.terms.iter_mut().for_each(|(factor, _)| *factor = -*factor);
                Ok(combination)
            }
            Expr::BinaryOp { left, op, right }
                if matches!(op, BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply) =>
            {
                let a = self.lower_combination(left, place)?;
                let b = self.lower_combination(right, place)?;
                self.combine(a, op, b, &place_of(right, place))
            }
            Expr::Value(value) => match &value.value {
                SqlValue::Number(digits, _) if digits.parse::<i64>().is_ok() => {
                    let factor = digits.parse().unwrap_or(0);
                    Ok(Combination { terms: vec![(factor, Vec::new())], aggregates: Vec::new(), ty: Type::INTEGER })
                }
                _ => Err(Self::not_a_sum(tree, place)),
            },
            Expr::Function(function) => {
                let here = place_of(tree, place);
                let Some(aggregate) = aggregate_named(&call_name(function).join(".").to_lowercase()) else {
                    return Err(Self::not_a_sum(tree, place));
                };
                // Indicators stand above all entities; nothing is theirs.
                let context = Context { base: None, ..Context::new(Entity::Level(LevelId(0)), place) };
                let call = self.aggregate(aggregate, function, &arguments(function, &here)?, &context, &here)?;
                if !matches!(call.ty, Type::Number { .. }) {
                    return Err(wrong(
                        &here,
                        "an indicator is made of numbers".to_owned(),
                        "use count, sum, min or max of numbers".to_owned(),
                    ));
                }
                let aggregate = IndicatorAggregate {
                    function: call.function,
                    over: call.over,
                    value: call.value,
                    filter: call.filter,
                };
                Ok(Combination { terms: vec![(1, vec![0])], aggregates: vec![aggregate], ty: call.ty })
            }
            _ => Err(Self::not_a_sum(tree, place)),
        }
    }

    fn not_a_sum(tree: &Expr, place: &Place) -> Stop {
        wrong(
            &place_of(tree, place),
            format!("`{tree}` is not an aggregate"),
            "an indicator adds, subtracts and multiplies count(…), sum(…), min(…), max(…) and whole numbers".to_owned(),
        )
    }

    #[expect(clippy::many_single_char_names, reason = "units and scales of two operands side by side")]
    fn combine(
        &mut self,
        a: Combination,
        op: &BinaryOperator,
        b: Combination,
        place: &Place,
    ) -> Result<Combination, Stop> {
        let multiply = *op == BinaryOperator::Multiply;
        let ty = match (a.ty, b.ty, multiply) {
            (Type::Number { money: x, scale: s }, Type::Number { money: y, scale: t }, true) if !(x && y) => {
                Type::Number { money: x || y, scale: s + t }
            }
            (x, y, false) if x == y => x,
            (x, y, _) => {
                return Err(wrong(
                    place,
                    format!("these are unlike: {} and {}", self.type_name(x), self.type_name(y)),
                    "bring both to the same kind and number of digits".to_owned(),
                ));
            }
        };
        let mut aggregates = a.aggregates;
        let positions: Vec<usize> = b
            .aggregates
            .into_iter()
            .map(|aggregate| {
                let known = aggregates.iter().position(|have| *have == aggregate);
                known.unwrap_or_else(|| {
                    aggregates.push(aggregate);
                    aggregates.len() - 1
                })
            })
            .collect();
        let right: Vec<(i64, Vec<usize>)> = b
            .terms
            .into_iter()
            .map(|(factor, used)| (factor, used.iter().filter_map(|i| positions.get(*i).copied()).collect()))
            .collect();
        let terms = if multiply {
            let product = |(f, x): &(i64, Vec<usize>), (g, y): &(i64, Vec<usize>)| {
                (f.saturating_mul(*g), x.iter().chain(y).copied().collect())
            };
            a.terms.iter().flat_map(|left| right.iter().map(move |right| product(left, right))).collect()
        } else {
            let sign = if *op == BinaryOperator::Minus { -1 } else { 1 };
            a.terms.into_iter().chain(right.into_iter().map(|(factor, used)| (sign * factor, used))).collect()
        };
        if Vec::len(&terms) > MOST_TERMS {
            return Err(wrong(
                place,
                "the combination has too many terms".to_owned(),
                "define parts of it as indicators of their own".to_owned(),
            ));
        }
        Ok(Combination { terms, aggregates, ty })
    }
}
