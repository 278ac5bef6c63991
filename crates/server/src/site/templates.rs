//! Templates of the site: all parsed at start, undefined names are errors.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use minijinja::value::{Kwargs, Rest};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value};
use rust_embed::RustEmbed;

use super::assets::Assets;
use super::texts::Texts;

#[derive(RustEmbed)]
#[folder = "templates"]
struct Files;

/// Parses every template and gives them the functions `t` (a text of the site), `asset` and `link`.
pub fn environment(texts: Arc<Texts>, assets: Arc<Assets>) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_function("t", move |state: &State, key: &str, arguments: Kwargs| {
        let lang = state.lookup("lang");
        let language = texts.language(lang.as_ref().and_then(Value::as_str).unwrap_or_default());
        let mut list = Vec::new();
        for name in arguments.args() {
            let value: Value = arguments.get(name)?;
            list.push((name, value.to_string()));
        }
        Ok::<String, Error>(texts.get(language, key, &list))
    });
    environment.add_function("asset", move |name: &str| safe(&assets.address(name).unwrap_or_default()));
    environment.add_function("link", link);
    environment.add_filter("url", |text: &str| encode(text));
    for name in Files::iter() {
        let file = Files::get(&name)
            .ok_or_else(|| Error::new(ErrorKind::TemplateNotFound, format!("template {name} is not embedded")))?;
        let source = String::from_utf8(file.data.into_owned())
            .map_err(|e| Error::new(ErrorKind::SyntaxError, format!("template {name} is not UTF-8: {e}")))?;
        environment.add_template_owned(name.into_owned(), source)?;
    }
    Ok(environment)
}

/// `link(path, a=1, b=none)` → `path?a=1`, always with the division of the page unless it is given.
fn link(state: &State, path: &str, rest: Rest<Value>, arguments: Kwargs) -> Result<Value, Error> {
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    let division = state.lookup("division_param").and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    if !division.is_empty() {
        query.insert("division".to_owned(), division);
    }
    // A map given as second argument is the current query, which the named arguments then change.
    for map in rest.iter() {
        for key in map.try_iter()? {
            let value = map.get_item(&key)?;
            query.insert(key.to_string(), value.to_string());
        }
    }
    for name in arguments.args() {
        let value: Value = arguments.get(name)?;
        if value.is_none() || value.is_undefined() {
            query.remove(name);
        } else {
            query.insert(name.to_owned(), value.to_string());
        }
    }
    query.retain(|_, value| !value.is_empty());
    if query.is_empty() {
        return Ok(safe(path));
    }
    let pairs: Vec<String> = query.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
    Ok(safe(&format!("{path}?{}", pairs.join("&"))))
}

/// An address as the text of an attribute: slashes stay slashes, what could end the attribute does not pass.
fn safe(address: &str) -> Value {
    let mut out = String::with_capacity(address.len() + 8);
    for c in address.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    Value::from_safe_string(out)
}

/// Percent-encoding of everything that is not unreserved.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a text does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
