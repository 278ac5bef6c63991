//! What must be on the machine: Debian packages for the browser and database tests, npm packages for the site.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::postgres::programs;
use crate::process::{exists, root, run};

/// Program that shows that a package is there, and the package.
const PACKAGES: [(&str, &str); 2] = [("chromium", "chromium"), ("chromedriver", "chromium-driver")];
/// A font with Chinese characters, for pages that people look at.
const FONT_FILE: &str = "/usr/share/fonts/opentype/noto";
const FONT_PACKAGE: &str = "fonts-noto-cjk";

/// The database server that the store is also tested on.
const DATABASE_PACKAGE: &str = "postgresql";

/// Installs missing Debian packages as root; else says exactly what is missing.
pub(crate) fn debian_packages() -> Result<()> {
    let mut missing: Vec<&str> =
        PACKAGES.iter().filter(|(program, _)| !exists(program)).map(|(_, package)| *package).collect();
    if !std::path::Path::new(FONT_FILE).exists() {
        missing.push(FONT_PACKAGE);
    }
    if programs().is_none() {
        missing.push(DATABASE_PACKAGE);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let root_user = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if !root_user || !exists("apt-get") {
        bail!("these Debian packages are missing: {0}\ninstall them: sudo apt-get install {0}", missing.join(" "));
    }
    println!("installing {}", missing.join(" "));
    run(Command::new("apt-get").args(["update", "-q"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-q", "--no-install-recommends"]).args(&missing);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Installs the npm packages when the lock file is newer than what is installed.
pub(crate) fn npm_packages() -> Result<()> {
    let web = root().join("web");
    let lock = std::fs::metadata(web.join("package-lock.json")).and_then(|metadata| metadata.modified());
    let installed = std::fs::metadata(web.join("node_modules/.package-lock.json")).and_then(|m| m.modified());
    if let (Ok(lock), Ok(installed)) = (&lock, &installed)
        && lock <= installed
    {
        return Ok(());
    }
    if !exists("npm") {
        bail!("npm is missing: install Node.js 20 or newer with npm (Debian: apt-get install nodejs npm)");
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(web))
        .context("npm packages of the site could not be installed")
}
