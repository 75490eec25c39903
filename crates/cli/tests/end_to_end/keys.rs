//! `bindery keys` on the store of a server's configuration: what it shows, what it changes, and that the private
//! halves stay where they are.

use std::process::{Command, Output};

use crate::support::process;
use crate::support::watch::record;

struct Place {
    directory: tempfile::TempDir,
    config: String,
}

impl Place {
    fn new(options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("bindery.db");
        let config = directory.path().join("server.toml");
        let text = format!(
            "[listener]\naddress = \"127.0.0.1:0\"\ncertificate_file = \"server.pem\"\nkey_file = \"server.key\"\n\
             [store]\npath = {database:?}\n[server]\nissuer = \"https://localhost\"\n{options}"
        );
        std::fs::write(&config, text).unwrap();
        let config = config.to_str().unwrap().to_owned();
        Self { directory, config }
    }

    fn keys(&self, arguments: &[&str]) -> Output {
        let arguments = [&["keys", "--config", &self.config], arguments].concat();
        let mut command: Command = process::command(&arguments, process::LOG);
        let output = command.output().unwrap();
        record::process(&output.stderr);
        output
    }

    /// The lines of the list, in words.
    fn list(&self) -> Vec<Vec<String>> {
        let text = said(&self.keys(&["list"]));
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn keys_are_listed_published_used_at_once_and_retired() {
    let place = Place::new("signing_algorithms = [\"ES256\", \"EdDSA\"]\n");
    let first = place.list();
    assert_eq!(first.len(), 2);
    assert!(first.iter().all(|key| key[3] == "active" && key[5..].join(" ").starts_with("a successor is")));
    let es256 = first.iter().find(|key| key[1] == "ES256").unwrap()[0].clone();

    let published = said(&place.keys(&["rotate", "--algorithm", "ES256"]));
    let made = published.strip_prefix("made ").unwrap().trim().to_owned();
    assert_eq!(place.list().iter().find(|key| key[0] == made).unwrap()[3], "pending");
    let again = place.keys(&["rotate", "--algorithm", "ES256"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(told(&again).contains("published already") && told(&again).contains("--now"), "{again:?}");

    let at_once = place.keys(&["rotate", "--algorithm", "ES256", "--now"]);
    assert_eq!(said(&at_once), format!("activated {made}\nretired {es256}\n"));
    assert!(told(&at_once).contains("in a cache may refuse its tokens"), "{at_once:?}");
    assert_eq!(place.list().iter().find(|key| key[0] == es256).unwrap()[3], "retired");

    let compromised = place.keys(&["retire", &made, "--emergency"]);
    let done = said(&compromised);
    assert!(done.contains(&format!("removed {made}")) && done.contains("activated "), "{done}");
    assert!(told(&compromised).contains("may believe it for"), "{compromised:?}");
    assert!(place.list().iter().all(|key| key[0] != made));
    assert_eq!(place.list().iter().filter(|key| key[1] == "ES256" && key[3] == "active").count(), 1);
}

#[test]
fn refuses_what_is_not_there_and_says_what_is() {
    let place = Place::new("");
    for (arguments, reason) in [
        (&["retire", "nobody"][..], "there is no key \"nobody\"; `bindery keys list` names them all"),
        (&["rotate", "--algorithm", "HS256"], "no key has such an algorithm"),
        (&["rotate", "--algorithm", "PS256"], "is not among `signing_algorithms`"),
        (&["list", "--issuer", "https://other.example"], "https://other.example"),
    ] {
        let output = place.keys(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(told(&output).contains(reason), "{arguments:?}: {output:?}");
    }
}

#[test]
fn the_database_holds_no_private_half_in_the_open() {
    let place = Place::new("keys = { encryption_algorithms = [\"ECDH-ES\"] }\n");
    let mut kinds: Vec<String> = place.list().iter().map(|key| format!("{} {}", key[1], key[2])).collect();
    kinds.sort();
    assert_eq!(kinds, ["ECDH-ES enc", "ES256 sig"]);
    let stored = std::fs::read(place.directory.path().join("bindery.db")).unwrap();
    // The beginning of PKCS#8 for a key on P-256.
    let pkcs8 = [0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d];
    assert!(stored.windows(pkcs8.len()).all(|part| part != pkcs8));
}
