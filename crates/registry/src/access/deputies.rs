//! Who may act for whom while they are away.

use bangfu_policy::model::{Pack, Right, Role};
use bangfu_store::{Absence, Actor, Held, Scope, Store, StoreError};

use super::accounts::apart;

/// Days that an absence lasts at most.
const MOST_DAYS: i64 = 366;
/// What holding a role for others never gives: it belongs to the person.
pub const OWN: [Right; 4] = [Right::Accounts, Right::Grants, Right::Audit, Right::Tokens];

/// Why an absence is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The days are wrong.
    #[error("an absence begins before it ends, is not over yet, and lasts at most {MOST_DAYS} days")]
    Days,
    /// Another absence from the role lies in these days.
    #[error("another absence from the role lies in these days")]
    Overlap,
    /// There is no such account, or it is one's own.
    #[error("there is no other account of this login")]
    Nobody,
    /// The deputy holds no role that covers the division.
    #[error("the deputy must hold a role at the same division or above")]
    Below,
    /// The deputy holds a role that nobody may hold together with this one.
    #[error("nobody may act in this role and hold {0}")]
    Apart(String),
    /// The role administers accounts or reads the journal of all.
    #[error("nobody acts for an administrator or auditor")]
    Person,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An absence as somebody says it. Days are counted from 1970-01-01.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// Login of who is away.
    pub login: &'a str,
    /// The role that they hold.
    pub held: &'a Held,
    /// Login of who acts for them; empty: nobody.
    pub deputy: &'a str,
    /// First day.
    pub first: i64,
    /// Last day.
    pub last: i64,
}

/// Whether an account with these roles, and others in which it acts for somebody, may act in a role for somebody.
///
/// # Errors
/// Why not.
pub fn may_act_for(pack: &Pack, own: &[Held], others: &[&Held], held: &Held) -> Result<(), NotTaken> {
    let role = |held: &Held| pack.roles.iter().find(|role| role.id == held.role);
    let wanted = role(held).ok_or(NotTaken::Person)?;
    if OWN.iter().any(|right| *right != Right::Tokens && wanted.may.contains(right)) {
        return Err(NotTaken::Person);
    }
    let covers = |own: &Held| own.division == pack.policy.root || held.division.starts_with(&own.division);
    if !own.iter().any(covers) {
        return Err(NotTaken::Below);
    }
    let roles: Vec<&Role> = own.iter().chain(others.iter().copied()).filter_map(role).collect();
    match apart(pack, &roles, wanted) {
        Some(other) => Err(NotTaken::Apart(other.id.clone())),
        None => Ok(()),
    }
}

/// Takes an absence; it ends by itself after its last day.
///
/// # Errors
/// See [`NotTaken`].
pub async fn say(store: &Store, actor: &Actor, said: &Said<'_>, now: i64) -> Result<(), NotTaken> {
    let today = store.pack().calendar.day(now);
    if said.first > said.last || said.last < today || said.last - said.first >= MOST_DAYS {
        return Err(NotTaken::Days);
    }
    let in_days = |other: &&Absence| other.first <= said.last && said.first <= other.last;
    let known = store.absences(Some(said.held.account), today).await?;
    if known.iter().filter(in_days).any(|other| other.held.id == said.held.id) {
        return Err(NotTaken::Overlap);
    }
    let deputy = match said.deputy {
        "" => None,
        login => {
            let account = store.account(login).await?.filter(|found| !found.blocked && found.id != said.held.account);
            let account = account.ok_or(NotTaken::Nobody)?;
            let acts = store.absences(Some(account.id), today).await?;
            let others = acts.iter().filter(in_days).filter(|other| other.deputy == Some(account.id));
            let others: Vec<&Held> = others.map(|other| &other.held).collect();
            may_act_for(store.pack(), &store.held(Some(account.id)).await?, &others, said.held)?;
            Some((account.id, login))
        }
    };
    let mut change = store.change(&Scope::nothing(), actor, "", now).await?;
    change.say_absent((said.login, said.held), deputy, (said.first, said.last)).await?;
    change.commit().await?;
    Ok(())
}

/// Ends an absence early; both sides may.
///
/// # Errors
/// There is none of this account, or the store fails.
pub async fn end(store: &Store, actor: &Actor, account: i64, id: i64, now: i64) -> Result<(), StoreError> {
    let known = store.absences(Some(account), store.pack().calendar.day(now)).await?;
    let absence = known.iter().find(|absence| absence.id == id);
    let absence = absence.ok_or_else(|| StoreError::Absent(format!("absence {id}")))?;
    let mut change = store.change(&Scope::nothing(), actor, "", now).await?;
    change.end_absence(absence).await?;
    change.commit().await?;
    Ok(())
}
