//! Clients, and the keys that nobody may use any more.

use std::fmt;

use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use serde_json::Value;

/// A registered client (RFC 7591 section 2).
#[derive(Clone, PartialEq)]
pub struct ClientRecord {
    /// `client_id`.
    pub client_id: String,
    /// The client's metadata members, as the authorization server reads them (RFC 7591 section 2).
    pub metadata: Value,
    /// SHA-256 of the client secret, when the client has one.
    pub secret_sha256: Option<Sha256Digest>,
    /// A disabled client can't authenticate, and what it holds is not live.
    pub disabled: bool,
    /// When it was registered.
    pub created_at: UnixTime,
    /// When it was last changed.
    pub updated_at: UnixTime,
    /// What the operator's side knows of it, a JSON object: who registered it, the digest of its registration
    /// access token, a former secret, its policy.
    pub registration: Value,
    /// Which state this is; the store raises it by one with each change, and a change names the one it read.
    pub revision: u64,
}

/// What a blocked thumbprint is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockedKind {
    /// A DPoP key (`jkt`, RFC 9449 section 6.1).
    Dpop,
    /// A certificate (`x5t#S256`, RFC 8705 section 3.1).
    Certificate,
}

impl BlockedKind {
    /// The kind's name in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dpop => "dpop",
            Self::Certificate => "certificate",
        }
    }

    /// The kind of that name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Dpop, Self::Certificate].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A key or certificate that opens nothing any more, whatever it is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedKeyRecord {
    /// Its thumbprint, 43 characters of base64url.
    pub thumbprint: String,
    /// What it is the thumbprint of.
    pub kind: BlockedKind,
    /// The client that used it, when that is known.
    pub client_id: Option<String>,
    /// Why it was blocked, in the operator's words.
    pub reason: String,
    /// When it was blocked.
    pub blocked_at: UnixTime,
}

/// A client that is disabled by its name, wherever it is registered: so that one of the configuration file can be
/// disabled while the server runs, and stays so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarredClientRecord {
    /// `client_id`.
    pub client_id: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Whether it was offboarded, and not merely disabled.
    pub offboarded: bool,
    /// Since when.
    pub barred_at: UnixTime,
}

impl fmt::Debug for ClientRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRecord")
            .field("client_id", &self.client_id)
            .field("has_secret", &self.secret_sha256.is_some())
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}
