//! A small site: the project's own pack over a few divisions.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bangfu_registry::views::map;
use bangfu_registry::views::places::Places;
use bangfu_server::site::{self, Site};
use tower::ServiceExt;

/// Root of the project.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The site that all tests read.
pub(crate) fn router() -> Router {
    site::router(open()).unwrap()
}

/// See [`router`].
pub(crate) fn open() -> Site {
    let folder = root().join("policies/inner-mongolia");
    let pack = Arc::new(bangfu_registry::packs::read(&folder).unwrap());
    let text = std::fs::read_to_string(folder.join("data/divisions.csv")).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let mut cells = line.split(',').map(str::to_owned);
        let mut next = || cells.next().unwrap_or_default();
        let (code, name, _level, english) = (next(), next(), next(), next());
        (code, name, english)
    });
    let places = Places::new(&pack, rows);
    let mut boundaries = Vec::new();
    for name in ["leagues", "banners"] {
        let text = std::fs::read_to_string(folder.join(format!("data/{name}.geojson"))).unwrap();
        boundaries.extend(map::boundaries(&text).unwrap());
    }
    Site { pack, facts: Default::default(), places, boundaries, results: None, today: 16_800 }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// Asks a router.
pub(crate) async fn get(router: &Router, address: &str, cookie: &str) -> Answer {
    let mut request = Request::builder().uri(address);
    if !cookie.is_empty() {
        request = request.header("cookie", cookie);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let headers = response.headers().clone();
    let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
    Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

/// Every address of the route table with something real in place of its parameters.
pub(crate) fn addresses() -> Vec<String> {
    let sample = |path: &str| -> Vec<String> {
        let one = |value: &str| {
            let start = path.find('{').unwrap();
            vec![format!("{}{value}", &path[..start])]
        };
        match path {
            "/policy/article/{id}" => one("5"),
            "/policy/clause/{id}" => one("C05-06"),
            "/policy/parameter/{id}" => [one("poverty_line"), one("care_share")].concat(),
            "/policy/rule/{id}" => [one("identified_poor"), one("per_head")].concat(),
            "/policy/register/{id}" => one("household"),
            "/policy/codes/{id}" => one("poverty_cause"),
            "/registry/{id}" => [one("household"), one("person?q=a&f.sex=1&sort=-birth"), one("village_year")].concat(),
            "/registry/{id}/{record}" => Vec::new(),
            "/division/{code}" => ["15", "1504", "150421", "150421100", "150421100201"].iter().flat_map(|c| one(c)).collect(),
            "/assets/{hash}/{name}" => Vec::new(),
            "/" => ["/", "/?division=1504&sort=-incidence&map=incidence", "/?division=150421", "/?division=150421100201"].map(str::to_owned).to_vec(),
            "/determinations/list" => {
                vec![path.to_owned(), format!("{path}?variable=village_poor&answer=unknown&division=150421")]
            }
            _ => {
                assert!(!path.contains('{'), "give {path} a sample here, so that the tests walk it");
                vec![path.to_owned()]
            }
        }
    };
    bangfu_server::site::routes::table().iter().flat_map(|(path, _)| sample(path)).collect()
}
