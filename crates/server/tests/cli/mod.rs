//! The program itself: its answers, and what is left of it when it is killed.

mod killed;
mod messages;
mod renewed;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use bangfu_registry::home::Home;

use super::site::fixture::{fill, pack_folder};

/// The program with arguments; `{pack}` and `{data}` stand for the folders.
fn program(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bangfu"));
    command.args(arguments).arg("--policy").arg(pack_folder()).arg("--data").arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("RUST_BACKTRACE", "0");
    command
}

/// Runs the program to its end.
fn run(data: &Path, arguments: &[&str]) -> Output {
    program(data, arguments).output().unwrap()
}

/// Runs the program, which must succeed; what it prints.
fn answer(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Opens a registry, or makes it.
async fn open(data: &Path) -> Home {
    let pack = Arc::new(bangfu_registry::packs::read(&pack_folder()).unwrap());
    Home::open(data, pack, &pack_folder()).await.unwrap()
}

/// A registry with the people of some banners.
async fn filled(data: &Path, banners: &[&str], scale: f64) {
    let home = open(data).await;
    fill(&home.store, &home.pack, banners, scale).await;
    home.store.close().await.unwrap();
}

/// Keys of all households.
async fn households(data: &Path) -> Vec<String> {
    let home = open(data).await;
    let register = home.pack.register("household").unwrap();
    let reader = home.store.reader(&bangfu_registry::store::Scope::everything());
    let query = bangfu_registry::store::ListQuery { limit: 100_000, ..Default::default() };
    let records = reader.list(register, &query).await.unwrap().records;
    let key = usize::from(home.pack.registers[register.index()].key.unwrap());
    let text = |value: &Option<bangfu_policy::model::Value>| match value {
        Some(bangfu_policy::model::Value::Text(text)) => text.clone(),
        other => panic!("no key: {other:?}"),
    };
    records.iter().map(|record| text(&record.values[key])).collect()
}
