//! Who can do the step of a case: those who hold its role, who is away, and who acts for them.

use bangfu_policy::model::{Pack, Step, text_in};
use bangfu_store::{CaseFile, Store, StoreError};
use serde::Serialize;

use crate::views::figures::{self, Language};
use crate::views::places::Places;

/// People that are named at most.
const MOST: i64 = 20;

/// Somebody who can do a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Login.
    pub login: String,
    /// Name.
    pub name: String,
    /// Title of the role.
    pub role: String,
    /// Where it is held.
    pub place: String,
    /// The last day on which they are away; empty: they are there.
    pub absent: String,
    /// Who acts for them then; empty: nobody.
    pub deputy: String,
}

/// Who can do a step of a case: holders of its role and of those that enter for it, where the case lies.
///
/// # Errors
/// The store fails.
pub async fn of(
    store: &Store,
    places: &Places,
    step: &Step,
    case: &CaseFile,
    (now, language): (i64, Language),
) -> Result<Vec<Person>, StoreError> {
    let pack: &Pack = store.pack();
    let Some(role) = pack.roles.get(step.role.index()) else { return Ok(Vec::new()) };
    let entering = role.entered_by.iter().filter_map(|id| pack.roles.get(id.index()));
    let roles: Vec<&str> = std::iter::once(role).chain(entering).map(|role| role.id.as_str()).collect();
    let above = pack.levels.iter().filter_map(|level| case.division.get(..level.digits));
    let divisions: Vec<&str> = above.chain([pack.policy.root.as_str()]).collect();
    let day = pack.calendar.day(now);
    let absences = store.absences(None, day).await?;
    let person = |holder: bangfu_store::Holder| {
        let away = absences.iter().find(|absence| absence.held.id == holder.held.id && absence.first <= day);
        let role = pack.roles.iter().find(|role| role.id == holder.held.role);
        Person {
            login: holder.login,
            name: holder.name,
            role: role.map(|role| text_in(&role.title, language.id()).to_owned()).unwrap_or_default(),
            place: places.name(&holder.held.division, language),
            absent: away.map(|absence| figures::day(absence.last, language)).unwrap_or_default(),
            deputy: away.and_then(|absence| absence.deputy_login.clone()).unwrap_or_default(),
        }
    };
    Ok(store.holders(&roles, &divisions, MOST).await?.into_iter().map(person).collect())
}
