//! Keys of the server itself; what is secret about them arrives and leaves sealed.

use std::fmt;

use bindery_core::time::UnixTime;
use serde_json::Value;

/// Where a signing key stands in its life. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SigningKeyState {
    /// Published, so that everyone has it before the first signature.
    Pending,
    /// Signs.
    Active,
    /// Signs no more; published until what it signed has expired.
    Retired,
}

impl SigningKeyState {
    /// The state's name in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// The state of that name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Retired].into_iter().find(|state| state.as_str() == name)
    }
}

/// A key that signs tokens, its private half sealed by the caller.
#[derive(Clone, PartialEq)]
pub struct SigningKeyRecord {
    /// `kid`.
    pub key_id: String,
    /// The registered name of its algorithm (`alg`).
    pub algorithm: String,
    /// The sealed private key. The store can't open it.
    pub sealed_private: Vec<u8>,
    /// The public key as the JWK set shows it.
    pub public_jwk: Value,
    /// Where it stands.
    pub state: SigningKeyState,
    /// When it was made.
    pub created_at: UnixTime,
    /// When it began to sign.
    pub activated_at: Option<UnixTime>,
    /// When it ceased to sign.
    pub retired_at: Option<UnixTime>,
}

/// A key of the nonce ring, sealed by the caller.
#[derive(Clone, PartialEq, Eq)]
pub struct NonceKeyRecord {
    /// Its place in the ring, as nonces name it.
    pub id: u8,
    /// The sealed key. The store can't open it.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: UnixTime,
}

/// A key for some other purpose (cookies, ..), sealed by the caller.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKeyRecord {
    /// What it is for; keys of different purposes never meet.
    pub purpose: String,
    /// Names it among the keys of its purpose.
    pub key_id: String,
    /// The sealed key. The store can't open it.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: UnixTime,
}

impl fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeyRecord")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NonceKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceKeyRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for SealedKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedKeyRecord")
            .field("purpose", &self.purpose)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
