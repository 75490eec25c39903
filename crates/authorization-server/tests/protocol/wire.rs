//! What a request must look like before anything is judged, and what an answer always is.

use axum::body::Body;
use bindery_core::token::confirmation::Confirmation;
use bindery_http::Clock as _;
use http::Request;
use serde_json::json;

use crate::support::{Call, SECRET, Setup, form, key, world};

#[tokio::test]
async fn duplicated_parameters_are_refused_at_every_endpoint() {
    let world = world().await;
    for (path, body) in [
        ("/token", "grant_type=client_credentials&grant_type=client_credentials"),
        ("/token", "grant_type=client_credentials&scope=a&scope=b"),
        ("/token", "grant_type=client_credentials&resource=a&resource=b"),
        ("/token", "grant_type=client_credentials&%73cope=a&scope=b"),
        ("/introspect", "token=a&token=b"),
        ("/revoke", "token=a&token=b"),
    ] {
        let answer = world.send(Call::to(path).raw_body(body).basic("basic-client", SECRET)).await;
        answer.error(400, "invalid_request").reason("form");
    }
}

#[tokio::test]
async fn another_media_type_method_or_size_is_refused() {
    let world = world().await;
    for path in ["/token", "/introspect", "/revoke"] {
        let request =
            Request::post(path).header("content-type", "application/json").body(Body::from("{}")).unwrap();
        world.dispatch(request, None).await.error(400, "invalid_request").reason("media_type");
        let request = Request::post(path).body(Body::from("a=b")).unwrap();
        world.dispatch(request, None).await.error(400, "invalid_request").reason("media_type");
        let get = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(world.dispatch(get, None).await.status.as_u16(), 405);
        let huge = format!("a={}", "x".repeat(70_000));
        world.send(Call::to(path).raw_body(&huge)).await.error(400, "invalid_request");
        world.send(Call::to(path).raw_body("a=%00")).await.error(400, "invalid_request");
        world.send(Call::to(path).raw_body("a=%ff")).await.error(400, "invalid_request");
    }
}

#[tokio::test]
async fn no_answer_repeats_what_the_caller_sent() {
    let world = world().await;
    let marker = "xss-marker-1234567890";
    let calls = [
        Call::token(marker),
        Call::token("client_credentials").basic(marker, marker),
        Call::token("client_credentials").assertion(marker),
        Call::token("client_credentials")
            .basic("basic-client", SECRET)
            .with("scope", marker)
            .dpop(world.proof(&key())),
        Call::token("client_credentials")
            .basic("basic-client", SECRET)
            .with("resource", marker)
            .dpop(world.proof(&key())),
        Call::token("client_credentials").basic("basic-client", SECRET).dpop(marker),
        world.refresh("public-client", marker).dpop(world.proof(&key())),
        Call::to("/introspect").with("token", marker).basic("api", SECRET),
    ];
    for call in calls {
        let answer = world.send(call).await;
        assert!(!answer.body.to_string().contains(marker), "{}", answer.body);
        assert!(!format!("{:?}", answer.headers).contains(marker));
    }
}

#[tokio::test]
async fn only_the_grants_own_parameters_count() {
    let world = world().await;
    let token = world.provision("jwt-client", Confirmation::Unbound).await;
    let call = Call::token("client_credentials")
        .with("refresh_token", token)
        .with("subject", "alice")
        .assertion(world.assertion("jwt-client"))
        .dpop(world.proof(&key()));
    let body = world.send(call).await.ok();
    assert_eq!(crate::support::claims(&body["access_token"])["sub"], "client:jwt-client");
    assert!(body.get("refresh_token").is_none());
}

#[tokio::test]
async fn scope_and_resource_stay_within_the_registration() {
    let world = world().await;
    let call = |name: &str, value: &str| {
        let call =
            Call::token("client_credentials").with(name, value).assertion(world.assertion("jwt-client"));
        world.send(call.dpop(world.proof(&key())))
    };
    call("scope", "admin").await.error(400, "invalid_scope");
    call("scope", "read  write").await.error(400, "invalid_scope");
    call("scope", &"a".repeat(5000)).await.error(400, "invalid_scope");
    call("resource", "https://evil.example").await.error(400, "invalid_target");
}

#[tokio::test]
async fn browser_clients_of_listed_origins_can_read_the_nonce() {
    let mut setup = Setup::new();
    setup.configuration["cors_origins"] = json!(["https://app.example"]);
    setup.configuration["dpop"] = json!({"nonce": "required"});
    let world = setup.start().await;
    let call = Call::token("client_credentials")
        .assertion(world.assertion("jwt-client"))
        .dpop(world.proof(&key()))
        .header("origin", "https://app.example");
    let answer = world.send(call).await;
    answer.error(400, "use_dpop_nonce");
    let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap().to_lowercase();
    assert!(exposed.contains("dpop-nonce"));
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example");
}

/// A sender that opens a request early and ends it late gets no older clock by it.
#[tokio::test]
async fn rejects_a_proof_that_expired_while_the_body_was_on_its_way() {
    let world = world().await;
    let proof = world.proof(&key());
    let assertion = world.assertion_with("jwt-client", &json!({"exp": world.clock.now().as_seconds() + 300}));
    let clock = world.clock.clone();
    let body = form(&[
        ("grant_type".into(), "client_credentials".into()),
        ("client_assertion_type".into(), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()),
        ("client_assertion".into(), assertion),
    ]);
    let late = futures_util::stream::once(async move {
        clock.advance(std::time::Duration::from_secs(61));
        Ok::<_, std::io::Error>(body)
    });
    let request = Request::post("/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("dpop", proof)
        .body(Body::from_stream(late))
        .unwrap();
    world.dispatch(request, None).await.error(400, "invalid_dpop_proof").reason("proof_expired");
}
