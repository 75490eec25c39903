//! Grants and the tokens under them.

use std::fmt;

use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use serde_json::Value;

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
    /// The session (`sid`) of the person who gave it, when one did.
    pub session_id: Option<String>,
    /// What else its tokens will say or depend on, a JSON object: `auth_time`, `acr`, `amr`,
    /// `authorization_details`, `claims`, `act`.
    pub details: Value,
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

/// Which grants are meant. A member that is `None` leaves them all; the default means every grant there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantFilter {
    /// Those of this client.
    pub client_id: Option<String>,
    /// Those that speak of this subject.
    pub subject: Option<String>,
    /// Those that were given in this session.
    pub session_id: Option<String>,
    /// Those that are neither revoked nor expired at this moment.
    pub live_at: Option<UnixTime>,
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
