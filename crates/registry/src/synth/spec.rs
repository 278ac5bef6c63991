//! The shape of a description (`data/demo.yaml`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The whole description.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Seed of all chance.
    pub seed: u64,
    /// Day on which ages are counted (yyyy-mm-dd).
    pub as_of: String,
    /// The unit register, for instance `household`.
    pub unit: String,
    /// Its member register, for instance `person`.
    pub member: String,
    /// Kinds of units.
    pub strata: Vec<String>,
    /// Units and members by division and stratum, as published or derived.
    pub quotas: Vec<Quota>,
    /// Which villages units live in.
    pub villages: Villages,
    /// How many members units have.
    pub sizes: Vec<Sizes>,
    /// Who lives together.
    pub compositions: Vec<Composition>,
    /// Lists of names.
    pub names: BTreeMap<String, Names>,
    /// Records of each register.
    pub registers: Vec<RegisterRules>,
    /// Errors planted on purpose.
    #[serde(default)]
    pub errors: Vec<PlantedError>,
}

/// Units and members of a stratum in a division.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Code of the division whose villages take them.
    pub division: String,
    /// The stratum.
    pub stratum: String,
    /// Units.
    pub units: u64,
    /// Members of all these units.
    pub members: u64,
}

/// Which villages take part, and how uneven they are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Villages {
    /// Only codes that end at least so (`"200"`: villages, not residential communities).
    pub from_suffix: String,
    /// Share of these villages that have units at all.
    pub share: f64,
    /// Spread of their weights (standard deviation of the logarithm).
    pub spread: f64,
}

/// Weights of sizes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Strata; absent: all others.
    pub strata: Option<Vec<String>>,
    /// Size → weight.
    pub weights: BTreeMap<String, f64>,
}

/// Who lives together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composition {
    /// Weight among compositions of the same size.
    pub weight: f64,
    /// Only in these strata.
    pub strata: Option<Vec<String>>,
    /// Members; the first is the head.
    pub members: Vec<MemberRule>,
}

/// A member of a composition: exactly one of `age`, `younger`, `older`, `near`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRule {
    /// Word that rules refer to.
    pub role: String,
    /// Age between.
    pub age: Option<[i64; 2]>,
    /// Years younger than the head.
    pub younger: Option<[i64; 2]>,
    /// Years older than the head.
    pub older: Option<[i64; 2]>,
    /// Years older (or younger, if negative) than the head.
    pub near: Option<[i64; 2]>,
}

/// Names: a family part (may be empty) and a given part.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Family parts; a unit keeps one.
    #[serde(default)]
    pub family: Vec<String>,
    /// Given parts, combined at random.
    pub given: Vec<String>,
    /// Second given parts; a name has one of them half of the time.
    #[serde(default)]
    pub second: Vec<String>,
}

/// Records of a register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterRules {
    /// The register.
    pub register: String,
    /// Periods of a periodic register.
    #[serde(default)]
    pub periods: Vec<i32>,
    /// Records per parent; absent: one (per period).
    pub records: Option<Vec<RecordRule>>,
    /// Decision list: the first rule that applies to a field sets it.
    pub rules: Vec<Rule>,
}

/// A record that a parent has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRule {
    /// Only if.
    pub when: Option<BTreeMap<String, Value>>,
    /// With this probability.
    pub chance: Option<f64>,
    /// How many, drawn evenly between two numbers; absent: one.
    pub repeat: Option<[i64; 2]>,
    /// Decision list before the register's own.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// How a field gets its value: exactly one generator.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The field.
    pub set: String,
    /// Only if: name → value, list of values, `[low, high]` of numbers, or null for missing.
    pub when: Option<BTreeMap<String, Value>>,
    /// With this probability, else the next rule is tried.
    pub chance: Option<f64>,
    /// A constant; null leaves it missing.
    #[serde(default, deserialize_with = "present")]
    pub value: Option<Value>,
    /// Value → weight.
    pub choose: Option<BTreeMap<String, f64>>,
    /// Evenly between two numbers or dates.
    pub between: Option<[Value; 2]>,
    /// Only multiples of this (with `between`, `lognormal`, `grow`, `times`), in the field's own unit.
    pub step: Option<f64>,
    /// Log-normal: median, sigma and bounds.
    pub lognormal: Option<LogNormal>,
    /// The date of birth that fits the age.
    pub birth: Option<bool>,
    /// A name from one of the lists.
    pub name: Option<String>,
    /// A text with `{division}`, `{unit}`, `{n}` (unit in the village), `{u}` (unit of all), `{m}` (member), `{k}` (record of its parent) and `:width`.
    pub sequence: Option<String>,
    /// An identity number that begins with these six digits.
    pub id_number: Option<String>,
    /// The value of the period before times a factor between.
    pub grow: Option<[f64; 2]>,
    /// Another value times a factor between.
    pub times: Option<Times>,
    /// Other values added up, and some taken away, as they are written: planted errors are in it.
    pub sum: Option<Sum>,
    /// Another value.
    pub copy: Option<String>,
    /// A day some days after another date.
    pub after: Option<After>,
    /// The key of a record of this register, made before in the same group of divisions.
    pub refer: Option<String>,
    /// Units or members of strata in the division.
    pub tally: Option<Tally>,
    /// A share of a total that is met exactly over all divisions.
    pub share: Option<Share>,
}

/// Tells `value: null` from no `value` at all.
fn present<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(source).map(Some)
}

/// A log-normal distribution.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogNormal {
    /// Median.
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub sigma: f64,
    /// Smallest.
    #[serde(default)]
    pub min: f64,
    /// Largest.
    pub max: Option<f64>,
    /// Multiplied by this value (for instance `size`).
    pub per: Option<String>,
}

/// Another value times a factor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// The other value.
    pub of: String,
    /// Factor between.
    pub by: [f64; 2],
}

/// Values that are added, and values that are taken away; missing if one of them is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// Added.
    pub plus: Vec<String>,
    /// Taken away.
    #[serde(default)]
    pub minus: Vec<String>,
}

/// A day after another date.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// The date.
    pub of: String,
    /// Days between (negative: before).
    pub days: [i64; 2],
}

/// Units or members of strata.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// `units` or `members`.
    pub of: String,
    /// Strata.
    pub strata: Vec<String>,
}

/// A share of a total.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Weight of a division between.
    pub between: [f64; 2],
    /// More weight per generated member.
    #[serde(default)]
    pub per_member: f64,
    /// Total by period.
    pub totals: BTreeMap<String, i64>,
}

/// An error planted on purpose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantedError {
    /// Id.
    pub id: String,
    /// The check that should find it, or words for the kind.
    pub finds: String,
    /// How many units, spread evenly (for the full population; smaller ones get their share).
    pub count: u64,
    /// Only units of these strata.
    pub strata: Option<Vec<String>>,
    /// The register: the unit, its head, or what is attached to them.
    pub register: String,
    /// Only this period.
    pub period: Option<i32>,
    /// The field.
    pub field: String,
    /// `missing`, `previous` (the value of the unit before), or `value`.
    pub becomes: String,
    /// The value for `becomes: value`.
    pub value: Option<Value>,
    /// Other fields of the record that get a value, so that the error is one and nothing else.
    #[serde(default)]
    pub with: std::collections::BTreeMap<String, Value>,
}
