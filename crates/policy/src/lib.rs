//! Policy packs: YAML text → checked model.
//!
//! **Architecture invariant:** this crate does no input or output beyond being handed text, reads no clock, and
//! never panics on any input. It knows how a pack is written and what its formulas mean, not how they are run.

pub mod arithmetic;
pub mod books;
pub mod coverage;
mod decode;
pub mod diagnostic;
pub mod document;
pub mod formula;
pub mod identity;
pub mod ir;
pub mod model;
pub mod pattern;
pub mod period;
pub mod schema;
pub mod value;
mod yaml;

pub use decode::{SourceFile, load};
