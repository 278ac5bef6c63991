//! The national list of 2022 becomes households, persons, what is attached to them, and labels.

use bangfu_registry::intake::{self, MappingFile, Problem, Take};
use bangfu_registry::packs;

use crate::lists::List;
use crate::registry::{How, Registry, pack_folder};

const MAPPING: &str = "national-2022";
const BANNERS: [&str; 2] = ["150430", "150421"];

fn lines(problems: &[Problem]) -> String {
    let line = |p: &Problem| {
        let (row, column, value) = (p.row, &p.column, &p.value);
        format!("row {row} | {column} | {value} | {} | {} | {}\n", p.rule, p.message, p.advice)
    };
    problems.iter().map(line).collect()
}

#[test]
fn every_mapping_of_the_pack_fits_the_pack() {
    let pack = packs::read(&pack_folder()).unwrap();
    let mappings = packs::mappings(&pack_folder());
    assert!(mappings.iter().any(|(name, _)| name == MAPPING));
    for (name, path) in mappings {
        let file = MappingFile::parse(&name, &std::fs::read_to_string(path).unwrap()).unwrap();
        intake::check(&pack, &file).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_national_list_becomes_households_persons_and_labels() {
    let list = List::sample();
    let mut texts = Vec::new();
    for (name, bytes) in [("list.csv", list.csv()), ("list.xlsx", list.xlsx())] {
        let registry = Registry::new(&BANNERS).await;
        let path = registry.file(name, &bytes);
        let imported = registry.import(MAPPING, &path, How::default()).await;
        assert_eq!(lines(&imported.reading.problems), "", "{name}");
        assert!(imported.taken && imported.reading.ignored.is_empty() && imported.reading.missing.is_empty());
        let counts: Vec<_> = imported.registers.iter().map(|(id, counts)| (id.as_str(), counts.inserted)).collect();
        assert_eq!(
            counts,
            [
                ("disability", 1),
                ("household", 4),
                ("income", 4),
                ("label", 8),
                ("living", 4),
                ("medical", 1),
                ("person", 10),
                ("social_security", 10),
                ("work", 5),
            ]
        );
        texts.push(registry.text("household").await);
        let end = registry.home.store.journal_end().await.unwrap();
        let again = registry.import(MAPPING, &path, How::default()).await;
        assert_eq!((again.sum().inserted, again.sum().updated, again.sum().unchanged), (0, 0, 47));
        assert_eq!(
            registry.home.store.journal_end().await.unwrap(),
            end,
            "nothing happened, so the journal says nothing"
        );
    }
    assert_eq!(texts[0], texts[1], "CSV and workbook give the same records");
    insta::assert_snapshot!(texts[0]);
}

/// The sample with an error in almost every household, and one household without.
fn planted() -> List {
    let mut list = List::sample();
    let numbers = ["11", "12", "13", "14", "15", "16", "17"];
    // More households: copies of the second one, with numbers of their own.
    for (index, number) in numbers.iter().enumerate() {
        for row in 3..5 {
            let mut copy = list.rows[row].clone();
            copy[4] = format!("15000000000000{number}");
            copy[5] = format!("15000000000000{number}{:02}", row - 2);
            copy[7] = crate::lists::id_number(if row == 3 { "19580112" } else { "20180520" }, 500 + index as u16 * 2);
            list.rows.push(copy);
        }
    }
    // First household: one member's number is mistyped, and one word is unknown.
    let wrong = list.cell(1, "证件号码").replace("15990019670708", "15990019670807");
    list.set(1, "证件号码", &wrong);
    list.set(2, "与户主关系", "邻居");
    // Second: the rows disagree about income and telephone.
    list.set(4, "人均纯收入", "6210");
    list.set(4, "户联系电话", "13947600009");
    // Third: no such village.
    list.set(5, "行政村", "杨树木");
    // Fourth: stays as it is. From here copies, two rows each, from row 10.
    list.set(10, "人数", "3");
    list.set(11, "人数", "3");
    list.set(12, "务工时间(月)", "13");
    list.set(13, "首次识别时间", "2014-02-30");
    list.set(14, "人编号", "150000000000000401");
    list.set(17, "人编号", "");
    list.set(18, "风险是否消除", "是");
    list.set(19, "风险是否消除", "是");
    list.set(20, "户编号", "");
    list.set(22, "风险识别时间", "");
    list.set(23, "风险识别时间", "");
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_errors_are_told_with_row_column_value_rule_and_advice() {
    let list = planted();
    let registry = Registry::new(&BANNERS).await;
    let path = registry.file("list.xlsx", &list.xlsx());
    let imported = registry.import(MAPPING, &path, How::default()).await;
    insta::assert_snapshot!("planted_zh", lines(&imported.reading.problems));
    assert!(!imported.taken);
    assert_eq!((registry.count("household").await, registry.count("person").await), (0, 0));
    assert_eq!(registry.home.store.verify_journal().await.unwrap(), 1, "only the divisions were entered");
    let english = registry.import(MAPPING, &path, How { language: "en", ..How::default() }).await;
    insta::assert_snapshot!("planted_en", lines(&english.reading.problems));
    for problem in english.reading.problems.iter().chain(&imported.reading.problems) {
        assert!(problem.row > 1 && !problem.rule.is_empty() && !problem.message.is_empty(), "{problem:?}");
        assert!(
            !problem.advice.is_empty() && (problem.rule == "together" || !problem.column.is_empty()),
            "{problem:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_households_are_taken_and_refused_ones_come_back_whole() {
    let list = planted();
    let registry = Registry::new(&BANNERS).await;
    let path = registry.file("list.csv", &list.csv());
    let imported = registry.import(MAPPING, &path, How { take: Take::Good, ..How::default() }).await;
    assert!(imported.taken);
    // Only the fourth household is whole.
    assert_eq!((registry.count("household").await, registry.count("person").await), (1, 4));
    assert_eq!((registry.count("label").await, registry.count("living").await), (1, 1));
    assert_eq!(imported.refused_rows(), list.rows.len() - 4);
    // The result file holds whole households; mended, they go in and the rest is as it was.
    let bytes = intake::write_result(&registry.home.pack, None, &imported.reading, "zh").unwrap();
    let result = registry.file("result.xlsx", &bytes);
    let mut rows = Vec::new();
    bangfu_registry::office::read_rows(&result, &bangfu_registry::office::Limits::default(), &mut |row| {
        rows.push(row.cells);
        true
    })
    .unwrap();
    assert_eq!(rows.len(), list.rows.len() - 4 + 1);
    assert_eq!(rows[0].last().map(String::as_str), Some("错误原因"));
    let mended = List::sample().only("户编号", &["1500000000000001", "1500000000000002", "1500000000000003"]);
    let path = registry.file("mended.csv", &mended.csv());
    let imported = registry.import(MAPPING, &path, How::default()).await;
    assert_eq!(lines(&imported.reading.problems), "");
    assert_eq!((registry.count("household").await, registry.count("person").await), (4, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_edition_of_the_list_and_another_order_of_columns() {
    let mut list = List::sample();
    for (ours, theirs) in [
        ("县", "县(市、区、旗)"),
        ("乡", "乡(镇)"),
        ("务工时间(月)", "务工时间（月）"),
        ("监测对象类型", "易返贫致贫户(监测对象)类型"),
    ] {
        let at = list.columns.iter().position(|column| column == ours).unwrap();
        theirs.clone_into(&mut list.columns[at]);
    }
    list.columns.reverse();
    list.columns.push("备注".to_owned());
    for row in &mut list.rows {
        row.reverse();
        row.push("按季核对".to_owned());
    }
    let registry = Registry::new(&BANNERS).await;
    let path = registry.file("list.csv", &list.csv());
    let imported = registry.import(MAPPING, &path, How::default()).await;
    assert_eq!(lines(&imported.reading.problems), "");
    assert_eq!(imported.reading.ignored, ["备注"]);
    let other = Registry::new(&BANNERS).await;
    let path = other.file("list.csv", &List::sample().csv());
    other.import(MAPPING, &path, How::default()).await;
    assert_eq!(registry.text("household").await, other.text("household").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_exist_are_changed_only_when_asked_and_only_in_the_columns_of_the_list() {
    let registry = Registry::new(&BANNERS).await;
    let path = registry.file("list.csv", &List::sample().csv());
    registry.import(MAPPING, &path, How::default()).await;
    // A fact that the list does not have.
    let pack = &registry.home.pack;
    let household = pack.register("household").unwrap();
    let bank = pack.registers[household.index()].fields.iter().position(|field| field.id == "bank").unwrap() as u16;
    let scope = bangfu_registry::store::Scope::everything();
    let record = registry.home.store.reader(&scope).get(household, "1500000000000001").await.unwrap().unwrap();
    let actor = bangfu_registry::store::Actor::console("test");
    let mut change = registry.home.store.change(&scope, &actor, "bank", 1).await.unwrap();
    let value = bangfu_policy::model::Value::Text("农村信用社".to_owned());
    change.update(household, record.id, record.version, &[(bank, Some(value))]).await.unwrap();
    change.commit().await.unwrap();
    let unchanged = registry.import(MAPPING, &path, How::default()).await;
    assert_eq!((unchanged.taken, unchanged.sum().unchanged), (true, 47), "what the list does not say is not compared");
    // Next year's list: a new income, a new telephone, and a member of another household under a known number.
    let mut list = List::sample();
    for row in 0..3 {
        list.set(row, "户联系电话", "13947611111");
    }
    list.set(5, "人编号", "150000000000000401");
    let path = registry.file("next.csv", &list.csv());
    let refused = registry.import(MAPPING, &path, How { take: Take::Good, ..How::default() }).await;
    insta::assert_snapshot!("exists", lines(&refused.reading.problems));
    let changed = registry.import(MAPPING, &path, How { take: Take::Good, update: true, ..How::default() }).await;
    assert_eq!((changed.sum().updated, changed.sum().inserted), (1, 0));
    let text = registry.text("household").await;
    assert!(text.contains("phone=13947611111 bank=农村信用社"), "{text}");
}

#[test]
fn a_mapping_that_does_not_fit_the_pack_says_where_and_what_to_write() {
    let pack = packs::read(&pack_folder()).unwrap();
    let say = |text: &str| {
        let file = MappingFile::parse("list.yaml", text).unwrap();
        format!("{}\n", intake::check(&pack, &file).unwrap_err())
    };
    let person = |columns: &str| format!("register: person\ncolumns:\n  户编号: household.household_no\n{columns}");
    let mut said = say("register: persons\ncolumns: {姓名: name}\n");
    for columns in [
        "  姓名: nam\n",
        "  姓名: household.nam\n",
        "  村: village_file.secretary\n  单位: measure.project\n",
        "  民族: {field: ethnicity, codes: national_2012}\n",
        "  民族: {field: ethnicity, values: {汉: '77'}}\n",
        "  人数: {count: label}\n",
        "  姓名: {field: name, column: 姓名}\n",
        "records:\n  - {register: label, fields: {kind: exited}}\n",
        "records:\n  - {register: label, fields: {label_no: '{household.household_no', kind: exited}}\n",
        "records:\n  - {register: label, fields: {label_no: '{household.no}', kind: exited}}\n",
        "records:\n  - {register: label, fields: {label_no: '{kind}', kind: gone}}\n",
        "constants: {status: '7'}\n",
    ] {
        said.push_str(&say(&person(columns)));
    }
    insta::assert_snapshot!(said);
}
