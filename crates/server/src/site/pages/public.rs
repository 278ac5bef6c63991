//! What everybody sees without signing in: notices, how to apply, one's own case, and forms.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::extract::{ConnectInfo, Path};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::{Extension, Form};
use bangfu_policy::model::{Entity, Pack, Procedure, Register, StepKind, text_in};
use bangfu_registry::casework::public::{Board, mark, mark_of, take};
use bangfu_registry::exchange::write;
use bangfu_registry::store::Scope;
use bangfu_registry::views::facts::Facts;
use bangfu_registry::views::form::{self, Draft};
use bangfu_registry::views::published::Shown;
use bangfu_registry::views::{figures, procedures};
use serde_json::{Map, Value as Json, json};

use super::published;
use super::sent::{Sent, with_status};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

/// Forms that one address sends within an hour.
const MOST_AN_HOUR: usize = 5;
const HOUR: i64 = 3_600_000;

/// When addresses sent forms, lately.
#[derive(Debug, Default)]
pub struct Senders(Mutex<BTreeMap<String, Vec<i64>>>);

impl Senders {
    /// Whether an address may send once more now; counts it if so.
    pub fn admit(&self, address: &str, now: i64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, times| {
            times.retain(|at| now - at < HOUR);
            !times.is_empty()
        });
        let times = all.entry(address.to_owned()).or_default();
        let free = times.len() < MOST_AN_HOUR;
        if free {
            times.push(now);
        }
        free
    }
}

fn everything(site: &Shared) -> Facts {
    site.facts(&Scope::everything())
}

fn board<'a>(site: &'a Shared, facts: &'a Facts, visit: &Visit) -> Board<'a> {
    Board { facts, places: &site.places, now: site.now(), language: visit.language }
}

fn forms(site: &Shared, visit: &Visit) -> Vec<Json> {
    let asks = site.pack.procedures.iter().filter(|procedure| procedure.asks.is_some());
    asks.map(|procedure| json!({ "id": procedure.id, "title": text_in(&procedure.title, visit.language.id()) }))
        .collect()
}

/// A code as it was given out: capitals, without the gaps that people write.
fn plain(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_uppercase()
}

/// Notices of a division, and the ways on.
pub async fn index(site: Shared, visit: Visit) -> Page {
    let facts = everything(&site);
    let notices = board(&site, &facts, &visit).on_show(&visit.division).await?;
    let code = plain(visit.get("code").unwrap_or_default());
    let found = if code.is_empty() { None } else { looked_up(&site, &visit, &facts, &code).await? };
    let hung = board(&site, &facts, &visit).hung(&visit.division).await?;
    let own = own! {
        notices,
        hung,
        forms => forms(&site, &visit),
        figures => site.pack.public.figures.is_some(),
        registers => published::registers(&site, &visit),
        code,
        looked => visit.get("code").is_some(),
        found,
        here => "/public",
    };
    site.render(&visit, "public", "public/index.html", own)
}

/// How one's own case stands: no names, only steps and days.
async fn looked_up(site: &Shared, visit: &Visit, facts: &Facts, code: &str) -> Result<Option<Json>, PageError> {
    let Some(case) = facts.case_of_code(code).await? else { return Ok(None) };
    let procedure = site.pack.procedures.iter().find(|procedure| procedure.id == case.procedure);
    let title = procedure.map(|procedure| text_in(&procedure.title, visit.language.id()));
    let steps: Vec<Json> = procedure
        .into_iter()
        .flat_map(|procedure| procedure.steps.iter().enumerate())
        .map(|(n, step)| {
            let open = case.state.word() == "open";
            let done = if open { n < case.step } else { case.state.word() == "done" || n < case.step };
            json!({ "title": text_in(&step.title, visit.language.id()), "done": done, "now": open && n == case.step })
        })
        .collect();
    Ok(Some(json!({
        "procedure": title, "state": case.state.word(), "opened": figures::moment(case.opened, &site.pack.calendar),
        "since": figures::moment(case.since, &site.pack.calendar), "steps": steps,
        "mark": mark_of(facts, &case, visit.language).await?,
    })))
}

/// Takes how content somebody is with their completed case, once.
pub async fn content(
    site: Shared,
    visit: Visit,
    connection: Option<Extension<ConnectInfo<std::net::SocketAddr>>>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let address = sender(&headers, connection.map(|Extension(ConnectInfo(address))| address.ip()));
    if !site.senders.admit(&address, site.now()) {
        let often = site.texts.get(visit.language, "ask-often", &[]);
        return Err(PageError::TooOften(often));
    }
    let code = plain(sent.text("code"));
    let facts = everything(&site);
    let case = facts.case_of_code(&code).await?.ok_or_else(|| PageError::not_found("case", ""))?;
    mark(&facts, &case, sent.text("mark"), site.now()).await?;
    Ok(Redirect::to(&format!("/public?code={code}")).into_response())
}

/// A notice, as it is printed and hung.
pub async fn notice(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let facts = everything(&site);
    let posted = board(&site, &facts, &visit).one(&id).await?;
    let posted = posted.ok_or_else(|| PageError::not_found("notice", ""))?;
    let visit = visit.with_division(&posted.division);
    site.render(&visit, "public", "public/notice.html", own! { posted })
}

/// How to apply, and by what standards: procedures and programmes in plain words.
pub async fn how(site: Shared, visit: Visit) -> Page {
    let all = procedures::all(&site.pack, visit.language);
    let described: Vec<_> = all
        .iter()
        .filter(|line| {
            site.pack.procedures.iter().any(|found| found.id == line.id && begun_by_people(&site.pack, found))
        })
        .filter_map(|line| procedures::one(&site.pack, &line.id, visit.language))
        .filter(|view| !view.words.is_empty())
        .collect();
    let shown = Shown {
        pack: &site.pack,
        places: &site.places,
        division: &visit.division,
        day: site.today(),
        language: visit.language,
    };
    let own = own! {
        procedures => described,
        programmes => shown.programmes(),
        standards => shown.standards(),
        here => "/public/how",
    };
    site.render(&visit, "public", "public/how.html", own)
}

/// Whether people begin a procedure themselves: by a form for everybody, or on paper that somebody enters for them.
fn begun_by_people(pack: &Pack, procedure: &Procedure) -> bool {
    let first = procedure.steps.first().filter(|step| step.kind == StepKind::Apply);
    let role = first.and_then(|step| pack.roles.get(step.role.index()));
    procedure.asks.is_some() || role.is_some_and(|role| !role.entered_by.is_empty())
}

fn asked<'p>(site: &'p Shared, id: &str) -> Result<(&'p Procedure, &'p Register), PageError> {
    let procedure = site.pack.procedures.iter().find(|procedure| procedure.id == id && procedure.asks.is_some());
    let procedure = procedure.ok_or_else(|| PageError::not_found("procedure", id))?;
    let Entity::Register(register) = procedure.subject else { return Err(PageError::not_found("procedure", id)) };
    let register = site.pack.registers.get(register.index());
    Ok((procedure, register.ok_or_else(|| PageError::not_found("procedure", id))?))
}

/// The division of the subject's level that the visitor chose, if it is deep enough.
fn chosen<'v>(site: &Shared, visit: &'v Visit, register: &Register) -> Option<&'v str> {
    let Entity::Level(level) = register.parent else { return None };
    let digits = site.pack.levels.get(level.index())?.digits;
    visit.division.get(..digits)
}

fn shown(site: &Shared, visit: &Visit, id: &str, draft: &Draft, error: &str) -> Page {
    let (procedure, register) = asked(site, id)?;
    let wanted = procedure.asks.as_ref().map(|asks| asks.fields.as_slice()).unwrap_or_default();
    let all = form::inputs(&site.pack, register, draft, None, site.today(), visit.language);
    let inputs: Vec<_> = wanted.iter().filter_map(|at| all.get(usize::from(*at)).cloned()).collect();
    let Entity::Level(level) = register.parent else { return Err(PageError::not_found("procedure", id)) };
    let level = site.pack.levels.get(level.index()).map(|level| text_in(&level.title, visit.language.id()));
    let own = own! {
        id,
        procedure => procedures::one(&site.pack, id, visit.language),
        inputs,
        error,
        level,
        ready => chosen(site, visit, register).is_some(),
        code => "",
        here => visit.path,
    };
    site.render(visit, "public", "public/ask.html", own)
}

/// A form for everybody.
pub async fn form(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    shown(&site, &visit, &id, &Draft::default(), "")
}

/// Takes a form; tells the code with which its case is looked up.
pub async fn send(
    site: Shared,
    visit: Visit,
    Path(id): Path<String>,
    connection: Option<Extension<ConnectInfo<std::net::SocketAddr>>>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (procedure, register) = asked(&site, &id)?;
    let language = visit.language.id();
    let asks = procedure.asks.as_ref().map(|asks| asks.fields.as_slice()).unwrap_or_default();
    let (mut values, mut draft) = (Vec::new(), Draft::default());
    for at in asks {
        let Some(field) = register.fields.get(usize::from(*at)) else { continue };
        let text = sent.text(&format!("v.{}", field.id)).to_owned();
        draft.values.insert(field.id.clone(), text.clone());
        let given = Map::from_iter([(field.id.clone(), Json::String(text))]);
        match write::values(&site.pack, register, &given, language) {
            Ok(good) => values.extend(good.into_iter().filter(|(_, value)| value.is_some())),
            Err(all) => all.into_iter().for_each(|wrong| {
                draft.errors.insert(wrong.field, wrong.words);
            }),
        }
    }
    let Some(division) = chosen(&site, &visit, register) else {
        return Ok(with_status(shown(&site, &visit, &id, &draft, "division")?, StatusCode::UNPROCESSABLE_ENTITY));
    };
    if !draft.errors.is_empty() {
        return Ok(with_status(shown(&site, &visit, &id, &draft, "")?, StatusCode::UNPROCESSABLE_ENTITY));
    }
    let address = sender(&headers, connection.map(|Extension(ConnectInfo(address))| address.ip()));
    if !site.senders.admit(&address, site.now()) {
        return Ok(with_status(shown(&site, &visit, &id, &draft, "often")?, StatusCode::TOO_MANY_REQUESTS));
    }
    let code = take(&site.store, procedure, division, &values, site.now()).await?;
    let own = own! {
        id,
        procedure => procedures::one(&site.pack, &id, visit.language),
        inputs => Vec::<u8>::new(),
        error => "",
        level => "",
        ready => true,
        code,
    };
    site.render(&visit, "public", "public/ask.html", own)
}

/// The address of a sender: behind a proxy on this machine the one that the proxy tells.
fn sender(headers: &HeaderMap, peer: Option<IpAddr>) -> String {
    let told = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let last = told.and_then(|all| all.rsplit(',').next()).map(str::trim);
    match (peer, last) {
        (Some(peer), Some(told)) if peer.is_loopback() => told.to_owned(),
        (Some(peer), _) => peer.to_string(),
        (None, _) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_sends_five_forms_an_hour() {
        let senders = Senders::default();
        assert!((0..5).all(|n| senders.admit("1.2.3.4", n)) && !senders.admit("1.2.3.4", 6));
        assert!(senders.admit("1.2.3.5", 6) && senders.admit("1.2.3.4", HOUR));
    }
}
