//! Pages that people look at rather than read: boards, calendars, matrices, matches; and records that checks excuse.

use super::{Entity, LevelId, Place, RegisterId, Text, VariableId};
use crate::ir::ExprId;

/// Two sides that are brought together.
#[derive(Clone, Debug)]
pub struct Match {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Clauses.
    pub clauses: Vec<String>,
    /// Who seeks.
    pub of: Entity,
    /// Boolean node of the seeker: takes part.
    pub seeks: Option<ExprId>,
    /// What is offered.
    pub with: Entity,
    /// Boolean node of the offer: open.
    pub open: Option<ExprId>,
    /// Only seekers and offers in the same division of this level.
    pub within: Option<LevelId>,
    /// What makes a good match; the weights add up to 100.
    pub parts: Vec<MatchPart>,
    /// Place in the pack.
    pub place: Place,
}

/// One reason for a match.
#[derive(Clone, Debug)]
pub struct MatchPart {
    /// Title.
    pub title: Text,
    /// Points of 100.
    pub weight: u8,
    /// How the points are given.
    pub test: MatchTest,
}

/// How points are given. Nodes: one of the seeker, one of the offer, of the same type.
#[derive(Clone, Debug)]
pub enum MatchTest {
    /// All points when both are equal.
    Equal(ExprId, ExprId),
    /// All points when the offer has at least what the seeker wants, else in proportion.
    AtLeast(ExprId, ExprId),
    /// All points when the seeker has at most what the offer allows, else none.
    AtMost(ExprId, ExprId),
    /// All points in the same division of the first level, falling evenly to none beyond the last.
    Near(Vec<LevelId>),
}

/// A page made from a register or from divisions.
#[derive(Clone, Debug)]
pub struct View {
    /// Id.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Clauses.
    pub clauses: Vec<String>,
    /// What it shows.
    pub kind: ViewKind,
    /// Place in the pack.
    pub place: Place,
}

/// What a view shows. Fields are positions in their register.
#[derive(Clone, Debug)]
pub enum ViewKind {
    /// A column for each stage.
    Pipeline {
        /// The register.
        register: RegisterId,
        /// Code field.
        stage: u16,
        /// Number or money field that is added up.
        sum: Option<u16>,
        /// Date field: since when a record is in its stage.
        since: Option<u16>,
    },
    /// A month: rows are people, columns are days.
    Calendar {
        /// The register.
        register: RegisterId,
        /// Date field.
        date: u16,
        /// Field whose values are the rows.
        who: u16,
        /// Code field.
        mark: u16,
    },
    /// Rows are divisions, columns are boolean variables of a level.
    Matrix {
        /// The level.
        level: LevelId,
        /// The variables.
        variables: Vec<VariableId>,
    },
}

/// The register in which records are excused from checks. Fields are positions in it.
#[derive(Clone, Debug)]
pub struct Exemptions {
    /// The register.
    pub register: RegisterId,
    /// Field with the id of the check.
    pub check: u16,
    /// Field with the key of the record.
    pub record: u16,
    /// Date field: the last day.
    pub until: u16,
    /// Field with the reason.
    pub reason: u16,
}
