//! What the operator's side knows of a client beside its metadata, as it stands in the store: who registered
//! it, the digest of its registration access token, a secret that is being replaced. The client never sees
//! or says any of it.

use std::fmt;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::encoding::base64url;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_store::record::ClientRecord;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::narrowed::Narrowed;

/// The facts of one client.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    /// Who registered it: an administrator, or nobody when it registered itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registered_by: Option<String>,
    /// The public name of the initial access token that it registered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) initial_access_token: Option<String>,
    /// SHA-256 of its registration access token (RFC 7592 section 1.2), base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_access_token_sha256: Option<String>,
    /// The secret before this one, while both are good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) former_secret: Option<FormerSecret>,
    /// It registered itself and was never used; from this second on it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    unused_until: Option<i64>,
    /// It was offboarded at this second and never comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    offboarded_at: Option<i64>,
    /// What an administrator said of members that the client may say itself.
    #[serde(skip_serializing_if = "Narrowed::is_empty")]
    pub(crate) narrowed: Narrowed,
    /// Why, in the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offboarded_because: Option<String>,
}

/// A secret that is good until a date, beside the one that took its place.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct FormerSecret {
    sha256: String,
    until: i64,
}

impl Facts {
    /// Those of a client that an administrator registers.
    pub(crate) fn registered_by(administrator: &str) -> Self {
        Self { registered_by: Some(administrator.into()), ..Self::default() }
    }

    /// The facts of a stored client. What can't be read is as if it were not there: no token opens it.
    pub(crate) fn of(record: &ClientRecord) -> Self {
        serde_json::from_value(record.registration.clone()).unwrap_or_default()
    }

    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Remembers a registration access token by its digest, in place of the one before.
    pub(crate) fn set_registration_access_token(&mut self, token: &str) {
        let digest = AwsLc.sha256(&[token.as_bytes()]);
        self.registration_access_token_sha256 = Some(base64url::encode(digest));
    }

    /// No registration access token opens the client any more.
    pub(crate) fn forget_registration_access_token(&mut self) {
        self.registration_access_token_sha256 = None;
    }

    pub(crate) const fn has_registration_access_token(&self) -> bool {
        self.registration_access_token_sha256.is_some()
    }

    /// Requires that `token` is the client's registration access token, compared in constant time.
    ///
    /// # Errors
    /// [`NotItsToken`].
    pub(crate) fn require_registration_access_token(&self, token: &str) -> Result<(), NotItsToken> {
        let digest = base64url::encode(AwsLc.sha256(&[token.as_bytes()]));
        let known = self.registration_access_token_sha256.as_deref().unwrap_or_default();
        match bool::from(known.as_bytes().ct_eq(digest.as_bytes())) {
            true => Ok(()),
            false => Err(NotItsToken),
        }
    }

    pub(crate) fn unused_until(&self) -> Option<UnixTime> {
        self.unused_until.map(UnixTime::from_seconds)
    }

    pub(crate) fn set_unused_until(&mut self, until: Option<UnixTime>) {
        self.unused_until = until.map(UnixTime::as_seconds);
    }

    pub(crate) fn offboarded_at(&self) -> Option<UnixTime> {
        self.offboarded_at.map(UnixTime::from_seconds)
    }

    pub(crate) fn set_offboarded(&mut self, at: UnixTime, reason: &str) {
        self.offboarded_at = Some(at.as_seconds());
        self.offboarded_because = Some(reason.into());
    }
}

/// The token is another's, an old one, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotItsToken;

impl FormerSecret {
    pub(crate) fn new(digest: &Sha256Digest, until: UnixTime) -> Self {
        Self { sha256: base64url::encode(digest), until: until.as_seconds() }
    }

    pub(crate) const fn until(&self) -> UnixTime {
        UnixTime::from_seconds(self.until)
    }

    /// Its digest, base64url.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("registered_by", &self.registered_by)
            .field("unused_until", &self.unused_until)
            .field("offboarded_at", &self.offboarded_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FormerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormerSecret").field("until", &self.until).finish_non_exhaustive()
    }
}
