//! Built-in accounts as an operator keeps them, on the store of a server that runs or not: making and changing them, and
//! what ends with a password or an account. Names and passwords are judged here; signing in is `signing_in`'s. Nothing
//! here answers a person at a browser, and no password or code is kept but as its hash.

use std::fmt;

use bindery_core::oauth::backchannel_request::MAXIMUM_USER_CODE;
use bindery_core::time::UnixTime;
use bindery_crypto::random_identifier;
use bindery_store::authorization::AccountUpdate;
use bindery_store::record::AccountRecord;
use bindery_store::{AuthorizationStore, StoreError};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::password::{HashingFailed, hash_password};
use super::username::{PasswordRefused, UsernameInvalid, new_password, normalise_username};
use crate::ATTEMPTS;
use crate::administration::COMMAND_LINE;
use crate::audit;
use crate::event::AuditEvent;
use crate::logout;

/// The shortest user code, in bytes: it is typed into devices, and guesses at it are limited.
const MINIMUM_USER_CODE: usize = 4;

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
