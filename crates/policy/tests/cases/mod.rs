//! What is asked of the packs.

mod bad;
mod good;
mod mutations;
mod schema;
