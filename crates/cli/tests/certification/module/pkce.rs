//! A15: S256 or nothing, at PAR; the verifier at the token endpoint.

use super::{interactive, require_refused_push};
use crate::flow::Flow;
use crate::key;
use crate::run::modules;
use crate::suite::Suite;

modules! {
    request_without_code_challenge_is_refused: interactive,
    plain_code_challenge_is_refused: interactive,
    code_without_verifier_is_refused: interactive,
    code_with_wrong_verifier_is_refused: interactive,
}

async fn request_without_code_challenge_is_refused(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.remove("code_challenge").remove("code_challenge_method");
    require_refused_push(&flow.push_call().send().await, &["invalid_request"]);
}

async fn plain_code_challenge_is_refused(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    let verifier = flow.verifier.clone();
    flow.set("code_challenge_method", "plain").set("code_challenge", verifier);
    require_refused_push(&flow.push_call().send().await, &["invalid_request"]);
}

async fn code_without_verifier_is_refused(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let code = flow.code().await;
    let answer = flow.token_call(&code).without("code_verifier").send().await;
    answer.require_bad_request(&["invalid_grant"]);
}

async fn code_with_wrong_verifier_is_refused(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let code = flow.code().await;
    let answer = flow.token_call(&code).replacing("code_verifier", key::random(32)).send().await;
    answer.require_bad_request(&["invalid_grant"]);
}
