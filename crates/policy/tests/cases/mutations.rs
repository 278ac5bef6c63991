//! Texts of a good pack, damaged at random: the loader says so or reads them, and never panics.

use bangfu_policy::{SourceFile, load};
use proptest::prelude::*;

use crate::{folder, read};

/// A damage: where (as a share of the text, of 1000) and what.
#[derive(Clone, Debug)]
enum Damage {
    Delete(usize, usize),
    Insert(usize, String),
    SwapLines(usize, usize),
    RepeatLine(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = 0..1000_usize;
    let piece = prop_oneof![
        "[-:{}\\[\\]|>&*!%@`'\"#?, \n\t]{1,3}".prop_map(|text| text),
        "[a-z0-9_.()<>=+/ -]{1,12}".prop_map(|text| text),
        Just("贫".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\r\n".to_owned()),
        Just("household".to_owned()),
        Just("999999999999999999999".to_owned()),
        Just("count(person.id)".to_owned()),
        Just("previous.".to_owned()),
    ];
    prop_oneof![
        (at.clone(), 1..40_usize).prop_map(|(at, length)| Damage::Delete(at, length)),
        (at.clone(), piece).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (at.clone(), at.clone()).prop_map(|(a, b)| Damage::SwapLines(a, b)),
        at.prop_map(Damage::RepeatLine),
    ]
}

fn damaged(text: &str, damage: &Damage) -> String {
    let characters: Vec<char> = text.chars().collect();
    let position = |at: usize| at * characters.len() / 1000;
    let mut lines: Vec<&str> = text.lines().collect();
    match damage {
        Damage::Delete(at, length) => {
            let (start, end) = (position(*at), (position(*at) + length).min(characters.len()));
            characters[..start].iter().chain(&characters[end..]).collect()
        }
        Damage::Insert(at, piece) => {
            let start = position(*at);
            characters[..start]
                .iter()
                .copied()
                .chain(piece.chars())
                .chain(characters[start..].iter().copied())
                .collect()
        }
        Damage::SwapLines(a, b) => {
            let (a, b) = (a * lines.len() / 1000, b * lines.len() / 1000);
            if !lines.is_empty() {
                lines.swap(a, b);
            }
            lines.join("\n")
        }
        Damage::RepeatLine(at) => {
            let at = at * lines.len() / 1000;
            if let Some(line) = lines.get(at).copied() {
                lines.insert(at, line);
            }
            lines.join("\n")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_packs_never_panic(file in 0..1000_usize, damages in prop::collection::vec(damage(), 1..4)) {
        let mut files = read(&folder("good/base"));
        let index = file * files.len() / 1000;
        for damage in &damages {
            files[index].text = damaged(&files[index].text, damage);
        }
        if let Err(found) = load(&files) {
            prop_assert!(!found.is_empty());
            for diagnostic in &found {
                prop_assert!(files.iter().any(|file| file.path == diagnostic.place.file), "{diagnostic:?}");
                prop_assert!(!diagnostic.message.is_empty() && !diagnostic.advice.is_empty());
            }
            bangfu_policy::diagnostic::render(&found, &files, true);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let files = [SourceFile { path: "a.yaml".to_owned(), text }];
        prop_assert!(load(&files).is_err());
    }
}

#[test]
fn deep_and_long_texts_are_refused() {
    let deep_flow = "[".repeat(100_000);
    let deep_block = "- ".repeat(100_000);
    let deep_lines: Vec<String> = (0..399).map(|depth| format!("{}a:", " ".repeat(depth))).collect();
    let deep_lines = deep_lines.join("\n");
    let keys = "? ".repeat(100_000);
    let mut bomb = vec!["a: &a [x, x, x, x, x, x, x, x]".to_owned()];
    bomb.extend((b'b'..=b'k').map(|name| {
        let (name, before) = (name as char, (name - 1) as char);
        format!("{name}: &{name} [{}]", vec![format!("*{before}"); 8].join(", "))
    }));
    let bomb = bomb.join("\n");
    let deep_formula = format!("variables: {{x: {{of: village, formula: '{}1'}}}}", "(".repeat(5_000));
    for text in [deep_flow, deep_block, deep_lines, keys, bomb, deep_formula] {
        let mut files = read(&folder("good/base"));
        files.push(SourceFile { path: "z.yaml".to_owned(), text });
        let found = load(&files).unwrap_err();
        assert!(found.iter().any(|diagnostic| diagnostic.place.file == "z.yaml"), "{found:#?}");
    }
}
