//! Whether JSON fits a schema: the part of JSON Schema 2020-12 that the interface uses, and nothing is passed over.

use std::collections::HashMap;

use regex::Regex;
use serde_json::Value as Json;

/// Schemas of a document, with their patterns compiled once.
pub(crate) struct Shapes<'d> {
    document: &'d Json,
    patterns: HashMap<String, Regex>,
}

impl<'d> Shapes<'d> {
    pub(crate) fn new(document: &'d Json) -> Self {
        Self { document, patterns: HashMap::new() }
    }

    /// The schema that a `$ref` names.
    pub(crate) fn target(&self, reference: &str) -> Option<&'d Json> {
        self.document.pointer(reference.strip_prefix('#')?)
    }

    /// Panics with the place where the value does not fit.
    pub(crate) fn check(&mut self, schema: &Json, value: &Json, place: &str) {
        if let Err(words) = self.fits(schema, value, place) {
            panic!("{words}");
        }
    }

    /// Whether the value fits; if not, where and why.
    pub(crate) fn fits(&mut self, schema: &Json, value: &Json, place: &str) -> Result<(), String> {
        let schema = schema.as_object().ok_or_else(|| format!("{place}: the schema is no object"))?;
        let wrong = |words: &str| Err(format!("{place}: {value} {words}"));
        for (keyword, rule) in schema {
            match keyword.as_str() {
                "$ref" => {
                    let target = self.target(rule.as_str().unwrap()).ok_or_else(|| format!("{place}: {rule}"))?;
                    self.fits(target, value, place)?;
                }
                "type" => {
                    let one = |name: &Json| match name.as_str().unwrap() {
                        "null" => value.is_null(),
                        "boolean" => value.is_boolean(),
                        "integer" => value.is_i64() || value.is_u64(),
                        "number" => value.is_number(),
                        "string" => value.is_string(),
                        "array" => value.is_array(),
                        "object" => value.is_object(),
                        other => panic!("{place}: type {other}"),
                    };
                    if !rule.as_array().map_or_else(|| one(rule), |list| list.iter().any(one)) {
                        return wrong(&format!("is not {rule}"));
                    }
                }
                "enum" if !rule.as_array().unwrap().contains(value) => return wrong("is not in the list"),
                "const" if rule != value => return wrong(&format!("is not {rule}")),
                "anyOf" => {
                    let mut all = rule.as_array().unwrap().iter();
                    if !all.any(|one| self.fits(one, value, place).is_ok()) {
                        return wrong("is none of several");
                    }
                }
                "pattern" => {
                    let text = rule.as_str().unwrap().to_owned();
                    let make = || Regex::new(&text).unwrap();
                    let pattern = self.patterns.entry(text.clone()).or_insert_with(make);
                    if value.as_str().is_some_and(|value| !pattern.is_match(value)) {
                        return wrong(&format!("does not match {rule}"));
                    }
                }
                "format" => {
                    let like = match rule.as_str().unwrap() {
                        "date" => r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                        "date-time" => r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$",
                        other => panic!("{place}: format {other}"),
                    };
                    if value.as_str().is_some_and(|value| !Regex::new(like).unwrap().is_match(value)) {
                        return wrong(&format!("is no {rule}"));
                    }
                }
                "minimum" if value.as_f64() < rule.as_f64() && value.is_number() => return wrong("is too small"),
                "maximum" if value.as_f64() > rule.as_f64() && value.is_number() => return wrong("is too large"),
                "minLength" if value.as_str().is_some_and(str::is_empty) => return wrong("is empty"),
                "minProperties" if value.as_object().is_some_and(serde_json::Map::is_empty) => {
                    return wrong("is empty");
                }
                "required" => {
                    for name in rule.as_array().unwrap() {
                        if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                            return wrong(&format!("has no {name}"));
                        }
                    }
                }
                "properties" => {
                    for (name, own) in rule.as_object().unwrap() {
                        if let Some(value) = value.get(name) {
                            self.fits(own, value, &format!("{place}.{name}"))?;
                        }
                    }
                }
                "additionalProperties" => {
                    let known = schema.get("properties").and_then(Json::as_object);
                    for (name, value) in value.as_object().into_iter().flatten() {
                        if known.is_some_and(|known| known.contains_key(name)) {
                            continue;
                        }
                        if *rule == Json::Bool(false) {
                            return Err(format!("{place}: {name} is not described"));
                        }
                        self.fits(rule, value, &format!("{place}.{name}"))?;
                    }
                }
                "items" => {
                    for (n, value) in value.as_array().into_iter().flatten().enumerate() {
                        self.fits(rule, value, &format!("{place}[{n}]"))?;
                    }
                }
                "enum" | "const" | "minimum" | "maximum" | "minLength" | "minProperties" | "title" | "description"
                | "default" | "x-minimum" | "x-maximum" => {}
                other => panic!("{place}: the keyword {other} is not checked"),
            }
        }
        Ok(())
    }
}
