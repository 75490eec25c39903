//! Accounts in SQL; consents are beside. A login is counted in one statement, so that guesses at many servers
//! at once are counted all.

use async_trait::async_trait;
use bindery_core::time::UnixTime;

use super::row::{Reading, any_is_nobodys, insert_failed, is_nobodys, json_text, stored_count, unavailable};
use super::{Connection, Row, Store, consents, pending, reading, transaction, writing};
use crate::authorization::{AccountStore, AccountUpdate, LoginAttempt};
use crate::error::StoreError;
use crate::record::{AccountRecord, ConsentRecord, PendingRecord};

macro_rules! columns {
    () => {
        "subject, username, password_hash, user_code_hash, claims, passkeys, disabled, failed_logins, failed_at, locked_until, \
         revision, created_at, updated_at"
    };
}

/// How many failures there are with the one that is being counted; `$5` is when an older one is forgotten.
macro_rules! failures {
    () => {
        "(CASE WHEN coalesce(failed_at, $2) <= $5 THEN 1 ELSE failed_logins + 1 END)"
    };
}

#[async_trait]
impl AccountStore for Store {
    async fn insert_account(&self, account: &AccountRecord) -> Result<(), StoreError> {
        writing!(self, "adding an account", [account], |c| insert(c, &account))
    }

    async fn find_account(&self, subject: &str) -> Result<Option<AccountRecord>, StoreError> {
        if is_nobodys(subject) {
            return Ok(None);
        }
        reading!(self, |c| find(c, subject))
    }

    async fn find_account_by_username(&self, username: &str) -> Result<Option<AccountRecord>, StoreError> {
        if is_nobodys(username) {
            return Ok(None);
        }
        reading!(self, |c| find_by_username(c, username))
    }

    async fn update_account(&self, account: &AccountRecord) -> Result<AccountUpdate, StoreError> {
        writing!(self, "changing an account", [account], |c| update(c, &account))
    }

    async fn record_login(
        &self,
        subject: &str,
        attempt: LoginAttempt,
        now: UnixTime,
    ) -> Result<AccountRecord, StoreError> {
        transaction!(self, "counting a login", [subject], |c| record_login(c, &subject, attempt, now))
    }

    async fn record_login_of_nobody(&self, decoy: &PendingRecord) -> Result<(), StoreError> {
        transaction!(self, "counting a login of nobody", [decoy], |c| record_nobody(c, &decoy))
    }

    async fn list_accounts(&self, after: Option<&str>, limit: u32) -> Result<Vec<AccountRecord>, StoreError> {
        if any_is_nobodys([after]) {
            return Ok(Vec::new());
        }
        reading!(self, |c| list(c, after, limit))
    }

    async fn delete_account(&self, subject: &str) -> Result<(), StoreError> {
        transaction!(self, "removing an account", [subject], |c| delete(c, &subject))
    }

    async fn put_consent(&self, consent: &ConsentRecord) -> Result<(), StoreError> {
        writing!(self, "remembering a consent", [consent], |c| consents::put(c, &consent))
    }

    async fn find_consent(
        &self,
        subject: &str,
        client_id: &str,
    ) -> Result<Option<ConsentRecord>, StoreError> {
        if any_is_nobodys([Some(subject), Some(client_id)]) {
            return Ok(None);
        }
        reading!(self, |c| consents::find(c, subject, client_id))
    }

    async fn remove_consents(
        &self,
        subject: Option<&str>,
        client_id: Option<&str>,
    ) -> Result<u64, StoreError> {
        if any_is_nobodys([subject, client_id]) {
            return Ok(0);
        }
        let (subject, client_id) = (subject.map(str::to_owned), client_id.map(str::to_owned));
        writing!(self, "removing consents", [], |c| consents::remove(
            c,
            subject.as_deref(),
            client_id.as_deref()
        ))
    }

    async fn list_consents(&self, subject: &str) -> Result<Vec<ConsentRecord>, StoreError> {
        if is_nobodys(subject) {
            return Ok(Vec::new());
        }
        reading!(self, |c| consents::list(c, subject))
    }
}

async fn insert(c: &mut Connection, account: &AccountRecord) -> Result<(), StoreError> {
    let inserted = sqlx::query(concat!(
        "INSERT INTO accounts (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    ))
    .bind(&account.subject)
    .bind(&account.username)
    .bind(&account.password_hash)
    .bind(&account.user_code_hash)
    .bind(json_text(&account.claims))
    .bind(json_text(&account.passkeys))
    .bind(account.disabled)
    .bind(i64::from(account.failed_logins))
    .bind(account.failed_at.map(UnixTime::as_seconds))
    .bind(account.locked_until.map(UnixTime::as_seconds))
    .bind(stored_count(account.revision))
    .bind(account.created_at.as_seconds())
    .bind(account.updated_at.as_seconds())
    .execute(c)
    .await;
    inserted.map_err(insert_failed("adding an account", ("account", &account.subject), None))?;
    Ok(())
}

async fn find(c: &mut Connection, subject: &str) -> Result<Option<AccountRecord>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM accounts WHERE subject = $1"))
        .bind(subject)
        .fetch_optional(c)
        .await;
    row.map_err(unavailable("finding an account"))?.as_ref().map(read).transpose()
}

async fn find_by_username(c: &mut Connection, username: &str) -> Result<Option<AccountRecord>, StoreError> {
    let row = sqlx::query(concat!("SELECT ", columns!(), " FROM accounts WHERE username = $1"))
        .bind(username)
        .fetch_optional(c)
        .await;
    row.map_err(unavailable("finding an account"))?.as_ref().map(read).transpose()
}

async fn update(c: &mut Connection, account: &AccountRecord) -> Result<AccountUpdate, StoreError> {
    let updated = sqlx::query(
        "UPDATE accounts SET username = $3, password_hash = $4, claims = $5, passkeys = $6, disabled = $7,
             failed_logins = $8, failed_at = $9, locked_until = $10, updated_at = $11, user_code_hash = $12,
             revision = revision + 1
         WHERE subject = $1 AND revision = $2",
    )
    .bind(&account.subject)
    .bind(stored_count(account.revision))
    .bind(&account.username)
    .bind(&account.password_hash)
    .bind(json_text(&account.claims))
    .bind(json_text(&account.passkeys))
    .bind(account.disabled)
    .bind(i64::from(account.failed_logins))
    .bind(account.failed_at.map(UnixTime::as_seconds))
    .bind(account.locked_until.map(UnixTime::as_seconds))
    .bind(account.updated_at.as_seconds())
    .bind(&account.user_code_hash)
    .execute(&mut *c)
    .await;
    let failed = insert_failed("changing an account", ("account", &account.subject), None);
    if updated.map_err(failed)?.rows_affected() == 1 {
        return Ok(AccountUpdate::Updated);
    }
    let stored = find(c, &account.subject).await?;
    stored.map(|_| AccountUpdate::Stale).ok_or_else(|| StoreError::unknown("account", &account.subject))
}

async fn record_login(
    c: &mut Connection,
    subject: &str,
    attempt: LoginAttempt,
    now: UnixTime,
) -> Result<AccountRecord, StoreError> {
    let counting = match attempt {
        LoginAttempt::Succeeded => sqlx::query(
            "UPDATE accounts SET failed_logins = 0, failed_at = NULL, locked_until = NULL, revision = revision + 1
             WHERE subject = $1 AND coalesce(locked_until, $2) <= $2
                   AND (failed_logins > 0 OR locked_until IS NOT NULL)",
        )
        .bind(subject)
        .bind(now.as_seconds()),
        LoginAttempt::Failed { lock_after, lock_seconds, forget_after } => sqlx::query(concat!(
            "UPDATE accounts SET failed_at = $2, revision = revision + 1, failed_logins = ",
            failures!(),
            ", locked_until = CASE WHEN coalesce(locked_until, $2) <= $2 AND ",
            failures!(),
            " >= $3 THEN $4 ELSE locked_until END WHERE subject = $1"
        ))
        .bind(subject)
        .bind(now.as_seconds())
        .bind(i64::from(lock_after))
        .bind(now.plus(std::time::Duration::from_secs(lock_seconds)).as_seconds())
        .bind(now.minus(std::time::Duration::from_secs(forget_after)).as_seconds()),
    };
    counting.execute(&mut *c).await.map_err(unavailable("counting a login"))?;
    find(c, subject).await?.ok_or_else(|| StoreError::unknown("account", subject))
}

/// Runs in one transaction: a write and a look, as [`record_login`].
async fn record_nobody(c: &mut Connection, decoy: &PendingRecord) -> Result<(), StoreError> {
    pending::insert(c, decoy).await?;
    find(c, "").await.map(drop)
}

async fn list(c: &mut Connection, after: Option<&str>, limit: u32) -> Result<Vec<AccountRecord>, StoreError> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM accounts WHERE $1 IS NULL OR subject > $1 ORDER BY subject LIMIT $2"
    ))
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(c)
    .await;
    rows.map_err(unavailable("listing accounts"))?.iter().map(read).collect()
}

/// Runs in one transaction.
async fn delete(c: &mut Connection, subject: &str) -> Result<(), StoreError> {
    let deleted = sqlx::query("DELETE FROM accounts WHERE subject = $1").bind(subject).execute(&mut *c).await;
    if deleted.map_err(unavailable("removing an account"))?.rows_affected() == 0 {
        return Err(StoreError::unknown("account", subject));
    }
    let waiting = sqlx::query("DELETE FROM pending WHERE subject = $1").bind(subject).execute(&mut *c).await;
    waiting.map_err(unavailable("removing what waits for an account"))?;
    consents::remove(c, Some(subject), None).await.map(drop)
}

fn read(row: &Row) -> Result<AccountRecord, StoreError> {
    let row = Reading::named(row, "account", "subject");
    Ok(AccountRecord {
        subject: row.get("subject")?,
        username: row.get("username")?,
        password_hash: row.get("password_hash")?,
        user_code_hash: row.get("user_code_hash")?,
        claims: row.json("claims")?,
        passkeys: row.json("passkeys")?,
        disabled: row.get("disabled")?,
        failed_logins: row.count("failed_logins")?,
        failed_at: row.time_if_any("failed_at")?,
        locked_until: row.time_if_any("locked_until")?,
        revision: row.count("revision")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
