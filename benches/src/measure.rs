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

/// What one operation of a case costs, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// The median of all rounds.
    pub median: f64,
    /// The fastest round: what is left when nobody else on the machine wants anything.
    pub fastest: f64,
}

/// The cost of each case, over `rounds` rounds of `slot` operations. `prepare` runs
/// before each round and is not measured: it makes the round's input, as the network would, just before use.
pub fn interleaved(
    cases: &mut [Case<'_>],
    rounds: usize,
    slot: usize,
    mut prepare: impl FnMut(),
) -> Vec<Cost> {
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
    times.into_iter().map(cost).collect()
}

fn cost(mut times: Vec<f64>) -> Cost {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    Cost { median: at(times.len() / 2), fastest: at(0) }
}

/// Prints names, costs, and the ratio of medians to the first case.
pub fn print_table(title: &str, cases: &[Case<'_>], costs: &[Cost]) {
    let mut out = std::io::stdout().lock();
    let first = costs.first().map_or(1.0, |cost| cost.median);
    let _ = writeln!(out, "\n{title}\n{:<66} {:>10} {:>10} {:>8}", "", "median µs", "fastest", "ratio");
    for (case, cost) in cases.iter().zip(costs) {
        let (median, fastest) = (cost.median / 1e3, cost.fastest / 1e3);
        let _ =
            writeln!(out, "{:<66} {median:>10.3} {fastest:>10.3} {:>8.3}", case.name, cost.median / first);
    }
}
