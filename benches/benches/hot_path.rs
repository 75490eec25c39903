//! The hot path, side by side in one run: the raw signature verification, our checks without it, our checks
//! with it, and a whole protected request. `cargo bench --bench hot_path`.

use std::hint::black_box;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use bindery_benches::{
    Case, Population, SignatureSkipped, TARGET, busy_memory, guard, interleaved, print_table,
};
use bindery_core::crypto::Cryptography;
use bindery_core::dpop::proof::{ProofContext, ProofPolicy, verify_proof};
use bindery_core::dpop::target::{PublicBase, TargetUri};
use bindery_core::encoding::base64url;
use bindery_core::mtls::certificate::{CertificateAbsence, PresentedCertificate};
use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_resource_server::Decision;
use futures_util::FutureExt as _;
use http::Method;

const NOW: UnixTime = UnixTime::from_seconds(1_750_000_000);
const ROUNDS: usize = 60;
const SLOT: usize = 256;
/// Proofs that the replay memory remembers already: 16,000 requests a second for a minute.
const LIVE: usize = 1_000_000;

#[expect(clippy::panic, reason = "a benchmark that measures refusals measures nothing")]
fn main() {
    let population = Population::new();
    // The whole request spends its proof, so it needs a new one each time; the others go round.
    let requests = population.requests((ROUNDS + 1) * SLOT);
    let path = TARGET.trim_start_matches("https://api.example.com");
    let bases = [PublicBase::parse("https://api.example.com").unwrap_or_else(|_| unreachable!())];
    let policy = ProofPolicy::default();
    let verify = |index: usize, cryptography: &dyn Cryptography| {
        let request = &requests[index % requests.len()];
        let context = ProofContext {
            method: "GET",
            target: TargetUri { bases: &bases, path },
            access_token: Some(&request.token_hash),
            now: NOW,
            nonces: None,
        };
        if let Err(rejection) = verify_proof(&request.proof, &policy, &context, cryptography) {
            panic!("{rejection}");
        }
    };

    let signed: Vec<(usize, Vec<u8>)> = requests
        .iter()
        .map(|request| {
            let at = request.proof.rfind('.').unwrap_or_default();
            (at, base64url::decode(&request.proof[at + 1..]).unwrap_or_default())
        })
        .collect();

    let guard = guard(&population, busy_memory(LIVE));
    let absent = PresentedCertificate::Absent(CertificateAbsence::NotOffered);
    let decide = |authorization: &str, proof: &str| {
        let facts = RequestFacts {
            method: "GET",
            path,
            authorization: &[authorization.as_bytes()],
            dpop: &[proof.as_bytes()],
            token_in_query: false,
            certificate: &absent,
            now: NOW,
        };
        match guard.decide(&Method::GET, &facts).now_or_never() {
            Some(Decision::Admitted(admission)) => drop(black_box(admission)),
            Some(Decision::Refused { rejection, .. } | Decision::Tolerated { rejection, .. }) => {
                panic!("{rejection}")
            }
            None => panic!("a cached token needs no waiting"),
        }
    };
    // Every token is verified once before the measurement, as it is in a client's first request.
    for request in population.requests(256) {
        decide(&request.authorization, &request.proof);
    }

    let memory = busy_memory(LIVE);
    let owners: Vec<[u8; 32]> = requests.iter().map(|request| request.token_hash).collect();
    let identifiers: Vec<String> = (0..requests.len()).map(|index| format!("{index:022}")).collect();
    let mut cases = [
        Case::new("ES256 verification alone (aws-lc-rs)", |index| {
            let request = &requests[index % requests.len()];
            let (at, signature) = &signed[index % requests.len()];
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &request.point);
            if key.verify(&request.proof.as_bytes()[..*at], signature).is_err() {
                panic!("the signature is good");
            }
        }),
        Case::new("our proof verification, signature skipped", |index| verify(index, &SignatureSkipped)),
        Case::new("our proof verification, whole", |index| verify(index, &AwsLc)),
        Case::new("protected request: guard, cached token, all checks, replay memory", |index| {
            let request = &requests[index];
            decide(&request.authorization, &request.proof);
        }),
        Case::new("  of it: SHA-256 of the access token", |index| {
            let request = &requests[index % requests.len()];
            black_box(AwsLc.sha256(&[&request.authorization.as_bytes()[5..]]));
        }),
        Case::new("  of it: check and insert in the replay memory", |index| {
            let entry = ReplayEntry {
                kind: ReplayKind::DpopProof,
                owner: &owners[index],
                target: (TARGET, ""),
                identifier: &identifiers[index],
                expires_at: NOW.plus(std::time::Duration::from_secs(60)),
            };
            if memory.insert_if_absent(&entry, NOW) != ReplayOutcome::Inserted {
                panic!("every entry is new");
            }
        }),
    ];
    let medians = interleaved(&mut cases, ROUNDS, SLOT);
    print_table("Verification (256 clients in turn, one thread)", &cases, &medians);
    let overhead = (medians[3] - medians[0]) / 1e3;
    report(overhead);
}

#[expect(clippy::print_stdout, reason = "a benchmark's output is its purpose")]
fn report(overhead: f64) {
    println!(
        "\nour own overhead per protected request, above the raw signature verification: {overhead:.2} µs (bar: 2 µs)"
    );
}
