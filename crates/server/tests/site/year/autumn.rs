//! Summer to winter: some come back into poverty, some leave it, the banner leaves the list, the books are closed.

use std::collections::BTreeSet;

use bangfu_registry::store::{CaseQuery, CaseState, RecordId, Scope};

use super::ledger::Ledger;
use super::person::Person;
use super::stage::{BANNER, Stage, VILLAGE, day};
use super::{Cases, Cast, IDENTIFICATION, numbers, split, vote};

const RETURN: &str = "return_to_poverty";
const EXIT: &str = "household_exit";
const BANNER_EXIT: &str = "national_banner_exit";
/// Households that come back.
const RETURNED: usize = 3;
/// Households whose exit is proposed.
const EXITS: usize = 30;

/// Households that the labels say are registered today.
pub(super) async fn registered(stage: &Stage) -> BTreeSet<RecordId> {
    let today = bangfu_policy::value::format_date(stage.today());
    let counts = |kind: &str| ["registered_poor", "returned"].contains(&kind);
    let labels = stage.records("label").await;
    let open = labels.iter().filter(|label| {
        let cell = |field: &str| stage.cell(label, field);
        counts(&cell("kind")) && cell("start") <= today && (cell("ended").is_empty() || cell("ended") > today)
    });
    open.map(|label| label.parent.unwrap()).collect()
}

/// June: three households that had left come back; the clerk is their helper.
pub(super) async fn returns(stage: &Stage, cast: &Cast, ledger: &mut Ledger) {
    let Cast { clerk, team, officer, approver, .. } = cast;
    ledger.until(stage, day(6, 1)).await;
    let tried = numbers(stage, IDENTIFICATION).await;
    let households = stage.records("household").await;
    let left = households.iter().filter(|record| stage.cell(record, "poverty_status") == "1");
    let keys = left.map(|record| stage.cell(record, "household_no")).filter(|key| !tried.contains_key(key));
    let keys: Vec<String> = keys.take(RETURNED).collect();
    assert_eq!(keys.len(), RETURNED);
    clerk.act_as(stage, "Helper").await;
    let mut cases = Cases::new();
    for key in &keys {
        cases.insert(clerk.begin(stage, &format!("/registry/household/{key}"), RETURN).await);
    }
    for (case, name) in numbers(stage, RETURN).await.values() {
        ledger.named(*case, name);
    }
    clerk.bulk(stage, RETURN, "done", &cases, ["record of the visit", ""]).await;
    ledger.until(stage, day(6, 2)).await;
    team.bulk(stage, RETURN, "done", &cases, ["household form", ""]).await;
    vote(stage, clerk, RETURN, &cases, ["40", "30", "30"]).await;
    ledger.until(stage, day(6, 5)).await;
    clerk.bulk(stage, RETURN, "post", &cases, ["", ""]).await;
    ledger.hung(stage.today(), (RETURN, stage.notices(RETURN)[0], VILLAGE), 7, &cases);
    ledger.until(stage, day(6, 13)).await;
    clerk.bulk(stage, RETURN, "done", &cases, ["photo", ""]).await;
    ledger.down(&cases);
    officer.bulk(stage, RETURN, "done", &cases, ["", ""]).await;
    approver.bulk(stage, RETURN, "done", &cases, ["decision 2017-20", ""]).await;
    // The village announces it and the township takes measures, in the order of the procedure.
    let announces_first = clerk.waiting(stage, RETURN).await.len() == RETURNED;
    let last = if announces_first { [clerk, officer] } else { [officer, clerk] };
    last[0].bulk(stage, RETURN, "done", &cases, ["photo, or plan of help", ""]).await;
    ledger.until(stage, day(6, 16)).await;
    last[1].bulk(stage, RETURN, "done", &cases, ["photo, or plan of help", ""]).await;
    ledger.end(RETURN, "done", cases.len());
}

/// September: thirty households are proposed for the exit, and one that came back in June.
pub(super) async fn exits(stage: &Stage, cast: &Cast, ledger: &mut Ledger) {
    let Cast { clerk, team, officer, office, approver } = cast;
    ledger.until(stage, day(9, 4)).await;
    let back = numbers(stage, RETURN).await.into_keys().next().unwrap();
    clerk.open_proposed(stage, EXIT, EXITS).await;
    let again = clerk.begin(stage, &format!("/registry/household/{back}"), EXIT).await;
    let known = numbers(stage, EXIT).await;
    for (case, name) in known.values() {
        ledger.named(*case, name);
    }
    let all: Cases = known.values().map(|(case, _)| *case).collect();
    assert_eq!(all.len(), EXITS + 1);
    let others: Vec<i64> = all.iter().copied().filter(|case| *case != again).collect();
    let fate = |from: usize, count: usize| -> Cases { others[from..from + count].iter().copied().collect() };
    let (outvoted, unready, objected, denied, unsigned) = (fate(0, 2), fate(2, 1), fate(3, 1), fate(4, 1), fate(5, 1));
    vote(stage, clerk, EXIT, &outvoted, ["40", "30", "10"]).await;
    let mut good = &all - &outvoted;
    vote(stage, clerk, EXIT, &good, ["40", "30", "28"]).await;
    ledger.until(stage, day(9, 6)).await;
    team.bulk(stage, EXIT, "refuse", &unready, ["", "the house is not safe"]).await;
    good = &good - &unready;
    team.bulk(stage, EXIT, "done", &good, ["sheets of income and needs", ""]).await;
    ledger.until(stage, day(9, 8)).await;
    // One does not sign.
    clerk.on_page(stage, *unsigned.first().unwrap(), "withdraw", &[("note", "the household does not agree")]).await;
    good = &good - &unsigned;
    clerk.bulk(stage, EXIT, "done", &good, ["form with signature", ""]).await;
    ledger.until(stage, day(9, 11)).await;
    clerk.bulk(stage, EXIT, "post", &good, ["", ""]).await;
    ledger.hung(stage.today(), (EXIT, stage.notices(EXIT)[0], VILLAGE), 7, &good);
    ledger.until(stage, day(9, 13)).await;
    let (first, _) = split(&objected);
    clerk.on_page(stage, first, "object", &[("note", "the well is dry")]).await;
    ledger.down(&objected);
    team.bulk(stage, EXIT, "done", &objected, ["the well is repaired", ""]).await;
    clerk.bulk(stage, EXIT, "done", &objected, ["signed again", ""]).await;
    ledger.until(stage, day(9, 14)).await;
    clerk.bulk(stage, EXIT, "post", &objected, ["", ""]).await;
    ledger.hung(stage.today(), (EXIT, stage.notices(EXIT)[0], VILLAGE), 7, &objected);
    ledger.until(stage, day(9, 22)).await;
    clerk.bulk(stage, EXIT, "done", &good, ["photo", ""]).await;
    ledger.down(&good);
    officer.bulk(stage, EXIT, "done", &good, ["opinion of the township", ""]).await;
    ledger.until(stage, day(9, 26)).await;
    approver.on_page(stage, *denied.first().unwrap(), "refuse", &[("note", "income not sure")]).await;
    good = &good - &denied;
    approver.bulk(stage, EXIT, "done", &good, ["decision 2017-31", ""]).await;
    clerk.bulk(stage, EXIT, "done", &good, ["photo of the announcement", ""]).await;
    ledger.until(stage, day(9, 28)).await;
    office.bulk(stage, EXIT, "done", &good, ["list of the files", ""]).await;
    ledger.end(EXIT, "refused", outvoted.len() + unready.len() + denied.len());
    ledger.end(EXIT, "withdrawn", unsigned.len());
    ledger.end(EXIT, "done", good.len());
    assert!(good.contains(&again));
}

/// October to November: the banner applies, the league reviews, the Region verifies, hangs the notice and decides.
pub(super) async fn banner(stage: &Stage, cast: &Cast, ledger: &mut Ledger) {
    let signs = &cast.approver;
    ledger.until(stage, day(10, 9)).await;
    signs.act_as(stage, "Banner leading group").await;
    let case = signs.begin(stage, &format!("/division/{BANNER}"), BANNER_EXIT).await;
    signs.on_page(stage, case, "done", &[("paper0", "application 7"), ("paper1", "own check 7")]).await;
    ledger.until(stage, day(10, 16)).await;
    let league = Person::new(stage, "league_office").await;
    league.on_page(stage, case, "done", &[("paper0", "report of the review")]).await;
    league.browser.quit().await.unwrap();
    ledger.until(stage, day(11, 6)).await;
    let region = Person::new(stage, "region_office").await;
    region.on_page(stage, case, "done", &[("paper0", "report"), ("paper1", "report of the third party")]).await;
    ledger.until(stage, day(11, 13)).await;
    region.on_page(stage, case, "post", &[]).await;
    ledger.hung(stage.today(), (BANNER_EXIT, stage.notices(BANNER_EXIT)[0], BANNER), 9, &Cases::from([case]));
    region.go(stage, "/public").await;
    assert!(region.text().await.contains("Ar Horqin Banner"), "{}", region.text().await);
    ledger.until(stage, day(11, 22)).await;
    region.refused(stage, case, "done", &[("paper0", "page")], "has not lasted long enough").await;
    ledger.until(stage, day(11, 23)).await;
    region.go(stage, "/public").await;
    assert!(!region.text().await.contains("Ar Horqin Banner"), "the notice is over");
    region.on_page(stage, case, "done", &[("paper0", "page of the notice")]).await;
    ledger.down(&Cases::from([case]));
    ledger.until(stage, day(11, 24)).await;
    let group = Person::new(stage, "leading_group_region").await;
    group.on_page(stage, case, "done", &[("paper0", "decision 41")]).await;
    ledger.until(stage, day(11, 27)).await;
    region.on_page(stage, case, "done", &[("paper0", "report to the State Council")]).await;
    ledger.until(stage, day(11, 28)).await;
    group.on_page(stage, case, "done", &[("paper0", "announcement 41")]).await;
    ledger.end(BANNER_EXIT, "done", 1);
    for person in [region, group] {
        person.browser.quit().await.unwrap();
    }
}

/// The last day: what the registry and a new determination say is what was played.
pub(super) async fn close(stage: &mut Stage, cast: &Cast, ledger: &Ledger, opening: BTreeSet<RecordId>) {
    let closing = registered(stage).await;
    let of = |procedure| ledger.ended.get(&(procedure, "done")).copied().unwrap_or_default();
    let (identified, returned, exited) = (of(IDENTIFICATION), of(RETURN), of(EXIT));
    assert_eq!(opening.len() + identified + returned - exited, closing.len(), "households by their labels");
    stage.determine(day(12, 31)).await;
    let determined = [
        ("registered_at_opening", opening.len()),
        ("entered_this_year", identified),
        // One of them left again in September.
        ("returned_this_year", returned),
        ("exited_this_year", exited),
        ("removed_this_year", 0),
        ("registered_now", closing.len()),
    ];
    for (variable, count) in determined {
        assert_eq!(stage.count("household", variable), count, "{variable}");
    }
    assert_eq!(stage.count("village", "roll_balances"), 1, "the persons of the village balance");
    for (procedure, state, word) in cases_by_state() {
        let query = CaseQuery { procedure: procedure.to_owned(), state: Some(state), limit: 0, ..CaseQuery::default() };
        let (_, count) = stage.home.store.reader(&Scope::everything()).cases(&query).await.unwrap();
        let played = ledger.ended.get(&(procedure, word)).copied().unwrap_or_default();
        assert_eq!(count as usize, played, "{procedure} {word}");
    }
    stage.home.store.verify_journal().await.unwrap();
    let banner = stage.home.pack.register("banner_file").unwrap();
    let reader = stage.home.store.reader(&Scope::everything());
    let file = reader.of_division(banner, BANNER).await.unwrap().remove(0);
    assert_eq!(stage.cell(&file, "exit_date"), "2017-11-28");
    // Every notice was seen from the day on which it was hung, without a gap, and those of the Region for ten days.
    for ((procedure, _, _, posted), days) in &ledger.seen {
        let all: BTreeSet<i64> = (*posted..*posted + days.len() as i64).collect();
        assert_eq!(*days, all, "{procedure}");
    }
    let hung = |procedure: &str| ledger.seen.iter().filter(|((name, ..), _)| name == procedure).count();
    assert_eq!([IDENTIFICATION, RETURN, EXIT, BANNER_EXIT].map(hung), [7, 1, 2, 1]);
    // The banner office reads it on its own screen.
    let office = &cast.office;
    office.go(stage, "/work?list=closed").await;
    let all: usize = ledger.ended.values().sum();
    assert!(office.text().await.contains(&format!("All ({all})")), "{}", office.text().await);
    office.go(stage, &format!("/determinations/list?variable=registered_now&answer=yes&division={VILLAGE}")).await;
    assert!(office.text().await.contains(&closing.len().to_string()), "{}", office.text().await);
    for person in [&cast.clerk, &cast.team, &cast.officer, &cast.office, &cast.approver] {
        assert!(*person.signed_in.borrow() >= 4, "{} signed in on each day of work", person.login);
    }
}

fn cases_by_state() -> Vec<(&'static str, CaseState, &'static str)> {
    let states = [
        (CaseState::Open, "open"),
        (CaseState::Done, "done"),
        (CaseState::Refused, "refused"),
        (CaseState::Withdrawn, "withdrawn"),
    ];
    let procedures = [IDENTIFICATION, RETURN, EXIT, BANNER_EXIT];
    procedures.into_iter().flat_map(|procedure| states.map(|(state, word)| (procedure, state, word))).collect()
}
