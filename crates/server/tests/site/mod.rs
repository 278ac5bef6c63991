//! The site: every page in both languages, valid HTML, and no finding of axe on the pages that it looks at in a real browser.

mod absence;
mod access;
mod api;
mod batches;
mod boards;
mod books;
mod browser;
pub(crate) mod cases;
mod clock;
mod coverage;
mod decided;
mod desk;
mod escalation;
mod everywhere;
mod evidence;
mod exports;
pub(crate) mod fixture;
mod journey;
mod keeping;
mod keyboard;
mod midway;
mod moves;
#[cfg(feature = "oidc")]
mod oidc;
mod pages;
mod public;
mod published;
mod registers;
mod sample;
mod second;
mod shape;
mod writing;
mod year;
