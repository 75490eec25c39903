//! A16 and A17: what PAR refuses, and how long and for whom a request URI lives.

use std::time::Duration;

use reqwest::Method;

use super::{interactive, once, require_refused_push, require_refused_visit};
use crate::browser::{Decision, Landing};
use crate::flow::{Flow, pushed};
use crate::run::modules;
use crate::suite::Suite;
use crate::variant::Variant;

modules! {
    pushed_request_uri_is_refused: interactive,
    put_is_no_way_to_push: interactive,
    request_uri_lives_until_the_flow_is_over: interactive,
    request_uri_may_be_opened_twice_before_signing_in: interactive,
    request_uri_of_another_client_is_refused: interactive,
    pushing_needs_client_authentication: interactive,
    request_uri_in_a_request_object_is_refused: signed,
}

/// Waits as long as the server said.
pub(crate) const PATIENT: &[crate::run::Module] = &[crate::run::Module {
    name: "request_uri_expires_when_it_said",
    applies: once,
    run: |suite| Box::pin(async move { request_uri_expires_when_it_said(&suite).await }),
}];

fn signed(variant: Variant) -> bool {
    variant.signed_requests
}

async fn pushed_request_uri_is_refused(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let uri = flow.push().await;
    let answer = flow.push_call().with("request_uri", uri).send().await;
    require_refused_push(
        &answer,
        &["invalid_request", "invalid_request_object", "request_uri_not_supported"],
    );
}

async fn request_uri_in_a_request_object_is_refused(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    let uri = flow.push().await;
    flow.set("request_uri", uri);
    require_refused_push(&flow.push_call().send().await, &["invalid_request_object"]);
}

async fn put_is_no_way_to_push(suite: &Suite) {
    let mut call = Flow::new(suite, &suite.first).push_call();
    call.method = Method::PUT;
    assert!(call.send().await.status >= 400);
}

/// (b): used once more after the code was issued.
async fn request_uri_lives_until_the_flow_is_over(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let uri = flow.push().await;
    let mut browser = suite.signed_in_browser().await;
    let code = flow.code_of(&flow.visit(&mut browser, &uri).await);
    flow.redeem(&code).await;
    let landing = flow.visit(&mut browser, &uri).await;
    require_ended(suite, &flow, &landing);
}

/// (c): opened once and left; then completed, in that browser and in another one.
async fn request_uri_may_be_opened_twice_before_signing_in(suite: &Suite) {
    for elsewhere in [false, true] {
        let flow = Flow::new(suite, &suite.first);
        let uri = flow.push().await;
        let mut browser = suite.browser();
        browser.decision = Decision::Leave;
        assert!(matches!(flow.visit(&mut browser, &uri).await, Landing::Left));
        if elsewhere {
            browser = suite.browser();
        }
        browser.decision = Decision::Allow;
        let landing = flow.visit(&mut browser, &uri).await;
        let code = flow.code_of(&landing);
        flow.redeem(&code).await;
    }
}

/// (d)
async fn request_uri_of_another_client_is_refused(suite: &Suite) {
    let first = Flow::new(suite, &suite.first);
    let uri = first.push().await;
    let second = Flow::new(suite, &suite.second);
    let landing = second.visit(&mut suite.signed_in_browser().await, &uri).await;
    require_ended(suite, &second, &landing);
}

async fn pushing_needs_client_authentication(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let call = flow.push_call().unauthenticated().over(&suite.site.plain);
    let call = call.replacing("client_id", &suite.first.client_id);
    call.send().await.require_error(&["invalid_client", "invalid_request"]);
}

/// (a)
async fn request_uri_expires_when_it_said(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let answer = flow.push_call().send().await;
    let life = answer.json()["expires_in"].as_u64().unwrap();
    let uri = pushed(&answer);
    tokio::time::sleep(Duration::from_secs(life + 1)).await;
    let landing = flow.visit(&mut suite.browser(), &uri).await;
    require_ended(suite, &flow, &landing);
}

/// A page, or `invalid_request_uri` at the client; where the request is no longer known, plainly.
#[track_caller]
fn require_ended(suite: &Suite, flow: &Flow<'_>, landing: &Landing) {
    if let (true, Landing::Callback { url, .. }) = (suite.variant.jarm, landing)
        && url.query_pairs().any(|(name, value)| name == "error" && value == "invalid_request_uri")
    {
        return;
    }
    require_refused_visit(flow, landing, &["invalid_request_uri"]);
}
