//! Who asks: an account in one of its roles, and the scope that follows from it.

use std::collections::BTreeSet;

use bangfu_policy::model::{Pack, RegisterId, Right, Role, RoleId};
use bangfu_store::{Absence, Account, Actor, Held, Scope};

use super::deputies;

/// A role at a division, as the pack knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Id of the holding.
    pub held: i64,
    /// The role.
    pub role: RoleId,
    /// Code of the division.
    pub division: String,
    /// For whom it is acted in; none: for oneself.
    pub principal: Option<Principal>,
}

/// Somebody who is away, and for whom another one acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Id of the account.
    pub account: i64,
    /// Login.
    pub login: String,
    /// The last day, counted from 1970-01-01.
    pub until: i64,
}

/// Who asks for something.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// Id of the account; 0: nobody.
    pub account: i64,
    /// Login; empty: nobody signed in.
    pub login: String,
    /// Name of the person.
    pub name: String,
    /// Hash of the session.
    pub session: Vec<u8>,
    /// The role that is acted in.
    pub post: Option<Post>,
    /// All roles that are held.
    pub posts: Vec<Post>,
    /// Rights of the role.
    pub rights: BTreeSet<Right>,
    /// What is seen and changed.
    pub scope: Scope,
    /// Whether the second factor must be set up before anything else.
    pub enrol: bool,
    /// Whether it is a program with a token.
    pub program: bool,
}

impl Who {
    /// Nobody: sees nothing but what is public.
    pub fn nobody() -> Self {
        Self { scope: Scope::nothing(), ..Self::default() }
    }

    /// An account that acts in the chosen one of its roles, or else the first. `absences` are those of others in which
    /// it acts for them today.
    pub fn new(
        pack: &Pack,
        account: &Account,
        (held, absences): (&[Held], &[Absence]),
        chosen: Option<i64>,
        writes: bool,
    ) -> Self {
        let post = |held: &Held, principal: Option<Principal>| {
            let role = pack.roles.iter().position(|role| role.id == held.role)?;
            Some(Post { held: held.id, role: RoleId(role as u16), division: held.division.clone(), principal })
        };
        // A role that the pack no longer has gives nothing.
        let mut posts: Vec<Post> = held.iter().filter_map(|held| post(held, None)).collect();
        let acts = |absence: &&Absence| {
            absence.deputy == Some(account.id) && deputies::may_act_for(pack, held, &[], &absence.held).is_ok()
        };
        posts.extend(absences.iter().filter(acts).filter_map(|absence| {
            let (login, until) = (absence.login.clone(), absence.last);
            post(&absence.held, Some(Principal { account: absence.held.account, login, until }))
        }));
        let post = posts.iter().find(|post| Some(post.held) == chosen).or(posts.first()).cloned();
        let role = post.as_ref().and_then(|post| pack.roles.get(post.role.index()));
        let second = posts.iter().any(|post| pack.roles.get(post.role.index()).is_some_and(|role| role.second_factor));
        let mut rights = role.map(|role| role.may.clone()).unwrap_or_default();
        if post.as_ref().is_some_and(|post| post.principal.is_some()) {
            rights.retain(|right| !deputies::OWN.contains(right));
        }
        Self {
            account: account.id,
            login: account.login.clone(),
            name: account.name.clone(),
            session: Vec::new(),
            rights,
            scope: scope(pack, role, post.as_ref(), writes),
            post,
            posts,
            enrol: second && account.factor.is_none(),
            program: false,
        }
    }

    /// Whether somebody signed in.
    pub fn is_somebody(&self) -> bool {
        self.account != 0
    }

    /// Whether the role allows something.
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// Who stands in the journal.
    pub fn actor(&self, pack: &Pack) -> Actor {
        let role = self.role(pack).map_or("", |role| role.id.as_str());
        let division = self.post.as_ref().map_or("", |post| post.division.as_str());
        match self.principal() {
            Some(principal) => Actor::person(&format!("{} for {}", self.login, principal.login), role, division),
            None => Actor::person(&self.login, role, division),
        }
    }

    /// For whom the role is acted in; none: for oneself.
    pub fn principal(&self) -> Option<&Principal> {
        self.post.as_ref()?.principal.as_ref()
    }

    /// The role that is acted in.
    pub fn role<'p>(&self, pack: &'p Pack) -> Option<&'p Role> {
        pack.roles.get(self.post.as_ref()?.role.index())
    }
}

fn scope(pack: &Pack, role: Option<&Role>, post: Option<&Post>, writes: bool) -> Scope {
    let (Some(role), Some(post)) = (role, post) else { return Scope::nothing() };
    let all = |registers: &BTreeSet<RegisterId>| (registers.len() < pack.registers.len()).then(|| registers.clone());
    // The root's code may be the beginning of no other: then its holders see everything.
    let division = if post.division == pack.policy.root { "" } else { post.division.as_str() };
    Scope {
        division: division.to_owned(),
        registers: all(&role.reads),
        edits: if writes { all(&role.edits) } else { Some(BTreeSet::new()) },
        unmask: false,
    }
}
