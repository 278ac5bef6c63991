//! Which units live where: quotas per division spread over its villages, sizes that add up exactly.

use std::collections::BTreeMap;

use super::SynthError;
use super::draw::{Draw, cumulative};
use super::spec::{Quota, Sizes, Spec};

/// A division of the tree.
#[derive(Clone, Debug)]
pub struct Division {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
}

/// A planned unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PlannedUnit {
    /// Position of the village in the plan.
    pub village: u32,
    /// Position of the stratum.
    pub stratum: u16,
    /// Members.
    pub size: u16,
}

/// All units, sorted by village.
pub(super) struct Plan {
    /// Codes of all villages of the tree that may have records, sorted.
    pub villages: Vec<String>,
    /// Units sorted by village.
    pub units: Vec<PlannedUnit>,
}

/// Spreads the quotas, scaled by `scale`.
pub(super) fn plan(spec: &Spec, digits: usize, divisions: &[Division], scale: f64) -> Result<Plan, SynthError> {
    let suffix = spec.villages.from_suffix.len();
    let eligible = |code: &str| {
        code.len() == digits && code.get(digits - suffix..).is_some_and(|end| end >= spec.villages.from_suffix.as_str())
    };
    let mut villages: Vec<String> =
        divisions.iter().filter(|division| eligible(&division.code)).map(|division| division.code.clone()).collect();
    villages.sort();
    let mut units = Vec::new();
    let mut rest: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for quota in &spec.quotas {
        // Rounding errors are carried from division to division, so that the sum over the tree stays exact.
        let (more_units, more_members) = rest.entry(&quota.stratum).or_default();
        *more_units += quota.units as f64 * scale;
        *more_members += quota.members as f64 * scale;
        let count = more_units.round().max(0.0);
        let members = more_members.round().max(count);
        *more_units -= count;
        *more_members -= members;
        if count > 0.0 {
            spread(spec, quota, count as usize, members as usize, &villages, &mut units)?;
        }
    }
    units.sort();
    Ok(Plan { villages, units })
}

fn spread(
    spec: &Spec,
    quota: &Quota,
    count: usize,
    members: usize,
    villages: &[String],
    units: &mut Vec<PlannedUnit>,
) -> Result<(), SynthError> {
    let content = |what: String, advice: &str| SynthError::Content {
        at: format!("quotas, division {}", quota.division),
        what,
        advice: advice.to_owned(),
    };
    let stratum = spec.strata.iter().position(|stratum| *stratum == quota.stratum);
    let stratum = stratum
        .ok_or_else(|| content(format!("there is no stratum `{}`", quota.stratum), "list it under `strata:`"))?
        as u16;
    let start = villages.partition_point(|code| *code < quota.division);
    let end = villages.partition_point(|code| code.starts_with(&quota.division) || *code < quota.division);
    if start == end {
        return Err(content("it has no villages in the tree".to_owned(), "correct the code"));
    }
    // The weights of villages belong to the division, not to the stratum: poor villages have more of everyone.
    let mut weights_of = Draw::new(spec.seed, &format!("villages {}", quota.division));
    let weights: Vec<f64> = (start..end)
        .map(|_| {
            let taken = weights_of.chance(spec.villages.share);
            let weight = (weights_of.normal() * spec.villages.spread).exp();
            if taken { weight } else { 0.0 }
        })
        .collect();
    let weights = cumulative(weights.into_iter());
    let even = cumulative((start..end).map(|_| 1.0));
    let weights = if weights.last().is_some_and(|sum| *sum > 0.0) { weights } else { even };
    let mut draw = Draw::new(spec.seed, &format!("units {} {}", quota.division, quota.stratum));
    let sizes = sizes(spec, &quota.stratum, count, members, &mut draw)
        .ok_or_else(|| content(format!("{members} members do not fit {count} units"), "see `sizes:`"))?;
    for size in sizes {
        let village = (start + draw.pick(&weights)) as u32;
        units.push(PlannedUnit { village, stratum, size });
    }
    Ok(())
}

/// Sizes drawn by weight, then moved one by one until their sum is exact.
fn sizes(spec: &Spec, stratum: &str, count: usize, members: usize, draw: &mut Draw) -> Option<Vec<u16>> {
    let named = |sizes: &&Sizes| sizes.strata.as_ref().is_some_and(|strata| strata.iter().any(|s| s == stratum));
    let rule = spec.sizes.iter().find(named).or_else(|| spec.sizes.iter().find(|sizes| sizes.strata.is_none()))?;
    let mut choices: Vec<(u16, f64)> =
        rule.weights.iter().filter_map(|(size, weight)| Some((size.parse().ok()?, *weight))).collect();
    choices.sort_by_key(|(size, _)| *size);
    let (smallest, largest) = (choices.first()?.0, choices.last()?.0);
    if members < count * smallest as usize || members > count * largest as usize {
        return None;
    }
    let weights = cumulative(choices.iter().map(|(_, weight)| *weight));
    let mut sizes: Vec<u16> =
        (0..count).map(|_| choices.get(draw.pick(&weights)).map_or(smallest, |choice| choice.0)).collect();
    let mut sum: usize = sizes.iter().map(|size| *size as usize).sum();
    while sum != members {
        let at = draw.between(0, count as i64 - 1) as usize;
        let size = sizes.get_mut(at)?;
        if sum < members && *size < largest {
            *size += 1;
            sum += 1;
        } else if sum > members && *size > smallest {
            *size -= 1;
            sum -= 1;
        }
    }
    Some(sizes)
}
