//! Confusion of signed things: every kind of JWT that the server or a client signs, at every door that takes
//! another kind (RFC 8725 section 3.11, 3.12), and algorithms that a header asks for. One matrix, so that a new
//! kind or a new door is one more line.

use std::ops::Deref;
use std::sync::Arc;

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, SigningKey};
use http::Method;
use serde_json::{Value, json};

use crate::administration::{Ask, Operator};
use crate::authorization::{CALLBACK, challenge, world_from};
use crate::browser::Browser;
use crate::logout::{Receiver, ask, is_refused};
use crate::support::{API, Call, ISSUER, SECRET, START, World, key, sign};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const CIBA: &str = "urn:openid:params:grant-type:ciba";

/// Everything signed that an attacker may have, by its kind.
struct Kinds {
    key: SigningKey,
    access_token: String,
    all: Vec<(&'static str, String)>,
}

impl Kinds {
    /// All but those whose name ends so.
    fn but(&self, kind: &'static str) -> impl Iterator<Item = &(&'static str, String)> {
        let mut found = false;
        for (name, _) in &self.all {
            found |= name.ends_with(kind);
        }
        assert!(found, "no {kind} was made");
        self.all.iter().filter(move |(name, _)| !name.ends_with(kind))
    }
}

/// A server that signs everything that it can sign, with the clients `web` and `other-web`.
struct Signing {
    world: World,
    told: Arc<Receiver>,
}

impl Deref for Signing {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Signing {
    /// The logout token of a session that has just ended.
    async fn logout_token(&self) -> String {
        let browser = Browser::new(self);
        let page = self.walk(&browser, "web", &self.pushed(self.push("web")).await).await;
        let tokens = self.send(self.redeem("web", &page.answer("code").unwrap(), &key())).await.ok();
        browser.get(&ask(&[("id_token_hint", tokens["id_token"].as_str().unwrap())])).await;
        self.server.deliver_logouts().await.unwrap();
        let (_, body) = self.told.told().pop().unwrap();
        body.strip_prefix("logout_token=").unwrap().to_owned()
    }

    /// What userinfo and introspection say of a token when they sign it.
    async fn said_of(&self, access_token: &str, key: &SigningKey) -> (String, String) {
        let hash = AwsLc.sha256(&[access_token.as_bytes()]);
        let proof = self.proof_for(key, "POST", &format!("{ISSUER}/userinfo"), Some(&hash));
        let call = Call::to("/userinfo").header("authorization", format!("DPoP {access_token}")).dpop(proof);
        let userinfo = self.send(call).await.ok();
        let call = Call::to("/introspect").with("token", access_token).basic("api", SECRET);
        let call = call.header("accept", "application/token-introspection+jwt");
        let introspection = self.send(call).await.ok();
        (userinfo.as_str().unwrap().to_owned(), introspection.as_str().unwrap().to_owned())
    }
}

async fn kinds(world: &Signing) -> Kinds {
    let key = key();
    let tokens = world.send(world.redeem("web", &world.code(world.push("web")).await, &key)).await.ok();
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let push = world.push("web").with("response_mode", "jwt");
    let page = world.walk(&Browser::new(world), "web", &world.pushed(push).await).await;
    let (userinfo, introspection) = world.said_of(&text("access_token"), &key).await;
    let now = START + 100;
    let asked_of_alice = json!({
        "iss": "web", "aud": ISSUER, "iat": now, "nbf": now, "exp": now + 300, "jti": world.unique(),
        "scope": "openid read", "login_hint": "alice",
    });
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
        ("signed userinfo", userinfo),
        ("signed introspection", introspection),
        ("logout token", world.logout_token().await),
        ("CIBA request", sign(&world.assertion_key, &json!({"alg": "ES256"}), &asked_of_alice)),
        ("client assertion", world.assertion("web")),
        ("request object", sign(&world.assertion_key, &typed, &object)),
        ("untyped request object", sign(&world.assertion_key, &json!({"alg": "ES256"}), &object)),
        ("proof", world.proof(&key)),
    ];
    Kinds { key, access_token: text("access_token"), all }
}

async fn world() -> Signing {
    let told = Arc::new(Receiver::default());
    told.answering(Some(200));
    let changes = json!({
        "response_modes": ["query", "jwt"], "backchannel_logout_uri": "https://client.example/backchannel",
        "userinfo_signed_response_alg": "ES256", "backchannel_token_delivery_mode": "poll",
        "grant_types": ["authorization_code", "refresh_token", EXCHANGE, CIBA],
    });
    let world = world_from(changes, |setup| {
        setup.configuration["grants"] =
            json!(["authorization_code", "client_credentials", "refresh_token", EXCHANGE, CIBA]);
        setup.configuration["registration"] = json!({
            "access": "open", "audiences": [API], "grants": crate::registration::GRANTS, "scope": "openid read",
        });
        setup.outbound = Some(told.clone());
    });
    Signing { world: world.await, told }
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
    for (kind, text) in kinds.but("client assertion") {
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
    for (kind, text) in kinds.but("request object") {
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
    for (kind, text) in kinds.but("proof") {
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
    for (_, text) in kinds.but("ID token") {
        // The end of a session, and decoupled authentication, take hints too.
        is_refused(&browser.get(&ask(&[("id_token_hint", text)])).await);
        let call = Call::to("/bc-authorize").assertion(world.assertion("web")).with("scope", "openid");
        world.send(call.with("id_token_hint", text)).await.error(400, "unknown_user_id");
    }
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

#[tokio::test]
async fn nothing_but_an_access_token_is_exchanged_or_acts() {
    let world = world().await;
    let kinds = kinds(&world).await;
    const TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
    let exchange = |subject: &str| {
        let call = Call::token(EXCHANGE).assertion(world.assertion("web")).dpop(world.proof(&kinds.key));
        call.with("subject_token", subject).with("subject_token_type", TYPE)
    };
    world.send(exchange(&kinds.access_token)).await.ok();
    for (_, text) in kinds.but("access token") {
        world.send(exchange(text)).await.error(400, "invalid_request").reason("subject_token");
        let acting = exchange(&kinds.access_token).with("actor_token", text).with("actor_token_type", TYPE);
        world.send(acting).await.error(400, "invalid_request").reason("actor_token");
    }
}

#[tokio::test]
async fn nothing_but_a_signed_request_asks_for_decoupled_authentication() {
    let world = world().await;
    let kinds = kinds(&world).await;
    let send = async |text: &str| {
        let call = Call::to("/bc-authorize").assertion(world.assertion("web")).with("request", text);
        world.send(call).await
    };
    for (kind, text) in kinds.but("CIBA request") {
        let answer = send(text).await;
        assert_eq!(answer.status, 400, "{kind}: {}", answer.body);
        assert!(answer.body.get("auth_req_id").is_none(), "{kind}");
    }
    assert!(send(&kinds.all.iter().find(|(kind, _)| *kind == "CIBA request").unwrap().1).await.ok()["auth_req_id"].is_string());
}

/// No JWT that anybody was given opens the administration or somebody's registration.
#[tokio::test]
async fn nothing_signed_opens_what_needs_another_token() {
    let world = world().await;
    let kinds = kinds(&world).await;
    let registered = world.register(&crate::registration::machine()).await.is(201);
    let (path, _) = crate::registration::management(&registered);
    for (kind, token) in &kinds.all {
        let operator = Operator { token: token.clone(), key: key() };
        let mine = Operator {
            token: token.clone(),
            key: SigningKey::from_pkcs8_der(kinds.key.algorithm(), &kinds.key.to_pkcs8_der()).unwrap(),
        };
        for holder in [operator, mine] {
            let answer = world.administer(&holder, Ask::new(Method::GET, "/clients")).await;
            assert!(matches!(answer.status.as_u16(), 401 | 403), "{kind}: {}", answer.body);
        }
        let answer = world.send_json(Method::GET, &path, Some(token), None).await;
        assert_eq!(answer.status, 401, "{kind}");
        let answer = world
            .send_json(Method::POST, "/register", Some(token), Some(&crate::registration::machine()))
            .await;
        assert_eq!(answer.status, 401, "{kind}");
    }
}

/// RFC 9101 section 10.8: what a client signs for one purpose is worth nothing for another, also where the claims
/// of both are in it.
#[tokio::test]
async fn a_type_that_is_said_is_the_only_purpose() {
    let world = world().await;
    let now = world.now();
    let everything = |typ: &str, subject: Option<&str>| {
        let mut claims = json!({
            "iss": "web", "aud": ISSUER, "client_id": "web", "iat": now, "nbf": now,
            "exp": now + 60, "jti": world.unique(), "response_type": "code", "redirect_uri": CALLBACK,
            "scope": "openid read", "code_challenge": challenge(), "code_challenge_method": "S256",
            "login_hint": "alice", "htm": "POST", "htu": format!("{ISSUER}/par"),
        });
        if let Some(subject) = subject {
            claims["sub"] = subject.into();
        }
        sign(&world.assertion_key, &json!({"alg": "ES256", "typ": typ}), &claims)
    };
    for (typ, authenticates, asks) in [
        ("oauth-authz-req+jwt", false, true),
        ("client-authentication+jwt", true, false),
        ("dpop+jwt", false, false),
        ("at+jwt", false, false),
        ("logout+jwt", false, false),
        ("token-introspection+jwt", false, false),
    ] {
        let answer =
            world.send(world.push("web").replacing("client_assertion", &everything(typ, Some("web")))).await;
        assert_eq!(answer.status == 201, authenticates, "{typ}: {}", answer.body);
        // With the subject of an assertion in it, it is no request whatever it is called.
        let double = Call::to("/par").assertion(world.assertion("web"));
        let answer = world.send(double.with("request", everything(typ, Some("web")))).await;
        answer.error(400, "invalid_request_object");
        let object =
            Call::to("/par").assertion(world.assertion("web")).with("request", everything(typ, None));
        let answer = world.send(object).await;
        assert_eq!(answer.status == 201, asks, "{typ}: {}", answer.body);
        let ciba = Call::to("/bc-authorize")
            .assertion(world.assertion("web"))
            .with("request", everything(typ, None));
        let answer = world.send(ciba).await;
        assert_eq!(answer.status == 200, asks, "{typ}: {}", answer.body);
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
