//! Asking an authorization server about opaque tokens (RFC 7662, RFC 9701). Answers are kept for at most ten seconds,
//! or not at all where a revoked token must stop at once (FSP-RS-03), and never past the token's expiry, unknown tokens for as long, both bounded (INT-4-02, INT-4-03). The
//! answer says which key the token is bound to; whether the sender holds it is never asked there.

use std::time::Duration;

use bindery_core::crypto::Sha256Digest;
use bindery_core::oauth::introspection::INTROSPECTION_MEDIA_TYPE;
use bindery_core::oauth::signed_introspection::{
    SignedAnswerPolicy, SignedAnswerRefused, needed_key, open_signed_answer,
};
use bindery_core::rejection::Rejection;
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::TrustedIssuer;
use bindery_crypto::AwsLc;
use bytes::BytesMut;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::key_source::IssuerKeys;
use crate::outbound;

/// How long an answer is believed at most, and unless the configuration says less.
pub const LIFETIME: Duration = Duration::from_secs(10);

/// How many questions may be open at once. More are refused, so that a flood of made-up tokens falls on the
/// guard and not on the authorization server.
pub const MOST_AT_ONCE: usize = 128;

/// How the guard authenticates at the introspection endpoint.
#[derive(Clone)]
pub enum IntrospectionCredentials {
    /// `client_secret_basic` (RFC 6749 section 2.3.1).
    ClientSecretBasic {
        /// The guard's client identifier.
        client_id: String,
        /// Its secret; wiped when dropped.
        secret: Zeroizing<String>,
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
    /// How long an answer is believed here.
    pub(crate) lifetime: Duration,
    /// Whether only a signed answer is believed (RFC 9701).
    signed: bool,
    asking: Semaphore,
    inactive: quick_cache::sync::Cache<Sha256Digest, UnixTime>,
}

impl Introspection {
    pub(crate) fn new(
        endpoint: String,
        credentials: IntrospectionCredentials,
        client: reqwest::Client,
        lifetime: Duration,
        signed: bool,
    ) -> Self {
        let (asking, inactive) = (Semaphore::new(MOST_AT_ONCE), quick_cache::sync::Cache::new(10_000));
        Self { endpoint, credentials, client, lifetime, signed, asking, inactive }
    }

    /// The endpoint's answer about `token`; where signed answers are configured, what a verified one says.
    pub(crate) async fn ask(
        &self,
        token: &str,
        digest: &Sha256Digest,
        issuer: &TrustedIssuer,
        keys: &IssuerKeys,
        now: UnixTime,
    ) -> Result<BytesMut, Rejection> {
        let answer = self.question(token, digest, now).await?;
        if !self.signed {
            return Ok(answer);
        }
        self.open(&answer, issuer, keys, now).await
    }

    /// FMS-INT-01, JINT-5-01: an answer whose signature, parties or time don't hold says nothing at all.
    async fn open(
        &self,
        answer: &[u8],
        issuer: &TrustedIssuer,
        keys: &IssuerKeys,
        now: UnixTime,
    ) -> Result<BytesMut, Rejection> {
        let (IntrospectionCredentials::ClientSecretBasic { client_id, .. }
        | IntrospectionCredentials::Mtls { client_id }) = &self.credentials;
        let policy = SignedAnswerPolicy {
            issuer: &issuer.issuer,
            caller: client_id,
            algorithms: issuer.algorithms,
            now,
        };
        let refused = |reason: SignedAnswerRefused| {
            tracing::error!(event = "introspection_failed", %reason);
            Rejection::IntrospectionUnavailable
        };
        let answer = std::str::from_utf8(answer).map_err(|_| refused(SignedAnswerRefused::Malformed))?;
        let (key_id, algorithm) = needed_key(answer, &policy).map_err(refused)?;
        let keys = keys.keys_for(key_id.as_deref(), algorithm, now).await?;
        let said = open_signed_answer(answer, &keys, &policy, &AwsLc).map_err(refused)?;
        Ok(BytesMut::from(said.as_slice()))
    }

    async fn question(
        &self,
        token: &str,
        digest: &Sha256Digest,
        now: UnixTime,
    ) -> Result<BytesMut, Rejection> {
        if self.inactive.get(digest).is_some_and(|until| now < until) {
            return Err(Rejection::TokenInactive);
        }
        // Anybody can send made-up bearer tokens, and each is a question: the endpoint gets so many at once.
        let Ok(_permit) = self.asking.try_acquire() else {
            tracing::error!(event = "introspection_failed", reason = "too many questions at once");
            return Err(Rejection::IntrospectionUnavailable);
        };
        let mut form = vec![("token", token), ("token_type_hint", "access_token")];
        let mut request = self.client.post(&self.endpoint).header("accept", self.accept());
        match &self.credentials {
            IntrospectionCredentials::ClientSecretBasic { client_id, secret } => {
                request =
                    request.basic_auth(form_encode(client_id), Some(&*Zeroizing::new(form_encode(secret))));
            }
            IntrospectionCredentials::Mtls { client_id } => form.push(("client_id", client_id)),
        }
        outbound::call(request.form(&form), &self.endpoint).await.map_err(|reason| {
            tracing::error!(event = "introspection_failed", %reason);
            Rejection::IntrospectionUnavailable
        })
    }

    const fn accept(&self) -> &'static str {
        if self.signed { INTROSPECTION_MEDIA_TYPE } else { "application/json" }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_of_made_up_tokens_is_refused_before_the_endpoint_is_asked() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = crate::outbound::http_client_builder().build().unwrap();
        let credentials = IntrospectionCredentials::Mtls { client_id: "guard".into() };
        // Nobody answers at this address; a question that was sent would end as unavailable too, but not at once.
        let endpoint =
            Introspection::new("https://192.0.2.1/introspect".into(), credentials, client, LIFETIME, false);
        let _all = endpoint.asking.acquire_many(u32::try_from(MOST_AT_ONCE).unwrap()).await.unwrap();
        let question = endpoint.question("made-up", &[0; 32], UnixTime::from_seconds(0));
        let answer = futures_util::FutureExt::now_or_never(question);
        assert_eq!(answer, Some(Err(Rejection::IntrospectionUnavailable)));
    }
}
