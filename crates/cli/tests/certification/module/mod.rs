//! The modules, one file for each group of certification's list, and what several of them share.

mod assertions;
mod codes;
pub(crate) mod discovery;
pub(crate) mod happy;
mod holder_of_key;
mod pkce;
mod proofs;
mod pushed;
mod redirects;
mod refresh;
mod request_objects;
mod resource;
mod state_and_nonce;
mod tls;

use super::answer::Answer;
use super::browser::Landing;
use super::call::Call;
use super::flow::{self, Flow, Tokens};
use super::run::Module;
use super::suite::{Client, Suite};
use super::variant::Variant;
pub(crate) use request_objects::plain_parameters_are_refused_where_requests_are_signed as require_plain_push_refused;

/// Every module that needs no long wait.
pub(crate) fn all() -> impl Iterator<Item = &'static Module> {
    let groups = [
        discovery::MODULES,
        happy::MODULES,
        state_and_nonce::MODULES,
        redirects::MODULES,
        pkce::MODULES,
        pushed::MODULES,
        codes::MODULES,
        assertions::MODULES,
        holder_of_key::MODULES,
        proofs::MODULES,
        refresh::MODULES,
        request_objects::MODULES,
        resource::MODULES,
        tls::MODULES,
    ];
    groups.into_iter().flatten()
}

/// Modules that wait for something to expire: they run beside the others.
pub(crate) fn patient() -> impl Iterator<Item = &'static Module> {
    [pushed::PATIENT, codes::PATIENT].into_iter().flatten()
}

fn always(_: Variant) -> bool {
    true
}

fn interactive(variant: Variant) -> bool {
    variant.interactive()
}

fn openid(variant: Variant) -> bool {
    variant.openid
}

fn dpop(variant: Variant) -> bool {
    variant.dpop()
}

fn dpop_with_codes(variant: Variant) -> bool {
    variant.dpop() && variant.interactive()
}

/// One combination of each kind of request is enough where the answer can't depend on the rest.
fn once(variant: Variant) -> bool {
    variant.interactive() && !variant.openid && !variant.signed_requests && !variant.jarm
}

/// A token of `client`, by whatever grant is certified.
async fn tokens_of(suite: &Suite, client: &Client) -> Tokens {
    if suite.variant.interactive() {
        return Flow::new(suite, client).run().await;
    }
    flow::tokens(suite, &suite.client_credentials_call(client).send().await)
}

/// A faultless token request of `client`, with a code when that is the grant.
async fn token_call_of(suite: &Suite, client: &Client) -> Call {
    if !suite.variant.interactive() {
        return suite.client_credentials_call(client);
    }
    let flow = Flow::new(suite, client);
    let code = flow.code().await;
    flow.token_call(&code)
}

/// Pushing is refused with one of these codes, or, where the certifier leaves that open, the server's page or
/// redirect refuses what was pushed.
#[track_caller]
fn require_refused_push(answer: &Answer, codes: &[&str]) {
    answer.require_bad_request(codes);
}

/// The server refused on a page of its own, or told the client with one of these codes.
#[track_caller]
fn require_refused_visit(flow: &Flow<'_>, landing: &Landing, codes: &[&str]) {
    match landing {
        Landing::ErrorPage { status } => assert!((400..500).contains(status), "an error page with {status}"),
        Landing::Callback { .. } => flow.error_of(landing, codes),
        Landing::Left | Landing::LoggedOut => panic!("a page asks on"),
    }
}
