//! Interleaved measurement: all cases take turns in short slots of one process, so that whatever else the
//! machine does hits all alike, and medians and their ratios can be trusted where absolute times can't.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

/// One measured case.
pub struct Case<'a> {
    /// What it is called in the table.
    pub name: &'a str,
    /// Does the work of one operation of a round; the argument counts from 0.
    pub run: Box<dyn FnMut(usize) + 'a>,
}

impl<'a> Case<'a> {
    /// A case.
    pub fn new(name: &'a str, run: impl FnMut(usize) + 'a) -> Self {
        Self { name, run: Box::new(run) }
    }
}

/// Median nanoseconds per operation of each case, over `rounds` rounds of `slot` operations. `prepare` runs
/// before each round and is not measured: it makes the round's input, as the network would, just before use.
pub fn interleaved(
    cases: &mut [Case<'_>],
    rounds: usize,
    slot: usize,
    mut prepare: impl FnMut(),
) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(rounds); cases.len()];
    for round in 0..=rounds {
        prepare();
        for (index, case) in cases.iter_mut().enumerate() {
            let start = Instant::now();
            for operation in 0..slot {
                (case.run)(black_box(operation));
            }
            // The first round warms up.
            if round > 0 {
                times[index].push(start.elapsed().as_nanos() as f64 / slot as f64);
            }
        }
    }
    times.into_iter().map(median).collect()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Prints names, medians and their ratio to the first case.
pub fn print_table(title: &str, cases: &[Case<'_>], medians: &[f64]) {
    let mut out = std::io::stdout().lock();
    let first = medians.first().copied().unwrap_or(1.0);
    let _ = writeln!(out, "\n{title}\n{:<66} {:>10} {:>12} {:>8}", "", "µs/op", "op/s", "ratio");
    for (case, nanoseconds) in cases.iter().zip(medians) {
        let _ = writeln!(
            out,
            "{:<66} {:>10.3} {:>12.0} {:>8.3}",
            case.name,
            nanoseconds / 1e3,
            1e9 / nanoseconds,
            nanoseconds / first
        );
    }
}
