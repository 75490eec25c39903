//! Offboarding: afterwards nothing of the client works, and the server can show it.

use bindery_core::token::confirmation::Confirmation;
use bindery_http::Clock as _;
use bindery_store::record::BarredClientRecord;
use http::Method;
use serde_json::{Value, json};

use crate::administration::{Ask, Operator, ask, setup};
use crate::support::{API, Call, World, key};

async fn partner(world: &World, operator: &Operator) -> bindery_crypto::SigningKey {
    let assertion_key = key();
    let registration = json!({
        "client_id": "partner", "grant_types": ["client_credentials", "refresh_token"], "audiences": [API],
        "scope": "read", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [assertion_key.public_key().to_jwk()]},
    });
    world.administer(operator, ask(Method::POST, "/clients", registration)).await.is(201);
    assertion_key
}

fn offboard(name: &str) -> Ask {
    ask(Method::POST, &format!("/clients/{name}/offboard"), json!({"reason": "contract ended"}))
}

fn open_ways(verification: &Value) -> Vec<&str> {
    let checks = verification["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["works"] == true).map(|check| check["what"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn nothing_of_an_offboarded_client_works() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let assertion_key = partner(&world, &operator).await;
    let sender = key();
    let assertion = || world.assertion_signed_by(&assertion_key, "partner");
    let call = || {
        let call = Call::token("client_credentials").assertion(assertion()).with("client_id", "partner");
        call.dpop(world.proof(&sender))
    };
    let access = world.send(call()).await.ok()["access_token"].as_str().unwrap().to_owned();
    let confirmation = Confirmation::parse(Some(&json!({"jkt": sender.thumbprint().to_string()}))).unwrap();
    let refresh = world.provision("partner", confirmation).await;
    let renew = || {
        let call = world.refresh("partner", &refresh).assertion(assertion());
        world.send(call.dpop(world.proof(&sender)))
    };
    let renewed = renew().await.ok()["access_token"].as_str().unwrap().to_owned();
    let before = world.get(&operator, "/clients/partner/verification").await.is(200);
    assert_eq!(before["nothing_works"], false);
    assert_eq!(
        open_ways(&before),
        ["client authentication", "refresh tokens", "access tokens under grants", "keys and certificates"]
    );

    let done = world.administer(&operator, offboard("partner")).await.is(200);
    assert_eq!(done["grants_revoked"], 1);
    assert_eq!(done["verification"]["nothing_works"], true, "{done}");
    assert_eq!(open_ways(&done["verification"]), Vec::<&str>::new());
    let mut blocked: Vec<_> =
        done["blocked_keys"].as_array().unwrap().iter().map(|key| key["thumbprint"].clone()).collect();
    let mut expected =
        vec![json!(assertion_key.thumbprint().to_string()), json!(sender.thumbprint().to_string())];
    blocked.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(blocked, expected);

    // And at the doors themselves.
    world.send(call()).await.error(400, "invalid_dpop_proof").reason("key_blocked");
    let fresh = key();
    let fresh_call = Call::token("client_credentials").assertion(assertion()).with("client_id", "partner");
    world.send(fresh_call.dpop(world.proof(&fresh))).await.error(401, "invalid_client");
    assert_ne!(renew().await.status, 200);
    for token in [&access, &renewed] {
        assert_eq!(world.introspect(token).await["active"], false);
    }
    let enable = Ask::new(Method::POST, "/clients/partner/enable");
    world.administer(&operator, enable).await.problem(409, "conflict", None);
    let after = world.get(&operator, "/clients/partner/verification").await.is(200);
    assert_eq!(after["nothing_works"], true);
    let shown = world.get(&operator, "/clients/partner").await.is(200);
    assert_eq!(shown["offboarded_because"], "contract ended");
    // Nobody comes back with its keys, and a restart does not forget them.
    let again = json!({
        "client_id": "partner-2", "grant_types": [], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [assertion_key.public_key().to_jwk()]},
    });
    let again = world.administer(&operator, ask(Method::POST, "/clients", again)).await;
    again.problem(422, "invalid-member", Some("jwks"));
}

/// The file has it still, and is read at the start alone: the bar in the store is what counts.
#[tokio::test]
async fn nothing_of_an_offboarded_client_of_the_configuration_works_before_and_after_a_restart() {
    let setup = setup();
    let configuration = setup.configuration.clone();
    let world = setup.start().await;
    let operator = world.operator("operator").await;
    let sender = key();
    let call = || Call::token("client_credentials").assertion(world.assertion("jwt-client"));
    let access = world.send(call().dpop(world.proof(&sender))).await.ok();
    let access = access["access_token"].as_str().unwrap().to_owned();
    world.provision("jwt-client", Confirmation::Unbound).await;
    let done = world.administer(&operator, offboard("jwt-client")).await.is(200);
    assert_eq!(done["grants_revoked"], 1);
    assert_eq!(done["verification"]["nothing_works"], true, "{done}");
    assert_eq!(open_ways(&done["verification"]), Vec::<&str>::new());
    world.send(call().dpop(world.proof(&key()))).await.error(401, "invalid_client");
    assert_eq!(world.introspect(&access).await["active"], false);
    let shown = world.get(&operator, "/clients/jwt-client").await.is(200);
    assert_eq!((&shown["source"], &shown["disabled"]), (&json!("configuration"), &json!(true)));
    assert_eq!(shown["offboarded_because"], "contract ended");
    let posture = world.get(&operator, "/posture").await.is(200);
    assert_eq!(posture["clients"]["barred"], json!(["jwt-client"]));

    let restarted = world.another(configuration).await;
    // Past the time from which proofs could be older than its memory.
    world.advance(100);
    let answer = world.send_to(&restarted.router(), call().dpop(world.proof(&key()))).await;
    answer.error(401, "invalid_client");
    let verified = world.get(&operator, "/clients/jwt-client/verification").await.is(200);
    assert_eq!(verified["nothing_works"], true);
    // Disabling afterwards does not make it a client that was merely disabled.
    world.administer(&operator, Ask::new(Method::POST, "/clients/jwt-client/disable")).await.is(200);
    let shown = world.get(&operator, "/clients/jwt-client").await.is(200);
    assert_eq!(shown["offboarded_because"], "contract ended");
}

#[tokio::test]
async fn a_disabled_client_of_the_configuration_comes_back_when_it_is_enabled() {
    let setup = setup();
    let configuration = setup.configuration.clone();
    let world = setup.start().await;
    let other = world.another(configuration).await;
    world.advance(100);
    let operator = world.operator("operator").await;
    let call = || Call::token("client_credentials").assertion(world.assertion("jwt-client"));
    let proven = || call().dpop(world.proof(&key()));
    let disable = || Ask::new(Method::POST, "/clients/jwt-client/disable");
    let enable = || Ask::new(Method::POST, "/clients/jwt-client/enable");
    let disabled = world.administer(&operator, disable()).await.is(200);
    assert_eq!(disabled["disabled_because"], "disabled by operator");
    world.send(proven()).await.error(401, "invalid_client");
    // Other processes on the store hear of it at their next look, within seconds.
    other.maintain().await.unwrap();
    world.send_to(&other.router(), proven()).await.error(401, "invalid_client");
    let listed = world.get(&operator, "/clients").await.is(200);
    let listed = listed["items"].as_array().unwrap().iter().find(|one| one["client_id"] == "jwt-client");
    assert_eq!(listed.unwrap()["disabled"], true);
    let enabled = world.administer(&operator, enable()).await.is(200);
    assert_eq!((&enabled["disabled"], enabled.get("disabled_because")), (&json!(false), None));
    world.send(proven()).await.ok();
    other.maintain().await.unwrap();
    world.send_to(&other.router(), proven()).await.ok();
    world.administer(&operator, enable()).await.is(200);
}

/// A client that was barred and has left the file since does not come back as a client of the store.
#[tokio::test]
async fn a_name_that_is_barred_is_given_to_nobody() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let bar = BarredClientRecord {
        client_id: "gone".into(),
        reason: "contract ended".into(),
        offboarded: true,
        barred_at: world.clock.now(),
    };
    world.store.bar_client(&bar).await.unwrap();
    world.server.maintain().await.unwrap();
    let create = || ask(Method::POST, "/clients", json!({"client_id": "gone", "grant_types": []}));
    world.administer(&operator, create()).await.problem(409, "conflict", None);
    // Enabling takes the bar away, though there is no client yet.
    let enable = Ask::new(Method::POST, "/clients/gone/enable");
    world.administer(&operator, enable).await.problem(404, "not-found", None);
    world.administer(&operator, create()).await.is(201);
}

/// What the file disables is enabled in the file.
#[tokio::test]
async fn a_client_that_the_file_disables_is_not_enabled_beside_it() {
    let mut setup = setup();
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    clients.iter_mut().find(|one| one["client_id"] == "jwt-client").unwrap()["disabled"] = json!(true);
    let world = setup.start().await;
    let operator = world.operator("operator").await;
    let enable = Ask::new(Method::POST, "/clients/jwt-client/enable");
    world.administer(&operator, enable).await.problem(409, "read-only", Some("client_id"));
}

#[tokio::test]
async fn offboarding_wants_a_reason_and_a_client() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let silent = ask(Method::POST, "/clients/public-client/offboard", json!({"reason": ""}));
    world.administer(&operator, silent).await.problem(422, "invalid-member", Some("reason"));
    world.administer(&operator, offboard("nobody")).await.problem(404, "not-found", None);
}
