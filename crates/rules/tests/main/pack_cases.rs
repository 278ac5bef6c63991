//! The cases that the packs of the repository bring with them hold, and explanations say what an official asks.

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::Entity;
use bangfu_rules::explain::{State, explain};
use bangfu_rules::{cases, needs::Needs};

use crate::packs;

#[test]
fn cases_of_the_benchmark_hold() {
    let pack = packs::of_folder("bench/pack");
    let results = cases::run(&pack);
    assert!(results.len() >= 3, "the benchmark's pack has cases");
    let failed: Vec<_> = results.iter().filter(|case| !case.holds()).map(|case| case.text("en")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn cases_of_the_region_hold() {
    let pack = packs::of_folder("policies/inner-mongolia");
    let results = cases::run(&pack);
    assert!(results.len() >= 60, "only {} cases", results.len());
    let failed: Vec<_> = results.iter().filter(|case| !case.holds()).map(|case| case.text("en")).collect();
    assert!(failed.is_empty(), "{} of {} cases fail\n{}", failed.len(), results.len(), failed.join("\n"));
}

#[test]
fn a_case_that_is_wrong_fails() {
    let mut pack = packs::of_folder("bench/pack");
    let case = pack.tests.first_mut().unwrap();
    let expected = case.expect.iter_mut().find(|(.., value)| matches!(value, Scalar::Boolean(_))).unwrap();
    let Scalar::Boolean(truth) = expected.3 else { unreachable!() };
    expected.3 = Scalar::Boolean(!truth);
    let results = cases::run(&pack);
    assert_eq!(results.first().unwrap().mismatches.len(), 1);
}

#[test]
fn a_no_names_the_number_that_would_turn_it() {
    let pack = packs::of_folder("bench/pack");
    let case = pack.tests.first().unwrap();
    let (frame, _) = cases::frame(&pack, &Needs::everything(&pack), case);
    let household = Entity::Register(pack.register("household").unwrap());
    let below = pack.variable("below_line").unwrap();
    let explained = explain(&pack, &frame, household, 0, below, &case.set, "en").unwrap();
    assert_eq!(explained.state, State::No);
    let change = explained.changes.iter().find(|change| change.name == "income.farming").unwrap();
    assert!(change.lower);
    // 5,710 for two is the line; a rounded income per head needs two fen less, an exact one a single fen.
    assert!(change.to == "5709.99 yuan" || change.to == "5709.98 yuan", "{change:?}");
    assert!(explained.parameters.iter().any(|parameter| !parameter.source.is_empty()));
    assert_eq!(explained.nearest_change.as_ref().unwrap().name, "net_income");
    assert_eq!(explained.first_failing.as_ref().unwrap().text, "Net income ÷ Members < National poverty line");
    println!("{}", explained.text(None, "zh"));
}

#[test]
fn unknown_names_the_fact_that_is_missing() {
    let pack = packs::of_folder("bench/pack");
    let case = pack.tests.get(2).unwrap();
    let (frame, _) = cases::frame(&pack, &Needs::everything(&pack), case);
    let household = Entity::Register(pack.register("household").unwrap());
    let below = pack.variable("below_line").unwrap();
    let explained = explain(&pack, &frame, household, 0, below, &case.set, "en").unwrap();
    assert_eq!(explained.state, State::Unknown);
    assert!(explained.missing.iter().any(|fact| fact.name == "person.wage"), "{:?}", explained.missing);
    println!("{}", explained.text(None, "en"));
}
