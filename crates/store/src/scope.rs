//! Who may see what: the one check that every read and write of a record passes.

use std::collections::BTreeSet;

use bangfu_policy::model::RegisterId;

use crate::StoreError;

/// What a user may see and change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only divisions whose code begins with this; empty: all.
    pub division: String,
    /// Only these registers; `None`: all.
    pub registers: Option<BTreeSet<RegisterId>>,
    /// Of these, only the records of these registers are changed; `None`: all.
    pub edits: Option<BTreeSet<RegisterId>>,
    /// Secret fields in clear.
    pub unmask: bool,
}

impl Scope {
    /// Everything, secret fields masked.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Everything in a division.
    pub fn division(prefix: &str) -> Self {
        Self { division: prefix.to_owned(), ..Self::default() }
    }

    /// Whether the records of a register are seen at all.
    pub fn sees(&self, register: RegisterId) -> bool {
        self.registers.as_ref().is_none_or(|registers| registers.contains(&register))
    }

    /// Nothing at all: the scope of those who have not signed in.
    pub fn nothing() -> Self {
        Self { registers: Some(BTreeSet::new()), edits: Some(BTreeSet::new()), ..Self::default() }
    }

    /// Whether records of a register are changed at all.
    pub fn changes(&self, register: RegisterId) -> bool {
        self.sees(register) && self.edits.as_ref().is_none_or(|registers| registers.contains(&register))
    }

    /// Whether a division lies within.
    pub fn covers(&self, division: &str) -> bool {
        division.starts_with(&self.division)
    }

    /// The prefix that a query must carry: the narrower of the scope and what is asked for; `None`: nothing is seen.
    pub fn narrowed(&self, register: RegisterId, asked: Option<&str>) -> Option<String> {
        if self.sees(register) { self.place(asked.unwrap_or_default()) } else { None }
    }

    /// The narrower of the scope's division and the one asked for; `None`: they do not meet.
    pub fn place(&self, asked: &str) -> Option<String> {
        if asked.starts_with(&self.division) {
            Some(asked.to_owned())
        } else if self.division.starts_with(asked) {
            Some(self.division.clone())
        } else {
            None
        }
    }

    /// Refuses a change outside.
    ///
    /// # Errors
    /// The register or division lies outside.
    pub fn permit(&self, register: RegisterId, division: &str) -> Result<(), StoreError> {
        if self.changes(register) && self.covers(division) {
            return Ok(());
        }
        Err(StoreError::Scope { division: division.to_owned(), scope: self.division.clone() })
    }
}

/// First text after all that begin with a prefix: `division >= p and division < next(p)`.
pub(crate) fn after(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_narrows_and_never_widens() {
        let register = RegisterId(0);
        let scope = Scope::division("1504");
        assert_eq!(scope.narrowed(register, None).as_deref(), Some("1504"));
        assert_eq!(scope.narrowed(register, Some("15")).as_deref(), Some("1504"));
        assert_eq!(scope.narrowed(register, Some("150421")).as_deref(), Some("150421"));
        assert_eq!(scope.narrowed(register, Some("1505")), None);
        assert!(scope.permit(register, "150521").is_err());
        let reader = Scope { edits: Some(BTreeSet::new()), ..Scope::everything() };
        assert!(reader.sees(register) && reader.permit(register, "150521").is_err());
        let blind = Scope { registers: Some(BTreeSet::new()), ..Scope::everything() };
        assert_eq!(blind.narrowed(register, None), None);
    }
}
