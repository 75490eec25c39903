//! What the authorization server stores, as plain values. Tokens and secrets are here only as SHA-256
//! digests, private keys only sealed; neither is ever shown by `Debug`. Nothing here judges a record.

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
}

/// One authorization: what a client may do, for whom, and under which key.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantRecord {
    /// Names the grant, in this store and in the tokens issued under it.
    pub grant_id: String,
    /// The client it was given to.
    pub client_id: String,
    /// The subject that tokens under it speak of (`sub`).
    pub subject: String,
    /// Granted scope tokens (RFC 6749 section 3.3).
    pub scope: Vec<String>,
    /// Granted audiences (RFC 8707 `resource`, RFC 9068 `aud`).
    pub audience: Vec<String>,
    /// The `cnf` claim that refreshes under this grant must prove (RFC 9449 section 5); `None` when the
    /// grant is bound to its client by authentication alone.
    pub bound_to: Option<Value>,
    /// When it was given.
    pub created_at: UnixTime,
    /// From this second on nothing under it is live. No token under a grant may outlive it.
    pub expires_at: UnixTime,
    /// When it was revoked, if it was.
    pub revoked_at: Option<UnixTime>,
}

/// A refresh token, known by its digest alone.
#[derive(Clone, PartialEq)]
pub struct RefreshTokenRecord {
    /// SHA-256 of the token.
    pub token_sha256: Sha256Digest,
    /// The grant it continues.
    pub grant_id: String,
    /// The client it was issued to.
    pub client_id: String,
    /// When it was issued.
    pub issued_at: UnixTime,
    /// From this second on it is not accepted.
    pub expires_at: UnixTime,
    /// When it was rotated away, if it was.
    pub spent_at: Option<UnixTime>,
    /// SHA-256 of the token that took its place.
    pub successor: Option<Sha256Digest>,
}

/// An opaque access token, known by its digest alone.
#[derive(Clone, PartialEq)]
pub struct AccessTokenRecord {
    /// SHA-256 of the token.
    pub token_sha256: Sha256Digest,
    /// The token's identifier, for the audit log and for introspection (`jti`).
    pub jti: String,
    /// The grant it was issued under, if that is stored.
    pub grant_id: Option<String>,
    /// The client it was issued to.
    pub client_id: String,
    /// Whom it speaks of (`sub`).
    pub subject: String,
    /// Its scope tokens.
    pub scope: Vec<String>,
    /// The resource servers it is for.
    pub audience: Vec<String>,
    /// Its `cnf` claim; `None` for an unbound token.
    pub confirmation: Option<Value>,
    /// When it was issued.
    pub issued_at: UnixTime,
    /// From this second on it is not live.
    pub expires_at: UnixTime,
    /// Further claims, for introspection (RFC 7662 section 2.2).
    pub claims: Value,
}

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

impl fmt::Debug for ClientRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRecord")
            .field("client_id", &self.client_id)
            .field("has_secret", &self.secret_sha256.is_some())
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RefreshTokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokenRecord")
            .field("grant_id", &self.grant_id)
            .field("client_id", &self.client_id)
            .field("expires_at", &self.expires_at)
            .field("spent_at", &self.spent_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AccessTokenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenRecord")
            .field("jti", &self.jti)
            .field("grant_id", &self.grant_id)
            .field("client_id", &self.client_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
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
