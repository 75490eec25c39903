//! Why a JWE can't be read or made. The facts are for the operator; none quotes the text or tells apart what
//! only the holder of the key could know.

use core::fmt;

use bindery_core::encoding::json::JsonInvalid;

/// Why nothing was decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JweInvalid {
    /// Longer than [`MAXIMUM_JWE`](super::MAXIMUM_JWE); nothing was parsed.
    TooLong,
    /// Not five segments, or no header.
    Segments,
    /// A segment is not canonical base64url.
    Encoding,
    /// The header is not a strict JSON object.
    Header(JsonInvalid),
    /// A header member is missing, of the wrong type or too long.
    Member(&'static str),
    /// The header names a critical extension (RFC 7516 section 4.1.13); we know none.
    Critical,
    /// The content is compressed (`zip`, RFC 8725 section 3.6).
    Compressed,
    /// `alg` or `enc` is not one of ours.
    Algorithm(&'static str),
    /// There is no key of that algorithm, and of that `kid` if one is named.
    NoKey,
    /// The ephemeral key is none of the recipient's curve (RFC 8725 section 3.4).
    EphemeralKey,
    /// It was encrypted to another key, or was changed since. Which of the two is never told apart (RFC 7516
    /// section 11.5).
    Undecipherable,
}

impl fmt::Display for JweInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("it is longer than allowed"),
            Self::Segments => f.write_str("it is not five segments joined by dots"),
            Self::Encoding => f.write_str("a segment is not canonical base64url without padding"),
            Self::Header(reason) => write!(f, "its header: {reason}"),
            Self::Member(name) => write!(f, "its header member `{name}` is missing or malformed"),
            Self::Critical => f.write_str("its header has `crit`, and we know no extension"),
            Self::Compressed => f.write_str("its content is compressed"),
            Self::Algorithm(name) => write!(f, "its `{name}` is not an algorithm that we take"),
            Self::NoKey => f.write_str("we have no key of its algorithm and name"),
            Self::EphemeralKey => f.write_str("its ephemeral key is not on the curve of our key"),
            Self::Undecipherable => {
                f.write_str("it does not decrypt: encrypted to another key, or changed since")
            }
        }
    }
}

impl core::error::Error for JweInvalid {}

/// Nothing was encrypted: algorithm and key don't fit each other, the key is none of its curve, or the library
/// or its random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptionFailed;

impl fmt::Display for EncryptionFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing could be encrypted to the recipient's key with the algorithm that it asks for")
    }
}

impl core::error::Error for EncryptionFailed {}
