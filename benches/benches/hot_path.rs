//! The hot path, side by side in one run: the raw signature verification, our checks without it, our checks
//! with it, and a whole protected request; with tables of known keys and without. `cargo bench --bench hot_path`.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use bindery_benches::{
    Case, Cost, Population, ProvenRequest, SignatureSkipped, busy_memory, guard, interleaved, print_table,
};
use bindery_core::crypto::{Cryptography, MacKey};
use bindery_core::dpop::nonce::NonceKeyRing;
use bindery_core::dpop::proof::{ProofContext, ProofPolicy, verify_proof};
use bindery_core::dpop::target::{PublicBase, TargetUri};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;
use bindery_core::mtls::certificate::{CertificateAbsence, PresentedCertificate};
use bindery_core::rejection::Rejection;
use bindery_core::replay::ReplayOutcome;
use bindery_core::resource::known::KnownSender;
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::resource::step::{self, AcceptedMechanisms, ResourceIdentity, ResourcePolicy};
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_crypto::p256::{SIGNATURES_FOR_A_TABLE, use_tables};
use bindery_resource_server::Decision;
use futures_util::FutureExt as _;
use http::Method;

const NOW: UnixTime = UnixTime::from_seconds(1_750_000_000);
const ROUNDS: usize = 60;
const SLOT: usize = 256;
/// Proofs that the replay memory remembers already: 3,300 requests a second for a minute.
const LIVE: usize = 200_000;

#[expect(clippy::panic, reason = "a benchmark that measures refusals measures nothing")]
fn main() {
    let population = Population::new();
    // Every request spends its proof, so each round has new ones, made just before, as they would arrive.
    let requests = RefCell::new(Vec::new());
    let again = RefCell::new(Vec::new());
    let prepare = || {
        for requests in [&requests, &again] {
            *requests.borrow_mut() = population.requests(SLOT).into_iter().map(Signed::of).collect();
        }
    };
    let bases = [PublicBase::parse("https://api.example.com").unwrap_or_else(|_| unreachable!())];
    let policy = ProofPolicy::default();
    let verify = |index: usize, cryptography: &dyn Cryptography| {
        let Signed { request, .. } = &requests.borrow()[index];
        let context = ProofContext {
            method: "GET",
            target: TargetUri { bases: &bases, path: PATH },
            access_token: Some(&request.token_hash),
            now: NOW,
            nonces: None,
        };
        if let Err(rejection) = verify_proof(&request.proof, &policy, &context, cryptography) {
            panic!("{rejection}");
        }
    };

    let guard = guard(&population, busy_memory(LIVE));
    let absent = PresentedCertificate::Absent(CertificateAbsence::NotOffered);
    let decide = |authorization: &str, proof: &str| {
        let (authorization, dpop) = ([authorization.as_bytes()], [proof.as_bytes()]);
        let facts = facts(&authorization, &dpop, &absent);
        match guard.decide(&Method::GET, &facts).now_or_never() {
            Some(Decision::Admitted(admission)) => drop(black_box(admission)),
            Some(Decision::Refused { rejection, .. } | Decision::Tolerated { rejection, .. }) => {
                panic!("{rejection}")
            }
            None => panic!("a cached token needs no waiting"),
        }
    };
    // The same steps as the guard takes, without the signature: what is left is our own work.
    let identity = ResourceIdentity {
        bases: bases.to_vec(),
        issuers: vec![population.trusted_issuer()],
        nonce_scope: "https://api.example.com".into(),
    };
    let resource = ResourcePolicy { proof: policy.clone(), mechanisms: AcceptedMechanisms::default() };
    let (ring, memory) = (NonceKeyRing::new(0, MacKey::new([1; 32])), busy_memory(LIVE));
    let senders = known_senders(&population, &identity, &resource, &absent);
    let steps = |index: usize| -> Result<(), Rejection> {
        let Signed { request, .. } = &requests.borrow()[index];
        let (authorization, dpop) = ([request.authorization.as_bytes()], [request.proof.as_bytes()]);
        let facts = facts(&authorization, &dpop, &absent);
        let recall = |token: &str| senders.get(token);
        let (started, known) =
            step::start_knowing(&facts, recall, &identity, &resource, Some(&ring), &SignatureSkipped)?;
        let pending = started.resume(Arc::clone(known.ok_or(Rejection::TokenInactive)?.token()))?;
        let outcome = pending.replay_entry().map(|entry| memory.insert_if_absent(&entry, NOW));
        black_box(pending.complete(outcome)?.require_scope(&["orders.read"])?);
        Ok(())
    };
    // Every token is verified before the measurement, as it is in a client's first request, and so often that every
    // key has its table.
    for _ in 0..2 * SIGNATURES_FOR_A_TABLE {
        for request in population.requests(256) {
            decide(&request.authorization, &request.proof);
        }
    }

    let mut cases = [
        Case::new("ES256 verification alone (aws-lc-rs)", |index| {
            let Signed { request, signed, signature } = &requests.borrow()[index];
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &request.point);
            if key.verify(&request.proof.as_bytes()[..*signed], signature).is_err() {
                panic!("the signature is good");
            }
        }),
        Case::new("ES256 verification alone, known key", |index| {
            let Signed { request, signed, signature } = &requests.borrow()[index];
            let key = PublicKey::EcP256(request.point);
            let message = &request.proof.as_bytes()[..*signed];
            use_tables(true);
            if AwsLc.verify_signature(SignatureAlgorithm::Es256, &key, message, signature).is_err() {
                panic!("the signature is good");
            }
        }),
        Case::new("our proof verification, signature skipped", |index| verify(index, &SignatureSkipped)),
        Case::new("our proof verification, whole, without tables", |index| {
            use_tables(false);
            verify(index, &AwsLc);
        }),
        Case::new("our proof verification, whole, known key", |index| {
            use_tables(true);
            verify(index, &AwsLc);
        }),
        Case::new("protected request: all steps, replay memory, signature skipped", |index| {
            if let Err(rejection) = steps(index) {
                panic!("{rejection}");
            }
        }),
        Case::new("protected request: guard, cached token, all checks, without tables", |index| {
            let Signed { request, .. } = &requests.borrow()[index];
            use_tables(false);
            decide(&request.authorization, &request.proof);
        }),
        Case::new("protected request: guard, cached token, all checks, known key", |index| {
            let Signed { request, .. } = &again.borrow()[index];
            use_tables(true);
            decide(&request.authorization, &request.proof);
        }),
    ];
    let costs = interleaved(&mut cases, ROUNDS, SLOT, prepare);
    print_table("Verification (256 clients in turn, one thread)", &cases, &costs);
    report(costs[0], costs[5], costs[6]);
    report(costs[1], costs[5], costs[7]);
}

/// A request, and its proof taken apart for the bare verification.
struct Signed {
    request: ProvenRequest,
    /// How much of the proof is signed.
    signed: usize,
    signature: Vec<u8>,
}

impl Signed {
    fn of(request: ProvenRequest) -> Self {
        let signed = request.proof.rfind('.').unwrap_or_default();
        let signature = base64url::decode(&request.proof[signed + 1..]).unwrap_or_default();
        Self { request, signed, signature }
    }
}

/// What a guard remembers of every client after its first request.
fn known_senders(
    population: &Population,
    identity: &ResourceIdentity,
    policy: &ResourcePolicy,
    absent: &PresentedCertificate,
) -> quick_cache::sync::Cache<Arc<str>, Arc<KnownSender>> {
    let senders = quick_cache::sync::Cache::new(1024);
    let tokens = population.verified_tokens();
    for request in population.requests(tokens.len()) {
        let (authorization, dpop) = ([request.authorization.as_bytes()], [request.proof.as_bytes()]);
        let facts = facts(&authorization, &dpop, absent);
        let started = step::start(&facts, identity, policy, None, &SignatureSkipped).ok();
        let token = started.as_ref().and_then(|started| tokens.get(started.token_digest())).cloned();
        let sender = started.zip(token).and_then(|(started, token)| {
            let request = started.resume(token).ok()?.complete(Some(ReplayOutcome::Inserted)).ok()?;
            KnownSender::of(&request, &facts, &policy.proof, &AwsLc)
        });
        if let Some(sender) = sender {
            senders.insert(Arc::clone(sender.token_text()), Arc::new(sender));
        }
    }
    senders
}

const PATH: &str = "/orders/4711/lines";

fn facts<'r>(
    authorization: &'r [&'r [u8]],
    dpop: &'r [&'r [u8]],
    certificate: &'r PresentedCertificate,
) -> RequestFacts<'r> {
    RequestFacts {
        method: "GET",
        path: PATH,
        authorization,
        dpop,
        token_in_query: false,
        certificate,
        now: NOW,
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's output is its purpose")]
fn report(signature: Cost, steps: Cost, guard: Cost) {
    let share =
        |cost: f64, of: f64| format!("{:.2} µs, {:.1} % of the signature", cost / 1e3, 100.0 * cost / of);
    println!("\nbeside a signature of {:.1} µs", signature.median / 1e3);
    println!("our own work per protected request, signature skipped (bar: 2 µs):");
    println!(
        "  median {}; fastest {}",
        share(steps.median, signature.median),
        share(steps.fastest, signature.fastest)
    );
    println!("the guard's time less the bare signature verification's:");
    let less = |guard: f64, signature: f64| share(guard - signature, signature);
    println!(
        "  median {}; fastest {}",
        less(guard.median, signature.median),
        less(guard.fastest, signature.fastest)
    );
}
