//! Certificates that proxies forward (RFC 9440 and the formats before it): believed from a listed peer, in its
//! one format, once. Everybody else's are as if they had never been sent.

use bindery_core::mtls::header::HEADERS;
use bindery_http::EdgePolicy;
use bindery_http::trusted_proxy::{TrustedProxies, TrustedProxySettings};
use http::StatusCode;
use serde_json::json;

use crate::world::{Issued, peer};
use crate::{Scene, call};

/// A guard's edge that believes 10.0.0.0/8 in one format.
fn behind(format: &str) -> EdgePolicy {
    let settings = TrustedProxySettings {
        format: format.to_owned(),
        networks: vec!["10.0.0.0/8".to_owned()],
        ..TrustedProxySettings::default()
    };
    EdgePolicy::behind(TrustedProxies::new(settings).unwrap())
}

fn request(address: &str, token: &str, live: Option<&Issued>) -> http::request::Builder {
    let mut peer = peer(live);
    peer.address = address.parse().unwrap();
    http::Request::get("/").extension(peer).header("authorization", format!("Bearer {token}"))
}

/// The certificate as each format's header writes it, well enough to be read if it were believed.
fn written(format: &str, certificate: &Issued) -> String {
    let pem = certificate.certificate.replace('\n', "%0A").replace('+', "%2B").replace(' ', "%20");
    match format {
        "rfc9440" => format!(":{}:", certificate.standard_base64()),
        "xfcc" => format!("Cert=\"{pem}\""),
        "traefik" | "haproxy" => certificate.standard_base64(),
        _ => pem,
    }
}

#[tokio::test]
async fn headers_of_an_unlisted_peer_are_no_certificate_in_any_format() {
    let scene = Scene::new();
    let own = scene.authority.issue("client.example");
    let token = scene.issuer.token(Some(json!({"x5t#S256": own.thumbprint()})));
    for format in HEADERS {
        let guard = scene.behind(behind(format.name));
        let value = written(format.name, &own);
        for name in [format.certificate_header.to_owned(), format.certificate_header.replace('-', "_")] {
            let mut request = request("192.0.2.7:1", &token, None).header(&name, &value);
            if let Some(verification) = format.verification_header {
                request = request.header(verification, "SUCCESS");
            }
            let answer = call(&guard, request).await;
            assert_eq!(answer.reason(), "certificate_missing", "{name} of {}", format.name);
        }
    }
}

#[tokio::test]
async fn a_listed_peer_is_believed_in_its_one_format_and_once() {
    let scene = Scene::new();
    let (own, other) = (scene.authority.issue("client.example"), scene.authority.issue("other.example"));
    let token = scene.issuer.token(Some(json!({"x5t#S256": own.thumbprint()})));
    let guard = scene.behind(behind("rfc9440"));
    let listed = |live| request("10.1.2.3:1", &token, live);
    let value = written("rfc9440", &own);
    assert_eq!(call(&guard, listed(None).header("client-cert", &value)).await.reason(), "mtls");
    // The proxy's own certificate never counts as the client's, nor does it replace the header.
    assert_eq!(call(&guard, listed(Some(&own))).await.reason(), "certificate_missing");
    assert_eq!(call(&guard, listed(Some(&other)).header("client-cert", &value)).await.reason(), "mtls");
    let swapped = listed(None).header("client-cert", written("rfc9440", &other));
    assert_eq!(call(&guard, swapped).await.reason(), "certificate_mismatch");
    for format in HEADERS.iter().filter(|format| format.certificate_header != "client-cert") {
        let smuggled = listed(None).header(format.certificate_header, written(format.name, &own));
        assert_eq!(call(&guard, smuggled).await.reason(), "certificate_missing", "{}", format.name);
    }
    for unusable in [
        listed(None).header("client-cert", &value).header("client-cert", &value),
        listed(None).header("client-cert", format!("{value}, {value}")),
        listed(None).header("client-cert", "junk"),
        listed(None).header("client-cert", ":AAAA:"),
        listed(None).header("client-cert-chain", &value),
    ] {
        let answer = call(&guard, unusable).await;
        let expected = (StatusCode::BAD_REQUEST, "forwarded_certificate_unusable");
        assert_eq!((answer.status, answer.reason()), expected);
    }
}
