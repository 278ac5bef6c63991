//! A snapshot that is evaluated some divisions at a time gives what the whole gives.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use bangfu_policy::model::{Entity, Pack, RegisterId};
use bangfu_rules::engine::Program;
use bangfu_rules::results::{self, Summary};
use bangfu_rules::snapshot::{self, Writer};
use proptest::prelude::*;

use crate::packs;
use crate::snapshots::{DAY, PACK, batches, homes};

const INDICATORS: &str = r"
indicators:
  people: {title: {zh: 人口, en: People}, numerator: count(person.id), unit: count}
  insured: {title: {zh: 参保率, en: Insured}, numerator: count(person.id) filter (where person.insured), denominator: count(person.id), unit: percent}
  wages: {title: {zh: 工资, en: Wages}, numerator: sum(household.income.wage), unit: money}
  large: {title: {zh: 大村, en: Large villages}, numerator: count(village.id) filter (where village.people > 3), unit: count}
  gini: {title: {zh: 基尼系数, en: Gini}, index: {kind: gini, of: household, income: income.wage, weight: members}, unit: index}
  ages: {title: {zh: 年龄, en: Ages}, numerator: sum(person.age), unit: number}
";

const VILLAGE_FILE: &str = r"
  village_file:
    of: village
    one: true
    title: {zh: 村, en: Village}
    fields:
      roads: {type: integer, title: {zh: 路, en: Roads}}
variables:
  remote: {of: household, title: {zh: 偏远, en: Remote}, formula: village.village_file.roads < 2}
";

/// The rows of each village, by its code.
fn by_village(
    pack: &Pack,
    all: &HashMap<RegisterId, Vec<RecordBatch>>,
) -> BTreeMap<String, Vec<(RegisterId, RecordBatch)>> {
    let household = pack.register("household").unwrap();
    let homes = &all[&household][0];
    let (villages, numbers) = (homes.column(0).as_string::<i32>(), homes.column(1).as_string::<i32>());
    let of: HashMap<&str, &str> = (0..homes.num_rows()).map(|row| (numbers.value(row), villages.value(row))).collect();
    let mut found: BTreeMap<String, Vec<(RegisterId, RecordBatch)>> = BTreeMap::new();
    for village in villages.iter().flatten() {
        found.entry(village.to_owned()).or_default();
    }
    for (register, batches) in all {
        let batch = &batches[0];
        let owners = batch.column(0).as_string::<i32>();
        let at = |row: usize| if *register == household { owners.value(row) } else { of[owners.value(row)] };
        for (village, parts) in &mut found {
            let mask: BooleanArray = (0..batch.num_rows()).map(|row| Some(at(row) == village)).collect();
            parts.push((*register, filter_record_batch(batch, &mask).unwrap()));
        }
    }
    found
}

/// Runs whole and in parts, and compares everything.
fn same(pack: &Pack, folder: &Path, streams: bool) -> Result<(), TestCaseError> {
    let out = tempfile::tempdir().unwrap();
    let (whole, parts) = (out.path().join("whole"), out.path().join("parts"));
    let summary = |path: &Path, most| Summary {
        timings_ms: BTreeMap::new(),
        ..bangfu_rules::run::run(pack, folder, DAY, &[], path, most).unwrap()
    };
    let (mut expected, mut found) = (summary(&whole, u64::MAX), summary(&parts, 4));
    if !streams {
        // Read whole after all: also what is said about the rows is the same.
        prop_assert_eq!(&found.warnings, &expected.warnings);
    }
    (expected.warnings, found.warnings) = (Vec::new(), Vec::new());
    prop_assert_eq!(found, expected);
    let text = |path: &Path| {
        let mut rows = Vec::new();
        let tell = |id, level: &str, code: &str, figure| rows.push(format!("{id:?} {level} {code} {figure:?}"));
        results::read_indicators(path, pack, tell).unwrap();
        rows.sort();
        rows
    };
    prop_assert_eq!(text(&parts), text(&whole));
    for entity in ["household", "person", "village"].map(|id| pack.entity(id).unwrap()) {
        let (a, b) =
            (results::read_entity(&parts, pack, entity).unwrap(), results::read_entity(&whole, pack, entity).unwrap());
        prop_assert_eq!(&a.keys, &b.keys);
        prop_assert_eq!(&a.divisions, &b.divisions);
        for (id, _) in &b.columns {
            for row in 0..b.keys.len() {
                prop_assert_eq!(
                    a.value(*id, row),
                    b.value(*id, row),
                    "{} {}",
                    pack.variables[id.index()].id,
                    b.keys[row]
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn parts_one_after_the_other_give_what_the_whole_gives(homes in homes(), (listed, shared) in any::<(bool, bool)>(), stray in 0..3_u8) {
        let pack = packs::of_text(&format!("{}{INDICATORS}", PACK.replace("\nvariables:\n", VILLAGE_FILE)));
        let mut villages = by_village(&pack, &batches(&pack, &homes));
        let codes: Vec<String> = villages.keys().cloned().collect();
        let streams = stray > 0 || codes.len() < 2;
        if !streams {
            // The rows of the first village stand in the file of the last one.
            let moved = villages.remove(&codes[0]).unwrap();
            villages.get_mut(&codes[codes.len() - 1]).unwrap().extend(moved);
            villages.insert(codes[0].clone(), Vec::new());
        }
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(folder.path(), &pack).unwrap();
        let rows = |parts: &[(RegisterId, RecordBatch)], register| -> Vec<RecordBatch> {
            parts.iter().filter(|(of, _)| *of == register).map(|(_, rows)| rows.clone()).collect()
        };
        let [household, person, income] = ["household", "person", "income"].map(|id| pack.register(id).unwrap());
        for (village, parts) in &villages {
            writer.write(household, village, &rows(parts, household)).unwrap();
            writer.write(person, village, &rows(parts, person)).unwrap();
            if !shared {
                writer.write(income, village, &rows(parts, income)).unwrap();
            }
        }
        if shared {
            // Records of records stand in one file too.
            let all: Vec<RecordBatch> = villages.values().flat_map(|parts| rows(parts, income)).collect();
            writer.write(income, "all", &all).unwrap();
        }
        // The villages' own records stand in one file, which is read with every part; of the last one there is none.
        let register = pack.register("village_file").unwrap();
        let owners: Vec<&str> = codes.iter().take(codes.len().max(2) - 1).map(String::as_str).collect();
        let roads: Int64Array = (0..owners.len() as i64).map(Some).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(owners)), Arc::new(roads)];
        let rows = RecordBatch::try_new(snapshot::schema(&pack, register), columns).unwrap();
        writer.write(register, "all", &[rows]).unwrap();
        if listed {
            // A village without any household is there too.
            let mut all: Vec<(String, String)> = codes.iter().map(|code| (code.clone(), String::new())).collect();
            all.extend([("15".to_owned(), String::new()), ("1509".to_owned(), String::new())]);
            writer.write_divisions(&all).unwrap();
        }
        writer.finish("2015-12-31T00:00:00Z").unwrap();
        let Entity::Level(village) = pack.entity("village").unwrap() else { panic!("a level") };
        prop_assert!(!Program::looks_above(&pack, village));
        if codes.len() > 2 && homes.len() > 8 {
            let batches = snapshot::batches(folder.path(), &pack, 4).unwrap().expect("several parts");
            prop_assert!(batches.parts.len() > 1);
        }
        same(&pack, folder.path(), streams)?;
    }
}
