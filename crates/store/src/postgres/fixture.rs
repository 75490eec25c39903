//! A real PostgreSQL server for tests: one for a test binary, in a directory of its own, on a socket that
//! nobody else reaches, gone when the tests are, however they end. Where PostgreSQL is not installed, tests
//! skip and say so, unless `BINDERY_REQUIRE_POSTGRES` is set.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "in a test a panic is the verdict")]

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::PostgresOptions;

/// A running server.
#[derive(Debug)]
pub struct PostgresServer {
    directory: PathBuf,
    /// Stops the server when its input is closed, which happens at the latest when this process ends.
    keeper: Child,
}

impl PostgresServer {
    /// The server of this test binary, started by the first who asks. `None` where PostgreSQL is not installed
    /// and need not be.
    ///
    /// # Panics
    /// When it must be installed and is not, or doesn't start.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    /// Starts a server.
    ///
    /// # Panics
    /// When PostgreSQL must be installed and is not, or doesn't start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("BINDERY_REQUIRE_POSTGRES").is_none(),
                "PostgreSQL is not installed, and BINDERY_REQUIRE_POSTGRES is set; install Debian's package \
                 `postgresql`"
            );
            eprintln!("SKIPPED: PostgreSQL is not installed, so nothing was shown about it");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("bindery-pg-").tempdir().unwrap().keep();
        let mut shell = shell(&directory);
        shell.args(["-c", SCRIPT, "sh"]).arg(&programs).arg(&directory);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let keeper = shell.process_group(0).current_dir("/").spawn().unwrap();
        let mut server = Self { directory, keeper };
        let mut said = String::new();
        BufReader::new(server.keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let log = || std::fs::read_to_string(server.directory.join("log")).unwrap_or_default();
        assert_eq!(said.trim(), "ready", "PostgreSQL did not start: {}", log());
        Some(server)
    }

    /// Where it is, as the URL of its one database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://bindery@localhost/postgres?host={}", self.directory.display())
    }

    /// A schema that no other test uses.
    #[must_use]
    pub fn fresh_schema(&self) -> PostgresOptions {
        static SCHEMAS: AtomicU32 = AtomicU32::new(0);
        let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        PostgresOptions { max_connections: 4, ..PostgresOptions::new(self.url(), format!("test_{number}")) }
    }

    /// Stops it at once, as a crash would, and starts it again.
    ///
    /// # Panics
    /// When it doesn't.
    pub fn crash_and_restart(&self) {
        self.control(&["-m", "immediate", "stop"]);
        self.control(&["-w", "-l", "log", "start"]);
    }

    /// Starts it again with a port of loopback, on which it shows this certificate, and gives the port. Its socket
    /// is another one from then on.
    ///
    /// # Panics
    /// When it doesn't.
    #[must_use]
    pub fn restart_with_tls(&self, certificate: &str, key: &str) -> u16 {
        for (name, text) in [("server.pem", certificate), ("server.key", key)] {
            let mut shell = shell(&self.directory);
            shell.args(["-c", r#"umask 077; cat >"$1""#, "sh"]).arg(self.directory.join(name));
            let mut writing = shell.stdin(Stdio::piped()).spawn().unwrap();
            writing.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(writing.wait().unwrap().success());
        }
        // Free a moment ago; when somebody takes it in between, the start fails and says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c ssl=on -c ssl_cert_file=../server.pem \
             -c ssl_key_file=../server.key"
        );
        self.control(&["-m", "fast", "-w", "stop"]);
        self.control(&["-w", "-l", "log", "-o", &options, "start"]);
        port
    }

    fn control(&self, arguments: &[&str]) {
        let mut shell = shell(&self.directory);
        shell.args(["-c", r#"cd "$1"; shift; exec "$@" >/dev/null 2>&1"#, "sh"]).arg(&self.directory);
        shell.arg(programs().unwrap().join("pg_ctl")).args(["-D", "data"]).args(arguments);
        assert!(shell.status().unwrap().success(), "pg_ctl {arguments:?}");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        _ = self.keeper.wait();
    }
}

/// Makes a cluster in `$2` by the programs in `$1`, serves until its input ends, and leaves nothing behind. The
/// language is one that orders names otherwise than by bytes.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
cd "$2" || exit
{
    "$1/initdb" -D data -U bindery -A trust -E UTF8 --no-sync --locale=C.UTF-8 --locale-provider=icu --icu-locale=en ||
    "$1/initdb" -D data -U bindery -A trust -E UTF8 --no-sync
} >log 2>&1 &&
printf "%s\n" "listen_addresses = ''" "unix_socket_directories = '$2'" "max_connections = 300" "fsync = off" \
    >>data/postgresql.conf &&
"$1/pg_ctl" -D data -w -l log start >/dev/null 2>&1 </dev/null && echo ready || echo failed
cat >/dev/null
"$1/pg_ctl" -D data -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$2"
"#;

/// PostgreSQL refuses to run as root; its package has made a user for it.
fn shell(directory: &Path) -> Command {
    let root = run("id", &["-u"]) == "0";
    if !root {
        return Command::new("sh");
    }
    if std::fs::metadata(directory).is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0) {
        run("chown", &[OsStr::new("postgres"), directory.as_os_str()]);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
    command
}

fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} failed");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The directory with the server's programs: on the path, or where Debian puts the newest.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join("initdb"));
    let mut packaged = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| {
            versions.flatten().map(|version| version.path().join("bin/initdb")).collect::<Vec<_>>()
        })
        .unwrap_or_default();
    packaged.sort();
    let initdb = on_path.chain(packaged.into_iter().rev()).find_map(|place| place.canonicalize().ok())?;
    let directory = initdb.parent()?;
    (directory.join("pg_ctl").exists() && directory.join("postgres").exists()).then(|| directory.to_owned())
}
