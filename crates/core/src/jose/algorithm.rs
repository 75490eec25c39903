//! The signature algorithms that Bindery knows (RFC 7518 section 3.1, RFC 8037, RFC 9864) and sets of
//! them. Asymmetric only: `none` and the MAC algorithms have no value here, so no configuration can
//! allow them (RFC 9449 section 11.6, RFC 8725 section 3.1).

use core::fmt;

use super::jwk::PublicKey;

/// An asymmetric JWS signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// Ed25519, under its older name `EdDSA` (RFC 8037) or its own (RFC 9864). One algorithm, two names.
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; only where a profile allows it.
    Rs256,
}

impl SignatureAlgorithm {
    /// Every algorithm, in the order in which we advertise them.
    pub const ALL: [Self; 5] = [Self::Es256, Self::EdDsa, Self::Ps256, Self::Es384, Self::Rs256];

    /// The name that `alg` carries, as registered; for Ed25519 the widely known `EdDSA`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm named by an `alg` header, compared exactly (RFC 7515 section 4.1.1 is case-sensitive).
    /// `none`, MACs and everything unknown give `None`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            "PS256" => Self::Ps256,
            "RS256" => Self::Rs256,
            _ => return None,
        })
    }

    /// Whether `key` is of the kind that this algorithm signs with (RFC 8725 section 3.1).
    #[must_use]
    pub const fn fits(self, key: &PublicKey) -> bool {
        matches!(
            (self, key),
            (Self::Es256, PublicKey::EcP256(_))
                | (Self::Es384, PublicKey::EcP384(_))
                | (Self::EdDsa, PublicKey::Ed25519(_))
                | (Self::Ps256 | Self::Rs256, PublicKey::Rsa(_))
        )
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of algorithms: the only form in which a policy says what it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlgorithmSet(u8);

impl AlgorithmSet {
    /// What Bindery accepts when nothing is configured: ES256, EdDSA, PS256 (the FAPI 2.0 list) and ES384.
    pub const DEFAULT: Self = Self::of(&[
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::EdDsa,
        SignatureAlgorithm::Ps256,
        SignatureAlgorithm::Es384,
    ]);

    /// The set of these algorithms.
    #[must_use]
    pub const fn of(algorithms: &[SignatureAlgorithm]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < algorithms.len() {
            bits |= 1 << algorithms[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    /// Whether `algorithm` is in the set.
    #[must_use]
    pub const fn contains(self, algorithm: SignatureAlgorithm) -> bool {
        self.0 & (1 << algorithm as u8) != 0
    }

    /// What both sets accept.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set accepts nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order in which we advertise them.
    pub fn iter(self) -> impl Iterator<Item = SignatureAlgorithm> {
        SignatureAlgorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl Default for AlgorithmSet {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The registered names with single spaces between, as the `algs` challenge parameter wants them
/// (RFC 9449 section 7.1).
impl fmt::Display for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, algorithm) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(algorithm.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn no_name_of_a_mac_or_of_none_is_an_algorithm() {
        for name in ["none", "None", "NONE", "HS256", "HS384", "HS512", "", "es256", "ES256 ", "dir"] {
            assert_eq!(SignatureAlgorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn every_algorithm_is_found_by_its_own_name() {
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(SignatureAlgorithm::from_name(algorithm.name()), Some(algorithm));
        }
        assert_eq!(SignatureAlgorithm::from_name("Ed25519"), Some(SignatureAlgorithm::EdDsa));
    }

    #[test]
    fn the_default_set_has_no_rs256() {
        assert_eq!(AlgorithmSet::DEFAULT.to_string(), "ES256 EdDSA PS256 ES384");
    }
}
