//! `bindery server`: the authorization server, its listeners and its stores, from one configuration file. What
//! the options mean is decided by the crates that they configure; here they are put together.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bindery_authorization_server::{AuthorizationServer, Issuers};
use bindery_http::listener::Listener;
use bindery_http::{ClientCertificates, EdgePolicy};
use clap::{Args, Subcommand};
use tokio::task::JoinSet;

use super::Status;
use super::key_tables::KeyTables;
use crate::observation::ObservedServers;
use file::Listeners;

mod backup;
mod file;
mod posture;
mod stop;
mod store;

/// How long the last audit records may hold up the end of the process.
const FAREWELL: Duration = Duration::from_secs(5);

pub(crate) use file::ServerFile;
pub(crate) use stop::{StopSignal, drain};

/// Runs the authorization server until it is stopped by SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "TOML", env = "BINDERY_SERVER_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Check the configuration, the certificates and the store, and stop
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    key_tables: KeyTables,
    #[command(subcommand)]
    action: Option<Action>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
enum Action {
    /// Print what the configuration resolves to, or what differs from another one
    Posture(posture::Arguments),
    /// Copy what an issuer has stored, while the server runs
    Backup(backup::Arguments),
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    let config = arguments
        .config
        .context("--config is missing: name the server's configuration file, or set BINDERY_SERVER_CONFIG")?;
    arguments.key_tables.apply();
    match arguments.action {
        None => serve(&config, arguments.check).await,
        Some(Action::Posture(posture)) => {
            super::log_to_stderr("error");
            posture::run(&config, &posture, out).await
        }
        Some(Action::Backup(backup)) => backup::run(&config, &backup, out).await,
    }
}

async fn serve(config: &Path, check: bool) -> anyhow::Result<Status> {
    let file = ServerFile::read(config)?;
    let traces = file.observation.begin().with_context(|| config.display().to_string())?;
    let mut servers = Vec::new();
    for issuer in &file.issuers {
        let store = issuer.store.open().await?;
        servers.push(issuer.start(store).await.with_context(|| config.display().to_string())?);
    }
    let all = Issuers::new(servers).with_context(|| config.display().to_string())?;
    announce(&all).await?;
    if check {
        for listeners in file.groups(&all)?.iter().map(|group| group.listeners) {
            listeners.plain.check(None, &file.edge)?;
            listeners.mtls.as_ref().map(|mtls| mtls.check(None, &file.edge)).transpose()?;
        }
        for server in all.iter() {
            tracing::info!(event = "configuration_checked", issuer = server.issuer());
        }
        return Ok(Status::Done);
    }
    for issuer in file.issuers.iter().filter(|issuer| !issuer.store.is_durable()) {
        tracing::warn!(
            issuer = issuer.server.issuer,
            "no [store] path is configured: clients, grants and keys are gone with this process"
        );
    }
    let stop = StopSignal::listen()?;
    let mut bound = Vec::new();
    for group in file.groups(&all)? {
        for listener in group.listeners.bind(&file.edge)? {
            bound.push((listener, group.issuers.clone()));
        }
    }
    let operators = file.observation.operator_listener()?;
    all.ready().await;
    let maintenance: Vec<_> = all.iter().map(AuthorizationServer::spawn_maintenance).collect();
    let mut serving = JoinSet::new();
    let mut handles = Vec::new();
    for (listener, issuers) in bound {
        for server in issuers.iter() {
            tracing::info!(event = "listening", address = %listener.local_address(), issuer = server.issuer());
        }
        handles.push(listener.handle());
        serving.spawn(listener.serve(issuers.router()));
    }
    let observed = ObservedServers::new(file.metrics.clone(), &all);
    let observing = operators.map(|listener| listener.serve(observed));
    let stopped = stop.serve(&mut serving, handles).await;
    let drained = drain(&mut serving).await;
    maintenance.iter().for_each(tokio::task::JoinHandle::abort);
    for server in all.iter() {
        let flushed = tokio::time::timeout(FAREWELL, server.flush_audit()).await;
        if flushed.is_err() {
            tracing::error!(issuer = server.issuer(), "the store took the last audit records too late");
        }
    }
    // To the last moment the metrics show how the server ends.
    if let Some(observing) = observing {
        observing.end().await;
    }
    if let Some(traces) = traces {
        traces.finish().await;
    }
    stopped.and(drained).map(|()| Status::Done)
}

/// Says what was resolved, issuer by issuer: the whole as a document, and every risk by its name.
async fn announce(issuers: &Issuers) -> anyhow::Result<()> {
    for server in issuers.iter() {
        let posture = server.posture().await?;
        let (issuer, profile) = (&posture.issuer, &posture.profile);
        let document = serde_json::to_string(&posture)?;
        for risk in &posture.risks {
            tracing::warn!(
                event = "risk",
                issuer,
                risk = risk.name,
                remedy = risk.remedy,
                "{}",
                risk.meaning
            );
        }
        tracing::info!(event = "posture", issuer, profile, document, "{}", posture.summary());
    }
    Ok(())
}

/// Issuers that are served at the same sockets.
struct Group<'f> {
    listeners: &'f Listeners,
    issuers: Issuers,
}

impl ServerFile {
    fn groups(&self, all: &Issuers) -> anyhow::Result<Vec<Group<'_>>> {
        let mut groups = Vec::new();
        let mut shared = Vec::new();
        for (issuer, server) in self.issuers.iter().zip(all.iter()) {
            match &issuer.listeners {
                Some(listeners) => {
                    groups.push(Group { listeners, issuers: Issuers::new(vec![server.clone()])? });
                }
                None => shared.push(server.clone()),
            }
        }
        if let Some(listeners) = self.shared.as_ref().filter(|_| !shared.is_empty()) {
            groups.push(Group { listeners, issuers: Issuers::new(shared)? });
        }
        Ok(groups)
    }
}

impl Listeners {
    fn bind(&self, edge: &EdgePolicy) -> anyhow::Result<Vec<Listener>> {
        let mut bound = vec![self.plain.bind(None, edge)?];
        if let Some(mtls) = &self.mtls {
            bound.push(mtls.bind(Some(ClientCertificates::Asked), edge)?);
        }
        Ok(bound)
    }
}
