//! Reading a map key by key, with one finding for everything that does not fit.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Data, Node};
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Place, Text};
use crate::value::iso_date;

/// Collects findings.
#[derive(Default)]
pub(super) struct Report {
    pub found: Vec<Diagnostic>,
    pub languages: Vec<String>,
    /// Ids of all clauses, once the articles are read.
    pub clauses: BTreeSet<String>,
}

impl Report {
    pub(super) fn say(&mut self, place: &Place, message: impl Into<String>, advice: impl Into<String>) {
        self.found.push(Diagnostic::new(place, message.into(), advice.into()));
    }
}

/// A map that is being read.
pub(super) struct Cursor<'n> {
    pub place: Place,
    what: String,
    entries: &'n [(String, Place, Node)],
    known: Vec<&'static str>,
}

impl<'n> Cursor<'n> {
    /// Starts to read a map; says so if the node is none.
    pub(super) fn new(node: &'n Node, what: &str, report: &mut Report) -> Option<Self> {
        if let Data::Map(entries) = &node.data {
            Some(Self { place: node.place.clone(), what: what.to_owned(), entries, known: Vec::new() })
        } else {
            report.say(
                &node.place,
                format!("{what} must be a map of keys and values, not {}", node.kind()),
                "write `key: value` lines, or {key: value, …}",
            );
            None
        }
    }

    /// All entries.
    pub(super) fn entries(&self) -> &'n [(String, Place, Node)] {
        self.entries
    }

    /// The node under a key.
    pub(super) fn node(&mut self, key: &'static str) -> Option<&'n Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let node = self.entries.iter().find(|(name, ..)| name == key).map(|(_, _, node)| node)?;
        (node.data != Data::Null).then_some(node)
    }

    /// The node under a key that must be there.
    pub(super) fn required(&mut self, key: &'static str, report: &mut Report) -> Option<&'n Node> {
        let node = self.node(key);
        if node.is_none() {
            report.say(&self.place, format!("{} has no `{key}`", self.what), format!("add `{key}: …`"));
        }
        node
    }

    /// A scalar as text.
    pub(super) fn text(&mut self, key: &'static str, report: &mut Report) -> Option<(String, &'n Place)> {
        let node = self.node(key)?;
        if let Some(text) = node.scalar_text() {
            Some((text, &node.place))
        } else {
            report.say(&node.place, format!("`{key}` is {}, not a text", node.kind()), "write one value");
            None
        }
    }

    /// A scalar as text that must be there.
    pub(super) fn required_text(&mut self, key: &'static str, report: &mut Report) -> Option<(String, &'n Place)> {
        self.required(key, report)?;
        self.text(key, report)
    }

    /// `true` or `false`; false when absent.
    pub(super) fn flag(&mut self, key: &'static str, report: &mut Report) -> bool {
        match self.node(key) {
            None => false,
            Some(Node { data: Data::Boolean(truth), .. }) => *truth,
            Some(node) => {
                report.say(
                    &node.place,
                    format!("`{key}` is {}, not true or false", node.kind()),
                    "write true or false",
                );
                false
            }
        }
    }

    /// A list; a single value counts as a list of one.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<&'n Node> {
        self.node(key).map(Node::items).unwrap_or_default()
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str, report: &mut Report) -> Vec<(String, &'n Place)> {
        let mut texts = Vec::new();
        for node in self.list(key) {
            match node.scalar_text() {
                Some(text) => texts.push((text, &node.place)),
                None => report.say(&node.place, format!("`{key}` holds {}", node.kind()), "list names"),
            }
        }
        texts
    }

    /// A date.
    pub(super) fn date(&mut self, key: &'static str, report: &mut Report) -> Option<i32> {
        let (text, place) = self.text(key, report)?;
        let date = iso_date(&text);
        if date.is_none() {
            report.say(place, format!("`{text}` is not a date"), "write year-month-day, such as 2016-01-31");
        }
        date
    }

    /// A text in every language of the pack.
    pub(super) fn title(&mut self, key: &'static str, report: &mut Report) -> Text {
        match self.required(key, report) {
            Some(node) => languages(node, key, true, report),
            None => Text::new(),
        }
    }

    /// A text in every language, if it is there.
    pub(super) fn optional_title(&mut self, key: &'static str, report: &mut Report) -> Option<Text> {
        self.node(key).map(|node| languages(node, key, true, report))
    }

    /// A text in any of the languages.
    pub(super) fn partial_title(&mut self, key: &'static str, report: &mut Report) -> BTreeMap<String, String> {
        self.node(key).map(|node| languages(node, key, false, report)).unwrap_or_default()
    }

    /// Says which keys are not known.
    pub(super) fn finish(self, report: &mut Report) {
        for (key, place, _) in self.entries {
            if !self.known.contains(&key.as_str()) {
                let near = nearest(key, self.known.iter().copied());
                let advice = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known keys are {}", self.known.join(", ")),
                };
                report.say(place, format!("{} has no key `{key}`", self.what), advice);
            }
        }
    }
}

/// A map from language to text.
pub(super) fn languages(node: &Node, key: &str, all: bool, report: &mut Report) -> Text {
    let Some(cursor) = Cursor::new(node, &format!("`{key}`"), report) else { return Text::new() };
    let mut text = Text::new();
    for (language, place, node) in cursor.entries() {
        // Without languages, which has been said, nothing can be said about them.
        if !report.languages.is_empty() && !report.languages.contains(language) {
            let advice = format!("the languages of the pack are {}", report.languages.join(", "));
            report.say(place, format!("`{language}` is not a language of the pack"), advice);
        }
        match node.scalar_text() {
            Some(words) if !words.trim().is_empty() => {
                text.insert(language.clone(), words);
            }
            _ => report.say(&node.place, format!("`{key}` in {language} is empty"), "write the words"),
        }
    }
    let missing: Vec<_> = report.languages.iter().filter(|language| !text.contains_key(*language)).cloned().collect();
    if all && !missing.is_empty() && cursor.entries().iter().all(|(language, ..)| report.languages.contains(language)) {
        let advice = format!("add `{}: …`: every text stands in every language of the pack", missing[0]);
        report.say(&node.place, format!("`{key}` is missing in {}", missing.join(", ")), advice);
    }
    text
}

/// Whether a text may be an id.
pub(super) fn is_id(text: &str, capitals: bool) -> bool {
    let mut characters = text.chars();
    let first = characters.next().is_some_and(|c| c.is_ascii_lowercase() || (capitals && c.is_ascii_uppercase()));
    first
        && characters.all(|c| {
            c.is_ascii_lowercase()
                || c.is_ascii_digit()
                || c == '_'
                || (capitals && (c.is_ascii_uppercase() || c == '-'))
        })
}
