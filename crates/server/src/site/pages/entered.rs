//! Inputs for what whoever does a step of a case enters: values, some of the subject's records, a place.

use std::collections::BTreeMap;

use bangfu_policy::model::{Asked, Entity, Field, FieldType, Procedure, RegisterId, Step, Value, Wanted, text_in};
use bangfu_registry::casework::entered::{self, Entered};
use bangfu_registry::casework::flow;
use bangfu_registry::casework::proposal::{self, Subject};
use bangfu_registry::exchange::records;
use bangfu_registry::exchange::write::Wrong;
use bangfu_registry::store::CaseFile;
use bangfu_registry::views::file;
use bangfu_registry::views::form::{self, Input};
use serde_json::Value as Json;

use super::sent::Sent;
use crate::site::Shared;
use crate::site::error::PageError;
use crate::site::visit::Visit;

/// Records and places that a look-up shows.
const MOST_FOUND: usize = 8;

/// What a form sends for a step, by key.
pub(super) fn given(sent: &Sent, step: Option<&Step>) -> BTreeMap<String, String> {
    let text = |asked: &Asked| {
        let name = format!("v.{}", asked.key);
        let picked = sent.text(&format!("pick.{}", asked.key));
        match asked.what {
            Wanted::Records(_) => sent.ticked(&format!("{name}.")).join(","),
            _ if picked.is_empty() => sent.text(&name).to_owned(),
            _ => picked.to_owned(),
        }
    };
    let asked = step.map(|step| step.asked.as_slice()).unwrap_or_default();
    asked.iter().map(|asked| (asked.key.clone(), text(asked))).collect()
}

/// Inputs of the step of a case: with what was typed, or else with what was entered before.
pub(super) async fn inputs(
    site: &Shared,
    visit: &Visit,
    (procedure, step, case): (&Procedure, &Step, &CaseFile),
    before: &Entered,
    (sent, wrong): (Option<&Sent>, &[Wrong]),
) -> Result<Vec<Input>, PageError> {
    let typed = sent.map(|sent| given(sent, Some(step)));
    let mut all = Vec::new();
    for asked in &step.asked {
        let value = match &typed {
            Some(typed) => typed.get(&asked.key).cloned().unwrap_or_default(),
            None => text(before.get(&asked.key)),
        };
        let title = entered::title(&site.pack, procedure, asked, visit.language.id());
        let new = asked.key.starts_with("new.");
        let mut input = Input {
            id: asked.key.clone(),
            title: if new { site.text_of(visit, "asked-new", &title) } else { title },
            value,
            required: !asked.optional,
            error: wrong.iter().find(|wrong| wrong.field == asked.key).map_or(String::new(), |w| w.words.clone()),
            ..Input::default()
        };
        match asked.what {
            Wanted::Value(register, at) => {
                let Some(field) = field(site, register, at) else { continue };
                form::shape(&site.pack, field, site.pack.calendar.day(site.now()) as i32, visit.language, &mut input);
                input.rules = bangfu_registry::exchange::columns::rules(field, visit.language.id());
                if let FieldType::Reference(to) = field.ty {
                    look(site, visit, Entity::Register(to), sent, &mut input).await?;
                }
                // What the record has now, where it is the subject's own.
                if !new && procedure.subject == Entity::Register(register) {
                    input.help = now(site, visit, case, register, at).await?;
                }
            }
            Wanted::Records(register) => {
                input.kind = "several";
                for record in entered::choices(&site.facts, case, register).await? {
                    let id = record.id.0.to_string();
                    input.options.push((id, proposal::name(&site.pack, &Subject::Record(record))));
                }
            }
            Wanted::Place(of) => {
                input.kind = "reference";
                let title = site.pack.entity_title(of);
                input.of = title.map_or_else(String::new, |title| text_in(title, visit.language.id()).to_owned());
                look(site, visit, of, sent, &mut input).await?;
            }
        }
        all.push(input);
    }
    Ok(all)
}

/// What was entered at a step, in words: title and value.
pub(super) async fn told(
    site: &Shared,
    visit: &Visit,
    procedure: &Procedure,
    step: &Step,
    values: Option<&Json>,
) -> Result<Vec<(String, String)>, PageError> {
    let mut all = Vec::new();
    for asked in &step.asked {
        let Some(value) = values.and_then(|values| values.get(&asked.key)) else { continue };
        let title = entered::title(&site.pack, procedure, asked, visit.language.id());
        let words = match asked.what {
            Wanted::Value(register, _) if !sees(site, procedure, register) => site.text(visit, "asked-hidden"),
            Wanted::Value(register, at) => {
                let one: Entered = [(asked.key.clone(), value.clone())].into_iter().collect();
                let value = entered::value(&site.pack, &one, &asked.key, (register, at));
                field(site, register, at).map_or_else(String::new, |field| shown(site, visit, field, value.as_ref()))
            }
            Wanted::Records(register) => {
                let mut names: Vec<String> = Vec::new();
                for id in value.as_array().into_iter().flatten().filter_map(Json::as_i64) {
                    let row = records::find(&site.facts, register, &format!("~{id}")).await?;
                    names.extend(row.map(|row| proposal::name(&site.pack, &Subject::Record(row.record))));
                }
                names.join(site.text(visit, "list-and").as_str())
            }
            Wanted::Place(Entity::Level(_)) => site.places.name(value.as_str().unwrap_or_default(), visit.language),
            Wanted::Place(_) => text(Some(value)),
        };
        let title = if asked.key.starts_with("new.") { site.text_of(visit, "asked-new", &title) } else { title };
        all.push((title, words));
    }
    Ok(all)
}

/// Whether the visitor is told what was entered for a register: who reads it, and who takes part in the procedure.
fn sees(site: &Shared, procedure: &Procedure, register: RegisterId) -> bool {
    let takes_part = |step: &Step| flow::acts_for(&site.pack, &site.who, step.role);
    site.facts.scope().sees(register) || procedure.steps.iter().any(takes_part)
}

fn field(site: &Shared, register: RegisterId, at: u16) -> Option<&Field> {
    site.pack.registers.get(register.index())?.fields.get(usize::from(at))
}

fn shown(site: &Shared, visit: &Visit, field: &Field, value: Option<&Value>) -> String {
    file::cell(&site.pack, field, value, &site.places, visit.language).text
}

/// What was entered, as inputs have it.
fn text(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Array(ids)) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    }
}

/// The value that the subject has now.
async fn now(
    site: &Shared,
    visit: &Visit,
    case: &CaseFile,
    register: RegisterId,
    at: u16,
) -> Result<String, PageError> {
    let (Some(field), Some(id)) = (field(site, register, at), case.record) else { return Ok(String::new()) };
    let row = records::find(&site.facts, register, &format!("~{id}")).await?;
    let value = row.and_then(|row| row.record.values.get(usize::from(at)).cloned().flatten());
    let words =
        if value.is_some() { shown(site, visit, field, value.as_ref()) } else { site.text(visit, "not-filled") };
    Ok(site.text_of(visit, "asked-now", &words))
}

/// Shows what may be meant, where a look-up was asked for.
async fn look(
    site: &Shared,
    visit: &Visit,
    of: Entity,
    sent: Option<&Sent>,
    input: &mut Input,
) -> Result<(), PageError> {
    let name = format!("v.{}", input.id);
    let Some(sent) = sent.filter(|sent| sent.text("look") == name) else { return Ok(()) };
    input.found = found(site, visit, of, sent.text(&name)).await?;
    input.error = if input.found.is_empty() { site.text(visit, "nothing-found") } else { String::new() };
    Ok(())
}

/// Records or divisions that words may mean: key or code, and name.
async fn found(site: &Shared, visit: &Visit, of: Entity, words: &str) -> Result<Vec<(String, String)>, PageError> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    Ok(match of {
        Entity::Register(register) => records::search(&site.facts, register, words, MOST_FOUND as u64).await?,
        Entity::Level(level) => {
            let fits = |code: &&str| {
                site.places.level_id(code) == Some(level)
                    && (code.starts_with(words) || site.places.name(code, visit.language).contains(words))
            };
            let trail = |code: &str| {
                let names: Vec<String> =
                    site.places.trail(code, visit.language).into_iter().skip(1).map(|place| place.name).collect();
                (code.to_owned(), names.join(" "))
            };
            site.places.codes().filter(fits).take(MOST_FOUND).map(trail).collect()
        }
    })
}
