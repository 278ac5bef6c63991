//! Indicators and distribution indices.

use super::Entries;
use super::cursor::{Cursor, Report};
use super::rules::{entity, formula};
use super::structure::clauses;
use super::tree::{Data, Node};
use crate::formula::Compiler;
use crate::ir::{ExprId, Type};
use crate::model::{AlkireFoster, Direction, Distribution, Entity, Incomes, Indicator, IndicatorValue, Place, Unit};
use crate::value::number_as_written;

pub(super) fn indicators(compiler: &mut Compiler<'_>, entries: &Entries<'_>, report: &mut Report) -> Vec<Indicator> {
    let mut indicators = Vec::new();
    for (id, place, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("indicator `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        let value = if let Some(index) = cursor.node("index") {
            cursor.node("numerator");
            cursor.node("denominator");
            distribution(compiler, index, report).map(IndicatorValue::Distribution)
        } else {
            let numerator = formula(&mut cursor, "numerator", report);
            let numerator = numerator.and_then(|(text, place)| compiler.combination(&text, &place));
            let denominator = match cursor.text("denominator", report) {
                Some((text, place)) => compiler.combination(&text, place).map(Some),
                None => Some(None),
            };
            numerator
                .zip(denominator)
                .map(|(numerator, denominator)| IndicatorValue::Quotient { numerator, denominator })
        };
        let unit = match cursor.required_text("unit", report) {
            Some((text, place)) => unit(&text, place, report),
            None => Unit::Number,
        };
        let better = cursor.text("better", report).and_then(|(text, place)| match text.as_str() {
            "lower" => Some(Direction::Lower),
            "higher" => Some(Direction::Higher),
            _ => {
                report.say(place, format!("`better: {text}` is not known"), "write lower or higher");
                None
            }
        });
        let targets = cursor.list("targets").into_iter().filter_map(|node| target(node, report)).collect();
        let strict = match cursor.text("missing", report) {
            Some((text, place)) if text != "count" && text != "strict" => {
                report.say(place, format!("`missing: {text}` is not known"), "write count or strict");
                false
            }
            Some((text, _)) => text == "strict",
            None => false,
        };
        cursor.finish(report);
        let Some(value) = value else { continue };
        indicators.push(Indicator {
            id: (*id).to_owned(),
            title,
            clauses,
            value,
            unit,
            better,
            targets,
            strict,
            place: (*place).clone(),
        });
    }
    indicators
}

pub(super) fn unit(text: &str, place: &Place, report: &mut Report) -> Unit {
    match text {
        "count" => Unit::Count,
        "percent" => Unit::Percent,
        "per_mille" => Unit::PerMille,
        "money" => Unit::Money,
        "index" => Unit::Index,
        "number" => Unit::Number,
        _ => {
            report.say(
                place,
                format!("`unit: {text}` is not known"),
                "write count, percent, per_mille, money, index or number",
            );
            Unit::Number
        }
    }
}

/// `{at: 2020-12-31, value: 3.5}`
fn target(node: &Node, report: &mut Report) -> Option<(i32, i64, u8)> {
    let mut cursor = Cursor::new(node, "a target", report)?;
    let at = cursor.date("at", report);
    let value = cursor.required_text("value", report);
    cursor.finish(report);
    let (text, place) = value?;
    let number = number_as_written(&text);
    if let Err(error) = &number {
        report.say(place, format!("`{text}`: {error}"), error.advice());
    }
    let (units, scale) = number.ok()?;
    Some((at?, units, scale))
}

fn distribution(compiler: &mut Compiler<'_>, node: &Node, report: &mut Report) -> Option<Distribution> {
    let mut cursor = Cursor::new(node, "`index`", report)?;
    let (kind, kind_place) = cursor.required_text("kind", report)?;
    let of = entity(compiler.pack(), &mut cursor, report)?;
    let mut root = |key: &'static str, cursor: &mut Cursor<'_>, expected: Option<Type>, report: &mut Report| {
        let (text, place) = cursor.text(key, report)?;
        compiler.expression(&text, of, expected, place)
    };
    let weight = root("weight", &mut cursor, Some(Type::INTEGER), report);
    let found = match kind.as_str() {
        "alkire_foster" => {
            let cutoff =
                cursor.required_text("cutoff", report).and_then(|(text, place)| fraction(&text, place, report));
            let measure = match cursor.required_text("measure", report)? {
                (text, _) if text == "h" => AlkireFoster::H,
                (text, _) if text == "a" => AlkireFoster::A,
                (text, _) if text == "m0" => AlkireFoster::M0,
                (text, place) => {
                    report.say(place, format!("`measure: {text}` is not known"), "write h, a or m0");
                    AlkireFoster::M0
                }
            };
            let deprivations = deprivations(compiler, of, &mut cursor, report);
            cutoff.map(|cutoff| Distribution::AlkireFoster { of, weight, cutoff, measure, deprivations })
        }
        "fgt" | "sen" | "sst" | "watts" | "gini" => {
            let income = root("income", &mut cursor, None, report);
            let line = root("line", &mut cursor, None, report);
            let alpha = match cursor.text("alpha", report) {
                Some((text, _)) if matches!(text.as_str(), "0" | "1" | "2") => text.parse().unwrap_or(0),
                Some((text, place)) => {
                    report.say(
                        place,
                        format!("`alpha: {text}` is not known"),
                        "write 0 (share), 1 (gap) or 2 (severity)",
                    );
                    0
                }
                None if kind == "fgt" => {
                    report.say(kind_place, "`fgt` needs an `alpha`", "write 0 (share), 1 (gap) or 2 (severity)");
                    0
                }
                None => 0,
            };
            if kind != "gini" && line.is_none() {
                report.say(kind_place, format!("`{kind}` needs a `line`"), "name the variable that holds the line");
            }
            let incomes = income.map(|income| Incomes { of, income, line, weight });
            incomes.map(|incomes| match kind.as_str() {
                "fgt" => Distribution::Fgt(alpha, incomes),
                "sen" => Distribution::Sen(incomes),
                "sst" => Distribution::Sst(incomes),
                "watts" => Distribution::Watts(incomes),
                _ => Distribution::Gini(incomes),
            })
        }
        _ => {
            report.say(
                kind_place,
                format!("there is no index `{kind}`"),
                "write fgt, sen, sst, watts, gini or alkire_foster",
            );
            return None;
        }
    };
    cursor.finish(report);
    found
}

fn deprivations(
    compiler: &mut Compiler<'_>,
    of: Entity,
    cursor: &mut Cursor<'_>,
    report: &mut Report,
) -> Vec<((i64, i64), ExprId)> {
    let mut found = Vec::new();
    let (mut sum, mut complete) = ((0, 1), true);
    let Some(dimensions) = cursor.required("dimensions", report).and_then(|n| Cursor::new(n, "`dimensions`", report))
    else {
        return found;
    };
    for (_, _, node) in dimensions.entries() {
        let Data::List(items) = &node.data else {
            report.say(&node.place, "a dimension is a list of indicators", "write [{weight: 1/4, deprived: …}]");
            continue;
        };
        for item in items {
            let Some(mut item) = Cursor::new(item, "an indicator of a dimension", report) else { continue };
            let weight = item.required_text("weight", report).and_then(|(text, place)| fraction(&text, place, report));
            let root = item
                .required_text("deprived", report)
                .and_then(|(text, place)| compiler.expression(&text, of, Some(Type::Boolean), place));
            item.finish(report);
            complete &= weight.is_some();
            sum = weight.map_or(sum, |weight| sum_of(sum, weight));
            found.extend(weight.zip(root));
        }
    }
    if complete && sum.0 != sum.1 {
        report.say(
            &dimensions.place,
            "the weights do not add up to 1",
            "divide each by their sum, such as 1/6 for six equal ones",
        );
    }
    found
}

/// Sum of two fractions; saturates, which is no sum of weights either.
fn sum_of((a, b): (i128, i128), (c, d): (i64, i64)) -> (i128, i128) {
    let (c, d) = (i128::from(c), i128::from(d));
    let (above, below) = (a.saturating_mul(d).saturating_add(c.saturating_mul(b)), b.saturating_mul(d));
    let divisor = greatest_divisor(above, below).max(1);
    (above / divisor, below / divisor)
}

fn greatest_divisor(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// `1/3`
pub(super) fn fraction(text: &str, place: &Place, report: &mut Report) -> Option<(i64, i64)> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    match (above.trim().parse::<i64>(), below.trim().parse::<i64>()) {
        (Ok(above), Ok(below)) if above >= 0 && below > 0 => Some((above, below)),
        _ => {
            report.say(place, format!("`{text}` is not a fraction"), "write it as 1/3");
            None
        }
    }
}
