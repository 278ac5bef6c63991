//! Packs that the tests use: folders of the repository, and texts.

use std::path::Path;

use bangfu_policy::model::Pack;
use bangfu_policy::{SourceFile, load};

/// A pack of the repository.
pub(crate) fn of_folder(folder: &str) -> Pack {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    loaded(&files)
}

/// A pack of one text.
pub(crate) fn of_text(text: &str) -> Pack {
    loaded(&[SourceFile { path: "pack.yaml".to_owned(), text: text.to_owned() }])
}

fn loaded(files: &[SourceFile]) -> Pack {
    load(files).unwrap_or_else(|found| {
        let lines: Vec<_> = found.iter().map(|d| format!("{}:{} {}", d.place.file, d.place.line, d.message)).collect();
        panic!("the pack does not load:\n{}", lines.join("\n"))
    })
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "csv") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if name.starts_with("data/") {
                continue;
            }
            files.push(SourceFile { path: name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
}
