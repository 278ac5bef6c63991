//! Casework: one engine runs every procedure of the pack. Determinations propose, people decide.
//!
//! ```text
//! open ─► step ─► step ─► … ─► done: what follows from it is written, in the same transaction as the last act
//!           ▲      │ back, objection
//!           └──────┘          └► refused, withdrawn
//! ```
//! `flow` says what may be done and what comes of it, without store or clock; `acts` does it.

pub mod acts;
pub mod entered;
pub mod flow;
mod follows;
pub mod people;
pub mod proposal;
pub mod public;
