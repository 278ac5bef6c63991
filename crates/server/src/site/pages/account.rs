//! One's own account: role, password, second factor, sessions, tokens.

use axum::Form;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use bangfu_policy::model::{DAY, Right, text_in};
use bangfu_registry::access::accounts::{NotGiven, choose_password};
use bangfu_registry::access::{Factor, password, sign_in};
use bangfu_registry::store::Scope;
use bangfu_registry::views::figures::{day, moment};
use serde_json::json;

use super::absence;
use super::sent::{Sent, done, with_status};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// What its forms send.
pub type Pairs = Form<Vec<(String, String)>>;

/// Days that a token works at most.
const TOKEN_DAYS: i64 = 366;

/// What the page says was done.
const SAVED: [&str; 4] = ["password", "factor", "ended", "absence"];

/// The page.
pub async fn show(site: Shared, visit: Visit) -> Page {
    page(&site, &visit, "", "").await
}

async fn page(site: &Shared, visit: &Visit, error: &str, token: &str) -> Page {
    let who = &site.who;
    let account = site.store.account(&who.login).await?.ok_or_else(|| PageError::not_found("account", &who.login))?;
    let title = |id: bangfu_policy::model::RoleId| {
        site.pack.roles.get(id.index()).map_or("", |role| text_in(&role.title, visit.language.id()))
    };
    let posts: Vec<_> = who
        .posts
        .iter()
        .map(|post| {
            json!({
                "held": post.held, "role": title(post.role),
                "place": site.places.name(&post.division, visit.language),
                "chosen": who.post.as_ref().is_some_and(|own| own.held == post.held),
                "for": post.principal.as_ref().map(|principal| &principal.login),
                "until": post.principal.as_ref().map(|principal| day(principal.until, visit.language)),
            })
        })
        .collect();
    let sessions: Vec<_> = site
        .store
        .sessions(who.account)
        .await?
        .iter()
        .map(|session| {
            json!({
                "id": hex(&session.hash), "kind": session.kind, "name": session.name, "own": session.hash == who.session,
                "made": moment(session.made, &site.pack.calendar), "seen": moment(session.seen, &site.pack.calendar),
                "expires": moment(session.expires, &site.pack.calendar), "writes": session.writes,
            })
        })
        .collect();
    // A new secret is shown once; it counts when a code of it comes back.
    let offered = match &account.factor {
        Some(_) => None,
        None => Some(Factor::new().map_err(|error| PageError::Failed(error.to_string()))?),
    };
    let issuer = site.text(visit, "brand");
    let own = own! {
        error,
        token,
        login => who.login,
        enrol => who.enrol,
        posts,
        sessions,
        has_factor => account.factor.is_some(),
        factor => offered.as_ref().map(Factor::text),
        factor_words => offered.as_ref().map(Factor::words),
        factor_address => offered.as_ref().and_then(|factor| factor.address(&issuer, &who.login)),
        tokens => who.may(Right::Tokens),
        absences => absence::lines(site, visit, who.account).await?,
        saved => visit.get("saved").filter(|saved| SAVED.contains(saved)).unwrap_or_default(),
    };
    site.render(visit, "", "account/account.html", own)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The page once more, with what was wrong.
pub async fn again(site: &Shared, visit: &Visit, word: &str) -> Page {
    Ok(with_status(page(site, visit, word, "").await?, StatusCode::UNPROCESSABLE_ENTITY))
}

/// Another password: the old one is asked for; other sessions end.
pub async fn password(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let who = &site.who;
    let account = site.store.account(&who.login).await?.ok_or_else(|| PageError::not_found("account", &who.login))?;
    let (typed, secret) = (sent.whole("old").to_owned(), account.secret);
    let right = tokio::task::spawn_blocking(move || password::verify(&typed, &secret)).await.unwrap_or(false);
    if !right {
        return again(&site, &visit, "old").await;
    }
    if sent.whole("password") != sent.whole("again") {
        return again(&site, &visit, "unequal").await;
    }
    match choose_password(&site.store, &site.actor(), &who.login, sent.whole("password"), site.now()).await {
        Ok(()) => {}
        Err(NotGiven::Weak(weak)) => return again(&site, &visit, weak.word()).await,
        Err(other) => return Err(PageError::Failed(other.to_string())),
    }
    site.store.end_other_sessions(who.account, &who.session).await?;
    Ok(done("/account", "password"))
}

/// Sets up the second factor with the first code of it.
pub async fn factor(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let account = site.store.account(&site.who.login).await?;
    if account.is_none_or(|account| account.factor.is_some()) {
        return again(&site, &visit, "factor-there").await;
    }
    let factor = Factor::from_text(sent.text("factor"));
    let right = factor.filter(|factor| factor.check(sent.text("code"), site.now().max(0) as u64 / 1000, 0).is_some());
    let Some(sealed) = right.and_then(|factor| factor.seal(site.store.keys())) else {
        return again(&site, &visit, "factor-wrong").await;
    };
    let mut change = site.store.change(&Scope::nothing(), &site.actor(), "", site.now()).await?;
    change.set_factor(&site.who.login, Some(&sealed)).await?;
    change.commit().await?;
    Ok(done("/account", "factor"))
}

/// Acts in another of one's roles from now on.
pub async fn role(site: Shared, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let held = sent.number("held")?;
    if !site.who.posts.iter().any(|post| post.held == held) {
        return Err(PageError::Forbidden(String::new()));
    }
    site.store.act_as(&site.who.session, held).await?;
    Ok(Redirect::to("/").into_response())
}

/// Ends a session or token, or all other sessions.
pub async fn end(site: Shared, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let who = &site.who;
    match sent.text("session") {
        "" => {
            site.store.end_other_sessions(who.account, &who.session).await?;
        }
        id => {
            for session in site.store.sessions(who.account).await?.iter().filter(|session| hex(&session.hash) == id) {
                site.store.end_session(who.account, &session.hash).await?;
            }
        }
    }
    Ok(done("/account", "ended"))
}

/// Makes a token; its text is shown this once.
pub async fn token(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let days = sent.number("days")?;
    let (name, writes) = (sent.text("name"), sent.text("writes") == "1");
    if name.is_empty() || !(1..=TOKEN_DAYS).contains(&days) {
        return again(&site, &visit, "token").await;
    }
    let now = site.now();
    let (account, kind) = (site.who.account, sign_in::Kind::Token);
    let held = site.who.post.as_ref().map(|post| post.held);
    let text = sign_in::begin(&site.store, account, held, (kind, name, writes), now, now + days * DAY).await;
    let text = text.map_err(|error| PageError::Failed(error.to_string()))?;
    let mut change = site.store.change(&Scope::nothing(), &site.actor(), "", now).await?;
    change.event("token", json!({ "login": site.who.login, "name": name, "writes": writes, "days": days })).await?;
    change.commit().await?;
    page(&site, &visit, "", &text).await
}
