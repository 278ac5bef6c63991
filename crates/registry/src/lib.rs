//! The use cases of a registry: what people do with a pack, a store and the rules.
//!
//! **Architecture invariant:** this crate knows neither SQL nor the web. Facts come from `store`, results from `rules`,
//! files from `office`; here they meet.

pub mod access;
pub mod batches;
pub mod casework;
pub mod demo;
pub mod determine;
pub mod exchange;
pub mod files;
pub mod fresh;
pub mod home;
pub mod intake;
pub mod moving;
pub mod packs;
pub mod simulate;
pub mod snapshots;
pub mod synth;
pub mod views;

pub use bangfu_office as office;
pub use bangfu_store as store;
