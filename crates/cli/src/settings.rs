//! Configuration files: TOML, unknown options refused, every error with file, place and remedy. Reading is
//! all that happens here; what values mean is for the crate that they configure.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::de::DeserializeOwned;

/// The longest file that is read, in bytes.
const MAXIMUM: u64 = 4 * 1024 * 1024;

/// Reads `path` as TOML into `T`.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let shown = path.display();
    let length = std::fs::metadata(path)
        .with_context(|| {
            format!("{shown} can't be read; give the path of a configuration file with --config")
        })?
        .len();
    if length > MAXIMUM {
        bail!(
            "{shown} has {length} bytes; a configuration file has at most {MAXIMUM}, so this is another file"
        );
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{shown} can't be read as UTF-8 text"))?;
    toml::from_str(&text).with_context(|| format!("{shown} is not a valid configuration"))
}

/// Reads a file that an option names.
pub(crate) fn read_file(option: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{option} {}: can't be read", path.display()))
}

/// Reads a file of secrets that an option names, if it is as private as [`require_private`] wants.
pub(crate) fn read_secret(option: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    require_private(option, path)?;
    read_file(option, path)
}

/// One rule for every key, password and token that an operator hands over: its owner may do anything, its group may
/// read it (TLS keys and mounted secrets often belong to a group of services), and nobody else may do anything. What
/// the server makes for itself, its store and the store's key, is its owner's alone.
#[cfg(unix)]
pub(crate) fn require_private(option: &str, path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // A file that isn't there is for its reader to complain about.
    let Ok(file) = std::fs::metadata(path) else { return Ok(()) };
    let mode = file.permissions().mode() & 0o777;
    if mode & 0o037 != 0 {
        bail!(
            "{option} {}: its mode is {mode:o}, so others than its owner may change it or others than its group read \
             it; run `chmod 600` on it, or `chmod 640`",
            path.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn require_private(_: &str, _: &Path) -> anyhow::Result<()> {
    Ok(())
}
