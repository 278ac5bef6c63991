//! Why: explanations of single results for files and work lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Path;
use bangfu_policy::ir::Type;
use bangfu_policy::model::{Entity, VariableId, text_in};
use bangfu_registry::views::file::Material;
use bangfu_registry::views::results::Answer;
use bangfu_registry::views::{figures, rule};
use bangfu_rules::explain::Explanation;
use bangfu_rules::needs::Needs;
use serde::Serialize;

use super::{clear, registry};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::templates::encode;
use crate::site::visit::Visit;

/// A determination with its reason.
#[derive(Clone, Debug, Serialize)]
pub struct Determination {
    /// Id of the rule.
    pub id: String,
    /// Title.
    pub title: String,
    /// Word of the answer; `None` when the rule is not a yes or no.
    pub answer: Option<&'static str>,
    /// Words of the value.
    pub value: String,
    /// Why, in short; `None` when it rests on more records than a page can look at one by one.
    pub why: Option<Brief>,
    /// What the rule reads of the same record or division, with the values of the run.
    pub parts: Vec<Part>,
}

/// What decided, in a few words.
#[derive(Clone, Debug, Serialize)]
pub struct Brief {
    /// Facts that are missing.
    pub missing: Vec<String>,
    /// The first condition that fails, and the values of its sides.
    pub first_failing: Option<(String, String)>,
    /// The nearest change that turns the answer.
    pub nearest_change: Option<String>,
}

impl Brief {
    fn of(why: &Explanation) -> Self {
        Self {
            missing: why.missing.iter().map(|fact| fact.text.clone()).collect(),
            first_failing: why.first_failing.as_ref().map(|failing| (failing.text.clone(), failing.values.clone())),
            nearest_change: why.nearest_change.as_ref().map(|change| change.text.clone()),
        }
    }
}

/// Something that a rule reads.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Id of the rule.
    pub id: String,
    /// Title.
    pub title: String,
    /// Value in the run.
    pub value: String,
}

/// Records below a division up to which its results are explained record by record.
const MOST_ROWS: usize = 2_000;

/// Whether the visitor is told an answer: it tells of the values that it is made of, so only to those who see all their
/// registers.
pub fn told(site: &Shared, id: VariableId) -> bool {
    let scope = site.facts.scope();
    let own = match site.pack.variables.get(id.index()).map(|variable| variable.of) {
        Some(Entity::Register(register)) => scope.sees(register),
        _ => true,
    };
    own && Needs::of_variables(&site.pack, &[id]).fields.iter().all(|(field, _)| scope.sees(field.register))
}

/// The determinations that the file of an entity shows.
pub fn determinations(site: &Shared, visit: &Visit, material: &Material<'_>) -> Result<Vec<Determination>, PageError> {
    let Some(screen) = material.screen().filter(|_| site.results.is_some()) else { return Ok(Vec::new()) };
    let mut determinations = Vec::new();
    for id in screen.determinations.iter().filter(|id| told(site, **id)) {
        let Some(mut determination) = of_results(site, visit, material, *id) else { continue };
        determination.why = explained(site, visit, material, *id)?.as_deref().map(Brief::of);
        determinations.push(determination);
    }
    Ok(determinations)
}

fn explained(
    site: &Shared,
    visit: &Visit,
    material: &Material<'_>,
    id: VariableId,
) -> Result<Option<Arc<Explanation>>, PageError> {
    let snapshot = site.snapshot.as_ref();
    let Some(snapshot) = snapshot.filter(|s| s.rows_below(material.entity, material.key) <= MOST_ROWS) else {
        return Ok(None);
    };
    let why = snapshot.explain(&site.pack, material.entity, material.key, id, visit.language);
    why.map_err(|error| PageError::Failed(error.to_string()))
}

/// Why a rule says what it says of a record: a page of its own, which files also show in their place.
pub async fn of_record(site: Shared, visit: Visit, Path((id, address, rule)): Path<(String, String, String)>) -> Page {
    let register_id = registry::find(&site.pack, &id)?;
    let fact = site.facts.get(register_id, &address).await?;
    let fact = fact.ok_or_else(|| PageError::not_found("record", address.as_str()))?;
    let visit = visit.with_division(&fact.division.clone());
    if let Some(register) = site.pack.registers.get(register_id.index()) {
        clear::note(&site, register, fact.row, "file", "");
    }
    let heading = registry::heading(&site, &visit, register_id, &fact);
    let material = registry::material(&site, &visit, Entity::Register(register_id), &fact.id);
    page(&site, &visit, &material, &rule, (format!("/registry/{id}/{}", encode(&fact.id)), heading))
}

/// The same of a division.
pub async fn of_division(site: Shared, visit: Visit, Path((code, rule)): Path<(String, String)>) -> Page {
    let level = site.places.level_id(&code).filter(|_| site.places.contains(&code));
    let level = level.ok_or_else(|| PageError::not_found("division", code.as_str()))?;
    let visit = visit.with_division(&code);
    let heading = site.places.name(&code, visit.language);
    let material = registry::material(&site, &visit, Entity::Level(level), &code);
    page(&site, &visit, &material, &rule, (format!("/division/{code}"), heading))
}

fn page(site: &Shared, visit: &Visit, material: &Material<'_>, rule: &str, (file, heading): (String, String)) -> Page {
    let variable = site.pack.variable(rule).filter(|id| told(site, *id));
    let of = |id: &VariableId| site.pack.variables.get(id.index()).map(|variable| variable.of);
    let absent = || PageError::not_found("rule", rule);
    let id = variable.filter(|id| of(id) == Some(material.entity)).ok_or_else(absent)?;
    let mut d = of_results(site, visit, material, id).ok_or_else(absent)?;
    let why = explained(site, visit, material, id)?;
    d.why = why.as_deref().map(Brief::of);
    let own = own! { d, why => why.as_deref(), file, heading };
    site.render(visit, "registry", "registry/why.html", own)
}

/// What the last run says, without reasons.
fn of_results(site: &Shared, visit: &Visit, material: &Material<'_>, id: VariableId) -> Option<Determination> {
    let variable = site.pack.variables.get(id.index())?;
    let value = material.variable(id);
    Some(Determination {
        id: variable.id.clone(),
        title: text_in(&variable.title, visit.language.id()).to_owned(),
        answer: (variable.ty == Type::Boolean).then(|| Answer::of(value).word()),
        value: figures::scalar(&site.pack, value, variable.ty, visit.language),
        why: None,
        parts: rule::read_variables(&site.pack, id)
            .into_iter()
            .filter_map(|part| {
                let read = site.pack.variables.get(part.index()).filter(|read| read.of == variable.of)?;
                Some(Part {
                    id: read.id.clone(),
                    title: text_in(&read.title, visit.language.id()).to_owned(),
                    value: figures::scalar(&site.pack, material.variable(part), read.ty, visit.language),
                })
            })
            .collect(),
    })
}

/// Facts that keep an answer of the records from being told, with the number of records that lack each.
pub fn missing_facts(
    site: &Shared,
    visit: &Visit,
    of: Entity,
    id: VariableId,
    keys: &[&str],
) -> Result<Vec<(String, String)>, PageError> {
    let Some(snapshot) = &site.snapshot else { return Ok(Vec::new()) };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for key in keys {
        let mut missing = snapshot
            .missing(&site.pack, of, key, id, visit.language)
            .map_err(|error| PageError::Failed(error.to_string()))?;
        missing.sort();
        missing.dedup();
        for fact in missing {
            *counts.entry(fact).or_default() += 1;
        }
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    Ok(counts.into_iter().map(|(fact, n)| (fact, n.to_string())).collect())
}
