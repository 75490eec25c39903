//! What certification asks of a server, module by module, asked of the real binary over real TLS by callers that
//! share no code with it (`key`, `jwt`, `html`). Every module runs for every combination of client
//! authentication, sender constraint, OpenID Connect, signed requests and signed responses where it applies.
//! Warnings fail like failures.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic in a test is its verdict, in its support too"
)]

mod answer;
mod automation;
mod browser;
mod call;
mod entropy;
mod flow;
mod followed_page;
mod from_zero;
mod html;
mod jwt;
mod key;
mod module;
mod openid;
mod prepared;
mod readme;
mod run;
mod runbooks;
mod site;
mod suite;
mod variant;

#[path = "../end_to_end/support/mod.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod support;

use variant::{ClientAuth, Sender};

#[test]
fn certifies_private_key_jwt_with_dpop() {
    run::certify(ClientAuth::PrivateKeyJwt, Sender::Dpop);
}

#[test]
fn certifies_private_key_jwt_with_mtls() {
    run::certify(ClientAuth::PrivateKeyJwt, Sender::Mtls);
}

#[test]
fn certifies_mtls_with_dpop() {
    run::certify(ClientAuth::Mtls, Sender::Dpop);
}

#[test]
fn certifies_mtls_with_mtls() {
    run::certify(ClientAuth::Mtls, Sender::Mtls);
}
