//! A process that is killed between a decision and what follows from it: either both are there or neither, and whoever
//! decides again finds it so.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bangfu_registry::casework::acts::Desk;
use bangfu_registry::casework::proposal::{Grounds, Subject};
use bangfu_registry::store::{CaseFile, CaseQuery, CaseState, ListQuery, Record, Scope};
use bangfu_server::site::{Site, Sources};

use super::cases::{Person, labels, procedure, proceed, status};
use super::fixture::{fill, now, pack_folder, store};

/// Cases that wait for their last step.
const CASES: usize = 24;
/// Names the folder for the process that is killed.
const CHILD: &str = "BANGFU_DECIDING_CHILD";

async fn site(folder: &Path) -> Site {
    let pack = Arc::new(bangfu_registry::packs::read(&pack_folder()).unwrap());
    let store = store(folder, &pack).await;
    let sources = Sources { data: folder.to_owned(), pack_folder: pack_folder(), ..Sources::default() };
    Site::open(pack, store, &sources).await.unwrap()
}

async fn open_cases(site: &Site) -> Vec<CaseFile> {
    let query = CaseQuery { state: Some(CaseState::Open), limit: 1000, ..CaseQuery::default() };
    site.store.reader(&Scope::everything()).cases(&query).await.unwrap().0
}

/// Households that are not registered, and the number of each that a case leads to its last step.
async fn prepared(site: &Site) -> Vec<Record> {
    let register = site.pack.register("household").unwrap();
    let query = ListQuery { limit: 5000, ..ListQuery::default() };
    let mut found = site.store.reader(&Scope::everything()).list(register, &query).await.unwrap().records;
    found.retain(|record| status(site, record).is_none());
    found.truncate(CASES);
    assert_eq!(found.len(), CASES);
    let definition = procedure(site, "household_identification");
    for household in &found {
        let clerk = Person::named(site, "village_clerk", &household.division).await;
        let desk: Desk<'_> = clerk.desk(now());
        let id = desk.open(&definition.id, &Subject::Record(household.clone()), Grounds::default()).await.unwrap();
        let mut case = site.store.reader(&Scope::everything()).case(id).await.unwrap().unwrap();
        let mut at = now();
        while case.step + 1 < definition.steps.len() {
            case = proceed(site, definition, &case, &mut at).await.unwrap();
        }
    }
    found
}

/// The process that is killed: takes the last step of one case after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deciding_child() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let site = site(Path::new(&folder)).await;
    let definition = procedure(&site, "household_identification");
    let mut at = now() + 400 * 86_400_000;
    std::fs::write(Path::new(&folder).join("begun"), "").unwrap();
    for case in open_cases(&site).await {
        proceed(&site, definition, &case, &mut at).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_and_what_follows_are_there_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path()).await;
    fill(&site.store, &site.pack, &["150421"], 0.02).await;
    let subjects = prepared(&site).await;
    let (mut kills, mut open) = (0, CASES);
    let mut patience = 0;
    while open > 0 {
        let begun = folder.path().join("begun");
        // It may not be there yet.
        let _ = std::fs::remove_file(&begun);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "site::decided::deciding_child"])
            .env(CHILD, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let waited = Instant::now();
        while !begun.exists() {
            assert!(waited.elapsed() < Duration::from_mins(2), "the child does not begin");
            std::thread::sleep(Duration::from_millis(1));
        }
        // A little later each time, so that it is killed at other moments.
        std::thread::sleep(Duration::from_micros(3_000 + 4_700 * patience));
        patience += 1;
        child.kill().unwrap();
        kills += u32::from(!child.wait().unwrap().success());
        let still: Vec<i64> = open_cases(&site).await.iter().filter_map(|case| case.record).collect();
        for household in &subjects {
            let decided = !still.contains(&household.id.0);
            assert_eq!(
                labels(&site, household, "registered_poor").await,
                usize::from(decided),
                "exactly what was decided"
            );
        }
        site.store.verify_journal().await.unwrap();
        open = still.len();
    }
    assert!(kills > 1, "the child was killed at its work");
}
