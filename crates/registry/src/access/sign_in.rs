//! Signing in: password, second factor, lock-out; sessions, tokens and one-time links.

use bangfu_store::{Account, Session, Store, StoreError};
use sha2::{Digest, Sha256};

use super::factor::{Factor, hex, random};
use super::{Who, password};

/// Wrong passwords in a row before signing in is refused for a while.
pub const MOST_FAILED: i64 = 5;
/// How long it is refused, milliseconds.
pub const LOCKED: i64 = 15 * 60_000;
/// A session that nobody uses ends after so many milliseconds.
pub const IDLE: i64 = 30 * 60_000;
/// A session ends after so many milliseconds at the latest.
pub const LONGEST: i64 = 12 * 3_600_000;
/// A one-time link ends after so many milliseconds.
pub const LINK: i64 = 24 * 3_600_000;
/// Bytes of chance in the text of a session.
const TEXT_BYTES: usize = 32;

/// Why signing in was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Login, password or code is wrong; which of them is not said.
    #[error("login, password or code is wrong")]
    Wrong,
    /// Too many wrong passwords; until when, milliseconds since 1970-01-01 UTC.
    #[error("too many wrong passwords; try again later")]
    Locked(i64),
    /// The account has a second factor and no code came.
    #[error("a code of the second factor is needed")]
    Code,
    /// The system gives no chance.
    #[error("the system gives no random bytes: {0}")]
    Chance(#[from] std::io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A session that began.
pub struct SignedIn {
    /// The text that the browser or program brings from now on.
    pub text: String,
    /// The account.
    pub account: Account,
}

/// Signs in with login, password and, where there is one, a code; `now` is milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// See [`Refused`].
pub async fn sign_in(
    store: &Store,
    (login, typed, code): (&str, &str, &str),
    browser: &str,
    now: i64,
) -> Result<SignedIn, Refused> {
    let account = store.account(login).await?;
    let secret = account.as_ref().map_or(String::new(), |account| account.secret.clone());
    let typed = typed.to_owned();
    // Hashing takes its time on purpose: not on a thread that answers others. It takes as long for an unknown login.
    let right = tokio::task::spawn_blocking(move || password::verify(&typed, &secret)).await.unwrap_or(false);
    let Some(account) = account.filter(|account| !account.blocked) else { return Err(Refused::Wrong) };
    if account.locked_until > now {
        return Err(Refused::Locked(account.locked_until));
    }
    let (right, step) = match account.factor.as_deref().filter(|_| right) {
        None => (right, None),
        Some(_) if code.trim().is_empty() => return Err(Refused::Code),
        Some(sealed) => code_step(store, &account, sealed, code, now),
    };
    take(store, account.id, (right, step), now).await?;
    let text = begin(store, account.id, None, (Kind::Site, browser, true), now, now + LONGEST).await?;
    Ok(SignedIn { text, account })
}

/// The second factor of somebody for whom another provider vouches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second<'c> {
    /// That provider asked for one.
    Vouched,
    /// It did not: an account that has one needs its code; empty: none was typed yet.
    Code(&'c str),
}

/// Signs in somebody for whom another provider vouches; `now` is milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// See [`Refused`]; an account that is not there or blocked is [`Refused::Wrong`].
pub async fn vouched(
    store: &Store,
    login: &str,
    second: Second<'_>,
    browser: &str,
    now: i64,
) -> Result<SignedIn, Refused> {
    let account = store.account(login).await?.filter(|account| !account.blocked).ok_or(Refused::Wrong)?;
    if account.locked_until > now {
        return Err(Refused::Locked(account.locked_until));
    }
    let kind = match (second, account.factor.as_deref()) {
        (Second::Vouched, _) => Kind::Vouched,
        (Second::Code(_), None) => Kind::Site,
        (Second::Code(code), Some(_)) if code.trim().is_empty() => return Err(Refused::Code),
        (Second::Code(code), Some(sealed)) => {
            take(store, account.id, code_step(store, &account, sealed, code, now), now).await?;
            Kind::Site
        }
    };
    let text = begin(store, account.id, None, (kind, browser, true), now, now + LONGEST).await?;
    Ok(SignedIn { text, account })
}

/// Whether a code of an account's second factor is right, and its step.
fn code_step(store: &Store, account: &Account, sealed: &[u8], code: &str, now: i64) -> (bool, Option<i64>) {
    let factor = Factor::open(store.keys(), sealed);
    let step = factor.and_then(|factor| factor.check(code, now.max(0) as u64 / 1000, account.factor_step));
    (step.is_some(), step)
}

/// Takes what was right, with the step of its code if there was one; counts what was wrong.
async fn take(store: &Store, account: i64, (right, step): (bool, Option<i64>), now: i64) -> Result<(), Refused> {
    if right && store.passed(account, step).await? {
        return Ok(());
    }
    let locked = store.failed(account, MOST_FAILED, now + LOCKED).await?;
    Err(if locked > now { Refused::Locked(locked) } else { Refused::Wrong })
}

/// What the text of a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A browser.
    Site,
    /// A browser whose user gave a second factor to another provider.
    Vouched,
    /// A program.
    Token,
    /// A link that works once.
    Link,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Vouched => "vouched",
            Self::Token => "token",
            Self::Link => "link",
        }
    }
}

/// Begins a session without asking for anything; its text.
///
/// # Errors
/// The system gives no chance, or the store fails.
pub async fn begin(
    store: &Store,
    account: i64,
    held: Option<i64>,
    (kind, name, writes): (Kind, &str, bool),
    now: i64,
    expires: i64,
) -> Result<String, Refused> {
    let text = hex(&random(TEXT_BYTES)?);
    let name = name.chars().take(200).collect();
    let kind = kind.word().to_owned();
    let session = Session { hash: hash(&text), account, held, kind, name, writes, made: now, seen: now, expires };
    store.begin_session(&session).await?;
    Ok(text)
}

/// Who brings a text of a session or token; nobody if it is unknown or over.
///
/// # Errors
/// The store fails.
pub async fn who(store: &Store, text: &str, token: bool, now: i64) -> Result<Who, StoreError> {
    let hash = hash(text);
    let Some((session, account)) = store.session(&hash, now, IDLE).await? else { return Ok(Who::nobody()) };
    let vouched = session.kind == "vouched";
    let fits = if token { session.kind == "token" } else { session.kind == "site" || vouched };
    if !fits {
        return Ok(Who::nobody());
    }
    let held = store.held(Some(account.id)).await?;
    let today = store.pack().calendar.day(now);
    // A program has the role that its token was made in, never that of somebody else.
    let mut absences = if token { Vec::new() } else { store.absences(Some(account.id), today).await? };
    absences.retain(|absence| absence.first <= today);
    let mut who = Who::new(store.pack(), &account, (&held, &absences), session.held, session.writes);
    who.session = hash;
    who.program = token;
    // A second factor was given elsewhere: none needs to be set up here.
    who.enrol &= !vouched;
    Ok(who)
}

/// The account of a one-time link, which does not work again.
///
/// # Errors
/// The store fails.
pub async fn follow(store: &Store, text: &str, now: i64, consume: bool) -> Result<Option<Account>, StoreError> {
    let hash = hash(text);
    let found = store.session(&hash, now, IDLE).await?.filter(|(session, _)| session.kind == "link");
    let Some((_, account)) = found else { return Ok(None) };
    if consume && !store.end_session(account.id, &hash).await? {
        return Ok(None);
    }
    Ok(Some(account))
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
