//! Checked rules over snapshots: results, indicators, explanations.
//!
//! **Architecture invariant:** this crate knows neither database nor web. It reads snapshot folders, evaluates the
//! graph of a pack over them in vectors, and explains single results with a scalar interpreter over the same graph.

pub mod books;
pub mod cases;
pub mod distribution;
pub mod engine;
pub mod explain;
pub mod frame;
pub mod indicators;
pub mod interpret;
pub mod needs;
pub mod results;
pub mod run;
pub mod snapshot;
