//! Making accounts and giving roles, within what the pack allows.

use bangfu_policy::model::{Pack, Right, Role};
use bangfu_store::{Actor, Held, Scope, Store, StoreError};

use super::{Who, password, sign_in};

/// Why an account or role was not made or given.
#[derive(Debug, thiserror::Error)]
pub enum NotGiven {
    /// The right is lacking.
    #[error("your role does not allow this")]
    Right,
    /// There is no such role or division, or the division is not of the role's level.
    #[error("the role is held at a division of its level: choose one")]
    Division,
    /// Outside of one's own division.
    #[error("the division lies outside of yours")]
    Outside,
    /// The same person must not hold both.
    #[error("nobody may hold this role together with {0}")]
    Apart(String),
    /// Nobody gives a role to themselves.
    #[error("nobody gives roles to themselves")]
    Oneself,
    /// A login must be plain.
    #[error("a login has 3 to 40 small letters, digits, points, - or _")]
    Login,
    /// The password is not accepted.
    #[error("the password is not accepted")]
    Weak(password::Weak),
    /// The system gives no chance.
    #[error("the system gives no random bytes")]
    Chance,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signing in.
    #[error(transparent)]
    Session(#[from] sign_in::Refused),
}

/// Whether a text can be a login.
pub fn is_login(login: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    (3..=40).contains(&login.len()) && login.chars().all(plain)
}

/// Makes an account and a one-time link with which its owner chooses a password; the text of the link.
///
/// # Errors
/// See [`NotGiven`].
pub async fn make(
    store: &Store,
    actor: &Actor,
    (login, name): (&str, &str),
    reason: &str,
    now: i64,
) -> Result<String, NotGiven> {
    if !is_login(login) {
        return Err(NotGiven::Login);
    }
    let mut change = store.change(&Scope::nothing(), actor, reason, now).await?;
    let id = change.make_account(login, name).await?;
    change.commit().await?;
    Ok(sign_in::begin(store, id, None, (sign_in::Kind::Link, "", false), now, now + sign_in::LINK).await?)
}

/// A new one-time link for an account that exists.
///
/// # Errors
/// There is no such account, or the store fails.
pub async fn link(store: &Store, actor: &Actor, login: &str, reason: &str, now: i64) -> Result<String, NotGiven> {
    let account = store.account(login).await?.ok_or_else(|| StoreError::Absent(format!("account {login}")))?;
    let mut change = store.change(&Scope::nothing(), actor, reason, now).await?;
    change.event("link", serde_json::json!({ "login": login })).await?;
    change.commit().await?;
    Ok(sign_in::begin(store, account.id, None, (sign_in::Kind::Link, "", false), now, now + sign_in::LINK).await?)
}

/// Sets a password that its owner chose.
///
/// # Errors
/// It is not accepted, or the store fails.
pub async fn choose_password(store: &Store, actor: &Actor, login: &str, typed: &str, now: i64) -> Result<(), NotGiven> {
    password::accept(login, typed).map_err(NotGiven::Weak)?;
    let typed = typed.to_owned();
    let hashed = tokio::task::spawn_blocking(move || password::hash(&typed)).await;
    let secret = hashed.ok().flatten().ok_or(NotGiven::Chance)?;
    let mut change = store.change(&Scope::nothing(), actor, "", now).await?;
    change.set_password(login, &secret).await?;
    change.commit().await?;
    Ok(())
}

/// Whether somebody may give a role at a division to an account.
///
/// The right `grants` gives every role within one's own division. As long as nobody holds a role with `grants`,
/// whoever has `accounts` may give such a role: that is how a new registry gets its second administrator.
///
/// # Errors
/// Why not.
pub fn may_give(pack: &Pack, giver: &Who, held: &[Held], to: i64, role: &Role, division: &str) -> Result<(), NotGiven> {
    let of = |held: &Held| pack.roles.iter().find(|role| role.id == held.role);
    let first_guard = role.may.contains(&Right::Grants)
        && giver.may(Right::Accounts)
        && !held.iter().any(|held| of(held).is_some_and(|role| role.may.contains(&Right::Grants)));
    if !giver.may(Right::Grants) && !first_guard {
        return Err(NotGiven::Right);
    }
    if giver.account == to {
        return Err(NotGiven::Oneself);
    }
    if pack.level_of_code(division) != Some(role.level) {
        return Err(NotGiven::Division);
    }
    let own = giver.post.as_ref().map_or("", |post| post.division.as_str());
    if !division.starts_with(own) {
        return Err(NotGiven::Outside);
    }
    let others: Vec<&Role> = held.iter().filter(|held| held.account == to).filter_map(of).collect();
    match apart(pack, &others, role) {
        Some(other) => Err(NotGiven::Apart(other.id.clone())),
        None => Ok(()),
    }
}

/// The one of some roles that nobody may hold together with another.
pub(super) fn apart<'r>(pack: &Pack, held: &[&'r Role], role: &Role) -> Option<&'r Role> {
    let index = |role: &Role| pack.roles.iter().position(|known| known.id == role.id);
    let named = |a: &Role, b: &Role| index(b).is_some_and(|b| a.apart_from.iter().any(|id| id.index() == b));
    held.iter().find(|other| named(role, other) || named(other, role)).copied()
}
