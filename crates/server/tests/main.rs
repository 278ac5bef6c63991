//! Tests of the program as people meet it.

use bangfu_registry::store::Address;

mod cli;
#[path = "../../store/tests/main/place.rs"]
mod place;
mod site;
