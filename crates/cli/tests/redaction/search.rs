//! Finds secrets in logs, in every dress in which a careless line could show them, and tokens and keys that have no
//! name by their shape. Secrets are looked for by the beginning and the end of their parts: a log that cuts what
//! it tells has told too much all the same.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The shortest text that is looked for: shorter ones occur by chance.
const SHORTEST: usize = 12;

/// How much of a text must stand in a log to be found.
const TELLING: usize = 40;

/// How many texts are looked for at once: an automaton of all of them would need gigabytes.
const PORTION: usize = 40_000;

/// What is found, by what it is and where.
pub(super) fn leaks(secrets: &[(String, String)], logs: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    let mut needles = BTreeMap::new();
    let mut found: BTreeSet<String> = logs.iter().flat_map(|(name, log)| shapes(name, log)).collect();
    for (what, secret) in secrets {
        for (dress, text) in dressed(secret) {
            needles.entry(text).or_insert_with(|| format!("{dress}{what}"));
        }
        if needles.len() >= PORTION {
            found.extend(search(&std::mem::take(&mut needles), logs));
        }
    }
    found.extend(search(&needles, logs));
    found
}

fn search(needles: &BTreeMap<String, String>, logs: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    let automaton =
        AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(needles.keys()).unwrap();
    let names: Vec<&String> = needles.values().collect();
    let mut found = BTreeSet::new();
    for (name, log) in logs {
        for hit in automaton.find_iter(log) {
            let line = log[..hit.start()].iter().filter(|byte| **byte == b'\n').count() + 1;
            found.insert(format!("{} is in {name}, line {line}", names[hit.pattern().as_usize()]));
        }
    }
    found
}

/// A secret in every dress: how it is dressed, and the text to look for.
fn dressed(secret: &str) -> Vec<(&'static str, String)> {
    let mut parts = BTreeSet::new();
    for line in secret.lines().filter(|line| !line.starts_with("-----")).map(str::trim) {
        // A signature or a body alone is as bad as the whole token; the whole has its parts in it.
        let (before, whole) = (parts.len(), clip(line));
        parts.extend(line.split(['.', ':']).map(clip).filter(|(start, _)| start.len() >= SHORTEST));
        if parts.len() == before {
            parts.insert(whole);
        }
    }
    let mut forms = Vec::new();
    for (start, end) in parts {
        if start.len() < SHORTEST || !is_telling(start) {
            continue;
        }
        let bytes: Vec<String> = start.bytes().take(16).map(|byte| byte.to_string()).collect();
        forms.push(("", start.to_owned()));
        forms.push(("the end of ", end.to_owned()));
        forms.push(("percent-encoded ", percent_encoded(start)));
        forms.extend(inside_base64(start).into_iter().map(|form| ("base64 of ", form)));
        forms.push(("hex of ", start.bytes().map(|byte| format!("{byte:02x}")).collect()));
        forms.push(("bytes of ", bytes.join(", ")));
    }
    forms.retain(|(_, text)| is_telling(text));
    forms
}

/// The beginning and the end.
fn clip(text: &str) -> (&str, &str) {
    let from = text.len().saturating_sub(TELLING);
    (text.get(..TELLING).unwrap_or(text), text.get(from..).unwrap_or(text))
}

/// Zeros in place of a signature occur by chance.
fn is_telling(text: &str) -> bool {
    text.bytes().collect::<BTreeSet<_>>().len() >= 6
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

/// Secrets that a process made by itself have no name here, but a shape.
fn shapes(name: &str, log: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(log);
    let mut found = Vec::new();
    let word = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    for (index, line) in text.lines().enumerate().filter(|(_, line)| line.contains("eyJ")) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(secret: &str, log: &str) -> BTreeSet<String> {
        leaks(&[("a secret".into(), secret.into())], &[("log".into(), log.as_bytes().to_vec())])
    }

    #[test]
    fn a_planted_secret_is_found_in_every_dress() {
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
        for dress in dresses {
            let log = format!("2026-01-01 INFO something happened value=\"{dress}\"\n");
            assert!(!found(secret, &log).is_empty(), "{dress} was not found");
        }
        assert_eq!(found(secret, "2026-01-01 INFO something happened jti=abc"), BTreeSet::new());
    }

    #[test]
    fn a_secret_that_a_log_cuts_is_found_by_what_is_left() {
        let secret: String = (0..40).map(|number| format!("{number:x}-q")).collect();
        assert!(!found(&secret, &format!("value={}…", &secret[..50])).is_empty());
        assert!(!found(&secret, &format!("value=…{}", &secret[secret.len() - 45..])).is_empty());
    }

    #[test]
    fn the_parts_of_a_token_are_found_and_what_has_no_name() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
        for part in token.split('.') {
            assert!(!found(token, &format!("x {part} y")).is_empty(), "{part}");
        }
        let unnamed = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJib2IifQ.AAAA";
        for line in [unnamed, "-----BEGIN PRIVATE KEY-----\nMIGH"] {
            assert_eq!(found("", &format!("x {line} y")).len(), 1);
        }
    }
}
