//! YAML text → a tree with a line and column on every node.
//!
//! Knows nothing about packs. A text that is not YAML becomes a diagnostic; size and nesting are capped, so that no
//! text can exhaust memory or the call stack.

#![expect(clippy::result_large_err, reason = "a file is refused once, not in a hot loop")]

use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar as YamlScalar, YamlData};

use crate::diagnostic::Diagnostic;
use crate::model::Place;

/// Largest file in bytes.
const MOST_BYTES: usize = 4 << 20;
/// Deepest nesting of lists and maps.
const MOST_NESTING: usize = 24;
/// Widest run of spaces and `- ? :` at the start of a line. Each level of block nesting takes a column there, so this
/// bounds the tree that the YAML library builds before its depth can be looked at.
const MOST_INDENTATION: usize = 400;

/// A node of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What stands there.
    pub content: Content,
}

/// What stands at a node.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Nothing, `null` or `~`.
    Nothing,
    /// A scalar with its text as written (quotes and escapes resolved).
    Scalar(String, Kind),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file; keys are scalars and occur once.
    Map(Vec<(Key, Node)>),
}

/// What YAML makes of a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A number without quotes.
    Number,
    /// `true` or `false` without quotes.
    Truth,
}

/// A key of a map.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Text as written.
    pub text: String,
}

/// Parses one file; `None` if it holds nothing but comments.
pub(crate) fn parse(file: &str, text: &str) -> Result<Option<Node>, Diagnostic> {
    if text.len() > MOST_BYTES {
        let message = format!("the file has {} bytes; at most {MOST_BYTES} are read", text.len());
        return Err(Diagnostic::new(&place(file, 1, 1), message, "split it into several files".to_owned()));
    }
    if let Some((line, _)) = text.lines().enumerate().find(|(_, line)| indentation(line) > MOST_INDENTATION) {
        let message = format!("the line begins with more than {MOST_INDENTATION} spaces and dashes");
        return Err(Diagnostic::new(&place(file, line + 1, 1), message, "nest less deeply".to_owned()));
    }
    let source = Source { file, text, lines: line_starts(text) };
    let documents = MarkedYaml::load_from_str(text).map_err(|error| source.refused(error.marker(), error.info()))?;
    let mut documents = documents.into_iter();
    let Some(first) = documents.next() else { return Ok(None) };
    if let Some(second) = documents.next() {
        let start = second.span.start;
        return Err(Diagnostic::new(
            &place(file, start.line(), start.col() + 1),
            "the file holds more than one YAML document".to_owned(),
            "remove the `---` line, or put what follows it into a file of its own".to_owned(),
        ));
    }
    let node = source.node(&first, MOST_NESTING)?;
    Ok(Some(node).filter(|node| !matches!(node.content, Content::Nothing)))
}

fn place(file: &str, line: usize, column: usize) -> Place {
    Place { file: file.to_owned(), line: line.max(1), column: column.max(1) }
}

fn indentation(line: &str) -> usize {
    line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'-' | b'?' | b':')).count()
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect()
}

struct Source<'a> {
    file: &'a str,
    text: &'a str,
    lines: Vec<usize>,
}

impl Source<'_> {
    fn node(&self, marked: &MarkedYaml<'_>, depth: usize) -> Result<Node, Diagnostic> {
        let start = marked.span.start;
        let (mut line, mut column) = (start.line().max(1), start.col() + 1);
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Diagnostic::new(
                &place(self.file, line, column),
                format!("the file is nested deeper than {MOST_NESTING} levels"),
                "nothing in a pack needs that: check the indentation".to_owned(),
            ));
        };
        let content = match &marked.data {
            YamlData::Value(scalar) => {
                if let YamlScalar::String(_) = scalar {
                    (line, column) = self.start_of_text(line, column);
                }
                self.scalar(scalar, start, marked.span.end)
            }
            YamlData::Representation(text, ..) => Content::Scalar(text.to_string(), Kind::Text),
            YamlData::Sequence(items) => {
                Content::List(items.iter().map(|item| self.node(item, depth)).collect::<Result<_, _>>()?)
            }
            YamlData::Mapping(entries) => {
                let entry = |(key, item): (&MarkedYaml<'_>, &MarkedYaml<'_>)| {
                    Ok((self.key(key, depth)?, self.node(item, depth)?))
                };
                Content::Map(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
            YamlData::Tagged(_, inner) => self.node(inner, depth)?.content,
            YamlData::Alias(_) | YamlData::BadValue => {
                return Err(Diagnostic::new(
                    &place(self.file, line, column),
                    "this value cannot be read".to_owned(),
                    "check the anchor (`&name`, `*name`) or tag (`!!type`) here".to_owned(),
                ));
            }
        };
        Ok(Node { line, column, content })
    }

    fn key(&self, marked: &MarkedYaml<'_>, depth: usize) -> Result<Key, Diagnostic> {
        let node = self.node(marked, depth)?;
        match node.content {
            Content::Scalar(text, _) => Ok(Key { line: node.line, column: node.column, text }),
            Content::Nothing => Ok(Key { line: node.line, column: node.column, text: String::new() }),
            Content::List(_) | Content::Map(_) => Err(Diagnostic::new(
                &place(self.file, node.line, node.column),
                "a list or a map cannot be a key".to_owned(),
                "write a word before the colon; a text that begins with { or [ needs quotes".to_owned(),
            )),
        }
    }

    /// Numbers keep the digits that were written: `01` and `3.50` are not `1` and `3.5`.
    fn scalar(&self, scalar: &YamlScalar<'_>, start: Marker, end: Marker) -> Content {
        let written = || {
            let (from, to) = (self.offset(start)?, self.offset(end)?);
            self.text.get(from..to).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        match scalar {
            YamlScalar::Null => Content::Nothing,
            YamlScalar::Boolean(truth) => Content::Scalar(truth.to_string(), Kind::Truth),
            YamlScalar::Integer(number) => {
                Content::Scalar(written().unwrap_or_else(|| number.to_string()), Kind::Number)
            }
            YamlScalar::FloatingPoint(number) => {
                Content::Scalar(written().unwrap_or_else(|| number.to_string()), Kind::Number)
            }
            YamlScalar::String(text) => Content::Scalar(text.to_string(), Kind::Text),
        }
    }

    /// Byte offset of a marker.
    fn offset(&self, marker: Marker) -> Option<usize> {
        let start = *self.lines.get(marker.line().checked_sub(1)?)?;
        let line = self.text.get(start..)?;
        let within = line.char_indices().nth(marker.col()).map_or(line.len(), |(index, _)| index);
        Some(start + within)
    }

    fn line(&self, line: usize) -> &str {
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied();
        start.and_then(|start| self.text.get(start..)).and_then(|rest| rest.lines().next()).unwrap_or("")
    }

    /// A text may begin after its quote, or below the `|` or `>` of a block.
    fn start_of_text(&self, line: usize, column: usize) -> (usize, usize) {
        match self.line(line).chars().nth(column - 1) {
            Some('"' | '\'') => (line, column + 1),
            Some('|' | '>') => {
                let below = (line + 1..=self.lines.len()).find(|below| !self.line(below.to_owned()).trim().is_empty());
                below.map_or((line, column), |below| {
                    let text = self.line(below);
                    (below, text.chars().take_while(|c| *c == ' ').count() + 1)
                })
            }
            _ => (line, column),
        }
    }

    fn refused(&self, marker: &Marker, info: &str) -> Diagnostic {
        let (line, column) = (marker.line().max(1), marker.col() + 1);
        let here = place(self.file, line, column);
        if info.contains("duplicated key") {
            let key = key_at(self.line(line), column);
            let related = self.same_key_above(&key, line, column);
            return Diagnostic {
                related: related.map(|(line, column)| (place(self.file, line, column), "first here".to_owned())),
                ..Diagnostic::new(
                    &here,
                    format!("the key `{key}` stands twice in this map"),
                    "remove one of the two, or rename it".to_owned(),
                )
            };
        }
        // At the end of the file nothing can be seen: the last line that says something is nearer.
        let last = (1..=line).rev().find(|line| !self.line(*line).trim().is_empty());
        let here = match last {
            Some(last) if last < line => place(self.file, last, self.line(last).chars().count()),
            _ => here,
        };
        Diagnostic::new(
            &here,
            format!("this is not YAML: {info}"),
            "check the indentation, colons, brackets and quotes here and in the line above; texts with `: ` or ` #` need quotes"
                .to_owned(),
        )
    }

    /// The same key of the same map: earlier in the line, else above in the same column.
    fn same_key_above(&self, key: &str, line: usize, column: usize) -> Option<(usize, usize)> {
        let own = self.line(line);
        let before: String = own.chars().take(column.saturating_sub(1)).collect();
        let written = format!("{key}:");
        if let Some(index) = before.find(&written) {
            return Some((line, before.get(..index)?.chars().count() + 1));
        }
        for above in (1..line).rev() {
            let text = self.line(above);
            let indent = text.chars().take_while(|c| matches!(c, ' ' | '-')).count();
            if indent + 1 == column && key_at(text, column) == key {
                return Some((above, column));
            }
            if indent + 1 < column && !text.trim().is_empty() && !text.trim_start().starts_with('#') {
                return None;
            }
        }
        None
    }
}

/// The key that begins at a column.
fn key_at(line: &str, column: usize) -> String {
    let rest: String = line.chars().skip(column.saturating_sub(1)).collect();
    rest.split(':').next().unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
}
