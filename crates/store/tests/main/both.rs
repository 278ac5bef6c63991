//! What only a server shows: the same rows give the same registry on a file and on a server, a registry moves from one to
//! the other, one of several processes has a claim. Without a server these tests have nothing to compare and end.

use std::path::Path;

use bangfu_store::{Actor, Address, Duplicates, Job, ListQuery, LoadReport, Scope, SecretKeys, Store};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{batch, households, load_all, open, pack, place, register};

/// A store on a file, also where tests run on a server.
async fn on_file(folder: &Path) -> Store {
    let keys = SecretKeys::open_or_create(&folder.join("keys")).unwrap();
    Store::open(&Address::File(folder.join("registry.sqlite")), pack(), keys).await.unwrap()
}

/// Columns of a batch as texts.
fn columns(names: &[&str], rows: &[Vec<String>]) -> arrow::array::RecordBatch {
    let column = |at: usize| rows.iter().map(|row| row[at].as_str()).collect::<Vec<_>>();
    let values: Vec<Vec<&str>> = (0..names.len()).map(column).collect();
    let pairs: Vec<(&str, &[&str])> = names.iter().zip(&values).map(|(name, values)| (*name, &**values)).collect();
    batch(&pairs)
}

/// Households and people that repeat, differ, contradict each other, and have no place.
#[derive(Clone, Debug)]
struct Lists {
    homes: Vec<Vec<String>>,
    people: Vec<Vec<String>>,
    update: bool,
}

fn lists() -> impl Strategy<Value = Vec<Lists>> {
    let home = (prop_oneof!["1101", "1201", "11"], "h[0-5]", prop_oneof!["", "巴特尔", "其其格"], "(138|)");
    let home = home.prop_map(|(a, b, c, d)| vec![a, b, c, d]);
    let person = ("h[0-6]", "p[0-7]", "[12]?").prop_map(|(a, b, c)| vec![a, b, c]);
    let some = (prop::collection::vec(home, 1..9), prop::collection::vec(person, 1..12), any::<bool>());
    prop::collection::vec(some.prop_map(|(homes, people, update)| Lists { homes, people, update }), 1..4)
}

/// Everything that a load leaves: reports, records, what is found by a word, and the hash of the journal.
async fn left_by(store: &Store, all: &[Lists]) -> (Vec<LoadReport>, Vec<String>, u64, String) {
    let mut reports = Vec::new();
    for lists in all {
        let way = if lists.update { Duplicates::Update } else { Duplicates::Refuse };
        let homes = columns(&["division", "household_no", "name", "phone"], &lists.homes);
        reports.push(load_all(store, "household", &homes, way).await);
        let people = columns(&["household_no", "person_no", "sex"], &lists.people);
        reports.push(load_all(store, "person", &people, way).await);
    }
    let reader = store.reader(&Scope { unmask: true, ..Scope::everything() });
    let mut records = Vec::new();
    for id in ["household", "person"] {
        let page = reader.list(register(store, id), &ListQuery { limit: 100, ..ListQuery::default() }).await.unwrap();
        records.extend(page.records.iter().map(|record| format!("{record:?}")));
        records.push(format!("{:?}", reader.batch(register(store, id), "").await.unwrap()));
    }
    let found = ListQuery { search: Some("其其".to_owned()), ..ListQuery::default() };
    let found = reader.list(register(store, "household"), &found).await.unwrap().total;
    store.verify_journal().await.unwrap();
    (reports, records, found, store.journal_hash().await.unwrap())
}

#[test]
fn lists_leave_the_same_on_a_file_and_on_a_server() {
    if place::server().is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let alike = |all: &[Lists]| {
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let (file, server) = (on_file(folder.path()).await, open(folder.path()).await);
            let (one, other) = (left_by(&file, all).await, left_by(&server, all).await);
            prop_assert_eq!(&one.0, &other.0);
            prop_assert_eq!(&one.1, &other.1);
            prop_assert_eq!((one.2, &one.3), (other.2, &other.3));
            Ok(())
        })
    };
    // A list makes a record and changes it, another changes it twice.
    let home = |name: &str, phone: &str| ["1201", "h4", name, phone].map(str::to_owned).to_vec();
    let first =
        Lists { homes: vec![home("", "")], people: vec![["h4", "p1", ""].map(str::to_owned).to_vec()], update: true };
    let made = Lists { homes: vec![home("", "138"), home("巴特尔", "")], ..first.clone() };
    let changed = Lists { homes: vec![home("其其格", "138"), home("", "")], ..first.clone() };
    alike(&[Lists { homes: vec![["1101", "h0", "", ""].map(str::to_owned).to_vec()], ..first }, made, changed])
        .unwrap();
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    runner.run(&lists(), |all| alike(&all)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_moves_to_a_server_and_is_the_same_there() {
    if place::server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = on_file(folder.path()).await;
    load_all(&file, "household", &households(60_000, "1101"), Duplicates::Refuse).await;
    let mut change = file.change(&Scope::everything(), &Actor::console("clerk"), "because", 2).await.unwrap();
    let account = change.make_account("anna", "Anna").await.unwrap();
    change.commit().await.unwrap();
    let server = open(folder.path()).await;
    let (mut seen, mut all) = (0, 0);
    let copied = file.copy_to(&server, &mut |done, of| (seen, all) = (done, of)).await.unwrap();
    assert!(copied == seen && copied == all && copied > 120_000, "{copied} of {all}");
    assert_eq!(server.journal_hash().await.unwrap(), file.journal_hash().await.unwrap());
    assert_eq!(server.verify_journal().await.unwrap(), 2);
    let household = register(&server, "household");
    let (here, there) = (file.reader(&Scope::everything()), server.reader(&Scope::everything()));
    assert_eq!(here.batch(household, "").await.unwrap(), there.batch(household, "").await.unwrap());
    // Both go on alike: new accounts and records get ids that nobody had.
    let mut change = server.change(&Scope::everything(), &Actor::console("clerk"), "because", 3).await.unwrap();
    assert_eq!(change.make_account("batu", "Batu").await.unwrap(), account + 1);
    change.commit().await.unwrap();
    let more = load_all(&server, "household", &households(60_010, "1101"), Duplicates::Refuse).await;
    assert_eq!((more.inserted, more.unchanged), (10, 60_000));
    assert_eq!(there.by_id(household, bangfu_store::RecordId(60_010)).await.unwrap().unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_has_the_claim() {
    if place::server().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()).await, open(folder.path()).await);
    let claim = one.claim().await.unwrap().expect("nobody has it");
    assert!(other.claim().await.unwrap().is_none());
    drop(claim);
    assert!(other.claim().await.unwrap().is_some());
}

/// Two processes are two stores that share nothing but the database; this runs on files too.
#[tokio::test(flavor = "multi_thread")]
async fn several_processes_write_one_journal_and_take_a_job_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [open(folder.path()).await, open(folder.path()).await, open(folder.path()).await];
    let writing = (0..12).map(|turn| {
        let store = stores[turn % 3].clone();
        tokio::spawn(async move {
            load_all(&store, "household", &households(20, &format!("11{turn:02}")), Duplicates::Refuse).await.inserted
        })
    });
    let mut inserted = 0;
    for turn in writing.collect::<Vec<_>>() {
        inserted += turn.await.unwrap();
    }
    assert_eq!(inserted, 240);
    assert_eq!(stores[2].verify_journal().await.unwrap(), 12);
    let job = Job { id: "j".to_owned(), state: "shown".to_owned(), ..Job::default() };
    stores[0].add_job(&job).await.unwrap();
    let taking = (0..9).map(|turn| {
        let store = stores[turn % 3].clone();
        tokio::spawn(async move { store.move_job("j", ("shown", "taking"), "").await.unwrap() })
    });
    let mut taken = 0;
    for turn in taking.collect::<Vec<_>>() {
        taken += u32::from(turn.await.unwrap());
    }
    assert_eq!(taken, 1);
    let job = stores[1].job("j").await.unwrap().unwrap();
    assert_eq!(job.state, "taking");
    let mut works = 0;
    for store in &stores {
        works += u32::from(store.works(&job.worker).await.unwrap());
    }
    // On a file a process knows only itself.
    assert_eq!(works, if place::server().is_some() { 3 } else { 1 });
    assert!(!stores[0].works("bangfu gone").await.unwrap());
}
