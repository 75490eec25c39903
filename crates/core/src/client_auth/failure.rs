//! Why a client is not authenticated: facts for the operator, and one answer for the wire (RFC 6749 section
//! 5.2), so that a stranger learns neither which clients exist nor which half of a credential was wrong.

use core::fmt;

use super::ClientAuthMethod;
use super::private_key_jwt::AssertionRefused;
use crate::oauth::token_error::TokenError;

/// Why client authentication failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthenticationFailure {
    /// More than one method in one request (RFC 6749 section 2.3).
    SeveralMethods,
    /// A method that we don't offer, such as a Bearer token.
    UnsupportedMethod,
    /// The Basic credentials are not base64 of two form-encoded texts with a colon between.
    BasicMalformed,
    /// The assertion or `client_assertion_type` is missing, or the type is not RFC 7523's.
    AssertionTypeMalformed,
    /// `client_id` and the credentials name different clients.
    ClientIdMismatch,
    /// A secret without the client that it belongs to.
    ClientIdMissing,
    /// No such client.
    UnknownClient,
    /// The operator has disabled it.
    Disabled,
    /// The client used another method than its registered one.
    WrongMethod {
        /// The registered one.
        registered: ClientAuthMethod,
    },
    /// The secret is wrong.
    Secret,
    /// The assertion breaks a rule.
    Assertion(AssertionRefused),
    /// The assertion was used before.
    AssertionReplayed,
    /// There is no client certificate on the connection.
    CertificateMissing,
    /// The certificate's chain does not lead to the client's trust anchors, or was not verified.
    CertificateChain,
    /// The certificate does not carry the registered subject.
    CertificateSubject,
    /// The certificate is not one that is registered.
    CertificateNotRegistered,
    /// The registered certificate is outside its validity period.
    CertificateExpired,
    /// The operator has blocked the certificate of the connection.
    CertificateBlocked,
    /// What the decision needs can't be reached: the store, or the client's `jwks_uri`.
    Unavailable,
}

impl ClientAuthenticationFailure {
    /// Whether it was found out before a secret was compared or a signature verified.
    pub(super) const fn precedes_work(&self) -> bool {
        use AssertionRefused::{Algorithm, Malformed, Type, UnknownKey};
        matches!(
            self,
            Self::WrongMethod { .. } | Self::Assertion(Malformed(_) | Type | Algorithm | UnknownKey)
        )
    }

    /// A stable name for events and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::SeveralMethods => "several_methods",
            Self::UnsupportedMethod => "unsupported_method",
            Self::BasicMalformed => "basic_malformed",
            Self::AssertionTypeMalformed => "assertion_type_malformed",
            Self::ClientIdMismatch => "client_id_mismatch",
            Self::ClientIdMissing => "client_id_missing",
            Self::UnknownClient => "unknown_client",
            Self::Disabled => "client_disabled",
            Self::WrongMethod { .. } => "wrong_method",
            Self::Secret => "secret",
            Self::Assertion(refused) => refused.reason(),
            Self::AssertionReplayed => "assertion_replayed",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateChain => "certificate_chain",
            Self::CertificateSubject => "certificate_subject",
            Self::CertificateNotRegistered => "certificate_not_registered",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateBlocked => "certificate_blocked",
            Self::Unavailable => "unavailable",
        }
    }

    /// The answer on the wire; `basic` says whether HTTP Basic was tried and is to be challenged.
    #[must_use]
    pub const fn to_token_error(&self, basic: bool) -> TokenError {
        match self {
            Self::SeveralMethods => TokenError::SeveralClientAuthentications,
            Self::Unavailable => TokenError::Unavailable,
            _ => TokenError::ClientAuthentication { basic },
        }
    }
}

impl fmt::Display for ClientAuthenticationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assertion(refused) => write!(f, "client assertion: {refused}"),
            Self::WrongMethod { registered } => {
                write!(f, "the client is registered with {registered} and used something else")
            }
            _ => f.write_str(self.reason()),
        }
    }
}

impl core::error::Error for ClientAuthenticationFailure {}
