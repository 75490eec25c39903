//! The client at protected resources: proofs, nonces, tokens, clocks, retries.

use std::collections::HashSet;

use async_trait::async_trait;
use bindery_client::{
    BoundMiddleware, ClientAuthentication, ClientConfiguration, Error, Explanation, RequestRefused,
    SenderConstraint, TokenSource,
};
use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::AwsLc;
use futures_util::future::join_all;
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use serde_json::json;

use crate::server::*;

const BOTH: &str = r#"Bearer realm="a, b", DPoP algs="ES256", error="use_dpop_nonce", x-new="\"1\"""#;

pub(crate) async fn with_resource(
    script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
) -> (Server, Server, TokenSource) {
    let authority = authority(|_, count| granted(count)).await;
    let resource = Server::start(script).await;
    let source = source(confidential(&authority));
    (authority, resource, source)
}

fn challenge(nonce: &str) -> Reply {
    reply(401, &[("www-authenticate", BOTH), ("dpop-nonce", nonce)], "")
}

fn invalid_token() -> Reply {
    reply(401, &[("www-authenticate", r#"DPoP error="invalid_token", algs="ES256""#)], "")
}

#[tokio::test]
async fn every_request_carries_token_and_a_proof_for_that_request() {
    let (_authority, resource, source) = with_resource(|_, _| ok()).await;
    let client = client(&source);
    client.get(resource.at("/items?page=2#top")).send().await.unwrap();
    client
        .request(http::Method::from_bytes(b"REPORT").unwrap(), resource.at("/a%2Fb/./c"))
        .send()
        .await
        .unwrap();
    let seen = resource.seen();
    assert_every_proof_is_new(&seen);
    let value = token(0);
    assert!(seen.iter().all(|seen| seen.authorization() == Some(&format!("DPoP {value}"))));
    let proof = seen[0].claims();
    assert_eq!((&proof["htm"], &proof["htu"]), (&json!("GET"), &json!(resource.at("/items").as_str())));
    assert_eq!(proof["ath"], base64url::encode(AwsLc.sha256(&[value.as_bytes()])));
    assert_eq!(seen[1].claims()["htm"], "REPORT");
    assert_eq!(seen[1].claims()["htu"], format!("{}a%2Fb/c", resource.url));
}

#[tokio::test]
async fn answers_a_nonce_challenge_between_two_schemes_in_one_line() {
    let (_authority, resource, source) = with_resource(|seen, _| match seen.nonce().as_deref() {
        Some("n-1") => ok(),
        _ => challenge("n-1"),
    })
    .await;
    let client = client(&source);
    let sent = client.post(resource.at("/")).body("hello").send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let seen = resource.seen();
    assert_eq!(seen.len(), 2);
    assert_every_proof_is_new(&seen);
    assert!(seen.iter().all(|seen| seen.body == b"hello"));
    assert_eq!(client.get(resource.at("/")).send().await.unwrap().status(), 200);
    assert_eq!(resource.seen().len(), 3, "the nonce is known now");
}

#[tokio::test]
async fn learns_the_next_nonce_from_every_response_also_of_the_retry() {
    let (_authority, resource, source) = with_resource(|seen, count| {
        let expected = format!("n-{count}");
        let next = format!("n-{}", count + 1);
        match count {
            0 => challenge("n-1"),
            // A failure of the application teaches as well.
            3 => reply(500, &[("dpop-nonce", &next)], ""),
            _ if seen.nonce() == Some(expected) => reply(200, &[("dpop-nonce", &next)], ""),
            _ => reply(418, &[], ""),
        }
    })
    .await;
    let client = client(&source);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.get(resource.at("/")).send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 500, 200, 200]);
    assert_eq!(resource.seen().len(), 6, "one challenge for five requests");
}

#[tokio::test]
async fn an_endless_challenge_stops_with_a_reason() {
    let (_authority, same, source) = with_resource(|_, _| challenge("same")).await;
    let client = client(&source);
    let response = client.get(same.at("/")).send().await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Explanation::NonceUnchanged));
    assert_eq!(same.seen().len(), 2);

    let changing = Server::start(|_, count| challenge(&format!("n-{count}"))).await;
    let response = client.get(changing.at("/")).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.extensions().get()),
        (401, Some(&Explanation::NonceLimit))
    );
    assert_eq!(changing.seen().len(), 3);

    let silent = Server::start(|_, _| reply(401, &[("www-authenticate", BOTH)], "")).await;
    let response = client.get(silent.at("/")).send().await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Explanation::NonceMissing));
    assert_eq!(silent.seen().len(), 1);
}

#[tokio::test]
async fn no_nonce_travels_to_another_server_or_role() {
    let both = Server::with_url(|url| {
        let metadata = metadata(url);
        Box::new(move |seen, count| match seen.path.as_str() {
            path if path.contains(".well-known") => json_reply(200, &[], &metadata),
            "/token" if seen.nonce().as_deref() == Some("issuer") => granted(count),
            "/token" => json_reply(400, &[("dpop-nonce", "issuer")], &json!({"error": "use_dpop_nonce"})),
            _ => reply(200, &[("dpop-nonce", "resource")], ""),
        })
    })
    .await;
    let other = Server::start(|_, _| reply(200, &[("dpop-nonce", "other")], "")).await;
    let source = source(confidential(&both));
    let client = client(&source);
    for _ in 0..2 {
        client.get(both.at("/api")).send().await.unwrap();
        client.get(other.at("/api")).send().await.unwrap();
    }
    let nonces = |server: &Server| {
        let seen: Vec<_> = server.seen().into_iter().filter(|seen| seen.path == "/api").collect();
        seen.iter().map(Seen::nonce).collect::<Vec<_>>()
    };
    assert_eq!(nonces(&both), [None, Some("resource".into())]);
    assert_eq!(nonces(&other), [None, Some("other".into())]);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (authority, resource, source) = with_resource(|seen, _| {
        if seen.authorization() == Some(&format!("DPoP {}", token(0))) { invalid_token() } else { ok() }
    })
    .await;
    let client = client(&source);
    assert_eq!(client.get(resource.at("/")).send().await.unwrap().status(), 200);
    assert_eq!((authority.seen().len(), resource.seen().len()), (2, 2));
}

#[tokio::test]
async fn a_resource_that_takes_no_token_does_not_cause_a_token_request_each_time() {
    let (authority, resource, source) = with_resource(|_, _| invalid_token()).await;
    let client = client(&source);
    for _ in 0..5 {
        let response = client.get(resource.at("/")).send().await.unwrap();
        assert_eq!(response.extensions().get(), Some(&Explanation::TokenRefused));
    }
    assert_eq!((authority.seen().len(), resource.seen().len()), (2, 6));
}

#[tokio::test]
async fn many_requests_with_a_refused_token_replace_it_together() {
    let (authority, resource, source) = with_resource(|seen, _| {
        if seen.authorization() == Some(&format!("DPoP {}", token(0))) { invalid_token() } else { ok() }
    })
    .await;
    let client = client(&source);
    source.token().await.unwrap();
    let sent = join_all((0..50).map(|_| client.get(resource.at("/")).send())).await;
    assert!(sent.into_iter().all(|response| response.unwrap().status() == 200));
    assert_eq!(authority.seen().len(), 2);
}

#[tokio::test]
async fn a_retry_after_a_dropped_connection_has_a_new_proof() {
    let (_authority, resource, source) =
        with_resource(|_, count| if count % 2 == 0 { Reply::Drop } else { ok() }).await;
    let client = client(&source);
    for _ in 0..3 {
        client.get(resource.at("/")).send().await.unwrap_err();
        client.get(resource.at("/")).send().await.unwrap();
    }
    let seen = resource.seen();
    // Nothing below the signer sent anything twice.
    assert_eq!(seen.len(), 6);
    assert_every_proof_is_new(&seen);
}

/// What an outer retry layer does: the same request again, after a 429.
struct Patient;

#[async_trait]
impl Middleware for Patient {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        loop {
            let response = next.clone().run(request.try_clone().unwrap(), extensions).await?;
            if response.status() != 429 {
                return Ok(response);
            }
        }
    }
}

#[tokio::test]
async fn an_outer_retry_passes_the_signer_again() {
    let (_authority, resource, source) =
        with_resource(|_, count| if count < 3 { reply(429, &[("retry-after", "0")], "") } else { ok() })
            .await;
    let http = source.configuration().http_client_builder().unwrap().build().unwrap();
    let client = ClientBuilder::new(http).with(Patient).with(BoundMiddleware::new(source)).build();
    assert_eq!(client.get(resource.at("/")).send().await.unwrap().status(), 200);
    assert_eq!(resource.seen().len(), 4);
    assert_every_proof_is_new(&resource.seen());
}

#[tokio::test]
async fn a_one_shot_body_is_not_sent_twice_and_the_next_request_succeeds() {
    let (_authority, resource, source) = with_resource(|seen, _| match seen.nonce().as_deref() {
        Some("n-1") => ok(),
        _ => challenge("n-1"),
    })
    .await;
    let client = client(&source);
    let stream = || {
        let chunks = ["one ", "shot"].map(Ok::<_, std::io::Error>);
        reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
    };
    let response = client.post(resource.at("/")).body(stream()).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.extensions().get(), Some(&Explanation::BodyNotRepeatable));
    let response = client.post(resource.at("/")).body(stream()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(resource.seen().last().unwrap().body, b"one shot");
}

#[tokio::test]
async fn never_falls_back_to_bearer() {
    let (_authority, resource, source) =
        with_resource(|_, _| reply(401, &[("www-authenticate", r#"Bearer realm="api""#)], "")).await;
    let response = client(&source).get(resource.at("/")).send().await.unwrap();
    assert_eq!(response.extensions().get(), Some(&Explanation::SchemeNotOffered));
    let seen = resource.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].authorization().unwrap().starts_with("DPoP "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_have_a_thousand_proofs_and_one_token_request() {
    let (authority, resource, source) = with_resource(|_, _| ok()).await;
    require_new_proofs(&authority, &resource, &source).await;
    let resource = Server::http2(|_, _| ok()).await;
    require_new_proofs(&authority, &resource, &source).await;
}

async fn require_new_proofs(authority: &Server, resource: &Server, source: &TokenSource) {
    let client = client(source);
    let sent = join_all((0..1000).map(|number| {
        let (client, url) = (client.clone(), resource.at(&format!("/{number}")));
        tokio::spawn(async move { client.get(url).send().await.unwrap().status() })
    }))
    .await;
    assert!(sent.into_iter().all(|status| status.unwrap() == 200));
    assert_eq!(authority.seen().len(), 1);
    let seen = resource.seen();
    assert_eq!(seen.len(), 1000);
    assert_every_proof_is_new(&seen);
}

#[tokio::test]
async fn refuses_plain_http_and_sends_nothing() {
    let (authority, _resource, source) = with_resource(|_, _| ok()).await;
    let client = client(&source);
    for url in ["http://localhost:1/", "http://api.example/"] {
        let error = client.get(url).send().await.unwrap_err();
        let found = Error::of(&error).unwrap();
        assert!(matches!(found, Error::Request(RequestRefused::Target(_))), "{found}");
    }
    assert!(authority.seen().is_empty(), "not even a token was fetched");
}

#[tokio::test]
async fn refuses_requests_that_bring_credentials_of_their_own() {
    let (_authority, resource, source) = with_resource(|_, _| ok()).await;
    let client = client(&source);
    for request in [
        client.get(resource.at("/")).bearer_auth("mine"),
        client.get(resource.at("/")).header("dpop", "mine"),
        client.get(resource.at("/").as_str().replace("https://", "https://user:password@")),
    ] {
        let error = request.send().await.unwrap_err();
        assert!(matches!(Error::of(&error), Some(Error::Request(RequestRefused::HeaderPresent(_)))));
    }
    assert!(resource.seen().is_empty());
}

#[tokio::test]
async fn a_token_goes_to_its_resource_and_nowhere_else() {
    let authority = authority(|_, count| granted(count)).await;
    let resource = Server::start(|_, _| ok()).await;
    let stranger = Server::start(|_, _| ok()).await;
    let source = source(
        confidential(&authority)
            .resource(resource.at("/v1").as_str())
            .resource(resource.at("/v1/admin/").as_str()),
    );
    let client = client(&source);
    for path in ["/v1", "/v1/items", "/v1/admin", "/v1/admin/users", "/v1/administrators"] {
        client.get(resource.at(path)).send().await.unwrap();
    }
    for url in [resource.at("/v2"), resource.at("/v10"), resource.at("/v1/../v2"), stranger.at("/v1")] {
        let error = client.get(url).send().await.unwrap_err();
        assert!(matches!(Error::of(&error), Some(Error::Request(RequestRefused::NotAResource { .. }))));
    }
    let used: Vec<_> = resource.seen().iter().map(|seen| seen.authorization().unwrap().to_owned()).collect();
    assert_eq!(used[0], used[1]);
    assert_eq!(used[2], used[3]);
    assert_ne!(used[0], used[2]);
    assert_eq!(used[4], used[0]);
    let asked: HashSet<_> = authority.seen().iter().map(|seen| seen.form()["resource"].clone()).collect();
    assert_eq!(asked.len(), 2);
    assert!(stranger.seen().is_empty());
}

#[tokio::test]
async fn a_certificate_bound_token_travels_as_bearer_over_the_same_certificate() {
    let authority = authority(|_, count| {
        json_reply(
            200,
            &[],
            &json!({"access_token": token(count), "token_type": "Bearer", "expires_in": 300}),
        )
    })
    .await;
    // MTLS-6.3-01: a 401 is met with one new token.
    let resource = Server::start(|_, count| match count {
        0 => reply(401, &[("www-authenticate", r#"Bearer error="invalid_token""#)], ""),
        _ => ok(),
    })
    .await;
    let identity = identity();
    let source = source(
        ClientConfiguration::builder(issuer(&authority), "client-1")
            .authentication(ClientAuthentication::TlsClientAuth { identity: identity.clone() })
            .sender_constraint(SenderConstraint::Mtls { identity: identity.clone() })
            .trust_roots(roots()),
    );
    assert_eq!(client(&source).get(resource.at("/")).send().await.unwrap().status(), 200);
    let seen = resource.seen();
    assert_eq!(seen[1].authorization(), Some(format!("Bearer {}", token(1)).as_str()));
    assert!(seen.iter().all(|seen| seen.certificate.as_deref() == Some(identity.certificate())));
    assert!(seen.iter().all(|seen| seen.proof().is_none()));
}

/// MTLS-6.3-02: while a new identity takes over, the old one's tokens stay on the old one's connections.
#[tokio::test]
async fn the_tokens_of_two_identities_never_meet_the_other_s_certificate() {
    let authority = authority(|_, count| {
        let body = json!({"access_token": token(count), "token_type": "Bearer", "expires_in": 300});
        json_reply(200, &[], &body)
    })
    .await;
    let resource = Server::start(|_, _| ok()).await;
    let identities = [identity(), identity()];
    let mut clients = Vec::new();
    for identity in &identities {
        let builder = ClientConfiguration::builder(issuer(&authority), "client-1")
            .authentication(ClientAuthentication::TlsClientAuth { identity: identity.clone() })
            .sender_constraint(SenderConstraint::Mtls { identity: identity.clone() })
            .trust_roots(roots());
        let source = source(builder);
        source.token().await.unwrap();
        clients.push(client(&source));
    }
    let calls = (0..40).map(|count| clients[count % 2].get(resource.at("/")).send());
    assert!(join_all(calls).await.into_iter().all(|answer| answer.unwrap().status() == 200));
    let seen = resource.seen();
    assert_eq!(seen.len(), 40);
    for seen in seen {
        let owner = identities
            .iter()
            .position(|identity| seen.certificate.as_deref() == Some(identity.certificate()))
            .unwrap();
        assert_eq!(seen.authorization(), Some(format!("Bearer {}", token(owner)).as_str()));
    }
}
