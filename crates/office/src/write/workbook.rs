//! Workbooks with frozen header, drop-down lists and text format for ids and codes.

use rust_xlsxwriter::{Color, DataValidation, Format, Formula, Note, Workbook, Worksheet, XlsxError};

use super::{CellKind, ColumnSpec, SheetSpec};
use crate::OfficeError;

/// Drop-down lists whose texts are longer than this go on a hidden sheet: Excel refuses longer ones in place.
const LONGEST_LIST: usize = 255;
/// Rows below the table that get lists and formats too, so that a template can be filled in.
const ROWS_TO_FILL: usize = 5_000;
/// Rows that a sheet can hold.
const MOST_ROWS: usize = 1_048_575;

/// Writes sheets as an xlsx workbook.
///
/// # Errors
/// More rows than a sheet holds, or a failure of the library.
pub fn write_workbook(sheets: &[SheetSpec]) -> Result<Vec<u8>, OfficeError> {
    if let Some(sheet) = sheets.iter().find(|sheet| sheet.rows.len() > MOST_ROWS) {
        return Err(OfficeError::Write(format!("“{}” has more than {MOST_ROWS} rows", sheet.name)));
    }
    build(sheets).map_err(|error| OfficeError::Write(error.to_string()))
}

fn build(sheets: &[SheetSpec]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let mut lists: Vec<&[String]> = Vec::new();
    for sheet in sheets {
        let page = book.add_worksheet();
        page.set_name(tab(&sheet.name))?;
        fill(page, sheet, &mut lists)?;
    }
    if !lists.is_empty() {
        let page = book.add_worksheet();
        page.set_name("lists")?.set_hidden(true);
        for (column, list) in lists.iter().enumerate() {
            for (row, text) in list.iter().enumerate() {
                page.write_string(row as u32, column as u16, text)?;
            }
        }
    }
    book.save_to_buffer()
}

/// A name that a tab can have.
pub(super) fn tab(name: &str) -> String {
    name.chars().filter(|c| !"[]:*?/\\".contains(*c)).take(31).collect()
}

fn fill<'a>(page: &mut Worksheet, sheet: &'a SheetSpec, lists: &mut Vec<&'a [String]>) -> Result<(), XlsxError> {
    page.set_freeze_panes(1, 0)?;
    for (index, column) in sheet.columns.iter().enumerate() {
        let at = index as u16;
        let header = Format::new().set_bold().set_background_color(Color::RGB(0x00E8_EDF3)).set_text_wrap();
        let header = if column.required { header.set_font_color(Color::Red) } else { header };
        page.write_string_with_format(0, at, &column.title, &header)?;
        page.set_column_width(at, width(column))?;
        page.set_column_format(at, &format_of(column.kind))?;
        if !column.help.is_empty() {
            page.insert_note(0, at, &Note::new(&column.help))?;
        }
        if !column.choices.is_empty() {
            let last = (sheet.rows.len() + ROWS_TO_FILL).min(MOST_ROWS) as u32;
            page.add_data_validation(1, at, last, at, &validation(column, lists)?)?;
        }
    }
    for (row, cells) in sheet.rows.iter().enumerate() {
        for (at, (cell, column)) in cells.iter().zip(&sheet.columns).enumerate() {
            if cell.is_empty() {
                continue;
            }
            let (row, at) = (row as u32 + 1, at as u16);
            match (column.kind, cell.parse::<f64>()) {
                (CellKind::Number(_), Ok(number)) => page.write_number(row, at, number)?,
                _ => page.write_string(row, at, cell)?,
            };
        }
    }
    Ok(())
}

fn validation<'a>(column: &'a ColumnSpec, lists: &mut Vec<&'a [String]>) -> Result<DataValidation, XlsxError> {
    let length: usize = column.choices.iter().map(|choice| choice.chars().count() + 1).sum();
    if length <= LONGEST_LIST && !column.choices.iter().any(|choice| choice.contains(',')) {
        return DataValidation::new().allow_list_strings(&column.choices);
    }
    lists.push(&column.choices);
    let name = rust_xlsxwriter::column_number_to_name((lists.len() - 1) as u16);
    let range = format!("=lists!${name}$1:${name}${}", column.choices.len());
    Ok(DataValidation::new().allow_list_formula(Formula::new(range)))
}

fn format_of(kind: CellKind) -> Format {
    match kind {
        CellKind::Text | CellKind::Date => Format::new().set_num_format("@"),
        CellKind::Number(0) => Format::new().set_num_format("0"),
        CellKind::Number(digits) => Format::new().set_num_format(format!("0.{}", "0".repeat(digits as usize))),
    }
}

/// Width in characters: Chinese characters are twice as wide.
fn width(column: &ColumnSpec) -> f64 {
    let wide = |c: char| if c.is_ascii() { 1 } else { 2 };
    let title: usize = column.title.chars().map(wide).sum();
    title.clamp(8, 40) as f64 + 2.0
}
