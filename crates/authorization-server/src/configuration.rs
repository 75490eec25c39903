//! The configuration of one issuer, as a plain serde value that any format can fill, and its rules. A
//! contradiction is refused at start with option, value, rule and remedy; nothing is guessed. Defaults are
//! those of the design: tokens of 300 s, proofs of 60 s, nonces of 300 s.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client_keys::ClientKeysConfiguration;
use crate::key_schedule::KeysConfiguration;
use crate::people::PeopleConfiguration;
use crate::profile::{PkceRule, Profile};

mod authorization;
mod operation;

pub(crate) use authorization::IssuerBearerException;
pub use authorization::{
    AcrConfiguration, AuthorizationDetailsConfiguration, BearerConfiguration, CibaConfiguration,
    DeviceConfiguration, MessageSigningConfiguration, RegistrationAccess, RegistrationConfiguration,
    ScopeConfiguration, SenderConstraintName, SubjectType,
};

pub use operation::{AuditConfiguration, LimitsConfiguration, RateConfiguration};

/// One issuer. Unknown options are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfiguration {
    /// The issuer identifier: an https URL, with or without path (RFC 8414 section 2).
    pub issuer: String,
    /// The base URL of the listener that asks for client certificates, when it is another than the issuer;
    /// advertised as `mtls_endpoint_aliases` (RFC 8705 section 5). Same path as the issuer.
    #[serde(default)]
    pub mtls_base_url: Option<String>,
    /// The path prefix under which requests arrive here, when a proxy rewrites the issuer's path.
    #[serde(default)]
    pub internal_path: Option<String>,
    /// What the server may do at all.
    #[serde(default)]
    pub profile: Profile,
    /// Whether OpenID Connect is on; without the option in the profile `openid` alone.
    #[serde(default)]
    pub openid: Option<bool>,
    /// Grant types that are on; without the option, all but those that open a way of their own (device flow,
    /// CIBA, token exchange).
    #[serde(default)]
    pub grants: Option<Vec<String>>,
    /// Which confirmations tokens may have; without the option both, under FAPI DPoP alone (FSP-AS-05).
    #[serde(default)]
    pub sender_constraints: Option<Vec<SenderConstraintName>>,
    /// Bearer tokens for every confidential client that registered no constraint: profile `openid` alone, with
    /// reason and end.
    #[serde(default)]
    pub bearer: Option<BearerConfiguration>,
    /// When authorization requests must carry a code challenge; the profile decides when this is not set.
    #[serde(default)]
    pub pkce: Option<PkceRule>,
    /// Refuses authorization requests that were not pushed; FAPI always does (FSP-AS-17).
    #[serde(default)]
    pub require_pushed_authorization_requests: Option<bool>,
    /// Lets authenticated clients push redirect URIs that they did not register (PAR-2-05).
    #[serde(default)]
    pub unregistered_redirect_uris: bool,
    /// Fetches registered `request_uris` of clients (JAR-10-02); never under FAPI.
    #[serde(default)]
    pub request_by_reference: bool,
    /// Response modes that are on; without the option, all that the profile allows.
    #[serde(default)]
    pub response_modes: Option<Vec<String>>,
    /// The three parts of FAPI 2.0 Message Signing.
    #[serde(default)]
    pub message_signing: MessageSigningConfiguration,
    /// People who may administer through a client that has the scope, by `sub` as that client's tokens have it;
    /// without any, clients administer for themselves alone.
    #[serde(default)]
    pub administrators: Vec<String>,
    /// Who may register clients.
    #[serde(default)]
    pub registration: RegistrationConfiguration,
    /// Scope values that people are asked for, with what they mean; the standard ones of OpenID Connect need
    /// no entry.
    #[serde(default)]
    pub scope: Vec<ScopeConfiguration>,
    /// Authentication context classes that logins here can have, from the weakest to the strongest.
    #[serde(default)]
    pub acr: Vec<AcrConfiguration>,
    /// Types of `authorization_details` that are known (RFC 9396); without one the parameter is refused.
    #[serde(default)]
    pub authorization_details: Vec<AuthorizationDetailsConfiguration>,
    /// Resource servers that any client may ask tokens for by `resource`, beside its own `audiences`.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Kinds of subject identifiers; the first is the default (OIDC Core section 8).
    #[serde(default = "default_subject_types")]
    pub subject_types: Vec<SubjectType>,
    /// Device authorization (RFC 8628), when its grant is on.
    #[serde(default)]
    pub device: DeviceConfiguration,
    /// CIBA, when its grant is on.
    #[serde(default)]
    pub ciba: CibaConfiguration,
    /// How many processes serve this issuer; with more than one, everything they share must be shareable.
    #[serde(default = "default_replicas")]
    pub replicas: u32,
    /// Lifetime of authorization codes in seconds, 1 to 60 (FSP-AS-11).
    #[serde(default = "default_code_lifetime")]
    pub code_lifetime: u32,
    /// Lifetime of pushed requests in seconds, 5 to 599 (FSP-AS-26).
    #[serde(default = "default_request_uri_lifetime")]
    pub request_uri_lifetime: u32,
    /// Lifetime of ID tokens in seconds, 30 to 3600.
    #[serde(default = "default_id_token_lifetime")]
    pub id_token_lifetime: u32,
    /// Lifetime of signed authorization responses in seconds, 10 to 600 (JARM section 2.1).
    #[serde(default = "default_signed_response_lifetime")]
    pub signed_response_lifetime: u32,
    /// Lifetime of access tokens in seconds, 1 to 3600.
    #[serde(default = "default_access_token_lifetime")]
    pub access_token_lifetime: u32,
    /// Lifetime of a grant and its refresh tokens in seconds.
    #[serde(default = "default_refresh_token_lifetime")]
    pub refresh_token_lifetime: u32,
    /// For how many seconds after a rotation the old refresh token may come back once, because the answer
    /// was lost; 0 to 60.
    #[serde(default = "default_refresh_grace")]
    pub refresh_grace: u32,
    /// Algorithms of the server's own keys; a key is made for each, and the first one signs access tokens.
    /// Without the option ES256, and in the profile `openid` RS256 beside it.
    #[serde(default)]
    pub signing_algorithms: Option<Vec<String>>,
    /// Algorithms of client assertions; without the option all that the profile accepts.
    #[serde(default)]
    pub assertion_algorithms: Option<Vec<String>>,
    /// Which `aud` client assertions may have; the profile decides when this is not set (AMB-01).
    #[serde(default)]
    pub assertion_audience: Option<AssertionAudience>,
    /// DPoP.
    #[serde(default)]
    pub dpop: DpopConfiguration,
    /// Origins of browser clients that may call and read the endpoints; `["*"]` for all (DPOP-8-11).
    #[serde(default)]
    pub cors_origins: Vec<String>,
    /// Named sets of certification authorities, for `tls_client_auth`.
    #[serde(default)]
    pub trust_anchors: Vec<TrustAnchorsConfiguration>,
    /// How key sets of clients with `jwks_uri` are fetched.
    #[serde(default)]
    pub client_keys: ClientKeysConfiguration,
    /// How long the server's own keys are published, used and kept.
    #[serde(default)]
    pub keys: KeysConfiguration,
    /// How people sign in and what they see.
    #[serde(default)]
    pub people: PeopleConfiguration,
    /// How often callers may ask.
    #[serde(default)]
    pub limits: LimitsConfiguration,
    /// What becomes of audit events.
    #[serde(default)]
    pub audit: AuditConfiguration,
    /// Clients of the configuration: `[[client]]`, members as in client registration. Read-only, and ahead
    /// of clients of the same name in the store.
    #[serde(default)]
    pub client: Vec<Map<String, Value>>,
}

/// Which `aud` a client assertion may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The issuer, as a string.
    Issuer,
    /// The issuer, or any endpoint at which clients authenticate, under any of the server's bases.
    OwnUrls,
}

/// `[dpop]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DpopConfiguration {
    /// Accepted algorithms; without the option all that the profile accepts.
    pub algorithms: Option<Vec<String>>,
    /// Whether every proof must hold a nonce.
    pub nonce: NoncePolicy,
    /// How old a proof may be, in seconds, 1 to 300.
    pub past: u32,
    /// How far ahead a proof's `iat` may lie, in seconds, 0 to 60.
    pub future: u32,
    /// How long a nonce is good, in seconds, 30 to 3600.
    pub nonce_lifetime: u32,
    /// How often a new nonce key is made, in seconds; at least twice the lifetime of a nonce.
    pub nonce_key_rotation: u32,
    /// Where used proofs are remembered.
    pub replay: ReplayPlace,
    /// How many live proofs the memory holds.
    pub replay_bound: usize,
}

/// Whether proofs must hold a nonce; constant over time (AMB-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoncePolicy {
    /// Always.
    Required,
    /// Only where nothing else shows that a proof is new: after a restart without durable memory.
    Optional,
}

/// Where used proofs are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayPlace {
    /// In this process; proofs older than the process are met with a nonce.
    Memory,
    /// In the store, for several processes on one store.
    Store,
}

/// One `[[trust_anchors]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustAnchorsConfiguration {
    /// The name that clients refer to.
    pub name: String,
    /// A file of PEM certificates.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The PEM certificates themselves.
    #[serde(default)]
    pub pem: Option<String>,
    /// A file of PEM revocation lists; with it, every certificate of a chain must be covered and not revoked.
    #[serde(default)]
    pub revocation_lists: Option<PathBuf>,
}

impl Default for DpopConfiguration {
    fn default() -> Self {
        Self {
            algorithms: None,
            nonce: NoncePolicy::Optional,
            past: 60,
            future: 30,
            nonce_lifetime: 300,
            nonce_key_rotation: 3600,
            replay: ReplayPlace::Memory,
            replay_bound: 1_000_000,
        }
    }
}

const fn default_access_token_lifetime() -> u32 {
    300
}

const fn default_refresh_token_lifetime() -> u32 {
    14 * 24 * 3600
}

const fn default_refresh_grace() -> u32 {
    60
}

const fn default_replicas() -> u32 {
    1
}

const fn default_code_lifetime() -> u32 {
    60
}

const fn default_request_uri_lifetime() -> u32 {
    60
}

const fn default_id_token_lifetime() -> u32 {
    300
}

const fn default_signed_response_lifetime() -> u32 {
    120
}

fn default_subject_types() -> Vec<SubjectType> {
    vec![SubjectType::Public]
}

/// A configuration that can't be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationInvalid {
    /// The option.
    pub option: String,
    /// Its value, shortened; empty when there is none.
    pub value: String,
    /// The rule that it breaks.
    pub rule: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ConfigurationInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.option)?;
        if !self.value.is_empty() {
            write!(f, " = {}", self.value)?;
        }
        write!(f, ": {}; {}", self.rule, self.remedy)
    }
}

impl std::error::Error for ConfigurationInvalid {}

pub(crate) fn invalid(
    option: impl Into<String>,
    value: impl fmt::Display,
    rule: impl Into<String>,
    remedy: impl Into<String>,
) -> ConfigurationInvalid {
    let value: String = value.to_string().chars().take(120).collect();
    ConfigurationInvalid { option: option.into(), value, rule: rule.into(), remedy: remedy.into() }
}
