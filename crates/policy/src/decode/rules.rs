//! Variables, programmes, indicators and checks.

use std::collections::HashMap;

use crate::formula::{Compiler, declared_type};
use crate::ir::{ExprId, Type};
use crate::model::{
    AlkireFoster, Check, Direction, Distribution, Entity, Frequency, Incomes, Indicator, IndicatorValue, Pack, Place,
    Programme, ProgrammeId, Severity, Text, Unit, Variable, VariableId,
};
use super::tree::{Data, Node};

use super::Entries;
use super::cursor::{Cursor, Report};
use super::places::Amount;
use super::screens::name_text;
use super::structure::{clauses, field_type};

/// Declares variables and programmes with their formula texts; returns the types that authors wrote.
pub(super) fn declare(
    pack: &mut Pack,
    variables: &Entries<'_>,
    programmes: &Entries<'_>,
    report: &mut Report,
) -> HashMap<VariableId, Type> {
    let mut declared = HashMap::new();
    for (id, place, node) in variables {
        let Some(mut cursor) = Cursor::new(node, &format!("variable `{id}`"), report) else { continue };
        let Some(of) = entity(pack, &mut cursor, report) else { continue };
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        if let Some((text, place)) = cursor.text("type", report) {
            let ty = declared_type(field_type(&text, pack, &[], place, report));
            match ty {
                Some(ty) => {
                    declared.insert(VariableId(pack.variables.len() as u16), ty);
                }
                None => report.say(place, format!("a variable cannot be {text}"), "use integer, decimal(n), money, date, boolean or code(list)"),
            }
        }
        let words = cursor.optional_title("words", report);
        let group = cursor.text("group", report).map(|(text, _)| text);
        let formula = formula(&mut cursor, "formula", report);
        cursor.finish(report);
        let Some((formula, at)) = formula else { continue };
        if clash(pack, id, of, place, report) {
            continue;
        }
        pack.variables.push(Variable {
            id: (*id).to_owned(), title, clauses, of, ty: Type::Boolean, formula, root: ExprId(u32::MAX), words, group,
            programme: None, place: at,
        });
    }
    for (id, place, node) in programmes {
        programme(pack, id, place, node, &mut declared, report);
    }
    declared
}

fn programme(
    pack: &mut Pack,
    id: &str,
    place: &Place,
    node: &Node,
    declared: &mut HashMap<VariableId, Type>,
    report: &mut Report,
) {
    let Some(mut cursor) = Cursor::new(node, &format!("programme `{id}`"), report) else { return };
    let Some(of) = entity(pack, &mut cursor, report) else { return };
    let title = cursor.title("title", report);
    let clauses = clauses(&mut cursor, report);
    let who = formula(&mut cursor, "who", report);
    let amount = formula(&mut cursor, "amount", report);
    let every = match cursor.required_text("every", report) {
        Some((text, _)) if text == "year" => Frequency::Year,
        Some((text, _)) if text == "month" => Frequency::Month,
        Some((text, _)) if text == "once" => Frequency::Once,
        Some((text, place)) => {
            report.say(place, format!("`every: {text}` is not known"), "write year, month or once");
            Frequency::Year
        }
        None => Frequency::Year,
    };
    let fund = cursor.optional_title("fund", report);
    let (from, to) = (cursor.date("from", report), cursor.date("to", report));
    let words = cursor.optional_title("words", report);
    let group = cursor.text("group", report).map_or("programmes".to_owned(), |(text, _)| text);
    cursor.finish(report);
    let (Some((who, who_place)), Some((amount, amount_place))) = (who, amount) else { return };
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        report.say(place, format!("`{id}` ends before it begins"), "exchange `from` and `to`");
    }
    if clash(pack, id, of, place, report) || clash(pack, &format!("{id}_amount"), of, place, report) {
        return;
    }
    let number = ProgrammeId(pack.programmes.len() as u16);
    let eligible = VariableId(pack.variables.len() as u16);
    let amount_variable = VariableId(pack.variables.len() as u16 + 1);
    declared.insert(eligible, Type::Boolean);
    declared.insert(amount_variable, Type::MONEY);
    let amounts: Text = title.iter().map(|(language, words)| (language.clone(), amount_title(language, words))).collect();
    let variable = |id: String, title: Text, formula: String, words: Option<Text>, place: Place| Variable {
        id, title, clauses: clauses.clone(), of, ty: Type::Boolean, formula, root: ExprId(u32::MAX), words,
        group: Some(group.clone()), programme: Some(number), place,
    };
    pack.variables.push(variable(id.to_owned(), title.clone(), who, words, who_place));
    let guarded = format!("case when {id} then ({amount}) else 0 end");
    pack.variables.push(variable(format!("{id}_amount"), amounts, guarded, None, amount_place));
    pack.programmes.push(Programme {
        id: id.to_owned(), title, clauses, of, eligible, amount: amount_variable, every, fund, from, to,
        place: place.clone(),
    });
}

/// Title of the amount of a programme.
fn amount_title(language: &str, words: &str) -> String {
    match language {
        "zh" => format!("{words}：金额"),
        "en" => format!("{words}: amount"),
        _ => format!("{words} – "),
    }
}

/// `of: household`
pub(super) fn entity(pack: &Pack, cursor: &mut Cursor<'_>, report: &mut Report) -> Option<Entity> {
    let (name, place) = cursor.required_text("of", report)?;
    let entity = pack.entity(&name);
    if entity.is_none() {
        let attached = pack.register(&name).is_some();
        let advice = if attached {
            "its records belong to another register: write the formula for that one".to_owned()
        } else {
            let registers = pack.registers.iter().map(|register| register.id.as_str());
            let known = registers.chain(pack.levels.iter().map(|level| level.id.as_str()));
            crate::diagnostic::nearest(&name, known)
                .map_or("name an entity register or a division level".to_owned(), |near| format!("did you mean `{near}`?"))
        };
        report.say(place, format!("formulas cannot be written `of: {name}`"), advice);
    }
    entity
}

/// A formula and where its text begins.
pub(super) fn formula(cursor: &mut Cursor<'_>, key: &'static str, report: &mut Report) -> Option<(String, Place)> {
    let (text, place) = cursor.required_text(key, report)?;
    Some((text, place.clone()))
}

/// A variable may not be named like a field of its entity or another variable.
fn clash(pack: &Pack, id: &str, of: Entity, place: &Place, report: &mut Report) -> bool {
    let field = match of {
        Entity::Register(register) => {
            pack.registers.get(register.index()).is_some_and(|r| r.fields.iter().any(|field| field.id == id))
        }
        Entity::Level(_) => false,
    };
    if field {
        report.say(place, format!("`{id}` is already a field of {}", pack.entity_id(of)), "give the variable another name");
    } else if pack.variable(id).is_some() {
        report.say(place, format!("`{id}` is already a variable or programme"), "give one of them another name");
    } else if matches!(id, "id" | "as_of" | "previous" | "param" | "division" | "period") {
        report.say(place, format!("`{id}` means something else in formulas"), "give the variable another name");
    } else {
        return false;
    }
    true
}

/// Where the amounts of programmes stand, and how their compiled text differs.
pub(super) fn amounts(pack: &Pack) -> Vec<Amount> {
    let amount = |programme: &Programme| {
        let variable = pack.variables.get(programme.amount.index())?;
        let before = format!("case when {} then (", programme.id).chars().count();
        Some(Amount { place: variable.place.clone(), before, length: variable.formula.chars().count() })
    };
    pack.programmes.iter().filter_map(amount).collect()
}

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
            numerator.zip(denominator).map(|(numerator, denominator)| IndicatorValue::Quotient { numerator, denominator })
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
            id: (*id).to_owned(), title, clauses, value, unit, better, targets, strict, place: (*place).clone(),
        });
    }
    indicators
}

fn unit(text: &str, place: &Place, report: &mut Report) -> Unit {
    match text {
        "count" => Unit::Count,
        "percent" => Unit::Percent,
        "per_mille" => Unit::PerMille,
        "money" => Unit::Money,
        "index" => Unit::Index,
        "number" => Unit::Number,
        _ => {
            report.say(place, format!("`unit: {text}` is not known"), "write count, percent, per_mille, money, index or number");
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
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    if let Ok(units) = format!("{whole}{part}").parse() { Some((at?, units, part.len() as u8)) } else {
        report.say(place, format!("`{text}` is not a number"), "write digits, with a point before decimals");
        None
    }
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
            let cutoff = cursor.required_text("cutoff", report).and_then(|(text, place)| fraction(&text, place, report));
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
                    report.say(place, format!("`alpha: {text}` is not known"), "write 0 (share), 1 (gap) or 2 (severity)");
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
            report.say(kind_place, format!("there is no index `{kind}`"), "write fgt, sen, sst, watts, gini or alkire_foster");
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
    let Some(dimensions) = cursor.required("dimensions", report).and_then(|n| Cursor::new(n, "`dimensions`", report)) else {
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
            let root = item.required_text("deprived", report).and_then(|(text, place)| {
                compiler.expression(&text, of, Some(Type::Boolean), place)
            });
            item.finish(report);
            complete &= weight.is_some();
            sum = weight.map_or(sum, |weight| sum_of(sum, weight));
            found.extend(weight.zip(root));
        }
    }
    if complete && sum.0 != sum.1 {
        report.say(&dimensions.place, "the weights do not add up to 1", "divide each by their sum, such as 1/6 for six equal ones");
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
fn fraction(text: &str, place: &Place, report: &mut Report) -> Option<(i64, i64)> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    match (above.trim().parse::<i64>(), below.trim().parse::<i64>()) {
        (Ok(above), Ok(below)) if above >= 0 && below > 0 => Some((above, below)),
        _ => {
            report.say(place, format!("`{text}` is not a fraction"), "write it as 1/3");
            None
        }
    }
}

/// Fields of an entity, for advice.
fn fields_of(pack: &Pack, entity: Entity) -> Vec<String> {
    match entity {
        Entity::Register(register) => pack
            .registers
            .get(register.index())
            .map(|register| register.fields.iter().map(|field| field.id.clone()).collect())
            .unwrap_or_default(),
        Entity::Level(_) => Vec::new(),
    }
}

pub(super) fn checks(compiler: &mut Compiler<'_>, entries: &Entries<'_>, report: &mut Report) -> Vec<Check> {
    let mut checks = Vec::new();
    for (id, place, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("check `{id}`"), report) else { continue };
        let Some(of) = entity(compiler.pack(), &mut cursor, report) else { continue };
        let severity = match cursor.required_text("severity", report) {
            Some((text, _)) if text == "error" => Severity::Error,
            Some((text, _)) if text == "suspect" => Severity::Suspect,
            Some((text, place)) => {
                report.say(place, format!("`severity: {text}` is not known"), "write error or suspect");
                Severity::Suspect
            }
            None => Severity::Suspect,
        };
        let when = formula(&mut cursor, "when", report);
        let message = cursor.title("message", report);
        let advice = cursor.optional_title("advice", report);
        let mut fields = Vec::new();
        for (name, place) in cursor.texts("fields", report) {
            if name_text(compiler.pack(), of, &name).is_none() {
                let own = fields_of(compiler.pack(), of);
                let advice = crate::diagnostic::nearest(&name, own.iter().map(String::as_str))
                    .map_or("name fields, register.field or variables of the entity".to_owned(), |near| format!("did you mean `{near}`?"));
                report.say(place, format!("{} has no `{name}`", compiler.pack().entity_id(of)), advice);
            }
            fields.push(name);
        }
        let clauses = clauses(&mut cursor, report);
        cursor.finish(report);
        let Some((formula, at)) = when else { continue };
        let Some(root) = compiler.expression(&formula, of, Some(Type::Boolean), &at) else { continue };
        checks.push(Check {
            id: (*id).to_owned(), of, severity, root, formula, message, advice, fields, clauses, place: (*place).clone(),
        });
    }
    checks
}
