//! Workbooks with frozen header, drop-down lists and text format for ids and codes.

use rust_xlsxwriter::{
    Color, DataValidation, ExcelDateTime, Format, FormatAlign, Formula, Note, Workbook, Worksheet, XlsxError,
};

use super::{CellKind, ColumnSpec, Mark, SheetSpec};
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
    write_marked(sheets, &[])
}

/// The same with cells of the first sheet marked.
///
/// # Errors
/// See [`write_workbook`].
pub fn write_marked(sheets: &[SheetSpec], marks: &[Mark]) -> Result<Vec<u8>, OfficeError> {
    if let Some(sheet) = sheets.iter().find(|sheet| sheet.rows.len() > MOST_ROWS) {
        return Err(OfficeError::Write(format!("“{}” has more than {MOST_ROWS} rows", sheet.name)));
    }
    build(sheets, marks).map_err(|error| OfficeError::Write(error.to_string()))
}

fn build(sheets: &[SheetSpec], marks: &[Mark]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let mut lists: Vec<&[String]> = Vec::new();
    for (number, sheet) in sheets.iter().enumerate() {
        let page = book.add_worksheet();
        page.set_name(tab(&sheet.name))?;
        fill(page, sheet, if number == 0 { marks } else { &[] }, &mut lists)?;
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

fn fill<'a>(
    page: &mut Worksheet,
    sheet: &'a SheetSpec,
    marks: &[Mark],
    lists: &mut Vec<&'a [String]>,
) -> Result<(), XlsxError> {
    let formats: Vec<Format> = sheet.columns.iter().map(|column| format_of(column.kind)).collect();
    page.set_freeze_panes(1, 0)?;
    for (index, column) in sheet.columns.iter().enumerate() {
        let at = index as u16;
        let header = Format::new().set_bold().set_background_color(Color::RGB(0x00E8_EDF3)).set_text_wrap();
        let header = if column.required { header.set_font_color(Color::Red) } else { header };
        page.write_string_with_format(0, at, &column.title, &header)?;
        page.set_column_width(at, width(column))?;
        page.set_column_format(at, formats.get(index).unwrap_or(&Format::default()))?;
        if !column.help.is_empty() {
            page.insert_note(0, at, &Note::new(&column.help))?;
        }
        if !column.choices.is_empty() {
            let last = (sheet.rows.len() + ROWS_TO_FILL).min(MOST_ROWS) as u32;
            page.add_data_validation(1, at, last, at, &validation(column, lists)?)?;
        }
    }
    for (row, cells) in sheet.rows.iter().enumerate() {
        for (at, ((cell, column), format)) in cells.iter().zip(&sheet.columns).zip(&formats).enumerate() {
            if !cell.is_empty() {
                write_cell(page, (row as u32 + 1, at as u16), cell, column.kind, format)?;
            }
        }
    }
    for mark in marks {
        let cell = sheet.rows.get(mark.row).and_then(|row| row.get(mark.column)).map_or("", String::as_str);
        let Some(format) = formats.get(mark.column) else { continue };
        let format =
            format.clone().set_background_color(Color::RGB(0x00FB_DAD7)).set_font_color(Color::RGB(0x008A_0000));
        // What was refused is shown as it was written, whatever the column holds.
        page.write_string_with_format(mark.row as u32 + 1, mark.column as u16, cell, &format)?;
        if !mark.note.is_empty() {
            page.insert_note(mark.row as u32 + 1, mark.column as u16, &Note::new(&mark.note))?;
        }
    }
    Ok(())
}

fn write_cell(
    page: &mut Worksheet,
    (row, at): (u32, u16),
    cell: &str,
    kind: CellKind,
    format: &Format,
) -> Result<(), XlsxError> {
    match kind {
        CellKind::Number(_) => {
            if let Ok(number) = cell.parse::<f64>() {
                page.write_number_with_format(row, at, number, format)?;
                return Ok(());
            }
        }
        CellKind::Date => {
            if let Some(day) = day(cell) {
                page.write_datetime_with_format(row, at, &day, format)?;
                return Ok(());
            }
        }
        CellKind::Text | CellKind::Words => {}
    }
    page.write_string_with_format(row, at, cell, format)?;
    Ok(())
}

/// A day as Excel counts it; what lies before its calendar stays a text.
fn day(text: &str) -> Option<ExcelDateTime> {
    let mut parts = text.splitn(3, '-');
    let year: u16 = parts.next()?.parse().ok().filter(|year| (1901..=9999).contains(year))?;
    let (month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    ExcelDateTime::from_ymd(year, month, day).ok()
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
        CellKind::Text => Format::new().set_num_format("@"),
        CellKind::Words => Format::new().set_num_format("@").set_text_wrap().set_align(FormatAlign::Top),
        CellKind::Date => Format::new().set_num_format("yyyy-mm-dd"),
        CellKind::Number(0) => Format::new().set_num_format("0"),
        CellKind::Number(digits) => Format::new().set_num_format(format!("0.{}", "0".repeat(digits as usize))),
    }
}

/// Width in characters: Chinese characters are twice as wide.
fn width(column: &ColumnSpec) -> f64 {
    let wide = |c: char| if c.is_ascii() { 1 } else { 2 };
    let title: usize = column.title.chars().map(wide).sum();
    let least = match column.kind {
        CellKind::Words => 36,
        CellKind::Date => 11,
        _ => 8,
    };
    title.clamp(least, 40) as f64 + 2.0
}
