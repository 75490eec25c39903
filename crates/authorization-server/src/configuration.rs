//! The configuration of one issuer, as a plain serde value that any format can fill, and its rules. A
//! contradiction is refused at start with option, value, rule and remedy; nothing is guessed. Defaults are
//! those of the design: tokens of 300 s, proofs of 60 s, nonces of 300 s.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bindery_core::dpop::proof::MAXIMUM_FUTURE;
use bindery_core::dpop::target::PublicBase;
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_http::cors::AllowedOrigins;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::profile::Profile;
use crate::router::ENDPOINTS;

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
    /// Algorithms of access tokens; a key is made for each, and the first one signs.
    #[serde(default = "default_signing_algorithms")]
    pub signing_algorithms: Vec<String>,
    /// Algorithms of client assertions.
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
    /// Clients of the configuration: `[[client]]`, members as in client registration. Read-only, and ahead
    /// of clients of the same name in the store.
    #[serde(default)]
    pub client: Vec<Map<String, Value>>,
}

/// Which `aud` a client assertion may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The issuer, as a string.
    Issuer,
    /// The issuer, the token endpoint, or the endpoint that is called, under any of the server's bases.
    OwnUrls,
}

/// `[dpop]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DpopConfiguration {
    /// Accepted algorithms.
    pub algorithms: Vec<String>,
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
            algorithms: AlgorithmSet::DEFAULT.iter().map(|algorithm| algorithm.name().into()).collect(),
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

fn default_signing_algorithms() -> Vec<String> {
    vec![SignatureAlgorithm::Es256.name().into()]
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

/// The configuration after its rules were checked; what the server runs on.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) profile: Profile,
    /// Public base URLs without trailing slash: the issuer, then the one with certificates.
    pub(crate) base_urls: Vec<String>,
    pub(crate) bases: Vec<PublicBase>,
    /// What a client assertion may name as `aud` where the issuer alone is not demanded (AMB-01).
    pub(crate) own_urls: Vec<String>,
    /// The path of the issuer, without trailing slash.
    pub(crate) issuer_path: String,
    /// The path under which endpoints are routed.
    pub(crate) internal_path: String,
    pub(crate) access_token_lifetime: Duration,
    pub(crate) refresh_token_lifetime: Duration,
    pub(crate) refresh_grace: Duration,
    pub(crate) signing_algorithms: Vec<SignatureAlgorithm>,
    pub(crate) assertion_algorithms: AlgorithmSet,
    pub(crate) assertion_audience: AssertionAudience,
    pub(crate) dpop_algorithms: AlgorithmSet,
    pub(crate) dpop: DpopConfiguration,
    pub(crate) cors: Option<AllowedOrigins>,
}

impl ServerConfiguration {
    /// Checks everything but clients and trust anchors.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigurationInvalid> {
        let issuer_path = self.require_issuer()?;
        let internal_path = match &self.internal_path {
            None => issuer_path.clone(),
            Some(path) if path.is_empty() || path.starts_with('/') => path.trim_end_matches('/').into(),
            Some(path) => {
                return Err(invalid("internal_path", path, "it is not a path", "start it with `/`"));
            }
        };
        let base_urls = self.require_base_urls(&issuer_path)?;
        let base = |url: &String| {
            PublicBase::parse(url).map(|base| base.replacing(&internal_path)).map_err(|reason| {
                invalid("issuer", url, reason.to_string(), "write it like \"https://id.example.com\"")
            })
        };
        let bases = base_urls.iter().map(base).collect::<Result<_, _>>()?;
        self.require_times()?;
        let signing = algorithms("signing_algorithms", &self.signing_algorithms, self.profile)?;
        let dpop_algorithms = algorithms("dpop.algorithms", &self.dpop.algorithms, self.profile)?;
        let assertion_algorithms = match &self.assertion_algorithms {
            Some(names) => AlgorithmSet::of(&algorithms("assertion_algorithms", names, self.profile)?),
            None => AlgorithmSet::DEFAULT,
        };
        Ok(Settings {
            issuer: self.issuer.clone(),
            own_urls: own_urls(&self.issuer, &base_urls),
            profile: self.profile,
            base_urls,
            bases,
            issuer_path,
            internal_path,
            access_token_lifetime: seconds(self.access_token_lifetime),
            refresh_token_lifetime: seconds(self.refresh_token_lifetime),
            refresh_grace: seconds(self.refresh_grace),
            signing_algorithms: signing,
            assertion_algorithms,
            assertion_audience: self.profile.assertion_audience(self.assertion_audience)?,
            dpop_algorithms: AlgorithmSet::of(&dpop_algorithms),
            dpop: self.dpop.clone(),
            cors: self.allowed_origins()?,
        })
    }

    /// ASM-2-01: https, no query, no fragment. Returns the path.
    fn require_issuer(&self) -> Result<String, ConfigurationInvalid> {
        let wrong = |rule: &str| {
            invalid(
                "issuer",
                &self.issuer,
                rule,
                "write it like \"https://id.example.com\" (RFC 8414 section 2)",
            )
        };
        let rest = self.issuer.strip_prefix("https://").ok_or_else(|| wrong("it is not an https URL"))?;
        if self.issuer.contains(['?', '#', '@', '\\']) {
            return Err(wrong("it has a query, a fragment or user information"));
        }
        let path = rest.find('/').map_or("", |slash| &rest[slash..]);
        if path.contains("//") || path.contains("/.") {
            return Err(wrong("its path has empty or dot segments"));
        }
        Ok(path.trim_end_matches('/').into())
    }

    fn require_base_urls(&self, issuer_path: &str) -> Result<Vec<String>, ConfigurationInvalid> {
        let mut urls = vec![self.issuer.trim_end_matches('/').to_owned()];
        if let Some(url) = &self.mtls_base_url {
            let wrong = |rule: &str| {
                invalid(
                    "mtls_base_url",
                    url,
                    rule,
                    "use another host or port and the issuer's path, or remove it",
                )
            };
            let rest = url.strip_prefix("https://").ok_or_else(|| wrong("it is not an https URL"))?;
            let path = rest.find('/').map_or("", |slash| &rest[slash..]).trim_end_matches('/');
            if path != issuer_path {
                return Err(wrong("its path differs from the issuer's"));
            }
            let url = url.trim_end_matches('/').to_owned();
            if url == urls[0] {
                return Err(wrong("it is the issuer itself, whose endpoints need no aliases"));
            }
            urls.push(url);
        }
        Ok(urls)
    }

    fn allowed_origins(&self) -> Result<Option<AllowedOrigins>, ConfigurationInvalid> {
        match self.cors_origins.as_slice() {
            [] => Ok(None),
            [all] if all == "*" => Ok(Some(AllowedOrigins::Any)),
            origins => AllowedOrigins::listed(origins).map(Some).map_err(|reason| {
                invalid(
                    "cors_origins",
                    &reason.0,
                    "it is not an origin",
                    "write it like \"https://app.example.com\"",
                )
            }),
        }
    }

    fn require_times(&self) -> Result<(), ConfigurationInvalid> {
        let dpop = &self.dpop;
        let future = u32::try_from(MAXIMUM_FUTURE.as_secs()).unwrap_or(60);
        // A nonce key stays in the ring through one rotation, so its nonces live at least that long.
        let rotation = dpop.nonce_lifetime.saturating_mul(2);
        for (option, value, least, most) in [
            ("access_token_lifetime", self.access_token_lifetime, 1, 3600),
            ("refresh_token_lifetime", self.refresh_token_lifetime, self.access_token_lifetime, u32::MAX),
            ("refresh_grace", self.refresh_grace, 0, 60),
            ("dpop.past", dpop.past, 1, 300),
            ("dpop.future", dpop.future, 0, future),
            ("dpop.nonce_lifetime", dpop.nonce_lifetime, 30, 3600),
            ("dpop.nonce_key_rotation", dpop.nonce_key_rotation, rotation, u32::MAX),
        ] {
            if !(least..=most).contains(&value) {
                let rule = format!("it is not between {least} and {most} seconds");
                return Err(invalid(option, value, rule, "choose a value in that range"));
            }
        }
        if dpop.replay_bound == 0 {
            let rule = "a memory that holds nothing refuses every proof";
            return Err(invalid(
                "dpop.replay_bound",
                0,
                rule,
                "allow at least one proof per second of the window",
            ));
        }
        Ok(())
    }
}

/// The issuer, and the endpoints at which clients authenticate, under each base.
fn own_urls(issuer: &str, base_urls: &[String]) -> Vec<String> {
    let endpoints = || ENDPOINTS.iter().filter(|endpoint| endpoint.authenticates);
    let below =
        base_urls.iter().flat_map(|base| endpoints().map(move |endpoint| format!("{base}{}", endpoint.path)));
    std::iter::once(issuer.to_owned()).chain(below).collect()
}

fn algorithms(
    option: &str,
    names: &[String],
    profile: Profile,
) -> Result<Vec<SignatureAlgorithm>, ConfigurationInvalid> {
    let remedy = "choose among ES256, EdDSA, PS256, ES384 and, outside FAPI, RS256";
    if names.is_empty() {
        return Err(invalid(option, "[]", "nothing could be signed or verified", remedy));
    }
    names
        .iter()
        .map(|name| {
            let algorithm = SignatureAlgorithm::from_name(name)
                .ok_or_else(|| invalid(option, name, "it is not an asymmetric algorithm of ours", remedy))?;
            profile.require_algorithm(option, algorithm)?;
            Ok(algorithm)
        })
        .collect()
}

const fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds as u64)
}
