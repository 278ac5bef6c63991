//! Scalars, texts and maps of named things.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Read, Reader};
use crate::model::{Place, Text};
use crate::value;
use crate::yaml::{Content, Kind, Node};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// The name of something else in the pack.
pub(crate) type Ref = Spanned<String>;
/// Clause ids.
pub(crate) type Clauses = Option<Vec<Ref>>;

impl<T: Read> Read for Spanned<T> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let place = reader.place(node);
        T::read(node, reader).map(|value| Self { value, place })
    }
}

impl Read for String {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::Scalar(text, Kind::Text) => Some(text.clone()),
            Content::Scalar(text, _) => reader.expected(node, "a text", format!("put it in quotes: \"{text}\"")),
            _ => reader.expected(node, "a text", "write one text"),
        }
    }
}

impl Read for bool {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::Scalar(text, Kind::Truth) => Some(text == "true"),
            _ => reader.expected(node, "true or false", "write true or false, without quotes"),
        }
    }
}

impl Read for u8 {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::Scalar(text, Kind::Number) if text.parse::<Self>().is_ok() => text.parse().ok(),
            _ => reader.expected(node, "a whole number from 0 to 255", "write digits, without quotes"),
        }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Content::List(items) = &node.content else {
            return reader.expected(node, "a list", "write [a, b] or one `- item` per line");
        };
        // Every item is read, so that all that is wrong is found.
        let read: Vec<Option<T>> = items.iter().map(|item| T::read(item, reader)).collect();
        read.into_iter().collect()
    }
}

/// Any scalar as text: versions, sources, deadlines.
#[derive(Clone, Debug)]
pub(crate) struct Plain(pub String);

impl Read for Plain {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::Scalar(text, _) => Some(Self(text.clone())),
            _ => reader.expected(node, "a text or number", "write one value"),
        }
    }
}

/// A value whose type depends on what it is for.
#[derive(Clone, Debug)]
pub(crate) struct Literal {
    /// As written.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

impl Read for Literal {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::Scalar(text, _) => Some(Self { text: text.clone(), place: reader.place(node) }),
            _ => reader.expected(node, "a value", "write a number, date, code, true or false"),
        }
    }
}

/// A formula and where its text begins.
#[derive(Clone, Debug)]
pub(crate) struct Formula {
    /// Text.
    pub text: String,
    /// First character.
    pub place: Place,
}

impl Read for Formula {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::Scalar(text, _) => Some(Self { text: text.clone(), place: reader.place(node) }),
            _ => reader.expected(
                node,
                "a formula",
                "write one expression; put it in quotes, or below `|`, if it contains `: ` or begins with a bracket",
            ),
        }
    }
}

/// A date, as days since 1970-01-01.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day(pub i32);

impl Read for Day {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let day = match &node.content {
            Content::Scalar(text, _) => value::iso_date(text),
            _ => None,
        };
        match day {
            Some(day) => Some(Self(day)),
            None => reader.expected(node, "a date", "write an existing day as year-month-day, such as 2016-01-31"),
        }
    }
}

/// A text in every language of the pack.
#[derive(Clone, Debug)]
pub(crate) struct Words(pub Text);

impl Read for Words {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let AnyWords(text) = AnyWords::read(node, reader)?;
        let missing: Vec<_> =
            reader.languages.iter().filter(|language| !text.contains_key(*language)).map(String::as_str).collect();
        if missing.is_empty() {
            return Some(Self(text));
        }
        let advice = format!("add `{}: …`; every text has all languages of the pack", missing.join(": …, "));
        reader.wrong(node, format!("the text has no {}", missing.join(" and no ")), advice);
        None
    }
}

/// A text in some languages of the pack.
#[derive(Clone, Debug)]
pub(crate) struct AnyWords(pub Text);

impl Read for AnyWords {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let languages = reader.languages.join(", ");
        let Content::Map(entries) = &node.content else {
            let advice = "write one text per language, such as {zh: 户, en: Household}";
            return reader.expected(node, "a text by language", advice);
        };
        let mut text = Text::new();
        let mut complete = true;
        for (key, words) in entries {
            if !reader.languages.is_empty() && !reader.languages.contains(&key.text) {
                let place = reader.key_place(key);
                reader.found.push(crate::diagnostic::Diagnostic::new(
                    &place,
                    format!("`{}` is not a language of the pack", key.text),
                    format!("its languages are {languages}; they are listed at `policy.languages`"),
                ));
                complete = false;
            }
            match String::read(words, reader) {
                Some(words) => {
                    text.insert(key.text.clone(), words);
                }
                None => complete = false,
            }
        }
        complete.then_some(Self(text))
    }
}

/// A map from ids to definitions, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Named<T>(pub Vec<(Ref, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Read> Read for Named<T> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Content::Map(entries) = &node.content else {
            return reader.expected(node, "a map from ids to definitions", "write `id: …` lines below, indented");
        };
        let read: Vec<Option<(Ref, T)>> = entries
            .iter()
            .map(|(key, node)| {
                let id = Spanned { value: key.text.clone(), place: reader.key_place(key) };
                T::read(node, reader).map(|value| (id, value))
            })
            .collect();
        // What could not be read has been noted; the rest is kept, so that it does not look undefined.
        Some(Self(read.into_iter().flatten().collect()))
    }
}

/// One name or a list of names.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany(pub Vec<Ref>);

impl Read for OneOrMany {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::List(_) => Vec::read(node, reader).map(Self),
            _ => Ref::read(node, reader).map(|one| Self(vec![one])),
        }
    }
}

/// A part whose meaning depends on the registers of the pack.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The part as written.
    pub node: Node,
    /// The file it stands in.
    pub file: String,
}

impl Read for Tree {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.content {
            Content::Map(_) => Some(Self { node: node.clone(), file: reader.file.to_owned() }),
            _ => reader.expected(node, "a map from entities to records", "write `household: {…}` below"),
        }
    }
}

macro_rules! schema_of {
    ($($ty:ty => $schema:tt),* $(,)?) => {$(
        impl JsonSchema for $ty {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($ty).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema { json_schema!($schema) }
        }
    )*};
}

schema_of! {
    Plain => { "type": ["string", "number", "boolean"] },
    Literal => { "type": ["string", "number", "boolean"] },
    Formula => { "type": ["string", "number", "boolean"], "description": "A formula, see the chapter Formulas of the format." },
    Day => { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "A date, year-month-day." },
    Words => { "type": "object", "additionalProperties": { "type": "string" }, "minProperties": 1, "description": "A text in every language of the pack." },
    AnyWords => { "type": "object", "additionalProperties": { "type": "string" }, "description": "A text in some languages of the pack." },
    OneOrMany => { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
    Tree => { "type": "object", "description": "Records by entity: a map, or a list of maps." },
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<BTreeMap<String, T>>()
    }
}
