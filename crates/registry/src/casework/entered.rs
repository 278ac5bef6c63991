//! What is entered at the steps of a case for what completing it does. It stands in the event of the step; what was sent
//! back is entered anew.

use bangfu_policy::model::{Asked, Entity, Pack, Procedure, RegisterId, Value, Wanted, text_in};
use bangfu_store::{CaseEvent, CaseFile, Reader, Record, RecordId, Scope, StoreError};
use serde_json::{Map, Value as Json, json};

use super::acts::NotDone;
use super::flow::{self, With};
use super::proposal::Subject;
use crate::exchange::json;
use crate::exchange::write::{self, Wrong, say};
use crate::views::facts::Facts;

/// What was entered, by key: values as the journal writes them, ids of records, the code or key of a place.
pub type Entered = Map<String, Json>;

/// What stands on a case after some events.
pub fn of<'e>(procedure: &Procedure, events: impl IntoIterator<Item = &'e CaseEvent>) -> Entered {
    let mut all = Entered::new();
    for event in events.into_iter().filter(|event| flow::does(event)) {
        let body: Json = serde_json::from_str(&event.body).unwrap_or_default();
        let given = body.get("values").and_then(Json::as_object);
        // A step that is done again leaves nothing of what was entered before.
        if ["done", "vote"].contains(&event.act.as_str()) {
            let asked = procedure.steps.get(event.step).map(|step| step.asked.as_slice()).unwrap_or_default();
            for asked in asked {
                all.remove(&asked.key);
            }
        }
        all.extend(given.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    }
    all
}

/// A value of a field that was entered.
pub fn value(pack: &Pack, entered: &Entered, key: &str, (register, field): (RegisterId, u16)) -> Option<Value> {
    let field = pack.registers.get(register.index())?.fields.get(usize::from(field))?;
    write::value(pack, field, entered.get(key)?, "en").ok().flatten()
}

/// What something asked for is called: the field, the register or the kind of place.
pub fn title(pack: &Pack, procedure: &Procedure, asked: &Asked, language: &str) -> String {
    let register_title =
        |id: RegisterId| pack.registers.get(id.index()).map(|register| text_in(&register.title, language));
    match asked.what {
        Wanted::Value(register, at) => {
            let field = pack.registers.get(register.index()).and_then(|found| found.fields.get(usize::from(at)));
            let title = field.map_or("", |field| text_in(&field.title, language));
            // Fields of the subject itself need not say whose they are.
            match register_title(register).filter(|_| procedure.subject != Entity::Register(register)) {
                Some(of) => format!("{of} · {title}"),
                None => title.to_owned(),
            }
        }
        Wanted::Records(register) => register_title(register).unwrap_or_default().to_owned(),
        Wanted::Place(of) => {
            pack.entity_title(of).map_or_else(String::new, |title| text_in(title, language).to_owned())
        }
    }
}

/// Ids of records that were chosen.
pub fn records(entered: &Entered, key: &str) -> Vec<RecordId> {
    let ids = entered.get(key).and_then(Json::as_array);
    ids.into_iter().flatten().filter_map(Json::as_i64).map(RecordId).collect()
}

/// The records of a subject among which some are chosen, as far as they are seen.
///
/// # Errors
/// The store fails.
pub async fn choices(facts: &Facts, case: &CaseFile, register: RegisterId) -> Result<Vec<Record>, StoreError> {
    children(facts.reader(), case, register).await
}

/// Records of a register that belong to the subject of a case.
pub(super) async fn children(
    reader: &Reader,
    case: &CaseFile,
    register: RegisterId,
) -> Result<Vec<Record>, StoreError> {
    match case.record {
        Some(id) => reader.children(register, RecordId(id)).await,
        None => reader.of_division(register, &case.division).await,
    }
}

/// What comes with an act on a case, checked.
///
/// # Errors
/// [`NotDone::Entered`] with everything that is lacking or wrong; the store fails.
pub async fn check(facts: &Facts, procedure: &Procedure, case: &CaseFile, with: &With) -> Result<Entered, NotDone> {
    let mut entered = Entered::new();
    let mut wrong = Vec::new();
    for asked in flow::step(procedure, case).map(|step| step.asked.as_slice()).unwrap_or_default() {
        let text = with.entered.get(&asked.key).map_or("", |text| text.trim());
        if text.is_empty() {
            if !asked.optional {
                let words = say(with.language, "必填项，请填写", "this is required; write a value");
                wrong.push(Wrong { field: asked.key.clone(), words });
            }
            continue;
        }
        match one(facts, case, asked, text, with.language).await? {
            Ok(value) => drop(entered.insert(asked.key.clone(), value)),
            Err(words) => wrong.push(Wrong { field: asked.key.clone(), words }),
        }
    }
    if wrong.is_empty() { Ok(entered) } else { Err(NotDone::Entered(wrong)) }
}

async fn one(
    facts: &Facts,
    case: &CaseFile,
    asked: &Asked,
    text: &str,
    language: &str,
) -> Result<Result<Json, String>, StoreError> {
    let pack = facts.pack();
    match asked.what {
        Wanted::Value(register, at) => {
            let field = pack.registers.get(register.index()).and_then(|found| found.fields.get(usize::from(at)));
            let Some(field) = field else { return Ok(Ok(Json::Null)) };
            let value = match write::value(pack, field, &json!(text), language) {
                Ok(value) => value,
                Err(words) => return Ok(Err(words)),
            };
            let written = json::value(pack, field, value.as_ref());
            let values = vec![(at, value)];
            let clash = write::conflicts(facts, register, case.record.map(RecordId), &values, language).await?;
            Ok(clash.into_iter().next().map_or(Ok(written), |wrong| Err(wrong.words)))
        }
        Wanted::Records(register) => {
            let there = choices(facts, case, register).await?;
            let ids: Vec<i64> = text.split(',').filter_map(|id| id.trim().parse().ok()).collect();
            let known = ids.iter().all(|id| there.iter().any(|record| record.id.0 == *id));
            if ids.is_empty() || !known {
                return Ok(Err(say(language, "请在名单中选择", "choose from the list")));
            }
            Ok(Ok(json!(ids)))
        }
        Wanted::Place(Entity::Level(level)) => {
            let known = facts.store().reader(&Scope::everything()).divisions().await?;
            let there = known.binary_search_by(|division| division.code.as_str().cmp(text)).is_ok();
            if !there || pack.level_of_code(text) != Some(level) {
                return Ok(Err(say(language, "没有此行政区划", "there is no such division")));
            }
            if text == case.division {
                return Ok(Err(say(language, "已在此处", "it lies there already")));
            }
            Ok(Ok(json!(text)))
        }
        Wanted::Place(of) => match Subject::find(facts, of, text).await? {
            Some(other) if other.record() != case.record => Ok(Ok(json!(text))),
            Some(_) => Ok(Err(say(language, "不能是本案对象", "this is what the case is about"))),
            None => Ok(Err(say(language, "没有此记录", "there is no such record"))),
        },
    }
}
