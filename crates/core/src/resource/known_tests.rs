//! What a guard remembers of a sender saves work and opens nothing: every way in which the memory could be
//! wrong, old, or used by somebody else.

use super::*;

/// What a guard remembers after `sent` was verified.
fn remembered(sent: &Sent) -> Arc<KnownSender> {
    let request = sent.verified().unwrap();
    let sender =
        sent.facts(NOW, |facts| KnownSender::of(&request, facts, &ProofPolicy::default(), &FakeCryptography));
    Arc::new(sender.unwrap())
}

impl Sent {
    fn facts<R>(&self, now: i64, then: impl FnOnce(&RequestFacts<'_>) -> R) -> R {
        let authorization = alloc::format!("{} {}", self.scheme, self.token);
        let authorization = [authorization.as_bytes()];
        let dpop: vec::Vec<&[u8]> = self.proof.iter().map(|proof| proof.as_bytes()).collect();
        then(&RequestFacts {
            method: "GET",
            path: "/r",
            authorization: &authorization,
            dpop: &dpop,
            token_in_query: false,
            certificate: &self.certificate,
            now: UnixTime::from_seconds(now),
        })
    }

    /// The verdict of a guard that recalls `known` for whatever token it is asked about.
    fn known_as(
        &self,
        known: &Arc<KnownSender>,
        now: i64,
        policy: &ProofPolicy,
    ) -> Result<Remembered, Rejection> {
        let policy = ResourcePolicy { proof: policy.clone(), mechanisms: self.mechanisms };
        self.facts(now, |facts| {
            let recall = |_: &str| Some(Arc::clone(known));
            let (started, known) =
                start_knowing(facts, recall, &identity(), &policy, None, &FakeCryptography)?;
            let Some(known) = known else { return Ok(Remembered::No) };
            let next = started.resume(Arc::clone(known.token()))?;
            let outcome = next.replay_entry().map(|_| ReplayOutcome::Inserted);
            next.complete(outcome).map(|_| Remembered::Yes)
        })
    }
}

#[derive(Debug, PartialEq)]
enum Remembered {
    Yes,
    No,
}

fn policy() -> ProofPolicy {
    ProofPolicy::default()
}

#[test]
fn a_known_sender_is_admitted_with_a_new_proof() {
    let known = remembered(&bound_request());
    assert_eq!(bound_request().known_as(&known, NOW, &policy()), Ok(Remembered::Yes));
}

#[test]
fn the_memory_of_another_token_is_as_if_nothing_were_remembered() {
    let known = remembered(&bound_request());
    let other = token(Some(json!({"jkt": thumbprint(OURS), "x": 1})));
    let sent = Sent { proof: Some(proof(OURS, &other)), token: other, ..bound_request() };
    assert_eq!(sent.known_as(&known, NOW, &policy()), Ok(Remembered::No));
}

#[test]
fn another_key_with_a_known_token_is_refused() {
    let known = remembered(&bound_request());
    let sent = bound_request();
    let stolen = Sent { proof: Some(proof(THEIRS, &sent.token)), ..sent };
    let verdict = stolen.known_as(&known, NOW, &policy());
    assert!(matches!(verdict, Err(Rejection::ProofKeyMismatch { .. })), "{verdict:?}");
}

#[test]
fn a_known_header_over_other_claims_still_needs_its_signature() {
    let known = remembered(&bound_request());
    let sent = bound_request();
    let good = sent.proof.clone().unwrap();
    let (input, _) = good.rsplit_once('.').unwrap();
    let (header, _) = input.split_once('.').unwrap();
    let claims = json!({"jti": "new", "htm": "GET", "htu": "https://api.example/r", "iat": NOW,
        "ath": base64url::encode(FakeCryptography.sha256(&[sent.token.as_bytes()]))});
    let forged =
        alloc::format!("{header}.{}.{}", base64url::encode(claims.to_string()), base64url::encode([0; 64]));
    let verdict = Sent { proof: Some(forged), ..sent }.known_as(&known, NOW, &policy());
    assert_eq!(verdict, Err(Rejection::ProofSignature));
}

#[test]
fn a_known_token_that_has_expired_is_refused() {
    let known = remembered(&bound_request());
    let late = ProofPolicy { past: Duration::from_secs(3600), ..policy() };
    let verdict = bound_request().known_as(&known, NOW + 300, &late);
    assert!(matches!(verdict, Err(Rejection::TokenExpired { .. })), "{verdict:?}");
}

#[test]
fn a_known_token_as_bearer_is_refused() {
    let known = remembered(&bound_request());
    for proof in [None, bound_request().proof] {
        let sent = Sent { scheme: "Bearer", proof, ..bound_request() };
        assert_eq!(sent.known_as(&known, NOW, &policy()), Err(Rejection::BoundTokenAsBearer));
    }
}

#[test]
fn a_known_header_is_read_again_under_a_policy_that_refuses_its_algorithm() {
    let known = remembered(&bound_request());
    let strict = ProofPolicy { algorithms: AlgorithmSet::of(&[SignatureAlgorithm::EdDsa]), ..policy() };
    let verdict = bound_request().known_as(&known, NOW, &strict);
    assert!(matches!(verdict, Err(Rejection::ProofAlgorithm(_))), "{verdict:?}");
}

#[test]
fn nobody_is_remembered_by_the_facts_of_another_request() {
    let request = bound_request().verified().unwrap();
    let other = token(Some(json!({"jkt": thumbprint(OURS), "x": 1})));
    let sent = Sent { proof: Some(proof(OURS, &other)), token: other, ..bound_request() };
    let sender = sent.facts(NOW, |facts| KnownSender::of(&request, facts, &policy(), &FakeCryptography));
    assert!(sender.is_none());
}
