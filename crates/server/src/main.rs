//! The program `bangfu`.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .init();
    match bangfu_server::cli::main(bangfu_server::cli::Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", whole(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each said once: many messages hold the words of their cause already.
fn whole(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| {
        let words = cause.to_string();
        if said.is_empty() {
            words
        } else if said.contains(&words) {
            said
        } else {
            format!("{said}: {words}")
        }
    })
}
