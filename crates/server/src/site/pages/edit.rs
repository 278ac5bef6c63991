//! A record is added or changed: forms made from the fields of its register.
//!
//! What was typed is never lost: a form that is not taken comes back with its values, what is wrong beside each, and –
//! where someone else was faster – what the other wrote.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use bangfu_policy::model::{Entity, FieldType, LevelId, Register, RegisterId, RegisterKind, text_in};
use bangfu_registry::exchange::records;
use bangfu_registry::exchange::write::{self, Created, New, Stamp, Values};
use bangfu_registry::store::{Row, StoreError};
use bangfu_registry::views::form::{self, Draft};
use bangfu_registry::views::{figures, file};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::sent::{Sent, done, home, row, with_status, writable};
use crate::site::Shared;
use crate::site::error::{Page, PageError};
use crate::site::own::own;
use crate::site::visit::Visit;

type Pairs = Form<Vec<(String, String)>>;

/// Divisions that a record may lie in, shown as a list to choose from; more than these are found by the picker.
const MOST_PLACES: usize = 300;
/// Records that a look-up shows.
const MOST_FOUND: u64 = 8;
/// Keys of what is wrong with the parts of a form that are no fields.
const OWNER: &str = "@owner";
const PERIOD: &str = "@period";
const REASON: &str = "@reason";

/// What someone else wrote meanwhile.
#[derive(Clone, Debug, Serialize)]
struct Other {
    title: String,
    was: String,
    theirs: String,
    mine: String,
}

/// A form under way.
struct Sheet<'a> {
    site: &'a Shared,
    visit: &'a Visit,
    id: RegisterId,
    register: &'a Register,
    /// The record that is changed.
    row: Option<Row>,
    owner: String,
    period: String,
    reason: String,
    draft: Draft,
    others: Vec<Other>,
    who: String,
}

/// An empty form.
pub async fn new(site: Shared, visit: Visit, Path(id): Path<String>) -> Page {
    let (register_id, register) = writable(&site, &id)?;
    let owner = match (visit.get("owner"), register.parent) {
        (Some(owner), _) => owner.to_owned(),
        (None, Entity::Level(level)) => at_level(&site, &visit.division, level).unwrap_or_default(),
        (None, Entity::Register(_)) => String::new(),
    };
    let period = visit.get("period").map(str::to_owned);
    let mut sheet = Sheet::new(&site, &visit, register_id, register);
    sheet.owner = owner;
    sheet.period = period.unwrap_or_default();
    sheet.reason = site.text(&visit, "reason-new");
    sheet.answer(StatusCode::OK).await
}

/// The code of a division at a level, of one that lies at it or below.
fn at_level(site: &Shared, division: &str, level: LevelId) -> Option<String> {
    let digits = site.pack.levels.get(level.index())?.digits;
    division.get(..digits).map(str::to_owned)
}

/// A new record.
pub async fn create(
    site: Shared,
    visit: Visit,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (register_id, register) = writable(&site, &id)?;
    let mut sheet = Sheet::new(&site, &visit, register_id, register);
    sheet.take(&sent);
    if sheet.looked(&sent).await? {
        return sheet.answer(StatusCode::OK).await;
    }
    let values = sheet.checked(None).await?;
    let owner = write::owner(&site.facts, register, &sheet.owner).await?;
    if owner.is_none() {
        sheet.wrong(OWNER, site.text(&visit, "no-such-owner"));
    }
    let period = write::period(register, &sheet.period, visit.language.id());
    if let Err(wrong) = &period {
        sheet.wrong(PERIOD, wrong.words.clone());
    }
    let (Some(owner), Ok(period), true) = (owner, period, sheet.draft.errors.is_empty()) else {
        return sheet.answer(StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    let stamp = Stamp { actor: &site.actor(), reason: &sheet.reason, at: site.now() };
    let new = New { register: register_id, owner: &owner, period, values: &values };
    match write::create(&site.facts, &new, None, &stamp).await {
        Ok(Created::Record(row)) => Ok(done(&home(&site, register, &row).await?, "created")),
        Ok(_) => Err(PageError::Failed("a record without a key was answered by one".to_owned())),
        Err(error) => {
            sheet.refused(error)?;
            sheet.answer(StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

/// A form with the values of a record.
pub async fn edit(site: Shared, visit: Visit, Path((id, address)): Path<(String, String)>) -> Page {
    let (register_id, register) = writable(&site, &id)?;
    let row = row(&site, register_id, &address).await?;
    let visit = visit.with_division(&row.record.division.clone());
    let mut sheet = Sheet::new(&site, &visit, register_id, register);
    sheet.show(row);
    sheet.answer(StatusCode::OK).await
}

/// A changed record.
pub async fn change(
    site: Shared,
    visit: Visit,
    Path((id, address)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Page {
    let sent = Sent::new(&headers, pairs)?;
    let (register_id, register) = writable(&site, &id)?;
    let row = row(&site, register_id, &address).await?;
    let visit = visit.with_division(&row.record.division.clone());
    let mut sheet = Sheet::new(&site, &visit, register_id, register);
    let version = sent.number("version")?;
    sheet.row = Some(row.clone());
    sheet.take(&sent);
    if sheet.looked(&sent).await? {
        if version != row.record.version {
            sheet.conflict().await?;
        }
        return sheet.answer(StatusCode::OK).await;
    }
    if version != row.record.version {
        sheet.conflict().await?;
        return sheet.answer(StatusCode::CONFLICT).await;
    }
    let mut values = sheet.checked(Some(&row)).await?;
    if !sheet.draft.errors.is_empty() {
        return sheet.answer(StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    values.retain(|(index, value)| row.record.values.get(usize::from(*index)) != Some(value));
    let back = home(&site, register, &row).await?;
    if values.is_empty() {
        return Ok(done(&back, "nothing"));
    }
    let stamp = Stamp { actor: &site.actor(), reason: &sheet.reason, at: site.now() };
    match write::change(&site.facts, &row, &values, &stamp).await {
        Ok(_) => Ok(done(&back, "changed")),
        Err(StoreError::Version { .. }) => {
            sheet.row = records::find(&site.facts, register_id, &format!("~{}", row.record.id.0)).await?;
            sheet.conflict().await?;
            sheet.answer(StatusCode::CONFLICT).await
        }
        Err(error) => {
            sheet.refused(error)?;
            sheet.answer(StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

impl<'a> Sheet<'a> {
    fn new(site: &'a Shared, visit: &'a Visit, id: RegisterId, register: &'a Register) -> Self {
        Self {
            site,
            visit,
            id,
            register,
            row: None,
            owner: String::new(),
            period: String::new(),
            reason: String::new(),
            draft: Draft::default(),
            others: Vec::new(),
            who: String::new(),
        }
    }

    /// The form shows a record.
    fn show(&mut self, row: Row) {
        self.draft.values = form::texts(&self.site.pack, self.register, &row.record.values);
        self.draft.was = self.draft.values.clone();
        self.row = Some(row);
    }

    /// What was typed, and what was picked among the records that a look-up found.
    fn take(&mut self, sent: &Sent) {
        let picked = |name: &str| {
            let picked = sent.text(&format!("pick.{name}"));
            if picked.is_empty() { sent.text(name).to_owned() } else { picked.to_owned() }
        };
        self.owner = picked("owner");
        self.period = sent.text("period").to_owned();
        sent.text("reason").clone_into(&mut self.reason);
        for field in &self.register.fields {
            self.draft.values.insert(field.id.clone(), picked(&format!("v.{}", field.id)));
            self.draft.was.insert(field.id.clone(), sent.text(&format!("was.{}", field.id)).to_owned());
        }
        if sent.reason().is_none() && !sent.has("look") {
            self.wrong(REASON, self.site.text(self.visit, "reason-needed"));
        }
    }

    fn wrong(&mut self, at: &str, words: String) {
        self.draft.errors.entry(at.to_owned()).or_insert(words);
    }

    /// A look-up was asked for: records that may be meant are found, nothing is changed.
    async fn looked(&mut self, sent: &Sent) -> Result<bool, PageError> {
        if !sent.has("look") {
            return Ok(false);
        }
        let asked = sent.text("look");
        let (to, words, at) = match (asked.strip_prefix("v."), self.register.parent) {
            (Some(id), _) => {
                let field = self.register.fields.iter().find(|field| field.id == id);
                let Some(FieldType::Reference(to)) = field.map(|field| field.ty) else { return Ok(true) };
                (to, self.draft.values.get(id).cloned().unwrap_or_default(), id.to_owned())
            }
            (None, Entity::Register(above)) => (above, self.owner.clone(), OWNER.to_owned()),
            (None, Entity::Level(_)) => return Ok(true),
        };
        let found = records::search(&self.site.facts, to, &words, MOST_FOUND).await?;
        if found.is_empty() {
            self.wrong(&at, self.site.text(self.visit, "nothing-found"));
        }
        self.draft.found.insert(at, found);
        Ok(true)
    }

    /// The values of the fields that were filled in or – of a record – changed.
    async fn checked(&mut self, row: Option<&Row>) -> Result<Values, PageError> {
        let mut values = Values::new();
        for field in &self.register.fields {
            let text = self.draft.values.get(&field.id).cloned().unwrap_or_default();
            let edited = match row {
                None => true,
                // Secret values are not shown: an empty input leaves them as they are.
                Some(_) if field.secret => !text.is_empty(),
                Some(_) => self.draft.was.get(&field.id) != Some(&text),
            };
            if !edited {
                continue;
            }
            let given = Map::from_iter([(field.id.clone(), Json::String(text))]);
            match write::values(&self.site.pack, self.register, &given, self.visit.language.id()) {
                Ok(good) => values.extend(good),
                Err(all) => all.into_iter().for_each(|wrong| self.wrong(&wrong.field, wrong.words)),
            }
        }
        if row.is_none() {
            values.retain(|(_, value)| value.is_some());
        }
        let own = row.map(|row| row.record.id);
        let language = self.visit.language.id();
        for wrong in write::conflicts(&self.site.facts, self.id, own, &values, language).await? {
            self.wrong(&wrong.field, wrong.words);
        }
        Ok(values)
    }

    /// What the store refused, beside the inputs that it is about.
    fn refused(&mut self, error: StoreError) -> Result<(), PageError> {
        match error {
            StoreError::Taken { fields, .. } if fields.is_empty() => {
                let at = if self.period.is_empty() { OWNER } else { PERIOD };
                self.wrong(at, self.site.text(self.visit, "place-taken"));
            }
            StoreError::Taken { fields, .. } => {
                for field in fields {
                    self.wrong(&field, self.site.text(self.visit, "value-taken"));
                }
            }
            StoreError::Absent(_) => self.wrong(OWNER, self.site.text(self.visit, "no-such-owner")),
            other => return Err(other.into()),
        }
        Ok(())
    }

    /// Someone else was faster: the form keeps what was typed and takes the rest as it is now.
    async fn conflict(&mut self) -> Result<(), PageError> {
        let Some(row) = self.row.clone() else { return Ok(()) };
        let (pack, language) = (&self.site.pack, self.visit.language);
        let now = form::texts(pack, self.register, &row.record.values);
        let words = |field: &bangfu_policy::model::Field, text: &str| {
            let value = bangfu_policy::value::parse(text, field.ty, pack, language.id()).ok();
            let cell = file::cell(pack, field, value.as_ref(), &self.site.places, language);
            if value.is_some() { cell.text } else { text.to_owned() }
        };
        for field in self.register.fields.iter().filter(|field| !field.secret) {
            let of = |map: &BTreeMap<String, String>| map.get(&field.id).cloned().unwrap_or_default();
            let (was, mine, theirs) = (of(&self.draft.was), of(&self.draft.values), of(&now));
            let edited = was != mine;
            if was != theirs {
                self.others.push(Other {
                    title: text_in(&field.title, language.id()).to_owned(),
                    was: words(field, &was),
                    theirs: words(field, &theirs),
                    mine: if edited { words(field, &mine) } else { String::new() },
                });
            }
            if !edited {
                self.draft.values.insert(field.id.clone(), theirs.clone());
            }
            self.draft.was.insert(field.id.clone(), theirs);
        }
        if let Some(last) = self.site.facts.told(self.id, row.record.id.0).await?.first() {
            self.who = format!("{} {}", last.actor, figures::moment(last.at, &self.site.pack.calendar));
        }
        Ok(())
    }

    /// Names of the records that the form names.
    async fn names(&mut self) -> Result<String, PageError> {
        for field in &self.register.fields {
            if let (FieldType::Reference(to), Some(key)) = (field.ty, self.draft.values.get(&field.id)) {
                let named = self.name(to, key).await?;
                self.draft.named.insert(field.id.clone(), named);
            }
        }
        match self.register.parent {
            Entity::Register(above) => self.name(above, &self.owner).await,
            Entity::Level(_) if self.site.places.contains(&self.owner) => {
                let trail = self.site.places.trail(&self.owner, self.visit.language);
                Ok(trail.into_iter().map(|place| place.name).collect::<Vec<_>>().join(" "))
            }
            Entity::Level(_) => Ok(String::new()),
        }
    }

    async fn name(&self, register: RegisterId, key: &str) -> Result<String, PageError> {
        if key.is_empty() {
            return Ok(String::new());
        }
        let definition = self.site.pack.registers.get(register.index());
        let found = records::find(&self.site.facts, register, key).await?;
        Ok(definition.zip(found).map(|(definition, row)| records::name(definition, &row.record)).unwrap_or_default())
    }

    /// Divisions to choose from; none if there are too many.
    fn choices(&self) -> Vec<(String, String)> {
        let Entity::Level(level) = self.register.parent else { return Vec::new() };
        let mut found = Vec::new();
        let start = at_level(self.site, &self.visit.division, level).unwrap_or_else(|| self.visit.division.clone());
        self.below(&start, level, &mut found);
        if found.len() > MOST_PLACES {
            return Vec::new();
        }
        let name = |code: String| {
            let trail = self.site.places.trail(&code, self.visit.language);
            let names: Vec<String> = trail.into_iter().map(|place| place.name).collect();
            let from = names.len().saturating_sub(2);
            (code, names.get(from..).unwrap_or_default().join(" "))
        };
        found.into_iter().map(name).collect()
    }

    fn below(&self, code: &str, level: LevelId, found: &mut Vec<String>) {
        match self.site.places.level(code) {
            Some(at) if at == level.index() => found.push(code.to_owned()),
            Some(at) if at < level.index() && found.len() <= MOST_PLACES => {
                self.site.places.children(code).for_each(|child| self.below(child, level, found));
            }
            _ => {}
        }
    }

    async fn answer(mut self, status: StatusCode) -> Page {
        let owner_named = self.names().await?;
        let (pack, language) = (&self.site.pack, self.visit.language);
        let fact = self.row.clone().map(|row| self.site.facts.fact(row.record));
        let inputs = form::inputs(pack, self.register, &self.draft, fact.as_ref(), self.site.today(), language);
        let title = text_in(&self.register.title, language.id()).to_owned();
        let error = |at: &str| self.draft.errors.get(at).cloned().unwrap_or_default();
        let words = |key: &str| self.site.text(self.visit, key);
        let owner_title = pack.entity_title(self.register.parent).map(|title| text_in(title, language.id()).to_owned());
        let owner_title = owner_title.unwrap_or_default();
        let mut errors: Vec<(String, String, String)> = Vec::new();
        for (at, anchor, title) in [
            (OWNER, "owner", owner_title.clone()),
            (PERIOD, "period", words("period")),
            (REASON, "reason", words("reason")),
        ] {
            errors.extend(self.draft.errors.get(at).map(|text| (format!("form-{anchor}"), title, text.clone())));
        }
        let of_fields = inputs.iter().filter(|input| !input.error.is_empty());
        errors.extend(of_fields.map(|input| (format!("v-{}", input.id), input.title.clone(), input.error.clone())));
        let back = match (&self.row, self.register.parent) {
            (Some(row), _) => home(self.site, self.register, row).await?,
            (None, _) => format!("/registry/{}", self.register.id),
        };
        let heading = match &self.row {
            None => self.site.texts.get(language, "new-heading", &[("title", title.clone())]),
            Some(row) => {
                let name = records::name(self.register, &row.record);
                let name = if name.is_empty() { row.owner.clone() } else { name };
                let period = row.record.period.map(|at| bangfu_policy::period::format(self.register.kind, at));
                let name = [Some(name), period].into_iter().flatten().collect::<Vec<_>>().join(" ");
                self.site.texts.get(language, "edit-heading", &[("title", title.clone()), ("name", name)])
            }
        };
        let choices = if self.row.is_none() { self.choices() } else { Vec::new() };
        let own = own! {
            heading,
            id => self.register.id,
            title,
            back,
            inputs,
            errors,
            version => self.row.as_ref().map(|row| row.record.version),
            owner_kind => if matches!(self.register.parent, Entity::Level(_)) { "division" } else { "record" },
            owner_title,
            owner => self.owner,
            owner_named,
            owner_error => error(OWNER),
            owner_found => self.draft.found.get(OWNER).cloned().unwrap_or_default(),
            choices,
            periodic => !matches!(self.register.kind, RegisterKind::Entity | RegisterKind::One),
            quarterly => self.register.kind == RegisterKind::Quarterly,
            period => self.period,
            period_error => error(PERIOD),
            reason => self.reason,
            reason_error => error(REASON),
            others => self.others,
            who => self.who,
            here => if self.row.is_none() { self.visit.path.as_str() } else { "" },
        };
        Ok(with_status(self.site.render(self.visit, "registry", "registry/form.html", own)?, status))
    }
}
