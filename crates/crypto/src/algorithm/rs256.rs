//! RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3). Outside every default set; a profile must
//! allow it by name.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use bindery_core::jose::algorithm::SignatureAlgorithm;

use super::{Algorithm, rsa};

pub(super) static RS256: Algorithm = Algorithm {
    algorithm: SignatureAlgorithm::Rs256,
    verify: |key, message, signature| rsa::verify(&RSA_PKCS1_2048_8192_SHA256, key, message, signature),
    generate: || rsa::generate(&RSA_PKCS1_SHA256),
    from_pkcs8: |der| rsa::from_pkcs8(SignatureAlgorithm::Rs256, &RSA_PKCS1_SHA256, der),
    from_jwk: |jwk| rsa::from_jwk(SignatureAlgorithm::Rs256, &RSA_PKCS1_SHA256, jwk),
};
