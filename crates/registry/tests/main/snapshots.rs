//! Snapshots of the registry: only what changed is written again, and everything under another pack.

use std::sync::Arc;

use bangfu_policy::{SourceFile, load};
use bangfu_registry::home::Home;
use bangfu_registry::{packs, snapshots};
use bangfu_rules::snapshot::Manifest;

use crate::lists::List;
use crate::registry::{How, Registry, pack_folder};

async fn refresh(home: &Home) -> (usize, u64) {
    let refreshed = snapshots::refresh(home, "now", &mut |_, _| {}).await.unwrap();
    let manifest = Manifest::read(&home.snapshot()).unwrap().unwrap();
    assert_eq!(manifest.pack_hash, home.pack.hash);
    (refreshed.files, manifest.registers.get("household").map_or(0, |entry| entry.rows))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_written_again_where_records_changed_and_whole_under_another_pack() {
    let registry = Registry::new(&["150430", "150421"]).await;
    let path = registry.file("list.csv", &List::sample().csv());
    registry.import("national-2022", &path, How::default()).await;
    let (all, rows) = refresh(&registry.home).await;
    assert!(all > 5 && rows == 4, "{all} files, {rows} households");
    assert_eq!(refresh(&registry.home).await, (0, 4));
    let mut list = List::sample();
    list.set(0, "务工时间(月)", "7");
    let path = registry.file("next.csv", &list.csv());
    registry.import("national-2022", &path, How { update: true, ..How::default() }).await;
    assert_eq!(refresh(&registry.home).await, (1, 4), "one register of one banner");
    let mut files = packs::read_folder(&pack_folder()).unwrap();
    files.push(SourceFile { path: "own/more.yaml".to_owned(), text: "# A pack with one more file\n".to_owned() });
    let pack = Arc::new(load(&files).unwrap());
    let other = Home::open(&registry.home.folder, pack, &pack_folder()).await.unwrap();
    assert_eq!(refresh(&other).await, (all, 4));
}
