//! The YAML tree with the place of every node written out, as the decoder wants it.

#![expect(clippy::result_large_err, reason = "a file is refused once, not in a hot loop")]

use crate::diagnostic::Diagnostic;
use crate::model::Place;
use crate::yaml::{Content, Kind, Node as Raw};

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub place: Place,
    pub data: Data,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// Keys with their places, and values.
    Map(Vec<(String, Place, Node)>),
}

impl Node {
    /// Words for what the node is.
    pub(super) fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Boolean(_) => "true or false",
            Data::Number(_) => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }

    /// The items of a list; anything else counts as a list of one.
    pub(super) fn items(&self) -> Vec<&Node> {
        match &self.data {
            Data::Null => Vec::new(),
            Data::List(items) => items.iter().collect(),
            _ => vec![self],
        }
    }

    /// A scalar as it was written; `None` for lists, maps and nothing.
    pub(super) fn scalar_text(&self) -> Option<String> {
        match &self.data {
            Data::Boolean(truth) => Some(truth.to_string()),
            Data::Number(text) | Data::Text(text) => Some(text.clone()),
            Data::Null | Data::List(_) | Data::Map(_) => None,
        }
    }
}

/// Parses a file; `None` for an empty one.
pub(super) fn parse(file: &str, text: &str) -> Result<Option<Node>, Diagnostic> {
    Ok(crate::yaml::parse(file, text)?.map(|node| placed(file, node)))
}

fn placed(file: &str, node: Raw) -> Node {
    let at = |line, column| Place { file: file.to_owned(), line, column };
    let place = at(node.line, node.column);
    let data = match node.content {
        Content::Nothing => Data::Null,
        Content::Scalar(text, Kind::Truth) => Data::Boolean(text == "true"),
        Content::Scalar(text, Kind::Number) => Data::Number(text),
        Content::Scalar(text, Kind::Text) => Data::Text(text),
        Content::List(items) => Data::List(items.into_iter().map(|item| placed(file, item)).collect()),
        Content::Map(entries) => {
            let entry = |(key, node): (crate::yaml::Key, Raw)| (key.text, at(key.line, key.column), placed(file, node));
            Data::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node { place, data }
}
