//! The checked model of a pack: what the other crates see.
//!
//! Everything is resolved: names are indices, formulas are nodes of the [`Graph`], texts exist in every language.
//! Length: one list of plain types; splitting it would only scatter what is read together.
//!
//! The model knows no data and no dates but those written in the pack.

use std::collections::BTreeMap;

use crate::ir::{ExprId, Graph, Scalar, Type};
use crate::pattern::Pattern;

/// A text in the languages of the pack (`zh`, `en`, …).
pub type Text = BTreeMap<String, String>;

macro_rules! index_type {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub u16);
        impl $name {
            /// Position in the pack's list.
            pub fn index(self) -> usize { self.0 as usize }
        }
    )*};
}

index_type! {
    /// A division level, counted from the top.
    LevelId,
    /// A register.
    RegisterId,
    /// A code list.
    CodeListId,
    /// A parameter.
    ParameterId,
    /// A variable (programmes add two each).
    VariableId,
    /// A programme.
    ProgrammeId,
    /// An indicator.
    IndicatorId,
    /// A check.
    CheckId,
}

mod board;
mod calendar;
mod procedure;
mod public;
mod role;

pub use board::{Exemptions, Match, MatchPart, MatchTest, View, ViewKind};
pub use calendar::{Calendar, DAY};
pub use procedure::{
    Asked, Asks, Beside, Destination, Effect, Effects, Moves, Notice, Procedure, ProcedureId, RoleId, Rung, Set, Step,
    StepKind, Wanted,
};
pub use public::{Public, PublicFigures, PublicRegister};
pub use role::{Right, Role};

/// Where an item was written.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Place {
    /// Path inside the pack.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

/// What formulas are written for: a division level or a register of kind entity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Entity {
    /// All divisions of one level.
    Level(LevelId),
    /// All records of an entity register.
    Register(RegisterId),
}

/// A field of a register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FieldRef {
    /// The register.
    pub register: RegisterId,
    /// Position among its fields.
    pub field: u16,
}

/// The whole pack.
#[derive(Clone, Debug)]
pub struct Pack {
    /// Id, title, version, languages, currency.
    pub policy: Policy,
    /// Days and working days.
    pub calendar: Calendar,
    /// Division levels from the top down.
    pub levels: Vec<Level>,
    /// Articles in order.
    pub articles: Vec<Article>,
    /// Code lists, by id.
    pub codes: Vec<CodeList>,
    /// Registers, by id.
    pub registers: Vec<Register>,
    /// Parameters, by id.
    pub parameters: Vec<Parameter>,
    /// Variables (those of programmes included), by id.
    pub variables: Vec<Variable>,
    /// Programmes, by id.
    pub programmes: Vec<Programme>,
    /// Indicators, by id.
    pub indicators: Vec<Indicator>,
    /// Checks, in the order of their variables.
    pub checks: Vec<Check>,
    /// Books, in the order of their numbers.
    pub books: Vec<crate::books::Book>,
    /// Who acts in procedures, by id.
    pub roles: Vec<Role>,
    /// Procedures, by id.
    pub procedures: Vec<Procedure>,
    /// Matches, by id.
    pub matches: Vec<Match>,
    /// Pages made from registers, by id.
    pub views: Vec<View>,
    /// Where records are excused from checks.
    pub exemptions: Option<Exemptions>,
    /// What the hand-made pages show.
    pub screens: Screens,
    /// What everybody may see.
    pub public: Public,
    /// Cases that the pack brings with it.
    pub tests: Vec<TestCase>,
    /// All formulas.
    pub graph: Graph,
    /// Words of explanations for languages that are not built in, by language and key; `{0}`, `{1}` are the parts.
    /// They come from locale files beside the pack and are no part of its hash.
    pub phrases: BTreeMap<String, BTreeMap<String, String>>,
    /// SHA-256 over all files (path and text, in path order), lower-case hex.
    pub hash: String,
}

/// Head of the pack.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Version of the pack.
    pub version: String,
    /// Languages in which every text exists; the first is the default.
    pub languages: Vec<String>,
    /// Date of the policy, days since 1970-01-01.
    pub issued: Option<i32>,
    /// Code of the division that is the whole.
    pub root: String,
    /// ISO 4217 code.
    pub currency_code: String,
    /// Word for the unit.
    pub currency_symbol: Text,
}

/// A division level.
#[derive(Clone, Debug)]
pub struct Level {
    /// Id, for instance `banner`.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Length of its codes.
    pub digits: usize,
}

/// An article of the policy.
#[derive(Clone, Debug)]
pub struct Article {
    /// Number as written.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Full text, in the languages that have it.
    pub text: BTreeMap<String, String>,
    /// Clauses in order.
    pub clauses: Vec<Clause>,
}

/// A clause: the smallest part of the policy that something can implement.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Id, for instance `C05-06`.
    pub id: String,
    /// Words of the policy.
    pub phrase: String,
    /// What it asks for.
    pub gloss: BTreeMap<String, String>,
    /// Kind of capability (`rule`, `register` …).
    pub kind: String,
    /// Target as written.
    pub target: String,
    /// Deadline as written.
    pub deadline: String,
}

/// A list of codes.
#[derive(Clone, Debug)]
pub struct CodeList {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Where the list comes from.
    pub source: String,
    /// Values in order; a code in a formula or frame is the position here.
    pub values: Vec<Code>,
    /// For each foreign system: foreign code → position.
    pub foreign: BTreeMap<String, BTreeMap<String, usize>>,
    /// Clauses.
    pub clauses: Vec<String>,
}

/// A code.
#[derive(Clone, Debug)]
pub struct Code {
    /// The code.
    pub code: String,
    /// Its label.
    pub label: Text,
    /// First day of validity, days since 1970-01-01.
    pub from: Option<i32>,
    /// Last day of validity.
    pub to: Option<i32>,
}

/// A register.
#[derive(Clone, Debug)]
pub struct Register {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Clauses.
    pub clauses: Vec<String>,
    /// What a record belongs to.
    pub parent: Entity,
    /// How many records a parent has.
    pub kind: RegisterKind,
    /// Field that identifies a record.
    pub key: Option<u16>,
    /// Field shown as the record's name.
    pub label: Option<u16>,
    /// Fields in order.
    pub fields: Vec<Field>,
    /// Names of the technical columns in snapshots.
    pub columns: Columns,
    /// Place in the pack.
    pub place: Place,
}

/// How many records of a register a parent has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterKind {
    /// Many records: an entity of its own. `unit` when it lies directly in a division (`within`).
    Entity,
    /// At most one record per parent.
    One,
    /// One record per parent and year; the record of year Y counts from `month`-`day` of Y.
    Yearly {
        /// Month.
        month: u8,
        /// Day.
        day: u8,
    },
    /// One record per parent and quarter.
    Quarterly,
}

/// Names of technical columns.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Own key.
    pub key: Option<String>,
    /// Key of the parent register; `None` if the parent is a division.
    pub parent: Option<String>,
    /// Division code; `None` unless the parent is a division.
    pub division: Option<String>,
    /// Period.
    pub period: Option<String>,
}

/// A field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Id, also the column name.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Type of the stored value.
    pub ty: FieldType,
    /// A record without it is refused.
    pub required: bool,
    /// No two records may share it.
    pub unique: bool,
    /// Regular expression that the whole value must match, written as in exports.
    pub pattern: Option<Pattern>,
    /// Smallest value, in the units of the stored type.
    pub min: Option<i64>,
    /// Largest value.
    pub max: Option<i64>,
    /// Encrypted, masked, never in formulas.
    pub secret: bool,
    /// Column name in the national export.
    pub national: Option<String>,
    /// Explanation for who fills it in.
    pub help: Option<Text>,
    /// What the system keeps here by itself.
    pub shared: Option<Shared>,
}

/// A truth that the system keeps beside a record: another record of its register holds the same value. Secret texts
/// are in no formula, but that two of them are equal is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shared {
    /// Id of the field of the register above.
    pub field: String,
    /// Only records below another parent count.
    pub apart: bool,
    /// Where it stands.
    pub place: Place,
}

/// Type of a stored field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FieldType {
    /// Any text.
    Text,
    /// Text with the check of GB 11643.
    IdNumber,
    /// Text with the check of GB 32100.
    Uscc,
    /// Text: GB 11643 number, kind 1–7, grade 1–4 (and re-issue letter and digit).
    DisabilityCard,
    /// Text with Luhn digit.
    BankCard,
    /// Text: mobile number.
    Phone,
    /// 64-bit integer.
    Integer,
    /// 64-bit integer in units of `10^-scale`.
    Decimal(u8),
    /// Fen.
    Money,
    /// Days since 1970-01-01.
    Date,
    /// Calendar year.
    Year,
    /// True or false.
    Boolean,
    /// A code.
    Code(CodeListId),
    /// Division code.
    Division,
    /// Key of a record of a register.
    Reference(RegisterId),
}

impl Register {
    /// Whether the system keeps the records by itself: then nobody changes them by hand.
    pub fn kept_by_system(&self) -> bool {
        self.fields.iter().any(|field| field.shared.is_some())
    }
}

impl Field {
    /// Whether a value can be refused for more than the kind of its type: by a check digit, a pattern, bounds, or
    /// because it is missing or taken.
    pub fn refuses(&self) -> bool {
        use FieldType::{BankCard, DisabilityCard, IdNumber, Phone, Uscc};
        matches!(self.ty, IdNumber | Uscc | DisabilityCard | BankCard | Phone)
            || self.required
            || self.unique
            || self.pattern.is_some()
            || self.min.is_some()
            || self.max.is_some()
    }
}

impl FieldType {
    /// Type inside formulas.
    pub fn formula_type(self) -> Type {
        match self {
            Self::Integer | Self::Year => Type::INTEGER,
            Self::Decimal(scale) => Type::Number { money: false, scale },
            Self::Money => Type::MONEY,
            Self::Date => Type::Date,
            Self::Boolean => Type::Boolean,
            Self::Code(list) => Type::Code(list),
            _ => Type::Text,
        }
    }

    /// Whether the stored value is a text.
    pub fn is_text(self) -> bool {
        matches!(self.formula_type(), Type::Text)
    }
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Clauses.
    pub clauses: Vec<String>,
    /// Type of the values.
    pub ty: Type,
    /// Words for the unit.
    pub unit: Option<Text>,
    /// For tables: the code list of the key.
    pub key: Option<CodeListId>,
    /// Class of a division: a code expression at a division level.
    pub class: Option<ExprId>,
    /// Rows as written.
    pub rows: Vec<ParameterRow>,
    /// Bounds of the what-if slider, in the units of the type.
    pub min: Option<i64>,
    /// See `min`.
    pub max: Option<i64>,
    /// Step of the slider.
    pub step: Option<i64>,
    /// Place in the pack.
    pub place: Place,
}

/// One dated value of a parameter.
#[derive(Clone, Debug)]
pub struct ParameterRow {
    /// First day, days since 1970-01-01.
    pub from: i32,
    /// Last day.
    pub to: Option<i32>,
    /// Only in divisions with this prefix.
    pub division: Option<String>,
    /// Only for this class (position in the class's code list).
    pub class: Option<i64>,
    /// The value; for tables `Missing`.
    pub value: Scalar,
    /// For tables: value by position in the key's code list.
    pub table: Vec<Scalar>,
    /// Where the value comes from.
    pub source: String,
    /// `high`, `medium` or `low`.
    pub confidence: String,
}

impl Parameter {
    /// The row in force on a day for a division (code of any level) of a class: longest division prefix first, then
    /// class, then the general row; within these the newest that has begun and not ended.
    pub fn row_on(&self, day: i32, division: &str, class: Option<i64>) -> Option<&ParameterRow> {
        self.rows
            .iter()
            .filter(|row| row.from <= day && row.to.is_none_or(|to| day <= to))
            .filter(|row| row.division.as_deref().is_none_or(|prefix| division.starts_with(prefix)))
            .filter(|row| row.class.is_none() || row.class == class)
            .max_by_key(|row| (row.division.as_ref().map_or(0, String::len), row.class.is_some(), row.from))
    }

    /// Whether any row is bound to a class.
    pub fn has_classes(&self) -> bool {
        self.rows.iter().any(|row| row.class.is_some())
    }
}

/// A variable: a named formula over an entity.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Clauses.
    pub clauses: Vec<String>,
    /// For which entity.
    pub of: Entity,
    /// Type of the result.
    pub ty: Type,
    /// The formula as written (for programmes: `who` or `amount`).
    pub formula: String,
    /// Root of the formula.
    pub root: ExprId,
    /// The rule in plain words.
    pub words: Option<Text>,
    /// Heading on screen.
    pub group: Option<String>,
    /// The programme that it belongs to.
    pub programme: Option<ProgrammeId>,
    /// The check that it is.
    pub check: Option<CheckId>,
    /// Place in the pack.
    pub place: Place,
}

/// A programme.
#[derive(Clone, Debug)]
pub struct Programme {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Clauses.
    pub clauses: Vec<String>,
    /// For which entity.
    pub of: Entity,
    /// Variable: eligible or not.
    pub eligible: VariableId,
    /// Variable: amount per period.
    pub amount: VariableId,
    /// How often the amount is due.
    pub every: Frequency,
    /// Which fund pays.
    pub fund: Option<Text>,
    /// In force from.
    pub from: Option<i32>,
    /// In force to.
    pub to: Option<i32>,
    /// Place in the pack.
    pub place: Place,
}

/// How often an amount is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frequency {
    /// Once a year.
    Year,
    /// Each month.
    Month,
    /// One time.
    Once,
}

/// An indicator, computed for every division of every level.
#[derive(Clone, Debug)]
pub struct Indicator {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Clauses.
    pub clauses: Vec<String>,
    /// How it is computed.
    pub value: IndicatorValue,
    /// Unit on screen.
    pub unit: Unit,
    /// Whether lower or higher is better.
    pub better: Option<Direction>,
    /// Targets: day and value as written, with the number of digits after the point: `(day, value, scale)`.
    pub targets: Vec<(i32, i64, u8)>,
    /// Unknown rows make the value unknown.
    pub strict: bool,
    /// Place in the pack.
    pub place: Place,
}

/// How an indicator is computed.
#[derive(Clone, Debug)]
pub enum IndicatorValue {
    /// Combination of sums over one or several entities, over such a combination.
    Quotient {
        /// Above the line.
        numerator: Combination,
        /// Below the line; `None`: the numerator is the value.
        denominator: Option<Combination>,
    },
    /// A distribution index over an entity.
    Distribution(Distribution),
}

/// Sums combined: value = Σ product. `3 + a*b - c` is three terms.
#[derive(Clone, PartialEq, Debug)]
pub struct Combination {
    /// Terms that are added: integer factor and positions in `aggregates` that are multiplied.
    pub terms: Vec<(i64, Vec<usize>)>,
    /// The aggregates.
    pub aggregates: Vec<IndicatorAggregate>,
    /// Type of the result.
    pub ty: Type,
}

/// An aggregate of an indicator: over all records of an entity in the division.
#[derive(Clone, PartialEq, Debug)]
pub struct IndicatorAggregate {
    /// Which; `Any` and `All` do not occur.
    pub function: crate::ir::Aggregate,
    /// Over which entity.
    pub over: Entity,
    /// What, a node at `over`.
    pub value: Option<ExprId>,
    /// Which records, a node at `over`.
    pub filter: Option<ExprId>,
}

/// A distribution index.
#[derive(Clone, Debug)]
pub enum Distribution {
    /// Foster–Greer–Thorbecke; alpha 0, 1 or 2.
    Fgt(u8, Incomes),
    /// Sen, asymptotic form H·[I + (1−I)·Gini of the poor].
    Sen(Incomes),
    /// Sen–Shorrocks–Thon.
    Sst(Incomes),
    /// Watts, over positive incomes.
    Watts(Incomes),
    /// Gini of the incomes.
    Gini(Incomes),
    /// Alkire–Foster.
    AlkireFoster {
        /// Entity.
        of: Entity,
        /// Persons of a record.
        weight: Option<ExprId>,
        /// Poor when the weighted deprivations reach `cutoff.0 / cutoff.1`.
        cutoff: (i64, i64),
        /// Which measure.
        measure: AlkireFoster,
        /// `(numerator, denominator)` of the weight, and the boolean node.
        deprivations: Vec<((i64, i64), ExprId)>,
    },
}

/// Inputs of an income index.
#[derive(Clone, Debug)]
pub struct Incomes {
    /// Entity.
    pub of: Entity,
    /// Income node.
    pub income: ExprId,
    /// Line node (absent for Gini); same type as the income.
    pub line: Option<ExprId>,
    /// Persons of a record; absent: 1.
    pub weight: Option<ExprId>,
}

/// Alkire–Foster measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AlkireFoster {
    /// Head-count ratio.
    H,
    /// Mean intensity among the poor.
    A,
    /// H × A.
    M0,
}

/// Unit of an indicator on screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Times 100.
    Percent,
    /// Times 1000.
    PerMille,
    /// Currency.
    Money,
    /// Between 0 and 1.
    Index,
    /// A plain number.
    Number,
}

/// Which way is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
}

/// A check of records: a boolean variable whose truth is a hit.
#[derive(Clone, Debug)]
pub struct Check {
    /// The variable: id, entity, formula, message (its title) and clauses.
    pub variable: VariableId,
    /// Whether a hit is wrong or only suspect.
    pub severity: Severity,
    /// What to do.
    pub advice: Option<Text>,
    /// Ids of the fields to look at, and where they stand in the pack.
    pub fields: Vec<(String, Place)>,
    /// The type of its fields refuses what it looks for at entry: nothing on file can break it.
    pub at_entry: bool,
}

/// Severity of a check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The record is wrong.
    Error,
    /// Someone should look.
    Suspect,
}

/// What the hand-made pages show; names are checked ids.
#[derive(Clone, Debug, Default)]
pub struct Screens {
    /// The first page.
    pub overview: OverviewScreen,
    /// The what-if page.
    pub what_if: WhatIfScreen,
    /// Pages of records and divisions, by entity id.
    pub entities: BTreeMap<String, EntityScreen>,
}

/// The first page.
#[derive(Clone, Debug, Default)]
pub struct OverviewScreen {
    /// Indicators that can colour the map; the first is the default.
    pub map: Vec<IndicatorId>,
    /// Headline figures.
    pub headlines: Vec<IndicatorId>,
    /// Columns of the table of divisions.
    pub ranking: Vec<IndicatorId>,
    /// Yearly figures: a periodic register of a division level, and its fields.
    pub trend: Option<(RegisterId, Vec<u16>)>,
}

/// The what-if page.
#[derive(Clone, Debug, Default)]
pub struct WhatIfScreen {
    /// Sliders.
    pub parameters: Vec<ParameterId>,
    /// Boolean variables whose entrants and leavers are counted.
    pub outcomes: Vec<VariableId>,
    /// Programmes whose cost is shown.
    pub programmes: Vec<ProgrammeId>,
}

/// Page of a record or a division.
#[derive(Clone, Debug, Default)]
pub struct EntityScreen {
    /// Child register shown as members.
    pub members: Option<RegisterId>,
    /// Income waterfall.
    pub income: Option<IncomeScreen>,
    /// Boolean variables shown as tiles.
    pub tiles: Vec<VariableId>,
    /// Dated child register shown as labels.
    pub labels: Option<RegisterId>,
    /// Variables shown with their reasons.
    pub determinations: Vec<VariableId>,
    /// Indicators (division pages).
    pub indicators: Vec<IndicatorId>,
    /// Names (fields, variables) in the head of the page.
    pub summary: Vec<String>,
    /// Names (fields, variables) that are columns of the list.
    pub list: Vec<String>,
}

/// Income waterfall: nodes at the entity.
#[derive(Clone, Debug)]
pub struct IncomeScreen {
    /// Parts that add; the words are those of the field or variable.
    pub plus: Vec<(Text, ExprId)>,
    /// Parts that subtract.
    pub minus: Vec<(Text, ExprId)>,
    /// Total.
    pub total: ExprId,
    /// Per head.
    pub per_head: ExprId,
    /// Line per head.
    pub line: ExprId,
}

/// A case of the pack.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// Name.
    pub name: String,
    /// Date of the run.
    pub as_of: i32,
    /// Parameter overrides.
    pub set: Vec<(ParameterId, Scalar)>,
    /// Records.
    pub given: Vec<GivenRecord>,
    /// Expected values: entity, position among the given records of that entity, variable, value.
    pub expect: Vec<(Entity, usize, VariableId, Scalar)>,
    /// Facts that must be named as missing: entity, position, variable, fact (`income.wage`).
    pub missing: Vec<(Entity, usize, VariableId, String)>,
    /// Clauses that must be cited.
    pub because: Vec<(Entity, usize, VariableId, String)>,
    /// Place in the pack.
    pub place: Place,
}

/// A record of a test case.
#[derive(Clone, Debug)]
pub struct GivenRecord {
    /// What it is a record of; attached registers are inside.
    pub entity: Entity,
    /// Position of the parent in the case's list; `None` for divisions (there is one of each level).
    pub parent: Option<usize>,
    /// Own fields.
    pub fields: Vec<(FieldRef, Value)>,
    /// Fields of periodic registers: period, field, value.
    pub periodic: Vec<(i32, FieldRef, Value)>,
}

/// A value as written in a test or an import.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Integers, decimals in units, money in fen, days, positions of codes.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// Texts, division codes, references.
    Text(String),
}

impl Pack {
    /// A stored field as a check or a screen names it: `field` of an entity, or `register.field` of what is attached.
    pub fn named_field(&self, entity: Entity, name: &str) -> Option<&Field> {
        let (register, field) = match (name.split_once('.'), entity) {
            (Some((register, field)), _) => (self.register(register)?, field),
            (None, Entity::Register(register)) => (register, name),
            (None, Entity::Level(_)) => return None,
        };
        self.registers.get(register.index())?.fields.iter().find(|known| known.id == field)
    }

    /// Parent of an entity: the next upper level, what a register belongs to; `None` for the top level.
    pub fn parent(&self, entity: Entity) -> Option<Entity> {
        match entity {
            Entity::Level(LevelId(0)) => None,
            Entity::Level(LevelId(n)) => Some(Entity::Level(LevelId(n - 1))),
            Entity::Register(id) => self.registers.get(id.index()).map(|register| register.parent),
        }
    }

    /// Whether the records of a register tell of single people: it or a register above it keeps secrets or numbers of
    /// people, or has members, or is of them.
    pub fn tells_of_people(&self, id: RegisterId) -> bool {
        use FieldType::{BankCard, DisabilityCard, IdNumber, Phone};
        let personal = |field: &Field| field.secret || matches!(field.ty, IdNumber | DisabilityCard | BankCard | Phone);
        let own = |entity: Entity| {
            let Entity::Register(id) = entity else { return false };
            let Some(register) = self.registers.get(id.index()) else { return false };
            let screen = self.screens.entities.get(&register.id);
            screen.is_some_and(|screen| screen.members.is_some())
                || self.screens.entities.values().any(|screen| screen.members == Some(id))
                || register.fields.iter().any(personal)
        };
        own(Entity::Register(id)) || self.ancestors(Entity::Register(id)).any(own)
    }

    /// Ancestors from the nearest up.
    pub fn ancestors(&self, entity: Entity) -> impl Iterator<Item = Entity> + '_ {
        std::iter::successors(self.parent(entity), |e| self.parent(*e))
    }

    /// Whether `entity` lies below `above`.
    pub fn is_below(&self, entity: Entity, above: Entity) -> bool {
        self.ancestors(entity).any(|e| e == above)
    }

    /// Id of an entity.
    pub fn entity_id(&self, entity: Entity) -> &str {
        match entity {
            Entity::Level(id) => self.levels.get(id.index()).map_or("", |level| &level.id),
            Entity::Register(id) => self.registers.get(id.index()).map_or("", |register| &register.id),
        }
    }

    /// Title of an entity.
    pub fn entity_title(&self, entity: Entity) -> Option<&Text> {
        match entity {
            Entity::Level(id) => self.levels.get(id.index()).map(|level| &level.title),
            Entity::Register(id) => self.registers.get(id.index()).map(|register| &register.title),
        }
    }

    /// The entity with this id.
    pub fn entity(&self, id: &str) -> Option<Entity> {
        let level = self.levels.iter().position(|level| level.id == id);
        let level = level.map(|n| Entity::Level(LevelId(n as u16)));
        level.or_else(|| {
            let register = self.register(id)?;
            let entity = self.registers.get(register.index())?.kind == RegisterKind::Entity;
            entity.then_some(Entity::Register(register))
        })
    }

    /// The register with this id.
    pub fn register(&self, id: &str) -> Option<RegisterId> {
        self.registers.iter().position(|r| r.id == id).map(|n| RegisterId(n as u16))
    }

    /// The variable with this id.
    pub fn variable(&self, id: &str) -> Option<VariableId> {
        self.variables.iter().position(|v| v.id == id).map(|n| VariableId(n as u16))
    }

    /// The parameter with this id.
    pub fn parameter(&self, id: &str) -> Option<ParameterId> {
        self.parameters.iter().position(|p| p.id == id).map(|n| ParameterId(n as u16))
    }

    /// Words of explanations in a language, if the pack brings them.
    pub fn phrase(&self, language: &str, key: &str) -> Option<&str> {
        self.phrases.get(language)?.get(key).map(String::as_str)
    }

    /// The book with this id.
    pub fn book(&self, id: &str) -> Option<&crate::books::Book> {
        self.books.iter().find(|book| book.id == id)
    }

    /// The indicator with this id.
    pub fn indicator(&self, id: &str) -> Option<IndicatorId> {
        self.indicators.iter().position(|i| i.id == id).map(|n| IndicatorId(n as u16))
    }

    /// A field.
    pub fn field(&self, field: FieldRef) -> Option<&Field> {
        self.registers.get(field.register.index())?.fields.get(field.field as usize)
    }

    /// Level of a division code by its length.
    pub fn level_of_code(&self, code: &str) -> Option<LevelId> {
        self.levels.iter().position(|level| level.digits == code.len()).map(|n| LevelId(n as u16))
    }
}

/// The text in a language, else in any.
pub fn text_in<'a>(text: &'a Text, language: &str) -> &'a str {
    text.get(language).or_else(|| text.values().next()).map_or("", String::as_str)
}
