//! What was encrypted decrypts for its key alone, and every single defect refuses it.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const PAYLOAD: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl";

fn key(algorithm: KeyManagement) -> DecryptionKey {
    DecryptionKey::generate(algorithm).unwrap()
}

fn recipient(key: &DecryptionKey, encryption: ContentEncryption) -> Recipient<'_> {
    Recipient { key: key.public_key(), key_id: Some(key.key_id()), algorithm: key.algorithm(), encryption }
}

fn to(key: &DecryptionKey, encryption: ContentEncryption) -> String {
    encrypt(PAYLOAD, &recipient(key, encryption), Some("JWT")).unwrap()
}

fn header(jwe: &str) -> Value {
    serde_json::from_slice(&base64url::decode(jwe.split('.').next().unwrap()).unwrap()).unwrap()
}

/// The message with one segment exchanged.
fn with_segment(jwe: &str, index: usize, segment: &str) -> String {
    let mut segments: Vec<&str> = jwe.split('.').collect();
    segments[index] = segment;
    segments.join(".")
}

/// The message with a header changed; the tag no longer fits, so only earlier refusals are told apart.
fn with_header(jwe: &str, name: &str, value: Value) -> String {
    let mut header = header(jwe);
    header[name] = value;
    with_segment(jwe, 0, &base64url::encode(header.to_string()))
}

#[test]
fn every_algorithm_reaches_its_own_key_with_every_content_encryption() {
    for algorithm in KeyManagement::ALL {
        let (own, other) = (key(algorithm), key(algorithm));
        for encryption in ContentEncryption::ALL {
            let jwe = to(&own, encryption);
            let header = header(&jwe);
            assert_eq!(
                (&header["alg"], &header["enc"]),
                (&json!(algorithm.name()), &json!(encryption.name()))
            );
            assert_eq!((&header["cty"], &header["kid"]), (&json!("JWT"), &json!(own.key_id())));
            assert_eq!(&**decrypt(&jwe, &[&other, &own]).unwrap(), PAYLOAD);
            assert_eq!(decrypt(&jwe, &[&other]), Err(JweInvalid::NoKey));
            let nameless = Recipient { key_id: None, ..recipient(&own, encryption) };
            let nameless = encrypt(PAYLOAD, &nameless, None).unwrap();
            assert_eq!(&**decrypt(&nameless, &[&other, &own]).unwrap(), PAYLOAD);
            assert_eq!(decrypt(&nameless, &[&other]), Err(JweInvalid::Undecipherable));
        }
    }
}

#[test]
fn two_encryptions_of_one_payload_differ_in_every_random_part() {
    let own = key(KeyManagement::EcdhEsA256Kw);
    let (one, two) = (to(&own, ContentEncryption::A256Gcm), to(&own, ContentEncryption::A256Gcm));
    assert!(one.split('.').zip(two.split('.')).all(|(one, two)| one != two));
}

#[test]
fn a_stored_key_is_the_same_key_and_no_other_kind() {
    for algorithm in KeyManagement::ALL {
        let own = key(algorithm);
        let jwe = to(&own, ContentEncryption::A128Gcm);
        let stored = own.to_stored().unwrap();
        let again = DecryptionKey::from_stored(algorithm, &stored).unwrap();
        assert_eq!(again.key_id(), own.key_id());
        assert_eq!(&**decrypt(&jwe, &[&again]).unwrap(), PAYLOAD);
        let other = if algorithm == KeyManagement::RsaOaep256 {
            KeyManagement::EcdhEs
        } else {
            KeyManagement::RsaOaep256
        };
        assert!(matches!(DecryptionKey::from_stored(other, &stored), Err(DecryptionKeyInvalid::OtherKind)));
        assert!(DecryptionKey::from_stored(algorithm, &stored[..stored.len() - 1]).is_err());
        assert!(!format!("{own:?}").contains(&base64url::encode(&stored[1..17])));
    }
}

#[test]
fn x25519_and_p384_keys_are_loaded_from_jwks_and_reached() {
    let x25519 = json!({"kty": "OKP", "crv": "X25519", "kid": "mine",
        "d": "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo", "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"});
    let own = DecryptionKey::from_private_jwk(KeyManagement::EcdhEs, x25519.to_string().as_bytes()).unwrap();
    assert_eq!(own.key_id(), "mine");
    assert_eq!(&**decrypt(&to(&own, ContentEncryption::A256Gcm), &[&own]).unwrap(), PAYLOAD);
    let again = DecryptionKey::from_stored(KeyManagement::EcdhEs, &own.to_stored().unwrap()).unwrap();
    assert_eq!(again.public_key(), own.public_key());
    let p384 = [[2].as_slice(), &[7; 48]].concat();
    let p384 = DecryptionKey::from_stored(KeyManagement::EcdhEsA128Kw, &p384).unwrap();
    assert!(matches!(p384.public_key(), EncryptionKey::EcP384(_)));
    assert_eq!(&**decrypt(&to(&p384, ContentEncryption::A128Gcm), &[&p384]).unwrap(), PAYLOAD);
    let mut torn = x25519;
    torn["x"] = json!(base64url::encode([9; 32]));
    let torn = DecryptionKey::from_private_jwk(KeyManagement::EcdhEs, torn.to_string().as_bytes());
    assert!(matches!(torn, Err(DecryptionKeyInvalid::HalvesDiffer)));
}

#[test]
fn refuses_algorithms_that_are_not_ours_before_any_key_is_used() {
    let own = key(KeyManagement::EcdhEs);
    let jwe = to(&own, ContentEncryption::A256Gcm);
    for alg in
        ["dir", "RSA1_5", "RSA-OAEP", "A128KW", "PBES2-HS256+A128KW", "none", "ECDH-ES+A192KW", "ecdh-es"]
    {
        assert_eq!(
            decrypt(&with_header(&jwe, "alg", json!(alg)), &[&own]),
            Err(JweInvalid::Algorithm("alg"))
        );
    }
    for enc in ["A192GCM", "A256CBC-HS512", "none", ""] {
        assert_eq!(
            decrypt(&with_header(&jwe, "enc", json!(enc)), &[&own]),
            Err(JweInvalid::Algorithm("enc"))
        );
    }
    // One key, one algorithm: another of the same kind is not reached through it.
    let other = with_header(&jwe, "alg", json!("ECDH-ES+A128KW"));
    assert_eq!(decrypt(&other, &[&own]), Err(JweInvalid::NoKey));
}

#[test]
fn an_algorithm_that_was_exchanged_does_not_open_the_content() {
    let own = key(KeyManagement::RsaOaep256);
    let jwe = to(&own, ContentEncryption::A256Gcm);
    for enc in ["A128GCM", "A128CBC-HS256"] {
        assert_eq!(decrypt(&with_header(&jwe, "enc", json!(enc)), &[&own]), Err(JweInvalid::Undecipherable));
    }
}

#[test]
fn refuses_compression_critical_extensions_and_members_of_wrong_types() {
    let own = key(KeyManagement::EcdhEs);
    let jwe = to(&own, ContentEncryption::A256Gcm);
    let refused = |name: &str, value: Value| decrypt(&with_header(&jwe, name, value), &[&own]);
    assert_eq!(refused("zip", json!("DEF")), Err(JweInvalid::Compressed));
    assert_eq!(refused("crit", json!(["exp"])), Err(JweInvalid::Critical));
    assert_eq!(refused("crit", json!([])), Err(JweInvalid::Critical));
    for name in ["alg", "enc", "kid", "apu", "apv"] {
        assert!(matches!(refused(name, json!(1)), Err(JweInvalid::Member(member)) if member == name));
    }
    assert_eq!(refused("apu", json!("a=")), Err(JweInvalid::Member("apu")));
    assert_eq!(refused("apv", json!("A".repeat(1000))), Err(JweInvalid::Member("apv")));
    assert_eq!(refused("apu", json!("QWxpY2U")), Err(JweInvalid::Undecipherable));
    let twice = r#"{"alg":"ECDH-ES","alg":"ECDH-ES","enc":"A256GCM"}"#;
    let twice = with_segment(&jwe, 0, &base64url::encode(twice));
    assert!(matches!(decrypt(&twice, &[&own]), Err(JweInvalid::Header(_))));
}

#[test]
fn refuses_ephemeral_keys_that_are_missing_private_off_the_curve_or_of_another() {
    let own = key(KeyManagement::EcdhEs);
    let jwe = to(&own, ContentEncryption::A256Gcm);
    let refused = |value: Value| decrypt(&with_header(&jwe, "epk", value), &[&own]);
    let zeros = |length: usize| base64url::encode(vec![0; length]);
    let ones = |length: usize| base64url::encode(vec![1; length]);
    assert_eq!(refused(json!("x")), Err(JweInvalid::Member("epk")));
    for epk in [
        json!({}),
        json!({"kty": "EC", "crv": "P-256", "x": ones(32), "y": ones(32)}),
        json!({"kty": "EC", "crv": "P-256", "x": zeros(32), "y": zeros(32)}),
        json!({"kty": "EC", "crv": "P-256", "x": ones(32)}),
        json!({"kty": "OKP", "crv": "X25519", "x": ones(32)}),
        json!({"kty": "EC", "crv": "P-384", "x": ones(48), "y": ones(48)}),
        json!({"kty": "EC", "crv": "P-256", "x": ones(32), "y": ones(32), "d": ones(32)}),
        json!({"kty": "RSA", "n": base64url::encode([0x87_u8; 257]), "e": "AQAB"}),
    ] {
        assert_eq!(refused(epk.clone()), Err(JweInvalid::EphemeralKey), "{epk}");
    }
    let other = to(&own, ContentEncryption::A256Gcm);
    assert_eq!(refused(header(&other)["epk"].clone()), Err(JweInvalid::Undecipherable));
}

#[test]
fn refuses_more_or_fewer_segments_and_an_encrypted_key_where_none_belongs() {
    let direct = key(KeyManagement::EcdhEs);
    let jwe = to(&direct, ContentEncryption::A256Gcm);
    for text in
        [format!("{jwe}."), format!("{jwe}.AA"), jwe.rsplit_once('.').unwrap().0.to_owned(), String::new()]
    {
        assert_eq!(decrypt(&text, &[&direct]), Err(JweInvalid::Segments));
    }
    assert_eq!(decrypt(&with_segment(&jwe, 1, "AAAA"), &[&direct]), Err(JweInvalid::Segments));
    assert_eq!(decrypt(&with_segment(&jwe, 0, ""), &[&direct]), Err(JweInvalid::Segments));
    assert_eq!(decrypt(&with_segment(&jwe, 2, "A"), &[&direct]), Err(JweInvalid::Encoding));
    for algorithm in [KeyManagement::EcdhEsA128Kw, KeyManagement::RsaOaep256] {
        let own = key(algorithm);
        let jwe = to(&own, ContentEncryption::A256Gcm);
        for wrapped in ["", "AAAA", &base64url::encode([7; 40]), &base64url::encode([7; 256])] {
            let changed = with_segment(&jwe, 1, wrapped);
            assert_eq!(decrypt(&changed, &[&own]), Err(JweInvalid::Undecipherable), "{algorithm}");
        }
    }
}

#[test]
fn refuses_a_short_tag_or_vector_and_every_changed_byte_of_the_content() {
    for encryption in ContentEncryption::ALL {
        let own = key(KeyManagement::EcdhEs);
        let jwe = to(&own, encryption);
        let segments: Vec<Vec<u8>> = jwe.split('.').map(|part| base64url::decode(part).unwrap()).collect();
        for (index, segment) in segments.iter().enumerate().skip(2) {
            for at in 0..segment.len() {
                let mut changed = segment.clone();
                changed[at] ^= 1;
                let changed = with_segment(&jwe, index, &base64url::encode(changed));
                assert_eq!(
                    decrypt(&changed, &[&own]),
                    Err(JweInvalid::Undecipherable),
                    "{encryption} {index}.{at}"
                );
            }
            for length in [0, 1, 8, segment.len() - 1] {
                let cut = with_segment(&jwe, index, &base64url::encode(&segment[..length]));
                assert_eq!(
                    decrypt(&cut, &[&own]),
                    Err(JweInvalid::Undecipherable),
                    "{encryption} {index} cut"
                );
            }
        }
    }
}

#[test]
fn refuses_what_is_too_long_before_reading_it() {
    let own = key(KeyManagement::EcdhEs);
    let jwe = to(&own, ContentEncryption::A256Gcm);
    let long = with_segment(&jwe, 3, &"A".repeat(MAXIMUM_JWE));
    assert_eq!(decrypt(&long, &[&own]), Err(JweInvalid::TooLong));
    let header = json!({"alg": "ECDH-ES", "enc": "A256GCM", "x": "A".repeat(5000)}).to_string();
    assert_eq!(
        decrypt(&with_segment(&jwe, 0, &base64url::encode(header)), &[&own]),
        Err(JweInvalid::TooLong)
    );
}

#[test]
fn encrypts_to_no_key_of_another_kind_or_off_its_curve() {
    let own = key(KeyManagement::EcdhEs);
    let wrong =
        Recipient { algorithm: KeyManagement::RsaOaep256, ..recipient(&own, ContentEncryption::A256Gcm) };
    assert_eq!(encrypt(PAYLOAD, &wrong, None), Err(EncryptionFailed));
    let mut point = [1; 65];
    point[0] = 4;
    let off = EncryptionKey::EcP256(point);
    let off = Recipient { key: &off, ..recipient(&own, ContentEncryption::A256Gcm) };
    assert_eq!(encrypt(PAYLOAD, &off, None), Err(EncryptionFailed));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_arbitrary_text_panics_or_decrypts(text in "[A-Za-z0-9_.-]{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let own = key(KeyManagement::EcdhEs);
        prop_assert!(decrypt(&text, &[&own]).is_err());
        prop_assert!(Header::parse(&bytes).is_err());
        prop_assert!(DecryptionKey::from_private_jwk(KeyManagement::EcdhEs, &bytes).is_err());
    }
}
