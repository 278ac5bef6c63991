//! Records that are added, changed and removed: through the interface and by forms.

use axum::http::{StatusCode, header};
use bangfu_policy::model::{Entity, FieldType, RegisterKind};
use serde_json::{Value as Json, json};

use super::desk::Desk;
use super::registers::form;
use super::sample::Samples;

/// Fields of a new record as JSON.
fn fields(samples: &mut Samples<'_>, register: &str) -> Json {
    let register = &samples.pack.registers[samples.pack.register(register).unwrap().index()];
    let mut fields = serde_json::Map::new();
    for field in &register.fields {
        let text = samples.text(field);
        let value = bangfu_policy::value::parse(&text, field.ty, samples.pack, "en").unwrap();
        if !matches!(field.ty, FieldType::Reference(_)) {
            fields.insert(field.id.clone(), bangfu_registry::exchange::json::value(samples.pack, field, Some(&value)));
        }
    }
    Json::Object(fields)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_register_is_written_through_the_interface() {
    let desk = Desk::with_people().await;
    let pack = std::sync::Arc::clone(&desk.pack);
    let mut samples = Samples::new(&pack, &desk.village().await);
    for register in &pack.registers {
        let id = register.id.as_str();
        let base = format!("/api/v1/registers/{id}/records");
        let mut body = json!({ "reason": "test", "fields": fields(&mut samples, id) });
        if register.kept_by_system() {
            continue;
        }
        if register.fields.iter().any(|field| field.required && matches!(field.ty, FieldType::Reference(_))) {
            continue;
        }
        match register.parent {
            Entity::Level(level) => body["division"] = json!(samples.division[..pack.levels[level.index()].digits]),
            Entity::Register(above) => {
                let above = &pack.registers[above.index()].id;
                let owners = desk.json(&format!("/api/v1/registers/{above}/records?limit=1000")).await;
                let Some(owner) = owners["records"].as_array().unwrap().last() else { continue };
                body["parent"] = owner["address"].clone();
            }
        }
        match register.kind {
            RegisterKind::Yearly { .. } => body["period"] = json!(1999),
            RegisterKind::Quarterly => body["period"] = json!("1999Q2"),
            RegisterKind::Entity | RegisterKind::One => {}
        }
        let before = desk.entries().await;
        let key = format!("key-{id}");
        let mut answers = Vec::new();
        for _ in 0..2 {
            let answer = desk.call("POST", &base, &[("idempotency-key", &key)], &body).await;
            if answer.status == StatusCode::CONFLICT && register.kind == RegisterKind::One {
                // It has one already, and it stays the only one.
                assert!(answer.text.contains("/api#taken"), "{id}: {}", answer.text);
                break;
            }
            assert_eq!(answer.status, StatusCode::CREATED, "{id}: {}", answer.text);
            answers.push((answer.text, answer.headers[header::LOCATION].clone(), answer.headers[header::ETAG].clone()));
        }
        let Some((text, location, etag)) = answers.first().cloned() else { continue };
        assert_eq!(answers[0], answers[1], "{id}: the same request gives the same answer");
        assert_eq!(desk.entries().await, before + 1, "{id}: and makes one record");
        let location = location.to_str().unwrap();
        assert_eq!(desk.page(location).await, text);
        let mut other = body.clone();
        other["reason"] = json!("another");
        let answer = desk.call("POST", &base, &[("idempotency-key", &key)], &other).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{id}");
        assert!(answer.text.contains("/api#key-used"), "{}", answer.text);
        // Away again.
        let etag = etag.to_str().unwrap();
        let reason = json!({ "reason": "entered by mistake" });
        for (headers, body, status) in [
            (vec![], &reason, StatusCode::PRECONDITION_REQUIRED),
            (vec![("if-match", "\"0-0\"")], &reason, StatusCode::PRECONDITION_FAILED),
            (vec![("if-match", etag)], &json!({}), StatusCode::UNPROCESSABLE_ENTITY),
            (vec![("if-match", etag)], &reason, StatusCode::NO_CONTENT),
            (vec![("if-match", etag)], &reason, StatusCode::NOT_FOUND),
        ] {
            let answer = desk.call("DELETE", location, &headers, body).await;
            assert_eq!(answer.status, status, "{id}: {}", answer.text);
        }
        let answer = desk.call("POST", &base, &[("idempotency-key", &key)], &body).await;
        assert_eq!(answer.status, StatusCode::GONE, "{id}: {}", answer.text);
    }
    desk.store.verify_journal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_new_record_is_said_of_each_field() {
    let desk = Desk::with_people().await;
    let household = &desk.json("/api/v1/registers/household/records?limit=1").await["records"][0];
    let base = "/api/v1/registers/household/records";
    let number = household["fields"]["household_no"].clone();
    let body = json!({
        "division": "15", "reason": "test",
        "fields": { "household_no": number, "kind": "nonsense", "members": -1, "nothing": 1 },
    });
    let answer = desk.call("POST", base, &[], &body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Json = serde_json::from_str(&answer.text).unwrap();
    let mut said: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    said.sort_unstable();
    assert!(
        said.contains(&"division") && said.contains(&"fields.kind") && said.contains(&"fields.nothing"),
        "{said:?}"
    );
    // A household that has members stays.
    let members = desk.json("/api/v1/registers/person/records?limit=1").await;
    let holder = format!("{base}/{}", members["records"][0]["parent"].as_str().unwrap());
    let etag = desk.get(&holder).await.headers[header::ETAG].to_str().unwrap().to_owned();
    let answer = desk.call("DELETE", &holder, &[("if-match", &etag)], &json!({ "reason": "test" })).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    assert!(answer.text.contains("/api#holds"), "{}", answer.text);
    let page =
        desk.page(&format!("/registry/household/{}/remove", members["records"][0]["parent"].as_str().unwrap())).await;
    assert!(page.contains("These records belong to it") && !page.contains("type=\"hidden\" name=\"version\""));
    // Another site's page does not get through.
    let cross = desk.call("POST", base, &[("sec-fetch-site", "cross-site")], &body).await;
    assert_eq!(cross.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_keeps_what_was_typed_and_says_what_is_wrong() {
    let desk = Desk::with_people().await;
    let village = desk.village().await;
    let page = desk.page(&format!("/registry/household/new?division={village}")).await;
    let mut typed = form(&page);
    assert_eq!(typed["owner"], village, "the division in view is chosen");
    typed.insert("v.household_no".to_owned(), String::new());
    typed.insert("v.head_name".to_owned(), "<b>高娃</b>".to_owned());
    let send = |typed: &std::collections::BTreeMap<String, String>| typed.clone().into_iter().collect::<Vec<_>>();
    let answer = desk.post("/registry/household/new", &send(&typed)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("href=\"#v-household_no\""), "the summary leads to the field");
    assert_eq!(form(&answer.text), typed, "nothing is lost");
    assert!(!answer.text.contains("<b>高娃"));
    typed.insert("v.household_no".to_owned(), "1504219999999999".to_owned());
    let answer = desk.post("/registry/household/new", &send(&typed)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let file = "/registry/household/1504219999999999";
    assert_eq!(answer.headers[header::LOCATION], format!("{file}?saved=created"));
    let again = desk.post("/registry/household/new", &send(&typed)).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "the number is taken");
    // Two people change it: the second is shown what the first wrote.
    let mine = form(&desk.page(&format!("{file}/edit")).await);
    let mut theirs = mine.clone();
    theirs.insert("v.head_name".to_owned(), "巴特尔".to_owned());
    theirs.insert("reason".to_owned(), "theirs".to_owned());
    assert_eq!(desk.post(&format!("{file}/edit"), &send(&theirs)).await.status, StatusCode::SEE_OTHER);
    let mut mine = mine;
    mine.insert("v.phone".to_owned(), "13800000001".to_owned());
    mine.insert("reason".to_owned(), "mine".to_owned());
    let conflict = desk.post(&format!("{file}/edit"), &send(&mine)).await;
    assert_eq!(conflict.status, StatusCode::CONFLICT);
    assert!(conflict.text.contains("Someone else changed") && conflict.text.contains("巴特尔"));
    let merged = form(&conflict.text);
    assert_eq!((merged["v.head_name"].as_str(), merged["v.phone"].as_str()), ("巴特尔", "13800000001"));
    assert_eq!(desk.post(&format!("{file}/edit"), &send(&merged)).await.status, StatusCode::SEE_OTHER);
    let record =
        desk.json(&format!("/api/v1{}", file.replace("/registry/household", "/registers/household/records"))).await;
    assert_eq!((&record["fields"]["head_name"], &record["version"]), (&json!("巴特尔"), &json!(3)));
    // A period is added from the file, looked up by the name of its owner.
    let page = desk.page("/registry/income/new").await;
    let mut typed = form(&page);
    typed.insert("owner".to_owned(), "巴特尔".to_owned());
    typed.insert("look".to_owned(), "owner".to_owned());
    let found = desk.post("/registry/income/new", &send(&typed)).await;
    assert_eq!(found.status, StatusCode::OK);
    let mut typed = form(&found.text);
    assert!(found.text.contains("value=\"1504219999999999\""), "{}", found.text);
    typed.insert("pick.owner".to_owned(), "1504219999999999".to_owned());
    typed.insert("period".to_owned(), "2015".to_owned());
    let answer = desk.post("/registry/income/new", &send(&typed)).await;
    assert_eq!(answer.headers.get(header::LOCATION).unwrap(), &format!("{file}?saved=created"), "{}", answer.text);
    let twice = desk.post("/registry/income/new", &send(&typed)).await;
    assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(twice.text.contains("There is a record for this already"));
    // Away, and nobody else's form is taken.
    let page = desk.page(&format!("{file}/remove")).await;
    assert!(page.contains("These records belong to it"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_system_keeps_is_shown_and_not_changed_by_hand() {
    let desk = Desk::with_people().await;
    let kept: Vec<_> = desk.pack.registers.iter().filter(|register| register.kept_by_system()).collect();
    assert!(!kept.is_empty());
    for register in kept {
        let id = register.id.as_str();
        let list = desk.page(&format!("/registry/{id}")).await;
        assert!(list.contains("the system keeps by itself") && !list.contains(&format!("/registry/{id}/new")), "{id}");
        for address in ["new", "import"] {
            let answer = desk.get(&format!("/registry/{id}/{address}")).await;
            assert_eq!(answer.status, StatusCode::CONFLICT, "{id}/{address}");
            assert!(answer.text.contains("Correct the records"), "it says what to do: {}", answer.text);
        }
        let above = match register.parent {
            Entity::Register(above) => &desk.pack.registers[above.index()].id,
            Entity::Level(_) => panic!("{id} belongs to a division"),
        };
        let owners = desk.json(&format!("/api/v1/registers/{above}/records?limit=1")).await;
        let body = json!({ "reason": "test", "parent": owners["records"][0]["address"], "fields": {} });
        let answer = desk.call("POST", &format!("/api/v1/registers/{id}/records"), &[], &body).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{id}: {}", answer.text);
        assert!(answer.text.contains("/api#kept") && answer.text.contains("correct the records"), "{}", answer.text);
    }
}
