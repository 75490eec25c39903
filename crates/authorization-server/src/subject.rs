//! How people are named, and their sessions to a client (OpenID Connect Core section 8): the same names for all clients,
//! or pairwise ones that two clients can't compare. The store knows people and sessions by our own names alone.

use std::borrow::Cow;

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::client_openid::SubjectType;
use bindery_core::oauth::subject::CLIENT_NAMESPACE;
use bindery_crypto::AwsLc;
use bindery_crypto::pseudonym::Pseudonyms;
use bindery_crypto::seal::SealingFailed;

use crate::key_sealing::SealingKey;
use crate::server::Server;

/// Under which pairwise names are made; as lasting as the sealing key, and each issuer's own.
pub(crate) struct PairwiseKeys {
    subjects: MacKey,
    sessions: Pseudonyms,
}

impl PairwiseKeys {
    /// Two issuers that share a sealing key name people differently.
    pub(crate) fn derive(sealing_key: &SealingKey, issuer: &str) -> Self {
        let sessions = sealing_key.derived(&format!("pairwise sessions\0{issuer}"));
        Self {
            subjects: sealing_key.derived(&format!("pairwise subjects\0{issuer}")),
            sessions: Pseudonyms::new(*sessions.expose_bytes()),
        }
    }

    /// OpenID Connect Core section 8.1: not to be reversed, not to be told from another person's.
    fn subject(&self, sector: &str, subject: &str) -> String {
        base64url::encode(AwsLc.hmac_sha256(&self.subjects, &[sector.as_bytes(), b"\0", subject.as_bytes()]))
    }
}

/// `sub` of `subject` for `client`.
pub(crate) fn for_client<'s>(server: &Server, client: &ClientMetadata, subject: &'s str) -> Cow<'s, str> {
    match pairwise_sector(client) {
        // A client that speaks for itself is nobody to hide.
        Some(sector) if !subject.starts_with(CLIENT_NAMESPACE) => {
            Cow::Owned(server.pairwise_keys.subject(sector, subject))
        }
        _ => Cow::Borrowed(subject),
    }
}

/// `sid` of a session for `client`. By a `sid` that is the same everywhere two clients would know a person again.
///
/// # Errors
/// [`SealingFailed`] when the library fails.
pub(crate) fn session_for_client<'s>(
    server: &Server,
    client: &ClientMetadata,
    session_id: &'s str,
) -> Result<Cow<'s, str>, SealingFailed> {
    match pairwise_sector(client) {
        Some(sector) => server.pairwise_keys.sessions.name(sector, session_id).map(Cow::Owned),
        None => Ok(Cow::Borrowed(session_id)),
    }
}

/// The session that `client` knows as `sid`, by our own name.
pub(crate) fn session_of_client<'s>(
    server: &Server,
    client: &ClientMetadata,
    sid: &'s str,
) -> Option<Cow<'s, str>> {
    match pairwise_sector(client) {
        Some(sector) => server.pairwise_keys.sessions.trace(sector, sid).map(Cow::Owned),
        None => Some(Cow::Borrowed(sid)),
    }
}

/// The sector for which a client's names are made; `None` for a client that is told our own.
fn pairwise_sector(client: &ClientMetadata) -> Option<&str> {
    match client.openid.subject_type {
        SubjectType::Pairwise => {
            Some(client.openid.sector(&client.authorization).unwrap_or(&client.client_id))
        }
        SubjectType::Public => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sectors_can_not_compare_a_person() {
        let keys = PairwiseKeys::derive(&SealingKey::ephemeral().unwrap(), "https://id.example");
        let one = keys.subject("a.example", "alice");
        assert_ne!(one, keys.subject("b.example", "alice"));
        assert_ne!(one, keys.subject("a.example", "bob"));
        assert_eq!(one, keys.subject("a.example", "alice"));
    }

    #[test]
    fn rejects_equal_pairwise_subjects_of_two_issuers() {
        let sealing_key = SealingKey::ephemeral().unwrap();
        let [one, other] = ["https://id.example", "https://id.example/other"]
            .map(|issuer| PairwiseKeys::derive(&sealing_key, issuer));
        assert_ne!(one.subject("a.example", "alice"), other.subject("a.example", "alice"));
        assert_ne!(one.sessions.name("a", "s").unwrap(), other.sessions.name("a", "s").unwrap());
    }
}
