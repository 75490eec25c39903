//! Password hashes: Argon2id (RFC 9106) with the parameters that OWASP recommends, as PHC strings, with a
//! random salt each. Hashing waits for its turn, because each hash takes 19 MiB and a core: whoever sends
//! many passwords waits, and the rest of the server goes on.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use bindery_crypto::random_bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// Memory in KiB, passes, lanes (OWASP password storage: 19 MiB, 2, 1).
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Nobody's password: what the passwords of unknown and locked accounts are compared with, so that their
/// answers take the same work as all others.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Tm9ib2R5J3Mgc2FsdC4uLg$\
                      pl1fwHq2oVbtE3cXk6kMZ4nQyNnJ0Jv5rX8Vb9c1ZtA";

/// What became of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum PasswordVerdict {
    /// It is the account's. With `outdated`, its hash should be made anew with today's parameters.
    Right {
        /// Whether the hash is weaker than those made today.
        outdated: bool,
    },
    /// It is not, or there is no account.
    Wrong,
}

/// Why a password was not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashingFailed {
    /// Too many wait already.
    Busy,
    /// The random source or the library failed.
    Failed,
}

impl fmt::Display for HashingFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "too many passwords wait to be hashed",
            Self::Failed => "the password can't be hashed: the machine's random source or memory fails",
        })
    }
}

impl std::error::Error for HashingFailed {}

/// The turns.
pub(crate) struct PasswordHashing {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl PasswordHashing {
    pub(crate) fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::new(Semaphore::new(waiting.saturating_add(at_once))),
        }
    }

    /// Compares `password` with an account's hash, or with nobody's where there is none: the same work.
    ///
    /// # Errors
    /// [`HashingFailed`]; the password was not compared.
    pub(crate) async fn verify(
        &self,
        password: Zeroizing<String>,
        hash: Option<&str>,
    ) -> Result<PasswordVerdict, HashingFailed> {
        let turn = self.turn().await?;
        let hash = hash.map(|hash| Zeroizing::new(hash.to_owned()));
        let compared = tokio::task::spawn_blocking(move || {
            let verdict = verify(&password, hash.as_ref().map(|hash| hash.as_str()));
            drop(turn);
            verdict
        });
        compared.await.map_err(|_| HashingFailed::Failed)
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`HashingFailed`].
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<String, HashingFailed> {
        let turn = self.turn().await?;
        let hashed = tokio::task::spawn_blocking(move || {
            let hash = hash_password(&password);
            drop(turn);
            hash
        });
        hashed.await.map_err(|_| HashingFailed::Failed)?
    }

    /// A turn, after those who came before; none when too many wait.
    async fn turn(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), HashingFailed> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| HashingFailed::Busy)?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(|_| HashingFailed::Failed)?;
        Ok((place, turn))
    }
}

/// Hashes a password that was brought to its one spelling; takes tens of milliseconds and 19 MiB.
///
/// # Errors
/// [`HashingFailed::Failed`] when the random source or the library fails.
pub(crate) fn hash_password(password: &str) -> Result<String, HashingFailed> {
    let salt = random_bytes::<16>().map_err(|_| HashingFailed::Failed)?;
    let argon2 = argon2().ok_or(HashingFailed::Failed)?;
    let hash: PasswordHash =
        argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| HashingFailed::Failed)?;
    Ok(hash.to_string())
}

fn verify(password: &str, hash: Option<&str>) -> PasswordVerdict {
    let parsed = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let known = parsed.is_some();
    let Some(compared) = parsed.or_else(|| PasswordHash::new(NOBODY).ok()) else {
        return PasswordVerdict::Wrong;
    };
    // The parameters are those of the hash.
    let right = Argon2::default().verify_password(password.as_bytes(), &compared).is_ok();
    match right && known {
        true => PasswordVerdict::Right { outdated: is_outdated(&compared) },
        false => PasswordVerdict::Wrong,
    }
}

fn is_outdated(hash: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(hash) else { return true };
    hash.algorithm.as_str() != Algorithm::Argon2id.as_str()
        || params.m_cost() < MEMORY
        || params.t_cost() < PASSES
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_with_todays_parameters_and_a_salt_of_its_own() {
        let (one, two) = (hash_password("correct horse").unwrap(), hash_password("correct horse").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        assert_eq!(verify("correct horse", Some(&one)), PasswordVerdict::Right { outdated: false });
        assert_eq!(verify("Correct horse", Some(&one)), PasswordVerdict::Wrong);
    }

    #[test]
    fn nobodys_password_is_compared_like_every_other_and_never_right() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert!(!is_outdated(&nobody), "an unknown account takes the work of a known one");
        assert_eq!(verify("anything", None), PasswordVerdict::Wrong);
        assert_eq!(verify("anything", Some("not a hash")), PasswordVerdict::Wrong);
    }

    #[test]
    fn a_weaker_hash_is_right_and_outdated() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let hash: PasswordHash = weak.hash_password_with_salt(b"secret", b"a salt of 16 byt").unwrap();
        assert_eq!(verify("secret", Some(&hash.to_string())), PasswordVerdict::Right { outdated: true });
    }

    #[tokio::test]
    async fn refuses_when_too_many_wait() {
        let hashing = PasswordHashing::new(1, 1);
        let (first, second) =
            (hashing.turn().await.unwrap(), Arc::clone(&hashing.waiting).try_acquire_owned());
        let password = Zeroizing::new("x".to_owned());
        assert_eq!(hashing.verify(password, None).await, Err(HashingFailed::Busy));
        drop((first, second));
        let password = Zeroizing::new("x".to_owned());
        assert_eq!(hashing.verify(password, None).await, Ok(PasswordVerdict::Wrong));
    }
}
