//! Encryption between the server and one client: what is answered, to the key that the client registered for
//! it (OpenID Connect Core section 10.2, JARM section 2.2, RFC 9701 section 5); request objects, to a key of ours
//! (RFC 9101 section 6.1). Encryption proves no sender: everything is signed too, and verified after decryption.

use std::borrow::Cow;

use bindery_core::jose::encryption::EncryptionJwk;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::client_openid::ResponseEncryption;
use bindery_core::time::UnixTime;
use bindery_crypto::jwe::{self, JweInvalid, Recipient};

use crate::client_keys::DecidedByKeys;
use crate::event::AuditEvent;
use crate::server::Server;

/// `cty` of a message that holds a JWT (RFC 7519 section 5.2).
pub(crate) const JWT: &str = "JWT";

/// Nothing could be encrypted to the client, so nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotEncrypted;

/// Encrypts `payload` to `client` as it registered: to the first of its keys that is for encryption and fits. A
/// set that has none is fetched once more, at most as often as `client_keys` allows.
///
/// # Errors
/// [`NotEncrypted`] when the client has no such key now, or encryption fails; the operator is told which.
pub(crate) async fn encrypt_for_client(
    server: &Server,
    client: &ClientMetadata,
    payload: &str,
    encryption: ResponseEncryption,
    content_type: Option<&str>,
    now: UnixTime,
) -> Result<String, NotEncrypted> {
    let refused = |reason| {
        server.audit.record(AuditEvent::NotEncrypted { client_id: &client.client_id, reason });
        NotEncrypted
    };
    let encrypted = server.decide_by_keys(client, now, |set| {
        let fits = |jwk: &&EncryptionJwk| jwk.allows(encryption.key_management);
        let jwk = set.encryption_keys.iter().find(fits).ok_or(NoRecipient::Lacking)?;
        let recipient = Recipient {
            key: &jwk.key,
            key_id: jwk.key_id.as_deref(),
            algorithm: encryption.key_management,
            encryption: encryption.content,
        };
        jwe::encrypt(payload.as_bytes(), &recipient, content_type).map_err(|_| NoRecipient::Unusable)
    });
    encrypted.await.map_err(|none| refused(none.reason()))
}

/// Why there is no key to encrypt to.
enum NoRecipient {
    Unavailable,
    Lacking,
    Unusable,
}

impl NoRecipient {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable => "keys_unavailable",
            Self::Lacking => "no_key",
            Self::Unusable => "key_unusable",
        }
    }
}

impl DecidedByKeys for NoRecipient {
    const UNAVAILABLE: Self = Self::Unavailable;

    fn lacks_a_key(&self) -> bool {
        matches!(self, Self::Lacking)
    }
}

/// The JWT in a request object: what is in it when it is encrypted, or the object itself. It is unverified
/// either way.
///
/// # Errors
/// [`JweInvalid`] when it is encrypted and does not decrypt to text; for the operator's eyes.
pub(crate) fn decrypt_request_object<'t>(server: &Server, text: &'t str) -> Result<Cow<'t, str>, JweInvalid> {
    if !looks_encrypted(text) {
        return Ok(Cow::Borrowed(text));
    }
    let inner = server.encryption_keys.current().decrypt(text)?;
    let inner = std::str::from_utf8(&inner).map_err(|_| JweInvalid::Encoding)?;
    // One layer: a message in a message is nobody's request.
    if looks_encrypted(inner) {
        return Err(JweInvalid::Segments);
    }
    Ok(Cow::Owned(inner.to_owned()))
}

/// RFC 7516 section 9: five segments, where a signed object has three.
fn looks_encrypted(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 4
}
