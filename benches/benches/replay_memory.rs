//! The replay memory at one and ten million live entries: bytes per entry and check-and-inserts per second on
//! one thread, beside a locked set of strings. `cargo bench --bench replay_memory`.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_store::memory::ReplayMemory;

const START: i64 = 1_750_000_000;
/// Seconds for which an entry lives.
const WINDOW: i64 = 120;

fn main() {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "\nReplay memory (one thread; live entries held steady while the clock moves)");
    let _ = writeln!(
        out,
        "{:<26} {:>12} {:>14} {:>16} {:>12}",
        "", "live", "bytes/entry", "M inserts/s", "slowest ms"
    );
    for live in [1_000_000, 10_000_000] {
        let (bytes, rate, slowest) = ours(live);
        let _ = writeln!(out, "{:<26} {live:>12} {bytes:>14.1} {rate:>16.2} {slowest:>12.2}", "ReplayMemory");
        let (rate, slowest) = strings(live);
        let _ = writeln!(
            out,
            "{:<26} {live:>12} {:>14} {rate:>16.2} {slowest:>12.2}",
            "Mutex<HashSet<String>>", "-"
        );
    }
}

/// Fills to `live` entries, then goes on for half a window at the rate that keeps that many alive.
fn ours(live: usize) -> (f64, f64, f64) {
    let memory = ReplayMemory::new(live * 2, UnixTime::from_seconds(0), [3; 16]);
    let per_second = live / WINDOW as usize;
    let mut slowest = Duration::ZERO;
    let mut insert = |index: usize| {
        let now = START + (index / per_second) as i64;
        let mut text = [0; 22];
        let identifier = identifier(index, &mut text);
        let entry = ReplayEntry {
            kind: ReplayKind::DpopProof,
            owner: &[5; 32],
            target: ("https://api.example.com/orders", ""),
            identifier,
            expires_at: UnixTime::from_seconds(now + WINDOW),
        };
        let started = index.is_multiple_of(64).then(Instant::now);
        let outcome = memory.insert_if_absent(&entry, UnixTime::from_seconds(now));
        if let Some(started) = started {
            slowest = slowest.max(started.elapsed());
        }
        assert_eq!(outcome, ReplayOutcome::Inserted, "every entry is new, and the bound is not reached");
    };
    (0..live).for_each(&mut insert);
    let measured = live / 2;
    let started = Instant::now();
    (live..live + measured).for_each(&mut insert);
    let rate = measured as f64 / started.elapsed().as_secs_f64() / 1e6;
    let bytes = memory.memory_bytes() as f64 / memory.live_entries_upper_bound() as f64;
    (bytes, rate, slowest.as_secs_f64() * 1e3)
}

/// What one would write in an afternoon; it does not even forget.
fn strings(live: usize) -> (f64, f64) {
    let set = Mutex::new(HashSet::new());
    let mut slowest = Duration::ZERO;
    let mut insert = |index: usize| {
        let mut text = [0; 22];
        let started = index.is_multiple_of(64).then(Instant::now);
        if let Ok(mut set) = set.lock() {
            set.insert(identifier(index, &mut text).to_owned());
        }
        if let Some(started) = started {
            slowest = slowest.max(started.elapsed());
        }
    };
    (0..live).for_each(&mut insert);
    let started = Instant::now();
    (live..live + live / 2).for_each(&mut insert);
    let rate = (live / 2) as f64 / started.elapsed().as_secs_f64() / 1e6;
    (rate, slowest.as_secs_f64() * 1e3)
}

/// A `jti` of 22 characters that no other index has.
fn identifier(index: usize, text: &mut [u8; 22]) -> &str {
    let mut mixed = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in text.iter_mut() {
        *byte = b'a' + (mixed % 26) as u8;
        mixed = mixed / 26 + mixed.rotate_left(17);
    }
    let mut rest = index;
    for byte in text[..8].iter_mut() {
        *byte = b'A' + (rest % 26) as u8;
        rest /= 26;
    }
    std::str::from_utf8(text).unwrap_or_default()
}
