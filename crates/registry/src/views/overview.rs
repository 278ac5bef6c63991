//! The first page: map, headline figures against their targets, trend, table of the divisions below.

use bangfu_policy::model::{Direction, IndicatorId, Pack, text_in};
use serde::Serialize;

use super::charts::{self, Trend};
use super::figures::{self, Language};
use super::map::{self, Boundary, Drawing};
use super::places::Places;
use super::reference;
use super::results::Results;

/// A headline figure.
#[derive(Clone, Debug, Serialize)]
pub struct Headline {
    /// Id of the indicator.
    pub id: String,
    /// Title.
    pub title: String,
    /// The value, short.
    pub value: String,
    /// Rows that cannot be told; empty when none.
    pub unknown: String,
    /// The target that applies on the day, in words, and whether it is met.
    pub target: Option<Target>,
}

/// A target beside a figure. Targets are the whole policy's, so they stand only beside the figure of the whole.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// Day.
    pub day: String,
    /// Value.
    pub value: String,
    /// `Some(true)` met, `Some(false)` not, `None` when the direction or the figure is not known.
    pub met: Option<bool>,
}

/// The map.
#[derive(Clone, Debug, Serialize)]
pub struct MapView {
    /// Title of the indicator.
    pub title: String,
    /// Size.
    pub width: f64,
    /// Size.
    pub height: f64,
    /// Areas.
    pub areas: Vec<Area>,
    /// Classes with their limits in words.
    pub legend: Vec<Class>,
    /// Whether an area has no value.
    pub has_unknown: bool,
}

/// An area of the map.
#[derive(Clone, Debug, Serialize)]
pub struct Area {
    /// Division code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Value in words.
    pub value: String,
    /// Class; `None`: no value.
    pub step: Option<usize>,
    /// Value of `d`.
    pub path: String,
    /// Label.
    pub x: f64,
    /// Label.
    pub y: f64,
    /// Whether a label has room.
    pub labelled: bool,
    #[serde(skip)]
    width: f64,
}

/// A class of the legend.
#[derive(Clone, Debug, Serialize)]
pub struct Class {
    /// Number of the class.
    pub step: usize,
    /// From this value.
    pub from: String,
    /// Up to below this value; empty for the last.
    pub below: String,
}

/// An indicator as a column or a choice.
#[derive(Clone, Debug, Serialize)]
pub struct Choice {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
}

/// A row of the table of divisions.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Values in the order of the columns.
    pub cells: Vec<String>,
    /// Share of the largest value of the sorted column, for the bar, 0–100.
    pub bar: f64,
}

/// Indicators as choices.
pub fn choices(pack: &Pack, indicators: &[IndicatorId], language: Language) -> Vec<Choice> {
    indicators
        .iter()
        .filter_map(|id| pack.indicators.get(id.index()))
        .map(|i| Choice { id: i.id.clone(), title: text_in(&i.title, language.id()).to_owned() })
        .collect()
}

/// Headline figures of a division.
pub fn headlines(pack: &Pack, results: &Results, division: &str, language: Language) -> Vec<Headline> {
    pack.screens.overview.headlines.iter().filter_map(|id| headline(pack, results, division, *id, language)).collect()
}

/// One figure of a division.
pub fn headline(
    pack: &Pack,
    results: &Results,
    division: &str,
    id: IndicatorId,
    language: Language,
) -> Option<Headline> {
    let indicator = pack.indicators.get(id.index())?;
    let figure = results.figure(division, id).unwrap_or_default();
    // The target of the day is the earliest that is not past, else the last.
    let mut targets: Vec<_> = indicator.targets.iter().collect();
    targets.sort_by_key(|target| target.0);
    let target = targets
        .iter()
        .find(|target| target.0 >= results.as_of)
        .or(targets.last())
        .filter(|_| division == pack.policy.root)
        .map(|(day, value, scale)| {
            let share = match indicator.unit {
                bangfu_policy::model::Unit::Percent => 100.0,
                bangfu_policy::model::Unit::PerMille => 1000.0,
                _ => 1.0,
            };
            let wanted = reference::target_value(*value, *scale) / share;
            Target {
                day: figures::day((*day).into(), language),
                value: reference::target(*value, *scale, indicator.unit, language),
                met: figure.value.zip(indicator.better).map(|(value, better)| match better {
                    Direction::Lower => value <= wanted + 1e-12,
                    Direction::Higher => value >= wanted - 1e-12,
                }),
            }
        });
    Some(Headline {
        id: indicator.id.clone(),
        title: text_in(&indicator.title, language.id()).to_owned(),
        value: figure.value.map_or_else(|| "—".to_owned(), |value| figures::indicator(value, indicator.unit, language)),
        unknown: if figure.unknown > 0 { language.grouped(figure.unknown) } else { String::new() },
        target,
    })
}

/// The map of the divisions below one, coloured by an indicator; `None` when there are no boundaries for them.
pub fn map(
    pack: &Pack,
    places: &Places,
    boundaries: &[Boundary],
    results: &Results,
    division: &str,
    id: IndicatorId,
    language: Language,
) -> Option<MapView> {
    let indicator = pack.indicators.get(id.index())?;
    let below: Vec<&Boundary> = boundaries.iter().filter(|b| b.parent == division).collect();
    if below.is_empty() {
        return None;
    }
    let value = |code: &str| results.figure(code, id).and_then(|figure| figure.value);
    let known: Vec<f64> = below.iter().filter_map(|b| value(&b.code)).collect();
    let limits = map::limits(&known, 5);
    let words = |value: f64| figures::indicator(value, indicator.unit, language);
    let Drawing { width, height, shapes } = map::draw(&below, 760.0, 520.0);
    let mut areas: Vec<Area> = shapes
        .into_iter()
        .map(|shape| {
            let value = value(&shape.code);
            Area {
                labelled: false,
                value: value.map_or_else(|| "—".to_owned(), words),
                step: value.map(|value| map::step(value, &limits)),
                name: places.name(&shape.code, language),
                code: shape.code,
                path: shape.path,
                x: shape.x,
                y: shape.y,
                width: shape.width,
            }
        })
        .collect();
    label(&mut areas, if language.is_wide() { 14.0 } else { 7.2 });
    let lowest = known.iter().copied().fold(f64::INFINITY, f64::min);
    let starts: Vec<f64> = std::iter::once(lowest).chain(limits).filter(|x| x.is_finite()).collect();
    let legend = starts
        .iter()
        .enumerate()
        .map(|(step, from)| Class {
            step,
            from: words(*from),
            below: starts.get(step + 1).map(|next| words(*next)).unwrap_or_default(),
        })
        .collect();
    Some(MapView {
        title: text_in(&indicator.title, language.id()).to_owned(),
        width,
        height,
        has_unknown: areas.iter().any(|area| area.step.is_none()),
        areas,
        legend,
    })
}

/// Chooses the areas whose labels have room: the widest first, none over another. All values stand in the table too.
fn label(areas: &mut [Area], glyph: f64) {
    let mut order: Vec<usize> = (0..areas.len()).collect();
    let width = |n: &usize| areas.get(*n).map_or(0.0, |area| area.width);
    order.sort_by(|a, b| width(b).total_cmp(&width(a)));
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    for n in order {
        let Some(area) = areas.get_mut(n) else { continue };
        let name = area.name.chars().count() as f64 * glyph;
        let half = name.max(area.value.chars().count() as f64 * 8.5) / 2.0;
        let free = taken.iter().all(|(x, y, other)| (area.x - x).abs() > half + other || (area.y - y).abs() > 31.0);
        area.labelled = free && area.width > name * 0.7;
        if area.labelled {
            taken.push((area.x, area.y, half));
        }
    }
}

/// The table of the divisions below one. `sort` is `name` or an indicator of the table.
pub fn ranking(
    pack: &Pack,
    places: &Places,
    results: &Results,
    division: &str,
    sort: Option<IndicatorId>,
    descending: bool,
    language: Language,
) -> Vec<Line> {
    let columns = &pack.screens.overview.ranking;
    let mut codes: Vec<&str> = places.children(division).collect();
    let value = |code: &str, id: IndicatorId| results.figure(code, id).and_then(|figure| figure.value);
    if let Some(id) = sort {
        codes.sort_by(|a, b| match (value(a, id), value(b, id)) {
            (Some(x), Some(y)) if descending => y.total_cmp(&x),
            (Some(x), Some(y)) => x.total_cmp(&y),
            // What is not known stands last in both directions.
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, None) => a.cmp(b),
        });
    } else if descending {
        codes.reverse();
    }
    let shown = sort.or(columns.first().copied());
    let largest = codes.iter().filter_map(|code| value(code, shown?)).fold(0.0, f64::max);
    codes
        .into_iter()
        .map(|code| Line {
            code: code.to_owned(),
            name: places.name(code, language),
            cells: columns
                .iter()
                .filter_map(|id| {
                    let unit = pack.indicators.get(id.index())?.unit;
                    let cell = value(code, *id);
                    Some(cell.map_or_else(|| "—".to_owned(), |v| figures::indicator_exact(v, unit, language)))
                })
                .collect(),
            bar: shown
                .and_then(|id| value(code, id))
                .filter(|_| largest > 0.0)
                .map_or(0.0, |v| (v / largest * 1000.0).round() / 10.0),
        })
        .collect()
}

/// One series of the trend: title, drawing.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// Title of the field.
    pub title: String,
    /// Drawing.
    pub trend: Trend,
}

/// Yearly sums of a periodic register below a division: field title, period, sum in the field's units and its scale.
pub fn series(title: &str, values: &[(i32, i64)], scale: u8, language: Language) -> Series {
    let unit = 10_f64.powi(i32::from(scale));
    let points: Vec<(String, f64, String)> = values
        .iter()
        .map(|(period, sum)| {
            let x = *sum as f64 / unit;
            (period.to_string(), x, figures::short(x, language))
        })
        .collect();
    Series { title: title.to_owned(), trend: charts::trend(&points, 420.0, 130.0) }
}
