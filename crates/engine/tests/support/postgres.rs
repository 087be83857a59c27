//! A `PostgreSQL` server of a test's own: on a free port of this machine, in a folder that goes with it.
//!
//! Where no server can be started the test fails and says what to install: it never passes without having run.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running server.
pub struct Server {
    child: Child,
    port: u16,
    programs: PathBuf,
    made: std::cell::Cell<u32>,
    _folder: TempDir,
}

impl Server {
    /// Makes a cluster and starts its server.
    pub fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").expect("a folder");
        if is_root() {
            // The server refuses to run as root: it runs as the user whom its package made.
            succeeds(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = as_owner(&programs.join("initdb"));
        succeeds(initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D"]).arg(&data));
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let child = as_owner(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Self { child, port, programs, made: 0.into(), _folder: folder };
        let began = Instant::now();
        while !server.answers() {
            assert!(began.elapsed() < Duration::from_mins(1), "PostgreSQL did not answer within a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn answers(&self) -> bool {
        self.client("pg_isready").status().is_ok_and(|status| status.success())
    }

    /// A new empty database's URL.
    pub fn database(&self) -> String {
        let number = self.made.get() + 1;
        self.made.set(number);
        succeeds(self.client("createdb").arg(format!("register{number}")));
        format!("postgres://postgres:canary-password@127.0.0.1:{}/register{number}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked to end at once, so that it takes its own processes with it; started through another program it may not hear.
        let asked = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The folder of `PostgreSQL`'s programs, which Debian keeps out of the way.
fn programs() -> PathBuf {
    let named = std::env::var_os("CAREDATA_TEST_POSTGRES").map(PathBuf::from);
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> =
        named.into_iter().chain(versions.map(|version| version.path().join("bin"))).collect();
    folders.extend(std::env::split_paths(&path));
    folders.into_iter().find(|folder| folder.join("initdb").is_file()).unwrap_or_else(|| {
        panic!(
            "\n\n  NOT RUN: the register on PostgreSQL, since there is no PostgreSQL here.\n  Install it (on Debian: \
             apt-get install postgresql), or name the folder of its programs in CAREDATA_TEST_POSTGRES.\n\n"
        )
    })
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// A program, run by whom the server may be run.
fn as_owner(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program).current_dir("/");
    command
}

fn succeeds(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
