//! `bindery client`: the clients of an authorization server, through its administration interface. What is
//! added is judged by the server's own rules; secrets are drawn there, shown once, and stored as digests.

mod offboard;
mod registration;

use std::io::Write;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Status;
use super::grant::Give;
use crate::administration::{Administration, Place, members, parse_time, refused_with, segment};
use registration::{Add, Change};

/// What a merge patch is sent as (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

/// Changes the clients of a server: on the store of its configuration file, or at a running one.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a client
    Add(Box<Add>),
    /// List the clients of the store, one line each
    List {
        /// Also those of the configuration file
        #[arg(long)]
        all: bool,
        /// Only those with this sender constraint; none lists the bearer exceptions
        #[arg(long, value_name = "CONSTRAINT")]
        sender_constraint: Option<String>,
    },
    /// Show one client's registration
    Show {
        /// The client
        client_id: String,
    },
    /// Change members of a client's registration
    Change(Change),
    /// Say what a client must prove, and by which profile it is judged
    Policy(Policy),
    /// Give a client a new secret: prints it, once
    RotateSecret {
        /// The client
        client_id: String,
        /// Until when the present secret goes on beside the new one: a day, or a span like 48h
        #[arg(long, value_name = "TIME")]
        keep_old: Option<String>,
    },
    /// Disable a client: it can't authenticate any more, and what it holds stops working
    Disable {
        /// The client
        client_id: String,
    },
    /// Enable a disabled client
    Enable {
        /// The client
        client_id: String,
    },
    /// Remove a client and all that it holds
    Delete {
        /// The client
        client_id: String,
    },
    /// Disable a client for ever, revoke its grants, block its keys, and prove that nothing works any more
    Offboard(offboard::Offboard),
    /// Give a client a grant for a person: prints a refresh token, once
    Grant(Give),
}

#[derive(Debug, Args)]
struct Policy {
    /// The client
    client_id: String,
    /// dpop, mtls, any, both, or none with a reason and a day
    #[arg(long, value_name = "CONSTRAINT")]
    sender_constraint: Option<String>,
    /// Why the client may have bearer tokens
    #[arg(long, value_name = "WHY")]
    exception_reason: Option<String>,
    /// The day on which that ends, as 2027-03-31
    #[arg(long, value_name = "DAY")]
    exception_until: Option<String>,
    /// A profile that is stricter than the server's
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let Arguments { place, action } = arguments;
    let administration = place.open().await?;
    let done = carry_out(&administration, &place, action, out).await;
    administration.close().await;
    done
}

async fn carry_out(
    server: &Administration,
    place: &Place,
    action: Action,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    match action {
        Action::Add(add) => register(server, &add, out).await,
        Action::List { all, sender_constraint } => list(server, all, sender_constraint, out).await,
        Action::Show { client_id } => {
            let client = find(server, &client_id).await?.body;
            writeln!(out, "{client:#}")?;
            Ok(Status::Done)
        }
        Action::Change(change) => {
            let changes = change.changes()?;
            update(server, &change.client_id, Method::PATCH, "", &changes, MERGE_PATCH, out).await
        }
        Action::Policy(policy) => {
            let body = members(vec![
                ("sender_constraint", policy.sender_constraint.map(Value::from)),
                ("sender_constraint_reason", policy.exception_reason.map(Value::from)),
                ("sender_constraint_until", policy.exception_until.map(Value::from)),
                ("profile", policy.profile.map(Value::from)),
            ]);
            update(server, &policy.client_id, Method::PUT, "/policy", &body, JSON, out).await
        }
        Action::RotateSecret { client_id, keep_old } => {
            rotate_secret(server, &client_id, keep_old.as_deref(), out).await
        }
        Action::Disable { client_id } => set_state(server, &client_id, "disable", out).await,
        Action::Enable { client_id } => set_state(server, &client_id, "enable", out).await,
        Action::Delete { client_id } => {
            let tag = find(server, &client_id).await?.tag.unwrap_or_default();
            let path = format!("/clients/{}", segment(&client_id));
            server.change(Method::DELETE, &path, None, &tag, JSON).await?;
            writeln!(out, "deleted {client_id}")?;
            Ok(Status::Done)
        }
        Action::Offboard(offboard) => offboard::run(server, place, &offboard, out).await,
        Action::Grant(give) => super::grant::give(server, &give, out).await,
    }
}

async fn register(server: &Administration, add: &Add, out: &mut dyn Write) -> anyhow::Result<Status> {
    let registration = Value::Object(add.members()?);
    let reply = server.call(Method::POST, "/clients", Some(&registration)).await;
    if let (Some(path), Err(error)) = (&add.new_key, &reply)
        && refused_with(error).is_some()
    {
        // The key of a client that is not there serves nobody, and would stand in the way of the next try.
        let _ = std::fs::remove_file(path);
    }
    let reply = reply.map_err(|error| match refused_with(&error) {
        Some(StatusCode::CONFLICT) => error.context(format!(
            "client {:?} was not added; choose another identifier, `bindery client list` names those in use",
            add.client_id
        )),
        _ => error.context(format!("client {:?}", add.client_id)),
    })?;
    writeln!(out, "{:#}", reply.body["client"])?;
    if let Some(secret) = reply.body["client_secret"].as_str() {
        show_secret(secret, out)?;
    }
    Ok(Status::Done)
}

/// Not part of any document: this is the only time that it is seen.
fn show_secret(secret: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "client_secret {secret}")?;
    let _ = writeln!(std::io::stderr(), "The secret is shown this once; the store has only its digest.");
    Ok(())
}

async fn list(
    server: &Administration,
    all: bool,
    sender_constraint: Option<String>,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let query = crate::administration::said(&[("sender_constraint", &sender_constraint)]);
    for client in server.list("/clients", &query).await? {
        let configured = client["source"] == "configuration";
        if configured && !all {
            continue;
        }
        let text = |name: &str, default: &'static str| {
            client["metadata"][name].as_str().unwrap_or(default).to_owned()
        };
        let state = match client["disabled"].as_bool() {
            Some(true) => "disabled",
            _ => "active",
        };
        writeln!(
            out,
            "{:<32} {:<30} {:<8} {}{state}",
            client["client_id"].as_str().unwrap_or_default(),
            text("token_endpoint_auth_method", "client_secret_basic"),
            text("sender_constraint", "any"),
            if configured { "configured " } else { "" },
        )?;
    }
    Ok(Status::Done)
}

/// The client with the tag of its state.
async fn find(server: &Administration, client_id: &str) -> anyhow::Result<crate::administration::Reply> {
    let reply = server.call(Method::GET, &format!("/clients/{}", segment(client_id)), None).await;
    reply.map_err(|error| missing(error, client_id))
}

fn missing(error: anyhow::Error, client_id: &str) -> anyhow::Error {
    match refused_with(&error) {
        Some(StatusCode::NOT_FOUND) => {
            anyhow::anyhow!("there is no client {client_id:?}; `bindery client list` names them all")
        }
        _ => error.context(format!("client {client_id:?}")),
    }
}

/// Reads the client and sends a change of just that state: what somebody else changes meanwhile stays.
async fn update(
    server: &Administration,
    client_id: &str,
    method: Method,
    suffix: &str,
    body: &Value,
    media_type: &'static str,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let tag = find(server, client_id).await?.tag.unwrap_or_default();
    let path = format!("/clients/{}{suffix}", segment(client_id));
    let reply = server.change(method, &path, Some(body), &tag, media_type).await;
    writeln!(out, "{:#}", reply.map_err(|error| missing(error, client_id))?.body)?;
    Ok(Status::Done)
}

async fn set_state(
    server: &Administration,
    client_id: &str,
    verb: &str,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let path = format!("/clients/{}/{verb}", segment(client_id));
    server.call(Method::POST, &path, None).await.map_err(|error| missing(error, client_id))?;
    writeln!(out, "{verb}d {client_id}")?;
    Ok(Status::Done)
}

async fn rotate_secret(
    server: &Administration,
    client_id: &str,
    keep_old: Option<&str>,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    use bindery_http::Clock as _;
    let now = bindery_http::SystemClock.now().as_seconds();
    let until = keep_old.map(|text| parse_time("--keep-old", text, now)).transpose()?;
    let body = match until {
        Some(until) => json!({ "keep_old_until": until }),
        None => json!({}),
    };
    let path = format!("/clients/{}/secret", segment(client_id));
    let reply = server.call(Method::POST, &path, Some(&body)).await;
    let reply = reply.map_err(|error| missing(error, client_id))?;
    let Some(secret) = reply.body["client_secret"].as_str() else { bail!("the server named no secret") };
    show_secret(secret, out).context("the secret can't be shown")?;
    Ok(Status::Done)
}
