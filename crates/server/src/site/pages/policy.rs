//! Policy: articles, clauses and what implements them; parameters, rules, indicators, checks, registers, codes.

use std::collections::BTreeMap;

use crate::site::own::own;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use bangfu_policy::model::{IndicatorId, text_in};
use bangfu_registry::views::excused::Excused;
use bangfu_registry::views::results::Count;
use bangfu_registry::views::rule::RuleView;
use bangfu_registry::views::{figures, policy, reference, rule};

use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::visit::Visit;

/// The articles with how much of each is implemented, and how much yields something in the registry.
pub async fn contents(site: Shared, visit: Visit) -> Page {
    let articles = policy::contents(&site.pack, visit.language);
    let clauses: usize = articles.iter().map(|article| article.clauses).sum();
    let implemented: usize = articles.iter().map(|article| article.implemented).sum();
    let mut by_article: BTreeMap<String, usize> = articles.iter().map(|article| (article.id.clone(), 0)).collect();
    for clause in site.live(visit.language).coverage().await?.iter().filter(|clause| clause.works()) {
        *by_article.entry(clause.article.clone()).or_default() += 1;
    }
    let working: usize = by_article.values().sum();
    let own = own! { articles, clauses, implemented, by_article, working };
    site.render(&visit, "policy", "policy/contents.html", own)
}

/// An article: its text, its clauses and what their items yield in the division in view.
pub async fn article(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let article =
        policy::article(&site.pack, &id, visit.language).ok_or_else(|| PageError::not_found("article", id))?;
    let live = site.live(visit.language);
    let mut figures = BTreeMap::new();
    let mut working = Vec::new();
    for clause in &article.clauses {
        for item in &clause.items {
            let found = live.of(item, &visit.division).await?;
            if found.works {
                working.push(clause.id.clone());
            }
            figures.insert(format!("{}/{}", item.kind, item.id), found);
        }
    }
    site.render(&visit, "policy", "policy/article.html", own! { article, figures, working, here => visit.path })
}

/// The article that holds a clause, at the clause.
pub async fn clause(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let Some(article) = policy::article_of(&site.pack, &id) else {
        return Err(PageError::not_found("clause", id));
    };
    let question =
        if visit.division == site.places.root() { String::new() } else { format!("?division={}", visit.division) };
    Ok(Redirect::to(&format!("/policy/article/{article}{question}#{id}")).into_response())
}

/// All parameters.
pub async fn parameters(site: Shared, visit: Visit) -> Page {
    let day = site.as_of();
    let parameters: Vec<_> = (0..site.pack.parameters.len())
        .filter_map(|index| policy::parameter(&site.pack, index, day, visit.language))
        .collect();
    site.render(
        &visit,
        "policy",
        "policy/parameters.html",
        own! { parameters, day => figures::day(day.into(), visit.language) },
    )
}

/// A parameter with its dated values.
pub async fn parameter(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let parameter = site
        .pack
        .parameter(&id)
        .and_then(|found| policy::parameter(&site.pack, found.index(), site.as_of(), visit.language))
        .ok_or_else(|| PageError::not_found("parameter", id.as_str()))?;
    let used_by = rule::users_of_parameter(&site.pack, &id, visit.language);
    site.render(&visit, "policy", "policy/parameter.html", own! { parameter, used_by })
}

/// All rules.
pub async fn rules(site: Shared, visit: Visit) -> Page {
    let rules = rule::rules(&site.pack, visit.language);
    let counts: BTreeMap<&str, _> = rules
        .iter()
        .filter(|line| line.ty == "boolean")
        .filter_map(|line| {
            let count = site.results.as_ref()?.count(&site.pack, line.variable, &visit.division)?;
            let text = |n: u64| visit.language.grouped(n as i64);
            let row = [("yes", text(count.yes)), ("no", text(count.no)), ("unknown", text(count.unknown))];
            let row: BTreeMap<_, _> = row.into_iter().collect();
            Some((line.id.as_str(), row))
        })
        .collect();
    site.render(&visit, "policy", "policy/rules.html", own! { rules, counts, here => visit.path })
}

/// A rule.
pub async fn rule(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let rule = rule::rule(&site.pack, &id, visit.language).ok_or_else(|| PageError::not_found("rule", id))?;
    let count = site
        .results
        .as_ref()
        .and_then(|results| results.count(&site.pack, rule.line.variable, &visit.division))
        .map(|count| rule_results(&site, &visit, &rule, &count));
    site.render(&visit, "policy", "policy/rule.html", own! { rule, count, here => visit.path })
}

/// Rows of words, figure and address of the work list.
fn rule_results(site: &Shared, visit: &Visit, rule: &RuleView, count: &Count) -> Vec<(String, String, String)> {
    let number = |n: u64| visit.language.grouped(n as i64);
    let known = site.text(visit, "known-values");
    let unknown = site.text(visit, "answer-unknown");
    if rule.line.ty == "boolean" {
        let address = |answer: &str| {
            let id = &rule.line.id;
            format!("/determinations/list?variable={id}&answer={answer}&division={}", visit.division)
        };
        return [("yes", count.yes), ("no", count.no), ("unknown", count.unknown)]
            .into_iter()
            .map(|(answer, n)| (site.text(visit, &format!("answer-{answer}")), number(n), address(answer)))
            .collect();
    }
    let mut rows = vec![(known, number(count.yes), String::new()), (unknown, number(count.unknown), String::new())];
    if rule.line.ty == "money" {
        // Sums are in the scale of the variable; a sum of fen beyond 64 bits is not money of this world.
        let scale = rule.scale;
        let sum = visit.language.fixed(i64::try_from(count.sum).unwrap_or(i64::MAX), scale);
        rows.push((site.text(visit, "sum"), sum, String::new()));
    }
    rows
}

/// All indicators with the figures of the division in view.
pub async fn indicators(site: Shared, visit: Visit) -> Page {
    let indicators: Vec<_> = (0..site.pack.indicators.len())
        .filter_map(|index| {
            let view = reference::indicator(&site.pack, index, visit.language)?;
            let unit = site.pack.indicators.get(index)?.unit;
            let figure =
                site.results.as_ref().and_then(|results| results.figure(&visit.division, IndicatorId(index as u16)));
            let value = figure
                .and_then(|figure| figure.value)
                .map_or_else(|| "—".to_owned(), |value| figures::indicator_exact(value, unit, visit.language));
            let unknown = figure.map(|figure| visit.language.grouped(figure.unknown)).unwrap_or_default();
            Some(serde_json::json!({ "view": view, "value": value, "unknown": unknown }))
        })
        .collect();
    site.render(&visit, "policy", "policy/indicators.html", own! { indicators, here => visit.path })
}

/// All checks.
pub async fn checks(site: Shared, visit: Visit) -> Page {
    let excused = Excused::on(&site.facts, site.as_of()).await?;
    let results = site.results.as_deref();
    let checks = reference::checks(&site.pack, results, &excused, &visit.division, visit.language);
    let register = site.pack.exemptions.as_ref().and_then(|place| site.pack.registers.get(place.register.index()));
    let register = register.map(|register| register.id.as_str());
    site.render(&visit, "policy", "policy/checks.html", own! { checks, register, here => visit.path })
}

/// What a register holds.
pub async fn register(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let register = site
        .pack
        .register(&id)
        .and_then(|found| reference::register(&site.pack, found, visit.language))
        .ok_or_else(|| PageError::not_found("register", id))?;
    site.render(&visit, "policy", "policy/register.html", own! { register })
}

/// A code list.
pub async fn codes(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let list =
        site.pack.codes.iter().find(|list| list.id == id).ok_or_else(|| PageError::not_found("codes", id.as_str()))?;
    let title = text_in(&list.title, visit.language.id());
    let values = reference::codes(list, visit.language);
    let own = own! { id, title, source => list.source, clauses => list.clauses, values };
    site.render(&visit, "policy", "policy/codes.html", own)
}
