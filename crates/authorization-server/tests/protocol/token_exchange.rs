//! Token exchange (RFC 8693): each test is one way to gain more by an exchange than one had.

use bindery_core::token::confirmation::Confirmation;
use bindery_crypto::SigningKey;
use serde_json::{Value, json};

use crate::clients::Setup;
use crate::support::{API, Answer, Call, ISSUER, OTHER_API, START, World, certificate, claims, key};

pub(crate) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// `holder` has tokens, `service` receives them at `API` and may go on to `OTHER_API`, `proxy` likewise without
/// being named, `narrow` may only narrow, `lax` may have bearer tokens for now, `stranger` has nothing to do
/// with any of it.
pub(crate) async fn world() -> World {
    setup().start().await
}

pub(crate) fn setup() -> Setup {
    let mut setup = Setup::new();
    let grants = ["client_credentials", "refresh_token", GRANT];
    setup.configuration["grants"] = json!(grants);
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    let mut add = |id: &str, changes: Value| {
        let mut client = json!({
            "client_id": id, "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
            "grant_types": grants, "scope": "read write", "audiences": [API, OTHER_API],
        });
        client.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        clients.push(client);
    };
    let onward = |impersonation: bool| {
        json!({
            "introspection_audiences": [API], "scope": "read admin",
            "token_exchange": {"audiences": [OTHER_API], "impersonation": impersonation},
        })
    };
    let exception = json!({
        "sender_constraint": "none", "sender_constraint_reason": "r", "sender_constraint_until": START + 100_000,
    });
    add("holder", json!({}));
    add("opaque", json!({"access_token_format": "opaque"}));
    add("service", onward(false));
    add("proxy", onward(true));
    add("narrow", json!({"introspection_audiences": [API]}));
    add("stranger", json!({}));
    let mut lax = onward(false);
    lax.as_object_mut().unwrap().extend(exception.as_object().unwrap().clone());
    add("lax", lax);
    add("bearer", exception);
    add("closed", json!({"grant_types": ["client_credentials"]}));
    setup
}

impl World {
    /// An access token of alice for `API`, issued to `client_id` and bound to `key`, if there is one.
    pub(crate) async fn subject_token(&self, client_id: &str, key: Option<&SigningKey>) -> String {
        let refresh = self.provision(client_id, Confirmation::Unbound).await;
        let call =
            Call::token("refresh_token").with("refresh_token", refresh).assertion(self.assertion(client_id));
        let call = match key {
            Some(key) => call.dpop(self.proof(key)),
            None => call,
        };
        self.send(call).await.ok()["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn exchange(&self, client_id: &str, subject_token: &str) -> Call {
        Call::token(GRANT)
            .assertion(self.assertion(client_id))
            .with("subject_token", subject_token)
            .with("subject_token_type", ACCESS_TOKEN)
    }

    pub(crate) async fn exchanged(&self, call: Call, key: &SigningKey) -> Answer {
        self.send(call.dpop(self.proof(key))).await
    }
}

fn refused(answer: &Answer, reason: &str) {
    answer.error(400, "invalid_request").reason(reason);
}

#[tokio::test]
async fn a_client_narrows_its_own_token_and_stays_bound_to_the_key_that_it_proves() {
    let world = world().await;
    let key = key();
    for client in ["holder", "opaque"] {
        let token = world.subject_token(client, Some(&key)).await;
        let call =
            world.exchange(client, &token).with("scope", "read").with("requested_token_type", ACCESS_TOKEN);
        let body = world.exchanged(call, &key).await.ok();
        assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
        assert_eq!((&body["token_type"], &body["scope"]), (&json!("DPoP"), &json!("read")));
        assert!(body.get("refresh_token").is_none());
        let active = world.introspect(body["access_token"].as_str().unwrap()).await;
        assert_eq!((&active["sub"], &active["aud"]), (&json!("alice"), &json!(API)));
        assert_eq!(active["cnf"]["jkt"], key.thumbprint().to_string());
    }
}

#[tokio::test]
async fn a_stolen_bound_token_is_not_exchanged_by_anybody() {
    let world = world().await;
    let own = key();
    let token = world.subject_token("holder", Some(&own)).await;
    // Another key, a certificate in place of the key, and a client that needs no key at all.
    for client in ["holder", "service", "proxy", "lax"] {
        refused(&world.exchanged(world.exchange(client, &token), &key()).await, "possession");
    }
    let (stray, _) = certificate("stray", Vec::new(), None);
    refused(&world.send(world.exchange("service", &token).certificate(&stray)).await, "possession");
    refused(&world.send(world.exchange("lax", &token)).await, "possession");
    // Without any key the client's own constraint refuses it before.
    refused(&world.send(world.exchange("service", &token)).await, "sender_constraint_missing");
}

#[tokio::test]
async fn a_bound_token_never_becomes_a_bearer_token() {
    let world = world().await;
    let (own, _) = certificate("own", Vec::new(), None);
    let refresh = world.provision("holder", Confirmation::Unbound).await;
    let call =
        Call::token("refresh_token").with("refresh_token", refresh).assertion(world.assertion("holder"));
    let body = world.send(call.certificate(&own)).await.ok();
    assert!(claims(&body["access_token"])["cnf"]["x5t#S256"].is_string());
    let token = body["access_token"].as_str().unwrap();
    // `lax` shows the certificate, so the key is proven; its exception would still make a bearer token of it.
    refused(&world.send(world.exchange("lax", token).certificate(&own)).await, "downgrade");
    let kept =
        world.send(world.exchange("service", token).with("scope", "read").certificate(&own)).await.ok();
    assert_eq!(claims(&kept["access_token"])["cnf"], claims(&body["access_token"])["cnf"]);
}

#[tokio::test]
async fn an_unbound_token_is_bound_to_the_exchangers_own_key() {
    let world = world().await;
    let key = key();
    let token = world.subject_token("bearer", None).await;
    let body = world.exchanged(world.exchange("service", &token).with("scope", "read"), &key).await.ok();
    let token = claims(&body["access_token"]);
    assert_eq!(token["cnf"]["jkt"], key.thumbprint().to_string());
    assert_eq!((&token["sub"], &token["aud"]), (&json!("alice"), &json!(OTHER_API)));
    assert_eq!(token["client_id"], "service");
}

#[tokio::test]
async fn whoever_acts_is_named_and_whoever_acted_before_stays_named() {
    let world = world().await;
    let key = key();
    let first = world.subject_token("bearer", None).await;
    // Delegation: the service is named, though it sent no actor token.
    let body = world.exchanged(world.exchange("service", &first), &key).await.ok();
    let second = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&body["access_token"])["act"], json!({"sub": "client:service"}));
    // The chain survives an exchange of one's own token, and one with an actor token nests it.
    let again = world.exchanged(world.exchange("service", &second), &key).await;
    // The token was issued for another audience: the service may narrow what it was given.
    assert_eq!(claims(&again.ok()["access_token"])["act"], json!({"sub": "client:service"}));
    let actor = world.subject_token("service", Some(&key)).await;
    let call =
        world.exchange("service", &second).with("actor_token", actor).with("actor_token_type", ACCESS_TOKEN);
    let body = world.exchanged(call, &key).await.ok();
    assert_eq!(
        claims(&body["access_token"])["act"],
        json!({"sub": "alice", "act": {"sub": "client:service"}})
    );
    // Impersonation is a privilege of its own, and forgets nobody either.
    let body = world.exchanged(world.exchange("proxy", &first), &key).await.ok();
    assert_eq!(claims(&body["access_token"]).get("act"), None);
}

#[tokio::test]
async fn an_actor_token_is_the_callers_own_and_its_key_is_proven() {
    let world = world().await;
    let (own, other) = (key(), key());
    let subject = world.subject_token("bearer", None).await;
    let with_actor = |actor: String| {
        world.exchange("service", &subject).with("actor_token", actor).with("actor_token_type", ACCESS_TOKEN)
    };
    let anothers = world.subject_token("holder", Some(&own)).await;
    refused(&world.exchanged(with_actor(anothers), &own).await, "actor_token");
    let unproven = world.subject_token("service", Some(&other)).await;
    refused(&world.exchanged(with_actor(unproven), &own).await, "possession");
    refused(&world.exchanged(with_actor("nothing".into()), &own).await, "actor_token");
    let untyped = world.exchange("service", &subject).with("actor_token", "x");
    refused(&world.exchanged(untyped, &own).await, "exchanged_token_type");
    let lonely = world.exchange("service", &subject).with("actor_token_type", ACCESS_TOKEN);
    refused(&world.exchanged(lonely, &own).await, "exchanged_token_type");
}

#[tokio::test]
async fn only_the_tokens_client_and_its_resource_server_may_exchange_it() {
    let world = world().await;
    let key = key();
    let token = world.subject_token("bearer", None).await;
    refused(&world.exchanged(world.exchange("stranger", &token), &key).await, "subject_token_of_another");
    let answer = world.exchanged(world.exchange("closed", &token), &key).await;
    answer.error(400, "unauthorized_client").reason("grant_type_not_allowed");
    let public = Call::token(GRANT).with("client_id", "public-client").with("subject_token", token.as_str());
    let answer = world.exchanged(public.with("subject_token_type", ACCESS_TOKEN), &key).await;
    answer.error(400, "unauthorized_client");
}

#[tokio::test]
async fn an_exchange_widens_neither_scope_nor_audience() {
    let world = world().await;
    let key = key();
    let token = world.subject_token("bearer", None).await;
    // `admin` is the service's, `write` the subject token's: neither is both's.
    for scope in ["admin", "write", "read write"] {
        let call = world.exchange("service", &token).with("scope", scope);
        world.exchanged(call, &key).await.error(400, "invalid_scope");
    }
    let body = world.exchanged(world.exchange("service", &token), &key).await.ok();
    assert_eq!(body["scope"], "read");
    for (client, name, target) in [
        ("service", "audience", API),
        ("service", "resource", API),
        ("service", "resource", "https://elsewhere.example"),
        ("narrow", "audience", OTHER_API),
        ("narrow", "resource", ISSUER),
    ] {
        let call = world.exchange(client, &token).with(name, target);
        world.exchanged(call, &key).await.error(400, "invalid_target");
    }
    let two = world.exchange("service", &token).with("audience", OTHER_API).with("resource", API);
    world.exchanged(two, &key).await.error(400, "invalid_target");
    let narrowed = world.exchanged(world.exchange("narrow", &token).with("audience", API), &key).await.ok();
    assert_eq!(claims(&narrowed["access_token"])["aud"], API);
}

#[tokio::test]
async fn dead_tokens_and_other_kinds_of_tokens_are_not_exchanged() {
    let world = world().await;
    let key = key();
    let refresh = world.provision("holder", Confirmation::Unbound).await;
    let live = world.subject_token("holder", Some(&key)).await;
    let revoked = world.subject_token("holder", Some(&key)).await;
    let revoke = Call::to("/revoke").with("token", revoked.as_str()).assertion(world.assertion("holder"));
    assert_eq!(world.send(revoke).await.status, 200);
    let mut forged = live.clone();
    forged.pop();
    for token in [refresh.as_str(), &revoked, &forged, "x", "a.b.c", &world.assertion("holder")] {
        refused(&world.exchanged(world.exchange("holder", token), &key).await, "subject_token");
    }
    let missing = Call::token(GRANT).assertion(world.assertion("holder"));
    refused(&world.exchanged(missing, &key).await, "parameter_missing");
    for kind in ["refresh_token", "id_token", "saml2"] {
        let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
        let typed =
            Call::token(GRANT).assertion(world.assertion("holder")).with("subject_token", live.as_str());
        let typed = world.exchanged(typed.with("subject_token_type", kind.as_str()), &key).await;
        refused(&typed, "exchanged_token_type");
        let wanted = world.exchange("holder", &live).with("requested_token_type", kind.as_str());
        refused(&world.exchanged(wanted, &key).await, "requested_token_type");
    }
    world.exchanged(world.exchange("holder", &live), &key).await.ok();
    world.advance(301);
    refused(&world.exchanged(world.exchange("holder", &live), &key).await, "subject_token");
}

#[tokio::test]
async fn what_is_exchanged_ends_with_what_it_came_from() {
    let world = world().await;
    let key = key();
    let token = world.subject_token("holder", Some(&key)).await;
    world.advance(200);
    let body = world.exchanged(world.exchange("holder", &token), &key).await.ok();
    assert_eq!(body["expires_in"], 100);
    // Ending the grant ends what was exchanged from it.
    let (subject, exchanged) = (claims(&json!(token)), claims(&body["access_token"]));
    assert_eq!(exchanged["gid"], subject["gid"]);
    let call = Call::token("refresh_token").assertion(world.assertion("holder"));
    let refresh = world.provision("holder", Confirmation::Unbound).await;
    let of_grant =
        world.send(call.with("refresh_token", refresh.as_str()).dpop(world.proof(&key))).await.ok();
    let of_grant = of_grant["access_token"].as_str().unwrap();
    let exchanged = world.exchanged(world.exchange("holder", of_grant), &key).await.ok();
    let revoke = Call::to("/revoke").with("token", refresh).assertion(world.assertion("holder"));
    assert_eq!(world.send(revoke).await.status, 200);
    assert_eq!(world.introspect(exchanged["access_token"].as_str().unwrap()).await["active"], false);
}

#[tokio::test]
async fn rejects_another_clients_claims_parameter_at_userinfo() {
    let grants = ["authorization_code", "refresh_token", "client_credentials", GRANT];
    let world = crate::authorization::world_from(json!({}), |setup| {
        setup.configuration["grants"] = json!(grants);
        let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
        setup.configuration["client"].as_array_mut().unwrap().push(json!({
            "client_id": "service", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
            "grant_types": [GRANT], "scope": "openid read", "audiences": [API], "introspection_audiences": [API],
        }));
    })
    .await;
    let own = key();
    let wish = json!({"userinfo": {"email": null}}).to_string();
    let code = world.code(world.push("web").with("claims", wish)).await;
    let tokens = world.send(world.redeem("web", &code, &own)).await.ok();
    let first = tokens["access_token"].as_str().unwrap();
    let exchanged = world.exchanged(world.exchange("service", first), &own).await.ok();
    let told = async |token: &str| {
        let proof = world.resource_proof(&own, "GET", &format!("{ISSUER}/userinfo"), token);
        let request = http::Request::get("/userinfo").header("authorization", format!("DPoP {token}"));
        let request = request.header("dpop", proof).body(axum::body::Body::empty()).unwrap();
        world.dispatch(request, None).await.ok()
    };
    assert_eq!(told(first).await["email"], "alice@client.example");
    let service = told(exchanged["access_token"].as_str().unwrap()).await;
    assert!(service["sub"].is_string() && service.get("email").is_none(), "{service}");
}
