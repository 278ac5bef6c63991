//! Indicators and the cells of books for every division of every level, from what was gathered for the smallest ones.
//!
//! Sums add up over divisions, so the figure of a league is that of its villages. A row that could not be counted is
//! counted beside the figure; a `strict` indicator is unknown as soon as there is one.

use std::borrow::Cow;
use std::ops::Range;

use bangfu_policy::ir::{ExprId, Scalar, Type};
use bangfu_policy::model::{
    AlkireFoster, Combination, Distribution, Entity, Incomes, Indicator, IndicatorAggregate, IndicatorValue, LevelId,
    Pack,
};

use rayon::prelude::*;

use crate::distribution::{Deprived, Index, Unit, alkire_foster, measure};
use crate::engine::gather::Gathered;
use crate::engine::{Layout, Wanted, canonical};
use crate::frame::Frame;

/// Sums, or sums over sums: what an indicator or a cell of a book is.
#[derive(Clone, Copy)]
pub(crate) struct Quotient<'a> {
    /// Above the line.
    pub above: &'a Combination,
    /// Below the line; `None`: the sum is the value.
    pub below: Option<&'a Combination>,
    /// Unknown rows make the value unknown.
    pub strict: bool,
}

impl<'a> Quotient<'a> {
    fn of(indicator: &'a Indicator) -> Option<Self> {
        match &indicator.value {
            IndicatorValue::Quotient { numerator, denominator } => {
                Some(Self { above: numerator, below: denominator.as_ref(), strict: indicator.strict })
            }
            IndicatorValue::Distribution(_) => None,
        }
    }

    /// Its sums.
    pub(crate) fn aggregates(self) -> impl Iterator<Item = &'a IndicatorAggregate> {
        std::iter::once(self.above).chain(self.below).flat_map(|combination| &combination.aggregates)
    }
}

/// Gathers that the indicators need.
pub(crate) fn wanted(pack: &Pack) -> Vec<Wanted> {
    gathers(pack, pack.indicators.iter().filter_map(Quotient::of))
}

/// Gathers that quotients need, each once.
pub(crate) fn gathers<'a>(pack: &Pack, quotients: impl IntoIterator<Item = Quotient<'a>>) -> Vec<Wanted> {
    let mut seen = std::collections::HashSet::new();
    let all = quotients.into_iter().flat_map(Quotient::aggregates).map(|aggregate| of_aggregate(pack, aggregate));
    all.filter(|wanted| seen.insert(wanted.clone())).collect()
}

/// Nodes of divisions that quotients read row by row.
pub(crate) fn division_roots<'a>(quotients: impl IntoIterator<Item = Quotient<'a>>) -> impl Iterator<Item = ExprId> {
    let aggregates = quotients.into_iter().flat_map(Quotient::aggregates);
    let of_levels = aggregates.filter(|aggregate| matches!(aggregate.over, Entity::Level(_)));
    of_levels.flat_map(|aggregate| aggregate.value.into_iter().chain(aggregate.filter))
}

fn of_aggregate(pack: &Pack, aggregate: &IndicatorAggregate) -> Wanted {
    Wanted {
        function: aggregate.function,
        over: aggregate.over,
        level: base(pack, aggregate.over),
        value: aggregate.value.map(|id| canonical(pack, id)),
        filter: aggregate.filter.map(|id| canonical(pack, id)),
    }
}

/// The level whose divisions the records of an entity lie in.
fn base(pack: &Pack, entity: Entity) -> Entity {
    match entity {
        Entity::Level(_) => entity,
        Entity::Register(_) => {
            pack.ancestors(entity).find(|above| matches!(above, Entity::Level(_))).unwrap_or(Entity::Level(LevelId(0)))
        }
    }
}

/// Nodes that distribution indices read, and those of divisions.
pub(crate) fn distribution_roots(pack: &Pack) -> Vec<ExprId> {
    let indices = pack.indicators.iter().filter(|indicator| matches!(indicator.value, IndicatorValue::Distribution(_)));
    let of_levels = division_roots(pack.indicators.iter().filter_map(Quotient::of));
    indices.flat_map(|indicator| crate::needs::indicator_roots(&indicator.value)).chain(of_levels).collect()
}

/// Values of one node, by row.
pub(crate) type Reader<'v> = Box<dyn Fn(usize) -> Scalar + Sync + 'v>;
/// Reads kept values.
pub(crate) type Value<'v> = dyn Fn(ExprId) -> Reader<'v> + Sync + 'v;
/// Finds what was gathered.
pub(crate) type Sums<'v> = dyn Fn(&Wanted) -> Option<&'v [Gathered]> + Sync + 'v;

/// All indicators.
pub(crate) fn compute(pack: &Pack, frame: &Frame, layout: &Layout, sums: &Sums<'_>, value: &Value<'_>) -> Vec<Figures> {
    pack.indicators
        .par_iter()
        .map(|indicator| match (&indicator.value, Quotient::of(indicator)) {
            (_, Some(quotient)) => figures(pack, frame, layout, quotient, sums, value),
            (IndicatorValue::Distribution(distribution), _) => {
                distributions(frame, layout, &levels(pack), distribution, value)
            }
            (IndicatorValue::Quotient { .. }, None) => Figures::new(),
        })
        .collect()
}

/// A quotient for every division of every level.
pub(crate) fn figures(
    pack: &Pack,
    frame: &Frame,
    layout: &Layout,
    quotient: Quotient<'_>,
    sums: &Sums<'_>,
    value: &Value<'_>,
) -> Figures {
    let told = |level: &Entity| {
        quotient.aggregates().all(|aggregate| {
            let base = base(pack, aggregate.over);
            base == *level || pack.is_below(base, *level)
        })
    };
    let of_level = |level| {
        if told(&level) { quotients(pack, frame, layout, level, quotient, sums, value) } else { Vec::new() }
    };
    levels(pack).into_iter().map(of_level).collect()
}

fn levels(pack: &Pack) -> Vec<Entity> {
    (0..pack.levels.len()).map(|index| Entity::Level(LevelId(index as u16))).collect()
}

/// Figures of one indicator: for each level, for each of its divisions; nothing for levels below its records.
pub type Figures = Vec<Vec<Figure>>;

/// An indicator of one division.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Figure {
    /// Above the line, in the smallest unit.
    pub numerator: Option<i64>,
    /// Below the line.
    pub denominator: Option<i64>,
    /// For reading; the exact value is the quotient.
    pub value: Option<f64>,
    /// Rows that could not be counted.
    pub unknown: i64,
}

/// Rows of `below` under each row of a level.
fn ranges(frame: &Frame, layout: &Layout, level: Entity, below: Entity) -> Vec<Range<usize>> {
    let rows = frame.tables.get(&level).map_or(0, |table| table.rows);
    let offsets = layout.offsets(level, below);
    offsets.windows(2).take(rows).map(|pair| pair[0] as usize..pair[1] as usize).collect()
}

fn quotients(
    pack: &Pack,
    frame: &Frame,
    layout: &Layout,
    level: Entity,
    quotient: Quotient<'_>,
    sums: &Sums<'_>,
    value: &Value<'_>,
) -> Vec<Figure> {
    let above = combined(pack, frame, layout, level, quotient.above, sums, value);
    let below = quotient.below.map(|below| combined(pack, frame, layout, level, below, sums, value));
    let scaled = Scaled::new(quotient.above.ty, quotient.below.map(|below| below.ty));
    above
        .into_iter()
        .enumerate()
        .map(|(row, (number, mut unknown))| {
            let under = below.as_ref().and_then(|below| below.get(row).copied());
            unknown += under.map_or(0, |(_, unknown)| unknown);
            let under = under.map(|(number, _)| number);
            let closed = !(quotient.strict && unknown > 0);
            Figure {
                numerator: number.filter(|_| closed),
                denominator: under.flatten().filter(|_| closed),
                value: scaled.ratio(number, under.flatten()).filter(|_| closed),
                unknown,
            }
        })
        .collect()
}

/// The value of a quotient: the sum above the line, over the sum below it if there is one.
pub(crate) fn ratio(above: Type, below: Option<Type>, number: Option<i64>, under: Option<i64>) -> Option<f64> {
    Scaled::new(above, below).ratio(number, under)
}

/// Units of the numbers above and below a line.
struct Scaled {
    above: f64,
    below: Option<f64>,
}

impl Scaled {
    fn new(above: Type, below: Option<Type>) -> Self {
        let unit = |ty| match ty {
            Type::Number { scale, .. } => 10_f64.powi(i32::from(scale)),
            _ => 1.0,
        };
        Self { above: unit(above), below: below.map(unit) }
    }

    fn ratio(&self, number: Option<i64>, under: Option<i64>) -> Option<f64> {
        let above = number? as f64 / self.above;
        match self.below {
            None => Some(above),
            Some(below) => Some(above / (under.filter(|under| *under != 0)? as f64 / below)),
        }
    }
}

/// Value and unknown rows of a combination for every division of a level.
fn combined(
    pack: &Pack,
    frame: &Frame,
    layout: &Layout,
    level: Entity,
    combination: &Combination,
    sums: &Sums<'_>,
    value: &Value<'_>,
) -> Vec<(Option<i64>, i64)> {
    let rows = frame.tables.get(&level).map_or(0, |table| table.rows);
    let parts: Vec<Cow<'_, [Gathered]>> = combination
        .aggregates
        .iter()
        .map(|aggregate| gathered(pack, frame, layout, level, aggregate, sums, value))
        .collect();
    // Most combinations are a single sum.
    if let ([(1, used)], [part]) = (combination.terms.as_slice(), parts.as_slice())
        && used.as_slice() == [0]
        && part.len() == rows
    {
        let one = |found: &Gathered| (Some(found.value).filter(|_| !found.overflow()), i64::from(found.unknown()));
        return part.iter().map(one).collect();
    }
    let mut found: Vec<Option<Gathered>> = Vec::with_capacity(parts.len());
    (0..rows)
        .map(|row| {
            found.clear();
            found.extend(parts.iter().map(|part| part.get(row).copied()));
            let unknown = found.iter().flatten().map(|found| i64::from(found.unknown())).sum();
            let sum = combination.terms.iter().try_fold(0_i128, |sum, (factor, used)| {
                let term = used.iter().try_fold(i128::from(*factor), |product, index| {
                    let found = found.get(*index).copied().flatten().filter(|found| !found.overflow())?;
                    product.checked_mul(i128::from(found.value))
                })?;
                sum.checked_add(term)
            });
            (sum.and_then(|sum| i64::try_from(sum).ok()), unknown)
        })
        .collect()
}

/// An aggregate for every division of a level; nothing for levels below the records.
fn gathered<'v>(
    pack: &Pack,
    frame: &Frame,
    layout: &Layout,
    level: Entity,
    aggregate: &IndicatorAggregate,
    sums: &Sums<'v>,
    value: &Value<'_>,
) -> Cow<'v, [Gathered]> {
    let wanted = of_aggregate(pack, aggregate);
    if wanted.level != level && !pack.is_below(wanted.level, level) {
        return Cow::Borrowed(&[]);
    }
    let parts: Cow<'v, [Gathered]> = match wanted.over {
        Entity::Register(_) => match sums(&wanted) {
            Some(parts) => Cow::Borrowed(parts),
            None => return Cow::Borrowed(&[]),
        },
        Entity::Level(_) => {
            let count = frame.tables.get(&wanted.over).map_or(0, |table| table.rows);
            let (taken, of) = (wanted.filter.map(value), wanted.value.map(value));
            (0..count).map(|row| of_division(taken.as_ref(), of.as_ref(), row)).collect()
        }
    };
    if wanted.level == level {
        return parts;
    }
    let joined = |range| {
        let mut sum = Gathered::EMPTY;
        parts.get::<Range<usize>>(range).unwrap_or_default().iter().for_each(|part| sum.join(wanted.function, *part));
        sum
    };
    ranges(frame, layout, level, wanted.level).into_iter().map(joined).collect()
}

/// One division as a row of an aggregate over divisions.
fn of_division(taken: Option<&Reader<'_>>, value: Option<&Reader<'_>>, row: usize) -> Gathered {
    let taken = taken.map_or(Scalar::Boolean(true), |taken| taken(row));
    match (taken, value.map(|value| value(row))) {
        (Scalar::Missing, _) | (Scalar::Boolean(true), Some(Scalar::Missing)) => Gathered::UNKNOWN,
        (Scalar::Boolean(true), None) => Gathered::one(1),
        (Scalar::Boolean(true), Some(Scalar::Integer(value))) => Gathered::one(value),
        _ => Gathered::EMPTY,
    }
}

/// One index for the divisions of every level; its inputs are collected once.
fn distributions(
    frame: &Frame,
    layout: &Layout,
    levels: &[Entity],
    distribution: &Distribution,
    value: &Value<'_>,
) -> Figures {
    let number = |reader: Option<&Reader<'_>>, row: usize| match reader.map(|reader| reader(row)) {
        Some(Scalar::Integer(number)) => Some(number),
        _ => None,
    };
    let (index, incomes) = match distribution {
        Distribution::Fgt(alpha, incomes) => (Index::Fgt(*alpha), incomes),
        Distribution::Sen(incomes) => (Index::Sen, incomes),
        Distribution::Sst(incomes) => (Index::Sst, incomes),
        Distribution::Watts(incomes) => (Index::Watts, incomes),
        Distribution::Gini(incomes) => (Index::Gini, incomes),
        Distribution::AlkireFoster { of, weight, cutoff, measure, deprivations } => {
            let rows = frame.tables.get(of).map_or(0, |table| table.rows);
            let weight = weight.map(value);
            let deprived: Vec<Reader<'_>> = deprivations.iter().map(|(_, id)| value(*id)).collect();
            let units: Vec<Deprived> = (0..rows)
                .map(|row| Deprived {
                    weight: if weight.is_some() { number(weight.as_ref(), row) } else { Some(1) },
                    deprivations: deprived
                        .iter()
                        .map(|reader| match reader(row) {
                            Scalar::Boolean(truth) => Some(truth),
                            _ => None,
                        })
                        .collect(),
                })
                .collect();
            let weights: Vec<(i64, i64)> = deprivations.iter().map(|(weight, _)| *weight).collect();
            let of_level = |level: &Entity| {
                alkire_foster(&units, &weights, *cutoff, &ranges(frame, layout, *level, *of))
                    .into_iter()
                    .map(|found| {
                        let value = match measure {
                            AlkireFoster::H => found.h,
                            AlkireFoster::A => found.a,
                            AlkireFoster::M0 => found.m0,
                        };
                        Figure {
                            value,
                            unknown: found.unknown as i64,
                            denominator: Some(found.persons),
                            numerator: None,
                        }
                    })
                    .collect()
            };
            return levels.iter().map(of_level).collect();
        }
    };
    let Incomes { of, income, line, weight } = incomes;
    let rows = frame.tables.get(of).map_or(0, |table| table.rows);
    let (income, line, weight) = (value(*income), line.map(value), weight.map(value));
    let units: Vec<Unit> = (0..rows)
        .map(|row| Unit {
            income: number(Some(&income), row),
            line: number(line.as_ref(), row),
            weight: if weight.is_some() { number(weight.as_ref(), row) } else { Some(1) },
        })
        .collect();
    let of_level = |level: &Entity| {
        measure(index, &units, &ranges(frame, layout, *level, *of))
            .into_iter()
            .map(|found| Figure {
                value: found.value,
                unknown: found.unknown as i64,
                denominator: Some(found.persons),
                numerator: None,
            })
            .collect()
    };
    levels.iter().map(of_level).collect()
}
