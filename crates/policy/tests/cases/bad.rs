//! Every case adds files to the base pack; what is said about it is pinned beside.

use bangfu_policy::diagnostic::render;
use bangfu_policy::load;

use crate::{folder, overlaid};

#[test]
fn bad_packs_say_what_is_wrong() {
    let mut cases: Vec<_> = std::fs::read_dir(folder("bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 40, "cases are missing: only {}", cases.len());
    let mut accepted = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let files = overlaid(&case);
        let Err(found) = load(&files) else {
            accepted.push(name);
            continue;
        };
        for diagnostic in &found {
            let known = files.iter().any(|file| file.path == diagnostic.place.file);
            assert!(known, "{name}: no such file: {:?}", diagnostic.place);
            assert!(!diagnostic.advice.is_empty(), "{name}: no advice: {}", diagnostic.message);
        }
        insta::assert_snapshot!(name, render(&found, &files, false));
    }
    assert!(accepted.is_empty(), "these bad packs were accepted: {accepted:#?}");
}
