//! Two server processes on one PostgreSQL schema are one issuer: what is spent at one is spent at both, keys,
//! clients and revocations are shared. Skipped where PostgreSQL is not installed, unless
//! `BINDERY_REQUIRE_POSTGRES` is set.

use std::time::Duration;

use bindery_core::crypto::Cryptography as _;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, SigningKey};
use bindery_store::authorization::{RefreshTokenState, TokenStore as _};
use bindery_store::postgres::fixture::PostgresServer;
use bindery_store::postgres::{PostgresOptions, PostgresStore};
use reqwest::{Client, Method};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::estate::{API, Estate};
use crate::support::forgery::{self, Proof};
use crate::support::process::Process;
use crate::support::{Stage, free_port, wire};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// One issuer, two processes, and where each listens.
struct Pair {
    estate: Estate,
    options: PostgresOptions,
    nodes: [String; 2],
    _second: Process,
    http: Client,
}

/// An administrator's token and the key that it is bound to.
struct Administrator {
    token: String,
    key: SigningKey,
}

impl Pair {
    fn start() -> Option<Self> {
        let options = PostgresServer::shared()?.fresh_schema();
        let stage = Stage::new();
        let (file, key) = (stage.path("bindery.db"), stage.path("sealing.key"));
        let store = format!(
            "postgres = {{ url = {:?}, schema = {:?} }}\nkey_file = {key:?}",
            options.url, options.schema
        );
        let estate = Estate::start_with(stage, |text| {
            let text = text.replace(&format!("path = \"{file}\""), &store);
            text.replace("[server]\n", "[server]\ndpop = { replay = \"store\" }\n")
        });
        // The same configuration, but for the sockets.
        let mut text = std::fs::read_to_string(&estate.config).unwrap();
        let second = free_port();
        let address = estate.server_address().to_string();
        text =
            text.replace(&format!("address = \"{address}\""), &format!("address = \"127.0.0.1:{second}\""));
        let mtls =
            text.split("[mtls_listener]\naddress = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        text = text
            .replace(&format!("address = \"{mtls}\""), &format!("address = \"127.0.0.1:{}\"", free_port()));
        let config = estate.stage.write("second.toml", &text);
        let process = estate.stage.spawn(&["server", "--config", &config]);
        process.listening(2);
        let nodes = [estate.issuer.clone(), format!("https://localhost:{second}")];
        let http = wire::http_client(&estate.stage);
        Some(Self { estate, options, nodes, _second: process, http })
    }

    async fn post(
        &self,
        node: usize,
        path: &str,
        form: &[(&str, &str)],
        proof: Option<&str>,
    ) -> (u16, Value) {
        let mut request = self.http.post(format!("{}{path}", self.nodes[node])).form(form);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        if path == "/introspect" {
            let secret = std::fs::read_to_string(self.estate.stage.path("api.secret")).unwrap();
            request = request.basic_auth("api", Some(secret));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        for token in ["access_token", "refresh_token"] {
            if let Some(text) = body[token].as_str() {
                self.estate.stage.secret(token, text);
            }
        }
        (status, body)
    }

    /// The same at both nodes at once.
    async fn race(&self, forms: [&[(&str, &str)]; 2], proofs: [&str; 2]) -> Vec<(u16, Value)> {
        let (one, two) = tokio::join!(
            self.post(0, "/token", forms[0], Some(proofs[0])),
            self.post(1, "/token", forms[1], Some(proofs[1]))
        );
        let mut answers = vec![one, two];
        answers.sort_by_key(|(status, _)| *status);
        answers
    }

    async fn administrator(&self) -> Administrator {
        let (signer, _) = forgery::key_file(&self.estate.stage, "operator.key");
        let jwks = serde_json::json!({"keys": [signer.public_key().to_jwk()]});
        let jwks = self.estate.stage.write("operator.jwks", &jwks.to_string());
        let audience = format!("{}/admin/v1", self.estate.issuer);
        let add = ["add", "operator", "--auth", "private_key_jwt", "--jwks", &jwks, "--grant-type"];
        let scope = ["client_credentials", "--scope", "bindery:admin", "--audience", &audience];
        self.estate.client(&[&add[..], &scope[..]].concat()).require(0);
        let key = forgery::key(&self.estate.stage, "the administrator's key");
        let assertion = forgery::assertion(&self.estate.stage, &signer, "operator", &self.estate.issuer);
        let (_, body) = self.post(0, "/token", &by_assertion(&assertion), Some(&self.proof(&key))).await;
        Administrator { token: body["access_token"].as_str().unwrap().to_owned(), key }
    }

    /// A request to the administration of a node: the status, the tag and the body of the answer.
    async fn administer(
        &self,
        node: usize,
        administrator: &Administrator,
        method: Method,
        path: &str,
        change: Option<(&str, Value)>,
    ) -> (u16, String, Value) {
        let target = format!("{}/admin/v1{path}", self.estate.issuer);
        let proof = Proof::of(&administrator.key, method.as_str(), &target).with_token(&administrator.token);
        let mut request = self
            .http
            .request(method, format!("{}/admin/v1{path}", self.nodes[node]))
            .header("authorization", format!("DPoP {}", administrator.token))
            .header("dpop", proof.sign(&self.estate.stage));
        if let Some((tag, change)) = change {
            request = request.header("if-match", tag);
            request = request.header("content-type", "application/merge-patch+json").body(change.to_string());
        }
        let answer = request.send().await.unwrap();
        let tag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        (status, tag.unwrap_or_default(), body)
    }

    /// Proofs name the issuer, whichever node they go to.
    fn proof(&self, key: &SigningKey) -> String {
        Proof::of(key, "POST", &format!("{}/token", self.estate.issuer)).sign(&self.estate.stage)
    }

    fn assertion(&self) -> String {
        forgery::assertion(&self.estate.stage, &self.estate.billing_key, "billing", &self.estate.issuer)
    }
}

fn by_assertion(assertion: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ]
}

#[test]
fn what_is_spent_at_one_server_is_spent_at_the_other() {
    let Some(pair) = Pair::start() else { return };
    let runtime = Runtime::new().unwrap();
    let key = forgery::key(&pair.estate.stage, "the client's key");
    runtime.block_on(async {
        for _ in 0..10 {
            let assertion = pair.assertion();
            let form = by_assertion(&assertion);
            let answers = pair.race([&form, &form], [&pair.proof(&key), &pair.proof(&key)]).await;
            assert_eq!(answers[0].0, 200, "{answers:?}");
            assert_eq!(
                (answers[1].0, &answers[1].1["error"]),
                (401, &"invalid_client".into()),
                "{answers:?}"
            );
        }
        for _ in 0..10 {
            let (one, two, proof) = (pair.assertion(), pair.assertion(), pair.proof(&key));
            let answers = pair.race([&by_assertion(&one), &by_assertion(&two)], [&proof, &proof]).await;
            assert_eq!(answers[0].0, 200, "{answers:?}");
            assert_eq!(
                (answers[1].0, &answers[1].1["error"]),
                (400, &"invalid_dpop_proof".into()),
                "{answers:?}"
            );
        }
        // A second asker within the grace continues where the first one stopped: one token lives, not two.
        let store = PostgresStore::open(&pair.options).await.unwrap();
        let mut token = provision(&pair, &key);
        for _ in 0..10 {
            let form = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", &*token)];
            let answers = pair.race([&form, &form], [&pair.proof(&key), &pair.proof(&key)]).await;
            assert_eq!(answers[0].0, 200, "{answers:?}");
            let mut live = Vec::new();
            for issued in answers.iter().filter_map(|(_, body)| body["refresh_token"].as_str()) {
                let digest = AwsLc.sha256(&[issued.as_bytes()]);
                let now = UnixTime::from_seconds(i64::try_from(forgery::now()).unwrap());
                let state = store.find_refresh_token(&digest, now, Duration::from_secs(60)).await.unwrap();
                if let RefreshTokenState::Live { .. } = state {
                    live.push(issued.to_owned());
                }
            }
            assert_eq!(live.len(), 1, "{answers:?}");
            token = live.remove(0);
        }
    });
}

#[test]
fn keys_clients_and_revocations_of_one_server_are_the_others_too() {
    let Some(pair) = Pair::start() else { return };
    let runtime = Runtime::new().unwrap();
    let key = forgery::key(&pair.estate.stage, "the client's key");
    runtime.block_on(async {
        let keys = async |node: usize| {
            let url = format!("{}/jwks", pair.nodes[node]);
            pair.http.get(url).send().await.unwrap().json::<Value>().await.unwrap()
        };
        assert_eq!(keys(0).await, keys(1).await);
        let assertion = pair.assertion();
        let (_, body) = pair.post(0, "/token", &by_assertion(&assertion), Some(&pair.proof(&key))).await;
        let token = body["access_token"].as_str().unwrap();
        let active =
            async |node| pair.post(node, "/introspect", &[("token", token)], None).await.1["active"].clone();
        assert_eq!((active(0).await, active(1).await), (true.into(), true.into()));
        let assertion = pair.assertion();
        let revoke =
            [("token", token), ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &*assertion)];
        assert_eq!(pair.post(1, "/revoke", &revoke, None).await.0, 200);
        assert_eq!((active(0).await, active(1).await), (false.into(), false.into()));
    });
}

#[test]
fn of_two_administrators_at_two_servers_who_change_the_same_client_one_is_told_to_read_again() {
    let Some(pair) = Pair::start() else { return };
    Runtime::new().unwrap().block_on(async {
        let administrator = pair.administrator().await;
        let add = ["add", "partner", "--grant-type", "client_credentials", "--audience", API];
        let added = pair.estate.client(&add).require(0);
        pair.estate.stage.secret("a drawn secret", &added.value("client_secret"));
        let path = "/clients/partner";
        for round in 0..10 {
            let (_, tag, _) = pair.administer(round % 2, &administrator, Method::GET, path, None).await;
            let patch = |node: usize| {
                let change = serde_json::json!({"client_name": format!("{round} at {node}")});
                pair.administer(node, &administrator, Method::PATCH, path, Some((&tag, change)))
            };
            let (one, two) = tokio::join!(patch(0), patch(1));
            let (winner, loser) = if one.0 == 200 { (one, two) } else { (two, one) };
            assert_eq!((winner.0, loser.0), (200, 412), "{winner:?} {loser:?}");
            for node in 0..2 {
                let (_, tag, shown) = pair.administer(node, &administrator, Method::GET, path, None).await;
                assert_eq!((&tag, &shown["metadata"]), (&winner.1, &winner.2["metadata"]));
            }
        }
    });
}

fn provision(pair: &Pair, key: &SigningKey) -> String {
    let thumbprint = key.thumbprint().to_string();
    let grant =
        pair.estate.client(&["grant", "shop", "--subject", "ursula", "--key-thumbprint", &thumbprint]);
    let token = grant.require(0).value("refresh_token");
    pair.estate.stage.secret("a refresh token", &token);
    token
}
