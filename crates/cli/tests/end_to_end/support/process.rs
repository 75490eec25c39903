//! Child processes: started with a clean environment and the most talkative log, their output read as it
//! comes, waited for with a deadline, killed when dropped.

use std::io::Read;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::DEADLINE;
use super::watch::Watch;
use super::watch::record::Page;

/// Everything that our crates can log; of others what is worth a warning.
pub(crate) const LOG: &str = "warn,bindery=trace";

/// What a process has written so far.
#[derive(Default)]
pub(crate) struct Stream {
    state: Mutex<(String, bool)>,
    changed: Condvar,
}

impl Stream {
    /// Reads it as it comes, and writes it down where it is a log.
    fn follow(mut source: impl Read + Send + 'static, log: Option<Page>) -> Arc<Self> {
        let stream = Arc::new(Self::default());
        let writer = Arc::clone(&stream);
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            let mut pending = Vec::new();
            loop {
                let length = source.read(&mut buffer).unwrap_or(0);
                if let Some(log) = &log {
                    log.write(&buffer[..length]);
                }
                pending.extend_from_slice(&buffer[..length]);
                let mut state = writer.state.lock().unwrap();
                // Only whole characters; the rest waits for the next read.
                let whole = match std::str::from_utf8(&pending) {
                    Ok(text) => text.len(),
                    Err(error) => error.valid_up_to(),
                };
                let rest = pending.split_off(whole);
                state.0.push_str(&String::from_utf8(std::mem::replace(&mut pending, rest)).unwrap());
                state.1 = length == 0;
                writer.changed.notify_all();
                if length == 0 {
                    break;
                }
            }
        });
        stream
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        look(&self.state.lock().unwrap().0)
    }

    /// Waits until `look` finds something; panics at the deadline or when nothing more can come.
    fn wait_for<T>(&self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(found) = look(&state.0) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!state.1, "it ended without {what}:\n{}", state.0);
            assert!(!left.is_zero(), "no {what} within {DEADLINE:?}:\n{}", state.0);
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn wait_for_end(&self) {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self.state.lock().unwrap();
        while !state.1 {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it still runs after {DEADLINE:?}:\n{}", state.0);
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }
}

/// A process that is dead.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; nothing when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Requires this exit code, and shows everything when it is another one.
    #[track_caller]
    pub(crate) fn require(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The value of the line `name value` of stdout.
    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> String {
        let value = self.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no line {name}: {self:?}")).to_owned()
    }
}

/// A running process.
pub(crate) struct Process {
    child: Child,
    pub(crate) stdout: Arc<Stream>,
    pub(crate) stderr: Arc<Stream>,
}

/// The binary under test with these arguments, and nothing of this test's environment but the path.
pub(crate) fn command(arguments: &[&str], log: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bindery"));
    command.args(arguments);
    clean(&mut command, log);
    command
}

/// Leaves the path alone and sets the log.
pub(crate) fn clean(command: &mut Command, log: &str) {
    command.env_clear().env("BINDERY_LOG", log);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
}

impl Process {
    pub(crate) fn spawn(mut command: Command, name: &[&str], watch: &Watch) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Stream::follow(child.stdout.take().unwrap(), None);
        let stderr = Stream::follow(child.stderr.take().unwrap(), Some(Page::of_process()));
        watch.listen_to(name.join(" "), Arc::clone(&stderr));
        Self { child, stdout, stderr }
    }

    /// The addresses of its first `count` listeners, once they stand.
    pub(crate) fn listening(&self, count: usize) -> Vec<SocketAddr> {
        self.stderr.wait_for("listening address", |log| {
            let lines = log.lines().filter(|line| line.contains("event=\"listening\""));
            let addresses = lines
                .filter_map(|line| line.split("address=").nth(1)?.split_whitespace().next()?.parse().ok());
            let addresses: Vec<SocketAddr> = addresses.collect();
            (addresses.len() >= count).then_some(addresses)
        })
    }

    /// Waits until stderr has this text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        self.stderr.wait_for(text, |log| log.contains(text).then_some(()));
    }

    /// Waits until stdout has this text.
    pub(crate) fn wait_for_output(&self, text: &str) {
        self.stdout.wait_for(text, |output| output.contains(text).then_some(()));
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }

    /// SIGKILL: no warning, no end of anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(mut self) -> Finished {
        self.stdout.wait_for_end();
        self.stderr.wait_for_end();
        let code = self.child.wait().unwrap().code();
        Finished { code, stdout: self.stdout.read(str::to_owned), stderr: self.stderr.read(str::to_owned) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What was written last is read before anybody searches it.
        for stream in [&self.stdout, &self.stderr] {
            // A wait that panicked has poisoned the lock; what was written is there all the same.
            let mut state = stream.state.lock().unwrap_or_else(PoisonError::into_inner);
            while !state.1 {
                let waited = stream.changed.wait_timeout(state, DEADLINE);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}
