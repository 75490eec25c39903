//! PS256: RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a 32-byte salt (RFC 7518 section 3.5).

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256};
use bindery_core::jose::algorithm::SignatureAlgorithm;

use super::{Algorithm, rsa};

pub(super) static PS256: Algorithm = Algorithm {
    algorithm: SignatureAlgorithm::Ps256,
    verify: |key, message, signature| rsa::verify(&RSA_PSS_2048_8192_SHA256, key, message, signature),
    generate: || rsa::generate(&RSA_PSS_SHA256),
    from_pkcs8: |der| rsa::from_pkcs8(SignatureAlgorithm::Ps256, &RSA_PSS_SHA256, der),
    from_jwk: |jwk| rsa::from_jwk(SignatureAlgorithm::Ps256, &RSA_PSS_SHA256, jwk),
};
