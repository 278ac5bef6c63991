//! The site: every page in both languages, valid HTML, and no finding of axe in a real browser.

mod api;
mod boards;
mod books;
mod browser;
mod coverage;
mod exports;
pub(crate) mod fixture;
mod pages;
mod second;
mod shape;
