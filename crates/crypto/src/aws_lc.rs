//! [`Cryptography`] on aws-lc-rs: same input, same answer; the tables kept of known keys (`crate::p256`) change
//! the time alone. Decides only whether bytes fit bytes; which algorithms a policy allows is the caller's check,
//! made before.

use aws_lc_rs::{digest, hmac};
use bindery_core::crypto::{Cryptography, MacKey, Sha256Digest, SignatureInvalid};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::PublicKey;

use crate::algorithm;

/// The cryptography of this house: aws-lc through aws-lc-rs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AwsLc;

impl Cryptography for AwsLc {
    fn sha256(&self, parts: &[&[u8]]) -> Sha256Digest {
        if let [message] = parts {
            return fixed(&digest::digest(&digest::SHA256, message));
        }
        // An incremental context lives on the C heap, so short messages are joined on the stack instead.
        let mut joined = [0; JOINED];
        if let Some(message) = join(parts, &mut joined) {
            return fixed(&digest::digest(&digest::SHA256, message));
        }
        let mut context = digest::Context::new(&digest::SHA256);
        parts.iter().for_each(|part| context.update(part));
        fixed(&context.finish())
    }

    fn hmac_sha256(&self, key: &MacKey, parts: &[&[u8]]) -> Sha256Digest {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose_bytes()));
        parts.iter().for_each(|part| context.update(part));
        fixed(&context.sign())
    }

    fn verify_signature(
        &self,
        algorithm: SignatureAlgorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureInvalid> {
        let entry = algorithm::entry(algorithm).ok_or(SignatureInvalid)?;
        (entry.verify)(key, message, signature)
    }
}

/// Enough for the thumbprint input of every EC, OKP and common RSA key.
const JOINED: usize = 768;

fn join<'b>(parts: &[&[u8]], buffer: &'b mut [u8; JOINED]) -> Option<&'b [u8]> {
    let mut length = 0;
    for part in parts {
        let end = part.len().checked_add(length)?;
        buffer.get_mut(length..end)?.copy_from_slice(part);
        length = end;
    }
    buffer.get(..length)
}

fn fixed(digest: &impl AsRef<[u8]>) -> Sha256Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

#[cfg(test)]
#[path = "aws_lc_tests.rs"]
mod tests;
