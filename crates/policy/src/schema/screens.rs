//! Shapes of the section `screens`: two pages of their own, and a page per entity.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::leaves::{Formula, OneOrMany};

/// The first page.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Overview {
    /// Indicators that can colour the map.
    map: Option<OneOrMany>,
    /// Headline figures.
    headlines: Option<Vec<String>>,
    /// Columns of the table of divisions.
    ranking: Option<Vec<String>>,
    /// Yearly figures.
    trend: Option<Trend>,
}

/// Yearly figures of a register of a division level.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Trend {
    /// The register.
    register: String,
    /// Its fields.
    fields: Vec<String>,
}

/// The what-if page.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct WhatIf {
    /// Sliders.
    parameters: Option<Vec<String>>,
    /// Variables whose entrants and leavers are counted.
    outcomes: Option<Vec<String>>,
    /// Programmes whose cost is shown.
    programmes: Option<Vec<String>>,
}

/// Page of a record or a division.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct EntityScreen {
    /// Child register shown as members.
    members: Option<String>,
    /// Income waterfall.
    income: Option<Income>,
    /// Boolean variables shown as tiles.
    tiles: Option<Vec<String>>,
    /// Dated child register shown as labels.
    labels: Option<String>,
    /// Variables shown with their reasons.
    determinations: Option<Vec<String>>,
    /// Indicators (division pages).
    indicators: Option<Vec<String>>,
    /// Fields and variables in the head of the page.
    summary: Option<Vec<String>>,
    /// Columns of the list page.
    list: Option<Vec<String>>,
}

/// Income waterfall.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Income {
    /// Parts that add.
    plus: Vec<Formula>,
    /// Parts that subtract.
    minus: Option<Vec<Formula>>,
    /// Total.
    total: Formula,
    /// Per head.
    per_head: Formula,
    /// Line per head.
    line: Formula,
}

/// What the pages show.
pub(super) struct Screens;

impl JsonSchema for Screens {
    fn schema_name() -> Cow<'static, str> {
        "Screens".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let overview = generator.subschema_for::<Overview>();
        let what_if = generator.subschema_for::<WhatIf>();
        let entity = generator.subschema_for::<EntityScreen>();
        json_schema!({
            "type": "object",
            "description": "What the pages show: the first page, the what-if page, and a page per entity.",
            "properties": { "overview": overview, "what_if": what_if },
            "additionalProperties": entity,
        })
    }
}
