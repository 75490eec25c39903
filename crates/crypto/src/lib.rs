//! Signatures, hashes, MACs, keys, certificate chains and sealing, on aws-lc-rs but for [`p256`]: the only crate that
//! touches a cryptographic primitive. It implements [`bindery_core::crypto::Cryptography`] and knows
//! nothing of OAuth: no token, no claim, no request.
//!
//! | to do | call |
//! |---|---|
//! | hash, MAC, verify a signature | [`AwsLc`] |
//! | say whether known keys have tables | [`p256::use_tables`] |
//! | hold a private key, sign | [`SigningKey`], behind the trait [`Signer`] |
//! | draw randomness | [`random_bytes`], [`random_token`], [`random_identifier`] |
//! | compare secrets | [`equal_in_constant_time`] |
//! | verify a client's certificate chain | [`chain::verify_client_chain`] |
//! | store a secret | [`seal::Sealer`] |
//! | name a thing so that two parties can't compare it | [`pseudonym::Pseudonyms`] |
//! | encrypt to a recipient's key, decrypt | [`jwe::encrypt`], [`jwe::decrypt`] |
//!
//! A new signature algorithm is one file under `src/algorithm/` and one line in its table.

mod algorithm;
mod aws_lc;
pub mod chain;
mod constant_time;
pub mod jwe;
mod key;
pub mod p256;
pub mod pseudonym;
mod random;
pub mod seal;
mod signer;

pub use aws_lc::AwsLc;
pub use constant_time::equal_in_constant_time;
pub use key::{KeyError, MAXIMUM_KEY, SigningKey};
pub use random::{RandomUnavailable, random_bytes, random_identifier, random_token};
pub use signer::{Signer, SigningFailed};
