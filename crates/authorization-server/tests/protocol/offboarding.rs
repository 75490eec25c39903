//! Offboarding: afterwards nothing of the client works, and the server can show it.

use bindery_core::token::confirmation::Confirmation;
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

#[tokio::test]
async fn a_client_of_the_configuration_is_said_to_work_still() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    world.provision("public-client", Confirmation::Unbound).await;
    let done = world.administer(&operator, offboard("public-client")).await.is(200);
    assert_eq!(done["grants_revoked"], 1);
    assert_eq!(open_ways(&done["verification"]), ["client authentication"]);
    let check = &done["verification"]["checks"][0];
    assert!(check["detail"].as_str().unwrap().contains("configuration file"), "{check}");
}

#[tokio::test]
async fn offboarding_wants_a_reason_and_a_client() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let silent = ask(Method::POST, "/clients/public-client/offboard", json!({"reason": ""}));
    world.administer(&operator, silent).await.problem(422, "invalid-member", Some("reason"));
    world.administer(&operator, offboard("nobody")).await.problem(404, "not-found", None);
}
