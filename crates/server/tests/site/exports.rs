//! Files to take away, of every register of the pack: Parquet and data packages hold what the lists hold.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use axum::http::{StatusCode, header};
use bangfu_policy::model::RegisterId;
use bangfu_rules::needs::Needs;
use serde_json::Value as Json;

use super::fixture::{everything, get, registry, router, signed_in, still};

/// Files of an archive by path.
fn unpack(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for n in 0..archive.len() {
        let mut file = archive.by_index(n).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.insert(name, text);
    }
    files
}

/// A resource as read: rows by column.
type Rows = Vec<BTreeMap<String, String>>;

fn rows(text: &str) -> Rows {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let row = |record: csv::StringRecord| names.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Whether a text is a value of a Table Schema type.
fn fits(ty: &str, text: &str) -> bool {
    match ty {
        "integer" => text.parse::<i64>().is_ok(),
        "year" => text.len() == 4 && text.parse::<u16>().is_ok(),
        "number" => text.parse::<f64>().is_ok(),
        "date" => text.len() == 10 && text.parse::<u8>().is_err() && text.split('-').count() == 3,
        "boolean" => matches!(text, "true" | "false"),
        _ => ty == "string",
    }
}

/// Checks a package against its own description; rows of each resource.
fn checked(bytes: &[u8]) -> BTreeMap<String, usize> {
    let files = unpack(bytes);
    let described: Json = serde_json::from_str(&files["datapackage.json"]).unwrap();
    let resources = described["resources"].as_array().unwrap();
    assert_eq!(files.len(), resources.len() + 1, "every file is described");
    let name = |resource: &Json| resource["name"].as_str().unwrap().to_owned();
    let read: BTreeMap<String, Rows> =
        resources.iter().map(|r| (name(r), rows(&files[r["path"].as_str().unwrap()]))).collect();
    for resource in resources {
        let schema = &resource["schema"];
        let own = &read[&name(resource)];
        let header: Vec<&str> =
            files[resource["path"].as_str().unwrap()].lines().next().unwrap().trim_end().split(',').collect();
        let fields = schema["fields"].as_array().unwrap();
        assert_eq!(header, fields.iter().map(|f| f["name"].as_str().unwrap()).collect::<Vec<_>>());
        for field in fields {
            let column = field["name"].as_str().unwrap();
            let allowed: Option<BTreeSet<&str>> = field["constraints"]["enum"]
                .as_array()
                .map(|list| list.iter().map(|code| code.as_str().unwrap()).collect());
            for text in own.iter().map(|row| row[column].as_str()).filter(|text| !text.is_empty()) {
                assert!(fits(field["type"].as_str().unwrap(), text), "{}.{column}: {text}", name(resource));
                assert!(allowed.as_ref().is_none_or(|codes| codes.contains(text)), "{column}: {text}");
            }
        }
        let names = |list: &Json| -> Vec<String> {
            list.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let key = names(&schema["primaryKey"]);
        let keys: BTreeSet<Vec<&str>> =
            own.iter().map(|row| key.iter().map(|column| row[column].as_str()).collect()).collect();
        assert!(key.is_empty() || keys.len() == own.len(), "{}: the primary key is unique", name(resource));
        for foreign in schema["foreignKeys"].as_array().into_iter().flatten() {
            let column = foreign["fields"][0].as_str().unwrap();
            let to = foreign["reference"]["resource"].as_str().unwrap();
            let there = if to.is_empty() { own } else { &read[to] };
            let key = foreign["reference"]["fields"][0].as_str().unwrap();
            let known: BTreeSet<&str> = there.iter().map(|row| row[key].as_str()).collect();
            for text in own.iter().map(|row| row[column].as_str()).filter(|text| !text.is_empty()) {
                assert!(known.contains(text), "{}.{column}: {text} is not in {to}.{key}", name(resource));
            }
        }
    }
    read.into_iter().map(|(name, rows)| (name, rows.len())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_package_of_every_register_keeps_its_own_schema() {
    let site = still().await;
    let router = signed_in(still().await).await;
    for (n, register) in registry().await.pack.registers.iter().enumerate() {
        let address = format!("/registry/{}/export.zip?division=150421", register.id);
        let answer = get(&router, &address, "lang=en").await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert_eq!(answer.headers.get(header::CONTENT_TYPE).unwrap(), "application/zip");
        let counts = checked(&answer.bytes);
        let count = everything(&site).count(RegisterId(n as u16), "150421").await.unwrap();
        assert_eq!(counts[&register.id] as u64, count, "{}", register.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filtered_package_holds_only_what_belongs_to_the_records_found() {
    let router = signed_in(still().await).await;
    let all = checked(&get(&router, "/registry/household/export.zip?division=150421", "").await.bytes);
    let some = checked(&get(&router, "/registry/household/export.zip?division=150421&f.kind=01", "").await.bytes);
    assert!(some["household"] > 0 && some["household"] < all["household"]);
    assert!(some["person"] > 0 && some["person"] < all["person"]);
    // Every child names a parent that is there: the foreign keys were checked above.
    let whole = checked(&get(&router, "/registry/export.zip", "").await.bytes);
    assert!(whole["household"] > all["household"]);
    assert_eq!(whole.len(), registry().await.pack.registers.len() + 1);
    let described = get(&router, "/registry/datapackage.json", "lang=en").await;
    let described: Json = serde_json::from_str(&described.text).unwrap();
    assert_eq!(described["resources"].as_array().unwrap().len(), whole.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parquet_of_all_registers_is_a_snapshot() {
    let site = still().await;
    let router = signed_in(still().await).await;
    let pack = &registry().await.pack;
    let folder = tempfile::tempdir().unwrap();
    let mut secret = 0;
    for register in &pack.registers {
        let answer = get(&router, &format!("/registry/{}/export.parquet", register.id), "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", register.id);
        assert_eq!(answer.headers.get(header::CONTENT_TYPE).unwrap(), "application/vnd.apache.parquet");
        assert!(answer.bytes.starts_with(b"PAR1") && answer.bytes.ends_with(b"PAR1"), "{}", register.id);
        std::fs::create_dir_all(folder.path().join(&register.id)).unwrap();
        std::fs::write(folder.path().join(&register.id).join("15.parquet"), &answer.bytes).unwrap();
        secret += register.fields.iter().filter(|field| field.secret).count();
    }
    assert!(secret > 0, "the pack has secret fields, which snapshots have not");
    let reading = bangfu_rules::snapshot::read(folder.path(), pack, &Needs::all(pack), 17_166).unwrap();
    for (n, register) in pack.registers.iter().enumerate() {
        let Some(rows) = reading.rows.get(&register.id) else { continue };
        assert_eq!(*rows, everything(&site).count(RegisterId(n as u16), "15").await.unwrap(), "{}", register.id);
    }
    assert!(reading.rows["household"] > 100);
    assert!(
        reading.warnings.iter().all(|warning| warning.count == 0 || warning.column.is_empty()),
        "{:?}",
        reading.warnings
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_field_leaves_in_an_export() {
    let router = router().await;
    let files = unpack(&get(&router, "/registry/export.zip", "").await.bytes);
    for register in &registry().await.pack.registers {
        let header = files[&format!("data/{}.csv", register.id)].lines().next().unwrap().to_owned();
        for field in register.fields.iter().filter(|field| field.secret) {
            assert!(!header.split(',').any(|name| name == field.id), "{}.{}", register.id, field.id);
        }
    }
}
