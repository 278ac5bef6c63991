//! Lists of one register by the titles of a pack: patterns of fields, doubled rows, rows that belong to nothing.

use bangfu_policy::model::Pack;
use bangfu_policy::{SourceFile, load};
use bangfu_registry::intake::{self, DivisionNames, Reading};

const PACK: &str = r"
policy: {id: small, title: {zh: 小, en: Small}, version: '1', languages: [zh, en], root: '1', currency: {code: XXX, symbol: {zh: 元, en: x}}}
divisions:
  levels:
    - {id: whole, digits: 1, title: {zh: 全, en: Whole}}
    - {id: place, digits: 4, title: {zh: 处, en: Place}}
registers:
  household:
    title: {zh: 户, en: Household}
    within: place
    key: household_no
    fields:
      household_no: {type: text, title: {zh: 户编号, en: No.}, required: true, unique: true, pattern: '[0-9]{4}'}
      account: {type: text, title: {zh: 账号, en: Account}, secret: true, pattern: 'A[0-9]+', help: {zh: A 后接数字, en: A and digits}}
      id_number: {type: id_number, title: {zh: 证件号码, en: ID number}, pattern: '.*X'}
  person:
    title: {zh: 人, en: Person}
    of: household
    key: person_no
    fields:
      person_no: {type: text, title: {zh: 人编号, en: Person no.}, required: true, unique: true}
      sex: {type: code(sex), title: {zh: 性别, en: Sex}}
codes:
  sex: {title: {zh: 性别, en: Sex}, values: {'1': {zh: 男, en: male}, '2': {zh: 女, en: female}}}
";

fn read(register: &str, list: &str, language: &str) -> Reading {
    let files = [SourceFile { path: "pack.yaml".to_owned(), text: PACK.to_owned() }];
    let pack: Pack = load(&files).unwrap_or_else(|found| panic!("{found:?}"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    std::fs::write(&path, list).unwrap();
    let divisions = DivisionNames::new(&pack, &[("1001".to_owned(), "甲".to_owned())], &[]);
    intake::read(&pack, pack.register(register), None, &divisions, &path, language).unwrap()
}

fn lines(reading: &Reading) -> String {
    let line = |p: &intake::Problem| {
        format!("row {} | {} | {} | {} | {} | {}\n", p.row, p.column, p.value, p.rule, p.message, p.advice)
    };
    reading.problems.iter().map(line).collect()
}

const HOUSEHOLDS: &str = "\
行政区划代码,户编号,账号,证件号码
1001,1501,A12,15990019751020003x
1001,15011,A12,
1001,一五〇一,12,159900198001010013
1001,1502,A１2,
1001,1501,A12,
1002,1503,A12,
,1504,A12,
";

#[test]
fn values_that_do_not_match_the_pattern_of_their_field_are_refused() {
    let reading = read("household", HOUSEHOLDS, "zh");
    insta::assert_snapshot!("patterns_zh", lines(&reading));
    insta::assert_snapshot!("patterns_en", lines(&read("household", HOUSEHOLDS, "en")));
    // The number ends with x in the file, with X in the registry: the pattern is for the value that is kept.
    assert_eq!(reading.accepted[0].rows, [[2]]);
}

#[test]
fn persons_need_their_household_and_words_of_any_language_will_do() {
    let list = "户编号,Person no.,性别,备注\n1501,p1,female,x\n1501,p2,男,\n,p3,1,\n1501,p4,3,\n";
    let reading = read("person", list, "en");
    insta::assert_snapshot!("persons", lines(&reading));
    assert_eq!((reading.accepted[0].rows.len(), reading.ignored.clone()), (2, vec!["备注".to_owned()]));
}
