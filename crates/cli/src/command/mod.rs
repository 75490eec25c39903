//! The commands, one file each, and the table that clap reads. What help says is generated from here.

mod account;
mod audit;
mod blocked_key;
mod client;
mod demo;
mod explain;
mod gateway;
mod grant;
mod key_tables;
mod keys;
mod listener;
pub(crate) mod request;
pub(crate) mod server;
mod session;
mod token;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Issue, hold, enforce, and every theft refused: the whole of Bindery on this machine, in two acts
    Demo(demo::Arguments),
    /// Run the authorization server
    Server(server::Arguments),
    /// Run the gateway: the guard in front of an application that can't change
    Gateway(gateway::Arguments),
    /// Send a request with a bound token: curl for sender-constrained tokens
    Request(request::Arguments),
    /// Say check by check what holds and what fails in a token, a proof or a whole request
    Explain(explain::Arguments),
    /// Make, list, show, disable and delete the accounts of people who sign in at the built-in pages
    Account(account::Arguments),
    /// Register, change, disable and offboard the authorization server's clients
    Client(client::Arguments),
    /// List, rotate and retire the authorization server's keys
    Keys(keys::Arguments),
    /// List and revoke what clients hold of people
    Grant(grant::Arguments),
    /// List who is signed in, and sign them out
    Session(session::Arguments),
    /// Make, list and revoke initial access tokens, with which clients register themselves
    Token(token::Arguments),
    /// Block keys and certificates, whoever holds them
    BlockedKey(blocked_key::Arguments),
    /// Print audited events
    Audit(audit::Arguments),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Everything that was asked for happened.
    Done,
    /// It ran, and the answer is no.
    Refused,
    /// It could not run.
    CouldNot,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0,
            Status::Refused => 1,
            Status::CouldNot => 2,
        })
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> anyhow::Result<Status> {
    let mut out = std::io::stdout().lock();
    match command {
        Command::Demo(arguments) => asynchronous(demo::run(arguments, &mut out)),
        Command::Server(arguments) => asynchronous(server::run(arguments, &mut out)),
        Command::Gateway(arguments) => asynchronous(gateway::run(arguments)),
        Command::Request(arguments) => asynchronous(request::run(arguments, &mut out)),
        Command::Explain(arguments) => explain::run(arguments, &mut out),
        Command::Account(arguments) => asynchronous(account::run(arguments, &mut out)),
        Command::Client(arguments) => asynchronous(client::run(arguments, &mut out)),
        Command::Keys(arguments) => asynchronous(keys::run(arguments, &mut out)),
        Command::Grant(arguments) => asynchronous(grant::run(arguments, &mut out)),
        Command::Session(arguments) => asynchronous(session::run(arguments, &mut out)),
        Command::Token(arguments) => asynchronous(token::run(arguments, &mut out)),
        Command::BlockedKey(arguments) => asynchronous(blocked_key::run(arguments, &mut out)),
        Command::Audit(arguments) => asynchronous(audit::run(arguments, &mut out)),
    }
}

/// Runs a command that waits for sockets, on a runtime of its own.
fn asynchronous(work: impl Future<Output = anyhow::Result<Status>>) -> anyhow::Result<Status> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime can't start")?;
    runtime.block_on(work)
}

/// An error with its causes on one line: what was tried, what stood in the way. Causes that an error above
/// them has already told are not told again.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Logs go to stderr; `BINDERY_LOG` chooses what, as in `info,bindery_resource_server=debug`.
pub(crate) fn log_to_stderr(default: &str) {
    use std::io::IsTerminal as _;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("BINDERY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A second subscriber in one process is a test's; the first one stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A file or a collector wants no colours.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
}
