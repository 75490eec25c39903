//! Browsers in which somebody signed in to an account before: whoever locks the account with wrong passwords does
//! not lock these out (OWASP, device cookies). The cookie is sealed and says nothing of the person to anybody
//! else. It proves no identity: the password is demanded all the same, and guesses behind the lock are counted for
//! each browser, so that a stolen cookie is worth a handful of them.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::replay::{ReplayEntry, ReplayKind, ReplayOutcome};
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, random_identifier};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::cookies;
use crate::server::Server;

/// What the cookie is sealed for.
const SEALED_FOR: &str = "known browser";
/// For how many accounts a browser is known, the latest first.
const ACCOUNTS: usize = 5;

/// A browser that is known for one account.
pub(crate) struct KnownBrowser {
    id: String,
}

/// This browser has guessed often enough for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuessesSpent;

#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    /// Digest of the subject.
    account: String,
    /// Random; new with each sign-in.
    id: String,
}

impl KnownBrowser {
    /// Spends one of the guesses that this browser has behind a lock: as many as lock an account, in the time that
    /// a lock lasts at most.
    ///
    /// # Errors
    /// [`GuessesSpent`], also when the store can't tell.
    pub(crate) async fn spend_guess(&self, server: &Server, now: UnixTime) -> Result<(), GuessesSpent> {
        let settings = &server.people.settings;
        let span = i64::from(settings.lock_at_most.max(1));
        let window = now.as_seconds().div_euclid(span);
        let expires_at = UnixTime::from_seconds(window.saturating_add(1).saturating_mul(span));
        for guess in 0..settings.lock_after {
            let identifier = format!("{window}.{guess}");
            let entry = ReplayEntry {
                kind: ReplayKind::PasswordGuess,
                owner: self.id.as_bytes(),
                target: ("", ""),
                identifier: &identifier,
                expires_at,
            };
            match server.store.claim_once(entry, now).await {
                ReplayOutcome::Inserted => return Ok(()),
                ReplayOutcome::Duplicate => {}
                ReplayOutcome::Full | ReplayOutcome::Unavailable => return Err(GuessesSpent),
            }
        }
        Err(GuessesSpent)
    }
}

/// This browser, if `subject` signed in with it before.
pub(crate) fn of(server: &Server, headers: &HeaderMap, subject: &str, now: UnixTime) -> Option<KnownBrowser> {
    let account = digest(subject);
    let entry = read(server, headers, now).into_iter().find(|entry| entry.account == account)?;
    Some(KnownBrowser { id: entry.id })
}

/// The cookie by which this browser is known for `subject` from now on; none when nothing can be drawn or sealed,
/// and the person is a stranger here next time.
pub(crate) fn remember(
    server: &Server,
    headers: &HeaderMap,
    subject: &str,
    now: UnixTime,
) -> Option<HeaderValue> {
    let account = digest(subject);
    let mut entries = read(server, headers, now);
    entries.retain(|entry| entry.account != account);
    entries.insert(0, Entry { account, id: random_identifier().ok()? });
    entries.truncate(ACCOUNTS);
    let text = serde_json::to_vec(&entries).ok()?;
    let sealed = server.cookie_keys.seal(SEALED_FOR, &text, now).ok()?;
    cookies::set_for(&server.people.cookies.known, &sealed, cookies::REMEMBERED)
}

fn read(server: &Server, headers: &HeaderMap, now: UnixTime) -> Vec<Entry> {
    let sealed = cookies::read_sealed(headers, &server.people.cookies.known);
    let opened =
        sealed.and_then(|sealed| server.cookie_keys.open(SEALED_FOR, &sealed, cookies::REMEMBERED, now).ok());
    opened.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn digest(subject: &str) -> String {
    base64url::encode(AwsLc.sha256(&[b"bindery known browser\0", subject.as_bytes()]))
}
