//! The content of a JWE: AES-GCM (RFC 7518 section 5.3), and AES-CBC with HMAC (section 5.2), where the tag is
//! judged before anything is decrypted, so that padding tells nobody anything.

use aws_lc_rs::aead::{self, AES_128_GCM, AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::cipher::{
    AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::hmac;
use bindery_core::jose::encryption::ContentEncryption;
use zeroize::Zeroizing;

use super::{EncryptionFailed, JweInvalid};
use crate::{equal_in_constant_time, random_bytes};

/// Both tags have 128 bits (RFC 7518 sections 5.2.3 and 5.3).
const TAG_LENGTH: usize = 16;
/// One block of AES.
const BLOCK: usize = 16;

/// What encryption leaves: initialization vector, ciphertext, tag.
pub(super) struct Sealed {
    pub(super) vector: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

/// A fresh key of the length that `encryption` needs.
pub(super) fn random_key(encryption: ContentEncryption) -> Result<Zeroizing<Vec<u8>>, EncryptionFailed> {
    let random = Zeroizing::new(random_bytes::<32>().map_err(|_| EncryptionFailed)?);
    Ok(Zeroizing::new(random[..encryption.key_length()].to_vec()))
}

pub(super) fn seal(
    encryption: ContentEncryption,
    key: &[u8],
    associated: &[u8],
    payload: &[u8],
) -> Result<Sealed, EncryptionFailed> {
    match gcm(encryption) {
        Some(algorithm) => {
            let key = RandomizedNonceKey::new(algorithm, key).map_err(|_| EncryptionFailed)?;
            let mut text = payload.to_vec();
            let nonce = key
                .seal_in_place_append_tag(Aad::from(associated), &mut text)
                .map_err(|_| EncryptionFailed)?;
            let tag = text.split_off(payload.len());
            Ok(Sealed { vector: nonce.as_ref().to_vec(), ciphertext: text, tag })
        }
        None => CbcHmac::new(key).ok_or(EncryptionFailed)?.seal(associated, payload),
    }
}

pub(super) fn open(
    encryption: ContentEncryption,
    key: &[u8],
    associated: &[u8],
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, JweInvalid> {
    if sealed.tag.len() != TAG_LENGTH {
        return Err(JweInvalid::Undecipherable);
    }
    match gcm(encryption) {
        Some(algorithm) => {
            let nonce: &[u8; NONCE_LEN] =
                sealed.vector.as_slice().try_into().map_err(|_| JweInvalid::Undecipherable)?;
            let key = RandomizedNonceKey::new(algorithm, key).map_err(|_| JweInvalid::Undecipherable)?;
            let mut text = Zeroizing::new([sealed.ciphertext.as_slice(), &sealed.tag].concat());
            let length = key
                .open_in_place(Nonce::from(nonce), Aad::from(associated), &mut text)
                .map_err(|_| JweInvalid::Undecipherable)?
                .len();
            text.truncate(length);
            Ok(text)
        }
        None => {
            let key = CbcHmac::new(key).ok_or(JweInvalid::Undecipherable)?;
            key.open(associated, sealed).ok_or(JweInvalid::Undecipherable)
        }
    }
}

fn gcm(encryption: ContentEncryption) -> Option<&'static aead::Algorithm> {
    match encryption {
        ContentEncryption::A128Gcm => Some(&AES_128_GCM),
        ContentEncryption::A256Gcm => Some(&AES_256_GCM),
        _ => None,
    }
}

/// A128CBC-HS256: the first half of the key authenticates, the second encrypts (RFC 7518 section 5.2.2.1).
struct CbcHmac<'k> {
    authentication: &'k [u8],
    encryption: &'k [u8],
}

impl<'k> CbcHmac<'k> {
    fn new(key: &'k [u8]) -> Option<Self> {
        let (authentication, encryption) = key.split_at_checked(16)?;
        (encryption.len() == 16).then_some(Self { authentication, encryption })
    }

    fn seal(&self, associated: &[u8], payload: &[u8]) -> Result<Sealed, EncryptionFailed> {
        let vector = random_bytes::<BLOCK>().map_err(|_| EncryptionFailed)?;
        let key = UnboundCipherKey::new(&AES_128, self.encryption).map_err(|_| EncryptionFailed)?;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(|_| EncryptionFailed)?;
        let mut ciphertext = payload.to_vec();
        key.less_safe_encrypt(&mut ciphertext, EncryptionContext::Iv128(vector.into()))
            .map_err(|_| EncryptionFailed)?;
        let tag = self.tag(associated, &vector, &ciphertext);
        Ok(Sealed { vector: vector.to_vec(), ciphertext, tag })
    }

    /// The tag first: only what its sender encrypted is ever decrypted.
    fn open(&self, associated: &[u8], sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        let vector: &[u8; BLOCK] = sealed.vector.as_slice().try_into().ok()?;
        let tag = self.tag(associated, vector, &sealed.ciphertext);
        if !equal_in_constant_time(&tag, &sealed.tag) {
            return None;
        }
        let key = UnboundCipherKey::new(&AES_128, self.encryption).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
        let mut text = Zeroizing::new(sealed.ciphertext.clone());
        let length = key.decrypt(&mut text, DecryptionContext::Iv128((*vector).into())).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// HMAC-SHA-256 over everything and the length of what is only authenticated, cut in half (RFC 7518 section
    /// 5.2.2.1 steps 4 and 5).
    fn tag(&self, associated: &[u8], vector: &[u8], ciphertext: &[u8]) -> Vec<u8> {
        let bits = u64::try_from(associated.len()).unwrap_or(u64::MAX).saturating_mul(8);
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.authentication));
        for part in [associated, vector, ciphertext, &bits.to_be_bytes()] {
            context.update(part);
        }
        context.sign().as_ref()[..TAG_LENGTH].to_vec()
    }
}
