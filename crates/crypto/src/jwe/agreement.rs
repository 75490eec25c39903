//! ECDH-ES (RFC 7518 section 4.6, RFC 8037 section 3.2): agreement with an ephemeral key, the one-step key
//! derivation of NIST SP 800-56A (which RFC 7518 calls Concat KDF), and AES key wrap where the algorithm has
//! one. aws-lc refuses points off the curve and an all-zero X25519 secret (RFC 8725 section 3.4).

use aws_lc_rs::agreement::{Algorithm, ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap as _};
use bindery_core::jose::encryption::{ContentEncryption, EncryptionKey, KeyManagement};
use zeroize::Zeroizing;

use super::header::Header;
use super::{EncryptionFailed, JweInvalid, content};

/// What wrapping adds to a key, in bytes (RFC 3394 section 2.2).
const WRAPPING: usize = 8;

/// What a sender has after agreeing with a recipient's key.
pub(super) struct Agreed {
    pub(super) ephemeral: EncryptionKey,
    pub(super) content_key: Zeroizing<Vec<u8>>,
    pub(super) encrypted_key: Vec<u8>,
}

/// Draws an ephemeral key on the recipient's curve and agrees.
pub(super) fn with_recipient(
    recipient: &EncryptionKey,
    algorithm: KeyManagement,
    encryption: ContentEncryption,
) -> Result<Agreed, EncryptionFailed> {
    let curve = curve(recipient).ok_or(EncryptionFailed)?;
    let own = PrivateKey::generate(curve).map_err(|_| EncryptionFailed)?;
    let ephemeral = public_half(&own).ok_or(EncryptionFailed)?;
    let purpose = Purpose::of(algorithm, encryption);
    let agreed = derive(&own, recipient, &purpose, [&[], &[]]).map_err(|_| EncryptionFailed)?;
    let Some(kek) = purpose.kek(&agreed).map_err(|_| EncryptionFailed)? else {
        return Ok(Agreed { ephemeral, content_key: agreed, encrypted_key: Vec::new() });
    };
    let content_key = content::random_key(encryption)?;
    let mut encrypted_key = vec![0; content_key.len() + WRAPPING];
    let length = kek.wrap(&content_key, &mut encrypted_key).map_err(|_| EncryptionFailed)?.len();
    encrypted_key.truncate(length);
    Ok(Agreed { ephemeral, content_key, encrypted_key })
}

/// The content key that the sender of `header` agreed on with `own`.
///
/// An encrypted key that does not unwrap becomes a random key, so that its content fails at the tag, like that
/// of any other key (RFC 7516 section 11.5).
pub(super) fn with_sender(
    own: &PrivateKey,
    header: &Header,
    encrypted_key: &[u8],
) -> Result<Zeroizing<Vec<u8>>, JweInvalid> {
    let ephemeral = header.ephemeral.as_ref().ok_or(JweInvalid::Member("epk"))?;
    let purpose = Purpose::of(header.algorithm, header.encryption);
    let parties = [header.parties[0].as_slice(), header.parties[1].as_slice()];
    let agreed = derive(own, ephemeral, &purpose, parties).map_err(|_| JweInvalid::EphemeralKey)?;
    let Some(kek) = purpose.kek(&agreed).map_err(|_| JweInvalid::Undecipherable)? else {
        // RFC 7516 section 5.2 step 10: with an agreed content key there is no encrypted one.
        return if encrypted_key.is_empty() { Ok(agreed) } else { Err(JweInvalid::Segments) };
    };
    let mut content_key = Zeroizing::new(vec![0; encrypted_key.len()]);
    let length = kek.unwrap(encrypted_key, &mut content_key).map_or(0, |key| key.len());
    content_key.truncate(length);
    if content_key.len() == header.encryption.key_length() {
        return Ok(content_key);
    }
    content::random_key(header.encryption).map_err(|_| JweInvalid::Undecipherable)
}

/// What the derived key is for: its name in the derivation, and its length in bytes.
struct Purpose {
    name: &'static str,
    length: usize,
    wraps: bool,
}

impl Purpose {
    /// RFC 7518 section 4.6.2: `enc` names a key that encrypts content, `alg` one that wraps.
    const fn of(algorithm: KeyManagement, encryption: ContentEncryption) -> Self {
        match algorithm {
            KeyManagement::EcdhEsA128Kw => Self { name: algorithm.name(), length: 16, wraps: true },
            KeyManagement::EcdhEsA256Kw => Self { name: algorithm.name(), length: 32, wraps: true },
            _ => Self { name: encryption.name(), length: encryption.key_length(), wraps: false },
        }
    }

    /// The key that wraps the content key, where the algorithm has one.
    fn kek(&self, key: &[u8]) -> Result<Option<AesKek>, Unspecified> {
        if !self.wraps {
            return Ok(None);
        }
        let cipher = if self.length == 16 { &AES_128 } else { &AES_256 };
        AesKek::new(cipher, key).map(Some)
    }
}

fn derive(
    own: &PrivateKey,
    other: &EncryptionKey,
    purpose: &Purpose,
    parties: [&[u8]; 2],
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let curve = curve(other).ok_or(Unspecified)?;
    let other = UnparsedPublicKey::new(curve, point(other));
    let mut derived = Zeroizing::new(vec![0; purpose.length]);
    agree(own, other, Unspecified, |secret| concat_kdf(secret, purpose, parties, &mut derived))?;
    Ok(derived)
}

/// RFC 7518 section 4.6.2: `OtherInfo` is the purpose, both parties and the length in bits, each of the first
/// three behind its own length.
fn concat_kdf(
    secret: &[u8],
    purpose: &Purpose,
    parties: [&[u8]; 2],
    derived: &mut [u8],
) -> Result<(), Unspecified> {
    let mut information = Vec::new();
    for part in [purpose.name.as_bytes(), parties[0], parties[1]] {
        information.extend_from_slice(&u32::try_from(part.len()).map_err(|_| Unspecified)?.to_be_bytes());
        information.extend_from_slice(part);
    }
    let bits = u32::try_from(derived.len() * 8).map_err(|_| Unspecified)?;
    information.extend_from_slice(&bits.to_be_bytes());
    let sha256 = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256).ok_or(Unspecified)?;
    sskdf_digest(sha256, secret, &information, derived)
}

/// The curve that a key is on; an RSA key is on none.
pub(super) const fn curve(key: &EncryptionKey) -> Option<&'static Algorithm> {
    match key {
        EncryptionKey::EcP256(_) => Some(&ECDH_P256),
        EncryptionKey::EcP384(_) => Some(&ECDH_P384),
        EncryptionKey::X25519(_) => Some(&X25519),
        EncryptionKey::Rsa(_) => None,
    }
}

const fn point(key: &EncryptionKey) -> &[u8] {
    match key {
        EncryptionKey::EcP256(point) => point,
        EncryptionKey::EcP384(point) => point,
        EncryptionKey::X25519(point) => point,
        EncryptionKey::Rsa(_) => &[],
    }
}

pub(super) fn public_half(key: &PrivateKey) -> Option<EncryptionKey> {
    let public = key.compute_public_key().ok()?;
    let bytes = public.as_ref();
    Some(match key.algorithm() {
        curve if *curve == ECDH_P256 => EncryptionKey::EcP256(bytes.try_into().ok()?),
        curve if *curve == ECDH_P384 => EncryptionKey::EcP384(bytes.try_into().ok()?),
        curve if *curve == X25519 => EncryptionKey::X25519(bytes.try_into().ok()?),
        _ => return None,
    })
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
