//! The shapes of a pack's records as JSON Schema (2020-12, as OpenAPI 3.1 takes it), in the writing of [`super::json`].

use bangfu_policy::model::{Entity, Field, FieldType, Pack, Register, RegisterKind, text_in};
use bangfu_policy::value::{format_date, format_number};
use serde_json::{Map, Value as Json, json};

use crate::views::figures::Language;

/// A schema that stands among the components.
pub fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object all of whose members are there, and no others.
pub fn object(properties: Json) -> Json {
    let required: Vec<String> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// `codes.<list>`, and for every register `record.<id>` (as it is read), `page.<id>`, `new.<id>` and `change.<id>` (as
/// it is written).
pub fn components(pack: &Pack, language: Language) -> Map<String, Json> {
    let mut all = Map::new();
    for list in &pack.codes {
        let codes: Vec<_> = list.values.iter().map(|code| code.code.as_str()).collect();
        let labels: Vec<_> =
            list.values.iter().map(|code| format!("{} {}", code.code, text_in(&code.label, language.id()))).collect();
        let schema = json!({
            "type": "string", "title": text_in(&list.title, language.id()), "description": labels.join("; "),
            "enum": codes,
        });
        all.insert(format!("codes.{}", list.id), schema);
    }
    for register in &pack.registers {
        all.insert(format!("record.{}", register.id), record(pack, register, language));
        all.insert(format!("page.{}", register.id), page(&register.id));
        all.insert(format!("new.{}", register.id), new(pack, register, language));
        all.insert(format!("change.{}", register.id), change(pack, register, language));
    }
    all
}

fn page(id: &str) -> Json {
    let mut page = object(json!({
        "records": { "type": "array", "items": reference(&format!("record.{id}")) },
        "next": { "type": ["string", "null"], "description": "Address of the next page." },
    }));
    if let Some(properties) = page.get_mut("properties").and_then(Json::as_object_mut) {
        let total =
            json!({ "type": "integer", "minimum": 0, "description": "All that match; only with `count=true`." });
        properties.insert("total".to_owned(), total);
    }
    page
}

fn record(pack: &Pack, register: &Register, language: Language) -> Json {
    let fields: Map<String, Json> =
        register.fields.iter().map(|field| (field.id.clone(), read(pack, field, language))).collect();
    let mut properties = Map::new();
    properties.insert("id".to_owned(), json!({ "type": "integer" }));
    let words = "Key, or `~` and the id: the last part of the record's address.";
    properties.insert("address".to_owned(), json!({ "type": "string", "description": words }));
    properties.insert("register".to_owned(), json!({ "type": "string", "const": register.id }));
    let words = "Grows with every change; part of the ETag.";
    properties.insert("version".to_owned(), json!({ "type": "integer", "minimum": 1, "description": words }));
    properties.insert("division".to_owned(), division());
    owner(pack, register, language, &mut properties, false);
    properties.insert("fields".to_owned(), object(Json::Object(fields)));
    let mut schema = object(Json::Object(properties));
    title(&mut schema, text_in(&register.title, language.id()));
    schema
}

fn title(schema: &mut Json, title: &str) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), json!(title));
    }
}

fn division() -> Json {
    json!({ "type": "string", "pattern": "^[0-9]*$", "description": "Code of the division." })
}

/// What a record belongs to, and its period.
fn owner(pack: &Pack, register: &Register, language: Language, properties: &mut Map<String, Json>, written: bool) {
    let above = pack.entity_title(register.parent).map(|title| text_in(title, language.id())).unwrap_or_default();
    match register.parent {
        Entity::Register(_) => {
            let schema = json!({ "type": "string", "title": above, "description": "Key of the record above." });
            properties.insert("parent".to_owned(), schema);
        }
        Entity::Level(_) if written => {
            properties.insert("division".to_owned(), division());
        }
        Entity::Level(_) => {}
    }
    let period = match register.kind {
        RegisterKind::Yearly { .. } => json!({ "type": "integer", "minimum": 1900, "maximum": 2200 }),
        RegisterKind::Quarterly => json!({ "type": "string", "pattern": "^[0-9]{4}Q[1-4]$" }),
        _ => return,
    };
    properties.insert("period".to_owned(), period);
}

/// A field as it is read: anything may be missing, and old values may break rules that came later.
fn read(pack: &Pack, field: &Field, language: Language) -> Json {
    let mut schema = described(pack, field, language);
    let ty = match field.ty {
        FieldType::Code(list) if !field.secret => {
            let codes = pack.codes.get(list.index()).map_or("", |list| &list.id);
            schema.insert("anyOf".to_owned(), json!([reference(&format!("codes.{codes}")), { "type": "null" }]));
            return Json::Object(schema);
        }
        FieldType::Integer | FieldType::Year => "integer",
        FieldType::Boolean => "boolean",
        _ => "string",
    };
    schema.insert("type".to_owned(), json!([ty, "null"]));
    match field.ty {
        FieldType::Date => {
            schema.insert("format".to_owned(), json!("date"));
        }
        FieldType::Money => {
            schema.insert("pattern".to_owned(), json!(decimal(2, true)));
        }
        FieldType::Decimal(scale) => {
            schema.insert("pattern".to_owned(), json!(decimal(scale, true)));
        }
        _ => {}
    }
    Json::Object(schema)
}

/// Pattern of a decimal: with all digits, or with at most so many.
fn decimal(scale: u8, all: bool) -> String {
    if all { format!(r"^-?[0-9]+\.[0-9]{{{scale}}}$") } else { format!(r"^-?[0-9]+(\.[0-9]{{1,{scale}}})?$") }
}

fn described(pack: &Pack, field: &Field, language: Language) -> Map<String, Json> {
    let mut schema = Map::new();
    schema.insert("title".to_owned(), json!(text_in(&field.title, language.id())));
    let mut words: Vec<String> = field.help.iter().map(|help| text_in(help, language.id()).to_owned()).collect();
    match field.ty {
        FieldType::Money => words.push(format!("{}.", pack.policy.currency_code)),
        FieldType::Reference(to) => {
            words.extend(pack.registers.get(to.index()).map(|to| format!("Key of a record of `{}`.", to.id)));
        }
        _ => {}
    }
    if field.secret {
        words.push("Secret: masked when read.".to_owned());
    }
    if !words.is_empty() {
        schema.insert("description".to_owned(), json!(words.join(" ")));
    }
    schema
}

/// A field as it is written, with the rules that a value must keep; `null` empties it.
fn write(pack: &Pack, field: &Field, language: Language) -> Json {
    let mut schema = described(pack, field, language);
    if let FieldType::Code(list) = field.ty {
        let codes = reference(&format!("codes.{}", pack.codes.get(list.index()).map_or("", |list| &list.id)));
        let any = if field.required { json!([codes]) } else { json!([codes, { "type": "null" }]) };
        schema.insert("anyOf".to_owned(), any);
        return Json::Object(schema);
    }
    let ty = match field.ty {
        FieldType::Integer | FieldType::Year => "integer",
        FieldType::Boolean => "boolean",
        _ => "string",
    };
    schema.insert("type".to_owned(), if field.required { json!(ty) } else { json!([ty, "null"]) });
    let mut note = |name: &str, value: Json| schema.insert(name.to_owned(), value);
    match field.ty {
        FieldType::Date => {
            note("format", json!("date"));
        }
        FieldType::Money => {
            note("pattern", json!(decimal(2, false)));
        }
        FieldType::Decimal(scale) => {
            note("pattern", json!(decimal(scale, false)));
        }
        _ => {}
    }
    if let Some(pattern) = &field.pattern {
        note("pattern", json!(format!("^(?:{})$", pattern.text())));
    }
    for (plain, other, bound) in [("minimum", "x-minimum", field.min), ("maximum", "x-maximum", field.max)] {
        let Some(bound) = bound else { continue };
        // Bounds of what is written as text are for people: JSON Schema compares numbers only.
        match field.ty {
            FieldType::Date => note(other, json!(format_date(bound))),
            FieldType::Money => note(other, json!(format_number(bound, 2))),
            FieldType::Decimal(scale) => note(other, json!(format_number(bound, scale))),
            _ => note(plain, json!(bound)),
        };
    }
    Json::Object(schema)
}

fn reason() -> Json {
    json!({ "type": "string", "minLength": 1, "description": "Why; stands in the journal." })
}

fn new(pack: &Pack, register: &Register, language: Language) -> Json {
    let fields: Map<String, Json> =
        register.fields.iter().map(|field| (field.id.clone(), write(pack, field, language))).collect();
    let required: Vec<_> = register.fields.iter().filter(|field| field.required).map(|field| &field.id).collect();
    let mut properties = Map::new();
    owner(pack, register, language, &mut properties, true);
    properties.insert("reason".to_owned(), reason());
    let fields = json!({ "type": "object", "properties": fields, "required": required, "additionalProperties": false });
    properties.insert("fields".to_owned(), fields);
    object(Json::Object(properties))
}

/// The body of a request that removes a record.
pub fn removal() -> Json {
    object(json!({ "reason": reason() }))
}

fn change(pack: &Pack, register: &Register, language: Language) -> Json {
    let fields: Map<String, Json> =
        register.fields.iter().map(|field| (field.id.clone(), write(pack, field, language))).collect();
    let fields = json!({ "type": "object", "properties": fields, "additionalProperties": false, "minProperties": 1 });
    object(json!({ "fields": fields, "reason": reason() }))
}
