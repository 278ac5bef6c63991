//! Files of records and cases: sent, shown, taken away. What they belong to says who may.

use axum::Form;
use axum::extract::{Multipart, Path};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use bangfu_registry::casework::flow;
use bangfu_registry::exchange::attach::{self, Arrived, AttachError};
use bangfu_registry::exchange::write::Stamp;
use bangfu_registry::store::{Attachment, Bearer, StoreError};
use bangfu_registry::views::figures;
use serde::Serialize;

use super::cases::desk;
use super::import::size;
use super::sent::{Sent, done, file as address_of, register, row, with_status, writable};
use crate::clock;
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::guard::own_site;
use crate::site::own::own;
use crate::site::templates::encode;
use crate::site::upload::{self, Missed};
use crate::site::visit::Visit;

type Pairs = Form<Vec<(String, String)>>;

/// A file as a page shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    id: i64,
    name: String,
    size: String,
    who: String,
    at: String,
    picture: bool,
}

/// Files as a page shows them.
pub fn shown(site: &Shared, files: &[Attachment]) -> Vec<Shown> {
    let show = |file: &Attachment| Shown {
        id: file.id,
        name: file.name.clone(),
        size: size(u64::try_from(file.size).unwrap_or(0)),
        who: file.actor.clone(),
        at: figures::moment(file.at, &site.pack.calendar),
        picture: attach::picture(&site.data, file).is_some_and(|path| path.exists()),
    };
    files.iter().map(show).collect()
}

/// What files belong to, and the page that shows them.
struct Held {
    bearer: Bearer,
    back: String,
}

type OfRecord = Path<(String, String)>;
type FileOfRecord = Path<(String, String, i64)>;

/// A record whose files are looked at.
async fn record(site: &Shared, id: &str, address: &str) -> Result<Held, PageError> {
    let (register_id, definition) = register(site, id)?;
    let row = row(site, register_id, address).await?;
    Ok(Held { bearer: Bearer::Record(register_id, row.record.id), back: address_of(definition, &row) })
}

/// A case whose files are looked at.
async fn case(site: &Shared, id: i64) -> Result<Held, PageError> {
    desk(site).case(id).await?;
    Ok(Held { bearer: Bearer::Case(id), back: format!("/cases/{id}") })
}

/// A case whose files are changed: by whoever may act on it now.
async fn case_in_hand(site: &Shared, id: i64) -> Result<Held, PageError> {
    let desk = desk(site);
    let (case, procedure) = desk.case(id).await?;
    let events = site.facts.case_events(id).await?;
    match flow::may_act(&site.pack, procedure, &case, &events, &site.who, desk.now) {
        Ok(_) => self::case(site, id).await,
        Err(cannot) => Err(PageError::Forbidden(cannot.word().to_owned())),
    }
}

/// A file of a record arrives.
pub async fn send(
    site: Shared,
    visit: Visit,
    Path((id, address)): OfRecord,
    headers: HeaderMap,
    sent: Multipart,
) -> Page {
    writable(&site, &id)?;
    let held = record(&site, &id, &address).await?;
    arrive(&site, &visit, &held, &headers, sent).await
}

/// A file of a case arrives.
pub async fn send_to_case(
    site: Shared,
    visit: Visit,
    Path(id): Path<i64>,
    headers: HeaderMap,
    sent: Multipart,
) -> Page {
    let held = case_in_hand(&site, id).await?;
    arrive(&site, &visit, &held, &headers, sent).await
}

async fn arrive(site: &Shared, visit: &Visit, held: &Held, headers: &HeaderMap, sent: Multipart) -> Page {
    if !own_site(headers) {
        return Err(PageError::Refused("Sec-Fetch-Site, Origin or Host name another site".to_owned()));
    }
    let refused = |key: &str, n: String, status: StatusCode| {
        let words = site.texts.get(visit.language, key, &[("n", n)]);
        let page = site.render(visit, "registry", "registry/file-refused.html", own! { words, back => held.back })?;
        Ok(with_status(page, status))
    };
    let folder = site.data.join("files");
    let arrived = match upload::take(sent, &folder, attach::LARGEST, &clock::run_id()).await {
        Ok(arrived) => arrived,
        Err(Missed::Nothing) => return refused("upload-nothing", String::new(), StatusCode::UNPROCESSABLE_ENTITY),
        Err(Missed::TooLarge) => {
            let largest = (attach::LARGEST >> 20).to_string();
            return refused("upload-too-large", largest, StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(Missed::Failed(error)) => return Err(error),
    };
    let said = arrived.texts.iter().find(|(name, _)| name == "reason").map(|(_, text)| text.trim().to_owned());
    let reason = said.filter(|reason| !reason.is_empty()).unwrap_or_else(|| site.text(visit, "reason-attach"));
    let stamp = Stamp { actor: &site.actor(), reason: &reason, at: site.now() };
    let file = Arrived { path: &arrived.path, name: &arrived.name, hash: &arrived.hash, size: arrived.size };
    let taken = attach::attach(&site.facts, &site.data, held.bearer, &file, &stamp).await;
    // Moved to its place, or not wanted; what stays is cleared away by the next backup.
    let _ = std::fs::remove_file(&arrived.path);
    match taken {
        Ok(_) => Ok(done(&held.back, "attached")),
        Err(AttachError::Kind) => refused("attach-kind", String::new(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        Err(AttachError::Office(_)) => refused("attach-broken", String::new(), StatusCode::UNPROCESSABLE_ENTITY),
        Err(AttachError::Store(StoreError::Full(most))) => {
            refused("attach-full", most.to_string(), StatusCode::CONFLICT)
        }
        Err(AttachError::Store(error)) => Err(error.into()),
        Err(error) => Err(PageError::Failed(error.to_string())),
    }
}

async fn find(site: &Shared, held: &Held, file: i64) -> Result<Attachment, PageError> {
    let files = site.facts.attachments(held.bearer).await?;
    let found = files.into_iter().find(|known| known.id == file);
    found.ok_or_else(|| PageError::not_found("file", file.to_string()))
}

/// A file of a record to take away.
pub async fn get(site: Shared, Path((id, address, file)): FileOfRecord) -> Page {
    take(&site, &record(&site, &id, &address).await?, file).await
}

/// A file of a case to take away.
pub async fn get_of_case(site: Shared, Path((id, file)): Path<(i64, i64)>) -> Page {
    take(&site, &case(&site, id).await?, file).await
}

/// Never shown in the page, whatever it holds.
async fn take(site: &Shared, held: &Held, file: i64) -> Page {
    let file = find(site, held, file).await?;
    let bytes = tokio::fs::read(attach::bytes(&site.data, &file)).await;
    let bytes = bytes.map_err(|error| PageError::Failed(format!("{}: {error}", file.hash)))?;
    let plain: String =
        file.name.chars().map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) { c } else { '_' }).collect();
    let name = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", encode(&file.name));
    Ok(([(header::CONTENT_TYPE, file.media), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// A photo of a record, small.
pub async fn small(site: Shared, Path((id, address, file)): FileOfRecord) -> Page {
    picture(&site, &record(&site, &id, &address).await?, file).await
}

/// A photo of a case, small.
pub async fn small_of_case(site: Shared, Path((id, file)): Path<(i64, i64)>) -> Page {
    picture(&site, &case(&site, id).await?, file).await
}

async fn picture(site: &Shared, held: &Held, file: i64) -> Page {
    let file = find(site, held, file).await?;
    let missing = || PageError::not_found("file", file.name.clone());
    let path = attach::picture(&site.data, &file).ok_or_else(missing)?;
    let bytes = tokio::fs::read(path).await.map_err(|_| missing())?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], bytes).into_response())
}

/// Takes a file from its record.
pub async fn remove(
    site: Shared,
    visit: Visit,
    Path((id, address, file)): FileOfRecord,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Page {
    let held = record(&site, &id, &address).await?;
    away(&site, &visit, &held, file, &Sent::new(&headers, pairs)?).await
}

/// Takes a file from its case.
pub async fn remove_of_case(
    site: Shared,
    visit: Visit,
    Path((id, file)): Path<(i64, i64)>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Page {
    let held = case_in_hand(&site, id).await?;
    away(&site, &visit, &held, file, &Sent::new(&headers, pairs)?).await
}

async fn away(site: &Shared, visit: &Visit, held: &Held, file: i64, sent: &Sent) -> Page {
    let file = find(site, held, file).await?;
    let Some(reason) = sent.reason() else {
        let own = own! { words => site.text(visit, "reason-needed"), back => held.back };
        let page = site.render(visit, "registry", "registry/file-refused.html", own)?;
        return Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY));
    };
    let stamp = Stamp { actor: &site.actor(), reason: &reason, at: site.now() };
    attach::detach(&site.facts, &site.data, held.bearer, file.id, &stamp).await?;
    Ok(done(&held.back, "detached"))
}
