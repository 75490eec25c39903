//! The guard's configuration, as it is written in a file. Unknown options are refused by their names; what the
//! values mean and which are refused stands in `making.rs` beside it.

mod making;

use std::path::PathBuf;
use std::sync::Arc;

use bindery_http::{Clock, EdgePolicy};
use serde::Deserialize;

use crate::observer::Observer;
use crate::route::Mode;

/// Everything that a guard can be told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardConfiguration {
    /// The https URLs under which clients reach this server: origin and path prefix. At least one.
    pub public_urls: Vec<PublicUrl>,
    /// The authorization servers whose tokens are accepted. At least one.
    #[serde(rename = "issuer")]
    pub issuers: Vec<IssuerConfiguration>,
    /// The routes; what none matches is enforced with the defaults.
    #[serde(default, rename = "route")]
    pub routes: Vec<RouteConfiguration>,
    /// How old a proof may be, in seconds (at most 300).
    #[serde(default = "default_past")]
    pub proof_past_seconds: u64,
    /// How far ahead a proof's time may lie, in seconds (at most 60).
    #[serde(default = "default_future")]
    pub proof_future_seconds: u64,
    /// How old a nonce may be, in seconds (10 to 3600).
    #[serde(default = "default_nonce_lifetime")]
    pub nonce_lifetime_seconds: u64,
    /// The algorithms accepted for proofs, by their registered names.
    #[serde(default)]
    pub proof_algorithms: Option<Vec<String>>,
    /// Nonce keys that all nodes of this resource server share, the current one first. Without any, the
    /// guard makes its own, and its nonces are good at this process alone.
    #[serde(default, rename = "nonce_key")]
    pub nonce_keys: Vec<NonceKeyConfiguration>,
    /// The `realm` of challenges.
    #[serde(default)]
    pub realm: Option<String>,
    /// The URL of the protected resource metadata (RFC 9728) that challenges point to.
    #[serde(default)]
    pub resource_metadata: Option<String>,
    /// How many verified tokens are kept.
    #[serde(default = "default_token_cache")]
    pub token_cache_entries: usize,
}

/// A public URL, plain or with the internal prefix that a proxy puts in place of its path.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum PublicUrl {
    /// A proxy, if there is one, removes the URL's path prefix.
    Plain(String),
    /// A proxy replaces the URL's path by `arrives_as`.
    Replaced {
        /// The public URL.
        url: String,
        /// The path prefix with which requests arrive.
        arrives_as: String,
    },
}

/// A trusted authorization server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfiguration {
    /// The issuer identifier, exactly as in `iss`.
    pub issuer: String,
    /// The audiences that name this resource server. At least one.
    pub audiences: Vec<String>,
    /// Where the keys are; without it, the issuer's metadata says.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// A file with the issuer's JWK set, for guards that can't reach the issuer. It is read once, at start.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// The algorithms accepted from this issuer.
    #[serde(default)]
    pub algorithms: Option<Vec<String>>,
    /// Where opaque tokens are asked about.
    #[serde(default)]
    pub introspection: Option<IntrospectionConfiguration>,
}

/// An introspection endpoint and the guard's credentials there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionConfiguration {
    /// The endpoint.
    pub endpoint: String,
    /// The guard's client identifier.
    pub client_id: String,
    /// A file that holds the client secret. Without it the guard authenticates by its certificate.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// Seconds for which an answer "active" is believed, at most 10; with 0 every request asks, so that a revoked
    /// token is refused from the next request on.
    #[serde(default = "default_introspection_cache")]
    pub cache_seconds: u64,
    /// Whether only a signed answer is asked for and believed (RFC 9701): what an issuer of the profile
    /// `fapi2-message-signing` gives.
    #[serde(default)]
    pub signed: bool,
}

/// One route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfiguration {
    /// The path and everything below it.
    pub path: String,
    /// The methods; all when empty.
    #[serde(default)]
    pub methods: Vec<String>,
    /// How strictly.
    #[serde(default)]
    pub mode: Mode,
    /// `dpop`, `mtls` and `dangerous_bearer`; without it, the first two.
    #[serde(default)]
    pub mechanisms: Option<Vec<String>>,
    /// Scope values that a token must have, separated by spaces.
    #[serde(default)]
    pub scope: String,
    /// Whether every proof must hold a nonce.
    #[serde(default)]
    pub nonce_required: bool,
}

/// A nonce key that nodes share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NonceKeyConfiguration {
    /// Names the key among the nodes.
    pub id: u8,
    /// A file that holds 32 random bytes in base64url.
    pub file: PathBuf,
}

fn default_introspection_cache() -> u64 {
    crate::introspection::LIFETIME.as_secs()
}
fn default_past() -> u64 {
    60
}
fn default_future() -> u64 {
    30
}
fn default_nonce_lifetime() -> u64 {
    300
}
fn default_token_cache() -> usize {
    50_000
}

/// A configuration that the guard refuses to start with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationInvalid {
    /// An option has a value that breaks a rule.
    #[error("{option} = {value:?}: {rule}; {remedy}")]
    Option {
        /// The option.
        option: String,
        /// Its value.
        value: String,
        /// The rule.
        rule: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// A file that an option names can't be used.
    #[error("{option}: {path}: {rule}; {remedy}", path = path.display())]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        rule: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The system's random source failed.
    #[error("the system's random source failed; without it no nonce can be made")]
    Random,
}

impl ConfigurationInvalid {
    /// An option whose value breaks a rule.
    pub fn option(option: &str, value: impl ToString, rule: impl ToString, remedy: &'static str) -> Self {
        Self::Option { option: option.into(), value: value.to_string(), rule: rule.to_string(), remedy }
    }
}

/// What the guard needs beside its configuration.
pub struct GuardParts<R> {
    /// The replay store.
    pub replay: R,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Which proxies are believed, and which headers are stripped.
    pub edge: EdgePolicy,
    /// The client for fetching keys and introspecting, made from [`crate::outbound::http_client_builder`].
    pub http_client: reqwest::Client,
    /// Where decisions are told; [`TracingObserver`](crate::observer::TracingObserver) when `None`.
    pub observer: Option<Arc<dyn Observer>>,
}
