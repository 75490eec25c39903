//! How a person is named to a client (OpenID Connect Core section 8): the same name for all clients, or a pairwise
//! one that two clients can't compare. The store knows people by their own name alone.

use std::borrow::Cow;

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::client_openid::SubjectType;
use bindery_crypto::AwsLc;

use crate::server::Server;

/// `sub` of `subject` for `client`.
pub(crate) fn for_client<'s>(server: &Server, client: &ClientMetadata, subject: &'s str) -> Cow<'s, str> {
    let pairwise_client = client.openid.subject_type == SubjectType::Pairwise;
    // A client that speaks for itself is nobody to hide.
    if !pairwise_client || subject.starts_with(crate::provision::CLIENT_NAMESPACE) {
        return Cow::Borrowed(subject);
    }
    let sector = client.openid.sector(&client.authorization);
    Cow::Owned(pairwise(&server.pairwise_key, sector.unwrap_or(&client.client_id), subject))
}

/// OpenID Connect Core section 8.1: not to be reversed, not to be told from another person's.
fn pairwise(key: &MacKey, sector: &str, subject: &str) -> String {
    base64url::encode(AwsLc.hmac_sha256(key, &[sector.as_bytes(), b"\0", subject.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sectors_can_not_compare_a_person() {
        let key = MacKey::new([7; 32]);
        let one = pairwise(&key, "a.example", "alice");
        assert_ne!(one, pairwise(&key, "b.example", "alice"));
        assert_ne!(one, pairwise(&key, "a.example", "bob"));
        assert_eq!(one, pairwise(&key, "a.example", "alice"));
    }
}
