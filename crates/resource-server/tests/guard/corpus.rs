//! The corpus of `vectors/` through the layer: the same verdict as the core's.

use std::sync::Arc;

use bindery_http::EdgePolicy;
use bindery_resource_server::GuardConfiguration;
use bindery_resource_server::configuration::GuardParts;

use crate::call;
use crate::world::Notes;
use crate::world::door::hold_against_the_corpus;

#[tokio::test]
async fn every_case_of_the_corpus_gets_the_core_s_verdict_from_the_guard() {
    hold_against_the_corpus(
        async |estate, configuration, replay| {
            let settings: GuardConfiguration = serde_json::from_value(configuration).unwrap();
            let parts = GuardParts {
                replay,
                clock: Arc::clone(&estate.clock) as _,
                edge: EdgePolicy::direct(),
                http_client: estate.authority.http_client(),
                observer: Some(Arc::new(Notes::default())),
            };
            settings.into_guard(parts).unwrap()
        },
        async |guard, request| {
            let answer = call(guard, request).await;
            (answer.status, answer.body)
        },
    )
    .await;
}
