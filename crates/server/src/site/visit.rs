//! Who asks for what: language, division, display settings and query of a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use bangfu_registry::access::Who;
use bangfu_registry::views::figures::Language;
use minijinja::Value;

use super::own::own;

use super::Shared;
use super::error::PageError;
use super::templates::encode;

/// A request as pages see it.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Language of the answer.
    pub language: Language,
    /// Division in view.
    pub division: String,
    /// Path without query.
    pub path: String,
    /// Query without language.
    pub query: BTreeMap<String, String>,
    /// `normal`, `large` or `larger`.
    pub size: String,
    /// `normal` or `high`.
    pub contrast: String,
    /// Whether htmx asked for a part of the page.
    pub partial: bool,
}

/// Names of cookies, which are also the names in the query.
pub const SETTINGS: [&str; 3] = ["lang", "size", "contrast"];

/// What a setting can be, the default first.
pub fn choices(site: &Shared, setting: &str) -> Vec<&'static str> {
    match setting {
        "lang" => site.texts.languages().map(Language::id).collect(),
        "size" => vec!["normal", "large", "larger"],
        "contrast" => vec!["normal", "high"],
        _ => Vec::new(),
    }
}

impl Visit {
    /// Reads a request that may be wrong: what cannot be understood becomes the default.
    ///
    /// The division in view lies within the visitor's.
    pub fn read(site: &Shared, uri: &Uri, headers: &HeaderMap) -> Self {
        let mut query: BTreeMap<String, String> =
            Query::<Vec<(String, String)>>::try_from_uri(uri).map(|q| q.0.into_iter().collect()).unwrap_or_default();
        let mut setting = |name: &str| {
            let asked = query.remove(name);
            let known = choices(site, name);
            let kept = cookie(headers, name);
            known
                .iter()
                .find(|v| asked.as_deref() == Some(**v))
                .or_else(|| known.iter().find(|v| kept.as_deref() == Some(**v)))
                .or(known.first())
                .map_or_else(String::new, |v| (*v).to_owned())
        };
        let language = site.texts.language(&setting("lang"));
        let size = setting("size");
        let contrast = setting("contrast");
        let own = site.who.scope.division.as_str();
        let division =
            query.remove("division").filter(|code| site.places.contains(code) && site.who.scope.covers(code));
        let home = if own.is_empty() { site.places.root() } else { own };
        Self {
            language,
            division: division.unwrap_or_else(|| home.to_owned()),
            path: uri.path().to_owned(),
            query,
            size,
            contrast,
            partial: headers.contains_key("hx-request"),
        }
    }

    /// A value of the query, if it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The same request for another division.
    pub fn with_division(mut self, division: &str) -> Self {
        division.clone_into(&mut self.division);
        self
    }

    /// The visitor, for the head of the page and the places that it may go to.
    fn visitor(&self, site: &Shared) -> serde_json::Value {
        let who = &site.who;
        let role = who.role(&site.pack);
        let title = role.map(|role| bangfu_policy::model::text_in(&role.title, self.language.id()));
        let place = who.post.as_ref().map(|post| site.places.name(&post.division, self.language));
        let rights: Vec<&str> = who.rights.iter().map(|right| right.word()).collect();
        serde_json::json!({
            "signed_in": who.is_somebody(),
            "name": who.name,
            "role": title,
            "place": place,
            "for": who.principal().map(|principal| &principal.login),
            "reads": role.is_some_and(|role| !role.reads.is_empty()) && !who.enrol,
            "rights": rights,
        })
    }

    /// What the layout of every page needs; `place` is the navigation entry that is marked.
    pub fn base(&self, site: &Shared, place: &str) -> Value {
        let root = site.places.root();
        let title = bangfu_policy::model::text_in(&site.pack.policy.title, self.language.id());
        let others = site.texts.languages().filter(|other| *other != self.language);
        let others: Vec<[&str; 3]> =
            others.map(Language::manner).map(|manner| [manner.id, manner.tag, manner.name]).collect();
        // The language that the policy is written in: its words are shown as they are.
        let written = site.pack.policy.languages.first();
        let written = site.texts.languages().find(|language| written.is_some_and(|id| id == language.id()));
        let scope = &site.who.scope;
        let mut trail = site.places.trail(&self.division, self.language);
        trail.retain(|place| scope.covers(&place.code));
        let mut selects = site.places.selects(&site.pack, &self.division, self.language);
        for select in &mut selects {
            select.options.retain(|place| scope.covers(&place.code) || scope.division.starts_with(&place.code));
        }
        own! {
            policy_lang => written.map_or("", |language| language.manner().tag),
            lang => self.language.id(),
            html_lang => self.language.manner().tag,
            other_languages => others,
            path => self.path,
            // The path that the picker keeps; pages that do not depend on the division leave it empty.
            here => "",
            query => self.query,
            nav => place,
            size => self.size,
            contrast => self.contrast,
            policy_title => title,
            currency => bangfu_policy::model::text_in(&site.pack.policy.currency_symbol, self.language.id()),
            policy_version => site.pack.policy.version,
            policy_hash => site.pack.hash.get(..12).unwrap_or_default(),
            division => site.places.place(&self.division, self.language),
            division_param => if self.division == root { "" } else { self.division.as_str() },
            trail => trail,
            selects => selects,
            visitor => self.visitor(site),
            run => site.run_line(self.language),
            synthetic => site.synthetic,
        }
    }
}

/// Who sent a request, as `access::authenticate` found out.
pub fn visitor(parts: &Parts) -> Arc<Who> {
    parts.extensions.get::<Arc<Who>>().cloned().unwrap_or_else(|| Arc::new(Who::nobody()))
}

impl FromRequestParts<Self> for Shared {
    type Rejection = std::convert::Infallible;

    /// The site as the visitor sees it.
    async fn from_request_parts(parts: &mut Parts, site: &Self) -> Result<Self, Self::Rejection> {
        Ok(site.seen_by(visitor(parts)))
    }
}

impl FromRequestParts<Shared> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Shared) -> Result<Self, Response> {
        let site = &site.seen_by(visitor(parts));
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| PageError::BadRequest(error.to_string()).into_response())?;
        let find = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        if let Some(from) = find("from") {
            return Err(picked(site, parts.uri.path(), &from, &pairs));
        }
        let within = |code: &String| site.places.contains(code) && site.who.scope.covers(code);
        if let Some(code) = find("division").filter(|code| !code.is_empty() && !within(code)) {
            return Err(PageError::not_found("division", code).into_response());
        }
        Ok(Self::read(site, &parts.uri, &parts.headers))
    }
}

/// The picker's form was sent: to the same page for the division that it means.
fn picked(site: &Shared, path: &str, from: &str, pairs: &[(String, String)]) -> Response {
    let chosen: Vec<String> = site
        .pack
        .levels
        .iter()
        .filter_map(|level| {
            let field = format!("at_{}", level.id);
            pairs.iter().find(|(key, _)| *key == field).map(|(_, value)| value.clone())
        })
        .collect();
    let code = site.places.picked(from, &chosen);
    let code = if site.who.scope.covers(&code) { code } else { site.who.scope.division.clone() };
    let mut query: Vec<String> = pairs
        .iter()
        .filter(|(key, value)| !key.starts_with("at_") && key != "from" && key != "division" && !value.is_empty())
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    if code != site.places.root() {
        query.push(format!("division={code}"));
    }
    // The file of a division has its code in the path: another division means another file.
    let path = if path.starts_with("/division/") { format!("/division/{code}") } else { path.to_owned() };
    let question = if query.is_empty() { "" } else { "?" };
    Redirect::to(&format!("{path}{question}{}", query.join("&"))).into_response()
}

/// Value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}
