//! Reading a policy pack from a folder.

use std::path::{Path, PathBuf};

use bangfu_policy::diagnostic::Diagnostic;
use bangfu_policy::model::Pack;
use bangfu_policy::{SourceFile, load};

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The folder or one of its files cannot be read.
    #[error("cannot read {path}: {source}; check the path and the rights")]
    File {
        /// The path.
        path: String,
        /// Reason of the operating system.
        source: std::io::Error,
    },
    /// There is no such folder.
    #[error("there is no folder {path}; name the folder of a policy pack, such as policies/inner-mongolia")]
    NoFolder {
        /// The path.
        path: String,
    },
    /// The folder holds no pack.
    #[error("{path} holds no .yaml files; give the folder of a policy pack, such as policies/inner-mongolia")]
    Empty {
        /// The path.
        path: String,
    },
    /// The pack has errors; the files are there to show them.
    #[error("the pack has {} errors", diagnostics.len())]
    Wrong {
        /// Everything that is wrong.
        diagnostics: Vec<Diagnostic>,
        /// The files.
        files: Vec<SourceFile>,
    },
}

/// All files of a pack: `*.yaml` and `*.csv`, except below `data/`.
///
/// # Errors
/// The folder cannot be read or holds no pack.
pub fn read_folder(folder: &Path) -> Result<Vec<SourceFile>, PackError> {
    if !folder.is_dir() {
        return Err(PackError::NoFolder { path: folder.display().to_string() });
    }
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        for entry in failing(&path, std::fs::read_dir(&path))? {
            let path = failing(&path, entry)?.path();
            if path.is_dir() {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                if name != Path::new("data") {
                    open.push(path);
                }
            } else if is_source(&path) {
                let text = failing(&path, std::fs::read(&path))?;
                let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                files.push(SourceFile { path: name, text: String::from_utf8_lossy(&text).into_owned() });
            }
        }
    }
    if !files.iter().any(|file| is_yaml(&file.path)) {
        return Err(PackError::Empty { path: folder.display().to_string() });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Reads and checks a pack.
///
/// # Errors
/// It cannot be read, or has errors.
pub fn read(folder: &Path) -> Result<Pack, PackError> {
    let files = read_folder(folder)?;
    let mut pack = load(&files).map_err(|diagnostics| PackError::Wrong { diagnostics, files })?;
    for locale in locales(folder)? {
        pack.phrases.entry(locale.language.clone()).or_default().extend(phrases(&locale.text));
    }
    Ok(pack)
}

/// The words of explanations in a locale file: messages `why-…` of one line, whose parts are `{ $a }`, `{ $b }` …
fn phrases(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let messages = text.lines().filter_map(|line| line.split_once('='));
    messages.filter(|(key, _)| key.starts_with("why-")).map(|(key, form)| {
        // Spaces at the ends stand in quotes, as everywhere in these files.
        let mut form = form.trim().replace("{\" \"}", " ").replace("{ \" \" }", " ");
        for (number, name) in ('a'..='j').enumerate() {
            form = form.replace(&format!("{{ ${name} }}"), &format!("{{{number}}}"));
        }
        (key.trim().to_owned(), form)
    })
}

/// The mappings of foreign lists that a pack brings with it (`data/mappings/*.yaml`): name and path, by name.
pub fn mappings(folder: &Path) -> Vec<(String, PathBuf)> {
    let listed = std::fs::read_dir(folder.join("data/mappings"));
    let paths = listed.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<(String, PathBuf)> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    found.sort();
    found
}

/// A locale file of a pack: words of the site for one of its languages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Locale {
    /// Id of the language, as the pack names it.
    pub language: String,
    /// The file.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The locale files of a pack: `locales/<language>/*.ftl`, by path.
///
/// # Errors
/// A file cannot be read.
pub fn locales(folder: &Path) -> Result<Vec<Locale>, PackError> {
    let mut found = Vec::new();
    for language in listed(&folder.join("locales")) {
        let Some(name) = language.file_name().and_then(|name| name.to_str()) else { continue };
        for path in listed(&language).into_iter().filter(|path| path.extension().is_some_and(|end| end == "ftl")) {
            let text = failing(&path, std::fs::read_to_string(&path))?;
            found.push(Locale { language: name.to_owned(), path: path.display().to_string(), text });
        }
    }
    Ok(found)
}

/// What lies in a folder, by name; nothing if there is no such folder.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn is_yaml(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "yaml")
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "csv")
}

fn failing<T>(path: &Path, result: std::io::Result<T>) -> Result<T, PackError> {
    result.map_err(|source| PackError::File { path: PathBuf::from(path).display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::phrases;

    #[test]
    fn words_of_explanations_are_read_from_locale_files() {
        let text = "nav = x\nwhy-is = { $a } est { $b }\nwhy-word-and = {\" \"}et{\" \"}\n";
        let found: Vec<_> = phrases(text).collect();
        let pair = |key: &str, form: &str| (key.to_owned(), form.to_owned());
        assert_eq!(found, [pair("why-is", "{0} est {1}"), pair("why-word-and", " et ")]);
    }
}
