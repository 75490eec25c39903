//! Every format, every spelling, from everybody.

use bindery_core::mtls::header::HEADERS;
use http::HeaderValue;

use super::*;
use crate::trusted_proxy::{TrustedProxySettings, VerificationHeader};

fn peer(address: &str) -> Peer {
    Peer::plaintext(format!("{address}:40000").parse().unwrap())
}

fn headers(names: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in names {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_static("forged"));
    }
    headers
}

fn behind(format: &str) -> EdgePolicy {
    let settings = TrustedProxySettings {
        format: format.to_owned(),
        networks: vec!["10.0.0.0/8".to_owned()],
        ..TrustedProxySettings::default()
    };
    EdgePolicy::behind(TrustedProxies::new(settings).unwrap())
}

fn names_of_all_formats() -> Vec<&'static str> {
    let names = |format: &'static bindery_core::mtls::header::HeaderFormat| {
        [Some(format.certificate_header), format.chain_header, format.verification_header]
    };
    HEADERS.iter().flat_map(names).flatten().collect()
}

#[test]
fn strips_every_format_twin_and_duplicate_that_an_untrusted_peer_sends() {
    for policy in HEADERS.iter().map(|format| behind(format.name)).chain([EdgePolicy::direct()]) {
        for name in names_of_all_formats() {
            for spelled in
                [name.to_owned(), name.to_uppercase(), name.replace('-', "_"), name.replacen('-', "_", 1)]
            {
                let mut headers = headers(&[&spelled, &spelled, "accept", "x-forwarded-for"]);
                let stripped = strip_untrusted(&mut headers, Some(&peer("192.0.2.9")), &policy);
                assert_eq!(stripped.names(), [spelled.to_lowercase().as_str()], "{spelled}");
                assert_eq!(headers.len(), 2, "{spelled}");
            }
        }
    }
}

#[test]
fn a_listed_proxy_keeps_its_own_format_under_its_exact_names_only() {
    for format in HEADERS {
        let policy = behind(format.name);
        let own: Vec<_> = policy.trusted_proxies().unwrap().header_names().cloned().collect();
        let mut all = names_of_all_formats();
        let twins: Vec<_> = all.iter().map(|name| name.replace('-', "_")).collect();
        all.extend(twins.iter().map(String::as_str));
        let mut headers = headers(&all);
        let stripped = strip_untrusted(&mut headers, Some(&peer("10.1.2.3")), &policy);
        assert!(own.iter().all(|name| headers.contains_key(name)), "{}", format.name);
        assert_eq!(headers.keys_len(), own.len(), "{}: {:?}", format.name, headers.keys());
        assert_eq!(stripped.names().len() + own.len(), {
            all.sort_unstable();
            all.dedup();
            all.len()
        });
    }
}

#[test]
fn without_a_peer_nobody_is_believed() {
    let mut headers = headers(&["client-cert"]);
    let stripped = strip_untrusted(&mut headers, None, &behind("rfc9440"));
    assert_eq!(stripped.names(), ["client-cert"]);
    stripped.report(None);
}

#[test]
fn our_own_identity_headers_never_come_from_outside() {
    let mut headers = headers(&["bindery-subject", "bindery_client_id", "Bindery-Scope", "binder"]);
    let _ = strip_untrusted(&mut headers, Some(&peer("10.1.2.3")), &behind("rfc9440"));
    assert_eq!(headers.keys().collect::<Vec<_>>(), ["binder"]);
    assert!(bindery_core::mtls::header::identity_header(BINDERY_PREFIX).is_some());
}

#[test]
fn configured_names_go_with_their_twins_and_stay_for_their_proxy() {
    let policy = EdgePolicy::direct().also_stripping(["X-Company-Client"]).unwrap();
    let mut sent = headers(&["x-company-client", "X_COMPANY_CLIENT", "x-company"]);
    let _ = strip_untrusted(&mut sent, Some(&peer("10.1.2.3")), &policy);
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["x-company"]);
    assert!(EdgePolicy::direct().also_stripping(["x company"]).is_err());

    let settings = TrustedProxySettings {
        format: "haproxy".to_owned(),
        networks: vec!["10.0.0.7".to_owned()],
        certificate_header: Some("Corp-Certificate".to_owned()),
        verification_header: VerificationHeader::NotSent,
        ..TrustedProxySettings::default()
    };
    let policy = EdgePolicy::behind(TrustedProxies::new(settings).unwrap());
    for (address, kept) in [("10.0.0.7", true), ("10.0.0.8", false), ("::ffff:10.0.0.7", true)] {
        let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let mut sent = headers(&["corp-certificate", "corp_certificate", "x-ssl-client-der"]);
        let _ = strip_untrusted(&mut sent, Some(&peer(&address)), &policy);
        assert_eq!(sent.contains_key("corp-certificate"), kept, "{address}");
        assert_eq!(sent.len(), usize::from(kept), "{address}");
    }
}

#[test]
fn nothing_goes_on_to_an_application() {
    let mut headers = headers(&["client-cert", "bindery-subject", "accept"]);
    let stripped = strip_all(&mut headers, &behind("rfc9440"));
    assert_eq!((stripped.names().len(), headers.len()), (2, 1));
}
