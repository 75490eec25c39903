//! Signing in with name and password: what happens after wrong ones, and after too many. A caller learns that it worked
//! or that it did not, and never why: unknown, locked and disabled accounts answer with the same words after the same
//! work as a wrong password (OWASP authentication).

use std::time::Duration;

use bindery_core::time::UnixTime;
use bindery_crypto::random_bytes;
use bindery_store::StoreError;
use bindery_store::authorization::LoginAttempt;
use bindery_store::record::{AccountRecord, PendingKind, PendingRecord};
use http::HeaderMap;
use serde_json::Value;
use zeroize::Zeroizing;

use super::known_browser;
use super::password::{HashingFailed, PasswordVerdict};
use super::username::{UsernameInvalid, normalise_password, normalise_username};
use crate::admission;
use crate::event::AuditEvent;
use crate::limits::Limit;
use crate::server::Server;

/// After how many seconds without one a wrong password counts no more.
const FORGET_AFTER: u64 = 12 * 3600;

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignInRefused {
    /// The name, the password, the account or its lock; which of them is nobody's business.
    Wrong,
    /// Too many sign in at once.
    Busy,
    /// Too many tries with this name, whether there is such an account or not.
    TooMany,
    /// The store or the machine fails.
    Unavailable,
}

impl SignInRefused {
    pub(crate) fn store(operation: &'static str, error: &StoreError) -> Self {
        AuditEvent::StoreFailed { operation, error }.trace();
        Self::Unavailable
    }
}

impl From<HashingFailed> for SignInRefused {
    fn from(failed: HashingFailed) -> Self {
        match failed {
            HashingFailed::Busy => Self::Busy,
            HashingFailed::Failed => Self::Unavailable,
        }
    }
}

/// The account of that name, if the password is its own and it may sign in. `headers` are those of the request: a
/// browser that signed in before is not shut out by strangers' guesses.
///
/// # Errors
/// [`SignInRefused`], the same for every cause that lies with the caller.
pub(crate) async fn sign_in(
    server: &Server,
    username: &str,
    password: &str,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<AccountRecord, SignInRefused> {
    let store = &server.store;
    let name = normalise_username(username);
    let limited = name.as_ref().map_or(username, String::as_str);
    admission::require(server, Limit::Account, limited, None).map_err(|_| SignInRefused::TooMany)?;
    let account = match name {
        Ok(username) => {
            let found = store.find_account_by_username(&username).await;
            found.map_err(|error| SignInRefused::store("find_account_by_username", &error))?
        }
        Err(UsernameInvalid) => None,
    };
    // A text that can't be a password is compared too: it must take as long as one that can.
    let password =
        normalise_password(password).unwrap_or_else(|_| Zeroizing::new("\u{fffd} no password".into()));
    let subject = account.as_ref().map(|account| account.subject.clone());
    match judge(server, account, password, headers, now).await? {
        Ok(account) => Ok(account),
        Err(reason) => {
            server.audit.record(AuditEvent::SignInFailed { subject: subject.as_deref(), reason });
            Err(SignInRefused::Wrong)
        }
    }
}

async fn judge(
    server: &Server,
    account: Option<AccountRecord>,
    password: Zeroizing<String>,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<Result<AccountRecord, &'static str>, SignInRefused> {
    let mut exempt = false;
    let barred = match &account {
        None => Some("unknown"),
        Some(account) if account.disabled => Some("disabled"),
        Some(account) if account.password_hash.is_none() => Some("no_password"),
        Some(account) if is_locked(account, now) => {
            let browser = known_browser::of(server, headers, &account.subject, now);
            exempt = match browser {
                Some(browser) => browser.spend_guess(server, now).await.is_ok(),
                None => false,
            };
            (!exempt).then_some("locked")
        }
        Some(_) => None,
    };
    let (Some(account), None) = (account, barred) else {
        let verdict = server.people.passwords.verify(password, None).await?;
        debug_assert_eq!(verdict, PasswordVerdict::Wrong);
        write_decoy(server, now).await?;
        return Ok(Err(barred.unwrap_or("unknown")));
    };
    if exempt {
        // Counted under the browser's own name: the lock of all others stays as it is.
        let hash = account.password_hash.as_deref();
        return Ok(match server.people.passwords.verify(password, hash).await? {
            PasswordVerdict::Right { .. } => Ok(account),
            PasswordVerdict::Wrong => Err("wrong_password"),
        });
    }
    let verdict = server.people.passwords.verify(password.clone(), account.password_hash.as_deref()).await?;
    let attempt = match verdict {
        PasswordVerdict::Right { .. } => LoginAttempt::Succeeded,
        PasswordVerdict::Wrong => LoginAttempt::Failed {
            lock_after: server.people.settings.lock_after,
            lock_seconds: lock_seconds(server, &account, now),
            forget_after: FORGET_AFTER,
        },
    };
    let counted = server.store.record_login(&account.subject, attempt, now).await;
    let counted = counted.map_err(|error| SignInRefused::store("record_login", &error))?;
    let locked = is_locked(&counted, now);
    match verdict {
        // Of many guesses at once, those behind the lock don't count, right or wrong.
        PasswordVerdict::Right { .. } if locked => Ok(Err("locked")),
        PasswordVerdict::Right { outdated } => {
            if outdated {
                renew_hash(server, &counted, password, now).await;
            }
            Ok(Ok(counted))
        }
        PasswordVerdict::Wrong => {
            if locked {
                server.audit.record(AuditEvent::AccountLocked {
                    subject: &counted.subject,
                    failures: u64::from(counted.failed_logins),
                });
            }
            Ok(Err("wrong_password"))
        }
    }
}

fn is_locked(account: &AccountRecord, now: UnixTime) -> bool {
    account.locked_until.is_some_and(|until| now < until)
}

/// How long the next failure locks the account: doubled with each failure after the first lock.
fn lock_seconds(server: &Server, account: &AccountRecord, now: UnixTime) -> u64 {
    let settings = &server.people.settings;
    let forgotten = now.minus(Duration::from_secs(FORGET_AFTER));
    let failed =
        if account.failed_at.is_some_and(|last| last <= forgotten) { 0 } else { account.failed_logins };
    let beyond = failed.saturating_add(1).saturating_sub(settings.lock_after);
    let seconds = u64::from(settings.lock_seconds).checked_shl(beyond.min(32)).unwrap_or(u64::MAX);
    seconds.min(u64::from(settings.lock_at_most))
}

/// A failure of a known account is written down; so that an answer about an unknown one takes as long, as much is
/// written for it and forgotten at once.
async fn write_decoy(server: &Server, now: UnixTime) -> Result<(), SignInRefused> {
    let record = PendingRecord {
        kind: PendingKind::LoginDecoy,
        key_sha256: random_bytes::<32>().map_err(|_| SignInRefused::Unavailable)?,
        alias_sha256: None,
        client_id: None,
        subject: None,
        payload: Value::Null,
        revision: 0,
        created_at: now,
        expires_at: now,
        forget_at: now,
        spent_at: None,
    };
    let written = server.store.record_login_of_nobody(&record).await;
    written.map_err(|error| SignInRefused::store("record_login_of_nobody", &error))
}

/// Hashes the password anew with today's parameters. When somebody else changes the account meanwhile, the
/// next sign-in does it.
async fn renew_hash(server: &Server, account: &AccountRecord, password: Zeroizing<String>, now: UnixTime) {
    let Ok(hash) = server.people.passwords.hash(password).await else { return };
    let mut account = account.clone();
    account.password_hash = Some(hash);
    account.updated_at = now;
    if let Err(error) = server.store.update_account(&account).await {
        AuditEvent::StoreFailed { operation: "update_account", error: &error }.trace();
    }
}
