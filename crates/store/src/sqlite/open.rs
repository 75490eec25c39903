//! Opening the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How far an answered write is on its way to the disk (`PRAGMA synchronous`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Each answered write survives `kill -9` and the loss of power.
    #[default]
    Full,
    /// Each answered write survives `kill -9`; the last ones may be lost with the power. The file is never
    /// damaged. Several times faster on slow disks.
    Normal,
}

/// How a file is opened. `SqliteOptions::default()` is right for production.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// When a write counts as done.
    pub synchronous: Synchronous,
    /// How long a call waits for another process that writes.
    pub busy_timeout: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { synchronous: Synchronous::Full, busy_timeout: Duration::from_secs(5) }
    }
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("database `{}`: {rule} ({cause}); {remedy}", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// The rule that was not met.
    pub rule: &'static str,
    /// What was found.
    pub cause: String,
    /// What mends it.
    pub remedy: &'static str,
}

/// The authorization store in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens the file at `path`, makes it when it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// [`OpenError`], with the path, the rule and the remedy.
    pub async fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let _ = options;
        Err(OpenError { path: path.to_owned(), rule: "not built yet", cause: String::new(), remedy: "wait" })
    }
}
