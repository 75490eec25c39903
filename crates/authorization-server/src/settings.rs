//! The rules of the configuration: from what an operator wrote to what the server runs on, or to the option
//! that is wrong. Clients and trust anchors have their own rules, in `client_registry` and `server`.

use std::time::Duration;

use bindery_core::dpop::proof::MAXIMUM_FUTURE;
use bindery_core::dpop::target::PublicBase;
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_http::cors::AllowedOrigins;

use crate::client_keys::FetchTimes;
use crate::configuration::{
    AssertionAudience, ConfigurationInvalid, DpopConfiguration, NoncePolicy, ServerConfiguration, invalid,
};
use crate::profile::Profile;
use crate::router::ENDPOINTS;

/// The longest lifetime of tokens that are bound by proofs without nonces, in seconds (DPOP-11.2-01).
const LONGEST_WITHOUT_NONCE: u32 = 900;

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
    pub(crate) fetch_times: FetchTimes,
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
        let accepted = |option: &str, names: &Option<Vec<String>>| match names {
            Some(names) => algorithms(option, names, self.profile).map(|names| AlgorithmSet::of(&names)),
            None => Ok(self.profile.algorithms()),
        };
        let dpop_algorithms = accepted("dpop.algorithms", &self.dpop.algorithms)?;
        let assertion_algorithms = accepted("assertion_algorithms", &self.assertion_algorithms)?;
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
            dpop_algorithms,
            dpop: self.dpop.clone(),
            cors: self.allowed_origins()?,
            fetch_times: self.client_keys.times()?,
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
        // A proof made ahead of time is good for as long as its token (RFC 9449 section 11.2).
        if dpop.nonce == NoncePolicy::Optional && self.access_token_lifetime > LONGEST_WITHOUT_NONCE {
            return Err(invalid(
                "access_token_lifetime",
                self.access_token_lifetime,
                format!("tokens of more than {LONGEST_WITHOUT_NONCE} seconds want proofs with nonces"),
                "set `dpop.nonce = \"required\"`, or choose a shorter lifetime",
            ));
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
