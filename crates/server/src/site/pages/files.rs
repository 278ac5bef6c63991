//! Files of records: sent, shown, taken away.

use axum::Form;
use axum::extract::{Multipart, Path};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bangfu_registry::exchange::attach::{self, Arrived, AttachError};
use bangfu_registry::exchange::write::Stamp;
use bangfu_registry::store::{Attachment, Row, StoreError};
use bangfu_registry::views::figures;
use serde::Serialize;

use super::import::size;
use super::sent::{Sent, done, file as address_of, register, row, with_status, writable};
use crate::clock;
use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::guard::own_site;
use crate::site::own::own;
use crate::site::templates::encode;
use crate::site::upload::{self, Missed};
use crate::site::visit::Visit;

type Page = Result<Response, PageError>;

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

/// A file arrives.
pub async fn send(
    site: Shared,
    visit: Visit,
    Path((id, address)): Path<(String, String)>,
    headers: HeaderMap,
    sent: Multipart,
) -> Page {
    if !own_site(&headers) {
        return Err(PageError::Refused("Sec-Fetch-Site, Origin or Host name another site".to_owned()));
    }
    let (register_id, register) = writable(&site, &id)?;
    let row = row(&site, register_id, &address).await?;
    let back = address_of(register, &row);
    let refused = |key: &str, n: String, status: StatusCode| {
        let words = site.texts.get(visit.language, key, &[("n", n)]);
        let page = site.render(&visit, "registry", "registry/file-refused.html", own! { words, back })?;
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
    let reason = said.filter(|reason| !reason.is_empty()).unwrap_or_else(|| site.text(&visit, "reason-attach"));
    let stamp = Stamp { actor: &site.actor(), reason: &reason, at: site.now() };
    let file = Arrived { path: &arrived.path, name: &arrived.name, hash: &arrived.hash, size: arrived.size };
    let taken = attach::attach(&site.facts, &site.data, &row, &file, &stamp).await;
    // Moved to its place, or not wanted; what stays is cleared away by the next backup.
    let _ = std::fs::remove_file(&arrived.path);
    match taken {
        Ok(_) => Ok(done(&back, "attached")),
        Err(AttachError::Kind) => refused("attach-kind", String::new(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        Err(AttachError::Office(_)) => refused("attach-broken", String::new(), StatusCode::UNPROCESSABLE_ENTITY),
        Err(AttachError::Store(StoreError::Full(most))) => {
            refused("attach-full", most.to_string(), StatusCode::CONFLICT)
        }
        Err(AttachError::Store(error)) => Err(error.into()),
        Err(error) => Err(PageError::Failed(error.to_string())),
    }
}

async fn find(site: &Shared, id: &str, address: &str, file: i64) -> Result<(Row, Attachment), PageError> {
    let (register_id, _) = register(site, id)?;
    let row = row(site, register_id, address).await?;
    let files = site.facts.attachments(register_id, row.record.id.0).await?;
    let found = files.into_iter().find(|known| known.id == file);
    Ok((row, found.ok_or_else(|| PageError::not_found("file", file.to_string()))?))
}

/// A file to take away: never shown in the page, whatever it holds.
pub async fn get(site: Shared, Path((id, address, file)): Path<(String, String, i64)>) -> Page {
    let (_, file) = find(&site, &id, &address, file).await?;
    let bytes = tokio::fs::read(attach::bytes(&site.data, &file)).await;
    let bytes = bytes.map_err(|error| PageError::Failed(format!("{}: {error}", file.hash)))?;
    let plain: String =
        file.name.chars().map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) { c } else { '_' }).collect();
    let name = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", encode(&file.name));
    Ok(([(header::CONTENT_TYPE, file.media), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// A photo, small.
pub async fn small(site: Shared, Path((id, address, file)): Path<(String, String, i64)>) -> Page {
    let (_, file) = find(&site, &id, &address, file).await?;
    let missing = || PageError::not_found("file", file.name.clone());
    let path = attach::picture(&site.data, &file).ok_or_else(missing)?;
    let bytes = tokio::fs::read(path).await.map_err(|_| missing())?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], bytes).into_response())
}

/// Takes a file from its record.
pub async fn remove(
    site: Shared,
    visit: Visit,
    Path((id, address, file)): Path<(String, String, i64)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (_, definition) = register(&site, &id)?;
    let (row, file) = find(&site, &id, &address, file).await?;
    let back = address_of(definition, &row);
    let Some(reason) = sent.reason() else {
        let own = own! { words => site.text(&visit, "reason-needed"), back };
        let page = site.render(&visit, "registry", "registry/file-refused.html", own)?;
        return Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY));
    };
    let stamp = Stamp { actor: &site.actor(), reason: &reason, at: site.now() };
    attach::detach(&site.facts, &site.data, &row, file.id, &stamp).await?;
    Ok(done(&back, "detached"))
}
