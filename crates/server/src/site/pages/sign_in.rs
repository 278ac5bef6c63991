//! Signing in and out, the one-time link, and the accounts of the demo.

use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use bangfu_registry::access::accounts::choose_password;
use bangfu_registry::access::{Refused, demo, password, sign_in};
use bangfu_registry::store::{Actor, Scope};
use serde_json::{Value, json};

use super::sent::{Sent, with_status};
use crate::site::Shared;
use crate::site::access::COOKIE;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::{Visit, cookie};

type Pairs = Form<Vec<(String, String)>>;

/// What the page says to those who come back from another provider without having got in.
const FAILED: [&str; 5] = ["oidc-down", "oidc-late", "oidc-refused", "oidc-unknown", "locked"];

/// The form.
pub async fn form(site: Shared, visit: Visit) -> Page {
    if site.who.is_somebody() {
        return Ok(Redirect::to("/").into_response());
    }
    let failed = visit.get("failed").filter(|word| FAILED.contains(word)).unwrap_or_default();
    show(&site, &visit, failed, "", visit.get("next").unwrap_or_default())
}

fn show(site: &Shared, visit: &Visit, error: &str, login: &str, next: &str) -> Page {
    let ready = visit.get("ready").is_some();
    let own = own! { error, login, next, ready, demo => site.synthetic, provider => site.provider_name() };
    site.render(visit, "", "account/sign-in.html", own)
}

/// Takes login, password and code.
pub async fn enter(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (login, next) = (sent.text("login").to_lowercase(), sent.text("next"));
    // The password as it was typed: a space at its end is part of it.
    let (password, code) = (sent.whole("password"), sent.text("code"));
    let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let entered = sign_in::sign_in(&site.store, (&login, password, code), browser, site.now()).await;
    let refused = |word: &str| Ok(with_status(show(&site, &visit, word, &login, next)?, StatusCode::UNAUTHORIZED));
    let signed_in = match entered {
        Ok(signed_in) => signed_in,
        Err(Refused::Wrong) => {
            tracing::warn!(login, "signing in was refused");
            return refused("wrong");
        }
        Err(Refused::Locked(_)) => {
            tracing::warn!(login, "the account is locked for a while");
            return refused("locked");
        }
        Err(Refused::Code) => return refused("code"),
        Err(Refused::Store(error)) => return Err(error.into()),
        Err(other) => return Err(PageError::Failed(other.to_string())),
    };
    note(&site, &login, "sign-in").await?;
    let response = Redirect::to(own_page(next)).into_response();
    Ok(with_cookie(response, &headers, &signed_in.text, sign_in::LONGEST / 1000))
}

/// The wanted page, if it is one of this site.
pub(super) fn own_page(next: &str) -> &str {
    // Browsers take a backslash for a slash, and read on where a tab or the end of a line stands.
    let odd = next.contains(|sign: char| sign == '\\' || sign.is_control());
    if next.starts_with('/') && !next.starts_with("//") && !odd { next } else { "/" }
}

async fn note(site: &Shared, login: &str, action: &str) -> Result<(), PageError> {
    noted(site, login, action, json!({ "login": login })).await
}

/// Puts an event of an account into the journal.
pub(super) async fn noted(site: &Shared, login: &str, action: &str, body: Value) -> Result<(), PageError> {
    let actor = Actor::person(login, "", "");
    let mut change = site.store.change(&Scope::nothing(), &actor, "", site.now()).await?;
    change.event(action, body).await?;
    change.commit().await?;
    Ok(())
}

/// Sets the cookie of a session.
pub(super) fn with_cookie(response: Response, headers: &HeaderMap, text: &str, seconds: i64) -> Response {
    with_named((COOKIE, "/"), response, headers, text, seconds)
}

/// Sets a cookie that is sent to pages below an address.
pub(super) fn with_named(
    (name, below): (&str, &str),
    mut response: Response,
    headers: &HeaderMap,
    text: &str,
    seconds: i64,
) -> Response {
    // Behind a proxy that speaks TLS the cookie never leaves it.
    let tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let secure = if tls { "; Secure" } else { "" };
    let cookie = format!("{name}={text}; Path={below}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Ends the session.
pub async fn leave(site: Shared, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    Sent::new(&headers, pairs)?;
    site.store.end_session(site.who.account, &site.who.session).await?;
    note(&site, &site.who.login, "sign-out").await?;
    let response = Redirect::to("/sign-in").into_response();
    Ok(if cookie(&headers, COOKIE).is_some() { with_cookie(response, &headers, "", 0) } else { response })
}

/// The page of a one-time link: a password is chosen.
pub async fn welcome(site: Shared, visit: Visit, Path(link): Path<String>) -> Page {
    let account = sign_in::follow(&site.store, &link, site.now(), false).await?;
    let account = account.ok_or_else(|| PageError::not_found("link", ""))?;
    choosing(&site, &visit, &account.login, &account.name, "")
}

fn choosing(site: &Shared, visit: &Visit, login: &str, name: &str, error: &str) -> Page {
    site.render(visit, "", "account/welcome.html", own! { login, name, error })
}

/// Takes the password and signs in.
pub async fn choose(
    site: Shared,
    visit: Visit,
    Path(link): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let now = site.now();
    let account = sign_in::follow(&site.store, &link, now, false).await?;
    let account = account.ok_or_else(|| PageError::not_found("link", ""))?;
    let again = |word: &str| {
        let page = choosing(&site, &visit, &account.login, &account.name, word)?;
        Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY))
    };
    if sent.whole("password") != sent.whole("again") {
        return again("unequal");
    }
    if let Err(weak) = password::accept(&account.login, sent.whole("password")) {
        return again(weak.word());
    }
    // Of two who follow the link at once one is the owner of the password.
    if sign_in::follow(&site.store, &link, now, true).await?.is_none() {
        return Err(PageError::not_found("link", ""));
    }
    let actor = Actor::person(&account.login, "", "");
    choose_password(&site.store, &actor, &account.login, sent.whole("password"), now)
        .await
        .map_err(|error| PageError::Failed(error.to_string()))?;
    Ok(Redirect::to("/sign-in?ready=1").into_response())
}

/// The accounts of the demo: what each sees, and a way in.
pub async fn demo(site: Shared, visit: Visit) -> Page {
    if !site.synthetic {
        return Err(PageError::not_found("page", "/demo-accounts"));
    }
    let seconds = site.now().max(0) as u64 / 1000;
    let accounts = demo::listed(&site.store, &site.places, visit.language, seconds).await?;
    let own = own! { accounts, password => demo::PASSWORD };
    site.render(&visit, "", "account/demo.html", own)
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn nobody_is_sent_to_another_site() {
        assert_eq!(own_page("/registry?q=a"), "/registry?q=a");
        for away in ["", "registry", "https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example"] {
            assert_eq!(own_page(away), "/", "{away}");
        }
    }
}
