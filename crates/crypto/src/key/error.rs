//! Why a private key can't be used: the rule that it breaks and the remedy, for the operator who configured
//! it. Never quotes the key.

use core::fmt;

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::JwkInvalid;

/// Why there is no signing key. `Display` names the rule and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The random source or the library failed while making or writing a key.
    Generation,
    /// Longer than [`MAXIMUM_KEY`](super::MAXIMUM_KEY).
    TooLong,
    /// The text is not well-formed PEM.
    NotPem,
    /// The PEM text has no private key; holds what it has instead, if that tells something.
    NoPrivateKey(Option<&'static str>),
    /// The PEM text holds several private keys.
    SeveralPrivateKeys,
    /// The private key is encrypted with a passphrase.
    Encrypted,
    /// The PEM section with this label is an older format than PKCS#8.
    OldFormat(&'static str),
    /// Not an unencrypted PKCS#8 key of the kind that this algorithm needs.
    Rejected(SignatureAlgorithm),
    /// Not a key for any of our algorithms.
    UnknownKind,
    /// The public half breaks a rule for every key, such as the size of an RSA modulus.
    Public(JwkInvalid),
    /// A private JWK lacks this member.
    MissingMember(&'static str),
    /// This member of a private JWK is not canonical base64url of the right length.
    MemberEncoding(&'static str),
    /// The JWK's `key_ops` has no `sign`.
    NotForSigning,
    /// The JWK has more than two primes (`oth`).
    MultiPrime,
    /// The private and the public members don't belong together.
    HalvesDiffer,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation => f.write_str(
                "the key could not be made; check that the operating system's random source works",
            ),
            Self::TooLong => {
                write!(f, "a key may have at most {} bytes; give the file of one key", super::MAXIMUM_KEY)
            }
            Self::NotPem => f.write_str(
                "the text is not PEM (RFC 7468); give a file with a `-----BEGIN PRIVATE KEY-----` section",
            ),
            Self::NoPrivateKey(Some(label)) => {
                write!(f, "the PEM text holds a {label} and no private key; give the file of the private key")
            }
            Self::NoPrivateKey(None) => f.write_str(
                "the text has no `-----BEGIN PRIVATE KEY-----` section; give the PKCS#8 file of the key",
            ),
            Self::SeveralPrivateKeys => {
                f.write_str("the PEM text holds several private keys; keep one key in each file")
            }
            Self::Encrypted => f.write_str(
                "the private key is encrypted; decrypt it with `openssl pkey -in key.pem -out plain.pem` and \
                 protect the file by its permissions",
            ),
            Self::OldFormat(label) => write!(
                f,
                "`{label}` is an older format than PKCS#8; convert it with `openssl pkcs8 -topk8 -nocrypt \
                 -in key.pem -out pkcs8.pem`"
            ),
            Self::Rejected(algorithm) => write!(
                f,
                "{algorithm} needs {}, and this is not one; give such a key, or configure the algorithm that \
                 fits this key",
                needs(*algorithm)
            ),
            Self::UnknownKind => f.write_str(
                "the key is not a valid PKCS#8 key on P-256, P-384 or Ed25519, nor RSA of 2048 to 8192 bits; \
                 make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`",
            ),
            Self::Public(reason) => write!(f, "{reason}; make a new key that keeps the rule"),
            Self::MissingMember(name) => write!(
                f,
                "the private JWK has no member `{name}`; export the key with all members of its kind"
            ),
            Self::MemberEncoding(name) => write!(
                f,
                "the JWK's member `{name}` is not canonical base64url of the right length (RFC 7518 section \
                 6); export the key again"
            ),
            Self::NotForSigning => {
                f.write_str("the JWK's `key_ops` does not allow `sign`; use a key that is meant for signing")
            }
            Self::MultiPrime => {
                f.write_str("the RSA key has more than two primes (`oth`); use a key with two")
            }
            Self::HalvesDiffer => f.write_str(
                "the JWK's private members are not those of its public members; export the key again",
            ),
        }
    }
}

impl std::error::Error for KeyError {}

const fn needs(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::Es256 => "an EC key on P-256",
        SignatureAlgorithm::Es384 => "an EC key on P-384",
        SignatureAlgorithm::EdDsa => "an Ed25519 key",
        SignatureAlgorithm::Ps256 | SignatureAlgorithm::Rs256 => "an RSA key of 2048 to 8192 bits",
        _ => "a key of its own kind",
    }
}
