//! Values for templates, from anything that serde can write.

use minijinja::Value;
use serde::Serialize;

/// A serialisable value as templates see it; `null` becomes none.
pub fn value(from: &impl Serialize) -> Value {
    // View models are plain structs of texts, numbers and lists: writing them to JSON does not fail.
    serde_json::to_value(from).map_or_else(|_| Value::from(()), convert)
}

fn convert(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(b),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Value::from(i),
            (None, Some(f)) => Value::from(f),
            (None, None) => Value::from(n.to_string()),
        },
        Json::String(s) => Value::from(s),
        Json::Array(list) => list.into_iter().map(convert).collect::<Vec<Value>>().into(),
        Json::Object(map) => Value::from_pairs(map.into_iter().map(|(key, value)| (key, convert(value)))),
    }
}

/// A map for a template: `own! { title, rows => list }`.
macro_rules! own {
    (@ $name:ident) => { $crate::site::own::value(&$name) };
    (@ $name:ident $value:expr) => { $crate::site::own::value(&$value) };
    ($($name:ident $(=> $value:expr)?),* $(,)?) => {
        minijinja::Value::from_pairs([$((stringify!($name), own!(@ $name $($value)?))),*])
    };
}
pub(crate) use own;
