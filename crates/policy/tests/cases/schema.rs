//! The JSON Schema is fresh and knows the keys that the decoder knows.

use std::collections::BTreeSet;

use bangfu_policy::{SourceFile, load};

#[test]
fn the_schema_in_docs_is_fresh() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/pack.schema.json");
    let schema = serde_json::to_string_pretty(&bangfu_policy::schema::pack_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &schema).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    // Compared as values: the order of keys depends on what else is built with this crate.
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    assert!(
        value(&written) == value(&schema),
        "docs/schema/pack.schema.json is old: run this test with UPDATE_SCHEMA=1"
    );
}

/// For every shape: where in a pack it stands. `?` is an unknown key, so that the decoder lists the keys it knows.
const PLACES: [(&str, &str); 40] = [
    ("Policy", "policy: {zzzzzzzzzzzz: 1}"),
    ("Currency", "policy: {languages: [zh, en], currency: {zzzzzzzzzzzz: 1}}"),
    ("WorkCalendar", "calendar: {zzzzzzzzzzzz: 1}"),
    ("Divisions", "divisions: {zzzzzzzzzzzz: 1}"),
    ("Level", "divisions: {levels: [{zzzzzzzzzzzz: 1}]}"),
    ("Article", "articles: {'1': {zzzzzzzzzzzz: 1}}"),
    ("Clause", "articles: {'1': {clauses: {C1: {zzzzzzzzzzzz: 1}}}}"),
    ("CodeList", "codes: {xx: {zzzzzzzzzzzz: 1}}"),
    ("Register", "registers: {xx: {zzzzzzzzzzzz: 1}}"),
    ("Columns", "registers: {xx: {columns: {zzzzzzzzzzzz: 1}}}"),
    ("Field", "registers: {xx: {fields: {yy: {zzzzzzzzzzzz: 1}}}}"),
    ("Parameter", "parameters: {xx: {zzzzzzzzzzzz: 1}}"),
    ("ParameterRow", "parameters: {xx: {type: money, values: [{zzzzzzzzzzzz: 1}]}}"),
    ("Variable", "variables: {xx: {of: village, zzzzzzzzzzzz: 1}}"),
    ("Programme", "programmes: {xx: {of: village, zzzzzzzzzzzz: 1}}"),
    ("Indicator", "indicators: {xx: {zzzzzzzzzzzz: 1}}"),
    ("Target", "indicators: {xx: {targets: [{zzzzzzzzzzzz: 1}]}}"),
    (
        "Deprivation",
        "indicators: {xx: {index: {kind: alkire_foster, of: village, measure: h, dimensions: {a: [{zzzzzzzzzzzz: 1}]}}}}",
    ),
    ("Check", "checks: {xx: {of: village, zzzzzzzzzzzz: 1}}"),
    ("Book", "books: {xx: {of: village, zzzzzzzzzzzz: 1}}"),
    ("BookColumn", "books: {xx: {of: village, columns: [{zzzzzzzzzzzz: 1}]}}"),
    ("Role", "roles: {xx: {zzzzzzzzzzzz: 1}}"),
    ("Procedure", "procedures: {xx: {zzzzzzzzzzzz: 1}}"),
    ("Step", "procedures: {xx: {subject: village, steps: [{id: a, zzzzzzzzzzzz: 1}]}}"),
    ("Rung", "procedures: {xx: {subject: village, escalates: {zzzzzzzzzzzz: 1}}}"),
    ("Match", "matches: {xx: {zzzzzzzzzzzz: 1}}"),
    ("MatchPart", "matches: {xx: {of: village, with: village, parts: [{zzzzzzzzzzzz: 1}]}}"),
    ("Pipeline", "views: {xx: {kind: pipeline, zzzzzzzzzzzz: 1}}"),
    ("Calendar", "views: {xx: {kind: calendar, zzzzzzzzzzzz: 1}}"),
    ("Matrix", "views: {xx: {kind: matrix, zzzzzzzzzzzz: 1}}"),
    ("Exemptions", "exemptions: {zzzzzzzzzzzz: 1}"),
    ("Overview", "screens: {overview: {zzzzzzzzzzzz: 1}}"),
    ("Trend", "screens: {overview: {trend: {register: village_year, zzzzzzzzzzzz: 1}}}"),
    ("WhatIf", "screens: {what_if: {zzzzzzzzzzzz: 1}}"),
    ("EntityScreen", "screens: {village: {zzzzzzzzzzzz: 1}}"),
    ("Beside", "procedures: {xx: {subject: village, notice: {beside: {zzzzzzzzzzzz: 1}}}}"),
    ("Public", "public: {zzzzzzzzzzzz: 1}"),
    ("PublicFigures", "public: {figures: {zzzzzzzzzzzz: 1}}"),
    ("PublicRegister", "public: {registers: {village_year: {zzzzzzzzzzzz: 1}}}"),
    ("Test", "tests: [{zzzzzzzzzzzz: 1}]"),
];

const HEAD: &str = "
policy: {languages: [zh, en]}
divisions: {levels: [{id: village, digits: 2, title: {zh: 村, en: Village}}]}
registers: {village_year: {of: village, every: year, title: {zh: 村, en: Village}, fields: {}}}
";

#[test]
fn the_schema_knows_the_keys_that_the_decoder_knows() {
    let schema = bangfu_policy::schema::pack_schema();
    for (shape, text) in PLACES {
        let section = text.split(':').next().unwrap();
        let head: Vec<&str> = HEAD.lines().filter(|line| !line.starts_with(section)).collect();
        let head = head.join("\n");
        let files = [
            SourceFile { path: "a.yaml".to_owned(), text: text.to_owned() },
            SourceFile { path: "head.yaml".to_owned(), text: head },
        ];
        let found = load(&files).unwrap_err();
        let finding = found.iter().find(|finding| finding.message.contains("`zzzzzzzzzzzz`"));
        let advice = &finding.unwrap_or_else(|| panic!("{shape}: {found:#?}")).advice;
        let keys = advice.strip_prefix("known keys are ").unwrap_or_else(|| panic!("{shape}: {advice}"));
        let decoder: BTreeSet<&str> = keys.split(", ").collect();
        let properties = schema["$defs"][shape]["properties"].as_object().unwrap_or_else(|| panic!("no shape {shape}"));
        let declared: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(declared, decoder, "{shape}");
    }
}

#[test]
fn every_section_is_in_the_schema() {
    let files = [SourceFile { path: "a.yaml".to_owned(), text: "zzzzzzzzzzzz: {}".to_owned() }];
    let found = load(&files).unwrap_err();
    let finding = found.iter().find(|finding| finding.message.contains("no section")).unwrap();
    let decoder: BTreeSet<&str> = finding.advice.strip_prefix("the sections are ").unwrap().split(", ").collect();
    let schema = bangfu_policy::schema::pack_schema();
    let declared: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(declared, decoder);
}
