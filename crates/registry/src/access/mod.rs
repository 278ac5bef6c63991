//! Who signs in, and what they may see and do.
//!
//! An account holds roles of the pack, each at a division. A session acts in one of them: its scope is the division
//! with all below it and the registers of the role (`docs/access.md`).

pub mod accounts;
pub mod demo;
pub mod deputies;
pub(crate) mod factor;
pub mod password;
pub mod sign_in;
pub mod who;

pub use factor::Factor;
pub(crate) use factor::random;
pub use password::Weak;
pub use sign_in::{Refused, SignedIn};
pub use who::{Post, Principal, Who};
