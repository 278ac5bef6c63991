//! `bangfu determine` killed with SIGKILL: the registry opens, its journal is whole, no half result is listed as a run,
//! and the next determination gives what an undisturbed one gives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bangfu_registry::store::runs::{Difference, Run};

use super::{answer, filled, households, open, program};

const BANNERS: [&str; 4] = ["150421", "150981", "150125", "152921"];
const DETERMINE: [&str; 5] = ["determine", "--as-of", "2016-12-31", "--format", "json"];

/// When the process is killed.
enum Moment {
    /// After some part of the time that an undisturbed one takes.
    Part(f64),
    /// When so many files of the snapshot are there.
    Snapshot(usize),
    /// When so many files of the unfinished results are there.
    Results(usize),
    /// When the results have got their name.
    Named,
}

/// Files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Folders of results: name, and whether it is the name of unfinished ones.
fn results(data: &Path) -> Vec<(PathBuf, bool)> {
    let listed = std::fs::read_dir(data.join("runs")).into_iter().flatten().flatten();
    listed.map(|entry| (entry.path(), entry.path().extension().is_some_and(|ending| ending == "new"))).collect()
}

/// The content of a result folder without what depends on time.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    let mut content: BTreeMap<String, Vec<u8>> =
        files(folder).iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect();
    let summary = content.remove("summary.json").expect("a result folder has a summary");
    let mut summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    summary.as_object_mut().unwrap().remove("timings_ms");
    content.insert("summary.json".to_owned(), summary.to_string().into_bytes());
    assert!(content.len() > 5, "{:?}", content.keys());
    content
}

/// Copies a registry that was closed and has no snapshot yet.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["registry.sqlite", "secret.keys"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// Starts a determination and kills it; whether it was killed before its end.
fn kill(data: &Path, moment: &Moment, undisturbed: Duration) -> bool {
    let named = || results(data).iter().filter(|(_, unfinished)| !unfinished).count();
    let known = named();
    // What it prints is read by no one: a full pipe would hold it back at its end.
    let mut child = program(data, &DETERMINE).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let snapshot = data.join("snapshot");
    let come = || match moment {
        Moment::Part(part) => begun.elapsed() >= undisturbed.mul_f64(*part),
        Moment::Snapshot(count) => {
            files(&snapshot).iter().filter(|path| path.extension().is_some_and(|end| end == "parquet")).count()
                >= *count
        }
        Moment::Results(count) => {
            results(data).iter().any(|(folder, unfinished)| *unfinished && files(folder).len() >= *count)
        }
        Moment::Named => named() > known,
    };
    while !come() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_mins(8), "the moment does not come");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    !status.success()
}

/// What must hold after a kill: nothing half is listed, and what was there before is as it was.
async fn whole(data: &Path, done: &[Run]) -> Vec<Run> {
    let home = open(data).await;
    assert!(home.store.verify_journal().await.unwrap() > 0);
    let runs = home.store.runs().await.unwrap();
    assert!(runs.iter().all(|run| run.state == "done" || run.state == "failed"), "{runs:?}");
    for run in runs.iter().filter(|run| run.state == "done") {
        content(&home.results(&run.id));
    }
    for run in done {
        assert!(runs.contains(run), "a run that was done is another one now: {run:?}");
    }
    runs
}

/// The last run, its content and its differences.
async fn last(data: &Path) -> (Run, BTreeMap<String, Vec<u8>>, Vec<Difference>) {
    let home = open(data).await;
    let run = home.store.runs().await.unwrap().into_iter().next().unwrap();
    assert_eq!(run.state, "done");
    let differences = home.store.differences(&run.id).await.unwrap();
    let content = content(&home.results(&run.id));
    (run, content, differences)
}

/// Every second household has another income.
fn list(data: &Path, households: &[String]) -> PathBuf {
    let path = data.with_extension("csv");
    let rows = households.iter().step_by(2).map(|key| format!("{key},2016,1\n"));
    std::fs::write(&path, format!("户编号,年度,工资性收入\n{}", rows.collect::<String>())).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_determination_that_is_killed_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let (calm, rough) = (folder.path().join("calm"), folder.path().join("rough"));
    filled(&calm, &BANNERS, 0.1).await;
    copy(&calm, &rough);

    // The first run, undisturbed, and killed again and again.
    let begun = Instant::now();
    answer(&calm, &DETERMINE);
    let undisturbed = begun.elapsed();
    let moments = [
        Moment::Part(0.02),
        Moment::Snapshot(1),
        Moment::Snapshot(15),
        Moment::Part(0.4),
        Moment::Results(1),
        Moment::Results(4),
        Moment::Part(0.9),
    ];
    let mut killed = 0;
    for moment in &moments {
        killed += usize::from(kill(&rough, moment, undisturbed));
        whole(&rough, &[]).await;
    }
    assert!(killed >= 5, "only {killed} were killed before their end");
    let runs = whole(&rough, &[]).await;
    assert!(runs.iter().any(|run| run.state == "failed" && run.summary == "interrupted"), "none began a run: {runs:?}");
    answer(&rough, &DETERMINE);
    let ((first, expected, _), (run, found, _)) = (last(&calm).await, last(&rough).await);
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, bytes) in &expected {
        assert!(found[name] == *bytes, "{name} differs from an undisturbed run");
    }
    assert_eq!((first.snapshot_hash, first.journal_seq), (run.snapshot_hash.clone(), run.journal_seq));

    // A change of the facts, and a second run: the first stays what it is, and the differences are the same.
    let keys = households(&calm).await;
    for data in [&calm, &rough] {
        let list = list(data, &keys);
        let list = list.to_str().unwrap();
        answer(data, &["import", list, "--register", "income", "--update", "--reason", "next survey"]);
    }
    answer(&calm, &DETERMINE);
    for moment in [Moment::Part(0.1), Moment::Results(2), Moment::Named, Moment::Part(0.5)] {
        kill(&rough, &moment, undisturbed);
        whole(&rough, std::slice::from_ref(&run)).await;
        if last_done(&rough).await != run.id {
            break;
        }
    }
    if last_done(&rough).await == run.id {
        answer(&rough, &DETERMINE);
    }
    let ((_, expected, changed), (again, found, differences)) = (last(&calm).await, last(&rough).await);
    assert!(expected == found, "the second run differs from an undisturbed one");
    assert!(!changed.is_empty() && changed == differences, "{changed:?} / {differences:?}");
    // Nothing is left of the runs that did not finish.
    let mut kept: Vec<String> =
        results(&rough).iter().map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    kept.sort();
    let mut done = whole(&rough, &[run.clone(), again.clone()]).await;
    done.retain(|run| run.state == "done");
    let mut done: Vec<String> = done.into_iter().map(|run| run.id).collect();
    done.sort();
    assert_eq!(kept, done);
    let said = answer(&rough, &["journal", "verify"]);
    assert!(said.starts_with("the journal is whole"), "{said}");
}

/// Id of the last run that is done.
async fn last_done(data: &Path) -> String {
    let runs = open(data).await.store.runs().await.unwrap();
    runs.into_iter().find(|run| run.state == "done").unwrap().id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_determinations_do_not_write_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    filled(&data, &BANNERS[..1], 0.01).await;
    let home = open(&data).await;
    let working = home.work().await.unwrap();
    let run = Run { id: "0".to_owned(), state: "running".to_owned(), overrides: "{}".to_owned(), ..Run::default() };
    home.store.record_run(&run, &[]).await.unwrap();
    let refused = super::run(&data, &DETERMINE);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && error.contains("another process") && error.contains("wait"), "{error}");
    let state = home.store.runs().await.unwrap()[0].state.clone();
    assert_eq!(state, "running", "who only looks does not fail a run that is under way");
    drop(working);
    answer(&data, &DETERMINE);
    let states: Vec<String> = home.store.runs().await.unwrap().into_iter().map(|run| run.state).collect();
    assert_eq!(states, ["done", "failed"]);
}
