//! Tokens per second over real TLS connections with keep-alive: the released binary as a process of its own, and
//! the load generator beside it on the same cores. Assertions and proofs are signed between the rounds, outside
//! the measured time; everything else of the generator is inside. Rounds take turns over all cases, so that
//! whatever else the machine does hits all alike; beside the rate stands what each process spent in CPU time,
//! which hardly depends on neighbours.
//!
//! `cargo build --release -p bindery && cargo bench -p bindery-benches --bench token_rates`; `-- million` issues a
//! million tokens and shows what the server then holds.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark of failures measures nothing")]

mod case;
mod estate;
mod prepared;
mod walk;
mod wire;

use std::time::{Duration, Instant};

use case::{Case, Kind};
use estate::{Backend, Estate};

/// How often each case is measured, unless `ROUNDS` says otherwise. `CASES` chooses cases by a part of their names.
const ROUNDS: usize = 7;
/// For so long after a start a proof could be older than a memory without disk, and is met with a nonce.
const SETTLING: Duration = Duration::from_secs(35);
/// Connections that are kept alive, each with one request under way.
pub(crate) const CONNECTIONS: usize = 32;

fn main() {
    if !estate::binary().is_file() {
        println!(
            "token_rates: skipped; it drives the released binary: `cargo build --release -p bindery` first"
        );
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if std::env::args().any(|argument| argument == "million") {
        runtime.block_on(million());
    } else {
        runtime.block_on(rates());
    }
}

async fn rates() {
    let mut estates = Vec::new();
    for backend in [Backend::Memory, Backend::Sqlite, Backend::Postgres] {
        match Estate::start(backend).await {
            Some(estate) => estates.push(estate),
            None => println!("{}: skipped, PostgreSQL is not installed", backend.name()),
        }
    }
    tokio::time::sleep(SETTLING).await;
    let wanted = std::env::var("CASES").unwrap_or_default();
    let mut cases = Vec::new();
    for estate in &estates {
        for kind in Kind::ALL {
            let named = format!("{} {}", estate.backend.name(), kind.name());
            if kind.runs_on(estate.backend) && named.contains(&wanted) {
                cases.push(Case::new(estate, kind).await);
            }
        }
    }
    let rounds = std::env::var("ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    for round in 0..=rounds {
        for case in &mut cases {
            case.run(round > 0).await;
        }
    }
    println!(
        "{:<10} {:<44} {:>9} {:>9} {:>10} {:>12}",
        "store", "what", "median/s", "best/s", "server µs", "generator µs"
    );
    for case in &cases {
        let sum = case.sum();
        println!(
            "{:<10} {:<44} {:>9.0} {:>9.0} {:>10.0} {:>12.0}",
            case.estate.backend.name(),
            case.kind.name(),
            sum.median,
            sum.best,
            sum.server_micros,
            sum.generator_micros
        );
    }
    for estate in &estates {
        let (resident, highest) = estate.resident();
        println!("{:<10} resident {resident:.1} MiB, highest {highest:.1} MiB", estate.backend.name());
    }
}

/// A million tokens, bound by DPoP, to clients that authenticate by assertion; all state in memory.
async fn million() {
    let estate = Estate::start(Backend::Memory).await.unwrap();
    tokio::time::sleep(SETTLING).await;
    let mut case = Case::new(&estate, Kind::AssertionAndProof).await;
    let (resident, _) = estate.resident();
    println!("at the start: resident {resident:.1} MiB");
    let (begun, mut issued) = (Instant::now(), 0);
    while issued < 1_000_000 {
        issued += case.run(true).await;
        if issued % 100_000 < case.kind.slot() {
            let (resident, highest) = estate.resident();
            let seconds = begun.elapsed().as_secs();
            println!("{issued} tokens, {seconds} s: resident {resident:.1} MiB, highest {highest:.1} MiB");
        }
    }
    let (resident, highest) = estate.resident();
    println!(
        "{issued} tokens, at {:.0}/s while measured: resident {resident:.1} MiB, highest {highest:.1} MiB",
        case.sum().median
    );
}
