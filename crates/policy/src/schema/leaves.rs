//! Schemas of scalars and texts.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! leaves {
    ($($(#[$doc:meta])* $name:ident => $schema:tt,)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

leaves! {
    /// Any scalar as text: versions, sources, deadlines.
    Plain => { "type": ["string", "number", "boolean"] },
    /// A value whose type depends on what it is for.
    Literal => { "type": ["string", "number", "boolean"] },
    /// A formula.
    Formula => { "type": ["string", "number", "boolean"] },
    /// A date.
    Day => { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
    /// A text in every language of the pack.
    Words => { "type": "object", "additionalProperties": { "type": "string" }, "minProperties": 1 },
    /// A text in some languages of the pack.
    AnyWords => { "type": "object", "additionalProperties": { "type": "string" } },
    /// One name or a list of names.
    OneOrMany => { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
    /// A value, or null for none.
    Setting => { "type": ["string", "number", "boolean", "null"] },
    /// A part whose keys are entities, fields and variables of the pack.
    Tree => { "type": "object" },
}
