//! The reader of encrypted messages. Its seeds are encrypted to keys that stand here.

use bindery_core::encoding::base64url;
use bindery_core::jose::encryption::{ContentEncryption, KeyManagement};
use bindery_crypto::jwe::{self, DecryptionKey, MAXIMUM_JWE, Recipient};

use crate::{Accepted, Refused, Verdict};

/// The form of a stored P-256 key, and a scalar that anybody may know.
const KEY: [u8; 33] = {
    let mut key = [7; 33];
    key[0] = 1;
    key
};

/// What decrypts has one spelling, names what it was encrypted with, and can be encrypted again.
pub fn jwe(data: &[u8]) -> Verdict {
    let text = crate::text(data);
    let algorithms = [KeyManagement::EcdhEs, KeyManagement::EcdhEsA256Kw];
    let keys = algorithms.map(|algorithm| DecryptionKey::from_stored(algorithm, &KEY).unwrap());
    let Ok(payload) = jwe::decrypt(text, &keys.each_ref()) else { return Refused };
    assert!(text.len() <= MAXIMUM_JWE);
    let segments: Vec<Vec<u8>> = text.split('.').map(|part| base64url::decode(part).unwrap()).collect();
    assert_eq!(segments.len(), 5);
    let header: serde_json::Value = serde_json::from_slice(&segments[0]).unwrap();
    assert!(header.get("zip").is_none() && header.get("crit").is_none());
    let key = keys.iter().find(|key| header["alg"] == key.algorithm().name()).unwrap();
    let encryption = ContentEncryption::from_name(header["enc"].as_str().unwrap()).unwrap();
    let recipient = Recipient { key: key.public_key(), key_id: None, algorithm: key.algorithm(), encryption };
    let again = jwe::encrypt(&payload, &recipient, None).unwrap();
    assert_eq!(jwe::decrypt(&again, &[key]).unwrap(), payload);
    Accepted
}
