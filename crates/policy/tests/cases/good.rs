//! Good packs load, and mean what they say.

use bangfu_policy::books::Head;
use bangfu_policy::coverage::coverage;
use bangfu_policy::diagnostic::render;
use bangfu_policy::ir::Type;
use bangfu_policy::load;
use bangfu_policy::model::{LevelId, Pack, Unit};

use crate::{folder, overlaid, read};

fn loaded(name: &str) -> Pack {
    let files = read(&folder(name));
    load(&files).unwrap_or_else(|found| panic!("{}", render(&found, &files, false)))
}

#[test]
fn the_base_pack_loads() {
    let pack = loaded("good/base");
    assert_eq!(pack.registers.len(), 6);
    assert_eq!(pack.codes.iter().find(|list| list.id == "cause").unwrap().values.len(), 3);
    assert_eq!(pack.tests.len(), 1);
    assert!(pack.variable("nursing_grant_amount").is_some());
    let steps = &pack.procedures[0].steps;
    assert_eq!(steps[2].objection, Some(1), "an objection leads back to the vote");
    assert_eq!((steps[3].others_than.as_slice(), steps[3].back_to), (&[0, 1][..], Some(0)));
    assert_eq!((steps[1].quorum, steps[1].majority), (Some((2, 3)), Some((1, 2))));
    assert_eq!((pack.matches.len(), pack.views.len(), pack.roles.len()), (1, 2, 2));
    assert!(pack.exemptions.is_some());
    let coverage = coverage(&pack);
    assert_eq!((coverage.covered, coverage.clauses.len()), (2, 2));
}

#[test]
fn a_book_is_opened_into_sums() {
    let files = overlaid(&folder("good/books"));
    let pack = load(&files).unwrap_or_else(|found| panic!("{}", render(&found, &files, false)));
    let implemented = coverage(&pack).clauses.into_iter().find(|clause| clause.clause == "C01-02").unwrap().items;
    assert!(implemented.iter().any(|item| (item.section, item.id.as_str()) == ("books", "ages")), "{implemented:?}");
    let ids: Vec<&str> = pack.books.iter().map(|book| book.id.as_str()).collect();
    assert_eq!(ids, ["causes", "ages"], "1.9 comes before 1.10");
    let ages = pack.book("ages").unwrap();
    let heads: Vec<&Head> = ages.cells().map(|cell| &cell.head).collect();
    let band = |from, to| Head::Band { from, to, ty: Type::INTEGER };
    assert_eq!(heads[1..5], [&band(None, Some(16)), &band(Some(16), Some(60)), &band(Some(60), None), &Head::Missing]);
    // `coalesce` leaves nothing missing.
    assert_eq!(heads[6..], [&Head::Truth(true), &Head::Truth(false)]);
    assert_eq!(ages.whole.len(), heads.len());
    // `where` holds for persons, not for the households below the line.
    assert!(ages.whole[5].above.aggregates[0].filter.is_some());
    assert_eq!(ages.whole[5].below.as_ref().unwrap().aggregates[0].filter, None);
    assert_eq!((ages.cells().nth(5).unwrap().unit, ages.cells().nth(5).unwrap().additive), (Unit::Number, false));
    let causes = pack.book("causes").unwrap();
    assert_eq!(causes.lines.iter().map(|line| &line.head).next_back(), Some(&Head::Missing));
    assert_eq!(causes.lines.len(), 4);
    let money = causes.cells().nth(2).map(|cell| &cell.head);
    assert_eq!(money, Some(&Head::Band { from: Some(50_000), to: Some(100_050), ty: Type::MONEY }));
    assert_eq!(causes.cells().last().unwrap().unit, Unit::Money);
}

#[test]
fn what_is_public_is_named() {
    let files = overlaid(&folder("good/public"));
    let pack = load(&files).unwrap_or_else(|found| panic!("{}", render(&found, &files, false)));
    let public = &pack.public;
    assert_eq!((public.programmes.len(), public.parameters.len(), public.registers.len()), (1, 1, 2));
    let people = |id: &str| pack.tells_of_people(pack.register(id).unwrap());
    assert!(people("household") && people("person") && people("income") && !people("excuse") && !people("helper"));
    assert_eq!(public.registers[0].filter, [(3, None)]);
    assert_eq!(public.registers[1].nameless, Some(LevelId(1)));
    assert_eq!((public.registers[1].fields.as_slice(), public.registers[1].sums.as_slice()), (&[4, 1][..], &[2][..]));
}

#[test]
fn a_notice_may_bear_a_further_script() {
    let mut files = overlaid(&folder("good/beside"));
    for file in &mut files {
        let area = "      area: {type: code(area)";
        file.text = file
            .text
            .replace(area, &format!("      bilingual: {{type: boolean, title: {{zh: 双语, en: Bilingual}}}}\n{area}"));
    }
    let pack = load(&files).unwrap_or_else(|found| panic!("{}", render(&found, &files, false)));
    let tried = pack.procedures.iter().find(|procedure| procedure.id == "tried").unwrap();
    let beside = tried.notice.as_ref().unwrap().beside.as_ref().unwrap();
    assert_eq!((beside.language.as_str(), beside.vertical, beside.shows.as_slice()), ("mn-Mong", true, &[1][..]));
    assert_eq!(beside.wanted, Some((LevelId(1), pack.register("banner_file").unwrap(), 0)));
}

#[test]
fn the_order_of_files_does_not_matter() {
    let mut files = read(&folder("good/base"));
    let hash = load(&files).unwrap().hash;
    files.reverse();
    assert_eq!(load(&files).unwrap().hash, hash);
    files[0].text.push('\n');
    assert_ne!(load(&files).unwrap().hash, hash);
}

#[test]
fn the_packs_of_this_repository_load() {
    for name in ["../../../policies/inner-mongolia", "../../../bench/pack"] {
        let pack = loaded(name);
        assert!(!pack.graph.is_empty());
    }
}

#[test]
fn the_description_of_the_demo_is_a_document() {
    let text = std::fs::read_to_string(folder("../../../policies/inner-mongolia/data/demo.yaml")).unwrap();
    let value = bangfu_policy::document::parse("data/demo.yaml", &text).unwrap();
    assert!(value["seed"].is_u64(), "{:?}", value["seed"]);
}

/// Run with `cargo test --release -p bangfu-policy -- --ignored`: debug builds say nothing about speed.
#[test]
#[ignore = "measures a release build"]
fn the_real_pack_loads_within_20_milliseconds() {
    let files = read(&folder("../../../policies/inner-mongolia"));
    let mut times: Vec<_> = (0..21)
        .map(|_| {
            let start = std::time::Instant::now();
            assert!(load(&files).is_ok());
            start.elapsed()
        })
        .collect();
    times.sort();
    let median = times[times.len() / 2];
    println!("median of {} loads: {median:?}", times.len());
    assert!(median < std::time::Duration::from_millis(20), "{median:?}");
}
