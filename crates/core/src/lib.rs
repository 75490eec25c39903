//! The protocol of sender-constrained tokens, as values, parsers and checks: DPoP (RFC 9449), mutual TLS
//! (RFC 8705), and the JOSE and OAuth forms that they stand on.
//!
//! This crate is `no_std`: it can't read a clock, a socket, a file or a random source. Time, cryptography
//! and the facts of a request are arguments, so every check can be tested with a hand-moved clock and
//! reached from every door (authorization server, guard, gateway, command line).
//!
//! Verbs say which layer may fail: **parse** (syntax), **verify** (cryptography), **confirm** (binding),
//! **require** (policy). A check never returns `bool`; it leaves a value that can't be made otherwise, or
//! a rejection that names the rule.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod client_auth;
pub mod crypto;
pub mod dpop;
pub mod encoding;
pub mod explain;
#[cfg(test)]
mod fake_cryptography;
pub mod jose;
pub mod mtls;
pub mod oauth;
pub mod openid;
pub mod rejection;
pub mod replay;
pub mod resource;
pub mod time;
pub mod token;
