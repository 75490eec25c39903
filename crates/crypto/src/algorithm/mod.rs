//! The table of signature algorithms (design: one file each, one line here). An entry holds all that the
//! crate does with its algorithm, so nothing else in the crate tells algorithms apart. An algorithm without
//! an entry verifies nothing.

mod ecdsa;
mod eddsa;
pub(crate) mod es256;
mod es384;
mod ps256;
mod rs256;
mod rsa;

use bindery_core::crypto::SignatureInvalid;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;
use zeroize::Zeroizing;

use crate::key::{KeyError, PrivateJwk};
use crate::signer::SigningFailed;

/// Every algorithm, in the order in which we advertise them; for a key that fits several, the first counts.
static ALGORITHMS: [&Algorithm; 5] =
    [&es256::ES256, &eddsa::EDDSA, &ps256::PS256, &es384::ES384, &rs256::RS256];

/// One signature algorithm.
pub(crate) struct Algorithm {
    /// Which one.
    pub(crate) algorithm: SignatureAlgorithm,
    /// Key, message, signature; refuses every key of another kind.
    pub(crate) verify: VerifyFunction,
    /// A fresh key.
    pub(crate) generate: fn() -> Result<PrivateKey, KeyError>,
    /// A key from PKCS#8 in DER (RFC 5208, RFC 5958).
    pub(crate) from_pkcs8: fn(&[u8]) -> Result<PrivateKey, KeyError>,
    /// A key from the members of a private JWK (RFC 7518 section 6, RFC 8037 section 2).
    pub(crate) from_jwk: fn(&PrivateJwk) -> Result<PrivateKey, KeyError>,
}

type VerifyFunction = fn(&PublicKey, &[u8], &[u8]) -> Result<(), SignatureInvalid>;

/// A loaded private key.
pub(crate) struct PrivateKey {
    pub(crate) public: PublicKey,
    pub(crate) pkcs8: Zeroizing<Vec<u8>>,
    pub(crate) sign: SignFunction,
}

/// Signs a message with the key that it has captured.
pub(crate) type SignFunction = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, SigningFailed> + Send + Sync>;

/// The entry of `algorithm`.
pub(crate) fn entry(algorithm: SignatureAlgorithm) -> Option<&'static Algorithm> {
    all().find(|entry| entry.algorithm == algorithm)
}

/// Every entry.
pub(crate) fn all() -> impl Iterator<Item = &'static Algorithm> {
    ALGORITHMS.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_has_exactly_one_entry() {
        assert!(all().map(|entry| entry.algorithm).eq(SignatureAlgorithm::ALL));
    }
}
