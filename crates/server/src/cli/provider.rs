//! Options of `bangfu serve` for log-in at another provider (OpenID Connect); none without the feature `oidc`.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Args;

use crate::site::Site;

/// Environment variable of the secret that this site and the provider share.
#[cfg(feature = "oidc")]
const SECRET: &str = "BANGFU_OIDC_SECRET";
/// The file of the data folder that is read when there is no such variable.
#[cfg(feature = "oidc")]
const SECRET_FILE: &str = "oidc.secret";

/// Which provider, and how this site is known to it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ProviderArguments {
    /// Address of an OpenID Connect provider at which people may sign in too, as it names itself. The secret is read from
    /// the variable BANGFU_OIDC_SECRET or the file oidc.secret in the data folder.
    #[cfg(feature = "oidc")]
    #[arg(long = "oidc-issuer", value_name = "URL", requires = "client")]
    issuer: Option<String>,
    /// Name under which the provider knows this site.
    #[cfg(feature = "oidc")]
    #[arg(long = "oidc-client", value_name = "ID", requires = "issuer")]
    client: Option<String>,
    /// What the button calls the provider; its host when absent.
    #[cfg(feature = "oidc")]
    #[arg(long = "oidc-name", value_name = "TEXT", requires = "issuer")]
    name: Option<String>,
    /// Claim that must equal the login of an account here. People must not be able to choose it themselves.
    #[cfg(feature = "oidc")]
    #[arg(long = "oidc-claim", value_name = "CLAIM", requires = "issuer", default_value = "preferred_username")]
    claim: String,
    /// Address of /sign-in/oidc/back as browsers see it; on the address that is listened on when absent.
    #[cfg(feature = "oidc")]
    #[arg(long = "oidc-redirect", value_name = "URL", requires = "issuer")]
    redirect: Option<String>,
}

impl ProviderArguments {
    /// The site, with the provider if one is named.
    #[cfg(feature = "oidc")]
    pub(crate) fn give(&self, mut site: Site, listen: SocketAddr) -> Result<Site> {
        use crate::site::oidc::{BACK, Provider, Settings};

        let (Some(issuer), Some(client)) = (&self.issuer, &self.client) else { return Ok(site) };
        let redirect = self.redirect.clone().unwrap_or_else(|| format!("http://{listen}{BACK}"));
        site.provider = Some(Provider::new(Settings {
            issuer: issuer.clone(),
            client: client.clone(),
            secret: secret(&site.data)?,
            name: self.name.clone().unwrap_or_default(),
            redirect: redirect.clone(),
            claim: self.claim.clone(),
        })?);
        println!("people may sign in at {issuer}, which must send them back to {redirect}");
        Ok(site)
    }

    /// The site as it is.
    #[cfg(not(feature = "oidc"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "called the same way with and without the feature"
    )]
    pub(crate) fn give(&self, site: Site, _listen: SocketAddr) -> Result<Site> {
        Ok(site)
    }
}

/// The secret; never an option, which everybody on the machine could see.
#[cfg(feature = "oidc")]
fn secret(data: &std::path::Path) -> Result<String> {
    let file = data.join(SECRET_FILE);
    let found = std::env::var(SECRET).ok().or_else(|| std::fs::read_to_string(&file).ok());
    let found = found.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    anyhow::Context::with_context(found, || {
        format!("the provider's secret is missing; put it into {} or the variable {SECRET}", file.display())
    })
}
