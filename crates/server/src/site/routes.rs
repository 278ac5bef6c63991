//! All addresses of the site in one table, which the tests walk too.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use bangfu_registry::exchange::attach;

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
        ("/api/v1/registers/{id}/records", get(api::records::list).post(api::write::create)),
        (
            "/api/v1/registers/{id}/records/{record}",
            get(api::records::one).patch(api::write::change).delete(api::write::remove),
        ),
        ("/api/v1/registers/{id}/records/{record}/history", get(api::records::history)),
        ("/api/v1/indicators", get(api::figures::indicators)),
        ("/api/v1/determinations", get(api::figures::determinations)),
        ("/api/v1/determinations/{id}", get(api::figures::determination)),
        ("/api/v1/policy/coverage", get(api::figures::coverage)),
        ("/api/v1/books", get(api::books::index)),
        ("/api/v1/books/{id}", get(api::books::one)),
        ("/healthz", get(pages::health)),
        ("/assets/{hash}/{name}", get(assets::serve)),
        ("/registry/{id}/new", get(pages::edit::new).post(pages::edit::create)),
        ("/registry/{id}/{record}/edit", get(pages::edit::edit).post(pages::edit::change)),
        ("/registry/{id}/template.xlsx", get(pages::registry::empty)),
        ("/registry/{id}/import", sends(pages::import::LARGEST, get(pages::import::form).post(pages::import::send))),
        ("/registry/{id}/import/{job}", get(pages::import::job).post(pages::import::take)),
        ("/registry/{id}/import/{job}/errors.xlsx", get(pages::import::errors)),
        ("/registry/{id}/{record}/files", sends(attach::LARGEST, post(pages::files::send))),
        ("/registry/{id}/{record}/files/{file}", get(pages::files::get)),
        ("/registry/{id}/{record}/files/{file}/small", get(pages::files::small)),
        ("/registry/{id}/{record}/files/{file}/remove", post(pages::files::remove)),
        ("/registry/{id}/queries", post(pages::queries::save)),
        ("/registry/{id}/queries/{query}/remove", post(pages::queries::forget)),
        ("/registry/{id}/removed", get(pages::history::removed)),
        ("/registry/{id}/{record}/history", get(pages::history::show)),
        ("/registry/{id}/{record}/undo", get(pages::history::show).post(pages::history::undo)),
        ("/registry/{id}/{record}/restore", get(pages::history::show).post(pages::history::restore)),
        ("/registry/{id}/{record}/remove", get(pages::removal::ask).post(pages::removal::remove)),
    ]
}

/// A form with files of at most so many bytes; a little more for what is around them.
fn sends(most: u64, method: MethodRouter<Shared>) -> MethodRouter<Shared> {
    let most = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1 << 16);
    method.layer(DefaultBodyLimit::max(most))
}

/// The table as a router.
pub fn router() -> Router<Shared> {
    table().into_iter().fold(Router::new(), |router, (path, method)| router.route(path, method))
}
