//! A value as its column keeps it, and as the journal writes it.
//!
//! The journal writes values as exports do (`2016-01-31`, `1234.50`, codes themselves). Those of secret fields stand there
//! sealed, as in their column, so that a change can be undone and a removed record restored.

use bangfu_policy::model::{Field, FieldType, Pack, Value};
use bangfu_policy::value::{format, parse};
use serde_json::{Value as Json, json};

use crate::StoreError;
use crate::database::{Argument, Row};
use crate::secrets::SecretKeys;

/// Member of a journal's value that holds a sealed text.
const SEALED: &str = "sealed";

/// What stands in a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kept {
    Null,
    Integer(i64),
    Text(String),
    Sealed(Vec<u8>),
}

impl Kept {
    /// A value as it will be kept.
    pub(crate) fn of(pack: &Pack, secrets: &SecretKeys, field: &Field, value: Option<&Value>) -> Self {
        match value {
            None => Self::Null,
            Some(Value::Text(text)) if field.secret => secrets.seal(&field.id, text).map_or(Self::Null, Self::Sealed),
            Some(value) if matches!(field.ty, FieldType::Code(_)) => Self::Text(format(value, field.ty, pack)),
            Some(Value::Text(text)) => Self::Text(text.clone()),
            Some(Value::Boolean(truth)) => Self::Integer(i64::from(*truth)),
            Some(Value::Integer(number)) => Self::Integer(*number),
        }
    }

    /// What a row keeps.
    pub(crate) fn of_row(field: &Field, row: &Row) -> Result<Self, StoreError> {
        let id = field.id.as_str();
        Ok(if field.secret {
            row.try_get::<Option<Vec<u8>>, _>(id)?.map_or(Self::Null, Self::Sealed)
        } else if field.ty.is_text() || matches!(field.ty, FieldType::Code(_)) {
            row.try_get::<Option<String>, _>(id)?.map_or(Self::Null, Self::Text)
        } else {
            row.try_get::<Option<i64>, _>(id)?.map_or(Self::Null, Self::Integer)
        })
    }

    /// As the journal writes it.
    pub(crate) fn json(&self, pack: &Pack, field: &Field) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Text(text) => json!(text),
            Self::Sealed(bytes) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                json!({ SEALED: hex })
            }
            Self::Integer(number) if field.ty == FieldType::Boolean => json!((*number != 0).to_string()),
            Self::Integer(number) => json!(format(&Value::Integer(*number), field.ty, pack)),
        }
    }

    /// What the journal wrote.
    pub(crate) fn of_json(pack: &Pack, field: &Field, written: &Json) -> Result<Self, StoreError> {
        let unreadable = || StoreError::Journalled { field: field.id.clone(), value: written.to_string() };
        if written.is_null() {
            return Ok(Self::Null);
        }
        if let Some(hex) = written.get(SEALED).and_then(Json::as_str) {
            let pair = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
            let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(pair).collect();
            return bytes.filter(|_| field.secret).map(Self::Sealed).ok_or_else(unreadable);
        }
        // Before 2026.1 the journal did not keep secret values: they cannot be brought back.
        let text = written.as_str().filter(|_| !field.secret).ok_or_else(unreadable)?;
        if field.ty.is_text() {
            return Ok(Self::Text(text.to_owned()));
        }
        match parse(text, field.ty, pack, "").map_err(|_| unreadable())? {
            Value::Text(_) => Ok(Self::Text(text.to_owned())),
            Value::Integer(_) if matches!(field.ty, FieldType::Code(_)) => Ok(Self::Text(text.to_owned())),
            Value::Integer(number) => Ok(Self::Integer(number)),
            Value::Boolean(truth) => Ok(Self::Integer(i64::from(truth))),
        }
    }

    /// As an argument of a statement.
    pub(crate) fn argument(self, field: &Field) -> Argument {
        match self {
            Self::Null if field.secret => Argument::Bytes(None),
            Self::Null if field.ty.is_text() || matches!(field.ty, FieldType::Code(_)) => Argument::Text(None),
            Self::Null => Argument::Integer(None),
            Self::Integer(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::Sealed(bytes) => bytes.into(),
        }
    }
}
