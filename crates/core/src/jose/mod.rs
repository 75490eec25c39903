//! JSON object signing, in the one form that Bindery accepts: compact JWS, asymmetric, public keys only.

pub mod algorithm;
pub mod jwk;
pub mod jws;
pub mod thumbprint;
