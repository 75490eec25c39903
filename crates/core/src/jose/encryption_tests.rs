//! Keys for encryption say so, keep one use and one algorithm, and never come with a private half.

use super::*;
use crate::jose::jwk::JwkSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use serde_json::json;

fn point(bytes: usize) -> String {
    base64url::encode(alloc::vec![7; bytes])
}

fn ec() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": point(32), "y": point(32), "use": "enc", "kid": "a"})
}

fn parse(jwk: &Value) -> Result<EncryptionJwk, JwkInvalid> {
    EncryptionJwk::parse(jwk.to_string().as_bytes())
}

fn with(name: &str, value: Value) -> Value {
    let mut jwk = ec();
    jwk[name] = value;
    jwk
}

#[test]
fn names_are_registered_ones_and_weak_algorithms_have_none() {
    for algorithm in KeyManagement::ALL {
        assert_eq!(KeyManagement::from_name(algorithm.name()), Some(algorithm));
    }
    for algorithm in ContentEncryption::ALL {
        assert_eq!(ContentEncryption::from_name(algorithm.name()), Some(algorithm));
    }
    for name in ["RSA1_5", "RSA-OAEP", "dir", "PBES2-HS256+A128KW", "A128KW", "none", "", "ecdh-es", "ES256"]
    {
        assert_eq!(KeyManagement::from_name(name), None, "{name}");
    }
    for name in ["A192GCM", "A256CBC-HS512", "none", "", "a128gcm"] {
        assert_eq!(ContentEncryption::from_name(name), None, "{name}");
    }
}

#[test]
fn a_key_is_for_encryption_only_when_it_says_so() {
    assert!(parse(&ec()).is_ok());
    let mut silent = ec();
    silent.as_object_mut().unwrap().remove("use");
    assert_eq!(parse(&silent), Err(JwkInvalid::NotForEncrypting("use")));
    silent["alg"] = "ECDH-ES".into();
    assert!(parse(&silent).is_ok());
    assert_eq!(parse(&with("use", json!("sig"))), Err(JwkInvalid::NotForEncrypting("use")));
    for alg in [json!("ES256"), json!("RSA-OAEP-256"), json!("RSA1_5"), json!(1)] {
        assert_eq!(parse(&with("alg", alg)), Err(JwkInvalid::NotForEncrypting("alg")));
    }
    assert_eq!(parse(&with("key_ops", json!(["verify"]))), Err(JwkInvalid::NotForEncrypting("key_ops")));
    assert!(parse(&with("key_ops", json!(["deriveKey"]))).is_ok());
}

#[test]
fn refuses_private_members_other_kinds_and_wrong_lengths() {
    assert_eq!(parse(&with("d", json!(point(32)))), Err(JwkInvalid::PrivateMember));
    assert_eq!(parse(&with("kty", json!("oct"))), Err(JwkInvalid::UnsupportedKind));
    assert_eq!(parse(&with("crv", json!("P-521"))), Err(JwkInvalid::UnsupportedKind));
    assert_eq!(parse(&with("crv", json!("Ed25519"))), Err(JwkInvalid::UnsupportedKind));
    assert_eq!(parse(&with("x", json!(point(31)))), Err(JwkInvalid::Encoding("x")));
    assert_eq!(parse(&with("y", json!(4))), Err(JwkInvalid::Encoding("y")));
    assert_eq!(parse(&with("kid", json!(4))), Err(JwkInvalid::Encoding("kid")));
    let short = json!({"kty": "RSA", "n": point(128), "e": "AQAB", "use": "enc"});
    assert_eq!(parse(&short), Err(JwkInvalid::RsaSize));
}

#[test]
fn keys_of_each_kind_are_written_as_they_were_read() {
    let keys = [
        json!({"kty": "EC", "crv": "P-256", "x": point(32), "y": point(32)}),
        json!({"kty": "EC", "crv": "P-384", "x": point(48), "y": point(48)}),
        json!({"kty": "OKP", "crv": "X25519", "x": point(32)}),
        json!({"kty": "RSA", "n": base64url::encode([0x87_u8; 257]), "e": "AQAB"}),
    ];
    for key in keys {
        let read = EncryptionKey::from_members(key.as_object().unwrap()).unwrap();
        assert_eq!(Value::Object(read.to_jwk()), key);
    }
}

#[test]
fn a_set_keeps_keys_for_encryption_apart_from_keys_that_verify() {
    let sig = json!({"kty": "EC", "crv": "P-256", "x": point(32), "y": point(32), "use": "sig"});
    let okp = json!({"kty": "OKP", "crv": "X25519", "x": point(32), "use": "enc"});
    let odd = json!({"kty": "EC", "crv": "P-256", "x": point(32), "y": point(32), "use": "tls"});
    let set = json!({"keys": [sig, ec(), okp, odd]}).to_string();
    let set = JwkSet::parse(set.as_bytes()).unwrap();
    assert_eq!((set.keys.len(), set.encryption_keys.len()), (1, 2));
    let skipped: Vec<_> = set.skipped.iter().map(|(at, reason)| (*at, reason.to_string())).collect();
    assert_eq!(skipped, [(3, JwkInvalid::NotForVerifying("use").to_string())]);
}
