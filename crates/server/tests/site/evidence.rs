//! Papers and photos of a case: brought by whoever has it in hand, seen by those who see it, gone with a reason only.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bangfu_registry::casework::flow::Act;
use bangfu_registry::casework::proposal::{Grounds, Subject};

use super::cases::{Person, another_village, papers};
use super::fixture::{get, now, open, send, session_at, signed_in_as};
use super::keeping::png;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_has_its_papers() {
    let site = open().await;
    let (village, all) = another_village(&site).await;
    let subject = Subject::Record(all[all.len() - 3].clone());
    let clerk = Person::named(&site, "village_clerk", &village).await;
    let id = clerk.desk(now()).open("household_exit", &subject, Grounds::default()).await;
    let id = id.or_else(|error| match error {
        bangfu_registry::casework::acts::NotDone::Store(bangfu_registry::store::StoreError::CaseMoved(id)) => Ok(id),
        error => Err(error),
    });
    let id = id.unwrap();
    let role = |id: &str| site.pack.roles.iter().find(|role| role.id == id).unwrap();
    let own = session_at(&site, role("village_clerk"), &village).await;
    let township = session_at(&site, role("township_officer"), &village[..9]).await;
    let far =
        session_at(&site, role("banner_office"), if village.starts_with("150421") { "150981" } else { "150421" }).await;
    let store = site.store.clone();
    let router = signed_in_as(site, own.clone());
    let cookie = |session: &str| format!("lang=en; session={session}");
    let upload = async |session: &str, name: &str, bytes: &[u8]| {
        let mut body =
            format!("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n").into_bytes();
        body.extend(bytes);
        body.extend(b"\r\n--b--\r\n");
        let request = Request::post(format!("/cases/{id}/files"))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
            .header(header::COOKIE, cookie(session));
        send(&router, request.body(Body::from(body)).unwrap()).await
    };
    let photo = png(400);
    let sent = upload(&own, "board.png", &photo).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    // The step is not the township's: it looks, and brings nothing.
    assert_eq!(upload(&township, "more.txt", b"text").await.status, StatusCode::FORBIDDEN);
    assert_eq!(upload(&far, "more.txt", b"text").await.status, StatusCode::NOT_FOUND);
    let page = get(&router, &format!("/cases/{id}"), &cookie(&township)).await.text;
    let file = page.split(&format!("/cases/{id}/files/")).nth(1).expect("the photo stands on the page");
    let file = format!("/cases/{id}/files/{}", file.split(['"', '/', '?']).next().unwrap());
    assert!(page.contains(&format!("{file}/small")) && !page.contains(&format!("{file}/remove")), "{page}");
    assert_eq!(get(&router, &file, &cookie(&township)).await.bytes, photo);
    assert!(get(&router, &format!("{file}/small"), &cookie(&township)).await.bytes.starts_with(&[0xff, 0xd8]));
    for address in [file.clone(), format!("{file}/small")] {
        assert_eq!(get(&router, &address, &cookie(&far)).await.status, StatusCode::NOT_FOUND);
    }
    let remove = async |session: &str, reason: &str| {
        let request = Request::post(format!("{file}/remove"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, cookie(session));
        send(&router, request.body(Body::from(format!("reason={reason}"))).unwrap()).await.status
    };
    assert_eq!(remove(&township, "mine").await, StatusCode::FORBIDDEN);
    assert_eq!(remove(&own, "").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(remove(&own, "blurred").await, StatusCode::SEE_OTHER);
    assert_eq!(get(&router, &file, &cookie(&own)).await.status, StatusCode::NOT_FOUND);
    // What is closed stays as it is.
    assert_eq!(upload(&own, "note.txt", "会议记录".as_bytes()).await.status, StatusCode::SEE_OTHER);
    let case = store.reader(&bangfu_registry::store::Scope::everything()).case(id).await.unwrap().unwrap();
    clerk.desk(now()).act(id, case.version, Act::Withdraw, &papers(0), None).await.unwrap();
    assert_eq!(upload(&own, "late.txt", b"late").await.status, StatusCode::FORBIDDEN);
    let page = get(&router, &format!("/cases/{id}"), &cookie(&own)).await.text;
    assert!(page.contains("note.txt") && !page.contains("/remove\""), "{page}");
    store.verify_journal().await.unwrap();
}
