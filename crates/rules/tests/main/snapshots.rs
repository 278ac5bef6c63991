//! Snapshots: what is written is read, in any order of rows; what is wrong is said.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
    UInt32Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema};
use bangfu_policy::model::{Entity, Pack, RegisterId};
use bangfu_rules::frame::Frame;
use bangfu_rules::interpret::{Interpreter, stored, stored_text};
use bangfu_rules::needs::Needs;
use bangfu_rules::snapshot::{self, WarningKind, Writer};
use proptest::prelude::*;

use crate::packs;

pub(crate) const PACK: &str = r#"
policy: {id: small, title: {zh: 小, en: small}, version: "1", languages: [zh, en], root: "15", currency: {code: CNY, symbol: {zh: 元, en: yuan}}}
divisions:
  levels:
    - {id: region, digits: 2, title: {zh: 区, en: Region}}
    - {id: village, digits: 4, title: {zh: 村, en: Village}}
codes:
  kind: {title: {zh: 类, en: Kind}, values: {a: {zh: 甲, en: A}, b: {zh: 乙, en: B}}}
registers:
  household:
    within: village
    key: no
    title: {zh: 户, en: Household}
    fields:
      no: {type: text, title: {zh: 号, en: No.}, required: true, unique: true}
      kind: {type: code(kind), title: {zh: 类, en: Kind}}
      note: {type: text, title: {zh: 注, en: Note}}
      area: {type: decimal(3), title: {zh: 积, en: Area}}
  person:
    of: household
    key: person_no
    title: {zh: 人, en: Person}
    fields:
      person_no: {type: text, title: {zh: 号, en: No.}, required: true, unique: true}
      birth: {type: date, title: {zh: 生, en: Birth}}
      insured: {type: boolean, title: {zh: 保, en: Insured}}
      months: {type: integer, title: {zh: 月, en: Months}}
  income:
    of: household
    every: year
    title: {zh: 收入, en: Income}
    fields:
      wage: {type: money, title: {zh: 工资, en: Wage}}
variables:
  members: {of: household, type: integer, title: {zh: 人数, en: Members}, formula: count(person.id)}
  change: {of: household, title: {zh: 变化, en: Change}, formula: income.wage - previous.income.wage}
  noted: {of: household, title: {zh: 有注, en: Noted}, formula: "note in ('x', 'y') and kind = 'b' and area > 1.5"}
  busy: {of: household, title: {zh: 忙, en: Busy}, formula: sum(person.months) filter (where person.insured)}
  age: {of: person, title: {zh: 龄, en: Age}, formula: age(birth)}
  share: {of: person, title: {zh: 份, en: Share}, formula: "round(household.income.wage / household.members, 2)"}
  people: {of: village, title: {zh: 人口, en: People}, formula: sum(household.members)}
"#;

/// 31 December 2015.
pub(crate) const DAY: i32 = 16_800;

/// A household of the test: village, kind, note, area, wages of 2014 and 2015, and members (birth, insured, months).
pub(crate) type Home =
    (u8, Option<bool>, Option<u8>, Option<i64>, [Option<i64>; 2], Vec<(Option<i32>, Option<bool>, Option<i64>)>);

pub(crate) fn homes() -> impl Strategy<Value = Vec<Home>> {
    let money = || prop::option::weighted(0.8, -5_000_000_i64..5_000_000);
    let member = (
        prop::option::weighted(0.9, 0..16_000_i32),
        prop::option::weighted(0.9, any::<bool>()),
        prop::option::weighted(0.9, 0..400_i64),
    );
    let home = (
        0..4_u8,
        prop::option::of(any::<bool>()),
        prop::option::of(0..3_u8),
        prop::option::of(0..90_000_i64),
        [money(), money()],
        prop::collection::vec(member, 0..5),
    );
    prop::collection::vec(home, 1..30)
}

pub(crate) fn batches(pack: &Pack, homes: &[Home]) -> HashMap<RegisterId, Vec<RecordBatch>> {
    let register = |id: &str| pack.register(id).unwrap();
    let no = |at: usize| format!("h{at:04}");
    // Order of the villages, then of the numbers: as Bangfu writes.
    let mut order: Vec<usize> = (0..homes.len()).collect();
    order.sort_by_key(|at| (homes[*at].0, *at));
    let text = |values: Vec<Option<String>>| Arc::new(StringArray::from(values)) as ArrayRef;
    let batch = |id: &str, columns: Vec<ArrayRef>| {
        let register = register(id);
        (register, vec![RecordBatch::try_new(snapshot::schema(pack, register), columns).unwrap()])
    };
    let decimal = |values: Vec<Option<i64>>, scale| {
        let values = values.into_iter().map(|value| value.map(i128::from));
        Arc::new(values.collect::<Decimal128Array>().with_precision_and_scale(18, scale).unwrap()) as ArrayRef
    };
    let home = |f: &dyn Fn(&Home) -> Option<String>| text(order.iter().map(|at| f(&homes[*at])).collect());
    let household = batch(
        "household",
        vec![
            home(&|home| Some(format!("150{}", home.0))),
            text(order.iter().map(|at| Some(no(*at))).collect()),
            home(&|home| home.1.map(|b| if b { "b" } else { "a" }.to_owned())),
            home(&|home| home.2.map(|note| ["x", "y", "z"][note as usize].to_owned())),
            decimal(order.iter().map(|at| homes[*at].3).collect(), 3),
        ],
    );
    let people: Vec<(String, String, _)> = order
        .iter()
        .flat_map(|at| {
            homes[*at].5.iter().enumerate().map(move |(n, member)| (no(*at), format!("{}-{n}", no(*at)), *member))
        })
        .collect();
    let person = batch(
        "person",
        vec![
            text(people.iter().map(|p| Some(p.0.clone())).collect()),
            text(people.iter().map(|p| Some(p.1.clone())).collect()),
            Arc::new(people.iter().map(|p| p.2.0).collect::<Date32Array>()),
            Arc::new(people.iter().map(|p| p.2.1).collect::<BooleanArray>()),
            Arc::new(people.iter().map(|p| p.2.2).collect::<Int64Array>()),
        ],
    );
    let years: Vec<(String, i32, Option<i64>)> =
        order.iter().flat_map(|at| [(no(*at), 2014, homes[*at].4[0]), (no(*at), 2015, homes[*at].4[1])]).collect();
    let income = batch(
        "income",
        vec![
            text(years.iter().map(|y| Some(y.0.clone())).collect()),
            Arc::new(years.iter().map(|y| y.1).collect::<Int32Array>()),
            decimal(years.iter().map(|y| y.2).collect(), 2),
        ],
    );
    HashMap::from([household, person, income])
}

/// Every value of every table, by the keys of the rows.
fn contents(pack: &Pack, frame: &Frame) -> Vec<String> {
    let mut lines = Vec::new();
    for (entity, table) in &frame.tables {
        for row in 0..table.rows {
            for ((field, shift), column) in &table.columns {
                let value =
                    stored_text(column, row).map_or_else(|| format!("{:?}", stored(column, row)), str::to_owned);
                let name = &pack.field(*field).unwrap().id;
                lines.push(format!("{} {} {name} {shift} {value}", pack.entity_id(*entity), table.keys[row]));
            }
        }
        lines.push(format!("{} {:?} {:?}", pack.entity_id(*entity), table.offsets, table.keys));
    }
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn written_is_read_in_any_order(homes in homes(), seed in any::<u64>(), split in 0..3_usize) {
        let pack = packs::of_text(PACK);
        let needs = Needs::everything(&pack);
        let batches = batches(&pack, &homes);
        let memory = snapshot::from_batches(&pack, &batches, &needs, DAY).unwrap();
        prop_assert!(memory.warnings.is_empty(), "{:?}", memory.warnings);
        let expected = contents(&pack, &memory.frame);

        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(folder.path(), &pack).unwrap();
        for (register, batches) in &batches {
            writer.write(*register, "15", batches).unwrap();
        }
        let manifest = writer.finish("2016-01-01").unwrap();
        prop_assert_eq!(manifest.registers["household"].rows, homes.len() as u64);
        let read = snapshot::read(folder.path(), &pack, &needs, DAY).unwrap();
        prop_assert_eq!(&contents(&pack, &read.frame), &expected);
        prop_assert!(read.hash.starts_with("sha256:"));

        // The same rows in another order, over several files.
        let mut random = seed;
        let mut next = || { random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); (random >> 33) as usize };
        let other = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(other.path(), &pack).unwrap();
        for (register, batches) in &batches {
            let batch = &batches[0];
            let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
            for at in (1..order.len()).rev() {
                order.swap(at, next() % (at + 1));
            }
            let shuffled = take_record_batch(batch, &UInt32Array::from(order)).unwrap();
            let cut = shuffled.num_rows() * split / 3;
            writer.write(*register, "1", &[shuffled.slice(0, cut)]).unwrap();
            writer.write(*register, "2", &[shuffled.slice(cut, shuffled.num_rows() - cut)]).unwrap();
        }
        writer.finish("2016-01-01").unwrap();
        let read = snapshot::read(other.path(), &pack, &needs, DAY).unwrap();
        prop_assert_eq!(&contents(&pack, &read.frame), &expected);
    }

    #[test]
    fn formulas_over_a_frame_equal_a_count_by_hand(homes in homes()) {
        let pack = packs::of_text(PACK);
        let frame = snapshot::from_batches(&pack, &batches(&pack, &homes), &Needs::everything(&pack), DAY).unwrap().frame;
        let table = &frame.tables[&Entity::Register(pack.register("household").unwrap())];
        let mut interpreter = Interpreter::new(&pack, &frame, &[]);
        let mut value = |id: &str, row: usize| interpreter.variable(pack.variable(id).unwrap(), row).unwrap();
        use bangfu_policy::ir::Scalar::{Boolean, Integer, Missing};
        for row in 0..table.rows {
            let home = &homes[table.keys[row][1..].parse::<usize>().unwrap()];
            prop_assert_eq!(value("members", row), Integer(home.5.len() as i64));
            let change = home.4[1].zip(home.4[0]).map_or(Missing, |(now, before)| Integer(now - before));
            prop_assert_eq!(value("change", row), change);
            let mut busy = Some(0);
            for (_, insured, months) in &home.5 {
                busy = match insured {
                    Some(false) => busy,
                    None => None,
                    Some(true) => busy.zip(*months).map(|(sum, months)| sum + months),
                };
            }
            prop_assert_eq!(value("busy", row), busy.map_or(Missing, Integer));
            let parts = [home.2.map(|note| note < 2), home.1, home.3.map(|area| area > 1_500)];
            let noted = if parts.contains(&Some(false)) { Boolean(false) }
                else if parts.contains(&None) { Missing } else { Boolean(true) };
            prop_assert_eq!(value("noted", row), noted);
        }
        let villages = frame.tables[&pack.entity("village").unwrap()].rows;
        let people: i64 = (0..villages).map(|row| match value("people", row) { Integer(n) => n, _ => 0 }).sum();
        prop_assert_eq!(people, homes.iter().map(|home| home.5.len() as i64).sum::<i64>());
    }
}

fn strings(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

#[test]
fn wrong_rows_are_reported_with_their_first_place() {
    let pack = packs::of_text(PACK);
    let household = batch(vec![
        ("division", strings(&["1502", "1501", "1501", "15"])),
        ("no", strings(&["2", "1", "1", "3"])),
        ("kind", strings(&["a", "b", "q", "a"])),
    ]);
    let person = batch(vec![
        ("no", strings(&["1", "9", "2"])),
        ("person_no", strings(&["11", "91", "21"])),
        ("birth", Arc::new(Int32Array::from(vec![19_800_101, 19_801_301, 20_000_230]))),
    ]);
    let given = HashMap::from([
        (pack.register("household").unwrap(), vec![household]),
        (pack.register("person").unwrap(), vec![person]),
    ]);
    let reading = snapshot::from_batches(&pack, &given, &Needs::everything(&pack), DAY).unwrap();
    let count = |kind, register: &str, column: &str| {
        let mut found =
            reading.warnings.iter().filter(|w| w.kind == kind && w.register == register && w.column == column);
        found.next().map(|warning| warning.count)
    };
    assert_eq!(count(WarningKind::Orphan, "household", ""), Some(1));
    assert_eq!(count(WarningKind::Double, "household", ""), Some(1));
    assert_eq!(count(WarningKind::Sorted, "household", ""), Some(2));
    assert_eq!(count(WarningKind::BadValue, "household", "kind"), Some(1));
    assert_eq!(count(WarningKind::NoColumn, "household", "area"), Some(4));
    assert_eq!(count(WarningKind::Orphan, "person", ""), Some(1));
    assert_eq!(count(WarningKind::BadValue, "person", "birth"), Some(2));
    let household = &reading.frame.tables[&pack.entity("household").unwrap()];
    assert_eq!(household.keys, ["1", "2"]);
    assert!(
        reading.warnings.iter().all(|warning| warning.text("zh").contains('。') && warning.text("en").contains('.'))
    );
}

#[test]
fn a_folder_that_cannot_be_read_says_what_to_do() {
    let pack = packs::of_text(PACK);
    let needs = Needs::everything(&pack);
    let folder = tempfile::tempdir().unwrap();
    let error = |path: &std::path::Path| snapshot::read(path, &pack, &needs, DAY).unwrap_err().to_string();
    assert!(error(&folder.path().join("none")).contains("no such folder"));
    assert!(error(folder.path()).contains("expected for instance household.parquet"));
    std::fs::write(folder.path().join("household.parquet"), "not parquet").unwrap();
    assert!(error(folder.path()).contains("not a readable Parquet file"));
    let wrong = batch(vec![
        ("division", strings(&["1501"])),
        ("no", strings(&["1"])),
        ("area", Arc::new(arrow::array::Float64Array::from(vec![1.5]))),
    ]);
    let given = HashMap::from([(pack.register("household").unwrap(), vec![wrong])]);
    let error = snapshot::from_batches(&pack, &given, &needs, DAY).unwrap_err().to_string();
    assert_eq!(
        error,
        "household: the column `area` is Float64; write it as decimal with at most 3 digits after the point, or integers"
    );
}

#[test]
fn columns_are_those_of_the_format() {
    let pack = packs::of_text(PACK);
    let schema = snapshot::schema(&pack, pack.register("income").unwrap());
    let columns: Vec<_> =
        schema.fields().iter().map(|field| (field.name().as_str(), field.data_type().clone())).collect();
    assert_eq!(columns, [("no", DataType::Utf8), ("period", DataType::Int32), ("wage", DataType::Decimal128(18, 2))]);
}
