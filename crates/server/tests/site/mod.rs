//! The site: every page in both languages, valid HTML, and no finding of axe on the pages that it looks at in a real browser.

mod access;
mod api;
mod boards;
mod books;
mod browser;
mod cases;
mod clock;
mod coverage;
mod desk;
mod everywhere;
mod exports;
pub(crate) mod fixture;
mod journey;
mod keeping;
mod keyboard;
mod pages;
mod public;
mod registers;
mod sample;
mod second;
mod shape;
mod writing;
mod year;
