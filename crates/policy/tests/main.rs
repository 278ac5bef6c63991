//! Packs as data: good ones load, bad ones say what is wrong, broken ones never break the loader.

mod cases;

use std::path::{Path, PathBuf};

use bangfu_policy::SourceFile;

/// Path below this folder.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Files of a pack: `*.yaml` and `*.csv` below a folder.
fn read(folder: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap().path();
            let name = entry.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
            if entry.is_dir() {
                open.push(entry);
            } else if !name.starts_with("data/")
                && (entry.extension().is_some_and(|kind| kind == "yaml" || kind == "csv"))
            {
                files.push(SourceFile { path: name, text: std::fs::read_to_string(&entry).unwrap() });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The base pack with the files of a case added, or put in place of files with the same name.
fn overlaid(case: &Path) -> Vec<SourceFile> {
    let mut files = read(&folder("good/base"));
    for file in read(case) {
        files.retain(|known| known.path != file.path);
        files.push(file);
    }
    files
}
