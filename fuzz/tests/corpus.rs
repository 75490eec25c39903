//! Runs every target over its seed corpus and simple mutations of it, on stable Rust: what continuous
//! integration can do without a fuzzer. `cargo test --no-default-features`.

use std::path::Path;

use bindery_fuzz::{TARGETS, Verdict};

/// A small generator of numbers, so that a failure comes back with the same input.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).unwrap()
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn every_target_holds_over_its_corpus_and_its_mutations() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 3, "{name} has no corpus");
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let mut accepted = 0;
        for seed in &seeds {
            accepted += usize::from(target(seed) == Verdict::Accepted);
            for end in (0..seed.len()).step_by(seed.len() / 64 + 1) {
                target(&seed[..end]);
                target(&seed[end..]);
            }
            for _ in 0..300 {
                let mut changed = seed.clone();
                for _ in 0..=numbers.below(3) {
                    mutate(&mut changed, &seeds, &mut numbers);
                }
                target(&changed);
            }
        }
        assert!(
            accepted >= 2,
            "{name}: {accepted} seeds get through, so the end of the parser is never reached"
        );
    }
}

/// Bytes that mean something to one of the parsers.
const TELLING: &[u8] = b"\"\\{}[],:.=%&/@ \n\0\xff09azAZ";

fn mutate(data: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(data.len());
    match numbers.below(5) {
        0 if !data.is_empty() => data[at] ^= 1 << numbers.below(8),
        1 if !data.is_empty() => drop(data.remove(at)),
        2 => data.insert(at, TELLING[numbers.below(TELLING.len())]),
        3 if !data.is_empty() => {
            let end = (at + numbers.below(16)).min(data.len());
            let piece = data[at..end].to_vec();
            data.splice(at..at, piece);
        }
        _ => {
            let other = &seeds[numbers.below(seeds.len())];
            let from = numbers.below(other.len());
            data.truncate(at);
            data.extend_from_slice(&other[from..]);
        }
    }
}
