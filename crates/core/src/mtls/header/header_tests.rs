//! Every format against the shared fixtures, and the list of identity headers against twins.

use std::string::{String, ToString as _};
use std::{format, vec};

use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;
use crate::crypto::{MacKey, Sha256Digest, SignatureInvalid};
use crate::jose::algorithm::SignatureAlgorithm;
use crate::jose::jwk::PublicKey;

const FIXTURES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/forwarded_certificate_headers.json"));

/// Knows the digest of the one leaf of the fixtures; core can't compute any.
struct KnownDigest {
    leaf: Vec<u8>,
    digest: Sha256Digest,
}

impl Cryptography for KnownDigest {
    fn sha256(&self, parts: &[&[u8]]) -> Sha256Digest {
        if parts.concat() == self.leaf { self.digest } else { [0; 32] }
    }

    fn hmac_sha256(&self, _: &MacKey, _: &[&[u8]]) -> Sha256Digest {
        unreachable!("no format uses a MAC")
    }

    fn verify_signature(
        &self,
        _: SignatureAlgorithm,
        _: &PublicKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<(), SignatureInvalid> {
        Err(SignatureInvalid)
    }
}

struct Fixtures(Value);

impl Fixtures {
    fn read() -> Self {
        Self(serde_json::from_str(FIXTURES).unwrap())
    }

    fn certificate(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(self.0["certificates"][name].as_str().unwrap()).unwrap()
    }

    fn parse(&self, case: &Value) -> Result<Option<Forwarded>, ForwardedInvalid> {
        let digest =
            crate::encoding::base64url::decode_array(self.0["thumbprint"].as_str().unwrap()).unwrap();
        let known = KnownDigest { leaf: self.certificate("leaf"), digest };
        let lines = |member: &str| -> Option<Vec<&[u8]>> {
            Some(case[member].as_array()?.iter().map(|line| line.as_str().unwrap().as_bytes()).collect())
        };
        let (certificate, chain) = (lines("certificate").unwrap(), lines("chain").unwrap());
        let verification = lines("verification");
        let format = HeaderFormat::by_name(case["format"].as_str().unwrap()).unwrap();
        (format.parse)(&ForwardedValues {
            certificate: &certificate,
            chain: &chain,
            verification: verification.as_deref(),
            cryptography: &known,
        })
    }
}

fn label(case: &Value) -> String {
    format!("{}: {}", case["format"], case["why"])
}

#[test]
fn accepts_what_each_proxy_sends_and_finds_leaf_and_chain() {
    let fixtures = Fixtures::read();
    for case in fixtures.0["accepted"].as_array().unwrap() {
        let forwarded = fixtures.parse(case).unwrap_or_else(|reason| panic!("{}: {reason}", label(case)));
        let intermediates = case["intermediates"].as_array().unwrap();
        let expected = Forwarded {
            leaf: fixtures.certificate(case["leaf"].as_str().unwrap()),
            intermediates: intermediates
                .iter()
                .map(|name| fixtures.certificate(name.as_str().unwrap()))
                .collect(),
        };
        assert_eq!(forwarded, Some(expected), "{}", label(case));
    }
}

#[test]
fn a_proxy_that_says_none_is_no_error() {
    let fixtures = Fixtures::read();
    for case in fixtures.0["absent"].as_array().unwrap() {
        assert_eq!(fixtures.parse(case), Ok(None), "{}", label(case));
    }
}

#[test]
fn refuses_and_never_ignores_what_breaks_a_rule() {
    let fixtures = Fixtures::read();
    for case in fixtures.0["refused"].as_array().unwrap() {
        let reason = fixtures.parse(case).expect_err(&label(case));
        assert_eq!(format!("{reason:?}"), case["reason"].as_str().unwrap(), "{}", label(case));
        assert!(!reason.to_string().is_empty());
    }
}

#[test]
fn every_format_has_fixtures_of_all_three_kinds() {
    let fixtures = Fixtures::read();
    for format in HEADERS {
        for kind in ["accepted", "absent", "refused"] {
            let cases = fixtures.0[kind].as_array().unwrap();
            assert!(cases.iter().any(|case| case["format"] == format.name), "{} lacks {kind}", format.name);
        }
    }
}

#[test]
fn refuses_a_value_or_a_certificate_that_is_too_large_before_decoding_it() {
    let huge = vec![b'A'; MAXIMUM_VALUE + 1];
    let large = STANDARD.encode(vec![0; 33 * 1024]);
    let known = KnownDigest { leaf: Vec::new(), digest: [0; 32] };
    for format in HEADERS {
        let parse = |value: &[u8]| {
            let certificate = [value];
            (format.parse)(&ForwardedValues {
                certificate: &certificate,
                chain: &[],
                verification: None,
                cryptography: &known,
            })
        };
        assert_eq!(parse(&huge), Err(ForwardedInvalid::TooLarge), "{}", format.name);
        let pem = format!("-----BEGIN%20CERTIFICATE-----%0A{large}%0A-----END%20CERTIFICATE-----");
        let written = match format.name {
            "rfc9440" => format!(":{large}:"),
            "xfcc" => format!("Cert=\"{pem}\""),
            "haproxy" | "traefik" => large.clone(),
            _ => pem,
        };
        assert_eq!(parse(written.as_bytes()), Err(ForwardedInvalid::TooLarge), "{}", format.name);
        assert_eq!(parse(&[0xff; 8]), Err(ForwardedInvalid::NotText), "{}", format.name);
    }
}

#[test]
fn every_header_of_every_format_is_on_the_list_of_identity_headers() {
    for format in HEADERS {
        let names =
            [Some(format.certificate_header), format.chain_header, format.verification_header].into_iter();
        for name in names.flatten() {
            assert!(identity_header(name).is_some(), "{name}");
            assert!(
                name.bytes().all(|byte| fold_byte(byte) == byte),
                "{name} must be lower-case with hyphens"
            );
        }
    }
}

#[test]
fn finds_identity_headers_in_any_case_and_with_underscores() {
    for name in [
        "Client-Cert",
        "client_cert",
        "CLIENT_CERT-chain",
        "X-Forwarded-Client-Cert",
        "x_forwarded_client_cert",
        "X-Forwarded-Tls-Client-Cert-Info",
        "SSL_CLIENT_VERIFY",
        "X-SSL-Anything",
        "x_ssl_client_s_dn",
        "X-Amzn-Mtls-Clientcert-Subject",
        "X-ARR-ClientCert",
        "Cf-Client-Cert-Sha256",
        "Sec-Provided-Token-Binding-ID",
        "sec_referred_token_binding_id",
        "Sec-Other-Token-Binding-ID",
        "Bindery-Subject",
        "BINDERY_SUBJECT",
    ] {
        assert!(identity_header(name).is_some(), "{name}");
    }
    for name in [
        "client",
        "content-type",
        "cookie",
        "x-forwarded-for",
        "forwarded",
        "sec-token-binding",
        "bindery",
        "x-client",
        "dpop",
        "",
    ] {
        assert_eq!(identity_header(name), None, "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn no_value_makes_a_parser_panic_or_find_a_certificate(
        value in r#"[ -~]{0,80}|(cert|chain|hash|by|uri)="?[A-Za-z0-9%+/=;,"\\\\ -]{0,60}"?|[:,%=;A-Z\t]{0,12}"#,
        other in "[ -~]{0,20}",
    ) {
        let known = KnownDigest { leaf: Vec::new(), digest: [0; 32] };
        let (certificate, rest) = ([value.as_bytes()], [other.as_bytes()]);
        for format in HEADERS {
            let values = ForwardedValues {
                certificate: &certificate,
                chain: &rest,
                verification: Some(&rest),
                cryptography: &known,
            };
            proptest::prop_assert!(!matches!((format.parse)(&values), Ok(Some(_))));
        }
    }
}
