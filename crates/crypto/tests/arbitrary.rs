//! Whatever bytes come in, nothing panics, nothing verifies and nothing loads.

use bindery_core::crypto::Cryptography as _;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::{PublicKey, RsaPublicKey};
use bindery_core::time::UnixTime;
use bindery_crypto::chain::{TrustAnchors, verify_client_chain};
use bindery_crypto::seal::Sealer;
use bindery_crypto::{AwsLc, SigningKey};
use proptest::collection::vec;
use proptest::prelude::*;

const AUTHORITY: &str = include_str!("certificates/authority.pem");

fn bytes(maximum: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..maximum)
}

fn keys() -> impl Strategy<Value = PublicKey> {
    prop_oneof![
        vec(any::<u8>(), 65).prop_map(|point| PublicKey::EcP256(point.try_into().unwrap_or([0; 65]))),
        vec(any::<u8>(), 97).prop_map(|point| PublicKey::EcP384(point.try_into().unwrap_or([0; 97]))),
        any::<[u8; 32]>().prop_map(PublicKey::Ed25519),
        (vec(any::<u8>(), 256), any::<[u8; 3]>()).prop_filter_map("not an RSA key", |(modulus, exponent)| {
            RsaPublicKey::new(modulus, exponent.to_vec()).ok().map(|key| PublicKey::Rsa(Box::new(key)))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_arbitrary_signature_verifies(key in keys(), message in bytes(64), signature in bytes(300)) {
        for algorithm in SignatureAlgorithm::ALL {
            prop_assert!(AwsLc.verify_signature(algorithm, &key, &message, &signature).is_err());
        }
    }

    #[test]
    fn no_arbitrary_bytes_are_a_key(der in bytes(300), text in ".{0,300}") {
        for algorithm in SignatureAlgorithm::ALL {
            prop_assert!(SigningKey::from_pkcs8_der(algorithm, &der).is_err());
        }
        prop_assert!(SigningKey::from_pkcs8_pem(None, &text).is_err());
        prop_assert!(SigningKey::from_private_jwk(text.as_bytes()).is_err());
        let wrapped = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        prop_assert!(SigningKey::from_pkcs8_pem(None, &wrapped).is_err());
    }

    #[test]
    fn no_arbitrary_bytes_are_a_chain(leaf in bytes(300), other in bytes(300), now in any::<i64>()) {
        let anchors = TrustAnchors::from_pem(AUTHORITY.as_bytes()).map_err(|error| {
            TestCaseError::fail(error.to_string())
        })?;
        let now = UnixTime::from_seconds(now);
        prop_assert!(verify_client_chain(&leaf, std::slice::from_ref(&other), &anchors, now).is_err());
        prop_assert!(anchors.with_revocation_lists([other.as_slice()]).is_err());
        prop_assert!(TrustAnchors::from_der([leaf.as_slice()]).is_err());
    }

    #[test]
    fn no_arbitrary_bytes_open(sealed in bytes(100), context in bytes(20)) {
        prop_assert!(Sealer::new([7; 32]).open(&context, &sealed).is_err());
    }
}
