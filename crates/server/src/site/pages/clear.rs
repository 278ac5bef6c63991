//! Secret fields in clear, with a reason that stays; and who looked at a record.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use bangfu_policy::model::{Register, RegisterId, Value, text_in};
use bangfu_registry::exchange::records;
use bangfu_registry::store::{Look, Row, Scope};
use bangfu_registry::views::figures::moment;
use serde_json::json;

use super::sent::{Sent, file, register, row, with_status};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// Looks that a page lists.
const MOST: i64 = 500;

/// Remembers that somebody looked at a record.
pub fn note(site: &Shared, register: &Register, record: i64, what: &str, reason: &str) {
    if register.fields.iter().all(|field| !field.secret) {
        return;
    }
    let (role, division) = site.who.post.as_ref().map_or(("", ""), |post| {
        (site.pack.roles.get(post.role.index()).map_or("", |role| role.id.as_str()), post.division.as_str())
    });
    site.looks.add(Look {
        at: site.now(),
        register: register.id.clone(),
        record,
        account: site.who.login.clone(),
        role: format!("{role} {division}"),
        what: what.to_owned(),
        reason: reason.to_owned(),
    });
}

/// Asks why.
pub async fn ask(site: Shared, visit: Visit, Path((id, address)): Path<(String, String)>) -> Page {
    let (register_id, register) = register(&site, &id)?;
    let row = row(&site, register_id, &address).await?;
    page(&site, visit, register, &row, "", &BTreeMap::new())
}

fn page(
    site: &Shared,
    visit: Visit,
    register: &Register,
    row: &Row,
    error: &str,
    clear: &BTreeMap<String, String>,
) -> Page {
    let visit = visit.with_division(&row.record.division.clone());
    let fields: Vec<_> = register
        .fields
        .iter()
        .filter(|field| field.secret)
        .map(|field| json!({ "title": text_in(&field.title, visit.language.id()), "value": clear.get(&field.id) }))
        .collect();
    let own = own! {
        back => file(register, row),
        title => text_in(&register.title, visit.language.id()),
        name => site.facts.fact(row.record.clone()).id,
        fields,
        shown => !clear.is_empty(),
        error,
    };
    site.render(&visit, "registry", "registry/clear.html", own)
}

/// Shows the fields once; the journal keeps who, when and why.
pub async fn show(
    site: Shared,
    visit: Visit,
    Path((id, address)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (register_id, register) = register(&site, &id)?;
    let found = row(&site, register_id, &address).await?;
    let Some(reason) = sent.reason() else {
        let page = page(&site, visit, register, &found, "reason", &BTreeMap::new())?;
        return Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY));
    };
    // First what stays, then what is shown.
    let mut change = site.store.change(&site.who.scope, &site.actor(), &reason, site.now()).await?;
    change.cleared(register_id, &found).await?;
    change.commit().await?;
    note(&site, register, found.record.id.0, "clear", &reason);
    let clear = in_clear(&site, register_id, register, &address).await?;
    page(&site, visit, register, &found, "", &clear)
}

async fn in_clear(
    site: &Shared,
    id: RegisterId,
    register: &Register,
    address: &str,
) -> Result<BTreeMap<String, String>, PageError> {
    let scope = Scope { unmask: true, ..site.who.scope.clone() };
    let row = records::find(&site.facts(&scope), id, address).await?;
    let row = row.ok_or_else(|| PageError::not_found("record", address))?;
    let values = register.fields.iter().zip(&row.record.values).filter(|(field, _)| field.secret);
    let clear = values.map(|(field, value)| match value {
        Some(Value::Text(text)) => (field.id.clone(), text.clone()),
        _ => (field.id.clone(), String::new()),
    });
    Ok(clear.collect())
}

/// Who looked at a record: for the person who asks, printed.
pub async fn looks(site: Shared, visit: Visit, Path((id, address)): Path<(String, String)>) -> Page {
    let (register_id, register) = register(&site, &id)?;
    let row = row(&site, register_id, &address).await?;
    site.looks.write().await?;
    let visit = visit.with_division(&row.record.division.clone());
    let looks = site.store.looks(&register.id, row.record.id.0, MOST).await?;
    let looks: Vec<_> = looks
        .iter()
        .map(|look| {
            let (role, division) = look.role.split_once(' ').unwrap_or((&look.role, ""));
            let role = site.pack.roles.iter().find(|known| known.id == role);
            json!({
                "at": moment(look.at, &site.pack.calendar), "account": look.account, "what": look.what, "reason": look.reason,
                "role": role.map(|role| text_in(&role.title, visit.language.id())),
                "place": site.places.name(division, visit.language),
            })
        })
        .collect();
    let own = own! {
        back => file(register, &row),
        title => text_in(&register.title, visit.language.id()),
        name => site.facts.fact(row.record.clone()).id,
        looks,
    };
    site.render(&visit, "registry", "registry/looks.html", own)
}
