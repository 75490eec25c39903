//! The catalogue of events against the page that is printed from it and the source that writes them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    let mut page = String::from(
        "# Audit events\n\n\
         Generated from the catalogue in `crates/authorization-server/src/event.rs`; a test fails when this page and \
         the catalogue differ.\n\n\
         Each event is one log line with the field `event`, and one more in the counter \
         `bindery_events_total{event=\"..\"}`. Names and fields are stable: they may gain fields, and lose none \
         without a note in the changelog. No event ever holds a token, a proof, an assertion, a code, a secret, a \
         cookie, a password or a certificate; keys appear by thumbprint, tokens by `jti`. A field that ends in `?` is \
         left out when there is nothing to say.\n\n\
         Events of the classes *security* and *administration* are also stored, where the admin API lists them; \
         those of the class *issuance* when `[server.audit] store_issuance = true`; those of the class *operation* \
         are logged only.\n",
    );
    for class in
        [EventClass::Security, EventClass::Administration, EventClass::Issuance, EventClass::Operation]
    {
        write!(page, "\n## {}\n", class.name()).unwrap();
        for event in EVENTS.iter().filter(|event| event.class == class) {
            let level = event.level.as_str().to_ascii_lowercase();
            write!(page, "\n### `{}` ({level})\n\n{}\n", event.name, event.meaning).unwrap();
            for (index, field) in event.fields.iter().enumerate() {
                let space = if index == 0 { "\n" } else { "" };
                let mark = if field.optional { "?" } else { "" };
                writeln!(page, "{space}- `{}{mark}`: {}", field.name, field.meaning).unwrap();
            }
        }
    }
    page
}

#[test]
fn the_documented_events_are_the_catalogue() {
    let path = repository().join("docs/audit-events.md");
    if std::env::var_os("BINDERY_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/audit-events.md is out of date; run this test with BINDERY_WRITE_DOCS=1 and commit the page"
    );
}

#[test]
fn no_two_events_share_a_name_and_names_are_plain() {
    let mut seen = HashSet::new();
    for event in EVENTS {
        assert!(seen.insert(event.name), "{} is there twice", event.name);
        assert!(event.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", event.name);
        assert!(event.meaning.ends_with('.'), "{}", event.name);
        let fields: HashSet<&str> = event.fields.iter().map(|field| field.name).collect();
        assert_eq!(fields.len(), event.fields.len(), "{}", event.name);
    }
}

/// Whoever logs an event past the catalogue adds it there.
#[test]
fn every_event_that_the_source_names_is_in_the_catalogue() {
    let known: HashSet<&str> = EVENTS.iter().map(|event| event.name).collect();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let command = repository().join("crates/cli/src/command");
    let mut files: Vec<PathBuf> = sources(&own);
    files.extend(["server.rs", "listener.rs"].map(|name| command.join(name)));
    let mut unknown = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for rest in text.split("event = \"").skip(1) {
            let name = rest.split('"').next().unwrap();
            if !known.contains(name) {
                unknown.push(format!("{} in {}", name, path.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:#?}");
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("event_tests.rs")
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_field_without_a_value_is_neither_logged_nor_stored() {
    let event = AuditEvent::TokenRevoked { client_id: "c", kind: "jwt", jti: Some("t"), grant_id: None };
    assert_eq!(event.description().name, "token_revoked");
    let fields = event.fields();
    assert_eq!(fields.keys().map(String::as_str).collect::<Vec<_>>(), ["client_id", "jti", "kind"]);
}
