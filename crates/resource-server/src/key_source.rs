//! The keys of trusted issuers: fetched from `jwks_uri`, kept for five minutes, fetched again at most once in
//! thirty seconds when a token names a key that is not there, so that made-up key ids cause no traffic
//! (CVE-2026-48522's class). Keys of one issuer never verify another's tokens (JBCP-3.8-01).

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bindery_core::encoding::json;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::JwkSet;
use bindery_core::rejection::Rejection;
use bindery_core::time::UnixTime;
use tokio::sync::Mutex;

use crate::outbound::{self, OutboundFailed};

/// How long fetched keys are used without asking again.
pub const LIFETIME: Duration = Duration::from_secs(300);
/// The least time between two fetches, whatever is asked.
pub const PAUSE: Duration = Duration::from_secs(30);
/// How long keys are used while the issuer can't be reached. After that, tokens are refused.
pub const STALE_LIMIT: Duration = Duration::from_secs(3600);

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeyLocation {
    /// The `jwks_uri` itself.
    JwksUri(String),
    /// The issuer's RFC 8414 metadata, which names the `jwks_uri`.
    Metadata,
    /// Given by configuration, never fetched.
    Fixed(Arc<JwkSet>),
}

/// The keys of one issuer.
pub(crate) struct IssuerKeys {
    issuer: String,
    location: KeyLocation,
    client: reqwest::Client,
    current: ArcSwapOption<Fetched>,
    fetch: Mutex<Attempt>,
}

struct Fetched {
    keys: Arc<JwkSet>,
    at: UnixTime,
}

#[derive(Default)]
struct Attempt {
    last: Option<UnixTime>,
    jwks_uri: Option<String>,
}

impl IssuerKeys {
    pub(crate) fn new(issuer: String, location: KeyLocation, client: reqwest::Client) -> Self {
        Self { issuer, location, client, current: ArcSwapOption::empty(), fetch: Mutex::default() }
    }

    /// The keys to verify a token with this `kid` and algorithm.
    pub(crate) async fn keys_for(
        &self,
        key_id: Option<&str>,
        algorithm: SignatureAlgorithm,
        now: UnixTime,
    ) -> Result<Arc<JwkSet>, Rejection> {
        if let KeyLocation::Fixed(keys) = &self.location {
            return Ok(Arc::clone(keys));
        }
        let has_candidate = |keys: &JwkSet| keys.candidates(key_id, algorithm).next().is_some();
        if let Some(fetched) = &*self.current.load()
            && now <= fetched.at.plus(LIFETIME)
            && has_candidate(&fetched.keys)
        {
            return Ok(Arc::clone(&fetched.keys));
        }
        self.refresh(has_candidate, now).await;
        match &*self.current.load() {
            Some(fetched) if now <= fetched.at.plus(STALE_LIMIT) => Ok(Arc::clone(&fetched.keys)),
            _ => Err(Rejection::KeysUnavailable),
        }
    }

    /// One fetch at a time; whoever waited looks again before asking again.
    async fn refresh(&self, has_candidate: impl Fn(&JwkSet) -> bool, now: UnixTime) {
        let mut attempt = self.fetch.lock().await;
        let current = self.current.load();
        let enough = current
            .as_ref()
            .is_some_and(|fetched| now <= fetched.at.plus(LIFETIME) && has_candidate(&fetched.keys));
        let soon = current.is_some() && attempt.last.is_some_and(|last| now < last.plus(PAUSE));
        // Without any keys a retry is allowed every second: a guard that starts first must come to life.
        let at_once =
            current.is_none() && attempt.last.is_some_and(|last| now < last.plus(Duration::from_secs(1)));
        if enough || soon || at_once {
            return;
        }
        attempt.last = Some(now);
        match self.fetch(&mut attempt).await {
            Ok(keys) => {
                for (index, reason) in &keys.skipped {
                    tracing::warn!(event = "issuer_key_skipped", issuer = self.issuer, index, %reason);
                }
                self.current.store(Some(Arc::new(Fetched { keys: Arc::new(keys), at: now })));
            }
            Err(reason) => {
                attempt.jwks_uri = None;
                tracing::error!(event = "issuer_keys_unavailable", issuer = self.issuer, %reason);
            }
        }
    }

    async fn fetch(&self, attempt: &mut Attempt) -> Result<JwkSet, OutboundFailed> {
        let url = match (&self.location, &attempt.jwks_uri) {
            (KeyLocation::JwksUri(url), _) | (_, Some(url)) => url.clone(),
            _ => attempt.jwks_uri.insert(self.discover().await?).clone(),
        };
        let answer = outbound::call(
            self.client.get(&url).header("accept", "application/jwk-set+json, application/json"),
            &url,
        )
        .await?;
        JwkSet::parse(&answer).map_err(|reason| OutboundFailed::Unusable { url, reason: reason.to_string() })
    }

    /// RFC 8414 section 3: the metadata must name exactly the issuer that was asked for (ASM-3-03).
    async fn discover(&self) -> Result<String, OutboundFailed> {
        let url = metadata_url(&self.issuer);
        let unusable = |reason: &str| OutboundFailed::Unusable { url: url.clone(), reason: reason.into() };
        let answer = outbound::call(self.client.get(&url), &url).await?;
        let metadata = json::parse_object(&answer).map_err(|reason| unusable(&reason.to_string()))?;
        if metadata.get("issuer").and_then(|issuer| issuer.as_str()) != Some(&self.issuer) {
            return Err(unusable("its `issuer` is not the issuer that was asked for"));
        }
        let jwks_uri = metadata.get("jwks_uri").and_then(|url| url.as_str());
        jwks_uri.map(Into::into).ok_or_else(|| unusable("it has no `jwks_uri`"))
    }
}

/// RFC 8414 section 3.1: the well-known part goes between host and path.
fn metadata_url(issuer: &str) -> String {
    let after_scheme = issuer.find("://").map_or(0, |at| at + 3);
    let path = issuer[after_scheme..].find('/').map_or(issuer.len(), |at| after_scheme + at);
    let suffix = issuer[path..].trim_end_matches('/');
    format!("{}/.well-known/oauth-authorization-server{suffix}", &issuer[..path])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_goes_between_host_and_path() {
        for (issuer, url) in [
            ("https://as.example", "https://as.example/.well-known/oauth-authorization-server"),
            ("https://as.example/", "https://as.example/.well-known/oauth-authorization-server"),
            (
                "https://as.example:8443/t/1",
                "https://as.example:8443/.well-known/oauth-authorization-server/t/1",
            ),
        ] {
            assert_eq!(metadata_url(issuer), url);
        }
    }
}
