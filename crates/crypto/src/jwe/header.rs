//! The protected header of a JWE (RFC 7516 section 4), read strictly: `crit` and `zip` refuse it, what embeds or
//! points to a key (`jwk`, `jku`, `x5c`, `x5u`) is read past and never followed (RFC 8725 section 3.10).

use bindery_core::encoding::{base64url, json};
use bindery_core::jose::encryption::{ContentEncryption, EncryptionKey, KeyManagement};
use serde_json::{Map, Value};

use super::{DecryptionKey, JweInvalid};

/// The longest header, in bytes; ours have some 300.
const MAXIMUM_HEADER: usize = 4096;
/// The longest name of a party (`apu`, `apv`), in bytes.
const MAXIMUM_PARTY: usize = 512;

/// What the header says that we act on. Nothing of it is verified before the content's tag is.
pub(super) struct Header {
    pub(super) algorithm: KeyManagement,
    pub(super) encryption: ContentEncryption,
    key_id: Option<String>,
    /// `epk`, where the algorithm agrees on a key.
    pub(super) ephemeral: Option<EncryptionKey>,
    /// `apu` and `apv` (RFC 7518 section 4.6.1), decoded; empty when absent.
    pub(super) parties: [Vec<u8>; 2],
}

impl Header {
    pub(super) fn parse(text: &[u8]) -> Result<Self, JweInvalid> {
        if text.len() > MAXIMUM_HEADER {
            return Err(JweInvalid::TooLong);
        }
        let members = json::parse_object(text).map_err(JweInvalid::Header)?;
        if members.contains_key("crit") {
            return Err(JweInvalid::Critical);
        }
        if members.contains_key("zip") {
            return Err(JweInvalid::Compressed);
        }
        let required = |name| string(&members, name)?.ok_or(JweInvalid::Member(name));
        let algorithm = KeyManagement::from_name(required("alg")?).ok_or(JweInvalid::Algorithm("alg"))?;
        let encryption =
            ContentEncryption::from_name(required("enc")?).ok_or(JweInvalid::Algorithm("enc"))?;
        let party = |name| {
            let text = string(&members, name)?.unwrap_or_default();
            let party = base64url::decode(text).ok().filter(|party| party.len() <= MAXIMUM_PARTY);
            party.ok_or(JweInvalid::Member(name))
        };
        let ephemeral = match (algorithm, members.get("epk")) {
            (KeyManagement::RsaOaep256, _) => None,
            (_, Some(Value::Object(key))) => {
                Some(EncryptionKey::from_members(key).map_err(|_| JweInvalid::EphemeralKey)?)
            }
            _ => return Err(JweInvalid::Member("epk")),
        };
        Ok(Self {
            algorithm,
            encryption,
            key_id: string(&members, "kid")?.map(Into::into),
            ephemeral,
            parties: [party("apu")?, party("apv")?],
        })
    }

    /// Whether the message can have been encrypted to `key`.
    pub(super) fn names(&self, key: &DecryptionKey) -> bool {
        key.algorithm() == self.algorithm && self.key_id.as_deref().is_none_or(|kid| kid == key.key_id())
    }
}

fn string<'m>(members: &'m Map<String, Value>, name: &'static str) -> Result<Option<&'m str>, JweInvalid> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JweInvalid::Member(name)),
    }
}
