//! The description of a demo population in the `data/` folder of a pack, with the divisions and known facts beside it.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use bangfu_office::{Limits, read_rows};
use bangfu_policy::model::{Entity, Pack, RegisterKind, Value};
use serde_json::Value as Json;

use super::SynthError;
use super::spec::Spec;

/// A division as listed in `data/divisions.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDivision {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Name in English, where there is one.
    pub name_en: String,
}

/// Known facts by division code: `(register, field, value)`.
pub type Given = HashMap<String, Vec<(String, String, Value)>>;

/// Reads `data/demo.yaml`, and what `data/demo/*.yaml` add to its `names`, `registers` and `errors`.
///
/// # Errors
/// There is none, one of them has another shape, or a register or list of names stands in two of them.
pub fn read_spec(folder: &Path) -> Result<Spec, SynthError> {
    let mut whole = document(folder, "data/demo.yaml")?;
    let more = std::fs::read_dir(folder.join("data/demo"));
    let mut names: Vec<String> = more
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    names.sort();
    for name in names {
        let path = format!("data/demo/{name}");
        add(&mut whole, document(folder, &path)?, &path)?;
    }
    let spec: Spec = serde_json::from_value(whole).map_err(|error| SynthError::Shape(error.to_string()))?;
    let mut seen = BTreeSet::new();
    match spec.registers.iter().find(|rules| !seen.insert(rules.register.as_str())) {
        Some(twice) => Err(SynthError::Content {
            at: format!("register `{}`", twice.register),
            what: "it is described twice".to_owned(),
            advice: "keep one of the two in data/demo.yaml and data/demo/*.yaml".to_owned(),
        }),
        None => Ok(spec),
    }
}

fn document(folder: &Path, name: &str) -> Result<Json, SynthError> {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).map_err(|source| SynthError::File { path: shown(&path), source })?;
    bangfu_policy::document::parse(name, &text).map_err(|diagnostic| SynthError::Document(Box::new(diagnostic)))
}

/// Joins a further file into the description.
fn add(whole: &mut Json, more: Json, path: &str) -> Result<(), SynthError> {
    let shape = |what: &str| SynthError::Shape(format!("{path}: {what}"));
    let Json::Object(more) = more else { return Err(shape("a map is wanted")) };
    for (key, value) in more {
        match (key.as_str(), value) {
            ("registers" | "errors", Json::Array(mut items)) => {
                if whole.get(&key).is_none() {
                    whole[key.as_str()] = Json::Array(Vec::new());
                }
                if let Some(list) = whole[key.as_str()].as_array_mut() {
                    list.append(&mut items);
                }
            }
            ("names", Json::Object(lists)) => {
                for (name, list) in lists {
                    if whole["names"].get(&name).is_some() {
                        return Err(shape(&format!("the names `{name}` stand in another file too; rename them")));
                    }
                    whole["names"][name.as_str()] = list;
                }
            }
            (key, _) => {
                return Err(shape(&format!("`{key}` is not for a further file; write names, registers, errors")));
            }
        }
    }
    Ok(())
}

/// Reads `data/divisions.csv`: `code,name,level,name_en`.
///
/// # Errors
/// The file cannot be read or has no columns `code` and `name`.
pub fn read_divisions(folder: &Path) -> Result<Vec<ListedDivision>, SynthError> {
    let path = folder.join("data/divisions.csv");
    let (header, rows) = table(&path)?;
    let (code, name) = (column(&path, &header, "code")?, column(&path, &header, "name")?);
    let english = header.iter().position(|cell| cell == "name_en");
    let cell = |row: &[String], index: usize| row.get(index).cloned().unwrap_or_default();
    Ok(rows
        .iter()
        .map(|row| ListedDivision {
            code: cell(row, code),
            name: cell(row, name),
            name_en: english.map(|index| cell(row, index)).unwrap_or_default(),
        })
        .collect())
}

/// Known facts of divisions: every `data/<anything>.csv` with a column `division` whose other columns are fields of a
/// register attached to divisions. By division code: `(register, field, value)`.
///
/// # Errors
/// A file cannot be read, or a value does not fit its field.
pub fn read_given(folder: &Path, pack: &Pack) -> Result<Given, SynthError> {
    let mut given = Given::new();
    let language = pack.policy.languages.first().map_or("", String::as_str);
    let attached: Vec<_> = pack
        .registers
        .iter()
        .filter(|register| register.kind == RegisterKind::One && matches!(register.parent, Entity::Level(_)))
        .collect();
    let data = folder.join("data");
    let listed = std::fs::read_dir(&data).map_err(|source| SynthError::File { path: shown(&data), source })?;
    let mut paths: Vec<_> = listed.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "csv")) {
        let (header, rows) = table(path)?;
        let Some(division) = header.iter().position(|cell| cell == "division") else { continue };
        for (number, row) in rows.iter().enumerate() {
            let code = row.get(division).cloned().unwrap_or_default();
            for (name, text) in header.iter().zip(row).filter(|(_, text)| !text.is_empty()) {
                let found = attached.iter().find_map(|register| {
                    register.fields.iter().find(|field| field.id == *name).map(|field| (register, field))
                });
                let Some((register, field)) = found else { continue };
                let value = bangfu_policy::value::parse(text, field.ty, pack, language).map_err(|error| {
                    SynthError::Content {
                        at: format!("{}, row {}, column {name}", shown(path), number + 2),
                        what: error.to_string(),
                        advice: "correct the cell".to_owned(),
                    }
                })?;
                given.entry(code.clone()).or_default().push((register.id.clone(), name.clone(), value));
            }
        }
    }
    Ok(given)
}

type Table = (Vec<String>, Vec<Vec<String>>);

fn table(path: &Path) -> Result<Table, SynthError> {
    let mut rows = Vec::new();
    read_rows(path, &Limits::default(), &mut |row| {
        rows.push(row.cells);
        true
    })
    .map_err(|error| SynthError::Sink(error.to_string()))?;
    let header = if rows.is_empty() { Vec::new() } else { rows.remove(0) };
    Ok((header, rows))
}

fn column(path: &Path, header: &[String], name: &str) -> Result<usize, SynthError> {
    header.iter().position(|cell| cell == name).ok_or_else(|| SynthError::Content {
        at: shown(path),
        what: format!("there is no column `{name}`"),
        advice: "add it to the header".to_owned(),
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
