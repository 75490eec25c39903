//! The resolved posture: the same at start, from the command and as a document; a comparison shows what an
//! option changes, names no secret, and makes nothing.

use serde_json::Value;

use crate::support::Stage;

fn configuration(stage: &Stage, options: &str) -> String {
    let [certificate, key, store] = ["server.pem", "server.key", "bindery.db"].map(|name| stage.path(name));
    format!(
        "[listener]\naddress = \"127.0.0.1:0\"\ncertificate_file = \"{certificate}\"\nkey_file = \"{key}\"\n\
         [store]\npath = \"{store}\"\n[server]\nissuer = \"https://id.shop.example\"\n{options}"
    )
}

#[test]
fn the_posture_is_printed_as_text_and_as_a_document_and_makes_nothing() {
    let stage = Stage::new();
    let options = "profile = \"openid\"\nbearer = { reason = \"old portal\", until = \"2027-06-30\" }\n";
    let path = stage.write("server.toml", &configuration(&stage, options));
    let shown = stage.run(&["server", "posture", "--config", &path]).require(0);
    for part in
        ["https://id.shop.example", "openid", "old portal", "2027-06-30", "bearer_tokens_for_the_issuer"]
    {
        assert!(shown.stdout.contains(part), "no {part} in {}", shown.stdout);
    }
    let document = stage.run(&["server", "posture", "--config", &path, "--json"]).require(0);
    let document: Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(document["issuers"][0]["profile"], "openid");
    assert!(!std::path::Path::new(&stage.path("bindery.db")).exists(), "looking makes no store");
    // The server says the same when it starts.
    let started = stage.run(&["server", "--config", &path, "--check"]).require(0);
    for part in ["posture", "serves openid", "bearer_tokens_for_the_issuer"] {
        assert!(started.stderr.contains(part), "no {part} in {}", started.stderr);
    }
}

#[test]
fn a_comparison_ends_with_1_and_names_what_differs() {
    let stage = Stage::new();
    let before = stage.write("before.toml", &configuration(&stage, "profile = \"oauth2.1\"\n"));
    let after = stage
        .write("after.toml", &configuration(&stage, "profile = \"fapi2-security\"\ncode_lifetime = 30\n"));
    let same = stage.run(&["server", "posture", "--config", &before, "--diff", &before]).require(0);
    assert_eq!(same.stdout, "");
    let differs = stage.run(&["server", "posture", "--config", &after, "--diff", &before]).require(1);
    for part in [
        "~ https://id.shop.example profile: \"oauth2.1\" -> \"fapi2-security\"",
        "~ https://id.shop.example lifetimes code_lifetime: 60 -> 30",
        "~ https://id.shop.example rules require_pushed_authorization_requests: false -> true",
    ] {
        assert!(differs.stdout.contains(part), "no {part} in {}", differs.stdout);
    }
    let document = stage.run(&["server", "posture", "--config", &before, "--json"]).require(0);
    let saved = stage.write("saved.json", &document.stdout);
    stage.run(&["server", "posture", "--config", &before, "--diff", &saved]).require(0);
    let again = stage.run(&["server", "posture", "--config", &after, "--diff", &saved]).require(1);
    assert_eq!(again.stdout, differs.stdout);
    let wrong = stage.write("saved.txt", &document.stdout);
    let refused = stage.run(&["server", "posture", "--config", &before, "--diff", &wrong]).require(2);
    assert!(refused.stderr.contains(".toml nor .json"), "{}", refused.stderr);
}

#[test]
fn clients_of_the_store_are_counted() {
    let stage = Stage::new();
    let path = stage.write("server.toml", &configuration(&stage, ""));
    let add = ["client", "add", "billing", "--config", &path, "--grant-type", "client_credentials"];
    let options = ["--audience", "https://api.shop.example", "--sender-constraint", "dpop"];
    let added = stage.run(&[&add[..], &options].concat()).require(0);
    let secret = added.value("client_secret");
    let shown = stage.run(&["server", "posture", "--config", &path]).require(0);
    for part in ["1 enabled", "dpop 1", "client_secret_basic 1", "shared_secrets"] {
        assert!(shown.stdout.contains(part), "no {part} in {}", shown.stdout);
    }
    assert!(!shown.stdout.contains(&secret));
}
