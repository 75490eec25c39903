//! Keeps what must stay secret and what was logged, and finds the one in the other. Secrets are kept whole
//! and in their telling parts: the lines of a PEM key, the signature of a token, the credentials as Basic.

use std::sync::{Arc, Mutex};

use super::process::Stream;

#[path = "../../redaction/record.rs"]
#[expect(dead_code, reason = "processes are recorded here; in-process suites listen")]
pub(crate) mod record;

/// The shortest part of a secret that is looked for: shorter ones occur by chance.
const SHORTEST: usize = 16;

const fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// A JWS: three parts, the first of which is a JSON object.
pub(crate) fn is_signed_token(word: &str) -> bool {
    let mut parts = word.split('.');
    parts.next().is_some_and(|header| header.starts_with("eyJ") && header.len() > 20)
        && parts.next().is_some_and(|claims| claims.starts_with("eyJ"))
        && parts.next().is_some()
}

#[derive(Default)]
pub(crate) struct Watch {
    secrets: Mutex<Vec<(String, String)>>,
    logs: Mutex<Vec<(String, Arc<Stream>)>>,
}

impl Watch {
    pub(crate) fn keep_secret(&self, what: &str, text: &str) {
        record::secret(what, text);
        self.look_for(what, text);
    }

    /// Only here, not in the search of the whole run: for what a test plants.
    pub(crate) fn look_for(&self, what: &str, text: &str) {
        let mut secrets = self.secrets.lock().unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        // Header and claims of a token are looked for too: a log that prints them prints who, where and when.
        let parts = lines.flat_map(|line| std::iter::once(line).chain(line.split('.')));
        for part in parts.map(str::trim).filter(|part| part.len() >= SHORTEST) {
            secrets.push((what.to_owned(), part.to_owned()));
        }
    }

    pub(crate) fn listen_to(&self, what: String, stream: Arc<Stream>) {
        self.logs.lock().unwrap().push((what, stream));
    }

    /// What leaked: the secret's name and the process that told it.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        for (process, stream) in &*self.logs.lock().unwrap() {
            stream.read(|log| {
                for (what, secret) in &*self.secrets.lock().unwrap() {
                    if let Some(at) = log.find(secret.as_str()) {
                        let line = log[..at].lines().count();
                        leaks.push(format!("{what} is in the log of `{process}`, line {line}"));
                    }
                }
                // What a process made by itself has no name here, but a form.
                let key = ["KEY-----\nM", "KEY-----\\nM"].iter().any(|form| log.contains(form));
                if key || log.split(|end: char| !is_token(end)).any(is_signed_token) {
                    leaks.push(format!("a token or key of its own is in the log of `{process}`"));
                }
            });
        }
        leaks
    }

    /// How much was logged, in bytes.
    pub(crate) fn heard(&self) -> usize {
        self.logs.lock().unwrap().iter().map(|(_, stream)| stream.read(str::len)).sum()
    }

    /// How many parts of secrets are looked for.
    pub(crate) fn kept(&self) -> usize {
        self.secrets.lock().unwrap().len()
    }

    /// Looks for nothing any more: for the one test that plants a leak.
    pub(crate) fn forget(&self) {
        self.secrets.lock().unwrap().clear();
    }

    pub(crate) fn require_silence(&self) {
        let leaks = self.leaks();
        assert!(leaks.is_empty(), "credentials were logged:\n{}", leaks.join("\n"));
    }
}
