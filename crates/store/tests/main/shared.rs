//! Values that several records share: found without opening them, and kept beside the records.

use std::sync::Arc;

use bangfu_policy::model::Value;
use bangfu_policy::{SourceFile, load};
use bangfu_store::{Actor, Duplicates, ListQuery, Owner, Scope, SecretKeys, Store, StoreError};

use super::{PACK, batch, load_all, register};

const NUMBERS: &str = "
  numbers:
    title: {en: Shared numbers}
    of: person
    one: true
    fields:
      anyone: {type: boolean, title: {en: Anyone}, shared: phone}
      outside: {type: boolean, title: {en: Outside}, shared: phone, apart: true}
codes:
";

async fn keep(store: &Store) -> Option<u64> {
    let mut change = store.change(&Scope::everything(), &Actor::console("test"), "test", 2).await.unwrap();
    let kept = change.keep_shared(register(store, "numbers")).await.unwrap();
    change.commit().await.unwrap();
    kept
}

/// Keys of the persons of whom something is shared, with what it is.
async fn shared(store: &Store) -> Vec<(String, Option<Value>, Option<Value>)> {
    let reader = store.reader(&Scope::everything());
    let page = reader.list(register(store, "numbers"), &ListQuery { limit: 99, ..Default::default() }).await.unwrap();
    let mut found = Vec::new();
    for record in page.records {
        let person = reader.by_id(register(store, "person"), record.parent.unwrap()).await.unwrap().unwrap();
        let Some(Value::Text(key)) = person.values[0].clone() else { panic!("a person without number") };
        found.push((key, record.values[0].clone(), record.values[1].clone()));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_records_share_is_kept_and_follows_them() {
    let folder = tempfile::tempdir().unwrap();
    let text = PACK
        .replace(
            "title: {en: Sex}}\n",
            "title: {en: Sex}}\n      phone: {type: text, title: {en: Phone}, secret: true}\n",
        )
        .replace("codes:\n", NUMBERS);
    let pack = load(&[SourceFile { path: "pack.yaml".to_owned(), text }]).unwrap_or_else(|found| panic!("{found:?}"));
    let keys = SecretKeys::open_or_create(&folder.path().join("keys")).unwrap();
    let store = Store::open(&super::place::address(folder.path()).await, Arc::new(pack), keys).await.unwrap();
    let homes = batch(&[("division", &["1101", "1201"]), ("household_no", &["h1", "h2"])]);
    load_all(&store, "household", &homes, Duplicates::Refuse).await;
    let people = |phones: &[&str; 5]| {
        batch(&[
            ("household_no", &["h1", "h1", "h1", "h2", "h2"]),
            ("person_no", &["p1", "p2", "p3", "p4", "p5"]),
            ("phone", phones),
        ])
    };
    // Two of one household share one; two of different households share another; missing ones are not shared.
    load_all(&store, "person", &people(&["1", "1", "2", "2", ""]), Duplicates::Refuse).await;
    assert_eq!(keep(&store).await, Some(4));
    let truth = |value| Some(Value::Boolean(value));
    let of = |key: &str, outside| (key.to_owned(), truth(true), truth(outside));
    assert_eq!(shared(&store).await, [of("p1", false), of("p2", false), of("p3", true), of("p4", true)]);
    let end = store.journal_end().await.unwrap();
    assert_eq!(keep(&store).await, None, "nothing changed");
    assert_eq!(store.journal_end().await.unwrap(), end);
    // Nobody changes them by hand, and they hold nobody: whoever is removed takes them along.
    let reader = store.reader(&Scope::everything());
    let (person, numbers) = (register(&store, "person"), register(&store, "numbers"));
    let first = reader.get(person, "p1").await.unwrap().unwrap();
    let mut change = store.change(&Scope::everything(), &Actor::console("test"), "twice on file", 2).await.unwrap();
    let by_hand = change.insert(numbers, &Owner::Record(first.id), None, &[]).await;
    assert!(matches!(by_hand, Err(StoreError::Kept(_))), "{by_hand:?}");
    let by_list = batch(&[("person_no", &["p5"])]);
    assert!(matches!(change.load(numbers, &by_list, Duplicates::Refuse).await, Err(StoreError::Kept(_))));
    change.remove(person, first.id, first.version).await.unwrap();
    change.commit().await.unwrap();
    assert_eq!(keep(&store).await, Some(2));
    assert_eq!(shared(&store).await, [of("p3", true), of("p4", true)]);
    load_all(&store, "person", &people(&["1", "3", "2", "1", ""]), Duplicates::Update).await;
    assert_eq!(keep(&store).await, Some(2));
    assert_eq!(shared(&store).await, [of("p1", true), of("p4", true)]);
    assert_eq!(store.changed_parts("numbers", end).await.unwrap().len(), 1);
    store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_dropped_holds_nobody_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = super::open(folder.path()).await;
    drop(store.change(&Scope::everything(), &Actor::console("test"), "never done", 1).await.unwrap());
    let run = bangfu_store::runs::Run { id: "1".to_owned(), state: "running".to_owned(), ..Default::default() };
    store.record_run(&run, &[]).await.unwrap();
    drop(store.change(&Scope::everything(), &Actor::console("test"), "never done either", 1).await.unwrap());
    store.fail_interrupted_runs().await.unwrap();
    drop(store.change(&Scope::everything(), &Actor::console("test"), "nor this", 1).await.unwrap());
    assert_eq!(store.runs().await.unwrap()[0].state, "failed");
}
