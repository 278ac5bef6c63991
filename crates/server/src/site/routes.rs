//! All addresses of the site in one table, which the tests walk too.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::routing::{MethodRouter, get, post};
use bangfu_policy::model::Right;
use bangfu_registry::exchange::attach;

use super::access::{self, Access};
use super::{Shared, api, assets, pages};

use Access::{Account, Any, Changes, Public, Role, Sees};

/// Who may ask, and who may send.
pub type Both = [Access; 2];

const PUBLIC: Both = [Public, Public];
const ACCOUNT: Both = [Account, Account];
const ROLE: Both = [Role, Role];
const SEES: Both = [Sees, Sees];
const SEES_CHANGES: Both = [Sees, Changes];
const CHANGES: Both = [Changes, Changes];
const ADMINISTRATORS: Both = [Any(&[Right::Accounts, Right::Grants]), Any(&[Right::Accounts, Right::Grants])];
const AUDIT: Both = [Any(&[Right::Audit]), Any(&[Right::Audit])];
const UNMASK: Both = [Sees, Any(&[Right::Unmask])];
const TOKENS: Both = [Any(&[Right::Tokens]), Any(&[Right::Tokens])];

/// An address, who may use it (to ask, to send), and what answers it.
pub type Row = (&'static str, Both, MethodRouter<Shared>);

/// Every address.
pub fn table() -> Vec<Row> {
    let mut rows = at_a_provider();
    rows.extend(own());
    rows
}

/// Signing in at another provider.
#[cfg(feature = "oidc")]
fn at_a_provider() -> Vec<Row> {
    vec![
        ("/sign-in/oidc", PUBLIC, get(pages::oidc::begin)),
        ("/sign-in/oidc/back", PUBLIC, get(pages::oidc::back)),
        ("/sign-in/oidc/code", PUBLIC, get(pages::oidc::ask).post(pages::oidc::code)),
    ]
}

#[cfg(not(feature = "oidc"))]
fn at_a_provider() -> Vec<Row> {
    Vec::new()
}

fn own() -> Vec<Row> {
    vec![
        ("/", ROLE, get(pages::overview::overview)),
        ("/policy", ROLE, get(pages::policy::contents)),
        ("/policy/article/{id}", ROLE, get(pages::policy::article)),
        ("/policy/clause/{id}", ROLE, get(pages::policy::clause)),
        ("/policy/parameters", ROLE, get(pages::policy::parameters)),
        ("/policy/parameter/{id}", ROLE, get(pages::policy::parameter)),
        ("/policy/rules", ROLE, get(pages::policy::rules)),
        ("/policy/rule/{id}", ROLE, get(pages::policy::rule)),
        ("/policy/indicators", ROLE, get(pages::policy::indicators)),
        ("/policy/checks", ROLE, get(pages::policy::checks)),
        ("/policy/procedures", ROLE, get(pages::procedures::index)),
        ("/policy/procedure/{id}", ROLE, get(pages::procedures::one)),
        ("/policy/register/{id}", ROLE, get(pages::policy::register)),
        ("/policy/codes/{id}", ROLE, get(pages::policy::codes)),
        ("/registry", ROLE, get(pages::registry::index)),
        ("/registry/datapackage.json", ROLE, get(pages::registry::described)),
        ("/registry/export.zip", ROLE, get(pages::registry::package)),
        ("/registry/{id}", SEES_CHANGES, get(pages::registry::list)),
        ("/registry/{id}/{record}", SEES_CHANGES, get(pages::registry::record)),
        ("/registry/{id}/{record}/why/{rule}", SEES_CHANGES, get(pages::reasons::of_record)),
        ("/division/{code}", SEES, get(pages::registry::division)),
        ("/division/{code}/why/{rule}", SEES, get(pages::reasons::of_division)),
        ("/boards", ROLE, get(pages::boards::index)),
        ("/boards/{id}", ROLE, get(pages::boards::board)),
        ("/matches/{id}", ROLE, get(pages::boards::matching)),
        ("/determinations", ROLE, get(pages::determinations::index)),
        ("/determinations/list", ROLE, get(pages::determinations::list)),
        ("/what-if", ROLE, get(pages::what_if::what_if)),
        ("/books", ROLE, get(pages::books::index)),
        ("/books/{id}", ROLE, get(pages::books::book)),
        ("/books/{id}/{kind}", ROLE, get(pages::books::export)),
        ("/api", ROLE, get(api::about)),
        ("/api/v1/openapi.json", ROLE, get(api::document)),
        ("/api/v1/registers", ROLE, get(api::registers::index)),
        ("/api/v1/registers/{id}", SEES_CHANGES, get(api::registers::one)),
        ("/api/v1/registers/{id}/records", SEES_CHANGES, get(api::records::list).post(api::write::create)),
        (
            "/api/v1/registers/{id}/records/{record}",
            SEES_CHANGES,
            get(api::records::one).patch(api::write::change).delete(api::write::remove),
        ),
        ("/api/v1/registers/{id}/records/{record}/history", SEES_CHANGES, get(api::records::history)),
        ("/api/v1/indicators", ROLE, get(api::figures::indicators)),
        ("/api/v1/determinations", ROLE, get(api::figures::determinations)),
        ("/api/v1/determinations/{id}", ROLE, get(api::figures::determination)),
        ("/api/v1/policy/coverage", ROLE, get(api::figures::coverage)),
        ("/api/v1/books", ROLE, get(api::books::index)),
        ("/api/v1/books/{id}", ROLE, get(api::books::one)),
        ("/healthz", PUBLIC, get(pages::health)),
        ("/assets/{hash}/{name}", PUBLIC, get(assets::serve)),
        ("/registry/{id}/new", CHANGES, get(pages::edit::new).post(pages::edit::create)),
        ("/registry/{id}/{record}/edit", CHANGES, get(pages::edit::edit).post(pages::edit::change)),
        ("/registry/{id}/template.xlsx", CHANGES, get(pages::registry::empty)),
        (
            "/registry/{id}/import",
            CHANGES,
            sends(pages::import::LARGEST, get(pages::import::form).post(pages::import::send)),
        ),
        ("/registry/{id}/import/{job}", CHANGES, get(pages::import::job).post(pages::import::take)),
        ("/registry/{id}/import/{job}/errors.xlsx", CHANGES, get(pages::import::errors)),
        ("/registry/{id}/{record}/files", CHANGES, sends(attach::LARGEST, post(pages::files::send))),
        ("/registry/{id}/{record}/files/{file}", SEES_CHANGES, get(pages::files::get)),
        ("/registry/{id}/{record}/files/{file}/small", SEES_CHANGES, get(pages::files::small)),
        ("/registry/{id}/{record}/files/{file}/remove", CHANGES, post(pages::files::remove)),
        ("/registry/{id}/queries", SEES, post(pages::queries::save)),
        ("/registry/{id}/queries/{query}/remove", SEES, post(pages::queries::forget)),
        ("/registry/{id}/removed", CHANGES, get(pages::history::removed)),
        ("/registry/{id}/{record}/history", SEES_CHANGES, get(pages::history::show)),
        ("/registry/{id}/{record}/undo", CHANGES, get(pages::history::show).post(pages::history::undo)),
        ("/registry/{id}/{record}/restore", CHANGES, get(pages::history::show).post(pages::history::restore)),
        ("/registry/{id}/{record}/remove", CHANGES, get(pages::removal::ask).post(pages::removal::remove)),
        ("/sign-in", PUBLIC, get(pages::sign_in::form).post(pages::sign_in::enter)),
        ("/sign-out", ACCOUNT, post(pages::sign_in::leave)),
        ("/welcome/{link}", PUBLIC, get(pages::sign_in::welcome).post(pages::sign_in::choose)),
        ("/demo-accounts", PUBLIC, get(pages::sign_in::demo)),
        ("/account", ACCOUNT, get(pages::account::show)),
        ("/account/password", ACCOUNT, post(pages::account::password)),
        ("/account/factor", ACCOUNT, post(pages::account::factor)),
        ("/account/role", ACCOUNT, post(pages::account::role)),
        ("/account/absence", ACCOUNT, post(pages::absence::act)),
        ("/account/sessions", ACCOUNT, post(pages::account::end)),
        ("/account/tokens", TOKENS, post(pages::account::token)),
        ("/public", PUBLIC, get(pages::public::index)),
        ("/public/how", PUBLIC, get(pages::public::how)),
        ("/public/figures", PUBLIC, get(pages::published::figures)),
        ("/public/figures/export.csv", PUBLIC, get(pages::published::figures_csv)),
        ("/public/registers/{id}", PUBLIC, get(pages::published::register)),
        ("/public/registers/{id}/export.csv", PUBLIC, get(pages::published::export)),
        ("/public/mark", PUBLIC, post(pages::public::content)),
        ("/public/notices/{notice}", PUBLIC, get(pages::public::notice)),
        ("/public/ask/{procedure}", PUBLIC, get(pages::public::form).post(pages::public::send)),
        ("/work", ROLE, get(pages::work::list).post(pages::work::act)),
        ("/batches/{procedure}/{step}/{place}", ROLE, get(pages::batch::show).post(pages::batch::act)),
        ("/proposals", ROLE, get(pages::work::proposals).post(pages::work::open)),
        ("/cases/new", ROLE, get(pages::cases::new).post(pages::cases::open)),
        ("/cases/{case}", ROLE, get(pages::cases::show).post(pages::cases::act)),
        ("/cases/{case}/files", ROLE, sends(attach::LARGEST, post(pages::files::send_to_case))),
        ("/cases/{case}/files/{file}", ROLE, get(pages::files::get_of_case)),
        ("/cases/{case}/files/{file}/small", ROLE, get(pages::files::small_of_case)),
        ("/cases/{case}/files/{file}/remove", ROLE, post(pages::files::remove_of_case)),
        ("/cases/{case}/record/{number}", ROLE, get(pages::batch::record)),
        ("/accounts", ADMINISTRATORS, get(pages::accounts::index).post(pages::accounts::make)),
        ("/accounts/{login}", ADMINISTRATORS, get(pages::accounts::one).post(pages::accounts::act)),
        ("/journal", AUDIT, get(pages::journal::list)),
        ("/registry/{id}/{record}/clear", UNMASK, get(pages::clear::ask).post(pages::clear::show)),
        ("/registry/{id}/{record}/looks", SEES, get(pages::clear::looks)),
    ]
}

/// A form with files of at most so many bytes; a little more for what is around them.
fn sends(most: u64, method: MethodRouter<Shared>) -> MethodRouter<Shared> {
    let most = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1 << 16);
    method.layer(DefaultBodyLimit::max(most))
}

/// The table as a router; nothing answers that its row does not allow.
pub fn router(site: &Shared) -> Router<Shared> {
    table().into_iter().fold(Router::new(), |router, (path, both, method)| {
        let site = site.clone();
        let guard = move |request: Request, next: Next| access::guard(site.clone(), both, request, next);
        router.route(path, method.route_layer(middleware::from_fn(guard)))
    })
}
