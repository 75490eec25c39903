//! Keys of the callers, and signatures judged with their own few lines over aws-lc-rs: nothing of the product
//! signs or verifies here, so the product doesn't grade itself.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn from_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap_or_else(|error| panic!("not base64url: {error}"))
}

pub(crate) fn sha256(text: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

pub(crate) fn sha512(text: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, text.as_bytes()).as_ref().to_vec()
}

/// As many random bytes, in base64url.
pub(crate) fn random(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut buffer).unwrap();
    base64url(buffer)
}

enum Material {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// A signing key of a caller.
pub(crate) struct Key {
    material: Material,
    /// What it signs with unless somebody spoils that.
    pub(crate) alg: &'static str,
    pub(crate) kid: Option<&'static str>,
    /// `kty` and the public members alone.
    pub(crate) public: Map<String, Value>,
}

impl Key {
    pub(crate) fn rsa(kid: Option<&'static str>) -> Arc<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
        let public = json!({
            "kty": "RSA",
            "n": base64url(n.big_endian_without_leading_zero()),
            "e": base64url(e.big_endian_without_leading_zero()),
        });
        Arc::new(Self { material: Material::Rsa(pair), alg: "PS256", kid, public: members(public) })
    }

    pub(crate) fn ec(kid: Option<&'static str>) -> Arc<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let public = json!({
            "kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..]),
        });
        Arc::new(Self { material: Material::Ec(pair), alg: "ES256", kid, public: members(public) })
    }

    /// The private key of a configuration: its members are believed, and must belong together.
    pub(crate) fn of_jwk(jwk: &Value) -> Arc<Self> {
        let text = |name: &str| jwk[name].as_str().unwrap_or_else(|| panic!("no {name}"));
        let bytes = |name: &str| from_base64url(text(name));
        let (material, alg, public) = match text("alg") {
            "PS256" => {
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents { n: bytes("n"), e: bytes("e") },
                    d: bytes("d"),
                    p: bytes("p"),
                    q: bytes("q"),
                    dP: bytes("dp"),
                    dQ: bytes("dq"),
                    qInv: bytes("qi"),
                };
                let pair = RsaKeyPair::from_components(&components).unwrap();
                (Material::Rsa(pair), "PS256", ["kty", "n", "e"].as_slice())
            }
            "ES256" => {
                let point = [vec![4], bytes("x"), bytes("y")].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &bytes("d"),
                    &point,
                );
                (Material::Ec(pair.unwrap()), "ES256", ["kty", "crv", "x", "y"].as_slice())
            }
            other => panic!("{other}"),
        };
        let public = public.iter().map(|name| ((*name).to_owned(), jwk[*name].clone())).collect();
        Arc::new(Self { material, alg, kid: Some(text("kid").to_owned().leak()), public })
    }

    /// A fresh key of the same kind, without `kid`; RSA keys come from a small pool, because making them is slow.
    pub(crate) fn another_like(&self) -> Arc<Self> {
        static POOL: LazyLock<Vec<Arc<Key>>> = LazyLock::new(|| (0..6).map(|_| Key::rsa(None)).collect());
        match self.material {
            Material::Ec(_) => Self::ec(None),
            Material::Rsa(_) => {
                let different = POOL.iter().filter(|key| key.public != self.public);
                let mut choice = [0];
                aws_lc_rs::rand::fill(&mut choice).unwrap();
                Arc::clone(different.cycle().nth(usize::from(choice[0])).unwrap())
            }
        }
    }

    pub(crate) fn is_rsa(&self) -> bool {
        matches!(self.material, Material::Rsa(_))
    }

    /// As a client registers it.
    pub(crate) fn registered(&self) -> Value {
        let mut jwk = self.public.clone();
        jwk.insert("use".into(), "sig".into());
        jwk.insert("alg".into(), self.alg.into());
        if let Some(kid) = self.kid {
            jwk.insert("kid".into(), kid.into());
        }
        jwk.into()
    }

    /// RFC 7638.
    pub(crate) fn thumbprint(&self) -> String {
        let sorted: BTreeMap<&String, &Value> = self.public.iter().collect();
        base64url(sha256(&serde_json::to_string(&sorted).unwrap()))
    }

    pub(crate) fn sign(&self, alg: &str, input: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match (&self.material, alg) {
            (_, "none") => Vec::new(),
            (Material::Ec(pair), "ES256") => pair.sign(&random, input.as_bytes()).unwrap().as_ref().to_vec(),
            (Material::Rsa(pair), "PS256" | "RS256") => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding: &'static dyn aws_lc_rs::signature::RsaEncoding =
                    if alg == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(encoding, &random, input.as_bytes(), &mut signature).unwrap();
                signature
            }
            (_, other) => panic!("this key can't sign with {other}"),
        }
    }
}

fn members(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("not an object: {value}") };
    members
}

/// Whether `jwk` signed this, by what the header's `alg` says.
pub(crate) fn verify(jwk: &Value, alg: &str, input: &str, signature: &[u8]) -> Result<(), String> {
    let bytes = |name: &str| {
        jwk[name].as_str().map(from_base64url).ok_or_else(|| format!("the key has no {name}: {jwk}"))
    };
    let message = input.as_bytes();
    let verdict = match alg {
        "PS256" | "RS256" => {
            let parameters =
                if alg == "PS256" { &RSA_PSS_2048_8192_SHA256 } else { &RSA_PKCS1_2048_8192_SHA256 };
            RsaPublicKeyComponents { n: bytes("n")?, e: bytes("e")? }.verify(parameters, message, signature)
        }
        "ES256" => {
            let point = [vec![4], bytes("x")?, bytes("y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
        }
        "EdDSA" | "Ed25519" => UnparsedPublicKey::new(&ED25519, bytes("x")?).verify(message, signature),
        other => return Err(format!("{other} is not an algorithm that is known here")),
    };
    verdict.map_err(|_| format!("the {alg} signature is wrong"))
}
