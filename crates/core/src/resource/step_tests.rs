//! The binding table, whole: every scheme, every `cnf`, every certificate and every set of accepted
//! mechanisms against a second, plainer statement of the rule; and the ways around the steps.

use super::*;
use crate::crypto::MacKey;
use crate::dpop::nonce;
use crate::dpop::proof::NonceRequirement;
use crate::encoding::base64url;
use crate::fake_cryptography::FakeCryptography;
use crate::jose::algorithm::AlgorithmSet;
use crate::jose::jwk::PublicKey;
use crate::jose::jws;
use crate::jose::thumbprint::JwkThumbprint;
use crate::mtls::certificate::{CertificateAbsence, ClientCertificate};
use crate::resource::verified::ProvenBinding;
use alloc::string::{String, ToString as _};
use alloc::vec;
use core::time::Duration;
use serde_json::{Value, json};

#[path = "known_tests.rs"]
mod known_senders;

const NOW: i64 = 1_800_000_000;
const OURS: [u8; 65] = [4; 65];
const THEIRS: [u8; 65] = [5; 65];

fn signed(header: &Value, claims: &Value) -> String {
    let input = jws::signing_input(header.to_string().as_bytes(), claims.to_string().as_bytes());
    let signature = FakeCryptography.sha256(&[&input]);
    jws::attach_signature(input, &signature)
}

fn thumbprint(point: [u8; 65]) -> JwkThumbprint {
    JwkThumbprint::of(&PublicKey::EcP256(point), &FakeCryptography)
}

fn certificate(byte: u8) -> PresentedCertificate {
    PresentedCertificate::Present(ClientCertificate::new(vec![byte; 9], vec![], &FakeCryptography))
}

fn none() -> PresentedCertificate {
    PresentedCertificate::Absent(CertificateAbsence::NotOffered)
}

fn x5t(byte: u8) -> String {
    base64url::encode(FakeCryptography.sha256(&[&[byte; 9]]))
}

fn token(cnf: Option<Value>) -> String {
    let mut claims = json!({
        "iss": "https://as.example", "aud": "https://api.example", "sub": "s", "client_id": "c", "jti": "t",
        "iat": NOW - 10, "exp": NOW + 300, "scope": "read write",
    });
    if let Some(cnf) = cnf {
        claims["cnf"] = cnf;
    }
    signed(&json!({"typ": "at+jwt", "alg": "ES256", "kid": "k"}), &claims)
}

fn proof(point: [u8; 65], token: &str) -> String {
    let ath = base64url::encode(FakeCryptography.sha256(&[token.as_bytes()]));
    let jwk = PublicKey::EcP256(point).to_jwk();
    signed(
        &json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}),
        &json!({"jti": "j", "htm": "GET", "htu": "https://api.example/r", "iat": NOW, "ath": ath}),
    )
}

fn identity() -> ResourceIdentity {
    ResourceIdentity {
        bases: vec![PublicBase::parse("https://api.example").unwrap()],
        issuers: vec![TrustedIssuer {
            issuer: "https://as.example".into(),
            audiences: vec!["https://api.example".into()],
            algorithms: AlgorithmSet::DEFAULT,
            clock_skew: Duration::from_secs(10),
        }],
        nonce_scope: "https://api.example".into(),
    }
}

fn keys() -> JwkSet {
    let mut jwk = PublicKey::EcP256([9; 65]).to_jwk();
    jwk.insert("kid".into(), "k".into());
    JwkSet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap()
}

/// A request, owned, so that its parts can be changed one at a time.
struct Sent {
    scheme: &'static str,
    token: String,
    proof: Option<String>,
    certificate: PresentedCertificate,
    mechanisms: AcceptedMechanisms,
}

impl Sent {
    fn started<R>(&self, then: impl FnOnce(Result<Started<'_>, Rejection>, &ResourceIdentity) -> R) -> R {
        let authorization = alloc::format!("{} {}", self.scheme, self.token);
        let authorization = [authorization.as_bytes()];
        let dpop: vec::Vec<&[u8]> = self.proof.iter().map(|proof| proof.as_bytes()).collect();
        let facts = RequestFacts {
            method: "GET",
            path: "/r",
            authorization: &authorization,
            dpop: &dpop,
            token_in_query: false,
            certificate: &self.certificate,
            now: UnixTime::from_seconds(NOW),
        };
        let policy = ResourcePolicy { proof: ProofPolicy::default(), mechanisms: self.mechanisms };
        let identity = identity();
        then(start(&facts, &identity, &policy, None, &FakeCryptography), &identity)
    }

    fn resolved(&self) -> Result<NeedsReplayCheck, Rejection> {
        self.started(|started, identity| match started?.examine(&identity.issuers, false)? {
            Step::NeedsKey(step) => step.resolve(&keys(), &FakeCryptography).map(|(_, next)| next),
            Step::NeedsIntrospection(_) => panic!("a JWT is not introspected"),
        })
    }

    fn verified(&self) -> Result<VerifiedRequest, Rejection> {
        let next = self.resolved()?;
        let outcome = next.replay_entry().map(|_| ReplayOutcome::Inserted);
        next.complete(outcome)
    }

    fn cached(&self) -> Arc<VerifiedAccessToken> {
        self.started(|started, identity| match started.unwrap().examine(&identity.issuers, false).unwrap() {
            Step::NeedsKey(NeedsKey { token, issuer, .. }) => {
                let now = UnixTime::from_seconds(NOW);
                Arc::new(token.verify(keys().keys.iter(), issuer, now, &FakeCryptography).unwrap())
            }
            Step::NeedsIntrospection(_) => panic!("a JWT is not introspected"),
        })
    }
}

fn bound_request() -> Sent {
    let token = token(Some(json!({"jkt": thumbprint(OURS)})));
    let proof = Some(proof(OURS, &token));
    Sent { scheme: "DPoP", token, proof, certificate: none(), mechanisms: AcceptedMechanisms::default() }
}

#[test]
fn a_request_passes_exactly_when_every_key_that_the_token_names_is_proven_and_accepted() {
    let (mut accepted, mut refused) = (0, 0);
    for (jkt, bound_certificate) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut cnf = json!({});
        if jkt {
            cnf["jkt"] = json!(thumbprint(OURS));
        }
        if bound_certificate {
            cnf["x5t#S256"] = json!(x5t(1));
        }
        let token = token((jkt || bound_certificate).then_some(cnf));
        for scheme in ["DPoP", "Bearer"] {
            for point in [None, Some(OURS), Some(THEIRS)] {
                for byte in [None, Some(1), Some(2)] {
                    for flags in 0..8 {
                        let mechanisms = AcceptedMechanisms {
                            dpop: flags & 1 != 0,
                            mtls: flags & 2 != 0,
                            dangerous_bearer: flags & 4 != 0,
                        };
                        let sent = Sent {
                            scheme,
                            token: token.clone(),
                            proof: point.map(|point| proof(point, &token)),
                            certificate: byte.map_or_else(none, certificate),
                            mechanisms,
                        };
                        // The rule, once more: no shared code with the check.
                        let key_proven = scheme == "DPoP" && mechanisms.dpop && point == Some(OURS);
                        let certificate_proven = mechanisms.mtls && byte == Some(1);
                        let expected = match (jkt, bound_certificate) {
                            (false, false) => scheme == "Bearer" && mechanisms.dangerous_bearer,
                            (true, false) => key_proven,
                            (false, true) => scheme == "Bearer" && certificate_proven,
                            (true, true) => key_proven && certificate_proven,
                        };
                        let found = sent.verified();
                        assert_eq!(
                            found.is_ok(),
                            expected,
                            "jkt {jkt}, x5t {bound_certificate}, {scheme}, proof {point:?}, certificate {byte:?}, {mechanisms:?}: {found:?}"
                        );
                        if let Ok(request) = found {
                            let named = request.binding();
                            assert_eq!(matches!(named, ProvenBinding::Bearer), !jkt && !bound_certificate);
                            accepted += 1;
                        } else {
                            refused += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(accepted + refused, 4 * 2 * 3 * 3 * 8);
    assert!(accepted > 0);
}

#[test]
fn a_bound_token_as_bearer_is_refused_with_and_without_proof_and_whatever_is_switched_off() {
    for cnf in [json!({"jkt": thumbprint(OURS)}), json!({"jkt": thumbprint(OURS), "x5t#S256": x5t(1)})] {
        let token = token(Some(cnf));
        for proof in [None, Some(proof(OURS, &token))] {
            for (dpop, mtls) in [(true, true), (false, true), (true, false), (false, false)] {
                let mechanisms = AcceptedMechanisms { dpop, mtls, dangerous_bearer: true };
                let sent = Sent {
                    scheme: "Bearer",
                    token: token.clone(),
                    proof: proof.clone(),
                    certificate: certificate(1),
                    mechanisms,
                };
                assert_eq!(sent.verified().unwrap_err(), Rejection::BoundTokenAsBearer);
            }
        }
    }
}

#[test]
fn a_cached_token_of_another_request_is_refused() {
    let (sent, cached) = (bound_request(), bound_request().cached());
    sent.started(|started, _| assert!(started.unwrap().resume(Arc::clone(&cached)).is_ok()));
    let other = Sent { token: token(Some(json!({"jkt": thumbprint(OURS), "other": 1}))), ..bound_request() };
    let other = Sent { proof: Some(proof(OURS, &other.token)), ..other };
    other.started(|started, _| assert!(started.unwrap().resume(cached).is_err()));
}

#[test]
fn a_cached_token_is_bound_anew_for_every_request() {
    let cached = bound_request().cached();
    let token = bound_request().token;
    let stranger = Sent { proof: Some(proof(THEIRS, &token)), ..bound_request() };
    stranger.started(|started, _| {
        let refused = started.unwrap().resume(Arc::clone(&cached)).unwrap_err();
        assert_eq!(refused.reason(), "proof_key_mismatch");
    });
    let bearer = Sent { scheme: "Bearer", proof: None, ..bound_request() };
    bearer.started(|started, _| {
        assert_eq!(started.unwrap().resume(cached).unwrap_err(), Rejection::BoundTokenAsBearer);
    });
}

#[test]
fn a_cached_token_that_has_expired_is_refused() {
    let sent = bound_request();
    let cached = sent.cached();
    sent.started(|started, _| {
        let started = Started { now: UnixTime::from_seconds(NOW + 300), ..started.unwrap() };
        assert_eq!(started.resume(cached).unwrap_err().reason(), "token_expired");
    });
}

#[test]
fn nothing_but_the_stores_own_yes_completes_a_request_with_a_proof() {
    for (outcome, expected) in [
        (None, Rejection::ReplayStoreUnavailable),
        (Some(ReplayOutcome::Duplicate), Rejection::ProofReplayed),
        (Some(ReplayOutcome::Full), Rejection::ReplayStoreFull),
        (Some(ReplayOutcome::Unavailable), Rejection::ReplayStoreUnavailable),
    ] {
        assert_eq!(bound_request().resolved().unwrap().complete(outcome).unwrap_err(), expected);
    }
    assert!(bound_request().resolved().unwrap().complete(Some(ReplayOutcome::Inserted)).is_ok());
}

#[test]
fn a_request_without_proof_has_no_entry_and_no_outcome_but_none_completes_it() {
    let by_certificate = || {
        let token = token(Some(json!({"x5t#S256": x5t(1)})));
        let mechanisms = AcceptedMechanisms::default();
        Sent { scheme: "Bearer", token, proof: None, certificate: certificate(1), mechanisms }
            .resolved()
            .unwrap()
    };
    assert!(by_certificate().replay_entry().is_none());
    assert!(by_certificate().complete(None).is_ok());
    for outcome in
        [ReplayOutcome::Inserted, ReplayOutcome::Duplicate, ReplayOutcome::Full, ReplayOutcome::Unavailable]
    {
        assert!(by_certificate().complete(Some(outcome)).is_err(), "{outcome:?}");
    }
}

#[test]
fn an_unproven_request_never_learns_anything_of_the_token() {
    // No issuer's key is asked for, and a good token can't be told from a bad one.
    for token in [bound_request().token, "x.y.z".into(), token(None)] {
        let sent = Sent { token, proof: Some(proof(THEIRS, "another token")), ..bound_request() };
        sent.started(|started, _| assert_eq!(started.unwrap_err(), Rejection::ProofTokenHash));
    }
}

#[test]
fn an_opaque_token_is_introspected_only_where_that_is_configured() {
    let token = "opaque-token";
    let sent = Sent { token: token.into(), proof: Some(proof(OURS, token)), ..bound_request() };
    sent.started(|started, identity| {
        let refused = started.unwrap().examine(&identity.issuers, false).unwrap_err();
        assert_eq!(refused.reason(), "token_malformed");
    });
    let answer = |cnf: Value| {
        json!({"active": true, "aud": "https://api.example", "exp": NOW + 1, "cnf": cnf}).to_string()
    };
    for (cnf, expected) in [
        (json!({"jkt": thumbprint(OURS)}), "ok"),
        (json!({"jkt": thumbprint(THEIRS)}), "proof_key_mismatch"),
        (json!({}), "confirmation_unenforceable"),
    ] {
        sent.started(|started, identity| {
            let Ok(Step::NeedsIntrospection(step)) = started.unwrap().examine(&identity.issuers, true) else {
                panic!("{cnf}")
            };
            assert_eq!(step.token(), token);
            let found = step.resolve(answer(cnf).as_bytes(), &identity.issuers[0]);
            assert_eq!(found.map_or_else(|rejection| rejection.reason(), |_| "ok"), expected);
        });
    }
}

#[test]
fn a_nonce_is_demanded_before_anything_is_said_of_the_token() {
    let ring = NonceKeyRing::new(1, MacKey::new([1; 32]));
    let sent = Sent { token: "garbage".into(), proof: Some(proof(OURS, "garbage")), ..bound_request() };
    let authorization = [&b"DPoP garbage"[..]];
    let dpop = [sent.proof.as_ref().unwrap().as_bytes()];
    let facts = RequestFacts {
        method: "GET",
        path: "/r",
        authorization: &authorization,
        dpop: &dpop,
        token_in_query: false,
        certificate: &sent.certificate,
        now: UnixTime::from_seconds(NOW),
    };
    let proof = ProofPolicy { nonce: NonceRequirement::Required, ..ProofPolicy::default() };
    let policy = ResourcePolicy { proof, mechanisms: AcceptedMechanisms::default() };
    let refused = start(&facts, &identity(), &policy, Some(&ring), &FakeCryptography).unwrap_err();
    assert_eq!(refused, Rejection::NonceMissing);
    let nonce = nonce::issue(&ring, "https://api.example", facts.now, [1; 8], &FakeCryptography);
    assert!(!nonce.as_str().is_empty());
}

#[test]
fn every_scope_that_is_required_must_be_there_whole() {
    let request = || bound_request().verified().unwrap();
    assert!(request().require_scope(&["read"]).is_ok());
    assert!(request().require_scope(&["write", "read"]).is_ok());
    assert!(request().require_scope(&[] as &[&str]).is_ok());
    for scopes in [&["admin"][..], &["read", "admin"], &["rea"], &["read write"], &["READ"], &[""]] {
        let refused = request().require_scope(scopes).unwrap_err();
        assert_eq!(refused, Rejection::InsufficientScope(scopes.join(" ").into()));
    }
}

#[test]
fn debug_of_no_step_shows_token_or_proof() {
    let sent = bound_request();
    let mut shown = vec![
        alloc::format!("{:?}", sent.resolved().unwrap()),
        alloc::format!("{:?}", sent.verified().unwrap()),
    ];
    sent.started(|started, identity| {
        let started = started.unwrap();
        shown.push(alloc::format!("{started:?}"));
        shown.push(alloc::format!("{:?}", started.examine(&identity.issuers, false).unwrap()));
    });
    let proof = sent.proof.as_ref().unwrap();
    for text in shown {
        for secret in [
            sent.token.as_str(),
            proof,
            sent.token.rsplit('.').next().unwrap(),
            proof.rsplit('.').next().unwrap(),
        ] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
