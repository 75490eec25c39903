//! Proof Key for Code Exchange (RFC 7636) with S256 alone: `plain` has no value here, so no request can ask for
//! it (PKCE-X-01). A challenge is one digest in one spelling; a verifier is compared by digest, in constant time.

use subtle::ConstantTimeEq as _;

use crate::crypto::{Cryptography, Sha256Digest};
use crate::encoding::base64url;

/// `code_challenge_methods_supported`, the whole of it.
pub const METHODS: [&str; 1] = ["S256"];

/// The text is not a challenge made with S256: base64url of 32 bytes, 43 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeMalformed;

/// The verifier is not the one that the challenge was made from, or no verifier at all (RFC 7636 section 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PkceMismatch;

/// Reads a `code_challenge` (RFC 7636 section 4.2).
///
/// # Errors
/// [`ChallengeMalformed`] unless it is canonical base64url of a SHA-256 digest.
pub fn parse_challenge(text: &str) -> Result<Sha256Digest, ChallengeMalformed> {
    base64url::decode_array(text).map_err(|_| ChallengeMalformed)
}

/// Verifies the `code_verifier` of a token request against the stored challenge (RFC 7636 section 4.6). The
/// caller must also refuse a verifier for a code that has no challenge (RFC 9700 section 2.1.1).
///
/// # Errors
/// [`PkceMismatch`] for a verifier that is not 43 to 128 unreserved characters (section 4.1) or has another
/// digest.
pub fn verify_code_verifier(
    challenge: &str,
    verifier: &str,
    cryptography: &dyn Cryptography,
) -> Result<(), PkceMismatch> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return Err(PkceMismatch);
    }
    let expected = parse_challenge(challenge).map_err(|_| PkceMismatch)?;
    let digest = cryptography.sha256(&[verifier.as_bytes()]);
    if bool::from(expected.ct_eq(&digest)) { Ok(()) } else { Err(PkceMismatch) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_cryptography::FakeCryptography;
    use alloc::string::String;

    fn challenge(verifier: &str) -> String {
        base64url::encode(FakeCryptography.sha256(&[verifier.as_bytes()]))
    }

    #[test]
    fn rejects_every_verifier_but_the_one_of_the_challenge() {
        let verifier = "a".repeat(43);
        let verify =
            |challenge: &str, verifier: &str| verify_code_verifier(challenge, verifier, &FakeCryptography);
        assert_eq!(verify(&challenge(&verifier), &verifier), Ok(()));
        assert_eq!(verify(&challenge(&verifier), &"b".repeat(43)), Err(PkceMismatch));
        // `plain` in disguise: the challenge itself as the verifier.
        assert_eq!(verify(&challenge(&verifier), &challenge(&verifier)), Err(PkceMismatch));
        assert_eq!(verify("", &verifier), Err(PkceMismatch));
    }

    #[test]
    fn rejects_verifiers_outside_the_grammar_even_if_their_digest_fits() {
        let (short, long) = ("a".repeat(42), "a".repeat(129));
        let spaced = alloc::format!("{} ", "a".repeat(42));
        let plus = alloc::format!("{}+", "a".repeat(42));
        for verifier in [short.as_str(), &long, &spaced, &plus, ""] {
            let outcome = verify_code_verifier(&challenge(verifier), verifier, &FakeCryptography);
            assert_eq!(outcome, Err(PkceMismatch), "{verifier:?}");
        }
        for verifier in ["a".repeat(128), "-._~".repeat(11)] {
            assert_eq!(verify_code_verifier(&challenge(&verifier), &verifier, &FakeCryptography), Ok(()));
        }
    }

    #[test]
    fn a_challenge_has_one_spelling() {
        for text in
            ["", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"]
        {
            assert_eq!(parse_challenge(text), Err(ChallengeMalformed), "{text}");
        }
        assert!(parse_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").is_ok());
    }
}
