//! YAML documents beside the pack (demo data, mappings) as plain values, for `serde` to read.
#![expect(clippy::result_large_err, reason = "a file is refused once, not in a hot loop")]

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::yaml::{self, Content, Kind, Node};

/// The document of a YAML text as a JSON value; keys become texts.
///
/// # Errors
/// The text is not YAML, or too large, or nested too deeply.
pub fn parse(file: &str, text: &str) -> Result<Value, Diagnostic> {
    Ok(yaml::parse(file, text)?.map_or(Value::Null, value))
}

fn value(node: Node) -> Value {
    match node.content {
        Content::Nothing => Value::Null,
        Content::Scalar(text, Kind::Truth) => Value::Bool(text == "true"),
        Content::Scalar(text, Kind::Number) => number(&text).unwrap_or(Value::String(text)),
        Content::Scalar(text, Kind::Text) => Value::String(text),
        Content::List(items) => Value::Array(items.into_iter().map(value).collect()),
        Content::Map(entries) => {
            Value::Object(entries.into_iter().map(|(key, node)| (key.text, value(node))).collect::<Map<_, _>>())
        }
    }
}

fn number(text: &str) -> Option<Value> {
    let whole = text.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn documents_become_plain_values() {
        let text = "a: 1\nb: [1.5, true, ~, '01', text]\nc: {2015: x}\n";
        let value = parse("demo.yaml", text).unwrap();
        assert_eq!(value, serde_json::json!({"a": 1, "b": [1.5, true, null, "01", "text"], "c": {"2015": "x"}}));
        let refused = parse("demo.yaml", "a: [").unwrap_err();
        assert_eq!(refused.place.file, "demo.yaml");
    }
}
