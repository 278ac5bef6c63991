//! The project's own commands: `cargo xtask demo | test | tidy | bench | postgres | dist`.
//!
//! Knows how the workspace is built and checked; nothing of it is needed to run Bangfu.

mod demo;
mod postgres;
mod process;
mod system;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask demo  [--listen ADDRESS] [--people N] [--data FOLDER] [--no-serve]   build, make demo data, run, serve
cargo xtask test  [--only STEP] [--list]                                          every check and test
cargo xtask tidy                                                                  structure of the workspace
cargo xtask bench [-- ARGUMENTS]                                                  against the peers (bench/README.md)
cargo xtask postgres                                                              a server for tests by hand
cargo xtask dist                                                                  a folder to carry to a server";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let result = match arguments.first().map(String::as_str) {
        Some("demo") => demo::run(rest),
        Some("test") => test::run_with(rest),
        Some("tidy") => test::tidy_only(),
        Some("bench") => demo::bench(rest),
        Some("postgres") => postgres::stay(),
        Some("dist") => demo::dist(),
        _ => {
            println!("{HELP}");
            return ExitCode::from(if arguments.is_empty() { 2 } else { 0 });
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
