//! Building and starting the demo, the benchmark, and the folder to carry away.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, root, target};
use crate::system::npm_packages;

/// The options are those of `bangfu demo`; a misspelt one is told before minutes of building.
fn check_options(options: &[String]) -> Result<()> {
    let known = ["--listen", "--people", "--data"];
    let mut index = 0;
    while let Some(option) = options.get(index) {
        if known.contains(&option.as_str()) {
            index += 2;
        } else if option == "--no-serve" {
            index += 1;
        } else {
            bail!("`{option}` is not an option; they are --listen ADDRESS, --people N, --data FOLDER, --no-serve");
        }
    }
    Ok(())
}

/// Builds, then hands over to `bangfu demo`.
pub(crate) fn run(options: &[String]) -> Result<()> {
    check_options(options)?;
    npm_packages()?;
    crate::process::run(cargo().args(["build", "--release", "--package", "bangfu-server"]))?;
    let binary = target().join("release/bangfu");
    let mut command = Command::new(&binary);
    command.current_dir(root()).arg("demo").args(options);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        Err(command.exec()).with_context(|| format!("cannot start {}", binary.display()))
    }
    #[cfg(not(unix))]
    crate::process::run(&mut command)
}

/// `cargo xtask bench`: a Python environment of its own, then `bench/run.py`.
pub(crate) fn bench(options: &[String]) -> Result<()> {
    crate::process::run(cargo().args(["build", "--release", "--package", "bangfu-server"]))?;
    let environment = target().join("bench-venv");
    if !environment.join("bin/python").exists() {
        run_command("python3", &["-m", "venv", &environment.to_string_lossy()])?;
        let requirements = root().join("bench/requirements.txt");
        run_command(
            &environment.join("bin/pip").to_string_lossy(),
            &["install", "--quiet", "--requirement", &requirements.to_string_lossy()],
        )?;
    }
    let options: Vec<&str> = options.iter().map(String::as_str).filter(|option| *option != "--").collect();
    let script = root().join("bench/run.py");
    let mut command = Command::new(environment.join("bin/python"));
    command.arg(script).arg("--bangfu").arg(target().join("release/bangfu")).args(options);
    crate::process::run(&mut command)
}

/// `cargo xtask dist`: one folder with the binary, the packs and the documents.
pub(crate) fn dist() -> Result<()> {
    npm_packages()?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "bangfu-server", "--config", "profile.release.lto=\"thin\""]);
    crate::process::run(&mut build)?;
    let folder = target().join("dist/bangfu");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(target().join("release/bangfu"), folder.join("bangfu"))?;
    for part in ["policies", "docs", "README.md", "README.zh.md", "LICENSE"] {
        run_command("cp", &["-r", &root().join(part).to_string_lossy(), &folder.to_string_lossy()])?;
    }
    let archive = target().join("dist/bangfu.tar.gz");
    let parent = target().join("dist");
    run_command("tar", &["-czf", &archive.to_string_lossy(), "-C", &parent.to_string_lossy(), "bangfu"])?;
    println!("{}", archive.display());
    Ok(())
}

fn run_command(program: &str, arguments: &[&str]) -> Result<()> {
    crate::process::run(Command::new(program).args(arguments))
}
