//! What everybody may see without signing in: nothing but what the pack names here, and notices.

use super::{ParameterId, ProgrammeId};

/// What is public.
#[derive(Clone, Debug, Default)]
pub struct Public {
    /// Standards, in the order in which they are shown.
    pub parameters: Vec<ParameterId>,
    /// Programmes, in the order in which they are shown.
    pub programmes: Vec<ProgrammeId>,
}
