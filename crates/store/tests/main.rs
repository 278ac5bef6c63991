//! The store over a real file, or a real server: loads, journal, scope, secrets, search, and a process that is killed in the middle.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use bangfu_policy::model::{Pack, RegisterId, Value};
use bangfu_policy::{SourceFile, load};
use bangfu_store::{
    Actor, Address, Duplicates, Filter, ListQuery, Operator, Reader, RecordId, Scope, SecretKeys, Store, StoreError,
};

#[path = "main/behind.rs"]
mod behind;
#[path = "main/both.rs"]
mod both;
#[path = "main/edits.rs"]
mod edits;
#[path = "main/place.rs"]
mod place;
#[path = "main/shared.rs"]
mod shared;

const PACK: &str = r"
policy: {id: small, title: {en: Small}, version: '1', languages: [en], root: '1', currency: {code: XXX, symbol: {en: x}}}
divisions:
  levels:
    - {id: whole, digits: 1, title: {en: Whole}}
    - {id: part, digits: 2, title: {en: Part}}
    - {id: place, digits: 4, title: {en: Place}}
registers:
  household:
    title: {en: Household}
    within: place
    key: household_no
    label: name
    fields:
      household_no: {type: text, title: {en: No.}, required: true, unique: true}
      name: {type: text, title: {en: Name}}
      phone: {type: text, title: {en: Phone}, secret: true}
  person:
    title: {en: Person}
    of: household
    key: person_no
    fields:
      person_no: {type: text, title: {en: No.}, required: true, unique: true}
      sex: {type: code(sex), title: {en: Sex}}
codes:
  sex: {title: {en: Sex}, values: {'1': {en: male}, '2': {en: female}}}
";

fn pack() -> Arc<Pack> {
    let files = [SourceFile { path: "pack.yaml".to_owned(), text: PACK.to_owned() }];
    Arc::new(load(&files).unwrap_or_else(|found| panic!("{found:?}")))
}

async fn open(folder: &Path) -> Store {
    let keys = SecretKeys::open_or_create(&folder.join("keys")).unwrap();
    Store::open(&place::address(folder).await, pack(), keys).await.unwrap()
}

fn batch(columns: &[(&str, &[&str])]) -> RecordBatch {
    let arrays = columns.iter().map(|(name, values)| {
        let array: ArrayRef =
            Arc::new(values.iter().map(|v| Some(*v).filter(|v| !v.is_empty())).collect::<StringArray>());
        (*name, array)
    });
    RecordBatch::try_from_iter(arrays).unwrap()
}

fn households(rows: usize, division: &str) -> RecordBatch {
    let numbers: Vec<String> = (0..rows).map(|n| format!("{division}{n:06}")).collect();
    let names: Vec<String> = (0..rows).map(|n| format!("乌云其其格{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    batch(&[
        ("division", &vec![division; rows]),
        ("household_no", &numbers),
        ("name", &names),
        ("phone", &vec!["13800000000"; rows]),
    ])
}

fn register(store: &Store, id: &str) -> RegisterId {
    store.pack().register(id).unwrap()
}

async fn load_all(store: &Store, id: &str, rows: &RecordBatch, duplicates: Duplicates) -> bangfu_store::LoadReport {
    let mut change = store.change(&Scope::everything(), &Actor::console("test"), "test", 1).await.unwrap();
    let report = change.load(register(store, id), rows, duplicates).await.unwrap();
    change.commit().await.unwrap();
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_twice_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let rows = households(50, "1101");
    assert_eq!(load_all(&store, "household", &rows, Duplicates::Refuse).await.inserted, 50);
    let end = store.journal_end().await.unwrap();
    let again = load_all(&store, "household", &rows, Duplicates::Refuse).await;
    assert_eq!((again.inserted, again.unchanged, again.refused.len()), (0, 50, 0));
    assert_eq!(store.journal_end().await.unwrap(), end, "nothing happened, so the journal says nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_fit_are_told_and_the_others_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    load_all(&store, "household", &households(2, "1101"), Duplicates::Refuse).await;
    let rows = batch(&[
        ("household_no", &["1101000000", "9999", "1101000001", "1101000001"]),
        ("person_no", &["p1", "p2", "p3", "p1"]),
        ("sex", &["1", "2", "2", "1"]),
    ]);
    let report = load_all(&store, "person", &rows, Duplicates::Refuse).await;
    let refused: Vec<_> = report.refused.iter().map(|r| (r.row, r.rule)).collect();
    assert_eq!((report.inserted, refused), (2, vec![(1, "parent"), (3, "unique")]));
    let changed = batch(&[("household_no", &["1101000000"]), ("person_no", &["p1"]), ("sex", &["2"])]);
    let refused = load_all(&store, "person", &changed, Duplicates::Refuse).await;
    assert_eq!(refused.refused.first().map(|r| r.rule), Some("exists"));
    assert_eq!(load_all(&store, "person", &changed, Duplicates::Update).await.updated, 1);
    let person = store.reader(&Scope::everything()).get(register(&store, "person"), "p1").await.unwrap().unwrap();
    assert_eq!((person.version, person.values[1].clone()), (2, Some(Value::Integer(1))));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_a_batch_does_not_have_keep_their_values() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    load_all(&store, "household", &households(1, "1101"), Duplicates::Refuse).await;
    let only = |name: &str| batch(&[("division", &["1101"]), ("household_no", &["1101000000"]), ("name", &[name])]);
    let same = load_all(&store, "household", &only("乌云其其格0"), Duplicates::Refuse).await;
    assert_eq!((same.unchanged, same.refused.len()), (1, 0), "the telephone is not compared");
    let other = load_all(&store, "household", &only("巴特尔"), Duplicates::Refuse).await;
    assert_eq!(other.refused.first().map(|r| (r.rule, r.fields.clone())), Some(("exists", vec![1])));
    assert_eq!(load_all(&store, "household", &only("巴特尔"), Duplicates::Update).await.updated, 1);
    let open_scope = Scope { unmask: true, ..Scope::everything() };
    let household = register(&store, "household");
    let record = store.reader(&open_scope).get(household, "1101000000").await.unwrap().unwrap();
    assert_eq!(record.values[1..], [Some(Value::Text("巴特尔".into())), Some(Value::Text("13800000000".into()))]);
    let query = ListQuery { search: Some("巴特".to_owned()), ..ListQuery::default() };
    assert_eq!(store.reader(&Scope::everything()).list(household, &query).await.unwrap().total, 1);
    let moved = batch(&[("division", &["1102"]), ("household_no", &["1101000000"]), ("name", &["巴特尔"])]);
    let moved = load_all(&store, "household", &moved, Duplicates::Update).await;
    assert_eq!((moved.updated, moved.refused.first().map(|r| r.rule)), (0, Some("moved")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_hides_counts_lists_batches_and_refuses_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    load_all(&store, "household", &households(3, "1101"), Duplicates::Refuse).await;
    load_all(&store, "household", &households(4, "1201"), Duplicates::Refuse).await;
    let household = register(&store, "household");
    let reader = store.reader(&Scope::division("11"));
    assert_eq!(reader.count(household, &ListQuery::default()).await.unwrap(), 3);
    assert!(reader.get(household, "1201000000").await.unwrap().is_none());
    assert_eq!(
        reader.list(household, &ListQuery { division: Some("12".into()), ..ListQuery::default() }).await.unwrap().total,
        0
    );
    assert!(matches!(reader.batch(household, "12").await, Err(StoreError::Scope { .. })));
    let mut change = store.change(&Scope::division("11"), &Actor::console("test"), "test", 1).await.unwrap();
    let report = change.load(household, &households(1, "1202"), Duplicates::Refuse).await.unwrap();
    assert_eq!(report.refused.first().map(|r| r.rule), Some("scope"));
    change.roll_back().await.unwrap();
    assert_eq!(store.reader(&Scope::everything()).batch(household, "").await.unwrap().num_rows(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_sealed_masked_and_findable() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    load_all(&store, "household", &households(2, "1101"), Duplicates::Refuse).await;
    store.close().await.unwrap();
    assert_eq!(behind::holding(folder.path(), "13800000000").await, 0, "the number stands in the database");
    assert_eq!(behind::holding(folder.path(), "乌云其其格").await, 2, "names stand there");
    let store = open(folder.path()).await;
    let household = register(&store, "household");
    let filter = Filter { field: 2, operator: Operator::In, values: vec![Value::Text("13800000000".into())] };
    let query = ListQuery { filters: vec![filter], ..ListQuery::default() };
    let page = store.reader(&Scope::everything()).list(household, &query).await.unwrap();
    assert_eq!((page.total, page.records[0].values[2].clone()), (2, Some(Value::Text("*********00".into()))));
    let open_scope = Scope { unmask: true, ..Scope::everything() };
    let page = store.reader(&open_scope).list(household, &query).await.unwrap();
    assert_eq!(page.records[0].values[2], Some(Value::Text("13800000000".into())));
    assert!(
        page.records.len() == 2
            && store.reader(&Scope::everything()).batch(household, "").await.unwrap().column_by_name("phone").is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_searched_by_parts_and_sound() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    load_all(&store, "household", &households(12, "1101"), Duplicates::Refuse).await;
    let household = register(&store, "household");
    let total = |words: &str| {
        let query = ListQuery { search: Some(words.to_owned()), ..ListQuery::default() };
        let reader = store.reader(&Scope::everything());
        async move { reader.list(household, &query).await.unwrap().total }
    };
    assert_eq!(total("其其格").await, 12);
    assert_eq!(total("wyqq").await, 12);
    assert_eq!(total("wuyunqi").await, 12);
    assert_eq!(total("格云").await, 0);
    assert_eq!(total("110100000").await, 10);
    let below = |division: &str| {
        let query = ListQuery { search: Some("wuyun".to_owned()), ..ListQuery::default() };
        let reader = store.reader(&Scope::division(division));
        async move { reader.list(household, &query).await.unwrap().total }
    };
    assert_eq!((below("11").await, below("12").await), (12, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_an_older_registry_are_found_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    load_all(&store, "household", &households(3, "1101"), Duplicates::Refuse).await;
    store.close().await.unwrap();
    let old = "drop table name_token; create table search (token text, register integer, record integer)";
    for statement in old.split(';') {
        behind::run(folder.path(), statement).await.unwrap();
    }
    let store = open(folder.path()).await;
    let query = ListQuery { search: Some("其其格".to_owned()), ..ListQuery::default() };
    let household = register(&store, "household");
    assert_eq!(store.reader(&Scope::division("1101")).list(household, &query).await.unwrap().total, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_journalled_and_an_old_version_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    load_all(&store, "household", &households(1, "1101"), Duplicates::Refuse).await;
    let household = register(&store, "household");
    let values = [(1, Some(Value::Text("巴特尔".into())))];
    let mut change = store.change(&Scope::everything(), &Actor::console("clerk"), "name corrected", 2).await.unwrap();
    change.update(household, RecordId(1), 1, &values).await.unwrap();
    change.commit().await.unwrap();
    let mut change = store.change(&Scope::everything(), &Actor::console("other"), "too late", 3).await.unwrap();
    let late = change.update(household, RecordId(1), 1, &values).await;
    assert!(matches!(late, Err(StoreError::Version { found: 2, given: 1 })));
    change.roll_back().await.unwrap();
    let history = store.history("household", RecordId(1), 2).await.unwrap();
    assert_eq!(history[0].actor, "console:clerk");
    assert!(history[0].body.contains("乌云其其格0") && history[0].body.contains("巴特尔"));
    assert_eq!(store.verify_journal().await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_cannot_be_changed_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for division in ["1101", "1102", "1103"] {
        load_all(&store, "household", &households(2, division), Duplicates::Refuse).await;
    }
    assert_eq!(store.verify_journal().await.unwrap(), 3);
    store.close().await.unwrap();
    drop(store);
    let byte = "update journal set reason = 'x' where seq = 2";
    assert!(behind::run(folder.path(), byte).await.is_err(), "the database itself refuses");
    behind::unguard(folder.path()).await;
    behind::run(folder.path(), byte).await.unwrap();
    let store = open(folder.path()).await;
    let broken = store.verify_journal().await.unwrap_err();
    assert!(matches!(broken, StoreError::Journal { seq: 2, .. }), "{broken}");
}

/// The process that is killed: loads without committing, and waits.
#[tokio::test(flavor = "multi_thread")]
async fn killed_child() {
    let Ok(folder) = std::env::var("BANGFU_KILLED_CHILD") else { return };
    let store = open(Path::new(&folder)).await;
    let household = register(&store, "household");
    let mut change = store.change(&Scope::everything(), &Actor::console("child"), "killed", 1).await.unwrap();
    change.load(household, &households(60_000, "1201"), Duplicates::Refuse).await.unwrap();
    std::fs::write(Path::new(&folder).join("loaded"), "").unwrap();
    std::thread::sleep(std::time::Duration::from_mins(1));
    change.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_in_the_middle_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    load_all(&store, "household", &households(5, "1101"), Duplicates::Refuse).await;
    store.close().await.unwrap();
    drop(store);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed_child"])
        .env("BANGFU_KILLED_CHILD", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    while !folder.path().join("loaded").exists() {
        assert!(begun.elapsed().as_secs() < 55, "the child did not get to its load");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let store = open(folder.path()).await;
    let household = register(&store, "household");
    assert_eq!(store.reader(&Scope::everything()).count(household, &ListQuery::default()).await.unwrap(), 5);
    assert_eq!(store.verify_journal().await.unwrap(), 1);
    assert_eq!(load_all(&store, "household", &households(60_000, "1201"), Duplicates::Refuse).await.inserted, 60_000);
}

#[test]
fn the_tables_are_these() {
    let pack = pack();
    let sql: Vec<String> = pack.registers.iter().flat_map(bangfu_store::schema::create).collect();
    insta::assert_snapshot!(sql.join(";\n"));
}

/// Keys of what a stream sends.
async fn streamed(reader: &Reader, register: RegisterId, query: &ListQuery) -> Vec<(String, RecordId)> {
    let (send, mut receive) = tokio::sync::mpsc::channel(1);
    let mut rows = Vec::new();
    let reading = reader.stream(register, query, send);
    let writing = async {
        while let Some(some) = receive.recv().await {
            rows.extend(some.into_iter().map(|row| (row.owner, row.record.id)));
        }
    };
    let (read, ()) = tokio::join!(reading, writing);
    read.unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_streams_go_on_after_a_record_and_stay_within_the_scope() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for division in ["1201", "1102", "1101"] {
        load_all(&store, "household", &households(700, division), Duplicates::Refuse).await;
    }
    let people = batch(&[
        ("household_no", &["1101000001", "1102000001", "1201000001"]),
        ("person_no", &["p3", "p1", "p2"]),
        ("sex", &["1", "2", "2"]),
    ]);
    load_all(&store, "person", &people, Duplicates::Refuse).await;
    let household = register(&store, "household");
    let reader = store.reader(&Scope::division("11"));
    let query = ListQuery { limit: 300, ..ListQuery::default() };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = reader.rows_after(household, &query, after).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.record.id);
        seen.extend(page.iter().map(|row| (row.owner.clone(), row.record.id)));
    }
    assert_eq!(seen.len(), 1400);
    assert!(seen.is_sorted_by(|a, b| a.0 <= b.0), "in the order of places");
    assert_eq!(streamed(&reader, household, &query).await, seen);
    let asked = ListQuery { division: Some("12".to_owned()), ..query.clone() };
    assert!(reader.rows_after(household, &asked, None).await.unwrap().is_empty());
    assert!(streamed(&reader, household, &asked).await.is_empty());
    let outside = store.reader(&Scope::everything()).get(household, "1201000001").await.unwrap().unwrap();
    let refused = reader.rows_after(household, &query, Some(outside.id)).await;
    assert!(matches!(refused, Err(StoreError::Absent(_))), "a place outside of the scope is none");
    // Only what belongs to records that are found.
    let person = register(&store, "person");
    let found = ListQuery { search: Some("1102000001".to_owned()), ..ListQuery::default() };
    let below = ListQuery { above: Some((household, Box::new(found))), ..ListQuery::default() };
    let owners: Vec<String> = streamed(&reader, person, &below).await.into_iter().map(|(owner, _)| owner).collect();
    assert_eq!(owners, ["1102000001"]);
    assert_eq!(reader.count(person, &below).await.unwrap(), 1);
}
