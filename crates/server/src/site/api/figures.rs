//! What the last run found: indicators and determinations of a division; and what the policy's clauses are covered by.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{IndicatorId, Pack, Unit, Variable, VariableId};
use bangfu_policy::value::format_scalar;
use bangfu_registry::views::figures::iso_day;
use bangfu_registry::views::results::{Answer as Truth, Results};
use serde_json::{Value, json};

use super::problem::{At, Problem};
use super::{Answer, ROOT, known};
use crate::site::Shared;
use crate::site::visit::Visit;

pub(super) fn as_of(site: &Shared) -> Option<String> {
    site.results.as_ref().map(|results| iso_day(results.as_of.into()))
}

/// Words for units, as packs write them.
pub const UNITS: [&str; 6] = ["count", "percent", "per_mille", "money", "index", "number"];

pub(super) fn unit(unit: Unit) -> &'static str {
    let [count, percent, per_mille, money, index, number] = UNITS;
    match unit {
        Unit::Count => count,
        Unit::Percent => percent,
        Unit::PerMille => per_mille,
        Unit::Money => money,
        Unit::Index => index,
        Unit::Number => number,
    }
}

/// Every indicator of the division; without a run all values are `null`.
pub async fn indicators(site: Shared, visit: Visit) -> Answer {
    known(&visit.query, |_| false)?;
    let figures = site.pack.indicators.iter().enumerate().map(|(n, indicator)| {
        let figure = site.results.as_ref().and_then(|run| run.figure(&visit.division, IndicatorId(n as u16)));
        json!({
            "id": indicator.id,
            "title": indicator.title,
            "unit": unit(indicator.unit),
            "value": figure.and_then(|figure| figure.value),
            "unknown": figure.map(|figure| figure.unknown),
        })
    });
    let figures: Vec<_> = figures.collect();
    Ok(Json(json!({ "division": visit.division, "as_of": as_of(&site), "indicators": figures })).into_response())
}

/// Answers of every yes-or-no rule in the division.
pub async fn determinations(site: Shared, visit: Visit) -> Answer {
    known(&visit.query, |_| false)?;
    let pack = &site.pack;
    let counts = pack.variables.iter().enumerate().filter(|(_, variable)| variable.ty == Type::Boolean);
    let counts: Vec<_> = counts
        .map(|(n, variable)| {
            let results = site.results.as_deref();
            let count = results.and_then(|run| run.count(pack, VariableId(n as u16), &visit.division));
            json!({
                "variable": variable.id,
                "title": variable.title,
                "of": pack.entity_id(variable.of),
                "check": variable.check.is_some(),
                "yes": count.map(|count| count.yes),
                "no": count.map(|count| count.no),
                "unknown": count.map(|count| count.unknown),
                "records": format!("{ROOT}/determinations/{}", variable.id),
            })
        })
        .collect();
    Ok(Json(json!({ "division": visit.division, "as_of": as_of(&site), "determinations": counts })).into_response())
}

/// Values of a rule, record by record, in the order of divisions.
pub async fn determination(site: Shared, visit: Visit, Path(id): Path<String>) -> Answer {
    known(&visit.query, |name| matches!(name, "answer" | "limit" | "cursor"))?;
    let pack = &site.pack;
    let found = pack.variable(&id).and_then(|n| Some((n, pack.variables.get(n.index())?)));
    let (variable_id, variable) = found.ok_or_else(|| Problem::not_found("rule", &id))?;
    let wrong =
        |name: &str, words: &str| Problem::bad_request("the query cannot be understood").at([At::new(name, words)]);
    let wanted = match visit.get("answer") {
        None => None,
        Some(_) if variable.ty != Type::Boolean => return Err(wrong("answer", "this rule is not answered yes or no")),
        Some(word) => Some(Truth::parse(word).ok_or_else(|| wrong("answer", "write yes, no or unknown"))?),
    };
    let limit = super::records::limit(&visit)?;
    let cursor: usize = match visit.get("cursor") {
        None => 0,
        Some(text) => text.parse().map_err(|_| wrong("cursor", "take the address that `next` holds"))?,
    };
    let rows = site.results.as_deref().and_then(|results: &Results| results.entities.get(&variable.of));
    let (mut records, mut next) = (Vec::new(), None);
    if let Some(rows) = rows {
        let range = rows.within(&visit.division);
        for row in range.start.max(cursor)..range.end {
            let value = rows.value(row, variable_id);
            if wanted.is_some_and(|wanted| Truth::of(value) != wanted) {
                continue;
            }
            if records.len() as u64 == limit {
                next = Some(super::records::address_of_next(&visit, row as i64));
                break;
            }
            let value = written(pack, variable, value);
            records.push(json!({ "key": rows.key(row), "division": rows.division(row), "value": value }));
        }
    }
    let body = json!({
        "variable": variable.id, "of": pack.entity_id(variable.of), "as_of": as_of(&site), "records": records,
        "next": next,
    });
    Ok(super::records::with_next(body, next.as_deref()))
}

/// A value of a rule: truths and whole numbers as such, all else as text.
fn written(pack: &Pack, variable: &Variable, value: Scalar) -> Value {
    match (value, variable.ty) {
        (Scalar::Missing, _) => Value::Null,
        (Scalar::Boolean(truth), _) => json!(truth),
        (Scalar::Integer(number), Type::Number { money: false, scale: 0 }) => json!(number),
        (value, ty) => json!(format_scalar(value, ty, pack)),
    }
}

/// Which clauses are covered by what.
pub async fn coverage(site: Shared, visit: Visit) -> Result<Response, Problem> {
    known(&visit.query, |_| false)?;
    Ok(Json(bangfu_policy::coverage::coverage(&site.pack)).into_response())
}
