//! `bindery account` on the store of a server's configuration: passwords by standard input, never shown, and
//! nothing of an account that is gone stays behind.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::process;
use crate::support::watch::record;

struct Place {
    directory: tempfile::TempDir,
    config: String,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("bindery.db");
        let config = directory.path().join("server.toml");
        let text = format!(
            "[listener]\naddress = \"127.0.0.1:0\"\ncertificate_file = \"server.pem\"\nkey_file = \"server.key\"\n\
             [store]\npath = {database:?}\n[server]\nissuer = \"https://localhost\"\n"
        );
        std::fs::write(&config, text).unwrap();
        let config = config.to_str().unwrap().to_owned();
        Self { directory, config }
    }

    fn account(&self, arguments: &[&str], password: &str) -> Output {
        self.run(&[&["account"], arguments].concat(), password)
    }

    fn run(&self, arguments: &[&str], password: &str) -> Output {
        let arguments = [arguments, &["--config", &self.config]].concat();
        let mut command: Command = process::command(&arguments, process::LOG);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses before it reads leaves the pipe.
        let _ = child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes());
        let output = child.wait_with_output().unwrap();
        record::secret("a password", password);
        record::process(&output.stderr);
        output
    }
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

const PASSWORD: &str = "a long enough password";

#[test]
fn an_account_is_made_shown_changed_and_deleted() {
    let place = Place::new();
    let output = place.account(&["add", "Alice", "--claim", "email=alice@example.com"], PASSWORD);
    let made: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!((&made["username"], &made["state"]), (&"alice".into(), &"active".into()));
    assert_eq!(made["claims"]["email"], "alice@example.com");
    assert!(!format!("{output:?}").contains("argon2"), "no hash is shown");
    let stored = std::fs::read(place.directory.path().join("bindery.db")).unwrap();
    let holds = |text: &str| stored.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(!holds(PASSWORD), "the password itself is nowhere");
    assert!(said(&place.account(&["list"], "")).contains("active"));
    assert!(said(&place.account(&["disable", "ALICE"], "")).contains("disabled"));
    assert!(said(&place.account(&["list"], "")).contains("disabled"));
    said(&place.account(&["enable", "alice"], ""));
    said(&place.account(&["passwd", "alice"], "another password of hers"));
    said(&place.account(&["unlock", "alice"], ""));
    said(&place.account(&["delete", "alice"], ""));
    assert_eq!(said(&place.account(&["list"], "")), "");
    let trail = said(&place.run(&["audit", "--event", "account_changed_by_administrator"], ""));
    for change in ["added", "disabled", "enabled", "password", "unlocked", "deleted"] {
        assert!(trail.contains(&format!("\"change\":\"{change}\"")), "{change}: {trail}");
    }
    assert!(!trail.contains("password of hers") && !trail.contains("argon2"), "{trail}");
}

#[test]
fn a_user_code_is_set_hashed_and_taken_away() {
    let place = Place::new();
    said(&place.account(&["add", "alice"], PASSWORD));
    assert!(
        said(&place.account(&["user-code", "alice"], "4711 alice")).contains("set the user code of alice")
    );
    let shown = said(&place.account(&["show", "alice"], ""));
    assert!(shown.contains("\"has_user_code\": true") && !shown.contains("argon2"), "{shown}");
    let stored = std::fs::read(place.directory.path().join("bindery.db")).unwrap();
    assert!(!stored.windows(10).any(|part| part == b"4711 alice"), "the code itself is nowhere");
    let short = place.account(&["user-code", "alice"], "123");
    assert!(String::from_utf8_lossy(&short.stderr).contains("4 to 128 bytes"), "{short:?}");
    said(&place.account(&["user-code", "alice", "--remove"], ""));
    assert!(said(&place.account(&["show", "alice"], "")).contains("\"has_user_code\": false"));
}

#[test]
fn refuses_names_and_passwords_that_break_a_rule_and_says_which() {
    let place = Place::new();
    for (arguments, password, reason) in [
        (&["add", "a b"][..], PASSWORD, "a user name has"),
        (&["add", "alice"], "short", "people.password_minimum"),
        (&["add", "alice"], "", "control characters"),
        (&["add", "alicealicealice"], "AliceAliceAlice", "is the user name"),
        (&["add", "alice", "--subject", "client:x"], PASSWORD, "namespace of clients"),
        (&["add", "alice", "--claim", "email"], PASSWORD, "NAME=VALUE"),
        (&["show", "nobody"], "", "bindery account list"),
        (&["passwd", "nobody"], PASSWORD, "there is no account"),
    ] {
        let output = place.account(arguments, password);
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
        assert!(password.is_empty() || !stderr.contains(password), "{stderr}");
    }
    said(&place.account(&["add", "alice"], PASSWORD));
    let again = place.account(&["add", "ALICE"], PASSWORD);
    assert_eq!(again.status.code(), Some(2), "a name is taken in every spelling");
}

#[test]
fn a_password_that_thieves_try_first_is_given_to_nobody() {
    let place = Place::new();
    let list = place.directory.path().join("common.txt");
    std::fs::write(&list, "another common one\nletmeinletmein\n").unwrap();
    let written = std::fs::read_to_string(&place.config).unwrap();
    std::fs::write(&place.config, format!("{written}[server.people]\nrefused_passwords_file = {list:?}\n"))
        .unwrap();
    let refused = place.account(&["add", "alice"], "LetMeInLetMeIn");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("refused_passwords_file") && told.contains("choose another"), "{told}");
    said(&place.account(&["add", "alice"], PASSWORD));
    assert_eq!(place.account(&["passwd", "alice"], "letmeinletmein").status.code(), Some(2));
    std::fs::remove_file(list).unwrap();
    let missing = place.account(&["add", "bob"], PASSWORD);
    assert!(
        String::from_utf8_lossy(&missing.stderr).contains("people.refused_passwords_file"),
        "{missing:?}"
    );
}
