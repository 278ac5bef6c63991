//! Authorization code flow with PKCE: where people are sent, and what is believed of what they come back with.

use std::time::{Duration, UNIX_EPOCH};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::url::Url;
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError, Client, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenFields, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::sealed::{Begun, Sealed, wanted};
use super::{Failure, Provider, whole};

/// Claims that the standard does not name: an operator may choose one of them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Others {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Others {}

type Algorithm = CoreJwsSigningAlgorithm;
type Encryption = CoreJweContentEncryptionAlgorithm;
type Token = IdToken<Others, CoreGenderClaim, Encryption, Algorithm>;
type Fields = IdTokenFields<Others, EmptyExtraTokenFields, CoreGenderClaim, Encryption, Algorithm>;
/// The site as the provider's client, knowing what discovery tells: where to send people, and perhaps where to fetch.
type Known = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    Encryption,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Signatures that are believed: those that only the provider can make. Not the ones made with the shared secret.
const BELIEVED: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// Whom the provider vouches for.
#[derive(Debug, PartialEq, Eq)]
pub struct Vouched {
    /// The claim that is the login of an account.
    pub login: String,
    /// Whether the provider asked for a second factor.
    pub second: bool,
}

impl Provider {
    /// The address that somebody is sent to, and what their browser keeps meanwhile.
    ///
    /// # Errors
    /// The provider does not answer.
    pub async fn begin(&self, next: &str, now: i64) -> Result<(Url, Begun), Failure> {
        let metadata = self.metadata(false, now).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.known(&metadata);
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let scope = if self.claim.starts_with("email") { "email" } else { "profile" };
        let (address, state, nonce) =
            request.add_scope(Scope::new(scope.to_owned())).set_pkce_challenge(challenge).url();
        let begun = Begun {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            next: wanted(next),
            until: now + Begun::LASTS,
        };
        Ok((address, begun))
    }

    /// Fetches the token of a code and checks it.
    ///
    /// # Errors
    /// The provider does not answer, or what it says is not believed.
    pub async fn finish(&self, begun: &Begun, code: &str, now: i64) -> Result<Vouched, Failure> {
        let metadata = self.metadata(false, now).await?;
        let client = self.known(&metadata);
        let request = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        let request = request.map_err(|error| Failure::Refused(whole(&error)))?;
        let verifier = PkceCodeVerifier::new(begun.verifier.clone());
        let answer = request.set_pkce_verifier(verifier).request_async(&self.http).await.map_err(|error| {
            let said = whole(&error);
            if matches!(error, RequestTokenError::Request(_)) { Failure::Down(said) } else { Failure::Refused(said) }
        })?;
        let token = answer.extra_fields().id_token();
        let token = token.ok_or_else(|| Failure::Refused("it sent no ID token".to_owned()))?;
        let nonce = Nonce::new(begun.nonce.clone());
        let checked = match checked(&client, token, &nonce, now) {
            // The provider may have changed its keys since it was asked for them.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let metadata = self.metadata(true, now).await?;
                checked(&self.known(&metadata), token, &nonce, now)
            }
            other => other,
        };
        let claims = checked.map_err(|error| Failure::Refused(whole(&error)))?;
        self.vouched(&claims)
    }

    fn known(&self, metadata: &CoreProviderMetadata) -> Known {
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_some_and(|methods| methods.contains(&method));
        // Some take the secret only beside the code.
        let beside = takes(CoreClientAuthMethod::ClientSecretPost) && !takes(CoreClientAuthMethod::ClientSecretBasic);
        Client::from_provider_metadata(metadata.clone(), self.client.clone(), Some(self.secret.clone()))
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(if beside { AuthType::RequestBody } else { AuthType::BasicAuth })
    }

    /// Who the claims are about, and how they proved it.
    fn vouched(&self, claims: &Value) -> Result<Vouched, Failure> {
        let claim = |name: &str| claims.get(name);
        let subject = || claim("sub").and_then(Value::as_str).unwrap_or_default();
        let login = claim(&self.claim).and_then(Value::as_str).filter(|login| !login.is_empty());
        let login =
            login.ok_or_else(|| Failure::Unknown(format!("{}: the claim {} is missing", subject(), self.claim)))?;
        // Whoever writes an address into a profile need not own it.
        if self.claim == "email" && claim("email_verified").and_then(Value::as_bool) != Some(true) {
            return Err(Failure::Unknown(format!("{}: the address is not verified", subject())));
        }
        let methods = claim("amr").and_then(Value::as_array).into_iter().flatten();
        let methods: Vec<&str> = methods.filter_map(Value::as_str).collect();
        Ok(Vouched { login: login.to_owned(), second: two_factors(&methods) })
    }
}

/// Whether methods (RFC 8176) are two factors: the provider says so, or something known stands beside something held.
/// A code alone is one factor.
fn two_factors(methods: &[&str]) -> bool {
    let any = |names: &[&str]| methods.iter().any(|method| names.contains(method));
    any(&["mfa"]) || (any(&["pwd", "pin"]) && any(&["otp", "hwk"]))
}

/// The claims of a token whose issuer, audience, signature, time and nonce are right.
fn checked(client: &Known, token: &Token, nonce: &Nonce, now: i64) -> Result<Value, ClaimsVerificationError> {
    let time = UNIX_EPOCH + Duration::from_millis(now.max(0) as u64);
    let verifier = client.id_token_verifier().set_allowed_algs(BELIEVED).set_time_fn(move || time.into());
    let claims = token.claims(&verifier, nonce)?;
    serde_json::to_value(claims).map_err(|error| ClaimsVerificationError::Other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_factors_are_two() {
        for two in [&["mfa"][..], &["pwd", "otp"], &["hwk", "pin"], &["pwd", "mfa"]] {
            assert!(two_factors(two), "{two:?}");
        }
        for one in [&[][..], &["pwd"], &["otp"], &["hwk"], &["pwd", "pin"], &["otp", "sms"]] {
            assert!(!two_factors(one), "{one:?}");
        }
    }
}
