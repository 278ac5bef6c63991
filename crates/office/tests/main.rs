//! Files written by this crate and by others come back as they are.

use bangfu_office::{
    CellKind, ColumnSpec, Limits, Mark, OfficeError, Row, SheetSpec, read_rows, read_sheet, sheet_names, write_csv,
    write_marked, write_workbook,
};

fn rows_of(name: &str, bytes: &[u8]) -> Result<Vec<Row>, OfficeError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut rows = Vec::new();
    read_rows(&path, &Limits::default(), &mut |row| {
        rows.push(row);
        true
    })?;
    Ok(rows)
}

fn sheet() -> SheetSpec {
    let mut kind = ColumnSpec::new("户类型", CellKind::Text);
    kind.choices = (0..80).map(|n| format!("类型{n:02}")).collect();
    let mut id = ColumnSpec::new("证件号码", CellKind::Text);
    id.required = true;
    id.help = "18 位".to_owned();
    SheetSpec {
        name: "户/表".to_owned(),
        columns: vec![id, ColumnSpec::new("人均纯收入", CellKind::Number(2)), kind],
        rows: vec![
            vec!["159900198001010013".to_owned(), "2855.5".to_owned(), "类型01".to_owned()],
            vec!["=1+1".to_owned(), String::new(), "类型79".to_owned()],
        ],
    }
}

#[test]
fn workbook_round_trip_keeps_long_ids_as_text() {
    let rows = rows_of("a.xlsx", &write_workbook(&[sheet()]).unwrap()).unwrap();
    assert_eq!(rows[0].cells, ["证件号码", "人均纯收入", "户类型"]);
    assert_eq!(rows[1], Row { number: 2, cells: vec!["159900198001010013".into(), "2855.5".into(), "类型01".into()] });
    assert_eq!(rows[2].cells, ["=1+1", "", "类型79"]);
}

#[test]
fn days_and_marked_cells_come_back_as_they_are() {
    let columns = vec![ColumnSpec::new("日期", CellKind::Date), ColumnSpec::new("数", CellKind::Number(2))];
    let rows = vec![vec!["2016-01-31".to_owned(), "12.5".to_owned()], vec!["1016-13-31".to_owned(), "x".to_owned()]];
    let other =
        SheetSpec { name: "说明".to_owned(), columns: vec![ColumnSpec::new("a", CellKind::Words); 5], rows: vec![] };
    let sheets = [SheetSpec { name: "表".to_owned(), columns, rows }, other];
    let mark = Mark { row: 1, column: 0, note: "不是日期".to_owned() };
    let bytes = write_marked(&sheets, &[mark]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(sheet_names(&path, &Limits::default()).unwrap(), ["表", "说明"]);
    let read = |sheet: Option<&str>| {
        let mut rows = Vec::new();
        let mut each = |row: Row| {
            rows.push(row.cells);
            true
        };
        read_sheet(&path, sheet, &Limits::default(), &mut each).unwrap();
        rows
    };
    assert_eq!(read(None), [["a"; 5]], "the widest");
    assert_eq!(read(Some("表"))[1..], [["2016-01-31", "12.5"], ["1016-13-31", "x"]]);
}

#[test]
fn csv_round_trip_defuses_formulas() {
    let mut bytes = Vec::new();
    write_csv(&mut bytes, &sheet()).unwrap();
    let rows = rows_of("a.csv", &bytes).unwrap();
    assert_eq!(rows[0].cells[0], "证件号码");
    assert_eq!(rows[2].cells[0], "'=1+1");
}

#[test]
fn gb18030_and_semicolons_are_recognised() {
    let (bytes, _, _) = encoding_rs::GB18030.encode("户编号;姓名\n1501;乌云其其格\n");
    let rows = rows_of("old.csv", &bytes).unwrap();
    assert_eq!(rows[1].cells, ["1501", "乌云其其格"]);
}

#[test]
fn long_files_decode_across_buffer_borders() {
    let text: String = (0..40_000).map(|n| format!("{n},嘎查{n}\n")).collect();
    let rows = rows_of("long.csv", text.as_bytes()).unwrap();
    assert_eq!(rows.len(), 40_000);
    assert_eq!(rows[39_999].cells, ["39999", "嘎查39999"]);
}

#[test]
fn bad_files_say_what_to_do() {
    let say = |name: &str, bytes: &[u8]| {
        let message = rows_of(name, bytes).unwrap_err().to_string();
        let folder = message.find("/tmp").map_or(0, |start| start);
        let end = message.find(name).unwrap_or(folder);
        format!("{}…/{}", &message[..folder], &message[end..])
    };
    insta::assert_snapshot!(say("a.pdf", b"x"));
    insta::assert_snapshot!(say("a.csv", b""));
    insta::assert_snapshot!(say("a.xlsx", b"PK not a zip"));
}

#[test]
fn limits_refuse_before_memory_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "a,b\n".repeat(10)).unwrap();
    let limits = Limits { rows: 5, ..Limits::default() };
    assert!(matches!(read_rows(&path, &limits, &mut |_| true), Err(OfficeError::TooLarge { most: 5, .. })));
}
