//! What the authorization server has answered survives `kill -9` at any moment: spent assertions stay spent,
//! rotated tokens stay rotated, revocations stay, keys stay. The server dies in the middle of a stream of
//! requests and starts again on the same file.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bindery_crypto::SigningKey;
use reqwest::Client;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::estate::Estate;
use crate::support::forgery::{self, Proof};
use crate::support::{DEADLINE, wire};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Answers before the server is killed.
const ANSWERS: usize = 240;
const WORKERS: usize = 4;

/// An answered token request.
enum Answered {
    Assertion(String),
    /// The chain, and its new token.
    Rotation(usize, String),
}

/// A public client's chain of refresh tokens, the newest last.
struct Chain {
    key: Arc<SigningKey>,
    tokens: Vec<String>,
}

/// A token endpoint and the means to speak to it.
#[derive(Clone)]
struct Endpoint {
    estate: Arc<Estate>,
    http: Client,
    /// In a server's first seconds a proof needs one, because the process before may have seen the proof.
    nonce: String,
}

impl Endpoint {
    /// A new connection and a new nonce.
    async fn connect(&mut self) {
        self.http = wire::http_client(&self.estate.stage);
        let url = format!("{}/token", self.estate.issuer);
        let key = forgery::key(&self.estate.stage, "a key that is used once");
        let proof = Proof::of(&key, "POST", &url).sign(&self.estate.stage);
        let form = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", "none")];
        let answer = self.http.post(&url).form(&form).header("dpop", proof).send().await.unwrap();
        self.nonce = answer.headers()["dpop-nonce"].to_str().unwrap().to_owned();
    }

    async fn post(
        &self,
        path: &str,
        form: &[(&str, &str)],
        key: Option<&SigningKey>,
    ) -> reqwest::Result<(u16, Value)> {
        let url = format!("{}{path}", self.estate.issuer);
        let mut request = self.http.post(&url).form(form);
        if let Some(key) = key {
            request = request.header(
                "dpop",
                Proof::of(key, "POST", &url).with_nonce(&self.nonce).sign(&self.estate.stage),
            );
        }
        if path == "/introspect" {
            let secret = std::fs::read_to_string(self.estate.stage.path("api.secret")).unwrap();
            request = request.basic_auth("api", Some(secret));
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        for token in ["access_token", "refresh_token"] {
            if let Some(text) = body[token].as_str() {
                self.estate.stage.secret(token, text);
            }
        }
        Ok((status, body))
    }

    async fn by_assertion(&self, assertion: &str, key: &SigningKey) -> reqwest::Result<(u16, Value)> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ];
        self.post("/token", &form, Some(key)).await
    }

    async fn refresh(&self, token: &str, key: &SigningKey) -> reqwest::Result<(u16, Value)> {
        let form = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", token)];
        self.post("/token", &form, Some(key)).await
    }

    async fn revoke(&self, token: &str) {
        let (status, _) =
            self.post("/revoke", &[("client_id", "shop"), ("token", token)], None).await.unwrap();
        assert_eq!(status, 200);
    }

    async fn is_active(&self, token: &str) -> bool {
        let (status, answer) = self.post("/introspect", &[("token", token)], None).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["active"].as_bool().unwrap()
    }

    fn assertion(&self) -> String {
        forgery::assertion(&self.estate.stage, &self.estate.billing_key, "billing", &self.estate.issuer)
    }

    fn chain(&self, name: &str) -> Chain {
        let key = Arc::new(forgery::key(&self.estate.stage, name));
        let thumbprint = key.thumbprint().to_string();
        let grant =
            self.estate.client(&["grant", "shop", "--subject", name, "--key-thumbprint", &thumbprint]);
        let token = grant.require(0).value("refresh_token");
        self.estate.stage.secret("a refresh token", &token);
        Chain { key, tokens: vec![token] }
    }

    /// Asks for tokens with one fresh assertion after the other, until nobody answers.
    async fn spend_assertions(self, answers: Sender<Answered>) {
        let key = forgery::key(&self.estate.stage, "a worker's key");
        loop {
            let assertion = self.assertion();
            let Ok((status, body)) = self.by_assertion(&assertion, &key).await else { return };
            assert_eq!(status, 200, "{body}");
            let _ = answers.send(Answered::Assertion(assertion));
        }
    }

    /// Rotates one chain until nobody answers.
    async fn rotate(self, index: usize, key: Arc<SigningKey>, mut token: String, answers: Sender<Answered>) {
        loop {
            let Ok((status, body)) = self.refresh(&token, &key).await else { return };
            assert_eq!(status, 200, "{body}");
            token = body["refresh_token"].as_str().unwrap().to_owned();
            let _ = answers.send(Answered::Rotation(index, token.clone()));
        }
    }
}

#[test]
fn no_answered_request_is_forgotten_when_the_server_is_killed() {
    let runtime = Runtime::new().unwrap();
    let estate = Estate::start();
    let http = wire::http_client(&estate.stage);
    let mut endpoint = Endpoint { estate: Arc::new(estate), http, nonce: String::new() };
    runtime.block_on(endpoint.connect());

    // Before the stream: tokens that live, tokens that are revoked.
    let key = forgery::key(&endpoint.estate.stage, "the client's key");
    let (live, revoked, ended) = runtime.block_on(async {
        let (_, body) = endpoint.by_assertion(&endpoint.assertion(), &key).await.unwrap();
        let live = body["access_token"].as_str().unwrap().to_owned();
        let single = endpoint.chain("ursula");
        let (_, body) = endpoint.refresh(&single.tokens[0], &single.key).await.unwrap();
        let revoked = body["access_token"].as_str().unwrap().to_owned();
        endpoint.revoke(&revoked).await;
        let ended = endpoint.chain("victor");
        endpoint.revoke(&ended.tokens[0]).await;
        assert!(endpoint.is_active(&live).await);
        assert!(!endpoint.is_active(&revoked).await);
        (live, revoked, ended)
    });
    let keys_before = runtime.block_on(jwks(&endpoint));
    endpoint
        .estate
        .client(&[
            "add",
            "late",
            "--auth",
            "client_secret_basic",
            "--grant-type",
            "client_credentials",
            "--audience",
            "https://api.shop.example",
        ])
        .require(0);
    endpoint.estate.client(&["disable", "late"]).require(0);

    let mut chains: Vec<Chain> =
        (0..WORKERS).map(|index| endpoint.chain(&format!("person-{index}"))).collect();
    let (sender, answers) = channel();
    let mut workers = Vec::new();
    for (index, chain) in chains.iter().enumerate() {
        let (key, token) = (Arc::clone(&chain.key), chain.tokens[0].clone());
        workers.push(runtime.spawn(endpoint.clone().rotate(index, key, token, sender.clone())));
        workers.push(runtime.spawn(endpoint.clone().spend_assertions(sender.clone())));
    }
    drop(sender);
    let mut assertions = Vec::new();
    collect(&answers, ANSWERS, &mut assertions, &mut chains);
    endpoint.estate.server.signal("KILL");
    // What was answered before the death was noticed counts as well.
    collect(&answers, usize::MAX, &mut assertions, &mut chains);
    for worker in workers {
        runtime.block_on(worker).unwrap();
    }
    assert!(assertions.len() > 20, "{}", assertions.len());
    assert!(chains.iter().all(|chain| chain.tokens.len() > 5));

    let estate = Arc::get_mut(&mut endpoint.estate).expect("all workers are gone");
    estate.restart_server();
    require_sound(&runtime, &endpoint.estate.stage.path("bindery.db"));
    runtime.block_on(endpoint.connect());
    assert_eq!(runtime.block_on(jwks(&endpoint)), keys_before, "the same keys sign");
    runtime.block_on(async {
        assert!(endpoint.is_active(&live).await, "a token of before still verifies");
        assert!(!endpoint.is_active(&revoked).await, "revoked stays revoked");
        assert_eq!(
            endpoint.refresh(&ended.tokens[0], &ended.key).await.unwrap().0,
            400,
            "an ended grant stays so"
        );
        for assertion in &assertions {
            let (status, body) = endpoint.by_assertion(assertion, &key).await.unwrap();
            assert_eq!((status, body["error"].as_str()), (401, Some("invalid_client")), "a spent assertion");
        }
        let (status, _) = endpoint.by_assertion(&endpoint.assertion(), &key).await.unwrap();
        assert_eq!(status, 200, "a fresh assertion");
        for chain in &chains {
            let newest = chain.tokens.last().unwrap();
            let (status, body) = endpoint.refresh(newest, &chain.key).await.unwrap();
            assert_eq!(status, 200, "the newest token that was answered: {body}");
            let old = &chain.tokens[chain.tokens.len() - 3];
            let (status, body) = endpoint.refresh(old, &chain.key).await.unwrap();
            assert_eq!((status, body["error"].as_str()), (400, Some("invalid_grant")), "a rotated token");
        }
    });
    let list = endpoint.estate.client(&["list"]).require(0);
    let late = list.stdout.lines().find(|line| line.starts_with("late ")).unwrap();
    assert!(late.ends_with("disabled"), "{late}");
}

/// Sorts answers until there are `wanted` of them or nobody is left who could send one.
fn collect(answers: &Receiver<Answered>, wanted: usize, assertions: &mut Vec<String>, chains: &mut [Chain]) {
    let mut count = 0;
    while count < wanted {
        match answers.recv_timeout(DEADLINE) {
            Ok(Answered::Assertion(assertion)) => assertions.push(assertion),
            Ok(Answered::Rotation(index, token)) => chains[index].tokens.push(token),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) if wanted == usize::MAX => return,
            Err(reason) => panic!("after {count} answers: {reason}"),
        }
        count += 1;
    }
}

async fn jwks(endpoint: &Endpoint) -> Value {
    endpoint.http.get(format!("{}/jwks", endpoint.estate.issuer)).send().await.unwrap().json().await.unwrap()
}

/// SQLite finds nothing wrong with its file.
fn require_sound(runtime: &Runtime, path: &str) {
    use sqlx::{Connection as _, Row as _};
    let verdict: String = runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(path).await.unwrap();
        sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap().get(0)
    });
    assert_eq!(verdict, "ok");
}
