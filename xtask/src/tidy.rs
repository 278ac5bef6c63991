//! The structure of the workspace, checked: who may name whom, and what every file must have.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{cargo, root};

/// Name of a check and what it found.
pub(crate) type Findings = Vec<(&'static str, Vec<String>)>;

/// Workspace crates and which others they may depend on.
const EDGES: [(&str, &[&str]); 7] = [
    ("bangfu-policy", &[]),
    ("bangfu-rules", &["bangfu-policy"]),
    ("bangfu-store", &["bangfu-policy"]),
    ("bangfu-office", &["bangfu-policy"]),
    ("bangfu-registry", &["bangfu-policy", "bangfu-rules", "bangfu-store", "bangfu-office"]),
    ("bangfu-server", &["bangfu-policy", "bangfu-rules", "bangfu-registry"]),
    ("xtask", &[]),
];

/// Libraries that only certain crates may name.
const OWNERS: [(&str, &[&str]); 12] = [
    ("sqlx", &["bangfu-store"]),
    ("sea-query", &["bangfu-store"]),
    ("libsqlite3-sys", &["bangfu-store"]),
    ("axum", &["bangfu-server"]),
    ("calamine", &["bangfu-office"]),
    ("rust_xlsxwriter", &["bangfu-office"]),
    ("csv", &["bangfu-office"]),
    ("encoding_rs", &["bangfu-office"]),
    ("zip", &["bangfu-office"]),
    ("image", &["bangfu-office"]),
    ("parquet", &["bangfu-rules"]),
    ("saphyr", &["bangfu-policy"]),
];

/// Longest file without a written reason.
const MOST_LINES: usize = 700;

/// All checks.
pub(crate) fn all() -> Result<Findings> {
    let files = sources(&root().join("crates"))?;
    let own = sources(&root().join("xtask"))?;
    let every: Vec<_> = files.iter().chain(&own).collect();
    Ok(vec![
        ("crate edges", edges()?),
        ("module documentation", every.iter().filter_map(|file| undocumented(file)).collect()),
        ("file length", every.iter().filter_map(|file| too_long(file)).collect()),
        ("no panics in libraries", files.iter().flat_map(panics).collect()),
        ("no foreign paths", every.iter().flat_map(|file| foreign_paths(file)).collect()),
        ("same keys in every language", locale_keys()?),
    ])
}

/// A source file.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.strip_prefix(root()).unwrap_or(&self.path).display().to_string()
    }
}

fn sources(folder: &Path) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path)?;
                files.push(Source { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn edges() -> Result<Vec<String>> {
    let output = cargo().args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let allowed = EDGES.iter().find(|(known, _)| *known == name).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            found.push(format!("{name} is not in the list of crates (xtask/src/tidy.rs)"));
            continue;
        };
        let normal = |dependency: &&serde_json::Value| dependency["kind"].is_null();
        for dependency in package["dependencies"].as_array().into_iter().flatten().filter(normal) {
            let on = dependency["name"].as_str().unwrap_or_default();
            if on.starts_with("bangfu-") && !allowed.contains(&on) {
                found.push(format!("{name} may not depend on {on}"));
            }
            if let Some((_, owners)) = OWNERS.iter().find(|(library, _)| *library == on)
                && !owners.contains(&name)
            {
                found.push(format!("{name} may not name {on}; only {} does", owners.join(", ")));
            }
        }
    }
    Ok(found)
}

fn undocumented(file: &Source) -> Option<String> {
    let first = file.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["))?;
    (!first.starts_with("//!")).then(|| format!("{} does not begin with //! and what it is for", file.name()))
}

fn too_long(file: &Source) -> Option<String> {
    let lines = file.text.lines().count();
    let reason = file.text.lines().take(12).any(|line| line.starts_with("//! Length:"));
    (lines > MOST_LINES && !reason)
        .then(|| format!("{} has {lines} lines: split it, or say why (//! Length: …)", file.name()))
}

/// Calls that end the process, outside tests.
fn panics(file: &Source) -> Vec<String> {
    let name = file.name();
    let exempt = name.contains("/tests/") || name.contains("/examples/") || name.contains("/benches/");
    let commands = name.contains("server/src/cli") || name.ends_with("server/src/main.rs");
    if exempt {
        return Vec::new();
    }
    let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
    let forbidden = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "dbg!("];
    let printing = ["println!(", "eprintln!(", "print!("];
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        let words = forbidden.iter().chain(printing.iter().filter(|_| !commands));
        for word in words.filter(|word| line.contains(**word)) {
            found.push(format!("{name}:{}: {word}", number + 1));
        }
    }
    found
}

fn foreign_paths(file: &Source) -> Vec<String> {
    let words = [concat!("/wo", "rk/"), concat!("../sha", "red"), concat!("/ro", "ot/")];
    let lines = file.text.lines().enumerate();
    let found = lines.filter(|(_, line)| words.iter().any(|word| line.contains(word)));
    found.map(|(number, _)| format!("{}:{}: a path of one machine", file.name(), number + 1)).collect()
}

/// Message ids of one language against the other.
fn locale_keys() -> Result<Vec<String>> {
    let folder = root().join("crates/server/locales");
    let mut keys = Vec::new();
    for language in ["zh-CN", "en"] {
        let mut found = Vec::new();
        let path = folder.join(language);
        let files = if path.is_dir() {
            std::fs::read_dir(&path)?.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
        } else {
            vec![folder.join(format!("{language}.ftl"))]
        };
        for file in files {
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let ids = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()));
            found.extend(ids.filter_map(|line| line.split_once('=')).map(|(id, _)| id.trim().to_owned()));
        }
        found.sort();
        keys.push(found);
    }
    let [zh, en] = keys.as_slice() else { return Ok(Vec::new()) };
    let only = |a: &[String], b: &[String], language: &str| -> Vec<String> {
        a.iter().filter(|key| !b.contains(key)).map(|key| format!("`{key}` is missing in {language}")).collect()
    };
    Ok(only(zh, en, "en").into_iter().chain(only(en, zh, "zh-CN")).collect())
}
