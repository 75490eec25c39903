//! `bindery grant`: what clients hold of people, to look at and to revoke.

use std::io::Write;

use anyhow::{Context as _, bail};
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::mtls::certificate::CertificateThumbprint;
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use serde_json::Value;

use super::Status;
use crate::administration::{Administration, Place, members, refused_with, said, segment};

/// Lists and revokes the grants of a server: on the store of its configuration file, or at a running one.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List grants, one line each
    List(List),
    /// Show one grant
    Show {
        /// The grant
        grant_id: String,
    },
    /// Revoke a grant, or all grants of a client, a person or a session, and every token under them
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct List {
    /// Those of this client
    #[arg(long = "of-client", value_name = "CLIENT")]
    client: Option<String>,
    /// Those that speak of this person
    #[arg(long)]
    subject: Option<String>,
    /// Those that were given in this session
    #[arg(long = "session", value_name = "SESSION")]
    session: Option<String>,
    /// Also those that are revoked or have expired
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Revoke {
    /// The grant
    #[arg(required_unless_present_any = ["client", "subject", "session"])]
    grant_id: Option<String>,
    /// All of this client
    #[arg(long = "of-client", id = "client", value_name = "CLIENT", conflicts_with = "grant_id")]
    client: Option<String>,
    /// All that speak of this person
    #[arg(long, id = "subject", conflicts_with = "grant_id")]
    subject: Option<String>,
    /// All that were given in this session
    #[arg(long, id = "session", conflicts_with = "grant_id")]
    session: Option<String>,
}

/// `bindery client grant`.
#[derive(Debug, Args)]
pub(crate) struct Give {
    /// The client
    client_id: String,
    /// The person whom the grant is from
    #[arg(long)]
    subject: String,
    /// The granted scope; all of the client's without it
    #[arg(long, default_value = "")]
    scope: String,
    /// Thumbprint of the DPoP key that the refresh token is bound to from birth (RFC 7638, SHA-256)
    // One in 64 begins with a hyphen.
    #[arg(
        long,
        value_name = "THUMBPRINT",
        allow_hyphen_values = true,
        conflicts_with = "certificate_thumbprint"
    )]
    key_thumbprint: Option<String>,
    /// Thumbprint of the certificate that it is bound to (x5t#S256)
    #[arg(long, value_name = "THUMBPRINT", allow_hyphen_values = true)]
    certificate_thumbprint: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let server = arguments.place.open().await?;
    let done = match arguments.action {
        Action::List(list) => show_all(&server, &list, out).await,
        Action::Show { grant_id } => show(&server, &grant_id, out).await,
        Action::Revoke(revoke) => end(&server, &revoke, out).await,
    };
    server.close().await;
    done
}

async fn show_all(server: &Administration, list: &List, out: &mut dyn Write) -> anyhow::Result<Status> {
    let mut query =
        said(&[("client_id", &list.client), ("subject", &list.subject), ("session_id", &list.session)]);
    if !list.all {
        query.push(("live", "true".into()));
    }
    for grant in server.list("/grants", &query).await? {
        let text = |name: &str| grant[name].as_str().unwrap_or_default().to_owned();
        let scope: Vec<&str> =
            grant["scope"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let state = if grant["revoked_at"].is_null() { "" } else { " revoked" };
        writeln!(
            out,
            "{:<24} {:<32} {:<24} {} {}{state}",
            text("grant_id"),
            text("client_id"),
            text("subject"),
            grant["expires_at"],
            scope.join(" ")
        )?;
    }
    Ok(Status::Done)
}

async fn show(server: &Administration, grant_id: &str, out: &mut dyn Write) -> anyhow::Result<Status> {
    let reply = server.call(Method::GET, &format!("/grants/{}", segment(grant_id)), None).await;
    writeln!(out, "{:#}", reply.map_err(|error| missing(error, grant_id))?.body)?;
    Ok(Status::Done)
}

fn missing(error: anyhow::Error, grant_id: &str) -> anyhow::Error {
    match refused_with(&error) {
        Some(StatusCode::NOT_FOUND) => {
            anyhow::anyhow!("there is no grant {grant_id:?}; `bindery grant list --all` names them")
        }
        _ => error,
    }
}

async fn end(server: &Administration, revoke: &Revoke, out: &mut dyn Write) -> anyhow::Result<Status> {
    if let Some(grant_id) = &revoke.grant_id {
        let path = format!("/grants/{}", segment(grant_id));
        server.call(Method::DELETE, &path, None).await.map_err(|error| missing(error, grant_id))?;
        writeln!(out, "revoked {grant_id}")?;
        return Ok(Status::Done);
    }
    let query =
        said(&[("client_id", &revoke.client), ("subject", &revoke.subject), ("session_id", &revoke.session)]);
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
    let reply = server.call(Method::DELETE, &format!("/grants?{}", pairs.join("&")), None).await?;
    writeln!(out, "revoked {} grants", reply.body["revoked"])?;
    Ok(Status::Done)
}

/// Gives a grant without asking the person.
pub(crate) async fn give(
    server: &Administration,
    give: &Give,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    const WANTED: &str = "a thumbprint is 43 characters of base64url, SHA-256";
    if let Some(text) = give.key_thumbprint.as_ref().filter(|text| JwkThumbprint::parse(text).is_err()) {
        bail!("--key-thumbprint {text:?}: {WANTED}");
    }
    if let Some(text) =
        give.certificate_thumbprint.as_ref().filter(|text| CertificateThumbprint::parse(text).is_err())
    {
        bail!("--certificate-thumbprint {text:?}: {WANTED}");
    }
    let body = members(vec![
        ("client_id", Some(give.client_id.as_str().into())),
        ("subject", Some(give.subject.as_str().into())),
        ("scope", Some(give.scope.as_str().into())),
        ("key_thumbprint", give.key_thumbprint.as_deref().map(Value::from)),
        ("certificate_thumbprint", give.certificate_thumbprint.as_deref().map(Value::from)),
    ]);
    let given = server.call(Method::POST, "/grants", Some(&body)).await?.body;
    let text = |name: &str| given[name].as_str().with_context(|| format!("the server named no {name}"));
    writeln!(out, "grant_id {}", text("grant_id")?)?;
    writeln!(out, "refresh_token {}", text("refresh_token")?)?;
    Ok(Status::Done)
}
