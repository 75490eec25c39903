//! What can go wrong, by blame first and then by cause, each with a remedy. The texts name origins, rules and
//! codes; never a token, a proof, a nonce, an assertion, a secret, a certificate or a query.

use std::sync::Arc;
use std::time::Duration;

pub use crate::configuration_invalid::ConfigurationInvalid;
use crate::origin::{Origin, OriginInvalid};

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blame {
    /// The code that calls this crate.
    Caller,
    /// Whoever configured or registered this client.
    Configuration,
    /// Nobody: the grant has come to its end and must be obtained anew.
    Grant,
    /// The authorization server.
    AuthorizationServer,
    /// The network, or a server that is down. Trying again later may help.
    Network,
    /// This machine: its keys, its randomness, its runtime.
    Platform,
}

/// Why a token could not be had, or a request not be sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration breaks a rule.
    #[error("the client's configuration is refused: {0}")]
    Configuration(#[from] ConfigurationInvalid),
    /// The authorization server's metadata can't be used.
    #[error("the metadata of {issuer} is refused: {reason}")]
    Metadata {
        /// The issuer as configured.
        issuer: String,
        /// What is wrong with it.
        reason: MetadataRefused,
    },
    /// The token endpoint gave no usable token.
    #[error("no token from {origin}: {reason}")]
    Token {
        /// Where the token endpoint is.
        origin: Origin,
        /// What it answered.
        reason: TokenRefused,
    },
    /// No answer came.
    #[error("no answer from {origin}: {source}")]
    Unreachable {
        /// Who did not answer.
        origin: Origin,
        /// What the HTTP client says, without the URL.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The request may not carry a bound token, so it was not sent.
    #[error("the request was not sent: {0}")]
    Request(#[from] RequestRefused),
    /// A signing key made no signature.
    #[error("a signing key could not be used")]
    Signing(#[from] bindery_crypto::SigningFailed),
    /// There is no randomness to make a `jti` from.
    #[error("no randomness from the operating system")]
    Random(#[from] bindery_crypto::RandomUnavailable),
    /// The runtime ended before the token came.
    #[error("the runtime stopped before the token came")]
    Interrupted,
}

impl Error {
    /// Who has to act.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Configuration(_) => Blame::Configuration,
            Self::Metadata { reason, .. } => reason.blame(),
            Self::Token { reason, .. } => reason.blame(),
            Self::Unreachable { .. } => Blame::Network,
            Self::Request(_) => Blame::Caller,
            Self::Signing(_) | Self::Random(_) | Self::Interrupted => Blame::Platform,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Configuration(reason) => reason.remedy(),
            Self::Metadata { reason, .. } => reason.remedy(),
            Self::Token { reason, .. } => reason.remedy(),
            Self::Unreachable { .. } => {
                "see that the host resolves, listens, and has a certificate from a trusted root; then try again"
            }
            Self::Request(reason) => reason.remedy(),
            Self::Signing(_) => "see that the key's device is present and unlocked",
            Self::Random(_) => "see that the operating system's random source works",
            Self::Interrupted => "keep the tokio runtime alive while requests are in flight",
        }
    }

    /// How long the server asks to be left alone, if it said so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token {
                reason: TokenRefused::Answered { retry_after, .. } | TokenRefused::Status { retry_after, .. },
                ..
            } => *retry_after,
            _ => None,
        }
    }

    /// The error of this crate inside an error of a middleware chain, if that is what it is.
    #[must_use]
    pub fn of(error: &reqwest_middleware::Error) -> Option<&Self> {
        match error {
            reqwest_middleware::Error::Middleware(inner) => inner.downcast_ref(),
            reqwest_middleware::Error::Reqwest(_) => None,
        }
    }
}

/// The authorization server's metadata (RFC 8414) can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataRefused {
    /// Another status than 200.
    #[error("it was answered with status {0}")]
    Status(u16),
    /// Not a strict JSON object of bounded size under `application/json`.
    #[error("it is not one strict JSON object: {0}")]
    Malformed(String),
    /// `issuer` is not the configured one, code point by code point (ASM-3-03, ASM-4-01).
    #[error("it is another issuer's metadata; `issuer` must be identical to the configured one")]
    IssuerDiffers,
    /// An endpoint is missing.
    #[error("it has no `{0}`")]
    NoEndpoint(&'static str),
    /// An endpoint is no acceptable URL.
    #[error("its `{endpoint}` is refused: {reason}")]
    Endpoint {
        /// The member.
        endpoint: &'static str,
        /// The rule that it breaks.
        reason: OriginInvalid,
    },
    /// The server does not offer what this client is configured to use.
    #[error("`{member}` does not offer {needed}")]
    NotOffered {
        /// The member that would have to name it.
        member: &'static str,
        /// What this client needs.
        needed: &'static str,
    },
}

impl MetadataRefused {
    const fn blame(&self) -> Blame {
        match self {
            Self::Status(500..) => Blame::Network,
            Self::Status(_) | Self::IssuerDiffers | Self::NotOffered { .. } => Blame::Configuration,
            Self::Malformed(_) | Self::NoEndpoint(_) | Self::Endpoint { .. } => Blame::AuthorizationServer,
        }
    }

    const fn remedy(&self) -> &'static str {
        match self {
            Self::Status(_) => "see that the issuer serves /.well-known/oauth-authorization-server",
            Self::IssuerDiffers => {
                "take the issuer from a trustworthy source and write it exactly as there, trailing slash included"
            }
            Self::NotOffered { .. } => {
                "choose an algorithm, method or sender constraint that the server offers, or have the server offer it"
            }
            Self::Malformed(_) | Self::NoEndpoint(_) | Self::Endpoint { .. } => {
                "tell the operator of the authorization server"
            }
        }
    }
}

/// The token endpoint gave no usable token. Nothing of its answer was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRefused {
    /// An error response (RFC 6749 section 5.2).
    #[error("status {status}, error {code}{}", Described(.description))]
    Answered {
        /// The HTTP status.
        status: u16,
        /// The `error` code.
        code: String,
        /// The `error_description`, cleaned of anything that could be a credential.
        description: Option<String>,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// An answer without a readable error code.
    #[error("status {status} without an OAuth error code")]
    Status {
        /// The HTTP status.
        status: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// A bound token was asked for and another one came; it was thrown away (DPOP-5-10).
    #[error(
        "the token's type is not {expected}: the server downgraded the request, and the token was thrown away"
    )]
    Downgraded {
        /// The type that a bound token of this client has.
        expected: &'static str,
    },
    /// The answer breaks RFC 6749 section 5.1.
    #[error("the answer is malformed: {0}")]
    Malformed(&'static str),
    /// `use_dpop_nonce` without exactly one well-formed `DPoP-Nonce`.
    #[error("the server demands a nonce and gives none")]
    NonceMissing,
    /// The server demands the nonce that it was just given.
    #[error("the server demands again the nonce that it was just sent")]
    NonceUnchanged,
    /// The server demands one new nonce after the other.
    #[error("the server refuses every nonce that it gives")]
    NonceLimit,
    /// There is no refresh token to use.
    #[error("there is no refresh token")]
    NoRefreshToken,
}

struct Described<'a>(&'a Option<String>);

impl std::fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(description) => write!(f, " ({description})"),
            None => Ok(()),
        }
    }
}

impl TokenRefused {
    fn blame(&self) -> Blame {
        match self {
            Self::Answered { code, .. } if code == "invalid_grant" => Blame::Grant,
            Self::Answered { status, code, .. } if *status >= 500 || code == "temporarily_unavailable" => {
                Blame::Network
            }
            Self::Status { status: 429 | 500.., .. } => Blame::Network,
            Self::Answered { status: 429, .. } => Blame::Network,
            Self::Answered { .. } => Blame::Configuration,
            Self::NoRefreshToken => Blame::Grant,
            _ => Blame::AuthorizationServer,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Answered { code, .. } => remedy_of_code(code),
            Self::Status { .. } => {
                "try again later; if it stays, see that the token endpoint is an OAuth endpoint"
            }
            Self::Downgraded { .. } => {
                "have the server bind this client's tokens (dpop_bound_access_tokens or tls_client_certificate_bound_access_tokens)"
            }
            Self::NoRefreshToken => "let the resource owner authorize again",
            Self::Malformed(_) | Self::NonceMissing | Self::NonceUnchanged | Self::NonceLimit => {
                "tell the operator of the authorization server; nodes that don't share their nonce keys look like this"
            }
        }
    }
}

fn remedy_of_code(code: &str) -> &'static str {
    match code {
        "invalid_client" => {
            "compare client_id, key or certificate with the registration, and this machine's clock with the server's"
        }
        "invalid_dpop_proof" => {
            "compare this machine's clock with the server's, and the token endpoint's public URL with its metadata"
        }
        "invalid_grant" => {
            "the refresh token is spent, expired, revoked or bound to another key: authorize again"
        }
        "invalid_scope" => "ask only for scopes that the client is registered for",
        "invalid_target" => "ask only for resources that the server knows",
        "unauthorized_client" | "unsupported_grant_type" => "have the client registered for this grant type",
        "temporarily_unavailable" | "server_error" => "try again later",
        _ => "look the error code up in the server's documentation",
    }
}

/// The request may not carry a bound token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestRefused {
    /// The URL is not one to send a token to.
    #[error("{0}")]
    Target(#[from] OriginInvalid),
    /// Resources are configured and the URL lies under none of them.
    #[error("{origin} is not one of the configured resources")]
    NotAResource {
        /// Where the request wanted to go.
        origin: Origin,
    },
    /// The request has an `Authorization` or `DPoP` header of its own.
    #[error("it has an `{0}` header already")]
    HeaderPresent(&'static str),
    /// The HTTP client below followed a redirect by itself, and may have sent a proof twice or a token astray.
    #[error("the HTTP client followed a redirect below the middleware")]
    RedirectedBelow,
    /// A token or nonce has no place in a header.
    #[error("the text of the access token can't be sent in a header")]
    Unsendable,
}

impl RequestRefused {
    const fn remedy(&self) -> &'static str {
        match self {
            Self::Target(_) => "call the resource over https, without a user name in the URL",
            Self::NotAResource { .. } => {
                "add it with `resource(..)`, or send the request with a client that carries no token"
            }
            Self::HeaderPresent(_) => "leave both headers to the middleware",
            Self::RedirectedBelow => "build the client with `http_client_builder`, which turns redirects off",
            Self::Unsendable => "tell the operator of the authorization server",
        }
    }
}
