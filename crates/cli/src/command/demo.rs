//! `bindery demo`: starts everything on loopback, plays two acts, and says whether every theft failed.

use std::io::Write;

use clap::Args;

use super::Status;
use crate::demo;

/// Starts an authorization server, an API with the guard as a layer, and a legacy application behind the
/// gateway, over real TLS with a throw-away certification authority. Three clients get bound tokens and use
/// them, one through a person who signs in; then a thief tries what stolen tokens, proofs, codes, assertions and
/// headers are good for.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
    /// Leave everything up after the play, and print commands to try by hand
    #[arg(long)]
    keep_running: bool,
}

pub(crate) async fn run(arguments: Arguments, out: &mut dyn Write) -> anyhow::Result<Status> {
    super::log_to_stderr("off");
    let mut stage = demo::Stage::build().await?;
    let play = demo::Play::perform(&mut stage).await?;
    if arguments.json {
        writeln!(out, "{:#}", play.to_json())?;
    } else {
        play.print(out)?;
    }
    if arguments.keep_running {
        demo::hand_over(&stage, out).await?;
    }
    stage.shut_down().await;
    Ok(if play.succeeded() { Status::Done } else { Status::Refused })
}
