//! `bindery keys`: the issuer's keys in the store of a server's configuration. What may be done to them, and what
//! it costs, is the authorization server's `key_schedule` to say; a running server takes it over within half a
//! minute.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use bindery_authorization_server::AuthorizationServer;
use bindery_authorization_server::key_schedule::{
    self, KeyAlgorithm, KeyChange, KeyChangeRefused, KeyStatus, Retirement, Rotation,
};
use bindery_core::time::UnixTime;
use clap::{Args, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Status;
use super::server::ServerFile;

/// Shows and changes the keys of an issuer, in the store of a server's configuration. The server may be running: it
/// follows within half a minute.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The server's configuration file
    #[arg(long, value_name = "TOML", env = "BINDERY_SERVER_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Whose keys, when several issuers are configured
    #[arg(long, value_name = "URL", global = true)]
    issuer: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the keys: name, algorithm, state, since when, and what happens next by itself
    List,
    /// Replace keys ahead of their time: publish new ones now, which sign when everyone has them
    Rotate(Rotate),
    /// Take a key out of use; what it signed stays good unless the key is compromised
    Retire(Retire),
}

#[derive(Debug, Args)]
struct Rotate {
    /// Only the key of this algorithm, as ES256; otherwise all of them
    #[arg(long, value_name = "ALG")]
    algorithm: Option<String>,
    /// Use the new keys at once; who has the key set in a cache may refuse what they sign for some minutes
    #[arg(long)]
    now: bool,
}

#[derive(Debug, Args)]
struct Retire {
    /// The key's name (`kid`)
    // One in 64 begins with a hyphen.
    #[arg(allow_hyphen_values = true)]
    key_id: String,
    /// The key is compromised: forget it at once, and with it everything that it signed
    #[arg(long)]
    emergency: bool,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let config = arguments
        .config
        .context("--config is missing: name the server's configuration file, or set BINDERY_SERVER_CONFIG")?;
    let file = ServerFile::read(&config)?;
    let file = file.issuer(arguments.issuer.as_deref())?;
    if !file.store.is_durable() {
        bail!(
            "{} keeps its store in memory, so there is nothing to change; set [store] path",
            config.display()
        );
    }
    let server = file.start(file.store.open().await?).await?;
    match arguments.action {
        Action::List => list(&server, out).await,
        Action::Rotate(rotate) => {
            let how = if rotate.now { Rotation::AtOnce } else { Rotation::Publish };
            let algorithm = rotate.algorithm.as_deref().map(algorithm).transpose()?;
            let changes = key_schedule::rotate(&server, algorithm, how).await.map_err(told)?;
            changes.iter().try_for_each(|change| report(change, out))?;
            Ok(Status::Done)
        }
        Action::Retire(retire) => {
            let how = if retire.emergency { Retirement::Emergency } else { Retirement::Orderly };
            let change = key_schedule::retire(&server, &retire.key_id, how).await.map_err(told)?;
            report(&change, out)?;
            Ok(Status::Done)
        }
    }
}

fn algorithm(name: &str) -> anyhow::Result<KeyAlgorithm> {
    KeyAlgorithm::from_name(name).with_context(|| {
        format!("--algorithm {name:?}: no key has such an algorithm; `bindery keys list` names those in use")
    })
}

async fn list(server: &AuthorizationServer, out: &mut dyn Write) -> anyhow::Result<Status> {
    for key in key_schedule::list(server).await? {
        let next = match key.next {
            Some((step, at)) => format!("{} {}", step.words(), date(at)),
            None => "stays until it is retired".to_owned(),
        };
        let (state, since) = (key.state.as_str(), date(since(&key)));
        writeln!(
            out,
            "{:<43} {:<14} {:<3} {state:<7} {since}  {next}",
            key.key_id, key.algorithm, key.usage
        )?;
    }
    Ok(Status::Done)
}

/// Since when it stands where it stands.
fn since(key: &KeyStatus) -> UnixTime {
    key.retired_at.or(key.activated_at).unwrap_or(key.created_at)
}

/// What was done goes to the output, what it costs to whoever reads along.
fn report(change: &KeyChange, out: &mut dyn Write) -> anyhow::Result<()> {
    for (word, key_id) in [
        ("made", &change.made),
        ("activated", &change.activated),
        ("retired", &change.retired),
        ("removed", &change.removed),
    ] {
        if let Some(key_id) = key_id {
            writeln!(out, "{word} {key_id}")?;
        }
    }
    let mut talk = std::io::stderr();
    if let Some(span) = change.unknown_to_caches {
        let seconds = span.as_secs();
        writeln!(
            talk,
            "The new key signs at once: who has the key set in a cache may refuse its tokens for {seconds} s."
        )?;
    }
    if let Some(span) = change.believed_by_caches {
        let seconds = span.as_secs();
        writeln!(
            talk,
            "Everything that the removed key signed is dead here; who has the key set in a cache may believe it \
             for {seconds} s more."
        )?;
    }
    Ok(())
}

/// The refusal, with dates that people read.
fn told(refused: KeyChangeRefused) -> anyhow::Error {
    match refused {
        KeyChangeRefused::Published { key_id, active_at } => anyhow::anyhow!(
            "key {key_id:?} is published already and comes into use {}; to use it at once, rotate with --now",
            date(active_at)
        ),
        refused => refused.into(),
    }
}

pub(super) fn date(at: UnixTime) -> String {
    let date = OffsetDateTime::from_unix_timestamp(at.as_seconds()).ok();
    date.and_then(|date| date.format(&Rfc3339).ok()).unwrap_or_else(|| at.to_string())
}
