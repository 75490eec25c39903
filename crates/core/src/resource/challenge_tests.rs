//! The whole table from cause to wire, golden, and the rules that every answer obeys.

use super::*;
use crate::rejection::tests::{ATTACK, every_rejection};
use alloc::format;

/// Reason, status, error. A new cause is written here by hand, after a look at the RFC.
const GOLDEN: &[(&str, u16, &str)] = &[
    ("no_credentials", 401, ""),
    ("duplicate_credentials", 400, "invalid_request"),
    ("token_in_query", 400, "invalid_request"),
    ("authorization_malformed", 400, "invalid_request"),
    ("ambiguous_path", 400, "invalid_request"),
    ("forwarded_certificate_unusable", 400, "invalid_request"),
    ("proof_missing", 401, "invalid_dpop_proof"),
    ("proof_duplicate", 401, "invalid_dpop_proof"),
    ("proof_malformed", 401, "invalid_dpop_proof"),
    ("proof_incomplete", 401, "invalid_dpop_proof"),
    ("proof_type", 401, "invalid_dpop_proof"),
    ("proof_algorithm", 401, "invalid_dpop_proof"),
    ("proof_key", 401, "invalid_dpop_proof"),
    ("proof_key_algorithm", 401, "invalid_dpop_proof"),
    ("proof_signature", 401, "invalid_dpop_proof"),
    ("proof_method", 401, "invalid_dpop_proof"),
    ("proof_target_invalid", 401, "invalid_dpop_proof"),
    ("proof_target", 401, "invalid_dpop_proof"),
    ("nonce_missing", 401, "use_dpop_nonce"),
    ("nonce_unknown", 401, "use_dpop_nonce"),
    ("nonce_stale", 401, "use_dpop_nonce"),
    ("proof_expired", 401, "invalid_dpop_proof"),
    ("proof_from_future", 401, "invalid_dpop_proof"),
    ("proof_own_limits", 401, "invalid_dpop_proof"),
    ("proof_predates_memory", 401, "use_dpop_nonce"),
    ("proof_token_hash", 401, "invalid_dpop_proof"),
    ("proof_replayed", 401, "invalid_dpop_proof"),
    ("token_malformed", 401, "invalid_token"),
    ("token_type", 401, "invalid_token"),
    ("token_algorithm", 401, "invalid_token"),
    ("token_claim", 401, "invalid_token"),
    ("token_issuer", 401, "invalid_token"),
    ("token_key_unknown", 401, "invalid_token"),
    ("token_signature", 401, "invalid_token"),
    ("token_expired", 401, "invalid_token"),
    ("token_not_yet_valid", 401, "invalid_token"),
    ("token_audience", 401, "invalid_token"),
    ("token_inactive", 401, "invalid_token"),
    ("confirmation_unenforceable", 401, "invalid_token"),
    ("bound_token_as_bearer", 401, "invalid_token"),
    ("unbound_token_as_dpop", 401, "invalid_token"),
    ("proof_key_mismatch", 401, "invalid_token"),
    ("certificate_missing", 401, "invalid_token"),
    ("certificate_mismatch", 401, "invalid_token"),
    ("mechanism_not_accepted", 401, "invalid_token"),
    ("unbound_token", 401, "invalid_token"),
    ("insufficient_scope", 403, "insufficient_scope"),
    ("keys_unavailable", 503, "temporarily_unavailable"),
    ("introspection_unavailable", 503, "temporarily_unavailable"),
    ("replay_store_unavailable", 503, "temporarily_unavailable"),
    ("replay_store_full", 503, "temporarily_unavailable"),
];

const SCHEMES: [Option<Scheme>; 3] = [None, Some(Scheme::Dpop), Some(Scheme::Bearer)];

fn context(policy: &ProofPolicy) -> ChallengeContext<'_> {
    ChallengeContext {
        proof: policy,
        mechanisms: AcceptedMechanisms::default(),
        realm: Some("example"),
        resource_metadata: Some("https://api.example/.well-known/oauth-protected-resource"),
        now: UnixTime::from_seconds(1_800_000_000),
    }
}

#[test]
fn every_cause_has_its_status_and_error() {
    let policy = ProofPolicy::default();
    let found: Vec<_> = every_rejection()
        .iter()
        .map(|rejection| {
            let answer = answer(rejection, Some(Scheme::Dpop), &context(&policy));
            let error = answer.body["error"].as_str().unwrap_or("").to_string();
            (rejection.reason(), answer.status, error)
        })
        .collect();
    let golden: Vec<_> =
        GOLDEN.iter().map(|(reason, status, error)| (*reason, *status, error.to_string())).collect();
    assert_eq!(found, golden);
}

#[test]
fn the_error_stands_in_the_challenge_of_the_scheme_that_was_used_and_in_both_when_that_is_not_clear() {
    let policy = ProofPolicy::default();
    for rejection in every_rejection() {
        for used in SCHEMES {
            let answer = answer(&rejection, used, &context(&policy));
            let names_error = |scheme: &str| {
                answer.challenges.iter().any(|text| text.starts_with(scheme) && text.contains("error=\""))
            };
            let attempted = answer.status != 503 && rejection != Rejection::NoCredentials;
            let (dpop, bearer) = (used != Some(Scheme::Bearer), used != Some(Scheme::Dpop));
            assert_eq!(names_error("DPoP "), attempted && dpop, "{rejection:?} {used:?}");
            assert_eq!(names_error("Bearer "), attempted && bearer, "{rejection:?} {used:?}");
        }
    }
}

#[test]
fn nothing_of_the_request_reaches_the_wire() {
    let policy = ProofPolicy::default();
    assert!(ATTACK.contains("EVIL"));
    for rejection in every_rejection() {
        for used in SCHEMES {
            let answer = answer(&rejection, used, &context(&policy));
            let wire = format!("{:?} {}", answer.challenges, answer.body);
            for text in ["EVIL", "evil", "<script", "FACT", "0ZcOCORZ", "A4DtL2Jm"] {
                assert!(!wire.contains(text), "{rejection:?}: {wire}");
            }
        }
    }
}

#[test]
fn every_challenge_is_a_header_value_of_quoted_parameters() {
    let policy = ProofPolicy::default();
    for rejection in every_rejection() {
        for used in SCHEMES {
            for text in answer(&rejection, used, &context(&policy)).challenges {
                assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x5b | 0x5d..=0x7e)), "{text}");
                let (_, parameters) = text.split_once(' ').unwrap();
                for parameter in parameters.split(", ") {
                    let (name, value) = parameter.split_once("=\"").unwrap();
                    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{text}");
                    let inner = value.strip_suffix('"').unwrap();
                    assert!(!inner.is_empty() && !inner.contains('"'), "{text}");
                }
            }
        }
    }
}

#[test]
fn without_an_attempt_both_challenges_come_and_neither_names_an_error() {
    let policy = ProofPolicy::default();
    let bare = ChallengeContext { realm: None, resource_metadata: None, ..context(&policy) };
    let answer = answer(&Rejection::NoCredentials, None, &bare);
    assert_eq!(answer.challenges, ["DPoP algs=\"ES256 EdDSA PS256 ES384\"", "Bearer"]);
    assert_eq!(answer.body, Value::Null);
    assert!(!answer.needs_nonce);
}

#[test]
fn only_schemes_that_could_succeed_are_offered_and_the_one_that_was_tried() {
    let policy = ProofPolicy::default();
    let offered = |dpop, mtls, dangerous_bearer, used| {
        let mechanisms = AcceptedMechanisms { dpop, mtls, dangerous_bearer };
        let answer = answer(
            &Rejection::TokenExpired { expired_at: UnixTime::MIN, now: UnixTime::MIN },
            used,
            &ChallengeContext { mechanisms, ..context(&policy) },
        );
        answer
            .challenges
            .iter()
            .map(|text| text.split(' ').next().unwrap().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(offered(true, false, false, None), "DPoP");
    assert_eq!(offered(false, true, false, None), "Bearer");
    assert_eq!(offered(false, false, true, None), "Bearer");
    assert_eq!(offered(true, false, false, Some(Scheme::Bearer)), "DPoP Bearer");
    assert_eq!(offered(false, true, false, Some(Scheme::Dpop)), "DPoP Bearer");
}

#[test]
fn exactly_the_demands_for_a_nonce_say_that_one_must_go_along() {
    let policy = ProofPolicy::default();
    for rejection in every_rejection() {
        let answer = answer(&rejection, Some(Scheme::Dpop), &context(&policy));
        assert_eq!(answer.needs_nonce, answer.body["error"] == "use_dpop_nonce", "{rejection:?}");
        assert_eq!(answer.retry_after.is_some(), answer.status == 503, "{rejection:?}");
        assert_eq!(answer.challenges.is_empty(), answer.status == 503, "{rejection:?}");
    }
}

#[test]
fn a_client_with_a_wrong_clock_learns_the_time_and_the_window_that_is_really_accepted() {
    let policy = ProofPolicy { future: core::time::Duration::from_secs(86_400), ..ProofPolicy::default() };
    for rejection in every_rejection() {
        let body = answer(&rejection, Some(Scheme::Dpop), &context(&policy)).body;
        if !matches!(rejection.reason(), "proof_expired" | "proof_from_future") {
            assert_eq!(body["server_time"], Value::Null, "{rejection:?}");
            continue;
        }
        assert_eq!(body["server_time"], 1_800_000_000);
        assert_eq!(body["accepted_past_seconds"], 60);
        assert_eq!(body["accepted_future_seconds"], 60, "the hard limit, not what was configured");
    }
}

#[test]
fn a_missing_scope_is_named_and_a_realm_and_the_metadata_are_told() {
    let policy = ProofPolicy::default();
    let rejection = Rejection::InsufficientScope("read write".into());
    let answer = answer(&rejection, Some(Scheme::Dpop), &context(&policy));
    let dpop = &answer.challenges[0];
    for parameter in [
        "realm=\"example\"",
        "error=\"insufficient_scope\"",
        "scope=\"read write\"",
        "algs=\"ES256 EdDSA PS256 ES384\"",
        "resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\"",
    ] {
        assert!(dpop.contains(parameter), "{dpop}");
    }
}
