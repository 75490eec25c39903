//! `bindery demo`: every theft of the list is tried at both doors and refused, for machines and for people,
//! and the commands that it prints for trying by hand do what it says of them.

use std::process::Command;

use serde_json::Value;

use crate::support::Stage;
use crate::support::process::{self, Finished, Process};

/// What must be tried at the layer and at the gateway.
const AT_BOTH_DOORS: [&str; 25] = [
    "bound_token_as_bearer",
    "own_key",
    "proof_replayed",
    "replayed_after_restart",
    "other_method",
    "other_path",
    "other_host",
    "other_token",
    "old_proof",
    "made_ahead_of_time",
    "alg_none",
    "hs256_with_public_key",
    "private_key_in_jwk",
    "two_proofs",
    "token_in_query",
    "no_certificate",
    "other_certificate",
    "forged_client_cert",
    "forged_xfcc",
    "forged_nginx",
    "unknown_confirmation",
    "unbound_token",
    "no_proof",
    "self_issued_token",
    "signature_of_another_key",
];

/// What must be tried at the token endpoint.
const AT_THE_TOKEN_ENDPOINT: [&str; 8] = [
    "stolen_code",
    "stolen_code_and_verifier",
    "code_replayed",
    "stolen_refresh_token",
    "stolen_refresh_token_as_bearer",
    "assertion_replayed",
    "bound_client_without_proof",
    "client_with_other_certificate",
];

#[test]
fn every_theft_is_tried_at_both_doors_and_refused() {
    let stage = Stage::new();
    let finished = stage.run(&["demo", "--json"]).require(0);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["succeeded"], true);
    assert_eq!(report["legitimate"]["count"], report["legitimate"]["worked"]);
    assert_eq!(report["thefts"]["count"], report["thefts"]["refused"]);
    let attempts = report["thefts"]["attempts"].as_array().unwrap();
    let require = |name: &str, door: &str| {
        let attempt = attempts.iter().find(|attempt| attempt["name"] == name && attempt["door"] == door);
        let attempt = attempt.unwrap_or_else(|| panic!("{name} is not tried at the {door}"));
        assert_eq!(attempt["refused"], true, "{attempt}");
        assert!(attempt["reason"].is_string() && attempt["error"].is_string(), "{attempt}");
    };
    for name in AT_BOTH_DOORS {
        require(name, "layer");
        require(name, "gateway");
    }
    for name in AT_THE_TOKEN_ENDPOINT {
        require(name, "token endpoint");
    }
    for call in report["legitimate"]["calls"].as_array().unwrap() {
        assert_eq!(call["worked"], true, "{call}");
    }
}

#[test]
fn the_play_is_told_in_words_and_its_commands_work_by_hand() {
    let stage = Stage::new();
    let demo = stage.spawn(&["demo", "--keep-running"]);
    demo.wait_for_output("/.well-known/oauth-authorization-server\n");
    let story = demo.stdout.read(str::to_owned);
    for said in [
        "sent as a bearer token",
        "with a fresh proof by the thief's own key",
        "a captured proof, replayed with its token",
        "after the guard was restarted",
        "used for GET",
        "an intercepted proof for another path",
        "an intercepted proof for another host",
        "made for another token",
        "a proof from an hour ago",
        "a proof made ahead of time",
        "alg none",
        "HS256",
        "a private key",
        "two DPoP headers",
        "in the query of the URL",
        "without a certificate",
        "with the thief's own certificate",
        "a forged Client-Cert header",
        "a forged X-Forwarded-Client-Cert header",
        "a forged ssl-client-cert header",
        "in a way that nobody here can check",
        "from a client that has an exception",
        "an authorization code from the address bar",
        "together with its PKCE verifier",
        "a code that the shop has redeemed",
        "the stolen refresh token of the public client",
        "a captured client assertion, replayed",
        "thefts were refused",
    ] {
        assert!(story.contains(said), "the play does not say: {said}\n{story}");
    }
    assert!(!story.contains("SUCCEEDED") && !story.contains("FAIL"), "{story}");

    let commands = printed_commands(&story);
    let [dpop, nonce, certificate, token, bearer, bare, explain, metadata] = &commands[..] else {
        panic!("other commands than this test knows: {commands:#?}");
    };
    for (command, binding) in [(dpop, "dpop"), (nonce, "dpop"), (certificate, "mtls")] {
        let answer = shell(&stage, command).require(0);
        assert!(answer.stdout.contains(&format!("\"proven_by\":\"{binding}\"")), "{command}: {answer:?}");
    }
    for (command, error) in [(bearer, "invalid_token"), (bare, "invalid_dpop_proof")] {
        // As one script, as in one shell.
        let answer = shell(&stage, &format!("{token}\n{command}")).require(0);
        assert!(answer.stdout.contains(" 401"), "{command}: {answer:?}");
        assert!(answer.stdout.contains(error), "{command}: {answer:?}");
        assert!(!answer.stdout.contains("orders_of"), "{command}: {answer:?}");
    }
    let explained = shell(&stage, &format!("{token}\n{explain}")).require(1);
    assert!(explained.stdout.contains("bearer"), "{explained:?}");
    let metadata: Value = serde_json::from_str(&shell(&stage, metadata).require(0).stdout).unwrap();
    assert!(metadata["dpop_signing_alg_values_supported"].is_array(), "{metadata}");

    demo.signal("INT");
    demo.wait().require(0);
}

/// The commands below "Try it by hand", each in one line.
fn printed_commands(story: &str) -> Vec<String> {
    let (_, by_hand) = story.split_once("Try it by hand").unwrap();
    let joined = by_hand.replace("\\\n", " ");
    let lines = joined.lines().skip(1).map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

fn shell(stage: &Stage, script: &str) -> Finished {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    process::clean(&mut command, process::LOG);
    Process::spawn(command, &[script], &stage.watch).wait()
}
