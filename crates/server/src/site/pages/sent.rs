//! What a form sent, and the way back from it.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use bangfu_policy::model::{Entity, Register, RegisterId, RegisterKind};
use bangfu_registry::exchange::json;
use bangfu_registry::exchange::records;
use bangfu_registry::store::{Row, StoreError};

use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::guard::own_site;
use crate::site::templates::encode;

/// Longest reason.
const LONGEST_REASON: usize = 500;

/// Pairs of a form that came from this site.
#[derive(Clone, Debug, Default)]
pub struct Sent(BTreeMap<String, String>);

impl Sent {
    /// The pairs of a form; a form of another site is refused.
    pub fn new(headers: &HeaderMap, pairs: Vec<(String, String)>) -> Result<Self, PageError> {
        if !own_site(headers) {
            return Err(PageError::Refused("Sec-Fetch-Site, Origin or Host name another site".to_owned()));
        }
        Ok(Self(pairs.into_iter().collect()))
    }

    /// A value, trimmed; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    /// A value as it was typed; empty where there is none.
    pub fn whole(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether there is such a value at all.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What stands behind a prefix in the names of boxes that were ticked.
    pub fn ticked(&self, prefix: &str) -> Vec<&str> {
        self.0.keys().filter_map(|name| name.strip_prefix(prefix)).collect()
    }

    /// Why; none if nothing was written.
    pub fn reason(&self) -> Option<String> {
        let reason: String = self.text("reason").chars().take(LONGEST_REASON).collect();
        (!reason.is_empty()).then_some(reason)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<i64, PageError> {
        let wrong = || PageError::BadRequest(format!("{name}: {}", self.text(name)));
        self.text(name).parse().map_err(|_| wrong())
    }
}

/// A register of an address.
pub fn register<'p>(site: &'p Shared, id: &str) -> Result<(RegisterId, &'p Register), PageError> {
    let found = site.pack.register(id).and_then(|n| Some((n, site.pack.registers.get(n.index())?)));
    found.ok_or_else(|| PageError::not_found("register", id))
}

/// A register of an address whose records are changed by hand.
pub fn writable<'p>(site: &'p Shared, id: &str) -> Result<(RegisterId, &'p Register), PageError> {
    let (n, register) = register(site, id)?;
    if register.kept_by_system() {
        return Err(StoreError::Kept(register.id.clone()).into());
    }
    Ok((n, register))
}

/// A record of an address.
pub async fn row(site: &Shared, register: RegisterId, address: &str) -> Result<Row, PageError> {
    let found = records::find(&site.facts, register, address).await?;
    found.ok_or_else(|| PageError::not_found("record", address))
}

/// The address of a record's file.
pub fn file(register: &Register, row: &Row) -> String {
    format!("/registry/{}/{}", register.id, encode(&json::address(register, &row.record)))
}

/// The file that a record is shown in: its own, or that of what it is attached to.
pub async fn home(site: &Shared, register: &Register, row: &Row) -> Result<String, PageError> {
    if register.kind == RegisterKind::Entity {
        return Ok(file(register, row));
    }
    above(site, register, row).await
}

/// The file of what a record belongs to.
pub async fn above(site: &Shared, register: &Register, row: &Row) -> Result<String, PageError> {
    match (register.parent, row.record.parent) {
        (Entity::Register(above), Some(id)) => {
            let parent = records::find(&site.facts, above, &format!("~{}", id.0)).await?;
            let register = site.pack.registers.get(above.index());
            let found = parent.zip(register).map(|(parent, register)| file(register, &parent));
            found.ok_or_else(|| PageError::not_found("record", format!("~{}", id.0)))
        }
        _ => Ok(format!("/division/{}", row.record.division)),
    }
}

/// To another page, which says what was done.
pub fn done(address: &str, what: &str) -> Response {
    let sign = if address.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{address}{sign}saved={what}")).into_response()
}

/// An answer with another status.
pub fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}
