//! The shapes of pack files, one type for each map. The comments are the descriptions of the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::casework::{Exemptions, Match, Procedure, Public, Role, View, WorkCalendar};
use super::leaves::{AnyWords, Day, Formula, Literal, OneOrMany, Plain, Tree, Words};
use super::screens::Screens;

/// A file of a policy pack: any of these sections.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct File {
    /// Head of the pack.
    policy: Option<Policy>,
    /// Days and working days.
    calendar: Option<WorkCalendar>,
    /// Levels of divisions.
    divisions: Option<Divisions>,
    /// Text of the policy and its clauses.
    articles: Option<BTreeMap<String, Article>>,
    /// Code lists.
    codes: Option<BTreeMap<String, CodeList>>,
    /// What is recorded.
    registers: Option<BTreeMap<String, Register>>,
    /// Dated amounts and thresholds.
    parameters: Option<BTreeMap<String, Parameter>>,
    /// Named formulas.
    variables: Option<BTreeMap<String, Variable>>,
    /// Who gets what.
    programmes: Option<BTreeMap<String, Programme>>,
    /// Figures of divisions.
    indicators: Option<BTreeMap<String, Indicator>>,
    /// Checks of records.
    checks: Option<BTreeMap<String, Check>>,
    /// Tables that an office posts.
    books: Option<BTreeMap<String, Book>>,
    /// Who acts in procedures.
    roles: Option<BTreeMap<String, Role>>,
    /// Who does what, in which order, by when.
    procedures: Option<BTreeMap<String, Procedure>>,
    /// Sides that are brought together.
    matches: Option<BTreeMap<String, Match>>,
    /// Boards, calendars and matrices.
    views: Option<BTreeMap<String, View>>,
    /// Where records are excused from checks.
    exemptions: Option<Exemptions>,
    /// What the pages show.
    screens: Option<Screens>,
    /// What everybody may see without signing in.
    public: Option<Public>,
    /// Cases with expected results.
    tests: Option<Vec<Test>>,
}

/// Head of the pack.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Policy {
    /// Id of the pack.
    id: String,
    /// Title.
    title: Words,
    /// Version of the pack.
    version: Plain,
    /// Languages of all texts; the first is the default.
    languages: Vec<String>,
    /// Date of the policy.
    issued: Option<Day>,
    /// Code of the division that is the whole.
    root: String,
    /// The currency.
    currency: Currency,
}

/// The currency; money is kept in 1/100 of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Currency {
    /// ISO 4217 code.
    code: String,
    /// Word for the unit.
    symbol: Words,
}

/// Levels of divisions.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Divisions {
    /// From the top down; a code of one level begins with its parent's code.
    levels: Vec<Level>,
}

/// A level of divisions.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Level {
    /// Id.
    id: String,
    /// Length of its codes.
    digits: u8,
    /// Title.
    title: Words,
}

/// An article of the policy.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Article {
    /// Title.
    title: Words,
    /// Full text, in any languages.
    text: Option<AnyWords>,
    /// Its clauses.
    clauses: Option<BTreeMap<String, Clause>>,
}

/// A clause of an article.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Clause {
    /// Words of the policy.
    phrase: String,
    /// What it asks for.
    gloss: Option<AnyWords>,
    /// Kind of capability.
    kind: Option<String>,
    /// Target as written.
    target: Option<Plain>,
    /// Deadline as written.
    deadline: Option<Plain>,
}

/// A code list: values here, or in a CSV file.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CodeList {
    /// Title.
    title: Words,
    /// Where the list comes from.
    source: Option<Plain>,
    /// Clauses that it serves.
    clauses: Option<OneOrMany>,
    /// CSV file: columns code, one per language, optional from and to.
    file: Option<String>,
    /// Codes with a label per language, optional from and to.
    values: Option<BTreeMap<String, Code>>,
    /// For each other system: its code and ours.
    foreign: Option<BTreeMap<String, BTreeMap<String, Literal>>>,
}

/// A register.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Register {
    /// Title.
    title: Words,
    /// Clauses that it serves.
    clauses: Option<OneOrMany>,
    /// Division level in which each record lies.
    within: Option<String>,
    /// Register or division level that each record belongs to.
    of: Option<String>,
    /// At most one record per parent.
    one: Option<bool>,
    /// One record per parent and period.
    every: Option<Period>,
    /// Month and day ("MM-DD") from which the record of a year counts.
    counts_from: Option<String>,
    /// Field that identifies a record.
    key: Option<String>,
    /// Field shown as the name of a record.
    label: Option<String>,
    /// Names of technical columns in snapshots.
    columns: Option<Columns>,
    /// Fields.
    fields: BTreeMap<String, Field>,
}

/// Names of technical columns in snapshots.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Columns {
    /// Own key.
    key: Option<String>,
    /// Key of the parent.
    parent: Option<String>,
    /// Division code.
    division: Option<String>,
    /// Period.
    period: Option<String>,
}

/// A field.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Field {
    /// text, integer, decimal(n), money, date, year, boolean, code(list), division, reference(register), id_number, uscc, disability_card, bank_card or phone.
    r#type: String,
    /// Title.
    title: Words,
    /// A record without it is refused.
    required: Option<bool>,
    /// No two records may share it.
    unique: Option<bool>,
    /// Regular expression for the whole value.
    pattern: Option<String>,
    /// Smallest value.
    min: Option<Literal>,
    /// Largest value.
    max: Option<Literal>,
    /// Encrypted, masked, never in formulas.
    secret: Option<bool>,
    /// Column in the national export.
    national: Option<String>,
    /// Explanation for who fills it in.
    help: Option<Words>,
    /// Kept by the system: another record of the register above holds the same value in this field.
    shared: Option<String>,
    /// With `shared`: only records below another parent count.
    apart: Option<bool>,
}

/// A dated amount or threshold.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Parameter {
    /// Title.
    title: Words,
    /// Clauses that it serves.
    clauses: Option<OneOrMany>,
    /// integer, decimal(n), money, date or boolean.
    r#type: String,
    /// Words for the unit.
    unit: Option<Words>,
    /// Code field of a division level by which values differ.
    class: Option<Formula>,
    /// Code list of the keys of a table.
    key: Option<String>,
    /// Lower bound of the what-if slider.
    min: Option<Literal>,
    /// Upper bound of the what-if slider.
    max: Option<Literal>,
    /// Step of the what-if slider.
    step: Option<Literal>,
    /// Dated values.
    values: Vec<ParameterRow>,
}

/// One dated value.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ParameterRow {
    /// First day.
    from: Day,
    /// Last day.
    to: Option<Day>,
    /// Only in divisions whose code begins so.
    division: Option<String>,
    /// Only for this class.
    class: Option<Literal>,
    /// The value.
    value: Option<Literal>,
    /// For tables: the value of each code.
    table: Option<BTreeMap<String, Literal>>,
    /// Where the value comes from.
    source: Plain,
    /// How sure that is.
    confidence: Confidence,
}

/// A named formula.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Variable {
    /// Entity for which it is computed.
    of: String,
    /// Type of the result.
    r#type: Option<String>,
    /// Title.
    title: Words,
    /// Option<OneOrMany> that it implements.
    clauses: Option<OneOrMany>,
    /// The formula.
    formula: Formula,
    /// The rule in plain words.
    words: Option<Words>,
    /// Heading on screen.
    group: Option<String>,
}

/// Who gets what.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Programme {
    /// Entity that is eligible.
    of: String,
    /// Title.
    title: Words,
    /// Option<OneOrMany> that it implements.
    clauses: Option<OneOrMany>,
    /// Who is eligible.
    who: Formula,
    /// Amount when eligible.
    amount: Formula,
    /// How often it is due.
    every: Frequency,
    /// Fund that pays.
    fund: Option<Words>,
    /// In force from.
    from: Option<Day>,
    /// In force to.
    to: Option<Day>,
    /// The rule in plain words.
    words: Option<Words>,
    /// Heading on screen.
    group: Option<String>,
}

/// A figure of divisions.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Indicator {
    /// Title.
    title: Words,
    /// Clauses that it serves.
    clauses: Option<OneOrMany>,
    /// Sums above the line.
    numerator: Option<Formula>,
    /// Sums below the line.
    denominator: Option<Formula>,
    /// A distribution index.
    index: Option<Index>,
    /// Unit on screen.
    unit: Unit,
    /// Which way is better.
    better: Option<Better>,
    /// Targets.
    targets: Option<Vec<Target>>,
    /// Whether unknown rows are counted beside the value, or make it unknown.
    missing: Option<Missing>,
}

/// A target of an indicator.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Target {
    /// On this day.
    at: Day,
    /// The value.
    value: Literal,
}

/// A distribution index.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Index {
    /// Which index.
    kind: IndexKind,
    /// Entity.
    of: String,
    /// Income per head.
    income: Option<Formula>,
    /// Line per head.
    line: Option<Formula>,
    /// Persons of a record.
    weight: Option<Formula>,
    /// Exponent of fgt: 0, 1 or 2.
    alpha: Option<u8>,
    /// Share of weighted deprivations from which a record is poor, such as 1/3.
    cutoff: Option<Literal>,
    /// Which measure of alkire_foster.
    measure: Option<Measure>,
    /// Deprivations by dimension.
    dimensions: Option<BTreeMap<String, Vec<Deprivation>>>,
}

/// A deprivation.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Deprivation {
    /// Weight, such as 1/6; all weights add up to 1.
    weight: Literal,
    /// Boolean formula.
    deprived: Formula,
}

/// A check of records.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Check {
    /// Entity.
    of: String,
    /// Wrong or only suspect.
    severity: Severity,
    /// Boolean formula: true is a hit; required unless `at_entry`.
    when: Option<Formula>,
    /// The types of its fields refuse what it looks for: it is held at entry and never found on file.
    at_entry: Option<bool>,
    /// What is wrong.
    message: Words,
    /// What to do.
    advice: Option<Words>,
    /// Fields to look at.
    fields: Option<Vec<String>>,
    /// Clauses that it serves.
    clauses: Option<OneOrMany>,
}

/// A table that an office posts: a row for each lower division, or for each value of `rows`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Book {
    /// Number in the office's list.
    no: Option<Plain>,
    /// Title.
    title: Words,
    /// Heading in the index of books.
    group: Option<Words>,
    /// Clauses that it serves.
    clauses: Option<OneOrMany>,
    /// What is counted: an entity.
    of: String,
    /// Boolean formula of the entity that holds for every column.
    r#where: Option<Formula>,
    /// Code formula whose values are the rows.
    rows: Option<Formula>,
    /// Columns from left to right.
    columns: Vec<BookColumn>,
}

/// A column of a book: a `value`, or a cell for each value of `by`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct BookColumn {
    /// Words above the column, or above the cells of `by`.
    title: Option<Words>,
    /// Sums, as in the numerator of an indicator.
    value: Option<Formula>,
    /// Sums below the line.
    per: Option<Formula>,
    /// Unit on screen.
    unit: Option<Unit>,
    /// A code or truth: a cell for each; a number: a cell for each band.
    by: Option<Formula>,
    /// Lower bounds of the bands but the first.
    bands: Option<Vec<Literal>>,
    /// What is added up instead of counting.
    sum: Option<Formula>,
}

/// A case with expected results.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Test {
    /// Name.
    name: String,
    /// Date of the run.
    as_of: Day,
    /// Parameters that differ.
    set: Option<BTreeMap<String, Literal>>,
    /// Records.
    given: Option<Tree>,
    /// Expected values of variables; `unknown` for what cannot be told.
    expect: Option<Tree>,
    /// Facts that must be named as missing.
    missing: Option<Tree>,
    /// Option<OneOrMany> that must be cited.
    because: Option<Tree>,
}

/// How often a register has a record.
#[derive(JsonSchema)]
pub(super) enum Period {
    /// One per year.
    #[schemars(rename = "year")]
    Year,
    /// One per quarter.
    #[schemars(rename = "quarter")]
    Quarter,
}

/// How often an amount is due.
#[derive(JsonSchema)]
pub(super) enum Frequency {
    /// Once a year.
    #[schemars(rename = "year")]
    Year,
    /// Each month.
    #[schemars(rename = "month")]
    Month,
    /// One time.
    #[schemars(rename = "once")]
    Once,
}

/// How sure a value is.
#[derive(JsonSchema)]
pub(super) enum Confidence {
    /// Published.
    #[schemars(rename = "high")]
    High,
    /// Published elsewhere or inferred.
    #[schemars(rename = "medium")]
    Medium,
    /// An assumption.
    #[schemars(rename = "low")]
    Low,
}

/// Unit of an indicator.
#[derive(JsonSchema)]
pub(super) enum Unit {
    /// Things.
    #[schemars(rename = "count")]
    Count,
    /// Times 100.
    #[schemars(rename = "percent")]
    Percent,
    /// Times 1000.
    #[schemars(rename = "per_mille")]
    PerMille,
    /// Currency.
    #[schemars(rename = "money")]
    Money,
    /// Between 0 and 1.
    #[schemars(rename = "index")]
    Index,
    /// A plain number.
    #[schemars(rename = "number")]
    Number,
}

/// Which way is better.
#[derive(JsonSchema)]
pub(super) enum Better {
    /// Lower.
    #[schemars(rename = "lower")]
    Lower,
    /// Higher.
    #[schemars(rename = "higher")]
    Higher,
}

/// What unknown rows do to an indicator.
#[derive(JsonSchema)]
pub(super) enum Missing {
    /// They are counted beside the value.
    #[schemars(rename = "count")]
    Count,
    /// They make it unknown.
    #[schemars(rename = "strict")]
    Strict,
}

/// Kind of a distribution index.
#[derive(JsonSchema)]
pub(super) enum IndexKind {
    /// Foster-Greer-Thorbecke.
    #[schemars(rename = "fgt")]
    Fgt,
    /// Sen.
    #[schemars(rename = "sen")]
    Sen,
    /// Sen-Shorrocks-Thon.
    #[schemars(rename = "sst")]
    Sst,
    /// Watts.
    #[schemars(rename = "watts")]
    Watts,
    /// Gini.
    #[schemars(rename = "gini")]
    Gini,
    /// Alkire-Foster.
    #[schemars(rename = "alkire_foster")]
    AlkireFoster,
}

/// Measures of Alkire-Foster.
#[derive(JsonSchema)]
pub(super) enum Measure {
    /// Head-count ratio.
    #[schemars(rename = "h")]
    H,
    /// Mean intensity.
    #[schemars(rename = "a")]
    A,
    /// H times A.
    #[schemars(rename = "m0")]
    M0,
}

/// Severity of a check.
#[derive(JsonSchema)]
pub(super) enum Severity {
    /// The record is wrong.
    #[schemars(rename = "error")]
    Error,
    /// Someone should look.
    #[schemars(rename = "suspect")]
    Suspect,
}

/// A code: a label per language and the days between which it is valid.
pub(super) struct Code;

impl schemars::JsonSchema for Code {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "A label per language, and from and to: the days between which the code is valid.",
            "additionalProperties": { "type": "string" },
        })
    }
}
