//! Measures the replay memory beside `Mutex<HashSet<String>>`: bytes per live entry, counted and by the
//! process's resident size, and check-and-inserts per second, at one and ten million live entries.
//! `cargo bench -p bindery-benches --bench replay_memory`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints and may stop")]

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_store::memory::ReplayMemory;

const WINDOW: usize = 120;
const START: i64 = 1_750_000_000;

fn main() {
    println!(
        "| set | live | counted B/entry | RSS B/entry | fill M/s | steady M/s 1 thread | steady M/s 2 threads | slowest call µs |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let choice: Vec<String> = std::env::args().skip(1).collect();
    match choice.as_slice() {
        [set, live] => measure(set, live.parse().unwrap()),
        // Each in its own process: memory that one has freed would blur the resident size of the next.
        _ => {
            for live in ["1000000", "10000000"] {
                for set in ["ours", "hashset"] {
                    let program = std::env::current_exe().unwrap();
                    let output = std::process::Command::new(program).args([set, live]).output().unwrap();
                    let text = String::from_utf8(output.stdout).unwrap();
                    println!("{}", text.lines().last().unwrap_or("failed"));
                }
            }
        }
    }
}

fn measure(set: &str, live: usize) {
    let before = resident();
    match set {
        "ours" => {
            let memory = ReplayMemory::new(live * 5 / 4, UnixTime::from_seconds(START), [9; 16]);
            let insert = |n: usize, second: usize| present(&memory, n, second);
            let fill = fill(live, &insert);
            let resident = resident() - before;
            let counted = memory.memory_bytes();
            let steady = steady(live, 1, &insert);
            let steady_two = steady_two(live, &insert);
            report("ReplayMemory", live, Some(counted), resident, fill, steady, steady_two);
        }
        _ => {
            let memory = Mutex::new(HashSet::new());
            let insert = |n: usize, _second: usize| memory.lock().unwrap().insert(jti(n));
            let fill = fill(live, &insert);
            let resident = resident() - before;
            // It has no expiry at all: this is its speed while it only grows.
            let steady = steady(live, 1, &insert);
            let steady_two = steady_two(live, &insert);
            report("Mutex<HashSet<String>>", live, None, resident, fill, steady, steady_two);
        }
    }
}

fn present(memory: &ReplayMemory, n: usize, second: usize) -> bool {
    let mut buffer = [0u8; 22];
    let entry = ReplayEntry {
        kind: ReplayKind::DpopProof,
        owner: &[0x5a; 32],
        target: ("https://api.example", "/v1/accounts/42/orders"),
        identifier: write_jti(&mut buffer, n),
        expires_at: UnixTime::from_seconds(START + (second + WINDOW) as i64),
    };
    let now = UnixTime::from_seconds(START + second as i64);
    memory.insert_if_absent(&entry, now) == ReplayOutcome::Inserted
}

/// Fills to `live` entries over one window; the rate and the slowest single call.
fn fill(live: usize, insert: &dyn Fn(usize, usize) -> bool) -> (f64, Duration) {
    let mut slowest = Duration::ZERO;
    let begin = Instant::now();
    for n in 0..live {
        let call = Instant::now();
        assert!(insert(n, n * WINDOW / live));
        slowest = slowest.max(call.elapsed());
    }
    (live as f64 / begin.elapsed().as_secs_f64() / 1e6, slowest)
}

/// One further window at the same rate: as many expire as come in.
fn steady(live: usize, from_window: usize, insert: &dyn Fn(usize, usize) -> bool) -> f64 {
    let (begin, begin_on_processor) = (Instant::now(), on_processor());
    for n in 0..live {
        let n = from_window * live + n;
        black_box(insert(n, n * WINDOW / live));
    }
    // On a machine that others use, what counts is the time that we were let run.
    let elapsed = on_processor().zip(begin_on_processor).map(|(now, begin)| now - begin);
    live as f64 / elapsed.unwrap_or_else(|| begin.elapsed()).as_secs_f64() / 1e6
}

fn steady_two<F: Fn(usize, usize) -> bool + Sync>(live: usize, insert: &F) -> f64 {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for n in (half..live).step_by(2) {
                    let n = 2 * live + n;
                    black_box(insert(n, n * WINDOW / live));
                }
            });
        }
    });
    live as f64 / begin.elapsed().as_secs_f64() / 1e6
}

fn report(
    set: &str,
    live: usize,
    counted: Option<usize>,
    resident: usize,
    (fill, slowest): (f64, Duration),
    steady: f64,
    steady_two: f64,
) {
    let per_entry = |bytes: usize| bytes as f64 / live as f64;
    let counted = counted.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", per_entry(bytes)));
    println!(
        "| {set} | {live} | {counted} | {:.1} | {fill:.2} | {steady:.2} | {steady_two:.2} | {} |",
        per_entry(resident),
        slowest.as_micros(),
    );
}

/// 22 characters, as 128 random bits in base64url are.
fn write_jti(buffer: &mut [u8; 22], n: usize) -> &str {
    let mut mixed = (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    for byte in &mut *buffer {
        *byte = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(mixed & 63) as usize];
        mixed >>= 6;
    }
    std::str::from_utf8(buffer).unwrap()
}

fn jti(n: usize) -> String {
    write_jti(&mut [0; 22], n).to_owned()
}

/// How long this thread has run (Linux; `None` elsewhere).
fn on_processor() -> Option<Duration> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    statistics.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The process's resident bytes (Linux; 0 elsewhere).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|text| text.parse().ok());
    kilobytes.unwrap_or(0usize) * 1024
}
