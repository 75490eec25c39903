//! Every route of the router is counted under its own name, and every refusal by its cause: here for the routes, and
//! at the end of every world of these tests (`support`) for whatever was refused in it.

use std::collections::BTreeSet;

use axum::body::Body;
use bindery_authorization_server::{AuthorizationServer, Metrics};
use bindery_core::encoding::base64url;
use http::{Method, Request};
use serde_json::json;

use crate::administration::{ask, setup};
use crate::support::{API, SECRET, START, World};

/// Falls at the end of a world: a refusal whose cause nobody named is one that no operator can find.
pub(crate) struct EveryCauseIsNamed(Metrics);

impl EveryCauseIsNamed {
    pub(crate) fn of(server: &AuthorizationServer) -> Self {
        Self(server.metrics())
    }
}

impl Drop for EveryCauseIsNamed {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let page = self.0.render().unwrap();
            let unnamed: Vec<&str> = page.lines().filter(|line| line.contains("\"unnamed\"")).collect();
            assert!(unnamed.is_empty(), "refusals without a cause:\n{}", unnamed.join("\n"));
        }
    }
}

/// Every grant, every page, registration and administration.
async fn everything() -> World {
    let mut setup = setup();
    let more = json!({
        "openid": true, "registration": {"access": "open"},
        "grants": ["authorization_code", "client_credentials", "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba",
            "urn:ietf:params:oauth:grant-type:token-exchange"],
    });
    setup.configuration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    setup.start().await
}

/// The router's own list of its paths.
fn paths(router: &axum::Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let quoted = shown.split('"').skip(1).step_by(2);
    // Its fallback has entries of its own, which are no routes.
    let routes = quoted.filter(|text| text.starts_with('/') && *text != "/" && !text.contains("__private"));
    routes.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_route_is_counted_under_its_own_name() {
    let world = everything().await;
    let paths = paths(&world.router);
    for known in [
        "/token",
        "/par",
        "/authorize",
        "/introspect",
        "/revoke",
        "/userinfo",
        "/jwks",
        "/register",
        "/register/{client_id}",
        "/device",
        "/login",
        "/consent",
        "/admin/v1/clients",
        "/readyz",
    ] {
        assert!(paths.contains(known), "{known} is no route: {paths:#?}");
    }
    for path in &paths {
        let concrete: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for method in [Method::GET, Method::POST] {
            let request = Request::builder().method(method).uri(&concrete).body(Body::empty()).unwrap();
            world.dispatch(request, None).await;
        }
    }
    let page = world.server.metrics().render().unwrap();
    for path in &paths {
        let (counted, timed) = (
            format!("bindery_requests_total{{issuer=\"https://id.example\",endpoint=\"{path}\","),
            format!(
                "bindery_request_duration_seconds_count{{issuer=\"https://id.example\",endpoint=\"{path}\"}} "
            ),
        );
        assert!(page.contains(&counted) && page.contains(&timed), "{path} is not counted");
    }
}

/// Clients of the store are counted too, without a look at the store when the page is read.
#[tokio::test]
async fn exceptions_of_stored_clients_are_counted() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let until = START + 800;
    let registration = json!({
        "client_id": "legacy", "grant_types": ["client_credentials"], "scope": "read", "audiences": [API],
        "client_secret_sha256": base64url::encode(digest(SECRET)), "sender_constraint": "none",
        "sender_constraint_reason": "old", "sender_constraint_until": until,
    });
    let gauges = async || {
        world.server.sample_metrics().await;
        let page = world.server.metrics().render().unwrap();
        let value = |name: &str| {
            let line =
                page.lines().find(|line| line.starts_with(&format!("bindery_{name}{{"))).map(str::to_owned);
            line.map(|line| line.rsplit(' ').next().unwrap().to_owned())
        };
        (value("bearer_exceptions"), value("bearer_exception_ends_seconds"))
    };
    world.server.maintain().await.unwrap();
    // Those of the configuration, the first of which ends after a thousand seconds.
    let configured = (Some("3".to_owned()), Some((START + 1000).to_string()));
    assert_eq!(gauges().await, configured);
    world.administer(&operator, ask(Method::POST, "/clients", registration)).await.is(201);
    world.advance(301);
    world.server.maintain().await.unwrap();
    assert_eq!(gauges().await, (Some("4".into()), Some(until.to_string())));
    // It ends by itself, between two looks at the store.
    world.advance(400);
    assert_eq!(gauges().await, configured);
}

fn digest(text: &str) -> [u8; 32] {
    use bindery_core::crypto::Cryptography as _;
    bindery_crypto::AwsLc.sha256(&[text.as_bytes()])
}
