//! What an operator does while the server runs takes effect at once; and a server that is asked to stop ends
//! what it has begun.

use std::time::Duration;

use crate::support::estate::Estate;
use crate::support::forgery;
use crate::support::wire::Wire;

const AUDIENCE: &str = "https://api.shop.example";

/// Registers a client with a secret and returns the file that holds it.
fn add(estate: &Estate, client_id: &str) -> String {
    let added = estate.client(&[
        "add",
        client_id,
        "--auth",
        "client_secret_basic",
        "--grant-type",
        "client_credentials",
        "--grant-type",
        "refresh_token",
        "--scope",
        "orders.read",
        "--audience",
        AUDIENCE,
        "--sender-constraint",
        "dpop",
    ]);
    let secret = added.require(0).value("client_secret");
    estate.stage.secret("a drawn secret", &secret);
    estate.stage.write(&format!("{client_id}.secret"), &secret)
}

#[test]
fn a_client_is_usable_as_soon_as_it_is_added_and_unusable_as_soon_as_it_is_disabled() {
    let estate = Estate::start();
    let unknown = estate.stage.write("nobody.secret", "nobodys-secret-nobodys-secret");
    let finished = estate.request("late", &["--secret-file", &unknown, "--print-token"]).require(2);
    assert!(finished.stderr.contains("invalid_client"), "{finished:?}");

    let secret = add(&estate, "late");
    let token = estate.printed_token("late", &["--secret-file", &secret]);
    let shown = estate.client(&["show", "late"]).require(0);
    assert!(shown.stdout.contains("\"has_secret\": true"), "{shown:?}");
    assert!(!shown.stdout.contains("sha256"), "the digest is nobody's business: {shown:?}");
    let granted = estate.client(&["grant", "late", "--subject", "alice"]).require(0);
    let refresh_token = granted.value("refresh_token");
    estate.stage.secret("a refresh token", &refresh_token);
    let refresh = estate.stage.write("late.refresh", &refresh_token);
    let (_, dpop) = forgery::key_file(&estate.stage, "late.key");
    let by_refresh = ["--secret-file", &secret, "--refresh-token-file", &refresh, "--dpop-key", &dpop];
    estate.printed_token("late", &by_refresh);
    assert!(introspect(&estate, &token), "its token is good");

    estate.client(&["disable", "late"]).require(0);
    for credentials in [&["--secret-file", secret.as_str()][..], &by_refresh] {
        let finished = estate.request("late", &[credentials, &["--print-token"]].concat()).require(2);
        assert!(finished.stderr.contains("invalid_client"), "{finished:?}");
    }
    assert!(!introspect(&estate, &token), "what it holds stops working");
    let list = estate.client(&["list"]).require(0);
    assert!(
        list.stdout.lines().any(|line| line.starts_with("late ") && line.ends_with("disabled")),
        "{list:?}"
    );
}

/// Whether the server calls the token active.
fn introspect(estate: &Estate, token: &str) -> bool {
    let http = crate::support::wire::http_client(&estate.stage);
    let secret = std::fs::read_to_string(estate.stage.path("api.secret")).unwrap();
    let request = http.post(format!("{}/introspect", estate.issuer)).basic_auth("api", Some(secret));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer: serde_json::Value = runtime
        .block_on(async { request.form(&[("token", token)]).send().await.unwrap().json().await.unwrap() });
    answer["active"].as_bool().unwrap()
}

#[test]
fn a_server_that_is_asked_to_stop_ends_what_it_has_begun() {
    let estate = Estate::start();
    let mut wire = Wire::open(&estate.stage, estate.server_address());
    let body = "grant_type=client_credentials&client_id=nobody";
    wire.send(
        format!(
            "POST /token HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    // The request has begun: its handler asks for the body.
    wire.read_until("100 Continue");
    estate.server.signal("TERM");
    estate.server.wait_for_log("stopping");
    wire.send(body.as_bytes());
    let reply = wire.read_to_end(Duration::from_secs(20));
    assert_eq!(reply.status, Some(401), "{reply:?}");
    let Estate { server, stage, .. } = estate;
    let finished = server.wait().require(0);
    assert!(finished.stdout.is_empty(), "stdout is for data: {finished:?}");
    drop(stage);
}

#[test]
fn a_gateway_that_is_asked_to_stop_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let estate = Estate::start();
        let upstream = crate::support::upstream::Upstream::start();
        let gateway = estate.gateway("a", &upstream, None);
        gateway.process.signal(signal);
        gateway.process.wait().require(0);
    }
}
