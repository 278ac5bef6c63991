//! The interface for programs: its description is whole, and every answer is what it describes.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bangfu_policy::books::Book;
use bangfu_policy::model::Variable;
use serde_json::Value as Json;

use super::fixture::{get, registry, router, send, signed_in, still};
use super::shape::Shapes;

async fn json(router: &Router, address: &str) -> Json {
    let answer = get(router, address, "lang=en").await;
    assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.text);
    assert_eq!(answer.headers.get(header::CONTENT_TYPE).unwrap(), "application/json", "{address}");
    serde_json::from_str(&answer.text).unwrap()
}

async fn document(router: &Router) -> Json {
    json(router, "/api/v1/openapi.json").await
}

/// Operations of the document: method, path, definition.
fn operations(document: &Json) -> Vec<(&str, &str, &Json)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        })
        .collect()
}

/// Schema of an answer or body.
fn content<'d>(holder: &'d Json, media: &str) -> &'d Json {
    let content = holder["content"].as_object().unwrap();
    assert_eq!(content.keys().collect::<Vec<_>>(), [media]);
    &content[media]["schema"]
}

/// Visits every schema below a value.
fn each_schema(value: &Json, place: &str, visit: &mut dyn FnMut(&Json, &str)) {
    visit(value, place);
    for word in ["properties"] {
        for (name, below) in value[word].as_object().into_iter().flatten() {
            each_schema(below, &format!("{place}.{name}"), visit);
        }
    }
    for word in ["items", "additionalProperties"] {
        if value[word].is_object() {
            each_schema(&value[word], place, visit);
        }
    }
    for below in value["anyOf"].as_array().into_iter().flatten() {
        each_schema(below, place, visit);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_is_whole() {
    let router = router().await;
    let document = document(&router).await;
    assert_eq!(document["openapi"], "3.1.0");
    let shapes = Shapes::new(&document);
    let mut schemas: Vec<(String, &Json)> = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{name}");
        schemas.push((name.clone(), schema));
    }
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} twice");
        assert!(!operation["summary"].as_str().unwrap().contains('['), "{}", operation["summary"]);
        let parameters = operation["parameters"].as_array().unwrap();
        let named = |place: &str| -> BTreeSet<&str> {
            let of_place = parameters.iter().filter(|parameter| parameter["in"] == place);
            of_place.map(|parameter| parameter["name"].as_str().unwrap()).collect()
        };
        let all = ["path", "query", "header"].map(|place| named(place).len()).iter().sum::<usize>();
        assert_eq!(all, parameters.len(), "{id}: every parameter once");
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named("path"), in_path, "{id}");
        schemas.extend(parameters.iter().map(|p| (format!("{id} {}", p["name"]), &p["schema"])));
        for (status, answer) in operation["responses"].as_object().unwrap() {
            assert!(answer["description"].is_string());
            match status.as_str() {
                "default" => schemas.push((format!("{id} problem"), content(answer, "application/problem+json"))),
                "204" | "304" => assert!(answer.get("content").is_none()),
                _ => schemas.push((format!("{id} {status}"), content(answer, "application/json"))),
            }
        }
        assert!(operation["responses"].get("default").is_some(), "{id}");
        if method == "get" {
            assert!(operation.get("requestBody").is_none());
        } else {
            schemas.push((format!("{id} body"), content(&operation["requestBody"], "application/json")));
        }
    }
    for (name, schema) in schemas {
        each_schema(schema, &name, &mut |schema, place| {
            if let Some(reference) = schema["$ref"].as_str() {
                assert!(shapes.target(reference).is_some(), "{place}: {reference} leads nowhere");
            } else {
                let typed = ["type", "anyOf", "enum", "const"].iter().any(|word| schema.get(word).is_some());
                assert!(typed, "{place} has no type: {schema}");
            }
        });
    }
    let registers = &registry().await.pack.registers;
    assert!(registers.iter().all(|register| ids.contains(format!("list_{}", register.id).as_str())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_the_shape_that_is_described() {
    let router = router().await;
    let document = document(&router).await;
    let mut shapes = Shapes::new(&document);
    let mut read = 0;
    for (method, path, operation) in operations(&document) {
        if method != "get" {
            continue;
        }
        let schema = content(&operation["responses"]["200"], "application/json");
        let addresses = match path {
            "/api/v1/registers/{id}" => vec!["/api/v1/registers/household".to_owned()],
            "/api/v1/books/{id}" => {
                let address = |book: &Book| format!("/api/v1/books/{}?division=150421", book.id);
                registry().await.pack.books.iter().map(address).collect()
            }
            "/api/v1/determinations/{id}" => {
                let address = |v: &Variable| format!("/api/v1/determinations/{}?division=150421&limit=5", v.id);
                registry().await.pack.variables.iter().map(address).collect()
            }
            _ if path.contains("{record}") => {
                let list = path.split("/{record}").next().unwrap();
                let page = json(&router, &format!("{list}?limit=3")).await;
                let addresses = page["records"].as_array().unwrap().iter().map(|r| r["address"].as_str().unwrap());
                addresses.map(|record| path.replace("{record}", record)).collect()
            }
            _ => vec![format!("{path}?division=150421"), path.to_owned()],
        };
        for address in addresses {
            let answer = json(&router, &address).await;
            read += answer["records"].as_array().map_or(1, Vec::len);
            shapes.check(schema, &answer, &address);
        }
    }
    assert!(read > 1000, "{read}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_follow_one_another_until_all_records_were_there() {
    let router = signed_in(still().await).await;
    for register in &registry().await.pack.registers {
        let base = format!("/api/v1/registers/{}/records", register.id);
        let first = json(&router, &format!("{base}?division=150421&limit=1&count=true")).await;
        let total = first["total"].as_u64().unwrap();
        let limit = (total / 5).clamp(1, 1000);
        let mut next = Some(format!("{base}?division=150421&limit={limit}"));
        let mut seen = BTreeSet::new();
        while let Some(address) = next {
            let answer = get(&router, &address, "").await;
            let page: Json = serde_json::from_str(&answer.text).unwrap();
            for record in page["records"].as_array().unwrap() {
                assert!(record["division"].as_str().unwrap().starts_with("150421"));
                assert!(seen.insert(record["id"].as_i64().unwrap()), "{address} repeats a record");
            }
            next = page["next"].as_str().map(str::to_owned);
            let link = answer.headers.get(header::LINK).map(|link| link.to_str().unwrap().to_owned());
            assert_eq!(link, next.as_ref().map(|next| format!("<{next}>; rel=\"next\"")));
        }
        assert_eq!(seen.len() as u64, total, "{}", register.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_are_those_of_the_list() {
    let router = router().await;
    let base = "/api/v1/registers/household/records?count=true&limit=1000";
    let all = json(&router, base).await;
    let some = json(&router, &format!("{base}&f.kind=01&division=150421")).await;
    assert!(some["total"].as_u64() < all["total"].as_u64() && some["total"].as_u64() > Some(0));
    for record in some["records"].as_array().unwrap() {
        assert_eq!(record["fields"]["kind"], "01");
        assert!(record["division"].as_str().unwrap().starts_with("150421"));
    }
    let household = some["records"][0]["address"].as_str().unwrap();
    let members = json(&router, &format!("/api/v1/registers/person/records?parent={household}")).await;
    let members = members["records"].as_array().unwrap();
    assert!(!members.is_empty() && members.iter().all(|member| member["parent"] == household));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_known_is_not_sent_again() {
    let router = router().await;
    let key = &registry().await.households[0];
    let address = format!("/api/v1/registers/household/records/{key}");
    let answer = get(&router, &address, "").await;
    let etag = answer.headers.get(header::ETAG).unwrap().clone();
    let ask = |known: &str| {
        let request = Request::builder().uri(address.as_str()).header(header::IF_NONE_MATCH, known);
        request.body(Body::empty()).unwrap()
    };
    let again = send(&router, ask(etag.to_str().unwrap())).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.text.is_empty() && again.headers.get(header::ETAG) == Some(&etag));
    assert_eq!(send(&router, ask("\"0-0\"")).await.status, StatusCode::OK);
    // Secret fields are masked.
    let record: Json = serde_json::from_str(&answer.text).unwrap();
    let person = json(&router, &format!("/api/v1/registers/person/records?parent={key}")).await;
    let id_number = person["records"][0]["fields"]["id_number"].as_str().unwrap().to_owned();
    assert!(id_number.contains("****"), "{id_number}");
    let own = json(&router, &format!("/api/v1/registers/household/records/~{}", record["id"])).await;
    assert_eq!(own, record, "by id as by key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problems_say_where_and_what() {
    let router = router().await;
    let document = document(&router).await;
    let mut shapes = Shapes::new(&document);
    let cases = [
        ("/api/v1/nothing", StatusCode::NOT_FOUND, ""),
        ("/api/v1/registers/nonsense", StatusCode::NOT_FOUND, ""),
        ("/api/v1/registers/household/records/0000", StatusCode::NOT_FOUND, ""),
        ("/api/v1/registers/household/records/~99999999", StatusCode::NOT_FOUND, ""),
        ("/api/v1/indicators?division=99", StatusCode::NOT_FOUND, ""),
        (
            "/api/v1/registers/household/records?f.registered_since.from=soon",
            StatusCode::BAD_REQUEST,
            "f.registered_since",
        ),
        ("/api/v1/registers/household/records?f.knid=01", StatusCode::BAD_REQUEST, "f.knid"),
        ("/api/v1/registers/person/records?f.id_number=1", StatusCode::BAD_REQUEST, "f.id_number"),
        ("/api/v1/registers/household/records?limit=1001", StatusCode::BAD_REQUEST, "limit"),
        ("/api/v1/registers/household/records?cursor=x", StatusCode::BAD_REQUEST, "cursor"),
        ("/api/v1/registers/household/records?cursor=99999999", StatusCode::BAD_REQUEST, "cursor"),
        ("/api/v1/determinations/identified_poor?answer=perhaps", StatusCode::BAD_REQUEST, "answer"),
        ("/api/v1/determinations/nope", StatusCode::NOT_FOUND, ""),
    ];
    for (address, status, field) in cases {
        let mut titles = BTreeSet::new();
        for cookie in ["lang=en", "lang=zh"] {
            let answer = get(&router, address, cookie).await;
            assert_eq!(answer.status, status, "{address}: {}", answer.text);
            assert_eq!(answer.headers.get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
            let problem: Json = serde_json::from_str(&answer.text).unwrap();
            shapes.check(&document["components"]["schemas"]["problem"], &problem, address);
            assert_eq!(problem["status"], status.as_u16());
            assert_eq!(problem["errors"][0]["field"].as_str().unwrap_or_default(), field, "{address}");
            titles.insert(problem["title"].as_str().unwrap().to_owned());
        }
        assert_eq!(titles.len(), 2, "{address}: a title in each language");
    }
    let request = Request::builder().method("PUT").uri("/api/v1/indicators").body(Body::empty()).unwrap();
    let answer = send(&router, request).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers.get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_those_of_the_pages() {
    let router = router().await;
    let counts = json(&router, "/api/v1/determinations?division=150421").await;
    let poor =
        counts["determinations"].as_array().unwrap().iter().find(|d| d["variable"] == "identified_poor").unwrap();
    let mut next = Some("/api/v1/determinations/identified_poor?division=150421&answer=yes&limit=7".to_owned());
    let mut found = 0;
    while let Some(address) = next {
        let page = json(&router, &address).await;
        let records = page["records"].as_array().unwrap();
        assert!(records.iter().all(|record| record["value"] == true));
        found += records.len() as u64;
        next = page["next"].as_str().map(str::to_owned);
    }
    assert!(found > 7);
    assert_eq!(poor["yes"].as_u64(), Some(found));
    let indicators = json(&router, "/api/v1/indicators").await;
    assert!(indicators["indicators"].as_array().unwrap().iter().any(|indicator| indicator["value"].is_number()));
    let coverage = json(&router, "/api/v1/policy/coverage").await;
    assert!(coverage["covered"].as_u64().unwrap() > 0);
}
