//! JSON object signing and encryption, in the forms that Bindery accepts: compact, asymmetric, public keys only.

pub mod algorithm;
pub mod encryption;
pub mod jwk;
pub mod jws;
pub mod thumbprint;
