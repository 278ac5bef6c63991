//! `cargo xtask test`: every check, one after the other, and one closing line.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::postgres::Server;
use crate::process::{cargo, run, run_and_read};
use crate::system::{debian_packages, npm_packages};
use crate::tidy;

/// Counts of tests.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

type Step = (&'static str, fn(&mut Counts) -> Result<()>);

const STEPS: [Step; 9] = [
    ("system", |_| debian_packages()),
    ("npm", |_| npm_packages()),
    ("tidy", tidy_step),
    ("fmt", |_| run(cargo().args(["fmt", "--all", "--check"]))),
    ("clippy", |_| run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))),
    ("doc", |_| run(cargo().args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))),
    ("tests", |counts| tests_step(counts, cargo().args(["test", "--workspace", "--no-fail-fast"]))),
    ("oidc", oidc_step),
    ("postgres", postgres_step),
];

/// Runs all steps, or one.
pub(crate) fn run_steps(only: Option<&str>) -> Result<()> {
    let started = Instant::now();
    let mut counts = Counts::default();
    let mut failure = None;
    for (name, step) in STEPS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        println!("\n── {name}");
        let begun = Instant::now();
        let result = step(&mut counts);
        println!(
            "── {name}: {} in {:.1} s",
            if result.is_ok() { "ok" } else { "FAILED" },
            begun.elapsed().as_secs_f64()
        );
        if let Err(error) = result {
            failure = Some(anyhow::anyhow!("step `{name}` failed: {error:#}"));
            break;
        }
    }
    let word = if failure.is_none() && counts.failed == 0 { "ok" } else { "FAILED" };
    let failed = counts.failed.max(u64::from(failure.is_some()));
    println!(
        "\ntest result: {word}. {} passed; {failed} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s",
        counts.passed,
        counts.ignored,
        started.elapsed().as_secs_f64()
    );
    failure.map_or(Ok(()), Err)
}

/// `cargo xtask test`
pub(crate) fn run_with(options: &[String]) -> Result<()> {
    let names: Vec<_> = STEPS.iter().map(|(name, _)| *name).collect();
    match options.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => run_steps(None),
        ["--list"] => {
            println!("{}", names.join("\n"));
            Ok(())
        }
        ["--only", step] if names.contains(step) => run_steps(Some(step)),
        _ => bail!("write `cargo xtask test`, `--list`, or `--only STEP` with one of {}", names.join(", ")),
    }
}

/// `cargo xtask tidy`
pub(crate) fn tidy_only() -> Result<()> {
    run_steps(Some("tidy"))
}

fn tidy_step(counts: &mut Counts) -> Result<()> {
    let findings = tidy::all()?;
    for (check, found) in &findings {
        println!("tidy {check} ... {}", if found.is_empty() { "ok" } else { "FAILED" });
        for line in found {
            println!("    {line}");
        }
        counts.passed += u64::from(found.is_empty());
        counts.failed += u64::from(!found.is_empty());
    }
    let wrong = findings.iter().filter(|(_, found)| !found.is_empty()).count();
    if wrong > 0 {
        bail!("{wrong} tidy checks found something");
    }
    Ok(())
}

/// The server once more with log-in at another provider: its lints, its tests, and the table of who may use what. The
/// crates that it needs are there already, because tests depend on them.
fn oidc_step(counts: &mut Counts) -> Result<()> {
    let with = |what: &str| {
        let mut command = cargo();
        command.args([what, "-p", "bangfu-server", "--features", "oidc"]);
        command
    };
    run(with("clippy").args(["--all-targets", "--", "-D", "warnings"]))?;
    let groups = ["oidc", "site::access::every_route"];
    tests_step(counts, with("test").args(["--no-fail-fast", "--lib", "--test", "main", "--"]).args(groups))
}

/// Groups of the site's tests that are also run on PostgreSQL: all that read and write records.
const ON_POSTGRES: [&str; 13] = [
    "site::access",
    "site::api",
    "site::cases",
    "site::desk",
    "site::evidence",
    "site::exports",
    "site::keeping",
    "site::midway",
    "site::moves",
    "site::pages",
    "site::public",
    "site::registers",
    "site::writing",
];

/// The tests of the store, and those of the site that write, on a private server.
fn postgres_step(counts: &mut Counts) -> Result<()> {
    let server = Server::start()?;
    let tests = |arguments: &[&str]| {
        let mut command = cargo();
        command.arg("test").arg("--no-fail-fast").args(arguments).env("BANGFU_TEST_POSTGRES", server.url());
        command
    };
    tests_step(counts, &mut tests(&["-p", "bangfu-store"]))?;
    let mut site = tests(&["-p", "bangfu-server", "--test", "main", "--"]);
    tests_step(counts, site.args(ON_POSTGRES))
}

fn tests_step(counts: &mut Counts, command: &mut Command) -> Result<()> {
    let (success, output) = run_and_read(command)?;
    for line in output.lines().filter(|line| line.starts_with("test result:")) {
        let number = |word: &str| {
            let before = line.split(word).next().unwrap_or_default();
            before.split_whitespace().next_back().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
        };
        counts.passed += number(" passed");
        counts.failed += number(" failed");
        counts.ignored += number(" ignored");
    }
    if !success {
        bail!("cargo test failed");
    }
    Ok(())
}
