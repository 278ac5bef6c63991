//! Files that are sent while they are made.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bangfu_registry::exchange::export::{Export, ExportError, Form};
use bangfu_registry::views::figures::Language;
use bangfu_registry::views::listing::Listing;
use futures_core::Stream;
use tokio::sync::{mpsc, oneshot};

use super::Shared;

/// Chunks of bytes that wait for a slow visitor at most.
const WAITING: usize = 4;

/// What is sent.
pub enum What {
    /// A list in a form.
    List(Box<Listing>, Form),
    /// All registers below a division as a data package.
    Everything(Option<String>),
}

/// Bytes in the order in which they are made, and at the end why that is not all.
struct Chunks {
    bytes: mpsc::Receiver<Vec<u8>>,
    end: oneshot::Receiver<ExportError>,
}

impl Stream for Chunks {
    type Item = Result<Vec<u8>, ExportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.bytes.poll_recv(context) {
            Poll::Ready(Some(bytes)) => Poll::Ready(Some(Ok(bytes))),
            Poll::Pending => Poll::Pending,
            // A failure breaks the answer off, so that nobody takes half a file for a whole one.
            Poll::Ready(None) => match self.end.try_recv() {
                Ok(error) => Poll::Ready(Some(Err(error))),
                Err(_) => Poll::Ready(None),
            },
        }
    }
}

/// Answers with a file to take away that is made while it is sent.
pub fn stream(site: &Shared, language: Language, media: &str, name: &str, what: What) -> Response {
    let (to, bytes) = mpsc::channel(WAITING);
    let (failed, end) = oneshot::channel();
    let site = site.clone();
    tokio::spawn(async move {
        let done = {
            let export = Export { facts: &site.facts, places: &site.places, language, to: to.clone() };
            match what {
                What::List(listing, form) => export.list(&listing, &form).await,
                What::Everything(below) => export.everything(below).await,
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, "an export broke off");
            // Nobody may be there to hear it.
            let _ = failed.send(error);
        }
        // Only now: the end of the bytes is when the outcome is looked at.
        drop(to);
    });
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, Body::from_stream(Chunks { bytes, end })).into_response()
}
