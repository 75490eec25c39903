//! Confusion of signed things: every kind of JWT that the server or a client signs, at every door that takes
//! another kind (RFC 8725 section 3.11, 3.12), and algorithms that a header asks for. One matrix, so that a new
//! kind or a new door is one more line.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, SigningKey};
use serde_json::{Value, json};

use crate::authorization::{CALLBACK, challenge, world_with};
use crate::browser::Browser;
use crate::support::{Call, ISSUER, START, World, key, sign};

/// Everything signed that an attacker may have, by its kind.
struct Kinds {
    key: SigningKey,
    access_token: String,
    all: Vec<(&'static str, String)>,
}

async fn kinds(world: &World) -> Kinds {
    let key = key();
    let tokens = world.send(world.redeem("web", &world.code(world.push("web")).await, &key)).await.ok();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let push = world.push("web").with("response_mode", "jwt");
    let page = world.walk(&Browser::new(world), "web", &world.pushed(push).await).await;
    let now = START + 100;
    let object = json!({
        "iss": "web", "aud": ISSUER, "client_id": "web", "nbf": now, "exp": now + 300, "jti": world.unique(),
        "response_type": "code", "redirect_uri": CALLBACK, "scope": "read", "code_challenge": challenge(),
        "code_challenge_method": "S256",
    });
    let typed = json!({"alg": "ES256", "typ": "oauth-authz-req+jwt"});
    let all = vec![
        ("access token", text("access_token")),
        ("ID token", text("id_token")),
        ("signed response", page.answer("response").unwrap()),
        ("client assertion", world.assertion("web")),
        ("request object", sign(&world.assertion_key, &typed, &object)),
        ("untyped request object", sign(&world.assertion_key, &json!({"alg": "ES256"}), &object)),
        ("proof", world.proof(&key)),
    ];
    Kinds { key, access_token: text("access_token"), all }
}

async fn world() -> World {
    world_with(json!({"response_modes": ["query", "jwt"]})).await
}

/// At userinfo and at introspection nothing but an access token is one.
#[tokio::test]
async fn nothing_but_an_access_token_passes_for_one() {
    let world = world().await;
    let kinds = kinds(&world).await;
    for (kind, text) in &kinds.all {
        let hash = AwsLc.sha256(&[text.as_bytes()]);
        let proof = world.proof_for(&kinds.key, "POST", &format!("{ISSUER}/userinfo"), Some(&hash));
        let call = Call::to("/userinfo").header("authorization", format!("DPoP {text}")).dpop(proof);
        let answer = world.send(call).await;
        let active = world.introspect(text).await["active"].clone();
        if *kind == "access token" {
            assert_eq!((answer.status.as_u16(), active), (200, json!(true)), "{}", answer.body);
        } else {
            assert_eq!((answer.status.as_u16(), active), (401, json!(false)), "{kind}");
        }
    }
}

#[tokio::test]
async fn nothing_but_a_client_assertion_authenticates_a_client() {
    let world = world().await;
    let kinds = kinds(&world).await;
    for (kind, text) in kinds.all.iter().filter(|(kind, _)| *kind != "client assertion") {
        let code = world.code(world.push("web")).await;
        let call = Call::token("authorization_code")
            .assertion(text.as_str())
            .with("client_id", "web")
            .with("code", code)
            .with("redirect_uri", CALLBACK)
            .dpop(world.proof(&kinds.key));
        let answer = world.send(call).await;
        assert_eq!(answer.body["error"], "invalid_client", "{kind}: {}", answer.body);
    }
}

#[tokio::test]
async fn nothing_but_a_request_object_is_one() {
    let world = world().await;
    let kinds = kinds(&world).await;
    for (kind, text) in kinds.all.iter().filter(|(kind, _)| !kind.contains("request object")) {
        let answer = world
            .send(Call::to("/par").assertion(world.assertion("web")).with("request", text.as_str()))
            .await;
        answer.error(400, "invalid_request_object");
        let _ = kind;
    }
}

#[tokio::test]
async fn nothing_but_a_proof_proves_a_key() {
    let world = world().await;
    let kinds = kinds(&world).await;
    for (kind, text) in kinds.all.iter().filter(|(kind, _)| *kind != "proof") {
        let code = world.code(world.push("web")).await;
        let call = world.redeem("web", &code, &kinds.key).without_header("dpop").dpop(text.as_str());
        let answer = world.send(call).await;
        assert_eq!(answer.body["error"], "invalid_dpop_proof", "{kind}: {}", answer.body);
    }
}

#[tokio::test]
async fn nothing_but_an_id_token_hints_at_a_person() {
    let world = world().await;
    let kinds = kinds(&world).await;
    let browser = Browser::new(&world);
    world.walk(&browser, "web", &world.pushed(world.push("web")).await).await;
    for (kind, text) in &kinds.all {
        let push = world.push("web").with("prompt", "none").with("id_token_hint", text.as_str());
        let answer = world.send(push).await;
        if answer.status != 201 {
            assert_ne!(*kind, "ID token", "{}", answer.body);
            answer.error(400, "invalid_request");
            continue;
        }
        let uri = answer.body["request_uri"].as_str().unwrap();
        let page = browser.get(&crate::authorization::authorize("web", uri)).await;
        assert_eq!(page.answer("code").is_some(), *kind == "ID token", "{kind}");
    }
}

#[tokio::test]
async fn nothing_but_a_code_or_a_refresh_token_is_redeemed() {
    let world = world().await;
    let kinds = kinds(&world).await;
    for (kind, text) in &kinds.all {
        let refresh =
            world.refresh("web", text).assertion(world.assertion("web")).dpop(world.proof(&kinds.key));
        for call in [world.redeem("web", text, &kinds.key), refresh] {
            let answer = world.send(call).await;
            // Longer than any code or refresh token may be, or unknown.
            let error = answer.body["error"].as_str();
            assert!(matches!(error, Some("invalid_grant" | "invalid_request")), "{kind}: {}", answer.body);
            assert_eq!(answer.status, 400, "{kind}");
        }
    }
}

/// Algorithm confusion: the server's own public key as a secret, no signature at all, another kind of key.
#[tokio::test]
async fn a_header_chooses_neither_algorithm_nor_key() {
    let world = world().await;
    let kinds = kinds(&world).await;
    let (header, rest) = kinds.access_token.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&base64url::decode(header).unwrap()).unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let attacker = key();
    let jwk = Value::Object(attacker.public_key().to_jwk());
    for change in [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": "HS256"}),
        json!({"alg": "ES384"}),
        json!({"alg": "RS256"}),
        json!({"jwk": jwk}),
        json!({"jku": "https://evil.example/jwks"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"kid": "../../../dev/null"}),
        json!({"crit": ["exp"]}),
        json!({"b64": false}),
        json!({"typ": "JWT"}),
        json!({"typ": null}),
    ] {
        let mut changed = header.clone();
        crate::support::merge(&mut changed, &change);
        let payload: Value = serde_json::from_slice(&base64url::decode(claims).unwrap()).unwrap();
        let resigned = sign(&attacker, &changed, &payload);
        let encoded = base64url::encode(changed.to_string().as_bytes());
        for forged in [resigned, format!("{encoded}.{claims}.{signature}"), format!("{encoded}.{claims}.")] {
            assert_eq!(world.introspect(&forged).await["active"], false, "{change}");
        }
    }
}
