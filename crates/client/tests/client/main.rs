//! The client against real HTTPS servers that follow a script: what it sends, what it accepts, and what it
//! never does. Each test is named after the rule.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the verdict, also in what tests share"
)]

mod clocks;
mod proofs;
mod redirects;
mod refreshes;
mod resources;
mod secrecy;
mod server;
mod tokens;
