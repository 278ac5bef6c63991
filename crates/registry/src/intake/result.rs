//! The result file: every refused row as it was, with the reason beside it, to be mended and sent again.

use std::collections::BTreeMap;

use bangfu_office::{CellKind, ColumnSpec, SheetSpec};

use super::{Problem, Reading};

/// The sheet with all problems: row, column, value, rule, message, advice.
pub fn result_sheet(problems: &[Problem], language: &str) -> SheetSpec {
    let zh = ["行", "列", "值", "规则", "错误原因", "处理办法"];
    let en = ["Row", "Column", "Value", "Rule", "What is wrong", "What to do"];
    let titles = if language == "zh" { zh } else { en };
    let rows = problems
        .iter()
        .map(|p| {
            vec![
                p.row.to_string(),
                p.column.clone(),
                p.value.clone(),
                p.rule.clone(),
                p.message.clone(),
                p.advice.clone(),
            ]
        })
        .collect();
    SheetSpec {
        name: if language == "zh" { "错误清单" } else { "Problems" }.to_owned(),
        columns: titles.iter().map(|title| ColumnSpec::new(*title, CellKind::Text)).collect(),
        rows,
    }
}

/// A workbook with the refused rows (their own columns and the reasons) and the list of problems.
///
/// # Errors
/// The workbook cannot be written.
pub fn write_result(reading: &Reading, language: &str) -> Result<Vec<u8>, bangfu_office::OfficeError> {
    let mut reasons: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for problem in &reading.problems {
        let place = if problem.column.is_empty() { String::new() } else { format!("{}：", problem.column) };
        reasons.entry(problem.row).or_default().push(format!("{place}{}", problem.message));
    }
    let mut table = reading.table.iter();
    let header = table.next().map(|(_, cells)| cells.clone()).unwrap_or_default();
    let width = header.len();
    let mut columns: Vec<ColumnSpec> = header.iter().map(|title| ColumnSpec::new(title, CellKind::Text)).collect();
    columns.push(ColumnSpec::new(if language == "zh" { "错误原因" } else { "What is wrong" }, CellKind::Text));
    let rows = table
        .filter_map(|(number, cells)| {
            let mut row = cells.clone();
            row.resize(width, String::new());
            row.push(reasons.get(number)?.join("；"));
            Some(row)
        })
        .collect();
    let refused =
        SheetSpec { name: if language == "zh" { "退回的行" } else { "Rows to mend" }.to_owned(), columns, rows };
    bangfu_office::write_workbook(&[refused, result_sheet(&reading.problems, language)])
}
