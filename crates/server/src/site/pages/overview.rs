//! The first page.

use std::collections::BTreeMap;

use axum::response::Response;
use bangfu_policy::model::{FieldType, IndicatorId, Pack, RegisterKind, Value, text_in};
use bangfu_registry::views::figures;
use bangfu_registry::views::file::Fact;
use bangfu_registry::views::{file, overview};

use super::registry;
use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::own::own;
use crate::site::visit::Visit;

/// Map, figures, trend and the divisions below; in the lowest division its records.
pub async fn overview(site: Shared, visit: Visit) -> Result<Response, PageError> {
    let pack = &site.pack;
    let language = visit.language;
    let screen = &pack.screens.overview;
    let map_id = visit
        .get("map")
        .and_then(|id| screen.map.iter().find(|i| pack.indicators.get(i.index()).is_some_and(|x| x.id == id)))
        .or(screen.map.first());
    let (sort, descending) = sorting(pack, visit.get("sort"));
    let results = site.results.as_deref();
    let map = results.zip(map_id).and_then(|(results, id)| {
        overview::map(pack, &site.places, &site.boundaries, results, &visit.division, *id, language)
    });
    let headlines = results.map(|r| overview::headlines(pack, r, &visit.division, language)).unwrap_or_default();
    let empty = bangfu_registry::views::results::Results::default();
    let lines =
        overview::ranking(pack, &site.places, results.unwrap_or(&empty), &visit.division, sort, descending, language);
    let below = site.places.level(&visit.division).and_then(|level| pack.levels.get(level + 1));
    let below_title = below.map(|level| text_in(&level.title, language.id())).unwrap_or_default();
    let main = registry::main_register(pack);
    let main_register = serde_json::json!({
        "id": main.and_then(|id| pack.registers.get(id.index())).map(|r| &r.id),
        "title": main.and_then(|id| pack.registers.get(id.index())).map(|r| text_in(&r.title, language.id())),
    });
    let records = match main.filter(|_| below.is_none()) {
        Some(id) => {
            let facts = site.facts.of_division(id, &visit.division).await?;
            (!facts.is_empty()).then(|| file::children(pack, id, &facts, &site.places, language))
        }
        None => None,
    };
    let own = own! {
        headlines,
        map,
        map_id => map_id.and_then(|id| pack.indicators.get(id.index())).map(|i| &i.id),
        choices => overview::choices(pack, &screen.map, language),
        columns => overview::choices(pack, &screen.ranking, language),
        trend => trend(&site, &visit).await?,
        lines,
        sort => sort.and_then(|id| pack.indicators.get(id.index())).map_or("name", |i| i.id.as_str()),
        descending,
        below_title,
        main_register,
        records,
        records_note => "",
        here => "/",
    };
    site.render(&visit, "overview", "overview.html", own)
}

/// `name`, an indicator's id, or either with `-` before it.
fn sorting(pack: &Pack, sort: Option<&str>) -> (Option<IndicatorId>, bool) {
    let Some(sort) = sort else { return (None, false) };
    let (name, descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
    (pack.indicator(name).filter(|id| pack.screens.overview.ranking.contains(id)), descending)
}

/// Sums by period of the trend's fields, over the divisions in view.
async fn trend(site: &Shared, visit: &Visit) -> Result<Vec<overview::Series>, PageError> {
    let Some((register, fields)) = &site.pack.screens.overview.trend else { return Ok(Vec::new()) };
    let Some(definition) = site.pack.registers.get(register.index()) else { return Ok(Vec::new()) };
    if matches!(definition.kind, RegisterKind::Entity | RegisterKind::One) {
        return Ok(Vec::new());
    }
    let facts = site.facts.below(*register, &visit.division).await?;
    let series = fields.iter().filter_map(|position| {
        let field = definition.fields.get(usize::from(*position))?;
        let sums = sums(&facts, usize::from(*position));
        let scale = match field.ty {
            FieldType::Money => 2,
            FieldType::Decimal(scale) => scale,
            _ => 0,
        };
        let title = text_in(&field.title, visit.language.id());
        (sums.len() > 1).then(|| overview::series(title, &sums, scale, visit.language))
    });
    Ok(series.collect())
}

fn sums(facts: &[Fact], position: usize) -> Vec<(i32, i64)> {
    let mut sums: BTreeMap<i32, i64> = BTreeMap::new();
    for fact in facts {
        if let (Some(period), Some(Some(Value::Integer(n)))) = (fact.period, fact.values.get(position)) {
            let sum = sums.entry(period).or_default();
            *sum = sum.saturating_add(*n);
        }
    }
    sums.into_iter().collect()
}

/// A day in the language of the page.
pub fn day(visit: &Visit, days: i32) -> String {
    figures::day(days.into(), visit.language)
}
