//! Commands at a running server: through its administration interface, with a bound token, they do and print
//! what they do and print on its store; and an offboarded client is shown to be dead at the real endpoints.

use std::time::Instant;

use crate::support::DEADLINE;
use crate::support::estate::Estate;
use crate::support::forgery;
use crate::support::process::Finished;

const AUDIENCE: &str = "https://api.shop.example";

/// An estate with an administering client, made on the store of the running server.
struct Office {
    estate: Estate,
    key: String,
}

impl Office {
    fn open() -> Self {
        let estate = Estate::start();
        let (signer, key) = forgery::key_file(&estate.stage, "operator.key");
        let jwks = serde_json::json!({"keys": [signer.public_key().to_jwk()]});
        let jwks = estate.stage.write("operator.jwks", &jwks.to_string());
        let audience = format!("{}/admin/v1", estate.issuer);
        let add = [
            "add",
            "operator",
            "--auth",
            "private_key_jwt",
            "--jwks",
            &jwks,
            "--grant-type",
            "client_credentials",
            "--scope",
            "bindery:admin",
            "--audience",
            &audience,
        ];
        estate.client(&add).require(0);
        Self { estate, key }
    }

    /// A command at the running server.
    fn remote(&self, arguments: &[&str]) -> Finished {
        let ca = self.estate.stage.path("ca.pem");
        let place =
            ["--server", &self.estate.issuer, "--client-id", "operator", "--key", &self.key, "--ca", &ca];
        self.estate.stage.run(&[arguments, &place].concat())
    }

    /// The same on the store.
    fn local(&self, arguments: &[&str]) -> Finished {
        self.estate.stage.run(&[arguments, &["--config", &self.estate.config]].concat())
    }

    /// Registers `partner` at the running server and returns the file with its secret.
    fn partner(&self) -> String {
        let added = self.remote(&[
            "client",
            "add",
            "partner",
            "--grant-type",
            "client_credentials",
            "--grant-type",
            "refresh_token",
            "--scope",
            "orders.read",
            "--audience",
            AUDIENCE,
        ]);
        let secret = added.require(0).value("client_secret");
        self.estate.stage.secret("a drawn secret", &secret);
        self.estate.stage.write("partner.secret", &secret)
    }
}

#[test]
fn commands_print_the_same_from_the_store_and_from_the_running_server() {
    let office = Office::open();
    let secret = office.partner();
    office.estate.printed_token("partner", &["--secret-file", &secret]);
    let granted = office.remote(&["client", "grant", "partner", "--subject", "alice"]).require(0);
    office.estate.stage.secret("a refresh token", &granted.value("refresh_token"));
    let made = office.remote(&["token", "create", "a partner", "--uses", "3"]).require(0);
    office.estate.stage.secret("an initial access token", &made.value("initial_access_token"));
    for command in [
        &["client", "list"][..],
        &["client", "list", "--all"],
        &["client", "show", "partner"],
        &["client", "show", "billing"],
        &["grant", "list"],
        &["grant", "list", "--of-client", "partner", "--subject", "alice"],
        &["session", "list"],
        &["token", "list"],
        &["blocked-key", "list"],
    ] {
        let remote = office.remote(command).require(0).stdout;
        assert_eq!(remote, office.local(command).require(0).stdout, "{command:?}");
        assert!(command[0] == "session" || command[0] == "blocked-key" || !remote.is_empty(), "{command:?}");
    }
    let changed =
        office.remote(&["client", "change", "partner", "--set", "client_name=A partner"]).require(0);
    assert!(changed.stdout.contains("\"client_name\": \"A partner\""), "{changed:?}");
    let rotated = office.remote(&["client", "rotate-secret", "partner", "--keep-old", "1h"]).require(0);
    office.estate.stage.secret("a second secret", &rotated.value("client_secret"));
    office.estate.printed_token("partner", &["--secret-file", &secret]);
    office.remote(&["grant", "revoke", "--of-client", "partner"]).require(0);
    assert_eq!(office.local(&["grant", "list", "--of-client", "partner"]).require(0).stdout, "");
    office.remote(&["client", "delete", "partner"]).require(0);
    let gone = office.remote(&["client", "show", "partner"]).require(2);
    assert!(gone.stderr.contains("there is no client \"partner\""), "{gone:?}");
    let trail =
        office.remote(&["audit", "--of-client", "partner", "--event", "client_deleted"]).require(0).stdout;
    assert!(trail.contains("\"administrator\":\"operator\""), "{trail}");
}

#[test]
fn a_client_is_registered_with_a_key_made_for_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let office = Office::open();
    let key = office.estate.stage.path("worker.key");
    let add = |client_id: &'static str, more: &[&'static str]| {
        let options = ["--new-key", &key, "--grant-type", "client_credentials", "--audience", AUDIENCE];
        office.remote(&[&["client", "add", client_id], &options[..], more].concat())
    };
    add("worker", &["--scope", "two  spaces"]).require(2);
    assert!(!std::path::Path::new(&key).exists(), "the key of a client that was refused");
    let shown = add("worker", &["--scope", "orders.read"]).require(0).stdout;
    assert!(shown.contains("private_key_jwt") && !shown.contains("\"d\""), "{shown}");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    office.estate.printed_token("worker", &["--assertion-key", &key]);
    let before = std::fs::read_to_string(&key).unwrap();
    office.estate.stage.secret("the key made for it", &before);
    let second = add("other", &[]).require(2);
    assert!(second.stderr.contains("a file that is not there yet"), "{second:?}");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), before, "a key that is in use stays");
}

#[test]
fn an_offboarded_client_is_dead_at_the_real_endpoints() {
    let office = Office::open();
    let secret = office.partner();
    let (_, dpop) = forgery::key_file(&office.estate.stage, "partner.dpop");
    let granted = office.remote(&["client", "grant", "partner", "--subject", "alice"]).require(0);
    let refresh = granted.value("refresh_token");
    office.estate.stage.secret("a refresh token", &refresh);
    let refresh = office.estate.stage.write("partner.refresh", &refresh);
    let probe =
        ["--probe-secret-file", &secret, "--probe-refresh-token-file", &refresh, "--probe-dpop-key", &dpop];
    let command = ["client", "offboard", "partner"];
    let before = office.remote(&[&command[..], &["--verify"], &probe].concat()).require(1);
    for way in ["client authentication", "refresh tokens", "token endpoint", "refresh at the endpoint"] {
        let line = before.stdout.lines().find(|line| line.starts_with(way)).unwrap();
        assert!(line.contains("STILL WORKS"), "{line}");
    }
    let done = office.remote(&[&command[..], &["--reason", "contract ended"], &probe].concat()).require(0);
    assert!(done.stdout.contains("1 grants revoked"), "{done:?}");
    assert!(done.stdout.ends_with("nothing of partner works any more\n"), "{done:?}");
    assert!(!done.stdout.contains("STILL WORKS") && done.stdout.contains("invalid_client"), "{done:?}");
    let again = office.local(&[&command[..], &["--verify"]].concat()).require(0);
    assert!(again.stdout.contains("nothing of partner works any more"), "{again:?}");
    let enabled = office.remote(&["client", "enable", "partner"]).require(2);
    assert!(enabled.stderr.contains("offboarded"), "{enabled:?}");
}

/// The file has it still; a mark in the store wins, and a restart reads both.
#[test]
fn an_offboarded_client_of_the_configuration_file_is_dead_before_and_after_a_restart() {
    let mut office = Office::open();
    let secret = office.estate.stage.path("ledger.secret");
    let probe = ["--probe-secret-file", &secret];
    let command = ["client", "offboard", "ledger"];
    office.estate.printed_token("ledger", &["--secret-file", &secret]);
    let before = office.remote(&[&command[..], &["--verify"], &probe].concat()).require(1);
    assert!(
        before.stdout.contains("STILL WORKS") && before.stdout.contains("configuration file"),
        "{before:?}"
    );
    let done = office.remote(&[&command[..], &["--reason", "contract ended"], &probe].concat()).require(0);
    assert!(done.stdout.ends_with("nothing of ledger works any more\n"), "{done:?}");
    office.estate.server.kill();
    office.estate.restart_server();
    let after = office.remote(&[&command[..], &["--verify"], &probe].concat()).require(0);
    assert!(after.stdout.contains("invalid_client"), "{after:?}");
    let shown = office.local(&["client", "show", "ledger"]).require(0).stdout;
    assert!(shown.contains("\"disabled\": true") && shown.contains("contract ended"), "{shown}");
    let listed = office.local(&["client", "list", "--all"]).require(0).stdout;
    let line = listed.lines().find(|line| line.starts_with("ledger ")).unwrap();
    assert!(line.ends_with("configured disabled"), "{line}");
    let posture = office.local(&["server", "posture"]).require(0).stdout;
    assert!(posture.contains("disabled by hand") && posture.contains("ledger"), "{posture}");
}

/// On the store, beside the running server, which hears of it within seconds.
#[test]
fn a_client_of_the_configuration_file_is_disabled_and_enabled_beside_the_running_server() {
    let office = Office::open();
    let secret = office.estate.stage.path("ledger.secret");
    let asks = || office.estate.request("ledger", &["--secret-file", &secret, "--print-token"]);
    let wait_for = |code: i32| {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let finished = asks();
            if finished.code == Some(code) {
                return finished;
            }
            assert!(Instant::now() < deadline, "{finished:?}");
        }
    };
    office.estate.printed_token("ledger", &["--secret-file", &secret]);
    office.local(&["client", "disable", "ledger"]).require(0);
    let refused = wait_for(2);
    assert!(refused.stderr.contains("invalid_client"), "{refused:?}");
    office.remote(&["client", "enable", "ledger"]).require(0);
    let token = asks().require(0).stdout;
    office.estate.stage.secret("an access token", token.trim());
    let shown = office.local(&["client", "show", "ledger"]).require(0).stdout;
    assert!(shown.contains("\"disabled\": false"), "{shown}");
}

#[test]
fn who_may_not_administer_is_told_what_is_missing() {
    let office = Office::open();
    let stage = &office.estate.stage;
    let ca = stage.path("ca.pem");
    let billing = stage.path("billing.key");
    let server = ["client", "list", "--server", &office.estate.issuer, "--ca", &ca];
    for (arguments, words) in [
        (&[][..], "--client-id"),
        (&["--client-id", "operator"], "--key"),
        (&["--client-id", "billing", "--key", &billing], "invalid_target"),
        (&["--client-id", "operator", "--key", &billing], "invalid_client"),
    ] {
        let finished = stage.run(&[&server[..], arguments].concat()).require(2);
        assert!(finished.stderr.contains(words), "{words}: {finished:?}");
    }
}
