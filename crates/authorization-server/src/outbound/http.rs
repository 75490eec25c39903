//! Calls where clients wish, over HTTP: https alone, no redirect, no proxy, bounded in time and size (MTLS-2.2-04,
//! FSP-CR-06). A client's `jwks_uri` is a stranger's wish about where this server connects to: every name is
//! resolved here, once, all of its addresses are judged, and the connection goes to exactly those, so that an
//! answer that changes in between changes nothing (CVE-2026-1180's class). What is told to clients waits for turns
//! of its own: slow listeners hold no fetch that others are authenticated by.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bindery_http::tls;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, StatusCode};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::address::{Reach, reach};
use super::{MAXIMUM_DOCUMENT, Notification, Outbound, OutboundFailed};
use crate::client_keys::{ClientKeysConfiguration, KeySetFetcher, KeySetUnavailable, PrivateDestinations};
use crate::configuration::{ConfigurationInvalid, invalid};
use crate::event::AuditEvent;

/// The longest that one request may take, from waiting for its turn to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The outbound client of `bindery server`.
pub struct HttpOutbound {
    client: Client,
    private: Arc<PrivateDestinations>,
    fetches: Semaphore,
    notifications: Semaphore,
    /// [`TIMEOUT`], but in tests.
    patience: Duration,
}

impl HttpOutbound {
    /// Reads the roots and checks the lists.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] names what of `[client_keys]` must be mended.
    pub fn new(configuration: &ClientKeysConfiguration) -> Result<Self, ConfigurationInvalid> {
        Self::resolving_with(configuration, Arc::new(system_lookup))
    }

    fn resolving_with(
        configuration: &ClientKeysConfiguration,
        lookup: Arc<Lookup>,
    ) -> Result<Self, ConfigurationInvalid> {
        let private = Arc::new(configuration.private_destinations()?);
        let turns = configuration.concurrency()?;
        let (fetches, notifications) = (Semaphore::new(turns), Semaphore::new(turns));
        let client = Client::builder()
            .tls_backend_preconfigured(client_tls(configuration)?)
            .dns_resolver(Arc::new(JudgedNames { lookup, private: Arc::clone(&private) }))
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy of the environment would resolve the name itself, unjudged.
            .no_proxy()
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(0)
            .referer(false)
            .build()
            .map_err(|reason| unusable_tls("", reason.to_string()))?;
        Ok(Self { client, private, fetches, notifications, patience: TIMEOUT })
    }

    async fn read(&self, url: Url, accept: &'static str) -> Result<Vec<u8>, Refused> {
        let _turn = self.fetches.acquire().await.map_err(|_| Refused::Slow)?;
        // The status is judged and nothing else of the head: errors of transport are told without the URL.
        let transport = |error: reqwest::Error| Refused::Transport(error.without_url());
        let request = self.client.get(url).header(ACCEPT, accept);
        let mut response = request.send().await.map_err(transport)?;
        if response.status() != StatusCode::OK {
            return Err(Refused::Status(response.status()));
        }
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if text.len() + chunk.len() > MAXIMUM_DOCUMENT {
                return Err(Refused::TooLong);
            }
            text.extend_from_slice(&chunk);
        }
        Ok(text)
    }

    async fn try_fetch(&self, uri: &str, accept: &'static str) -> Result<Vec<u8>, Refused> {
        let url = require_destination(uri, &self.private)?;
        tokio::time::timeout(self.patience, self.read(url, accept)).await.unwrap_or(Err(Refused::Slow))
    }

    async fn tell(&self, url: Url, notification: Notification) -> Result<StatusCode, Refused> {
        let _turn = self.notifications.acquire().await.map_err(|_| Refused::Slow)?;
        let mut request = self.client.post(url).header(CONTENT_TYPE, notification.content_type);
        if let Some(bearer) = &notification.bearer {
            request = request.bearer_auth(bearer.as_str());
        }
        let answered = request.body(notification.body).send().await;
        answered.map(|response| response.status()).map_err(|error| Refused::Transport(error.without_url()))
    }

    async fn try_post(&self, uri: &str, notification: Notification) -> Result<StatusCode, Refused> {
        let url = require_destination(uri, &self.private)?;
        tokio::time::timeout(self.patience, self.tell(url, notification)).await.unwrap_or(Err(Refused::Slow))
    }
}

#[async_trait]
impl KeySetFetcher for HttpOutbound {
    async fn fetch(&self, uri: &str) -> Result<Vec<u8>, KeySetUnavailable> {
        self.try_fetch(uri, "application/jwk-set+json, application/json").await.map_err(|refused| {
            // What the other side has written is not among these words.
            AuditEvent::ClientKeysNotFetched { uri, reason: &refused.told() }.trace();
            KeySetUnavailable
        })
    }
}

#[async_trait]
impl Outbound for HttpOutbound {
    async fn get(&self, uri: &str, accept: &'static str) -> Result<Vec<u8>, OutboundFailed> {
        self.try_fetch(uri, accept).await.map_err(|refused| {
            AuditEvent::OutboundRequestFailed { uri, reason: &refused.told() }.trace();
            OutboundFailed
        })
    }

    async fn post(&self, uri: &str, notification: Notification) -> Result<u16, OutboundFailed> {
        let answered = self.try_post(uri, notification).await.map_err(|refused| {
            AuditEvent::OutboundRequestFailed { uri, reason: &refused.told() }.trace();
            OutboundFailed
        })?;
        Ok(answered.as_u16())
    }
}

impl fmt::Debug for HttpOutbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOutbound").field("private", &self.private).finish_non_exhaustive()
    }
}

/// What can be judged before anything is resolved. An address in place of a name never meets the resolver,
/// so it is judged here, as the URL standard reads it (`0x7f.1` is 127.0.0.1).
fn require_destination(uri: &str, private: &PrivateDestinations) -> Result<Url, Refused> {
    let url = Url::parse(uri).map_err(|_| Refused::Url)?;
    if url.scheme() != "https" {
        return Err(Refused::NotHttps);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Url);
    }
    let address = match url.host() {
        Some(Host::Domain(_)) => return Ok(url),
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        None => return Err(Refused::Url),
    };
    private.require("", address)?;
    Ok(url)
}

impl PrivateDestinations {
    fn require(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let listed = || {
            self.hosts.iter().any(|listed| listed == host)
                || self.networks.iter().any(|network| network.contains(&address))
        };
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Private if listed() => Ok(()),
            Reach::Private | Reach::Never => Err(Refused::Address(address)),
        }
    }
}

type Resolved = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;
type Lookup = dyn Fn(String) -> Resolved + Send + Sync;

fn system_lookup(host: String) -> Resolved {
    Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
}

/// Resolves names to addresses that were judged. One bad address among good ones condemns the answer: a name
/// that leads both outside and inside is an attempt, or a mistake that nobody should depend on.
struct JudgedNames {
    lookup: Arc<Lookup>,
    private: Arc<PrivateDestinations>,
}

impl Resolve for JudgedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_ascii_lowercase();
        let private = Arc::clone(&self.private);
        let resolved = (self.lookup)(host.clone());
        Box::pin(async move {
            let addresses = resolved.await?;
            for address in &addresses {
                private.require(&host, address.ip())?;
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn client_tls(configuration: &ClientKeysConfiguration) -> Result<ClientConfig, ConfigurationInvalid> {
    if let Some(path) = &configuration.roots_file {
        let shown = path.display();
        let pem = std::fs::read(path).map_err(|error| unusable_tls(&shown, error.to_string()))?;
        return tls::client_config(&pem, None).map_err(|reason| unusable_tls(&shown, reason.to_string()));
    }
    ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map(|builder| builder.with_no_client_auth())
        .map_err(|reason| unusable_tls("", reason.to_string()))
}

fn unusable_tls(value: impl fmt::Display, reason: String) -> ConfigurationInvalid {
    let remedy = "name a readable PEM file of the authorities that clients' servers are certified by";
    invalid("client_keys.roots_file", value, reason, remedy)
}

/// Why a set was not fetched.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it is not a URL of a host without user information")]
    Url,
    #[error("it is not https")]
    NotHttps,
    #[error(
        "it leads to {0}, which is not public; list its host or network in `dangerous_private_hosts` or \
         `dangerous_private_networks` of [server.client_keys] if it is a private address that you mean"
    )]
    Address(IpAddr),
    #[error("it answered {0}, and only 200 counts; redirects are not followed")]
    Status(StatusCode),
    #[error("it answered more than 256 KiB")]
    TooLong,
    #[error("it took more than 5 seconds")]
    Slow,
    #[error("{0}")]
    Transport(reqwest::Error),
}

impl Refused {
    /// The innermost cause: the layers above it say only that something failed.
    fn told(&self) -> String {
        let Self::Transport(error) = self else { return self.to_string() };
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        cause.to_string()
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
