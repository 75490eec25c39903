//! Client authentication (RFC 6749 section 2.3, RFC 7523, RFC 8705 section 2): which method a request uses, and
//! whether it proves the client. Three results: nothing presented, authenticated, failed; failed never
//! falls through to another method. A client has one method, whatever else it sends (MTLS-2-05).
//! [`AuthenticatedClient`] has no other maker than [`VerifiedCredentials::settle`].

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::Cryptography;
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::jwk::JwkSet;
use crate::mtls::certificate::ClientCertificate;
use crate::oauth::client_metadata::ClientMetadata;
use crate::replay::{ReplayEntry, ReplayOutcome};
use crate::time::UnixTime;

pub mod client_secret_basic;
pub mod client_secret_post;
mod failure;
pub mod none;
mod presented;
pub mod private_key_jwt;
pub mod registered_certificate;
pub mod self_signed_tls_client_auth;
pub mod tls_client_auth;

pub use failure::ClientAuthenticationFailure;
pub use presented::{Credential, PresentedCredentials};
pub use private_key_jwt::{AudiencePolicy, AuthenticatedAssertion};

/// How a client authenticates: `token_endpoint_auth_method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthMethod {
    /// An assertion signed with the client's key (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// A certificate whose chain and subject are verified (RFC 8705 section 2.1).
    TlsClientAuth,
    /// A certificate that is registered itself (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
    /// A secret in HTTP Basic (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// A secret in the body (RFC 6749 section 2.3.1).
    ClientSecretPost,
    /// A public client: it says who it is, and proves nothing by it.
    None,
}

/// One row of the table of methods.
struct Method {
    method: ClientAuthMethod,
    /// The registered name (RFC 7591 section 2, RFC 8705 section 2).
    name: &'static str,
    verify: Verify,
}

type Verify = fn(
    &PresentedCredentials,
    &RegisteredClient<'_>,
    &VerificationContext<'_>,
) -> Result<Option<AuthenticatedAssertion>, ClientAuthenticationFailure>;

/// Every method, in the order in which we advertise them. Metadata and dispatch read this table alone.
const METHODS: [Method; 6] = [
    Method {
        method: ClientAuthMethod::PrivateKeyJwt,
        name: "private_key_jwt",
        verify: private_key_jwt::verify,
    },
    Method {
        method: ClientAuthMethod::TlsClientAuth,
        name: "tls_client_auth",
        verify: tls_client_auth::verify,
    },
    Method {
        method: ClientAuthMethod::SelfSignedTlsClientAuth,
        name: "self_signed_tls_client_auth",
        verify: self_signed_tls_client_auth::verify,
    },
    Method {
        method: ClientAuthMethod::ClientSecretBasic,
        name: "client_secret_basic",
        verify: client_secret_basic::verify,
    },
    Method {
        method: ClientAuthMethod::ClientSecretPost,
        name: "client_secret_post",
        verify: client_secret_post::verify,
    },
    Method { method: ClientAuthMethod::None, name: "none", verify: none::verify },
];

impl ClientAuthMethod {
    /// The names of all methods, as metadata advertises them.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        METHODS.iter().map(|method| method.name).collect()
    }

    /// The method of that registered name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        METHODS.iter().find(|method| method.name == name).map(|method| method.method)
    }

    /// Whether it compares a shared secret.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }

    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|method| method.method == self).map_or("", |method| method.name)
    }
}

impl fmt::Display for ClientAuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A client as it is registered, with its keys at hand.
#[derive(Clone, Copy, Debug)]
pub struct RegisteredClient<'a> {
    /// The registration.
    pub metadata: &'a ClientMetadata,
    /// Its public keys: the registered ones, or those that the caller fetched from its `jwks_uri`.
    pub keys: &'a JwkSet,
    /// Whether the operator has disabled it.
    pub disabled: bool,
}

/// Whether the chain of the presented certificate leads to the client's trust anchors. The caller finds out
/// (with `bindery-crypto`), because this crate verifies no chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainVerdict {
    /// Nobody has looked: nothing may rest on it.
    NotVerified,
    /// It does, in a path fit for TLS client authentication, now.
    Trusted,
    /// It does not.
    Refused,
}

/// What credentials are held against.
#[derive(Clone, Copy)]
pub struct VerificationContext<'a> {
    /// The time of arrival.
    pub now: UnixTime,
    /// Hashes and signatures.
    pub cryptography: &'a dyn Cryptography,
    /// The audiences that an assertion may name.
    pub audience: AudiencePolicy<'a>,
    /// When the memory of spent assertions began, if it does not survive a restart: older ones are refused.
    pub accepted_since: Option<UnixTime>,
    /// The algorithms that the server accepts for assertions.
    pub algorithms: AlgorithmSet,
    /// The certificate of the connection.
    pub certificate: Option<&'a ClientCertificate>,
    /// What is known of its chain, against the anchors of the client in question.
    pub chain: ChainVerdict,
}

/// Verifies what was presented against the client that it names; `None` when there is no such client. A secret
/// or an assertion that fails costs the same work whether the client is unknown, uses another method or key,
/// or the credential is wrong (CVE-2026-22746).
///
/// # Errors
/// [`ClientAuthenticationFailure`]: the reason is for the operator, the wire hears one sentence for all.
pub fn verify(
    presented: &PresentedCredentials,
    client: Option<&RegisteredClient<'_>>,
    context: &VerificationContext<'_>,
) -> Result<VerifiedCredentials, ClientAuthenticationFailure> {
    let Some(client) = client.filter(|client| client.metadata.client_id == presented.client_id()) else {
        spend_equal_work(presented, context);
        return Err(ClientAuthenticationFailure::UnknownClient);
    };
    let registered = client.metadata.authentication;
    let method = METHODS
        .iter()
        .find(|method| method.method == registered)
        .ok_or(ClientAuthenticationFailure::WrongMethod { registered })?;
    let assertion = (method.verify)(presented, client, context).inspect_err(|failure| {
        if failure.precedes_work() {
            spend_equal_work(presented, context);
        }
    })?;
    if client.disabled {
        return Err(ClientAuthenticationFailure::Disabled);
    }
    let client = AuthenticatedClient { client_id: presented.client_id().into(), method: registered };
    Ok(VerifiedCredentials { client, assertion })
}

fn spend_equal_work(presented: &PresentedCredentials, context: &VerificationContext<'_>) {
    match presented.credential() {
        Credential::Secret(secret) | Credential::PostedSecret(secret) => {
            client_secret_basic::spend_equal_work(secret, context);
        }
        Credential::Assertion(assertion) => private_key_jwt::spend_equal_work(assertion, context),
        Credential::IdentifierOnly => {}
    }
}

/// Credentials that verify. An assertion among them must still be spent, so that it is used once.
#[derive(Debug)]
#[must_use]
pub struct VerifiedCredentials {
    client: AuthenticatedClient,
    assertion: Option<AuthenticatedAssertion>,
}

impl VerifiedCredentials {
    /// What the single-use store must be asked to remember, if the credentials are single-use.
    #[must_use]
    pub fn replay_entry(&self) -> Option<ReplayEntry<'_>> {
        self.assertion.as_ref().map(AuthenticatedAssertion::replay_entry)
    }

    /// Finishes authentication with the store's answer for [`Self::replay_entry`].
    ///
    /// # Errors
    /// [`ClientAuthenticationFailure`] unless the store has taken the entry as new; also when there is an
    /// entry and no answer.
    pub fn settle(
        self,
        outcome: Option<ReplayOutcome>,
    ) -> Result<AuthenticatedClient, ClientAuthenticationFailure> {
        match (self.assertion, outcome) {
            (None, _) | (Some(_), Some(ReplayOutcome::Inserted)) => Ok(self.client),
            (Some(_), Some(ReplayOutcome::Duplicate) | None) => {
                Err(ClientAuthenticationFailure::AssertionReplayed)
            }
            (Some(_), Some(ReplayOutcome::Full | ReplayOutcome::Unavailable)) => {
                Err(ClientAuthenticationFailure::Unavailable)
            }
        }
    }
}

/// A client that has proven who it is by its registered method, or a public client that has said so.
///
/// ```compile_fail,E0451
/// use bindery_core::client_auth::{AuthenticatedClient, ClientAuthMethod};
/// let forged = AuthenticatedClient { client_id: "admin".into(), method: ClientAuthMethod::PrivateKeyJwt };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedClient {
    client_id: String,
    method: ClientAuthMethod,
}

impl AuthenticatedClient {
    /// `client_id`.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// How it authenticated.
    #[must_use]
    pub const fn method(&self) -> ClientAuthMethod {
        self.method
    }

    /// Whether it has proven nothing (RFC 6749 section 2.1).
    #[must_use]
    pub const fn is_public(&self) -> bool {
        matches!(self.method, ClientAuthMethod::None)
    }
}

#[cfg(test)]
#[path = "client_auth_tests.rs"]
mod tests;
