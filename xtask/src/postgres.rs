//! A private PostgreSQL server for tests: its data lies in a folder that vanishes, it listens on a socket in that folder
//! and nowhere else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::run;

/// Where Debian puts the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Debian's account for the server, which refuses to run as root.
const ACCOUNT: &str = "postgres";

/// A server that stops when this is dropped.
pub(crate) struct Server {
    programs: PathBuf,
    folder: PathBuf,
}

/// The programs of the newest version.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).ok()?.flatten().map(|entry| entry.path());
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter(|path| path.join("bin/initdb").exists()).max_by_key(|path| number(path))?;
    Some(newest.join("bin"))
}

impl Server {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs().context("PostgreSQL is missing: apt-get install postgresql")?;
        let folder = std::env::temp_dir().join(format!("bangfu-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        if is_root() {
            run(Command::new("chown").arg(ACCOUNT).arg(&folder))?;
        }
        let server = Self { programs, folder };
        let data = server.folder.join("data");
        let mut init = server.program("initdb");
        init.args(["--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        run(init.arg("--pgdata").arg(&data).stdout(std::process::Stdio::null()))?;
        let socket = server.folder.display();
        // Nothing of it is kept, so nothing needs to reach the disk.
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={socket} -c fsync=off -c max_connections=400 \
             -c full_page_writes=off -c shared_buffers=256MB"
        );
        let mut start = server.program("pg_ctl");
        start.arg("--pgdata").arg(&data).arg("--log").arg(server.folder.join("log"));
        run(start.args(["--wait", "--silent", "--options", &options, "start"]))?;
        Ok(server)
    }

    /// Its address, with the database that every server has.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.display())
    }

    /// A program of the server, as its account when we are root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", ACCOUNT, "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut stop = self.program("pg_ctl");
        stop.arg("--pgdata").arg(self.folder.join("data")).args(["--silent", "--mode", "immediate", "stop"]);
        if let Err(error) = run(&mut stop) {
            println!("the test server of PostgreSQL did not stop: {error:#}");
        }
        // What cannot be removed lies in the folder for such things.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

/// `cargo xtask postgres`: a server for tests that are run by hand, until a line is read or the input ends.
pub(crate) fn stay() -> Result<()> {
    let server = Server::start()?;
    println!("export BANGFU_TEST_POSTGRES='{}'\npress Enter to stop it", server.url());
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
