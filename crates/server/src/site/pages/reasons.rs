//! Why: explanations of single results for files and work lists.

use std::collections::BTreeMap;

use bangfu_policy::ir::Type;
use bangfu_policy::model::{Entity, VariableId, text_in};
use bangfu_registry::views::figures;
use bangfu_registry::views::file::Material;
use bangfu_registry::views::results::Answer;
use bangfu_rules::explain::Explanation;
use serde::Serialize;

use crate::site::Shared;
use crate::site::error::PageError;
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
    /// Why; `None` when the reason cannot be computed.
    pub why: Option<Explanation>,
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
        why: None,
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
