//! The site: every page in both languages, valid HTML, and no finding of axe in a real browser.

mod browser;
pub(crate) mod exports;
mod fixture;
mod pages;
