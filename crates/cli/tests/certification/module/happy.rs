//! A3 to A8: the flow as it should be, the person who denies, and what may be left out or reordered.

use serde_json::Value;

use super::{always, interactive, openid, resource, tokens_of};
use crate::browser::Decision;
use crate::flow::Flow;
use crate::key;
use crate::run::modules;
use crate::suite::Suite;
use crate::variant::Variant;

modules! {
    happy_flow: always,
    person_who_denies_is_heard: interactive,
    state_may_be_missing: interactive,
    scope_words_may_stand_in_any_order: interactive,
    nonce_may_be_missing: openid,
    nonce_of_64_characters_comes_back: openid,
    userinfo_is_about_the_subject_of_the_id_token: openid,
    parameters_need_not_be_repeated: interactive,
    signed_response_comes_in_every_mode: jarm,
}

fn jarm(variant: Variant) -> bool {
    variant.jarm
}

pub(crate) async fn happy_flow(suite: &Suite) {
    let mut tokens = Vec::new();
    for client in suite.clients() {
        if suite.variant.interactive() {
            let flow = Flow::new(suite, client);
            let mut browser = suite.browser();
            let landing = flow.visit(&mut browser, &flow.push().await).await;
            assert_eq!(browser.logins, 1, "whoever is new here signs in");
            tokens.push(flow.redeem(&flow.code_of(&landing)).await);
        } else {
            tokens.push(tokens_of(suite, client).await);
        }
        let token = &tokens.last().unwrap().access_token;
        resource::require_good_answers(suite, client, token).await;
    }
    // The token of the second with what the first can prove.
    let stolen = suite.resource_call(&suite.first, &tokens[1].access_token).send().await;
    stolen.require_status_of(&[401]);
}

async fn person_who_denies_is_heard(suite: &Suite) {
    for client in suite.clients() {
        // Instead of signing in, also when all this was allowed before; and on the page that asks.
        for (decision, prompt) in [(Decision::Cancel, None), (Decision::Deny, Some("consent"))] {
            let mut flow = Flow::new(suite, client);
            flow.set("state", &key::random(96)[..128]);
            if let Some(prompt) = prompt {
                flow.set("prompt", prompt);
            }
            let mut browser = suite.browser();
            browser.decision = decision;
            let landing = flow.visit(&mut browser, &flow.push().await).await;
            flow.error_of(&landing, &["access_denied"]);
        }
    }
}

async fn state_may_be_missing(suite: &Suite) {
    for client in suite.clients() {
        let mut flow = Flow::new(suite, client);
        flow.remove("state");
        flow.run().await;
    }
}

async fn scope_words_may_stand_in_any_order(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    let words: Vec<&str> = suite.first.scope.split(' ').rev().collect();
    flow.set("scope", words.join(" "));
    flow.run().await;
}

async fn nonce_may_be_missing(suite: &Suite) {
    for client in suite.clients() {
        let mut flow = Flow::new(suite, client);
        flow.remove("nonce");
        flow.run().await;
    }
}

async fn nonce_of_64_characters_comes_back(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.set("nonce", &key::random(48)[..64]);
    flow.run().await;
}

/// R9.
async fn userinfo_is_about_the_subject_of_the_id_token(suite: &Suite) {
    let flow = Flow::new(suite, &suite.first);
    let tokens = flow.run().await;
    let mut call = flow.resource_call(&tokens.access_token);
    call.url = suite.endpoint("userinfo_endpoint");
    suite.present(&mut call, &flow.proof_key, &tokens.access_token);
    let claims: Value = call.send().await.require(200).json();
    assert_eq!(claims["sub"], tokens.id_token.unwrap()["sub"]);
    // The certificate or key of another is not enough.
    let mut stolen = suite.resource_call(&suite.second, &tokens.access_token);
    stolen.url = call.url.clone();
    suite.present(&mut stolen, &suite.second.proof_key, &tokens.access_token);
    stolen.send().await.require_status_of(&[401]);
}

async fn parameters_need_not_be_repeated(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.outside.clear();
    flow.run().await;
}

/// Beyond the certifier, which asks for `jwt` alone: a client's answer, and a person's no, where the client wants them.
async fn signed_response_comes_in_every_mode(suite: &Suite) {
    for client in suite.clients() {
        for mode in ["query.jwt", "fragment.jwt", "form_post.jwt"] {
            let mut flow = Flow::new(suite, client);
            flow.set("response_mode", mode);
            flow.run().await;
            let mut browser = suite.browser();
            browser.decision = Decision::Cancel;
            let landing = flow.visit(&mut browser, &flow.push().await).await;
            flow.error_of(&landing, &["access_denied"]);
        }
    }
}
