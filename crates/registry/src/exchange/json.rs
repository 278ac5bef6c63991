//! Records as JSON. Integers and years are numbers; money and decimals are texts with all their digits (`"1234.50"`),
//! so that no reader rounds them; days are `2016-01-31`, codes themselves, quarters `2016Q1`.

use bangfu_policy::model::{Entity, Field, FieldType, Pack, Register, RegisterKind, Value};
use bangfu_policy::value::format;
use bangfu_store::{Record, Row};
use serde_json::{Map, Value as Json, json};

/// A stored value; secret ones as the store gave them.
pub fn value(pack: &Pack, field: &Field, value: Option<&Value>) -> Json {
    match (value, field.ty) {
        (None, _) => Json::Null,
        (Some(Value::Boolean(truth)), _) => json!(truth),
        (Some(Value::Integer(number)), FieldType::Integer | FieldType::Year) => json!(number),
        (Some(value), ty) => json!(format(value, ty, pack)),
    }
}

/// The address of a record below its register: its key, or `~` and its id.
pub fn address(register: &Register, record: &Record) -> String {
    match register.key.and_then(|key| record.values.get(usize::from(key))) {
        Some(Some(Value::Text(key))) => key.clone(),
        _ => format!("~{}", record.id.0),
    }
}

/// The period of a record as text or number: 2016, `2016Q1`; nothing for registers without.
pub fn period(kind: RegisterKind, period: Option<i32>) -> Json {
    match (kind, period) {
        (_, None) => Json::Null,
        (RegisterKind::Quarterly, Some(period)) => json!(format!("{}Q{}", period / 10, period % 10)),
        (_, Some(period)) => json!(period),
    }
}

/// A record with what it belongs to.
pub fn record(pack: &Pack, register: &Register, row: &Row) -> Json {
    let record = &row.record;
    let values = register.fields.iter().zip(&record.values);
    let fields: Map<String, Json> =
        values.map(|(field, stored)| (field.id.clone(), value(pack, field, stored.as_ref()))).collect();
    let mut written = Map::new();
    let mut put = |name: &str, value: Json| written.insert(name.to_owned(), value);
    put("id", json!(record.id.0));
    put("address", json!(address(register, record)));
    put("register", json!(register.id));
    put("version", json!(record.version));
    put("division", json!(record.division));
    if matches!(register.parent, Entity::Register(_)) {
        put("parent", json!(row.owner));
    }
    if register.columns.period.is_some() {
        put("period", period(register.kind, record.period));
    }
    put("fields", Json::Object(fields));
    Json::Object(written)
}
