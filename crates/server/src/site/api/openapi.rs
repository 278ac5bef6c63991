//! The description of the interface (OpenAPI 3.1): general operations, and those of every register of the pack.

use bangfu_policy::model::{Entity, Pack, Register, RegisterId, text_in};
use bangfu_registry::exchange::json_schema::{components, object, reference, removal};
use bangfu_registry::views::figures::Language;
use bangfu_registry::views::listing;
use serde_json::{Map, Value as Json, json};

use super::{ROOT, figures, problem, records};
use crate::site::Shared;
use crate::site::access::COOKIE;

/// An operation.
pub struct Operation {
    /// `get`, `post`, `patch`, `delete`.
    pub method: &'static str,
    /// Path with parameters in braces.
    pub path: String,
    /// Id, unique in the document.
    pub id: String,
    /// Key of the text that says what it does.
    pub words: &'static str,
    /// Parameters, of path, query and header.
    parameters: Vec<Json>,
    /// Name of the schema of the body.
    body: Option<String>,
    /// Status, words and name of the schema of the answers that are no problems.
    answers: Vec<(u16, &'static str, Option<String>)>,
    /// Headers of the answers.
    headers: &'static [&'static str],
}

impl Operation {
    fn get(path: &str, id: impl Into<String>, words: &'static str, schema: impl Into<String>) -> Self {
        Self {
            method: "get",
            path: format!("{ROOT}{path}"),
            id: id.into(),
            words,
            parameters: Vec::new(),
            body: None,
            answers: vec![(200, "OK", Some(schema.into()))],
            headers: &[],
        }
    }

    fn with(mut self, parameters: impl IntoIterator<Item = Json>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    fn described(&self, words: &str, title: &str) -> Json {
        let headers: Map<String, Json> =
            self.headers.iter().map(|name| ((*name).to_owned(), json!({ "schema": { "type": "string" } }))).collect();
        let mut answers = Map::new();
        for (status, words, schema) in &self.answers {
            let mut answer = json!({ "description": words, "headers": headers });
            if let (Some(answer), Some(schema)) = (answer.as_object_mut(), schema) {
                answer.insert("content".to_owned(), json!({ "application/json": { "schema": reference(schema) } }));
            }
            answers.insert(status.to_string(), answer);
        }
        let problem = json!({ "schema": reference("problem") });
        answers
            .insert("default".to_owned(), json!({ "description": "Problem", "content": { problem::MEDIA: problem } }));
        let summary = if title.is_empty() { words.to_owned() } else { format!("{title}: {words}") };
        let mut operation = Map::new();
        operation.insert("operationId".to_owned(), json!(self.id));
        operation.insert("summary".to_owned(), json!(summary));
        operation.insert("parameters".to_owned(), json!(self.parameters));
        operation.insert("responses".to_owned(), Json::Object(answers));
        if let Some(body) = &self.body {
            let content = json!({ "application/json": { "schema": reference(body) } });
            operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        }
        Json::Object(operation)
    }
}

fn parameter(place: &str, name: &str, schema: Json, words: &str) -> Json {
    json!({ "in": place, "name": name, "required": place == "path", "schema": schema, "description": words })
}

fn required(mut parameter: Json) -> Json {
    if let Some(parameter) = parameter.as_object_mut() {
        parameter.insert("required".to_owned(), json!(true));
    }
    parameter
}

fn query(name: &str, words: &str) -> Json {
    parameter("query", name, json!({ "type": "string" }), words)
}

fn division() -> Json {
    query("division", "Code of a division; only what lies in it.")
}

fn paging() -> [Json; 2] {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": records::MOST, "default": records::USUAL });
    [
        parameter("query", "limit", limit, "Records of a page."),
        query("cursor", "Where the page begins: taken from `next` of the page before."),
    ]
}

/// Operations that do not belong to one register.
pub fn general(pack: &Pack) -> Vec<Operation> {
    let registers: Vec<_> = pack.registers.iter().map(|register| register.id.as_str()).collect();
    let register = parameter("path", "id", json!({ "type": "string", "enum": registers }), "Id of the register.");
    let rules: Vec<_> = pack.variables.iter().map(|variable| variable.id.as_str()).collect();
    let rule = parameter("path", "id", json!({ "type": "string", "enum": rules }), "Id of the rule.");
    let answer = json!({ "type": "string", "enum": ["yes", "no", "unknown"] });
    let answer = parameter("query", "answer", answer, "Only records with this answer.");
    let mut values = Operation::get("/determinations/{id}", "get_determination", "api-determination", "values")
        .with([rule, division(), answer])
        .with(paging());
    values.headers = &["Link"];
    let books: Vec<_> = pack.books.iter().map(|book| book.id.as_str()).collect();
    // A list of nothing allows nothing; a pack without books still has the operation.
    let schema =
        if books.is_empty() { json!({ "type": "string" }) } else { json!({ "type": "string", "enum": books }) };
    let book = parameter("path", "id", schema, "Id of the book.");
    vec![
        Operation::get("/openapi.json", "get_description", "api-description", "document"),
        Operation::get("/registers", "list_registers", "api-registers", "registers"),
        Operation::get("/registers/{id}", "get_register", "api-register", "register").with([register]),
        Operation::get("/indicators", "list_indicators", "api-indicators", "indicators").with([division()]),
        Operation::get("/determinations", "list_determinations", "api-determinations", "determinations")
            .with([division()]),
        values,
        Operation::get("/policy/coverage", "get_coverage", "api-coverage", "coverage"),
        Operation::get("/books", "list_books", "api-books", "books"),
        Operation::get("/books/{id}", "get_book", "api-book", "book").with([book, division()]),
    ]
}

/// Operations of a register.
pub fn of_a_register(id: &str) -> Vec<Operation> {
    let record = || parameter("path", "record", json!({ "type": "string" }), "Key of the record, or `~` and its id.");
    let base = format!("/registers/{id}/records");
    let mut list = Operation::get(&base, format!("list_{id}"), "api-records", format!("page.{id}"));
    list.headers = &["Link"];
    let one = format!("{base}/{{record}}");
    let mut get = Operation::get(&one, format!("get_{id}"), "api-record", format!("record.{id}"))
        .with([record(), parameter("header", "If-None-Match", json!({ "type": "string" }), "ETag that is known.")]);
    get.headers = &["ETag"];
    get.answers.push((304, "Not modified", None));
    let history = Operation::get(&format!("{one}/history"), format!("history_{id}"), "api-history", "history");
    let version = parameter("header", "If-Match", json!({ "type": "string" }), "ETag of the record as it was read.");
    let mut change = Operation::get(&one, format!("change_{id}"), "api-change", format!("record.{id}"))
        .with([record(), required(version)]);
    change.method = "patch";
    change.body = Some(format!("change.{id}"));
    change.headers = &["ETag"];
    let words = "Any text: the same request with the same key makes one record, for seven days.";
    let key = parameter("header", "Idempotency-Key", json!({ "type": "string", "maxLength": 200 }), words);
    let mut create = Operation::get(&base, format!("create_{id}"), "api-create", "").with([key]);
    create.method = "post";
    create.body = Some(format!("new.{id}"));
    create.answers = vec![(201, "Created", Some(format!("record.{id}")))];
    create.headers = &["ETag", "Location"];
    let version = parameter("header", "If-Match", json!({ "type": "string" }), "ETag of the record as it was read.");
    let mut remove = Operation::get(&one, format!("remove_{id}"), "api-remove", "").with([record(), required(version)]);
    remove.method = "delete";
    remove.body = Some("removal".to_owned());
    remove.answers = vec![(204, "Removed", None)];
    vec![list, create, get, change, remove, history.with([record()])]
}

/// Filters of a register's list.
fn filters(pack: &Pack, n: usize, register: &Register, language: Language) -> Vec<Json> {
    let mut parameters = vec![division(), query("q", "Name, part of it or its sound; or the beginning of the key.")];
    if matches!(register.parent, Entity::Register(_)) {
        parameters.push(query("parent", "Key of the record above, or `~` and its id."));
    }
    let count = json!({ "type": "boolean", "default": false });
    parameters.push(parameter("query", "count", count, "Whether `total` is counted, which takes longer."));
    parameters.extend(paging());
    let none = std::collections::BTreeMap::new();
    for filter in listing::filters(pack, register, RegisterId(n as u16), &none, language) {
        let title = format!("{}; `-`: not filled in.", filter.title);
        if filter.kind == "range" {
            parameters.push(query(&format!("f.{}.from", filter.id), &format!("{} at least.", filter.title)));
            parameters.push(query(&format!("f.{}.to", filter.id), &format!("{} at most.", filter.title)));
        } else if filter.kind == "choice" {
            let values: Vec<_> = filter.options.into_iter().map(|(value, _)| value).chain(["-".to_owned()]).collect();
            let schema = json!({ "type": "string", "enum": values });
            parameters.push(parameter("query", &format!("f.{}", filter.id), schema, &title));
        } else {
            parameters.push(query(&format!("f.{}", filter.id), &title));
        }
    }
    parameters
}

/// The whole document.
pub fn document(site: &Shared, language: Language) -> Json {
    let pack = &site.pack;
    let mut paths: Map<String, Json> = Map::new();
    let mut add = |operation: &Operation, title: &str, tag: &str| {
        let words = site.texts.get(language, operation.words, &[]);
        let mut described = operation.described(&words, title);
        if let Some(described) = described.as_object_mut() {
            described.insert("tags".to_owned(), json!([tag]));
        }
        let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_owned(), described);
        }
    };
    for operation in general(pack) {
        add(&operation, "", "policy");
    }
    for (n, register) in pack.registers.iter().enumerate() {
        for mut operation in of_a_register(&register.id) {
            if register.kept_by_system() && operation.method != "get" {
                continue;
            }
            if operation.id.starts_with("list_") {
                operation.parameters.extend(filters(pack, n, register, language));
            }
            add(&operation, text_in(&register.title, language.id()), &register.id);
        }
    }
    let mut tags = vec![json!({ "name": "policy" })];
    tags.extend(
        pack.registers
            .iter()
            .map(|register| json!({ "name": register.id, "description": text_in(&register.title, language.id()) })),
    );
    let mut schemas = components(pack, language);
    schemas.extend(general_schemas());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": text_in(&pack.policy.title, language.id()),
            "version": pack.policy.version,
            "description": site.texts.get(language, "api-lead", &[]),
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "security": [{ "token": [] }, { "session": [] }],
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": COOKIE },
            },
        },
    })
}

/// Shapes that are the same for every pack.
fn general_schemas() -> Map<String, Json> {
    let text = || json!({ "type": "string" });
    let maybe_text = || json!({ "type": ["string", "null"] });
    let count = || json!({ "type": ["integer", "null"] });
    let truth = || json!({ "type": "boolean" });
    let words =
        || json!({ "type": "object", "description": "By language.", "additionalProperties": { "type": "string" } });
    let list = |of: Json| json!({ "type": "array", "items": of });
    let head = || {
        Map::from_iter([
            ("id".to_owned(), text()),
            ("title".to_owned(), words()),
            ("kind".to_owned(), json!({ "type": "string", "enum": ["entity", "one", "yearly", "quarterly"] })),
            ("of".to_owned(), json!({ "type": "string", "description": "Register or level that records belong to." })),
            ("of_register".to_owned(), truth()),
            ("key".to_owned(), maybe_text()),
            ("label".to_owned(), maybe_text()),
            ("clauses".to_owned(), list(text())),
            ("kept_by_system".to_owned(), truth()),
            ("records".to_owned(), json!({ "type": "string", "description": "Address of the records." })),
        ])
    };
    let code = object(json!({ "code": text(), "label": words() }));
    let field = object(json!({
        "id": text(), "title": words(), "type": text(), "required": truth(), "unique": truth(), "secret": truth(),
        "pattern": maybe_text(), "minimum": maybe_text(), "maximum": maybe_text(),
        "codes": { "type": ["array", "null"], "items": code },
        "help": { "anyOf": [words(), { "type": "null" }] },
    }));
    let mut register = head();
    register.insert("fields".to_owned(), list(field));
    let indicator = object(json!({
        "id": text(), "title": words(), "unit": { "type": "string", "enum": figures::UNITS },
        "value": {
            "type": ["number", "null"],
            "description": "The plain quotient, also of percent and per mille; money in units of the currency.",
        },
        "unknown": count(),
    }));
    let determination = object(json!({
        "variable": text(), "title": words(), "of": text(), "check": truth(), "yes": count(), "no": count(),
        "unknown": count(), "records": text(),
    }));
    let value =
        json!({ "type": ["boolean", "integer", "string", "null"], "description": "Decimals and days as text." });
    let change = object(json!({ "field": text(), "before": maybe_text(), "after": maybe_text() }));
    let entry = object(json!({
        "seq": { "type": "integer" }, "at": { "type": "string", "format": "date-time" }, "actor": text(),
        "action": text(), "reason": text(), "changes": list(change),
    }));
    let clause = object(json!({
        "article": text(), "clause": text(), "phrase": text(), "kind": text(),
        "items": list(object(json!({ "section": text(), "id": text() }))),
    }));
    let book_head = || {
        Map::from_iter([
            ("id".to_owned(), text()),
            ("number".to_owned(), json!({ "type": "string", "description": "Number in the office's list." })),
            ("title".to_owned(), words()),
            ("group".to_owned(), json!({ "anyOf": [words(), { "type": "null" }] })),
            ("of".to_owned(), json!({ "type": "string", "description": "Register or level that is counted." })),
            ("clauses".to_owned(), list(text())),
            ("table".to_owned(), json!({ "type": "string", "description": "Address of the table." })),
        ])
    };
    let column = object(json!({
        "heading": maybe_text(), "title": text(), "code": maybe_text(), "from": maybe_text(), "to": maybe_text(),
        "missing": { "type": "boolean", "description": "Records of which it is not known." },
        "unit": { "type": "string", "enum": figures::UNITS },
        "additive": { "type": "boolean", "description": "Whether the rows add up to the total." },
    }));
    let row = object(json!({
        "code": maybe_text(), "title": text(),
        "values": {
            "type": "array", "items": { "type": ["number", "null"] },
            "description": "By column; percent and per mille as plain quotients.",
        },
        "unknown": { "type": "array", "items": { "type": "integer" }, "description": "Records that the cell could not count." },
        "untold": { "type": "integer", "description": "Records that some column could not count." },
    }));
    let mut book = book_head();
    book.insert("division".to_owned(), text());
    book.insert("as_of".to_owned(), maybe_text());
    book.insert("columns".to_owned(), list(column));
    book.insert("total".to_owned(), json!({ "anyOf": [row.clone(), { "type": "null" }] }));
    book.insert("rows".to_owned(), list(row));
    let kinds: Vec<String> = problem::KINDS.iter().map(|(kind, _)| format!("/api#{kind}")).collect();
    let schemas = json!({
        "problem": object(json!({
            "type": { "type": "string", "enum": kinds }, "title": text(), "status": { "type": "integer" },
            "detail": text(), "errors": list(object(json!({ "field": text(), "detail": text() }))),
        })),
        "document": { "type": "object", "required": ["openapi", "paths"] },
        "registers": object(json!({ "registers": list(object(Json::Object(head()))) })),
        "register": object(Json::Object(register)),
        "indicators": object(json!({ "division": text(), "as_of": maybe_text(), "indicators": list(indicator) })),
        "determinations": object(json!({
            "division": text(), "as_of": maybe_text(), "determinations": list(determination),
        })),
        "values": object(json!({
            "variable": text(), "of": text(), "as_of": maybe_text(), "next": maybe_text(),
            "records": list(object(json!({ "key": text(), "division": text(), "value": value }))),
        })),
        "history": object(json!({ "entries": list(entry) })),
        "removal": removal(),
        "coverage": object(json!({ "covered": { "type": "integer" }, "clauses": list(clause) })),
        "books": object(json!({ "books": list(object(Json::Object(book_head()))) })),
        "book": object(Json::Object(book)),
    });
    schemas.as_object().cloned().unwrap_or_default()
}
