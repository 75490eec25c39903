//! Encryption of messages to a recipient's public key: the compact JWE serialization (RFC 7516), and nothing
//! else of it: no JSON serialization, no compression (RFC 8725 section 3.6), no direct, password or RSA1_5
//! keys, no `crit`. It is composed of aws-lc's own agreement, key derivation, wrapping, OAEP and AES
//! (docs/decisions/0008-jwe.md). Encryption says nothing of a sender: what comes out is as unproven as what
//! went in, and a JWT inside must be verified as any other (RFC 8725 section 3.3).

mod agreement;
mod content;
mod decryption_key;
mod header;
mod invalid;

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use bindery_core::encoding::base64url;
use bindery_core::jose::encryption::{ContentEncryption, EncryptionKey, KeyManagement};
use bindery_core::jose::jwk::RsaPublicKey;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

pub use decryption_key::{DecryptionKey, DecryptionKeyInvalid};
pub use invalid::{EncryptionFailed, JweInvalid};

use header::Header;

/// The longest text that is decrypted, in bytes; forms end there too.
pub const MAXIMUM_JWE: usize = 64 * 1024;

/// Whom to encrypt to, and how.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The recipient's public key.
    pub key: &'a EncryptionKey,
    /// Its `kid`, by which the recipient finds the private half.
    pub key_id: Option<&'a str>,
    /// How the content key reaches the recipient; must fit the key.
    pub algorithm: KeyManagement,
    /// How the content is encrypted.
    pub encryption: ContentEncryption,
}

/// Encrypts `payload` to `recipient`. `content_type` is `JWT` for a JWT inside (RFC 7519 section 5.2).
///
/// # Errors
/// [`EncryptionFailed`] when algorithm and key don't fit, the key is none of its curve, or the library fails.
pub fn encrypt(
    payload: &[u8],
    recipient: &Recipient<'_>,
    content_type: Option<&str>,
) -> Result<String, EncryptionFailed> {
    let Recipient { key, algorithm, encryption, .. } = *recipient;
    if !algorithm.fits(key) {
        return Err(EncryptionFailed);
    }
    let mut header = Map::new();
    header.insert("alg".into(), algorithm.name().into());
    header.insert("enc".into(), encryption.name().into());
    for (name, value) in [("kid", recipient.key_id), ("cty", content_type)] {
        if let Some(value) = value {
            header.insert(name.into(), value.into());
        }
    }
    let (content_key, encrypted_key) = match key {
        EncryptionKey::Rsa(key) => wrap_by_rsa(key, encryption)?,
        _ => {
            let agreed = agreement::with_recipient(key, algorithm, encryption)?;
            header.insert("epk".into(), Value::Object(agreed.ephemeral.to_jwk()));
            (agreed.content_key, agreed.encrypted_key)
        }
    };
    let header = serde_json::to_vec(&header).map_err(|_| EncryptionFailed)?;
    let header = base64url::encode(header);
    let sealed = content::seal(encryption, &content_key, header.as_bytes(), payload)?;
    let parts = [&encrypted_key, &sealed.vector, &sealed.ciphertext, &sealed.tag].map(base64url::encode);
    Ok([header, parts.join(".")].join("."))
}

/// Decrypts `text` with whichever of `keys` it was encrypted to: the one of its `kid`, if it names one, and of
/// its algorithm always. Who encrypted it stays unknown.
///
/// # Errors
/// [`JweInvalid`] says what is wrong; for the operator's eyes, the sender learns only that it is not accepted.
pub fn decrypt(text: &str, keys: &[&DecryptionKey]) -> Result<Zeroizing<Vec<u8>>, JweInvalid> {
    if text.len() > MAXIMUM_JWE {
        return Err(JweInvalid::TooLong);
    }
    let mut segments = text.split('.');
    let mut next = || segments.next().ok_or(JweInvalid::Segments);
    let (header_text, parts) = (next()?, [next()?, next()?, next()?, next()?]);
    if segments.next().is_some() || header_text.is_empty() {
        return Err(JweInvalid::Segments);
    }
    let decode = |segment: &str| base64url::decode(segment).map_err(|_| JweInvalid::Encoding);
    let header = Header::parse(&decode(header_text)?)?;
    let [encrypted_key, vector, ciphertext, tag] = parts;
    let encrypted_key = decode(encrypted_key)?;
    let sealed =
        content::Sealed { vector: decode(vector)?, ciphertext: decode(ciphertext)?, tag: decode(tag)? };
    let mut candidates = keys.iter().filter(|key| header.names(key)).peekable();
    candidates.peek().ok_or(JweInvalid::NoKey)?;
    let mut refused = JweInvalid::Undecipherable;
    for key in candidates {
        let content_key = key.content_key(&header, &encrypted_key)?;
        match content::open(header.encryption, &content_key, header_text.as_bytes(), &sealed) {
            Ok(payload) => return Ok(payload),
            Err(reason) => refused = reason,
        }
    }
    Err(refused)
}

type WrappedKey = (Zeroizing<Vec<u8>>, Vec<u8>);

fn wrap_by_rsa(key: &RsaPublicKey, encryption: ContentEncryption) -> Result<WrappedKey, EncryptionFailed> {
    let content_key = content::random_key(encryption)?;
    let key = RsaPublicKeyComponents { n: key.modulus(), e: key.exponent() };
    let key: PublicEncryptingKey = key.try_into().map_err(|_| EncryptionFailed)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| EncryptionFailed)?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    let length = key
        .encrypt(&OAEP_SHA256_MGF1SHA256, &content_key, &mut encrypted, None)
        .map_err(|_| EncryptionFailed)?
        .len();
    encrypted.truncate(length);
    Ok((content_key, encrypted))
}

#[cfg(test)]
#[path = "jwe_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "vector_tests.rs"]
mod vector_tests;
