//! Behind a proxy that ends TLS: the certificate that it forwards authenticates and binds, nobody else's header
//! does, and its own certificate is never a client's (CC-4-05, CC-4-06).

use bindery_core::mtls::certificate::ClientCertificate;
use bindery_http::TrustedProxiesConfiguration;
use bindery_http::trusted_proxy_configuration::edge_policy;
use serde_json::json;

use crate::support::{Call, Setup, World, base64_standard, certificate, claims};

const PROXY: &str = "10.0.0.7";

async fn behind_a_proxy() -> World {
    let configured: TrustedProxiesConfiguration =
        serde_json::from_value(json!({"format": "rfc9440", "networks": [PROXY]})).unwrap();
    let mut setup = Setup::new();
    setup.edge = edge_policy(Some(&configured), &["x-estate-cert".into()]).unwrap();
    setup.start().await
}

fn call(client: &str) -> Call {
    Call::token("client_credentials").with("client_id", client)
}

fn forwarding(call: Call, certificate: &ClientCertificate) -> Call {
    call.header("client-cert", format!(":{}:", base64_standard(certificate.leaf())))
}

#[tokio::test]
async fn a_certificate_forwarded_by_the_listed_proxy_authenticates_and_binds() {
    let world = behind_a_proxy().await;
    let client = world.pki_certificate.clone();
    let body = world.send(forwarding(call("pki-client"), &client).from(PROXY)).await.ok();
    let cnf = json!({"x5t#S256": client.thumbprint().to_string()});
    assert_eq!(claims(&body["access_token"])["cnf"], cnf);
    let own = world.self_signed.clone();
    world.send(forwarding(call("self-signed-client"), &own).from(PROXY)).await.ok();
    world.send(forwarding(call("pki-client"), &own).from(PROXY)).await.error(401, "invalid_client");
    // Through another method the token is bound to the forwarded certificate too.
    let call = Call::token("client_credentials").assertion(world.assertion("jwt-mtls"));
    let body = world.send(forwarding(call, &client).from(PROXY)).await.ok();
    assert_eq!(claims(&body["access_token"])["cnf"], cnf);
}

#[tokio::test]
async fn a_header_from_anyone_else_is_nothing_and_takes_nothing_away() {
    let world = behind_a_proxy().await;
    let client = world.pki_certificate.clone();
    for from in ["10.0.0.8", "127.0.0.1", "2001:db8::7", "::1"] {
        let refused = world.send(forwarding(call("pki-client"), &client).from(from)).await;
        refused.error(401, "invalid_client");
    }
    // Who connects directly is still known by the handshake, whatever the header says.
    let own = world.self_signed.clone();
    let direct = call("self-signed-client").certificate(&own).from("10.0.0.8");
    let body = world.send(forwarding(direct, &client)).await.ok();
    let cnf = json!({"x5t#S256": own.thumbprint().to_string()});
    assert_eq!(claims(&body["access_token"])["cnf"], cnf);
}

#[tokio::test]
async fn the_certificate_of_the_proxy_itself_is_never_taken_for_a_clients() {
    let world = behind_a_proxy().await;
    // A proxy that shows the very certificate of a client to us: without the header there is no client.
    let certificates = [world.pki_certificate.clone(), certificate("proxy", Vec::new(), Some(&world.ca)).0];
    for own in &certificates {
        world.send(call("pki-client").certificate(own).from(PROXY)).await.error(401, "invalid_client");
        let call = Call::token("client_credentials").assertion(world.assertion("jwt-mtls"));
        let refused = world.send(call.certificate(own).from(PROXY)).await;
        assert!(
            !refused.status.is_success(),
            "a token bound to the proxy's certificate would be everybody's"
        );
    }
    // With it, the client's counts and not the proxy's.
    let client = world.pki_certificate.clone();
    let through = forwarding(call("pki-client").certificate(&certificates[1]), &client).from(PROXY);
    let body = world.send(through).await.ok();
    let cnf = json!({"x5t#S256": client.thumbprint().to_string()});
    assert_eq!(claims(&body["access_token"])["cnf"], cnf);
}

#[tokio::test]
async fn rejects_what_the_listed_proxy_forwards_broken_or_twice() {
    let world = behind_a_proxy().await;
    let client = world.pki_certificate.clone();
    let twice = forwarding(forwarding(call("pki-client"), &client), &client).from(PROXY);
    let broken = call("pki-client").header("client-cert", ":bm90IGEgY2VydGlmaWNhdGU=:").from(PROXY);
    for refused in [twice, broken] {
        let answer = world.send(refused).await;
        answer.error(400, "invalid_request");
    }
}
