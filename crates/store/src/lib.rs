//! What Bindery must remember: the replay store (RFC 9449 section 11.1) and the authorization server's
//! records. Two traits, their backends, and one contract suite that every backend passes.
//!
//! A store never decides policy and never sees a token: secrets arrive hashed or sealed. It answers
//! atomically, it fails closed, and what it has answered it does not forget before its time.

#![cfg_attr(
    all(feature = "sqlite", feature = "postgres"),
    expect(clippy::duplicate_mod, reason = "`sql` is written once and compiled for each driver")
)]

pub mod authorization;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod error;
mod fingerprint;
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod record;
mod replay;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use authorization::AuthorizationStore;
pub use error::StoreError;
pub use replay::ReplayStore;

#[cfg(test)]
mod processes_tests;
