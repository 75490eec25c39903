//! Things that wait to be used once: codes, pushed requests, interactions. The store knows them by the
//! digest of the secret that opens them.

use std::fmt;

use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use serde_json::Value;

/// What waits. Each kind has a room of its own: the key of one never opens another (CVE-2026-4282's class).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PendingKind {
    /// A pushed authorization request, by its `request_uri` (RFC 9126 section 2.2).
    PushedRequest,
    /// An authorization code (RFC 6749 section 4.1.2).
    AuthorizationCode,
    /// What a person is being asked, from the first page to the answer.
    Interaction,
    /// A device code, with the user code as its alias (RFC 8628 section 3.2).
    DeviceCode,
    /// A backchannel authentication request, by its `auth_req_id` (CIBA section 7.3).
    BackchannelRequest,
    /// A passkey ceremony that has begun (WebAuthn section 13.4.3: its challenge is used once).
    PasskeyCeremony,
    /// An initial access token (RFC 7591 section 1.2).
    InitialAccessToken,
    /// Nothing: what a failed login of an unknown name writes, so that it takes as long as one of a known name.
    LoginDecoy,
    /// A logout that a person has yet to confirm.
    LogoutRequest,
    /// A logout token that a client has yet to receive.
    BackchannelLogout,
    /// The news for a client that a person has answered (CIBA section 10.2).
    BackchannelPing,
    /// A request object that was fetched by reference (RFC 9101 section 5.2).
    RequestObject,
}

impl PendingKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::PushedRequest,
        Self::AuthorizationCode,
        Self::Interaction,
        Self::DeviceCode,
        Self::BackchannelRequest,
        Self::PasskeyCeremony,
        Self::InitialAccessToken,
        Self::LoginDecoy,
        Self::LogoutRequest,
        Self::BackchannelLogout,
        Self::BackchannelPing,
        Self::RequestObject,
    ];

    /// The kind's name in stores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PushedRequest => "pushed_request",
            Self::AuthorizationCode => "authorization_code",
            Self::Interaction => "interaction",
            Self::DeviceCode => "device_code",
            Self::BackchannelRequest => "backchannel_request",
            Self::PasskeyCeremony => "passkey_ceremony",
            Self::InitialAccessToken => "initial_access_token",
            Self::LoginDecoy => "login_decoy",
            Self::LogoutRequest => "logout_request",
            Self::BackchannelLogout => "backchannel_logout",
            Self::BackchannelPing => "backchannel_ping",
            Self::RequestObject => "request_object",
        }
    }

    /// The kind of that name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A short-lived thing that is looked up by a secret's digest, changed under a revision, and spent once.
#[derive(Clone, PartialEq)]
pub struct PendingRecord {
    /// What it is.
    pub kind: PendingKind,
    /// SHA-256 of the secret that opens it; once per kind.
    pub key_sha256: Sha256Digest,
    /// SHA-256 of a second name (a user code); once per kind.
    pub alias_sha256: Option<Sha256Digest>,
    /// The client it belongs to, when it belongs to one.
    pub client_id: Option<String>,
    /// The person it waits for, when it waits for one.
    pub subject: Option<String>,
    /// What it stands for, as its owner wrote it.
    pub payload: Value,
    /// Counts the changes of the payload. A new record has 0.
    pub revision: u64,
    /// When it was made.
    pub created_at: UnixTime,
    /// From this second on it is not accepted.
    pub expires_at: UnixTime,
    /// From this second on it may be purged; until then a reuse is recognised. Not before `expires_at`.
    pub forget_at: UnixTime,
    /// When it was spent, if it was.
    pub spent_at: Option<UnixTime>,
}

impl fmt::Debug for PendingRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRecord")
            .field("kind", &self.kind)
            .field("client_id", &self.client_id)
            .field("revision", &self.revision)
            .field("expires_at", &self.expires_at)
            .field("spent_at", &self.spent_at)
            .finish_non_exhaustive()
    }
}
