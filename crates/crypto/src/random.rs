//! Randomness from the cryptographic generator of aws-lc, and the unguessable texts made from it. The only
//! source of randomness in the house; when it fails, so must the caller, for there is no weaker substitute.

use core::fmt;

use bindery_core::encoding::base64url;

/// The operating system gave no randomness. Nothing can be issued until it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomUnavailable;

impl fmt::Display for RandomUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the operating system's random source is unavailable; nothing secret can be made until it is",
        )
    }
}

impl std::error::Error for RandomUnavailable {}

/// `N` random bytes, fit for keys.
///
/// # Errors
/// [`RandomUnavailable`] when the generator can't be seeded.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomUnavailable> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RandomUnavailable)?;
    Ok(bytes)
}

/// A secret of 256 random bits in base64url, 43 characters: access and refresh tokens, client secrets,
/// authorization codes (RFC 6749 section 10.10 asks for a guessing chance under 2^-160).
///
/// # Errors
/// [`RandomUnavailable`] when the generator can't be seeded.
pub fn random_token() -> Result<String, RandomUnavailable> {
    Ok(base64url::encode(zeroize::Zeroizing::new(random_bytes::<32>()?)))
}

/// A unique name of 128 random bits in base64url, 22 characters: `jti`, key and client identifiers. Unique,
/// but not meant to be kept secret.
///
/// # Errors
/// [`RandomUnavailable`] when the generator can't be seeded.
pub fn random_identifier() -> Result<String, RandomUnavailable> {
    random_bytes::<16>().map(base64url::encode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_256_bits_identifiers_128_and_none_repeats() {
        assert_eq!(random_token().unwrap().len(), 43);
        assert_eq!(random_identifier().unwrap().len(), 22);
        let mut seen = std::collections::HashSet::new();
        assert!((0..1000).all(|_| seen.insert(random_identifier().unwrap())));
        assert_ne!(random_bytes::<32>().unwrap(), [0; 32]);
    }
}
