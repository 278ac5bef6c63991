//! A form as an office posts it: title, head in two levels, a total row; set up to be printed on A4.

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError};

use super::workbook::tab;
use crate::OfficeError;

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// Name on the tab.
    pub name: String,
    /// Title above the table.
    pub title: String,
    /// Lines below the title, such as place, day and unit.
    pub notes: Vec<String>,
    /// Head of the first column.
    pub first: String,
    /// Columns under their headings.
    pub groups: Vec<FormGroup>,
    /// Rows, the total first.
    pub rows: Vec<FormRow>,
}

/// Columns under one heading.
#[derive(Clone, Debug)]
pub struct FormGroup {
    /// Words above; `None`: each column stands alone.
    pub heading: Option<String>,
    /// Words and number format of each column.
    pub columns: Vec<(String, String)>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct FormRow {
    /// First cell.
    pub label: String,
    /// Figures; `None`: an empty cell.
    pub cells: Vec<Option<f64>>,
    /// In bold.
    pub total: bool,
}

/// Rows of the sheet above the head.
const ABOVE: u32 = 2;
/// Rows of the head.
const HEAD: u32 = 2;
/// A4.
const PAPER: u8 = 9;

/// Writes a form as an xlsx workbook.
///
/// # Errors
/// More columns or rows than a sheet holds.
pub fn write_form(form: &Form) -> Result<Vec<u8>, OfficeError> {
    build(form).map_err(|error| OfficeError::Write(error.to_string()))
}

fn build(form: &Form) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    page.set_name(tab(&form.name))?;
    let columns: Vec<&(String, String)> = form.groups.iter().flat_map(|group| &group.columns).collect();
    let last = u16::try_from(columns.len()).unwrap_or(u16::MAX);
    let title = Format::new().set_bold().set_font_size(16).set_align(FormatAlign::Center);
    let note = Format::new().set_align(FormatAlign::Left).set_text_wrap();
    across(page, 0, (0, last), &form.title, &title)?;
    page.set_row_height(0, 28)?;
    across(page, 1, (0, last), &form.notes.join("    "), &note)?;
    head(page, form)?;
    page.set_column_width(0, 22)?;
    for (at, (words, _)) in (1..).zip(&columns) {
        page.set_column_width(at, (words.chars().count() as f64 * 2.0).clamp(9.0, 16.0))?;
    }
    for (at, row) in (ABOVE + HEAD..).zip(&form.rows) {
        let bordered = || {
            let format = Format::new().set_border(FormatBorder::Thin);
            if row.total { format.set_bold().set_background_color(Color::RGB(0x00F3_F5F8)) } else { format }
        };
        page.write_string_with_format(at, 0, &row.label, &bordered())?;
        for ((column, cell), (_, format)) in (1..).zip(&row.cells).zip(&columns) {
            let format = bordered().set_num_format(format);
            match cell {
                Some(number) => page.write_number_with_format(at, column, *number, &format)?,
                None => page.write_blank(at, column, &format)?,
            };
        }
    }
    page.set_freeze_panes(ABOVE + HEAD, 1)?;
    page.set_landscape().set_paper_size(PAPER).set_print_fit_to_pages(1, 0).set_print_center_horizontally(true);
    page.set_margins(0.5, 0.5, 0.6, 0.6, 0.3, 0.3).set_footer("&C&P / &N");
    page.set_repeat_rows(0, ABOVE + HEAD - 1)?;
    book.save_to_buffer()
}

/// Two rows: headings, and below them the columns; what has no heading stands in both.
fn head(page: &mut Worksheet, form: &Form) -> Result<(), XlsxError> {
    let format = Format::new()
        .set_bold()
        .set_border(FormatBorder::Thin)
        .set_align(FormatAlign::Center)
        .set_align(FormatAlign::VerticalCenter)
        .set_background_color(Color::RGB(0x00E8_EDF3))
        .set_text_wrap();
    let (upper, lower) = (ABOVE, ABOVE + HEAD - 1);
    page.merge_range(upper, 0, lower, 0, &form.first, &format)?;
    let mut at = 1_u16;
    for group in &form.groups {
        let end = at + u16::try_from(group.columns.len()).unwrap_or(u16::MAX).saturating_sub(1);
        if let Some(heading) = &group.heading {
            across(page, upper, (at, end), heading, &format)?;
        }
        for (words, _) in &group.columns {
            match group.heading {
                Some(_) => page.write_string_with_format(lower, at, words, &format)?,
                None => page.merge_range(upper, at, lower, at, words, &format)?,
            };
            at += 1;
        }
    }
    Ok(())
}

/// Words across columns of a row; a single cell cannot be merged.
fn across(page: &mut Worksheet, row: u32, (from, to): (u16, u16), words: &str, format: &Format) -> Result<(), XlsxError> {
    if from == to {
        page.write_string_with_format(row, from, words, format)?;
    } else {
        page.merge_range(row, from, row, to, words, format)?;
    }
    Ok(())
}
