//! Errors of the interface (RFC 9457), with the fields that they are about.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bangfu_registry::store::StoreError;
use bangfu_registry::views::figures::Language;
use serde::Serialize;
use serde_json::json;

use crate::site::Shared;
use crate::site::error::PageError;

/// Media type.
pub const MEDIA: &str = "application/problem+json";

/// Every kind of problem with its status. The title is the text `problem-<kind>`.
pub const KINDS: [(&str, StatusCode); 18] = [
    ("sign-in", StatusCode::UNAUTHORIZED),
    ("forbidden", StatusCode::FORBIDDEN),
    ("not-found", StatusCode::NOT_FOUND),
    ("bad-request", StatusCode::BAD_REQUEST),
    ("invalid", StatusCode::UNPROCESSABLE_ENTITY),
    ("scope", StatusCode::FORBIDDEN),
    ("cross-site", StatusCode::FORBIDDEN),
    ("media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ("method", StatusCode::METHOD_NOT_ALLOWED),
    ("too-large", StatusCode::PAYLOAD_TOO_LARGE),
    ("changed", StatusCode::PRECONDITION_FAILED),
    ("version-needed", StatusCode::PRECONDITION_REQUIRED),
    ("failed", StatusCode::INTERNAL_SERVER_ERROR),
    ("taken", StatusCode::CONFLICT),
    ("holds", StatusCode::CONFLICT),
    ("kept", StatusCode::CONFLICT),
    ("key-used", StatusCode::UNPROCESSABLE_ENTITY),
    ("gone", StatusCode::GONE),
];

/// What is wrong in one place of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct At {
    /// Name in the query or of the field.
    pub field: String,
    /// What is wrong and what to write instead.
    pub detail: String,
}

impl At {
    /// An error at a place.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    kind: &'static str,
    detail: String,
    errors: Vec<At>,
}

impl Problem {
    /// A problem of one of the [`KINDS`].
    pub fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new() }
    }

    /// Nothing of this kind has that name.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new("not-found", format!("there is no {what} `{name}`"))
    }

    /// The request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new("bad-request", detail)
    }

    /// With the places that it is about.
    pub fn at(mut self, errors: impl IntoIterator<Item = At>) -> Self {
        self.errors.extend(errors);
        self
    }

    /// Status of the answer.
    pub fn status(&self) -> StatusCode {
        let found = KINDS.iter().find(|(kind, _)| *kind == self.kind);
        found.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(_, status)| *status)
    }

    /// As answer, in the visitor's language.
    pub fn answer(&self, site: &Shared, language: Language) -> Response {
        let status = self.status();
        let body = json!({
            "type": format!("/api#{}", self.kind),
            "title": site.texts.get(language, &format!("problem-{}", self.kind), &[]),
            "status": status.as_u16(),
            "detail": self.detail,
            "errors": self.errors,
        });
        let mut response = (status, body.to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
        response
    }
}

impl IntoResponse for Problem {
    /// Bare: the body is made where the visitor's language is known.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Scope { .. } => Self::new("scope", error.to_string()),
            StoreError::Version { .. } => Self::new("changed", error.to_string()),
            StoreError::Absent(_) => Self::new("not-found", error.to_string()),
            StoreError::Taken { .. } => Self::new("taken", error.to_string()),
            StoreError::Holds(_) => Self::new("holds", error.to_string()),
            StoreError::Kept(_) => Self::new("kept", error.to_string()),
            other => {
                tracing::error!(error = %other, "an answer of the interface failed");
                Self::new("failed", "the registry failed; the log of the server says why")
            }
        }
    }
}

impl From<&PageError> for Problem {
    fn from(error: &PageError) -> Self {
        match error {
            PageError::NotFound { .. } => Self::new("not-found", error.to_string()),
            PageError::BadRequest(words) => Self::bad_request(words),
            PageError::Forbidden(words) => Self::new("forbidden", words.as_str()),
            PageError::Refused(words) => Self::new("cross-site", words.as_str()),
            other => {
                tracing::error!(error = %other, "an answer of the interface failed");
                Self::new("failed", "the registry failed; the log of the server says why")
            }
        }
    }
}

/// The problem that a bare answer of the framework stands for.
pub fn of_status(status: StatusCode) -> Option<Problem> {
    let kind = match status {
        StatusCode::METHOD_NOT_ALLOWED => "method",
        StatusCode::BAD_REQUEST => "bad-request",
        StatusCode::PAYLOAD_TOO_LARGE => "too-large",
        _ => return None,
    };
    Some(Problem::new(kind, status.to_string()))
}
