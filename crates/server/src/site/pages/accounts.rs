//! Accounts: the system administrator makes and blocks them, the security administrator gives roles and takes them.

use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use bangfu_policy::model::{Right, Role, text_in};
use bangfu_registry::access::accounts::{self, NotGiven};
use bangfu_registry::store::{Account, Held, Scope, StoreError};
use bangfu_registry::views::figures::moment;
use serde_json::{Value, json};

use super::sent::{Sent, done, with_status};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

type Pairs = Form<Vec<(String, String)>>;

/// What a form for one account asks for.
const DONE: [&str; 6] = ["block", "unblock", "give", "take", "factor", "made"];

/// All accounts.
pub async fn index(site: Shared, visit: Visit) -> Page {
    list(&site, &visit, "", "", ["", ""]).await
}

async fn list(site: &Shared, visit: &Visit, error: &str, link: &str, typed: [&str; 2]) -> Page {
    let held = site.store.held(None).await?;
    let accounts = site.store.accounts().await?;
    let wanted = visit.get("q").unwrap_or_default().to_lowercase();
    let fits = |account: &&Account| account.login.contains(&wanted) || account.name.to_lowercase().contains(&wanted);
    let rows: Vec<Value> = accounts
        .iter()
        .filter(fits)
        .map(|account| {
            let own = held.iter().filter(|held| held.account == account.id);
            json!({
                "login": account.login, "name": account.name, "made": moment(account.made, &site.pack.calendar),
                "blocked": account.blocked, "ready": !account.secret.is_empty(), "factor": account.factor.is_some(),
                "roles": own.map(|held| post(site, visit, held)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let own = own! {
        rows,
        wanted,
        error,
        welcome => link,
        login => typed[0],
        name => typed[1],
        makes => site.who.may(Right::Accounts),
    };
    site.render(visit, "accounts", "account/accounts.html", own)
}

fn role<'p>(site: &'p Shared, id: &str) -> Option<&'p Role> {
    site.pack.roles.iter().find(|role| role.id == id)
}

fn post(site: &Shared, visit: &Visit, held: &Held) -> Value {
    let title = role(site, &held.role).map(|role| text_in(&role.title, visit.language.id()).to_owned());
    json!({
        "id": held.id, "role": title.unwrap_or_else(|| held.role.clone()),
        "place": site.places.name(&held.division, visit.language), "given": moment(held.given, &site.pack.calendar),
    })
}

/// Makes an account; the page shows the link for its owner once.
pub async fn make(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    if !site.who.may(Right::Accounts) {
        return Err(PageError::Forbidden(String::new()));
    }
    let (login, name) = (sent.text("login").to_lowercase(), sent.text("name"));
    let made = accounts::make(&site.store, &site.actor(), (&login, name), "", site.now()).await;
    let word = match made {
        Ok(link) => return list(&site, &visit, "", &link, ["", ""]).await,
        Err(NotGiven::Login) => "login",
        Err(NotGiven::Store(StoreError::Login(_))) => "login-taken",
        Err(NotGiven::Store(error)) => return Err(error.into()),
        Err(other) => return Err(PageError::Failed(other.to_string())),
    };
    let page = list(&site, &visit, word, "", [&login, name]).await?;
    Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY))
}

/// An account.
pub async fn one(site: Shared, visit: Visit, Path(login): Path<String>) -> Page {
    show(&site, &visit, &login, "", "").await
}

async fn show(site: &Shared, visit: &Visit, login: &str, error: &str, link: &str) -> Page {
    let account = site.store.account(login).await?.ok_or_else(|| PageError::not_found("account", login))?;
    let held = site.store.held(Some(account.id)).await?;
    let roles: Vec<Value> = site
        .pack
        .roles
        .iter()
        .map(|role| {
            let level = site.pack.levels.get(role.level.index());
            let level = level.map_or("", |level| text_in(&level.title, visit.language.id()));
            let title = text_in(&role.title, visit.language.id());
            json!({ "id": role.id, "title": title, "level": level })
        })
        .collect();
    let own = own! {
        login => account.login,
        name => account.name,
        made => moment(account.made, &site.pack.calendar),
        blocked => account.blocked,
        locked => account.locked_until > site.now(),
        ready => !account.secret.is_empty(),
        factor => account.factor.is_some(),
        held => held.iter().map(|held| post(site, visit, held)).collect::<Vec<_>>(),
        roles,
        role => visit.get("role").unwrap_or_default(),
        error,
        welcome => link,
        makes => site.who.may(Right::Accounts),
        gives => site.who.may(Right::Grants) || site.who.may(Right::Accounts),
        absences => super::absence::lines(site, visit, account.id).await?,
        oneself => account.login == site.who.login,
        saved => visit.get("saved").filter(|saved| DONE.contains(saved)).unwrap_or_default(),
    };
    site.render(visit, "accounts", "account/one.html", own)
}

/// What the page's forms ask for: block, unblock, a new link, the factor away, a role given or taken.
pub async fn act(
    site: Shared,
    visit: Visit,
    Path(login): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let address = format!("/accounts/{login}");
    let what = sent.text("do");
    let needed = if ["give", "take"].contains(&what) { Right::Grants } else { Right::Accounts };
    if what != "give" && !site.who.may(needed) {
        return Err(PageError::Forbidden(String::new()));
    }
    let reason = sent.reason().unwrap_or_default();
    if what == "give" {
        return give(&site, &visit, &login, &sent, &reason).await;
    }
    if what == "link" {
        let made = accounts::link(&site.store, &site.actor(), &login, &reason, site.now()).await;
        let link = made.map_err(|error| PageError::Failed(error.to_string()))?;
        return show(&site, &visit, &login, "", &link).await;
    }
    if what == "block" && login == site.who.login {
        return refused(&site, &visit, &login, "oneself").await;
    }
    let mut change = site.store.change(&Scope::nothing(), &site.actor(), &reason, site.now()).await?;
    match what {
        "block" => change.block(&login, true).await?,
        "unblock" => change.block(&login, false).await?,
        "factor" => change.set_factor(&login, None).await?,
        "take" => change.take_role(&login, sent.number("held")?).await?,
        other => return Err(PageError::BadRequest(other.to_owned())),
    }
    change.commit().await?;
    Ok(done(&address, what))
}

async fn refused(site: &Shared, visit: &Visit, login: &str, word: &str) -> Page {
    Ok(with_status(show(site, visit, login, word, "").await?, StatusCode::UNPROCESSABLE_ENTITY))
}

async fn give(site: &Shared, visit: &Visit, login: &str, sent: &Sent, reason: &str) -> Page {
    let Some(role) = role(site, sent.text("role")) else { return refused(site, visit, login, "role").await };
    let division = sent.text("division");
    if !site.places.contains(division) {
        return refused(site, visit, login, "division").await;
    }
    let account = site.store.account(login).await?.ok_or_else(|| PageError::not_found("account", login))?;
    let held = site.store.held(None).await?;
    match accounts::may_give(&site.pack, &site.who, &held, account.id, role, division) {
        Ok(()) => {}
        Err(NotGiven::Right) => return Err(PageError::Forbidden(String::new())),
        Err(NotGiven::Division) => return refused(site, visit, login, "division").await,
        Err(NotGiven::Outside) => return refused(site, visit, login, "outside").await,
        Err(NotGiven::Apart(_)) => return refused(site, visit, login, "apart").await,
        Err(NotGiven::Oneself) => return refused(site, visit, login, "oneself").await,
        Err(other) => return Err(PageError::Failed(other.to_string())),
    }
    let mut change = site.store.change(&Scope::nothing(), &site.actor(), reason, site.now()).await?;
    change.give_role(login, &role.id, division).await?;
    change.commit().await?;
    Ok(done(&format!("/accounts/{login}"), "give"))
}
