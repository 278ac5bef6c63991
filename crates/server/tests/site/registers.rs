//! Every register of the pack, from its template to an export that changes nothing: nothing here names one.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{StatusCode, header};
use bangfu_policy::model::{Entity, Field, FieldType, Register, RegisterId, RegisterKind, Value};
use bangfu_registry::exchange::columns::{self, Part};
use bangfu_registry::store::{ListQuery, Scope};

use super::desk::{Desk, book, figure};
use super::sample::Samples;

/// Rows of each register's list.
const ROWS: usize = 3;

/// Registers so that what a record belongs to or names is there before it, where that is possible.
fn in_order(registers: &[Register]) -> Vec<RegisterId> {
    let mut order: Vec<RegisterId> = Vec::new();
    let all: Vec<RegisterId> = (0..registers.len()).map(|n| RegisterId(n as u16)).collect();
    while order.len() < all.len() {
        let there = |entity: Entity, order: &[RegisterId]| match entity {
            Entity::Register(above) => order.contains(&above),
            Entity::Level(_) => true,
        };
        let named = |id: RegisterId, order: &[RegisterId]| {
            registers[id.index()].fields.iter().all(|field| match field.ty {
                FieldType::Reference(to) => to == id || order.contains(&to),
                _ => true,
            })
        };
        let rest: Vec<RegisterId> = all.iter().copied().filter(|id| !order.contains(id)).collect();
        let ready = |id: &&RegisterId| there(registers[id.index()].parent, &order);
        // Registers that name each other: one of them comes first, with nothing to name.
        let next = rest.iter().filter(ready).find(|id| named(**id, &order)).or(rest.iter().find(ready));
        order.push(*next.expect("a register belongs to itself"));
    }
    order
}

/// Owners of the records of a register, and periods.
fn places(desk: &Desk, samples: &Samples<'_>, register: &Register) -> Vec<(String, String)> {
    let owners: Vec<String> = match register.parent {
        Entity::Register(above) => samples.keys[&above].clone(),
        Entity::Level(level) => {
            let digits = desk.pack.levels[level.index()].digits;
            vec![samples.division[..digits].to_owned()]
        }
    };
    (0..ROWS)
        .filter_map(|n| {
            let owner = &owners[n % owners.len()];
            match register.kind {
                RegisterKind::Entity => Some((owner.clone(), String::new())),
                RegisterKind::One if n < owners.len() => Some((owner.clone(), String::new())),
                RegisterKind::One => None,
                RegisterKind::Yearly { .. } => Some((owner.clone(), (2014 + n).to_string())),
                RegisterKind::Quarterly => Some((owner.clone(), format!("2016Q{}", n + 1))),
            }
        })
        .collect()
}

/// A full row of a register's list.
fn row(samples: &mut Samples<'_>, register: &Register, columns: &[Part], place: &(String, String)) -> Vec<String> {
    let cell = |part: &Part| match part {
        Part::Owner => place.0.clone(),
        Part::Place => String::new(),
        Part::Period => place.1.clone(),
        Part::Field(index) => samples.text(&register.fields[usize::from(*index)]),
    };
    columns.iter().map(cell).collect()
}

/// The header of a register's template, and what its columns are.
async fn template(desk: &Desk, id: RegisterId) -> (Vec<String>, Vec<Part>) {
    let register = &desk.pack.registers[id.index()];
    let sheets = desk.workbook(&format!("/registry/{}/template.xlsx", register.id)).await;
    assert_eq!(sheets.len(), 2, "{}: the table and its instructions", register.id);
    let header = sheets[0][0].clone();
    let columns = columns::columns(&desk.pack, id, "en");
    assert_eq!(header, columns.iter().map(|column| column.title.clone()).collect::<Vec<_>>(), "{}", register.id);
    assert_eq!(header.iter().collect::<BTreeSet<_>>().len(), header.len(), "{}: a header twice", register.id);
    assert!(sheets[1].len() > header.len(), "{}: every column is explained", register.id);
    (header, columns.iter().map(|column| column.part).collect())
}

/// A field that can be changed without touching what a record is known by.
fn changeable(register: &Register) -> Option<(usize, &Field)> {
    let free = |(index, field): &(usize, &Field)| {
        let known_by = register.key == Some(*index as u16) || field.unique || field.pattern.is_some();
        !known_by
            && !field.required
            && !matches!(field.ty, FieldType::Reference(_) | FieldType::Division | FieldType::BankCard)
    };
    register.fields.iter().enumerate().find(free)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_register_goes_from_its_template_to_an_export_that_changes_nothing() {
    let desk = Desk::empty().await;
    let pack = std::sync::Arc::clone(&desk.pack);
    let mut samples = Samples::new(&pack, &desk.village().await);
    // Nobody fills in what the system keeps.
    for id in in_order(&pack.registers).into_iter().filter(|id| !pack.registers[id.index()].kept_by_system()) {
        one_register(&desk, &mut samples, id).await;
    }
    desk.store.verify_journal().await.unwrap();
}

async fn one_register(desk: &Desk, samples: &mut Samples<'_>, id: RegisterId) {
    let register = &desk.pack.registers[id.index()];
    let name = register.id.as_str();
    let (header, parts) = template(desk, id).await;
    let places = places(desk, samples, register);
    let rows: Vec<Vec<String>> = places.iter().map(|place| row(samples, register, &parts, place)).collect();
    if let Some(key) = register.key {
        let at = parts.iter().position(|part| *part == Part::Field(key)).unwrap();
        samples.keys.insert(id, rows.iter().map(|row| row[at].clone()).collect());
    }
    let count = rows.len() as u64;
    // In.
    let (address, page) = desk.look(name, &book(&header, rows.clone())).await;
    assert_eq!((figure(&page, "New"), figure(&page, "Refused")), (count, 0), "{name}: {page}");
    assert_eq!(desk.store.reader(&Scope::everything()).count(id, &ListQuery::default()).await.unwrap(), 0);
    assert!(desk.take(&address).await.contains("Imported:"), "{name}");
    let list = desk.page(&format!("/registry/{name}")).await;
    assert!(list.contains(&format!("{count} records")), "{name}");
    // One is changed by hand.
    let records = desk.json(&format!("/api/v1/registers/{name}/records")).await;
    let record = &records["records"][0];
    let file = format!("/registry/{name}/{}", record["address"].as_str().unwrap());
    if let Some((index, field)) = changeable(register) {
        let at = parts.iter().position(|part| *part == Part::Field(index as u16)).unwrap();
        let was = form(&desk.page(&format!("{file}/edit")).await);
        let mut typed = was.clone();
        let new = other(samples, desk, field, &rows, at);
        typed.insert(format!("v.{}", field.id), new.clone());
        typed.insert("reason".to_owned(), "corrected".to_owned());
        let pairs: Vec<(String, String)> = typed.into_iter().collect();
        let answer = desk.post(&format!("{file}/edit"), &pairs).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name} {}: {}", field.id, answer.text);
        let to = answer.headers.get(header::LOCATION).unwrap().to_str().unwrap().to_owned();
        assert!(to.ends_with("saved=changed"), "{name} {} `{new}`: {to}", field.id);
        assert!(desk.page(&to).await.contains("Saved."), "{to}");
        let history = desk.json(&format!("/api/v1/registers/{name}/records/~{}/history", record["id"])).await;
        let entry = &history["entries"][0];
        assert_eq!(entry["reason"], "corrected");
        assert_eq!(entry["changes"][0]["field"], field.id.as_str());
        assert_eq!(entry["changes"].as_array().unwrap().len(), 1, "{name}: only what was changed");
    }
    // Out and in again, in the other language too.
    let before = desk.entries().await;
    for language in ["en", "zh"] {
        let sent = desk.get(&format!("/registry/{name}/export.xlsx?lang={language}")).await;
        let (_, page) = desk.look(name, &sent.bytes).await;
        let figures = ["New", "Changed", "As they were", "Refused"].map(|figure_name| figure(&page, figure_name));
        assert_eq!(figures, [0, 0, count, 0], "{name} {language}: {page}");
        assert!(page.contains("There is nothing to write"), "{name}");
    }
    assert_eq!(desk.entries().await, before, "{name}: nothing was changed, so the journal says nothing");
}

/// Names and values of a form.
pub(crate) fn form(page: &str) -> BTreeMap<String, String> {
    let form = page.split("<form class=\"entry\"").nth(1).unwrap().split("</form>").next().unwrap();
    let attribute = |tag: &str, name: &str| {
        let after = tag.split(&format!(" {name}=\"")).nth(1)?;
        let text = after.split('"').next().unwrap();
        Some(
            text.replace("&quot;", "\"")
                .replace("&#x27;", "'")
                .replace("&#x2f;", "/")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&"),
        )
    };
    let mut all = BTreeMap::new();
    for tag in form.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let Some(name) = attribute(tag, "name") else { continue };
        let radio = tag.contains("type=\"radio\"");
        if !radio || tag.contains(" checked") {
            all.insert(name, attribute(tag, "value").unwrap_or_default());
        }
    }
    for select in form.split("<select").skip(1).map(|rest| rest.split("</select>").next().unwrap()) {
        let name = attribute(select.split('>').next().unwrap(), "name").unwrap();
        let chosen =
            select.split("<option").skip(1).find(|option| option.split('>').next().unwrap().contains(" selected"));
        all.insert(
            name,
            chosen.and_then(|option| attribute(option.split('>').next().unwrap(), "value")).unwrap_or_default(),
        );
    }
    all
}

/// Another value of a field than all rows have, as a form takes it.
fn other(samples: &mut Samples<'_>, desk: &Desk, field: &Field, rows: &[Vec<String>], at: usize) -> String {
    for _ in 0..1000 {
        let text = samples.text(field);
        if rows.iter().all(|row| row[at] != text) {
            let value = bangfu_policy::value::parse(&text, field.ty, &desk.pack, "en").unwrap();
            return bangfu_policy::value::format(&value, field.ty, &desk.pack);
        }
    }
    String::new()
}

/// What is planted: by row of the file, the rule that it breaks and the row as it should be.
type Planted = BTreeMap<u64, (&'static str, Vec<String>)>;

/// A list with one error in each row, as many kinds as the register's fields allow, after two good rows.
fn planted(samples: &mut Samples<'_>, desk: &Desk, id: RegisterId, parts: &[Part]) -> (Vec<Vec<String>>, Planted) {
    let register = &desk.pack.registers[id.index()];
    let owner = places(desk, samples, register)[0].0.clone();
    let at = |wanted: Part| parts.iter().position(|part| *part == wanted);
    let mut wanted: Vec<(usize, String, &'static str)> = Vec::new();
    let mut kinds = BTreeSet::new();
    let nobody = match register.parent {
        Entity::Register(_) => ("nobody".to_owned(), "parent"),
        Entity::Level(level) => ("9".repeat(desk.pack.levels[level.index()].digits), "division"),
    };
    wanted.push((at(Part::Owner).unwrap(), nobody.0, nobody.1));
    wanted.extend(at(Part::Period).map(|column| (column, "soon".to_owned(), "period")));
    for (index, field) in register.fields.iter().enumerate() {
        let column = at(Part::Field(index as u16)).unwrap();
        if field.required && kinds.insert("required") {
            wanted.push((column, String::new(), "required"));
        }
        let kind = match field.ty {
            FieldType::Date => "date",
            FieldType::Code(_) => "code",
            FieldType::IdNumber => "identity",
            FieldType::Reference(_) => "reference",
            FieldType::Text => "pattern",
            _ => "number",
        };
        if let Some((text, rule)) = Samples::wrong(field)
            && kinds.insert(kind)
        {
            wanted.push((column, text, rule));
        }
    }
    let mut year = 1990;
    let mut good = |samples: &mut Samples<'_>| {
        year += 1;
        let period = match register.kind {
            RegisterKind::Yearly { .. } => year.to_string(),
            RegisterKind::Quarterly => format!("{year}Q1"),
            _ => String::new(),
        };
        row(samples, register, parts, &(owner.clone(), period))
    };
    let mut rows = vec![good(samples), good(samples)];
    let key = register.key.and_then(|key| at(Part::Field(key)));
    wanted.extend(key.map(|column| (column, rows[0][column].clone(), "unique")));
    let mut errors = Planted::new();
    for (column, text, rule) in wanted {
        let right = good(samples);
        let mut wrong = right.clone();
        wrong[column] = text;
        rows.push(wrong);
        errors.insert(rows.len() as u64 + 1, (rule, right));
    }
    (rows, errors)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_errors_come_back_and_nothing_else_does() {
    let desk = Desk::with_people().await;
    let pack = std::sync::Arc::clone(&desk.pack);
    let mut samples = Samples::new(&pack, &desk.village().await);
    let reader = desk.store.reader(&Scope::everything());
    for (n, register) in pack.registers.iter().enumerate() {
        let page = reader.list(RegisterId(n as u16), &ListQuery { limit: 3, ..ListQuery::default() }).await.unwrap();
        let key = register.key.map(usize::from);
        let keys = page.records.iter().filter_map(|record| match record.values.get(key?)? {
            Some(Value::Text(key)) => Some(key.clone()),
            _ => None,
        });
        samples.keys.insert(RegisterId(n as u16), keys.collect());
    }
    let (mut met, mut most) = (BTreeSet::new(), 0);
    for (n, register) in pack.registers.iter().enumerate() {
        let there = |to: RegisterId| !samples.keys[&to].is_empty();
        let owned = match register.parent {
            Entity::Register(above) => there(above),
            Entity::Level(_) => true,
        };
        let named = register.fields.iter().all(|field| match field.ty {
            FieldType::Reference(to) => !field.required || there(to),
            _ => true,
        });
        if !owned || !named || register.kind == RegisterKind::One {
            continue;
        }
        let (header, parts) = template(&desk, RegisterId(n as u16)).await;
        let (rows, errors) = planted(&mut samples, &desk, RegisterId(n as u16), &parts);
        let (address, page) = desk.look(&register.id, &book(&header, rows.clone())).await;
        assert_eq!(figure(&page, "Refused"), errors.len() as u64, "{}: {page}", register.id);
        assert_eq!(figure(&page, "New"), (rows.len() - errors.len()) as u64, "{}", register.id);
        let sent = desk.workbook(&format!("{address}/errors.xlsx")).await;
        let found: Vec<(u64, &str)> =
            sent[1][1..].iter().map(|row| (row[0].parse().unwrap(), row[3].as_str())).collect();
        let expected: Vec<(u64, &str)> = errors.iter().map(|(row, (rule, _))| (*row, *rule)).collect();
        assert_eq!(found, expected, "{}", register.id);
        met.extend(expected.iter().map(|(_, rule)| *rule));
        if errors.len() > most {
            most = errors.len();
            mended(&desk, register, &address, &sent[0], &errors).await;
        }
    }
    let all = ["division", "parent", "pattern", "period", "range", "reference", "required", "type", "unique"];
    let lacking: Vec<_> = all.iter().filter(|rule| !met.contains(**rule)).collect();
    assert!(lacking.is_empty(), "no register has {lacking:?}");
}

/// The good rows are taken; those that came back are mended in their workbook, and taken too.
async fn mended(desk: &Desk, register: &Register, address: &str, back: &[Vec<String>], errors: &Planted) {
    assert!(desk.take(address).await.contains("Imported: 2 new"), "{}", register.id);
    assert_eq!(back[0].last().map(String::as_str), Some("What is wrong"));
    assert_eq!(back.len() - 1, errors.len());
    let width = back[0].len();
    let rows = back[1..].iter().zip(errors.values()).map(|(back, (_, right))| {
        let mut row = right.clone();
        row.resize(width - 1, String::new());
        row.extend(back.last().cloned());
        row
    });
    let (address, page) = desk.look(&register.id, &book(&back[0], rows.collect())).await;
    assert_eq!((figure(&page, "New"), figure(&page, "Refused")), (errors.len() as u64, 0), "{}: {page}", register.id);
    assert!(desk.take(&address).await.contains("Imported:"), "{}", register.id);
}
