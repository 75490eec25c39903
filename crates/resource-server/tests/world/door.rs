//! One corpus, the same verdict at every door: the requests of `vectors/` sent through whatever stands in
//! front of an application (DPOP-4.3-19). A door may refuse more than the core, for what only it knows (a
//! path with two readings), never less.

#[path = "../../../crypto/tests/corpus/mod.rs"]
mod requests;

use std::sync::Arc;

use bindery_core::mtls::certificate::{ClientCertificate, PresentedCertificate};
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_http::ManualClock;
use bindery_store::ReplayStore;
use bindery_store::memory::ReplayMemory;
use http::StatusCode;
use http::request::Builder;
use serde_json::{Value, json};

use super::{Authority, Issuer, PUBLIC, START, memory_since, peer};
use requests::{FILES, Request, Setting};

/// The corpus gives issuers a clock skew of 10 s; a guard gives them the one of proofs, 30 s.
const WITHIN_THE_GUARDS_SKEW: [&str; 3] =
    ["confirmation: introspection: not yet valid", "access_token: nbf ahead", "access_token: iat ahead"];

/// A memory that began when the case says, or survives restarts.
pub(crate) struct Memory(ReplayMemory, Option<UnixTime>);

impl ReplayStore for Memory {
    async fn check_and_insert<'a>(&'a self, entry: ReplayEntry<'a>, now: UnixTime) -> ReplayOutcome {
        self.0.insert_if_absent(&entry, now)
    }

    fn accepted_since(&self) -> Option<UnixTime> {
        self.1
    }
}

/// The estate of the corpus.
pub(crate) struct Estate {
    pub(crate) authority: Authority,
    pub(crate) clock: Arc<ManualClock>,
    issuer: Issuer,
    files: tempfile::TempDir,
}

/// Sends every request of the corpus. `open` makes a door of a guard's configuration; `ask` sends one request
/// through it and says the status and the answer's body.
pub(crate) async fn hold_against_the_corpus<D>(
    open: impl AsyncFn(&Estate, Value, Memory) -> D,
    ask: impl AsyncFn(&D, Builder) -> (StatusCode, Value),
) {
    let authority = Authority::new();
    let issuer = Issuer::start(&authority);
    let (files, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::new(START)));
    let estate = Estate { authority, clock, issuer, files };
    let setting = Setting::read();
    assert_eq!(setting.text("nonce_scope"), PUBLIC, "a guard's nonces are made for its first base");
    let (mut wrong, mut judged, mut unsendable) = (Vec::new(), 0, 0);
    for file in FILES {
        for case in setting.cases(file) {
            let Some((configuration, memory)) = estate.door(&setting, &case.requests[0]) else { continue };
            let door = open(&estate, configuration, memory).await;
            for (index, request) in case.requests.iter().enumerate() {
                let Some(builder) = estate.request(request) else {
                    unsendable += 1;
                    continue;
                };
                let (status, body) = ask(&door, builder).await;
                let found = verdict(request, status, &body);
                judged += 1;
                let allowed =
                    found == "ambiguous_path" || WITHIN_THE_GUARDS_SKEW.contains(&case.name.as_str());
                if found != request.expect && !allowed {
                    wrong.push(format!("{} [{index}]: {found}, not {}", case.name, request.expect));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {judged} requests:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged >= 300 && unsendable < 10, "{judged} judged, {unsendable} can't be sent");
}

fn verdict<'v>(request: &Request, status: StatusCode, body: &'v Value) -> &'v str {
    match body["reason"].as_str() {
        Some(reason) => reason,
        None if status == StatusCode::OK => "accepted",
        None if status == StatusCode::UNAUTHORIZED => "no_credentials",
        // No nonce can be given in the very second in which the memory begins, nor before it.
        None if status == StatusCode::SERVICE_UNAVAILABLE
            && request.policy.contains_key("accepted_since") =>
        {
            "proof_predates_memory"
        }
        None => "refused without a reason",
    }
}

impl Estate {
    /// The corpus' server as a guard's configuration, or `None` for a policy that a guard does not have.
    fn door(&self, setting: &Setting, request: &Request) -> Option<(Value, Memory)> {
        if request.policy.get("nonce").is_some_and(|nonce| nonce == "never") {
            return None;
        }
        let path = |name: &str| self.files.path().join(name);
        let mut configuration = json!({
            "public_urls": request.policy.get("bases").unwrap_or_else(|| setting.get("bases")),
            "proof_algorithms": request.policy.get("algorithms"),
            "issuer": [], "nonce_key": [],
            "route": [{"path": "/", "nonce_required": request.policy.contains_key("nonce")}],
        });
        for (index, issuer) in setting.get("issuers").as_array().unwrap().iter().enumerate() {
            let keys = path(&format!("jwks-{index}"));
            std::fs::write(&keys, issuer["jwks"].to_string()).unwrap();
            let mut table = json!({
                "issuer": issuer["issuer"], "audiences": issuer["audiences"],
                "algorithms": issuer["algorithms"], "jwks_file": keys,
            });
            if index == 0 && request.introspection.is_some() {
                std::fs::write(path("secret"), "secret").unwrap();
                table["introspection"] = json!({
                    "endpoint": format!("{}/introspect", self.issuer.url), "client_id": "guard",
                    "client_secret_file": path("secret"),
                });
            }
            configuration["issuer"].as_array_mut().unwrap().push(table);
        }
        for key in setting.get("nonce_keys").as_array().unwrap() {
            let file = path(&format!("nonce-{}", key["id"]));
            std::fs::write(&file, key["key"].as_str().unwrap()).unwrap();
            configuration["nonce_key"].as_array_mut().unwrap().push(json!({"id": key["id"], "file": file}));
        }
        if let Some(mechanisms) = request.policy.get("mechanisms") {
            let named = |name: &Value| match name.as_str().unwrap() {
                "bearer" => json!("dangerous_bearer"),
                name => json!(name),
            };
            let names: Vec<_> = mechanisms.as_array().unwrap().iter().map(named).collect();
            configuration["route"][0]["mechanisms"] = names.into();
        }
        let since = request.policy.get("accepted_since").map(|since| since.as_i64().unwrap());
        Some((configuration, Memory(memory_since(UnixTime::MIN), since.map(UnixTime::from_seconds))))
    }

    /// The request as it arrives, or `None` if no HTTP server would hand it over.
    fn request(&self, request: &Request) -> Option<Builder> {
        self.clock.set(UnixTime::from_seconds(request.now));
        if let Some(answer) = &request.introspection {
            for authorization in &request.authorization {
                let token = authorization.split(' ').next_back().unwrap_or_default();
                self.issuer.answer_about(token, Value::String(answer.clone()));
            }
        }
        let query = if request.token_in_query { "?access_token=x" } else { "" };
        let mut peer = peer(None);
        if let Some(der) = &request.certificate {
            let certificate = ClientCertificate::new(der.clone(), Vec::new(), &AwsLc);
            peer.certificate = PresentedCertificate::Present(certificate);
        }
        let mut builder = http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("{}{query}", request.path))
            .extension(peer);
        for (name, values) in [("authorization", &request.authorization), ("dpop", &request.dpop)] {
            for value in values {
                builder = builder.header(name, value.as_bytes());
            }
        }
        builder.headers_ref()?;
        Some(builder)
    }
}
