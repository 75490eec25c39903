//! What is read of a request, and what is not.

use axum::body::Body;
use http::Request;

use super::*;
use crate::loopback::self_signed;
use crate::trusted_proxy::{TrustedProxies, TrustedProxySettings};

fn parts(target: &str, headers: &[(&str, &str)]) -> Parts {
    let request =
        headers.iter().fold(Request::get(target), |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).unwrap().into_parts().0
}

#[test]
fn the_path_is_the_raw_one_and_the_authority_is_left_out() {
    for (target, path) in [
        ("/a/b?c=d", "/a/b"),
        ("/a%2Fb//c/../d;x=y", "/a%2Fb//c/../d;x=y"),
        ("https://forged.example/a?b", "/a"),
        ("https://forged.example", "/"),
        ("/", "/"),
    ] {
        let parts = parts(target, &[("host", "forged.example")]);
        assert_eq!(from_request(&parts, &EdgePolicy::direct()).unwrap().path, path, "{target}");
    }
}

#[test]
fn a_prefix_that_a_router_cut_off_is_part_of_the_path() {
    let mut parts = parts("/inner", &[]);
    parts.extensions.insert(OriginalUri("/outer/inner".parse().unwrap()));
    assert_eq!(from_request(&parts, &EdgePolicy::direct()).unwrap().path, "/outer/inner");
}

#[test]
fn rejects_targets_without_a_path() {
    for (method, target) in [("OPTIONS", "*"), ("CONNECT", "example.com:443")] {
        let request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
        let parts = request.into_parts().0;
        let rejection = from_request(&parts, &EdgePolicy::direct()).unwrap_err();
        assert_eq!(rejection, EdgeRejection::NoPath, "{method}");
        assert!(matches!(Rejection::from(rejection), Rejection::AmbiguousPath(_)));
    }
}

#[test]
fn finds_a_token_in_the_query_however_its_name_is_spelled() {
    for (query, found) in [
        ("access_token=x", true),
        ("a=b&access_token=x", true),
        ("access%5Ftoken=x", true),
        ("%61ccess_token=", true),
        ("access_token", true),
        ("access_tokens=x", false),
        ("a=access_token", false),
        ("a=b%26access_token=x", false),
        ("", false),
    ] {
        let parts = parts(&format!("/?{query}"), &[]);
        assert_eq!(from_request(&parts, &EdgePolicy::direct()).unwrap().token_in_query, found, "{query}");
    }
}

#[test]
fn every_line_of_authorization_and_dpop_is_handed_on_unjudged() {
    let headers =
        [("authorization", "DPoP a"), ("Authorization", "Bearer b"), ("DPoP", "p"), ("dpop", "q,r")];
    let parts = parts("/x", &headers);
    let presented = from_request(&parts, &EdgePolicy::direct()).unwrap();
    assert_eq!(presented.authorization.as_slice(), [&b"DPoP a"[..], b"Bearer b"]);
    assert_eq!(presented.dpop.as_slice(), [&b"p"[..], b"q,r"]);
    let facts = presented.facts(UnixTime::from_seconds(7));
    assert_eq!((facts.method, facts.authorization.len(), facts.now.as_seconds()), ("GET", 2, 7));
    let shown = format!("{presented:?}");
    assert!(!shown.contains("Bearer") && !shown.contains("DPoP a"), "{shown}");
}

#[test]
fn without_a_peer_there_is_no_certificate_and_no_proxy_is_believed() {
    let settings = TrustedProxySettings {
        format: "rfc9440".to_owned(),
        networks: vec!["10.0.0.0/8".to_owned()],
        ..TrustedProxySettings::default()
    };
    let policy = EdgePolicy::behind(TrustedProxies::new(settings).unwrap());
    let mut parts = parts("/", &[("client-cert", "garbage")]);
    let certificate = from_request(&parts, &policy).unwrap().certificate;
    assert!(matches!(certificate, PresentedCertificate::Absent(CertificateAbsence::NotAsked)));

    parts.extensions.insert(Peer::plaintext("10.0.0.1:1".parse().unwrap()));
    let rejection = Rejection::from(from_request(&parts, &policy).unwrap_err());
    assert!(matches!(rejection, Rejection::ForwardedCertificateUnusable(_)));
}

#[test]
fn the_certificate_of_the_handshake_is_the_clients_when_no_proxy_is_listed() {
    let issued = self_signed("client.example");
    let mut peer = Peer::plaintext("10.0.0.1:1".parse().unwrap());
    let certificate = bindery_core::mtls::certificate::ClientCertificate::new(
        issued.der.clone(),
        Vec::new(),
        &bindery_crypto::AwsLc,
    );
    peer.certificate = PresentedCertificate::Present(certificate);
    let mut parts = parts("/", &[]);
    parts.extensions.insert(peer);
    let presented = from_request(&parts, &EdgePolicy::direct()).unwrap();
    assert_eq!(presented.certificate.certificate().unwrap().thumbprint(), issued.thumbprint());
}
