//! What-if: the same records under other parameters or another pack, against the pack as it is.

use std::collections::BTreeMap;

use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Entity, Pack, ParameterId, VariableId};
use bangfu_policy::value::format_number;
use bangfu_rules::engine::{Baseline, EngineError, Program, Request};
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

/// Compares the values in force with other values of parameters over the same records. Only what depends on the
/// parameters is computed twice: the boolean variables `outcomes` and all programmes' amounts.
///
/// # Errors
/// A formula has no result for some records.
pub fn compare_parameters(
    pack: &Pack,
    set: &[(ParameterId, Scalar)],
    frame: &Frame,
    outcomes: &[String],
    digits: usize,
) -> Result<Comparison, EngineError> {
    let parameters: Vec<ParameterId> = set.iter().map(|(id, _)| *id).collect();
    let wanted = wanted(pack, outcomes);
    let baseline = Baseline::new(pack, frame, &parameters, &wanted)?;
    let changed = baseline.with(pack, frame, set)?;
    let before: Columns = wanted.iter().filter_map(|id| Some((*id, baseline.before(*id)?.clone()))).collect();
    let after = before.iter().map(|(id, column)| (*id, changed.get(id).unwrap_or(column).clone())).collect();
    Ok(compared(&evaluated(pack, before), &evaluated(pack, after), (pack, frame), digits))
}

/// Compares two packs with the same registers over the same records.
///
/// # Errors
/// A formula has no result for some records.
pub fn compare_packs(
    before: &Pack,
    (after, set): (&Pack, &[(ParameterId, Scalar)]),
    frame: &Frame,
    outcomes: &[String],
    digits: usize,
) -> Result<Comparison, EngineError> {
    let whole = |pack: &Pack, set: &[(ParameterId, Scalar)]| {
        let outputs = Some(wanted(pack, outcomes));
        let request = Request { overrides: set.to_vec(), outputs, indicators: false, threads: 0 };
        let outcome = Program::compile(pack, frame, &request).run()?;
        Ok(evaluated(pack, outcome.entities.into_values().flatten().collect()))
    };
    Ok(compared(&whole(before, &[])?, &whole(after, set)?, (before, frame), digits))
}

fn compared(old: &Evaluated, new: &Evaluated, (pack, frame): (&Pack, &Frame), digits: usize) -> Comparison {
    let interpreter = Interpreter::new(pack, frame, &[]);
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
    comparison
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

type Columns = Vec<(VariableId, Column)>;

fn wanted(pack: &Pack, outcomes: &[String]) -> Vec<VariableId> {
    outcomes
        .iter()
        .filter_map(|id| pack.variable(id))
        .filter(|id| pack.variables.get(id.index()).is_some_and(|variable| variable.ty == Type::Boolean))
        .chain(pack.programmes.iter().map(|programme| programme.amount))
        .collect()
}

fn evaluated(pack: &Pack, columns: Columns) -> Evaluated {
    let mut evaluated = Evaluated { booleans: BTreeMap::new(), amounts: BTreeMap::new() };
    for (id, column) in columns {
        let Some(variable) = pack.variables.get(id.index()) else { continue };
        let programme = variable.programme.and_then(|programme| pack.programmes.get(programme.index()));
        match programme {
            Some(programme) if programme.amount == id => {
                evaluated.amounts.insert(programme.id.clone(), crate::views::results::sum(&column, 0..usize::MAX).1);
            }
            _ => {
                let name = format!("{}.{}", pack.entity_id(variable.of), variable.id);
                evaluated.booleans.insert(name, (variable.of, column));
            }
        }
    }
    evaluated
}
