//! `bindery request` against what is not as it should be: a server with an expired certificate or of an
//! unknown authority, another issuer, plain http, a client that nobody knows, keys that are none.

use crate::support::Stage;
use crate::support::estate::Estate;
use crate::support::forgery;
use crate::support::process::Finished;

/// `bindery request` with these arguments fails with exit code 2, and its message has all of these.
#[track_caller]
fn require_message(what: &str, finished: Finished, parts: &[&str]) {
    let finished = finished.require(2);
    assert!(finished.stdout.is_empty(), "{what}: {finished:?}");
    let message = finished.stderr.split("bindery: ").last().unwrap();
    for part in parts {
        assert!(message.contains(part), "{what}: no {part:?} in: {message}");
    }
}

fn request(stage: &Stage, issuer: &str, ca: &str, arguments: &[&str]) -> Finished {
    let secret = stage.write("some.secret", "a-secret-that-nobody-knows-a-secret");
    stage.secret("a secret", "a-secret-that-nobody-knows-a-secret");
    let common =
        ["request", "--client-id", "ledger", "--secret-file", &secret, "--issuer", issuer, "--ca", ca];
    stage.run(&[&common, arguments].concat())
}

#[test]
fn a_server_whose_certificate_has_expired_is_not_spoken_to() {
    let mut estate = Estate::start();
    let ca = estate.stage.path("ca.pem");
    let expired = estate.stage.authority.expired_server();
    estate.server.kill();
    estate.stage.write("server.pem", &expired.certificate);
    estate.stage.write("server.key", &expired.key);
    estate.restart_server();
    let finished = request(&estate.stage, &estate.issuer, &ca, &["--print-token"]);
    require_message("expired", finished, &[&estate.issuer, "expired", "certificate from a trusted root"]);
}

#[test]
fn a_server_of_an_unknown_authority_is_not_spoken_to() {
    let estate = Estate::start();
    let stranger = crate::support::certificates::Authority::new();
    let ca = estate.stage.write("stranger.pem", &stranger.root_pem());
    let finished = request(&estate.stage, &estate.issuer, &ca, &["--print-token"]);
    require_message("unknown", finished, &[&estate.issuer, "certificate", "trusted root"]);
}

#[test]
fn metadata_of_another_issuer_is_refused() {
    let estate = Estate::start();
    let ca = estate.stage.path("ca.pem");
    // The same server under another name than the one that it gives itself.
    let issuer = estate.issuer.replace("localhost", "127.0.0.1");
    let finished = request(&estate.stage, &issuer, &ca, &["--print-token"]);
    require_message("other issuer", finished, &[&issuer, "another issuer", "identical"]);
    let finished = request(&estate.stage, &format!("{}/tenant", estate.issuer), &ca, &["--print-token"]);
    require_message("no issuer there", finished, &["metadata", "404"]);
}

#[test]
fn an_unknown_client_or_a_wrong_secret_is_told_so() {
    let estate = Estate::start();
    let unknown = estate.stage.path("vault.secret");
    for client_id in ["nobody", "ledger"] {
        let finished = estate.request(client_id, &["--secret-file", &unknown, "--print-token"]);
        require_message(client_id, finished, &[&estate.issuer, "invalid_client"]);
    }
    let key = estate.stage.path("billing.key");
    let finished =
        estate.request("billing", &["--assertion-key", &key, "--scope", "everything", "--print-token"]);
    require_message("scope", finished, &["invalid_scope"]);
    let resource = "https://elsewhere.example";
    let finished =
        estate.request("billing", &["--assertion-key", &key, "--resource", resource, "--print-token"]);
    require_message("resource", finished, &["invalid_target"]);
}

#[test]
fn request_refuses_what_it_can_not_send_before_it_asks_for_a_token() {
    let stage = Stage::new();
    let ca = stage.path("ca.pem");
    let [certificate, server_key] = ["server.pem", "server.key"].map(|name| stage.path(name));
    let (_, other) = forgery::key_file(&stage, "other.key");
    let text = stage.write("text.txt", "no PEM at all");
    // Nobody listens there: whoever asks anybody says "no answer".
    let issuer = format!("https://localhost:{}", crate::support::free_port());
    let url = "https://api.shop.example/orders";
    let cases: [(&[&str], &[&str]); 9] = [
        (&["GET", "http://api.shop.example/orders"], &["not sent", "https", "RFC 9449"]),
        (&["GET", "api.shop.example/orders"], &["URL", "https://"]),
        (&["G T", url], &["\"G T\"", "method"]),
        (&["GET", url, "--header", "nonsense"], &["--header", "Name: value"]),
        (
            &["GET", url, "--header", "Authorization: Bearer x"],
            &["--header authorization", "bindery sets it"],
        ),
        (&["GET", url, "--data", "@/nowhere/body"], &["--data", "/nowhere/body"]),
        (&["GET", url, "--dpop-key", &text], &["--dpop-key", "text.txt", "PRIVATE KEY", "PKCS#8"]),
        (&["GET", url, "--dpop-key", "/nowhere/key"], &["--dpop-key", "/nowhere/key"]),
        (
            &["GET", url, "--certificate", &certificate, "--certificate-key", &other],
            &["--certificate-key", "other.key", "belong together"],
        ),
    ];
    for (arguments, parts) in cases {
        require_message(&format!("{arguments:?}"), request(&stage, &issuer, &ca, arguments), parts);
    }
    let finished = request(&stage, &issuer, &text, &["GET", url]);
    require_message("ca", finished, &["--ca", "text.txt", "CA certificate in PEM"]);
    let finished = request(&stage, "http://localhost:1", &ca, &["GET", url]);
    require_message("issuer", finished, &["`issuer`", "http://localhost:1", "https"]);
    let finished = request(&stage, &issuer, &ca, &["GET", url]);
    require_message("nobody listens", finished, &["no answer", &issuer, "refused", "listens"]);

    let common = ["request", "GET", url, "--issuer", &issuer, "--ca", &ca, "--client-id", "shop"];
    require_message(
        "no credentials",
        stage.run(&common),
        &["client_credentials", "choose an authentication method"],
    );
    let finished = stage.run(&[&common[..], &["--refresh-token-file", &text]].concat());
    require_message("no key", finished, &["refresh token", "--dpop-key"]);
    let finished = stage.run(&[&common[..], &["--assertion-key", &certificate]].concat());
    require_message("a certificate for a key", finished, &["--assertion-key", "server.pem", "private key"]);
    let finished =
        stage.run(&[&common[..], &["--assertion-key", &server_key, "--secret-file", &text]].concat());
    assert_eq!(finished.code, Some(2), "two ways of authentication: {finished:?}");
}
