//! Asking an authorization server about opaque tokens (RFC 7662). Answers are kept for at most ten seconds
//! and never past the token's expiry, unknown tokens for as long, both bounded (INT-4-02, INT-4-03). The
//! answer says which key the token is bound to; whether the sender holds it is never asked there.

use std::time::Duration;

use bindery_core::crypto::Sha256Digest;
use bindery_core::rejection::Rejection;
use bindery_core::time::UnixTime;
use bytes::BytesMut;

use crate::outbound;

/// How long an answer is believed.
pub const LIFETIME: Duration = Duration::from_secs(10);

/// How the guard authenticates at the introspection endpoint.
#[derive(Clone)]
pub enum IntrospectionCredentials {
    /// `client_secret_basic` (RFC 6749 section 2.3.1).
    ClientSecretBasic {
        /// The guard's client identifier.
        client_id: String,
        /// Its secret.
        secret: String,
    },
    /// By the client certificate of the guard's HTTP client (RFC 8705); only the identifier is sent.
    Mtls {
        /// The guard's client identifier.
        client_id: String,
    },
}

impl std::fmt::Debug for IntrospectionCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::ClientSecretBasic { client_id, .. } | Self::Mtls { client_id }) = self;
        write!(f, "IntrospectionCredentials({client_id}, redacted)")
    }
}

/// One introspection endpoint.
pub(crate) struct Introspection {
    endpoint: String,
    credentials: IntrospectionCredentials,
    client: reqwest::Client,
    inactive: quick_cache::sync::Cache<Sha256Digest, UnixTime>,
}

impl Introspection {
    pub(crate) fn new(
        endpoint: String,
        credentials: IntrospectionCredentials,
        client: reqwest::Client,
    ) -> Self {
        Self { endpoint, credentials, client, inactive: quick_cache::sync::Cache::new(10_000) }
    }

    /// The endpoint's answer about `token`.
    pub(crate) async fn ask(
        &self,
        token: &str,
        digest: &Sha256Digest,
        now: UnixTime,
    ) -> Result<BytesMut, Rejection> {
        if self.inactive.get(digest).is_some_and(|until| now < until) {
            return Err(Rejection::TokenInactive);
        }
        let mut form = vec![("token", token), ("token_type_hint", "access_token")];
        let mut request = self.client.post(&self.endpoint).header("accept", "application/json");
        match &self.credentials {
            IntrospectionCredentials::ClientSecretBasic { client_id, secret } => {
                request = request.basic_auth(form_encode(client_id), Some(form_encode(secret)));
            }
            IntrospectionCredentials::Mtls { client_id } => form.push(("client_id", client_id)),
        }
        outbound::call(request.form(&form), &self.endpoint).await.map_err(|reason| {
            tracing::error!(event = "introspection_failed", %reason);
            Rejection::IntrospectionUnavailable
        })
    }

    /// Remembers that the endpoint does not know this token.
    pub(crate) fn note_inactive(&self, digest: &Sha256Digest, now: UnixTime) {
        self.inactive.insert(*digest, now.plus(LIFETIME));
    }
}

/// RFC 6749 section 2.3.1: identifier and secret are form-encoded before they are joined.
fn form_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
