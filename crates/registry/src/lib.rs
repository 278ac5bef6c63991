//! The use cases of a registry: what people do with a pack, a store and the rules.
//!
//! **Architecture invariant:** this crate knows neither SQL nor the web. Facts come from `store`, results from `rules`,
//! files from `office`; here they meet.

pub mod batches;
pub mod intake;
pub mod synth;
pub mod views;
pub mod packs;

pub use bangfu_office as office;
pub use bangfu_store as store;
