//! `bindery server posture`: what the configuration resolves to, for people or as JSON, and what would change
//! against another configuration or a posture that was saved. It starts nothing, stores nothing, and brings no
//! table up to date; the clients of a store that exists are counted.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bindery_authorization_server::Issuers;
use bindery_authorization_server::posture::Posture;
use clap::Args;

use super::file::ServerFile;
use crate::command::Status;
use crate::settings::read_file;

/// Prints what the configuration resolves to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// As one JSON document
    #[arg(long)]
    json: bool,
    /// Another configuration, or a document of --json: prints what differs from it, and ends with status 1
    /// when anything does
    #[arg(long, value_name = "TOML|JSON")]
    diff: Option<PathBuf>,
}

pub(super) async fn run(config: &Path, arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    let posture = resolve(config).await?;
    let Some(other) = &arguments.diff else {
        match arguments.json {
            true => writeln!(out, "{}", serde_json::to_string_pretty(&posture)?)?,
            false => write!(out, "{posture}")?,
        }
        return Ok(Status::Done);
    };
    let differences = saved_or_resolved(other).await?.compare(&posture);
    for difference in &differences {
        writeln!(out, "{difference}")?;
    }
    Ok(if differences.is_empty() { Status::Done } else { Status::Refused })
}

async fn saved_or_resolved(path: &Path) -> anyhow::Result<Posture> {
    match path.extension().and_then(std::ffi::OsStr::to_str) {
        Some("toml") => resolve(path).await,
        Some("json") => {
            let text = read_file("--diff", path)?;
            serde_json::from_slice(&text)
                .with_context(|| format!("--diff {}: it is no document of --json", path.display()))
        }
        _ => bail!("--diff {}: its name ends in neither .toml nor .json", path.display()),
    }
}

async fn resolve(config: &Path) -> anyhow::Result<Posture> {
    let file = ServerFile::read(config)?;
    let mut issuers = Vec::new();
    let mut servers = Vec::new();
    for issuer in &file.issuers {
        let server = issuer.try_out().await.with_context(|| config.display().to_string())?;
        issuers.push(match issuer.store.exists().await? {
            true => {
                issuer.store.require_current().await.with_context(|| config.display().to_string())?;
                server.posture_on(&*issuer.store.open().await?).await?
            }
            false => server.posture().await?,
        });
        servers.push(server);
    }
    Issuers::new(servers).with_context(|| config.display().to_string())?;
    Ok(Posture { issuers })
}
