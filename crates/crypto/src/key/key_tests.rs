//! Keys in every form that they come in, and the mistakes made with their files.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::jose::jwk::JwkInvalid;
use serde_json::{Value, json};

use super::*;

/// The private key of RFC 8037 appendix A.1 and the signature of A.4 with it.
const RFC_8037_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const RFC_8037_SIGNING_INPUT: &[u8] = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const RFC_8037_SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/// The private key of RFC 7515 appendix A.3.
const RFC_7515_EC_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

fn round_trip(key: &SigningKey) {
    let signature = key.sign(b"message").unwrap();
    AwsLc.verify_signature(key.algorithm(), key.public_key(), b"message", &signature).unwrap();
}

fn error(result: Result<SigningKey, KeyError>) -> KeyError {
    result.unwrap_err()
}

#[test]
fn every_key_survives_pkcs8_in_der_and_pem() {
    for algorithm in SignatureAlgorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let again = SigningKey::from_pkcs8_der(algorithm, &key.to_pkcs8_der()).unwrap();
        assert_eq!((again.public_key(), again.thumbprint()), (key.public_key(), key.thumbprint()));
        assert_eq!(again.to_pkcs8_der(), key.to_pkcs8_der());
        round_trip(&again);
        let pem = key.to_pkcs8_pem();
        assert!(
            pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("-----END PRIVATE KEY-----\n")
        );
        let again = SigningKey::from_pkcs8_pem(Some(algorithm), &pem).unwrap();
        assert_eq!(again.thumbprint(), key.thumbprint());
        let guessed = SigningKey::from_pkcs8_pem(None, &pem).unwrap();
        assert_eq!(guessed.algorithm(), key.public_key().usual_algorithm());
        assert_eq!(guessed.thumbprint(), key.thumbprint());
    }
}

#[test]
fn reads_the_private_keys_of_the_rfcs() {
    let key = SigningKey::from_private_jwk(RFC_8037_KEY.as_bytes()).unwrap();
    assert_eq!(key.algorithm(), SignatureAlgorithm::EdDsa);
    assert_eq!(base64url::encode(key.sign(RFC_8037_SIGNING_INPUT).unwrap()), RFC_8037_SIGNATURE);
    assert_eq!(key.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let key = SigningKey::from_private_jwk(RFC_7515_EC_KEY.as_bytes()).unwrap();
    assert_eq!(key.algorithm(), SignatureAlgorithm::Es256);
    round_trip(&key);
}

/// The members of a fresh key, as other software would export them.
fn private_jwk(algorithm: SignatureAlgorithm) -> Value {
    let key = SigningKey::generate(algorithm).unwrap();
    let mut jwk = key.public_key().to_jwk();
    let der = key.to_pkcs8_der();
    let text = |bytes: &[u8]| Value::String(base64url::encode(bytes));
    match key.public_key() {
        // The private number of an EC key stands before its public half, that of Ed25519 at the end.
        PublicKey::EcP256(_) => jwk.insert("d".into(), text(&der[36..68])),
        PublicKey::EcP384(_) => jwk.insert("d".into(), text(&der[35..83])),
        PublicKey::Ed25519(_) => jwk.insert("d".into(), text(&der[16..48])),
        PublicKey::Rsa(_) => {
            use x509_cert::der::{Decode as _, Reader as _, SliceReader, asn1::UintRef};
            // RSAPrivateKey (RFC 8017 appendix A.1.2) from byte 26 on: version, n, e, d, p, q, dp, dq, qi.
            let mut reader = SliceReader::new(&der[26..]).unwrap();
            let _ = x509_cert::der::Header::decode(&mut reader).unwrap();
            for name in ["version", "n", "e", "d", "p", "q", "dp", "dq", "qi"] {
                let number = UintRef::decode(&mut reader).unwrap();
                if !["version", "n", "e"].contains(&name) {
                    jwk.insert(name.into(), text(number.as_bytes()));
                }
            }
            reader.finish().unwrap();
            None
        }
    };
    Value::Object(jwk)
}

fn from_jwk(jwk: &Value) -> Result<SigningKey, KeyError> {
    SigningKey::from_private_jwk(&serde_json::to_vec(jwk).unwrap())
}

#[test]
fn reads_private_jwks_of_every_kind() {
    for algorithm in SignatureAlgorithm::ALL {
        let mut jwk = private_jwk(algorithm);
        round_trip(&from_jwk(&jwk).unwrap());
        jwk["alg"] = algorithm.name().into();
        jwk["use"] = "sig".into();
        jwk["key_ops"] = json!(["sign"]);
        jwk["kid"] = "some key".into();
        let key = from_jwk(&jwk).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        round_trip(&key);
    }
}

#[test]
fn rejects_a_private_jwk_whose_halves_differ() {
    for algorithm in SignatureAlgorithm::ALL {
        let (mut jwk, other) = (private_jwk(algorithm), private_jwk(algorithm));
        jwk["d"] = other["d"].clone();
        assert_eq!(error(from_jwk(&jwk)), KeyError::HalvesDiffer, "{algorithm}");
    }
}

#[test]
fn rejects_private_jwks_that_break_a_rule() {
    let mut public: Value = serde_json::from_str(RFC_8037_KEY).unwrap();
    public.as_object_mut().unwrap().remove("d");
    assert_eq!(error(from_jwk(&public)), KeyError::MissingMember("d"));
    let changed = |name: &str, value: Value| {
        let mut jwk: Value = serde_json::from_str(RFC_7515_EC_KEY).unwrap();
        jwk[name] = value;
        error(from_jwk(&jwk))
    };
    assert_eq!(changed("d", "AAAA".into()), KeyError::MemberEncoding("d"));
    assert_eq!(changed("d", "AA==".into()), KeyError::MemberEncoding("d"));
    assert_eq!(changed("d", 1.into()), KeyError::MemberEncoding("d"));
    assert_eq!(changed("key_ops", json!(["verify"])), KeyError::NotForSigning);
    assert_eq!(changed("oth", json!([])), KeyError::MultiPrime);
    assert_eq!(changed("use", "enc".into()), KeyError::Public(JwkInvalid::NotForVerifying("use")));
    assert_eq!(changed("alg", "HS256".into()), KeyError::Public(JwkInvalid::NotForVerifying("alg")));
    assert_eq!(changed("k", "AA".into()), KeyError::Public(JwkInvalid::PrivateMember));
    assert_eq!(changed("x", "AA".into()), KeyError::Public(JwkInvalid::Encoding("x")));
    assert!(matches!(error(from_jwk(&json!({"kty":"oct","k":"AA"}))), KeyError::Public(_)));
    assert!(matches!(error(SigningKey::from_private_jwk(b"{")), KeyError::Public(JwkInvalid::Json(_))));
    assert!(matches!(
        error(SigningKey::from_private_jwk(br#"{"d":"AA","d":"AA"}"#)),
        KeyError::Public(JwkInvalid::Json(_))
    ));
}

#[test]
fn rejects_an_rsa_jwk_without_its_primes() {
    let mut jwk = private_jwk(SignatureAlgorithm::Ps256);
    jwk.as_object_mut().unwrap().remove("p");
    assert_eq!(error(from_jwk(&jwk)), KeyError::MissingMember("p"));
}

#[test]
fn rejects_a_key_of_another_kind_than_the_algorithm_needs() {
    for key in SignatureAlgorithm::ALL.map(|algorithm| SigningKey::generate(algorithm).unwrap()) {
        for algorithm in SignatureAlgorithm::ALL {
            let loaded = SigningKey::from_pkcs8_der(algorithm, &key.to_pkcs8_der());
            if algorithm.fits(key.public_key()) {
                assert_eq!(loaded.unwrap().algorithm(), algorithm);
            } else {
                assert_eq!(error(loaded), KeyError::Rejected(algorithm));
            }
        }
    }
}

#[test]
fn rejects_damaged_pkcs8() {
    for algorithm in SignatureAlgorithm::ALL {
        let der = SigningKey::generate(algorithm).unwrap().to_pkcs8_der();
        for length in 0..der.len() {
            let cut = SigningKey::from_pkcs8_der(algorithm, &der[..length]);
            assert_eq!(error(cut), KeyError::Rejected(algorithm), "{length}");
        }
        let longer = [&der[..], &[0]].concat();
        assert_eq!(error(SigningKey::from_pkcs8_der(algorithm, &longer)), KeyError::Rejected(algorithm));
    }
    let long = vec![0x30; MAXIMUM_KEY + 1];
    assert_eq!(error(SigningKey::from_pkcs8_der(SignatureAlgorithm::Es256, &long)), KeyError::TooLong);
}

#[test]
fn tells_the_usual_mistakes_with_pem_files_apart() {
    let pem = SigningKey::generate(SignatureAlgorithm::Es256).unwrap().to_pkcs8_pem();
    let relabelled = |label: &str| pem.replace("PRIVATE KEY", label);
    let judge = |text: &str| error(SigningKey::from_pkcs8_pem(None, text));
    assert_eq!(judge(&relabelled("ENCRYPTED PRIVATE KEY")), KeyError::Encrypted);
    assert_eq!(judge(&relabelled("RSA PRIVATE KEY")), KeyError::OldFormat("RSA PRIVATE KEY"));
    assert_eq!(judge(&relabelled("EC PRIVATE KEY")), KeyError::OldFormat("EC PRIVATE KEY"));
    assert_eq!(judge(&relabelled("PUBLIC KEY")), KeyError::NoPrivateKey(Some("PUBLIC KEY")));
    assert_eq!(judge(&relabelled("CERTIFICATE")), KeyError::NoPrivateKey(Some("CERTIFICATE")));
    assert_eq!(judge(""), KeyError::NoPrivateKey(None));
    assert_eq!(judge("{}"), KeyError::NoPrivateKey(None));
    assert_eq!(judge(&[pem.as_str(), pem.as_str()].concat()), KeyError::SeveralPrivateKeys);
    assert_eq!(judge(&pem.replace("-----END", "")), KeyError::NotPem);
    assert_eq!(judge(&" ".repeat(MAXIMUM_KEY + 1)), KeyError::TooLong);
    let beside_certificate = [relabelled("CERTIFICATE"), pem.to_string()].concat();
    SigningKey::from_pkcs8_pem(None, &beside_certificate).unwrap();
}

#[test]
fn an_error_and_debug_show_nothing_of_the_private_half() {
    let key = SigningKey::from_private_jwk(RFC_8037_KEY.as_bytes()).unwrap();
    let shown = format!("{key:?}");
    assert_eq!(shown, "SigningKey(EdDSA kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k, private half redacted)");
    let jwk = RFC_8037_KEY.replace("\"x\":\"11", "\"x\":\"12");
    let message = error(SigningKey::from_private_jwk(jwk.as_bytes())).to_string();
    assert!(!message.contains("nWGx"), "{message}");
}

#[test]
fn every_error_names_a_remedy() {
    let errors = [
        KeyError::Generation,
        KeyError::TooLong,
        KeyError::NotPem,
        KeyError::NoPrivateKey(None),
        KeyError::NoPrivateKey(Some("CERTIFICATE")),
        KeyError::SeveralPrivateKeys,
        KeyError::Encrypted,
        KeyError::OldFormat("EC PRIVATE KEY"),
        KeyError::Rejected(SignatureAlgorithm::Es256),
        KeyError::UnknownKind,
        KeyError::Public(JwkInvalid::RsaSize),
        KeyError::MissingMember("d"),
        KeyError::MemberEncoding("d"),
        KeyError::NotForSigning,
        KeyError::MultiPrime,
        KeyError::HalvesDiffer,
    ];
    for error in errors {
        let text = error.to_string();
        let remedies =
            ["; give", "; make", "; use", "; keep", "; export", "; convert", "; decrypt", "; check"];
        assert!(remedies.iter().any(|remedy| text.contains(remedy)), "{text}");
    }
}
