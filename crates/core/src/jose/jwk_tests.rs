//! Keys that must never become a value, one rule each.

use super::*;
use alloc::format;
use alloc::string::ToString;

const X: &str = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs";
const Y: &str = "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA";

fn rejection(text: &str) -> JwkInvalid {
    Jwk::parse(text.as_bytes()).expect_err(text)
}

#[test]
fn accepts_a_p256_key_and_gives_back_the_same_members() {
    let text = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"}}"#);
    let jwk = Jwk::parse(text.as_bytes()).unwrap();
    assert_eq!(Value::Object(jwk.key.to_jwk()), serde_json::from_str::<Value>(&text).unwrap());
}

#[test]
fn rejects_every_private_or_symmetric_member_whatever_its_value() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in ["\"AA\"", "null", "[]", "0", "{}"] {
            let text = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}","{member}":{value}}}"#);
            assert_eq!(rejection(&text), JwkInvalid::PrivateMember, "{text}");
        }
    }
    assert_eq!(rejection(r#"{"kty":"oct"}"#), JwkInvalid::UnsupportedKind);
}

#[test]
fn rejects_coordinates_that_are_short_long_padded_or_not_canonical() {
    for x in ["", "AA", &X[..42], &format!("{X}A"), &format!("{X}="), &format!("{}t", &X[..42])] {
        let text = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{Y}"}}"#);
        assert_eq!(rejection(&text), JwkInvalid::Encoding("x"), "{text}");
    }
}

#[test]
fn rejects_a_missing_or_mistyped_member() {
    assert_eq!(rejection(r#"{"crv":"P-256"}"#), JwkInvalid::MissingMember("kty"));
    assert_eq!(rejection(r#"{"kty":"EC"}"#), JwkInvalid::MissingMember("crv"));
    assert_eq!(rejection(r#"{"kty":"EC","crv":"P-256"}"#), JwkInvalid::MissingMember("x"));
    assert!(matches!(rejection(r#"{"kty":1}"#), JwkInvalid::Json(_)));
    assert!(matches!(rejection(r#"{"kty":"EC","kty":"RSA"}"#), JwkInvalid::Json(_)));
}

#[test]
fn rejects_curves_and_kinds_that_do_not_belong_together() {
    for (kty, crv) in [
        ("EC", "secp256k1"),
        ("EC", "Ed25519"),
        ("EC", "P-521"),
        ("OKP", "P-256"),
        ("OKP", "X25519"),
        ("OKP", "Ed448"),
    ] {
        let text = format!(r#"{{"kty":"{kty}","crv":"{crv}","x":"{X}","y":"{Y}"}}"#);
        assert_eq!(rejection(&text), JwkInvalid::UnsupportedKind, "{text}");
    }
}

#[test]
fn rejects_rsa_keys_that_are_small_huge_even_or_spelled_twice() {
    let key = |modulus: Vec<u8>, exponent: &[u8]| RsaPublicKey::new(modulus, exponent.to_vec());
    let good = |bytes: usize| alloc::vec![0xff; bytes];
    assert!(key(good(256), &[1, 0, 1]).is_ok());
    assert_eq!(key(good(255), &[1, 0, 1]).err(), Some(JwkInvalid::RsaSize));
    assert_eq!(key(good(64), &[1, 0, 1]).err(), Some(JwkInvalid::RsaSize));
    assert_eq!(key(good(1025), &[1, 0, 1]).err(), Some(JwkInvalid::RsaSize));
    assert_eq!(key(good(256), &[1, 0, 0]).err(), Some(JwkInvalid::RsaExponent));
    assert_eq!(key(good(256), &[1]).err(), Some(JwkInvalid::RsaExponent));
    assert_eq!(key(good(256), &[0, 1, 0, 1]).err(), Some(JwkInvalid::RsaLeadingZero));
    assert_eq!(key(good(256), &[]).err(), Some(JwkInvalid::RsaLeadingZero));
    let mut zero_first = good(257);
    zero_first[0] = 0;
    assert_eq!(key(zero_first, &[1, 0, 1]).err(), Some(JwkInvalid::RsaLeadingZero));
    let mut even = good(256);
    even[255] = 0xfe;
    assert_eq!(key(even, &[1, 0, 1]).err(), Some(JwkInvalid::RsaExponent));
    let mut bits_2047 = good(256);
    bits_2047[0] = 0x7f;
    assert_eq!(key(bits_2047, &[1, 0, 1]).err(), Some(JwkInvalid::RsaSize));
}

#[test]
fn rejects_low_order_and_non_canonical_ed25519_points_with_either_sign() {
    let mut points = LOW_ORDER_Y.to_vec();
    for first in 0xed..=0xff {
        let mut y = [0xff; 32];
        y[0] = first;
        y[31] = 0x7f;
        points.push(y);
    }
    for y in points {
        for sign in [0, 0x80] {
            let mut point = y;
            point[31] |= sign;
            let text = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, base64url::encode(point));
            assert_eq!(rejection(&text), JwkInvalid::LowOrderPoint, "{text}");
        }
    }
}

#[test]
fn rejects_a_key_whose_use_operations_or_algorithm_forbid_verifying() {
    for (member, name) in [
        (r#""use":"enc""#, "use"),
        (r#""key_ops":["sign"]"#, "key_ops"),
        (r#""key_ops":[]"#, "key_ops"),
        (r#""alg":"ES384""#, "alg"),
        (r#""alg":"RS256""#, "alg"),
        (r#""alg":"HS256""#, "alg"),
    ] {
        let text = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}",{member}}}"#);
        assert_eq!(rejection(&text), JwkInvalid::NotForVerifying(name), "{text}");
    }
    for member in [r#""use":"sig""#, r#""key_ops":["verify"]"#, r#""alg":"ES256""#, r#""x5u":"https://e/""#] {
        let text = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}",{member}}}"#);
        assert!(Jwk::parse(text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn a_set_skips_what_it_cannot_use_and_says_why() {
    let set = JwkSet::parse(
        format!(r#"{{"keys":[{{"kty":"oct","k":"AA"}},{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}","kid":"1"}}]}}"#)
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(set.keys.len(), 1);
    assert_eq!(set.skipped, [(0, JwkInvalid::PrivateMember)]);
    assert!(set.skipped[0].1.to_string().contains("private"));
    assert_eq!(set.candidates(Some("1"), SignatureAlgorithm::Es256).count(), 1);
    assert_eq!(set.candidates(None, SignatureAlgorithm::Es256).count(), 1);
    assert_eq!(set.candidates(Some("2"), SignatureAlgorithm::Es256).count(), 0);
    assert_eq!(set.candidates(Some("1"), SignatureAlgorithm::Es384).count(), 0);
}
