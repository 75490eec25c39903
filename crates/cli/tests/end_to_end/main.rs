//! The real binary as child processes over real TLS sockets on loopback: each test is named after the rule
//! that a wrong build would break. Nothing is mocked but the application behind the gateway. All processes
//! log at trace level, and what they log is searched for every credential that a test used (`support`).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic in a test is its verdict, in its support too"
)]

mod accounts;
mod administration;
mod attacker;
mod backup;
mod browser;
mod demo;
mod durability;
mod first_start;
mod full_path;
mod help;
mod keys;
mod live_changes;
mod logs;
mod observation;
mod posture;
mod races;
mod real_proxy;
mod two_gateways;
mod two_servers;
mod wrong_input;
mod wrong_peer;

mod support;
