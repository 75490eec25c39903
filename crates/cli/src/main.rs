//! The one binary. It reads arguments, hands them to a command, and turns the outcome into an exit status:
//! 0 done, 1 refused (a theft succeeded, a check failed, a server said no), 2 could not (wrong argument,
//! unreadable file, port in use). Stdout carries data, stderr carries talk. It holds no protocol logic.

mod administration;
mod command;
mod demo;
mod observation;
mod settings;

use std::process::ExitCode;

use clap::Parser;

/// Makes stolen OAuth tokens worthless: issues access tokens bound to a key that the client holds (DPoP,
/// mutual TLS), proves possession on every request, and refuses every request that can't.
#[derive(Debug, Parser)]
#[command(name = "bindery", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    // Whoever asks rustls for a default gets the cryptography that everything here uses.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = Arguments::parse();
    match command::run(arguments.command) {
        Ok(status) => status.into(),
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "bindery: {}", command::chain(error.as_ref()));
            command::Status::CouldNot.into()
        }
    }
}
