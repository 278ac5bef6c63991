//! Parameters and their dated values.

use super::Entries;
use super::cursor::{Cursor, Report};
use super::registers::field_type;
use super::structure::clauses;
use super::tree::{Data, Node};
use crate::diagnostic::Diagnostic;
use crate::formula::{Compiler, declared_type};
use crate::ir::{Scalar, Type};
use crate::model::{CodeListId, Pack, Parameter, ParameterId, ParameterRow, Place};
use crate::value::parse_scalar;

/// Declares parameters: everything but their rows, which may need the codes of classes.
pub(super) fn parameters(pack: &mut Pack, entries: &Entries<'_>, report: &mut Report) {
    for (id, place, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("parameter `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        let ty = match cursor.required_text("type", report) {
            Some((text, place)) => {
                let ty = field_type(&text, pack, &[], place, report);
                declared_type(ty).unwrap_or_else(|| {
                    report.say(
                        place,
                        format!("a parameter cannot be {text}"),
                        "use integer, decimal(n), money, date, boolean or code(list)",
                    );
                    Type::INTEGER
                })
            }
            None => Type::INTEGER,
        };
        let unit = cursor.optional_title("unit", report);
        let key = cursor.text("key", report).and_then(|(list, place)| {
            let found = pack.codes.iter().position(|codes| codes.id == list);
            if found.is_none() {
                report.say(
                    place,
                    format!("there is no code list `{list}`"),
                    "name the list whose codes select the entry",
                );
            }
            found.map(|index| CodeListId(index as u16))
        });
        let mut bound = |key: &'static str, report: &mut Report| {
            let (text, place) = cursor.text(key, report)?;
            if let Ok(Scalar::Integer(value)) = parse_scalar(&text, ty, &pack.codes) {
                Some(value)
            } else {
                report.say(
                    place,
                    format!("`{key}: {text}` does not fit the type"),
                    "write a number of the parameter's unit",
                );
                None
            }
        };
        let (min, max, step) = (bound("min", report), bound("max", report), bound("step", report));
        cursor.node("class");
        cursor.node("values");
        cursor.finish(report);
        pack.parameters.push(Parameter {
            id: (*id).to_owned(),
            title,
            clauses,
            ty,
            unit,
            key,
            class: None,
            rows: Vec::new(),
            min,
            max,
            step,
            place: (*place).clone(),
        });
    }
}

/// Reads the rows of parameters; classes are compiled on the way.
pub(super) fn values(compiler: &mut Compiler<'_>, entries: &Entries<'_>, report: &mut Report) {
    for (id, _, node) in entries {
        let Some(parameter) = compiler.pack().parameter(id) else { continue };
        let mut quiet = Report { languages: report.languages.clone(), ..Report::default() };
        let Some(mut cursor) = Cursor::new(node, &format!("parameter `{id}`"), &mut quiet) else { continue };
        let class = cursor.text("class", report).and_then(|(text, place)| compiler.class(parameter, &text, place));
        let nodes = cursor.list("values");
        if nodes.is_empty() {
            report.say(
                &cursor.place,
                format!("parameter `{id}` has no values"),
                "add `values: [{from: …, value: …, source: …, confidence: …}]`",
            );
        }
        let mut rows: Vec<ParameterRow> = Vec::new();
        let mut places: Vec<&Place> = Vec::new();
        for node in nodes {
            let Some(row) = row(compiler.pack(), parameter, class, node, report) else { continue };
            let same = |known: &ParameterRow| {
                (known.from, &known.division, known.class) == (row.from, &row.division, row.class)
            };
            if let Some(first) = rows.iter().position(same).and_then(|index| places.get(index)) {
                let mut finding = Diagnostic::new(
                    &node.place,
                    format!("`{id}` has two values from the same day for the same divisions"),
                    "delete one of them".to_owned(),
                );
                finding.related = Some(((*first).clone(), "the first value".to_owned()));
                report.found.push(finding);
            }
            rows.push(row);
            places.push(&node.place);
        }
        compiler.set_rows(parameter, rows);
    }
}

fn row(
    pack: &Pack,
    parameter: ParameterId,
    class: Option<CodeListId>,
    node: &Node,
    report: &mut Report,
) -> Option<ParameterRow> {
    let parameter = pack.parameters.get(parameter.index())?;
    let mut cursor = Cursor::new(node, "a value of a parameter", report)?;
    let from = cursor.date("from", report);
    if from.is_none() && cursor.node("from").is_none() {
        report.say(&node.place, "a value has no `from`", "say from which day it is in force: `from: 2016-01-01`");
    }
    let to = cursor.date("to", report);
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        report.say(&node.place, "the value ends before it begins", "exchange `from` and `to`");
    }
    let division = cursor.text("division", report).map(|(text, place)| {
        if pack.level_of_code(&text).is_none() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let digits: Vec<_> = pack.levels.iter().map(|level| level.digits.to_string()).collect();
            report.say(
                place,
                format!("`{text}` is not a division code"),
                format!("codes have {} digits; write them in quotes", digits.join(", ")),
            );
        }
        text
    });
    let class = cursor.text("class", report).and_then(|(text, place)| {
        let codes = class.and_then(|list| pack.codes.get(list.index()));
        let position = codes.and_then(|codes| codes.values.iter().position(|code| code.code == text));
        if position.is_none() {
            let known = codes.map_or_else(String::new, |codes| {
                codes.values.iter().map(|c| c.code.as_str()).collect::<Vec<_>>().join(", ")
            });
            report.say(
                place,
                format!("`{text}` is not a class of `{}`", parameter.id),
                format!("give the parameter a `class:`, and use one of its codes: {known}"),
            );
        }
        position.map(|position| position as i64)
    });
    let source = cursor.required_text("source", report).map(|(text, _)| text).unwrap_or_default();
    let confidence = match cursor.required_text("confidence", report) {
        Some((text, place)) => {
            if !["high", "medium", "low"].contains(&text.as_str()) {
                report.say(place, format!("`{text}` is not a confidence"), "write high, medium or low");
            }
            text
        }
        None => String::new(),
    };
    let mut parsed = |text: &str, place: &Place| match parse_scalar(text, parameter.ty, &pack.codes) {
        Ok(value) => value,
        Err(error) => {
            report.say(place, error.to_string(), "write a value of the parameter's type");
            Scalar::Missing
        }
    };
    let (mut value, mut table) = (Scalar::Missing, Vec::new());
    // Which of the two is needed depends on the parameter; both are known keys.
    let table_node = cursor.node("table");
    cursor.node("value");
    match parameter.key.and_then(|list| pack.codes.get(list.index())) {
        None => {
            if let Some((text, place)) = cursor.required_text("value", &mut Report::default()) {
                value = parsed(&text, place);
            } else {
                report.say(&node.place, "a value of a parameter has no `value`", "add `value: …`");
            }
        }
        Some(codes) => {
            table = vec![Scalar::Missing; codes.values.len()];
            let entries = if let Some(Data::Map(entries)) = table_node.map(|node| &node.data) {
                entries.as_slice()
            } else {
                report.say(&node.place, "a value of a table parameter has no `table`", "add `table: {code: value, …}`");
                &[]
            };
            for (code, place, node) in entries {
                match codes.values.iter().position(|known| known.code == *code) {
                    Some(position) => {
                        let text = node.scalar_text().unwrap_or_default();
                        let value = match parse_scalar(&text, parameter.ty, &pack.codes) {
                            Ok(value) => value,
                            Err(error) => {
                                report.say(&node.place, error.to_string(), "write a value of the parameter's type");
                                Scalar::Missing
                            }
                        };
                        if let Some(slot) = table.get_mut(position) {
                            *slot = value;
                        }
                    }
                    None => {
                        report.say(place, format!("`{code}` is not a code of `{}`", codes.id), "use its codes as keys");
                    }
                }
            }
            if division.is_some() || class.is_some() {
                report.say(
                    &node.place,
                    "a table has no divisions or classes",
                    "write one table for all, or a parameter for each column",
                );
            }
        }
    }
    cursor.finish(report);
    Some(ParameterRow { from: from?, to, division, class, value, table, source, confidence })
}
