//! `bindery session`: who is signed in, and signing them out.

use std::io::Write;

use clap::{Args, Subcommand};
use http::{Method, StatusCode};

use super::Status;
use crate::administration::{Place, refused_with, said, segment};

/// Lists and ends the sessions of a server: on the store of its configuration file, or at a running one.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List sessions, one line each
    List {
        /// Those of this person
        #[arg(long)]
        subject: Option<String>,
    },
    /// End a session, and revoke what was granted in it
    End {
        /// The session (`sid`)
        session_id: String,
    },
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let server = arguments.place.open().await?;
    let done = match arguments.action {
        Action::List { subject } => list(&server, &subject, out).await,
        Action::End { session_id } => end(&server, &session_id, out).await,
    };
    server.close().await;
    done
}

async fn list(
    server: &crate::administration::Administration,
    subject: &Option<String>,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    for session in server.list("/sessions", &said(&[("subject", subject)])).await? {
        let text = |name: &str| session[name].as_str().unwrap_or_default().to_owned();
        let state = if session["ended_at"].is_null() { "" } else { " ended" };
        writeln!(out, "{:<24} {:<32} {}{state}", text("session_id"), text("subject"), session["expires_at"])?;
    }
    Ok(Status::Done)
}

async fn end(
    server: &crate::administration::Administration,
    session_id: &str,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let reply = server.call(Method::DELETE, &format!("/sessions/{}", segment(session_id)), None).await;
    reply.map_err(|error| match refused_with(&error) {
        Some(StatusCode::NOT_FOUND) => {
            anyhow::anyhow!("there is no session {session_id:?}; `bindery session list` names them")
        }
        _ => error,
    })?;
    writeln!(out, "ended {session_id}")?;
    Ok(Status::Done)
}
