//! What happens to every answer: error pages, settings cookies, security headers.

use std::sync::Arc;

use crate::site::own::own;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use bangfu_policy::model::text_in;
use bangfu_registry::store::StoreError;
use tower_http::compression::CompressionLayer;

use super::Shared;
use super::access;
use super::api::{
    self,
    problem::{Problem, of_status},
};
use super::error::PageError;
use super::visit::{SETTINGS, Visit, choices, visitor};

/// No script and no style but our own files; nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Layers around the routes.
pub fn wrap(router: Router<Shared>, site: Shared) -> Router {
    router
        .fallback(missing)
        .layer(middleware::from_fn_with_state(site.clone(), finish))
        .layer(middleware::from_fn_with_state(site.clone(), access::authenticate))
        .layer(CompressionLayer::new())
        .with_state(site)
}

async fn missing(request: Request) -> PageError {
    PageError::not_found("page", request.uri().path())
}

impl IntoResponse for PageError {
    /// Bare: the page around it is made in `finish`, which knows the visitor's language.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

async fn finish(State(site): State<Shared>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let site = site.seen_by(visitor(&parts));
    let visit = Visit::read(&site, &parts.uri, &parts.headers);
    let asked: Vec<(&str, String)> = settings_asked(&site, parts.uri.query().unwrap_or_default());
    let path = parts.uri.path();
    let asset = path.starts_with("/assets/");
    let interface = path.starts_with(api::ROOT);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if interface {
        response = problem(&site, &visit, response);
    } else if let Some(error) = response.extensions_mut().remove::<Arc<PageError>>() {
        response = error_page(&site, &visit, &error);
    } else if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = response.headers().get(header::ALLOW).cloned();
        response = error_page(&site, &visit, &PageError::Method);
        response.headers_mut().extend(allowed.map(|methods| (header::ALLOW, methods)));
    } else if response.status() == StatusCode::BAD_REQUEST {
        response = error_page(&site, &visit, &PageError::BadRequest(response.status().to_string()));
    }
    let headers = response.headers_mut();
    for (name, value) in asked {
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if interface {
        // Kept by the client only, and asked for again with its ETag.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.append(header::VARY, HeaderValue::from_static("Cookie"));
    } else if !asset {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(header::VARY, HeaderValue::from_static("Cookie, HX-Request"));
    }
    response
}

/// What went wrong below the interface's root, as a problem.
fn problem(site: &Shared, visit: &Visit, mut response: Response) -> Response {
    let extensions = response.extensions_mut();
    let page = extensions.remove::<Arc<PageError>>().map(|error| Arc::new(Problem::from(&*error)));
    let found = extensions.remove::<Arc<Problem>>().or(page);
    match found.or_else(|| of_status(response.status()).map(Arc::new)) {
        Some(problem) => problem.answer(site, visit.language),
        None => response,
    }
}

fn settings_asked(site: &Shared, query: &str) -> Vec<(&'static str, String)> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter_map(|(key, value)| {
            let name = SETTINGS.iter().find(|name| **name == key)?;
            choices(site, name).contains(&value).then(|| (*name, value.to_owned()))
        })
        .collect()
}

fn error_page(site: &Shared, visit: &Visit, error: &PageError) -> Response {
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(error = %error, path = visit.path, "page failed");
    }
    let (kind, detail) = match error {
        PageError::NotFound { what, name } => {
            let what = site.text(visit, &format!("kind-{what}"));
            ("missing", format!("{what} {name}"))
        }
        PageError::BadRequest(message) | PageError::Refused(message) => ("bad", message.clone()),
        PageError::Method => ("method", String::new()),
        PageError::TooOften(message) => ("often", message.clone()),
        PageError::Forbidden(what) => ("forbidden", what.clone()),
        PageError::Store(StoreError::Kept(register)) => {
            let title = site.pack.register(register).and_then(|id| site.pack.registers.get(id.index()));
            ("kept", title.map_or("", |found| text_in(&found.title, visit.language.id())).to_owned())
        }
        PageError::Store(refused) if status.is_client_error() => ("bad", refused.to_string()),
        _ => ("failed", String::new()),
    };
    let own = own! { kind, detail, status => status.as_u16() };
    let mut response = site.render(visit, "", "error.html", own).unwrap_or_else(|failure| {
        tracing::error!(error = %failure, "the error page failed");
        "Bangfu: error".into_response()
    });
    *response.status_mut() = status;
    response
}
