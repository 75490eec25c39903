//! The corpus of `vectors/` through the gateway: the same verdict as the core's, and the application sees
//! nothing of what is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bindery_gateway::{GatewayConfiguration, GatewayParts};
use bindery_http::listener::{Limits, Listener};
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::world::door::hold_against_the_corpus;
use crate::world::{Notes, any_port};

#[tokio::test]
async fn every_case_of_the_corpus_gets_the_core_s_verdict_from_the_gateway() {
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reached);
    let application = axum::Router::new().fallback(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        std::future::ready("")
    });
    let listener = Listener::plaintext(any_port(), Limits::default()).unwrap();
    let url = format!("http://{}", listener.local_address());
    tokio::spawn(listener.serve(application));
    let accepted = AtomicUsize::new(0);
    hold_against_the_corpus(
        async |estate, guard, replay| {
            let configuration = json!({"guard": guard, "upstream": {"url": url}});
            let configuration: GatewayConfiguration = serde_json::from_value(configuration).unwrap();
            let parts = GatewayParts {
                replay,
                clock: Arc::clone(&estate.clock) as _,
                http_client: estate.authority.http_client(),
                observer: Some(Arc::new(Notes::default())),
                metrics: bindery_gateway::GatewayMetrics::default(),
            };
            configuration.into_gateway(parts).unwrap()
        },
        async |gateway, request| {
            let response = gateway.answer(request.body(Body::empty()).unwrap()).await;
            let status = response.status();
            accepted.fetch_add(usize::from(status == StatusCode::OK), Ordering::SeqCst);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
        },
    )
    .await;
    assert_eq!(reached.load(Ordering::SeqCst), accepted.load(Ordering::SeqCst));
}
