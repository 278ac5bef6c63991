//! Registers of the pack: which there are, and what their records consist of.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use bangfu_policy::model::{Entity, FieldType, Pack, Register};
use bangfu_policy::value::{format_date, format_number};
use bangfu_registry::views::reference;
use serde_json::{Value, json};

use super::{Answer, ROOT, register};
use crate::site::Shared;
use crate::site::visit::Visit;

/// All registers.
pub async fn index(site: Shared, _visit: Visit) -> Response {
    let registers: Vec<_> = site.pack.registers.iter().map(|register| head(&site.pack, register)).collect();
    Json(json!({ "registers": registers })).into_response()
}

/// One register with its fields.
pub async fn one(site: Shared, _visit: Visit, Path(id): Path<String>) -> Answer {
    let (_, register) = register(&site.pack, &id)?;
    let mut described = head(&site.pack, register);
    if let Some(described) = described.as_object_mut() {
        let fields: Vec<_> = register.fields.iter().map(|field| self::field(&site.pack, field)).collect();
        described.insert("fields".to_owned(), json!(fields));
    }
    Ok(Json(described).into_response())
}

fn head(pack: &Pack, register: &Register) -> Value {
    let name = |field: Option<u16>| field.and_then(|n| register.fields.get(usize::from(n))).map(|field| &field.id);
    json!({
        "id": register.id,
        "title": register.title,
        "kind": reference::kind_word(register.kind),
        "of": pack.entity_id(register.parent),
        "of_register": matches!(register.parent, Entity::Register(_)),
        "key": name(register.key),
        "label": name(register.label),
        "clauses": register.clauses,
        "kept_by_system": register.kept_by_system(),
        "records": format!("{ROOT}/registers/{}/records", register.id),
    })
}

/// A type as packs write it.
fn type_name(pack: &Pack, ty: FieldType) -> String {
    match ty {
        FieldType::Integer => "integer".to_owned(),
        FieldType::Decimal(scale) => format!("decimal({scale})"),
        FieldType::Code(list) => format!("code({})", pack.codes.get(list.index()).map_or("", |list| &list.id)),
        FieldType::Reference(to) => {
            format!("reference({})", pack.registers.get(to.index()).map_or("", |to| &to.id))
        }
        other => reference::type_word(other).replace('-', "_"),
    }
}

fn field(pack: &Pack, field: &bangfu_policy::model::Field) -> Value {
    let bound = |bound: Option<i64>| {
        bound.map(|bound| match field.ty {
            FieldType::Date => format_date(bound),
            FieldType::Money => format_number(bound, 2),
            FieldType::Decimal(scale) => format_number(bound, scale),
            _ => bound.to_string(),
        })
    };
    let codes = match field.ty {
        FieldType::Code(list) => pack.codes.get(list.index()).map(|list| &list.values),
        _ => None,
    };
    let codes: Option<Vec<_>> =
        codes.map(|codes| codes.iter().map(|code| json!({ "code": code.code, "label": code.label })).collect());
    json!({
        "id": field.id,
        "title": field.title,
        "type": type_name(pack, field.ty),
        "required": field.required,
        "unique": field.unique,
        "secret": field.secret,
        "pattern": field.pattern.as_ref().map(bangfu_policy::pattern::Pattern::text),
        "minimum": bound(field.min),
        "maximum": bound(field.max),
        "codes": codes,
        "help": field.help,
    })
}
