//! Many rows at once, through the C interface of the library that sqlx links: an asynchronous round trip for each of
//! six million rows would take minutes.

mod load;
mod raw;
mod read;

pub(crate) use load::{Loading, load};
pub(crate) use read::read;
