//! `bindery blocked-key`: keys and certificates that open nothing, whoever holds them.

use std::io::Write;

use clap::{Args, Subcommand, ValueEnum};
use http::{Method, StatusCode};
use serde_json::Value;

use super::Status;
use crate::administration::{Administration, Place, members, refused_with, segment};

/// Blocks keys and certificates at a server: on the store of its configuration file, or at a running one.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Block a key or certificate: it gets no token, and tokens that are bound to it are dead
    Add(Add),
    /// List blocked keys and certificates, one line each
    List,
    /// Take a block away
    Remove {
        /// The thumbprint
        #[arg(allow_hyphen_values = true)]
        thumbprint: String,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// The thumbprint (`jkt` or `x5t#S256`), 43 characters of base64url
    #[arg(allow_hyphen_values = true)]
    thumbprint: String,
    /// What it is of
    #[arg(long, value_enum, default_value_t = Kind::Dpop)]
    kind: Kind,
    /// Why, for those who find it later
    #[arg(long)]
    reason: String,
    /// The client that used it
    #[arg(long = "of-client", value_name = "CLIENT")]
    client: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A DPoP key
    Dpop,
    /// A certificate
    Certificate,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let server = arguments.place.open().await?;
    let done = match arguments.action {
        Action::Add(add) => block(&server, add, out).await,
        Action::List => list(&server, out).await,
        Action::Remove { thumbprint } => unblock(&server, &thumbprint, out).await,
    };
    server.close().await;
    done
}

async fn block(server: &Administration, add: Add, out: &mut dyn Write) -> anyhow::Result<Status> {
    let kind = match add.kind {
        Kind::Dpop => "dpop",
        Kind::Certificate => "certificate",
    };
    let body = members(vec![
        ("thumbprint", Some(add.thumbprint.as_str().into())),
        ("kind", Some(kind.into())),
        ("reason", Some(add.reason.into())),
        ("client_id", add.client.map(Value::from)),
    ]);
    server.call(Method::POST, "/blocked-keys", Some(&body)).await?;
    writeln!(out, "blocked {}", add.thumbprint)?;
    Ok(Status::Done)
}

async fn list(server: &Administration, out: &mut dyn Write) -> anyhow::Result<Status> {
    for key in server.list("/blocked-keys", &[]).await? {
        let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
        writeln!(
            out,
            "{} {:<12} {:<24} {}",
            text("thumbprint"),
            text("kind"),
            text("client_id"),
            text("reason")
        )?;
    }
    Ok(Status::Done)
}

async fn unblock(server: &Administration, thumbprint: &str, out: &mut dyn Write) -> anyhow::Result<Status> {
    let reply = server.call(Method::DELETE, &format!("/blocked-keys/{}", segment(thumbprint)), None).await;
    reply.map_err(|error| match refused_with(&error) {
        Some(StatusCode::NOT_FOUND) => {
            anyhow::anyhow!("{thumbprint:?} is not blocked; `bindery blocked-key list` names what is")
        }
        _ => error,
    })?;
    writeln!(out, "unblocked {thumbprint}")?;
    Ok(Status::Done)
}
