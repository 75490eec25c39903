//! R1 to R7: the resource, which must take every good call and refuse every spoiled one with 400 or 401.

use std::sync::Arc;

use serde_json::Value;

use super::{always, dpop, tokens_of};
use crate::answer::Answer;
use crate::call::Call;
use crate::jwt::{Damage, Jwt, now};
use crate::key::{self, Key, base64url, sha256};
use crate::run::modules;
use crate::suite::{Client, Suite};

modules! {
    token_type_in_other_case_is_accepted: always,
    token_in_the_query_is_refused: always,
    token_without_proof_of_possession_is_refused: always,
    resource_refuses_every_spoiled_proof: dpop,
    resource_accepts_every_good_proof: dpop,
}

/// R1: a good answer.
#[track_caller]
fn require_good(answer: &Answer, interaction: Option<&str>) {
    answer.require_status_of(&[200, 201]);
    let date = httpdate::parse_http_date(answer.header("date").expect("a Date")).unwrap();
    let date = date.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((i64::try_from(date).unwrap() - now()).abs() < 300);
    if let Some(echo) = answer.header("x-fapi-interaction-id") {
        assert!(interaction.is_some_and(|sent| sent.eq_ignore_ascii_case(echo)), "{answer:?}");
    }
}

/// R1 and R2: with the headers that clients of open banking send.
pub(super) async fn require_good_answers(suite: &Suite, client: &Client, token: &str) {
    let interaction = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    let call = || suite.resource_call(client, token);
    for address in ["198.51.100.119", "2001:db8::1893:25c8:1946"] {
        let call = call()
            .header("x-fapi-auth-date", "Tue, 11 Sep 2012 19:43:31 UTC")
            .header("x-fapi-customer-ip-address", address)
            .header("x-fapi-interaction-id", interaction);
        require_good(&call.send().await, Some(interaction));
    }
    let call_with = |accept: &str| call().header("accept", accept);
    let charset = call_with("application/json;charset=UTF-8").header("accept-charset", "UTF-8");
    require_good(&charset.send().await, None);
    require_good(&call_with("application/json, application/*+json, */*").send().await, None);
}

/// R3
async fn token_type_in_other_case_is_accepted(suite: &Suite) {
    let token = tokens_of(suite, &suite.first).await.access_token;
    for scheme in if suite.variant.dpop() { ["dPOp", "DPOP"] } else { ["bEARER", "BEARER"] } {
        let mut call = suite.resource_call(&suite.first, &token);
        call.token = Some((scheme.to_owned(), token.clone()));
        require_good(&call.send().await, None);
    }
}

/// R4
async fn token_in_the_query_is_refused(suite: &Suite) {
    let token = tokens_of(suite, &suite.first).await.access_token;
    let mut call = suite.resource_call(&suite.first, &token);
    call.token = None;
    call.url = format!("{}?access_token={token}", suite.site.resource);
    call.send().await.require_status_of(&[400, 401]);
}

/// R5
async fn token_without_proof_of_possession_is_refused(suite: &Suite) {
    let token = tokens_of(suite, &suite.first).await.access_token;
    let call = suite.resource_call(&suite.first, &token);
    call.clone().unproven().over(&suite.site.plain).send().await.require_status_of(&[401]);
    if !suite.variant.dpop() {
        call.over(&suite.second.certified).send().await.require_status_of(&[401]);
    }
}

type Spoil = Box<dyn Fn(Jwt) -> Jwt + Send + Sync>;

fn spoil(change: impl Fn(Jwt) -> Jwt + Send + Sync + 'static) -> Spoil {
    Box::new(change)
}

/// R7, the proofs that must be refused, in the order of the list.
fn spoiled(suite: &Suite, other: &Arc<Key>) -> Vec<(&'static str, Spoil)> {
    let url = suite.site.resource.clone();
    let other = Arc::clone(other);
    let mut all = vec![
        ("two parts", spoil(|proof| proof.damaged(Damage::TwoParts))),
        ("no typ", spoil(|proof| proof.without_header("typ"))),
        ("no alg", spoil(|proof| proof.without_header("alg"))),
        ("no jwk", spoil(|proof| proof.without_header("jwk"))),
        ("no jti", spoil(|proof| proof.without("jti"))),
        ("no htm", spoil(|proof| proof.without("htm"))),
        ("no htu", spoil(|proof| proof.without("htu"))),
        ("no iat", spoil(|proof| proof.without("iat"))),
        ("no ath", spoil(|proof| proof.without("ath"))),
        ("wrong typ", spoil(|proof| proof.header("typ", "JWT"))),
        ("alg none", spoil(|proof| proof.header("alg", "none"))),
        ("broken signature", spoil(|proof| proof.damaged(Damage::Signature))),
        ("private key", spoil(with_private_key)),
        ("htm PUT", spoil(|proof| proof.claim("htm", "PUT"))),
        ("longer htu", spoil(move |proof| proof.claim("htu", format!("{url}-and-more")))),
        ("an hour ahead", spoil(|proof| proof.claim("iat", now() + 3600))),
        ("an hour old", spoil(|proof| proof.claim("iat", now() - 3600))),
        ("wrong ath", spoil(|proof| proof.claim("ath", base64url(sha256("another token"))))),
        ("another key", spoil(move |proof| by_another(proof, &other))),
    ];
    if suite.first.proof_key.is_rsa() {
        all.push(("RS256", spoil(|proof| proof.header("alg", "RS256"))));
    }
    all
}

fn with_private_key(proof: Jwt) -> Jwt {
    let mut jwk = proof.key.public.clone();
    jwk.insert("d".into(), key::random(32).into());
    proof.header("jwk", jwk)
}

fn by_another(proof: Jwt, other: &Arc<Key>) -> Jwt {
    let jwk = Value::Object(other.public.clone());
    proof.signed_by(other).header("jwk", jwk).header("alg", other.alg)
}

async fn resource_refuses_every_spoiled_proof(suite: &Suite) {
    for client in suite.clients() {
        let token = tokens_of(suite, client).await.access_token;
        let other = client.proof_key.another_like();
        for (what, spoil) in spoiled(suite, &other) {
            if what == "RS256" && !client.proof_key.is_rsa() {
                continue;
            }
            let answer = suite.resource_call(client, &token).proof(spoil).send().await;
            // A nonce says when a proof was made, so a clock that is wrong must not matter then.
            if what.starts_with("an hour") && answer.after_nonce {
                require_good(&answer, None);
                continue;
            }
            assert!(matches!(answer.status, 400 | 401), "{what}: {answer:?}");
        }
        // 2: two headers.
        let second = suite.resource_call(client, &token).proof.unwrap().text();
        let twice = suite.resource_call(client, &token).header("DPoP", second).send_once().await.unwrap();
        twice.require_status_of(&[400, 401]);
        // 23 and 24.
        let mut call = suite.resource_call(client, &token);
        require_good(&call.send_and_keep().await, None);
        call.send_once().await.unwrap().require_status_of(&[400, 401]);
        // 30 and 31.
        for scheme in ["DPoP", "Bearer"] {
            let mut call = suite.resource_call(client, &token).unproven();
            call.token = Some((scheme.to_owned(), token.clone()));
            call.send().await.require_status_of(&[400, 401]);
        }
        // 32.
        require_good(&suite.resource_call(client, &token).send().await, None);
    }
}

async fn resource_accepts_every_good_proof(suite: &Suite) {
    for client in suite.clients() {
        let token = tokens_of(suite, client).await.access_token;
        let url = suite.site.resource.clone();
        let accept = async |call: Call| require_good(&call.send().await, None);
        let call = || suite.resource_call(client, &token);
        // 1: the header in capitals, written by hand.
        require_header_in_capitals(suite, call()).await;
        // 18 and 19.
        accept(call().proof(|proof| proof.claim("htu", format!("{url}?query=1#fragment")))).await;
        let mut with_query = call();
        with_query.url = format!("{url}?query=1");
        accept(with_query).await;
        // 27.
        accept(call().proof(|proof| proof.header("extra", "more").claim("extra", "more"))).await;
        // 28.
        let capitals = url.replacen("https://localhost", "HTTPS://LOCALHOST", 1);
        accept(call().proof(|proof| proof.claim("htu", capitals))).await;
    }
}

async fn require_header_in_capitals(suite: &Suite, mut call: Call) {
    let port = url::Url::parse(&call.url).unwrap().port().unwrap();
    let address = crate::support::estate::address_of(&format!("https://localhost:{port}"));
    let send = async |call: &Call| {
        let (scheme, token) = call.token.as_ref().unwrap();
        let proof = call.proof.as_ref().unwrap().text();
        let request = format!(
            "GET /accounts HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\
             Authorization: {scheme} {token}\r\nDPOP: {proof}\r\n\r\n"
        );
        let site = Arc::clone(&suite.site);
        // It blocks, and the resource answers on this runtime.
        let exchange = move || crate::support::wire::exchange(&site.stage, address, request.as_bytes());
        tokio::task::spawn_blocking(exchange).await.unwrap()
    };
    let mut reply = send(&call).await;
    if reply.text.contains("use_dpop_nonce") {
        call.renew_with(reply.header("dpop-nonce").unwrap());
        reply = send(&call).await;
    }
    assert_eq!(reply.status, Some(200), "{reply:?}");
}
