//! `bindery token`: initial access tokens (RFC 7591 section 1.2), with which clients register themselves. A
//! token is shown once, when it is made.

use std::io::Write;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use serde_json::json;

use super::Status;
use crate::administration::{Administration, Place, parse_span, refused_with, segment};

/// Makes, lists and revokes initial access tokens: on the store of a configuration file, or at a running server.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token with which clients register themselves: prints it, once
    Create {
        /// What it is for, such as the partner's name
        label: String,
        /// How many clients it may register
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it is good, such as 24h or 30d
        #[arg(long, value_name = "SPAN", default_value = "24h")]
        expires_in: String,
    },
    /// List the tokens that have not expired, one line each
    List,
    /// Revoke a token; clients that it has registered stay
    Revoke {
        /// Its name, as the list shows it
        id: String,
    },
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let server = arguments.place.open().await?;
    let done = match arguments.action {
        Action::Create { label, uses, expires_in } => create(&server, &label, uses, &expires_in, out).await,
        Action::List => list(&server, out).await,
        Action::Revoke { id } => revoke(&server, &id, out).await,
    };
    server.close().await;
    done
}

async fn create(
    server: &Administration,
    label: &str,
    uses: u32,
    expires_in: &str,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let seconds = parse_span("--expires-in", expires_in)?;
    let body = json!({ "label": label, "uses": uses, "expires_in": seconds });
    let made = server.call(Method::POST, "/initial-access-tokens", Some(&body)).await?.body;
    let text = |name: &str| made[name].as_str().with_context(|| format!("the server named no {name}"));
    writeln!(out, "id {}", text("id")?)?;
    writeln!(out, "initial_access_token {}", text("initial_access_token")?)?;
    writeln!(out, "expires_at {}", made["expires_at"])?;
    let _ = writeln!(std::io::stderr(), "The token is shown this once; the store has only its digest.");
    Ok(Status::Done)
}

async fn list(server: &Administration, out: &mut dyn Write) -> anyhow::Result<Status> {
    for token in server.list("/initial-access-tokens", &[]).await? {
        let text = |name: &str| token[name].as_str().unwrap_or_default().to_owned();
        let (left, uses) = (&token["uses_left"], &token["uses"]);
        writeln!(out, "{:<24} {left}/{uses} {} {}", text("id"), token["expires_at"], text("label"))?;
    }
    Ok(Status::Done)
}

async fn revoke(server: &Administration, id: &str, out: &mut dyn Write) -> anyhow::Result<Status> {
    let reply = server.call(Method::DELETE, &format!("/initial-access-tokens/{}", segment(id)), None).await;
    reply.map_err(|error| match refused_with(&error) {
        Some(StatusCode::NOT_FOUND) => {
            anyhow::anyhow!("there is no token {id:?} that is still good; `bindery token list` names them")
        }
        _ => error,
    })?;
    writeln!(out, "revoked {id}")?;
    Ok(Status::Done)
}
