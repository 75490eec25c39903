//! Who asks too often waits, and nobody else does: by address, client and key, with what RFC 6585 asks for.

use bindery_http::TrustedProxiesConfiguration;
use bindery_http::trusted_proxy_configuration::edge_policy;
use serde_json::json;

use crate::authorization::{CALLBACK, challenge};
use crate::browser::Browser;
use crate::support::{API, Answer, Call, ISSUER, Setup, World, key, world};

const PROXY: &str = "10.0.0.7";

async fn limited(limits: serde_json::Value) -> World {
    let mut setup = Setup::new();
    setup.configuration["limits"] = limits;
    setup.start().await
}

fn unknown() -> Call {
    Call::token("client_credentials").basic("nobody", "wrong")
}

fn issue(world: &World, client: &str) -> Call {
    Call::token("client_credentials").assertion(world.assertion(client)).dpop(world.proof(&key()))
}

#[track_caller]
fn too_many(answer: &Answer, seconds: &str) {
    answer.error(429, "temporarily_unavailable").reason("rate_limited");
    assert_eq!(answer.headers["retry-after"], seconds);
}

#[tokio::test]
async fn rejects_an_address_that_asks_too_often_and_no_other() {
    let world = limited(json!({"address": {"per_second": 0.25, "burst": 2}})).await;
    for _ in 0..2 {
        world.send(unknown().from("192.0.2.1")).await.error(401, "invalid_client");
    }
    too_many(&world.send(unknown().from("192.0.2.1")).await, "4");
    // Not even a client that could prove itself: nothing of it was looked at.
    let call = issue(&world, "jwt-client");
    too_many(&world.send(call.clone().from("192.0.2.1")).await, "4");
    world.send(call.from("192.0.2.2")).await.ok();
    world.advance(4);
    world.send(unknown().from("192.0.2.1")).await.error(401, "invalid_client");
    let page = world.server.metrics().render().unwrap();
    assert!(page.contains("bindery_rate_limited_total{issuer=\"https://id.example\",limit=\"address\"} 2"));
    assert!(page.contains("endpoint=\"/token\",status=\"429\",reason=\"rate_limited\"} 2"), "{page}");
}

#[tokio::test]
async fn an_ipv6_caller_has_one_limit_for_its_network() {
    let world = limited(json!({"address": {"per_second": 1, "burst": 1}})).await;
    world.send(unknown().from("2001:db8::1")).await.error(401, "invalid_client");
    too_many(&world.send(unknown().from("2001:db8::2")).await, "1");
    world.send(unknown().from("2001:db8:0:1::1")).await.error(401, "invalid_client");
}

#[tokio::test]
async fn rejects_a_client_that_asks_too_often_wherever_it_asks_from() {
    let world = limited(json!({"client": {"per_second": 1, "burst": 2}})).await;
    world.send(issue(&world, "jwt-client").from("192.0.2.1")).await.ok();
    world.send(issue(&world, "jwt-client").from("192.0.2.2")).await.ok();
    too_many(&world.send(issue(&world, "jwt-client").from("192.0.2.3")).await, "1");
    world.send(issue(&world, "jwt-opaque")).await.ok();
    // Who only says the client's name uses up nothing of it.
    world.advance(2);
    for _ in 0..5 {
        let wrong = Call::token("client_credentials").with("client_id", "jwt-client");
        world.send(wrong).await.error(401, "invalid_client");
    }
    world.send(issue(&world, "jwt-client")).await.ok();
}

#[tokio::test]
async fn rejects_a_key_that_proves_itself_too_often_whoever_holds_it() {
    let world = limited(json!({"key": {"per_second": 1, "burst": 2}})).await;
    let own = key();
    let call = |client: &str| {
        Call::token("client_credentials").assertion(world.assertion(client)).dpop(world.proof(&own))
    };
    world.send(call("jwt-client")).await.ok();
    world.send(call("jwt-opaque")).await.ok();
    too_many(&world.send(call("jwt-client")).await, "1");
    world.send(issue(&world, "jwt-client")).await.ok();
}

#[tokio::test]
async fn rejects_strangers_proofs_beyond_a_public_clients_share() {
    let mut setup = Setup::new();
    setup.configuration["limits"] = json!({"public_client": {"per_second": 1, "burst": 2}});
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    for (id, method) in [("app", "none"), ("other-app", "none"), ("web", "private_key_jwt")] {
        let mut client = json!({
            "client_id": id, "token_endpoint_auth_method": method, "grant_types": ["authorization_code"],
            "redirect_uris": [CALLBACK], "scope": "read", "audiences": [API],
        });
        if id == "web" {
            client["jwks"] = jwks.clone();
        }
        setup.configuration["client"].as_array_mut().unwrap().push(client);
    }
    let world = setup.start().await;
    let push = |id: &str| {
        let call = world.push(id).replacing("scope", "read");
        let call = match id {
            "web" => call,
            _ => call.without("client_assertion").without("client_assertion_type").with("client_id", id),
        };
        call.dpop(world.proof_with(&key(), &format!("{ISSUER}/par"), None))
    };
    for _ in 0..2 {
        assert_eq!(world.send(push("app")).await.status, 201);
    }
    let beyond = push("app");
    too_many(&world.send(beyond.clone()).await, "1");
    for id in ["other-app", "web", "web", "web"] {
        assert_eq!(world.send(push(id)).await.status, 201, "{id}");
    }
    world.advance(1);
    assert_eq!(world.send(beyond).await.status, 201, "its proof was not spent");
    // Nor does anybody's browser fill the store in the name of a client.
    let query = format!(
        "/authorize?client_id=web&response_type=code&scope=read&redirect_uri={CALLBACK}&code_challenge={}\
         &code_challenge_method=S256",
        challenge()
    );
    let browser = Browser::new(&world);
    browser.headers.borrow_mut().push(("accept", "text/html".into()));
    for status in [200, 200, 429] {
        assert_eq!(browser.get(&query).await.status, status);
    }
}

#[tokio::test]
async fn behind_a_listed_proxy_its_clients_are_told_apart_and_the_proxy_is_never_limited() {
    let behind = async |header: Option<&str>| {
        let mut listed = json!({"format": "nginx", "networks": [PROXY], "verification_header": "none"});
        if let Some(header) = header {
            listed["address_header"] = header.into();
        }
        let configured: TrustedProxiesConfiguration = serde_json::from_value(listed).unwrap();
        let mut setup = Setup::new();
        setup.edge = edge_policy(Some(&configured), &[]).unwrap();
        setup.configuration["limits"] = json!({"address": {"per_second": 1, "burst": 1}});
        setup.start().await
    };
    let world = behind(Some("x-forwarded-for")).await;
    let through = |client: &str| unknown().from(PROXY).header("x-forwarded-for", client);
    world.send(through("192.0.2.1")).await.error(401, "invalid_client");
    too_many(&world.send(through("198.51.100.77, 192.0.2.1")).await, "1");
    world.send(through("192.0.2.2")).await.error(401, "invalid_client");
    // From anybody else the header is nothing.
    let invented = |client: &str| unknown().from("203.0.113.5").header("x-forwarded-for", client);
    world.send(invented("192.0.2.8")).await.error(401, "invalid_client");
    too_many(&world.send(invented("192.0.2.9")).await, "1");
    // Where no header is believed, nobody answers for all.
    let world = behind(None).await;
    for _ in 0..5 {
        world.send(through("192.0.2.1")).await.error(401, "invalid_client");
    }
}

#[tokio::test]
async fn without_limits_nobody_waits() {
    let world = limited(json!({"enabled": false, "address": {"per_second": 1, "burst": 1}})).await;
    for _ in 0..5 {
        world.send(unknown()).await.error(401, "invalid_client");
    }
}

/// RFC 8470 section 5.2: what came in early data may be a replay, whatever proof it carries.
#[tokio::test]
async fn rejects_what_came_in_early_data_and_takes_its_repetition() {
    let world = world().await;
    let call = issue(&world, "jwt-client");
    let answer = world.send(call.clone().header("early-data", "1")).await;
    assert_eq!(answer.status, 425);
    answer.no_store();
    // The proof was not spent.
    world.send(call).await.ok();
}

/// Nobody is told apart there, but guessing passwords is slow all the same.
#[tokio::test]
async fn rejects_a_flood_of_sign_ins_behind_a_proxy_that_names_no_address() {
    let listed = json!({"format": "nginx", "networks": [PROXY], "verification_header": "none"});
    let configured: TrustedProxiesConfiguration = serde_json::from_value(listed).unwrap();
    let mut setup = Setup::new();
    setup.edge = edge_policy(Some(&configured), &[]).unwrap();
    setup.configuration["limits"] = json!({"sign_in": {"per_second": 0.1, "burst": 1}});
    let world = setup.start().await;
    let post = || Call::to("/login").from(PROXY);
    for _ in 0..10 {
        assert_ne!(world.send(post()).await.status, 429, "all together have ten times one's share");
    }
    too_many(&world.send(post()).await, "1");
    world.send(unknown().from(PROXY)).await.error(401, "invalid_client");
    // Whose address is known is not among them.
    assert_ne!(world.send(post().from("192.0.2.9")).await.status, 429);
    let posture = world.server.posture().await.unwrap();
    assert!(posture.risks.iter().any(|risk| risk.name == "addresses_unknown"));
}
