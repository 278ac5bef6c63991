//! Why: explanations of single results for files and work lists.

use std::collections::BTreeMap;

use bangfu_policy::ir::Type;
use bangfu_policy::model::{Entity, VariableId, text_in};
use bangfu_registry::views::figures;
use bangfu_registry::views::file::Material;
use bangfu_registry::views::results::Answer;
use serde::Serialize;

use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::visit::Visit;

/// A determination with its reason.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Determination {
    /// Id of the rule.
    pub id: String,
    /// Title.
    pub title: String,
    /// Word of the answer; `None` when the rule is not a yes or no.
    pub answer: Option<&'static str>,
    /// Words of the value.
    pub value: String,
    /// The first condition that decided, in words.
    pub reason: String,
    /// Facts that are missing.
    pub missing: Vec<String>,
    /// The nearest change that would make it a yes.
    pub change: String,
    /// Parameters with their sources.
    pub parameters: Vec<ParameterLine>,
    /// Clauses.
    pub clauses: Vec<String>,
    /// The formula with its values.
    pub tree: Vec<Node>,
}

/// A parameter that took part.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterLine {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Value.
    pub value: String,
    /// Source.
    pub source: String,
}

/// A step of an explanation.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// Words.
    pub text: String,
    /// Value.
    pub value: String,
    /// Whether it cannot be told.
    pub unknown: bool,
    /// Clauses of a named rule.
    pub clauses: Vec<String>,
    /// What it is made of.
    pub children: Vec<Node>,
}

/// The determinations that the file of an entity shows.
pub async fn determinations(
    site: &Shared,
    visit: &Visit,
    material: &Material<'_>,
) -> Result<Vec<Determination>, PageError> {
    let Some(screen) = material.screen().filter(|_| site.results.is_some()) else { return Ok(Vec::new()) };
    Ok(screen.determinations.iter().filter_map(|id| of_results(site, visit, material, *id)).collect())
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
        clauses: variable.clauses.clone(),
        ..Determination::default()
    })
}

/// Facts that keep an answer of the records from being told, with the number of records.
pub async fn missing_facts(
    _site: &Shared,
    _visit: &Visit,
    _of: Entity,
    _id: VariableId,
    _keys: &[&str],
) -> Result<Vec<(String, String)>, PageError> {
    let counts: BTreeMap<String, usize> = BTreeMap::new();
    Ok(counts.into_iter().map(|(fact, n)| (fact, n.to_string())).collect())
}
