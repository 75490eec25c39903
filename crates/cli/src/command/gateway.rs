//! `bindery gateway`: the gateway and its listener, from one configuration file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use bindery_core::mtls::subject::validity;
use bindery_crypto::random_bytes;
use bindery_gateway::{Gateway, GatewayConfiguration, GatewayMetrics, GatewayParts, GatewaySample};
use bindery_http::tls::{self, ClientIdentity};
use bindery_http::{ClientCertificates, Clock as _, SystemClock};
use bindery_resource_server::{Mode, outbound};
use bindery_store::memory::ReplayMemory;
use clap::Args;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::Status;
use super::key_tables::KeyTables;
use super::keys::date;
use super::listener::ListenerSettings;
use super::server::{StopSignal, drain};
use crate::observation::{ObservationSettings, Observed};
use crate::settings::{self, read_file};

/// Runs the gateway until it is stopped by SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "TOML", env = "BINDERY_GATEWAY_CONFIG")]
    config: PathBuf,
    /// Check the configuration and the certificates, and stop
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    key_tables: KeyTables,
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewayFile {
    /// Where clients connect; certificates are always asked for, and needed for bound tokens alone.
    listener: ListenerSettings,
    /// How many live proofs are remembered; when they are that many, new ones are refused.
    #[serde(default = "default_replay_entries")]
    replay_entries: usize,
    /// Certification authorities that issuers' servers are trusted by, PEM; the system's without it.
    #[serde(default)]
    issuer_roots_file: Option<PathBuf>,
    /// The certificate by which the gateway authenticates at introspection endpoints, PEM, leaf first.
    #[serde(default)]
    issuer_certificate_file: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(default)]
    issuer_key_file: Option<PathBuf>,
    /// Log and metrics.
    #[serde(default)]
    observation: ObservationSettings,
    /// The gateway.
    gateway: GatewayConfiguration,
}

/// What the operator reads of a gateway.
struct ObservedGateway {
    gateway: Gateway,
    metrics: GatewayMetrics,
    replay_bound: usize,
}

impl ObservedGateway {
    fn replay_entries(&self) -> usize {
        let guard = self.gateway.guard();
        guard.replay_store().live_entries(guard.now())
    }
}

#[async_trait]
impl Observed for ObservedGateway {
    async fn metrics(&self) -> Result<String, std::fmt::Error> {
        let open = self.gateway.open_tunnels();
        self.metrics.render(&GatewaySample::new(open, self.replay_entries(), self.replay_bound))
    }

    /// A full replay memory refuses every proof. Issuers and the application are not asked: when they are away,
    /// another gateway would not reach them either.
    async fn readiness(&self) -> (bool, serde_json::Value) {
        let room = self.replay_entries() < self.replay_bound;
        (room, serde_json::json!({"ready": room, "parts": {"replay_memory": room}}))
    }
}

impl GatewayFile {
    fn require_private_secrets(&self) -> anyhow::Result<()> {
        let guard = &self.gateway.guard;
        for key in &guard.nonce_keys {
            settings::require_private("nonce_key.file", &key.file)?;
        }
        let asked = guard.issuers.iter().filter_map(|issuer| issuer.introspection.as_ref());
        if let Some(key) = &self.issuer_key_file {
            settings::require_private("issuer_key_file", key)?;
        }
        for secret in asked.filter_map(|introspection| introspection.client_secret_file.as_deref()) {
            settings::require_private("issuer.introspection.client_secret_file", secret)?;
        }
        Ok(())
    }

    /// The client for fetching issuers' keys and asking about tokens.
    fn http_client(&self) -> anyhow::Result<reqwest::Client> {
        let mut builder = outbound::http_client_builder();
        let identity = self.identity()?;
        if let Some(path) = &self.issuer_roots_file {
            let pem = read_file("issuer_roots_file", path)?;
            let tls = tls::client_config(&pem, identity.as_ref())
                .with_context(|| format!("issuer_roots_file {} can't be used", path.display()))?;
            builder = builder.tls_backend_preconfigured(tls);
        } else if let Some(certificate) = &self.issuer_certificate_file {
            bail!(
                "issuer_certificate_file {}: it is shown to named issuers alone; set issuer_roots_file to the \
                 authorities of their servers",
                certificate.display()
            );
        }
        builder.build().context("the client for fetching keys can't be made")
    }

    /// What introspection endpoints know the gateway by: a certificate, or a secret, and never both.
    fn identity(&self) -> anyhow::Result<Option<ClientIdentity>> {
        let asked =
            self.gateway.guard.issuers.iter().filter_map(|issuer| issuer.introspection.as_ref()).next();
        let (certificate, key) = match (&self.issuer_certificate_file, &self.issuer_key_file) {
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(certificate), None) => bail!(
                "issuer_certificate_file {}: nobody can show it without its key; set issuer_key_file, or leave both out",
                certificate.display()
            ),
            (None, Some(key)) => bail!(
                "issuer_key_file {}: its certificate is missing; set issuer_certificate_file, or leave both out",
                key.display()
            ),
            (None, None) => match asked.filter(|introspection| introspection.client_secret_file.is_none()) {
                None => return Ok(None),
                Some(introspection) => bail!(
                    "issuer.introspection.client_id {}: it has nothing to authenticate with; set client_secret_file \
                     beside it, or issuer_certificate_file and issuer_key_file",
                    introspection.client_id
                ),
            },
        };
        if let Some(secret) = asked.and_then(|introspection| introspection.client_secret_file.as_ref()) {
            bail!(
                "issuer_certificate_file {}: the introspection authenticates by client_secret_file {} already, and a \
                 client has one method; leave one of them out",
                certificate.display(),
                secret.display()
            );
        }
        let identity = ClientIdentity::from_pem_files(certificate, key);
        let identity = identity.context("issuer_certificate_file and issuer_key_file can't be used")?;
        require_in_time(certificate, identity.leaf())?;
        Ok(Some(identity))
    }
}

/// A certificate out of its time would be refused at the first opaque token, hours after the start.
fn require_in_time(path: &Path, leaf: &[u8]) -> anyhow::Result<()> {
    let (begin, end) =
        validity(leaf).with_context(|| format!("issuer_certificate_file {}", path.display()))?;
    let now = SystemClock.now();
    if now > end {
        bail!(
            "issuer_certificate_file {}: it ended at {} and no server takes it; renew it",
            path.display(),
            date(end)
        );
    }
    if now < begin {
        bail!(
            "issuer_certificate_file {}: it begins at {}, and it is {} here; set this machine's clock, or wait",
            path.display(),
            date(begin),
            date(now)
        );
    }
    Ok(())
}

const fn default_replay_entries() -> usize {
    2_000_000
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<Status> {
    arguments.key_tables.apply();
    let file: GatewayFile = settings::read(&arguments.config)?;
    file.observation.begin_untraced().with_context(|| arguments.config.display().to_string())?;
    file.require_private_secrets()?;
    let metrics = GatewayMetrics::new();
    let parts = GatewayParts {
        replay: ReplayMemory::new(file.replay_entries, SystemClock.now(), random_bytes()?),
        clock: Arc::new(SystemClock),
        http_client: file.http_client().with_context(|| arguments.config.display().to_string())?,
        observer: None,
        metrics: metrics.clone(),
    };
    let edge = file.gateway.edge_policy().with_context(|| arguments.config.display().to_string())?;
    let gateway = file.gateway.into_gateway(parts).with_context(|| arguments.config.display().to_string())?;
    for route in gateway.guard().routes() {
        let (path, mode) = (&route.path, route.mode.name());
        if route.mode == Mode::Enforce {
            tracing::info!(event = "route", path, mode);
        } else {
            tracing::warn!(event = "route", path, mode, "this route lets unproven requests through");
        }
    }
    if arguments.check {
        file.listener.check(Some(ClientCertificates::Asked), &edge)?;
        tracing::info!(event = "configuration_checked");
        return Ok(Status::Done);
    }
    let stop = StopSignal::listen()?;
    let listener = file.listener.bind(Some(ClientCertificates::Asked), &edge)?;
    let operators = file.observation.operator_listener()?;
    gateway.guard().ready().await;
    tracing::info!(event = "listening", address = %listener.local_address());
    let handle = listener.handle();
    let mut serving = JoinSet::new();
    serving.spawn(listener.serve(gateway.service()));
    let observed = ObservedGateway { gateway: gateway.clone(), metrics, replay_bound: file.replay_entries };
    let observing = operators.map(|listener| listener.serve(observed));
    let stopped = stop.serve(&mut serving, vec![handle]).await;
    gateway.shut_down(Duration::from_secs(10)).await;
    let drained = drain(&mut serving).await;
    // To the last moment the metrics show how the gateway ends.
    if let Some(observing) = observing {
        observing.end().await;
    }
    stopped.and(drained).map(|()| Status::Done)
}
