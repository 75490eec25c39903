//! ES256 by tables of known keys against ES256 by aws-lc, which must always be of one mind.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use bindery_crypto::p256::KeyTable;

use crate::{Accepted, Refused, Verdict};

/// An uncompressed point, or `0` and 32 octets of a private key; then a digest of 32; the rest is the signature.
pub fn es256(data: &[u8]) -> Verdict {
    let Some((point, rest)) = key(data) else { return Refused };
    let Some((digest, signature)) = rest.split_first_chunk::<32>() else { return Refused };
    let imported = Digest::import_less_safe(digest, &SHA256).unwrap();
    let aws_lc = |signature: &[u8]| {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify_digest(&imported, signature).is_ok()
    };
    let Some(table) = KeyTable::new(&point) else {
        assert!(!aws_lc(signature), "a key that has no table");
        return Refused;
    };
    let by_table = |digest: &[u8; 32], signature: &[u8]| {
        table.verify_digest(digest, signature).expect("a verdict").is_ok()
    };
    assert_eq!(by_table(digest, signature), aws_lc(signature));
    if !by_table(digest, signature) {
        return Refused;
    }
    let mut other = *digest;
    other[0] ^= 0x40;
    assert!(!by_table(&other, signature), "one signature, two messages");
    for bit in [0, 255, 256, 511] {
        let mut other = signature.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(by_table(digest, &other), aws_lc(&other));
    }
    Accepted
}

fn key(data: &[u8]) -> Option<([u8; 65], &[u8])> {
    let (private, rest) = match data.split_first()? {
        (0, rest) => rest.split_first_chunk::<32>()?,
        _ => {
            let (point, rest) = data.split_first_chunk()?;
            return Some((*point, rest));
        }
    };
    let public = PrivateKey::from_private_key(&ECDH_P256, private).ok()?.compute_public_key().ok()?;
    Some((public.as_ref().try_into().unwrap(), rest))
}
