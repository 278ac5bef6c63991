//! The JSON Schema of pack files, from the same shapes that read them.

use crate::source::FileSource;

/// Schema of one YAML file of a pack (`docs/schema/pack.schema.json`).
pub fn pack_schema() -> serde_json::Value {
    schemars::schema_for!(FileSource).to_value()
}
