//! Every cause, its texts, and that nothing of the request stands in what the wire hears.

use super::*;
use crate::encoding::json::JsonInvalid;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

/// What an attacker might write into a claim; none of it may reach the wire.
pub(crate) const ATTACK: &str = "\"EVIL\\\r\nSet-Cookie: evil=1<script>\u{202e}";

/// Lists values beside the patterns that they match, so that a new variant without a value here is a
/// compile error.
macro_rules! every {
    ($($pattern:pat => $value:expr),+ $(,)?) => {
        /// One value of every variant, filled with the attacker's text where a request can fill it.
        pub(crate) fn every_rejection() -> Vec<Rejection> {
            use Rejection as R;
            const fn _is_complete(rejection: &Rejection) {
                match rejection { $($pattern => ()),+ }
            }
            alloc::vec![$($value),+]
        }
    };
}

fn claimed() -> Claimed {
    Claimed::new(ATTACK)
}

fn json_invalid() -> JsonInvalid {
    JsonInvalid(ATTACK.into())
}

fn thumbprint() -> JwkThumbprint {
    JwkThumbprint::parse("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I").unwrap()
}

fn certificate() -> CertificateThumbprint {
    CertificateThumbprint::parse("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0").unwrap()
}

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

every! {
    R::NoCredentials => R::NoCredentials,
    R::DuplicateCredentials => R::DuplicateCredentials,
    R::TokenInQuery => R::TokenInQuery,
    R::AuthorizationMalformed(_) => R::AuthorizationMalformed("FACT"),
    R::AmbiguousPath(_) => R::AmbiguousPath("FACT"),
    R::ForwardedCertificateUnusable(_) => R::ForwardedCertificateUnusable("FACT"),
    R::ProofMissing => R::ProofMissing,
    R::ProofDuplicate => R::ProofDuplicate,
    R::ProofMalformed(_) => R::ProofMalformed(JwsMalformed::Header(json_invalid())),
    R::ProofMember(_) => R::ProofMember("FACT"),
    R::ProofType => R::ProofType,
    R::ProofAlgorithm(_) => R::ProofAlgorithm(claimed()),
    R::ProofKey(_) => R::ProofKey(JwkInvalid::Json(json_invalid())),
    R::ProofKeyAlgorithm => R::ProofKeyAlgorithm,
    R::ProofSignature => R::ProofSignature,
    R::ProofMethod { .. } => R::ProofMethod { claimed: claimed(), expected: claimed() },
    R::ProofTargetInvalid(..) => R::ProofTargetInvalid(TargetInvalid::Host, claimed()),
    R::ProofTarget { .. } => R::ProofTarget { claimed: claimed(), expected: claimed() },
    R::NonceMissing => R::NonceMissing,
    R::NonceUnknown => R::NonceUnknown,
    R::NonceStale => R::NonceStale,
    R::ProofExpired { .. } => R::ProofExpired { issued_at: UnixTime::MIN, now: NOW, past: 60 },
    R::ProofFromFuture { .. } => R::ProofFromFuture { issued_at: UnixTime::MAX, now: NOW, future: 30 },
    R::ProofOwnLimits(_) => R::ProofOwnLimits("exp"),
    R::ProofPredatesMemory => R::ProofPredatesMemory,
    R::ProofTokenHash => R::ProofTokenHash,
    R::ProofReplayed => R::ProofReplayed,
    R::TokenMalformed(_) => R::TokenMalformed(JwsMalformed::Payload(json_invalid())),
    R::TokenType => R::TokenType,
    R::TokenAlgorithm(_) => R::TokenAlgorithm(claimed()),
    R::TokenClaim(_) => R::TokenClaim("FACT"),
    R::TokenIssuer(_) => R::TokenIssuer(claimed()),
    R::TokenKeyUnknown => R::TokenKeyUnknown,
    R::TokenSignature => R::TokenSignature,
    R::TokenExpired { .. } => R::TokenExpired { expired_at: UnixTime::MIN, now: NOW },
    R::TokenNotYetValid => R::TokenNotYetValid,
    R::TokenAudience => R::TokenAudience,
    R::TokenInactive => R::TokenInactive,
    R::ConfirmationUnenforceable(_) => R::ConfirmationUnenforceable(ConfirmationInvalid::Thumbprint("FACT")),
    R::BoundTokenAsBearer => R::BoundTokenAsBearer,
    R::UnboundTokenAsDpop => R::UnboundTokenAsDpop,
    R::ProofKeyMismatch { .. } => R::ProofKeyMismatch { proven: thumbprint(), bound: thumbprint() },
    R::CertificateMissing(_) => R::CertificateMissing(CertificateAbsence::NotForwarded),
    R::CertificateMismatch { .. } => R::CertificateMismatch { proven: certificate(), bound: certificate() },
    R::MechanismNotAccepted(_) => R::MechanismNotAccepted("FACT"),
    R::UnboundTokenNotAccepted => R::UnboundTokenNotAccepted,
    R::InsufficientScope(_) => R::InsufficientScope("read".into()),
    R::KeysUnavailable => R::KeysUnavailable,
    R::IntrospectionUnavailable => R::IntrospectionUnavailable,
    R::ReplayStoreUnavailable => R::ReplayStoreUnavailable,
    R::ReplayStoreFull => R::ReplayStoreFull,
}

#[test]
fn reasons_are_unique_and_in_snake_case() {
    let all = every_rejection();
    let reasons: BTreeSet<_> = all.iter().map(Rejection::reason).collect();
    assert_eq!(reasons.len(), all.len());
    for reason in reasons {
        assert!(reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{reason}");
        assert!(!reason.starts_with('_') && !reason.ends_with('_') && !reason.contains("__"), "{reason}");
    }
}

/// `error_description` is 1*( %x20-21 / %x23-5B / %x5D-7E ) (RFC 6750 section 3), and a sentence.
#[test]
fn sentences_end_with_a_period_and_hold_nothing_that_must_be_quoted() {
    for rejection in every_rejection() {
        for text in [rejection.sentence(), rejection.remedy()] {
            assert!(text.ends_with('.'), "{text}");
            assert!(text.starts_with(|first: char| first.is_ascii_uppercase()), "{text}");
            assert!(
                text.bytes().all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
                "{text}"
            );
        }
    }
}

#[test]
fn the_operator_reads_what_was_claimed_on_one_line_and_escaped() {
    for rejection in every_rejection() {
        let facts = match &rejection {
            // What serde says of a place is kept as it is; `describe` never lets a value into it.
            Rejection::ProofMalformed(_) | Rejection::ProofKey(_) | Rejection::TokenMalformed(_) => continue,
            other => format!("{other}"),
        };
        assert!(!facts.contains(['\r', '\n', '\u{202e}']), "{facts}");
        assert!(!facts.is_empty());
    }
    assert!(format!("{}", Rejection::ProofAlgorithm(claimed())).contains("EVIL"));
}

#[test]
fn a_claim_is_cut_to_160_bytes_at_a_character() {
    let long = "\u{1f511}".repeat(100);
    assert_eq!(Claimed::new(&long).0.len(), 160);
    let uneven = format!("a{long}");
    assert_eq!(Claimed::new(&uneven).0.len(), 157);
}

#[test]
fn only_faults_of_freshness_ask_for_a_nonce_and_only_faults_of_the_proof_are_about_it() {
    for rejection in every_rejection() {
        if rejection.asks_for_nonce() {
            assert_eq!(rejection.blame(), Blame::NotFresh, "{rejection:?}");
        }
        let named = rejection.reason().starts_with("proof_") || rejection.reason().starts_with("nonce_");
        let of_the_binding = matches!(rejection, Rejection::ProofKeyMismatch { .. });
        assert_eq!(rejection.is_about_proof(), named && !of_the_binding, "{rejection:?}");
    }
}
