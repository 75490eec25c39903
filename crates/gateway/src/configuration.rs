//! The gateway's configuration, as it is written in a file, and its making into a gateway. Unknown options,
//! contradictions and unsafe values are refused with the option, the value, the rule and the remedy.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bindery_http::EdgePolicy;
use bindery_http::cors::{AllowedOrigins, CorsLayer};
use bindery_http::tls::{self, ClientIdentity};
use bindery_http::trusted_proxy_configuration::{
    EdgePolicyInvalid, TrustedProxiesConfiguration, edge_policy,
};
use bindery_resource_server::configuration::{GuardParts, PublicUrl};
use bindery_resource_server::observer::TracingObserver;
use bindery_resource_server::{ConfigurationInvalid, GuardConfiguration};
use bindery_store::ReplayStore;
use http::uri::{Authority, Scheme, Uri};
use http::{HeaderValue, Method};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use serde::Deserialize;

use crate::forwarded::PublicHosts;
use crate::gateway::{Gateway, GatewayParts, Inner};
use crate::metrics::Counting;
use crate::tunnel::Tunnels;
use crate::upstream::{Limits, Origin, Upstream};

/// Everything that a gateway can be told. Listeners are its caller's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfiguration {
    /// What requests must prove.
    pub guard: GuardConfiguration,
    /// The application.
    pub upstream: UpstreamConfiguration,
    /// Proxies in front that end TLS and forward client certificates; without it clients connect directly.
    #[serde(default)]
    pub trusted_proxies: Option<TrustedProxiesConfiguration>,
    /// Origins whose pages may read answers: origins, or `*` alone for all. Without any, preflights are
    /// judged like other requests.
    #[serde(default)]
    pub cors_allowed_origins: Vec<String>,
    /// Further headers by which this estate tells identities; no client's reach the application.
    #[serde(default)]
    pub strip_headers: Vec<String>,
}

/// The application behind the gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfiguration {
    /// Its origin, http or https. Paths go on as they come.
    pub url: String,
    /// The `Host` that it sees; without it, the authority of `url`.
    #[serde(default)]
    pub host: Option<String>,
    /// Whether an http application speaks HTTP/2 without being asked (gRPC servers do).
    #[serde(default)]
    pub http2_prior_knowledge: bool,
    /// The certificates that an https application is trusted by, PEM.
    #[serde(default)]
    pub roots_file: Option<PathBuf>,
    /// The certificate chain that the gateway presents to it, PEM.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// The key of that certificate, PEM.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// How long a connection may take to be made.
    #[serde(default = "default_connect")]
    pub connect_timeout_seconds: u64,
    /// How long the application may take from the end of the request to the head of its response.
    #[serde(default = "default_response")]
    pub response_timeout_seconds: u64,
    /// How long a body may pause, in either direction; 0 for ever.
    #[serde(default = "default_idle")]
    pub idle_timeout_seconds: u64,
    /// How long a WebSocket may be silent; 0 for ever.
    #[serde(default = "default_tunnel_idle")]
    pub tunnel_idle_timeout_seconds: u64,
    /// Whether a WebSocket ends when the token that opened it expires.
    #[serde(default)]
    pub tunnels_end_with_token: bool,
    /// How long an unused connection is kept.
    #[serde(default = "default_pool_idle")]
    pub pool_idle_timeout_seconds: u64,
    /// The longest request body, in bytes; without it there is no limit but the application's.
    #[serde(default)]
    pub maximum_body_bytes: Option<u64>,
    /// Whether the application is told who was proven, in `Bindery-*` headers.
    #[serde(default = "default_true")]
    pub identity_headers: bool,
    /// Whether tokens and proofs that the guard has verified still reach the application.
    #[serde(default)]
    pub forward_credentials: bool,
}

fn default_connect() -> u64 {
    5
}
fn default_response() -> u64 {
    60
}
fn default_idle() -> u64 {
    120
}
fn default_tunnel_idle() -> u64 {
    3600
}
fn default_pool_idle() -> u64 {
    30
}
fn default_true() -> bool {
    true
}

impl GatewayConfiguration {
    /// Makes the gateway. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] names option, value, rule and remedy.
    pub fn into_gateway<R: ReplayStore>(
        self,
        parts: GatewayParts<R>,
    ) -> Result<Gateway<R>, ConfigurationInvalid> {
        let edge = self.edge_policy()?;
        let cors = self.cors()?;
        let public_hosts = PublicHosts(self.guard.public_urls.iter().filter_map(public_host).collect());
        let origin = self.upstream.origin()?;
        let limits = self.upstream.limits()?;
        let tls = self.upstream.client_tls(&origin.scheme)?;
        let upstream = Upstream::new(origin, &tls, limits)
            .map_err(|reason| self.upstream.refused(&reason.to_string()))?;
        let guard = self.guard.into_guard(GuardParts {
            replay: parts.replay,
            clock: parts.clock,
            edge,
            http_client: parts.http_client,
            observer: Some(Arc::new(Counting {
                metrics: parts.metrics.clone(),
                next: parts.observer.unwrap_or_else(|| Arc::new(TracingObserver::default())),
            })),
        })?;
        Ok(Gateway {
            inner: Arc::new(Inner {
                guard,
                upstream,
                public_hosts,
                identity_headers: self.upstream.identity_headers,
                forward_credentials: self.upstream.forward_credentials,
                idle: limits.idle,
                tunnel_idle: seconds_or_ever(self.upstream.tunnel_idle_timeout_seconds),
                tunnels_end_with_token: self.upstream.tunnels_end_with_token,
                cors,
                tunnels: Tunnels::default(),
                metrics: parts.metrics,
            }),
        })
    }

    /// Whom the gateway believes, and which headers it strips.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] about `trusted_proxies` or `strip_headers`.
    pub fn edge_policy(&self) -> Result<EdgePolicy, ConfigurationInvalid> {
        let configured = self.trusted_proxies.as_ref();
        edge_policy(configured, &self.strip_headers).map_err(|reason| match reason {
            EdgePolicyInvalid::TrustedProxies(reason) => {
                let format = configured.map_or("", |configured| &configured.format);
                ConfigurationInvalid::option(
                    "trusted_proxies",
                    format,
                    reason,
                    "correct the table, or leave it out",
                )
            }
            EdgePolicyInvalid::StripHeaders(reason) => ConfigurationInvalid::option(
                "strip_headers",
                format!("{:?}", self.strip_headers),
                reason,
                "write names of headers",
            ),
        })
    }

    fn cors(&self) -> Result<Option<CorsLayer>, ConfigurationInvalid> {
        let origins = match self.cors_allowed_origins.as_slice() {
            [] => return Ok(None),
            [any] if any == "*" => AllowedOrigins::Any,
            listed => AllowedOrigins::listed(listed).map_err(|reason| {
                ConfigurationInvalid::option(
                    "cors_allowed_origins",
                    &reason.0,
                    &reason,
                    "list origins, or `*` alone",
                )
            })?,
        };
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        Ok(Some(CorsLayer::new(origins, &methods)))
    }
}

impl UpstreamConfiguration {
    fn refused(&self, rule: &str) -> ConfigurationInvalid {
        ConfigurationInvalid::option(
            "upstream.url",
            &self.url,
            rule,
            "write the application's origin, such as \"http://127.0.0.1:8080\" or \"https://app.internal\"",
        )
    }

    fn origin(&self) -> Result<Origin, ConfigurationInvalid> {
        let uri: Uri = self.url.parse().map_err(|_| self.refused("it is not a URL"))?;
        let parts = uri.into_parts();
        let scheme = parts
            .scheme
            .filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme))
            .ok_or_else(|| self.refused("its scheme is neither http nor https"))?;
        let authority = parts.authority.ok_or_else(|| self.refused("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(self.refused("it holds user information"));
        }
        if parts.path_and_query.is_some_and(|path| path.as_str() != "/") {
            return Err(self.refused("it has a path or query, and paths go on exactly as they were judged"));
        }
        // Certificates are verified against this name; without one nothing would be.
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let server_name = ServerName::try_from(name)
            .map_err(|_| self.refused("its host is neither a host name nor an address"))?;
        if self.http2_prior_knowledge && scheme == Scheme::HTTPS {
            return Err(ConfigurationInvalid::option(
                "upstream.http2_prior_knowledge",
                true,
                "an https application says in the handshake which version it speaks",
                "leave the option out",
            ));
        }
        let host = self.host(&authority)?;
        Ok(Origin { scheme, authority, server_name, host, http2: self.http2_prior_knowledge })
    }

    fn host(&self, authority: &Authority) -> Result<Authority, ConfigurationInvalid> {
        let Some(host) = &self.host else { return Ok(authority.clone()) };
        let parsed = host.parse::<Authority>().ok().filter(|parsed| !parsed.as_str().contains('@'));
        parsed.ok_or_else(|| {
            ConfigurationInvalid::option(
                "upstream.host",
                host,
                "it is not a host with an optional port",
                "write it like `app.internal:8080`",
            )
        })
    }

    fn limits(&self) -> Result<Limits, ConfigurationInvalid> {
        let positive = |option: &'static str, seconds: u64| match seconds {
            1..=3600 => Ok(Duration::from_secs(seconds)),
            _ => Err(ConfigurationInvalid::option(
                option,
                seconds,
                "an exchange without a limit would hold its connection for ever",
                "write between 1 and 3600 seconds",
            )),
        };
        Ok(Limits {
            connect: positive("upstream.connect_timeout_seconds", self.connect_timeout_seconds)?,
            response: positive("upstream.response_timeout_seconds", self.response_timeout_seconds)?,
            idle: seconds_or_ever(self.idle_timeout_seconds),
            pool_idle: positive("upstream.pool_idle_timeout_seconds", self.pool_idle_timeout_seconds)?,
            body: self.maximum_body_bytes,
        })
    }

    fn client_tls(&self, scheme: &Scheme) -> Result<ClientConfig, ConfigurationInvalid> {
        if *scheme == Scheme::HTTP {
            let given = [
                ("upstream.roots_file", &self.roots_file),
                ("upstream.certificate_file", &self.certificate_file),
                ("upstream.key_file", &self.key_file),
            ];
            if let Some((option, Some(file))) = given.iter().find(|(_, file)| file.is_some()) {
                return Err(ConfigurationInvalid::option(
                    option,
                    file.display(),
                    "the application is reached over http, so no certificate is looked at",
                    "write an https `upstream.url`, or leave the option out",
                ));
            }
            return without_roots();
        }
        let Some(roots) = &self.roots_file else {
            return Err(ConfigurationInvalid::option(
                "upstream.roots_file",
                "",
                "an https application is trusted by named certificates only",
                "name a PEM file of the authorities that may vouch for it",
            ));
        };
        let identity = match (&self.certificate_file, &self.key_file) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let identity = ClientIdentity::from_pem_files(certificate, key);
                Some(identity.map_err(|reason| unusable("upstream.certificate_file", certificate, reason))?)
            }
            (Some(file), None) | (None, Some(file)) => {
                return Err(unusable(
                    "upstream.certificate_file and upstream.key_file",
                    file,
                    "one was given without the other",
                ));
            }
        };
        let pem = fs::read(roots).map_err(|reason| unusable("upstream.roots_file", roots, reason))?;
        tls::client_config(&pem, identity.as_ref())
            .map_err(|reason| unusable("upstream.roots_file", roots, reason))
    }
}

/// For an application without TLS: a connector that could trust nobody.
fn without_roots() -> Result<ClientConfig, ConfigurationInvalid> {
    let builder = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|reason| {
            ConfigurationInvalid::option(
                "upstream.url",
                "",
                reason,
                "use a build whose cryptography has TLS 1.2 and 1.3",
            )
        })?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn public_host(url: &PublicUrl) -> Option<HeaderValue> {
    let (PublicUrl::Plain(url) | PublicUrl::Replaced { url, .. }) = url;
    let uri: Uri = url.parse().ok()?;
    HeaderValue::from_str(uri.authority()?.as_str()).ok()
}

fn seconds_or_ever(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn unusable(option: &'static str, path: &Path, rule: impl ToString) -> ConfigurationInvalid {
    ConfigurationInvalid::File {
        option,
        path: path.to_owned(),
        rule: rule.to_string(),
        remedy: "give readable PEM files that belong together",
    }
}

#[cfg(test)]
#[path = "configuration_tests.rs"]
mod tests;
