//! The policy as pages show it: articles, clauses and what implements each of them.

use std::collections::BTreeMap;

use bangfu_policy::model::{Pack, Text, Unit, text_in};
use serde::Serialize;

use super::figures::{self, Language};

/// Something of the pack that implements a clause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Item {
    /// `register`, `codes`, `parameter`, `variable`, `programme`, `indicator`, `check`, `book`, `procedure`, `match` or
    /// `view`.
    pub kind: &'static str,
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Position in the pack's list of its kind.
    #[serde(skip)]
    pub index: usize,
}

/// An article in the table of contents.
#[derive(Clone, Debug, Serialize)]
pub struct ArticleLine {
    /// Number.
    pub id: String,
    /// Title.
    pub title: String,
    /// Clauses.
    pub clauses: usize,
    /// Clauses that something implements.
    pub implemented: usize,
}

/// A clause with what implements it.
#[derive(Clone, Debug, Serialize)]
pub struct ClauseView {
    /// Id.
    pub id: String,
    /// Words of the policy.
    pub phrase: String,
    /// What it asks for.
    pub gloss: String,
    /// Kind of capability.
    pub kind: String,
    /// Target as written.
    pub target: String,
    /// Deadline as written.
    pub deadline: String,
    /// What implements it.
    pub items: Vec<Item>,
}

/// An article with its text and clauses.
#[derive(Clone, Debug, Serialize)]
pub struct ArticleView {
    /// Number.
    pub id: String,
    /// Title.
    pub title: String,
    /// Paragraphs of the text.
    pub text: Vec<String>,
    /// Language of the text, for the `lang` attribute.
    pub text_language: String,
    /// Clauses.
    pub clauses: Vec<ClauseView>,
    /// Id of the article before.
    pub before: Option<String>,
    /// Id of the article after.
    pub after: Option<String>,
}

/// For each clause id, what implements it.
pub fn implementers(pack: &Pack, language: Language) -> BTreeMap<String, Vec<Item>> {
    let mut map: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    let mut add = |kind: &'static str, id: &str, title: &Text, index: usize, clauses: &[String]| {
        for clause in clauses {
            let title = text_in(title, language.id()).to_owned();
            map.entry(clause.clone()).or_default().push(Item { kind, id: id.to_owned(), title, index });
        }
    };
    for (i, item) in pack.registers.iter().enumerate() {
        add("register", &item.id, &item.title, i, &item.clauses);
    }
    for (i, item) in pack.codes.iter().enumerate() {
        add("codes", &item.id, &item.title, i, &item.clauses);
    }
    for (i, item) in pack.parameters.iter().enumerate() {
        add("parameter", &item.id, &item.title, i, &item.clauses);
    }
    for (i, item) in pack.programmes.iter().enumerate() {
        add("programme", &item.id, &item.title, i, &item.clauses);
    }
    // The two variables of a programme are the programme itself.
    for (i, item) in pack.variables.iter().enumerate().filter(|(_, item)| item.programme.is_none()) {
        let kind = if item.check.is_some() { "check" } else { "variable" };
        add(kind, &item.id, &item.title, i, &item.clauses);
    }
    for (i, item) in pack.indicators.iter().enumerate() {
        add("indicator", &item.id, &item.title, i, &item.clauses);
    }
    for (i, item) in pack.books.iter().enumerate() {
        add("book", &item.id, &item.title, i, &item.clauses);
    }
    for (i, item) in pack.procedures.iter().enumerate() {
        add("procedure", &item.id, &item.title, i, &item.clauses);
    }
    for (i, item) in pack.matches.iter().enumerate() {
        add("match", &item.id, &item.title, i, &item.clauses);
    }
    for (i, item) in pack.views.iter().enumerate() {
        add("view", &item.id, &item.title, i, &item.clauses);
    }
    map
}

/// The table of contents.
pub fn contents(pack: &Pack, language: Language) -> Vec<ArticleLine> {
    let items = implementers(pack, language);
    pack.articles
        .iter()
        .map(|article| ArticleLine {
            id: article.id.clone(),
            title: text_in(&article.title, language.id()).to_owned(),
            clauses: article.clauses.len(),
            implemented: article.clauses.iter().filter(|clause| items.contains_key(&clause.id)).count(),
        })
        .collect()
}

/// One article.
pub fn article(pack: &Pack, id: &str, language: Language) -> Option<ArticleView> {
    let position = pack.articles.iter().position(|article| article.id == id)?;
    let article = pack.articles.get(position)?;
    let mut items = implementers(pack, language);
    let (text_language, text) = article
        .text
        .get_key_value(language.id())
        .or_else(|| article.text.iter().next())
        .map_or(("", ""), |(language, text)| (language.as_str(), text.as_str()));
    let neighbour = |n: Option<usize>| n.and_then(|n| pack.articles.get(n)).map(|article| article.id.clone());
    Some(ArticleView {
        id: article.id.clone(),
        title: text_in(&article.title, language.id()).to_owned(),
        text: text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        text_language: text_language.to_owned(),
        clauses: article
            .clauses
            .iter()
            .map(|clause| ClauseView {
                id: clause.id.clone(),
                phrase: clause.phrase.clone(),
                gloss: clause
                    .gloss
                    .get(language.id())
                    .or_else(|| clause.gloss.values().next())
                    .cloned()
                    .unwrap_or_default(),
                kind: clause.kind.clone(),
                target: clause.target.clone(),
                deadline: clause.deadline.clone(),
                items: items.remove(&clause.id).unwrap_or_default(),
            })
            .collect(),
        before: neighbour(position.checked_sub(1)),
        after: neighbour(position.checked_add(1)),
    })
}

/// Id of the article that holds a clause.
pub fn article_of<'a>(pack: &'a Pack, clause: &str) -> Option<&'a str> {
    let holds = |article: &&bangfu_policy::model::Article| article.clauses.iter().any(|c| c.id == clause);
    pack.articles.iter().find(holds).map(|article| article.id.as_str())
}

/// A parameter in the list, or in full.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterView {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Words for the unit.
    pub unit: String,
    /// Clauses.
    pub clauses: Vec<String>,
    /// General value on the day; empty for tables or when there is none.
    pub now: String,
    /// Dated rows, newest first.
    pub rows: Vec<ParameterRowView>,
    /// Title of the code list of a table's key.
    pub key: Option<String>,
    /// Whether rows differ by class or division.
    pub local: bool,
}

/// A dated value.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterRowView {
    /// First day.
    pub from: String,
    /// Last day, or empty.
    pub to: String,
    /// Class or division code that the row is for, or empty.
    pub only: String,
    /// The value, or empty for tables.
    pub value: String,
    /// Entries of a table.
    pub table: Vec<(String, String)>,
    /// Where it comes from.
    pub source: String,
    /// `high`, `medium` or `low`.
    pub confidence: String,
    /// Whether it is in force on the day.
    pub current: bool,
}

/// One parameter on a day.
pub fn parameter(pack: &Pack, index: usize, day: i32, language: Language) -> Option<ParameterView> {
    let parameter = pack.parameters.get(index)?;
    let class_list = parameter.class.and_then(|class| match pack.graph[class].ty {
        bangfu_policy::ir::Type::Code(list) => pack.codes.get(list.index()),
        _ => None,
    });
    let key = parameter.key.and_then(|key| pack.codes.get(key.index()));
    let label = |list: Option<&bangfu_policy::model::CodeList>, position: usize| {
        list.and_then(|list| list.values.get(position))
            .map_or_else(|| position.to_string(), |code| text_in(&code.label, language.id()).to_owned())
    };
    let mut rows: Vec<_> = parameter.rows.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.from));
    let rows = rows
        .into_iter()
        .map(|row| {
            let class = row.class.and_then(|class| usize::try_from(class).ok()).map(|class| label(class_list, class));
            let only: Vec<String> = row.division.iter().cloned().chain(class).collect();
            let in_force = parameter.row_on(day, row.division.as_deref().unwrap_or(""), row.class);
            ParameterRowView {
                from: figures::iso_day(row.from.into()),
                to: row.to.map(|to| figures::iso_day(to.into())).unwrap_or_default(),
                only: only.join(" · "),
                value: match parameter.key {
                    Some(_) => String::new(),
                    None => figures::scalar(pack, row.value, parameter.ty, language),
                },
                table: row
                    .table
                    .iter()
                    .enumerate()
                    .filter(|(_, value)| !matches!(value, bangfu_policy::ir::Scalar::Missing))
                    .map(|(i, value)| (label(key, i), figures::scalar(pack, *value, parameter.ty, language)))
                    .collect(),
                source: row.source.clone(),
                confidence: row.confidence.clone(),
                current: in_force.is_some_and(|other| std::ptr::eq(other, row)),
            }
        })
        .collect();
    Some(ParameterView {
        id: parameter.id.clone(),
        title: text_in(&parameter.title, language.id()).to_owned(),
        unit: parameter.unit.as_ref().map(|unit| text_in(unit, language.id()).to_owned()).unwrap_or_default(),
        clauses: parameter.clauses.clone(),
        now: match (parameter.key, parameter.row_on(day, &pack.policy.root, None)) {
            (None, Some(row)) => figures::scalar(pack, row.value, parameter.ty, language),
            _ => String::new(),
        },
        rows,
        key: key.map(|list| text_in(&list.title, language.id()).to_owned()),
        local: parameter.rows.iter().any(|row| row.class.is_some() || row.division.is_some()),
    })
}

/// Word for a unit behind a figure: empty where the figure carries its own sign.
pub fn unit_word(pack: &Pack, unit: Unit, language: Language) -> String {
    match unit {
        Unit::Money => text_in(&pack.policy.currency_symbol, language.id()).to_owned(),
        _ => String::new(),
    }
}
