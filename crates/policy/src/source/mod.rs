//! YAML tree → the shapes that pack files have.
//!
//! The shapes (`shapes.rs`) are declared once: the macro [`shapes!`] makes of each the struct, its reader, which reports
//! every wrong, missing and unknown key at once, and its JSON Schema, so that the three cannot differ. Knows which keys
//! exist and what kind of value they take, not what names refer to.

mod leaves;
mod screens;
mod shapes;

pub(crate) use leaves::{AnyWords, Clauses, Day, Formula, Literal, Named, OneOrMany, Plain, Ref, Spanned, Tree, Words};
pub(crate) use screens::*;
pub(crate) use shapes::*;

use crate::diagnostic::{Diagnostic, nearest};
use crate::model::Place;
use crate::yaml::{Content, Key, Node};

/// Reads one file and collects what is wrong with it.
pub(crate) struct Reader<'a> {
    /// Path of the file.
    pub file: &'a str,
    /// Languages that every text must have.
    pub languages: &'a [String],
    /// Findings so far.
    pub found: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Place of a node.
    pub(crate) fn place(&self, node: &Node) -> Place {
        Place { file: self.file.to_owned(), line: node.line, column: node.column }
    }

    /// Place of a key.
    pub(crate) fn key_place(&self, key: &Key) -> Place {
        Place { file: self.file.to_owned(), line: key.line, column: key.column }
    }

    /// Notes a finding.
    pub(crate) fn wrong(&mut self, node: &Node, message: String, advice: impl Into<String>) {
        self.found.push(Diagnostic::new(&self.place(node), message, advice.into()));
    }

    /// Notes that something else was expected.
    pub(crate) fn expected<T>(&mut self, node: &Node, what: &str, advice: impl Into<String>) -> Option<T> {
        self.wrong(node, format!("expected {what}, found {}", node.described()), advice);
        None
    }
}

/// A shape that can be read from a node.
pub(crate) trait Read: Sized {
    /// Reads a node; what is wrong is noted in the reader.
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self>;

    /// The value of a key that is not there; `None`: the key is required.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Read> Read for Option<T> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        T::read(node, reader).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Takes keys out of a map; what is left over at the end is unknown.
pub(crate) struct Fields<'n> {
    node: &'n Node,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The entries of a map.
    pub(crate) fn open(node: &'n Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::Map(entries) => Some(Self { node, entries, known: Vec::new() }),
            _ => reader.expected(node, "a map", "write `key: value` lines, indented below the key, or {key: value}"),
        }
    }

    /// The value of a key; if it is required and not there, that is noted.
    pub(crate) fn take<T: Read>(&mut self, raw: &'static str, reader: &mut Reader<'_>) -> Option<T> {
        let name = raw.strip_prefix("r#").unwrap_or(raw);
        self.known.push(name);
        match self.entries.iter().find(|(key, _)| key.text == name) {
            Some((_, node)) => T::read(node, reader),
            None => T::absent().or_else(|| {
                reader.wrong(self.node, format!("`{name}` is missing here"), format!("add `{name}: …`"));
                None
            }),
        }
    }

    /// The entries that no `take` asked for.
    pub(crate) fn rest(&self) -> impl Iterator<Item = (&'n Key, &'n Node)> + '_ {
        self.entries.iter().filter(|(key, _)| !self.known.contains(&key.text.as_str())).map(|(key, node)| (key, node))
    }

    /// Reports the keys that no `take` asked for.
    pub(crate) fn finish(self, reader: &mut Reader<'_>) {
        for (key, _) in self.rest() {
            let advice = nearest(&key.text, self.known.iter().copied()).map_or_else(
                || format!("known keys are {}", self.known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            reader.found.push(Diagnostic::new(
                &reader.key_place(key),
                format!("unknown key `{}`", key.text),
                advice,
            ));
        }
    }
}

/// Declares shapes: a struct, how it is read, and its JSON Schema.
macro_rules! shapes {
    ($( $(#[$doc:meta])* struct $name:ident { $( $(#[$field_doc:meta])* $field:ident : $ty:ty, )* } )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name { $( $(#[$field_doc])* pub $field: $ty, )* }

        impl $crate::source::Read for $name {
            fn read(node: &$crate::yaml::Node, reader: &mut $crate::source::Reader<'_>) -> Option<Self> {
                let mut fields = $crate::source::Fields::open(node, reader)?;
                $( let $field = fields.take::<$ty>(stringify!($field), reader); )*
                fields.finish(reader);
                Some(Self { $( $field: $field?, )* })
            }
        }
    )*};
}

/// Declares choices: words that stand for a value.
macro_rules! choices {
    ($( $(#[$doc:meta])* enum $name:ident { $( $(#[$choice_doc:meta])* $choice:ident = $word:literal, )* } )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, schemars::JsonSchema)]
        pub(crate) enum $name { $( $(#[$choice_doc])* #[schemars(rename = $word)] $choice, )* }

        impl $crate::source::Read for $name {
            fn read(node: &$crate::yaml::Node, reader: &mut $crate::source::Reader<'_>) -> Option<Self> {
                const WORDS: &[(&str, $name)] = &[$( ($word, $name::$choice), )*];
                $crate::source::choice(node, reader, WORDS)
            }
        }
    )*};
}
pub(crate) use {choices, shapes};

/// One of several words.
pub(crate) fn choice<T: Copy>(node: &Node, reader: &mut Reader<'_>, words: &[(&str, T)]) -> Option<T> {
    let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let Content::Scalar(text, _) = &node.content else {
        return reader.expected(node, &format!("one of {}", all.join(", ")), format!("write {}", all.join(" or ")));
    };
    if let Some((_, value)) = words.iter().find(|(word, _)| word == text) {
        return Some(*value);
    }
    let advice = nearest(text, all.iter().copied())
        .map_or_else(|| format!("write {}", all.join(" or ")), |near| format!("did you mean `{near}`?"));
    reader.wrong(node, format!("`{text}` is not one of {}", all.join(", ")), advice);
    None
}
