//! What is kept of records: their history, removed ones, files, queries with names.

use axum::http::{StatusCode, header};

use super::desk::{Desk, book};
use super::registers::form;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A person's file, whom nothing belongs to.
async fn person(desk: &Desk) -> String {
    let village = desk.village().await;
    let number = "1504219999999999";
    let mut household = form(&desk.page(&format!("/registry/household/new?division={village}")).await);
    household.insert("v.household_no".to_owned(), number.to_owned());
    let answer = desk.post("/registry/household/new", &household.into_iter().collect::<Vec<_>>()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let mut person = form(&desk.page(&format!("/registry/person/new?owner={number}")).await);
    person.insert("v.person_no".to_owned(), format!("{number}01"));
    person.insert("v.name".to_owned(), "乌云其其格".to_owned());
    person.insert("v.id_number".to_owned(), "159900198001010013".to_owned());
    let answer = desk.post("/registry/person/new", &person.into_iter().collect::<Vec<_>>()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    format!("/registry/person/{number}01")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_shown_undone_and_a_removed_record_restored() {
    let desk = Desk::empty().await;
    let file = person(&desk).await;
    let mut typed = form(&desk.page(&format!("{file}/edit")).await);
    typed.insert("v.name".to_owned(), "高娃".to_owned());
    typed.insert("v.id_number".to_owned(), "159900195001010014".to_owned());
    typed.insert("reason".to_owned(), "wrong person".to_owned());
    let wrong = desk.post(&format!("{file}/edit"), &typed.clone().into_iter().collect::<Vec<_>>()).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "the check digit is wrong");
    typed.insert("v.id_number".to_owned(), String::new());
    let answer = desk.post(&format!("{file}/edit"), &typed.into_iter().collect::<Vec<_>>()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let history = desk.page(&format!("{file}/history")).await;
    assert!(
        history.contains("乌云其其格") && history.contains("<strong>高娃</strong>") && history.contains("wrong person")
    );
    let undo = form(&history);
    let (seq, version) = (undo["seq"].as_str(), undo["version"].as_str());
    let no_reason = desk.post(&format!("{file}/undo"), &pairs(&[("seq", seq), ("version", version)])).await;
    assert_eq!(no_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    let old = desk.post(&format!("{file}/undo"), &pairs(&[("seq", seq), ("version", "1"), ("reason", "x")])).await;
    assert_eq!(old.status, StatusCode::CONFLICT);
    let sent = pairs(&[("seq", seq), ("version", version), ("reason", "it was right before")]);
    assert_eq!(desk.post(&format!("{file}/undo"), &sent).await.status, StatusCode::SEE_OTHER);
    let page = desk.page(&file).await;
    assert!(page.contains("乌云其其格") && !page.contains("Person · 高娃"));
    let history = desk.page(&format!("{file}/history")).await;
    assert!(history.contains("undone") && history.contains("it was right before"));
    assert!(!history.contains("159900198001010013"), "secret values are not shown");
    // Away and back, with what nobody sees.
    let asked = desk.page(&format!("{file}/remove")).await;
    let version = form(&asked)["version"].clone();
    let removed = desk.post(&format!("{file}/remove"), &pairs(&[("version", &version), ("reason", "twice")])).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER, "{}", removed.text);
    assert_eq!(desk.get(&file).await.status, StatusCode::NOT_FOUND);
    let list = desk.page("/registry/person/removed").await;
    let gone = list.split("href=\"/registry/person/~").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let gone = format!("/registry/person/~{gone}");
    assert!(list.contains("乌云其其格") && list.contains("twice"));
    assert!(desk.page(&format!("{gone}/history")).await.contains("This record was removed."));
    let back = desk.post(&format!("{gone}/restore"), &pairs(&[("reason", "it was another")])).await;
    assert_eq!(back.headers[header::LOCATION], format!("{file}?saved=restored"));
    assert!(!desk.page("/registry/person/removed").await.contains("乌云其其格"));
    assert!(desk.page(&format!("{file}/edit")).await.contains("placeholder=\"1599************13\""));
    let again = desk.post(&format!("{gone}/restore"), &pairs(&[("reason", "again")])).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    desk.store.verify_journal().await.unwrap();
}

/// A picture of some size, as PNG.
pub(crate) fn png(side: u32) -> Vec<u8> {
    // Stored, not compressed: a signature, a header, grey lines.
    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let body = [kind, data].concat();
        let mut crc = u32::MAX;
        for byte in &body {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            }
        }
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], &body, &(!crc).to_be_bytes()].concat()
    }
    let line = vec![0; side as usize + 1];
    let raw = line.repeat(side as usize);
    let mut zlib = vec![0x78, 0x01];
    for (n, part) in raw.chunks(60_000).enumerate() {
        let length = u16::try_from(part.len()).unwrap();
        zlib.push(u8::from((n + 1) * 60_000 >= raw.len()));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(part);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &raw {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    zlib.extend((b << 16 | a).to_be_bytes());
    let size = side.to_be_bytes();
    let head = [&size[..], &size[..], &[8, 0, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &head), chunk(b"IDAT", &zlib), chunk(b"IEND", &[])].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_taken_by_what_they_hold() {
    let desk = Desk::empty().await;
    let file = person(&desk).await;
    let list = book(&["a".to_owned()], Vec::new());
    let photo = png(600);
    let good: [(&str, &[u8], &str); 4] = [
        ("证明.pdf", b"%PDF-1.4 x", "application/pdf"),
        ("photo.exe", &photo, "image/png"),
        ("list", &list, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("注.txt", "贫困户\n".as_bytes(), "text/plain"),
    ];
    for (name, bytes, media) in good {
        let sent = desk.upload(&format!("{file}/files"), name, bytes, &[("reason", "evidence")]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{name}: {}", sent.text);
        let page = desk.page(&file).await;
        let id =
            page.rsplit("/files/").find_map(|part| part.split(['"', '?', '/']).next()?.parse::<i64>().ok()).unwrap();
        let back = desk.get(&format!("{file}/files/{id}")).await;
        assert_eq!((back.bytes.as_slice(), &back.headers[header::CONTENT_TYPE]), (bytes, &media.parse().unwrap()));
        let name = back.headers[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert!(name.starts_with("attachment; filename=\"") && name.contains("filename*=UTF-8''"), "{name}");
        assert_eq!(back.headers["x-content-type-options"], "nosniff");
        let small = desk.get(&format!("{file}/files/{id}/small")).await;
        assert_eq!(small.status == StatusCode::OK, media.starts_with("image/"), "{name}");
        assert!(small.status != StatusCode::OK || small.bytes.starts_with(&[0xff, 0xd8]) && small.bytes.len() < 10_000);
    }
    let mut bomb = photo.clone();
    bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let large = vec![b'x'; (20 << 20) + 1];
    let bad: [(&str, &[u8], StatusCode); 6] = [
        ("page.pdf", b"\x00\x01<html>", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("old.xlsx", b"PK\x03\x04 but no archive", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("empty.txt", b"", StatusCode::UNPROCESSABLE_ENTITY),
        ("half.png", &photo[..100], StatusCode::UNPROCESSABLE_ENTITY),
        ("bomb.png", &bomb, StatusCode::UNPROCESSABLE_ENTITY),
        ("large.txt", &large, StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (name, bytes, status) in bad {
        let sent = desk.upload(&format!("{file}/files"), name, bytes, &[]).await;
        assert_eq!(sent.status, status, "{name}: {}", sent.text);
    }
    let kept = || walk(&desk.folder.path().join("files"));
    assert_eq!(kept(), 5, "four files and a small picture; nothing is left of what was refused");
    let history = desk.page(&format!("{file}/history")).await;
    assert!(history.contains("证明.pdf") && history.contains("evidence"));
    let page = desk.page(&file).await;
    let id = page.split("/files/").nth(1).unwrap().split(['"', '?', '/']).next().unwrap();
    let no_reason = desk.post(&format!("{file}/files/{id}/remove"), &[]).await;
    assert_eq!(no_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    let removed = desk.post(&format!("{file}/files/{id}/remove"), &pairs(&[("reason", "wrong paper")])).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    assert_eq!(kept(), 4);
    assert_eq!(desk.get(&format!("{file}/files/{id}")).await.status, StatusCode::NOT_FOUND);
    assert!(desk.page(&format!("{file}/history")).await.contains("wrong paper"));
    desk.store.verify_journal().await.unwrap();
}

/// Files below a folder.
fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_with_a_name_is_there_for_everyone_until_it_is_forgotten() {
    let desk = Desk::empty().await;
    let list = "/registry/household";
    assert!(!desk.page(list).await.contains("Save query"), "there is no filter to save");
    let page = desk.page(&format!("{list}?f.kind=01&q=wang&page=1&limit=20")).await;
    let query = page.split("name=\"query\" value=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert_eq!(query, "f.kind=01&q=wang");
    let saved = desk.post(&format!("{list}/queries"), &pairs(&[("name", "王姓"), ("query", &query)])).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let page = desk.page(list).await;
    assert!(page.contains("王姓") && page.contains("f.kind=01&amp;q=wang"), "{page}");
    let bad = desk.post(&format!("{list}/queries"), &pairs(&[("name", "x"), ("query", "f.kind=nonsense")])).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    let forget = page.split("/queries/").nth(1).unwrap().split('/').next().unwrap();
    let answer = desk.post(&format!("{list}/queries/{forget}/remove"), &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(!desk.page(list).await.contains("王姓"));
    desk.store.verify_journal().await.unwrap();
}
