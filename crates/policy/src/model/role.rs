//! Roles as the pack declares them: who acts at which level, and what a holder may see and do.

use std::collections::BTreeSet;

use super::{LevelId, Place, RegisterId, RoleId, Text};

/// Somebody who acts: a post at one level.
#[derive(Clone, Debug)]
pub struct Role {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// The level at which it acts.
    pub level: LevelId,
    /// Registers whose records a holder sees; what is edited is among them.
    pub reads: BTreeSet<RegisterId>,
    /// Registers whose records a holder enters, changes and removes.
    pub edits: BTreeSet<RegisterId>,
    /// What else a holder may do.
    pub may: BTreeSet<Right>,
    /// Roles that the same person must not hold.
    pub apart_from: BTreeSet<RoleId>,
    /// Roles whose holders enter what this one did on paper: a household, a meeting.
    pub entered_by: BTreeSet<RoleId>,
    /// Whether a holder signs in with a second factor.
    pub second_factor: bool,
    /// Place in the pack.
    pub place: Place,
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// What a role allows beside reading and editing registers.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Right { $($(#[$doc])* $name,)* }

        impl Right {
            /// All rights with the words that packs write.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$name),)*];

            /// The word that packs write.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

rights! {
    /// Makes, blocks and unblocks accounts (system administrator).
    Accounts => "accounts",
    /// Gives roles to accounts and takes them (security administrator).
    Grants => "grants",
    /// Reads the journal of all and who looked at what (audit administrator).
    Audit => "audit",
    /// Sees secret fields in clear, each time with a reason.
    Unmask => "unmask",
    /// Makes tokens with which programs use the interface in the holder's name.
    Tokens => "tokens",
}
