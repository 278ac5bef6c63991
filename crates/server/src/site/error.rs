//! Errors at the edge: what went wrong becomes a page that says what to do.
//!
//! Three tiers: the address names nothing (404), the request cannot be understood (400), the registry failed (500,
//! the cause goes to the log, not to the page).

use axum::http::StatusCode;
use axum::response::Response;

/// What a page gives.
pub type Page = Result<Response, PageError>;

/// What a page can fail with.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The address names nothing.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// Key of the kind of thing in the locale files, after `kind-`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The request cannot be understood.
    #[error("the request cannot be understood: {0}")]
    BadRequest(String),
    /// The address does not take this method.
    #[error("the address does not take this method")]
    Method,
    /// The visitor does this too often.
    #[error("too often: {0}")]
    TooOften(String),
    /// The visitor may not do this.
    #[error("this is refused: {0}")]
    Refused(String),
    /// The role does not allow it.
    #[error("your role does not allow this: {0}")]
    Forbidden(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] bangfu_registry::store::StoreError),
    /// A file to take away cannot be written.
    #[error(transparent)]
    Office(#[from] bangfu_registry::office::OfficeError),
    /// A template failed: a bug.
    #[error(transparent)]
    Template(#[from] minijinja::Error),
    /// Anything else that is not the visitor's doing.
    #[error("{0}")]
    Failed(String),
}

impl PageError {
    /// Nothing of this kind has that name.
    pub fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound { what, name: name.into() }
    }

    /// Status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound { .. } | Self::Store(bangfu_registry::store::StoreError::Absent(_)) => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(
                bangfu_registry::store::StoreError::Kept(_) | bangfu_registry::store::StoreError::CaseMoved(_),
            ) => StatusCode::CONFLICT,
            Self::Refused(_) | Self::Forbidden(_) | Self::Store(bangfu_registry::store::StoreError::Scope { .. }) => {
                StatusCode::FORBIDDEN
            }
            Self::Store(_) | Self::Office(_) | Self::Template(_) | Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
