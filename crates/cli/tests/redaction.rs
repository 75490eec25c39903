//! Searches everything that a whole test run logged for everything that it kept secret: tokens, codes, proofs,
//! assertions, passwords, cookies, private keys, whole and in their parts, as they are and encoded. The run
//! writes both down where `BINDERY_TEST_RECORD` says; `scripts/test` then runs the ignored test here.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its verdict")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

#[path = "redaction/record.rs"]
mod record;

/// The shortest text that is looked for: shorter ones occur by chance.
const SHORTEST: usize = 12;

/// One thing to look for, and what it is.
type Needle = (String, String);

/// A secret in every dress in which a careless line could show it.
fn needles(what: &str, secret: &str) -> Vec<Needle> {
    let mut texts = BTreeSet::new();
    let lines = secret.lines().filter(|line| !line.starts_with("-----"));
    for line in lines.map(str::trim) {
        texts.insert(line.to_owned());
        // A signature or a body alone is as bad as the whole token.
        texts.extend(line.split(['.', ':']).map(str::to_owned));
    }
    texts.retain(|text| text.len() >= SHORTEST && is_telling(text));
    let mut needles = Vec::new();
    for text in texts {
        let mut dressed = vec![("", text.clone())];
        dressed.push(("percent-encoded ", percent_encoded(&text)));
        dressed.extend(inside_base64(&text).into_iter().map(|form| ("base64 of ", form)));
        dressed.push(("hex of ", text.bytes().map(|byte| format!("{byte:02x}")).collect()));
        dressed.push((
            "bytes of ",
            text.bytes().take(16).map(|byte| byte.to_string()).collect::<Vec<_>>().join(", "),
        ));
        needles.extend(dressed.into_iter().map(|(dress, form)| (format!("{dress}{what}"), form)));
    }
    needles
}

/// Zeros in place of a signature occur by chance.
fn is_telling(text: &str) -> bool {
    text.chars().collect::<BTreeSet<_>>().len() >= 6
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// What base64 of any longer text shows of `text`, wherever it begins in it (as Basic credentials do).
fn inside_base64(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let padded = [&b"\0\0"[..before], text.as_bytes()].concat();
        // Only characters that depend on nothing but the text.
        let first = [0, 2, 3][before];
        let last = padded.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let form = &engine.encode(&padded)[first..last];
            if form.len() >= SHORTEST {
                forms.push(form.to_owned());
            }
        }
    }
    forms
}

/// What is found, by what it is and where.
fn leaks(needles: &[Needle], logs: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    let patterns: BTreeSet<&str> = needles.iter().map(|(_, text)| text.as_str()).collect();
    let patterns: Vec<&str> = patterns.into_iter().collect();
    let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(&patterns).unwrap();
    let mut found = BTreeSet::new();
    for (name, log) in logs {
        for hit in search.find_iter(log) {
            let text = patterns[hit.pattern().as_usize()];
            let (what, _) = needles.iter().find(|(_, known)| known == text).unwrap();
            let line = log[..hit.start()].iter().filter(|byte| **byte == b'\n').count() + 1;
            found.insert(format!("{what} is in {name}, line {line}"));
        }
        found.extend(shapes(name, log));
    }
    found
}

/// Secrets that a process made by itself have no name here, but a shape.
fn shapes(name: &str, log: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(log);
    let mut found = Vec::new();
    let word = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    for (index, line) in text.lines().enumerate() {
        let signed = line.split(|character| !word(character)).any(|word| {
            let mut parts = word.split('.');
            parts.next().is_some_and(|header| header.starts_with("eyJ") && header.len() > 20)
                && parts.next().is_some_and(|claims| claims.starts_with("eyJ"))
                && parts.next().is_some()
        });
        if signed {
            found.push(format!("a signed token is in {name}, line {}", index + 1));
        }
    }
    if ["KEY-----\nM", "KEY-----\\nM"].iter().any(|form| text.contains(form)) {
        found.push(format!("a private key is in {name}"));
    }
    found
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
#[ignore = "scripts/test runs it after all other tests, over what they wrote down"]
fn no_secret_of_the_whole_test_run_is_in_any_log_of_it() {
    let directory = PathBuf::from(std::env::var_os(record::DIRECTORY).unwrap());
    let mut all = Vec::new();
    for path in files(&directory, "secrets") {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let (what, encoded) = line.split_once('\t').unwrap();
            let secret = URL_SAFE_NO_PAD.decode(encoded).unwrap();
            all.push((what.to_owned(), String::from_utf8(secret).unwrap()));
        }
    }
    all.sort_unstable();
    all.dedup();
    let logs: Vec<(String, Vec<u8>)> = files(&directory, "log")
        .into_iter()
        .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
        .collect();
    let logged: usize = logs.iter().map(|(_, log)| log.len()).sum();
    assert!(
        all.len() > 1000 && logged > 1_000_000,
        "{} secrets, {logged} bytes: was it recorded?",
        all.len()
    );
    let mut found = BTreeSet::new();
    // In portions: an automaton of all of them at once would need gigabytes.
    for portion in all.chunks(500) {
        let needles: Vec<Needle> = portion.iter().flat_map(|(what, secret)| needles(what, secret)).collect();
        found.extend(leaks(&needles, &logs));
    }
    let shown: Vec<&String> = found.iter().take(50).collect();
    assert!(found.is_empty(), "{} leaks, among them {shown:#?}", found.len());
}

#[test]
fn the_search_finds_a_planted_secret_in_every_dress() {
    let secret = "tGzv3JOkF0XG5Qx2TlKWIA-planted+secret";
    let dresses = [
        secret.to_owned(),
        percent_encoded(secret),
        STANDARD_NO_PAD.encode(secret),
        STANDARD_NO_PAD.encode(format!("client:{secret}")),
        URL_SAFE_NO_PAD.encode(format!("x{secret}y")),
        secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        format!("{:?}", secret.as_bytes()),
    ];
    let needles = needles("a planted secret", secret);
    for dress in dresses {
        let log = format!("2026-01-01 INFO something happened value=\"{dress}\"\n");
        let found = leaks(&needles, &[("log".to_owned(), log.into_bytes())]);
        assert!(!found.is_empty(), "{dress} was not found");
    }
    let clean = b"2026-01-01 INFO something happened jti=abc".to_vec();
    assert_eq!(leaks(&needles, &[("log".to_owned(), clean)]), BTreeSet::new());
}

#[test]
fn the_search_finds_the_parts_of_a_token_and_what_has_no_name() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
    let needles = needles("an access token", token);
    for part in token.split('.') {
        let log = format!("x {part} y").into_bytes();
        assert!(!leaks(&needles, &[("log".to_owned(), log)]).is_empty(), "{part}");
    }
    let unnamed = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJib2IifQ.AAAA";
    for line in [unnamed, "-----BEGIN PRIVATE KEY-----\nMIGH"] {
        let log = format!("x {line} y").into_bytes();
        assert_eq!(leaks(&[], &[("log".to_owned(), log)]).len(), 1);
    }
}

/// What the tests write down arrives here as it was.
#[test]
fn a_secret_that_is_written_down_is_searched_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.secrets");
    std::fs::write(&path, "a code\tYS1wbGFudGVkLWNvZGU\n").unwrap();
    assert_eq!(files(directory.path(), "secrets"), [path]);
    // Without a directory nothing is written anywhere.
    record::secret("a code", "a-planted-code");
    record::log(b"a line");
}
