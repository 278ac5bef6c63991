//! Opening cases and acting on them: each act is one transaction, and so is what follows from the last one.

use bangfu_policy::model::{Pack, Procedure};
use bangfu_store::{CaseEvent, CaseFile, CaseState, Change, Scope, StoreError};
use serde_json::json;

use super::entered;
use super::flow::{self, Act, Cannot, Standing, With};
use super::follows::{self, Doing};
use super::proposal::{self, Grounds, Proposal, Subject};
use crate::access::Who;
use crate::exchange::write::Wrong;
use crate::views::facts::Facts;

/// Why something was not done on a case.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The procedure does not take it.
    #[error("this cannot be done on the case: {}", .0.word())]
    Cannot(Cannot),
    /// There is no such case, procedure or subject, or it is not seen.
    #[error("there is no such case")]
    Absent,
    /// What was entered is not taken.
    #[error("what was entered is not taken: {}", .0.iter().map(|wrong| wrong.words.as_str()).collect::<Vec<_>>().join("; "))]
    Entered(Vec<Wrong>),
    /// Completing would change nothing.
    #[error("completing the case would change nothing")]
    Nothing,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who acts, on what, when.
pub struct Desk<'a> {
    /// Records within the scope of who acts.
    pub facts: &'a Facts,
    /// Who acts.
    pub who: &'a Who,
    /// Now, milliseconds since 1970-01-01 UTC.
    pub now: i64,
}

/// A text that nobody guesses, in letters and digits that are not confused.
pub(super) fn code() -> Result<String, StoreError> {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let bytes = crate::access::random(12);
    let failed = |source| StoreError::File { path: "/dev/urandom".to_owned(), source };
    let letters = bytes.map_err(failed)?.into_iter().map(|byte| char::from(LETTERS[usize::from(byte) % 32]));
    Ok(letters.collect())
}

/// A case at the first step of a procedure.
pub(super) fn new_case(
    pack: &Pack,
    procedure: &Procedure,
    subject: &Subject,
    frozen: &Proposal,
    now: i64,
) -> Result<CaseFile, StoreError> {
    let mut case = CaseFile {
        id: 0,
        procedure: procedure.id.clone(),
        subject: pack.entity_id(procedure.subject).to_owned(),
        record: subject.record(),
        division: subject.division().to_owned(),
        name: proposal::name(pack, subject),
        step: 0,
        state: CaseState::Open,
        opened: now,
        since: now,
        posted: None,
        due: None,
        version: 1,
        proposal: serde_json::to_string(frozen)?,
        code: code()?,
    };
    flow::begin(procedure, &mut case, 0, (&pack.calendar, now));
    Ok(case)
}

impl Desk<'_> {
    pub(super) fn pack(&self) -> &Pack {
        self.facts.pack()
    }

    pub(super) fn today(&self) -> i32 {
        self.pack().calendar.day(self.now) as i32
    }

    /// The procedure of an id.
    fn procedure(&self, id: &str) -> Result<&Procedure, NotDone> {
        self.pack().procedures.iter().find(|procedure| procedure.id == id).ok_or(NotDone::Absent)
    }

    /// Begins a transaction for a division. Rights to edit registers are those of the procedure: whoever is allowed
    /// the last act brings about what follows from it.
    async fn change(&self, division: &str, reason: &str) -> Result<Change, StoreError> {
        let actor = self.who.actor(self.pack());
        self.facts.store().change(&Scope::division(division), &actor, reason, self.now).await
    }

    /// Opens a case; its id. Whoever acts for the role of the first step may.
    ///
    /// # Errors
    /// See [`NotDone`]; an open case of the same procedure and subject gives [`StoreError::CaseMoved`] with its id.
    pub async fn open(&self, procedure: &str, subject: &Subject, grounds: Grounds) -> Result<i64, NotDone> {
        let procedure = self.procedure(procedure)?;
        let first = procedure.steps.first().ok_or(NotDone::Absent)?;
        if !flow::acts_for(self.pack(), self.who, first.role) || !self.who.scope.covers(subject.division()) {
            return Err(NotDone::Cannot(Cannot::Role));
        }
        let frozen = proposal::freeze(self.facts, procedure, subject, grounds).await?;
        let case = new_case(self.pack(), procedure, subject, &frozen, self.now)?;
        let mut change = self.change(&case.division, "").await?;
        let id = change.open_case(&case).await?;
        change.commit().await?;
        Ok(id)
    }

    /// A case that the visitor sees.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub async fn case(&self, id: i64) -> Result<(CaseFile, &Procedure), NotDone> {
        let case = self.facts.reader().case(id).await?.ok_or(NotDone::Absent)?;
        let procedure = self.procedure(&case.procedure)?;
        Ok((case, procedure))
    }

    /// Does something on a case as it was shown (`version`); the case after it.
    ///
    /// # Errors
    /// See [`NotDone`]; then nothing was done.
    pub async fn act(
        &self,
        id: i64,
        version: i64,
        act: Act,
        with: &With,
        grounds: Option<Grounds>,
    ) -> Result<CaseFile, NotDone> {
        let (case, procedure) = self.case(id).await?;
        if case.version != version {
            return Err(StoreError::CaseMoved(id).into());
        }
        let events = self.facts.reader().case_events(id).await?;
        let refused = |cannot| NotDone::Cannot(cannot);
        let standing = flow::may_act(self.pack(), procedure, &case, &events, self.who, self.now).map_err(refused)?;
        let frozen: Proposal = serde_json::from_str(&case.proposal).map_err(StoreError::from)?;
        let changed = proposal::changed(self.facts, procedure, case.record, &frozen).await?;
        if !flow::acts(procedure, &case, standing, changed).contains(&act) {
            let cannot = if changed && act == Act::Done { Cannot::Facts } else { Cannot::Act };
            return Err(refused(cannot));
        }
        let (mut next, mut body) =
            flow::after(procedure, &case, act, with, (&self.pack().calendar, self.now)).map_err(refused)?;
        if let Some(principal) = self.who.principal() {
            body["for"] = json!(principal.account);
        }
        if standing != Standing::Own && act != Act::Urge {
            body["taken_over"] = json!(true);
        }
        let entered = match act {
            Act::Done | Act::Vote => entered::check(self.facts, procedure, &case, with).await?,
            _ => serde_json::Map::new(),
        };
        if !entered.is_empty() {
            body["values"] = json!(entered);
        }
        if act == Act::Resubmit {
            let subject = self.subject(procedure, &case).await?;
            let frozen = proposal::freeze(self.facts, procedure, &subject, grounds.unwrap_or_default()).await?;
            next.proposal = serde_json::to_string(&frozen).map_err(StoreError::from)?;
        }
        let done = CaseEvent {
            step: case.step,
            act: act.word().to_owned(),
            account: self.who.account,
            actor: self.who.actor(self.pack()).name().to_owned(),
            at: self.now,
            note: with.note.clone(),
            body: body.to_string(),
        };
        let effects = flow::effects(procedure, &case, &next, act);
        let follows = match effects {
            Some(effects) => {
                let all = entered::of(procedure, events.iter().chain([&done]));
                follows::of(self, (procedure, effects), &case, &all).await?
            }
            None => Vec::new(),
        };
        if next.state == CaseState::Done && follows.is_empty() && !procedure.effects.is_empty() {
            return Err(NotDone::Nothing);
        }
        let reason = format!("{} #{id}", procedure.id);
        let mut change = self.change(follows::reach(&case.division, &follows), &reason).await?;
        change.move_case(&next, &done).await?;
        // What others changed since the look above is not to pass for what is done here.
        if !follows.is_empty() && proposal::last_change(&mut change, procedure, &case).await? != frozen.changed {
            return Err(refused(Cannot::Facts));
        }
        let mut doing = Doing::new(&mut change);
        for effect in &follows {
            doing.apply(effect).await?;
        }
        if !follows.is_empty() && next.state == CaseState::Open {
            let mut frozen = frozen;
            follows::carry(self.pack(), &follows, &case, &mut frozen);
            frozen.changed = proposal::last_change(&mut change, procedure, &case).await?;
            next.proposal = serde_json::to_string(&frozen).map_err(StoreError::from)?;
            change.propose(id, &next.proposal).await?;
        }
        change.commit().await?;
        next.version += 1;
        Ok(next)
    }

    async fn subject(&self, procedure: &Procedure, case: &CaseFile) -> Result<Subject, NotDone> {
        let address = case.record.map_or_else(|| case.division.clone(), |id| format!("~{id}"));
        Subject::find(self.facts, procedure.subject, &address).await?.ok_or(NotDone::Absent)
    }
}

/// What a body of an event says, for tests and pages.
pub fn evidence(event: &CaseEvent) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_str(&event.body).unwrap_or(json!({}));
    let list = body.get("evidence").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    list.iter().filter_map(|paper| paper.as_str().map(str::to_owned)).collect()
}
