//! One corpus, the same verdict at every door: the requests of `vectors/` through the layer (DPOP-4.3-19).
//! The guard may refuse more than the core, for what only it knows (a path with two readings), never less.

#[path = "../../../crypto/tests/corpus/mod.rs"]
mod requests;

use std::sync::Arc;

use bindery_core::jose::jwk::JwkSet;
use bindery_core::mtls::certificate::{ClientCertificate, PresentedCertificate};
use bindery_core::replay::{ReplayEntry, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_http::{EdgePolicy, ManualClock};
use bindery_resource_server::configuration::GuardParts;
use bindery_resource_server::{Guard, GuardConfiguration};
use bindery_store::ReplayStore;
use bindery_store::memory::ReplayMemory;
use serde_json::{Value, json};

use crate::call;
use crate::world::{Authority, Issuer, Notes, memory_since, peer};
use requests::{FILES, Request, Setting};

/// The corpus gives issuers a clock skew of 10 s; a guard gives them the one of proofs, 30 s.
const WITHIN_THE_GUARDS_SKEW: [&str; 3] =
    ["confirmation: introspection: not yet valid", "access_token: nbf ahead", "access_token: iat ahead"];

/// A memory that began when the case says, or survives restarts.
struct Memory(ReplayMemory, Option<UnixTime>);

impl ReplayStore for Memory {
    async fn check_and_insert<'a>(&'a self, entry: ReplayEntry<'a>, now: UnixTime) -> ReplayOutcome {
        self.0.insert_if_absent(&entry, now)
    }

    fn accepted_since(&self) -> Option<UnixTime> {
        self.1
    }
}

struct Door {
    authority: Authority,
    issuer: Issuer,
    files: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Door {
    /// The corpus' server as a guard, or `None` for a policy that a guard does not have.
    fn guard(&self, setting: &Setting, request: &Request) -> Option<Guard<Memory>> {
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
            assert!(JwkSet::parse(issuer["jwks"].to_string().as_bytes()).is_ok());
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
            let names: Vec<_> = mechanisms.as_array().unwrap().iter().map(named_mechanism).collect();
            configuration["route"][0]["mechanisms"] = names.into();
        }
        let settings: GuardConfiguration = serde_json::from_value(configuration).unwrap();
        let since = request.policy.get("accepted_since").map(|since| since.as_i64().unwrap());
        let parts = GuardParts {
            replay: Memory(memory_since(UnixTime::MIN), since.map(UnixTime::from_seconds)),
            clock: Arc::clone(&self.clock) as _,
            edge: EdgePolicy::direct(),
            http_client: self.authority.http_client(),
            observer: Some(Arc::new(Notes::default())),
        };
        Some(settings.into_guard(parts).unwrap())
    }

    /// The verdict, or `None` for a request that no HTTP server would hand over.
    async fn verdict(&self, guard: &Guard<Memory>, request: &Request) -> Option<String> {
        self.clock.set(UnixTime::from_seconds(request.now));
        if let Some(answer) = &request.introspection {
            let value = Value::String(answer.clone());
            for authorization in &request.authorization {
                let token = authorization.split(' ').next_back().unwrap_or_default();
                self.issuer.answer_about(token, value.clone());
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
        let answer = call(guard, builder).await;
        let said = match answer.reason() {
            "" if answer.status == 401 => "no_credentials",
            // No nonce can be given in the very second in which the memory begins, nor before it.
            "" if answer.status == 503 && request.policy.contains_key("accepted_since") => {
                "proof_predates_memory"
            }
            "dpop" | "mtls" | "dpop+mtls" | "bearer" if answer.status == 200 => "accepted",
            reason => reason,
        };
        Some(said.to_owned())
    }
}

fn named_mechanism(name: &Value) -> &str {
    match name.as_str().unwrap() {
        "bearer" => "dangerous_bearer",
        name => name,
    }
}

#[tokio::test]
async fn every_case_of_the_corpus_gets_the_core_s_verdict_from_the_guard() {
    let authority = Authority::new();
    let issuer = Issuer::start(&authority);
    let door = Door {
        authority,
        issuer,
        files: tempfile::tempdir().unwrap(),
        clock: Arc::new(ManualClock::new(crate::START)),
    };
    let setting = Setting::read();
    assert_eq!(
        setting.text("nonce_scope"),
        crate::world::PUBLIC,
        "a guard's nonces are made for its first base"
    );
    let (mut wrong, mut judged, mut unsendable) = (Vec::new(), 0, 0);
    for file in FILES {
        for case in setting.cases(file) {
            let Some(guard) = door.guard(&setting, &case.requests[0]) else { continue };
            for (index, request) in case.requests.iter().enumerate() {
                let Some(found) = door.verdict(&guard, request).await else {
                    unsendable += 1;
                    continue;
                };
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
