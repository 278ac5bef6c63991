//! A year of a village, its township, banner, league and region, played by eight people, each with an account, a second
//! factor where the role asks for one, and a Chromium of their own: two hundred households are proposed and judged,
//! some come back into poverty, others leave it, and at the end the banner leaves the list.
//!
//! By hand, in Chromium: signing in on every day on which somebody acts (the sessions of the day before are over), the
//! lines that are ticked first on every list, every kind of act at least once by each person who does it, corrections
//! of records, everything that concerns the banner. As the same pages send it, with the session that the browser has:
//! the lines of the lists beyond the first, and votes, objections, withdrawals and new submissions beyond the first,
//! which the product does case by case. On every day of the year the public page is asked for.

mod autumn;
mod ledger;
mod person;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bangfu_registry::store::{CaseQuery, CaseState, Scope};

use ledger::Ledger;
use person::Person;
use stage::{Stage, VILLAGE, day};

/// Who plays.
struct Cast {
    clerk: Person,
    team: Person,
    officer: Person,
    office: Person,
    approver: Person,
}

const IDENTIFICATION: &str = "household_identification";
/// Households that are proposed.
const CANDIDATES: usize = 200;

type Cases = BTreeSet<i64>;

/// Cases of a procedure by the key of their subject.
async fn numbers(stage: &Stage, procedure: &str) -> BTreeMap<String, (i64, String)> {
    let query = CaseQuery { procedure: procedure.to_owned(), limit: 10_000, ..CaseQuery::default() };
    let (cases, _) = stage.home.store.reader(&Scope::everything()).cases(&query).await.unwrap();
    let named = |case: bangfu_registry::store::CaseFile| {
        let (name, key) = case.name.rsplit_once(' ').map_or(("", case.division.as_str()), |pair| pair);
        (key.to_owned(), (case.id, name.to_owned()))
    };
    cases.into_iter().map(named).collect()
}

/// Puts cases before the meeting: `[entitled, present, in favour]`; the first by hand.
async fn vote(stage: &Stage, clerk: &Person, procedure: &str, cases: &Cases, votes: [&str; 3]) {
    let [entitled, present, yes] = votes;
    let fields = [("entitled", entitled), ("present", present), ("yes", yes), ("paper0", "minutes of the meeting")];
    let (first, rest) = split(cases);
    clerk.on_page(stage, first, "vote", &fields).await;
    clerk.on_each(stage, procedure, "vote", &rest, &fields).await;
}

fn split(cases: &Cases) -> (i64, Cases) {
    let first = *cases.first().unwrap();
    (first, cases.iter().copied().filter(|case| *case != first).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_is_played_from_the_village_to_the_region() {
    let started = Instant::now();
    let told = |part: &str| eprintln!("{part}: after {} s", started.elapsed().as_secs());
    let mut stage = Stage::set().await;
    told("stage");
    let person = |login| Person::new(&stage, login);
    let (clerk, team, officer, office, approver) = tokio::join!(
        person("village_clerk"),
        person("resident_team"),
        person("township_officer"),
        person("banner_office"),
        person("banner_approver"),
    );
    let cast = Cast { clerk, team, officer, office, approver };
    let mut ledger = Ledger::default();
    let opening = autumn::registered(&stage).await;
    told("cast");
    spring(&stage, &cast, &mut ledger).await;
    told("spring");
    autumn::returns(&stage, &cast, &mut ledger).await;
    told("returns");
    autumn::exits(&stage, &cast, &mut ledger).await;
    told("exits");
    autumn::banner(&stage, &cast, &mut ledger).await;
    ledger.until(&stage, day(12, 31)).await;
    told("banner");
    autumn::close(&mut stage, &cast, &ledger, opening).await;
    told("close");
}

/// March to May: two hundred households are proposed, appraised, checked and decided.
async fn spring(stage: &Stage, cast: &Cast, ledger: &mut Ledger) {
    let Cast { clerk, team, officer, office, approver } = cast;
    let [village, township] = stage.notices(IDENTIFICATION)[..] else { panic!("two notices") };
    ledger.until(stage, day(3, 1)).await;
    let opened = clerk.open_proposed(stage, IDENTIFICATION, CANDIDATES).await;
    let known = numbers(stage, IDENTIFICATION).await;
    let ids: Vec<i64> = opened.iter().map(|key| known[key].0).collect();
    for (case, name) in known.values() {
        ledger.named(*case, name);
    }
    let all: Cases = ids.iter().copied().collect();
    assert_eq!((all.len(), known.len()), (CANDIDATES, CANDIDATES));
    let fate = |from: usize, count: usize| -> Cases { ids[from..from + count].iter().copied().collect() };
    let (withdrawn, outvoted, absent) = (fate(0, 5), fate(5, 12), fate(17, 5));
    let (objected, wrong, unfounded) = (fate(22, 6), fate(28, 8), fate(36, 4));
    let (doubtful, late, denied, asked) = (fate(40, 3), fate(43, 2), fate(45, 3), fate(48, 4));
    clerk.bulk(stage, IDENTIFICATION, "done", &all, ["application", ""]).await;

    assert!(clerk.waiting(stage, IDENTIFICATION).await.is_empty(), "the visit is for others");

    ledger.until(stage, day(3, 6)).await;
    team.bulk(stage, IDENTIFICATION, "done", &all, ["household form", ""]).await;

    ledger.until(stage, day(3, 10)).await;
    let (first, rest) = split(&withdrawn);
    clerk.on_page(stage, first, "withdraw", &[("note", "the household moves to town")]).await;
    clerk.on_each(stage, IDENTIFICATION, "withdraw", &rest, &[("note", "moves to town")]).await;
    ledger.end(IDENTIFICATION, "withdrawn", withdrawn.len());
    vote(stage, clerk, IDENTIFICATION, &outvoted, ["40", "30", "15"]).await;
    ledger.end(IDENTIFICATION, "refused", outvoted.len());
    vote(stage, clerk, IDENTIFICATION, &absent, ["40", "26", "26"]).await;
    let first_wave = &(&(&all - &withdrawn) - &outvoted) - &absent;
    vote(stage, clerk, IDENTIFICATION, &first_wave, ["40", "27", "20"]).await;

    ledger.until(stage, day(3, 13)).await;
    clerk.bulk(stage, IDENTIFICATION, "post", &first_wave, ["", ""]).await;
    ledger.hung(stage.today(), (IDENTIFICATION, village, VILLAGE), 7, &first_wave);
    // Too few had come: the meeting is held again.
    vote(stage, clerk, IDENTIFICATION, &absent, ["40", "31", "16"]).await;

    ledger.until(stage, day(3, 14)).await;
    clerk.bulk(stage, IDENTIFICATION, "post", &absent, ["", ""]).await;
    ledger.hung(stage.today(), (IDENTIFICATION, village, VILLAGE), 7, &absent);

    ledger.until(stage, day(3, 15)).await;
    let (first, rest) = split(&objected);
    let words = [("note", "has a lorry, says a neighbour")];
    clerk.on_page(stage, first, "object", &words).await;
    clerk.on_each(stage, IDENTIFICATION, "object", &rest, &words).await;
    ledger.down(&objected);
    ledger.look(stage).await;
    let outvoted: Cases = objected.iter().copied().take(2).collect();
    let kept = &objected - &outvoted;
    vote(stage, clerk, IDENTIFICATION, &outvoted, ["40", "36", "18"]).await;
    ledger.end(IDENTIFICATION, "refused", outvoted.len());
    vote(stage, clerk, IDENTIFICATION, &kept, ["40", "36", "19"]).await;
    clerk.bulk(stage, IDENTIFICATION, "post", &kept, ["", ""]).await;
    ledger.hung(stage.today(), (IDENTIFICATION, village, VILLAGE), 7, &kept);

    // On its last day nobody takes a notice down.
    ledger.until(stage, day(3, 20)).await;
    let first_wave = &first_wave - &objected;
    let one = *first_wave.first().unwrap();
    clerk.refused(stage, one, "done", &[("paper0", "photo")], "has not lasted long enough").await;
    ledger.until(stage, day(3, 21)).await;
    clerk.bulk(stage, IDENTIFICATION, "done", &first_wave, ["photo 3-21", ""]).await;
    ledger.down(&first_wave);
    ledger.until(stage, day(3, 23)).await;
    clerk.bulk(stage, IDENTIFICATION, "done", &absent, ["photo 3-22", ""]).await;
    clerk.bulk(stage, IDENTIFICATION, "done", &kept, ["photo 3-23", ""]).await;
    ledger.down(&(&absent | &kept));

    // The township: some are refused, of some the facts are wrong.
    ledger.until(stage, day(3, 27)).await;
    officer.bulk(stage, IDENTIFICATION, "back", &wrong, ["", "the name of the settlement is wrong"]).await;
    officer.bulk(stage, IDENTIFICATION, "refuse", &unfounded, ["", "income above the line on the second visit"]).await;
    ledger.end(IDENTIFICATION, "refused", unfounded.len());
    let mut good = &(&(&(&first_wave - &wrong) - &unfounded) | &absent) | &kept;
    officer.bulk(stage, IDENTIFICATION, "done", &good, ["opinion of the township", ""]).await;

    ledger.until(stage, day(3, 28)).await;
    let keys: BTreeMap<i64, &String> = known.iter().map(|(key, (case, _))| (*case, key)).collect();
    for case in &wrong {
        team.correct(stage, keys[case], "group_name", "North camp").await;
    }
    let (first, rest) = split(&wrong);
    team.on_page(stage, first, "resubmit", &[]).await;
    team.on_each(stage, IDENTIFICATION, "resubmit", &rest, &[]).await;
    clerk.bulk(stage, IDENTIFICATION, "done", &wrong, ["application again", ""]).await;
    team.bulk(stage, IDENTIFICATION, "done", &wrong, ["household form again", ""]).await;
    vote(stage, clerk, IDENTIFICATION, &wrong, ["40", "40", "40"]).await;
    clerk.bulk(stage, IDENTIFICATION, "post", &wrong, ["", ""]).await;
    ledger.hung(stage.today(), (IDENTIFICATION, village, VILLAGE), 7, &wrong);
    // The banner compares meanwhile, and asks the township about some.
    office.bulk(stage, IDENTIFICATION, "back", &doubtful, ["", "a member is on the roll of another banner"]).await;
    office.bulk(stage, IDENTIFICATION, "done", &(&good - &doubtful), ["result of the comparison", ""]).await;
    officer.bulk(stage, IDENTIFICATION, "done", &doubtful, ["asked: a namesake", ""]).await;
    office.bulk(stage, IDENTIFICATION, "done", &doubtful, ["result of the comparison", ""]).await;

    ledger.until(stage, day(4, 5)).await;
    clerk.bulk(stage, IDENTIFICATION, "done", &wrong, ["photo 4-5", ""]).await;
    ledger.down(&wrong);
    officer.bulk(stage, IDENTIFICATION, "done", &wrong, ["opinion of the township", ""]).await;
    office.bulk(stage, IDENTIFICATION, "done", &wrong, ["result of the comparison", ""]).await;
    good = &good | &wrong;

    // The township's notice names all; of two somebody says something.
    ledger.until(stage, day(4, 10)).await;
    officer.bulk(stage, IDENTIFICATION, "post", &good, ["", ""]).await;
    ledger.hung(stage.today(), (IDENTIFICATION, township, VILLAGE), 7, &good);
    ledger.until(stage, day(4, 12)).await;
    let (first, rest) = split(&late);
    officer.on_page(stage, first, "object", &[("note", "lives with a son in town")]).await;
    officer.on_each(stage, IDENTIFICATION, "object", &rest, &[("note", "lives in town")]).await;
    ledger.down(&late);
    officer.bulk(stage, IDENTIFICATION, "done", &late, ["asked: not so", ""]).await;
    office.bulk(stage, IDENTIFICATION, "done", &late, ["result of the comparison", ""]).await;
    officer.bulk(stage, IDENTIFICATION, "post", &late, ["", ""]).await;
    ledger.hung(stage.today(), (IDENTIFICATION, township, VILLAGE), 7, &late);
    ledger.until(stage, day(4, 20)).await;
    officer.bulk(stage, IDENTIFICATION, "done", &good, ["photo 4-20", ""]).await;
    ledger.down(&good);

    // The banner decides.
    ledger.until(stage, day(4, 24)).await;
    approver.bulk(stage, IDENTIFICATION, "refuse", &denied, ["", "owns a shop"]).await;
    ledger.end(IDENTIFICATION, "refused", denied.len());
    approver.bulk(stage, IDENTIFICATION, "back", &asked, ["", "compare with the roll of cars"]).await;
    good = &good - &denied;
    approver.bulk(stage, IDENTIFICATION, "done", &(&good - &asked), ["decision 2017-12", ""]).await;
    ledger.until(stage, day(4, 25)).await;
    office.bulk(stage, IDENTIFICATION, "done", &asked, ["no car", ""]).await;
    officer.bulk(stage, IDENTIFICATION, "post", &asked, ["", ""]).await;
    ledger.hung(stage.today(), (IDENTIFICATION, township, VILLAGE), 7, &asked);
    ledger.until(stage, day(5, 3)).await;
    officer.bulk(stage, IDENTIFICATION, "done", &asked, ["photo 5-3", ""]).await;
    ledger.down(&asked);
    approver.bulk(stage, IDENTIFICATION, "done", &asked, ["decision 2017-14", ""]).await;
    clerk.bulk(stage, IDENTIFICATION, "done", &good, ["photo of the announcement", ""]).await;
    ledger.until(stage, day(5, 5)).await;
    office.bulk(stage, IDENTIFICATION, "done", &good, ["list of the files", ""]).await;
    ledger.end(IDENTIFICATION, "done", good.len());
    let of = |state| CaseQuery {
        procedure: IDENTIFICATION.to_owned(),
        state: Some(state),
        limit: 0,
        ..CaseQuery::default()
    };
    let reader = stage.home.store.reader(&Scope::everything());
    assert_eq!(reader.cases(&of(CaseState::Open)).await.unwrap().1, 0, "nothing is left over");
}
