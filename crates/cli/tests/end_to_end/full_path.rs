//! The path of a token through the processes: issued by `bindery server`, held by `bindery request`, enforced
//! by `bindery gateway` in front of an application that knows nothing.

use serde_json::Value;

use crate::support::estate::{Estate, Gateway, require_status};
use crate::support::forgery;
use crate::support::process::Finished;
use crate::support::upstream::Upstream;

struct World {
    upstream: Upstream,
    gateway: Gateway,
    estate: Estate,
}

impl World {
    fn new() -> Self {
        let estate = Estate::start();
        let upstream = Upstream::start();
        let gateway = estate.gateway("a", &upstream, None);
        Self { upstream, gateway, estate }
    }

    /// `bindery request GET` on a path of the gateway.
    fn get(&self, client_id: &str, path: &str, arguments: &[&str]) -> Finished {
        let url = format!("{}{path}", self.gateway.url);
        self.estate.request(client_id, &[&["GET", &url], arguments].concat())
    }

    fn file(&self, name: &str) -> String {
        self.estate.stage.path(name)
    }

    /// What the application was told.
    fn told(&self, name: &str) -> Vec<String> {
        self.upstream.last().header(name).into_iter().map(str::to_owned).collect()
    }
}

/// The application's answer, which is what it saw.
fn seen(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn every_client_gets_a_bound_token_and_through_the_gateway() {
    let world = World::new();
    let [key, certificate, certificate_key, ledger, vault] =
        ["billing.key", "inventory.pem", "inventory.key", "ledger.secret", "vault.secret"]
            .map(|name| world.file(name));
    let certificate: &[&str] = &["--certificate", &certificate, "--certificate-key", &certificate_key];
    let ways: [(&str, &[&str], &str); 4] = [
        ("billing", &["--assertion-key", &key], "dpop"),
        ("inventory", certificate, "mtls"),
        ("ledger", &["--secret-file", &ledger], "dpop"),
        // Its tokens are opaque: the gateway asks the server about them.
        ("vault", &["--secret-file", &vault], "dpop"),
    ];
    for (count, (client_id, credentials, binding)) in ways.into_iter().enumerate() {
        let finished = world.get(client_id, "/orders", credentials).require(0);
        assert_eq!(seen(&finished)["headers"]["bindery-client-id"], client_id);
        assert_eq!(world.upstream.count(), count + 1);
        assert_eq!(world.told("bindery-binding"), [binding]);
        assert_eq!(world.told("bindery-issuer"), [world.estate.issuer.as_str()]);
        assert_eq!(world.told("bindery-mode"), ["enforce"]);
        assert!(world.told("authorization").is_empty(), "a spent token goes no further");
        assert!(world.told("dpop").is_empty());
    }
    let token = world.estate.printed_token("vault", &["--secret-file", &vault]);
    assert!(!token.contains('.'), "an opaque token says nothing of itself");
}

#[test]
fn a_public_client_lives_on_the_refresh_token_of_a_grant() {
    let world = World::new();
    let (key, path) = forgery::key_file(&world.estate.stage, "shop.key");
    let thumbprint = key.thumbprint().to_string();
    let scope = "orders.read";
    let granted = world.estate.client(&[
        "grant",
        "shop",
        "--subject",
        "alice",
        "--scope",
        scope,
        "--key-thumbprint",
        &thumbprint,
    ]);
    let refresh_token = granted.require(0).value("refresh_token");
    world.estate.stage.secret("a refresh token", &refresh_token);
    let file = world.estate.stage.write("shop.refresh", &refresh_token);
    let credentials = ["--refresh-token-file", &file, "--dpop-key", &path];

    world.get("shop", "/orders", &credentials).require(0);
    assert_eq!(world.told("bindery-subject"), ["alice"]);
    assert_eq!(world.told("bindery-scope"), [scope]);
    assert_eq!(world.told("bindery-key-thumbprint"), [thumbprint.as_str()]);

    // Another key has no use for it.
    let (_, thief) = forgery::key_file(&world.estate.stage, "thief.key");
    let finished = world.get("shop", "/orders", &["--refresh-token-file", &file, "--dpop-key", &thief]);
    let finished = finished.require(2);
    assert!(finished.stderr.contains("invalid_grant"), "{finished:?}");
    assert_eq!(world.upstream.count(), 1);
}

#[test]
fn rejects_a_token_without_the_scope_of_the_route() {
    let world = World::new();
    let key = world.file("billing.key");
    let finished = world.get("billing", "/admin", &["--assertion-key", &key, "--include"]).require(1);
    assert!(finished.stdout.contains("403 Forbidden"), "{finished:?}");
    assert!(finished.stdout.contains("error=\"insufficient_scope\""), "{finished:?}");
    assert!(finished.stdout.contains("scope=\"admin\""), "{finished:?}");
    assert_eq!(world.upstream.count(), 0);

    // A narrower token than the client may have, where the rest is needed.
    let narrow = ["--assertion-key", &key, "--include", "--scope", "payments.read"];
    let finished = world.get("billing", "/orders", &narrow).require(1);
    assert!(finished.stdout.contains("403 Forbidden"), "{finished:?}");
    assert_eq!(world.upstream.count(), 0);
}

#[test]
fn a_client_answers_the_demand_for_a_nonce_by_itself() {
    let world = World::new();
    let key = world.file("billing.key");
    world.get("billing", "/payments", &["--assertion-key", &key]).require(0);
    assert_eq!(world.upstream.count(), 1, "the first try, without nonce, went no further than the gateway");
    world.gateway.process.wait_for_log("nonce_missing");
}

#[test]
fn routes_that_observe_or_warn_let_everything_through_and_only_a_warning_shows_it() {
    let world = World::new();
    let url = |path: &str| format!("{}{path}", world.gateway.url);
    let http = crate::support::wire::http_client(&world.estate.stage);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let get = |path: &str| runtime.block_on(async { http.get(url(path)).send().await.unwrap() });

    let observed = get("/watched");
    assert_eq!(observed.status(), 200);
    assert!(!observed.headers().contains_key("bindery-would-refuse"), "who is watched is not told");
    assert_eq!(world.told("bindery-mode"), ["observe"]);
    assert!(world.told("bindery-client-id").is_empty(), "nothing was proven");

    let warned = get("/warned");
    assert_eq!(warned.status(), 200);
    assert_eq!(warned.headers()["bindery-would-refuse"], "no_credentials");
    assert_eq!(world.told("bindery-mode"), ["warn"]);
    assert_eq!(world.upstream.count(), 2);

    let enforced = get("/orders");
    assert_eq!(enforced.status(), 401);
    assert!(!enforced.headers().contains_key("bindery-would-refuse"));
    let unlisted = get("/nowhere");
    assert_eq!(unlisted.status(), 401, "what no route names is enforced");
    assert_eq!(world.upstream.count(), 2);

    // Who proves itself is known on every route.
    let [certificate, key] = ["inventory.pem", "inventory.key"].map(|name| world.file(name));
    let credentials = ["--certificate", &certificate, "--certificate-key", &key, "--include"];
    for (path, mode) in [("/watched", "observe"), ("/warned", "warn")] {
        let finished = world.get("inventory", path, &credentials).require(0);
        assert!(!finished.stdout.contains("bindery-would-refuse"), "{finished:?}");
        assert_eq!(world.told("bindery-client-id"), ["inventory"]);
        assert_eq!(world.told("bindery-mode"), [mode]);
    }
}

#[test]
fn a_route_that_only_watches_still_tells_the_nonce_that_it_misses() {
    let world = World::new();
    let stage = &world.estate.stage;
    let key = forgery::key(stage, "the client's DPoP key");
    let token = world.estate.token(&key);
    for path in ["/watched", "/warned"] {
        // The gateway has just started, so it would ask for a nonce.
        let proof = world.gateway.proof(&key, path, &token).sign(stage);
        let reply = require_status(world.gateway.get(stage, path, &token, &proof), 200);
        assert!(world.told("bindery-client-id").is_empty(), "not proven yet");
        assert_eq!(reply.header("bindery-would-refuse").is_some(), path == "/warned");
        let nonce = reply.header("dpop-nonce").unwrap_or_else(|| panic!("{path}: no nonce: {reply:?}"));

        let proof = world.gateway.proof(&key, path, &token).with_nonce(nonce).sign(stage);
        let reply = require_status(world.gateway.get(stage, path, &token, &proof), 200);
        assert_eq!(reply.header("bindery-would-refuse"), None, "{path}: {reply:?}");
        assert_eq!(world.told("bindery-client-id"), ["billing"]);
    }
}
