//! The administration's door: what opens it and what does not. A token of ours alone is not enough; the
//! sender proves with every request that he holds the token's key.

use axum::body::Body;
use bindery_core::crypto::Cryptography as _;
use bindery_core::mtls::certificate::ClientCertificate;
use bindery_crypto::{AwsLc, SigningKey};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{Answer, Call, ISSUER, MTLS, START, Setup, World, dpop_binding, key, merge};

pub(crate) const ADMIN: &str = "https://id.example/admin/v1";

/// A world whose configuration names administrators of every kind.
pub(crate) fn setup() -> Setup {
    let mut setup = Setup::new();
    let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
    let administrator = |id: &str, changes: Value| {
        let mut client = json!({
            "client_id": id, "scope": "bindery:admin bindery:admin:read", "audiences": [ADMIN, "https://api.example"],
            "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        });
        merge(&mut client, &changes);
        client
    };
    setup.configuration["client"].as_array_mut().unwrap().extend([
        administrator("operator", json!({})),
        administrator("operator-opaque", json!({"access_token_format": "opaque"})),
        administrator("auditor", json!({"scope": "bindery:admin:read"})),
        administrator("stranger", json!({"scope": "read"})),
        administrator(
            "bearer-operator",
            json!({
                "sender_constraint": "none", "sender_constraint_reason": "a test",
                "sender_constraint_until": START + 100_000,
            }),
        ),
    ]);
    setup
}

/// An administrator with a token and the key that it is bound to.
pub(crate) struct Operator {
    pub(crate) token: String,
    pub(crate) key: SigningKey,
}

/// A request to the administration in the making.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) certificate: Option<ClientCertificate>,
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: None, certificate: None }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl World {
    pub(crate) async fn operator(&self, client_id: &str) -> Operator {
        let key = key();
        let call = Call::token("client_credentials")
            .assertion(self.assertion(client_id))
            .with("client_id", client_id);
        let answer = self.send(call.dpop(self.proof(&key))).await.ok();
        Operator { token: answer["access_token"].as_str().unwrap().into(), key }
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let mut request = Request::builder().method(ask.method).uri(format!("/admin/v1{}", ask.path));
        if ask.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = ask.body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        let mut request = request.body(body).unwrap();
        for (name, value) in ask.headers {
            if name == "content-type" {
                request.headers_mut().remove(name);
            }
            request.headers_mut().append(name, value.parse().unwrap());
        }
        self.dispatch(request, ask.certificate).await
    }

    /// A proof for a request with an access token.
    pub(crate) fn resource_proof(&self, key: &SigningKey, method: &str, target: &str, token: &str) -> String {
        self.proof_for(key, method, target, Some(&AwsLc.sha256(&[token.as_bytes()])))
    }

    /// The same request as `operator`, with a fresh proof.
    pub(crate) async fn administer(&self, operator: &Operator, ask: Ask) -> Answer {
        let path = ask.path.split('?').next().unwrap_or_default();
        let target = format!("{ADMIN}{path}");
        let proof = self.resource_proof(&operator.key, ask.method.as_str(), &target, &operator.token);
        let token = format!("DPoP {}", operator.token);
        self.ask(ask.header("authorization", token).header("dpop", proof)).await
    }

    pub(crate) async fn get(&self, operator: &Operator, path: &str) -> Answer {
        self.administer(operator, Ask::new(Method::GET, path)).await
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.headers["cache-control"], "no-store");
        self.body
    }

    /// A refusal names its kind, and member, rule and remedy.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, kind: &str, member: Option<&str>) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let body = self.is(status);
        assert_eq!(body["type"], format!("urn:bindery:problem:{kind}"), "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["member"].as_str(), member, "{body}");
        assert!(body["rule"].is_string() && body["remedy"].is_string(), "{body}");
        body
    }
}

/// A request with a JSON body.
pub(crate) fn ask(method: Method, path: &str, body: Value) -> Ask {
    Ask { body: Some(body), ..Ask::new(method, path) }
}

fn clients() -> Ask {
    Ask::new(Method::GET, "/clients")
}

#[tokio::test]
async fn a_bound_token_of_an_administrator_opens_the_door() {
    let world = setup().start().await;
    for name in ["operator", "operator-opaque", "auditor"] {
        let operator = world.operator(name).await;
        let listed = world.get(&operator, "/clients").await.ok();
        assert!(listed["items"].as_array().unwrap().len() > 10, "{name}");
    }
}

#[tokio::test]
async fn a_certificate_bound_token_opens_the_door_with_its_certificate_alone() {
    let mut setup = setup();
    let jwk = setup.configuration["client"].as_array().unwrap();
    let jwks = jwk.iter().find(|client| client["client_id"] == "self-signed-client").unwrap()["jwks"].clone();
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "mtls-operator", "scope": "bindery:admin", "audiences": [ADMIN],
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "jwks": jwks, "sender_constraint": "mtls",
    }));
    let world = setup.start().await;
    let certificate = world.self_signed.clone();
    let call = Call::token("client_credentials").with("client_id", "mtls-operator").certificate(&certificate);
    let token = world.send(call).await.ok()["access_token"].as_str().unwrap().to_owned();
    let with = |certificate: Option<&ClientCertificate>| Ask {
        certificate: certificate.cloned(),
        ..clients().header("authorization", format!("Bearer {token}"))
    };
    world.ask(with(Some(&certificate))).await.ok();
    world.ask(with(None)).await.error(401, "invalid_token").reason("certificate_missing");
    let other = world.pki_certificate.clone();
    world.ask(with(Some(&other))).await.error(401, "invalid_token").reason("certificate_mismatch");
}

#[tokio::test]
async fn rejects_a_bearer_token_whatever_exception_its_client_has() {
    let world = setup().start().await;
    let call = Call::token("client_credentials").assertion(world.assertion("bearer-operator"));
    let token = world.send(call.with("client_id", "bearer-operator")).await.ok()["access_token"].clone();
    let token = token.as_str().unwrap();
    let answer = world.ask(clients().header("authorization", format!("Bearer {token}"))).await;
    answer.error(401, "invalid_token").reason("unbound_token");
    let key = key();
    let proof = world.resource_proof(&key, "GET", &format!("{ADMIN}/clients"), token);
    let ask = clients().header("authorization", format!("DPoP {token}")).header("dpop", proof);
    world.ask(ask).await.error(401, "invalid_token").reason("unbound_token_as_dpop");
}

#[tokio::test]
async fn rejects_a_bound_token_without_its_key() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let token = &operator.token;
    let answer = world.ask(clients().header("authorization", format!("Bearer {token}"))).await;
    answer.error(401, "invalid_token").reason("bound_token_as_bearer");
    let answer = world.ask(clients().header("authorization", format!("DPoP {token}"))).await;
    answer.error(401, "invalid_dpop_proof").reason("proof_missing");
    let thief = Operator { token: token.clone(), key: key() };
    world.get(&thief, "/clients").await.error(401, "invalid_token").reason("proof_key_mismatch");
    let nobody = world.ask(clients()).await;
    assert_eq!(nobody.status, 401);
    assert_eq!(nobody.body, Value::Null);
}

#[tokio::test]
async fn rejects_a_proof_for_another_request_token_or_time_and_a_second_use() {
    let world = setup().start().await;
    let operator = world.operator("operator").await;
    let token = operator.token.as_str();
    let send = async |proof: String| {
        world.ask(clients().header("authorization", format!("DPoP {token}")).header("dpop", proof)).await
    };
    let here = format!("{ADMIN}/clients");
    let prove =
        |method: &str, target: &str, token: &str| world.resource_proof(&operator.key, method, target, token);
    let refused = |answer: Answer, reason: &str| {
        answer.error(401, "invalid_dpop_proof").reason(reason);
    };
    refused(send(prove("POST", &here, token)).await, "proof_method");
    refused(send(prove("GET", &format!("{ADMIN}/grants"), token)).await, "proof_target");
    refused(send(prove("GET", &format!("{ISSUER}/clients"), token)).await, "proof_target");
    refused(send(prove("GET", &here, "another")).await, "proof_token_hash");
    refused(send(world.proof_for(&operator.key, "GET", &here, None)).await, "proof_incomplete");
    let old = prove("GET", &here, token);
    let good = prove("GET", &format!("{MTLS}/admin/v1/clients"), token);
    send(good.clone()).await.ok();
    refused(send(good).await, "proof_replayed");
    world.advance(61);
    refused(send(old).await, "proof_expired");
}

#[tokio::test]
async fn rejects_tokens_for_others_without_scope_or_no_longer_alive() {
    let world = setup().start().await;
    let stranger = world.operator("stranger").await;
    let answer = world.get(&stranger, "/clients").await;
    assert_eq!(
        answer.error(403, "insufficient_scope").headers["www-authenticate"]
            .to_str()
            .unwrap()
            .matches("bindery:admin:read")
            .count(),
        1
    );
    let key = key();
    let call = Call::token("client_credentials")
        .assertion(world.assertion("operator"))
        .with("client_id", "operator");
    let call = call.with("resource", "https://api.example").dpop(world.proof(&key));
    let token = world.send(call).await.ok()["access_token"].as_str().unwrap().to_owned();
    let elsewhere = Operator { token, key };
    world.get(&elsewhere, "/clients").await.error(401, "invalid_token").reason("token_audience");
    for name in ["operator", "operator-opaque"] {
        let operator = world.operator(name).await;
        world.get(&operator, "/clients").await.ok();
        let revoke = Call::to("/revoke").with("token", operator.token.as_str()).with("client_id", name);
        assert_eq!(world.send(revoke.assertion(world.assertion(name))).await.status, 200);
        world.get(&operator, "/clients").await.error(401, "invalid_token").reason("token_inactive");
        let operator = world.operator(name).await;
        world.advance(301);
        assert_eq!(world.get(&operator, "/clients").await.status, 401);
    }
}

#[tokio::test]
async fn hands_out_the_next_nonce_before_the_old_one_dies() {
    let mut setup = setup();
    setup.configuration["dpop"] = json!({"nonce": "required"});
    let world = setup.start().await;
    let key = key();
    let call = || {
        Call::token("client_credentials").assertion(world.assertion("operator")).with("client_id", "operator")
    };
    let nonce = world.send(call().dpop(world.proof(&key))).await.nonce();
    let proof = world.proof_with(&key, &format!("{ISSUER}/token"), Some(&nonce));
    let token = world.send(call().dpop(proof)).await.ok()["access_token"].as_str().unwrap().to_owned();
    let operator = Operator { token, key };
    let challenged = world.get(&operator, "/clients").await;
    let nonce = challenged.error(401, "use_dpop_nonce").nonce();
    let send = async || {
        let (hash, target) = (AwsLc.sha256(&[operator.token.as_bytes()]), format!("{ADMIN}/clients"));
        let proof = world.prove(&operator.key, "GET", &target, Some(&hash), Some(&nonce));
        let token = format!("DPoP {}", operator.token);
        world.ask(clients().header("authorization", token).header("dpop", proof)).await
    };
    let young = send().await;
    assert!(young.headers.get("dpop-nonce").is_none());
    young.ok();
    world.advance(150);
    let old = send().await;
    assert_ne!(old.nonce(), nonce);
    old.ok();
}

/// A scope says what a client may do, not which of all the people who sign in through it may do it.
#[tokio::test]
async fn rejects_a_persons_token_at_the_administration() {
    let interactions = format!("{ISSUER}/interactions");
    let start = async |administrators: Value| {
        let mut setup = setup();
        setup.configuration["administrators"] = administrators;
        setup.configuration["people"] = json!({"login": {"url": "https://login.example/"}});
        let jwks = json!({"keys": [setup.assertion_key.public_key().to_jwk()]});
        setup.configuration["client"].as_array_mut().unwrap().push(json!({
            "client_id": "console", "scope": "bindery:admin bindery:interactions", "jwks": jwks,
            "audiences": [ADMIN, interactions], "grant_types": ["refresh_token", "client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt",
        }));
        setup.start().await
    };
    let of_alice = async |world: &World, resource: &str| {
        let key = key();
        let refresh = world.provision("console", dpop_binding(&key)).await;
        let call = world.refresh("console", &refresh).assertion(world.assertion("console"));
        let answer = world.send(call.with("resource", resource).dpop(world.proof(&key))).await.ok();
        Operator { token: answer["access_token"].as_str().unwrap().into(), key }
    };
    for administrators in [json!([]), json!(["bob"])] {
        let world = start(administrators).await;
        let alice = of_alice(&world, ADMIN).await;
        world.get(&alice, "/clients").await.error(401, "invalid_token").reason("token_claim");
        let itself = world.operator("console").await;
        world.get(&itself, "/clients").await.is(200);
    }
    let world = start(json!(["alice"])).await;
    let alice = of_alice(&world, ADMIN).await;
    world.get(&alice, "/clients").await.is(200);
    // Nobody but an application itself says who signed in.
    let alice = of_alice(&world, &interactions).await;
    let target = format!("{interactions}/any");
    let request = Request::get("/interactions/any")
        .header("authorization", format!("DPoP {}", alice.token))
        .header("dpop", world.resource_proof(&alice.key, "GET", &target, &alice.token));
    let answer = world.dispatch(request.body(Body::empty()).unwrap(), None).await;
    answer.error(401, "invalid_token").reason("token_claim");
}
