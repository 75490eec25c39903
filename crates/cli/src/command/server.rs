//! `bindery server`: the authorization server, its listeners and its store, from one configuration file.
//! What the options mean is decided by the crates that they configure; here they are put together.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bindery_authorization_server::{AuthorizationServer, SealingKey, ServerConfiguration, ServerParts};
use bindery_crypto::random_bytes;
use bindery_http::listener::ListenerHandle;
use bindery_http::trusted_proxy_configuration::edge_policy;
use bindery_http::{ClientCertificates, Clock as _, EdgePolicy, SystemClock, TrustedProxiesConfiguration};
use bindery_store::AuthorizationStore;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use bindery_store::sqlite::{SqliteOptions, SqliteStore, Synchronous};
use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::Status;
use super::listener::ListenerSettings;
use crate::settings;

/// How long running requests may take to end when the server is stopped.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the authorization server until it is stopped by SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "TOML", env = "BINDERY_SERVER_CONFIG")]
    config: PathBuf,
    /// Check the configuration, the certificates and the store, and stop
    #[arg(long)]
    check: bool,
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerFile {
    /// Where clients and resource servers connect.
    listener: ListenerSettings,
    /// Where clients with certificates connect, when that is another place; it always asks for them.
    #[serde(default)]
    mtls_listener: Option<ListenerSettings>,
    /// Proxies in front that end TLS and forward client certificates; without it clients connect directly.
    #[serde(default)]
    trusted_proxies: Option<TrustedProxiesConfiguration>,
    /// Further headers by which this estate tells identities; no client's are read.
    #[serde(default)]
    strip_headers: Vec<String>,
    /// Where state is kept.
    #[serde(default)]
    store: StoreSettings,
    /// The issuer.
    pub(crate) server: ServerConfiguration,
}

/// Where state is kept.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreSettings {
    /// The SQLite file, made at the first start. Without it everything is gone with the process.
    #[serde(default)]
    path: Option<PathBuf>,
    /// `full`: answered requests survive the loss of power. `normal`: they survive a crash of the process.
    #[serde(default)]
    durability: Durability,
    /// The file with the key that seals signing keys at rest, made at the first start beside the database.
    #[serde(default)]
    key_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Durability {
    #[default]
    Full,
    Normal,
}

impl StoreSettings {
    /// Opens the store.
    pub(crate) async fn open(&self) -> anyhow::Result<Arc<dyn AuthorizationStore>> {
        Ok(match &self.path {
            Some(path) => Arc::new(SqliteStore::open(path, self.options()).await?),
            None => {
                let claims = ReplayMemory::new(1_000_000, SystemClock.now(), random_bytes()?);
                Arc::new(MemoryStore::new(claims))
            }
        })
    }

    fn options(&self) -> SqliteOptions {
        let synchronous = match self.durability {
            Durability::Full => Synchronous::Full,
            Durability::Normal => Synchronous::Normal,
        };
        SqliteOptions { synchronous, ..SqliteOptions::default() }
    }

    fn sealing_key(&self) -> anyhow::Result<SealingKey> {
        Ok(match (&self.key_file, &self.path) {
            (Some(path), _) => SealingKey::load_or_generate(path)?,
            (None, Some(database)) => SealingKey::load_or_generate(&beside(database))?,
            (None, None) => SealingKey::ephemeral()?,
        })
    }

    /// Whether anything outlives the process.
    pub(crate) const fn is_durable(&self) -> bool {
        self.path.is_some()
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    database.with_file_name(name)
}

impl ServerFile {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        settings::read(path)
    }

    /// Whom the server believes about certificates.
    fn edge_policy(&self) -> anyhow::Result<EdgePolicy> {
        Ok(edge_policy(self.trusted_proxies.as_ref(), &self.strip_headers)?)
    }

    pub(crate) const fn store(&self) -> &StoreSettings {
        &self.store
    }

    /// Asks the server what it would say of one more client: its profile, its trust anchors, a configured
    /// client of the same name. Nothing is stored.
    pub(crate) async fn try_client(&self, members: &Map<String, Value>) -> anyhow::Result<()> {
        let mut configuration = self.server.clone();
        configuration.client.push(members.clone());
        let store = StoreSettings::default().open().await?;
        let parts = self.parts(store, SealingKey::ephemeral()?)?;
        AuthorizationServer::start(&configuration, parts).await?;
        Ok(())
    }

    /// The server on this file's store.
    pub(crate) async fn start(
        &self,
        store: Arc<dyn AuthorizationStore>,
    ) -> anyhow::Result<AuthorizationServer> {
        let parts = self.parts(store, self.store.sealing_key()?)?;
        Ok(AuthorizationServer::start(&self.server, parts).await?)
    }

    /// What the server runs on.
    fn parts(
        &self,
        store: Arc<dyn AuthorizationStore>,
        sealing_key: SealingKey,
    ) -> anyhow::Result<ServerParts> {
        let parts = ServerParts::new(store, Arc::new(SystemClock), sealing_key);
        let edge = self.edge_policy()?;
        let takes_certificates = self.listener.asks_for_certificates()
            || self.mtls_listener.is_some()
            || edge.trusted_proxies().is_some();
        Ok(ServerParts { edge, takes_certificates, ..parts.fetching_keys(&self.server)? })
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<Status> {
    super::log_to_stderr("info");
    let file = ServerFile::read(&arguments.config)?;
    let store = file.store.open().await?;
    let server = file.start(store).await.with_context(|| arguments.config.display().to_string())?;
    let edge = file.edge_policy()?;
    if arguments.check {
        for listener in [Some(&file.listener), file.mtls_listener.as_ref()].into_iter().flatten() {
            listener.check(None, &edge)?;
        }
        tracing::info!(event = "configuration_checked", issuer = server.issuer());
        return Ok(Status::Done);
    }
    if !file.store.is_durable() {
        tracing::warn!("no [store] path is configured: clients, grants and keys are gone with this process");
    }
    let stop = StopSignal::listen()?;
    let mut listeners = vec![file.listener.bind(None, &edge)?];
    if let Some(settings) = &file.mtls_listener {
        listeners.push(settings.bind(Some(ClientCertificates::Asked), &edge)?);
    }
    server.ready().await;
    let maintenance = server.spawn_maintenance();
    let mut serving = JoinSet::new();
    let mut handles = Vec::new();
    for listener in listeners {
        tracing::info!(event = "listening", address = %listener.local_address(), issuer = server.issuer());
        handles.push(listener.handle());
        serving.spawn(listener.serve(server.router()));
    }
    let stopped = stop.serve(&mut serving, handles).await;
    let drained = drain(&mut serving).await;
    maintenance.abort();
    stopped.and(drained).map(|()| Status::Done)
}

/// Waits until all listeners have ended.
pub(crate) async fn drain(serving: &mut JoinSet<io::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = serving.join_next().await {
        ended.context("a listener's task failed")?.context("a listener failed")?;
    }
    Ok(())
}

/// SIGTERM and Ctrl-C, heard from the moment that this is made: before it, they kill.
pub(crate) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals can't be awaited");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Serves until one of them comes, then lets running requests end. A listener that ends by itself stops
    /// the others too: a server that is half there helps nobody.
    pub(crate) async fn serve(
        mut self,
        serving: &mut JoinSet<io::Result<()>>,
        handles: Vec<ListenerHandle>,
    ) -> anyhow::Result<()> {
        let ended = tokio::select! {
            _ = self.terminate.recv() => None,
            _ = self.interrupt.recv() => None,
            ended = serving.join_next() => ended,
        };
        tracing::info!(event = "stopping", grace_seconds = GRACE.as_secs());
        for handle in handles {
            handle.shut_down(GRACE);
        }
        match ended {
            None => Ok(()),
            Some(ended) => {
                ended.context("a listener's task failed")?.context("a listener failed")?;
                anyhow::bail!("a listener ended by itself")
            }
        }
    }
}
