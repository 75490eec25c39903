//! Time, replay memory and order of the checks, with a hand-moved clock. One defect per proof is tested over
//! the corpus in `vectors/`; here are the properties that no list of cases can show.

use super::*;
use crate::crypto::MacKey;
use crate::dpop::nonce::NonceKeyRing;
use crate::dpop::target::PublicBase;
use crate::fake_cryptography::FakeCryptography;
use crate::jose::jws;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use proptest::prelude::*;
use serde_json::{Value, json};

const SCOPE: &str = "https://api.example";

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

fn ring() -> NonceKeyRing {
    NonceKeyRing::new(1, MacKey::new([1; 32]))
}

fn nonce_of(seconds: i64) -> String {
    nonce::issue(&ring(), SCOPE, at(seconds), [7; 8], &FakeCryptography).to_string()
}

fn signed(header: &Value, claims: &Value) -> String {
    let input = jws::signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = FakeCryptography.sha256(&[&input]);
    jws::attach_signature(input, &signature)
}

fn header() -> Value {
    let jwk = PublicKey::EcP256([4; 65]).to_jwk();
    json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk})
}

fn claims(iat: i64) -> Value {
    json!({"jti": "j", "htm": "GET", "htu": "https://api.example/r", "iat": iat})
}

fn proof(iat: i64) -> String {
    signed(&header(), &claims(iat))
}

fn proof_with_nonce(iat: i64, nonce: &str) -> String {
    let mut claims = claims(iat);
    claims["nonce"] = nonce.into();
    signed(&header(), &claims)
}

fn judged(proof: &str, policy: &ProofPolicy, now: i64) -> Result<VerifiedProof, Rejection> {
    let bases = [PublicBase::parse("https://api.example").unwrap()];
    let ring = ring();
    let context = ProofContext {
        method: "GET",
        target: TargetUri { bases: &bases, path: "/r" },
        access_token: None,
        now: at(now),
        nonces: Some((&ring, SCOPE)),
    };
    verify_proof(proof, policy, &context, &FakeCryptography)
}

fn policy(past: u64, future: u64) -> ProofPolicy {
    let seconds = Duration::from_secs;
    ProofPolicy {
        past: seconds(past),
        future: seconds(future),
        nonce_lifetime: seconds(90),
        ..ProofPolicy::default()
    }
}

/// Judges `proof` at every second of `seconds` and holds each acceptance against what all acceptances say of
/// how long the store must remember.
fn no_second_is_both_accepted_and_forgotten(
    proof: &str,
    policy: &ProofPolicy,
    seconds: core::ops::RangeInclusive<i64>,
) -> usize {
    let accepted: Vec<_> = seconds
        .filter_map(|now| judged(proof, policy, now).ok().map(|proof| (now, proof.replay_entry().expires_at)))
        .collect();
    for (first_use, remembered_until) in &accepted {
        for (later, _) in accepted.iter().filter(|(later, _)| later >= first_use) {
            assert!(
                at(*later) <= *remembered_until,
                "used at {first_use}, forgotten after {remembered_until}, passes at {later}"
            );
        }
    }
    accepted.len()
}

#[test]
fn at_no_second_is_a_proof_accepted_by_time_and_forgotten_by_the_store() {
    for (past, future) in [(60, 30), (0, 0), (1, 60), (300, 60), (60, 3600)] {
        let policy = policy(past, future);
        for iat in [1000, 1030, 970] {
            let accepted = no_second_is_both_accepted_and_forgotten(&proof(iat), &policy, 0..=2000);
            assert_eq!(accepted as u64, past + future.min(60) + 1, "past {past}, future {future}");
        }
    }
}

#[test]
fn the_operator_reads_what_htu_claims_without_query_fragment_and_user_information() {
    for (target, shown) in [
        ("https://api.example/other?code=secret", "\"https://api.example/other\""),
        ("https://api.example/users/@me#secret", "\"https://api.example/users/@me\""),
        ("http://api.example/r?code=secret", "\"http://api.example/r\""),
        ("https://user:secret@api.example/r", "\"[..]@api.example/r\""),
        ("https://user:secret @api.example/r", "\"[..]@api.example/r\""),
    ] {
        let mut claims = claims(1000);
        claims["htu"] = target.into();
        let rejection = judged(&signed(&header(), &claims), &policy(60, 30), 1000).unwrap_err().to_string();
        assert!(rejection.contains(shown), "{rejection}");
        assert!(!rejection.contains("secret"), "{rejection}");
    }
}

#[test]
fn at_no_second_is_a_proof_with_a_nonce_accepted_and_forgotten() {
    for requirement in [NonceRequirement::Optional, NonceRequirement::Required] {
        let policy = ProofPolicy { nonce: requirement, ..policy(60, 30) };
        for iat in [1000, 0, 5000, i64::MIN, i64::MAX] {
            let proof = proof_with_nonce(iat, &nonce_of(1000));
            // 90 s of life, and 5 s in which another node's clock may be behind.
            assert_eq!(no_second_is_both_accepted_and_forgotten(&proof, &policy, 0..=2000), 96, "{iat}");
        }
    }
}

#[test]
fn a_proof_used_before_the_memory_began_never_passes_after() {
    for iat in 900..=1100 {
        let proof = proof(iat);
        for since in [990, 1000, 1010] {
            let old = policy(60, 30);
            let used_before = (900..=since).any(|now| judged(&proof, &old, now).is_ok());
            let new = ProofPolicy { accepted_since: Some(at(since)), ..old };
            let passes_after = (since..=1200).any(|now| judged(&proof, &new, now).is_ok());
            assert!(!(used_before && passes_after), "iat {iat}, memory since {since}");
        }
    }
}

#[test]
fn a_nonce_from_before_the_memory_began_never_passes_after() {
    let policy =
        ProofPolicy { nonce: NonceRequirement::Required, accepted_since: Some(at(1000)), ..policy(60, 30) };
    for made_at in 900..=1000 {
        let proof = proof_with_nonce(made_at, &nonce_of(made_at));
        for now in 1000..=1090 {
            let refused = judged(&proof, &policy, now).unwrap_err();
            assert!(refused.asks_for_nonce(), "nonce of {made_at} at {now}: {refused:?}");
        }
    }
    assert!(judged(&proof_with_nonce(1001, &nonce_of(1001)), &policy, 1001).is_ok());
}

#[test]
fn a_proof_that_may_be_older_than_the_memory_is_met_with_a_demand_for_a_nonce() {
    let policy = ProofPolicy { accepted_since: Some(at(1000)), ..policy(60, 30) };
    assert_eq!(judged(&proof(1000), &policy, 1001).unwrap_err(), Rejection::ProofPredatesMemory);
    assert_eq!(judged(&proof(1030), &policy, 1030).unwrap_err(), Rejection::ProofPredatesMemory);
    assert!(judged(&proof(1031), &policy, 1031).is_ok());
    assert!(judged(&proof_with_nonce(1000, &nonce_of(1002)), &policy, 1003).is_ok());
}

#[test]
fn times_at_the_ends_of_the_integers_never_wrap() {
    for policy in [policy(60, 30), policy(u64::MAX, u64::MAX), policy(0, 0)] {
        for accepted_since in [None, Some(UnixTime::MIN), Some(UnixTime::MAX)] {
            let policy = ProofPolicy { accepted_since, ..policy.clone() };
            for iat in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX] {
                for now in [i64::MIN, -1, 0, 1_800_000_000, i64::MAX] {
                    let (iat_wide, now_wide) = (i128::from(iat), i128::from(now));
                    let young = iat_wide + i128::from(policy.past.as_secs().min(i64::MAX as u64)) >= now_wide;
                    let not_ahead = iat_wide <= now_wide + i128::from(policy.future().as_secs());
                    let accepted = judged(&proof(iat), &policy, now).is_ok();
                    assert!(!accepted || (young && not_ahead), "iat {iat} at {now}");
                    if accepted_since.is_none() {
                        assert_eq!(accepted, young && not_ahead, "iat {iat} at {now}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_policy_cannot_reach_further_ahead_than_the_hard_limit() {
    let policy = policy(60, 86_400);
    assert!(judged(&proof(1060), &policy, 1000).is_ok());
    assert_eq!(judged(&proof(1061), &policy, 1000).unwrap_err().reason(), "proof_from_future");
}

#[test]
fn a_required_nonce_is_missed_even_where_no_nonces_are_given() {
    let bases = [PublicBase::parse("https://api.example").unwrap()];
    let target = TargetUri { bases: &bases, path: "/r" };
    let context = ProofContext { method: "GET", target, access_token: None, now: at(1000), nonces: None };
    let policy = ProofPolicy { nonce: NonceRequirement::Required, ..policy(60, 30) };
    for proof in [proof(1000), proof_with_nonce(1000, &nonce_of(1000))] {
        let refused = verify_proof(&proof, &policy, &context, &FakeCryptography).unwrap_err();
        assert_eq!(refused, Rejection::NonceMissing);
    }
}

#[test]
fn ath_is_ignored_where_no_token_comes_along() {
    for ath in ["", "x", "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"] {
        let mut claims = claims(1000);
        claims["ath"] = ath.into();
        assert!(judged(&signed(&header(), &claims), &policy(60, 30), 1000).is_ok(), "{ath}");
    }
}

#[test]
fn the_replay_entry_names_key_target_as_signed_and_identifier() {
    let mut claims = claims(1000);
    claims["htu"] = "https://API.example/r?query#fragment".into();
    let verified = judged(&signed(&header(), &claims), &policy(60, 30), 1010).unwrap();
    let entry = verified.replay_entry();
    assert_eq!(entry.kind, ReplayKind::DpopProof);
    assert_eq!(entry.owner, verified.thumbprint().as_bytes());
    assert_eq!(entry.target, ("https://API.example/r", ""));
    assert_eq!(entry.identifier, "j");
    assert_eq!(entry.expires_at, at(1060));
}

/// Says how often a signature was looked at.
struct Counting(core::sync::atomic::AtomicUsize);

impl Cryptography for Counting {
    fn sha256(&self, parts: &[&[u8]]) -> Sha256Digest {
        FakeCryptography.sha256(parts)
    }
    fn hmac_sha256(&self, key: &MacKey, parts: &[&[u8]]) -> Sha256Digest {
        FakeCryptography.hmac_sha256(key, parts)
    }
    fn verify_signature(
        &self,
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), crate::crypto::SignatureInvalid> {
        self.0.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        FakeCryptography.verify_signature(algorithm, key, message, signature)
    }
}

#[test]
fn no_signature_is_verified_for_a_proof_that_a_cheaper_check_refuses() {
    let bases = [PublicBase::parse("https://api.example").unwrap()];
    let context = ProofContext {
        method: "GET",
        target: TargetUri { bases: &bases, path: "/r" },
        access_token: Some(&[1; 32]),
        now: at(1000),
        nonces: None,
    };
    let changed = |name: &str, value: Value| {
        let mut claims = claims(1000);
        claims[name] = value;
        signed(&header(), &claims)
    };
    for proof in [
        "A".repeat(MAXIMUM_PROOF + 1),
        changed("jti", "A".repeat(MAXIMUM_IDENTIFIER + 1).into()),
        changed("htm", "POST".into()),
        changed("htu", "https://api.example/other".into()),
        changed("iat", 0.into()),
        changed("ath", "x".into()),
        proof(1000),
    ] {
        let counting = Counting(core::sync::atomic::AtomicUsize::new(0));
        assert!(verify_proof(&proof, &policy(60, 30), &context, &counting).is_err());
        assert_eq!(counting.0.into_inner(), 0, "{}", &proof[..20]);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_rejection_can_be_told(text in "\\PC{0,200}", now: i64) {
        if let Err(rejection) = judged(&text, &ProofPolicy::default(), now) {
            prop_assert!(!rejection.to_string().is_empty());
        }
    }

    #[test]
    fn no_claims_make_it_panic_and_what_passes_is_what_was_asked(
        jti in "\\PC{0,300}", htm in "GET|POST|\\PC{0,8}", htu in "https://api.example/r|\\PC{0,40}",
        iat: i64, now: i64, past: u64, future: u64,
    ) {
        let claims = json!({"jti": jti, "htm": htm, "htu": htu, "iat": iat});
        if let Ok(verified) = judged(&signed(&header(), &claims), &policy(past, future), now) {
            prop_assert_eq!(htm, "GET");
            prop_assert!(!jti.is_empty() && jti.len() <= MAXIMUM_IDENTIFIER);
            prop_assert!(verified.replay_entry().expires_at >= at(now));
            prop_assert!(iat.saturating_sub(now) <= 60);
        }
    }

    #[test]
    fn any_single_changed_byte_refuses_the_proof(index in 0_usize..400, byte in 0x21_u8..0x7f) {
        let good = proof(1000);
        let mut changed = good.clone().into_bytes();
        let index = index % changed.len();
        changed[index] = byte;
        let changed = String::from_utf8(changed).unwrap();
        prop_assume!(changed != good);
        prop_assert!(judged(&changed, &policy(60, 30), 1000).is_err());
    }
}
