//! Whether the file that is open is still the one at its path. SQLite in WAL mode goes on writing to a
//! file that was removed, and what it writes there is gone with the process; such a store is unavailable.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// The file as it was when it was opened.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: PathBuf,
    identity: Identity,
}

impl OpenFile {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }

    pub(super) fn require_in_place(&self, operation: &'static str) -> Result<(), StoreError> {
        match identity(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            Ok(_) => Err(self.gone(operation, "has been replaced by another file")),
            Err(_) => Err(self.gone(operation, "is not there any more")),
        }
    }

    fn gone(&self, operation: &'static str, what: &str) -> StoreError {
        let path = self.path.display();
        StoreError::Unavailable {
            operation,
            cause: format!("database `{path}` {what}; put it back and restart"),
        }
    }
}

#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(|_| ())
}
