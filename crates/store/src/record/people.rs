//! People: their accounts, their sessions, what they have consented to.

use std::fmt;

use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;
use serde_json::Value;

/// A person who is signed in at one browser.
#[derive(Clone, PartialEq)]
pub struct SessionRecord {
    /// Names the session in tokens (`sid`, OpenID Connect Front-Channel Logout section 3). No secret.
    pub session_id: String,
    /// SHA-256 of the cookie that opens it; no two sessions share one.
    pub cookie_sha256: Sha256Digest,
    /// Who is signed in.
    pub subject: String,
    /// How, a JSON object: `auth_time`, `acr`, `amr`.
    pub details: Value,
    /// When it began.
    pub created_at: UnixTime,
    /// From this second on it is not accepted.
    pub expires_at: UnixTime,
    /// When it was ended, if it was.
    pub ended_at: Option<UnixTime>,
}

/// A person who can sign in here.
#[derive(Clone, PartialEq)]
pub struct AccountRecord {
    /// `sub`; never changes, never given twice.
    pub subject: String,
    /// What the person types, in the caller's normal form; once in a store.
    pub username: String,
    /// The password's hash as a PHC string, when the account has a password.
    pub password_hash: Option<String>,
    /// The hash of the code by which clients without a browser may ask the person (CIBA section 7.1), as a PHC
    /// string, when the person has one.
    pub user_code_hash: Option<String>,
    /// OpenID Connect standard claims (Core section 5.1), a JSON object.
    pub claims: Value,
    /// Public halves of passkeys, as their owner wrote them.
    pub passkeys: Value,
    /// A disabled account can't sign in.
    pub disabled: bool,
    /// Failed logins in a row, since the last one that succeeded or was forgotten.
    pub failed_logins: u32,
    /// When the last of them failed.
    pub failed_at: Option<UnixTime>,
    /// Until this second nobody signs in to it.
    pub locked_until: Option<UnixTime>,
    /// Counts the changes. A new record has 0.
    pub revision: u64,
    /// When it was made.
    pub created_at: UnixTime,
    /// When it was last changed.
    pub updated_at: UnixTime,
}

/// What a person has allowed a client, so that it is not asked again.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsentRecord {
    /// Who consented.
    pub subject: String,
    /// To whom.
    pub client_id: String,
    /// To which scope tokens.
    pub scope: Vec<String>,
    /// To what else, a JSON object: `authorization_details`, `claims`.
    pub details: Value,
    /// When.
    pub granted_at: UnixTime,
    /// From this second on it is asked again; `None` for never.
    pub expires_at: Option<UnixTime>,
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("session_id", &self.session_id)
            .field("subject", &self.subject)
            .field("expires_at", &self.expires_at)
            .field("ended_at", &self.ended_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AccountRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRecord")
            .field("subject", &self.subject)
            .field("disabled", &self.disabled)
            .field("failed_logins", &self.failed_logins)
            .field("locked_until", &self.locked_until)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
