//! The keys, tokens and certificates of the corpus, the good proof that every defect starts from, and the
//! form in which files are written: one line per member, so that a case can be read and compared.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::dpop::nonce::{self, NonceKeyRing};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, Signer, SigningKey};
use serde_json::{Map, Value, json};

pub(crate) type Object = Map<String, Value>;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const BASE: &str = "https://api.example";
pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const OTHER_ISSUER: &str = "https://other-as.example";
const SCOPE: &str = "https://api.example";

pub(crate) struct World {
    pub(crate) client: SigningKey,
    pub(crate) stranger: SigningKey,
    pub(crate) ed25519: SigningKey,
    pub(crate) es384: SigningKey,
    pub(crate) rsa: SigningKey,
    pub(crate) issuer: SigningKey,
    pub(crate) other_issuer: SigningKey,
    pub(crate) certificates: [Vec<u8>; 2],
    pub(crate) tokens: BTreeMap<&'static str, String>,
    nonce_keys: [[u8; 32]; 3],
    count: Cell<u32>,
}

impl World {
    pub(crate) fn new() -> Self {
        let key = |algorithm| SigningKey::generate(algorithm).unwrap();
        let certificate = || {
            let made = rcgen::generate_simple_self_signed(vec!["client.example".into()]).unwrap();
            made.cert.der().to_vec()
        };
        let mut world = Self {
            client: key(SignatureAlgorithm::Es256),
            stranger: key(SignatureAlgorithm::Es256),
            ed25519: key(SignatureAlgorithm::EdDsa),
            es384: key(SignatureAlgorithm::Es384),
            rsa: key(SignatureAlgorithm::Ps256),
            issuer: key(SignatureAlgorithm::Es256),
            other_issuer: key(SignatureAlgorithm::Es256),
            certificates: [certificate(), certificate()],
            tokens: BTreeMap::new(),
            nonce_keys: std::array::from_fn(|_| bindery_crypto::random_bytes().unwrap()),
            count: Cell::new(0),
        };
        let jkt = |key: &SigningKey| Some(json!({"jkt": key.thumbprint()}));
        let x5t = world.certificate_thumbprint(0);
        for (name, cnf) in [
            ("bound", jkt(&world.client)),
            ("bound_ed25519", jkt(&world.ed25519)),
            ("bound_es384", jkt(&world.es384)),
            ("bound_rsa", jkt(&world.rsa)),
            ("unbound", None),
            ("certificate_bound", Some(json!({"x5t#S256": x5t}))),
            ("doubly_bound", Some(json!({"jkt": world.client.thumbprint(), "x5t#S256": x5t}))),
        ] {
            let token = world.token(|_, claims| match cnf {
                Some(cnf) => drop(claims.insert("cnf".into(), cnf)),
                None => drop(claims.remove("cnf")),
            });
            world.tokens.insert(name, text_of(&token));
        }
        world.tokens.insert("opaque", "2YotnFZFEjr1zCsicMWpAA".into());
        world
    }

    /// Writes `corpus.json`.
    pub(crate) fn write_setting(&self) {
        let issuer = |issuer: &str, key: &SigningKey, kid: &str| {
            let mut jwk = key.public_key().to_jwk();
            jwk.insert("kid".into(), kid.into());
            json!({
                "issuer": issuer, "audiences": [BASE], "algorithms": ["ES256", "ES384", "PS256", "EdDSA"],
                "clock_skew": 10, "jwks": {"keys": [jwk]},
            })
        };
        let nonce_keys: Vec<_> = self.nonce_keys[..2]
            .iter()
            .enumerate()
            .map(|(index, key)| json!({"id": index + 1, "key": base64url::encode(key)}))
            .collect();
        let setting = json!({
            "rule": "the server that every request of the corpus is sent to",
            "description": "see README.md; all keys were made for this file and their private halves thrown away",
            "now": NOW,
            "bases": [BASE],
            "nonce_scope": SCOPE,
            "nonce_keys": nonce_keys,
            "issuers": [
                issuer(ISSUER, &self.issuer, "issuer-1"),
                issuer(OTHER_ISSUER, &self.other_issuer, "other-1"),
            ],
            "tokens": self.tokens,
            "certificates": {
                "registered": base64url::encode(&self.certificates[0]),
                "another": base64url::encode(&self.certificates[1]),
            },
        });
        write("corpus", &sorted(&setting));
    }

    pub(crate) fn bound(&self) -> &str {
        &self.tokens["bound"]
    }

    pub(crate) fn certificate_thumbprint(&self, index: usize) -> String {
        base64url::encode(AwsLc.sha256(&[&self.certificates[index]]))
    }

    /// The header of a good proof by `key`.
    pub(crate) fn header(&self, key: &SigningKey) -> Object {
        object(json!({"typ": "dpop+jwt", "alg": key.algorithm().name(), "jwk": key.public_key().to_jwk()}))
    }

    /// The claims of a good proof for `GET /resource` with `token`.
    pub(crate) fn claims(&self, token: &str) -> Object {
        self.count.set(self.count.get() + 1);
        object(json!({
            "jti": format!("proof-{}", self.count.get()),
            "htm": "GET",
            "htu": format!("{BASE}/resource"),
            "iat": NOW,
            "ath": hash(token),
        }))
    }

    /// A proof by the client for the bound token, changed by `edit`.
    pub(crate) fn proof(&self, edit: impl FnOnce(&mut Object, &mut Object)) -> Value {
        self.proof_by(&self.client, self.bound(), edit)
    }

    /// A proof by `key` for `token`, changed by `edit`.
    pub(crate) fn proof_by(
        &self,
        key: &SigningKey,
        token: &str,
        edit: impl FnOnce(&mut Object, &mut Object),
    ) -> Value {
        let (mut header, mut claims) = (self.header(key), self.claims(token));
        edit(&mut header, &mut claims);
        sign(key, Value::Object(header), Value::Object(claims))
    }

    /// A proof by the client with these exact texts.
    pub(crate) fn proof_of(&self, header: impl Into<Value>, payload: impl Into<Value>) -> Value {
        sign(&self.client, header.into(), payload.into())
    }

    /// An access token of the issuer for the client, changed by `edit`.
    pub(crate) fn token(&self, edit: impl FnOnce(&mut Object, &mut Object)) -> Value {
        self.token_by(&self.issuer, edit)
    }

    /// The same, signed by `key`.
    pub(crate) fn token_by(&self, key: &SigningKey, edit: impl FnOnce(&mut Object, &mut Object)) -> Value {
        let (mut header, mut claims) = (self.token_header(), self.token_claims());
        edit(&mut header, &mut claims);
        sign(key, Value::Object(header), Value::Object(claims))
    }

    pub(crate) fn token_header(&self) -> Object {
        object(json!({"typ": "at+jwt", "alg": "ES256", "kid": "issuer-1"}))
    }

    pub(crate) fn token_claims(&self) -> Object {
        self.count.set(self.count.get() + 1);
        object(json!({
            "iss": ISSUER, "sub": "client-1", "client_id": "client-1", "aud": BASE,
            "jti": format!("token-{}", self.count.get()), "iat": NOW - 60, "exp": NOW + 600, "scope": "read",
            "cnf": {"jkt": self.client.thumbprint()},
        }))
    }

    /// A nonce made at `at` with the key in place `key`: 0 current, 1 previous, 2 of another server.
    pub(crate) fn nonce(&self, at: i64, key: usize, scope: &str) -> String {
        let id = u8::try_from(key).unwrap() + 1;
        let ring = NonceKeyRing::new(id, MacKey::new(self.nonce_keys[key]));
        let random = bindery_crypto::random_bytes().unwrap();
        nonce::issue(&ring, scope, UnixTime::from_seconds(at), random, &AwsLc).to_string()
    }

    /// A good nonce made at `at`.
    pub(crate) fn nonce_at(&self, at: i64) -> String {
        self.nonce(at, 0, SCOPE)
    }
}

/// `ath` of `token`.
pub(crate) fn hash(token: &str) -> String {
    base64url::encode(AwsLc.sha256(&[token.as_bytes()]))
}

/// A JWS as the files hold it: an object stands for its compact JSON, a string for exactly that text.
pub(crate) fn sign(key: &SigningKey, header: Value, payload: Value) -> Value {
    let (header, payload) = (sorted(&header), sorted(&payload));
    let signature = key.sign(signing_input(&header, &payload).as_bytes()).unwrap();
    jws(header, payload, &signature)
}

pub(crate) fn jws(header: Value, payload: Value, signature: &[u8]) -> Value {
    json!({"header": header, "payload": payload, "signature": base64url::encode(signature)})
}

pub(crate) fn signing_input(header: &Value, payload: &Value) -> String {
    let segment = |value: &Value| base64url::encode(segment_text(value));
    format!("{}.{}", segment(header), segment(payload))
}

/// The compact JWS that the case stands for.
pub(crate) fn text_of(jws: &Value) -> String {
    format!("{}.{}", signing_input(&jws["header"], &jws["payload"]), jws["signature"].as_str().unwrap())
}

pub(crate) fn segment_text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.split_once("<A*") {
        None => text,
        Some((before, rest)) => {
            let (times, after) = rest.split_once('>').unwrap();
            [before, &"A".repeat(times.parse().unwrap()), after].concat()
        }
    }
}

pub(crate) fn signature_of(jws: &Value) -> Vec<u8> {
    base64url::decode(jws["signature"].as_str().unwrap()).unwrap()
}

/// The JWS with another signature.
pub(crate) fn with_signature(jws: &Value, signature: &[u8]) -> Value {
    with(jws, "signature", base64url::encode(signature))
}

pub(crate) fn with(jws: &Value, member: &str, value: impl Into<Value>) -> Value {
    let mut changed = jws.clone();
    changed[member] = value.into();
    changed
}

pub(crate) fn object(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        _ => Object::new(),
    }
}

/// Members in one order at every depth, whatever features serde_json was built with.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let ordered: BTreeMap<_, _> = members.iter().collect();
            Value::Object(ordered.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// One file of cases.
pub(crate) struct File {
    name: &'static str,
    rule: &'static str,
    description: &'static str,
    cases: Vec<Value>,
}

impl File {
    pub(crate) const fn new(name: &'static str, rule: &'static str, description: &'static str) -> Self {
        Self { name, rule, description, cases: Vec::new() }
    }

    /// A case with any members.
    pub(crate) fn case(&mut self, name: impl Into<String>, expect: &str, members: Value) {
        let mut case = object(json!({"name": name.into()}));
        case.extend(object(members));
        case.insert("expect".into(), expect.into());
        self.cases.push(Value::Object(case));
    }

    /// A case that differs from the good request by its proof alone.
    pub(crate) fn proof(&mut self, name: impl Into<String>, expect: &str, proof: Value) {
        self.case(name, expect, json!({ "proof": proof }));
    }

    pub(crate) fn write(self) {
        let Self { name, rule, description, cases } = self;
        write(name, &json!({"rule": rule, "description": description, "cases": cases}));
    }
}

fn write(name: &str, contents: &Value) {
    let mut text = String::new();
    pretty(contents, 0, &mut text);
    text.push('\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../vectors/{name}.json"));
    std::fs::write(path, text).unwrap();
}

/// The order in which a reader wants the members; all others in between.
fn rank(name: &str) -> u8 {
    match name {
        "rule" => 0,
        "name" | "description" => 1,
        "expect" | "cases" => 9,
        _ => 5,
    }
}

/// One line per member down to the parts of a JWS; below that, compact.
fn pretty(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth + 1);
    let end = "  ".repeat(depth);
    match value {
        Value::Object(members) if is_opened(members) => {
            let mut ordered: Vec<_> = members.iter().collect();
            ordered.sort_by_key(|(name, _)| (rank(name), (*name).clone()));
            text.push('{');
            for (index, (name, member)) in ordered.into_iter().enumerate() {
                let _ = write!(
                    text,
                    "{}\n{indent}{}: ",
                    if index > 0 { "," } else { "" },
                    Value::from(name.as_str())
                );
                pretty(member, depth + 1, text);
            }
            let _ = write!(text, "\n{end}}}");
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            text.push('[');
            for (index, member) in values.iter().enumerate() {
                let _ = write!(text, "{}\n{indent}", if index > 0 { "," } else { "" });
                pretty(member, depth + 1, text);
            }
            let _ = write!(text, "\n{end}]");
        }
        other => text.push_str(&other.to_string()),
    }
}

fn is_opened(members: &Object) -> bool {
    ["cases", "expect", "signature", "jwks", "keys", "bound", "registered", "tokens"]
        .iter()
        .any(|name| members.contains_key(*name))
}
