//! Encrypted answers and request objects: to the key that says it is for that, and to no other; never in plain
//! where a client asks for encryption.

use std::sync::{Arc, Mutex};

use bindery_authorization_server::people::accounts::{self, AccessEnded};
use bindery_authorization_server::{KeySetFetcher, KeySetUnavailable};
use bindery_core::encoding::base64url;
use bindery_core::jose::encryption::{ContentEncryption, EncryptionKey, KeyManagement};
use bindery_crypto::jwe::{self, DecryptionKey, Recipient};
use bindery_http::Clock as _;
use http::Request;
use serde_json::{Value, json};

use crate::authorization::{CALLBACK, authorize, challenge, sign_in, world_from, world_with};
use crate::browser::Browser;
use crate::logout::Receiver;
use crate::support::{Call, ISSUER, World, claims, key, sign};

/// The client's key set: its signing key is added by each test's world.
fn encryption_jwk(own: &DecryptionKey) -> Value {
    let mut jwk = own.public_key().to_jwk();
    for (name, value) in [("kid", own.key_id()), ("use", "enc"), ("alg", own.algorithm().name())] {
        jwk.insert(name.into(), value.into());
    }
    jwk.into()
}

/// A server whose client `web` has `own` beside its signing key, and the further members `changes`.
async fn world_encrypting(own: &DecryptionKey, mut changes: Value) -> World {
    let assertion_key = key();
    let jwks = json!({"keys": [assertion_key.public_key().to_jwk(), encryption_jwk(own)]});
    changes["jwks"] = jwks;
    let mut world = world_with(changes).await;
    world.assertion_key = assertion_key;
    world
}

fn members(prefix: &str, alg: &str, enc: &str) -> Value {
    json!({format!("{prefix}_encrypted_response_alg"): alg, format!("{prefix}_encrypted_response_enc"): enc})
}

fn header(jwe: &str) -> Value {
    serde_json::from_slice(&base64url::decode(jwe.split('.').next().unwrap()).unwrap()).unwrap()
}

fn open(jwe: &str, own: &DecryptionKey) -> String {
    String::from_utf8(jwe::decrypt(jwe, &[own]).unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn an_id_token_is_signed_and_then_encrypted_to_the_key_that_is_for_it() {
    for (algorithm, enc) in [
        (KeyManagement::EcdhEs, "A256GCM"),
        (KeyManagement::RsaOaep256, "A128GCM"),
        (KeyManagement::EcdhEsA256Kw, "A128CBC-HS256"),
    ] {
        let own = DecryptionKey::generate(algorithm).unwrap();
        let world = world_encrypting(&own, members("id_token", algorithm.name(), enc)).await;
        let code = world.code(world.push("web")).await;
        let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
        let jwe = tokens["id_token"].as_str().unwrap();
        let header = header(jwe);
        assert_eq!((&header["alg"], &header["enc"]), (&json!(algorithm.name()), &json!(enc)));
        assert_eq!((&header["kid"], &header["cty"]), (&json!(own.key_id()), &json!("JWT")));
        let identity = claims(&open(jwe, &own).into());
        assert_eq!((identity["nonce"].as_str(), identity["aud"].as_str()), (Some("the nonce"), Some("web")));
    }
}

/// OpenID Connect Back-Channel Logout section 2.4: what names the person is encrypted wherever the ID token is.
#[tokio::test]
async fn a_logout_token_is_encrypted_where_the_id_token_is_and_waits_while_there_is_no_key() {
    let own = DecryptionKey::generate(KeyManagement::EcdhEs).unwrap();
    let told = Arc::new(Receiver::default());
    told.answering(Some(200));
    let assertion_key = key();
    let keys = Served(Arc::new(Mutex::new(vec![
        Value::Object(assertion_key.public_key().to_jwk()),
        encryption_jwk(&own),
    ])));
    let mut changes = members("id_token", "ECDH-ES", "A256GCM");
    changes["backchannel_logout_uri"] = json!("https://client.example/backchannel");
    changes["jwks"] = Value::Null;
    changes["jwks_uri"] = json!("https://client.example/jwks");
    let (fetcher, receiver) = (Arc::new(keys.clone()), told.clone());
    let mut world = world_from(changes, move |setup| {
        setup.key_fetcher = Some(fetcher);
        setup.outbound = Some(receiver);
    })
    .await;
    world.assertion_key = assertion_key;
    let browser = Browser::new(&world);
    let page = world.walk(&browser, "web", &world.pushed(world.push("web")).await).await;
    let code = page.answer("code").unwrap();
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    let identity = claims(&open(tokens["id_token"].as_str().unwrap(), &own).into());
    let account = world.store.find_account_by_username("alice").await.unwrap().unwrap();
    let now = world.clock.now();
    accounts::end_access(&*world.store, &account.subject, AccessEnded::Everything, now).await.unwrap();
    // Its key is gone for a while: nothing is told in plain.
    let encryption = keys.0.lock().unwrap().pop().unwrap();
    world.advance(400);
    world.server.deliver_logouts().await.unwrap();
    assert!(told.told().is_empty());
    keys.0.lock().unwrap().push(encryption);
    world.advance(400);
    world.server.deliver_logouts().await.unwrap();
    let (_, body) = told.told().pop().unwrap();
    let jwe = body.strip_prefix("logout_token=").unwrap();
    assert_eq!((jwe.split('.').count(), &header(jwe)["cty"]), (5, &json!("JWT")));
    let inner = open(jwe, &own);
    assert_eq!(header(&inner)["typ"], "logout+jwt");
    let said = claims(&inner.into());
    assert_eq!((&said["sid"], &said["aud"]), (&identity["sid"], &json!("web")));
}

/// A client's server with whatever keys it has at the moment.
#[derive(Clone, Default)]
struct Served(Arc<Mutex<Vec<Value>>>);

#[async_trait::async_trait]
impl KeySetFetcher for Served {
    async fn fetch(&self, _: &str) -> Result<Vec<u8>, KeySetUnavailable> {
        Ok(json!({ "keys": *self.0.lock().unwrap() }).to_string().into_bytes())
    }
}

#[tokio::test]
async fn a_client_whose_key_is_gone_gets_no_plain_answer_until_it_has_one_again() {
    let own = DecryptionKey::generate(KeyManagement::EcdhEs).unwrap();
    let served = Served::default();
    let world = world_from(members("id_token", "ECDH-ES", "A256GCM"), |setup| {
        setup.key_fetcher = Some(Arc::new(served.clone()));
        served.0.lock().unwrap().push(setup.assertion_key.public_key().to_jwk().into());
        let clients = setup.configuration["client"].as_array_mut().unwrap();
        for client in clients.iter_mut().filter(|client| client["redirect_uris"].is_array()) {
            client.as_object_mut().unwrap().remove("jwks");
            client["jwks_uri"] = json!("https://client.example/jwks");
        }
    })
    .await;
    let code = world.code(world.push("web")).await;
    world.advance(31);
    let answer = world.send(world.redeem("web", &code, &key())).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.get("id_token").is_none() && answer.body.get("access_token").is_none());
    served.0.lock().unwrap().push(encryption_jwk(&own));
    world.advance(31);
    // The person's consent is remembered, so the way is shorter.
    let request_uri = world.pushed(world.push("web")).await;
    let browser = Browser::new(&world);
    let login = browser.get(&authorize("web", &request_uri)).await;
    let code = sign_in(&browser, &login).await.answer("code").unwrap();
    let tokens = world.send(world.redeem("web", &code, &key())).await.ok();
    assert_eq!(claims(&open(tokens["id_token"].as_str().unwrap(), &own).into())["aud"], "web");
}

#[tokio::test]
async fn userinfo_and_introspection_are_encrypted_where_the_client_asks() {
    let own = DecryptionKey::generate(KeyManagement::EcdhEs).unwrap();
    let mut changes = members("userinfo", "ECDH-ES", "A256GCM");
    changes["userinfo_signed_response_alg"] = json!("ES256");
    let introspection = members("introspection", "ECDH-ES", "A256GCM");
    changes.as_object_mut().unwrap().extend(introspection.as_object().unwrap().clone());
    let world = world_encrypting(&own, changes).await;
    let proof_key = key();
    let code = world.code(world.push("web")).await;
    let tokens = world.send(world.redeem("web", &code, &proof_key)).await.ok();
    let token = tokens["access_token"].as_str().unwrap();

    let proof = world.resource_proof(&proof_key, "GET", &format!("{ISSUER}/userinfo"), token);
    let request = Request::get("/userinfo")
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", proof)
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = world.dispatch(request, None).await;
    assert_eq!(answer.headers["content-type"], "application/jwt", "{}", answer.body);
    let person = claims(&open(answer.body.as_str().unwrap(), &own).into());
    assert_eq!(
        (person["aud"].as_str(), person["sub"].as_str()),
        (Some("web"), claims(&tokens["id_token"])["sub"].as_str())
    );

    let form = format!(
        "token={token}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={}",
        world.assertion("web")
    );
    let request = Request::post("/introspect")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/token-introspection+jwt")
        .body(axum::body::Body::from(form))
        .unwrap();
    let answer = world.dispatch(request, None).await;
    assert_eq!(answer.headers["content-type"], "application/token-introspection+jwt", "{}", answer.body);
    let said = claims(&open(answer.body.as_str().unwrap(), &own).into());
    assert_eq!(said["token_introspection"]["active"], true);
}

#[tokio::test]
async fn a_signed_response_is_encrypted_where_the_client_asks() {
    let own = DecryptionKey::generate(KeyManagement::RsaOaep256).unwrap();
    let mut changes = members("authorization", "RSA-OAEP-256", "A256GCM");
    changes["authorization_signed_response_alg"] = json!("ES256");
    let world = world_encrypting(&own, changes).await;
    let request_uri = world.pushed(world.push("web").with("response_mode", "jwt")).await;
    let page = world.walk(&Browser::new(&world), "web", &request_uri).await;
    let response = page.answer("response").unwrap();
    let answer = claims(&open(&response, &own).into());
    assert!(answer["code"].is_string());
    assert_eq!(answer["iss"], ISSUER);
}

/// A request object of `web`, encrypted to the server by `algorithm`.
fn request_object(world: &World, algorithm: KeyManagement, changes: &Value) -> String {
    let now = world.clock.now().as_seconds();
    let mut claims = json!({
        "iss": "web", "aud": ISSUER, "client_id": "web", "response_type": "code", "redirect_uri": CALLBACK,
        "scope": "openid read", "state": "from the object", "nonce": "n", "code_challenge": challenge(),
        "code_challenge_method": "S256", "nbf": now - 1, "exp": now + 60,
    });
    crate::support::merge(&mut claims, changes);
    let signed = sign(&world.assertion_key, &json!({"alg": "ES256"}), &claims);
    encrypt(world, algorithm, signed.as_bytes())
}

fn encrypt(world: &World, algorithm: KeyManagement, payload: &[u8]) -> String {
    let set = world.server.jwk_set();
    let keys = set["keys"].as_array().unwrap();
    let jwk = keys.iter().find(|key| key["use"] == "enc" && key["alg"] == algorithm.name()).unwrap();
    let own = EncryptionKey::from_members(jwk.as_object().unwrap()).unwrap();
    let recipient = Recipient {
        key: &own,
        key_id: jwk["kid"].as_str(),
        algorithm,
        encryption: ContentEncryption::A256Gcm,
    };
    jwe::encrypt(payload, &recipient, Some("JWT")).unwrap()
}

async fn world_taking_encrypted_requests() -> World {
    world_from(json!({}), |setup| {
        setup.configuration["keys"] = json!({"encryption_algorithms": ["ECDH-ES", "RSA-OAEP-256"]});
    })
    .await
}

fn push(world: &World, object: &str) -> Call {
    Call::to("/par").assertion(world.assertion("web")).with("request", object)
}

#[tokio::test]
async fn an_encrypted_request_object_is_decrypted_and_then_verified_like_any_other() {
    for algorithm in [KeyManagement::EcdhEs, KeyManagement::RsaOaep256] {
        let world = world_taking_encrypted_requests().await;
        let object = request_object(&world, algorithm, &json!({}));
        let request_uri = world.pushed(push(&world, &object)).await;
        let page = world.walk(&Browser::new(&world), "web", &request_uri).await;
        assert_eq!(page.answer("state").as_deref(), Some("from the object"));
        let code = page.answer("code").unwrap();
        world.send(world.redeem("web", &code, &key())).await.ok();
    }
}

#[tokio::test]
async fn encryption_proves_no_sender() {
    let world = world_taking_encrypted_requests().await;
    let refused = async |object: String| {
        world.send(push(&world, &object)).await.error(400, "invalid_request_object");
    };
    // Unsigned, though encrypted (CVE-2026-29000).
    let plain = json!({"iss": "web", "aud": ISSUER, "client_id": "web", "response_type": "code"}).to_string();
    refused(encrypt(&world, KeyManagement::EcdhEs, plain.as_bytes())).await;
    let none = format!("{}.{}.", base64url::encode(r#"{"alg":"none"}"#), base64url::encode(&plain));
    refused(encrypt(&world, KeyManagement::EcdhEs, none.as_bytes())).await;
    // Signed by another key, for another server, and a message in a message.
    let claims = json!({"iss": "web", "aud": ISSUER, "client_id": "web", "response_type": "code"});
    let forged = sign(&key(), &json!({"alg": "ES256"}), &claims);
    refused(encrypt(&world, KeyManagement::EcdhEs, forged.as_bytes())).await;
    refused(request_object(&world, KeyManagement::EcdhEs, &json!({"aud": "https://other.example"}))).await;
    let inner = request_object(&world, KeyManagement::EcdhEs, &json!({}));
    refused(encrypt(&world, KeyManagement::EcdhEs, inner.as_bytes())).await;
    // To a key that is none of ours, and with the tag of another message.
    let other = DecryptionKey::generate(KeyManagement::EcdhEs).unwrap();
    let recipient = Recipient {
        key: other.public_key(),
        key_id: None,
        algorithm: KeyManagement::EcdhEs,
        encryption: ContentEncryption::A256Gcm,
    };
    refused(jwe::encrypt(b"a.b.c", &recipient, None).unwrap()).await;
    let good = request_object(&world, KeyManagement::EcdhEs, &json!({}));
    refused(format!("{}AAAAAAAAAAAAAAAAAAAAAA", &good[..good.len() - 22])).await;
}

#[tokio::test]
async fn a_server_without_keys_for_encryption_takes_and_advertises_no_encrypted_requests() {
    let world = world_with(json!({})).await;
    let other = DecryptionKey::generate(KeyManagement::EcdhEs).unwrap();
    let recipient = Recipient {
        key: other.public_key(),
        key_id: None,
        algorithm: KeyManagement::EcdhEs,
        encryption: ContentEncryption::A256Gcm,
    };
    let object = jwe::encrypt(b"a.b.c", &recipient, None).unwrap();
    world.send(push(&world, &object)).await.error(400, "invalid_request_object");
    for (world, listed) in [(world, false), (world_taking_encrypted_requests().await, true)] {
        let request =
            Request::get("/.well-known/openid-configuration").body(axum::body::Body::empty()).unwrap();
        let document = world.dispatch(request, None).await.body;
        let member = document.get("request_object_encryption_alg_values_supported");
        assert_eq!(member.is_some(), listed, "{document}");
        assert!(document["id_token_encryption_alg_values_supported"].is_array());
    }
}
