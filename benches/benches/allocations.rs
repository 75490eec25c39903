//! Heap allocations of the hot path, counted by divan's profiler. `cargo bench --bench allocations`.

use bindery_benches::{Population, TARGET, busy_memory, guard};
use bindery_core::dpop::proof::{ProofContext, ProofPolicy, verify_proof};
use bindery_core::dpop::target::{PublicBase, TargetUri};
use bindery_core::mtls::certificate::{CertificateAbsence, PresentedCertificate};
use bindery_core::resource::presentation::RequestFacts;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use divan::{AllocProfiler, Bencher};
use futures_util::FutureExt as _;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const NOW: UnixTime = UnixTime::from_seconds(1_750_000_000);

fn main() {
    divan::main();
}

#[divan::bench]
fn proof_verification(bencher: Bencher<'_, '_>) {
    let request = Population::new().requests(1).remove(0);
    let bases = [PublicBase::parse("https://api.example.com").unwrap_or_else(|_| unreachable!())];
    let policy = ProofPolicy::default();
    bencher.bench_local(|| {
        let context = ProofContext {
            method: "GET",
            target: TargetUri { bases: &bases, path: TARGET.trim_start_matches("https://api.example.com") },
            access_token: Some(&request.token_hash),
            now: NOW,
            nonces: None,
        };
        verify_proof(&request.proof, &policy, &context, &AwsLc).is_ok()
    });
}

#[divan::bench]
fn protected_request(bencher: Bencher<'_, '_>) {
    let population = Population::new();
    let guard = guard(&population, busy_memory(200_000));
    let absent = PresentedCertificate::Absent(CertificateAbsence::NotOffered);
    let decide = |request: &bindery_benches::ProvenRequest| {
        let facts = RequestFacts {
            method: "GET",
            path: TARGET.trim_start_matches("https://api.example.com"),
            authorization: &[request.authorization.as_bytes()],
            dpop: &[request.proof.as_bytes()],
            token_in_query: false,
            certificate: &absent,
            now: NOW,
        };
        guard.decide(&http::Method::GET, &facts).now_or_never().is_some()
    };
    for request in population.requests(256) {
        decide(&request);
    }
    let requests = std::cell::RefCell::new(population.requests(100_000));
    bencher
        .with_inputs(|| requests.borrow_mut().pop())
        .bench_local_values(|request| request.is_some_and(|request| decide(&request)));
}
