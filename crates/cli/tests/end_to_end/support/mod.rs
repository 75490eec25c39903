//! What the tests share: a stage with a directory, a certification authority and a watch over everything
//! that is logged; processes; an estate of one server and its gateways; a thief's pen and a thief's socket.
//! It decides nothing about the product.

pub(crate) mod certificates;
pub(crate) mod chromium;
pub(crate) mod estate;
pub(crate) mod forgery;
pub(crate) mod process;
pub(crate) mod upstream;
pub(crate) mod watch;
pub(crate) mod wire;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use certificates::Authority;
use process::{Finished, Process};
use watch::Watch;

/// How long anything may take before a test gives up waiting.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// One test's directory, authority and watch. When it falls, everything that its processes logged is
/// searched for everything that they must keep to themselves.
pub(crate) struct Stage {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) authority: Authority,
    pub(crate) watch: Arc<Watch>,
    log: &'static str,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::logging(process::LOG)
    }

    /// A stage whose processes log this much.
    pub(crate) fn logging(log: &'static str) -> Self {
        let directory = tempfile::Builder::new().prefix("bindery-test-").tempdir().unwrap();
        let stage = Self { directory, authority: Authority::new(), watch: Arc::default(), log };
        stage.write("ca.pem", &stage.authority.root_pem());
        let server = stage.authority.server();
        stage.write("server.pem", &server.certificate);
        stage.write("server.key", &server.key);
        stage.secret("the server's private key", &server.key);
        stage
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = PathBuf::from(self.path(name));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.path(name)
    }

    /// Nothing may log this from now on, nor have logged it.
    pub(crate) fn secret(&self, what: &str, text: &str) {
        self.watch.keep_secret(what, text);
    }

    /// Starts the binary.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Process {
        Process::spawn(process::command(arguments, self.log), arguments, &self.watch)
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.spawn(arguments).wait()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.watch.require_silence();
        }
    }
}

/// A port of loopback for a server whose configuration must name it before it starts. Taken from below the
/// range from which the system gives ports away, so that nobody else gets it in between.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 97).unwrap() * 100;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
