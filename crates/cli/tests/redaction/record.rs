//! Takes down what a test run must keep secret and what it logged, for the search that follows the run
//! (`redaction.rs`). Included by every test binary that logs; without `BINDERY_TEST_RECORD`, the directory to
//! write to, it does nothing. It must see secrets where they are made or received, not where they are logged.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use bindery_core::encoding::base64url;

/// The variable that names the directory.
pub(crate) const DIRECTORY: &str = "BINDERY_TEST_RECORD";

struct Record {
    secrets: Mutex<File>,
    log: Mutex<File>,
}

fn record() -> Option<&'static Record> {
    static RECORD: OnceLock<Option<Record>> = OnceLock::new();
    let open = || {
        let directory = PathBuf::from(std::env::var_os(DIRECTORY)?);
        std::fs::create_dir_all(&directory).unwrap();
        let program = std::env::current_exe().unwrap();
        let program = program.file_stem().unwrap().to_string_lossy().into_owned();
        let file = |kind: &str| {
            let path = directory.join(format!("{program}-{}.{kind}", std::process::id()));
            Mutex::new(OpenOptions::new().create(true).append(true).open(path).unwrap())
        };
        Some(Record { secrets: file("secrets"), log: file("log") })
    };
    RECORD.get_or_init(open).as_ref()
}

/// From now on and before, no log of the run may hold this. One line per secret: what it is, and the text.
pub(crate) fn secret(what: &str, text: &str) {
    if let Some(record) = record() {
        let line = format!("{what}\t{}\n", base64url::encode(text.as_bytes()));
        let mut file = record.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// This was logged.
pub(crate) fn log(bytes: &[u8]) {
    if let Some(record) = record() {
        let mut file = record.log.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(bytes).unwrap();
    }
}
