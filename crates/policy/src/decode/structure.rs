//! Policy, divisions, articles, codes, registers, parameters: everything that formulas refer to.

use crate::diagnostic::nearest;
use crate::formula::{Compiler, declared_type};
use crate::ir::{Scalar, Type};
use crate::model::{
    Article, Clause, Code, CodeList, CodeListId, Columns, Entity, Field, FieldType, Level, LevelId, Pack, Parameter,
    ParameterId, ParameterRow, Place, Register, RegisterId, RegisterKind, Text,
};
use crate::value::parse_scalar;
use super::tree::{Data, Node};

use super::cursor::{Cursor, Report, day, languages};
use super::{Entries, SourceFile};

pub(super) fn policy(pack: &mut Pack, node: &Node, report: &mut Report) {
    let Some(mut cursor) = Cursor::new(node, "`policy`", report) else { return };
    let policy = &mut pack.policy;
    policy.languages = cursor.texts("languages", report).into_iter().map(|(text, _)| text).collect();
    if policy.languages.is_empty() {
        report.say(&node.place, "`policy` has no languages", "add `languages: [zh, en]`");
    }
    report.languages.clone_from(&policy.languages);
    policy.id = cursor.required_text("id", report).map(|(text, _)| text).unwrap_or_default();
    policy.title = cursor.title("title", report);
    policy.version = cursor.required_text("version", report).map(|(text, _)| text).unwrap_or_default();
    policy.issued = cursor.date("issued", report);
    policy.root = cursor.required_text("root", report).map(|(text, _)| text).unwrap_or_default();
    if let Some(node) = cursor.required("currency", report)
        && let Some(mut currency) = Cursor::new(node, "`currency`", report)
    {
        policy.currency_code = currency.required_text("code", report).map(|(text, _)| text).unwrap_or_default();
        policy.currency_symbol = currency.title("symbol", report);
        currency.finish(report);
    }
    cursor.finish(report);
}

pub(super) fn divisions(pack: &mut Pack, nodes: &[&Node], report: &mut Report) {
    for node in nodes {
        let Some(mut cursor) = Cursor::new(node, "`divisions`", report) else { continue };
        for node in cursor.list("levels") {
            let Some(mut level) = Cursor::new(node, "a level", report) else { continue };
            let id = level.required_text("id", report).map(|(text, _)| text).unwrap_or_default();
            let digits = level.required_text("digits", report).and_then(|(text, place)| {
                let digits = text.parse().ok().filter(|digits| (1..=30).contains(digits));
                if digits.is_none() {
                    report.say(place, format!("`{text}` is not a number of digits"), "write 1 to 30");
                }
                digits
            });
            let above = pack.levels.last().map_or(0, |level| level.digits);
            let digits = digits.unwrap_or(above + 1);
            if digits <= above {
                report.say(&node.place, "codes of a level are longer than those of the level above", "list levels from the top down");
            }
            let title = level.title("title", report);
            level.finish(report);
            if !super::cursor::is_id(&id, false) || pack.levels.iter().any(|level| level.id == id) {
                report.say(&node.place, format!("`{id}` cannot be the id of another level"), "use small letters, digits and _, each id once");
            }
            pack.levels.push(Level { id, title, digits });
        }
        cursor.finish(report);
    }
    if pack.levels.is_empty() {
        let place = nodes.first().map_or_else(Place::default, |node| node.place.clone());
        report.say(&place, "the pack has no division levels", "add `divisions: {levels: [{id: …, digits: …, title: …}]}`");
    }
}

pub(super) fn articles(pack: &mut Pack, entries: &Entries<'_>, report: &mut Report) {
    for (id, _, node) in entries {
        let Some(mut cursor) = Cursor::new(node, &format!("article `{id}`"), report) else { continue };
        let title = cursor.title("title", report);
        let text = cursor.partial_title("text", report);
        let mut clauses = Vec::new();
        if let Some(node) = cursor.node("clauses")
            && let Some(list) = Cursor::new(node, "`clauses`", report)
        {
            for (id, _, node) in list.entries() {
                let Some(mut clause) = Cursor::new(node, &format!("clause `{id}`"), report) else { continue };
                let mut text = |key: &'static str| clause.text(key, report).map(|(text, _)| text).unwrap_or_default();
                let (phrase, kind, target, deadline) = (text("phrase"), text("kind"), text("target"), text("deadline"));
                let gloss = clause.partial_title("gloss", report);
                clause.finish(report);
                if pack.articles.iter().flat_map(|article| &article.clauses).any(|known| known.id == *id) {
                    report.say(&node.place, format!("clause `{id}` stands in two articles"), "rename one of them");
                }
                clauses.push(Clause { id: id.clone(), phrase, gloss, kind, target, deadline });
            }
        }
        cursor.finish(report);
        pack.articles.push(Article { id: (*id).to_owned(), title, text, clauses });
    }
    pack.articles.sort_by_key(|article| (article.id.parse::<u32>().unwrap_or(u32::MAX), article.id.clone()));
}

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
                None => report.say(at, format!("there is no file `{path}` in the pack"), "give the path from the pack's folder"),
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
        let date = node.scalar_text().and_then(|text| day(&text));
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

fn foreign(
    cursor: &mut Cursor<'_>,
    values: &[Code],
    report: &mut Report,
) -> std::collections::BTreeMap<String, std::collections::BTreeMap<String, usize>> {
    let mut systems = std::collections::BTreeMap::new();
    let Some(list) = cursor.node("foreign").and_then(|node| Cursor::new(node, "`foreign`", report)) else { return systems };
    for (system, _, node) in list.entries() {
        let Some(mapping) = Cursor::new(node, &format!("`{system}`"), report) else { continue };
        let mut codes = std::collections::BTreeMap::new();
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
        report.say(&at(0), format!("the file has no column `{language}`"), "add a column for every language of the pack");
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
                if day(text).is_none() {
                    report.say(&at(line), format!("`{text}` is not a date"), "write year-month-day");
                }
                day(text)
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

/// `clauses: [C05-06]`
pub(super) fn clauses(cursor: &mut Cursor<'_>, report: &mut Report) -> Vec<String> {
    let named = cursor.texts("clauses", report);
    for (clause, place) in &named {
        clause_exists(clause, place, report);
    }
    named.into_iter().map(|(clause, _)| clause).collect()
}

/// Says so if there is no such clause.
pub(super) fn clause_exists(clause: &str, place: &Place, report: &mut Report) {
    if !report.clauses.contains(clause) {
        let near = nearest(clause, report.clauses.iter().map(String::as_str));
        let advice = near.map_or("define it in an article".to_owned(), |near| format!("did you mean {near}?"));
        report.say(place, format!("there is no clause `{clause}`"), advice);
    }
}

pub(super) fn registers(pack: &mut Pack, entries: &Entries<'_>, report: &mut Report) {
    let mut ordered: Entries<'_> = entries.clone();
    ordered.sort_by(|a, b| a.0.cmp(b.0));
    // Positions below are those of the list without what is no register at all.
    ordered.retain(|(id, _, node)| Cursor::new(node, &format!("register `{id}`"), report).is_some());
    let ids: Vec<&str> = ordered.iter().map(|(id, ..)| *id).collect();
    for (id, place, node) in &ordered {
        let Some(mut cursor) = Cursor::new(node, &format!("register `{id}`"), report) else { continue };
        if pack.levels.iter().any(|level| level.id == *id) {
            report.say(place, format!("`{id}` is a division level already"), format!("call the register `{id}_file`, or whatever its records are"));
        }
        let title = cursor.title("title", report);
        let clauses = clauses(&mut cursor, report);
        let parent = parent(pack, &mut cursor, &ids, id, place, report);
        let kind = kind(&mut cursor, report);
        let fields = fields(pack, &mut cursor, &ids, report);
        let mut named = |key: &'static str, report: &mut Report| {
            let (name, place) = cursor.text(key, report)?;
            let found = fields.iter().position(|field| field.id == name);
            if found.is_none() {
                let near = nearest(&name, fields.iter().map(|field| field.id.as_str())).unwrap_or("one of its fields");
                report.say(place, format!("`{key}: {name}` is not a field of `{id}`"), format!("name {near}"));
            }
            found.map(|index| index as u16)
        };
        let (key, label) = (named("key", report), named("label", report));
        let columns = columns(&mut cursor, report);
        cursor.finish(report);
        pack.registers.push(Register {
            id: (*id).to_owned(), title, clauses, parent, kind, key, label, fields, columns, place: (*place).clone(),
        });
    }
    name_columns(pack, report);
}

fn parent(
    pack: &Pack,
    cursor: &mut Cursor<'_>,
    registers: &[&str],
    id: &str,
    place: &Place,
    report: &mut Report,
) -> Entity {
    let within = cursor.text("within", report);
    let of = cursor.text("of", report);
    let level = |name: &str| pack.levels.iter().position(|level| level.id == name).map(|n| LevelId(n as u16));
    let lowest = Entity::Level(LevelId(pack.levels.len().saturating_sub(1) as u16));
    match (within, of) {
        (Some((name, at)), None) => level(&name).map_or_else(
            || {
                let levels: Vec<_> = pack.levels.iter().map(|level| level.id.as_str()).collect();
                report.say(at, format!("`{name}` is not a division level"), format!("the levels are {}", levels.join(", ")));
                lowest
            },
            Entity::Level,
        ),
        (None, Some((name, at))) => {
            let register = registers.iter().position(|known| *known == name);
            let entity = level(&name).map(Entity::Level);
            entity.or(register.map(|n| Entity::Register(RegisterId(n as u16)))).unwrap_or_else(|| {
                let known = registers.iter().copied().chain(pack.levels.iter().map(|level| level.id.as_str()));
                let near = nearest(&name, known).map_or("name a register or a level".to_owned(), |near| format!("did you mean `{near}`?"));
                report.say(at, format!("`{name}` is neither a register nor a division level"), near);
                lowest
            })
        }
        (both, _) => {
            let what = if both.is_some() { "both `within` and `of`" } else { "neither `within` nor `of`" };
            report.say(place, format!("register `{id}` has {what}"), "write `within: <level>` for records that lie in a division, `of: <register or level>` for records that belong to another record");
            lowest
        }
    }
}

fn kind(cursor: &mut Cursor<'_>, report: &mut Report) -> RegisterKind {
    let one = cursor.flag("one", report);
    let counts_from = cursor.text("counts_from", report).map(|(text, place)| (text, place.clone()));
    let every = cursor.text("every", report);
    let (month, day) = match &counts_from {
        None => (12, 31),
        Some((text, place)) => {
            let parts: Vec<u8> = text.split('-').filter_map(|part| part.parse().ok()).collect();
            match parts.as_slice() {
                // A day that every year has.
                [month, day] if crate::arithmetic::make_date(2015, i64::from(*month), i64::from(*day)).is_some() => {
                    (*month, *day)
                }
                _ => {
                    report.say(place, format!("`{text}` is not a day of the year"), "write it in quotes: \"10-01\" for 1 October");
                    (12, 31)
                }
            }
        }
    };
    match every {
        Some((every, _)) if every == "year" => RegisterKind::Yearly { month, day },
        Some((every, _)) if every == "quarter" => RegisterKind::Quarterly,
        Some((every, place)) => {
            report.say(place, format!("`every: {every}` is not known"), "write year or quarter");
            RegisterKind::One
        }
        None if one => RegisterKind::One,
        None => RegisterKind::Entity,
    }
}

fn columns(cursor: &mut Cursor<'_>, report: &mut Report) -> Columns {
    let Some(mut names) = cursor.node("columns").and_then(|node| Cursor::new(node, "`columns`", report)) else {
        return Columns::default();
    };
    let mut text = |key: &'static str| names.text(key, report).map(|(text, _)| text);
    let columns = Columns { key: text("key"), parent: text("parent"), division: text("division"), period: text("period") };
    names.finish(report);
    columns
}

/// Fills in the default names of technical columns, once all registers are known.
fn name_columns(pack: &mut Pack, report: &mut Report) {
    for index in 0..pack.registers.len() {
        let register = &pack.registers[index];
        let periodic = matches!(register.kind, RegisterKind::Yearly { .. } | RegisterKind::Quarterly);
        let key = register.key.and_then(|key| register.fields.get(key as usize)).map(|field| field.id.clone());
        let place = register.place.clone();
        let (parent, division) = match register.parent {
            Entity::Level(_) => (None, Some("division".to_owned())),
            Entity::Register(above) => {
                let above = pack.registers.get(above.index());
                let key = above.and_then(|above| Some(above.fields.get(above.key? as usize)?.id.clone()));
                if above.is_some_and(|above| above.kind != RegisterKind::Entity) {
                    let above = above.map_or("?", |above| above.id.as_str()).to_owned();
                    report.say(&place, format!("`{above}` is attached to a parent, so nothing can belong to it"), "belong to its parent instead");
                } else if key.is_none() {
                    let above = above.map_or("?", |above| above.id.as_str()).to_owned();
                    report.say(&place, format!("`{above}` has no key, so nothing can belong to it"), format!("give `{above}` a `key:`"));
                }
                (key, None)
            }
        };
        let columns = &mut pack.registers[index].columns;
        columns.key = columns.key.take().or(key);
        columns.parent = if parent.is_some() { columns.parent.take().or(parent) } else { None };
        columns.division = if division.is_some() { columns.division.take().or(division) } else { None };
        columns.period = if periodic { columns.period.take().or(Some("period".to_owned())) } else { None };
    }
    for index in 0..pack.registers.len() {
        let start = Entity::Register(RegisterId(index as u16));
        let chain = pack.ancestors(start).take(pack.registers.len() + pack.levels.len() + 1);
        if chain.count() > pack.registers.len() + pack.levels.len() {
            let register = &mut pack.registers[index];
            let message = format!("`{}` belongs to itself over a circle of `of:`", register.id);
            report.say(&register.place, message, "let the circle end in a register `within:` a division level");
            register.parent = Entity::Level(LevelId(0));
        }
    }
}

fn fields(pack: &Pack, cursor: &mut Cursor<'_>, registers: &[&str], report: &mut Report) -> Vec<Field> {
    let Some(list) = cursor.required("fields", report).and_then(|node| Cursor::new(node, "`fields`", report)) else {
        return Vec::new();
    };
    let mut fields: Vec<Field> = Vec::new();
    for (id, place, node) in list.entries() {
        if !super::cursor::is_id(id, false) || id == "id" || id == "period" {
            report.say(place, format!("`{id}` cannot be the name of a field"), "use small letters, digits and _; `id` and `period` are taken");
        }
        let Some(mut field) = Cursor::new(node, &format!("field `{id}`"), report) else { continue };
        let title = field.title("title", report);
        let ty = match field.required_text("type", report) {
            Some((text, place)) => field_type(&text, pack, registers, place, report),
            None => FieldType::Text,
        };
        let mut bound = |key: &'static str, report: &mut Report| {
            let (text, place) = field.text(key, report)?;
            let ty = declared_type(ty).filter(|ty| !matches!(ty, Type::Boolean | Type::Code(_)));
            let value = ty.and_then(|ty| parse_scalar(&text, ty, &pack.codes).ok());
            if let Some(Scalar::Integer(value)) = value { Some(value) } else {
                report.say(place, format!("`{key}: {text}` does not fit the type"), "bound numbers by numbers, dates by dates");
                None
            }
        };
        let (min, max) = (bound("min", report), bound("max", report));
        if let (Some(min), Some(max)) = (min, max)
            && max < min
        {
            report.say(place, format!("no value of `{id}` lies between `min` and `max`"), "exchange them");
        }
        let field_value = Field {
            id: id.clone(),
            title,
            ty,
            required: field.flag("required", report),
            unique: field.flag("unique", report),
            pattern: field.text("pattern", report).map(|(text, _)| text),
            min,
            max,
            secret: field.flag("secret", report),
            national: field.text("national", report).map(|(text, _)| text),
            help: field.optional_title("help", report),
        };
        field.finish(report);
        fields.push(field_value);
    }
    fields
}

/// The type with this name.
pub(super) fn field_type(
    text: &str,
    pack: &Pack,
    registers: &[&str],
    place: &Place,
    report: &mut Report,
) -> FieldType {
    const NAMES: [&str; 15] = [
        "text", "integer", "decimal(2)", "money", "date", "year", "boolean", "code(list)", "division",
        "reference(register)", "id_number", "uscc", "disability_card", "bank_card", "phone",
    ];
    let (name, argument) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')').map(str::trim)),
        None => (text.trim(), None),
    };
    let found = match (name, argument) {
        ("text", None) => Some(FieldType::Text),
        ("integer", None) => Some(FieldType::Integer),
        ("money", None) => Some(FieldType::Money),
        ("date", None) => Some(FieldType::Date),
        ("year", None) => Some(FieldType::Year),
        ("boolean", None) => Some(FieldType::Boolean),
        ("division", None) => Some(FieldType::Division),
        ("id_number", None) => Some(FieldType::IdNumber),
        ("uscc", None) => Some(FieldType::Uscc),
        ("disability_card", None) => Some(FieldType::DisabilityCard),
        ("bank_card", None) => Some(FieldType::BankCard),
        ("phone", None) => Some(FieldType::Phone),
        ("decimal", Some(digits)) => {
            digits.parse().ok().filter(|digits| (1..=6).contains(digits)).map(FieldType::Decimal)
        }
        ("code", Some(list)) => if let Some(index) = pack.codes.iter().position(|codes| codes.id == list) { Some(FieldType::Code(CodeListId(index as u16))) } else {
            let near = nearest(list, pack.codes.iter().map(|codes| codes.id.as_str()));
            let advice = near.map_or("define it under `codes:`".to_owned(), |near| format!("did you mean code({near})?"));
            report.say(place, format!("there is no code list `{list}`"), advice);
            return FieldType::Text;
        },
        ("reference", Some(register)) => if let Some(index) = registers.iter().position(|known| *known == register) { Some(FieldType::Reference(RegisterId(index as u16))) } else {
            report.say(place, format!("there is no register `{register}`"), "name a register of the pack");
            return FieldType::Text;
        },
        _ => None,
    };
    found.unwrap_or_else(|| {
        let near = nearest(name, NAMES.iter().copied());
        let advice = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
        report.say(
            place,
            format!("`{text}` is not a type"),
            format!("{advice}Types are text, integer, decimal(n) with n from 1 to 6, money, date, year, boolean, code(list), division, reference(register), id_number, uscc, disability_card, bank_card, phone"),
        );
        FieldType::Text
    })
}

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
                    report.say(place, format!("a parameter cannot be {text}"), "use integer, decimal(n), money, date, boolean or code(list)");
                    Type::INTEGER
                })
            }
            None => Type::INTEGER,
        };
        let unit = cursor.optional_title("unit", report);
        let key = cursor.text("key", report).and_then(|(list, place)| {
            let found = pack.codes.iter().position(|codes| codes.id == list);
            if found.is_none() {
                report.say(place, format!("there is no code list `{list}`"), "name the list whose codes select the entry");
            }
            found.map(|index| CodeListId(index as u16))
        });
        let mut bound = |key: &'static str, report: &mut Report| {
            let (text, place) = cursor.text(key, report)?;
            if let Ok(Scalar::Integer(value)) = parse_scalar(&text, ty, &pack.codes) { Some(value) } else {
                report.say(place, format!("`{key}: {text}` does not fit the type"), "write a number of the parameter's unit");
                None
            }
        };
        let (min, max, step) = (bound("min", report), bound("max", report), bound("step", report));
        cursor.node("class");
        cursor.node("values");
        cursor.finish(report);
        pack.parameters.push(Parameter {
            id: (*id).to_owned(), title, clauses, ty, unit, key, class: None, rows: Vec::new(), min, max, step,
            place: (*place).clone(),
        });
    }
}

/// Reads the rows of parameters; classes are compiled on the way.
pub(super) fn parameter_classes(compiler: &mut Compiler<'_>, entries: &Entries<'_>, report: &mut Report) {
    for (id, _, node) in entries {
        let Some(parameter) = compiler.pack().parameter(id) else { continue };
        let mut quiet = Report { languages: report.languages.clone(), ..Report::default() };
        let Some(mut cursor) = Cursor::new(node, &format!("parameter `{id}`"), &mut quiet) else { continue };
        let class = cursor.text("class", report).and_then(|(text, place)| compiler.class(parameter, &text, place));
        let nodes = cursor.list("values");
        if nodes.is_empty() {
            report.say(&cursor.place, format!("parameter `{id}` has no values"), "add `values: [{from: …, value: …, source: …, confidence: …}]`");
        }
        let mut rows: Vec<ParameterRow> = Vec::new();
        let mut places: Vec<&Place> = Vec::new();
        for node in nodes {
            let Some(row) = row(compiler.pack(), parameter, class, node, report) else { continue };
            let same = |known: &ParameterRow| {
                (known.from, &known.division, known.class) == (row.from, &row.division, row.class)
            };
            if let Some(first) = rows.iter().position(same).and_then(|index| places.get(index)) {
                let mut finding = crate::diagnostic::Diagnostic::new(
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
            report.say(place, format!("`{text}` is not a division code"), format!("codes have {} digits; write them in quotes", digits.join(", ")));
        }
        text
    });
    let class = cursor.text("class", report).and_then(|(text, place)| {
        let codes = class.and_then(|list| pack.codes.get(list.index()));
        let position = codes.and_then(|codes| codes.values.iter().position(|code| code.code == text));
        if position.is_none() {
            let known = codes.map_or_else(String::new, |codes| codes.values.iter().map(|c| c.code.as_str()).collect::<Vec<_>>().join(", "));
            report.say(place, format!("`{text}` is not a class of `{}`", parameter.id), format!("give the parameter a `class:`, and use one of its codes: {known}"));
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
            let entries = if let Some(Data::Map(entries)) = table_node.map(|node| &node.data) { entries.as_slice() } else {
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
                    None => report.say(place, format!("`{code}` is not a code of `{}`", codes.id), "use its codes as keys"),
                }
            }
            if division.is_some() || class.is_some() {
                report.say(&node.place, "a table has no divisions or classes", "write one table for all, or a parameter for each column");
            }
        }
    }
    cursor.finish(report);
    Some(ParameterRow { from: from?, to, division, class, value, table, source, confidence })
}
