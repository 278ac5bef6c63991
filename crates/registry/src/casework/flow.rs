//! What may be done on a case, and where it then stands. No store, no clock.

use std::collections::BTreeMap;

use bangfu_policy::model::{Calendar, Effects, Pack, Procedure, RoleId, Rung, Step, StepKind};
use bangfu_store::{CaseEvent, CaseFile, CaseState};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::access::Who;

/// What somebody does on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// The step is done, or what it asks is approved.
    Done,
    /// Decided against: the case ends.
    Refuse,
    /// Sent back to an earlier step.
    Back,
    /// A meeting voted.
    Vote,
    /// The notice hangs from now on.
    Post,
    /// Somebody objected while the notice hung.
    Object,
    /// Those who asked take it back.
    Withdraw,
    /// The facts changed: it is submitted again with those of today, from the first step.
    Resubmit,
    /// Somebody above asks for the overdue step to be done.
    Urge,
}

impl Act {
    /// All with their words.
    pub const ALL: [(&'static str, Self); 9] = [
        ("done", Self::Done),
        ("refuse", Self::Refuse),
        ("back", Self::Back),
        ("vote", Self::Vote),
        ("post", Self::Post),
        ("object", Self::Object),
        ("withdraw", Self::Withdraw),
        ("resubmit", Self::Resubmit),
        ("urge", Self::Urge),
    ];

    /// The word of it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, act)| *act == self).map_or("", |(word, _)| word)
    }

    /// The act that a word means.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, act)| *act)
    }
}

/// Votes of a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Votes {
    /// Entitled to vote.
    pub entitled: i64,
    /// Present.
    pub present: i64,
    /// In favour.
    pub yes: i64,
}

/// Why somebody cannot do something on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cannot {
    /// It is closed.
    Closed,
    /// The step is somebody else's.
    Role,
    /// The same person did a step that another one must have done.
    Same,
    /// The step does not take it.
    Act,
    /// The notice has not hung, or the step not lasted, long enough.
    Early,
    /// Evidence is missing.
    Evidence,
    /// The numbers of votes contradict each other.
    Votes,
    /// Words are needed.
    Note,
    /// The facts changed since it was submitted.
    Facts,
}

impl Cannot {
    /// A word for the text that says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Role => "role",
            Self::Same => "same",
            Self::Act => "act",
            Self::Early => "early",
            Self::Evidence => "evidence",
            Self::Votes => "votes",
            Self::Note => "note",
            Self::Facts => "facts",
        }
    }
}

/// In which way somebody acts on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The step is theirs.
    Own,
    /// The step is overdue and went up to them: they may do it in place of its role.
    Above,
    /// The step is overdue and went up to them: they may ask for it to be done, and no more.
    Urges,
}

/// What comes with an act.
#[derive(Clone, Debug, Default)]
pub struct With {
    /// Words.
    pub note: String,
    /// For each paper that the step asks for: its number, or where it lies.
    pub evidence: Vec<String>,
    /// Votes.
    pub votes: Option<Votes>,
    /// Of a meeting that voted over several cases: all of them.
    pub together: Vec<i64>,
    /// By key of what the step asks for ([`bangfu_policy::model::Asked`]): what was typed, of records their ids.
    pub entered: BTreeMap<String, String>,
    /// Language of whoever acts, in which they are told what is wrong.
    pub language: &'static str,
}

/// Where cases of a procedure are handled at once: the division of its level, or else that of the case.
pub fn place<'c>(pack: &Pack, procedure: &Procedure, division: &'c str) -> &'c str {
    let digits = procedure.together.and_then(|level| pack.levels.get(level.index())).map(|level| level.digits);
    digits.and_then(|digits| division.get(..digits)).unwrap_or(division)
}

/// The step that is to be done.
pub fn step<'p>(procedure: &'p Procedure, case: &CaseFile) -> Option<&'p Step> {
    procedure.steps.get(case.step).filter(|_| case.state == CaseState::Open)
}

/// Whether somebody acts for a role: holds it, or enters what it did on paper.
pub fn acts_for(pack: &Pack, who: &Who, role: RoleId) -> bool {
    let Some(post) = &who.post else { return false };
    let entered_by = pack.roles.get(role.index()).map(|role| &role.entered_by);
    post.role == role || entered_by.is_some_and(|roles| roles.contains(&post.role))
}

/// Rungs to which an overdue case went up until a moment.
pub fn went_up<'s>(calendar: &Calendar, step: &'s Step, case: &CaseFile, now: i64) -> Vec<&'s Rung> {
    let Some(due) = case.due.filter(|_| case.state == CaseState::Open) else { return Vec::new() };
    step.escalates.iter().filter(|rung| calendar.ends(due - 1, rung.after, step.working) <= now).collect()
}

/// The latest deadline with which a case went up to a rung until a moment.
pub fn latest_due(calendar: &Calendar, (after, working): (u16, bool), now: i64) -> i64 {
    let mut day = calendar.day(now);
    while calendar.ends(calendar.begins(day), after, working) > now {
        day -= 1;
    }
    calendar.begins(day + 1)
}

/// How somebody stands to the step of a case, without a look at who did other steps.
fn standing(pack: &Pack, step: &Step, case: &CaseFile, who: &Who, now: i64) -> Option<Standing> {
    if !who.scope.covers(&case.division) {
        return None;
    }
    if acts_for(pack, who, step.role) {
        return Some(Standing::Own);
    }
    let rungs = went_up(&pack.calendar, step, case, now);
    let own: Vec<&Rung> = rungs.into_iter().filter(|rung| acts_for(pack, who, rung.to)).collect();
    // A meeting votes itself: nobody votes in its place.
    let takes_over = step.kind != StepKind::Vote && own.iter().any(|rung| !rung.urges);
    own.first().map(|_| if takes_over { Standing::Above } else { Standing::Urges })
}

/// Whether somebody may act on a case now, and in which way.
///
/// # Errors
/// Why not.
pub fn may_act(
    pack: &Pack,
    procedure: &Procedure,
    case: &CaseFile,
    events: &[CaseEvent],
    who: &Who,
    now: i64,
) -> Result<Standing, Cannot> {
    let step = step(procedure, case).ok_or(Cannot::Closed)?;
    let standing = standing(pack, step, case, who, now).ok_or(Cannot::Role)?;
    // The last one who did a step counts: what was sent back is done anew.
    let did = |other: &usize| events.iter().rev().find(|event| event.step == *other && does(event));
    // A deputy is barred by what they did, by what their principal did, and by what was done for either.
    let own = [Some(who.account), who.principal().map(|principal| principal.account)];
    let counts =
        |event: &CaseEvent| [Some(event.account), done_for(event)].iter().flatten().any(|id| own.contains(&Some(*id)));
    let same = step.others_than.iter().filter_map(did).any(counts);
    match standing {
        Standing::Own if same => Err(Cannot::Same),
        Standing::Above if same => Ok(Standing::Urges),
        standing => Ok(standing),
    }
}

/// The account for which a deputy did something.
fn done_for(event: &CaseEvent) -> Option<i64> {
    let body: Json = serde_json::from_str(&event.body).unwrap_or_default();
    body.get("for").and_then(Json::as_i64)
}

/// Whether an event does a step: posting a notice only begins it, and urging leaves it to others.
pub fn does(event: &CaseEvent) -> bool {
    ![Act::Post, Act::Urge].map(Act::word).contains(&event.act.as_str())
}

/// What the step of a case takes now.
pub fn acts(procedure: &Procedure, case: &CaseFile, standing: Standing, changed: bool) -> Vec<Act> {
    let Some(step) = step(procedure, case) else { return Vec::new() };
    let urges = (standing != Standing::Own).then_some(Act::Urge);
    if standing == Standing::Urges {
        return vec![Act::Urge];
    }
    if changed {
        return [Act::Resubmit, Act::Withdraw].into_iter().chain(urges).collect();
    }
    let mut acts = match step.kind {
        StepKind::Vote => vec![Act::Vote],
        StepKind::Notice if case.posted.is_none() => vec![Act::Post],
        StepKind::Notice => vec![Act::Done, Act::Object],
        StepKind::Verify | StepKind::Decide => vec![Act::Done, Act::Refuse],
        _ => vec![Act::Done],
    };
    if step.back_to.is_some() {
        acts.push(Act::Back);
    }
    acts.push(Act::Withdraw);
    acts.extend(urges);
    acts
}

/// The case after an act at a moment, or why it cannot be done. Whoever acts was asked about before ([`may_act`]).
///
/// # Errors
/// What is lacking.
pub fn after(
    procedure: &Procedure,
    case: &CaseFile,
    act: Act,
    with: &With,
    (calendar, now): (&Calendar, i64),
) -> Result<(CaseFile, Json), Cannot> {
    let step = step(procedure, case).ok_or(Cannot::Closed)?;
    let mut next = case.clone();
    let mut body = json!({ "evidence": with.evidence });
    let to = |next: &mut CaseFile, step: usize| begin(procedure, next, step, (calendar, now));
    if matches!(act, Act::Refuse | Act::Back | Act::Object | Act::Withdraw | Act::Urge) && with.note.is_empty() {
        return Err(Cannot::Note);
    }
    // Of a notice the photo comes when it is taken down; of everything else the papers come with the act.
    let complete = with.evidence.len() >= step.evidence.len() && with.evidence.iter().all(|paper| !paper.is_empty());
    if matches!(act, Act::Done | Act::Vote) && !complete {
        return Err(Cannot::Evidence);
    }
    match act {
        Act::Done => {
            // A notice lasts from the day it was posted, any other step from the day it began.
            let from = if step.kind == StepKind::Notice { case.posted } else { Some(case.since) };
            if let (Some(from), Some(days)) = (from, step.days)
                && now < calendar.ends(from, days, step.working)
            {
                return Err(Cannot::Early);
            }
            let last = case.step + 1;
            to(&mut next, last);
        }
        Act::Vote => {
            let votes = with.votes.ok_or(Cannot::Votes)?;
            if votes.entitled < 1 || votes.present > votes.entitled || votes.yes > votes.present || votes.yes < 0 {
                return Err(Cannot::Votes);
            }
            let enough =
                |share: Option<(i64, i64)>, of: i64, count: i64| share.is_none_or(|(n, d)| count * d >= of * n);
            let quorum = enough(step.quorum, votes.entitled, votes.present);
            let carried = step.majority.is_none_or(|(n, d)| votes.yes * d > votes.present * n);
            body["votes"] = json!({
                "entitled": votes.entitled, "present": votes.present, "yes": votes.yes, "quorum": quorum,
                "carried": quorum && carried,
            });
            if with.together.len() > 1 {
                body["together"] = json!(with.together);
            }
            if quorum && carried {
                to(&mut next, case.step + 1);
            } else if quorum {
                next.state = CaseState::Refused;
                next.due = None;
            } else {
                // Too few came: the meeting is held again.
                to(&mut next, case.step);
            }
        }
        Act::Refuse => {
            next.state = CaseState::Refused;
            next.due = None;
        }
        Act::Withdraw => {
            next.state = CaseState::Withdrawn;
            next.due = None;
        }
        Act::Back => to(&mut next, step.back_to.ok_or(Cannot::Act)?),
        Act::Object => to(&mut next, step.objection.unwrap_or(0)),
        Act::Post => {
            next.posted = Some(now);
            next.due = step.days.map(|days| calendar.ends(now, days, step.working));
        }
        Act::Resubmit => to(&mut next, 0),
        Act::Urge => {}
    }
    Ok((next, body))
}

/// What an act that led from one state of a case to the next does to the registry.
pub fn effects<'p>(procedure: &'p Procedure, case: &CaseFile, next: &CaseFile, act: Act) -> Option<&'p Effects> {
    if next.state == CaseState::Done {
        return Some(&procedure.effects);
    }
    // A meeting to which too few came is held again: its step is not done.
    let done = matches!(act, Act::Done | Act::Vote) && next.state == CaseState::Open && next.step > case.step;
    procedure.steps.get(case.step).filter(|_| done).map(|step| &step.effects).filter(|effects| !effects.is_empty())
}

/// Puts a case at a step; behind the last one it is done.
pub fn begin(procedure: &Procedure, case: &mut CaseFile, step: usize, (calendar, now): (&Calendar, i64)) {
    (case.step, case.since, case.posted) = (step, now, None);
    let found = procedure.steps.get(step);
    case.due = found.and_then(|step| step.within.map(|days| calendar.ends(now, days, step.working)));
    if found.is_none() {
        (case.step, case.state) = (procedure.steps.len().saturating_sub(1), CaseState::Done);
    }
}

#[cfg(test)]
mod tests {
    use bangfu_policy::model::DAY;

    use super::*;

    #[test]
    fn the_list_of_what_went_up_has_what_went_up() {
        let week = [true, true, true, true, false, true, false];
        let calendar = Calendar { offset: -5 * DAY / 24, week, ..Calendar::default() };
        for after in [1, 5, 12] {
            for now in (0..40).map(|hour| 1_700_000_000_000 + hour * DAY / 3) {
                let gone = |due: i64| calendar.ends(due - 1, after, true) <= now;
                let latest = latest_due(&calendar, (after, true), now);
                assert!(gone(latest) && !gone(latest + DAY), "{after} {now}");
                assert_eq!(calendar.begins(calendar.day(latest)), latest, "a deadline is the end of a day");
            }
        }
    }
}
