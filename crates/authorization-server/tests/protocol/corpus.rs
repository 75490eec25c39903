//! The corpus of `vectors/` at the token endpoint: the same verdict on a proof as at every other door
//! (DPOP-4.3-19). Its requests are `GET /resource` and the private keys of its proofs are gone, so each proof
//! is carried over: method and path become the token endpoint's, and whatever was soundly signed is signed
//! anew with a key of the same kind. A bad signature is left as it is, so here it only shows that bad ones are
//! refused. What has no counterpart at a token endpoint is left out by the rules of [`LeftOut`], each counted.

#[path = "../../../crypto/tests/corpus/mod.rs"]
#[expect(dead_code, reason = "what belongs to access tokens plays no part at a token endpoint")]
mod requests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Body;
use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::encoding::base64url;
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jwk::Jwk;
use bindery_core::jose::jws::{attach_signature, signing_input};
use bindery_core::time::UnixTime;
use bindery_crypto::seal::Sealer;
use bindery_crypto::{AwsLc, Signer as _, SigningKey};
use bindery_http::{Clock as _, ManualClock};
use bindery_store::AuthorizationStore;
use bindery_store::memory::{MemoryStore, ReplayMemory};
use bindery_store::record::NonceKeyRecord;
use http::HeaderValue;
use serde_json::{Map, Value, json};

use crate::support::{Answer, SECRET, Setup, World, base64_standard};
use requests::{Case, Request, Setting};

/// The files that judge proofs; the others judge access tokens and how they are presented.
const FILES: [&str; 10] = [
    "proof_header",
    "proof_keys",
    "proof_signature",
    "proof_claims",
    "proof_time",
    "htm",
    "htu",
    "nonce",
    "replay",
    "confusion",
];

/// Why a case has no counterpart at a token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LeftOut {
    /// A method that is not routed here, or two of them in one case.
    Method,
    /// Another path than the one that stands for the token endpoint's.
    Path,
    /// The access token, or that there is no proof, decides.
    AccessToken,
    /// A server that gives no nonces, which this one always does.
    NoncesNever,
    /// Bytes that no HTTP server hands over.
    Unsendable,
}

/// The keys that stand for those of the corpus, by the text of the coordinate or modulus they replace.
#[derive(Default)]
struct Keys(HashMap<(String, &'static str), SigningKey>);

#[tokio::test]
async fn every_case_of_the_corpus_about_proofs_gets_the_core_s_verdict_from_the_token_endpoint() {
    let setting = Setting::read();
    let mut keys = Keys::default();
    let (mut wrong, mut judged, mut left_out) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for file in FILES {
        for case in setting.cases(file) {
            if let Some(reason) = left_out_for(&case) {
                *left_out.entry(reason).or_insert(0) += 1;
                continue;
            }
            let world = door(&setting, &case.requests[0].policy).await;
            for (index, request) in case.requests.iter().enumerate() {
                let answer = ask(&world, request, &mut keys).await;
                let (found, expected) = (verdict(&answer), expected(&case, request));
                *judged.entry(expected.to_owned()).or_insert(0) += 1;
                if found != expected {
                    wrong.push(format!("{} [{index}]: {found}, not {expected}", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {judged:?}:\n{}", wrong.len(), wrong.join("\n"));
    let expected = [
        (LeftOut::Method, 9),
        (LeftOut::Path, 28),
        (LeftOut::AccessToken, 27),
        (LeftOut::NoncesNever, 1),
        (LeftOut::Unsendable, 2),
    ];
    assert_eq!(left_out, BTreeMap::from(expected), "a rule leaves out other cases than it was made for");
    assert!(judged.values().sum::<usize>() >= 600 && judged["accepted"] >= 100, "{judged:?}");
}

/// The rules by which a case is left out.
fn left_out_for(case: &Case) -> Option<LeftOut> {
    let first = &case.requests[0];
    let any = |rule: fn(&Request) -> bool| case.requests.iter().any(rule);
    if any(|request| !matches!(request.method.as_str(), "GET" | "POST"))
        || case.requests.iter().any(|request| request.method != first.method)
    {
        Some(LeftOut::Method)
    } else if any(|request| request.path != "/resource") {
        Some(LeftOut::Path)
    } else if any(|request| request.dpop.is_empty() || !is_about_proof(&request.expect))
        || (case.requests.len() > 1 && any(|request| needs_access_token(&request.expect)))
    {
        Some(LeftOut::AccessToken)
    } else if first.policy.get("nonce").is_some_and(|nonce| nonce == "never") {
        Some(LeftOut::NoncesNever)
    } else if any(|request| request.dpop.iter().any(|value| HeaderValue::from_str(value).is_err())) {
        Some(LeftOut::Unsendable)
    } else {
        None
    }
}

fn is_about_proof(verdict: &str) -> bool {
    verdict == "accepted" || verdict.starts_with("proof_") || verdict.starts_with("nonce_")
}

fn needs_access_token(verdict: &str) -> bool {
    matches!(verdict, "proof_token_hash" | "proof_key_mismatch")
}

/// The corpus' verdict. Where there is no access token, a proof by any key and with any `ath` is good
/// (DPOP-5-13).
fn expected<'a>(case: &Case, request: &'a Request) -> &'a str {
    if needs_access_token(&request.expect) || case.name == "proof_claims: ath missing" {
        return "accepted";
    }
    &request.expect
}

/// What the answer says; every refusal is a 400 under the error code that its kind has.
fn verdict(answer: &Answer) -> String {
    let Some(reason) = answer.body["reason"].as_str() else {
        return if answer.status == 200 { "accepted".into() } else { answer.body.to_string() };
    };
    if reason.starts_with("nonce_") || reason == "proof_predates_memory" {
        answer.error(400, "use_dpop_nonce").nonce();
    } else {
        answer.error(400, "invalid_dpop_proof");
    }
    reason.into()
}

/// The corpus' server as an authorization server whose issuer is the corpus' base. Its memory of proofs
/// begins when the case says, or long ago.
async fn door(setting: &Setting, policy: &Map<String, Value>) -> World {
    let since =
        policy.get("accepted_since").map_or(setting.now() - 10_000_000, |since| since.as_i64().unwrap());
    let clock = Arc::new(ManualClock::new(UnixTime::from_seconds(since)));
    let claims = ReplayMemory::new(100_000, clock.now(), [7; 16]);
    let store: Arc<dyn AuthorizationStore> = Arc::new(MemoryStore::new(claims));
    insert_nonce_keys(setting, &*store).await;
    let mut setup = Setup::new();
    let bases = policy.get("bases").unwrap_or_else(|| setting.get("bases"));
    setup.configuration["issuer"] = bases[0].clone();
    setup.configuration["mtls_base_url"] = bases.get(1).cloned().unwrap_or_default();
    setup.configuration["dpop"] = json!({
        "algorithms": policy.get("algorithms"),
        "nonce": policy.get("nonce").cloned().unwrap_or("optional".into()),
        "nonce_key_rotation": u32::MAX,
    });
    setup.start_on(store, clock).await
}

/// The corpus' nonce keys as the server stores them, the current one last.
async fn insert_nonce_keys(setting: &Setting, store: &dyn AuthorizationStore) {
    let extracted = MacKey::new(AwsLc.sha256(&[&crate::support::KEY_FILE]));
    let sealer = Sealer::new(AwsLc.hmac_sha256(&extracted, &[b"bindery sealing key 1"]));
    for key in setting.get("nonce_keys").as_array().unwrap().iter().rev() {
        let id = u8::try_from(key["id"].as_u64().unwrap()).unwrap();
        let bytes = base64url::decode(key["key"].as_str().unwrap()).unwrap();
        let sealed = sealer.seal(&[&b"nonce key "[..], &[id]].concat(), &bytes).unwrap();
        let created_at = UnixTime::from_seconds(setting.now());
        store.insert_nonce_key(&NonceKeyRecord { id, sealed, created_at }).await.unwrap();
    }
}

async fn ask(world: &World, request: &Request, keys: &mut Keys) -> Answer {
    world.clock.set(UnixTime::from_seconds(request.now));
    let mut call =
        http::Request::post("/token").header("content-type", "application/x-www-form-urlencoded").header(
            "authorization",
            format!("Basic {}", base64_standard(format!("basic-client:{SECRET}").as_bytes())),
        );
    for value in &request.dpop {
        call = call.header("dpop", keys.carry_over(value, &request.method));
    }
    world.dispatch(call.body(Body::from("grant_type=client_credentials")).unwrap(), None).await
}

impl Keys {
    /// The proof for `POST /token` that has the defects, or their absence, of this one. What can't be read as
    /// three segments of text has its defect there and stays as it is.
    fn carry_over(&mut self, proof: &str, method: &str) -> String {
        let segments: Vec<_> = proof.split('.').collect();
        let [header, payload, signature] = segments[..] else { return proof.into() };
        let text = |segment| String::from_utf8(base64url::decode(segment).ok()?).ok();
        let (Some(header_text), Some(payload_text)) = (text(header), text(payload)) else {
            return proof.into();
        };
        let carried = to_token_endpoint(&payload_text, method);
        match self.sound(&header_text, &format!("{header}.{payload}"), signature) {
            Some((header_text, key)) => {
                let input = signing_input(header_text.as_bytes(), carried.as_bytes());
                let signature = key.sign(&input).unwrap();
                attach_signature(input, &signature)
            }
            None => format!("{header}.{}.{signature}", base64url::encode(carried)),
        }
    }

    /// If the signature is good: the header with the key that stands for the header's own, and that key.
    fn sound(&mut self, header: &str, input: &str, signature: &str) -> Option<(String, &SigningKey)> {
        let members: Value = serde_json::from_str(header).ok()?;
        let algorithm = SignatureAlgorithm::from_name(members["alg"].as_str()?)?;
        let jwk = Jwk::parse(members["jwk"].to_string().as_bytes()).ok()?;
        let signature = base64url::decode(signature).ok()?;
        AwsLc.verify_signature(algorithm, &jwk.key, input.as_bytes(), &signature).ok()?;
        let (old, member) = (&members["jwk"], if members["jwk"]["n"].is_string() { "n" } else { "x" });
        let name = (old[member].as_str()?.to_owned(), algorithm.name());
        let key = self.0.entry(name).or_insert_with(|| SigningKey::generate(algorithm).unwrap());
        let new = key.public_key().to_jwk();
        let mut carried = header.to_owned();
        for member in ["x", "y", "n"] {
            if let Some(value) = old[member].as_str() {
                carried = carried.replace(value, new[member].as_str().unwrap());
            }
        }
        Some((carried, key))
    }
}

/// `GET` and `/resource` become `POST` and `/token`, in every spelling of theirs, and `POST` becomes `GET`,
/// so that what differed still differs.
fn to_token_endpoint(payload: &str, method: &str) -> String {
    let mut carried = payload.to_owned();
    if method == "GET" {
        for (old, new) in [
            ("POST", "<get>"),
            ("GET", "POST"),
            ("<get>", "GET"),
            ("\"get\"", "\"post\""),
            ("\"Get\"", "\"Post\""),
        ] {
            carried = carried.replace(old, new);
        }
    }
    for (old, new) in [("resource", "token"), ("Resource", "Token"), ("%72esource", "%74oken")] {
        carried = carried.replace(old, new);
    }
    carried
}
