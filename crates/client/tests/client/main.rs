//! The client against real HTTPS servers that follow a script: what it sends, what it accepts, and what it
//! never does. Each test is named after the rule.

mod redirects;
mod resources;
mod secrecy;
mod server;
mod tokens;
