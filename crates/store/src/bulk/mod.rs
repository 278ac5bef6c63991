//! Many rows at once. An asynchronous round trip for each of six million rows would take minutes, so SQLite is spoken to
//! through the C interface of the library that sqlx links, and PostgreSQL gets what is decided in memory as one `copy`.
//! What becomes of a row is decided in one place, [`load`], for both.

mod direct;
mod load;
mod mirror;
pub(crate) mod raw;
mod read;

pub(crate) use load::{Loading, load};
pub(crate) use read::read;
