//! Choice of issuer and key, and the times of a token; one defect per token is in `vectors/access_token.json`.

use super::*;
use crate::fake_cryptography::FakeCryptography;
use crate::jose::jwk::{JwkSet, PublicKey};
use crate::jose::jws;
use alloc::vec;
use proptest::prelude::*;
use serde_json::json;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

fn issuer(name: &str) -> TrustedIssuer {
    TrustedIssuer {
        issuer: name.into(),
        audiences: vec!["https://api.example".into(), "urn:api".into()],
        algorithms: AlgorithmSet::DEFAULT,
        clock_skew: Duration::from_secs(10),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://as.example", "aud": "urn:api", "sub": "s", "client_id": "c", "jti": "t",
        "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 300, "scope": "read",
    })
}

fn signed(header: &Value, claims: &Value) -> String {
    let input = jws::signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = FakeCryptography.sha256(&[&input]);
    jws::attach_signature(input, &signature)
}

fn keys(kids: &[&str]) -> JwkSet {
    let keys: Vec<_> = kids
        .iter()
        .enumerate()
        .map(|(index, kid)| {
            let mut jwk = PublicKey::EcP256([u8::try_from(index).unwrap(); 65]).to_jwk();
            jwk.insert("kid".into(), (*kid).into());
            jwk
        })
        .collect();
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn verified(header: &Value, claims: &Value, kids: &[&str]) -> Result<VerifiedAccessToken, Rejection> {
    let issuers = [issuer("https://as.example"), issuer("https://b.example")];
    let text = signed(header, claims);
    let (token, issuer) = UnverifiedAccessToken::parse(&text, [0; 32], &issuers)?;
    let keys = keys(kids);
    let key_id = token.key_id().map(String::from);
    let candidates: Vec<_> = keys.candidates(key_id.as_deref(), token.algorithm()).collect();
    token.verify(candidates.into_iter(), issuer, NOW, &FakeCryptography)
}

fn header() -> Value {
    json!({"typ": "at+jwt", "alg": "ES256", "kid": "k"})
}

#[test]
fn gives_back_what_the_token_says() {
    let token = verified(&header(), &claims(), &["k"]).unwrap();
    assert_eq!(token.issuer(), "https://as.example");
    assert_eq!((token.subject(), token.client_id(), token.identifier()), (Some("s"), Some("c"), Some("t")));
    assert!(token.has_scope("read") && !token.has_scope("rea") && !token.has_scope("read write"));
    assert_eq!(token.confirmation(), Confirmation::Unbound);
    assert_eq!(token.claim("aud"), Some(&json!("urn:api")));
}

#[test]
fn a_key_id_chooses_among_the_issuers_own_keys_and_without_one_four_are_tried() {
    assert!(verified(&header(), &claims(), &["other", "k"]).is_ok());
    assert_eq!(verified(&header(), &claims(), &["other"]).unwrap_err(), Rejection::TokenKeyUnknown);
    assert_eq!(verified(&header(), &claims(), &[]).unwrap_err(), Rejection::TokenKeyUnknown);
    let without = json!({"typ": "at+jwt", "alg": "ES256"});
    assert!(verified(&without, &claims(), &["a", "b"]).is_ok());
}

#[test]
fn no_more_than_four_signatures_are_tried_for_one_token() {
    struct Refusing(core::sync::atomic::AtomicUsize);
    impl Cryptography for Refusing {
        fn sha256(&self, parts: &[&[u8]]) -> Sha256Digest {
            FakeCryptography.sha256(parts)
        }
        fn hmac_sha256(&self, key: &crate::crypto::MacKey, parts: &[&[u8]]) -> Sha256Digest {
            FakeCryptography.hmac_sha256(key, parts)
        }
        fn verify_signature(
            &self,
            _: SignatureAlgorithm,
            _: &PublicKey,
            _: &[u8],
            _: &[u8],
        ) -> Result<(), crate::crypto::SignatureInvalid> {
            self.0.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
            Err(crate::crypto::SignatureInvalid)
        }
    }
    let refusing = Refusing(core::sync::atomic::AtomicUsize::new(0));
    let issuers = [issuer("https://as.example")];
    let text = signed(&json!({"typ": "at+jwt", "alg": "ES256"}), &claims());
    let (token, issuer) = UnverifiedAccessToken::parse(&text, [0; 32], &issuers).unwrap();
    let kids: Vec<_> = (0..20).map(|index| alloc::format!("k{index}")).collect();
    let kids: Vec<_> = kids.iter().map(String::as_str).collect();
    let refused = token.verify(keys(&kids).keys.iter(), issuer, NOW, &refusing).unwrap_err();
    assert_eq!(refused, Rejection::TokenSignature);
    assert_eq!(refusing.0.into_inner(), 4);
}

#[test]
fn the_issuer_is_chosen_before_anything_is_verified_and_compared_exactly() {
    for name in ["https://as.example/", "https://AS.example", "https://c.example", ""] {
        let mut claims = claims();
        claims["iss"] = name.into();
        assert_eq!(
            verified(&header(), &claims, &["k"]).unwrap_err(),
            Rejection::TokenIssuer(Claimed::new(name))
        );
    }
}

#[test]
fn exp_has_no_grace_and_nbf_and_iat_have_the_issuers() {
    let now = NOW.as_seconds();
    for (member, value, expected) in [
        ("exp", now + 1, "ok"),
        ("exp", now, "token_expired"),
        ("exp", i64::MIN, "token_expired"),
        ("exp", i64::MAX, "ok"),
        ("nbf", now + 10, "ok"),
        ("nbf", now + 11, "token_not_yet_valid"),
        ("nbf", i64::MAX, "token_not_yet_valid"),
        ("nbf", i64::MIN, "ok"),
        ("iat", now + 10, "ok"),
        ("iat", now + 11, "token_not_yet_valid"),
    ] {
        let mut claims = claims();
        claims[member] = value.into();
        let found =
            verified(&header(), &claims, &["k"]).map_or_else(|rejection| rejection.reason(), |_| "ok");
        assert_eq!(found, expected, "{member} {value}");
    }
}

#[test]
fn introspection_must_say_active_true_and_speak_of_this_issuer() {
    let answer = |changes: Value| {
        let mut answer = json!({"active": true, "aud": "urn:api", "exp": NOW.as_seconds() + 1});
        answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let issuer = issuer("https://as.example");
        let found =
            VerifiedAccessToken::from_introspection(answer.to_string().as_bytes(), [0; 32], &issuer, NOW);
        found.map_or_else(|rejection| rejection.reason(), |_| "ok")
    };
    assert_eq!(answer(json!({})), "ok");
    assert_eq!(answer(json!({"iss": "https://as.example"})), "ok");
    for value in [json!(false), json!("true"), json!(1), json!(null), json!([true])] {
        assert_eq!(answer(json!({ "active": value })), "token_inactive");
    }
    for value in [json!("https://b.example"), json!(null), json!(["https://as.example"])] {
        assert_eq!(answer(json!({ "iss": value })), "token_claim");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", answer in "\\PC{0,200}") {
        let issuers = [issuer("https://as.example")];
        let _ = UnverifiedAccessToken::parse(&text, [0; 32], &issuers);
        prop_assert!(VerifiedAccessToken::from_introspection(answer.as_bytes(), [0; 32], &issuers[0], NOW).is_err());
    }

    #[test]
    fn a_token_never_passes_outside_its_times(exp: i64, nbf: i64, iat: i64) {
        let mut claims = claims();
        claims["exp"] = exp.into();
        claims["nbf"] = nbf.into();
        claims["iat"] = iat.into();
        let inside = exp > NOW.as_seconds() && nbf.max(iat).saturating_sub(10) <= NOW.as_seconds();
        prop_assert_eq!(verified(&header(), &claims, &["k"]).is_ok(), inside);
    }
}

#[test]
fn rejects_an_introspected_dpop_token_that_lost_its_confirmation() {
    let issuer = TrustedIssuer {
        issuer: "https://as.example".into(),
        audiences: vec!["https://api.example".into()],
        algorithms: AlgorithmSet::DEFAULT,
        clock_skew: Duration::from_secs(10),
    };
    let answer = |kind: &str| {
        let answer = serde_json::json!({"active": true, "aud": "https://api.example", "exp": NOW.as_seconds() + 60, "token_type": kind});
        VerifiedAccessToken::from_introspection(answer.to_string().as_bytes(), [0; 32], &issuer, NOW)
            .map(|_| ())
    };
    let lost = Err(Rejection::ConfirmationUnenforceable(ConfirmationInvalid::NothingEnforceable));
    assert_eq!(answer("DPoP"), lost);
    assert_eq!(answer("dpop"), lost);
    assert_eq!(answer("Bearer"), Ok(()));
}
