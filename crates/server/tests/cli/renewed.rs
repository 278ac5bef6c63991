//! A site that is up shows the runs that the program makes beside it.

use std::sync::Arc;

use bangfu_server::site::{Shared, Site, Sources, run};

use super::{answer, filled, open, pack_folder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_shows_each_new_run_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    filled(data, &["152921"], 0.05).await;
    let home = open(data).await;
    let sources = Sources { data: data.to_owned(), pack_folder: pack_folder(), ..Sources::default() };
    let site = Site::open(Arc::clone(&home.pack), home.store.clone(), &sources).await.unwrap();
    let site = Shared::new(site).unwrap();
    let shown = || site.seen_by(Arc::clone(&site.who));
    assert!(!run::renew(&site).await.unwrap() && shown().results.is_none(), "there is no run yet");
    for (day, as_of) in [("2016-12-31", 17_166), ("2020-06-30", 18_443)] {
        answer(data, &["determine", "--as-of", day, "--format", "json"]);
        assert!(run::renew(&site).await.unwrap(), "{day}");
        let now = shown();
        assert_eq!((now.as_of(), now.snapshot.is_some()), (as_of, true));
        assert!(!run::renew(&site).await.unwrap(), "it is shown already");
    }
    // Results that cannot be read leave the last ones in place.
    answer(data, &["determine", "--as-of", "2021-06-30", "--format", "json"]);
    let runs = home.store.runs().await.unwrap();
    std::fs::remove_file(home.results(&runs[0].id).join("summary.json")).unwrap();
    assert!(run::renew(&site).await.is_err() && shown().as_of() == 18_443);
}
