//! A12 to A14: where answers go, requests that bypass PAR, and response types that FAPI has not.

use super::{interactive, require_refused_push, require_refused_visit};
use crate::browser::Landing;
use crate::flow::{Flow, pushed};
use crate::key;
use crate::run::modules;
use crate::suite::Suite;

modules! {
    unregistered_redirect_uri_never_leads_to_a_registered_one: interactive,
    request_without_redirect_uri_is_refused: interactive,
    request_that_was_not_pushed_is_refused: interactive,
    response_type_code_id_token_is_refused: interactive,
    response_type_token_is_refused: interactive,
}

async fn unregistered_redirect_uri_never_leads_to_a_registered_one(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    let elsewhere = format!("{}/{}", suite.site.callbacks, key::random(9));
    flow.set("redirect_uri", elsewhere.as_str());
    let answer = flow.push_call().send().await;
    if answer.status != 201 {
        return require_refused_push(&answer, &["invalid_request", "invalid_request_object"]);
    }
    // Allowed where PAR authenticated the client: then the answer goes there and nowhere else.
    let mut browser = suite.signed_in_browser().await;
    flow.outside.clear();
    let landing = flow.visit(&mut browser, &pushed(&answer)).await;
    let Landing::Callback { url, .. } = landing else { panic!("{landing:?}") };
    assert!(url.as_str().starts_with(&elsewhere), "{url}");
}

async fn request_without_redirect_uri_is_refused(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.remove("redirect_uri");
    require_refused_push(&flow.push_call().send().await, &["invalid_request", "invalid_request_object"]);
}

/// The parameters are plain ones in every variant, signed requests or not.
async fn request_that_was_not_pushed_is_refused(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let parameters: Vec<(String, String)> =
        flow.parameters.keys().map(|name| (name.clone(), flow.text(name).unwrap())).collect();
    let url = suite.authorization_url(&parameters);
    let landing = suite.signed_in_browser().await.visit(&url, &suite.site.callbacks).await;
    require_refused_visit(&flow, &landing, &["invalid_request"]);
}

async fn response_type_code_id_token_is_refused(suite: &Suite) {
    refused_response_type(suite, "code id_token").await;
}

async fn response_type_token_is_refused(suite: &Suite) {
    refused_response_type(suite, "token").await;
}

async fn refused_response_type(suite: &Suite, response_type: &str) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.set("response_type", response_type);
    let codes = ["unsupported_response_type", "invalid_request", "unauthorized_client"];
    let answer = flow.push_call().send().await;
    if answer.status != 201 {
        return require_refused_push(&answer, &codes);
    }
    let mut browser = suite.signed_in_browser().await;
    let landing = flow.visit(&mut browser, &pushed(&answer)).await;
    require_refused_visit(&flow, &landing, &codes);
}
