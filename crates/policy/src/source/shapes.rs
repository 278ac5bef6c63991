//! The shapes of pack files. The comments are the descriptions of the JSON Schema.

use super::leaves::*;
use super::{ScreensSource, choices, shapes};

shapes! {
    /// A file of a policy pack: any of these sections.
    struct FileSource {
        /// Head of the pack.
        policy: Option<Spanned<PolicySource>>,
        /// Levels of divisions.
        divisions: Option<Spanned<DivisionsSource>>,
        /// Text of the policy and its clauses.
        articles: Option<Named<ArticleSource>>,
        /// Code lists.
        codes: Option<Named<CodeListSource>>,
        /// What is recorded.
        registers: Option<Named<RegisterSource>>,
        /// Dated amounts and thresholds.
        parameters: Option<Named<ParameterSource>>,
        /// Named formulas.
        variables: Option<Named<VariableSource>>,
        /// Who gets what.
        programmes: Option<Named<ProgrammeSource>>,
        /// Figures of divisions.
        indicators: Option<Named<IndicatorSource>>,
        /// Checks of records.
        checks: Option<Named<CheckSource>>,
        /// What the pages show.
        screens: Option<ScreensSource>,
        /// Cases with expected results.
        tests: Option<Vec<Spanned<TestSource>>>,
    }

    /// Head of the pack.
    struct PolicySource {
        /// Id of the pack.
        id: Ref,
        /// Title.
        title: Words,
        /// Version of the pack.
        version: Plain,
        /// Languages of all texts; the first is the default.
        languages: Vec<Ref>,
        /// Date of the policy.
        issued: Option<Day>,
        /// Code of the division that is the whole.
        root: Ref,
        /// The currency.
        currency: CurrencySource,
    }

    /// The currency; money is kept in 1/100 of it.
    struct CurrencySource {
        /// ISO 4217 code.
        code: String,
        /// Word for the unit.
        symbol: Words,
    }

    /// Levels of divisions.
    struct DivisionsSource {
        /// From the top down; a code of one level begins with its parent's code.
        levels: Vec<LevelSource>,
    }

    /// A level of divisions.
    struct LevelSource {
        /// Id.
        id: Ref,
        /// Length of its codes.
        digits: Spanned<u8>,
        /// Title.
        title: Words,
    }

    /// An article of the policy.
    struct ArticleSource {
        /// Title.
        title: Words,
        /// Full text, in any languages.
        text: Option<AnyWords>,
        /// Its clauses.
        clauses: Option<Named<ClauseSource>>,
    }

    /// A clause of an article.
    struct ClauseSource {
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
    struct CodeListSource {
        /// Title.
        title: Words,
        /// Where the list comes from.
        source: Option<Plain>,
        /// Clauses that it serves.
        clauses: Clauses,
        /// CSV file: columns code, one per language, optional from and to.
        file: Option<Ref>,
        /// Codes with a label per language, optional from and to.
        values: Option<Named<CodeSource>>,
        /// For each other system: its code and ours.
        foreign: Option<Named<Named<Literal>>>,
    }

    /// A register.
    struct RegisterSource {
        /// Title.
        title: Words,
        /// Clauses that it serves.
        clauses: Clauses,
        /// Division level in which each record lies.
        within: Option<Ref>,
        /// Register or division level that each record belongs to.
        of: Option<Ref>,
        /// At most one record per parent.
        one: Option<Spanned<bool>>,
        /// One record per parent and period.
        every: Option<Spanned<Every>>,
        /// Month and day ("MM-DD") from which the record of a year counts.
        counts_from: Option<Ref>,
        /// Field that identifies a record.
        key: Option<Ref>,
        /// Field shown as the name of a record.
        label: Option<Ref>,
        /// Names of technical columns in snapshots.
        columns: Option<ColumnsSource>,
        /// Fields.
        fields: Named<FieldSource>,
    }

    /// Names of technical columns in snapshots.
    struct ColumnsSource {
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
    struct FieldSource {
        /// text, integer, decimal(n), money, date, year, boolean, code(list), division, reference(register), id_number, uscc, disability_card, bank_card or phone.
        r#type: Ref,
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
    }

    /// A dated amount or threshold.
    struct ParameterSource {
        /// Title.
        title: Words,
        /// Clauses that it serves.
        clauses: Clauses,
        /// integer, decimal(n), money, date or boolean.
        r#type: Ref,
        /// Words for the unit.
        unit: Option<Words>,
        /// Code field of a division level by which values differ.
        class: Option<Formula>,
        /// Code list of the keys of a table.
        key: Option<Ref>,
        /// Lower bound of the what-if slider.
        min: Option<Literal>,
        /// Upper bound of the what-if slider.
        max: Option<Literal>,
        /// Step of the what-if slider.
        step: Option<Literal>,
        /// Dated values.
        values: Vec<Spanned<ParameterRowSource>>,
    }

    /// One dated value.
    struct ParameterRowSource {
        /// First day.
        from: Day,
        /// Last day.
        to: Option<Day>,
        /// Only in divisions whose code begins so.
        division: Option<Ref>,
        /// Only for this class.
        class: Option<Literal>,
        /// The value.
        value: Option<Literal>,
        /// For tables: the value of each code.
        table: Option<Named<Literal>>,
        /// Where the value comes from.
        source: Plain,
        /// How sure that is.
        confidence: Confidence,
    }

    /// A named formula.
    struct VariableSource {
        /// Entity for which it is computed.
        of: Ref,
        /// Type of the result.
        r#type: Option<Ref>,
        /// Title.
        title: Words,
        /// Clauses that it implements.
        clauses: Clauses,
        /// The formula.
        formula: Formula,
        /// The rule in plain words.
        words: Option<Words>,
        /// Heading on screen.
        group: Option<String>,
    }

    /// Who gets what.
    struct ProgrammeSource {
        /// Entity that is eligible.
        of: Ref,
        /// Title.
        title: Words,
        /// Clauses that it implements.
        clauses: Clauses,
        /// Who is eligible.
        who: Formula,
        /// Amount when eligible.
        amount: Formula,
        /// How often it is due.
        every: Every,
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
    struct IndicatorSource {
        /// Title.
        title: Words,
        /// Clauses that it serves.
        clauses: Clauses,
        /// Sums above the line.
        numerator: Option<Formula>,
        /// Sums below the line.
        denominator: Option<Formula>,
        /// A distribution index.
        index: Option<Spanned<IndexSource>>,
        /// Unit on screen.
        unit: UnitSource,
        /// Which way is better.
        better: Option<Better>,
        /// Targets.
        targets: Option<Vec<TargetSource>>,
        /// Whether unknown rows are counted beside the value, or make it unknown.
        missing: Option<Missing>,
    }

    /// A target of an indicator.
    struct TargetSource {
        /// On this day.
        at: Day,
        /// The value.
        value: Literal,
    }

    /// A distribution index.
    struct IndexSource {
        /// Which index.
        kind: IndexKind,
        /// Entity.
        of: Ref,
        /// Income per head.
        income: Option<Formula>,
        /// Line per head.
        line: Option<Formula>,
        /// Persons of a record.
        weight: Option<Formula>,
        /// Exponent of fgt: 0, 1 or 2.
        alpha: Option<Spanned<u8>>,
        /// Share of weighted deprivations from which a record is poor, such as 1/3.
        cutoff: Option<Literal>,
        /// Which measure of alkire_foster.
        measure: Option<Measure>,
        /// Deprivations by dimension.
        dimensions: Option<Named<Vec<DeprivationSource>>>,
    }

    /// A deprivation.
    struct DeprivationSource {
        /// Weight, such as 1/6; all weights add up to 1.
        weight: Literal,
        /// Boolean formula.
        deprived: Formula,
    }

    /// A check of records.
    struct CheckSource {
        /// Entity.
        of: Ref,
        /// Wrong or only suspect.
        severity: SeveritySource,
        /// Boolean formula: true is a hit.
        when: Formula,
        /// What is wrong.
        message: Words,
        /// What to do.
        advice: Option<Words>,
        /// Fields to look at.
        fields: Option<Vec<Ref>>,
        /// Clauses that it serves.
        clauses: Clauses,
    }

    /// A case with expected results.
    struct TestSource {
        /// Name.
        name: String,
        /// Date of the run.
        as_of: Day,
        /// Parameters that differ.
        set: Option<Named<Literal>>,
        /// Records.
        given: Option<Tree>,
        /// Expected values of variables; `unknown` for what cannot be told.
        expect: Option<Tree>,
        /// Facts that must be named as missing.
        missing: Option<Tree>,
        /// Clauses that must be cited.
        because: Option<Tree>,
    }
}

choices! {
    /// How often.
    enum Every {
        /// Per year.
        Year = "year",
        /// Per quarter (registers).
        Quarter = "quarter",
        /// Per month (programmes).
        Month = "month",
        /// One time (programmes).
        Once = "once",
    }

    /// How sure a value is.
    enum Confidence {
        /// Published.
        High = "high",
        /// Published elsewhere or inferred.
        Medium = "medium",
        /// An assumption.
        Low = "low",
    }

    /// Unit of an indicator.
    enum UnitSource {
        /// Things.
        Count = "count",
        /// Times 100.
        Percent = "percent",
        /// Times 1000.
        PerMille = "per_mille",
        /// Currency.
        Money = "money",
        /// Between 0 and 1.
        Index = "index",
        /// A plain number.
        Number = "number",
    }

    /// Which way is better.
    enum Better {
        /// Lower.
        Lower = "lower",
        /// Higher.
        Higher = "higher",
    }

    /// What unknown rows do to an indicator.
    enum Missing {
        /// They are counted beside the value.
        Count = "count",
        /// They make it unknown.
        Strict = "strict",
    }

    /// Kind of a distribution index.
    enum IndexKind {
        /// Foster-Greer-Thorbecke.
        Fgt = "fgt",
        /// Sen.
        Sen = "sen",
        /// Sen-Shorrocks-Thon.
        Sst = "sst",
        /// Watts.
        Watts = "watts",
        /// Gini.
        Gini = "gini",
        /// Alkire-Foster.
        AlkireFoster = "alkire_foster",
    }

    /// Measures of Alkire-Foster.
    enum Measure {
        /// Head-count ratio.
        H = "h",
        /// Mean intensity.
        A = "a",
        /// H times A.
        M0 = "m0",
    }

    /// Severity of a check.
    enum SeveritySource {
        /// The record is wrong.
        Error = "error",
        /// Someone should look.
        Suspect = "suspect",
    }
}

/// A code: a label per language and the days between which it is valid.
#[derive(Clone, Debug)]
pub(crate) struct CodeSource {
    /// Labels.
    pub label: crate::model::Text,
    /// First day.
    pub from: Option<Day>,
    /// Last day.
    pub to: Option<Day>,
}

impl super::Read for CodeSource {
    fn read(node: &crate::yaml::Node, reader: &mut super::Reader<'_>) -> Option<Self> {
        let mut fields = super::Fields::open(node, reader)?;
        let from = fields.take("from", reader);
        let to = fields.take("to", reader);
        let labels = crate::yaml::Content::Map(fields.rest().map(|(key, node)| (key.clone(), node.clone())).collect());
        let labels = crate::yaml::Node { line: node.line, column: node.column, content: labels };
        let Words(label) = Words::read(&labels, reader)?;
        Some(Self { label, from: from?, to: to? })
    }
}

impl schemars::JsonSchema for CodeSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CodeSource".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "A label per language and the days between which the code is valid.",
            "additionalProperties": { "type": "string" },
        })
    }
}
