//! Style, scripts and the libraries of the page, embedded; each address carries the hash of its content.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::Shared;

#[derive(RustEmbed)]
#[folder = "../../web/styles"]
struct Styles;

#[derive(RustEmbed)]
#[folder = "../../web/scripts"]
struct Scripts;

// Installed by npm. Without it the site works, only without the comfort of htmx.
#[derive(RustEmbed)]
#[folder = "../../web/node_modules/htmx.org/dist"]
#[allow_missing = true]
struct Htmx;

/// All assets by the name that templates use.
pub struct Assets {
    by_name: BTreeMap<&'static str, Asset>,
}

struct Asset {
    hash: String,
    kind: &'static str,
    bytes: Vec<u8>,
}

const NAMES: [(&str, &str); 3] = [
    ("site.css", "text/css; charset=utf-8"),
    ("site.js", "text/javascript; charset=utf-8"),
    ("htmx.js", "text/javascript; charset=utf-8"),
];

impl Assets {
    /// Collects what is embedded.
    pub fn load() -> Self {
        let mut by_name = BTreeMap::new();
        for (name, kind) in NAMES {
            let file = match name {
                "site.css" => Styles::get("site.css"),
                "site.js" => Scripts::get("site.js"),
                _ => Htmx::get("htmx.min.js"),
            };
            if let Some(file) = file {
                let hash: String = hex(file.metadata.sha256_hash().get(..6).unwrap_or_default());
                by_name.insert(name, Asset { hash, kind, bytes: file.data.into_owned() });
            }
        }
        Self { by_name }
    }

    /// Address of an asset; `None` if it is not in this build.
    pub fn address(&self, name: &str) -> Option<String> {
        self.by_name.get(name).map(|asset| format!("/assets/{}/{name}", asset.hash))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

/// Serves an asset. The address changes with the content, so a browser may keep it for a year.
pub async fn serve(site: Shared, Path((hash, name)): Path<(String, String)>) -> Response {
    match site.assets.by_name.get(name.as_str()) {
        Some(asset) if asset.hash == hash => (
            [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")],
            asset.bytes.clone(),
        )
            .into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
