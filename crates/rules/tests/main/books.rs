//! Books: every cell is what a plain count over the records gives, for every division, with missing values.

use bangfu_policy::model::{Entity, LevelId, Pack};
use bangfu_rules::books::Tally;
use bangfu_rules::frame::Frame;
use bangfu_rules::needs::Needs;
use bangfu_rules::snapshot;
use proptest::prelude::*;

use crate::packs;
use crate::snapshots::{DAY, Home, PACK, batches, homes};

const BOOKS: &str = r#"
books:
  people:
    title: {zh: 人, en: People}
    of: person
    where: insured
    columns:
      - {title: {zh: 计, en: All}, value: count(person.id)}
      - {by: household.kind}
      - {by: months, bands: [100, 200]}
      - {by: household.income.wage, bands: [-100.5, 0, 20000], unit: money}
      - {by: household.kind, sum: months}
      - {title: {zh: 户均, en: Per household}, value: count(person.id), per: count(household.id), unit: number}
      - {title: {zh: 村, en: Villages}, value: count(village.id) filter (where village.people is not null)}
  kinds:
    title: {zh: 户, en: Households}
    of: household
    rows: kind
    columns:
      - {title: {zh: 计, en: All}, value: count(household.id)}
      - {by: noted}
      - {title: {zh: 资, en: Wages}, value: sum(household.income.wage)}
"#;

type Member = (Option<i32>, Option<bool>, Option<i64>);

/// Members in a village (`None`: anywhere) with their homes.
fn people<'h>(homes: &'h [Home], village: Option<u8>) -> impl Iterator<Item = (&'h Home, &'h Member)> {
    let here = homes.iter().filter(move |home| village.is_none_or(|village| home.0 == village));
    here.flat_map(|home| home.5.iter().map(move |member| (home, member)))
}

/// The cells of `people`, counted one by one: value and records that cannot be told.
fn by_hand(homes: &[Home], village: Option<u8>) -> Vec<(i64, i64)> {
    // A record counts where it is insured and the condition holds; where insurance is unknown, it cannot be told.
    let count = |holds: &dyn Fn(&Home, &Member) -> bool| {
        let of = |insured| people(homes, village).filter(|(home, m)| m.1 == insured && holds(home, m)).count() as i64;
        (of(Some(true)), of(None))
    };
    let between = |value: Option<i64>, from: i64, to: i64| value.is_some_and(|value| from <= value && value < to);
    let kinds = [Some(false), Some(true), None];
    let mut cells = vec![count(&|_, _| true)];
    cells.extend(kinds.map(|kind| count(&|home, _| home.1 == kind)));
    let (low, high) = (i64::MIN, i64::MAX);
    cells.extend([(low, 100), (100, 200), (200, high)].map(|(from, to)| count(&|_, m| between(m.2, from, to))));
    cells.push(count(&|_, m| m.2.is_none()));
    let money = [(low, -10_050), (-10_050, 0), (0, 2_000_000), (2_000_000, high)];
    cells.extend(money.map(|(from, to)| count(&|home, _| between(home.4[1], from, to))));
    cells.push(count(&|home, _| home.4[1].is_none()));
    for kind in kinds {
        let mut sum = (0, 0);
        for (_, member) in people(homes, village).filter(|(home, _)| home.1 == kind) {
            match (member.1, member.2) {
                (Some(true), Some(months)) => sum.0 += months,
                (Some(true) | None, None) | (None, Some(_)) => sum.1 += 1,
                (Some(false), _) => {}
            }
        }
        cells.push(sum);
    }
    cells
}

fn villages(pack: &Pack, frame: &Frame) -> Vec<(usize, Option<u8>)> {
    let table = &frame.tables[&pack.entity("village").unwrap()];
    table.keys.iter().enumerate().map(|(row, code)| (row, Some(code[3..].parse().unwrap()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn cells_equal_a_count_by_hand(homes in homes()) {
        let pack = packs::of_text(&format!("{PACK}{BOOKS}"));
        let frame = snapshot::from_batches(&pack, &batches(&pack, &homes), &Needs::with_books(&pack), DAY).unwrap().frame;
        let book = pack.book("people").unwrap();
        let tally = Tally::new(&pack, &frame, &[], book).unwrap();
        let places = villages(&pack, &frame).into_iter().map(|place| (LevelId(1), place));
        for (level, (row, village)) in places.chain([(LevelId(0), (0, None))]) {
            let cell = |at: usize| tally.figure(at, level, row).unwrap();
            let expected = by_hand(&homes, village);
            for (at, (value, unknown)) in expected.iter().enumerate() {
                prop_assert_eq!((cell(at).numerator, cell(at).unknown), (Some(*value), *unknown), "cell {} of {:?}", at, village);
            }
            // Per household: the persons that are counted, over all households.
            let at = expected.len();
            let households = homes.iter().filter(|home| village.is_none_or(|village| home.0 == village)).count() as i64;
            prop_assert_eq!((cell(at).numerator, cell(at).denominator), (Some(expected[0].0), Some(households)));
            prop_assert_eq!(cell(at).value, Some(expected[0].0 as f64 / households as f64));
            prop_assert_eq!(cell(at + 1).numerator.is_some(), true);
            // Unknown are those of unknown insurance, and the insured whose months are missing.
            let untold = people(&homes, village).filter(|(_, m)| m.1.is_none() || m.1 == Some(true) && m.2.is_none()).count();
            prop_assert_eq!(cell(book.whole.len()).numerator, Some(untold as i64));
        }
    }

    #[test]
    fn lines_add_up_to_the_whole(homes in homes()) {
        let pack = packs::of_text(&format!("{PACK}{BOOKS}"));
        let frame = snapshot::from_batches(&pack, &batches(&pack, &homes), &Needs::with_books(&pack), DAY).unwrap().frame;
        let book = pack.book("kinds").unwrap();
        let tally = Tally::new(&pack, &frame, &[], book).unwrap();
        let width = book.whole.len() + 1;
        prop_assert_eq!(book.lines.len(), 3);
        for (level, rows) in [(LevelId(0), 1), (LevelId(1), villages(&pack, &frame).len())] {
            for row in 0..rows {
                for at in 0..width {
                    let cell = |line: usize| tally.figure(line * width + at, level, row).unwrap();
                    let sum: i64 = (1..=book.lines.len()).map(|line| cell(line).numerator.unwrap()).sum();
                    let unknown: i64 = (1..=book.lines.len()).map(|line| cell(line).unknown).sum();
                    prop_assert_eq!((cell(0).numerator, cell(0).unknown), (Some(sum), unknown), "cell {}", at);
                }
            }
        }
        let all = homes.iter().filter(|home| home.1 == Some(true)).count() as i64;
        prop_assert_eq!(tally.figure(2 * width, LevelId(0), 0).unwrap().numerator, Some(all), "kind b");
    }
}

/// Overflow inside a book is told with the record, as everywhere.
#[test]
fn what_has_no_result_is_told() {
    let text = format!(
        "{PACK}{}",
        r#"
books:
  wrong: {title: {zh: 错, en: Wrong}, of: household, columns: [{by: "round(area / (area - area), 0)", bands: [1]}]}
"#
    );
    let pack = packs::of_text(&text);
    let home: Home = (0, None, None, Some(1), [None, None], Vec::new());
    let needs = Needs::with_books(&pack);
    let frame = snapshot::from_batches(&pack, &batches(&pack, &[home]), &needs, DAY).unwrap().frame;
    let error = Tally::new(&pack, &frame, &[], pack.book("wrong").unwrap()).unwrap_err();
    assert!(error.to_string().contains("household h0000"), "{error}");
    assert!(frame.tables.contains_key(&Entity::Register(pack.register("household").unwrap())));
}
