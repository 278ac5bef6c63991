//! Log-in at another provider (OpenID Connect): which provider that is, and what it says of itself.
//!
//! Only with the feature `oidc`. `flow` sends people there and checks with what they come back, `sealed` keeps what a
//! browser carries meanwhile. Nothing here knows pages, accounts or sessions.

pub mod flow;
pub mod sealed;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openidconnect::core::CoreProviderMetadata;
use openidconnect::url::{Host, Url};
use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};

use super::Shared;

/// Where the provider sends people back to.
pub const BACK: &str = "/sign-in/oidc/back";
/// How long what the provider says of itself is believed, milliseconds.
const KEPT: i64 = 10 * 60_000;
/// How long an answer of the provider is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the operator says of the provider.
#[derive(Clone)]
pub struct Settings {
    /// Its address, which its documents and tokens name too.
    pub issuer: String,
    /// The name under which it knows this site.
    pub client: String,
    /// The secret that goes with it.
    pub secret: String,
    /// What people call it; empty: the host of its address.
    pub name: String,
    /// The address of [`BACK`] as browsers see it.
    pub redirect: String,
    /// The claim that is the login of an account here.
    pub claim: String,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Not an address.
    #[error("{what} {address}: this is no address; write one such as https://login.example.org")]
    Address {
        /// The option.
        what: &'static str,
        /// What was written.
        address: String,
    },
    /// Not over TLS.
    #[error("{what} {address}: codes and names would travel in clear; write an https address")]
    Clear {
        /// The option.
        what: &'static str,
        /// What was written.
        address: String,
    },
    /// Another page than the one that takes the answer.
    #[error("--oidc-redirect {0}: people come back to another page; let it end with {BACK}")]
    Redirect(String),
    /// Nothing can be asked over TLS.
    #[error("TLS cannot be set up: {0}; look at the certificates that this machine trusts")]
    Tls(#[from] reqwest::Error),
}

/// Why somebody did not get in; the page says which, the log why.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The provider does not answer.
    #[error("the provider does not answer: {0}")]
    Down(String),
    /// Not begun in this browser, or too long ago.
    #[error("the log-in was not begun in this browser, or too long ago")]
    Late,
    /// The provider, or the check of what it says, refused.
    #[error("the provider's answer is refused: {0}")]
    Refused(String),
    /// The claim is missing, or belongs to no open account.
    #[error("no open account for {0:?}")]
    Unknown(String),
}

impl Failure {
    /// The page's word for it, a key of the locale files after `sign-in-`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Down(_) => "oidc-down",
            Self::Late => "oidc-late",
            Self::Refused(_) => "oidc-refused",
            Self::Unknown(_) => "oidc-unknown",
        }
    }
}

/// A provider at which people log in.
pub struct Provider {
    /// What people call it.
    pub name: String,
    issuer: IssuerUrl,
    client: ClientId,
    secret: ClientSecret,
    redirect: RedirectUrl,
    claim: String,
    http: reqwest::Client,
    /// What it said of itself, and when.
    known: Mutex<Option<(i64, Arc<CoreProviderMetadata>)>>,
}

impl Provider {
    /// A provider; it is not asked for anything yet.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn new(settings: Settings) -> Result<Self, Unusable> {
        let issuer = safe("--oidc-issuer", &settings.issuer)?;
        let redirect = safe("--oidc-redirect", &settings.redirect)?;
        if redirect.path() != BACK {
            return Err(Unusable::Redirect(settings.redirect));
        }
        let host = issuer.host_str().unwrap_or_default().to_owned();
        // What a provider answers is never a way to a third address.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build()?;
        let unread = |what| move |_| Unusable::Address { what, address: String::new() };
        Ok(Self {
            name: if settings.name.is_empty() { host } else { settings.name },
            // As it was written: tokens must name exactly this.
            issuer: IssuerUrl::new(settings.issuer).map_err(unread("--oidc-issuer"))?,
            redirect: RedirectUrl::new(settings.redirect).map_err(unread("--oidc-redirect"))?,
            client: ClientId::new(settings.client),
            secret: ClientSecret::new(settings.secret),
            claim: settings.claim,
            http,
            known: Mutex::new(None),
        })
    }

    /// What the provider says of itself: its addresses and keys. It is asked again after a while, or if `fresh`.
    ///
    /// # Errors
    /// It does not answer, or not as a provider.
    pub async fn metadata(&self, fresh: bool, now: i64) -> Result<Arc<CoreProviderMetadata>, Failure> {
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, known)) = kept
            && !fresh
            && (0..KEPT).contains(&(now - at))
        {
            return Ok(known);
        }
        let asked = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await;
        let found = Arc::new(asked.map_err(|error| Failure::Down(whole(&error)))?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&found)));
        Ok(found)
    }
}

/// Asks the provider once while the site starts, so that the log says early if something is wrong. The site starts
/// anyway: it is asked again when somebody logs in.
pub fn greet(site: Shared) {
    tokio::spawn(async move {
        if let Some(provider) = &site.provider
            && let Err(failure) = provider.metadata(true, site.now()).await
        {
            tracing::warn!(%failure, "log-in at {} does not work yet; it is tried again when somebody logs in", provider.name);
        }
    });
}

/// An address over TLS, or of this machine.
fn safe(what: &'static str, address: &str) -> Result<Url, Unusable> {
    let url = Url::parse(address).map_err(|_| Unusable::Address { what, address: address.to_owned() })?;
    let own = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if own => Ok(url),
        _ => Err(Unusable::Clear { what, address: address.to_owned() }),
    }
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        said = format!("{said}: {deeper}");
        cause = deeper.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(issuer: &str, redirect: &str) -> Settings {
        Settings {
            issuer: issuer.to_owned(),
            client: "bangfu".to_owned(),
            secret: "secret".to_owned(),
            name: String::new(),
            redirect: redirect.to_owned(),
            claim: "preferred_username".to_owned(),
        }
    }

    #[test]
    fn only_addresses_over_tls_or_of_this_machine_are_taken() {
        let back = "https://registry.example.org/sign-in/oidc/back";
        let provider = Provider::new(settings("https://login.example.org/realms/a", back)).unwrap();
        assert_eq!(provider.name, "login.example.org");
        assert!(Provider::new(settings("http://127.0.0.1:9000", "http://localhost:8080/sign-in/oidc/back")).is_ok());
        let refused =
            |issuer: &str, redirect: &str| Provider::new(settings(issuer, redirect)).err().unwrap().to_string();
        assert!(refused("http://login.example.org", back).contains("https"));
        assert!(refused("login", back).contains("--oidc-issuer login"));
        assert!(
            refused("https://login.example.org", "http://registry.example.org/sign-in/oidc/back").contains("https")
        );
        assert!(refused("https://login.example.org", "https://registry.example.org/").contains(BACK));
    }
}
