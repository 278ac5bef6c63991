//! Who asks, and whether they may: every request is given its visitor, and every route says who may use it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use bangfu_policy::model::{RegisterId, Right};
use bangfu_registry::access::{Who, sign_in};

use super::Shared;
use super::api;
use super::api::problem::Problem;
use super::error::PageError;
use super::templates::encode;
use super::visit::cookie;

/// Name of the cookie that holds the text of a session.
pub const COOKIE: &str = "session";

/// Who may use a route. What is then found is within the visitor's scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever signed in, also before a password or second factor is set up.
    Account,
    /// Whoever holds a role that sees any register.
    Role,
    /// Whoever sees the register that the address names (`{id}`), and of a division (`{code}`) lies above it.
    Sees,
    /// Whoever changes the register that the address names.
    Changes,
    /// Whoever has one of these rights.
    Any(&'static [Right]),
}

impl Access {
    /// A word for tables of rights.
    pub fn word(self) -> String {
        match self {
            Self::Public => "public".to_owned(),
            Self::Account => "account".to_owned(),
            Self::Role => "role".to_owned(),
            Self::Sees => "sees".to_owned(),
            Self::Changes => "changes".to_owned(),
            Self::Any(rights) => rights.iter().map(|right| right.word()).collect::<Vec<_>>().join("|"),
        }
    }
}

/// Finds out who sends a request: the cookie of a session, or the token of a program.
pub async fn authenticate(State(site): State<Shared>, mut request: Request, next: Next) -> Response {
    let token = bearer(request.headers());
    let text = token.clone().or_else(|| cookie(request.headers(), COOKIE));
    let who = match text {
        Some(text) => match sign_in::who(&site.store, &text, token.is_some(), site.now()).await {
            Ok(who) => who,
            Err(error) => {
                tracing::error!(%error, "a session cannot be read");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        },
        None => Who::nobody(),
    };
    request.extensions_mut().insert(Arc::new(who));
    next.run(request).await
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(|token| token.trim().to_owned())
}

/// Lets a request pass to a route, or not.
pub async fn guard(site: Shared, access: [Access; 2], request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let who = super::visit::visitor(&parts);
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let access = access[usize::from(!reads)];
    let named = RawPathParams::from_request_parts(&mut parts, &site).await.ok();
    let param = |name: &str| {
        named.as_ref().and_then(|all| all.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()))
    };
    let interface = parts.uri.path().starts_with(api::ROOT);
    // A token is for the interface: pages make tokens, decide cases and show secrets, which programs never do.
    let nobody = Who::nobody();
    let who = if who.program && !interface { &nobody } else { &*who };
    match allowed(&site, who, access, param("id").as_deref(), param("code").as_deref()) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(Denied::SignIn) if interface => Problem::new("sign-in", "send a session or a token").into_response(),
        Err(Denied::SignIn) => {
            let back = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            let back = if reads && back != "/" { format!("?next={}", encode(back)) } else { String::new() };
            Redirect::to(&format!("/sign-in{back}")).into_response()
        }
        Err(Denied::SetUp) if interface => Problem::new("forbidden", "set up the account first").into_response(),
        Err(Denied::SetUp) => Redirect::to("/account").into_response(),
        Err(Denied::Register(id)) => PageError::Forbidden(id).into_response(),
        // Those who see no records begin at what they do.
        Err(Denied::Right) if parts.uri.path() == "/" && reads => Redirect::to(home(who)).into_response(),
        Err(Denied::Right) => PageError::Forbidden(String::new()).into_response(),
        Err(Denied::Division(code)) => PageError::not_found("division", code).into_response(),
    }
}

/// Where somebody begins whose role sees no register.
fn home(who: &Who) -> &'static str {
    if who.may(Right::Accounts) || who.may(Right::Grants) {
        "/accounts"
    } else if who.may(Right::Audit) {
        "/journal"
    } else {
        "/account"
    }
}

/// Why a request does not pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denied {
    /// Nobody signed in.
    SignIn,
    /// A password or second factor must be set up first.
    SetUp,
    /// The role neither sees nor changes the register.
    Register(String),
    /// The role lacks the right.
    Right,
    /// The division lies outside.
    Division(String),
}

/// Whether somebody may use a route whose address names a register and a division.
pub fn allowed(
    site: &Shared,
    who: &Who,
    access: Access,
    register: Option<&str>,
    division: Option<&str>,
) -> Result<(), Denied> {
    if access == Access::Public {
        return Ok(());
    }
    if !who.is_somebody() {
        return Err(Denied::SignIn);
    }
    if access == Access::Account {
        return Ok(());
    }
    if who.enrol {
        return Err(Denied::SetUp);
    }
    let registers: Vec<RegisterId> = register.and_then(|id| site.pack.register(id)).into_iter().collect();
    let named = || register.unwrap_or_default().to_owned();
    let role = who.role(&site.pack).ok_or(Denied::Right)?;
    match access {
        Access::Public | Access::Account => Ok(()),
        Access::Any(rights) if rights.iter().any(|right| who.may(*right)) => Ok(()),
        Access::Any(_) => Err(Denied::Right),
        _ if role.reads.is_empty() => Err(Denied::Right),
        Access::Role => Ok(()),
        Access::Sees if !registers.iter().all(|id| who.scope.sees(*id)) => Err(Denied::Register(named())),
        Access::Changes if !registers.iter().all(|id| who.scope.changes(*id)) => Err(Denied::Register(named())),
        Access::Sees | Access::Changes => match division {
            Some(code) if !who.scope.covers(code) => Err(Denied::Division(code.to_owned())),
            _ => Ok(()),
        },
    }
}
