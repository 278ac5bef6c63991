//! Code lists, from YAML or CSV.

use std::collections::BTreeMap;

use super::cursor::{Cursor, Report, languages};
use super::structure::clauses;
use super::tree::{Data, Node};
use super::{Entries, SourceFile};
use crate::model::{Code, CodeList, Pack, Place, Text};
use crate::value::iso_date;

pub(super) fn codes(pack: &mut Pack, entries: &Entries<'_>, files: &[&SourceFile], report: &mut Report) {
    for (id, place, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("code list `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let source = cursor.text("source", report).map(|(text, _)| text).unwrap_or_default();
        let clauses = clauses(&mut cursor, report);
        let mut values = Vec::new();
        if let Some((path, at)) = cursor.text("file", report) {
            match files.iter().find(|file| file.path == path) {
                Some(file) => values = csv_codes(file, report),
                None => report.say(
                    at,
                    format!("there is no file `{path}` in the pack"),
                    "give the path from the pack's folder",
                ),
            }
        }
        if let Some(node) = cursor.node("values")
            && let Some(list) = Cursor::new(node, "`values`", report)
        {
            for (code, place, node) in list.entries() {
                if values.iter().any(|known: &Code| known.code == *code) {
                    report.say(place, format!("code `{code}` stands in the file, too"), "delete one of them");
                }
                values.push(yaml_code(code, node, report));
            }
        }
        if values.is_empty() {
            report.say(place, format!("code list `{id}` has no codes"), "add `values:` or `file:`");
        }
        let foreign = foreign(&mut cursor, &values, report);
        cursor.finish(report);
        pack.codes.push(CodeList { id: (*id).to_owned(), title, source, values, foreign, clauses });
    }
    pack.codes.sort_by(|a, b| a.id.cmp(&b.id));
}

fn yaml_code(code: &str, node: &Node, report: &mut Report) -> Code {
    let Data::Map(entries) = &node.data else {
        report.say(&node.place, format!("code `{code}` is {}, not a map", node.kind()), "write {zh: …, en: …}");
        return Code { code: code.to_owned(), label: Text::new(), from: None, to: None };
    };
    let mut date = |key: &str| {
        let node = entries.iter().find(|(name, ..)| name == key).map(|(_, _, node)| node)?;
        let date = node.scalar_text().and_then(|text| iso_date(&text));
        if date.is_none() {
            report.say(&node.place, format!("`{key}` is not a date"), "write year-month-day, such as 2016-01-31");
        }
        date
    };
    let (from, to) = (date("from"), date("to"));
    let words: Vec<_> = entries.iter().filter(|(key, ..)| key != "from" && key != "to").cloned().collect();
    let label = languages(&Node { place: node.place.clone(), data: Data::Map(words) }, code, true, report);
    Code { code: code.to_owned(), label, from, to }
}

fn foreign(cursor: &mut Cursor<'_>, values: &[Code], report: &mut Report) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut systems = BTreeMap::new();
    let Some(list) = cursor.node("foreign").and_then(|node| Cursor::new(node, "`foreign`", report)) else {
        return systems;
    };
    for (system, _, node) in list.entries() {
        let Some(mapping) = Cursor::new(node, &format!("`{system}`"), report) else { continue };
        let mut codes = BTreeMap::new();
        for (theirs, place, node) in mapping.entries() {
            let ours = node.scalar_text().unwrap_or_default();
            match values.iter().position(|code| code.code == ours) {
                Some(position) => {
                    codes.insert(theirs.clone(), position);
                }
                None => report.say(place, format!("`{ours}` is not a code of this list"), "map to one of its codes"),
            }
        }
        systems.insert(system.clone(), codes);
    }
    systems
}

/// `code,zh,en,from,to` with quoted cells.
fn csv_codes(file: &SourceFile, report: &mut Report) -> Vec<Code> {
    let mut lines = file.text.trim_start_matches('\u{feff}').lines().enumerate();
    let at = |line: usize| Place { file: file.path.clone(), line: line + 1, column: 1 };
    let header: Vec<String> = lines.next().map(|(_, line)| csv_cells(line)).unwrap_or_default();
    let column = |name: &str| header.iter().position(|cell| cell == name);
    let Some(code_column) = column("code") else {
        report.say(&at(0), "the file has no column `code`", "begin with a line such as code,zh,en,from,to");
        return Vec::new();
    };
    let languages = report.languages.clone();
    for language in languages.iter().filter(|language| column(language).is_none()) {
        report.say(
            &at(0),
            format!("the file has no column `{language}`"),
            "add a column for every language of the pack",
        );
    }
    let mut codes: Vec<Code> = Vec::new();
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        let cells = csv_cells(text);
        let cell = |index: Option<usize>| index.and_then(|index| cells.get(index)).map_or("", |cell| cell.trim());
        let code = cell(Some(code_column)).to_owned();
        if codes.iter().any(|known| known.code == code) {
            report.say(&at(line), format!("code `{code}` stands twice"), "delete one of them");
            continue;
        }
        let mut label = Text::new();
        for language in &languages {
            match cell(column(language)) {
                "" => report.say(&at(line), format!("code `{code}` has no words in {language}"), "fill the cell"),
                words => {
                    label.insert(language.clone(), words.to_owned());
                }
            }
        }
        let mut date = |name: &str| match cell(column(name)) {
            "" => None,
            text => {
                if iso_date(text).is_none() {
                    report.say(&at(line), format!("`{text}` is not a date"), "write year-month-day");
                }
                iso_date(text)
            }
        };
        let (from, to) = (date("from"), date("to"));
        codes.push(Code { code, label, from, to });
    }
    codes
}

fn csv_cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.trim_end_matches('\r').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                if let Some(cell) = cells.last_mut() {
                    cell.push('"');
                }
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(other);
                }
            }
        }
    }
    cells
}
