//! Saying that one is away from a role, and who acts for one; ending it early.

use axum::Form;
use axum::http::HeaderMap;
use bangfu_policy::model::text_in;
use bangfu_policy::value::iso_date;
use bangfu_registry::access::deputies::{self, NotTaken, Said};
use bangfu_registry::store::Absence;
use bangfu_registry::views::figures::day;
use serde_json::{Value, json};

use super::account;
use super::sent::{Sent, done};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::visit::Visit;

/// Absences of an account that are not over, and those in which it acts for others.
pub async fn lines(site: &Shared, visit: &Visit, account: i64) -> Result<Vec<Value>, PageError> {
    let known = site.store.absences(Some(account), site.pack.calendar.day(site.now())).await?;
    let line = |absence: &Absence| {
        let role = site.pack.roles.iter().find(|role| role.id == absence.held.role);
        json!({
            "id": absence.id, "login": absence.login, "deputy": absence.deputy_login,
            "role": role.map(|role| text_in(&role.title, visit.language.id())),
            "place": site.places.name(&absence.held.division, visit.language),
            "from": day(absence.first, visit.language), "until": day(absence.last, visit.language),
        })
    };
    Ok(known.iter().map(line).collect())
}

/// Says an absence, or ends one.
pub async fn act(site: Shared, visit: Visit, headers: HeaderMap, Form(pairs): super::account::Pairs) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (who, now) = (&site.who, site.now());
    if sent.has("end") {
        deputies::end(&site.store, &site.actor(), who.account, sent.number("end")?, now).await?;
        return Ok(done("/account", "ended"));
    }
    let all = site.store.held(Some(who.account)).await?;
    let wanted = sent.number("held")?;
    let held = all.iter().find(|held| held.id == wanted).ok_or_else(|| PageError::Forbidden(String::new()))?;
    let days = [sent.text("first"), sent.text("last")].map(|text| iso_date(text).map(i64::from));
    let [Some(first), Some(last)] = days else { return account::again(&site, &visit, "absence-days").await };
    let deputy = sent.text("deputy").to_lowercase();
    let said = Said { login: &who.login, held, deputy: &deputy, first, last };
    let word = match deputies::say(&site.store, &site.actor(), &said, now).await {
        Ok(()) => return Ok(done("/account", "absence")),
        Err(NotTaken::Days) => "absence-days",
        Err(NotTaken::Overlap) => "absence-overlap",
        Err(NotTaken::Nobody) => "absence-nobody",
        Err(NotTaken::Below) => "absence-below",
        Err(NotTaken::Apart(_)) => "absence-apart",
        Err(NotTaken::Person) => "absence-person",
        Err(NotTaken::Store(error)) => return Err(error.into()),
    };
    account::again(&site, &visit, word).await
}
