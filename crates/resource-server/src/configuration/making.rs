//! Makes a guard of its configuration. Contradictions and unsafe values are refused with the option, the
//! value, the rule and the remedy; nothing is guessed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::MacKey;
use bindery_core::dpop::nonce::NonceKeyRing;
use bindery_core::dpop::proof::{NonceRequirement, ProofPolicy};
use bindery_core::dpop::target::PublicBase;
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::jose::jwk::JwkSet;
use bindery_core::resource::step::{AcceptedMechanisms, ResourceIdentity, ResourcePolicy};
use bindery_core::token::access_token::TrustedIssuer;
use bindery_store::ReplayStore;
use http::Method;
use zeroize::Zeroizing;

use super::{ConfigurationInvalid, GuardConfiguration, GuardParts, IssuerConfiguration, PublicUrl};
use crate::guard::{Guard, Inner, Nonces};
use crate::introspection::{self, Introspection, IntrospectionCredentials};
use crate::key_source::{IssuerKeys, KeyLocation};
use crate::observer::TracingObserver;
use crate::route::{Mode, Route, RouteTable};
use crate::token_cache::TokenCache;

impl GuardConfiguration {
    /// Makes the guard.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] names option, value, rule and remedy.
    pub fn into_guard<R: ReplayStore>(self, parts: GuardParts<R>) -> Result<Guard<R>, ConfigurationInvalid> {
        let now = parts.clock.now();
        let proof = self.proof_policy(parts.replay.accepted_since())?;
        let bases = self.public_bases()?;
        let nonce_scope = bases.first().map(|base| base.as_str().to_owned()).unwrap_or_default();
        let issuers = self.trusted_issuers()?;
        let routes = self.route_table(&proof)?;
        let nonces = match self.nonce_ring()? {
            Some(ring) => Nonces::shared(ring),
            None => Nonces::own(now).map_err(|_| ConfigurationInvalid::Random)?,
        };
        for text in [&self.realm, &self.resource_metadata].into_iter().flatten() {
            if text.bytes().any(|byte| !(0x20..0x7f).contains(&byte) || matches!(byte, b'"' | b'\\')) {
                return Err(ConfigurationInvalid::option(
                    "realm or resource_metadata",
                    text,
                    "it goes into a quoted string of a header",
                    "write it without quotes, backslashes and control characters",
                ));
            }
        }
        let keys = self
            .issuers
            .iter()
            .map(|issuer| {
                let location = issuer.key_location()?;
                Ok(IssuerKeys::new(issuer.issuer.clone(), location, parts.http_client.clone()))
            })
            .collect::<Result<_, ConfigurationInvalid>>()?;
        let introspection = self.introspection(&parts.http_client)?;
        Ok(Guard {
            inner: Arc::new(Inner {
                identity: ResourceIdentity { bases, issuers, nonce_scope },
                edge: parts.edge,
                routes,
                realm: self.realm,
                resource_metadata: self.resource_metadata,
                keys,
                introspection,
                tokens: TokenCache::new(self.token_cache_entries.max(16)),
                replay: parts.replay,
                nonces,
                clock: parts.clock,
                observer: parts.observer.unwrap_or_else(|| Arc::new(TracingObserver::default())),
            }),
        })
    }

    fn proof_policy(
        &self,
        accepted_since: Option<bindery_core::time::UnixTime>,
    ) -> Result<ProofPolicy, ConfigurationInvalid> {
        Ok(ProofPolicy {
            algorithms: algorithms("proof_algorithms", self.proof_algorithms.as_deref())?,
            past: within("proof_past_seconds", self.proof_past_seconds, 1, 300, "60 suits most clients")?,
            future: within(
                "proof_future_seconds",
                self.proof_future_seconds,
                0,
                60,
                "30 suits most clients",
            )?,
            nonce: NonceRequirement::Optional,
            nonce_lifetime: within(
                "nonce_lifetime_seconds",
                self.nonce_lifetime_seconds,
                10,
                3600,
                "300 is the default",
            )?,
            accepted_since,
        })
    }

    fn public_bases(&self) -> Result<Vec<PublicBase>, ConfigurationInvalid> {
        if self.public_urls.is_empty() {
            return Err(ConfigurationInvalid::option(
                "public_urls",
                "[]",
                "proofs are compared with the URLs that clients use",
                "write the https URL under which clients reach this server",
            ));
        }
        self.public_urls
            .iter()
            .map(|url| {
                let (url, arrives_as) = match url {
                    PublicUrl::Plain(url) => (url, None),
                    PublicUrl::Replaced { url, arrives_as } => (url, Some(arrives_as)),
                };
                let base = PublicBase::parse(url).map_err(|reason| {
                    ConfigurationInvalid::option(
                        "public_urls",
                        url,
                        reason,
                        "write an https URL such as \"https://api.example.com\"",
                    )
                })?;
                Ok(match arrives_as {
                    Some(prefix) => base.replacing(prefix),
                    None => base,
                })
            })
            .collect()
    }

    fn trusted_issuers(&self) -> Result<Vec<TrustedIssuer>, ConfigurationInvalid> {
        if self.issuers.is_empty() {
            return Err(ConfigurationInvalid::option(
                "issuer",
                "[]",
                "without an issuer no token can be accepted",
                "add an [[issuer]] with issuer and audiences",
            ));
        }
        for (index, issuer) in self.issuers.iter().enumerate() {
            if self.issuers[..index].iter().any(|earlier| earlier.issuer == issuer.issuer) {
                return Err(ConfigurationInvalid::option(
                    "issuer.issuer",
                    &issuer.issuer,
                    "two tables name the same issuer, and only one could decide",
                    "put all audiences and algorithms of an issuer into one [[issuer]]",
                ));
            }
        }
        self.issuers
            .iter()
            .map(|issuer| {
                for url in [Some(&issuer.issuer), issuer.jwks_uri.as_ref()].into_iter().flatten() {
                    if !url.starts_with("https://") {
                        return Err(ConfigurationInvalid::option(
                            "issuer",
                            url,
                            "issuers and their keys are reached over https only",
                            "write the https URL",
                        ));
                    }
                }
                if issuer.audiences.is_empty() {
                    return Err(ConfigurationInvalid::option(
                        "issuer.audiences",
                        &issuer.issuer,
                        "a token for somebody else must not work here",
                        "name the audience that this server's tokens carry",
                    ));
                }
                Ok(TrustedIssuer {
                    issuer: issuer.issuer.clone(),
                    audiences: issuer.audiences.clone(),
                    algorithms: algorithms("issuer.algorithms", issuer.algorithms.as_deref())?,
                    clock_skew: Duration::from_secs(self.proof_future_seconds.min(60)),
                })
            })
            .collect()
    }

    fn route_table(&self, proof: &ProofPolicy) -> Result<RouteTable, ConfigurationInvalid> {
        let policy =
            |mechanisms, nonce| ResourcePolicy { proof: ProofPolicy { nonce, ..proof.clone() }, mechanisms };
        let routes = self
            .routes
            .iter()
            .map(|route| {
                if crate::path::parse(&route.path).ok().as_deref() != Some(route.path.as_str()) {
                    return Err(ConfigurationInvalid::option(
                        "route.path",
                        &route.path,
                        "a route is matched on a plain absolute path",
                        "write it with a leading slash, without dot segments, `;`, `%` and empty segments",
                    ));
                }
                let methods = route.methods.iter().map(|method| {
                    Method::from_bytes(method.as_bytes()).map_err(|_| {
                        ConfigurationInvalid::option(
                            "route.methods",
                            method,
                            "it is not an HTTP method",
                            "write methods such as \"GET\"",
                        )
                    })
                });
                let nonce = if route.nonce_required {
                    NonceRequirement::Required
                } else {
                    NonceRequirement::Optional
                };
                Ok(Route {
                    path: route.path.clone(),
                    methods: methods.collect::<Result<_, _>>()?,
                    mode: route.mode,
                    policy: policy(mechanisms(route.mechanisms.as_deref())?, nonce),
                    scopes: scope_values(&route.scope)?,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        require_no_contradiction(&routes)?;
        let fallback = Route {
            path: "/".into(),
            methods: Vec::new(),
            mode: Mode::Enforce,
            policy: policy(AcceptedMechanisms::default(), NonceRequirement::Optional),
            scopes: Vec::new(),
        };
        Ok(RouteTable::new(routes, fallback))
    }

    fn nonce_ring(&self) -> Result<Option<NonceKeyRing>, ConfigurationInvalid> {
        let mut ring: Option<NonceKeyRing> = None;
        for (at, configured) in self.nonce_keys.iter().enumerate() {
            let repeated = self.nonce_keys[..at].iter().any(|earlier| earlier.id == configured.id);
            if repeated || at == NonceKeyRing::MAXIMUM_KEYS {
                return Err(ConfigurationInvalid::option(
                    "nonce_key.id",
                    configured.id,
                    "a ring holds four keys at most, each under an id of its own",
                    "leave out keys that stopped making nonces a nonce lifetime ago",
                ));
            }
            let text = read_secret("nonce_key.file", &configured.file)?;
            let bytes = base64url::decode_array(&text).map_err(|_| ConfigurationInvalid::File {
                option: "nonce_key.file",
                path: configured.file.clone(),
                rule: "it does not hold 32 bytes in base64url without padding".into(),
                remedy: "make one with `openssl rand 32 | basenc --base64url | tr -d =`",
            })?;
            let key = MacKey::new(bytes);
            ring = Some(match ring {
                None => NonceKeyRing::new(configured.id, key),
                Some(ring) => ring.with_previous(configured.id, key),
            });
        }
        Ok(ring)
    }

    fn introspection(
        &self,
        client: &reqwest::Client,
    ) -> Result<Option<(usize, Introspection)>, ConfigurationInvalid> {
        let mut configured = self
            .issuers
            .iter()
            .enumerate()
            .filter_map(|(at, issuer)| Some((at, issuer.introspection.as_ref()?)));
        let Some((at, settings)) = configured.next() else { return Ok(None) };
        if let Some((_, other)) = configured.next() {
            return Err(ConfigurationInvalid::option(
                "issuer.introspection",
                &other.endpoint,
                "an opaque token does not say who issued it, so only one issuer can be asked",
                "leave introspection to one issuer and let the others issue JWTs",
            ));
        }
        if !settings.endpoint.starts_with("https://") {
            return Err(ConfigurationInvalid::option(
                "issuer.introspection.endpoint",
                &settings.endpoint,
                "tokens are sent there",
                "write the https URL",
            ));
        }
        let client_id = settings.client_id.clone();
        let credentials = match &settings.client_secret_file {
            Some(file) => IntrospectionCredentials::ClientSecretBasic {
                client_id,
                secret: read_secret("issuer.introspection.client_secret_file", file)?,
            },
            None => IntrospectionCredentials::Mtls { client_id },
        };
        let lifetime = within(
            "issuer.introspection.cache_seconds",
            settings.cache_seconds,
            0,
            introspection::LIFETIME.as_secs(),
            "10 is the default; 0 asks about every request",
        )?;
        let endpoint = settings.endpoint.clone();
        Ok(Some((at, Introspection::new(endpoint, credentials, client.clone(), lifetime, settings.signed))))
    }
}

/// The seconds of an option, between these limits.
fn within(
    option: &str,
    value: u64,
    least: u64,
    most: u64,
    remedy: &'static str,
) -> Result<Duration, ConfigurationInvalid> {
    if (least..=most).contains(&value) {
        return Ok(Duration::from_secs(value));
    }
    Err(ConfigurationInvalid::option(
        option,
        value,
        format!("it must lie between {least} and {most} seconds"),
        remedy,
    ))
}

impl IssuerConfiguration {
    fn key_location(&self) -> Result<KeyLocation, ConfigurationInvalid> {
        match (&self.jwks_uri, &self.jwks_file) {
            (None, None) => Ok(KeyLocation::Metadata),
            (Some(url), None) => Ok(KeyLocation::JwksUri(url.clone())),
            (None, Some(path)) => {
                let unusable = |rule: String| ConfigurationInvalid::File {
                    option: "issuer.jwks_file",
                    path: path.clone(),
                    rule,
                    remedy: "write the issuer's JWK set there, as its jwks_uri serves it",
                };
                let text = std::fs::read(path).map_err(|reason| unusable(reason.to_string()))?;
                let keys = JwkSet::parse(&text).map_err(|reason| unusable(reason.to_string()))?;
                Ok(KeyLocation::Fixed(Arc::new(keys)))
            }
            (Some(url), Some(_)) => Err(ConfigurationInvalid::option(
                "issuer.jwks_uri",
                url,
                "keys come from one place, and jwks_file names another",
                "leave one of them out",
            )),
        }
    }
}

/// Of two routes for the same requests one would silently decide, perhaps the one that only observes.
fn require_no_contradiction(routes: &[Route]) -> Result<(), ConfigurationInvalid> {
    let twin = |(at, route): (usize, &Route)| routes[..at].iter().any(|earlier| earlier.contradicts(route));
    match routes.iter().enumerate().position(twin) {
        None => Ok(()),
        Some(at) => Err(ConfigurationInvalid::option(
            "route.path",
            &routes[at].path,
            "two routes are for the same path and method",
            "leave one of them out, or give them different methods",
        )),
    }
}

/// RFC 6749 section 3.3: a scope value goes between quotes into the challenge.
fn scope_values(scope: &str) -> Result<Vec<String>, ConfigurationInvalid> {
    let allowed = |byte: u8| matches!(byte, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if scope.bytes().all(allowed) {
        return Ok(scope.split_ascii_whitespace().map(Into::into).collect());
    }
    Err(ConfigurationInvalid::option(
        "route.scope",
        scope,
        "a scope value has a quote, a backslash, or a character outside visible ASCII",
        "write the values as they are issued, with single spaces between them",
    ))
}

fn read_secret(option: &'static str, path: &PathBuf) -> Result<Zeroizing<String>, ConfigurationInvalid> {
    let text =
        std::fs::read_to_string(path).map(Zeroizing::new).map_err(|reason| ConfigurationInvalid::File {
            option,
            path: path.clone(),
            rule: reason.to_string(),
            remedy: "make the file readable for this process alone",
        })?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

fn algorithms(option: &str, names: Option<&[String]>) -> Result<AlgorithmSet, ConfigurationInvalid> {
    let Some(names) = names else { return Ok(AlgorithmSet::DEFAULT) };
    let algorithms = names
        .iter()
        .map(|name| {
            SignatureAlgorithm::from_name(name).ok_or_else(|| {
                ConfigurationInvalid::option(
                    option,
                    name,
                    "it is not an asymmetric algorithm that Bindery knows",
                    "choose among ES256, EdDSA, PS256, ES384 and RS256",
                )
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if algorithms.is_empty() {
        return Err(ConfigurationInvalid::option(
            option,
            "[]",
            "without an algorithm nothing can be accepted",
            "leave the option out, or name one",
        ));
    }
    Ok(AlgorithmSet::of(&algorithms))
}

fn mechanisms(names: Option<&[String]>) -> Result<AcceptedMechanisms, ConfigurationInvalid> {
    let Some(names) = names else { return Ok(AcceptedMechanisms::default()) };
    let mut accepted = AcceptedMechanisms { dpop: false, mtls: false, dangerous_bearer: false };
    for name in names {
        match name.as_str() {
            "dpop" => accepted.dpop = true,
            "mtls" => accepted.mtls = true,
            "dangerous_bearer" => accepted.dangerous_bearer = true,
            _ => {
                return Err(ConfigurationInvalid::option(
                    "route.mechanisms",
                    name,
                    "it is not a mechanism",
                    "choose among dpop, mtls and dangerous_bearer",
                ));
            }
        }
    }
    if names.is_empty() {
        return Err(ConfigurationInvalid::option(
            "route.mechanisms",
            "[]",
            "a route that accepts nothing lets nobody in",
            "leave the option out, or name one",
        ));
    }
    Ok(accepted)
}

#[cfg(test)]
#[path = "making_tests.rs"]
mod tests;
