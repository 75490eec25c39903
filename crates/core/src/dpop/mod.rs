//! DPoP proofs (RFC 9449): building, the twelve checks, comparison of target URIs, and stateless nonces.

pub mod nonce;
pub mod proof;
pub mod proof_builder;
pub mod prover;
pub mod target;
