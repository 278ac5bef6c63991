//! Which parts of the policy are implemented, and by what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{Pack, Variable};

/// An item of the pack that implements a clause.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Implementation {
    /// Section of the pack, for instance `variables`.
    pub section: &'static str,
    /// Id in that section.
    pub id: String,
}

/// A clause and what implements it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ClauseCoverage {
    /// Article as written.
    pub article: String,
    /// Clause id.
    pub clause: String,
    /// Words of the policy.
    pub phrase: String,
    /// Kind of capability that it asks for.
    pub kind: String,
    /// Items that name it.
    pub items: Vec<Implementation>,
}

/// All clauses of a pack in the order of the policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Coverage {
    /// Clauses that at least one item names.
    pub covered: usize,
    /// All clauses.
    pub clauses: Vec<ClauseCoverage>,
}

/// Looks up what implements each clause. Variables that a programme brings along are counted as the programme.
pub fn coverage(pack: &Pack) -> Coverage {
    let known: BTreeSet<&str> =
        pack.articles.iter().flat_map(|article| &article.clauses).map(|clause| clause.id.as_str()).collect();
    let mut items: BTreeMap<&str, Vec<Implementation>> = BTreeMap::new();
    let mut note = |section: &'static str, id: &str, clauses: &[String]| {
        // A clause that an item names twice is still one item.
        let named: BTreeSet<&str> = clauses.iter().filter_map(|clause| known.get(clause.as_str()).copied()).collect();
        for clause in named {
            items.entry(clause).or_default().push(Implementation { section, id: id.to_owned() });
        }
    };
    pack.codes.iter().for_each(|item| note("codes", &item.id, &item.clauses));
    pack.registers.iter().for_each(|item| note("registers", &item.id, &item.clauses));
    pack.parameters.iter().for_each(|item| note("parameters", &item.id, &item.clauses));
    let variables = pack.variables.iter().filter(|item| item.programme.is_none());
    let section = |item: &Variable| if item.check.is_some() { "checks" } else { "variables" };
    variables.for_each(|item| note(section(item), &item.id, &item.clauses));
    pack.programmes.iter().for_each(|item| note("programmes", &item.id, &item.clauses));
    pack.indicators.iter().for_each(|item| note("indicators", &item.id, &item.clauses));
    pack.books.iter().for_each(|item| note("books", &item.id, &item.clauses));
    pack.procedures.iter().for_each(|item| note("procedures", &item.id, &item.clauses));
    pack.matches.iter().for_each(|item| note("matches", &item.id, &item.clauses));
    pack.views.iter().for_each(|item| note("views", &item.id, &item.clauses));
    let clauses: Vec<ClauseCoverage> = pack
        .articles
        .iter()
        .flat_map(|article| article.clauses.iter().map(move |clause| (article, clause)))
        .map(|(article, clause)| ClauseCoverage {
            article: article.id.clone(),
            clause: clause.id.clone(),
            phrase: clause.phrase.clone(),
            kind: clause.kind.clone(),
            items: items.get(clause.id.as_str()).cloned().unwrap_or_default(),
        })
        .collect();
    Coverage { covered: clauses.iter().filter(|clause| !clause.items.is_empty()).count(), clauses }
}
