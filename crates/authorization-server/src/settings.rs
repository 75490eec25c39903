//! The rules of the configuration: from what an operator wrote to what the server runs on, or to the option
//! that is wrong. Clients and trust anchors have their own rules, in `client_registry` and `server`.

use std::collections::BTreeMap;
use std::time::Duration;

use bindery_core::dpop::proof::MAXIMUM_FUTURE;
use bindery_core::dpop::target::PublicBase;
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::oauth::authorization_details::DetailType;
use bindery_http::cors::AllowedOrigins;

use crate::client_keys::FetchTimes;
use crate::configuration::{
    AcrConfiguration, AuthorizationDetailsConfiguration, CibaConfiguration, ConfigurationInvalid,
    DeviceConfiguration, DpopConfiguration, IssuerBearerException, NoncePolicy, RegistrationConfiguration,
    ReplayPlace, ScopeConfiguration, ServerConfiguration, SubjectType, invalid,
};
use crate::key_schedule::{KeyAlgorithm, KeyTimes};
use crate::profile::ProfileRules;
use crate::router::ENDPOINTS;
use crate::server::ServerParts;

mod asks;
mod rules;

pub(crate) use rules::Rules;

/// The longest lifetime of tokens that are bound by proofs without nonces, in seconds (DPOP-11.2-01).
const LONGEST_WITHOUT_NONCE: u32 = 900;

/// The configuration after its rules were checked; what the server runs on.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) issuer: String,
    /// Every question of policy; ask these, never the profile's name.
    pub(crate) rules: Rules,
    /// Grant types that are on, of those in `grant::names`.
    pub(crate) grants: Vec<&'static str>,
    /// Bearer tokens for confidential clients that registered no constraint, until that time.
    pub(crate) bearer: Option<IssuerBearerException>,
    /// Every scope value with description and claims, by name; a client's scope may hold further ones.
    pub(crate) scopes: BTreeMap<String, ScopeConfiguration>,
    /// From the weakest to the strongest.
    pub(crate) acr: Vec<AcrConfiguration>,
    pub(crate) authorization_details: Vec<AuthorizationDetailsConfiguration>,
    /// The same as the parser of requests wants it.
    pub(crate) detail_types: Vec<DetailType>,
    /// What any client may name as `resource`, beside its own audiences.
    pub(crate) resources: Vec<String>,
    /// The first is the default.
    pub(crate) subject_types: Vec<SubjectType>,
    /// People who may administer, by `sub`.
    pub(crate) administrators: Vec<String>,
    pub(crate) registration: RegistrationConfiguration,
    pub(crate) device: DeviceConfiguration,
    pub(crate) ciba: CibaConfiguration,
    pub(crate) replicas: u32,
    pub(crate) code_lifetime: Duration,
    pub(crate) request_uri_lifetime: Duration,
    pub(crate) id_token_lifetime: Duration,
    /// Of signed authorization responses (JARM).
    pub(crate) signed_response_lifetime: Duration,
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
    /// One key for each; the first signs access tokens.
    pub(crate) signing_algorithms: Vec<SignatureAlgorithm>,
    /// One key for each: those that sign, then those that others encrypt to.
    pub(crate) key_algorithms: Vec<KeyAlgorithm>,
    pub(crate) keys: KeyTimes,
    pub(crate) assertion_algorithms: AlgorithmSet,
    pub(crate) dpop_algorithms: AlgorithmSet,
    pub(crate) dpop: DpopConfiguration,
    pub(crate) cors: Option<AllowedOrigins>,
    pub(crate) fetch_times: FetchTimes,
    /// Private hosts and networks that clients can make the server call, as configured.
    pub(crate) client_keys_reach: Vec<String>,
}

impl Settings {
    /// Every lifetime in seconds, by the name of its option.
    pub(crate) fn lifetimes(&self) -> BTreeMap<String, u64> {
        [
            ("access_token_lifetime", self.access_token_lifetime),
            ("refresh_token_lifetime", self.refresh_token_lifetime),
            ("refresh_grace", self.refresh_grace),
            ("code_lifetime", self.code_lifetime),
            ("request_uri_lifetime", self.request_uri_lifetime),
            ("id_token_lifetime", self.id_token_lifetime),
            ("signed_response_lifetime", self.signed_response_lifetime),
        ]
        .into_iter()
        .map(|(name, span)| (name.to_owned(), span.as_secs()))
        .collect()
    }

    /// Refuses what the rest of the deployment contradicts: certificates that nobody asks for, processes that
    /// share nothing.
    pub(crate) fn require_parts(&self, parts: &ServerParts) -> Result<(), ConfigurationInvalid> {
        let constraints = self.rules.server().sender_constraints;
        if !parts.takes_certificates && self.base_urls.len() > 1 {
            return Err(invalid(
                "mtls_base_url",
                &self.base_urls[1],
                "no listener asks for client certificates and no trusted proxy forwards them",
                "add `[mtls_listener]`, set `client_certificates = \"asked\"`, or remove the option",
            ));
        }
        if !parts.takes_certificates && !constraints.dpop {
            return Err(invalid(
                "sender_constraints",
                constraints.names().join(", "),
                "certificates are the only confirmation, and none can arrive",
                "add `[mtls_listener]`, set `client_certificates = \"asked\"`, or name dpop too",
            ));
        }
        if self.replicas > 1 && !parts.store_is_shared {
            return Err(invalid(
                "replicas",
                self.replicas,
                "the store is this process's own, so codes, proofs and tokens would be good once per process",
                "use a store that processes share, or one process",
            ));
        }
        if self.replicas > 1 && constraints.dpop && self.dpop.replay == ReplayPlace::Memory {
            return Err(invalid(
                "dpop.replay",
                "memory",
                "with several processes a proof would be good once in each",
                "set `dpop.replay = \"store\"`",
            ));
        }
        Ok(())
    }
}

impl ServerConfiguration {
    /// Checks everything but clients and trust anchors.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigurationInvalid> {
        let rules = self.rules()?;
        let server = rules.server();
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
        self.require_asks()?;
        let signing = match &self.signing_algorithms {
            Some(names) => algorithms("signing_algorithms", names, server)?,
            None => own_algorithms(server),
        };
        let keys = self.keys.times(self.longest_signed())?;
        let accepted = |option: &str, names: &Option<Vec<String>>| match names {
            Some(names) => algorithms(option, names, server).map(|names| AlgorithmSet::of(&names)),
            None => Ok(server.default_algorithms),
        };
        let dpop_algorithms = match server.sender_constraints.dpop {
            true => accepted("dpop.algorithms", &self.dpop.algorithms)?,
            false => AlgorithmSet::of(&[]),
        };
        let assertion_algorithms = accepted("assertion_algorithms", &self.assertion_algorithms)?;
        Ok(Settings {
            issuer: self.issuer.clone(),
            own_urls: own_urls(&self.issuer, &base_urls),
            grants: self.enabled_grants()?,
            bearer: self.bearer_exception()?,
            scopes: self.scopes(server.openid)?,
            acr: self.acr.clone(),
            authorization_details: self.authorization_details.clone(),
            detail_types: self.authorization_details.iter().map(detail_type).collect(),
            resources: self.resources.clone(),
            subject_types: self.subject_types.clone(),
            administrators: self.administrators.clone(),
            registration: self.registration.clone(),
            device: self.device,
            ciba: self.ciba,
            replicas: self.replicas,
            code_lifetime: seconds(self.code_lifetime),
            request_uri_lifetime: seconds(self.request_uri_lifetime),
            id_token_lifetime: seconds(self.id_token_lifetime),
            signed_response_lifetime: seconds(self.signed_response_lifetime),
            base_urls,
            bases,
            issuer_path,
            internal_path,
            access_token_lifetime: seconds(self.access_token_lifetime),
            refresh_token_lifetime: seconds(self.refresh_token_lifetime),
            refresh_grace: seconds(self.refresh_grace),
            key_algorithms: key_algorithms(&signing, &keys),
            keys,
            signing_algorithms: signing,
            assertion_algorithms,
            dpop_algorithms,
            dpop: self.dpop.clone(),
            cors: self.allowed_origins()?,
            fetch_times: self.client_keys.times()?,
            client_keys_reach: self
                .client_keys
                .dangerous_private_hosts
                .iter()
                .chain(&self.client_keys.dangerous_private_networks)
                .cloned()
                .collect(),
            rules,
        })
    }

    /// The longest lifetime of anything that the server signs; a key is kept for at least as long.
    fn longest_signed(&self) -> Duration {
        let lifetimes = [self.access_token_lifetime, self.id_token_lifetime, self.signed_response_lifetime];
        seconds(lifetimes.into_iter().max().unwrap_or_default())
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
        let rules = self.profile.rules();
        for (option, value, least, most) in [
            ("replicas", self.replicas, 1, 1000),
            ("code_lifetime", self.code_lifetime, 1, rules.maximum_code_lifetime),
            ("request_uri_lifetime", self.request_uri_lifetime, 5, rules.maximum_request_uri_lifetime),
            ("id_token_lifetime", self.id_token_lifetime, 30, 3600),
            ("signed_response_lifetime", self.signed_response_lifetime, 10, 600),
            ("device.lifetime", self.device.lifetime, 60, 1800),
            ("device.interval", self.device.interval, 1, 60),
            ("ciba.lifetime", self.ciba.lifetime, 30, 1800),
            ("ciba.interval", self.ciba.interval, 1, 60),
            ("ciba.waiting_per_person", self.ciba.waiting_per_person, 1, 100),
            ("ciba.waiting_per_client", self.ciba.waiting_per_client, 1, 1_000_000),
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

/// What the parser of requests must know of a type. Without any member named, it may have any.
fn detail_type(said: &AuthorizationDetailsConfiguration) -> DetailType {
    let named = !(said.required.is_empty() && said.members.is_empty());
    DetailType {
        name: said.kind.clone(),
        required: said.required.clone(),
        members: named.then(|| said.members.clone()),
    }
}

/// The issuer, and the endpoints at which clients authenticate, under each base.
fn own_urls(issuer: &str, base_urls: &[String]) -> Vec<String> {
    let endpoints = || ENDPOINTS.iter().filter(|endpoint| endpoint.authenticates);
    let below =
        base_urls.iter().flat_map(|base| endpoints().map(move |endpoint| format!("{base}{}", endpoint.path)));
    std::iter::once(issuer.to_owned()).chain(below).collect()
}

fn key_algorithms(signing: &[SignatureAlgorithm], keys: &KeyTimes) -> Vec<KeyAlgorithm> {
    let signing = signing.iter().copied().map(KeyAlgorithm::Signature);
    signing.chain(keys.encryption_algorithms.iter().copied().map(KeyAlgorithm::Encryption)).collect()
}

/// ES256, and what ID tokens are signed with when a client doesn't say.
fn own_algorithms(rules: &ProfileRules) -> Vec<SignatureAlgorithm> {
    let id_token = rules.default_id_token_algorithm.filter(|_| rules.openid);
    std::iter::once(SignatureAlgorithm::Es256).chain(id_token).collect()
}

fn algorithms(
    option: &str,
    names: &[String],
    rules: &ProfileRules,
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
            if !rules.algorithms.contains(algorithm) {
                let rule = format!("the profile {} does not allow it (FSP-CR-01)", rules.profile);
                return Err(invalid(option, algorithm, rule, format!("choose among {}", rules.algorithms)));
            }
            Ok(algorithm)
        })
        .collect()
}

const fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds as u64)
}
