//! The journal of everything, for those who audit.

use axum::response::Response;
use bangfu_registry::store::JournalQuery;
use bangfu_registry::views::figures::moment;
use serde_json::json;

use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::own::own;
use crate::site::visit::Visit;

/// Entries of a page.
const PAGE: i64 = 100;

/// Entries, newest first, of one who, action or register.
pub async fn list(site: Shared, visit: Visit) -> Result<Response, PageError> {
    let before = visit.get("before").and_then(|text| text.parse().ok());
    let query = JournalQuery {
        before,
        actor: visit.get("actor").unwrap_or_default().to_owned(),
        action: visit.get("action").unwrap_or_default().to_owned(),
        division: site.who.scope.division.clone(),
        most: PAGE,
    };
    let entries = site.store.journal(&query).await?;
    let next = (entries.len() as i64 == PAGE).then(|| entries.last().map(|entry| entry.seq)).flatten();
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let register = entry.register.trim_start_matches('@');
            json!({
                "seq": entry.seq, "at": moment(entry.at, &site.pack.calendar), "actor": entry.actor, "reason": entry.reason,
                "action": entry.action, "register": register, "record": entry.record,
                "place": site.places.name(&entry.division, visit.language), "body": entry.body,
            })
        })
        .collect();
    let own = own! { rows, next, actor => query.actor, action => query.action };
    site.render(&visit, "journal", "account/journal.html", own)
}
