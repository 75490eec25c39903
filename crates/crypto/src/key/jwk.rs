//! Private JWKs, parsed as strictly as public ones: the public members by the core's own parser, the private
//! ones as canonical base64url. The private texts are wiped once decoded.

use bindery_core::encoding::{base64url, json};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::{Jwk, JwkInvalid, PublicKey};
use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

use super::{KeyError, MAXIMUM_KEY};

/// The private members that our kinds of keys have (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// Names and decoded values.
type PrivateMembers = Vec<(&'static str, Zeroizing<Vec<u8>>)>;

/// A private JWK whose two halves are parsed, but not yet known to belong together.
pub(crate) struct PrivateJwk {
    pub(crate) public: PublicKey,
    pub(crate) algorithm: Option<SignatureAlgorithm>,
    private: PrivateMembers,
}

impl PrivateJwk {
    pub(super) fn parse(text: &[u8]) -> Result<Self, KeyError> {
        if text.len() > MAXIMUM_KEY {
            return Err(KeyError::TooLong);
        }
        let members =
            json::parse_object(text).map_err(|reason| KeyError::Public(JwkInvalid::Json(reason)))?;
        let mut members = Wiped(members);
        if members.0.contains_key("oth") {
            return Err(KeyError::MultiPrime);
        }
        let private = take_private(&mut members.0)?;
        require_sign(members.0.remove("key_ops"))?;
        // What is left is a public JWK, save for kinds we don't use, and those its parser refuses.
        let public = serde_json::to_vec(&members.0).unwrap_or_default();
        let jwk = Jwk::parse(&public).map_err(KeyError::Public)?;
        Ok(Self { public: jwk.key, algorithm: jwk.algorithm, private })
    }

    /// The private member called `name`.
    pub(crate) fn member(&self, name: &'static str) -> Result<&Zeroizing<Vec<u8>>, KeyError> {
        let found = self.private.iter().find(|(candidate, _)| *candidate == name);
        found.map(|(_, value)| value).ok_or(KeyError::MissingMember(name))
    }

    /// The private member called `name`, which must have exactly `N` bytes.
    pub(crate) fn fixed<const N: usize>(&self, name: &'static str) -> Result<Zeroizing<[u8; N]>, KeyError> {
        let value: &[u8] = self.member(name)?;
        value.try_into().map(Zeroizing::new).map_err(|_| KeyError::MemberEncoding(name))
    }
}

/// Every string is wiped when dropped, whichever way parsing ends.
struct Wiped(Map<String, Value>);

impl Drop for Wiped {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

fn take_private(members: &mut Map<String, Value>) -> Result<PrivateMembers, KeyError> {
    let mut private = Vec::new();
    for name in PRIVATE_MEMBERS {
        match members.remove(name) {
            None => {}
            Some(Value::String(text)) => {
                let text = Zeroizing::new(text);
                let value = base64url::decode(&text).map_err(|_| KeyError::MemberEncoding(name))?;
                private.push((name, Zeroizing::new(value)));
            }
            Some(_) => return Err(KeyError::MemberEncoding(name)),
        }
    }
    Ok(private)
}

/// `key_ops` of a private key speaks of signing (RFC 7517 section 4.3), where the public half's of verifying.
fn require_sign(operations: Option<Value>) -> Result<(), KeyError> {
    match operations {
        None => Ok(()),
        Some(Value::Array(names)) if names.iter().any(|name| name == "sign") => Ok(()),
        Some(_) => Err(KeyError::NotForSigning),
    }
}
