//! A passkey device in software: it makes ES256 keys, finds the account by itself, verifies its owner, and can
//! be told to lie in each of these. Only what WebAuthn level 3 section 6 needs.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::support::{ISSUER, key};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const MAY_BE_COPIED: u8 = 0x08;
const CREDENTIAL: u8 = 0x40;

pub(crate) struct Authenticator {
    key: SigningKey,
    id: [u8; 16],
    user_handle: Vec<u8>,
    counter: u32,
    /// Whether it asks its owner for a finger or a PIN.
    pub(crate) verifies: bool,
    pub(crate) may_be_copied: bool,
    pub(crate) origin: String,
}

impl Authenticator {
    pub(crate) fn new(id: u8) -> Self {
        Self {
            key: key(),
            id: [id; 16],
            user_handle: Vec::new(),
            counter: 0,
            verifies: true,
            may_be_copied: false,
            origin: ISSUER.into(),
        }
    }

    /// Answers `navigator.credentials.create`.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        self.user_handle = base64url::decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let mut data = self.authenticator_data(CREDENTIAL);
        data.extend([0; 16]);
        data.extend(16_u16.to_be_bytes());
        data.extend(self.id);
        data.extend(self.cose_key());
        // {"fmt": "none", "attStmt": {}, "authData": bytes}
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt\x64none\x67attStmt\xa0\x68authData");
        object.extend([0x58, u8::try_from(data.len()).unwrap()]);
        object.extend(data);
        let client_data = self.client_data("webauthn.create", options);
        json!({
            "id": base64url::encode(self.id), "rawId": base64url::encode(self.id), "type": "public-key",
            "extensions": {},
            "response": {
                "attestationObject": base64url::encode(object),
                "clientDataJSON": base64url::encode(client_data),
                "transports": ["internal"],
            },
        })
    }

    /// Answers `navigator.credentials.get`.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        assert!(options["allowCredentials"].as_array().is_none_or(Vec::is_empty), "no account is named");
        self.counter += 1;
        let data = self.authenticator_data(0);
        let client_data = self.client_data("webauthn.get", options);
        let signed = [&data[..], &AwsLc.sha256(&[client_data.as_bytes()])].concat();
        let signature = der(&self.key.sign(&signed).unwrap());
        json!({
            "id": base64url::encode(self.id), "rawId": base64url::encode(self.id), "type": "public-key",
            "extensions": {},
            "response": {
                "authenticatorData": base64url::encode(data),
                "clientDataJSON": base64url::encode(client_data),
                "signature": base64url::encode(signature),
                "userHandle": base64url::encode(&self.user_handle),
            },
        })
    }

    /// Goes back to what it was before its last signature, as a copy of it would be.
    pub(crate) fn forget_last(&mut self) {
        self.counter -= 1;
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let mut flags = flags | PRESENT;
        if self.verifies {
            flags |= VERIFIED;
        }
        if self.may_be_copied {
            flags |= MAY_BE_COPIED;
        }
        let mut data = AwsLc.sha256(&[b"id.example"]).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = &options["challenge"];
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false}).to_string()
    }

    /// {1: 2, 3: -7, -1: 1, -2: x, -3: y} (RFC 9053 section 7.1.1).
    fn cose_key(&self) -> Vec<u8> {
        let jwk = self.key.public_key().to_jwk();
        let coordinate = |name: &str| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        cose.extend(coordinate("x"));
        cose.extend([0x22, 0x58, 0x20]);
        cose.extend(coordinate("y"));
        cose
    }
}

/// ECDSA-Sig-Value (RFC 3279 section 2.2.3) of two numbers of 32 bytes.
fn der(raw: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(31);
        let mut number = bytes[start..].to_vec();
        if number[0] & 0x80 != 0 {
            number.insert(0, 0);
        }
        let mut integer = vec![0x02, u8::try_from(number.len()).unwrap()];
        integer.extend(number);
        integer
    };
    let content = [integer(&raw[..32]), integer(&raw[32..])].concat();
    let mut sequence = vec![0x30, u8::try_from(content.len()).unwrap()];
    sequence.extend(content);
    sequence
}
