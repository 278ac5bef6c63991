//! A small site over the project's own pack: three banners, some hundred synthetic households.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bangfu_policy::model::{Pack, RegisterId, Role};
use bangfu_registry::access::{Factor, sign_in};
use bangfu_registry::store::change::{Actor, Duplicates};
use bangfu_registry::store::divisions::Division;
use bangfu_registry::store::runs::{Difference, Run};
use bangfu_registry::store::{Scope, SecretKeys, Store};
use bangfu_registry::synth::{self, Generator};
use bangfu_registry::views::facts::Facts;
use bangfu_rules::engine::{Program, Request as Computation};
use bangfu_rules::needs::Needs;
use bangfu_rules::results::{self, Summary};
use bangfu_rules::snapshot::Writer;
use bangfu_server::site::{self, Site, Sources};
use tokio::sync::OnceCell;
use tower::ServiceExt;

use crate::place;

/// 2016-12-31.
const AS_OF: i32 = 17_166;
/// 2023-12-31: the monitoring of the 2020s has begun, and the demo has incomes of that year.
const LATER: i32 = 19_722;
/// Banners that have people; the last is at the border and in a contiguous poor area.
pub(crate) const BANNERS: [&str; 3] = ["150421", "150981", "152202"];

/// Root of the project.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A registry on disk, made once for all tests.
pub(crate) struct Registry {
    folder: tempfile::TempDir,
    pub(crate) pack: Arc<Pack>,
    /// Keys of some households.
    pub(crate) households: Vec<String>,
    /// Code of a village with people.
    pub(crate) village: String,
    /// What was planted in the demo.
    pub(crate) planted: synth::Manifest,
}

static REGISTRY: OnceCell<Registry> = OnceCell::const_new();
static STILL: OnceCell<Registry> = OnceCell::const_new();

/// The registry of all tests.
pub(crate) async fn registry() -> &'static Registry {
    REGISTRY.get_or_init(make).await
}

/// Folder of the pack.
pub(crate) fn pack_folder() -> PathBuf {
    root().join("policies/inner-mongolia")
}

/// The pack, and beside its own books some whose cells the tests count.
fn pack_with_books() -> Pack {
    let mut files = bangfu_registry::packs::read_folder(&pack_folder()).unwrap();
    let text = include_str!("books.yaml").to_owned();
    files.push(bangfu_policy::SourceFile { path: "books/tried.yaml".to_owned(), text });
    bangfu_policy::load(&files).unwrap_or_else(|found| panic!("{found:#?}"))
}

pub(crate) async fn store(folder: &Path, pack: &Arc<Pack>) -> Store {
    let keys = SecretKeys::open_or_create(&folder.join("keys")).unwrap();
    Store::open(&place::address(folder).await, Arc::clone(pack), keys).await.unwrap()
}

async fn make() -> Registry {
    let folder = tempfile::tempdir().unwrap();
    let pack = Arc::new(pack_with_books());
    let store = store(folder.path(), &pack).await;
    let planted = fill(&store, &pack, &BANNERS, 0.1).await;
    take_snapshot(folder.path(), &pack, &store).await;
    determine(folder.path(), &pack, AS_OF, "results");
    record_run(&store, &pack).await;
    let reader = store.reader(&Scope::everything());
    let household = pack.register("household").unwrap();
    let query = bangfu_registry::store::ListQuery { limit: 6, ..Default::default() };
    let page = reader.list(household, &query).await.unwrap();
    let key = pack.registers[household.index()].key.unwrap();
    let households = page
        .records
        .iter()
        .map(|record| match &record.values[usize::from(key)] {
            Some(bangfu_policy::model::Value::Text(key)) => key.clone(),
            other => panic!("a household without number: {other:?}"),
        })
        .collect();
    let village = page.records[0].division.clone();
    Registry { folder, pack, households, village, planted }
}

/// Fills a store with the divisions of all banners and the synthetic people of some; what was planted in them.
pub(crate) async fn fill(store: &Store, pack: &Arc<Pack>, banners: &[&str], scale: f64) -> synth::Manifest {
    let kept = |code: &str| code.len() <= 6 || banners.iter().any(|banner| code.starts_with(banner));
    let mut spec = synth::demo::read_spec(&pack_folder()).unwrap();
    spec.quotas.retain(|quota| banners.contains(&quota.division.as_str()));
    let given = synth::demo::read_given(&pack_folder(), pack).unwrap();
    people(store, pack, (&kept, &spec, &given), scale).await
}

/// Which divisions there are, by their codes, who lives in them, and what is known of them.
pub(crate) type World<'a> = (&'a dyn Fn(&str) -> bool, &'a synth::spec::Spec, &'a synth::demo::Given);

/// Fills a store with synthetic people of a description of one's own.
pub(crate) async fn people(
    store: &Store,
    pack: &Arc<Pack>,
    (kept, spec, given): World<'_>,
    scale: f64,
) -> synth::Manifest {
    let listed = synth::demo::read_divisions(&pack_folder()).unwrap();
    let divisions: Vec<_> = listed.into_iter().filter(|division| kept(&division.code)).collect();
    let tree: Vec<_> =
        divisions.iter().map(|d| synth::Division { code: d.code.clone(), name: d.name.clone() }).collect();
    let mut batches = Vec::new();
    let planted = Generator::new(pack, spec, &tree, given, scale)
        .unwrap()
        .run(
            &mut |register, _banner, batch| {
                batches.push((register, batch));
                Ok(())
            },
            &mut |_| {},
        )
        .unwrap();
    // Parents before children: a child names its parent's key.
    let depth = |register: RegisterId| pack.ancestors(bangfu_policy::model::Entity::Register(register)).count();
    batches.sort_by_key(|(register, _)| depth(*register));
    let mut change = store
        .change(&Scope::everything(), &Actor::console("test"), "fixture of the tests", 1_483_200_000_000)
        .await
        .unwrap();
    let level = |code: &str| pack.level_of_code(code).unwrap().index();
    let rows: Vec<Division> = divisions
        .into_iter()
        .map(|d| Division { level: level(&d.code), code: d.code, name: d.name, name_en: d.name_en })
        .collect();
    change.divisions(&rows).await.unwrap();
    for (register, batch) in &batches {
        let report = change.load(*register, batch, Duplicates::Refuse).await.unwrap();
        assert!(report.refused.is_empty(), "{}: {:?}", pack.registers[register.index()].id, report.refused.first());
    }
    for (index, _) in pack.registers.iter().enumerate().filter(|(_, register)| register.kept_by_system()) {
        change.keep_shared(RegisterId(index as u16)).await.unwrap();
    }
    change.commit().await.unwrap();
    planted
}

/// A snapshot of the store.
async fn take_snapshot(folder: &Path, pack: &Arc<Pack>, store: &Store) {
    let reader = store.reader(&Scope::everything());
    let mut writer = Writer::new(&folder.join("snapshot"), pack).unwrap();
    for n in 0..pack.registers.len() {
        let register = RegisterId(n as u16);
        let batch = reader.batch(register, "").await.unwrap();
        writer.write(register, "15", &[batch]).unwrap();
    }
    let divisions: Vec<_> = reader.divisions().await.unwrap().into_iter().map(|d| (d.code, d.name)).collect();
    writer.write_divisions(&divisions).unwrap();
    writer.finish("2016-12-31T00:00:00Z").unwrap();
}

/// Results of a day, over the snapshot.
fn determine(folder: &Path, pack: &Pack, day: i32, name: &str) {
    let snapshot = folder.join("snapshot");
    let frame = bangfu_rules::snapshot::read(&snapshot, pack, &Needs::all(pack), day).unwrap().frame;
    let outcome = Program::compile(pack, &frame, &Computation::default()).run().unwrap();
    let summary = Summary { as_of: bangfu_policy::value::format_date(i64::from(day)), ..Summary::default() };
    let mut writer = results::Writer::new(&folder.join(name), pack).unwrap();
    writer.append(&frame, &outcome.entities).unwrap();
    writer.finish(&results::IndicatorTable::new(pack, &frame, outcome.indicators), summary).unwrap();
}

/// Puts the run of [`AS_OF`] on record.
async fn record_run(store: &Store, pack: &Pack) {
    let run = Run {
        id: "0".to_owned(),
        as_of: AS_OF,
        state: "done".to_owned(),
        started: 1_483_200_000_000,
        finished: Some(1_483_200_001_500),
        policy_hash: pack.hash.clone(),
        snapshot_hash: String::new(),
        overrides: "{}".to_owned(),
        folder: "results".to_owned(),
        summary: "{}".to_owned(),
        journal_seq: 1,
    };
    let difference = |change: &str| Difference {
        variable: "identified_poor".to_owned(),
        entity: "household".to_owned(),
        change: change.to_owned(),
        count: 3,
        examples: vec!["1504211002000001".to_owned()],
    };
    store.record_run(&run, &["newly_yes", "no_longer", "now_unknown"].map(difference)).await.unwrap();
}

/// The site that all tests read.
pub(crate) async fn router() -> Router {
    signed_in(open().await).await
}

/// The same records where no test changes any: for tests that compare two looks.
pub(crate) async fn still() -> Site {
    open_on(STILL.get_or_init(make).await, AS_OF, "results").await
}

/// The pages of a site as somebody sees them who sees and changes everything: requests without a session get theirs.
pub(crate) async fn signed_in(site: Site) -> Router {
    let session = session_of(&site, widest(&site.pack)).await;
    signed_in_as(site, session)
}

/// The role at the top level that sees and changes most.
pub(crate) fn widest(pack: &Pack) -> &Role {
    let top = pack.roles.iter().filter(|role| role.level.index() == 0);
    top.max_by_key(|role| role.reads.len() + role.edits.len()).expect("a role at the top")
}

/// Text of a session of an account that holds a role at the root, or at the given village's division of its level.
pub(crate) async fn session_of(site: &Site, role: &Role) -> String {
    let digits = site.pack.levels[role.level.index()].digits;
    let root = site.pack.policy.root.clone();
    let division = if digits == root.len() { root } else { registry().await.village[..digits].to_owned() };
    session_at(site, role, &division).await
}

/// The same at a division.
pub(crate) async fn session_at(site: &Site, role: &Role, division: &str) -> String {
    session_as(site, role, division, "").await
}

/// The same of another person.
pub(crate) async fn session_as(site: &Site, role: &Role, division: &str, person: &str) -> String {
    let login = format!("{}.{division}{person}", &role.id[..role.id.len().min(20)]);
    let now = now();
    if site.store.account(&login).await.unwrap().is_none() {
        let mut change = site.store.change(&Scope::nothing(), &Actor::console("test"), "", now).await.unwrap();
        // Tests that run beside this one make the same account: one of them is first.
        if change.make_account(&login, "Tester").await.is_ok() {
            let factor = Factor::new().unwrap().seal(site.store.keys()).unwrap();
            change.set_factor(&login, Some(&factor)).await.unwrap();
            change.give_role(&login, &role.id, division).await.unwrap();
            change.commit().await.unwrap();
        } else {
            change.roll_back().await.unwrap();
        }
    }
    let account = site.store.account(&login).await.unwrap().unwrap();
    let kind = (sign_in::Kind::Site, "tests", true);
    sign_in::begin(&site.store, account.id, None, kind, now, now + 3_600_000).await.unwrap()
}

/// All records of a site.
pub(crate) fn everything(site: &Site) -> Facts {
    site.facts(&Scope::everything())
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// The pages of a site; requests without a session get this one.
pub(crate) fn signed_in_as(site: Site, session: String) -> Router {
    let add = move |mut request: Request<Body>| {
        let headers = request.headers();
        let cookies = headers.get("cookie").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        if !cookies.contains("session=") && !headers.contains_key("authorization") {
            let cookies = format!("{cookies}; session={session}");
            request.headers_mut().insert("cookie", cookies.parse().unwrap());
        }
        std::future::ready(request)
    };
    site::router(site).unwrap().layer(axum::middleware::map_request(add))
}

/// See [`router`].
pub(crate) async fn open() -> Site {
    open_on(registry().await, AS_OF, "results").await
}

/// The same site seven years later.
pub(crate) async fn open_later() -> Site {
    let registry = registry().await;
    determine(registry.folder.path(), &registry.pack, LATER, "later");
    open_on(registry, LATER, "later").await
}

async fn open_on(registry: &Registry, today: i32, results: &str) -> Site {
    let store = store(registry.folder.path(), &registry.pack).await;
    let folder = registry.folder.path();
    let sources = Sources {
        data: folder.to_owned(),
        pack_folder: pack_folder(),
        results: Some(folder.join(results)),
        snapshot: Some(folder.join("snapshot")),
        synthetic: true,
        fixed_day: Some(today),
        ..Sources::default()
    };
    Site::open(Arc::clone(&registry.pack), store, &sources).await.unwrap()
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

/// Asks a router.
pub(crate) async fn get(router: &Router, address: &str, cookie: &str) -> Answer {
    let mut request = Request::builder().uri(address);
    if !cookie.is_empty() {
        request = request.header("cookie", cookie);
    }
    send(router, request.body(Body::empty()).unwrap()).await
}

/// Sends a request to a router.
pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let headers = response.headers().clone();
    let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
    Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned(), bytes: bytes.to_vec() }
}

/// Every address of the route table with something real in place of its parameters.
pub(crate) async fn addresses() -> Vec<String> {
    let registry = registry().await;
    let village = registry.village.as_str();
    let sample = |path: &str| -> Vec<String> {
        let fill = |values: &[&str]| -> Vec<String> {
            let start = path.find('{').unwrap();
            values.iter().map(|value| format!("{}{value}", &path[..start])).collect()
        };
        match path {
            "/" => vec![
                path.to_owned(),
                "/?division=1504&sort=-incidence&map=incidence".to_owned(),
                "/?division=150421".to_owned(),
                format!("/?division={village}"),
            ],
            "/policy/article/{id}" => fill(&["5"]),
            "/policy/clause/{id}" => fill(&["C05-06"]),
            "/policy/parameter/{id}" => fill(&["poverty_line", "care_share"]),
            "/policy/rule/{id}" => fill(&["identified_poor", "per_head"]),
            "/policy/procedure/{id}" => {
                registry.pack.procedures.iter().flat_map(|procedure| fill(&[procedure.id.as_str()])).collect()
            }
            "/boards/{id}" => registry
                .pack
                .views
                .iter()
                .flat_map(|view| fill(&[view.id.as_str(), &format!("{}?division={}", view.id, &village[..9])]))
                .collect(),
            "/matches/{id}" => registry
                .pack
                .matches
                .iter()
                .flat_map(|found| fill(&[found.id.as_str(), &format!("{}?side=seeker&division=150421", found.id)]))
                .collect(),
            "/policy/register/{id}" => fill(&["household"]),
            "/policy/codes/{id}" => fill(&["poverty_cause"]),
            "/registry/{id}" => fill(&[
                "household",
                "person?f.sex=1&sort=-birth&limit=20",
                "person?q=wang",
                "village_year?division=150421",
            ]),
            "/registry/{id}/new" => vec![
                "/registry/household/new".to_owned(),
                format!("/registry/household/new?division={village}"),
                format!("/registry/income/new?owner={}", registry.households[0]),
                "/registry/banner_file/new?division=1504".to_owned(),
            ],
            "/registry/{id}/import" => fill(&["household/import", "income/import"]),
            "/registry/{id}/{record}/clear" | "/registry/{id}/{record}/looks" => {
                let end = path.rsplit('/').next().unwrap();
                vec![format!("/registry/household/{}/{end}", registry.households[0])]
            }
            "/registry/{id}/{record}/edit" | "/registry/{id}/{record}/remove" => {
                let end = path.rsplit('/').next().unwrap();
                let household = &registry.households[0];
                [format!("household/{household}"), "person/~1".to_owned(), "living/~1".to_owned()]
                    .iter()
                    .map(|record| format!("/registry/{record}/{end}"))
                    .collect()
            }
            "/registry/{id}/removed" => fill(&["household/removed", "income/removed?division=1504"]),
            "/registry/{id}/{record}/why/{rule}" => {
                vec![format!("/registry/household/{}/why/identified_poor", registry.households[0])]
            }
            "/division/{code}/why/{rule}" => fill(&[&format!("{village}/why/village_poor")]),
            "/registry/{id}/{record}/history" => {
                vec![format!("/registry/household/{}/history", registry.households[0])]
            }
            // Signing in and the accounts: the tests of access walk them.
            path if path.starts_with("/account/") || path.starts_with("/accounts") => Vec::new(),
            // Another provider: its tests have one.
            path if path.starts_with("/sign-in/oidc") => Vec::new(),
            "/public/ask/{procedure}" => vec!["/public/ask/complaint_handling".to_owned()],
            "/public/registers/{id}" => registry
                .pack
                .public
                .registers
                .iter()
                .map(|public| &registry.pack.registers[public.register.index()].id)
                .flat_map(|id| fill(&[id.as_str(), &format!("{id}?division=150421")]))
                .collect(),
            "/public/figures" => vec![path.to_owned(), "/public/figures?division=150421".to_owned()],
            "/batches/{procedure}/{step}/{place}" => fill(&[&format!("household_exit/vote/{village}")]),
            "/public/notices/{notice}"
            | "/cases/new"
            | "/cases/{case}"
            | "/cases/{case}/files"
            | "/cases/{case}/files/{file}"
            | "/cases/{case}/files/{file}/small"
            | "/cases/{case}/files/{file}/remove"
            | "/cases/{case}/record/{number}"
            | "/sign-in"
            | "/sign-out"
            | "/welcome/{link}"
            | "/public/mark"
            | "/public/registers/{id}/export.csv"
            | "/public/figures/export.csv"
            | "/journal" => Vec::new(),
            // Files of records: the tests of attachments send some.
            path if path.starts_with("/registry/{id}/{record}/files") => Vec::new(),
            // Forms of the list's and the history's pages, imports under way, and files.
            "/registry/{id}/queries"
            | "/registry/{id}/queries/{query}/remove"
            | "/registry/{id}/{record}/undo"
            | "/registry/{id}/{record}/restore"
            | "/registry/{id}/import/{job}"
            | "/registry/{id}/import/{job}/errors.xlsx"
            | "/registry/{id}/template.xlsx" => Vec::new(),
            "/registry/{id}/{record}" => {
                let files = registry.households.iter().take(2).map(|key| format!("/registry/household/{key}"));
                files.chain(["/registry/village_year/~1".to_owned(), "/registry/person/~1".to_owned()]).collect()
            }
            "/books/{id}" => {
                fill(&["tried_ages", "tried_ages?division=150421", "tried_causes", "tried_income?division=1504"])
            }
            "/division/{code}" => fill(&["15", "1504", "150421", &village[..9], village]),
            // Files, not pages.
            "/assets/{hash}/{name}" | "/books/{id}/{kind}" | "/registry/datapackage.json" | "/registry/export.zip" => {
                Vec::new()
            }
            path if path.starts_with("/api/v1/") => Vec::new(),
            "/determinations/list" => vec![
                path.to_owned(),
                format!("{path}?variable=village_poor&answer=unknown&division=150421"),
                format!("{path}?variable=identified_poor&answer=unknown"),
            ],
            "/what-if" => vec![
                path.to_owned(),
                format!("{path}?p.poverty_line=3500&p.dibao_line=4000"),
                format!("{path}?p.poverty_line=2500&division=150421"),
            ],
            _ => {
                assert!(!path.contains('{'), "give {path} a sample here, so that the tests walk it");
                vec![path.to_owned()]
            }
        }
    };
    site::routes::table().iter().flat_map(|(path, ..)| sample(path)).collect()
}
