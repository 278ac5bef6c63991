//! Accounts of the demo: one for each role of the pack, in places that have people. Only over synthetic people.

use std::collections::BTreeMap;

use bangfu_policy::model::{Entity, Pack, RegisterId, Right, text_in};
use bangfu_store::{Actor, ListQuery, Scope, Store, StoreError};
use serde::Serialize;

use super::{Factor, password};
use crate::views::figures::Language;
use crate::views::places::Places;

/// Password of all accounts of the demo.
pub const PASSWORD: &str = "all the people of the demo";
/// What the secret of the second factor is made of: everybody sees its codes on the page of accounts.
const FACTOR: &str = "64656d6f64656d6f64656d6f64656d6f64656d6f";

/// An account of the demo on its page.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Login.
    pub login: String,
    /// Title of its role.
    pub role: String,
    /// Name of its division, with those above.
    pub place: String,
    /// How many registers it sees; none: not any.
    pub reads: usize,
    /// How many it changes.
    pub edits: usize,
    /// Words of its rights.
    pub rights: Vec<&'static str>,
    /// Code of the second factor at this moment; empty: none is needed.
    pub code: String,
    /// Registers of the pack.
    pub of: usize,
}

/// Makes an account for each role; how many there are now. What is there already stays.
///
/// # Errors
/// The store fails.
pub async fn make(store: &Store, now: i64) -> Result<usize, StoreError> {
    let pack = store.pack().clone();
    let Some(place) = lowest_with_people(store, &pack).await? else { return Ok(0) };
    let Some(secret) = password::hash(PASSWORD) else { return Ok(0) };
    let factor = Factor::from_text(FACTOR).and_then(|factor| factor.seal(store.keys()));
    let known = store.accounts().await?;
    let actor = Actor::console("demo");
    let mut change = store.change(&Scope::nothing(), &actor, "accounts of the demo", now).await?;
    for role in pack.roles.iter().filter(|role| known.iter().all(|account| account.login != login(&role.id))) {
        let digits = pack.levels.get(role.level.index()).map_or(0, |level| level.digits);
        let Some(division) = place.get(..digits) else { continue };
        let name = pack.policy.languages.first().map_or("", |language| text_in(&role.title, language));
        let login = login(&role.id);
        change.make_account(&login, name).await?;
        change.set_password(&login, &secret).await?;
        if role.second_factor {
            change.set_factor(&login, factor.as_deref()).await?;
        }
        change.give_role(&login, &role.id, division).await?;
    }
    change.commit().await?;
    Ok(pack.roles.len())
}

fn login(role: &str) -> String {
    role.chars().take(40).collect()
}

/// Records that are looked at for a place with many.
const LOOKED_AT: u64 = 2_000;

/// The division with most records, among the first, of the register in the lowest level that most others belong to.
async fn lowest_with_people(store: &Store, pack: &Pack) -> Result<Option<String>, StoreError> {
    let Some(lowest) = pack.levels.len().checked_sub(1) else { return Ok(None) };
    let lies = |entity: Entity| matches!(entity, Entity::Level(level) if level.index() == lowest);
    let reader = store.reader(&Scope::everything());
    let ids = (0..pack.registers.len()).map(|index| RegisterId(index as u16));
    let mut units: Vec<RegisterId> =
        ids.filter(|id| pack.registers.get(id.index()).is_some_and(|register| lies(register.parent))).collect();
    // People have most that belongs to them.
    let below =
        |id: &RegisterId| pack.registers.iter().filter(|register| register.parent == Entity::Register(*id)).count();
    units.sort_by_key(|id| std::cmp::Reverse(below(id)));
    for register in units {
        let query = ListQuery { limit: LOOKED_AT, ..ListQuery::default() };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for record in reader.list(register, &query).await?.records {
            *counts.entry(record.division).or_default() += 1;
        }
        if let Some((division, _)) = counts.into_iter().max_by_key(|(_, count)| *count) {
            return Ok(Some(division));
        }
    }
    Ok(None)
}

/// The accounts that have the password of the demo, with what each sees; `seconds` since 1970-01-01 UTC, for codes.
///
/// # Errors
/// The store fails.
pub async fn listed(
    store: &Store,
    places: &Places,
    language: Language,
    seconds: u64,
) -> Result<Vec<Listed>, StoreError> {
    let pack = store.pack();
    let (accounts, held) = (store.accounts().await?, store.held(None).await?);
    let mut all = Vec::new();
    for role in &pack.roles {
        let login = login(&role.id);
        let Some(account) = accounts.iter().find(|account| account.login == login) else { continue };
        let post = held.iter().find(|held| held.account == account.id && held.role == role.id);
        let Some(post) = post else { continue };
        let trail: Vec<String> = places.trail(&post.division, language).into_iter().map(|place| place.name).collect();
        let code = account.factor.as_deref().and_then(|sealed| Factor::open(store.keys(), sealed));
        all.push(Listed {
            login,
            role: text_in(&role.title, language.id()).to_owned(),
            place: trail.join(" "),
            reads: role.reads.len(),
            edits: role.edits.len(),
            rights: role.may.iter().map(|right: &Right| right.word()).collect(),
            code: code.and_then(|factor| factor.code(seconds)).unwrap_or_default(),
            of: pack.registers.len(),
        });
    }
    Ok(all)
}
