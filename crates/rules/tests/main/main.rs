//! Integration tests of the rules crate, in one binary so that they link once.

mod books;
mod engine;
mod pack_cases;
mod packs;
mod results;
mod snapshots;
mod streaming;
