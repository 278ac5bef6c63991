//! What the program says to wrong arguments and wrong files: where, what, and what to do.

use std::path::Path;
use std::process::{Command, Stdio};

use bangfu_policy::model::{FieldType, Pack, RegisterId, Value};
use bangfu_policy::{SourceFile, load};
use bangfu_registry::batches::BatchBuilder;
use bangfu_registry::office::{CellKind, ColumnSpec, SheetSpec, write_workbook};
use bangfu_rules::snapshot::Writer;

use super::super::site::fixture::pack_folder;
use super::{answer, filled, households};

/// Runs the program with words in which `{name}` stands for a path, which `fails` or does not; what it was asked and
/// what it says.
fn said(places: &[(&str, &Path)], words: &str, fails: bool) -> String {
    let path = |word: &str| {
        places.iter().fold(word.to_owned(), |word, (name, path)| word.replace(name, &path.display().to_string()))
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_bangfu"));
    command.args(words.split_whitespace().map(path)).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    let output = command.output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), !fails, "{words}\n{out}\n{error}");
    let mut text = format!("$ bangfu {words}\n{out}{error}");
    for (name, path) in places {
        text = text.replace(&path.display().to_string(), name);
    }
    text
}

/// All of it for a list of commands, which must fail.
fn refused(places: &[(&str, &Path)], commands: &[&str]) -> String {
    commands.iter().map(|words| format!("{}\n", said(places, words, true).trim_end())).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_arguments_are_told_with_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    filled(&data, &["150421"], 0.002).await;
    let (pack, empty) = (pack_folder(), folder.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    let places: [(&str, &Path); 4] =
        [("{data}", &data), ("{pack}", &pack), ("{empty}", &empty), ("{nowhere}", &folder.path().join("nowhere"))];
    let here = "--policy {pack} --data {data}";
    let before = refused(&places, &[&format!("simulate {here} --set poverty_line=3000")]);
    answer(&data, &["determine", "--as-of", "2016-12-31"]);
    let key = households(&data).await.first().cloned().unwrap();
    let commands = [
        format!("determine {here} --as-of 2016-12-31 --set povrty_line=3000"),
        format!("determine {here} --as-of 2016-12-31 --set weather=3000"),
        format!("determine {here} --as-of 2016-12-31 --set poverty_line"),
        format!("determine {here} --as-of 2016-12-31 --set poverty_line=many"),
        format!("determine {here} --as-of 2016-12-31 --set poverty_line=3000.005"),
        format!("determine {here} --as-of 31.12.2016"),
        format!("determine {here} --as-of 2016-02-30"),
        format!("determine {here} --format xml"),
        format!("simulate {here}"),
        format!("simulate {here} --set povrty_line=3000"),
        format!("simulate {here} --overlay {{nowhere}}"),
        format!("simulate {here} --overlay {{empty}}"),
        format!("explain {here}"),
        format!("explain {here} --household 999 --as-of 2016-12-31"),
        format!("explain {here} --household {key} --variable identfied_poor --as-of 2016-12-31"),
        format!("explain {here} --household {key} --variable age_years --as-of 2016-12-31"),
        format!("explain {here} --household {key} --variable village_poor --as-of 2016-12-31"),
        format!("explain {here} --household {key} --variable weather --as-of 2016-12-31"),
        format!("explain {here} --household {key} --as-of yesterday"),
        format!("explain {here} --household {key} --language fr --as-of 2016-12-31"),
        format!("explain {here} --register persn --key 1 --as-of 2016-12-31"),
        format!("explain {here} --register living --key 1 --as-of 2016-12-31"),
        format!("explain {here} --register person"),
        format!("serve {here} --listen 0.0.0.0:8080"),
        "serve --policy {pack} --data {empty}".to_owned(),
        "synth --policy {pack} --data {data}".to_owned(),
        "journal verify --policy {pack} --data {nowhere}".to_owned(),
        "policy check {nowhere}".to_owned(),
        "policy check {empty}".to_owned(),
        "determine --policy {nowhere} --data {data}".to_owned(),
        "determin".to_owned(),
    ];
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    insta::assert_snapshot!(format!("{before}\n{}", refused(&places, &commands)).replace(&key, "KEY"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_files_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    filled(&data, &["150421"], 0.002).await;
    let pack = pack_folder();
    let files = folder.path();
    let write = |name: &str, bytes: &[u8]| std::fs::write(files.join(name), bytes).unwrap();
    write("empty.csv", b"");
    write("list.pdf", b"%PDF");
    write("broken.xlsx", b"not a zip");
    write("other.csv", "品名,数量\n羊,3\n".as_bytes());
    write("short.csv", "姓名,性别\n高娃,女\n".as_bytes());
    write("header.csv", "户编号,姓名\n".as_bytes());
    write("bad.csv", "行政区划代码,户编号,主要致贫原因\n150421,1,天气\n".as_bytes());
    write("bad.yaml", "register: person\ncolumns: {姓名: nam}\n".as_bytes());
    write("list.yaml", "register: [\n".as_bytes());
    let sheet =
        SheetSpec {
            name: "空".to_owned(), columns: vec![ColumnSpec::new("品名", CellKind::Text)], rows: Vec::new()
        };
    write("empty.xlsx", &write_workbook(&[sheet]).unwrap());
    let places: [(&str, &Path); 3] = [("{data}", &data), ("{pack}", &pack), ("{files}", files)];
    let here = "--policy {pack} --data {data} --language en --result {files}/result.xlsx";
    let commands = [
        format!("import {here} {{files}}/nowhere.csv --register household"),
        format!("import {here} {{files}}/list.pdf --register household"),
        format!("import {here} {{files}}/empty.csv --register household"),
        format!("import {here} {{files}}/broken.xlsx --register household"),
        format!("import {here} {{files}}/empty.xlsx --register household"),
        format!("import {here} {{files}}/other.csv --register household"),
        format!("import {here} {{files}}/short.csv --register household"),
        format!("import {here} {{files}}/short.csv --register person"),
        format!("import {here} {{files}}/bad.csv --register household"),
        format!("import {here} {{files}}/short.csv --register houshold"),
        format!("import {here} {{files}}/short.csv"),
        format!("import {here} {{files}}/short.csv --register person --take some"),
        format!("import {here} {{files}}/other.csv --mapping national-2022"),
        format!("import {here} {{files}}/short.csv --mapping national-2022"),
        format!("import {here} {{files}}/short.csv --mapping national-2032"),
        format!("import {here} {{files}}/short.csv --mapping {{files}}/bad.yaml"),
        format!("import {here} {{files}}/short.csv --mapping {{files}}/list.yaml"),
    ];
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    insta::assert_snapshot!(refused(&places, &commands));
}

const HEAD: &str = r"
policy: {id: small, title: {en: Small}, version: '1', languages: [en], root: '1', currency: {code: XXX, symbol: {en: x}}}
divisions:
  levels:
    - {id: whole, digits: 1, title: {en: Whole}}
    - {id: place, digits: 4, title: {en: Place}}
";

const RULE: &str = "variables:\n  poor: {of: household, title: {en: Poor}, formula: income < 100 and since < as_of}\n";

/// A pack of one register: how its columns are named, and its fields with their types; the first is the key.
fn small(columns: &str, fields: &[(&str, &str)]) -> String {
    let key = fields[0].0;
    let fields: String =
        fields.iter().map(|(id, ty)| format!("      {id}: {{type: {ty}, title: {{en: {id}}}}}\n")).collect();
    format!(
        "{HEAD}registers:\n  household:\n    title: {{en: Household}}\n    within: place\n    key: {key}\n    columns: {columns}\n    fields:\n{fields}"
    )
}

/// Writes a snapshot of one household without values but truths, in the columns of a pack.
fn snapshot(folder: &Path, pack: &str) {
    let files = [SourceFile { path: "pack.yaml".to_owned(), text: pack.to_owned() }];
    let pack: Pack = load(&files).unwrap_or_else(|found| panic!("{found:?}"));
    let mut batch = BatchBuilder::new(&pack, RegisterId(0));
    let (key, truth) = (Value::Text("1".to_owned()), Value::Boolean(true));
    let boolean = |field: usize| pack.registers[0].fields[field].ty == FieldType::Boolean;
    batch.push("1001", None, |field| match field {
        0 => Some(&key),
        other => boolean(other).then_some(&truth),
    });
    let mut writer = Writer::new(folder, &pack).unwrap();
    writer.write(RegisterId(0), "1", &[batch.finish().unwrap()]).unwrap();
    writer.finish("now").unwrap();
}

#[test]
fn wrong_snapshots_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path();
    let fields = [("household_no", "text"), ("income", "money"), ("since", "date")];
    std::fs::create_dir(files.join("pack")).unwrap();
    std::fs::write(files.join("pack/pack.yaml"), format!("{}{RULE}", small("{}", &fields))).unwrap();
    // The same register as other packs would write it.
    let with = |at: usize, field: (&'static str, &'static str)| {
        let mut fields = fields;
        fields[at] = field;
        small("{}", &fields)
    };
    snapshot(&files.join("right"), &small("{}", &fields));
    snapshot(&files.join("income-boolean"), &with(1, ("income", "boolean")));
    snapshot(&files.join("since-boolean"), &with(2, ("since", "boolean")));
    snapshot(&files.join("key-number"), &with(0, ("household_no", "text")).replace("household_no", "number"));
    snapshot(&files.join("division-place"), &small("{division: place_code}", &fields));
    snapshot(&files.join("income-misspelt"), &with(1, ("incme", "money")));
    std::fs::create_dir(files.join("nothing")).unwrap();
    std::fs::create_dir_all(files.join("damaged/household")).unwrap();
    std::fs::write(files.join("damaged/household/1.parquet"), "PAR1 but no more").unwrap();
    std::fs::create_dir_all(files.join("half-manifest/household")).unwrap();
    std::fs::copy(files.join("right/household/1.parquet"), files.join("half-manifest/household/1.parquet")).unwrap();
    std::fs::write(files.join("half-manifest/manifest.json"), "{").unwrap();
    let places: [(&str, &Path); 1] = [("{files}", files)];
    let run = "run --policy {files}/pack --out {files}/out --as-of 2016-12-31 --snapshot";
    let bad = ["nowhere", "nothing", "damaged", "income-boolean", "since-boolean", "key-number", "division-place"];
    let commands: Vec<String> =
        bad.iter().chain(&["half-manifest"]).map(|name| format!("{run} {{files}}/{name}")).collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let mut text = refused(&places, &commands);
    // A column that no field is named like is no error: the field that it may have been meant for is missing.
    let noted = said(&places, &format!("{run} {{files}}/income-misspelt"), false);
    let notes = noted.lines().filter(|line| line.starts_with('$') || line.contains("note:"));
    text.push_str(&format!("\n{}\n", notes.collect::<Vec<_>>().join("\n")));
    said(&places, &format!("{run} {{files}}/right"), false);
    insta::assert_snapshot!(text);
}
