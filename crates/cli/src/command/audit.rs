//! `bindery audit`: what happened, one JSON document on each line, for people and for other programs.

use std::io::Write;

use bindery_http::{Clock as _, SystemClock};
use clap::Args;

use super::Status;
use crate::administration::{Administration, Place, parse_span, parse_time, said};

/// Prints audited events of a server, from the store of its configuration file or from a running one.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Those of this name; docs/audit-events.md lists the names
    #[arg(long)]
    event: Option<String>,
    /// Those that concern this client
    #[arg(long = "of-client", value_name = "CLIENT")]
    client: Option<String>,
    /// Those that concern this person
    #[arg(long)]
    subject: Option<String>,
    /// From this time on: a day, or a span back from now like 36h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time: a day, or a span back from now
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("warn");
    let server = arguments.place.open().await?;
    let done = print(&server, &arguments, out).await;
    server.close().await;
    done
}

async fn print(
    server: &Administration,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> anyhow::Result<Status> {
    let now = SystemClock.now().as_seconds();
    let time = |option: &str, text: &Option<String>| -> anyhow::Result<Option<String>> {
        let Some(text) = text else { return Ok(None) };
        // A span lies behind us here: what happened in the last 36 hours.
        match parse_span(option, text) {
            Ok(span) => Ok(Some(now.saturating_sub(span).to_string())),
            Err(_) => Ok(Some(parse_time(option, text, now)?.to_string())),
        }
    };
    let query = said(&[
        ("event", &arguments.event),
        ("client_id", &arguments.client),
        ("subject", &arguments.subject),
        ("since", &time("--since", &arguments.since)?),
        ("until", &time("--until", &arguments.until)?),
    ]);
    for event in server.list("/audit", &query).await? {
        writeln!(out, "{event}")?;
    }
    Ok(Status::Done)
}
