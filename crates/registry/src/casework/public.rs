//! What everybody sees of cases and may begin: notices while they hang, the state of one's own case, forms.
//!
//! A notice shows the fields that the procedure names, and those only; the loader refuses secret ones. When its days
//! are over nobody outside sees it any more.

use std::collections::{BTreeMap, BTreeSet};

use bangfu_policy::model::{Beside, Code, DAY, Entity, Field, FieldType, Pack, Procedure, RegisterId, Value, text_in};
use bangfu_store::{Actor, CaseFile, CaseQuery, CaseState, Owner, Record, RecordId, Scope, Store, StoreError};
use serde::Serialize;

use super::acts::{code, new_case};
use super::proposal::{Proposal, Subject, facts_of};
use super::{entered, flow};
use crate::views::facts::Facts;
use crate::views::figures::{self, Language};
use crate::views::file;
use crate::views::places::Places;

/// Most cases whose notices are looked through.
const MOST: u64 = 20_000;

/// A notice: cases of one procedure, step and division that were posted on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Id in addresses.
    pub id: String,
    /// Title of the procedure.
    pub procedure: String,
    /// Title of the step.
    pub step: String,
    /// Name of the division, with those above.
    pub place: String,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// How many cases it names.
    pub count: usize,
}

/// A notice with all that it says.
#[derive(Clone, Debug, Serialize)]
pub struct Posted {
    /// As on the list.
    pub notice: Notice,
    /// Words above the list.
    pub words: String,
    /// Titles of the columns; none: only the number is told.
    pub columns: Vec<String>,
    /// Cells of each case.
    pub rows: Vec<Vec<String>>,
    /// Where objections are taken.
    pub phone: String,
    /// Who posts it.
    pub by: String,
    /// Code of the division.
    pub division: String,
    /// The same in a further script, where the division asks for it.
    pub beside: Option<BesideView>,
}

/// What a notice also says in a further script.
#[derive(Clone, Debug, Serialize)]
pub struct BesideView {
    /// Language tag.
    pub language: String,
    /// Set in columns.
    pub vertical: bool,
    /// Heading.
    pub title: String,
    /// Words above the list.
    pub words: String,
    /// Cells of each case that has some.
    pub rows: Vec<Vec<String>>,
    /// Words where the seal is put.
    pub seal: String,
}

/// The id of the notice that names a case: one for all of its procedure, step and place that were posted on one day.
pub fn notice_of(pack: &Pack, procedure: &Procedure, case: &CaseFile) -> Option<String> {
    let posted = case.posted.filter(|_| procedure.notice.is_some())?;
    let (place, day) = (flow::place(pack, procedure, &case.division), pack.calendar.day(posted));
    Some(format!("{}.{}.{place}.{day}", procedure.id, case.step))
}

/// Where notices are looked for.
pub struct Board<'a> {
    /// All records; only the fields of notices leave this module.
    pub facts: &'a Facts,
    /// Divisions.
    pub places: &'a Places,
    /// Now, milliseconds since 1970-01-01 UTC.
    pub now: i64,
    /// Language of the page.
    pub language: Language,
}

type Group<'p> = (String, &'p Procedure, Vec<CaseFile>);

impl Board<'_> {
    fn pack(&self) -> &Pack {
        self.facts.pack()
    }

    /// Groups of cases whose notice hangs now in a division or below.
    async fn groups(&self, division: &str) -> Result<Vec<Group<'_>>, StoreError> {
        let query = CaseQuery {
            division: division.to_owned(),
            state: Some(CaseState::Open),
            posted: true,
            limit: MOST,
            ..CaseQuery::default()
        };
        let (cases, _) = self.facts.cases(&query).await?;
        let mut groups: Vec<Group<'_>> = Vec::new();
        for case in cases {
            let procedure = self.pack().procedures.iter().find(|procedure| procedure.id == case.procedure);
            let Some(procedure) = procedure else { continue };
            let Some(id) = notice_of(self.pack(), procedure, &case) else { continue };
            if self.ends(procedure, &case) <= self.now {
                continue;
            }
            match groups.iter_mut().find(|(known, ..)| *known == id) {
                Some((_, _, cases)) => cases.push(case),
                None => groups.push((id, procedure, vec![case])),
            }
        }
        Ok(groups)
    }

    /// The moment at which a posted notice ends; without days it hangs until the step is done.
    fn ends(&self, procedure: &Procedure, case: &CaseFile) -> i64 {
        let step = procedure.steps.get(case.step);
        let days = step.and_then(|step| Some((step.days?, step.working)));
        days.map_or(i64::MAX, |(days, working)| self.pack().calendar.ends(case.posted.unwrap_or(0), days, working))
    }

    fn notice(&self, (id, procedure, cases): &Group<'_>) -> Option<Notice> {
        let first = cases.first()?;
        let step = procedure.steps.get(first.step)?;
        let day = |at: i64| figures::day(self.pack().calendar.day(at), self.language);
        let ends = self.ends(procedure, first);
        let place = flow::place(self.pack(), procedure, &first.division);
        let trail = self.places.trail(place, self.language);
        Some(Notice {
            id: id.clone(),
            procedure: text_in(&procedure.title, self.language.id()).to_owned(),
            step: text_in(&step.title, self.language.id()).to_owned(),
            place: trail.iter().map(|place| place.name.as_str()).collect::<Vec<_>>().join(" "),
            from: day(first.posted?),
            to: if ends == i64::MAX { String::new() } else { day(ends - 1) },
            count: cases.len(),
        })
    }

    /// Notices that hang now in a division or below.
    ///
    /// # Errors
    /// The store fails.
    pub async fn on_show(&self, division: &str) -> Result<Vec<Notice>, StoreError> {
        Ok(self.groups(division).await?.iter().filter_map(|group| self.notice(group)).collect())
    }

    /// A notice that hangs now.
    ///
    /// # Errors
    /// The store fails.
    pub async fn one(&self, id: &str) -> Result<Option<Posted>, StoreError> {
        let division = id.split('.').nth(2).unwrap_or_default();
        let groups = self.groups(division).await?;
        let Some(group) = groups.iter().find(|(known, ..)| known == id) else { return Ok(None) };
        let (_, procedure, cases) = group;
        let (Some(notice), Some(says)) = (self.notice(group), &procedure.notice) else { return Ok(None) };
        let register = match procedure.subject {
            Entity::Register(register) => Some(register),
            Entity::Level(_) => None,
        };
        let fields = register.and_then(|id| self.pack().registers.get(id.index())).map(|found| found.fields.as_slice());
        let shown: Vec<_> = says.shows.iter().filter_map(|at| Some((*at, fields?.get(usize::from(*at))?))).collect();
        let entered: Vec<_> =
            says.entered.iter().filter_map(|(key, register, at)| self.entered(key, *register, *at)).collect();
        let (mut records, mut behind) = (Vec::new(), Vec::new());
        for case in cases {
            let (Some(register), Some(id)) = (register, case.record) else { continue };
            let Some(record) = self.facts.reader().by_id(register, RecordId(id)).await? else { continue };
            records.push(record);
            let events = if entered.is_empty() { Vec::new() } else { self.facts.reader().case_events(case.id).await? };
            let given = entered::of(procedure, &events);
            let cell = |(key, field, _): &(&str, (RegisterId, u16), String)| {
                let value = entered::value(self.pack(), &given, key, *field);
                let definition = self.pack().registers.get(field.0.index())?.fields.get(usize::from(field.1))?;
                Some(file::cell(self.pack(), definition, value.as_ref(), self.places, self.language).text)
            };
            behind.push(entered.iter().map(|one| cell(one).unwrap_or_default()).collect::<Vec<_>>());
        }
        let cells = |record: &Record, shown: &[(u16, &Field)]| -> Vec<String> {
            let cell = |(at, field): &(u16, &Field)| {
                let value = record.values.get(usize::from(*at)).and_then(Option::as_ref);
                file::cell(self.pack(), field, value, self.places, self.language).text
            };
            shown.iter().map(cell).collect()
        };
        let rows: Vec<Vec<String>> =
            records.iter().zip(behind).map(|(record, behind)| [cells(record, &shown), behind].concat()).collect();
        let mut beside = None;
        if let Some(says) = &says.beside
            && self.wanted(says, division).await?
        {
            let shown: Vec<_> =
                says.shows.iter().filter_map(|at| Some((*at, fields?.get(usize::from(*at))?))).collect();
            let mut rows: Vec<Vec<String>> = records.iter().map(|record| cells(record, &shown)).collect();
            rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
            beside = Some(BesideView {
                language: says.language.clone(),
                vertical: says.vertical,
                title: says.title.clone(),
                words: says.words.clone(),
                rows,
                seal: says.seal.clone(),
            });
        }
        let step = cases.first().and_then(|case| procedure.steps.get(case.step));
        let by = step.and_then(|step| self.pack().roles.get(step.role.index()));
        Ok(Some(Posted {
            words: text_in(&says.words, self.language.id()).to_owned(),
            columns: shown
                .iter()
                .map(|(_, field)| text_in(&field.title, self.language.id()).to_owned())
                .chain(entered.iter().map(|(_, _, title)| title.clone()))
                .collect(),
            rows: if shown.is_empty() && entered.is_empty() { Vec::new() } else { rows },
            phone: says.phone.clone(),
            by: by.map(|role| text_in(&role.title, self.language.id()).to_owned()).unwrap_or_default(),
            division: division.to_owned(),
            beside,
            notice,
        }))
    }

    /// A value that was entered, with the title of its field.
    fn entered<'k>(&self, key: &'k str, register: RegisterId, at: u16) -> Option<(&'k str, (RegisterId, u16), String)> {
        let field = self.pack().registers.get(register.index())?.fields.get(usize::from(at))?;
        Some((key, (register, at), text_in(&field.title, self.language.id()).to_owned()))
    }

    /// Whether the division of a notice, or the one above it that is asked, wants it in the further script too.
    async fn wanted(&self, says: &Beside, division: &str) -> Result<bool, StoreError> {
        let Some((level, register, field)) = says.wanted else { return Ok(true) };
        let digits = self.pack().levels.get(level.index()).map_or(usize::MAX, |level| level.digits);
        let Some(code) = division.get(..digits) else { return Ok(false) };
        let records = self.facts.reader().of_division(register, code).await?;
        let wish = records.first().and_then(|record| record.values.get(usize::from(field)).cloned().flatten());
        Ok(wish == Some(Value::Boolean(true)))
    }
}

/// How many notices hung within a year: a line for the division in view, then for those below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hung {
    /// Titles of the procedures.
    pub procedures: Vec<String>,
    /// Code and name of a division, and its numbers.
    pub lines: Vec<(String, String, Vec<usize>)>,
}

impl Board<'_> {
    /// Counts the notices that were hung in the year before now, in a division and in each below it that had some.
    ///
    /// # Errors
    /// The store fails.
    pub async fn hung(&self, division: &str) -> Result<Hung, StoreError> {
        let pack = self.pack();
        let hung = self.facts.reader().hung(division, self.now - 365 * DAY, pack.calendar.offset).await?;
        let digits = self.places.level(division).and_then(|level| pack.levels.get(level + 1)).map(|level| level.digits);
        // One notice names all cases of its place that were posted on one day.
        let mut notices = BTreeSet::new();
        for one in &hung {
            let found = pack.procedures.iter().position(|procedure| procedure.id == one.procedure);
            let Some(at) = found.filter(|at| pack.procedures.get(*at).is_some_and(|p| p.notice.is_some())) else {
                continue;
            };
            let place = pack.procedures.get(at).map_or("", |procedure| flow::place(pack, procedure, &one.division));
            notices.insert((at, one.step, place, one.day));
        }
        let procedures: BTreeSet<usize> = notices.iter().map(|(at, ..)| *at).collect();
        let mut counts: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
        for (at, _, place, _) in &notices {
            *counts.entry(division).or_default().entry(*at).or_default() += 1;
            if let Some(below) = digits.and_then(|digits| place.get(..digits)) {
                *counts.entry(below).or_default().entry(*at).or_default() += 1;
            }
        }
        let title = |at: &usize| pack.procedures.get(*at).map(|p| text_in(&p.title, self.language.id()).to_owned());
        let line = |(code, counts): (&&str, &BTreeMap<usize, usize>)| {
            let counts = procedures.iter().map(|at| counts.get(at).copied().unwrap_or(0)).collect();
            ((*code).to_owned(), self.places.name(code, self.language), counts)
        };
        Ok(Hung { procedures: procedures.iter().filter_map(title).collect(), lines: counts.iter().map(line).collect() })
    }
}

/// Takes what somebody without an account asks: the record, and a case of it; its code.
///
/// # Errors
/// The procedure takes none, or the store fails; then nothing was taken.
pub async fn take(
    store: &Store,
    procedure: &Procedure,
    division: &str,
    values: &[(u16, Option<Value>)],
    now: i64,
) -> Result<String, StoreError> {
    let (Some(asks), Entity::Register(register)) = (&procedure.asks, procedure.subject) else {
        return Err(StoreError::Absent(procedure.id.clone()));
    };
    let pack = store.pack();
    let today = pack.calendar.day(now) as i32;
    let mut all: Vec<(u16, Option<Value>)> = values.to_vec();
    all.extend(asks.set.iter().filter_map(|(field, set)| Some((*field, set.on(today, None, |_| None)?))));
    let key = pack.registers.get(register.index()).and_then(|definition| definition.key);
    if let Some(key) = key.filter(|key| all.iter().all(|(field, _)| field != key)) {
        all.push((key, Some(Value::Text(code()?))));
    }
    let actor = Actor::console("public");
    let mut change = store.change(&Scope::division(division), &actor, "", now).await?;
    let id = change.insert(register, &Owner::Division(division.to_owned()), None, &all).await?;
    let mut values = vec![None; pack.registers.get(register.index()).map_or(0, |definition| definition.fields.len())];
    for (field, value) in all {
        if let Some(place) = values.get_mut(usize::from(field)) {
            *place = value;
        }
    }
    let division = division.to_owned();
    let changed = change.entry().0;
    let record = Record { id, register, version: 1, division, parent: None, period: None, changed, values };
    let mut frozen = Proposal { policy: pack.hash.clone(), version: 1, ..Proposal::default() };
    frozen.changed = changed;
    frozen.facts = facts_of(pack, &record);
    let case = new_case(pack, procedure, &Subject::Record(record), &frozen, now)?;
    change.open_case(&case).await?;
    change.commit().await?;
    Ok(case.code)
}

/// The mark that who asked may give, or gave.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// Title of the field.
    pub title: String,
    /// Codes and labels of the marks.
    pub choices: Vec<(String, String)>,
    /// Label of the mark that was given; empty: none yet.
    pub given: String,
    /// Whether one may be given: the case is completed, and it has none.
    pub open: bool,
    #[serde(skip)]
    field: u16,
    #[serde(skip)]
    record: Record,
}

/// The mark of a case whose procedure takes one.
///
/// # Errors
/// The store fails.
pub async fn mark_of(facts: &Facts, case: &CaseFile, language: Language) -> Result<Option<Mark>, StoreError> {
    let pack = facts.pack();
    let procedure = pack.procedures.iter().find(|procedure| procedure.id == case.procedure);
    let Some((procedure, field)) = procedure.and_then(|found| Some((found, found.asks.as_ref()?.mark?))) else {
        return Ok(None);
    };
    let (Entity::Register(register), Some(id)) = (procedure.subject, case.record) else { return Ok(None) };
    let Some(record) = facts.reader().by_id(register, RecordId(id)).await? else { return Ok(None) };
    let definition = pack.registers.get(register.index()).and_then(|r| r.fields.get(usize::from(field)));
    let Some((definition, FieldType::Code(list))) = definition.map(|field| (field, field.ty)) else { return Ok(None) };
    let codes = pack.codes.get(list.index()).map(|list| list.values.as_slice()).unwrap_or_default();
    let label = |code: &Code| text_in(&code.label, language.id()).to_owned();
    let given = match record.values.get(usize::from(field)) {
        Some(Some(Value::Integer(at))) => usize::try_from(*at).ok().and_then(|at| codes.get(at)).map(label),
        _ => None,
    };
    Ok(Some(Mark {
        title: text_in(&definition.title, language.id()).to_owned(),
        choices: codes.iter().map(|code| (code.code.clone(), label(code))).collect(),
        open: case.state == CaseState::Done && given.is_none(),
        given: given.unwrap_or_default(),
        field,
        record,
    }))
}

/// Keeps the mark that who asked gives to a completed case, once; whether it was kept.
///
/// # Errors
/// The store fails; somebody gave one meanwhile.
pub async fn mark(facts: &Facts, case: &CaseFile, code: &str, now: i64) -> Result<bool, StoreError> {
    let Some(mark) = mark_of(facts, case, Language::ENGLISH).await?.filter(|mark| mark.open) else { return Ok(false) };
    let Some(at) = mark.choices.iter().position(|(known, _)| known == code) else { return Ok(false) };
    let reason = format!("{} #{}", case.procedure, case.id);
    let scope = Scope::division(&case.division);
    let mut change = facts.store().change(&scope, &Actor::console("public"), &reason, now).await?;
    let value = [(mark.field, Some(Value::Integer(at as i64)))];
    change.update(mark.record.register, mark.record.id, mark.record.version, &value).await?;
    change.commit().await?;
    Ok(true)
}
