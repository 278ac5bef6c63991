//! Shapes of the section `screens`: two pages of their own, and a page per entity.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::leaves::{Formula, Named, OneOrMany, Ref, Spanned};
use super::{Fields, Read, Reader, shapes};
use crate::yaml::Node;

shapes! {
    /// The first page.
    struct OverviewSource {
        /// Indicators that can colour the map.
        map: Option<OneOrMany>,
        /// Headline figures.
        headlines: Option<Vec<Ref>>,
        /// Columns of the table of divisions.
        ranking: Option<Vec<Ref>>,
        /// Yearly figures.
        trend: Option<TrendSource>,
    }

    /// Yearly figures of a register of a division level.
    struct TrendSource {
        /// The register.
        register: Ref,
        /// Its fields.
        fields: Vec<Ref>,
    }

    /// The what-if page.
    struct WhatIfSource {
        /// Sliders.
        parameters: Option<Vec<Ref>>,
        /// Variables whose entrants and leavers are counted.
        outcomes: Option<Vec<Ref>>,
        /// Programmes whose cost is shown.
        programmes: Option<Vec<Ref>>,
    }

    /// Page of a record or a division.
    struct EntityScreenSource {
        /// Child register shown as members.
        members: Option<Ref>,
        /// Income waterfall.
        income: Option<IncomeSource>,
        /// Boolean variables shown as tiles.
        tiles: Option<Vec<Ref>>,
        /// Dated child register shown as labels.
        labels: Option<Ref>,
        /// Variables shown with their reasons.
        determinations: Option<Vec<Ref>>,
        /// Indicators (division pages).
        indicators: Option<Vec<Ref>>,
        /// Fields and variables in the head of the page.
        summary: Option<Vec<Ref>>,
        /// Columns of the list page.
        list: Option<Vec<Ref>>,
    }

    /// Income waterfall.
    struct IncomeSource {
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
}

/// What the pages show.
#[derive(Clone, Debug)]
pub(crate) struct ScreensSource {
    /// The first page.
    pub overview: Option<Spanned<OverviewSource>>,
    /// The what-if page.
    pub what_if: Option<Spanned<WhatIfSource>>,
    /// Pages of entities.
    pub entities: Named<EntityScreenSource>,
}

impl Read for ScreensSource {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, reader)?;
        let overview = fields.take("overview", reader);
        let what_if = fields.take("what_if", reader);
        let rest: Vec<_> = fields.rest().collect();
        let entities = rest.into_iter().filter_map(|(key, node)| {
            let id = Spanned { value: key.text.clone(), place: reader.key_place(key) };
            EntityScreenSource::read(node, reader).map(|screen| (id, screen))
        });
        let entities = Named(entities.collect());
        Some(Self { overview: overview?, what_if: what_if?, entities })
    }
}

impl JsonSchema for ScreensSource {
    fn schema_name() -> Cow<'static, str> {
        "ScreensSource".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let overview = generator.subschema_for::<OverviewSource>();
        let what_if = generator.subschema_for::<WhatIfSource>();
        let entity = generator.subschema_for::<EntityScreenSource>();
        json_schema!({
            "type": "object",
            "description": "What the pages show: the first page, the what-if page, and a page per entity.",
            "properties": { "overview": overview, "what_if": what_if },
            "additionalProperties": entity,
        })
    }
}
