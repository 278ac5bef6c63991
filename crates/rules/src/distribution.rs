//! Distribution indices: Foster–Greer–Thorbecke, Sen, Sen–Shorrocks–Thon, Watts, Gini, Alkire–Foster.
//!
//! Every unit `i` has an income `y`, a line `z` and a weight `w` (persons). Units with a missing input or a weight
//! below 1 are left out; the missing ones are counted. `N = Σw`. Poor is strictly below the line; `gap = (z−y)/z`.
//!
//! | index | weighted formula |
//! |---|---|
//! | FGT(α) | `Σ_poor w·gap^α / N` |
//! | Watts | `Σ_poor w·ln(z/y) / N`; units with `y ≤ 0` are counted as excluded and leave numerator and `N` |
//! | Gini | `Σ w_i·y_i·(2·C_i − w_i − N) / (N·Σ w·y)`, incomes ascending, `C_i` the cumulated weight: the form `Σ(2i−n−1)y/(nΣy)` when each unit is `w` persons of its income; incomes at or below 0 take part, a sum at or below 0 has no Gini |
//! | Sen | `H·(I + (1−I)·Gp)`, the asymptotic form: `I` the mean gap of the poor, `Gp` the Gini of their incomes (0 where it does not exist) |
//! | SST | `Σ_i gap_i·w_i·(2(N − C_i) + w_i) / N²`, poorest (largest gap) first: `Σ(2(n−i)+1)·gap_i/n²` over persons |
//! | Alkire–Foster | poor when the weighted deprivations reach the cutoff (≥ k); `H = Σ_poor w/N`, `M0 = Σ_poor w·c/N`, `A = M0/H` |
//!
//! FGT numerators are added up from the units of the smallest divisions in a fixed order, in integers of
//! `2^-40` – so that the sums of the parts are the sum of the whole to the last digit, whatever the number of threads.
//! This module knows neither graph nor frame: columns of numbers in, one result per division out.

use std::ops::Range;

/// Digits after the binary point of FGT contributions.
const FIXED: f64 = (1_u64 << 40) as f64;

/// Inputs of one unit; `None` is missing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Unit {
    /// Income in the smallest unit.
    pub income: Option<i64>,
    /// Line in the same unit; not looked at by Gini.
    pub line: Option<i64>,
    /// Persons.
    pub weight: Option<i64>,
}

/// Which index over incomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Index {
    /// Foster–Greer–Thorbecke with α 0, 1 or 2.
    Fgt(u8),
    /// Sen.
    Sen,
    /// Sen–Shorrocks–Thon.
    Sst,
    /// Watts.
    Watts,
    /// Gini.
    Gini,
}

/// An index of one division.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Measured {
    /// The index; `None` if there is nobody, or it does not exist.
    pub value: Option<f64>,
    /// Numerator in fixed point (FGT, Watts): adds up over divisions. 0 for the others.
    pub numerator: i128,
    /// Persons that took part.
    pub persons: i64,
    /// Units left out because an input is missing.
    pub unknown: u64,
    /// Units left out because the index does not take their income (Watts: at or below 0).
    pub excluded: u64,
}

/// A unit that takes part.
#[derive(Clone, Copy)]
struct Known {
    income: f64,
    line: f64,
    weight: f64,
}

impl Known {
    /// Share of the line that is missing; 0 for those not poor.
    fn gap(&self) -> f64 {
        if self.poor() { (self.line - self.income) / self.line } else { 0.0 }
    }

    fn poor(&self) -> bool {
        self.income < self.line && self.line > 0.0
    }
}

/// The index of every division: `divisions` are the rows of the units in each, in the order of `units`.
pub fn measure(index: Index, units: &[Unit], divisions: &[Range<usize>]) -> Vec<Measured> {
    divisions.iter().map(|rows| one(index, units.get(rows.clone()).unwrap_or_default())).collect()
}

fn one(index: Index, units: &[Unit]) -> Measured {
    let mut measured = Measured::default();
    let mut known = Vec::with_capacity(units.len());
    for unit in units {
        let line = if index == Index::Gini { Some(0) } else { unit.line };
        match (unit.income, line, unit.weight) {
            (Some(_), Some(_), Some(weight)) if weight < 1 => {}
            (Some(income), Some(_), Some(_)) if index == Index::Watts && income <= 0 => measured.excluded += 1,
            (Some(income), Some(line), Some(weight)) => {
                measured.persons = measured.persons.saturating_add(weight);
                known.push(Known { income: income as f64, line: line as f64, weight: weight as f64 });
            }
            _ => measured.unknown += 1,
        }
    }
    if measured.persons == 0 {
        return measured;
    }
    let persons = measured.persons as f64;
    measured.value = match index {
        Index::Fgt(alpha) => {
            measured.numerator =
                sum_of(&known, |unit| if unit.poor() { unit.gap().powi(i32::from(alpha)) } else { 0.0 });
            Some(measured.numerator as f64 / FIXED / persons)
        }
        Index::Watts => {
            measured.numerator = sum_of(&known, |unit| if unit.poor() { (unit.line / unit.income).ln() } else { 0.0 });
            Some(measured.numerator as f64 / FIXED / persons)
        }
        Index::Gini => gini(&mut known),
        Index::Sen => {
            let mut poor: Vec<Known> = known.iter().copied().filter(Known::poor).collect();
            let weight: f64 = poor.iter().map(|unit| unit.weight).sum();
            if weight == 0.0 {
                Some(0.0)
            } else {
                let gap = poor.iter().map(|unit| unit.weight * unit.gap()).sum::<f64>() / weight;
                let among = gini(&mut poor).unwrap_or(0.0);
                Some(weight / persons * (gap + (1.0 - gap) * among))
            }
        }
        Index::Sst => {
            known.retain(Known::poor);
            known.sort_by(|a, b| b.gap().total_cmp(&a.gap()).then(a.weight.total_cmp(&b.weight)));
            let mut cumulated = 0.0;
            let mut sum = 0.0;
            for unit in &known {
                cumulated += unit.weight;
                sum += unit.gap() * unit.weight * (2.0 * (persons - cumulated) + unit.weight);
            }
            Some(sum / (persons * persons))
        }
    };
    measured
}

/// Weighted sum in fixed point: integers add up in any order to the same.
fn sum_of(units: &[Known], value: impl Fn(&Known) -> f64) -> i128 {
    units.iter().map(|unit| (value(unit) * FIXED).round() as i128 * unit.weight as i128).sum()
}

fn gini(units: &mut [Known]) -> Option<f64> {
    units.sort_by(|a, b| a.income.total_cmp(&b.income).then(a.weight.total_cmp(&b.weight)));
    let persons: f64 = units.iter().map(|unit| unit.weight).sum();
    let total: f64 = units.iter().map(|unit| unit.weight * unit.income).sum();
    if total <= 0.0 {
        return None;
    }
    let mut cumulated = 0.0;
    let mut sum = 0.0;
    for unit in units.iter() {
        cumulated += unit.weight;
        sum += unit.weight * unit.income * (2.0 * cumulated - unit.weight - persons);
    }
    Some(sum / (persons * total))
}

/// A unit of an Alkire–Foster measure: deprivations in the order of the weights.
#[derive(Clone, PartialEq, Debug)]
pub struct Deprived {
    /// Persons; `None` is missing.
    pub weight: Option<i64>,
    /// Whether deprived in each indicator; `None` is missing.
    pub deprivations: Vec<Option<bool>>,
}

/// Alkire–Foster of one division.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Multidimensional {
    /// Head-count ratio.
    pub h: Option<f64>,
    /// Mean intensity among the poor; `None` without poor.
    pub a: Option<f64>,
    /// `H·A`.
    pub m0: Option<f64>,
    /// Persons that took part.
    pub persons: i64,
    /// Poor persons.
    pub poor: i64,
    /// Units left out because an input is missing: a unit with an unknown deprivation is unknown.
    pub unknown: u64,
}

/// H, A and M0 of every division. Weights and cutoff are exact fractions; a share equal to the cutoff is poor.
pub fn alkire_foster(
    units: &[Deprived],
    weights: &[(i64, i64)],
    cutoff: (i64, i64),
    divisions: &[Range<usize>],
) -> Vec<Multidimensional> {
    // All fractions on one denominator, so that "reaches the cutoff" is exact.
    let common = weights.iter().map(|weight| weight.1).chain([cutoff.1]).fold(1_i128, |a, b| lcm(a, i128::from(b)));
    let units_of = |(n, d): (i64, i64)| if d == 0 { 0 } else { i128::from(n) * (common / i128::from(d)) };
    let shares: Vec<i128> = weights.iter().map(|weight| units_of(*weight)).collect();
    let border = units_of(cutoff);
    divisions
        .iter()
        .map(|rows| {
            let mut result = Multidimensional::default();
            let mut intensity = 0_i128;
            for unit in units.get(rows.clone()).unwrap_or_default() {
                let deprived: Option<Vec<bool>> = unit.deprivations.iter().copied().collect();
                let Some((weight, deprived)) = unit.weight.zip(deprived) else {
                    result.unknown += 1;
                    continue;
                };
                if weight < 1 {
                    continue;
                }
                result.persons = result.persons.saturating_add(weight);
                let share: i128 = shares.iter().zip(&deprived).filter(|(_, d)| **d).map(|(share, _)| share).sum();
                if share >= border && share > 0 {
                    result.poor = result.poor.saturating_add(weight);
                    intensity += share * i128::from(weight);
                }
            }
            if result.persons > 0 {
                let persons = result.persons as f64;
                result.h = Some(result.poor as f64 / persons);
                result.m0 = Some(intensity as f64 / common as f64 / persons);
                result.a = (result.poor > 0).then(|| intensity as f64 / common as f64 / result.poor as f64);
            }
            result
        })
        .collect()
}

fn lcm(a: i128, b: i128) -> i128 {
    let (mut x, mut y) = (a.abs().max(1), b.abs().max(1));
    let product = x.saturating_mul(y);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    product / x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(incomes: &[i64]) -> Vec<Unit> {
        incomes.iter().map(|income| Unit { income: Some(income * 100), line: Some(285_500), weight: Some(1) }).collect()
    }

    fn value(index: Index, units: &[Unit]) -> f64 {
        measure(index, units, &[0..units.len()])[0].value.unwrap()
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 5e-7, "{a} is not {b}");
    }

    #[test]
    fn the_published_vector() {
        let units = units(&[1000, 2000, 2855, 3000, 5000, 10000]);
        near(value(Index::Fgt(0), &units), 0.333_333);
        near(value(Index::Fgt(1), &units), 0.158_202);
        near(value(Index::Fgt(2), &units), 0.085_307);
        near(value(Index::Gini, &units), 0.378_292);
        let watts = ((2855.0_f64 / 1000.0).ln() + (2855.0_f64 / 2000.0).ln()) / 6.0;
        near(value(Index::Watts, &units), watts);
        // Of the two poor: H = 1/3, I = 0.474606, Gp = (2000−1000)/(2·3000).
        let gap = 0.474_606;
        near(value(Index::Sen, &units), (gap + (1.0 - gap) / 6.0) / 3.0);
        let (first, second) = (1855.0 / 2855.0, 855.0 / 2855.0);
        near(value(Index::Sst, &units), (11.0 * first + 9.0 * second) / 36.0);
    }

    #[test]
    fn a_weight_is_as_many_persons() {
        let mut weighted = units(&[1000, 2500, 4000]);
        for (unit, weight) in weighted.iter_mut().zip([3, 1, 2]) {
            unit.weight = Some(weight);
        }
        let single = units(&[1000, 1000, 1000, 2500, 4000, 4000]);
        for index in [Index::Fgt(0), Index::Fgt(1), Index::Fgt(2), Index::Sen, Index::Sst, Index::Watts, Index::Gini] {
            near(value(index, &weighted), value(index, &single));
        }
    }

    #[test]
    fn parts_add_up_to_the_whole_and_unknown_is_counted() {
        let mut units = units(&[1000, 2000, 2855, 17, 2513, 1, 2854]);
        units[1].income = None;
        units[5].income = Some(-100);
        for index in [Index::Fgt(0), Index::Fgt(1), Index::Fgt(2), Index::Watts] {
            let found = measure(index, &units, &[0..7, 0..3, 3..7, 7..7]);
            assert_eq!(found[0].numerator, found[1].numerator + found[2].numerator);
            assert_eq!(found[0].persons, found[1].persons + found[2].persons);
            assert_eq!((found[0].unknown, found[0].excluded), (1, u64::from(index == Index::Watts)));
            assert_eq!(found[3].value, None);
        }
    }

    #[test]
    fn the_cutoff_is_exact() {
        let unit = |weight, list: &[bool]| Deprived {
            weight: Some(weight),
            deprivations: list.iter().map(|d| Some(*d)).collect(),
        };
        let mut units = vec![unit(2, &[true, false, false]), unit(1, &[false; 3]), unit(3, &[true, true, false])];
        let weights = [(1, 3), (1, 3), (1, 3)];
        let found = alkire_foster(&units, &weights, (1, 3), &[0..3])[0];
        near(found.h.unwrap(), 5.0 / 6.0);
        near(found.m0.unwrap(), (2.0 / 3.0 + 2.0) / 6.0);
        near(found.h.unwrap() * found.a.unwrap(), found.m0.unwrap());
        units[0].deprivations[1] = None;
        assert_eq!(alkire_foster(&units, &weights, (1, 3), &[0..3])[0].unknown, 1);
    }
}
