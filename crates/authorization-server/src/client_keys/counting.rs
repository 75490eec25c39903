//! The keys of a client that count: registered or fetched, and not blocked. Whoever verifies by a client's key, or
//! encrypts to it, comes here, so that a key which an operator has blocked opens nothing at any endpoint; a set that
//! lacks the key is fetched once more, at most as often as `client_keys` allows (FSP-CR-05, FSP-CR-07).

use std::sync::Arc;

use bindery_core::client_auth::ClientAuthenticationFailure;
use bindery_core::client_auth::private_key_jwt::AssertionRefused;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::oauth::client_metadata::{ClientKeys, ClientMetadata};
use bindery_core::oauth::request_object::RequestObjectRefused;
use bindery_core::time::UnixTime;

use super::KeySetUnavailable;
use crate::server::Server;

/// Why something was refused that a client's keys decide about.
pub(crate) trait DecidedByKeys {
    /// The keys can't be had.
    const UNAVAILABLE: Self;

    /// Whether a key that is not in the set might have passed.
    fn lacks_a_key(&self) -> bool;
}

impl DecidedByKeys for ClientAuthenticationFailure {
    const UNAVAILABLE: Self = Self::Unavailable;

    fn lacks_a_key(&self) -> bool {
        use AssertionRefused::{Signature, UnknownKey};
        matches!(self, Self::CertificateNotRegistered | Self::Assertion(UnknownKey | Signature))
    }
}

impl DecidedByKeys for RequestObjectRefused {
    const UNAVAILABLE: Self = Self::UnknownKey;

    fn lacks_a_key(&self) -> bool {
        matches!(self, Self::UnknownKey | Self::Signature)
    }
}

impl Server {
    /// Decides by the keys that count, and once more by fresh ones where a key was lacking.
    ///
    /// # Errors
    /// What `decide` refuses, or that the keys can't be had.
    pub(crate) async fn decide_by_keys<T, E: DecidedByKeys>(
        &self,
        client: &ClientMetadata,
        now: UnixTime,
        decide: impl Fn(&JwkSet) -> Result<T, E>,
    ) -> Result<T, E> {
        let attempt = async |unknown_key: bool| {
            let set = self.keys_of(client, now, unknown_key).await.map_err(|_| E::UNAVAILABLE)?;
            decide(&set)
        };
        match attempt(false).await {
            Err(refused) if refused.lacks_a_key() && matches!(client.keys, ClientKeys::Uri(_)) => {
                attempt(true).await
            }
            outcome => outcome,
        }
    }

    async fn keys_of(
        &self,
        client: &ClientMetadata,
        now: UnixTime,
        unknown_key: bool,
    ) -> Result<Arc<JwkSet>, KeySetUnavailable> {
        let set = self.client_keys.keys(client, now, unknown_key).await?;
        Ok(self.blocked_keys.without_blocked(set))
    }
}
