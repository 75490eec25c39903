//! Sessions, accounts and consents in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use async_trait::async_trait;
use bindery_core::crypto::Sha256Digest;
use bindery_core::time::UnixTime;

use super::MemoryStore;
use crate::authorization::{
    AccountStore, AccountUpdate, LoginAttempt, PendingStore, SessionStore, count_login,
};
use crate::error::StoreError;
use crate::record::{AccountRecord, ConsentRecord, PendingRecord, SessionRecord};

/// Sessions by `sid`, and which cookie opens which.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    records: BTreeMap<String, SessionRecord>,
    cookies: HashMap<Sha256Digest, String>,
}

impl Sessions {
    /// Keeps what `keeps` says, and says how many it did not.
    pub(super) fn retain(&mut self, keeps: impl Fn(&SessionRecord) -> bool) -> u64 {
        let before = self.records.len();
        self.records.retain(|_, session| keeps(session));
        self.cookies.retain(|_, session_id| self.records.contains_key(session_id));
        (before - self.records.len()) as u64
    }
}

/// Accounts by subject, and whose username is whose.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    records: BTreeMap<String, AccountRecord>,
    usernames: HashMap<String, String>,
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn insert_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let Sessions { records, cookies } = &mut self.lock()?.sessions;
        if records.contains_key(&session.session_id) || cookies.contains_key(&session.cookie_sha256) {
            return Err(StoreError::taken("session", &session.session_id));
        }
        cookies.insert(session.cookie_sha256, session.session_id.clone());
        records.insert(session.session_id.clone(), session.clone());
        Ok(())
    }

    async fn find_session(&self, cookie_sha256: &Sha256Digest) -> Result<Option<SessionRecord>, StoreError> {
        let Sessions { records, cookies } = &self.lock()?.sessions;
        Ok(cookies.get(cookie_sha256).and_then(|session_id| records.get(session_id)).cloned())
    }

    async fn find_session_by_id(&self, session_id: &str) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.lock()?.sessions.records.get(session_id).cloned())
    }

    async fn update_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let Sessions { records, cookies } = &mut self.lock()?.sessions;
        let stored = records.get_mut(&session.session_id).filter(|stored| stored.ended_at.is_none());
        let stored = stored.ok_or_else(|| StoreError::unknown("session", &session.session_id))?;
        if cookies.get(&session.cookie_sha256).is_some_and(|owner| *owner != session.session_id) {
            return Err(StoreError::taken("session", &session.session_id));
        }
        cookies.remove(&stored.cookie_sha256);
        cookies.insert(session.cookie_sha256, session.session_id.clone());
        stored.cookie_sha256 = session.cookie_sha256;
        stored.details = session.details.clone();
        stored.expires_at = session.expires_at;
        Ok(())
    }

    async fn touch_session(
        &self,
        session_id: &str,
        cookie_sha256: &Sha256Digest,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        let records = &mut self.lock()?.sessions.records;
        let stored = records.get_mut(session_id);
        let stored =
            stored.filter(|stored| stored.ended_at.is_none() && stored.cookie_sha256 == *cookie_sha256);
        stored.ok_or_else(|| StoreError::unknown("session", session_id))?.expires_at = expires_at;
        Ok(())
    }

    async fn end_session(
        &self,
        session_id: &str,
        now: UnixTime,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let mut records = self.lock()?;
        let session = records.sessions.records.get_mut(session_id);
        let Some(session) = session.filter(|session| session.ended_at.is_none()) else { return Ok(None) };
        session.ended_at = Some(now);
        Ok(Some(session.clone()))
    }

    async fn list_sessions(
        &self,
        subject: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let records = self.lock()?;
        let behind =
            records.sessions.records.range::<str, _>((from, Bound::Unbounded)).map(|(_, session)| session);
        let meant = behind.filter(|session| subject.is_none_or(|subject| session.subject == subject));
        Ok(meant.take(limit as usize).cloned().collect())
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn insert_account(&self, account: &AccountRecord) -> Result<(), StoreError> {
        let Accounts { records, usernames } = &mut self.lock()?.accounts;
        if records.contains_key(&account.subject) || usernames.contains_key(&account.username) {
            return Err(StoreError::taken("account", &account.subject));
        }
        usernames.insert(account.username.clone(), account.subject.clone());
        records.insert(account.subject.clone(), account.clone());
        Ok(())
    }

    async fn find_account(&self, subject: &str) -> Result<Option<AccountRecord>, StoreError> {
        Ok(self.lock()?.accounts.records.get(subject).cloned())
    }

    async fn find_account_by_username(&self, username: &str) -> Result<Option<AccountRecord>, StoreError> {
        let Accounts { records, usernames } = &self.lock()?.accounts;
        Ok(usernames.get(username).and_then(|subject| records.get(subject)).cloned())
    }

    async fn update_account(&self, account: &AccountRecord) -> Result<AccountUpdate, StoreError> {
        let Accounts { records, usernames } = &mut self.lock()?.accounts;
        let stored = records.get_mut(&account.subject);
        let stored = stored.ok_or_else(|| StoreError::unknown("account", &account.subject))?;
        if stored.revision != account.revision {
            return Ok(AccountUpdate::Stale);
        }
        if usernames.get(&account.username).is_some_and(|owner| *owner != account.subject) {
            return Err(StoreError::taken("account", &account.subject));
        }
        usernames.remove(&stored.username);
        usernames.insert(account.username.clone(), account.subject.clone());
        let created_at = stored.created_at;
        *stored = AccountRecord { revision: account.revision + 1, created_at, ..account.clone() };
        Ok(AccountUpdate::Updated)
    }

    async fn record_login(
        &self,
        subject: &str,
        attempt: LoginAttempt,
        now: UnixTime,
    ) -> Result<AccountRecord, StoreError> {
        let mut records = self.lock()?;
        let account = records.accounts.records.get_mut(subject);
        let account = account.ok_or_else(|| StoreError::unknown("account", subject))?;
        count_login(account, attempt, now);
        Ok(account.clone())
    }

    async fn record_login_of_nobody(&self, decoy: &PendingRecord) -> Result<(), StoreError> {
        self.insert_pending(decoy).await
    }

    async fn list_accounts(&self, after: Option<&str>, limit: u32) -> Result<Vec<AccountRecord>, StoreError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let records = self.lock()?;
        let behind = records.accounts.records.range::<str, _>((from, Bound::Unbounded));
        Ok(behind.take(limit as usize).map(|(_, account)| account.clone()).collect())
    }

    async fn delete_account(&self, subject: &str) -> Result<(), StoreError> {
        let mut records = self.lock()?;
        let removed = records.accounts.records.remove(subject);
        let removed = removed.ok_or_else(|| StoreError::unknown("account", subject))?;
        records.accounts.usernames.remove(&removed.username);
        records.consents.retain(|(owner, _), _| owner != subject);
        records.pending.retain(|record| record.subject.as_deref() != Some(subject));
        Ok(())
    }

    async fn put_consent(&self, consent: &ConsentRecord) -> Result<(), StoreError> {
        let key = (consent.subject.clone(), consent.client_id.clone());
        self.lock()?.consents.insert(key, consent.clone());
        Ok(())
    }

    async fn find_consent(
        &self,
        subject: &str,
        client_id: &str,
    ) -> Result<Option<ConsentRecord>, StoreError> {
        Ok(self.lock()?.consents.get(&(subject.to_owned(), client_id.to_owned())).cloned())
    }

    async fn remove_consents(
        &self,
        subject: Option<&str>,
        client_id: Option<&str>,
    ) -> Result<u64, StoreError> {
        let mut records = self.lock()?;
        let before = records.consents.len();
        records.consents.retain(|(owner, given_to), _| {
            subject.is_some_and(|subject| subject != owner)
                || client_id.is_some_and(|client| client != given_to)
        });
        Ok((before - records.consents.len()) as u64)
    }

    async fn list_consents(&self, subject: &str) -> Result<Vec<ConsentRecord>, StoreError> {
        let records = self.lock()?;
        Ok(records.consents.values().filter(|consent| consent.subject == subject).cloned().collect())
    }
}
