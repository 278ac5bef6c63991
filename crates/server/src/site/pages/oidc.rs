//! Signing in at another provider: on the way there, on the way back, and the code of the second factor after it.
//!
//! Whatever goes wrong ends on the page of signing in with one sentence; the log says more.

use axum::Form;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use bangfu_registry::access::Refused;
use bangfu_registry::access::sign_in::{LONGEST, Second, SignedIn, vouched};
use serde_json::json;

use super::sent::{Sent, with_status};
use super::sign_in::{noted, own_page, with_cookie, with_named};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::oidc::flow::Vouched;
use crate::site::oidc::sealed::{Begun, Half, Sealed};
use crate::site::oidc::{Failure, Provider};
use crate::site::own::own;
use crate::site::visit::{Visit, cookie};

type Pairs = Form<Vec<(String, String)>>;

/// Name of the cookie that lasts from one step to the next.
const STEP: &str = "oidc";
/// The pages that it is sent to.
const STEPS: &str = "/sign-in/oidc";
/// The page that asks for the code.
const CODE: &str = "/sign-in/oidc/code";

fn provider(site: &Shared) -> Result<&Provider, PageError> {
    site.provider.as_ref().ok_or_else(|| PageError::not_found("page", STEPS))
}

/// Sends somebody to the provider.
pub async fn begin(site: Shared, visit: Visit, headers: HeaderMap) -> Page {
    let provider = provider(&site)?;
    if site.who.is_somebody() {
        return Ok(Redirect::to("/").into_response());
    }
    match provider.begin(visit.get("next").unwrap_or_default(), site.now()).await {
        Ok((address, begun)) => keeping(&site, &headers, address.as_str(), &begun),
        Err(failure) => Ok(failed(&headers, &failure)),
    }
}

/// Takes what somebody comes back with.
pub async fn back(site: Shared, visit: Visit, headers: HeaderMap) -> Page {
    match returned(provider(&site)?, &site, &visit, &headers).await {
        Ok((begun, found)) => {
            let second = if found.second { Second::Vouched } else { Second::Code("") };
            match vouched(&site.store, &found.login, second, browser(&headers), site.now()).await {
                Ok(signed_in) => entered(&site, &headers, &signed_in, &begun.next).await,
                Err(Refused::Code) => {
                    let until = site.now() + Half::LASTS;
                    keeping(&site, &headers, CODE, &Half { login: found.login, next: begun.next, until })
                }
                Err(Refused::Wrong) => Ok(failed(&headers, &Failure::Unknown(found.login))),
                Err(other) => refused(&headers, &found.login, other),
            }
        }
        Err(failure) => Ok(failed(&headers, &failure)),
    }
}

/// For whom the provider vouches, to a browser that was sent there.
async fn returned(
    provider: &Provider,
    site: &Shared,
    visit: &Visit,
    headers: &HeaderMap,
) -> Result<(Begun, Vouched), Failure> {
    let begun: Begun = kept(site, headers).ok_or(Failure::Late)?;
    if visit.get("state") != Some(begun.state.as_str()) {
        return Err(Failure::Late);
    }
    if let Some(error) = visit.get("error") {
        let more = visit.get("error_description").unwrap_or_default();
        return Err(Failure::Refused(format!("{error:?} {more:?}")));
    }
    let code = visit.get("code").ok_or_else(|| Failure::Refused("neither a code nor an error came".to_owned()))?;
    let found = provider.finish(&begun, code, site.now()).await?;
    Ok((begun, found))
}

/// Asks for the code of the second factor.
pub async fn ask(site: Shared, visit: Visit, headers: HeaderMap) -> Page {
    match kept::<Half>(&site, &headers) {
        Some(_) => asking(&site, &visit, ""),
        None => Ok(failed(&headers, &Failure::Late)),
    }
}

fn asking(site: &Shared, visit: &Visit, error: &str) -> Page {
    let provider = provider(site)?;
    site.render(visit, "", "account/code.html", own! { error, provider => provider.name })
}

/// Takes the code.
pub async fn code(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    provider(&site)?;
    let Some(half) = kept::<Half>(&site, &headers) else { return Ok(failed(&headers, &Failure::Late)) };
    let second = Second::Code(sent.text("code"));
    match vouched(&site.store, &half.login, second, browser(&headers), site.now()).await {
        Ok(signed_in) => entered(&site, &headers, &signed_in, &half.next).await,
        Err(Refused::Wrong | Refused::Code) => {
            tracing::warn!(login = half.login, "the code of the second factor was refused");
            Ok(with_status(asking(&site, &visit, "code-wrong")?, StatusCode::UNAUTHORIZED))
        }
        Err(other) => refused(&headers, &half.login, other),
    }
}

/// Begins the session, and forgets the step before.
async fn entered(site: &Shared, headers: &HeaderMap, signed_in: &SignedIn, next: &str) -> Page {
    let login = &signed_in.account.login;
    noted(site, login, "sign-in", json!({ "login": login, "way": "oidc" })).await?;
    let response = with_cookie(Redirect::to(own_page(next)).into_response(), headers, &signed_in.text, LONGEST / 1000);
    Ok(with_step(response, headers, "", 0))
}

fn refused(headers: &HeaderMap, login: &str, why: Refused) -> Page {
    match why {
        Refused::Locked(_) => {
            tracing::warn!(login, "the account is locked for a while");
            Ok(to_sign_in(headers, "locked"))
        }
        Refused::Store(error) => Err(error.into()),
        other => Err(PageError::Failed(other.to_string())),
    }
}

fn failed(headers: &HeaderMap, failure: &Failure) -> Response {
    tracing::warn!(%failure, "signing in at the provider was refused");
    to_sign_in(headers, failure.word())
}

/// By another address: the code in this one is of no use to anybody who finds it later.
fn to_sign_in(headers: &HeaderMap, word: &str) -> Response {
    with_step(Redirect::to(&format!("/sign-in?failed={word}")).into_response(), headers, "", 0)
}

/// To the next step, which finds what is kept.
fn keeping<S: Sealed>(site: &Shared, headers: &HeaderMap, to: &str, what: &S) -> Page {
    let sealed = what.seal(site.store.keys());
    let sealed = sealed.ok_or_else(|| PageError::Failed("a step of signing in cannot be sealed".to_owned()))?;
    Ok(with_step(Redirect::to(to).into_response(), headers, &sealed, S::LASTS / 1000))
}

fn kept<S: Sealed>(site: &Shared, headers: &HeaderMap) -> Option<S> {
    S::open(site.store.keys(), &cookie(headers, STEP)?, site.now())
}

fn with_step(response: Response, headers: &HeaderMap, text: &str, seconds: i64) -> Response {
    with_named((STEP, STEPS), response, headers, text, seconds)
}

fn browser(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
