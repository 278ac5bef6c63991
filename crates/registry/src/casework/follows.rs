//! What follows from completing a case or a step of it, and doing it.

use std::collections::HashMap;

use bangfu_policy::model::{
    Destination, Effect, Effects, Entity, Moves, Pack, Procedure, RegisterId, RegisterKind, Set, Value,
};
use bangfu_store::{CaseFile, Change, Owner, Reader, Record, RecordId, Scope};
use serde_json::Value as Json;

use super::acts::{Desk, NotDone};
use super::entered::{self, Entered, children};
use super::flow::Cannot;
use super::proposal::{Proposal, Subject, facts_of};

type Values = Vec<(u16, Option<Value>)>;

/// Something that follows from completing a case or a step of it.
pub(super) enum Follows {
    /// A record is changed.
    Update(Record, Values),
    /// A record is added.
    Insert(New),
    /// Records come to belong elsewhere; the last: how far that reaches.
    Move(Vec<Record>, Owner, String),
    /// Records come to belong to a new one, which also gets records of its own.
    Found(New, Vec<New>, Vec<Record>),
}

/// A record that is added.
pub(super) struct New {
    register: RegisterId,
    /// None: the record that is made before.
    owner: Option<Owner>,
    period: Option<i32>,
    values: Values,
}

/// What a procedure sets, with what was entered.
struct Setting<'a> {
    pack: &'a Pack,
    entered: &'a Entered,
    today: i32,
    /// Day on which the notice of the step was put up.
    posted: Option<i32>,
}

impl Setting<'_> {
    fn values(&self, register: RegisterId, sets: &[(u16, Set)]) -> Values {
        let value = |(field, set): &(u16, Set)| {
            let entered = |key: &str| entered::value(self.pack, self.entered, key, (register, *field));
            Some((*field, set.on(self.today, self.posted, entered)?))
        };
        sets.iter().filter_map(value).collect()
    }

    /// The period of a new record of a register.
    fn period(&self, register: RegisterId) -> Option<i32> {
        match self.pack.registers.get(register.index())?.kind {
            RegisterKind::Entity | RegisterKind::One => None,
            kind => Some(bangfu_policy::period::current(kind, self.today)),
        }
    }

    /// The key of a record that a case makes, where it is not among its values: made of the subject's and the number
    /// of the case, and of how many records of the register there are before it.
    fn key(&self, case: &CaseFile, register: RegisterId, values: &Values, nth: usize) -> Option<(u16, Option<Value>)> {
        let key = self.pack.registers.get(register.index())?.key?;
        let subject = case.name.rsplit(' ').next().filter(|name| !name.is_empty()).unwrap_or(&case.division);
        let nth = if nth == 0 { String::new() } else { format!("-{nth}") };
        let made = || (key, Some(Value::Text(format!("{subject}C{}{nth}", case.id))));
        values.iter().all(|(field, _)| *field != key).then(made)
    }

    fn holds(&self, filter: &[(u16, Set)], record: &Record) -> bool {
        let value = |field: &u16| record.values.get(usize::from(*field)).cloned().flatten();
        filter.iter().all(|(field, wanted)| Some(value(field)) == wanted.on(self.today, None, |_| None))
    }
}

/// What follows from effects of a case, or of a step of it, on which all this was entered.
///
/// # Errors
/// What is chosen to move is nothing, the subject is gone, or the store fails.
pub(super) async fn of(
    desk: &Desk<'_>,
    (procedure, effects): (&Procedure, &Effects),
    case: &CaseFile,
    entered: &Entered,
) -> Result<Vec<Follows>, NotDone> {
    let pack = desk.pack();
    let posted = case.posted.map(|at| pack.calendar.day(at) as i32);
    let setting = Setting { pack, entered, today: desk.today(), posted };
    // Read without the visitor's limits: who takes the last step need not see every register of the subject.
    let reader = desk.facts.store().reader(&Scope::division(&case.division));
    let own = match case.record {
        Some(id) => Owner::Record(RecordId(id)),
        None => Owner::Division(case.division.clone()),
    };
    let mut follows = Vec::new();
    if let (Entity::Register(register), Some(id)) = (procedure.subject, case.record) {
        let record = reader.by_id(register, RecordId(id)).await?.ok_or(NotDone::Absent)?;
        follows.extend(update(&record, setting.values(register, &effects.then)));
    }
    for effect in &effects.ends {
        let chosen = effect.chosen.as_ref().map(|key| entered::records(entered, key));
        for child in children(&reader, case, effect.register).await? {
            let fits = chosen.as_ref().is_none_or(|chosen| chosen.contains(&child.id));
            if fits && setting.holds(&effect.filter, &child) {
                follows.extend(update(&child, setting.values(effect.register, &effect.set)));
            }
        }
    }
    for (n, Effect { register, set, .. }) in effects.adds.iter().enumerate() {
        let (register, mut values) = (*register, setting.values(*register, set));
        let period = setting.period(register);
        let nth = effects.adds.iter().take(n).filter(|other| other.register == register).count();
        let key = setting.key(case, register, &values, nth);
        // What the case made at an earlier step is changed, and so is that of which there is only one, or one for
        // each period.
        let same = |one: &Record| match (&key, pack.registers.get(register.index()).map(|register| register.kind)) {
            (Some((field, key)), Some(RegisterKind::Entity)) => one.values.get(usize::from(*field)) == Some(key),
            (_, Some(RegisterKind::Entity) | None) => false,
            _ => one.period == period,
        };
        if let Some(one) = children(&reader, case, register).await?.iter().find(|one| same(one)) {
            follows.extend(update(one, values));
        } else {
            values.extend(key);
            // What an earlier step made is not there any more.
            if !complete(pack, register, &values) {
                return Err(NotDone::Cannot(Cannot::Facts));
            }
            follows.push(Follows::Insert(New { register, owner: Some(own.clone()), period, values }));
        }
    }
    if let Some(moves) = &effects.moves {
        follows.push(moving(desk, procedure, case, moves, &setting, &reader).await?);
    }
    Ok(follows)
}

/// Whether a record that stands for itself has all that its register requires.
fn complete(pack: &Pack, register: RegisterId, values: &Values) -> bool {
    let Some(register) = pack.registers.get(register.index()) else { return false };
    let given = |at: usize| values.iter().any(|(field, value)| usize::from(*field) == at && value.is_some());
    register.kind != RegisterKind::Entity || register.fields.iter().enumerate().all(|(at, f)| !f.required || given(at))
}

async fn moving(
    desk: &Desk<'_>,
    procedure: &Procedure,
    case: &CaseFile,
    moves: &Moves,
    setting: &Setting<'_>,
    reader: &Reader,
) -> Result<Follows, NotDone> {
    let (Entity::Register(register), Some(id)) = (procedure.subject, case.record) else { return Err(NotDone::Absent) };
    let subject = reader.by_id(register, RecordId(id)).await?.ok_or(NotDone::Absent)?;
    let records = match moves.records {
        Some(below) => {
            let mut all = children(reader, case, below).await?;
            if let Some(key) = &moves.chosen {
                let chosen = entered::records(setting.entered, key);
                all.retain(|record| chosen.contains(&record.id));
            }
            all
        }
        None => vec![subject.clone()],
    };
    if records.is_empty() {
        return Err(NotDone::Nothing);
    }
    match &moves.to {
        Destination::Entered(key) => {
            let text = setting.entered.get(key).and_then(Json::as_str).ok_or(NotDone::Absent)?;
            if moves.records.is_none() {
                return Ok(Follows::Move(records, Owner::Division(text.to_owned()), text.to_owned()));
            }
            let other = Subject::find(desk.facts, procedure.subject, text).await?.ok_or(NotDone::Absent)?;
            let owner = Owner::Record(RecordId(other.record().ok_or(NotDone::Absent)?));
            Ok(Follows::Move(records, owner, other.division().to_owned()))
        }
        Destination::New { set, keeps, copies } => {
            let mut values = setting.values(register, set);
            let kept = |field: &u16| (*field, subject.values.get(usize::from(*field)).cloned().flatten());
            values.extend(keeps.iter().map(kept));
            let owner = subject.parent.map_or_else(|| Owner::Division(subject.division.clone()), Owner::Record);
            let mut with = Vec::new();
            for register in copies {
                for (n, child) in children(reader, case, *register).await?.iter().enumerate() {
                    let mut values = copied(setting.pack, child);
                    values.extend(setting.key(case, *register, &values, n));
                    with.push(New { register: *register, owner: None, period: child.period, values });
                }
            }
            values.extend(setting.key(case, register, &values, 0));
            let found = New { register, owner: Some(owner), period: None, values };
            Ok(Follows::Found(found, with, records))
        }
    }
}

/// Values of a record for another one: not those that may stand only once, and no secret ones, which the reader masks.
fn copied(pack: &Pack, record: &Record) -> Values {
    let Some(register) = pack.registers.get(record.register.index()) else { return Vec::new() };
    let fields = register.fields.iter().enumerate().zip(&record.values);
    let open = fields.filter(|((n, field), _)| !field.secret && !field.unique && register.key != Some(*n as u16));
    open.map(|((n, _), value)| (n as u16, value.clone())).collect()
}

/// An update of what is not so already.
fn update(record: &Record, mut values: Values) -> Option<Follows> {
    values.retain(|(field, value)| record.values.get(usize::from(*field)).is_none_or(|now| now != value));
    (!values.is_empty()).then(|| Follows::Update(record.clone(), values))
}

/// What is frozen learns what a step of the case changed in its subject.
pub(super) fn carry(pack: &Pack, follows: &[Follows], case: &CaseFile, frozen: &mut Proposal) {
    for follow in follows {
        let Follows::Update(record, values) = follow else { continue };
        if pack.register(&case.subject) != Some(record.register) || case.record != Some(record.id.0) {
            continue;
        }
        let mut now = record.clone();
        for (field, value) in values {
            if let Some(slot) = now.values.get_mut(usize::from(*field)) {
                slot.clone_from(value);
            }
        }
        frozen.version = record.version + 1;
        frozen.facts = facts_of(pack, &now);
    }
}

/// The division in which everything lies that follows from a case of a division.
pub(super) fn reach<'c>(division: &'c str, follows: &[Follows]) -> &'c str {
    let mut reach = division;
    for follow in follows {
        if let Follows::Move(_, _, to) = follow {
            let shared = reach.bytes().zip(to.bytes()).take_while(|(here, there)| here == there).count();
            reach = reach.get(..shared).unwrap_or_default();
        }
    }
    reach
}

/// Does what follows, in one transaction.
pub(super) struct Doing<'c> {
    change: &'c mut Change,
    /// How often records were changed by what was done so far.
    changed: HashMap<(RegisterId, RecordId), i64>,
}

impl<'c> Doing<'c> {
    pub(super) fn new(change: &'c mut Change) -> Self {
        Self { change, changed: HashMap::new() }
    }

    /// Does one of it.
    ///
    /// # Errors
    /// A record was changed meanwhile, a value is taken, or the store fails.
    pub(super) async fn apply(&mut self, follows: &Follows) -> Result<(), NotDone> {
        match follows {
            Follows::Update(record, values) => {
                let version = self.version(record);
                self.change.update(record.register, record.id, version, values).await?;
            }
            Follows::Insert(new) => drop(self.insert(new, None).await?),
            Follows::Move(records, owner, _) => self.relocate(records, owner).await?,
            Follows::Found(new, with, records) => {
                let owner = Owner::Record(self.insert(new, None).await?);
                for new in with {
                    self.insert(new, Some(&owner)).await?;
                }
                self.relocate(records, &owner).await?;
            }
        }
        Ok(())
    }

    /// The version that a record has by now, which is changed next.
    fn version(&mut self, record: &Record) -> i64 {
        let times = self.changed.entry((record.register, record.id)).or_default();
        *times += 1;
        record.version + *times - 1
    }

    async fn insert(&mut self, new: &New, owner: Option<&Owner>) -> Result<RecordId, NotDone> {
        let owner = new.owner.as_ref().or(owner).ok_or(NotDone::Absent)?;
        Ok(self.change.insert(new.register, owner, new.period, &new.values).await?)
    }

    async fn relocate(&mut self, records: &[Record], owner: &Owner) -> Result<(), NotDone> {
        for record in records {
            let version = self.version(record);
            self.change.relocate(record.register, (record.id, version), owner).await?;
        }
        Ok(())
    }
}
