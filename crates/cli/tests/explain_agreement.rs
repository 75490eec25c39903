//! `explain` and the verifiers never disagree: for every request, the first failure that is explained is the
//! very rejection that the protected-request state machine gives. Run over the corpus of `vectors/`, over
//! requests with one or two defects each, and over requests with bytes changed at random.

#![expect(clippy::unwrap_used, reason = "a broken fixture must stop the test run")]

#[path = "../../crypto/tests/corpus/mod.rs"]
mod corpus;
#[path = "explain/fixture.rs"]
mod fixture;

use std::time::Duration;

use bindery_core::crypto::MacKey;
use bindery_core::dpop::nonce::{self, NonceKeyRing};
use bindery_core::dpop::proof::{NonceRequirement, ProofContext, ProofPolicy, verify_proof};
use bindery_core::dpop::target::{PublicBase, TargetUri};
use bindery_core::encoding::base64url;
use bindery_core::explain::{
    ExpectedIssuer, Explanation, ProofExpectation, RequestExpectation, TokenExpectation, explain_proof,
    explain_request,
};
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::jose::jwk::JwkSet;
use bindery_core::mtls::certificate::{CertificateAbsence, ClientCertificate, PresentedCertificate};
use bindery_core::rejection::Rejection;
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::resource::step::{self, AcceptedMechanisms, ResourceIdentity, ResourcePolicy, Step};
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::TrustedIssuer;
use bindery_crypto::AwsLc;
use serde_json::{Value, json};

/// One server, and the requests to it.
struct Server {
    identity: ResourceIdentity,
    policy: ResourcePolicy,
    keys: Vec<(String, JwkSet)>,
    ring: Option<NonceKeyRing>,
    introspects: bool,
}

impl Server {
    /// The verdict of the state machine, up to the replay store. `None`: it would ask for introspection.
    fn verify(&self, facts: &RequestFacts<'_>) -> Option<Result<(), Rejection>> {
        let started = match step::start(facts, &self.identity, &self.policy, self.ring.as_ref(), &AwsLc) {
            Ok(started) => started,
            Err(rejection) => return Some(Err(rejection)),
        };
        match started.examine(&self.identity.issuers, self.introspects) {
            Err(rejection) => Some(Err(rejection)),
            Ok(Step::NeedsIntrospection(_)) => None,
            Ok(Step::NeedsKey(step)) => {
                let issuer = &step.issuer().issuer;
                let keys = &self.keys.iter().find(|(name, _)| name == issuer).unwrap().1;
                Some(step.resolve(keys, &AwsLc).map(|_| ()))
            }
        }
    }

    fn explain(&self, facts: &RequestFacts<'_>) -> Explanation {
        let keys: Vec<_> = self.keys.iter().map(|(name, keys)| (Some(name.as_str()), keys)).collect();
        let expected = RequestExpectation {
            policy: &self.policy,
            bases: &self.identity.bases,
            nonces: self.ring.as_ref().map(|ring| (ring, self.identity.nonce_scope.as_str())),
            token: TokenExpectation {
                issuer: ExpectedIssuer::Listed(&self.identity.issuers),
                keys: &keys,
                introspects: self.introspects,
                certificate: Some(facts.certificate),
                certificate_pem: None,
                now: facts.now,
            },
        };
        explain_request(facts, &expected, &AwsLc)
    }

    /// Fails unless both say the same; returns the reason.
    fn agree(&self, name: &str, facts: &RequestFacts<'_>) -> Option<&'static str> {
        let explanation = self.explain(facts);
        let explained = explanation.rejection();
        match self.verify(facts) {
            None => {
                assert_eq!(explained, None, "{name}: nothing may fail before introspection");
                None
            }
            Some(verified) => {
                let verified = verified.err();
                assert_eq!(explained, verified.as_ref(), "{name}: {:#?}", explanation.findings);
                verified.map(|rejection| rejection.reason())
            }
        }
    }
}

fn server() -> Server {
    let trusted = TrustedIssuer {
        issuer: fixture::ISSUER.into(),
        audiences: vec![fixture::AUDIENCE.into()],
        algorithms: AlgorithmSet::DEFAULT,
        clock_skew: Duration::from_secs(30),
    };
    let keys = JwkSet::parse(fixture::jwks().to_string().as_bytes()).unwrap();
    Server {
        identity: ResourceIdentity {
            bases: vec![PublicBase::parse("https://api.example.com").unwrap()],
            issuers: vec![trusted],
            nonce_scope: "api".into(),
        },
        policy: ResourcePolicy { proof: ProofPolicy::default(), mechanisms: AcceptedMechanisms::default() },
        keys: vec![(fixture::ISSUER.into(), keys)],
        ring: Some(NonceKeyRing::new(1, MacKey::new([7; 32]))),
        introspects: false,
    }
}

fn ask(server: &Server, name: &str, authorization: &[u8], dpop: &[u8]) -> Option<&'static str> {
    let certificate = PresentedCertificate::Absent(CertificateAbsence::NotOffered);
    server.agree(
        name,
        &RequestFacts {
            method: "GET",
            path: "/orders/7",
            authorization: &[authorization],
            dpop: &[dpop],
            token_in_query: false,
            certificate: &certificate,
            now: UnixTime::from_seconds(fixture::NOW),
        },
    )
}

/// Defects of the proof's header and claims; null removes a member.
fn proof_defects() -> Vec<(&'static str, Value)> {
    let other_jwk = fixture::issuer_key().public_key().to_jwk();
    let mut private = fixture::client_key().public_key().to_jwk();
    private.insert("d".into(), "AAAA".into());
    vec![
        ("header", json!({})),
        ("header", json!({"typ": "JWT"})),
        ("header", json!({"typ": null})),
        ("header", json!({"alg": "none"})),
        ("header", json!({"alg": "HS256"})),
        ("header", json!({"alg": "RS256"})),
        ("header", json!({"alg": "ES256"})),
        ("header", json!({"alg": null})),
        ("header", json!({"jwk": null, "kid": "k"})),
        ("header", json!({"jwk": private})),
        ("header", json!({"jwk": other_jwk})),
        ("header", json!({"jwk": "text"})),
        ("header", json!({"crit": ["x"]})),
        ("claims", json!({"jti": null})),
        ("claims", json!({"jti": "x".repeat(257)})),
        ("claims", json!({"htm": "get"})),
        ("claims", json!({"htm": null})),
        ("claims", json!({"htu": "https://api.example.com/orders/7/"})),
        ("claims", json!({"htu": "http://api.example.com/orders/7"})),
        ("claims", json!({"htu": "https://API.example.com:443/orders/7?x=1"})),
        ("claims", json!({"htu": ""})),
        ("claims", json!({"iat": fixture::NOW - 61})),
        ("claims", json!({"iat": fixture::NOW + 31})),
        ("claims", json!({"iat": "now"})),
        ("claims", json!({"iat": null})),
        ("claims", json!({"exp": fixture::NOW - 100})),
        ("claims", json!({"nbf": fixture::NOW + 100})),
        ("claims", json!({"nonce": "unknown"})),
        ("claims", json!({"nonce": ""})),
        ("claims", json!({"ath": "wrong"})),
        ("claims", json!({"ath": null})),
        ("claims", json!({"ath": 1})),
    ]
}

fn token_defects() -> Vec<(&'static str, Value)> {
    vec![
        ("header", json!({})),
        ("header", json!({"typ": "JWT"})),
        ("header", json!({"alg": "HS256"})),
        ("header", json!({"alg": "RS256"})),
        ("header", json!({"kid": "other"})),
        ("claims", json!({"iss": "https://other.example"})),
        ("claims", json!({"iss": null})),
        ("claims", json!({"sub": null})),
        ("claims", json!({"jti": 1})),
        ("claims", json!({"aud": "https://other.example"})),
        ("claims", json!({"aud": ["https://other.example", 1]})),
        ("claims", json!({"exp": fixture::NOW})),
        ("claims", json!({"exp": "later"})),
        ("claims", json!({"exp": null})),
        ("claims", json!({"nbf": fixture::NOW + 31})),
        ("claims", json!({"scope": ["a"]})),
        ("claims", json!({"cnf": {}})),
        ("claims", json!({"cnf": {"jkt": "short"}})),
        ("claims", json!({"cnf": {"jkt": fixture::hash("another key")}})),
        ("claims", json!({"cnf": {"x5t#S256": fixture::hash("a certificate")}})),
        (
            "claims",
            json!({"cnf": {"jkt": fixture::client_key().thumbprint().to_string(),
            "x5t#S256": fixture::hash("a certificate")}}),
        ),
        ("claims", json!({"cnf": null})),
    ]
}

fn changed(base: [Value; 2], defects: &[&(&str, Value)]) -> [Value; 2] {
    let [mut header, mut claims] = base;
    for (part, change) in defects {
        match *part {
            "header" => header = fixture::with(header, change),
            _ => claims = fixture::with(claims, change),
        }
    }
    [header, claims]
}

#[test]
fn every_pair_of_defects_of_a_proof_is_refused_for_the_same_reason() {
    let (server, token, defects) = (server(), fixture::token(), proof_defects());
    let mut reasons = std::collections::BTreeSet::new();
    for first in &defects {
        for second in &defects {
            let base = [fixture::proof_header(), fixture::proof_claims(&token)];
            let [header, claims] = changed(base, &[first, second]);
            let proof = fixture::sign(&fixture::client_key(), &header, &claims);
            let name = format!("{first:?} and {second:?}");
            reasons.extend(ask(&server, &name, format!("DPoP {token}").as_bytes(), proof.as_bytes()));
        }
    }
    assert!(reasons.len() >= 15, "only {reasons:?}");
}

#[test]
fn every_pair_of_defects_of_a_token_is_refused_for_the_same_reason() {
    let (server, defects) = (server(), token_defects());
    let mut reasons = std::collections::BTreeSet::new();
    for first in &defects {
        for second in &defects {
            let [header, claims] =
                changed([fixture::token_header(), fixture::token_claims()], &[first, second]);
            let token = fixture::sign(&fixture::issuer_key(), &header, &claims);
            let proof = fixture::proof(&token);
            for scheme in ["DPoP", "Bearer", "Basic", "DPoP "] {
                let name = format!("{scheme}: {first:?} and {second:?}");
                reasons.extend(ask(&server, &name, format!("{scheme} {token}").as_bytes(), proof.as_bytes()));
            }
        }
    }
    assert!(reasons.len() >= 14, "only {reasons:?}");
}

#[test]
fn presentation_nonces_memory_and_mechanisms_are_judged_alike() {
    let token = fixture::token();
    let (authorization, proof) = (format!("DPoP {token}"), fixture::proof(&token));
    let certificate = PresentedCertificate::Absent(CertificateAbsence::NotOffered);
    let now = UnixTime::from_seconds(fixture::NOW);
    for count in 0..27 {
        let [authorizations, proofs, kind] = [count % 3, count / 3 % 3, count / 9];
        let mut server = server();
        match kind {
            1 => server.policy.mechanisms.dpop = false,
            2 => server.policy.proof.nonce = NonceRequirement::Required,
            _ => server.policy.proof.accepted_since = Some(now),
        }
        let facts = RequestFacts {
            method: "GET",
            path: "/orders/7",
            authorization: &vec![authorization.as_bytes(); authorizations],
            dpop: &vec![proof.as_bytes(); proofs],
            token_in_query: count == 13,
            certificate: &certificate,
            now,
        };
        server.agree(&format!("{authorizations} tokens, {proofs} proofs, kind {kind}"), &facts);
    }
    let mut server = server();
    for (age, future) in [(0, 0), (300, 0), (301, 0), (0, 10)] {
        let made = UnixTime::from_seconds(fixture::NOW - age + future);
        let nonce = nonce::issue(server.ring.as_ref().unwrap(), "api", made, [1; 8], &AwsLc);
        let claims = json!({"nonce": nonce.as_str(), "iat": fixture::NOW - 5_000});
        let claims = fixture::with(fixture::proof_claims(&token), &claims);
        let proof = fixture::sign(&fixture::client_key(), &fixture::proof_header(), &claims);
        for since in [None, Some(now.minus(Duration::from_secs(10)))] {
            server.policy.proof.accepted_since = since;
            ask(
                &server,
                &format!("nonce {age} {future} {since:?}"),
                authorization.as_bytes(),
                proof.as_bytes(),
            );
        }
    }
}

#[test]
fn requests_with_bytes_changed_at_random_are_judged_alike() {
    let (server, token) = (server(), fixture::token());
    let (authorization, proof) = (format!("DPoP {token}"), fixture::proof(&token));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000_003).unwrap()
    };
    let alphabet = b"ABab01-_=+/. \"{\xff";
    for _ in 0..4_000 {
        let mut texts = [authorization.clone().into_bytes(), proof.clone().into_bytes()];
        for _ in 0..=random() % 2 {
            let text = &mut texts[random() % 2];
            let (at, byte) = (random() % text.len(), alphabet[random() % alphabet.len()]);
            match random() % 3 {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        ask(&server, "random", &texts[0], &texts[1]);
    }
}

#[test]
fn a_proof_by_itself_is_judged_as_verify_proof_judges_it() {
    let now = UnixTime::from_seconds(fixture::NOW);
    let bases = [PublicBase::parse("https://api.example.com").unwrap()];
    let target = TargetUri { bases: &bases, path: "/orders/7" };
    let policy = ProofPolicy::default();
    for defect in proof_defects() {
        let [header, claims] = changed([fixture::proof_header(), fixture::proof_claims("t")], &[&defect]);
        let proof = fixture::sign(&fixture::client_key(), &header, &claims);
        let context = ProofContext { method: "GET", target, access_token: None, now, nonces: None };
        let verified = verify_proof(&proof, &policy, &context, &AwsLc).err();
        let expected = ProofExpectation {
            policy: &policy,
            method: Some("GET"),
            target: Some(target),
            access_token: None,
            now,
            nonces: None,
        };
        let explained = explain_proof(&proof, &expected, &AwsLc);
        assert_eq!(explained.rejection(), verified.as_ref(), "{defect:?}");
    }
}

#[test]
fn every_case_of_the_corpus_is_explained_as_it_is_judged() {
    let setting = corpus::Setting::read();
    let mut reasons = std::collections::BTreeSet::new();
    for file in corpus::FILES {
        for case in setting.cases(file) {
            for request in &case.requests {
                let reason = corpus_request(&setting, &case.name, request);
                // What stands on memory or introspection is beyond the comparison.
                assert!(reason.is_none_or(|reason| reason == request.expect), "{}: {reason:?}", case.name);
                reasons.extend(reason);
            }
        }
    }
    assert!(reasons.len() >= 30, "only {reasons:?}");
}

fn corpus_request(setting: &corpus::Setting, name: &str, request: &corpus::Request) -> Option<&'static str> {
    let server = corpus_server(setting, request);
    let certificate = match &request.certificate {
        Some(der) => PresentedCertificate::Present(ClientCertificate::new(der.clone(), vec![], &AwsLc)),
        None => PresentedCertificate::Absent(CertificateAbsence::NotOffered),
    };
    let authorization: Vec<&[u8]> = request.authorization.iter().map(|value| value.as_bytes()).collect();
    let dpop: Vec<&[u8]> = request.dpop.iter().map(|value| value.as_bytes()).collect();
    let facts = RequestFacts {
        method: &request.method,
        path: &request.path,
        authorization: &authorization,
        dpop: &dpop,
        token_in_query: request.token_in_query,
        certificate: &certificate,
        now: UnixTime::from_seconds(request.now),
    };
    server.agree(name, &facts)
}

fn corpus_server(setting: &corpus::Setting, request: &corpus::Request) -> Server {
    let change = |name: &str| request.policy.get(name);
    let mut proof = ProofPolicy::default();
    if let Some(names) = change("algorithms") {
        proof.algorithms = algorithms(names);
    }
    if change("nonce") == Some(&json!("required")) {
        proof.nonce = NonceRequirement::Required;
    }
    proof.accepted_since =
        change("accepted_since").map(|since| UnixTime::from_seconds(since.as_i64().unwrap()));
    let mechanisms = change("mechanisms").map_or_else(AcceptedMechanisms::default, |names| {
        let names = texts(names);
        let has = |name: &str| names.iter().any(|listed| listed == name);
        AcceptedMechanisms { dpop: has("dpop"), mtls: has("mtls"), dangerous_bearer: has("bearer") }
    });
    let issuers = setting.get("issuers").as_array().unwrap();
    let bases = change("bases").unwrap_or_else(|| setting.get("bases"));
    let mut keys = setting.get("nonce_keys").as_array().unwrap().iter().map(|key| {
        let bytes = base64url::decode_array(key["key"].as_str().unwrap()).unwrap();
        (u8::try_from(key["id"].as_u64().unwrap()).unwrap(), MacKey::new(bytes))
    });
    let (id, key) = keys.next().unwrap();
    let ring = keys.fold(NonceKeyRing::new(id, key), |ring, (id, key)| ring.with_previous(id, key));
    Server {
        identity: ResourceIdentity {
            bases: texts(bases).iter().map(|base| PublicBase::parse(base).unwrap()).collect(),
            issuers: issuers
                .iter()
                .map(|value| TrustedIssuer {
                    issuer: value["issuer"].as_str().unwrap().into(),
                    audiences: texts(&value["audiences"]),
                    algorithms: algorithms(&value["algorithms"]),
                    clock_skew: Duration::from_secs(value["clock_skew"].as_u64().unwrap()),
                })
                .collect(),
            nonce_scope: setting.text("nonce_scope").into(),
        },
        policy: ResourcePolicy { proof, mechanisms },
        keys: issuers
            .iter()
            .map(|value| {
                let keys = JwkSet::parse(value["jwks"].to_string().as_bytes()).unwrap();
                (value["issuer"].as_str().unwrap().to_owned(), keys)
            })
            .collect(),
        ring: (change("nonce") != Some(&json!("never"))).then_some(ring),
        introspects: request.introspection.is_some(),
    }
}

fn algorithms(names: &Value) -> AlgorithmSet {
    let named: Vec<_> =
        texts(names).iter().map(|name| SignatureAlgorithm::from_name(name).unwrap()).collect();
    AlgorithmSet::of(&named)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().into()).collect()
}
