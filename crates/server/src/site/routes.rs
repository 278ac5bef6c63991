//! All addresses of the site in one table, which the tests walk too.

use axum::Router;
use axum::routing::{MethodRouter, get};

use super::{Shared, api, assets, pages};

/// Every address with what answers it.
pub fn table() -> Vec<(&'static str, MethodRouter<Shared>)> {
    vec![
        ("/", get(pages::overview::overview)),
        ("/policy", get(pages::policy::contents)),
        ("/policy/article/{id}", get(pages::policy::article)),
        ("/policy/clause/{id}", get(pages::policy::clause)),
        ("/policy/parameters", get(pages::policy::parameters)),
        ("/policy/parameter/{id}", get(pages::policy::parameter)),
        ("/policy/rules", get(pages::policy::rules)),
        ("/policy/rule/{id}", get(pages::policy::rule)),
        ("/policy/indicators", get(pages::policy::indicators)),
        ("/policy/checks", get(pages::policy::checks)),
        ("/policy/procedures", get(pages::procedures::index)),
        ("/policy/procedure/{id}", get(pages::procedures::one)),
        ("/policy/register/{id}", get(pages::policy::register)),
        ("/policy/codes/{id}", get(pages::policy::codes)),
        ("/registry", get(pages::registry::index)),
        ("/registry/datapackage.json", get(pages::registry::described)),
        ("/registry/export.zip", get(pages::registry::package)),
        ("/registry/{id}", get(pages::registry::list)),
        ("/registry/{id}/{record}", get(pages::registry::record)),
        ("/division/{code}", get(pages::registry::division)),
        ("/boards", get(pages::boards::index)),
        ("/boards/{id}", get(pages::boards::board)),
        ("/matches/{id}", get(pages::boards::matching)),
        ("/determinations", get(pages::determinations::index)),
        ("/determinations/list", get(pages::determinations::list)),
        ("/what-if", get(pages::what_if::what_if)),
        ("/books", get(pages::books::index)),
        ("/books/{id}", get(pages::books::book)),
        ("/books/{id}/{kind}", get(pages::books::export)),
        ("/api", get(api::about)),
        ("/api/v1/openapi.json", get(api::document)),
        ("/api/v1/registers", get(api::registers::index)),
        ("/api/v1/registers/{id}", get(api::registers::one)),
        ("/api/v1/registers/{id}/records", get(api::records::list)),
        ("/api/v1/registers/{id}/records/{record}", get(api::records::one).patch(api::write::change)),
        ("/api/v1/registers/{id}/records/{record}/history", get(api::records::history)),
        ("/api/v1/indicators", get(api::figures::indicators)),
        ("/api/v1/determinations", get(api::figures::determinations)),
        ("/api/v1/determinations/{id}", get(api::figures::determination)),
        ("/api/v1/policy/coverage", get(api::figures::coverage)),
        ("/api/v1/books", get(api::books::index)),
        ("/api/v1/books/{id}", get(api::books::one)),
        ("/healthz", get(pages::health)),
        ("/assets/{hash}/{name}", get(assets::serve)),
    ]
}

/// The table as a router.
pub fn router() -> Router<Shared> {
    table().into_iter().fold(Router::new(), |router, (path, method)| router.route(path, method))
}
