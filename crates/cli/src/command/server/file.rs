//! The server's configuration file: listeners, and either one issuer (`[server]`, `[store]`) or several
//! (`[[issuer]]`, each with `server` and `store`, and with listeners of its own where it wants them). Files
//! that leave open which issuer is meant, or where it is served, are refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bindery_authorization_server::{
    AuthorizationServer, Metrics, SealingKey, ServerConfiguration, ServerParts,
};
use bindery_http::trusted_proxy_configuration::edge_policy;
use bindery_http::{EdgePolicy, SystemClock, TrustedProxiesConfiguration};
use bindery_store::AuthorizationStore;
use serde::Deserialize;

use super::store::StoreSettings;
use crate::command::listener::ListenerSettings;
use crate::observation::ObservationSettings;
use crate::settings;

/// The whole file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Where clients and resource servers connect.
    #[serde(default)]
    listener: Option<ListenerSettings>,
    /// Where clients with certificates connect, when that is another place; it always asks for them.
    #[serde(default)]
    mtls_listener: Option<ListenerSettings>,
    /// Proxies in front that end TLS and forward client certificates; without it clients connect directly.
    #[serde(default)]
    trusted_proxies: Option<TrustedProxiesConfiguration>,
    /// Further headers by which this estate tells identities; no client's are read.
    #[serde(default)]
    strip_headers: Vec<String>,
    /// What the operator sees.
    #[serde(default)]
    observation: ObservationSettings,
    /// Where the state of the one issuer is kept.
    #[serde(default)]
    store: Option<StoreSettings>,
    /// The one issuer.
    #[serde(default)]
    server: Option<ServerConfiguration>,
    /// Several issuers.
    #[serde(default)]
    issuer: Vec<WrittenIssuer>,
}

/// One `[[issuer]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIssuer {
    server: ServerConfiguration,
    #[serde(default)]
    store: StoreSettings,
    #[serde(default)]
    listener: Option<ListenerSettings>,
    #[serde(default)]
    mtls_listener: Option<ListenerSettings>,
}

/// The file, read.
#[derive(Debug)]
pub(crate) struct ServerFile {
    pub(super) edge: EdgePolicy,
    pub(super) observation: ObservationSettings,
    /// Where all issuers count.
    pub(super) metrics: Metrics,
    /// Where issuers without listeners of their own are served.
    pub(super) shared: Option<Listeners>,
    pub(super) issuers: Vec<IssuerFile>,
}

/// One or two sockets for the same issuers.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) plain: ListenerSettings,
    /// It always asks for certificates.
    pub(super) mtls: Option<ListenerSettings>,
}

/// One issuer with everything that it runs on.
#[derive(Debug)]
pub(crate) struct IssuerFile {
    pub(crate) server: ServerConfiguration,
    pub(crate) store: StoreSettings,
    /// Its own listeners; the shared ones without.
    pub(super) listeners: Option<Listeners>,
    edge: EdgePolicy,
    takes_certificates: bool,
    metrics: Metrics,
}

impl ServerFile {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let written: Written = settings::read(path)?;
        Self::of(written).with_context(|| path.display().to_string())
    }

    fn of(written: Written) -> anyhow::Result<Self> {
        let edge = edge_policy(written.trusted_proxies.as_ref(), &written.strip_headers)?;
        let shared = listeners(written.listener, written.mtls_listener)?;
        let metrics = Metrics::new();
        let several = !written.issuer.is_empty();
        let issuers = match (written.server, several) {
            (Some(_), true) => bail!(
                "there is `[server]` and `[[issuer]]`; move the one issuer into the list of all, or remove the list"
            ),
            (None, true) if written.store.is_some() => bail!(
                "`[store]` stands beside `[[issuer]]`, and no issuer shares a store; give each its `[issuer.store]`"
            ),
            (None, false) => bail!("there is no issuer; add `[server]`, or `[[issuer]]` for several"),
            (Some(server), false) => {
                let store = written.store.unwrap_or_default();
                vec![WrittenIssuer { server, store, listener: None, mtls_listener: None }]
            }
            (None, true) => written.issuer,
        };
        let issuers = issuers
            .into_iter()
            .map(|issuer| IssuerFile::of(issuer, shared.as_ref(), &edge, &metrics))
            .collect::<anyhow::Result<Vec<_>>>()?;
        if shared.is_some() && issuers.iter().all(|issuer| issuer.listeners.is_some()) {
            bail!("`[listener]` serves nobody: every issuer has one of its own; remove it");
        }
        require_own_places(&issuers)?;
        Ok(Self { edge, observation: written.observation, metrics, shared, issuers })
    }

    /// The issuer that is meant: the named one, or the only one.
    pub(crate) fn issuer(&self, named: Option<&str>) -> anyhow::Result<&IssuerFile> {
        let known = || {
            let names: Vec<_> = self.issuers.iter().map(|issuer| issuer.server.issuer.as_str()).collect();
            names.join(", ")
        };
        match (named, self.issuers.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => bail!("several issuers are configured: say which with --issuer, one of {}", known()),
            (Some(named), issuers) => {
                let found = issuers.iter().find(|issuer| issuer.server.issuer == named);
                found.with_context(|| format!("--issuer {named} is not configured; there is {}", known()))
            }
        }
    }
}

fn listeners(
    plain: Option<ListenerSettings>,
    mtls: Option<ListenerSettings>,
) -> anyhow::Result<Option<Listeners>> {
    match (plain, mtls) {
        (Some(plain), mtls) => Ok(Some(Listeners { plain, mtls })),
        (None, None) => Ok(None),
        (None, Some(_)) => {
            bail!("`[mtls_listener]` stands alone; add `[listener]` for clients without certificates")
        }
    }
}

/// State of one issuer in the place of another's would be the other's.
fn require_own_places(issuers: &[IssuerFile]) -> anyhow::Result<()> {
    for (index, one) in issuers.iter().enumerate() {
        for other in &issuers[index + 1..] {
            if let Some(place) = one.store.shares_with(&other.store) {
                bail!(
                    "the issuers {} and {} both keep their state in {place}; give each a place of its own",
                    one.server.issuer,
                    other.server.issuer
                );
            }
        }
    }
    Ok(())
}

impl IssuerFile {
    fn of(
        written: WrittenIssuer,
        shared: Option<&Listeners>,
        edge: &EdgePolicy,
        metrics: &Metrics,
    ) -> anyhow::Result<Self> {
        let listeners = listeners(written.listener, written.mtls_listener)?;
        let Some(served) = listeners.as_ref().or(shared) else {
            bail!("the issuer {} is served nowhere; add `[listener]`", written.server.issuer);
        };
        let takes_certificates =
            served.plain.asks_for_certificates() || served.mtls.is_some() || edge.trusted_proxies().is_some();
        Ok(Self {
            server: written.server,
            store: written.store,
            listeners,
            edge: edge.clone(),
            takes_certificates,
            metrics: metrics.clone(),
        })
    }

    /// The server on this issuer's store.
    pub(crate) async fn start(
        &self,
        store: Arc<dyn AuthorizationStore>,
    ) -> anyhow::Result<AuthorizationServer> {
        let parts = self.parts(store, self.store.sealing_key()?)?;
        Ok(AuthorizationServer::start(&self.server, parts).await?)
    }

    /// The server as it is configured, on a store and keys that are gone with it.
    pub(super) async fn try_out(&self) -> anyhow::Result<AuthorizationServer> {
        self.start_aside(&self.server).await
    }

    async fn start_aside(&self, configuration: &ServerConfiguration) -> anyhow::Result<AuthorizationServer> {
        let store = StoreSettings::default().open().await?;
        let mut parts = self.parts(store, SealingKey::ephemeral()?)?;
        parts.store_is_shared = self.store.is_shared();
        Ok(AuthorizationServer::start(configuration, parts).await?)
    }

    /// What the server runs on.
    fn parts(
        &self,
        store: Arc<dyn AuthorizationStore>,
        sealing_key: SealingKey,
    ) -> anyhow::Result<ServerParts> {
        let parts = ServerParts::new(store, Arc::new(SystemClock), sealing_key);
        Ok(ServerParts {
            edge: self.edge.clone(),
            takes_certificates: self.takes_certificates,
            store_is_shared: self.store.is_shared(),
            metrics: self.metrics.clone(),
            ..parts.fetching_keys(&self.server)?
        })
    }
}

/// The path as it is compared: two spellings of one file are one place.
pub(super) fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        path.file_name().map_or_else(|| path.to_owned(), |name| directory.join(name))
    })
}
