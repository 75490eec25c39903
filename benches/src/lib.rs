//! What the benchmarks share: a population of clients with tokens and proofs, cryptography without the
//! signature, and interleaved measurement. Nothing here is part of the product.

mod measure;
mod population;

pub use measure::{Case, Cost, interleaved, print_table};
pub use population::{Population, ProvenRequest, SignatureSkipped, TARGET, busy_memory, guard};
