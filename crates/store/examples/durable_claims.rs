//! Measures durable single-use claims in SQLite: answers per second, for callers that come one at a time
//! and for many at once, which share the wait for the disk.
//! `cargo run --release -p bindery-store --example durable_claims [directory]`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints and may stop")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_store::authorization::PendingStore as _;
use bindery_store::sqlite::{SqliteOptions, SqliteStore, Synchronous};

const NOW: UnixTime = UnixTime::from_seconds(1_750_000_000);

#[tokio::main]
async fn main() {
    let directory = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(directory).unwrap();
    println!("| synchronous | callers | claims/s |");
    println!("|---|---:|---:|");
    for synchronous in [Synchronous::Full, Synchronous::Normal] {
        for callers in [1, 16, 256] {
            let path = directory.path().join(format!("{synchronous:?}-{callers}.db"));
            let options = SqliteOptions { synchronous, ..SqliteOptions::default() };
            let store = SqliteStore::open(&path, options).await.unwrap();
            let begin = Instant::now();
            let tasks = (0..callers).map(|caller| {
                let store = store.clone();
                tokio::spawn(async move { claim_for_two_seconds(&store, caller, begin).await })
            });
            let mut claims = 0;
            for task in tasks.collect::<Vec<_>>() {
                claims += task.await.unwrap();
            }
            println!(
                "| {synchronous:?} | {callers} | {:.0} |",
                f64::from(claims) / begin.elapsed().as_secs_f64()
            );
        }
    }
}

async fn claim_for_two_seconds(store: &SqliteStore, caller: u32, begin: Instant) -> u32 {
    let mut claims = 0;
    while begin.elapsed() < Duration::from_secs(2) {
        let entry = ReplayEntry {
            kind: ReplayKind::ClientAssertion,
            owner: &caller.to_le_bytes(),
            target: ("https://server.example", "/token"),
            identifier: &format!("{claims}"),
            expires_at: NOW.plus(Duration::from_secs(60)),
        };
        assert_eq!(store.claim_once(entry, NOW).await, ReplayOutcome::Inserted);
        claims += 1;
    }
    claims
}
