//! What-if: the same records under other parameters or another pack, against the pack as it is.

use std::collections::BTreeMap;

use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Entity, Pack, ParameterId, VariableId};
use bangfu_policy::value::format_number;
use bangfu_rules::engine::{EngineError, Program, Request};
use bangfu_rules::frame::{Column, Frame};
use bangfu_rules::interpret::{Interpreter, stored};
use serde::Serialize;

/// What changes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Comparison {
    /// By `entity.variable`.
    pub outcomes: BTreeMap<String, Moved>,
    /// By programme.
    pub costs: BTreeMap<String, Cost>,
    /// The same outcomes by division of the level asked for: division → `entity.variable`.
    pub by_division: BTreeMap<String, BTreeMap<String, Moved>>,
}

/// Records that change their answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// True before.
    pub before: u64,
    /// True after.
    pub after: u64,
    /// Not true before, true after.
    pub enter: u64,
    /// True before, not true after.
    pub leave: u64,
    /// Known before, cannot be told after.
    pub unknown: u64,
}

/// Sum of a programme's amounts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cost {
    /// Before, in units of the currency.
    pub before: String,
    /// After.
    pub after: String,
    /// The difference.
    pub difference: String,
}

/// Compares two ways to evaluate the same records. `after` may be another pack with the same registers. Only what is
/// asked for is computed: the boolean variables `outcomes` and all programmes' amounts.
///
/// # Errors
/// A formula has no result for some records.
pub fn compare(
    before: (&Pack, &[(ParameterId, Scalar)]),
    after: (&Pack, &[(ParameterId, Scalar)]),
    frame: &Frame,
    outcomes: &[String],
    digits: usize,
) -> Result<Comparison, EngineError> {
    let (old, new) = (evaluate(before, frame, outcomes)?, evaluate(after, frame, outcomes)?);
    let interpreter = Interpreter::new(before.0, frame, &[]);
    let mut comparison = Comparison::default();
    for (name, (entity, column)) in &old.booleans {
        let Some((_, other)) = new.booleans.get(name) else { continue };
        let rows = frame.tables.get(entity).map_or(0, |table| table.rows);
        let mut all = Moved::default();
        for row in 0..rows {
            let one = moved(stored(column, row), stored(other, row));
            all.add(one);
            if one.enter + one.leave + one.unknown > 0 {
                let code = interpreter.division(Some(*entity), row);
                let code = code.get(..digits).unwrap_or(code).to_owned();
                comparison.by_division.entry(code).or_default().entry(name.clone()).or_default().add(one);
            }
        }
        comparison.outcomes.insert(name.clone(), all);
    }
    for (name, sum) in &old.amounts {
        let other = new.amounts.get(name).copied().unwrap_or(0);
        let text = |sum: i128| i64::try_from(sum).map_or_else(|_| sum.to_string(), |sum| format_number(sum, 2));
        let cost = Cost { before: text(*sum), after: text(other), difference: text(other - sum) };
        comparison.costs.insert(name.clone(), cost);
    }
    Ok(comparison)
}

impl Moved {
    fn add(&mut self, other: Self) {
        self.before += other.before;
        self.after += other.after;
        self.enter += other.enter;
        self.leave += other.leave;
        self.unknown += other.unknown;
    }
}

fn moved(before: Scalar, after: Scalar) -> Moved {
    let (was, is) = (before == Scalar::Boolean(true), after == Scalar::Boolean(true));
    Moved {
        before: u64::from(was),
        after: u64::from(is),
        enter: u64::from(!was && is),
        leave: u64::from(was && !is),
        unknown: u64::from(before != Scalar::Missing && after == Scalar::Missing),
    }
}

struct Evaluated {
    booleans: BTreeMap<String, (Entity, Column)>,
    amounts: BTreeMap<String, i128>,
}

fn evaluate(
    (pack, set): (&Pack, &[(ParameterId, Scalar)]),
    frame: &Frame,
    outcomes: &[String],
) -> Result<Evaluated, EngineError> {
    let wanted: Vec<VariableId> = outcomes
        .iter()
        .filter_map(|id| pack.variable(id))
        .filter(|id| pack.variables.get(id.index()).is_some_and(|variable| variable.ty == Type::Boolean))
        .chain(pack.programmes.iter().map(|programme| programme.amount))
        .collect();
    let request = Request { overrides: set.to_vec(), outputs: Some(wanted), indicators: false, threads: 0 };
    let outcome = Program::compile(pack, frame, &request).run()?;
    let mut evaluated = Evaluated { booleans: BTreeMap::new(), amounts: BTreeMap::new() };
    for (entity, columns) in outcome.entities {
        let rows = frame.tables.get(&entity).map_or(0, |table| table.rows);
        for (id, column) in columns {
            let Some(variable) = pack.variables.get(id.index()) else { continue };
            let programme = variable.programme.and_then(|programme| pack.programmes.get(programme.index()));
            match programme {
                Some(programme) if programme.amount == id => {
                    let amounts = (0..rows).filter_map(|row| match stored(&column, row) {
                        Scalar::Integer(amount) => Some(i128::from(amount)),
                        _ => None,
                    });
                    evaluated.amounts.insert(programme.id.clone(), amounts.sum());
                }
                _ => {
                    let name = format!("{}.{}", pack.entity_id(entity), variable.id);
                    evaluated.booleans.insert(name, (entity, column));
                }
            }
        }
    }
    Ok(evaluated)
}
