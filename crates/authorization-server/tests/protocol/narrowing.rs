//! What was granted may be asked for in parts, at every token request, and never in more (RFC 8707 section 2.2, RFC
//! 9396 section 6).

use serde_json::{Value, json};

use crate::authorization::{CALLBACK, PASSWORD, VERIFIER};
use crate::browser::Browser;
use crate::clients::Setup;
use crate::support::{API, Call, ISSUER, World, claims, key};

const SHARED: &str = "https://shared.example";

/// `web` may ask for payments, `login` only signs people in.
async fn world() -> World {
    let mut setup = Setup::new();
    setup.configuration["openid"] = true.into();
    setup.configuration["resources"] = json!([SHARED]);
    setup.configuration["authorization_details"] =
        json!([{"type": "payment", "required": ["amount"], "members": ["actions"]}]);
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    for (id, changes) in [
        ("web", json!({"audiences": [API], "authorization_details_types": ["payment"]})),
        ("login", json!({"scope": "openid profile"})),
    ] {
        let mut client = json!({
            "client_id": id, "client_name": "Web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "redirect_uris": [CALLBACK], "scope": "openid read",
        });
        client.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        clients.push(client);
    }
    let world = setup.start().await;
    world.account("alice", PASSWORD).await;
    world
}

impl World {
    async fn code_of(&self, client_id: &str, push: Call) -> String {
        let request_uri = self.pushed(push).await;
        let page = self.walk(&Browser::new(self), client_id, &request_uri).await;
        page.answer("code").unwrap_or_else(|| panic!("no code: {:?} {}", page.left_for, page.html))
    }

    fn push_of(&self, client_id: &str, scope: &str) -> Call {
        Call::to("/par")
            .assertion(self.assertion(client_id))
            .with("response_type", "code")
            .with("redirect_uri", CALLBACK)
            .with("scope", scope)
            .with("code_challenge", crate::authorization::challenge())
            .with("code_challenge_method", "S256")
    }

    fn redeemed(&self, client_id: &str, code: &str) -> Call {
        Call::token("authorization_code")
            .assertion(self.assertion(client_id))
            .with("code", code)
            .with("code_verifier", VERIFIER)
            .with("redirect_uri", CALLBACK)
    }

    fn refreshed(&self, client_id: &str, body: &Value) -> Call {
        let token = body["refresh_token"].as_str().unwrap();
        Call::token("refresh_token").assertion(self.assertion(client_id)).with("refresh_token", token)
    }
}

fn payment(actions: &[&str]) -> String {
    json!([{"type": "payment", "amount": 5, "actions": actions}]).to_string()
}

#[tokio::test]
async fn authorization_details_are_narrowed_and_never_widened() {
    let world = world().await;
    let key = key();
    let proof = || world.proof(&key);
    let both = payment(&["list", "pay"]);
    let push = world.push_of("web", "read").with("authorization_details", both.as_str());
    let code = world.code_of("web", push).await;
    let greedy = world.redeemed("web", &code).with("authorization_details", payment(&["refund"]));
    let refused = world.send(greedy.dpop(proof())).await;
    refused.error(400, "invalid_authorization_details").reason("authorization_details");
    // A request that asked for too much has spent nothing.
    let narrow = world.redeemed("web", &code).with("authorization_details", payment(&["pay"]));
    let body = world.send(narrow.dpop(proof())).await.ok();
    let details = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(body["authorization_details"], details(&payment(&["pay"])));
    assert_eq!(claims(&body["access_token"])["authorization_details"], details(&payment(&["pay"])));
    let seen = world.introspect(body["access_token"].as_str().unwrap()).await;
    assert_eq!(seen["authorization_details"], details(&payment(&["pay"])));
    // The grant still has both.
    let whole = world.send(world.refreshed("web", &body).dpop(proof())).await.ok();
    assert_eq!(whole["authorization_details"], details(&both));
    for wrong in [payment(&["refund"]), payment(&[]), "x".into(), json!([{"type": "free"}]).to_string()] {
        let call = world.refreshed("web", &body).with("authorization_details", wrong.as_str());
        let refused = world.send(call.dpop(proof())).await;
        refused.error(400, "invalid_authorization_details");
    }
    let call = world.refreshed("web", &body).with("authorization_details", payment(&["list"]));
    let narrowed = world.send(call.dpop(proof())).await.ok();
    assert_eq!(narrowed["authorization_details"], details(&payment(&["list"])));
}

#[tokio::test]
async fn a_client_that_only_signs_people_in_has_tokens_for_userinfo_and_can_refresh_them() {
    let world = world().await;
    let key = key();
    let code = world.code_of("login", world.push_of("login", "openid profile")).await;
    let body = world.send(world.redeemed("login", &code).dpop(world.proof(&key))).await.ok();
    assert_eq!(claims(&body["access_token"])["aud"], ISSUER);
    let again = world.send(world.refreshed("login", &body).dpop(world.proof(&key))).await.ok();
    assert_eq!(claims(&again["access_token"])["aud"], ISSUER);
    let elsewhere = world.refreshed("login", &body).with("resource", API);
    world.send(elsewhere.dpop(world.proof(&key))).await.error(400, "invalid_target");
}

#[tokio::test]
async fn a_resource_of_the_configuration_may_be_named_by_any_client_and_is_given_to_none_unasked() {
    let world = world().await;
    let key = key();
    let machine = |resource: Option<&str>| {
        let call =
            Call::token("client_credentials").assertion(world.assertion("web")).dpop(world.proof(&key));
        match resource {
            Some(resource) => call.with("resource", resource),
            None => call,
        }
    };
    for (resource, audience) in [(None, API), (Some(API), API), (Some(SHARED), SHARED)] {
        let body = world.send(machine(resource)).await.ok();
        assert_eq!(claims(&body["access_token"])["aud"], audience);
    }
    world.send(machine(Some("https://elsewhere.example"))).await.error(400, "invalid_target");
    let push = world.push_of("web", "read").with("resource", SHARED);
    let code = world.code_of("web", push).await;
    let body = world.send(world.redeemed("web", &code).dpop(world.proof(&key))).await.ok();
    assert_eq!(claims(&body["access_token"])["aud"], SHARED);
    let again = world.send(world.refreshed("web", &body).dpop(world.proof(&key))).await.ok();
    assert_eq!(claims(&again["access_token"])["aud"], SHARED);
    // What the grant is not for is refused, though the client may have it.
    let other = world.refreshed("web", &body).with("resource", API).dpop(world.proof(&key));
    world.send(other).await.error(400, "invalid_target");
    let elsewhere = world.push_of("web", "read").with("resource", "https://elsewhere.example");
    world.send(elsewhere).await.error(400, "invalid_target");
}
