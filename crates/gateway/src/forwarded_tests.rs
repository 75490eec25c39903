//! What the application is told of the way, from listed proxies and from everybody else.

use super::*;
use bindery_http::trusted_proxy::{TrustedProxies, TrustedProxySettings};
use http::Request;

fn behind_a_proxy() -> EdgePolicy {
    let settings = TrustedProxySettings {
        format: "rfc9440".into(),
        networks: vec!["10.0.0.0/8".into()],
        ..TrustedProxySettings::default()
    };
    EdgePolicy::behind(TrustedProxies::new(settings).unwrap())
}

fn told(address: &str, host: &str, policy: &EdgePolicy) -> Vec<(String, String)> {
    let hosts =
        PublicHosts(vec![HeaderValue::from_static("api.example"), HeaderValue::from_static("b.example")]);
    let mut peer = Peer::plaintext(address.parse().unwrap());
    peer.encrypted = true;
    let request = Request::get("/x")
        .header("host", host)
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-forwarded-proto", "http")
        .header("x_forwarded_for", "192.0.2.2")
        .header("x-rewrite-url", "/admin")
        .extension(peer);
    let mut parts = request.body(()).unwrap().into_parts().0;
    set(&mut parts, policy, &hosts);
    let mut told: Vec<_> = parts
        .headers
        .iter()
        .filter(|(name, _)| *name != HOST && *name != VIA)
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    told.sort();
    told
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_client_is_believed_nothing() {
    for policy in [EdgePolicy::direct(), behind_a_proxy()] {
        assert_eq!(
            told("198.51.100.7:1", "evil.example", &policy),
            pairs(&[
                ("x-forwarded-for", "198.51.100.7"),
                ("x-forwarded-host", "api.example"),
                ("x-forwarded-proto", "https"),
            ])
        );
    }
}

#[test]
fn a_client_chooses_among_configured_hosts_and_adds_none() {
    let host = |host: &str| told("198.51.100.7:1", host, &EdgePolicy::direct())[1].1.clone();
    assert_eq!(host("B.example"), "b.example");
    assert_eq!(host("b.example.evil"), "api.example");
}

#[test]
fn a_listed_proxy_is_believed_and_appended_but_never_rewrites() {
    let told = told("10.1.2.3:1", "b.example", &behind_a_proxy());
    assert!(told.contains(&("x-forwarded-for".into(), "192.0.2.1".into())));
    assert!(told.contains(&("x-forwarded-for".into(), "10.1.2.3".into())));
    assert!(told.contains(&("x-forwarded-proto".into(), "http".into())));
    assert!(!told.iter().any(|(name, _)| name == "x-rewrite-url"));
}
