//! Built-in accounts: who may sign in with which name and password, and what happens after too many wrong
//! ones. A caller learns that it worked or that it did not, and never why: unknown, locked and disabled
//! accounts answer with the same words after the same work as a wrong password (OWASP authentication).

use std::fmt;
use std::time::Duration;

use bindery_core::oauth::backchannel_request::MAXIMUM_USER_CODE;
use bindery_core::time::UnixTime;
use bindery_crypto::{random_bytes, random_identifier};
use bindery_store::authorization::{AccountUpdate, LoginAttempt};
use bindery_store::record::{AccountRecord, PendingKind, PendingRecord};
use bindery_store::{AuthorizationStore, StoreError};
use http::HeaderMap;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::known_browser;
use super::password::{HashingFailed, PasswordVerdict, hash_password};
use super::username::{
    PasswordRefused, UsernameInvalid, new_password, normalise_password, normalise_username,
};
use crate::ATTEMPTS;
use crate::administration::COMMAND_LINE;
use crate::admission;
use crate::audit;
use crate::event::AuditEvent;
use crate::limits::Limit;
use crate::logout;
use crate::server::Server;

/// After how many seconds without one a wrong password counts no more.
const FORGET_AFTER: u64 = 12 * 3600;

/// The shortest user code, in bytes: it is typed into devices, and guesses at it are limited.
const MINIMUM_USER_CODE: usize = 4;

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

/// Why an account was not made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountRefused {
    /// The name.
    #[error(transparent)]
    Username(#[from] UsernameInvalid),
    /// The password.
    #[error(transparent)]
    Password(#[from] PasswordRefused),
    /// The user code.
    #[error("a user code has 4 to 128 bytes and no control characters")]
    UserCode,
    /// There is no such account.
    #[error("there is no account of that name")]
    Unknown,
    /// Others change the account all the time.
    #[error("the account was changed by others meanwhile; try again")]
    Contended,
    /// The password can't be hashed, or no subject can be drawn.
    #[error(transparent)]
    Hashing(#[from] HashingFailed),
    /// The store failed, or the name is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A new account.
#[derive(Clone)]
pub struct NewAccount {
    /// The name, in any spelling.
    pub username: String,
    /// The password; without it, nobody signs in by password.
    pub password: Option<Zeroizing<String>>,
    /// OpenID Connect standard claims (Core section 5.1).
    pub claims: Map<String, Value>,
    /// `sub`; drawn when it is not given. Passkeys need a drawn one.
    pub subject: Option<String>,
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Makes an account. Hashes the password here and now: call it from a command, not for each request.
///
/// # Errors
/// [`AccountRefused`]; [`StoreError::Conflict`] when the name or the subject is taken.
pub async fn add(
    store: &dyn AuthorizationStore,
    account: NewAccount,
    password_minimum: u32,
    now: UnixTime,
) -> Result<AccountRecord, AccountRefused> {
    let username = normalise_username(&account.username)?;
    let password_hash = match &account.password {
        Some(password) => Some(hash_new(password, &username, password_minimum)?),
        None => None,
    };
    let subject = match account.subject {
        Some(subject) => subject,
        None => random_identifier().map_err(|_| HashingFailed::Failed)?,
    };
    let record = AccountRecord {
        subject,
        username,
        password_hash,
        user_code_hash: None,
        claims: Value::Object(account.claims),
        passkeys: Value::Array(Vec::new()),
        disabled: false,
        failed_logins: 0,
        failed_at: None,
        locked_until: None,
        revision: 0,
        created_at: now,
        updated_at: now,
    };
    store.insert_account(&record).await?;
    Ok(record)
}

/// A hash for a new password of that account, after its rules were checked.
///
/// # Errors
/// [`AccountRefused`] says what is wrong with it.
pub fn hash_new(password: &str, username: &str, minimum: u32) -> Result<String, AccountRefused> {
    let password = new_password(password, username, usize::try_from(minimum).unwrap_or(64))?;
    Ok(hash_password(&password)?)
}

/// A hash for a new user code of an account (CIBA Core section 7.1): what clients without a browser must send so that
/// the person is asked at all.
///
/// # Errors
/// [`AccountRefused::UserCode`] when it is too short or too long.
pub fn hash_user_code(code: &str) -> Result<String, AccountRefused> {
    let fits = (MINIMUM_USER_CODE..=MAXIMUM_USER_CODE).contains(&code.len());
    if fits && !code.chars().any(char::is_control) {
        Ok(hash_password(code)?)
    } else {
        Err(AccountRefused::UserCode)
    }
}

/// Changes the account of that name, reading it anew when others change it at the same time.
///
/// # Errors
/// [`AccountRefused`].
pub async fn change(
    store: &dyn AuthorizationStore,
    username: &str,
    now: UnixTime,
    mut edit: impl FnMut(&mut AccountRecord),
) -> Result<AccountRecord, AccountRefused> {
    let username = normalise_username(username)?;
    for _ in 0..ATTEMPTS {
        let found = store.find_account_by_username(&username).await?;
        let mut account = found.ok_or(AccountRefused::Unknown)?;
        edit(&mut account);
        account.updated_at = now;
        match store.update_account(&account).await? {
            AccountUpdate::Updated => return Ok(account),
            AccountUpdate::Stale => {}
        }
    }
    Err(AccountRefused::Contended)
}

/// The account of that name in any spelling.
///
/// # Errors
/// [`AccountRefused::Unknown`] when there is none.
pub async fn find(store: &dyn AuthorizationStore, username: &str) -> Result<AccountRecord, AccountRefused> {
    let username = normalise_username(username)?;
    store.find_account_by_username(&username).await?.ok_or(AccountRefused::Unknown)
}

/// What ends beside a person's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessEnded {
    /// What the person allowed in any session: the account has a new password.
    Allowed,
    /// Everything that speaks for the person: the account is disabled or deleted.
    Everything,
}

/// Ends a person's sessions, and what clients were given. The clients of the sessions are told by a server that runs on
/// the store within the hour (OpenID Connect Back-Channel Logout 1.0).
///
/// # Errors
/// [`StoreError`] when the store can't be asked; call it again then.
pub async fn end_access(
    store: &dyn AuthorizationStore,
    subject: &str,
    ended: AccessEnded,
    now: UnixTime,
) -> Result<(), StoreError> {
    const PAGE: u32 = 100;
    let mut after: Option<String> = None;
    loop {
        let page = store.list_sessions(Some(subject), after.as_deref(), PAGE).await?;
        for session in page.iter().filter(|session| session.ended_at.is_none()) {
            if let Some(ended) = store.end_session(&session.session_id, now).await? {
                logout::session_over_in(store, &ended, now).await?;
            }
        }
        match page.last() {
            Some(last) if page.len() >= PAGE as usize => after = Some(last.session_id.clone()),
            _ => break,
        }
    }
    match ended {
        AccessEnded::Allowed => logout::end_grants_of_other_sessions(store, subject, None, now).await,
        AccessEnded::Everything => {
            let filter =
                bindery_store::record::GrantFilter { subject: Some(subject.into()), ..Default::default() };
            store.revoke_grants(&filter, now).await.map(drop)
        }
    }
}

/// Puts into the audit trail what a command beside the server did to an account. `change` is one of those in the
/// catalogue of events.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; the change is done and not on record then.
pub async fn report(
    store: &dyn AuthorizationStore,
    subject: &str,
    change: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    let event = AuditEvent::AccountChangedByAdministrator { subject, change, administrator: COMMAND_LINE };
    event.trace();
    store.insert_audit(&[audit::stored(&event, now)]).await
}
