//! YAML documents beside the pack (demo data, mappings) as plain values, for `serde` to read.

#![expect(clippy::result_large_err, reason = "a file is refused once, not in a hot loop")]

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::model::Place;

/// Deepest nesting that is read.
const MOST_NESTING: usize = 64;

/// The first document of a YAML text as a JSON value; keys become texts.
///
/// # Errors
/// The text is not YAML, or nested too deeply.
pub fn parse(file: &str, text: &str) -> Result<Value, Diagnostic> {
    let place = |line, column| Place { file: file.to_owned(), line, column };
    let documents = Yaml::load_from_str(text).map_err(|error| {
        let marker = error.marker();
        Diagnostic::new(
            &place(marker.line(), marker.col() + 1),
            format!("this is not YAML: {}", error.info()),
            "check indentation, colons and quotes around this line".to_owned(),
        )
    })?;
    let Some(document) = documents.first() else { return Ok(Value::Null) };
    value(document, MOST_NESTING).ok_or_else(|| {
        Diagnostic::new(
            &place(1, 1),
            format!("the document is nested deeper than {MOST_NESTING} levels"),
            "flatten it".to_owned(),
        )
    })
}

fn value(node: &Yaml<'_>, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    Some(match node {
        Yaml::Value(scalar) => scalar_value(scalar),
        Yaml::Sequence(items) => Value::Array(items.iter().map(|item| value(item, depth)).collect::<Option<_>>()?),
        Yaml::Mapping(entries) => {
            let entry = |(key, item): (&Yaml<'_>, &Yaml<'_>)| Some((key_text(key)?, value(item, depth)?));
            Value::Object(entries.iter().map(entry).collect::<Option<_>>()?)
        }
        Yaml::Tagged(_, inner) => value(inner, depth)?,
        Yaml::Representation(text, ..) => Value::String(text.to_string()),
        Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    })
}

fn key_text(key: &Yaml<'_>) -> Option<String> {
    Some(match value(key, 1)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(truth) => Value::Bool(*truth),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => Value::from(number.into_inner()),
        Scalar::String(text) => Value::String(text.to_string()),
    }
}
