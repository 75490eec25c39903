//! The key under which signing and nonce keys are sealed at rest. It comes from a file that only its owner
//! may read, made at the first start where none was configured; the store never sees it.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_crypto::seal::Sealer;
use bindery_crypto::{AwsLc, random_bytes};
use zeroize::Zeroizing;

use crate::configuration::{ConfigurationInvalid, invalid};

/// The fewest bytes of a secret file that are taken as a key.
const MINIMUM_SECRET: usize = 32;

/// What the key file gives: a key that seals, and another from which further ones are derived. Neither tells
/// anything of the other.
pub struct SealingKey {
    sealing: Zeroizing<[u8; 32]>,
    derivation: MacKey,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(redacted)")
    }
}

impl SealingKey {
    /// A key that is gone with the process, for stores that are too.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] when the random source fails.
    pub fn ephemeral() -> Result<Self, ConfigurationInvalid> {
        let key = random_bytes::<32>().map_err(|error| {
            invalid("key_file", "", error.to_string(), "repair the machine's random source")
        })?;
        Ok(Self::of(&MacKey::new(key)))
    }

    fn of(root: &MacKey) -> Self {
        Self {
            sealing: Zeroizing::new(AwsLc.hmac_sha256(root, &[b"bindery sealing key 1"])),
            derivation: MacKey::new(AwsLc.hmac_sha256(root, &[b"bindery derivation key 1"])),
        }
    }

    /// Reads a secret file of at least 32 bytes.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] when it can't be read, is too short, or others may read it.
    pub fn from_file(path: &Path) -> Result<Self, ConfigurationInvalid> {
        let unreadable = |error: std::io::Error| {
            invalid("key_file", path.display(), error.to_string(), "let the server's user read it")
        };
        require_private(path).map_err(unreadable)??;
        let secret = Zeroizing::new(fs::read(path).map_err(unreadable)?);
        if secret.len() < MINIMUM_SECRET {
            let rule = "it holds fewer than 32 bytes";
            return Err(invalid("key_file", path.display(), rule, "write 32 random bytes into it"));
        }
        // A file of any length becomes a key of one purpose.
        Ok(Self::of(&MacKey::new(AwsLc.sha256(&[&secret]))))
    }

    /// Reads the file, or makes it with mode 0600 when there is none. It appears with all its bytes or not at
    /// all, so a process that dies here leaves nothing that the next one would stumble over.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] as [`Self::from_file`], or when it can't be made.
    pub fn load_or_generate(path: &Path) -> Result<Self, ConfigurationInvalid> {
        if !path.exists() {
            generate(path).map_err(|error| {
                let remedy = "let the server's user write the directory once";
                invalid("key_file", path.display(), error.to_string(), remedy)
            })?;
        }
        Self::from_file(path)
    }

    /// A key for one purpose that lasts as long as the key file and tells nothing of it.
    pub(crate) fn derived(&self, purpose: &str) -> MacKey {
        let parts: [&[u8]; 2] = [b"bindery derived key 1\0", purpose.as_bytes()];
        MacKey::new(AwsLc.hmac_sha256(&self.derivation, &parts))
    }

    pub(crate) fn sealer(&self) -> Sealer {
        Sealer::new(*self.sealing)
    }
}

/// Draws a key into a file of its own, and gives it the name that is waited for. Who finds that name taken
/// leaves it alone: another process was first.
fn generate(path: &Path) -> std::io::Result<()> {
    let secret = random_bytes::<32>().map_err(std::io::Error::other)?;
    let text = Zeroizing::new(base64url::encode(Zeroizing::new(secret)));
    let suffix = base64url::encode(random_bytes::<9>().map_err(std::io::Error::other)?);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{suffix}"));
    let draft = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let named = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match named {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        // What will be sealed with the key outlives a loss of power, so the key's name must too.
        _ => sync_directory(path),
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn require_private(path: &Path) -> std::io::Result<Result<(), ConfigurationInvalid>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(Ok(()));
    }
    let rule = format!("its mode is {mode:o}, so others than its owner may read or change it");
    Ok(Err(invalid("key_file", path.display(), rule, "run `chmod 600` on it")))
}

#[cfg(not(unix))]
fn require_private(_: &Path) -> std::io::Result<Result<(), ConfigurationInvalid>> {
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_seals_derives_nothing() {
        let root = MacKey::new([7; 32]);
        let key = SealingKey::of(&root);
        let by_sealing = MacKey::new(*key.sealing);
        let parts: [&[u8]; 2] = [b"bindery derived key 1\0", b"x"];
        let derived = *key.derived("x").expose_bytes();
        assert_ne!(derived, AwsLc.hmac_sha256(&by_sealing, &parts));
        assert_ne!(derived, AwsLc.hmac_sha256(&root, &parts));
        assert_ne!(*key.sealing, *key.derivation.expose_bytes());
        assert_ne!(derived, *key.derived("y").expose_bytes());
    }
}
