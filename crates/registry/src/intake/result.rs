//! The result file: every refused row as it was, with the reason beside it, to be mended and sent again.

use std::collections::BTreeMap;

use bangfu_office::{CellKind, ColumnSpec, Mark, SheetSpec};
use bangfu_policy::model::{Pack, RegisterId};

use super::{Problem, Reading};
use crate::exchange::columns;

/// Headers of the column with the reasons; a list that comes back may still have it.
const REASONS: [&str; 2] = ["错误原因", "What is wrong"];

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

/// A workbook with the refused rows (their own columns and the reasons, with the cells marked that they are about) and
/// the list of problems. The columns of a register's own list are those of its template, lists to choose from included.
///
/// # Errors
/// The workbook cannot be written.
pub fn write_result(
    pack: &Pack,
    register: Option<RegisterId>,
    reading: &Reading,
    language: &str,
) -> Result<Vec<u8>, bangfu_office::OfficeError> {
    let mut problems: BTreeMap<u64, Vec<&Problem>> = BTreeMap::new();
    for problem in &reading.problems {
        problems.entry(problem.row).or_default().push(problem);
    }
    let mut table = reading.table.iter();
    let header = table.next().map(|(_, cells)| cells.as_slice()).unwrap_or_default();
    // Positions of the columns that go back.
    let kept: Vec<usize> = (0..header.len()).filter(|at| !is_reasons(&header[*at])).collect();
    let mut columns: Vec<ColumnSpec> = kept.iter().map(|at| column(pack, register, &header[*at], language)).collect();
    columns.push(ColumnSpec::new(REASONS[usize::from(language != "zh")], CellKind::Words));
    let (mut rows, mut marks) = (Vec::new(), Vec::new());
    for (number, cells) in table {
        let Some(problems) = problems.get(number) else { continue };
        let mut row: Vec<String> = kept.iter().map(|at| cells.get(*at).cloned().unwrap_or_default()).collect();
        row.push(problems.iter().map(|problem| reason(problem)).collect::<Vec<_>>().join("\n"));
        for problem in problems {
            let column = kept.iter().position(|at| header[*at] == problem.column);
            let note = format!("{}\n{}", problem.message, problem.advice);
            marks.extend(column.map(|column| Mark { row: rows.len(), column, note }));
        }
        rows.push(row);
    }
    // Excel keeps one note for a cell.
    marks.dedup_by_key(|mark| (mark.row, mark.column));
    let name = if language == "zh" { "退回的行" } else { "Rows to mend" }.to_owned();
    let refused = SheetSpec { name, columns, rows };
    bangfu_office::write_marked(&[refused, result_sheet(&reading.problems, language)], &marks)
}

fn is_reasons(header: &str) -> bool {
    REASONS.contains(&header.trim())
}

fn reason(problem: &Problem) -> String {
    let place = if problem.column.is_empty() { String::new() } else { format!("{}：", problem.column) };
    format!("{place}{}（{}）", problem.message, problem.advice)
}

fn column(pack: &Pack, register: Option<RegisterId>, header: &str, language: &str) -> ColumnSpec {
    let plain = || ColumnSpec::new(header, CellKind::Text);
    let found =
        register.and_then(|id| Some((columns::known(pack, id, header.trim())?, pack.registers.get(id.index())?)));
    let Some((part, register)) = found else { return plain() };
    let column = columns::Column { part, title: header.to_owned() };
    columns::spec(pack, register, &column, language)
}
