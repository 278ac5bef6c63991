//! What pages show: plain structs for templates, made from a pack, the store and the results of the last run.
//!
//! **Architecture invariant:** nothing here knows HTTP, HTML or the words of buttons; texts come from the pack, figures
//! leave as people of the language read them.

pub mod boards;
pub mod books;
pub mod calendar;
pub mod charts;
pub mod excused;
pub mod facts;
pub mod figures;
pub mod file;
pub mod form;
pub mod history;
pub mod language;
pub mod listing;
pub mod live;
pub mod map;
pub mod matching;
pub mod overview;
pub mod places;
pub mod policy;
pub mod problems;
pub mod procedures;
pub mod published;
pub mod reference;
pub mod results;
pub mod rule;
pub mod snapshot;
mod told;
pub mod what_if;
