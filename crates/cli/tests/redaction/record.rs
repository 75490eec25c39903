//! Takes down what a test run must keep secret and what it logged, for the search that follows the run
//! (`redaction.rs`). Included by every test binary whose code logs; without `BINDERY_TEST_RECORD`, the directory
//! to write to, it does nothing. It must see secrets where they are made, sent or received, never where they
//! are logged.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use bindery_core::encoding::base64url;

pub(crate) mod listen;
pub(crate) mod message;

/// The variable that names the directory.
pub(crate) const DIRECTORY: &str = "BINDERY_TEST_RECORD";

/// By which the search knows this test binary.
pub(crate) const SUITE: &str = concat!(env!("CARGO_PKG_NAME"), ".", env!("CARGO_CRATE_NAME"));

/// A file of the record; nothing when there is none.
pub(crate) struct Page(Option<Mutex<File>>);

impl Page {
    fn open(name: &str) -> Self {
        Self(std::env::var_os(DIRECTORY).map(|directory| {
            let directory = PathBuf::from(directory);
            std::fs::create_dir_all(&directory).unwrap();
            let path = directory.join(format!("{SUITE}@{}.{name}", std::process::id()));
            Mutex::new(OpenOptions::new().create(true).append(true).open(path).unwrap())
        }))
    }

    /// The log of one process, which nothing else writes into.
    pub(crate) fn of_process() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self::open(&format!("{}.log", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        if let Some(file) = &self.0 {
            file.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes).unwrap();
        }
    }
}

/// From now on and before, no log of the run may hold this. One line per secret: what it is, and the text.
pub(crate) fn secret(what: &str, text: &str) {
    static SECRETS: OnceLock<Page> = OnceLock::new();
    let page = SECRETS.get_or_init(|| Page::open("secrets"));
    if page.0.is_some() {
        page.write(format!("{what}\t{}\n", base64url::encode(text.as_bytes())).as_bytes());
    }
}

/// A certificate that a client showed: a log that holds any part of it holds too much.
pub(crate) fn certificate(der: &[u8]) {
    let standard = base64url::encode(der).replace('-', "+").replace('_', "/");
    for line in standard.as_bytes().chunks(64) {
        secret("a client's certificate", &String::from_utf8_lossy(line));
    }
}

/// This was logged by the code that runs in this process: whole events.
pub(crate) fn log(bytes: &[u8]) {
    static EVENTS: OnceLock<Page> = OnceLock::new();
    EVENTS.get_or_init(|| Page::open("log")).write(bytes);
}

/// This is all that a process logged.
pub(crate) fn process(bytes: &[u8]) {
    Page::of_process().write(bytes);
}
