//! Reads the corpus of protected requests in `vectors/`: requests with one defect each and the verdict that
//! every door must give (DPOP-4.3-19). It only reads and expands; who judges is the caller's choice, so the
//! guard and the gateway run the same requests by including this module with `#[path]`.
//! The form of the files is described in `vectors/README.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken vector file must stop the test run")]

use std::path::{Path, PathBuf};

use bindery_core::encoding::base64url;
use serde_json::{Map, Value};

/// The files of the corpus; one rule each.
pub(crate) const FILES: &[&str] = &[
    "proof_header",
    "proof_keys",
    "proof_signature",
    "proof_claims",
    "proof_time",
    "htm",
    "htu",
    "nonce",
    "replay",
    "authorization_header",
    "confirmation",
    "access_token",
    "confusion",
];

/// The server that the requests are sent to.
pub(crate) struct Setting(Map<String, Value>);

/// A sequence of requests to one server with one memory; nearly always one request.
pub(crate) struct Case {
    /// File and name, for messages.
    pub(crate) name: String,
    /// In the order of sending.
    pub(crate) requests: Vec<Request>,
}

/// One request, expanded to what goes over the wire, and what must come of it.
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// The path, without query.
    pub(crate) path: String,
    /// Whether the query has an `access_token` parameter (`?access_token=..`).
    pub(crate) token_in_query: bool,
    /// Values of `Authorization`, one per header line.
    pub(crate) authorization: Vec<String>,
    /// Values of `DPoP`, one per header line.
    pub(crate) dpop: Vec<String>,
    /// The client certificate, DER.
    pub(crate) certificate: Option<Vec<u8>>,
    /// The body of the introspection endpoint's answer, where the token is opaque.
    pub(crate) introspection: Option<String>,
    /// The time of arrival.
    pub(crate) now: i64,
    /// What this case changes of the server's policy.
    pub(crate) policy: Map<String, Value>,
    /// `accepted`, or the reason of the rejection.
    pub(crate) expect: String,
}

impl Setting {
    /// Reads `vectors/corpus.json`.
    pub(crate) fn read() -> Self {
        Self(read("corpus"))
    }

    /// The value called `name`.
    pub(crate) fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or_else(|| panic!("corpus.json lacks `{name}`"))
    }

    /// The text called `name`.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).as_str().unwrap()
    }

    /// The time of arrival where a case names none.
    pub(crate) fn now(&self) -> i64 {
        self.get("now").as_i64().unwrap()
    }

    /// Reads and expands every case of `vectors/<file>.json`.
    pub(crate) fn cases(&self, file: &str) -> Vec<Case> {
        let contents = read(file);
        for member in ["rule", "description"] {
            assert!(contents[member].is_string(), "{file}.json lacks `{member}`");
        }
        let cases = contents["cases"].as_array().unwrap();
        cases.iter().map(|case| self.case(file, case.as_object().unwrap())).collect()
    }

    fn case(&self, file: &str, case: &Map<String, Value>) -> Case {
        let name = format!("{file}: {}", case["name"].as_str().unwrap());
        let requests = match case.get("requests") {
            Some(requests) => requests
                .as_array()
                .unwrap()
                .iter()
                .map(|step| {
                    let mut whole = case.clone();
                    whole.extend(step.as_object().unwrap().clone());
                    self.request(&whole)
                })
                .collect(),
            None => vec![self.request(case)],
        };
        Case { name, requests }
    }

    fn request(&self, case: &Map<String, Value>) -> Request {
        let text = |name: &str, otherwise: &str| -> String {
            case.get(name).map_or(otherwise, |value| value.as_str().unwrap()).into()
        };
        let token = match case.get("token") {
            None => self.text_in("tokens", "bound"),
            Some(Value::String(name)) => self.text_in("tokens", name),
            Some(jws) => Jws::read(jws).text(),
        };
        let proof = case.get("proof").map(Jws::read);
        let expand = |value: &str| {
            let value = value.replace("<token>", &token);
            repeat(&proof.as_ref().map_or(value.clone(), |proof| proof.expand(&value)))
        };
        let values = |name: &str, otherwise: &[&str]| match case.get(name) {
            Some(values) => {
                values.as_array().unwrap().iter().map(|value| expand(value.as_str().unwrap())).collect()
            }
            None => otherwise.iter().map(|value| expand(value)).collect::<Vec<_>>(),
        };
        let one_proof: &[&str] = if proof.is_some() { &["<proof>"] } else { &[] };
        Request {
            method: text("method", "GET"),
            path: text("path", "/resource"),
            token_in_query: case.get("token_in_query").is_some_and(|value| value.as_bool().unwrap()),
            authorization: values("authorization", &["DPoP <token>"]),
            dpop: values("dpop", one_proof),
            certificate: case.get("certificate").map(|name| {
                base64url::decode(&self.text_in("certificates", name.as_str().unwrap())).unwrap()
            }),
            introspection: case.get("introspection").map(|answer| match answer {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
            now: case.get("now").map_or_else(|| self.now(), |now| now.as_i64().unwrap()),
            policy: case.get("policy").map(|policy| policy.as_object().unwrap().clone()).unwrap_or_default(),
            expect: case["expect"].as_str().unwrap().into(),
        }
    }

    fn text_in(&self, table: &str, name: &str) -> String {
        let value = &self.get(table)[name];
        value.as_str().unwrap_or_else(|| panic!("corpus.json: {table} lacks `{name}`")).into()
    }
}

/// Three segments, before encoding.
struct Jws {
    header: String,
    payload: String,
    signature: String,
}

impl Jws {
    fn read(value: &Value) -> Self {
        // An object stands for its compact JSON in the file's order, a string for exactly that text.
        let segment = |name: &str| {
            let text = match &value[name] {
                Value::String(text) => text.clone(),
                object => object.to_string(),
            };
            base64url::encode(repeat(&text))
        };
        let signature = value["signature"].as_str().unwrap().into();
        Self { header: segment("header"), payload: segment("payload"), signature }
    }

    fn text(&self) -> String {
        self.expand("<proof>")
    }

    fn expand(&self, value: &str) -> String {
        value
            .replace("<proof>", "<header>.<payload>.<signature>")
            .replace("<header>", &self.header)
            .replace("<payload>", &self.payload)
            .replace("<signature>", &self.signature)
    }
}

/// `<A*3>` stands for `AAA`.
fn repeat(text: &str) -> String {
    let mut expanded = text.to_owned();
    while let Some(start) = expanded.find("<A*") {
        let end = start + expanded[start..].find('>').unwrap();
        let times = expanded[start + 3..end].parse().unwrap();
        expanded.replace_range(start..=end, &"A".repeat(times));
    }
    expanded
}

fn read(file: &str) -> Map<String, Value> {
    let path = directory().join(format!("{file}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}
