//! Tests of the program as people meet it.

mod cli;
mod site;
