//! Policy, divisions and articles: what every other section stands on.

use super::Entries;
use super::cursor::{Cursor, Report, is_id};
use super::tree::Node;
use crate::diagnostic::nearest;
use crate::model::{Article, Clause, Level, Pack, Place};

pub(super) fn policy(pack: &mut Pack, node: &Node, report: &mut Report) {
    let Some(mut cursor) = Cursor::new(node, "`policy`", report) else { return };
    let policy = &mut pack.policy;
    policy.languages = cursor.texts("languages", report).into_iter().map(|(text, _)| text).collect();
    if policy.languages.is_empty() {
        report.say(&node.place, "`policy` has no languages", "add `languages: [zh, en]`");
    }
    report.languages.clone_from(&policy.languages);
    policy.id = cursor.required_text("id", report).map(|(text, _)| text).unwrap_or_default();
    policy.title = cursor.title("title", report);
    policy.version = cursor.required_text("version", report).map(|(text, _)| text).unwrap_or_default();
    policy.issued = cursor.date("issued", report);
    policy.root = cursor.required_text("root", report).map(|(text, _)| text).unwrap_or_default();
    if let Some(node) = cursor.required("currency", report)
        && let Some(mut currency) = Cursor::new(node, "`currency`", report)
    {
        policy.currency_code = currency.required_text("code", report).map(|(text, _)| text).unwrap_or_default();
        policy.currency_symbol = currency.title("symbol", report);
        currency.finish(report);
    }
    cursor.finish(report);
}

pub(super) fn divisions(pack: &mut Pack, nodes: &[&Node], report: &mut Report) {
    for node in nodes {
        let Some(mut cursor) = Cursor::new(node, "`divisions`", report) else { continue };
        for node in cursor.list("levels") {
            let Some(mut level) = Cursor::new(node, "a level", report) else { continue };
            let id = level.required_text("id", report).map(|(text, _)| text).unwrap_or_default();
            let digits = level.required_text("digits", report).and_then(|(text, place)| {
                let digits = text.parse().ok().filter(|digits| (1..=30).contains(digits));
                if digits.is_none() {
                    report.say(place, format!("`{text}` is not a number of digits"), "write 1 to 30");
                }
                digits
            });
            let above = pack.levels.last().map_or(0, |level| level.digits);
            let digits = digits.unwrap_or(above + 1);
            if digits <= above {
                report.say(
                    &node.place,
                    "codes of a level are longer than those of the level above",
                    "list levels from the top down",
                );
            }
            let title = level.title("title", report);
            level.finish(report);
            if !is_id(&id, false) || pack.levels.iter().any(|level| level.id == id) {
                report.say(
                    &node.place,
                    format!("`{id}` cannot be the id of another level"),
                    "use small letters, digits and _, each id once",
                );
            }
            pack.levels.push(Level { id, title, digits });
        }
        cursor.finish(report);
    }
    if pack.levels.is_empty() {
        let place = nodes.first().map_or_else(Place::default, |node| node.place.clone());
        report.say(
            &place,
            "the pack has no division levels",
            "add `divisions: {levels: [{id: …, digits: …, title: …}]}`",
        );
    }
}

pub(super) fn articles(pack: &mut Pack, entries: &Entries<'_>, report: &mut Report) {
    for (id, _, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("article `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let text = cursor.partial_title("text", report);
        let mut clauses = Vec::new();
        if let Some(node) = cursor.node("clauses")
            && let Some(list) = Cursor::new(node, "`clauses`", report)
        {
            for (id, _, node) in list.entries() {
                let Some(mut clause) = Cursor::new(node, &format!("clause `{id}`"), report) else { continue };
                let mut text = |key: &'static str| clause.text(key, report).map(|(text, _)| text).unwrap_or_default();
                let (phrase, kind, target, deadline) = (text("phrase"), text("kind"), text("target"), text("deadline"));
                let gloss = clause.partial_title("gloss", report);
                clause.finish(report);
                if pack.articles.iter().flat_map(|article| &article.clauses).any(|known| known.id == *id) {
                    report.say(&node.place, format!("clause `{id}` stands in two articles"), "rename one of them");
                }
                clauses.push(Clause { id: id.clone(), phrase, gloss, kind, target, deadline });
            }
        }
        cursor.finish(report);
        pack.articles.push(Article { id: (*id).to_owned(), title, text, clauses });
    }
    pack.articles.sort_by_key(|article| (article.id.parse::<u32>().unwrap_or(u32::MAX), article.id.clone()));
}

/// `clauses: [C05-06]`
pub(super) fn clauses(cursor: &mut Cursor<'_>, report: &mut Report) -> Vec<String> {
    let named = cursor.texts("clauses", report);
    for (clause, place) in &named {
        clause_exists(clause, place, report);
    }
    named.into_iter().map(|(clause, _)| clause).collect()
}

/// Says so if there is no such clause.
pub(super) fn clause_exists(clause: &str, place: &Place, report: &mut Report) {
    if !report.clauses.contains(clause) {
        let near = nearest(clause, report.clauses.iter().map(String::as_str));
        let advice = near.map_or("define it in an article".to_owned(), |near| format!("did you mean {near}?"));
        report.say(place, format!("there is no clause `{clause}`"), advice);
    }
}
