//! Accounts, sessions and consents.

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;

use crate::error::StoreError;
use crate::record::{AccountRecord, ConsentRecord, PendingRecord, SessionRecord};

/// The outcome of a change of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum AccountUpdate {
    /// It is as the caller said, with the next revision.
    Updated,
    /// Somebody else changed it since it was read: read it again.
    Stale,
}

/// How a login went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginAttempt {
    /// The password was wrong. With this one being the `lock_after`th in a row or a later one, the account is
    /// locked for `lock_seconds` from now, unless it is locked already. When the one before is longer ago than
    /// `forget_after`, the count begins anew.
    Failed {
        /// How many failures lock the account; at least 1.
        lock_after: u32,
        /// For how long.
        lock_seconds: u64,
        /// After how many seconds without one a failure counts no more.
        forget_after: u64,
    },
    /// The password was right. Forgets earlier failures, unless the account is locked: then nothing changes.
    Succeeded,
}

/// Remembers who is signed in.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Adds a session.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its identifier or its cookie is taken.
    async fn insert_session(&self, session: &SessionRecord) -> Result<(), StoreError>;

    /// The session that this cookie opens, whatever its state, until it is purged. The caller judges
    /// `expires_at` and `ended_at`.
    async fn find_session(&self, cookie_sha256: &Sha256Digest) -> Result<Option<SessionRecord>, StoreError>;

    /// The session of that `sid`, whatever its state.
    async fn find_session_by_id(&self, session_id: &str) -> Result<Option<SessionRecord>, StoreError>;

    /// Replaces the cookie, the details and the expiry of a session that has not been ended; the rest stays.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when it was ended or is not there; [`StoreError::Conflict`] when the cookie is
    /// another session's.
    async fn update_session(&self, session: &SessionRecord) -> Result<(), StoreError>;

    /// Moves the expiry of a session that has not been ended and that this cookie still opens; cookie and details
    /// stay as they are, whoever changes them meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when it was ended, is not there, or has another cookie by now.
    async fn touch_session(
        &self,
        session_id: &str,
        cookie_sha256: &Sha256Digest,
        expires_at: UnixTime,
    ) -> Result<(), StoreError>;

    /// Ends a session and gives it to the one caller that ended it: `None` when it was ended before or is not
    /// there. Grants that were given in it are the caller's to judge.
    async fn end_session(&self, session_id: &str, now: UnixTime)
    -> Result<Option<SessionRecord>, StoreError>;

    /// At most `limit` sessions of that subject, or of all, whatever their state, by `session_id`, from the
    /// first one behind `after` on.
    async fn list_sessions(
        &self,
        subject: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError>;
}

/// Remembers accounts and what their owners have consented to.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Adds an account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its subject or its username is taken.
    async fn insert_account(&self, account: &AccountRecord) -> Result<(), StoreError>;

    /// The account of that subject.
    async fn find_account(&self, subject: &str) -> Result<Option<AccountRecord>, StoreError>;

    /// The account of that username, which is compared byte by byte.
    async fn find_account_by_username(&self, username: &str) -> Result<Option<AccountRecord>, StoreError>;

    /// Replaces everything but the subject and `created_at`, if the account still has the revision that is in
    /// the record.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none; [`StoreError::Conflict`] when the username is another's.
    async fn update_account(&self, account: &AccountRecord) -> Result<AccountUpdate, StoreError>;

    /// Counts a login and answers how the account stands now. The caller lets nobody in whose account is
    /// locked in this answer, whatever the password: of many guesses at once no more than `lock_after` count.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is no such account.
    async fn record_login(
        &self,
        subject: &str,
        attempt: LoginAttempt,
        now: UnixTime,
    ) -> Result<AccountRecord, StoreError>;

    /// Does for a name that is nobody's what [`Self::record_login`] does for an account: the same steps, so that
    /// the time they take tells nothing. Nothing is left of it but `decoy`, until it is purged.
    async fn record_login_of_nobody(&self, decoy: &PendingRecord) -> Result<(), StoreError>;

    /// At most `limit` accounts by subject, from the first one behind `after` on.
    async fn list_accounts(&self, after: Option<&str>, limit: u32) -> Result<Vec<AccountRecord>, StoreError>;

    /// Removes an account with its consents. Its sessions and grants are the caller's to end.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    async fn delete_account(&self, subject: &str) -> Result<(), StoreError>;

    /// Remembers a consent, in place of an earlier one of this subject to this client.
    async fn put_consent(&self, consent: &ConsentRecord) -> Result<(), StoreError>;

    /// What that subject has allowed that client, expired or not: the caller judges `expires_at`.
    async fn find_consent(&self, subject: &str, client_id: &str)
    -> Result<Option<ConsentRecord>, StoreError>;

    /// Forgets the consents of a subject, to a client, or both, or all there are; says how many.
    async fn remove_consents(
        &self,
        subject: Option<&str>,
        client_id: Option<&str>,
    ) -> Result<u64, StoreError>;

    /// What that subject has allowed, by `client_id`.
    async fn list_consents(&self, subject: &str) -> Result<Vec<ConsentRecord>, StoreError>;
}

/// Counts a login on a record; every backend does the same in one atomic step.
pub(crate) fn count_login(account: &mut AccountRecord, attempt: LoginAttempt, now: UnixTime) {
    let locked = account.locked_until.is_some_and(|until| now < until);
    match attempt {
        LoginAttempt::Succeeded
            if locked || (account.failed_logins == 0 && account.locked_until.is_none()) =>
        {
            return;
        }
        LoginAttempt::Succeeded => {
            account.failed_logins = 0;
            account.failed_at = None;
            account.locked_until = None;
        }
        LoginAttempt::Failed { lock_after, lock_seconds, forget_after } => {
            let forgotten = now.minus(std::time::Duration::from_secs(forget_after));
            if account.failed_at.is_some_and(|last| last <= forgotten) {
                account.failed_logins = 0;
            }
            account.failed_logins = account.failed_logins.saturating_add(1);
            account.failed_at = Some(now);
            if !locked && account.failed_logins >= lock_after {
                account.locked_until = Some(now.plus(std::time::Duration::from_secs(lock_seconds)));
            }
        }
    }
    account.revision += 1;
}
