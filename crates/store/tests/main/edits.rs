//! Single records: added, changed, removed, brought back, undone; their files and saved queries.

use bangfu_policy::model::Value;
use bangfu_store::{Actor, Bearer, Change, Duplicates, ListQuery, NewFile, Owner, RecordId, Scope, Store, StoreError};

use super::{batch, households, load_all, open, register};

#[expect(clippy::unnecessary_wraps, reason = "values of changes may be missing")]
fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

async fn change(store: &Store, at: i64) -> Change {
    store.change(&Scope::everything(), &Actor::console("clerk"), "because", at).await.unwrap()
}

/// A household with a person.
async fn family(store: &Store) -> (RecordId, RecordId) {
    let (household, person) = (register(store, "household"), register(store, "person"));
    let mut all = change(store, 1).await;
    let place = Owner::Division("1101".to_owned());
    let values = [(0, text("h1")), (1, text("巴特尔")), (2, text("13800000000"))];
    let above = all.insert(household, &place, None, &values).await.unwrap();
    let below = all.insert(person, &Owner::Record(above), None, &[(0, text("p1"))]).await.unwrap();
    all.commit().await.unwrap();
    (above, below)
}

async fn with_divisions(folder: &std::path::Path) -> Store {
    let store = open(folder).await;
    let division = |code: &str| bangfu_store::divisions::Division {
        code: code.to_owned(),
        name: code.to_owned(),
        name_en: String::new(),
        level: 2,
    };
    let mut all = change(&store, 0).await;
    all.divisions(&["1101", "1201"].map(division)).await.unwrap();
    all.commit().await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_added_where_they_belong_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_divisions(folder.path()).await;
    let (above, _) = family(&store).await;
    let (household, person) = (register(&store, "household"), register(&store, "person"));
    let found = store.reader(&Scope::everything()).by_id(person, RecordId(1)).await.unwrap().unwrap();
    assert_eq!((found.parent, found.division.as_str(), found.version), (Some(above), "1101", 1));
    let mut all = change(&store, 2).await;
    let place = Owner::Division("1101".to_owned());
    let again = all.insert(household, &place, None, &[(0, text("h1"))]).await;
    let Err(StoreError::Taken { fields, .. }) = again else { panic!("{again:?}") };
    assert_eq!(fields, ["household_no"]);
    for (owner, register) in [
        (Owner::Division("1109".to_owned()), household),
        (Owner::Division("11".to_owned()), household),
        (Owner::Record(RecordId(99)), person),
        (place, person),
    ] {
        let refused = all.insert(register, &owner, None, &[(0, text("x"))]).await;
        assert!(matches!(refused, Err(StoreError::Absent(_))), "{owner:?}: {refused:?}");
    }
    all.roll_back().await.unwrap();
    let mut narrow = store.change(&Scope::division("12"), &Actor::console("clerk"), "because", 3).await.unwrap();
    for refused in [
        narrow.insert(household, &Owner::Division("1101".to_owned()), None, &[(0, text("h2"))]).await.map(drop),
        narrow.update(household, above, 1, &[(1, None)]).await,
        narrow.remove(household, above, 1).await,
    ] {
        assert!(matches!(refused, Err(StoreError::Scope { .. })), "{refused:?}");
    }
    narrow.roll_back().await.unwrap();
    assert_eq!(store.verify_journal().await.unwrap(), 3, "divisions, household, person");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_comes_back_with_its_secrets_under_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_divisions(folder.path()).await;
    let (above, below) = family(&store).await;
    let (household, person) = (register(&store, "household"), register(&store, "person"));
    let mut all = change(&store, 2).await;
    let held = all.remove(household, above, 1).await;
    assert!(matches!(&held, Err(StoreError::Holds(below)) if below == "person"), "{held:?}");
    let old = all.remove(person, below, 2).await;
    assert!(matches!(old, Err(StoreError::Version { found: 1, given: 2 })));
    all.remove(person, below, 1).await.unwrap();
    all.remove(household, above, 1).await.unwrap();
    all.commit().await.unwrap();
    let reader = store.reader(&Scope::everything());
    let (gone, total) = reader.removed(household, Some("11"), (0, 10)).await.unwrap();
    assert_eq!((gone[0].record, total), (Some(above.0), 1));
    assert!(!gone[0].body.contains("13800000000") && gone[0].body.contains("sealed"), "{}", gone[0].body);
    assert_eq!(store.reader(&Scope::division("12")).removed(household, None, (0, 10)).await.unwrap().1, 0);
    assert!(store.reader(&Scope::division("12")).told(household, above).await.unwrap().is_empty());
    // A new record does not get the id of a removed one, neither alone nor in a list.
    assert_eq!(load_all(&store, "household", &households(2, "1101"), Duplicates::Refuse).await.inserted, 2);
    let page = reader.list(household, &ListQuery::default()).await.unwrap();
    assert_eq!(page.records.iter().map(|record| record.id.0).collect::<Vec<_>>(), [above.0 + 1, above.0 + 2]);
    let mut all = change(&store, 3).await;
    let orphan = all.restore(person, below).await;
    assert!(matches!(orphan, Err(StoreError::Absent(_))), "its household is gone: {orphan:?}");
    all.restore(household, above).await.unwrap();
    all.restore(person, below).await.unwrap();
    let twice = all.restore(person, below).await;
    assert!(matches!(twice, Err(StoreError::Absent(_))), "{twice:?}");
    let next = all.insert(person, &Owner::Record(above), None, &[(0, text("p2"))]).await.unwrap();
    assert!(next > below);
    all.commit().await.unwrap();
    let open_scope = Scope { unmask: true, ..Scope::everything() };
    let back = store.reader(&open_scope).by_id(household, above).await.unwrap().unwrap();
    assert_eq!(back.values, [text("h1"), text("巴特尔"), text("13800000000")]);
    let found = ListQuery { search: Some("巴特尔".to_owned()), ..ListQuery::default() };
    assert_eq!(reader.count(household, &found).await.unwrap(), 1);
    assert_eq!(reader.removed(household, None, (0, 10)).await.unwrap().1, 0);
    let told = reader.told(household, above).await.unwrap();
    assert_eq!(told.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["restore", "remove", "insert"]);
    store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_undone_by_another_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_divisions(folder.path()).await;
    let (above, _) = family(&store).await;
    let household = register(&store, "household");
    let mut all = change(&store, 2).await;
    all.update(household, above, 1, &[(1, None), (2, text("13900000000"))]).await.unwrap();
    let seq = all.commit().await.unwrap().0;
    let mut all = change(&store, 3).await;
    let old = all.undo(household, above, 1, seq).await;
    assert!(matches!(old, Err(StoreError::Version { .. })));
    let none = all.undo(household, above, 2, 1).await;
    assert!(matches!(none, Err(StoreError::Absent(_))), "that entry is about something else");
    all.undo(household, above, 2, seq).await.unwrap();
    all.commit().await.unwrap();
    let open_scope = Scope { unmask: true, ..Scope::everything() };
    let back = store.reader(&open_scope).by_id(household, above).await.unwrap().unwrap();
    assert_eq!((back.version, back.values), (3, vec![text("h1"), text("巴特尔"), text("13800000000")]));
    let told = store.reader(&Scope::everything()).told(household, above).await.unwrap();
    assert!(told[0].body.contains(&format!("\"undoes\":{seq}")), "{}", told[0].body);
    store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_a_list_changes_have_entries_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_divisions(folder.path()).await;
    load_all(&store, "household", &households(3, "1101"), Duplicates::Refuse).await;
    let numbers = ["1101000000", "1101000001", "1101000007"];
    let rows = batch(&[("division", &["1101"; 3]), ("household_no", &numbers), ("name", &["乌云其其格0", "新", "新"])]);
    let report = load_all(&store, "household", &rows, Duplicates::Update).await;
    use bangfu_store::Outcome::{Inserted, Unchanged, Updated};
    assert_eq!(report.outcomes, [Unchanged, Updated, Inserted]);
    assert_eq!((report.changed[0].row, report.changed[0].record), (1, RecordId(2)));
    let reader = store.reader(&Scope::everything());
    let told = reader.told(register(&store, "household"), RecordId(2)).await.unwrap();
    assert_eq!(told[0].body, r#"{"before":{"name":"乌云其其格1"},"after":{"name":"新"}}"#);
    // A list without a required column changes records, and makes none.
    let rows = batch(&[("household_no", &["1101000000"]), ("sex", &["1"])]);
    let report = load_all(&store, "person", &rows, Duplicates::Update).await;
    assert_eq!((report.refused[0].rule, report.refused[0].fields.clone()), ("required", vec![0]));
    store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_answers_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_divisions(folder.path()).await;
    let day = 86_400_000;
    let mut all = change(&store, day).await;
    assert_eq!(all.answered("k").await.unwrap(), None);
    all.answer("k", b"request", RecordId(7)).await.unwrap();
    all.commit().await.unwrap();
    let mut all = change(&store, 7 * day).await;
    assert_eq!(all.answered("k").await.unwrap(), Some((b"request".to_vec(), RecordId(7))));
    all.commit().await.unwrap();
    let mut all = change(&store, 9 * day).await;
    assert_eq!(all.answered("k").await.unwrap(), None, "after a week it is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_saved_queries_are_journalled() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_divisions(folder.path()).await;
    let (above, _) = family(&store).await;
    let household = register(&store, "household");
    let file = |hash: &str| NewFile {
        hash: hash.to_owned(),
        name: "照片.jpg".to_owned(),
        media: "image/jpeg".to_owned(),
        size: 5,
    };
    let mut all = change(&store, 2).await;
    let first = all.attach(Bearer::Record(household, above), &file("aa"), 2).await.unwrap();
    let second = all.attach(Bearer::Record(household, above), &file("aa"), 2).await.unwrap();
    let full = all.attach(Bearer::Record(household, above), &file("bb"), 2).await;
    assert!(matches!(full, Err(StoreError::Full(2))), "{full:?}");
    assert!(matches!(
        all.attach(Bearer::Record(household, RecordId(99)), &file("bb"), 2).await,
        Err(StoreError::Absent(_))
    ));
    assert_eq!(
        all.detach(Bearer::Record(household, above), first).await.unwrap(),
        ("aa".to_owned(), true),
        "the other has them too"
    );
    assert_eq!(all.detach(Bearer::Record(household, above), second).await.unwrap(), ("aa".to_owned(), false));
    all.attach(Bearer::Record(household, above), &file("cc"), 2).await.unwrap();
    all.save_query(household, "新", "f.name=x").await.unwrap();
    all.save_query(household, "新", "f.name=y").await.unwrap();
    all.commit().await.unwrap();
    let reader = store.reader(&Scope::everything());
    let files = reader.attachments(Bearer::Record(household, above)).await.unwrap();
    assert_eq!(
        files.iter().map(|file| (file.hash.as_str(), file.actor.as_str())).collect::<Vec<_>>(),
        [("cc", "console:clerk")]
    );
    assert!(
        store.reader(&Scope::division("12")).attachments(Bearer::Record(household, above)).await.unwrap().is_empty()
    );
    let told = reader.told(household, above).await.unwrap();
    let actions: Vec<_> = told.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["attach", "detach", "detach", "attach", "attach", "insert"]);
    let saved = reader.saved_queries(household).await.unwrap();
    assert_eq!(saved.iter().map(|saved| saved.query.as_str()).collect::<Vec<_>>(), ["f.name=y"]);
    let mut all = change(&store, 3).await;
    all.forget_query(household, saved[0].id).await.unwrap();
    assert!(matches!(all.forget_query(household, saved[0].id).await, Err(StoreError::Absent(_))));
    all.commit().await.unwrap();
    assert!(reader.saved_queries(household).await.unwrap().is_empty());
    store.verify_journal().await.unwrap();
}
