//! What-if: the sliders, and how the outcome of other parameters differs from the last run.

use std::collections::BTreeMap;

use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{Pack, Parameter, ParameterId, VariableId, text_in};
use bangfu_rules::frame::Column;
use serde::Serialize;

use super::figures::{self, Language};
use super::listing::{QueryError, units};
use super::places::Places;
use super::results::{Results, Rows, truths};

/// A parameter that can be moved.
#[derive(Clone, Debug, Serialize)]
pub struct Slider {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Words for the unit.
    pub unit: String,
    /// Smallest value.
    pub min: String,
    /// Largest value.
    pub max: String,
    /// Step.
    pub step: String,
    /// Value asked for, else that in force.
    pub value: String,
    /// Value in force, with separators.
    pub now: String,
    /// Whether the values in force differ by place: moved, one value holds everywhere.
    pub local: bool,
}

/// The values that are asked for: `p.<parameter>=<number>`; those in force are no change.
///
/// # Errors
/// A value is no number of the parameter's type.
pub fn asked(
    pack: &Pack,
    day: i32,
    query: &BTreeMap<String, String>,
) -> Result<Vec<(ParameterId, Scalar)>, QueryError> {
    let mut overrides = Vec::new();
    for id in &pack.screens.what_if.parameters {
        let Some(parameter) = pack.parameters.get(id.index()) else { continue };
        let Some(text) = query.get(&format!("p.{}", parameter.id)).filter(|text| !text.is_empty()) else { continue };
        let error = || QueryError { name: parameter.id.clone(), value: text.clone() };
        let value = units(text, scale(parameter)).ok_or_else(error)?;
        if in_force(pack, parameter, day) != Some(value) {
            overrides.push((*id, Scalar::Integer(value)));
        }
    }
    Ok(overrides)
}

fn scale(parameter: &Parameter) -> u8 {
    match parameter.ty {
        Type::Number { scale, .. } => scale,
        _ => 0,
    }
}

fn in_force(pack: &Pack, parameter: &Parameter, day: i32) -> Option<i64> {
    match parameter.row_on(day, &pack.policy.root, None)?.value {
        Scalar::Integer(n) => Some(n),
        _ => None,
    }
}

/// The sliders of the pack's what-if screen.
pub fn sliders(pack: &Pack, day: i32, query: &BTreeMap<String, String>, language: Language) -> Vec<Slider> {
    let ids = pack.screens.what_if.parameters.iter();
    ids.filter_map(|id| pack.parameters.get(id.index()))
        .filter(|parameter| parameter.key.is_none() && matches!(parameter.ty, Type::Number { .. }))
        .map(|parameter| {
            let scale = scale(parameter);
            let plain = |n: i64| figures::fixed(n, scale).replace(',', "").trim_end_matches(".00").to_owned();
            let now = in_force(pack, parameter, day);
            let asked = query.get(&format!("p.{}", parameter.id)).filter(|text| !text.is_empty());
            // Values in force lie within the bounds, else the form could not be sent.
            let lowest = parameter.min.unwrap_or(0).min(now.unwrap_or(i64::MAX));
            let largest = now.unwrap_or(10_i64.pow(u32::from(scale))).saturating_mul(3);
            Slider {
                id: parameter.id.clone(),
                title: text_in(&parameter.title, language.id()).to_owned(),
                unit: parameter.unit.as_ref().map(|u| text_in(u, language.id()).to_owned()).unwrap_or_default(),
                min: plain(lowest),
                max: plain(parameter.max.unwrap_or(largest).max(now.unwrap_or(i64::MIN))),
                step: plain(parameter.step.unwrap_or(10_i64.pow(u32::from(scale)))),
                value: asked.cloned().or(now.map(plain)).unwrap_or_default(),
                now: now.map_or_else(|| "—".to_owned(), |n| language.fixed(n, scale)),
                local: parameter.rows.iter().any(|row| row.class.is_some() || row.division.is_some()),
            }
        })
        .collect()
}

/// Who changes in a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Moves {
    /// Yes before.
    pub before: u64,
    /// Yes now, not before.
    pub enter: u64,
    /// Yes before, not now.
    pub leave: u64,
    /// Yes now.
    pub after: u64,
    /// Cannot be told now.
    pub unknown: u64,
}

/// A condition on the page.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Id of the rule.
    pub id: String,
    /// Title.
    pub title: String,
    /// Figures, with separators.
    pub before: String,
    /// See [`Moves`].
    pub enter: String,
    /// See [`Moves`].
    pub leave: String,
    /// See [`Moves`].
    pub after: String,
    /// See [`Moves`].
    pub unknown: String,
}

/// A programme's cost on the page.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Id of the programme.
    pub id: String,
    /// Title.
    pub title: String,
    /// Sum of the last run.
    pub before: String,
    /// Sum now.
    pub after: String,
    /// Difference with sign.
    pub difference: String,
    /// Whether nothing changed.
    pub same: bool,
}

/// Moves in a division.
#[derive(Clone, Debug, Serialize)]
pub struct DivisionMoves {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Who enters.
    pub enter: String,
    /// Who leaves.
    pub leave: String,
}

/// Compares a condition with the last run over the rows of a division. Both have the rows of one snapshot in one order.
pub fn moves(rows: &Rows, variable: VariableId, now: Option<&Column>, division: &str) -> Moves {
    let mut moves = Moves::default();
    let Some(base) = rows.column(variable) else { return moves };
    let now = now.unwrap_or(base);
    for (before, after) in truths(base, rows.within(division)).zip(truths(now, rows.within(division))) {
        moves.before += u64::from(before.yes.count_ones());
        moves.after += u64::from(after.yes.count_ones());
        moves.enter += u64::from((after.yes & !before.yes).count_ones());
        moves.leave += u64::from((before.yes & !after.yes).count_ones());
        moves.unknown += u64::from(after.unknown.count_ones());
    }
    moves
}

/// The conditions of the screen.
pub fn outcomes(
    pack: &Pack,
    results: &Results,
    now: &BTreeMap<u16, Column>,
    division: &str,
    language: Language,
) -> Vec<Outcome> {
    let ids = pack.screens.what_if.outcomes.iter();
    ids.filter_map(|id| {
        let variable = pack.variables.get(id.index())?;
        let found = moves(results.entities.get(&variable.of)?, *id, now.get(&id.0), division);
        let words = |n: u64| language.grouped(n as i64);
        Some(Outcome {
            id: variable.id.clone(),
            title: text_in(&variable.title, language.id()).to_owned(),
            before: words(found.before),
            enter: words(found.enter),
            leave: words(found.leave),
            after: words(found.after),
            unknown: words(found.unknown),
        })
    })
    .collect()
}

/// The programmes of the screen.
pub fn costs(
    pack: &Pack,
    results: &Results,
    now: &BTreeMap<u16, Column>,
    division: &str,
    language: Language,
) -> Vec<Cost> {
    let ids = pack.screens.what_if.programmes.iter();
    ids.filter_map(|id| {
        let programme = pack.programmes.get(id.index())?;
        let amount = pack.variables.get(programme.amount.index())?;
        let rows = results.entities.get(&amount.of)?;
        let before = rows.count(programme.amount, rows.within(division))?.sum;
        let after = match now.get(&programme.amount.0) {
            None => before,
            Some(column) => super::results::sum(column, rows.within(division)).1,
        };
        let scale = match amount.ty {
            Type::Number { scale, .. } => scale,
            _ => 0,
        };
        let words = |n: i128| language.fixed(i64::try_from(n).unwrap_or(i64::MAX), scale);
        let sign = if after > before { "+" } else { "" };
        Some(Cost {
            id: programme.id.clone(),
            title: text_in(&programme.title, language.id()).to_owned(),
            before: words(before),
            after: words(after),
            difference: format!("{sign}{}", words(after - before)),
            same: after == before,
        })
    })
    .collect()
}

/// Moves of a condition in the divisions below one.
pub fn by_division(
    pack: &Pack,
    places: &Places,
    results: &Results,
    now: &BTreeMap<u16, Column>,
    variable: VariableId,
    division: &str,
    language: Language,
) -> Vec<DivisionMoves> {
    let rows = pack.variables.get(variable.index()).and_then(|v| results.entities.get(&v.of));
    let Some(rows) = rows else { return Vec::new() };
    places
        .children(division)
        .map(|code| {
            let found = moves(rows, variable, now.get(&variable.0), code);
            DivisionMoves {
                code: code.to_owned(),
                name: places.name(code, language),
                enter: language.grouped(found.enter as i64),
                leave: language.grouped(found.leave as i64),
            }
        })
        .collect()
}

/// Variables that must be computed again: conditions and amounts of the screen.
pub fn wanted(pack: &Pack) -> Vec<VariableId> {
    let screen = &pack.screens.what_if;
    let amounts = screen.programmes.iter().filter_map(|id| pack.programmes.get(id.index())).map(|p| p.amount);
    screen.outcomes.iter().copied().chain(amounts).collect()
}
