//! A10 and A11: what stands in the pushed request decides, whatever the browser's query says; long values come
//! back whole.

use super::{interactive, openid};
use crate::flow::Flow;
use crate::key;
use crate::run::modules;
use crate::suite::Suite;

modules! {
    pushed_state_wins_over_the_query: interactive,
    pushed_nonce_wins_over_the_query: openid,
    state_in_the_query_alone_is_ignored: interactive,
    long_state_comes_back_whole: interactive,
    long_nonce_comes_back_whole: openid,
}

async fn pushed_state_wins_over_the_query(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.outside.push(("state".into(), key::random(12)));
    flow.run().await;
}

async fn pushed_nonce_wins_over_the_query(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.outside.push(("nonce".into(), key::random(12)));
    flow.run().await;
}

async fn state_in_the_query_alone_is_ignored(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.remove("state");
    flow.outside.push(("state".into(), key::random(12)));
    flow.run().await;
}

async fn long_state_comes_back_whole(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.set("state", &key::random(750)[..1000]);
    flow.run().await;
}

async fn long_nonce_comes_back_whole(suite: &Suite) {
    let mut flow = Flow::new(suite, &suite.first);
    flow.set("nonce", &key::random(288)[..384]);
    flow.run().await;
}
