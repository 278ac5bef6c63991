//! What everybody may see without signing in: nothing but what the pack names here, and notices.

use super::{IndicatorId, LevelId, ParameterId, ProgrammeId, RegisterId, Value};

/// What is public.
#[derive(Clone, Debug, Default)]
pub struct Public {
    /// Standards, in the order in which they are shown.
    pub parameters: Vec<ParameterId>,
    /// Programmes, in the order in which they are shown.
    pub programmes: Vec<ProgrammeId>,
    /// Registers, in the order in which they are shown.
    pub registers: Vec<PublicRegister>,
    /// Figures of divisions.
    pub figures: Option<PublicFigures>,
}

/// Figures of divisions that everybody sees.
#[derive(Clone, Debug)]
pub struct PublicFigures {
    /// Counts below it are not told.
    pub below: u16,
    /// Counts that add up over divisions.
    pub counts: Vec<IndicatorId>,
    /// Other indicators, each with the count that it is made of: shown where that one is.
    pub shares: Vec<(IndicatorId, IndicatorId)>,
}

/// A register of which everybody sees some fields. They are positions in it; none is secret or points to people.
#[derive(Clone, Debug)]
pub struct PublicRegister {
    /// The register.
    pub register: RegisterId,
    /// Fields that are shown.
    pub fields: Vec<u16>,
    /// Fields that are added up by division: numbers and money.
    pub sums: Vec<u16>,
    /// Only records with these values; `None`: not filled in.
    pub filter: Vec<(u16, Option<Value>)>,
    /// The records tell of people: nothing is shown in words, and no place below this level.
    pub nameless: Option<LevelId>,
}
