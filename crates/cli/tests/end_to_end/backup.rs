//! `bindery server backup`: a copy made while the server answers becomes a server of its own, with all clients,
//! keys and live tokens; nothing that was there is overwritten; whoever can't be copied hears what to do.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::estate::Estate;
use crate::support::forgery::{self, Proof};
use crate::support::{Stage, wire};

const CLIENT: [&str; 8] = [
    "add",
    "late",
    "--auth",
    "client_secret_basic",
    "--grant-type",
    "client_credentials",
    "--audience",
    "https://api.shop.example",
];

#[test]
fn a_copy_of_a_running_server_restores_its_clients_keys_and_live_tokens() {
    let runtime = Runtime::new().unwrap();
    let mut estate = Estate::start();
    let key = forgery::key(&estate.stage, "the client's key");
    let thumbprint = key.thumbprint().to_string();
    estate.client(&CLIENT).require(0);
    let grant = estate.client(&["grant", "shop", "--subject", "ursula", "--key-thumbprint", &thumbprint]);
    let token = grant.require(0).value("refresh_token");
    estate.stage.secret("a refresh token", &token);
    let keys = runtime.block_on(jwks(&estate));

    let (database, copy) = (estate.stage.path("bindery.db"), estate.stage.path("copy.db"));
    let made = estate.stage.run(&["server", "--config", &estate.config, "backup", "--to", &copy]).require(0);
    for named in [&database, &copy, &format!("{database}.key")] {
        assert!(made.stdout.contains(named), "{}", made.stdout);
    }
    let again = estate.stage.run(&["server", "--config", &estate.config, "backup", "--to", &copy]).require(2);
    assert!(again.stderr.contains("name a file that is not there yet"), "{}", again.stderr);

    estate.server.kill();
    for lost in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{database}{lost}"));
    }
    fs::rename(&copy, &database).unwrap();
    estate.restart_server();
    assert_eq!(runtime.block_on(jwks(&estate)), keys, "the same keys sign");
    assert!(estate.client(&["list"]).require(0).stdout.lines().any(|line| line.starts_with("late ")));
    let (status, body) = runtime.block_on(refresh(&estate, &token, &key));
    assert_eq!(status, 200, "{body}");
}

#[test]
fn what_can_not_be_copied_is_told_what_to_do() {
    let stage = Stage::new();
    let copy = stage.path("copy.db");
    let backup = |store: &str| {
        let [certificate, key] = ["server.pem", "server.key"].map(|file| stage.path(file));
        let text = format!(
            "[listener]\naddress = \"127.0.0.1:0\"\ncertificate_file = {certificate:?}\nkey_file = {key:?}\n\
             [store]\n{store}\n[server]\nissuer = \"https://localhost\"\n"
        );
        let config = stage.write("server.toml", &text);
        stage.run(&["server", "--config", &config, "backup", "--to", &copy]).require(2).stderr
    };
    assert!(backup("").contains("nothing is kept"));
    let postgres = "postgres = { url = \"postgres://u@db.example/b\", schema = \"one\" }";
    let said = backup(&format!("{postgres}\nkey_file = \"sealing.key\""));
    for part in ["pg_dump --format=custom --schema=one", &copy, "db.example/b", "sealing.key"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(backup(postgres).contains("store.key_file is missing"));
    assert!(backup(&format!("{postgres}\npath = \"x.db\"")).contains("are both set"));
    let open = postgres.replace("u@", "u:geheim@");
    stage.secret("a database password", "geheim");
    assert!(backup(&format!("{open}\nkey_file = \"k\"")).contains("password_file"));
    assert!(!Path::new(&copy).exists());
}

async fn jwks(estate: &Estate) -> Value {
    let url = format!("{}/jwks", estate.issuer);
    wire::http_client(&estate.stage).get(url).send().await.unwrap().json().await.unwrap()
}

/// In a server's first seconds a proof needs a nonce, because the process before may have seen it.
async fn refresh(estate: &Estate, token: &str, key: &bindery_crypto::SigningKey) -> (u16, Value) {
    let (http, url) = (wire::http_client(&estate.stage), format!("{}/token", estate.issuer));
    let form = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", token)];
    let send = async |proof: Proof<'_>| {
        let request = http.post(&url).form(&form).header("dpop", proof.sign(&estate.stage));
        request.send().await.unwrap()
    };
    let refused = send(Proof::of(key, "POST", &url)).await;
    let nonce = refused.headers()["dpop-nonce"].to_str().unwrap().to_owned();
    let answer = send(Proof::of(key, "POST", &url).with_nonce(&nonce)).await;
    let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
    for token in ["access_token", "refresh_token"] {
        if let Some(text) = body[token].as_str() {
            estate.stage.secret(token, text);
        }
    }
    (status, body)
}
