//! Tokens, proofs, assertions, secrets and private keys never reach a log. Every stage of these tests
//! searches all that its processes logged at trace level; here the search itself is put to the test.

use crate::support::Stage;
use crate::support::estate::{Estate, require_status};
use crate::support::forgery;
use crate::support::upstream::Upstream;
use crate::support::watch::is_signed_token;

#[test]
fn the_search_finds_a_secret_that_a_process_logs() {
    let stage = Stage::new();
    let planted = "a-client-id-that-stands-in-for-a-secret";
    let config = stage.path("missing.toml");
    let finished = stage.run(&["client", "--config", &config, "show", planted]);
    assert!(!finished.stderr.is_empty());
    // The path of the file is in the message, so it serves as the secret that leaked.
    stage.watch.look_for("a planted secret", &config);
    assert!(!stage.watch.leaks().is_empty());
    stage.watch.forget();
}

#[test]
fn no_credential_reaches_a_log_at_trace_level() {
    // Of every crate, ours or not: an operator in need turns everything on.
    let estate = Estate::start_on(Stage::logging("trace"));
    let stage = &estate.stage;
    let upstream = Upstream::start();
    let gateway = estate.gateway("a", &upstream, None);
    let key = forgery::key(stage, "the client's DPoP key");
    let token = estate.token(&key);

    // Accepted, replayed, spoiled, misplaced, under the wrong scheme: whatever a verifier may want to tell.
    let nonce = gateway.nonce(stage, &key, &token);
    let proof = gateway.proof(&key, "/orders", &token).with_nonce(&nonce).sign(stage);
    require_status(gateway.get(stage, "/orders", &token, &proof), 200);
    require_status(gateway.get(stage, "/orders", &token, &proof), 401);
    let spoiled = format!("{}x", &proof[..proof.len() - 1]);
    require_status(gateway.get(stage, "/orders", &token, &spoiled), 401);
    require_status(gateway.get(stage, "/orders", &proof, &token), 401);
    require_status(gateway.get(stage, &format!("/orders?access_token={token}"), &token, &proof), 400);
    let cut = &token[..token.len() - 20];
    require_status(gateway.get(stage, "/orders", cut, &proof), 401);

    let assertion = forgery::assertion(stage, &estate.billing_key, "billing", &estate.issuer);
    let secret = std::fs::read_to_string(stage.path("ledger.secret")).unwrap();
    let posts = [
        format!("grant_type=client_credentials&client_assertion={assertion}"),
        format!("grant_type=client_credentials&client_id=billing&client_secret={secret}"),
        format!("grant_type=refresh_token&client_id=shop&refresh_token={secret}"),
        format!("grant_type={token}"),
        format!("grant_type=client_credentials&client_id={token}"),
    ];
    for body in posts {
        for path in ["token", "introspect", "revoke"] {
            let request = format!(
                "POST /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nDPoP: {proof}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let reply = crate::support::wire::exchange(stage, estate.server_address(), request.as_bytes());
            assert!(matches!(reply.status, Some(400 | 401)), "{path}: {reply:?}");
            assert!(!reply.text.contains(&token) && !reply.text.contains(&secret), "{path} answers with it");
        }
    }
    assert!(stage.watch.heard() > 2_000, "only {} bytes were logged", stage.watch.heard());
    assert!(stage.watch.kept() > 40, "only {} secrets were looked for", stage.watch.kept());
}

#[test]
fn nothing_shaped_like_a_token_or_a_key_reaches_the_log_of_the_demo() {
    assert!(is_signed_token("eyJhbGciOiJFUzI1NiJ9eyJh.eyJpc3MiOiJ4In0.c2ln"));
    let stage = Stage::logging("trace");
    let finished = stage.run(&["demo"]).require(0);
    assert!(finished.stderr.len() > 100_000, "the demo logs what it is told to log");
}
