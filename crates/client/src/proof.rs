//! Makes a DPoP proof (RFC 9449 section 4.2): a new one for every single attempt, with 128 fresh random bits
//! (DPOP-3-01, DPOP-4.2-05). Nothing here keeps a proof, so nothing can send one twice.

use bindery_core::crypto::Sha256Digest;
use bindery_core::dpop::proof_builder::{ProofClaims, unsigned_proof};
use bindery_core::jose::jws::attach_signature;
use bindery_core::time::UnixTime;
use bindery_crypto::{Signer, random_identifier};
use http::{HeaderValue, Method};
use url::Url;

use crate::error::{Error, RequestRefused};
use crate::nonce::ServerNonce;

/// The request header that carries the proof.
pub const DPOP: &str = "dpop";

/// The request that a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct ProofTarget<'a> {
    /// The method, as it will be sent.
    pub method: &'a Method,
    /// The URL, as it will be sent; query and fragment stay out of the proof.
    pub url: &'a Url,
    /// SHA-256 of the access token that goes along, none at the token endpoint.
    pub access_token_hash: Option<&'a Sha256Digest>,
    /// The server's most recent nonce.
    pub nonce: Option<&'a ServerNonce>,
    /// The time, as that server tells it.
    pub now: UnixTime,
}

/// Signs a new proof, as a header value that logs show as sensitive.
///
/// # Errors
/// [`Error::Random`] or [`Error::Signing`] when this machine can't make one.
pub fn build_proof(signer: &dyn Signer, target: &ProofTarget<'_>) -> Result<HeaderValue, Error> {
    let identifier = random_identifier()?;
    let unsigned = unsigned_proof(
        signer.public_key(),
        signer.algorithm(),
        &ProofClaims {
            identifier: &identifier,
            method: target.method.as_str(),
            target: target.url.as_str(),
            issued_at: target.now,
            access_token_hash: target.access_token_hash,
            nonce: target.nonce.map(ServerNonce::as_str),
        },
    );
    let signature = signer.sign(&unsigned)?;
    sensitive(&attach_signature(unsigned, &signature))
}

/// A header value that `Debug` and HTTP/2 traces don't show.
pub(crate) fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| RequestRefused::Unsendable)?;
    value.set_sensitive(true);
    Ok(value)
}
