//! The mapping file: which column of a foreign list is which field, and what else a row of it says.
//!
//! Knows the shape of the file only (docs/import.md); `compile` fits it to a pack and to the header of a list.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::IntakeError;

/// A mapping file.
#[derive(Debug)]
pub struct MappingFile {
    /// Its path, for messages.
    pub path: String,
    /// Words for people, by language.
    pub title: BTreeMap<String, String>,
    /// Where the list comes from.
    pub source: String,
    /// The register of a row; others are attached to it or lie above it.
    pub register: String,
    /// Header → what its cells are used for.
    pub(super) columns: BTreeMap<String, Vec<Use>>,
    /// Header of another edition of the list → header in `columns`.
    pub(super) aliases: BTreeMap<String, String>,
    /// Header, or `*` for all → texts that stand for an empty cell.
    pub(super) empty: BTreeMap<String, Vec<String>>,
    /// Headers whose names lead to the division, from the top down.
    pub(super) division_names: Vec<String>,
    /// Endings that lists leave out of names of divisions, or put in.
    pub division_endings: Vec<String>,
    /// Header → foreign code system of its list.
    pub(super) codes: BTreeMap<String, String>,
    /// Period of periodic registers, when the list has no column for it.
    pub period: Option<i32>,
    /// `field` or `register.field` → value that every row gets.
    pub(super) constants: BTreeMap<String, String>,
    /// Further records of a row.
    pub(super) records: Vec<RecordOfRow>,
    /// What the cells of a row must agree in.
    pub(super) checks: Vec<RowCheck>,
}

/// What the cells of a column are used for. A column may have several uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Use {
    /// `field`, `register.field`, or one of the words `division`, `period`, `-`.
    pub field: Option<String>,
    /// A register above: the cell says how many rows its record has.
    pub count: Option<String>,
    /// In a record: the column that the value comes from.
    pub column: Option<String>,
    /// The part of the cell that is taken.
    pub take: Part,
    /// Only in rows where these columns hold one of the words (`*`: anything).
    pub when: BTreeMap<String, Words>,
    /// Word of the list → code or value; empty: known, but no value.
    pub values: BTreeMap<String, Word>,
    /// The value itself, instead of the cell.
    pub value: Option<Word>,
    /// Foreign code system.
    pub codes: Option<String>,
}

/// Which part of a cell is the value. The parts of an identity number are those of GB 11643; a disability card's
/// number is an identity number, its kind and its grade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// All of it.
    #[default]
    Whole,
    /// The identity number, also where the number of a disability card stands.
    IdNumber,
    /// Date of birth in the number.
    Birth,
    /// `1` for men, `2` for women (GB/T 2261.1).
    Sex,
    /// The number if it is that of a disability card.
    DisabilityCard,
    /// Its kind.
    DisabilityKind,
    /// Its grade.
    DisabilityGrade,
}

/// A record that a row brings beside those of its columns.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordOfRow {
    /// Its register.
    pub register: String,
    /// See [`Use::when`].
    #[serde(default)]
    pub when: BTreeMap<String, Words>,
    /// Field → constant, text with `{field}` in it, or `{column: …}`.
    pub fields: BTreeMap<String, Json>,
}

/// In rows where `when` holds, some columns must be filled and others empty.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowCheck {
    /// Id, shown as the rule that is broken.
    pub id: String,
    /// See [`Use::when`].
    pub when: BTreeMap<String, Words>,
    /// Columns that must hold something.
    #[serde(default)]
    pub filled: Vec<String>,
    /// Columns that must be empty.
    #[serde(default)]
    pub blank: Vec<String>,
    /// What is wrong, by language.
    pub message: BTreeMap<String, String>,
    /// What to do, by language.
    pub advice: BTreeMap<String, String>,
}

/// A scalar as text, whatever YAML takes it for.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Json")]
pub(super) struct Word(pub String);

impl TryFrom<Json> for Word {
    type Error = String;

    fn try_from(value: Json) -> Result<Self, String> {
        match value {
            Json::String(text) => Ok(Self(text)),
            Json::Number(number) => Ok(Self(number.to_string())),
            Json::Bool(truth) => Ok(Self(truth.to_string())),
            other => Err(format!("`{other}` is not one word; write a text, in quotes if it begins with 0")),
        }
    }
}

/// One word or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Json")]
pub(super) struct Words(pub Vec<String>);

impl TryFrom<Json> for Words {
    type Error = String;

    fn try_from(value: Json) -> Result<Self, String> {
        let list = match value {
            Json::Array(list) => list,
            one => vec![one],
        };
        list.into_iter().map(|word| Word::try_from(word).map(|word| word.0)).collect::<Result<_, _>>().map(Self)
    }
}

/// The file as `serde` reads it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(default)]
    title: BTreeMap<String, String>,
    #[serde(default)]
    source: String,
    register: String,
    columns: BTreeMap<String, Json>,
    #[serde(default)]
    aliases: BTreeMap<String, String>,
    #[serde(default)]
    empty: BTreeMap<String, Words>,
    #[serde(default)]
    division_names: Vec<String>,
    #[serde(default)]
    division_endings: Vec<String>,
    #[serde(default)]
    codes: BTreeMap<String, String>,
    period: Option<i32>,
    #[serde(default)]
    constants: BTreeMap<String, Word>,
    #[serde(default)]
    records: Vec<RecordOfRow>,
    #[serde(default)]
    checks: Vec<RowCheck>,
}

impl MappingFile {
    /// Reads a mapping file (YAML). `path` is for messages.
    ///
    /// # Errors
    /// It is not YAML or has another shape.
    pub fn parse(path: &str, text: &str) -> Result<Self, IntakeError> {
        let value = bangfu_policy::document::parse(path, text).map_err(|d| {
            IntakeError::Mapping(format!("{path}:{}:{}: {}; {}", d.place.line, d.place.column, d.message, d.advice))
        })?;
        let shape: Shape = serde_json::from_value(value).map_err(|error| {
            IntakeError::Mapping(format!(
                "{path}: {error}; a mapping has register: and columns: {{header: field}}, and may have the other keys of docs/import.md"
            ))
        })?;
        let columns = shape.columns.into_iter().map(|(header, value)| {
            let uses = uses(value).map_err(|error| {
                IntakeError::Mapping(format!(
                    "{path}, columns.{header}: {error}; write a field, a map such as {{field: …, when: …}}, or a list of them"
                ))
            })?;
            Ok((header, uses))
        });
        Ok(Self {
            path: path.to_owned(),
            title: shape.title,
            source: shape.source,
            register: shape.register,
            columns: columns.collect::<Result<_, IntakeError>>()?,
            aliases: shape.aliases,
            empty: shape.empty.into_iter().map(|(header, words)| (header, words.0)).collect(),
            division_names: shape.division_names,
            division_endings: shape.division_endings,
            codes: shape.codes,
            period: shape.period,
            constants: shape.constants.into_iter().map(|(field, word)| (field, word.0)).collect(),
            records: shape.records,
            checks: shape.checks,
        })
    }
}

/// The uses of one column.
fn uses(value: Json) -> Result<Vec<Use>, String> {
    match value {
        Json::String(field) => Ok(vec![Use { field: Some(field), ..Use::default() }]),
        Json::Array(list) => Ok(list.into_iter().map(uses).collect::<Result<Vec<_>, _>>()?.concat()),
        Json::Object(_) => use_of(value).map(|one| vec![one]),
        other => Err(format!("`{other}` is no use of a column")),
    }
}

/// One use, written as a map.
pub(super) fn use_of(value: Json) -> Result<Use, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::MappingFile;

    fn refused(text: &str) -> String {
        MappingFile::parse("list.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn uses_are_written_in_three_ways() {
        let text =
            "register: person\ncolumns:\n  a: name\n  b: {field: sex, take: sex}\n  c: [name, {count: household}]\n";
        let file = MappingFile::parse("list.yaml", text).unwrap();
        let fields = |header: &str| file.columns[header].iter().map(|one| one.field.clone()).collect::<Vec<_>>();
        assert_eq!(fields("a"), [Some("name".to_owned())]);
        assert_eq!(fields("c"), [Some("name".to_owned()), None]);
    }

    #[test]
    fn a_wrong_mapping_says_where_and_what_to_write() {
        insta::assert_snapshot!(refused("register: person\ncolumns: [a]\n"));
        insta::assert_snapshot!(refused("register: person\ncolumns:\n  姓名: {feild: name}\n"));
        insta::assert_snapshot!(refused("register: person\ncolumns:\n  姓名: {field: name, take: half}\n"));
        insta::assert_snapshot!(refused("register: person\ncolumns:\n  姓名: 3\n"));
        insta::assert_snapshot!(refused("register: person\n"));
        insta::assert_snapshot!(refused("register: [\n"));
    }
}
