//! Who is believed, and what of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::*;
use crate::loopback::{Issued, self_signed};

fn settings(format: &str, networks: &[&str]) -> TrustedProxySettings {
    TrustedProxySettings {
        format: format.to_owned(),
        networks: networks.iter().map(|network| (*network).to_owned()).collect(),
        ..TrustedProxySettings::default()
    }
}

fn rfc9440() -> TrustedProxies {
    TrustedProxies::new(settings("rfc9440", &["10.0.0.0/8", "2001:db8::/32"])).unwrap()
}

fn client_cert(certificate: &Issued) -> HeaderValue {
    HeaderValue::from_str(&format!(":{}:", STANDARD.encode(&certificate.der))).unwrap()
}

fn holding(address: &str, certificate: Option<&Issued>) -> Peer {
    let mut peer = Peer::plaintext(address.parse().unwrap());
    if let Some(issued) = certificate {
        let certificate = ClientCertificate::new(issued.der.clone(), Vec::new(), &AwsLc);
        peer.certificate = PresentedCertificate::Present(certificate);
    }
    peer
}

fn thumbprint(presented: &PresentedCertificate) -> Option<CertificateThumbprint> {
    presented.certificate().map(ClientCertificate::thumbprint)
}

#[test]
fn a_listed_proxy_speaks_for_its_client() {
    let client = self_signed("client.example");
    let headers = HeaderMap::from_iter([(HeaderName::from_static("client-cert"), client_cert(&client))]);
    for address in ["10.9.8.7:1", "[2001:db8::7]:1", "[::ffff:10.9.8.7]:1"] {
        let presented = rfc9440().certificate(&holding(address, None), &headers).unwrap();
        assert_eq!(thumbprint(&presented), Some(client.thumbprint()), "{address}");
    }
}

#[test]
fn a_header_from_an_untrusted_peer_counts_for_nothing() {
    let (client, own) = (self_signed("client.example"), self_signed("own.example"));
    let headers = HeaderMap::from_iter([(HeaderName::from_static("client-cert"), client_cert(&client))]);
    for address in ["11.0.0.1:1", "[2001:db9::7]:1", "192.0.2.1:1"] {
        let presented = rfc9440().certificate(&holding(address, None), &headers).unwrap();
        assert!(matches!(presented, PresentedCertificate::Absent(CertificateAbsence::NotAsked)), "{address}");
        let presented = rfc9440().certificate(&holding(address, Some(&own)), &headers).unwrap();
        assert_eq!(thumbprint(&presented), Some(own.thumbprint()), "{address}");
    }
}

#[test]
fn the_proxys_own_certificate_is_never_the_clients() {
    let (client, own) = (self_signed("client.example"), self_signed("proxy.example"));
    let proxy = holding("10.0.0.1:1", Some(&own));
    let absent = rfc9440().certificate(&proxy, &HeaderMap::new()).unwrap();
    assert!(matches!(absent, PresentedCertificate::Absent(CertificateAbsence::NotForwarded)));
    let headers = HeaderMap::from_iter([(HeaderName::from_static("client-cert"), client_cert(&client))]);
    let presented = rfc9440().certificate(&proxy, &headers).unwrap();
    assert_eq!(thumbprint(&presented), Some(client.thumbprint()));
}

#[test]
fn duplicates_malformed_values_and_second_sources_are_refused_not_ignored() {
    let (one, two) = (self_signed("one.example"), self_signed("two.example"));
    let proxy = holding("10.0.0.1:1", None);
    let name = HeaderName::from_static("client-cert");
    let mut headers = HeaderMap::new();
    headers.append(&name, client_cert(&one));
    headers.append(&name, client_cert(&one));
    let refused = rfc9440().certificate(&proxy, &headers).unwrap_err();
    assert_eq!(refused, ForwardingRefused::Forwarded(ForwardedInvalid::Repeated));

    let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("garbage"))]);
    let refused = rfc9440().certificate(&proxy, &headers).unwrap_err();
    assert_eq!(refused, ForwardingRefused::Forwarded(ForwardedInvalid::NotThisFormat));
    assert!(!refused.sentence().is_empty());

    let traefik = HeaderName::from_static("x-forwarded-tls-client-cert");
    let other = HeaderValue::from_str(&STANDARD.encode(&two.der)).unwrap();
    let headers = HeaderMap::from_iter([(name, client_cert(&one)), (traefik, other)]);
    assert_eq!(rfc9440().certificate(&proxy, &headers).unwrap_err(), ForwardingRefused::TwoSources);
}

#[test]
fn a_proxy_can_be_known_by_its_certificate_and_then_both_conditions_hold() {
    let (client, own, other) =
        (self_signed("client.example"), self_signed("proxy.example"), self_signed("other.example"));
    let headers = HeaderMap::from_iter([(HeaderName::from_static("client-cert"), client_cert(&client))]);
    let by_certificate =
        TrustedProxySettings { proxy_certificates: vec![own.thumbprint()], ..settings("rfc9440", &[]) };
    let by_both = TrustedProxySettings {
        proxy_certificates: vec![own.thumbprint()],
        ..settings("rfc9440", &["10.0.0.0/8"])
    };
    for (settings, address, held, believed) in [
        (&by_certificate, "192.0.2.1:1", Some(&own), true),
        (&by_certificate, "192.0.2.1:1", Some(&other), false),
        (&by_certificate, "192.0.2.1:1", None, false),
        (&by_both, "10.0.0.1:1", Some(&own), true),
        (&by_both, "10.0.0.1:1", Some(&other), false),
        (&by_both, "10.0.0.1:1", None, false),
        (&by_both, "192.0.2.1:1", Some(&own), false),
    ] {
        let proxies = TrustedProxies::new(settings.clone()).unwrap();
        let presented = proxies.certificate(&holding(address, held), &headers).unwrap();
        assert_eq!(thumbprint(&presented) == Some(client.thumbprint()), believed, "{address}");
    }
}

#[test]
fn a_verification_header_is_demanded_unless_it_is_configured_away() {
    let client = self_signed("client.example");
    let pem: String =
        form_urlencoded::byte_serialize(client.certificate.replace("\r\n", "\n").as_bytes()).collect();
    let value = HeaderValue::from_str(&pem.replace('+', "%20")).unwrap();
    let mut headers = HeaderMap::from_iter([(HeaderName::from_static("ssl-client-cert"), value)]);
    let proxy = holding("10.0.0.1:1", None);
    let usual = TrustedProxies::new(settings("nginx", &["10.0.0.1"])).unwrap();
    let away = TrustedProxies::new(TrustedProxySettings {
        verification_header: VerificationHeader::NotSent,
        ..settings("nginx", &["10.0.0.1"])
    });
    let missing = ForwardingRefused::Forwarded(ForwardedInvalid::VerificationMissing);
    assert_eq!(usual.certificate(&proxy, &headers).unwrap_err(), missing);
    let presented = away.unwrap().certificate(&proxy, &headers).unwrap();
    assert_eq!(thumbprint(&presented), Some(client.thumbprint()));
    headers.insert("ssl-client-verify", HeaderValue::from_static("SUCCESS"));
    let presented = usual.certificate(&proxy, &headers).unwrap();
    assert_eq!(thumbprint(&presented), Some(client.thumbprint()));
}

#[test]
fn settings_that_would_not_do_what_they_seem_to_are_refused_with_a_remedy() {
    let refused = |settings: TrustedProxySettings| TrustedProxies::new(settings).unwrap_err();
    let error = refused(settings("rfc9440", &[]));
    assert_eq!(error, TrustedProxiesInvalid::NobodyListed("rfc9440"));
    assert!(error.to_string().contains("turn header mode off"));
    let error = refused(settings("apache", &["10.0.0.1"])).to_string();
    assert!(error.contains("`apache`") && error.contains("rfc9440, xfcc, nginx"), "{error}");
    for network in ["10.0.0.1/8", "10.0.0", "example.com", "", "10.0.0.0/33", "::ffff:10.0.0.0/104"] {
        let error = refused(settings("rfc9440", &[network]));
        assert_eq!(error, TrustedProxiesInvalid::Network(network.to_owned()));
    }
    for network in ["0.0.0.0/0", "::/0"] {
        let error = refused(settings("rfc9440", &["10.0.0.1", network]));
        assert_eq!(error, TrustedProxiesInvalid::Everybody(network.to_owned()));
    }
    let error = refused(TrustedProxySettings {
        chain_header: Some("x-chain".to_owned()),
        ..settings("traefik", &["10.0.0.1"])
    });
    assert_eq!(error, TrustedProxiesInvalid::NoSuchHeader("x-chain".to_owned(), "traefik"));
    let error = refused(TrustedProxySettings {
        certificate_header: Some("x chain".to_owned()),
        ..settings("traefik", &["10.0.0.1"])
    });
    assert!(error.to_string().contains("`x chain`"));
}
