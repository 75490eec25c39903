//! Keys and introspection: whose word counts, how often it is asked for, and what happens when nobody
//! answers (RFC 7662, RFC 8414, RFC 8725 section 3.8, RFC 9068).

use std::sync::atomic::Ordering;
use std::time::Duration;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jws;
use bindery_crypto::Signer as _;
use http::StatusCode;
use serde_json::json;

use crate::world::{Client, Issuer, START, as_bearer, configuration, old_memory};
use crate::{Scene, call};

fn fetches(issuer: &Issuer) -> usize {
    issuer.state.key_fetches.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_flood_of_unknown_key_ids_causes_one_fetch_in_thirty_seconds() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    assert_eq!(scene.call(client.get("/", &token)).await.status, StatusCode::OK);
    assert_eq!(fetches(&scene.issuer), 1);
    let claims = scene.issuer.claims(client.cnf());
    for round in 1..=3 {
        scene.clock.advance(Duration::from_secs(30));
        for made_up in 0..40 {
            let token = scene.issuer.sign_as(&format!("made-up-{made_up}"), &claims);
            assert_eq!(scene.call(client.get("/", &token)).await.reason(), "token_key_unknown");
        }
        assert_eq!(fetches(&scene.issuer), 1 + round);
    }
}

#[tokio::test]
async fn a_rotated_key_is_fetched_when_its_first_token_comes() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let old = scene.issuer.token(client.cnf());
    assert_eq!(scene.call(client.get("/", &old)).await.status, StatusCode::OK);
    scene.issuer.rotate("second");
    scene.clock.advance(Duration::from_secs(31));
    let new = scene.issuer.token(client.cnf());
    assert_eq!(scene.call(client.get("/", &new)).await.status, StatusCode::OK);
    assert_eq!(fetches(&scene.issuer), 2);
    // The retired key verifies nothing new; a token in the cache dies with the cache's five minutes.
    let claims = scene.issuer.claims(client.cnf());
    assert_eq!(
        scene.call(client.get("/", &scene.issuer.sign_as("first", &claims))).await.status,
        StatusCode::UNAUTHORIZED
    );
    scene.clock.advance(Duration::from_secs(301));
    assert_eq!(scene.call(client.get("/", &old)).await.reason(), "token_key_unknown");
}

#[tokio::test]
async fn keys_of_one_issuer_never_verify_another_s_tokens() {
    let scene = Scene::new();
    let other = Issuer::start(&scene.authority);
    let tables = format!("{}{}", scene.issuer.table(), other.table());
    let guard = scene.another(configuration("", &tables), old_memory());
    let client = Client::new(&scene.clock);
    for issuer in [&scene.issuer, &other] {
        let token = issuer.token(client.cnf());
        assert_eq!(call(&guard, client.get("/", &token)).await.status, StatusCode::OK);
    }
    // Signed by the other's key, under the same `kid`, in the first one's name.
    let forged = other.sign(&scene.issuer.claims(client.cnf()));
    assert_eq!(call(&guard, client.get("/", &forged)).await.reason(), "token_signature");
    // An issuer that is not on the list is not even asked for keys.
    let stranger = Issuer::start(&scene.authority);
    let token = stranger.token(client.cnf());
    assert_eq!(call(&guard, client.get("/", &token)).await.reason(), "token_issuer");
    assert_eq!(fetches(&stranger), 0);
}

#[tokio::test]
async fn nothing_is_fetched_for_a_request_that_proves_nothing() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let elsewhere = client.proof("GET", "/elsewhere", &token);
    let refused = scene.call(crate::world::with_proof("/", &token, &elsewhere)).await;
    assert_eq!(refused.reason(), "proof_target");
    assert_eq!(fetches(&scene.issuer), 0);
}

#[tokio::test]
async fn an_issuer_that_is_down_means_503_and_not_200_and_known_keys_go_on() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    scene.issuer.set_down(true);
    let refused = scene.call(client.get("/", &token)).await;
    assert_eq!((refused.status, refused.reason()), (StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable"));
    assert!(refused.challenges().is_empty());
    assert_eq!(scene.notes.reasons(), ["keys_unavailable"]);
    scene.issuer.set_down(false);
    scene.clock.advance(Duration::from_secs(2));
    assert_eq!(scene.call(client.get("/", &token)).await.status, StatusCode::OK);
    // Known keys are used for an hour while the issuer can't be reached, and no longer.
    scene.issuer.set_down(true);
    scene.clock.advance(Duration::from_secs(3000));
    assert_eq!(scene.call(client.get("/", &token)).await.status, StatusCode::OK);
    scene.clock.advance(Duration::from_secs(700));
    assert_eq!(scene.call(client.get("/", &token)).await.reason(), "keys_unavailable");
}

#[tokio::test]
async fn a_hundred_requests_at_once_ask_an_issuer_once() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let token = scene.issuer.token(client.cnf());
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (guard, request) = (scene.guard.clone(), client.get("/", &token));
            tokio::spawn(async move { call(&guard, request).await.status })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(fetches(&scene.issuer), 1);
}

#[tokio::test]
async fn each_defect_of_a_token_is_refused() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let now = START.as_seconds();
    for (claim, value, reason) in [
        ("aud", json!("https://other.example"), "token_audience"),
        ("aud", json!([]), "token_audience"),
        ("aud", json!({}), "token_claim"),
        ("exp", json!(now), "token_expired"),
        ("exp", json!("9999999999"), "token_claim"),
        ("exp", json!(i64::MIN), "token_expired"),
        ("nbf", json!(now + 31), "token_not_yet_valid"),
        ("iat", json!(now + 3600), "token_not_yet_valid"),
        ("iss", json!("https://evil.example"), "token_issuer"),
        ("iss", json!(format!("{}/", scene.issuer.url)), "token_issuer"),
    ] {
        let mut claims = scene.issuer.claims(client.cnf());
        claims.insert(claim.into(), value.clone());
        let token = scene.issuer.sign(&claims);
        let answer = scene.call(client.get("/", &token)).await;
        assert_eq!(answer.reason(), reason, "{claim} = {value}");
    }
    for claim in ["sub", "client_id", "jti", "iat", "exp", "aud"] {
        let mut claims = scene.issuer.claims(client.cnf());
        claims.remove(claim);
        let token = scene.issuer.sign(&claims);
        assert_eq!(scene.call(client.get("/", &token)).await.reason(), "token_claim", "{claim}");
    }
}

#[tokio::test]
async fn a_cached_token_expires_all_the_same() {
    let scene = Scene::new();
    let client = Client::new(&scene.clock);
    let mut claims = scene.issuer.claims(client.cnf());
    claims.insert("exp".into(), (START.as_seconds() + 20).into());
    let token = scene.issuer.sign(&claims);
    assert_eq!(scene.call(client.get("/", &token)).await.status, StatusCode::OK);
    scene.clock.advance(Duration::from_secs(20));
    assert_eq!(scene.call(client.get("/", &token)).await.reason(), "token_expired");
}

/// A scene whose guard asks about opaque tokens.
struct Opaque {
    scene: Scene,
    guard: bindery_resource_server::Guard,
    _secret: tempfile::TempDir,
}

fn opaque() -> Opaque {
    opaque_with("")
}

/// The same, with more in the introspection table.
fn opaque_with(option: &str) -> Opaque {
    let scene = Scene::new();
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("secret");
    std::fs::write(&file, "a secret: with colons, % and \u{e9}\n").unwrap();
    let routes = "[[route]]\npath = \"/bearer\"\nmechanisms = [\"dpop\", \"mtls\", \"dangerous_bearer\"]\n";
    let tables = format!("{}{option}{routes}", scene.issuer.introspection_table(&file));
    let guard = scene.another(configuration("", &tables), old_memory());
    Opaque { scene, guard, _secret: secret }
}

impl Opaque {
    fn answer(&self, cnf: Option<serde_json::Value>) -> serde_json::Value {
        let mut answer = self.scene.issuer.claims(cnf);
        answer.insert("active".into(), true.into());
        serde_json::Value::Object(answer)
    }

    fn asked(&self) -> usize {
        self.scene.issuer.state.introspections.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn an_opaque_token_is_as_bound_as_its_issuer_says() {
    let o = opaque();
    let (client, thief) = (Client::new(&o.scene.clock), Client::new(&o.scene.clock));
    let token = o.scene.issuer.opaque(o.answer(client.cnf()));
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "dpop");
    // From here on the answer is cached; the binding is confirmed for each request all the same.
    assert_eq!(call(&o.guard, thief.get("/", &token)).await.reason(), "proof_key_mismatch");
    assert_eq!(call(&o.guard, as_bearer("/", &token, None)).await.reason(), "bound_token_as_bearer");
    assert_eq!(call(&o.guard, as_bearer("/bearer", &token, None)).await.reason(), "bound_token_as_bearer");
    assert_eq!(o.asked(), 1);
    // A thief who comes first leaves nothing in the cache that helps him.
    let token = o.scene.issuer.opaque(o.answer(client.cnf()));
    assert_eq!(call(&o.guard, thief.get("/", &token)).await.reason(), "proof_key_mismatch");
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "dpop");
}

#[tokio::test]
async fn an_opaque_token_that_is_not_plainly_active_is_refused() {
    let o = opaque();
    let client = Client::new(&o.scene.clock);
    let change = |name: &str, value: serde_json::Value| {
        let mut answer = o.answer(client.cnf());
        answer[name] = value;
        answer
    };
    for (answer, reason) in [
        (json!({"active": false}), "token_inactive"),
        (change("active", json!("true")), "token_inactive"),
        (change("active", json!(1)), "token_inactive"),
        (json!({}), "token_inactive"),
        (change("aud", json!("https://other.example")), "token_audience"),
        (change("iss", json!("https://evil.example")), "token_claim"),
        (change("exp", json!(1)), "token_expired"),
        (change("cnf", json!({})), "confirmation_unenforceable"),
        (change("cnf", json!("jkt")), "confirmation_unenforceable"),
        (change("cnf", json!({"cnf": {"jkt": client.jkt()}})), "confirmation_unenforceable"),
        (json!("not json"), "introspection_unavailable"),
    ] {
        let token = o.scene.issuer.opaque(answer.clone());
        let refused = call(&o.guard, client.get("/", &token)).await;
        assert_eq!(refused.reason(), reason, "{answer}");
        assert_ne!(refused.status, StatusCode::OK);
    }
    assert_eq!(call(&o.guard, client.get("/", "unknown-token")).await.reason(), "token_inactive");
}

/// FSP-RS-03, for resources that can't wait ten seconds.
#[tokio::test]
async fn a_revoked_token_is_refused_at_once_where_answers_are_not_kept() {
    let o = opaque_with("cache_seconds = 0\n");
    let client = Client::new(&o.scene.clock);
    let token = o.scene.issuer.opaque(o.answer(client.cnf()));
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "dpop");
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "dpop");
    assert_eq!(o.asked(), 2);
    o.scene.issuer.answer_about(&token, json!({"active": false}));
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "token_inactive");
    assert_eq!(o.asked(), 3);
}

#[tokio::test]
async fn answers_are_believed_for_ten_seconds_good_and_bad() {
    let o = opaque();
    let client = Client::new(&o.scene.clock);
    let token = o.scene.issuer.opaque(o.answer(client.cnf()));
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "dpop");
    o.scene.issuer.answer_about(&token, json!({"active": false}));
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "dpop");
    o.scene.clock.advance(Duration::from_secs(10));
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "token_inactive");
    let asked = o.asked();
    for _ in 0..20 {
        assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "token_inactive");
    }
    assert_eq!(o.asked(), asked);
}

#[tokio::test]
async fn an_introspection_endpoint_that_is_down_means_503() {
    let o = opaque();
    let client = Client::new(&o.scene.clock);
    let token = o.scene.issuer.opaque(o.answer(client.cnf()));
    o.scene.issuer.set_down(true);
    let refused = call(&o.guard, client.get("/", &token)).await;
    let expected = (StatusCode::SERVICE_UNAVAILABLE, "introspection_unavailable");
    assert_eq!((refused.status, refused.reason()), expected);
    assert!(o.scene.notes.reasons().contains(&"introspection_unavailable"));
    o.scene.issuer.set_down(false);
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "dpop");
}

#[tokio::test]
async fn a_bearer_answer_cached_for_one_route_opens_no_other() {
    let o = opaque();
    let token = o.scene.issuer.opaque(o.answer(None));
    assert_eq!(call(&o.guard, as_bearer("/bearer", &token, None)).await.reason(), "bearer");
    assert_eq!(call(&o.guard, as_bearer("/", &token, None)).await.reason(), "unbound_token");
}

/// FMS-INT-01: where signed answers are configured, nothing else is believed.
#[tokio::test]
async fn rejects_an_answer_that_is_not_signed_for_this_guard_now() {
    let o = opaque_with("signed = true\n");
    let client = Client::new(&o.scene.clock);
    let now = START.as_seconds();
    let said = o.answer(client.cnf());
    let good = serde_json::json!({
        "iss": o.scene.issuer.url, "aud": "guard", "iat": now, "token_introspection": said.clone(),
    });
    let change = |name: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let signed = |typ: &str, claims: &serde_json::Value| json!(o.scene.issuer.sign_typed(typ, claims));
    const TYPE: &str = "token-introspection+jwt";
    let token = o.scene.issuer.opaque(signed(TYPE, &good));
    assert_eq!(call(&o.guard, client.get("/", &token)).await.reason(), "dpop");
    for answer in [
        said.clone(),
        signed("at+jwt", &good),
        signed(TYPE, &change("iss", json!("https://evil.example"))),
        signed(TYPE, &change("aud", json!("other-guard"))),
        signed(TYPE, &change("iat", json!(now - 3600))),
        signed(TYPE, &change("iat", json!(now + 3600))),
        signed(TYPE, &change("token_introspection", json!("active"))),
        json!(o.scene.issuer.sign_typed(TYPE, &good).replace('.', "..")),
    ] {
        let token = o.scene.issuer.opaque(answer.clone());
        let refused = call(&o.guard, client.get("/", &token)).await;
        assert_eq!(refused.reason(), "introspection_unavailable", "{answer}");
    }
    let stranger = bindery_crypto::SigningKey::generate(SignatureAlgorithm::Es256).unwrap();
    let header = json!({"alg": "ES256", "typ": TYPE, "kid": "first"});
    let input = jws::signing_input(header.to_string().as_bytes(), good.to_string().as_bytes());
    let signature = stranger.sign(&input).unwrap();
    let token = o.scene.issuer.opaque(json!(jws::attach_signature(input, &signature)));
    let refused = call(&o.guard, client.get("/", &token)).await;
    assert_eq!(refused.reason(), "introspection_unavailable");
}
