//! The program `bangfu`: its site and its command line.
//!
//! **Architecture invariant:** this crate turns requests and arguments into calls of `registry` and answers into pages
//! and texts; it decides nothing about policy.

pub mod books;
pub mod cli;
mod clock;
pub mod site;
