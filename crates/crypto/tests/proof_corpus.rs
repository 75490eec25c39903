//! Runs the corpus of `vectors/` against the core with real cryptography: one request, one defect, one
//! verdict (DPOP-4.3-19). The guard and the gateway run the same files and must give the same verdicts.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken vector file must stop the test run")]

mod corpus;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::dpop::nonce::NonceKeyRing;
use bindery_core::dpop::proof::{NonceRequirement, ProofPolicy};
use bindery_core::dpop::target::PublicBase;
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::jose::jwk::JwkSet;
use bindery_core::mtls::certificate::{CertificateAbsence, ClientCertificate, PresentedCertificate};
use bindery_core::rejection::Rejection;
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::resource::VerifiedRequest;
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::resource::step::{self, AcceptedMechanisms, ResourceIdentity, ResourcePolicy, Step};
use bindery_core::time::UnixTime;
use bindery_core::token::access_token::TrustedIssuer;
use bindery_crypto::AwsLc;
use serde_json::Value;

use corpus::{Request, Setting};

/// A replay store that remembers exactly as long as it is told to.
#[derive(Default)]
struct ReplayMemory(BTreeMap<Vec<u8>, UnixTime>);

impl ReplayMemory {
    fn check_and_insert(&mut self, entry: ReplayEntry<'_>, now: UnixTime) -> ReplayOutcome {
        self.0.retain(|_, expires_at| *expires_at >= now);
        let mut key = vec![entry.kind.tag()];
        let target = [entry.target.0, entry.target.1].concat();
        for part in [entry.owner, target.as_bytes(), entry.identifier.as_bytes()] {
            key.extend_from_slice(&AwsLc.sha256(&[part]));
        }
        match self.0.insert(key, entry.expires_at) {
            None => ReplayOutcome::Inserted,
            Some(_) => ReplayOutcome::Duplicate,
        }
    }
}

/// The verdict of the core on one request.
fn verdict(setting: &Setting, request: &Request, memory: &mut ReplayMemory) -> &'static str {
    match verify(setting, request, memory) {
        Ok(_) => "accepted",
        Err(rejection) => rejection.reason(),
    }
}

fn verify(
    setting: &Setting,
    request: &Request,
    memory: &mut ReplayMemory,
) -> Result<VerifiedRequest, Rejection> {
    let now = UnixTime::from_seconds(request.now);
    let identity = identity(setting, request);
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
        now,
    };
    let ring = (request.policy.get("nonce") != Some(&Value::from("never"))).then(|| ring(setting));
    let started = step::start(&facts, &identity, &policy(request), ring.as_ref(), &AwsLc)?;
    let next = match started.examine(&identity.issuers, request.introspection.is_some())? {
        Step::NeedsKey(step) => {
            let keys = keys(setting, &step.issuer().issuer);
            step.resolve(&keys, &AwsLc)?.1
        }
        Step::NeedsIntrospection(step) => {
            step.resolve(request.introspection.as_ref().unwrap().as_bytes(), &identity.issuers[0])?.1
        }
    };
    let outcome = next.replay_entry().map(|entry| memory.check_and_insert(entry, now));
    next.complete(outcome)
}

fn identity(setting: &Setting, request: &Request) -> ResourceIdentity {
    let bases = request.policy.get("bases").unwrap_or_else(|| setting.get("bases"));
    ResourceIdentity {
        bases: texts(bases).iter().map(|base| PublicBase::parse(base).unwrap()).collect(),
        issuers: setting.get("issuers").as_array().unwrap().iter().map(issuer).collect(),
        nonce_scope: setting.text("nonce_scope").into(),
    }
}

fn issuer(value: &Value) -> TrustedIssuer {
    TrustedIssuer {
        issuer: value["issuer"].as_str().unwrap().into(),
        audiences: texts(&value["audiences"]),
        algorithms: algorithms(&value["algorithms"]),
        clock_skew: Duration::from_secs(value["clock_skew"].as_u64().unwrap()),
    }
}

fn keys(setting: &Setting, issuer: &str) -> JwkSet {
    let issuers = setting.get("issuers").as_array().unwrap();
    let jwks = &issuers.iter().find(|value| value["issuer"] == issuer).unwrap()["jwks"];
    JwkSet::parse(jwks.to_string().as_bytes()).unwrap()
}

fn policy(request: &Request) -> ResourcePolicy {
    let mut policy =
        ResourcePolicy { proof: ProofPolicy::default(), mechanisms: AcceptedMechanisms::default() };
    for (name, value) in &request.policy {
        match name.as_str() {
            "algorithms" => policy.proof.algorithms = algorithms(value),
            "nonce" if value == "required" => policy.proof.nonce = NonceRequirement::Required,
            "nonce" if value == "never" => {}
            "accepted_since" => {
                policy.proof.accepted_since = Some(UnixTime::from_seconds(value.as_i64().unwrap()));
            }
            "mechanisms" => {
                let names = texts(value);
                let has = |name: &str| names.iter().any(|listed| listed == name);
                policy.mechanisms = AcceptedMechanisms {
                    dpop: has("dpop"),
                    mtls: has("mtls"),
                    dangerous_bearer: has("bearer"),
                };
            }
            "bases" => {}
            other => panic!("unknown policy member `{other}`"),
        }
    }
    policy
}

fn ring(setting: &Setting) -> NonceKeyRing {
    let keys = setting.get("nonce_keys").as_array().unwrap();
    let mut keys = keys.iter().map(|key| {
        let bytes = base64url::decode_array(key["key"].as_str().unwrap()).unwrap();
        (u8::try_from(key["id"].as_u64().unwrap()).unwrap(), MacKey::new(bytes))
    });
    let (id, key) = keys.next().unwrap();
    keys.fold(NonceKeyRing::new(id, key), |ring, (id, key)| ring.with_previous(id, key))
}

fn algorithms(value: &Value) -> AlgorithmSet {
    let named: Vec<_> =
        texts(value).iter().map(|name| SignatureAlgorithm::from_name(name).unwrap()).collect();
    AlgorithmSet::of(&named)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().into()).collect()
}

#[test]
fn every_case_of_the_corpus_gets_its_verdict() {
    let setting = Setting::read();
    let mut wrong = Vec::new();
    let mut count = 0;
    // In the second round the keys of good signatures have tables, which must change nothing.
    for (round, file) in (0..2).flat_map(|round| corpus::FILES.iter().map(move |file| (round, file))) {
        for case in setting.cases(file) {
            let mut memory = ReplayMemory::default();
            for (index, request) in case.requests.iter().enumerate() {
                count += 1 - round;
                let found = verdict(&setting, request, &mut memory);
                if found != request.expect {
                    wrong.push(format!("{round} {} [{index}]: {found}, not {}", case.name, request.expect));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} requests:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 300, "only {count} requests were found");
}

#[test]
fn names_are_unique_and_each_file_has_an_accepted_case_or_says_why_not() {
    let setting = Setting::read();
    let mut names = BTreeSet::new();
    for file in corpus::FILES {
        let cases = setting.cases(file);
        for case in &cases {
            assert!(names.insert(case.name.clone()), "{} occurs twice", case.name);
        }
        // Without one good request a broken setting would pass for a strict verifier.
        let accepted =
            cases.iter().flat_map(|case| &case.requests).any(|request| request.expect == "accepted");
        assert!(accepted, "{file} has no accepted request");
    }
}

#[test]
fn a_refused_request_leaves_nothing_in_the_replay_store() {
    let setting = Setting::read();
    for file in corpus::FILES {
        for case in setting.cases(file).iter().filter(|case| case.requests.len() == 1) {
            let mut memory = ReplayMemory::default();
            let accepted = verify(&setting, &case.requests[0], &mut memory).is_ok();
            assert!(accepted || memory.0.is_empty(), "{}", case.name);
        }
    }
}
