//! The examples that the RFCs print, recomputed: signatures and thumbprints of DPoP proofs, JWK and
//! certificate thumbprints.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::{base64url, json};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::Jwk;
use bindery_core::jose::jws::CompactJws;
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::mtls::certificate::CertificateThumbprint;
use bindery_crypto::AwsLc;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

fn vectors(text: &str) -> Value {
    let vectors: Value = serde_json::from_str(text).unwrap();
    assert!(vectors["source"].as_str().is_some_and(|source| source.starts_with("RFC ")));
    vectors
}

fn key_of(jwk: &Value) -> Jwk {
    Jwk::parse(&serde_json::to_vec(jwk).unwrap()).unwrap()
}

#[test]
fn the_proofs_of_rfc_9449_verify_under_their_embedded_key() {
    let vectors = vectors(include_str!("../../../vectors/rfc9449_proofs.json"));
    let proofs = vectors["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 3);
    for vector in proofs {
        let proof = CompactJws::split(vector["proof"].as_str().unwrap(), 8192).unwrap();
        let header = json::parse_object(&base64url::decode(proof.header).unwrap()).unwrap();
        let jwk = key_of(&header["jwk"]);
        let algorithm = SignatureAlgorithm::from_name(header["alg"].as_str().unwrap()).unwrap();
        let mut signature = base64url::decode(proof.signature).unwrap();
        let message = proof.signing_input.as_bytes();
        AwsLc.verify_signature(algorithm, &jwk.key, message, &signature).unwrap();
        assert_eq!(JwkThumbprint::of(&jwk.key, &AwsLc).to_string(), vector["jkt"].as_str().unwrap());
        let claims = json::parse_object(&base64url::decode(proof.payload).unwrap()).unwrap();
        assert_eq!(Value::Object(claims), vector["claims"]);

        signature[0] ^= 1;
        AwsLc.verify_signature(algorithm, &jwk.key, message, &signature).unwrap_err();
    }
}

#[test]
fn the_ath_of_rfc_9449_is_the_digest_of_its_access_token() {
    let vectors = vectors(include_str!("../../../vectors/rfc9449_proofs.json"));
    let digest = AwsLc.sha256(&[vectors["access_token"].as_str().unwrap().as_bytes()]);
    assert_eq!(base64url::encode(digest), vectors["ath"].as_str().unwrap());
}

#[test]
fn the_keys_of_rfc_7638_and_rfc_8037_have_the_printed_thumbprints() {
    let vectors = vectors(include_str!("../../../vectors/rfc7638_thumbprints.json"));
    for vector in vectors["thumbprints"].as_array().unwrap() {
        let thumbprint = JwkThumbprint::of(&key_of(&vector["jwk"]).key, &AwsLc);
        assert_eq!(thumbprint.to_string(), vector["thumbprint"].as_str().unwrap());
    }
}

#[test]
fn the_certificate_of_rfc_8705_has_the_printed_thumbprint() {
    let vectors = vectors(include_str!("../../../vectors/rfc8705_certificate.json"));
    let text = vectors["certificate_pem"].as_str().unwrap();
    let certificate = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
    let thumbprint = CertificateThumbprint::of(&certificate, &AwsLc);
    let printed = vectors["x5t_s256"].as_str().unwrap();
    assert_eq!(thumbprint.to_string(), printed);
    assert_eq!(CertificateThumbprint::parse(printed).unwrap(), thumbprint);
}

#[test]
fn refuses_the_sample_thumbprint_of_rfc_8705_that_is_not_canonical() {
    let vectors = vectors(include_str!("../../../vectors/rfc8705_certificate.json"));
    CertificateThumbprint::parse(vectors["non_canonical_x5t_s256"].as_str().unwrap()).unwrap_err();
}
