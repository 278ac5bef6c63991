//! The JSON Schema of pack files.
//!
//! The shapes here name every key; a test asks the decoder, shape by shape, which keys it knows, so that the two cannot
//! differ.

#[expect(dead_code, clippy::zero_sized_map_values, reason = "the shapes exist here for their schema only")]
mod casework;
mod leaves;
#[expect(dead_code, reason = "the screens exist here for their schema only")]
mod screens;
#[expect(dead_code, clippy::zero_sized_map_values, reason = "the shapes exist here for their schema only")]
mod shapes;

/// Schema of one YAML file of a pack (`docs/schema/pack.schema.json`).
pub fn pack_schema() -> serde_json::Value {
    schemars::schema_for!(shapes::File).to_value()
}
