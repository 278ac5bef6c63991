//! Registers as Frictionless data packages: `datapackage.json` with the Table Schema of every register.
//!
//! Columns are those of snapshots (`docs/snapshot-format.md`): the key of what a record belongs to, the period, then
//! every field that is not secret.

use bangfu_policy::model::{CodeListId, Entity, Field, FieldType, Pack, Register, RegisterId, RegisterKind, text_in};
use bangfu_policy::value::{format_date, format_number};
use serde_json::{Map, Value as Json, json};

use crate::views::figures::Language;

/// The resource that lists the divisions.
pub const DIVISIONS: &str = "division";

/// What a package holds.
pub struct Content<'a> {
    /// Its registers.
    pub registers: &'a [RegisterId],
    /// Whether all of their records are there, so that one may name any other.
    pub whole: bool,
    /// Language of the titles.
    pub language: Language,
}

/// A register and all that belongs to its records, each after what it belongs to.
pub fn family(pack: &Pack, register: RegisterId) -> Vec<RegisterId> {
    let mut found = vec![register];
    let mut at = 0;
    while let Some(above) = found.get(at).copied() {
        let below = pack.registers.iter().enumerate().filter(|(_, r)| r.parent == Entity::Register(above));
        found.extend(below.map(|(n, _)| RegisterId(n as u16)));
        at += 1;
    }
    found
}

/// Path of a register's CSV inside the package.
pub fn path(id: &str) -> String {
    format!("data/{id}.csv")
}

/// `datapackage.json`.
pub fn package(pack: &Pack, name: &str, content: &Content<'_>) -> Json {
    let mut resources = vec![divisions(pack, content.language)];
    resources.extend(content.registers.iter().filter_map(|id| resource(pack, *id, content)));
    json!({
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": name,
        "title": text_in(&pack.policy.title, content.language.id()),
        "version": pack.policy.version,
        "x-policy-hash": pack.hash,
        "resources": resources,
    })
}

fn divisions(pack: &Pack, language: Language) -> Json {
    let levels: Vec<_> = pack.levels.iter().map(|level| level.id.as_str()).collect();
    let titles: Vec<_> = pack
        .levels
        .iter()
        .map(|level| json!({ "value": level.id, "label": text_in(&level.title, language.id()) }))
        .collect();
    let fields = json!([
        { "name": "code", "type": "string", "constraints": { "required": true, "unique": true } },
        { "name": "name", "type": "string" },
        { "name": "name_en", "type": "string" },
        { "name": "level", "type": "string", "constraints": { "enum": levels }, "categories": titles },
        { "name": "parent", "type": "string" },
    ]);
    let schema = json!({
        "fields": fields,
        "primaryKey": ["code"],
        "foreignKeys": [{ "fields": ["parent"], "reference": { "resource": "", "fields": ["code"] } }],
        "missingValues": [""],
    });
    table(DIVISIONS, DIVISIONS, schema)
}

fn table(id: &str, title: &str, schema: Json) -> Json {
    json!({
        "name": id, "type": "table", "title": title, "path": path(id), "format": "csv",
        "mediatype": "text/csv", "encoding": "utf-8", "schema": schema,
    })
}

fn resource(pack: &Pack, id: RegisterId, content: &Content<'_>) -> Option<Json> {
    let register = pack.registers.get(id.index())?;
    let language = content.language.id();
    let mut fields = Vec::new();
    let mut foreign = Vec::new();
    if let Some(owner) = owner(register) {
        let mut required = Map::from_iter([("required".to_owned(), json!(true))]);
        if register.kind == RegisterKind::One {
            required.insert("unique".to_owned(), json!(true));
        }
        let title = pack.entity_title(register.parent).map(|title| text_in(title, language));
        fields.push(json!({ "name": owner, "type": "string", "title": title, "constraints": required }));
        let reference = match register.parent {
            Entity::Level(_) => Some((DIVISIONS, "code")),
            Entity::Register(above) => target(pack, above).filter(|_| content.registers.contains(&above)),
        };
        foreign.extend(reference.map(|to| foreign_key(owner, to)));
    }
    if let Some(period) = &register.columns.period {
        fields.push(json!({ "name": period, "type": "integer", "constraints": { "required": true } }));
    }
    for field in register.fields.iter().filter(|field| !field.secret) {
        fields.push(column(pack, field, language));
        match field.ty {
            FieldType::Reference(to) if content.whole && content.registers.contains(&to) => {
                foreign.extend(target(pack, to).map(|to| foreign_key(&field.id, to)));
            }
            FieldType::Division if content.whole => foreign.push(foreign_key(&field.id, (DIVISIONS, "code"))),
            _ => {}
        }
    }
    let mut schema = Map::new();
    schema.insert("fields".to_owned(), json!(fields));
    schema.insert("missingValues".to_owned(), json!([""]));
    let key = primary_key(register);
    if !key.is_empty() {
        schema.insert("primaryKey".to_owned(), json!(key));
    }
    if !foreign.is_empty() {
        schema.insert("foreignKeys".to_owned(), json!(foreign));
    }
    Some(table(&register.id, text_in(&register.title, language), Json::Object(schema)))
}

/// Column of what a record belongs to.
fn owner(register: &Register) -> Option<&str> {
    register.columns.parent.as_deref().or(register.columns.division.as_deref())
}

/// What identifies a record: its key, else what it belongs to and its period; nothing for many without key.
fn primary_key(register: &Register) -> Vec<&str> {
    let key = register.key.and_then(|key| register.fields.get(usize::from(key))).filter(|key| !key.secret);
    match (key, register.kind) {
        (Some(key), _) => vec![key.id.as_str()],
        (None, RegisterKind::Entity) => Vec::new(),
        (None, _) => owner(register).into_iter().chain(register.columns.period.as_deref()).collect(),
    }
}

/// Register and key column that others name.
fn target(pack: &Pack, register: RegisterId) -> Option<(&str, &str)> {
    let register = pack.registers.get(register.index())?;
    let key = register.fields.get(usize::from(register.key?))?;
    (!key.secret).then_some((register.id.as_str(), key.id.as_str()))
}

fn foreign_key(column: &str, (resource, key): (&str, &str)) -> Json {
    json!({ "fields": [column], "reference": { "resource": resource, "fields": [key] } })
}

fn column(pack: &Pack, field: &Field, language: &str) -> Json {
    let mut column = Map::new();
    column.insert("name".to_owned(), json!(field.id));
    column.insert("title".to_owned(), json!(text_in(&field.title, language)));
    if let Some(help) = &field.help {
        column.insert("description".to_owned(), json!(text_in(help, language)));
    }
    let ty = match field.ty {
        FieldType::Integer => "integer",
        FieldType::Year => "year",
        FieldType::Decimal(_) | FieldType::Money => "number",
        FieldType::Date => "date",
        FieldType::Boolean => "boolean",
        _ => "string",
    };
    column.insert("type".to_owned(), json!(ty));
    if field.ty == FieldType::Money {
        column.insert("x-currency".to_owned(), json!(pack.policy.currency_code));
    }
    let mut constraints = Map::new();
    if field.required {
        constraints.insert("required".to_owned(), json!(true));
    }
    if field.unique {
        constraints.insert("unique".to_owned(), json!(true));
    }
    if let Some(pattern) = &field.pattern {
        constraints.insert("pattern".to_owned(), json!(pattern.text()));
    }
    for (name, bound) in [("minimum", field.min), ("maximum", field.max)] {
        if let Some(bound) = bound {
            constraints.insert(name.to_owned(), limit(field.ty, bound));
        }
    }
    if let FieldType::Code(list) = field.ty {
        let (codes, labels) = choices(pack, list, language);
        constraints.insert("enum".to_owned(), json!(codes));
        column.insert("categories".to_owned(), json!(labels));
    }
    if !constraints.is_empty() {
        column.insert("constraints".to_owned(), Json::Object(constraints));
    }
    Json::Object(column)
}

/// A bound in the writing of the column's type.
fn limit(ty: FieldType, bound: i64) -> Json {
    match ty {
        FieldType::Date => json!(format_date(bound)),
        FieldType::Money => decimal(bound, 2),
        FieldType::Decimal(scale) => decimal(bound, scale),
        _ => json!(bound),
    }
}

/// A decimal as JSON number; as text where it is none.
fn decimal(units: i64, scale: u8) -> Json {
    let text = format_number(units, scale);
    serde_json::from_str(&text).unwrap_or(Json::String(text))
}

fn choices(pack: &Pack, list: CodeListId, language: &str) -> (Vec<Json>, Vec<Json>) {
    let values = pack.codes.get(list.index()).map(|list| list.values.as_slice()).unwrap_or_default();
    let label =
        |code: &bangfu_policy::model::Code| json!({ "value": code.code, "label": text_in(&code.label, language) });
    (values.iter().map(|code| json!(code.code)).collect(), values.iter().map(label).collect())
}
