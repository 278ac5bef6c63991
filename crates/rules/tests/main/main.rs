//! Integration tests of the rules crate, in one binary so that they link once.

mod engine;
mod packs;
mod pack_cases;
mod results;
mod snapshots;
