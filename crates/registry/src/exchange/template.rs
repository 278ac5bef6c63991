//! Workbooks that are filled in and sent: an empty one, or one with the records of a list.

use bangfu_office::{CellKind, ColumnSpec, OfficeError, SheetSpec, write_workbook};
use bangfu_policy::model::{FieldType, Pack, RegisterId, text_in};
use bangfu_policy::period;
use bangfu_store::{Row, StoreError};

use super::columns::{self, Column, Part};
use crate::views::facts::Facts;
use crate::views::figures::Language;
use crate::views::listing::Listing;
use crate::views::places::Places;

/// Codes that the instructions list in full.
const MOST_CODES: usize = 200;
/// Characters that fit into a cell.
const LONGEST_CELL: usize = 32_000;

/// Why there is no workbook.
#[derive(Debug, thiserror::Error)]
pub enum WorkbookError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The workbook.
    #[error(transparent)]
    Office(#[from] OfficeError),
}

/// An empty workbook of a register: a sheet to fill in and one with instructions.
///
/// # Errors
/// The workbook cannot be written.
pub fn template(pack: &Pack, id: RegisterId, language: Language) -> Result<Vec<u8>, OfficeError> {
    let columns = columns::columns(pack, id, language.id());
    let data = sheet(pack, id, &columns, Vec::new(), language.id());
    write_workbook(&[data, instructions(pack, id, &columns, "", language.id())])
}

/// The records of a list in the columns of the template – without secret fields –, so that it can be changed and sent
/// again. At most `most` records; `note` says so where there are more.
///
/// # Errors
/// The store fails or the workbook cannot be written.
pub async fn workbook(
    facts: &Facts,
    places: &Places,
    listing: &Listing,
    note: &str,
    language: Language,
) -> Result<Vec<u8>, WorkbookError> {
    let pack = facts.pack();
    let Some(register) = pack.registers.get(listing.register.index()) else { return Ok(Vec::new()) };
    let mut columns = columns::columns(pack, listing.register, language.id());
    columns.retain(|column| match column.part {
        Part::Field(index) => register.fields.get(usize::from(index)).is_some_and(|field| !field.secret),
        _ => true,
    });
    let rows = facts.rows(listing).await?;
    let rows = rows.iter().map(|row| cells(pack, listing.register, &columns, row, places, language)).collect();
    let data = sheet(pack, listing.register, &columns, rows, language.id());
    let instructions = instructions(pack, listing.register, &columns, note, language.id());
    Ok(tokio::task::block_in_place(|| write_workbook(&[data, instructions]))?)
}

fn cells(
    pack: &Pack,
    id: RegisterId,
    columns: &[Column],
    row: &Row,
    places: &Places,
    language: Language,
) -> Vec<String> {
    let Some(register) = pack.registers.get(id.index()) else { return Vec::new() };
    let cell = |column: &Column| match column.part {
        Part::Owner => row.owner.clone(),
        Part::Place => {
            let trail = places.trail(&row.record.division, language);
            trail.into_iter().skip(1).map(|place| place.name).collect::<Vec<_>>().join(" ")
        }
        Part::Period => row.record.period.map(|at| period::format(register.kind, at)).unwrap_or_default(),
        Part::Field(index) => {
            let field = register.fields.get(usize::from(index));
            let value = row.record.values.get(usize::from(index)).and_then(Option::as_ref);
            field.zip(value).map(|(field, value)| columns::text(pack, field, value, language.id())).unwrap_or_default()
        }
    };
    columns.iter().map(cell).collect()
}

fn sheet(pack: &Pack, id: RegisterId, columns: &[Column], rows: Vec<Vec<String>>, language: &str) -> SheetSpec {
    let register = pack.registers.get(id.index());
    let specs = columns.iter().filter_map(|column| Some(columns::spec(pack, register?, column, language)));
    let name = register.map_or_else(String::new, |register| text_in(&register.title, language).to_owned());
    SheetSpec { name, columns: specs.collect(), rows }
}

/// What each column is, its rules and its codes.
fn instructions(pack: &Pack, id: RegisterId, columns: &[Column], note: &str, language: &str) -> SheetSpec {
    let zh = language == "zh";
    let say = |zh_words: &str, en: &str| if zh { zh_words } else { en }.to_owned();
    let titles: [(String, CellKind); 6] = [
        (say("列", "Column"), CellKind::Text),
        (say("必填", "Required"), CellKind::Text),
        (say("填写内容", "What to write"), CellKind::Words),
        (say("规则", "Rules"), CellKind::Words),
        (say("代码", "Codes"), CellKind::Words),
        (say("说明", "Notes"), CellKind::Words),
    ];
    let Some(register) = pack.registers.get(id.index()) else {
        return SheetSpec { name: String::new(), columns: Vec::new(), rows: Vec::new() };
    };
    let mut rows: Vec<Vec<String>> = columns
        .iter()
        .map(|column| {
            let field = match column.part {
                Part::Field(index) => register.fields.get(usize::from(index)),
                _ => None,
            };
            let required = field.map_or(column.part != Part::Place, |field| field.required);
            let help = field.and_then(|field| field.help.as_ref()).map(|help| text_in(help, language).to_owned());
            vec![
                column.title.clone(),
                if required { say("必填", "required") } else { String::new() },
                columns::writing(pack, register, column.part, language),
                field.map(|field| columns::rules(field, language)).unwrap_or_default(),
                field.map(|field| codes(pack, field.ty, language)).unwrap_or_default(),
                help.unwrap_or_default(),
            ]
        })
        .collect();
    let mut general = vec![
        say(
            "一行一条记录；红色表头必填；空单元格表示不清楚。列的顺序可以改变，不需要的列可以删去。",
            "One record in a row; headers in red are required; an empty cell says that it is not known. Columns may be moved, and those that are not needed deleted.",
        ),
        say(
            "已登记的记录按编号更新：只比较和更改表中有的列。未改动的行不产生变更。",
            "Records that exist are found by their key and changed: only columns of the table are compared. Rows that say nothing new change nothing.",
        ),
    ];
    general.extend(Some(note.to_owned()).filter(|note| !note.is_empty()));
    for words in general.into_iter().rev() {
        rows.insert(0, vec![String::new(), String::new(), words, String::new(), String::new(), String::new()]);
    }
    let columns = titles.into_iter().map(|(title, kind)| ColumnSpec::new(title, kind)).collect();
    SheetSpec { name: say("填表说明", "Instructions"), columns, rows }
}

fn codes(pack: &Pack, ty: FieldType, language: &str) -> String {
    let FieldType::Code(list) = ty else { return String::new() };
    let Some(list) = pack.codes.get(list.index()) else { return String::new() };
    let mut words: Vec<String> = list
        .values
        .iter()
        .take(MOST_CODES)
        .map(|code| format!("{} {}", code.code, text_in(&code.label, language)))
        .collect();
    if list.values.len() > MOST_CODES {
        words.push("…".to_owned());
    }
    words.join("\n").chars().take(LONGEST_CELL).collect()
}
