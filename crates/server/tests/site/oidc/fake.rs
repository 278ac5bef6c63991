//! A provider that speaks OpenID Connect: discovery, keys, a log-in that asks nothing, and tokens as a test wants them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, Audience, AuthenticationMethodReference, EmptyAdditionalClaims, EndUserUsername, IssuerUrl,
    JsonWebKeyId, JsonWebKeySet, Nonce, PkceCodeChallenge, PkceCodeVerifier, PrivateSigningKey, StandardClaims,
    SubjectIdentifier,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::fixture::now;

/// How the provider knows the site.
pub(super) const CLIENT: &str = "bangfu";
/// What both know.
pub(super) const SECRET: &str = "a secret: of two";
/// [`CLIENT`] and [`SECRET`] as the site sends them: each as in an address, then together in base 64.
const BASIC: &str = "Basic YmFuZ2Z1OmErc2VjcmV0JTNBK29mK3R3bw==";

/// Keys of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    First,
    Second,
}

impl Key {
    /// The key, under the name of this one or another.
    fn named(self, name: Self) -> CoreEdDsaPrivateSigningKey {
        // The example of RFC 8410, and the bytes from 0 to 31.
        let text = match self {
            Self::First => "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC",
            Self::Second => "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
        };
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let name = JsonWebKeyId::new(format!("{name:?}"));
        CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(name)).unwrap()
    }
}

/// What the next token says.
#[derive(Clone)]
pub(super) struct Says {
    /// The login; empty: it says none.
    pub(super) user: String,
    /// Instead of the nonce that was sent.
    pub(super) nonce: Option<String>,
    pub(super) audience: String,
    /// Instead of the provider's own address.
    pub(super) issuer: Option<String>,
    /// Seconds from now.
    pub(super) lasts: i64,
    /// How the person logged in.
    pub(super) methods: &'static [&'static str],
    /// The key that signs, which the provider shows too if it is the one that it names.
    pub(super) signs: Key,
    /// The key that it says it signed with.
    pub(super) names: Key,
    /// Whether every code is refused.
    pub(super) refuses: bool,
}

impl Says {
    /// All that is right, about somebody.
    pub(super) fn of(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            nonce: None,
            audience: CLIENT.to_owned(),
            issuer: None,
            lasts: 300,
            methods: &[],
            signs: Key::First,
            names: Key::First,
            refuses: false,
        }
    }
}

/// A provider that runs until the test ends.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) issuer: String,
    says: Arc<Mutex<Says>>,
    /// What belongs to each code that was not used yet.
    codes: Arc<Mutex<HashMap<String, HashMap<String, String>>>>,
}

type Pairs = HashMap<String, String>;

impl Fake {
    /// A free place to listen at.
    pub(super) async fn place() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        (listener, issuer)
    }

    /// Starts one.
    pub(super) async fn start(says: Says) -> Self {
        let (listener, issuer) = Self::place().await;
        Self::listen(listener, issuer, says)
    }

    /// Starts one where another was.
    pub(super) async fn start_at(issuer: &str, says: Says) -> Self {
        let listener = TcpListener::bind(issuer.trim_start_matches("http://")).await.unwrap();
        Self::listen(listener, issuer.to_owned(), says)
    }

    fn listen(listener: TcpListener, issuer: String, says: Says) -> Self {
        let fake = Self { issuer, says: Arc::new(Mutex::new(says)), codes: Arc::default() };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(described))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// What tokens say from now on.
    pub(super) fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }
}

async fn described(State(fake): State<Fake>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", fake.issuer);
    Json(json!({
        "issuer": fake.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

/// The key that is named, as the world knows it.
async fn keys(State(fake): State<Fake>) -> Json<CoreJsonWebKeySet> {
    let named = fake.says.lock().unwrap().names;
    Json(JsonWebKeySet::new(vec![named.named(named).as_verification_key()]))
}

/// Everybody is known here: sends the browser back with a code.
async fn authorize(State(fake): State<Fake>, Query(asked): Query<Pairs>) -> Response {
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["client_id"], CLIENT);
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["scope"], "openid profile");
    assert!(asked["state"].len() > 20 && asked["nonce"].len() > 20);
    let code = format!("code-{}", asked["state"]);
    let to = format!("{}?code={code}&state={}", asked["redirect_uri"], asked["state"]);
    fake.codes.lock().unwrap().insert(code, asked);
    Redirect::to(&to).into_response()
}

/// A token for a code, once, for the site that asked for it.
async fn token(State(fake): State<Fake>, headers: HeaderMap, Form(sent): Form<Pairs>) -> Response {
    let wrong = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    if headers.get("authorization").is_none_or(|value| value != BASIC) {
        return wrong("invalid_client");
    }
    let says = fake.says.lock().unwrap().clone();
    let Some(asked) = fake.codes.lock().unwrap().remove(&sent["code"]).filter(|_| !says.refuses) else {
        return wrong("invalid_grant");
    };
    let verifier = PkceCodeVerifier::new(sent["code_verifier"].clone());
    if PkceCodeChallenge::from_code_verifier_sha256(&verifier).as_str() != asked["code_challenge"]
        || sent["redirect_uri"] != asked["redirect_uri"]
    {
        return wrong("invalid_grant");
    }
    let second = |seconds: i64| (UNIX_EPOCH + Duration::from_secs((now() / 1000 + seconds) as u64)).into();
    let user = Some(says.user).filter(|user| !user.is_empty()).map(EndUserUsername::new);
    let person = StandardClaims::new(SubjectIdentifier::new("7f3a".to_owned())).set_preferred_username(user);
    let issuer = IssuerUrl::new(says.issuer.unwrap_or_else(|| fake.issuer.clone())).unwrap();
    let audience = vec![Audience::new(says.audience)];
    let empty = EmptyAdditionalClaims {};
    let methods = says.methods.iter().map(|method| AuthenticationMethodReference::new((*method).to_owned()));
    let claims = CoreIdTokenClaims::new(issuer, audience, second(says.lasts), second(-2), person, empty)
        .set_nonce(Some(Nonce::new(says.nonce.unwrap_or_else(|| asked["nonce"].clone()))))
        .set_auth_method_refs(Some(methods.collect()));
    let access = AccessToken::new("nothing to be had with it".to_owned());
    let key = says.signs.named(says.names);
    let signed = CoreIdToken::new(claims, &key, CoreJwsSigningAlgorithm::EdDsa, Some(&access), None).unwrap();
    Json(json!({
        "access_token": access.secret(), "token_type": "Bearer", "expires_in": 300, "id_token": signed.to_string(),
    }))
    .into_response()
}
