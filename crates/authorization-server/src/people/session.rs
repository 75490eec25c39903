//! Sessions: who is signed in at this browser. The cookie is 256 random bits of which only the digest is
//! stored. Signing in always makes a new cookie, so one that an attacker planted or saw is worth nothing
//! afterwards; a session ends at its idle limit, at its absolute limit, at logout, and with its account.

use bindery_core::crypto::{Cryptography as _, MacKey};
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, RandomUnavailable, random_identifier, random_token};
use bindery_store::StoreError;
use bindery_store::record::{AccountRecord, SessionRecord};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::configuration::LoginPlace;
use super::cookies;
use crate::event::AuditEvent;
use crate::interaction::PageFault;
use crate::logout;
use crate::server::Server;

/// How much earlier than its limit a session's idle time is written anew, in seconds.
const IDLE_STEP: i64 = 60;

/// How somebody signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SignIn {
    /// When, in seconds since 1970.
    pub(crate) auth_time: i64,
    /// By what means (RFC 8176).
    pub(crate) amr: Vec<String>,
    /// How strongly; what the application said, or what the table says of `amr`.
    pub(crate) acr: Option<String>,
}

/// Who signed in, when and how, as an interaction keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The person.
    pub(crate) subject: String,
    /// The session (`sid`).
    pub(crate) session_id: Option<String>,
    /// When, in seconds since 1970.
    pub(crate) auth_time: i64,
    /// How strongly.
    pub(crate) acr: Option<String>,
    /// By what means (RFC 8176).
    pub(crate) amr: Vec<String>,
}

/// A live session of this browser.
pub(crate) struct Session {
    record: SessionRecord,
    sign_in: SignIn,
    secret: Zeroizing<String>,
    /// The account, if there is one here.
    pub(crate) account: Option<AccountRecord>,
}

/// Why there can be no session.
#[derive(Debug)]
pub(crate) enum SessionFault {
    /// The store can't be asked.
    Store(StoreError),
    /// No cookie can be drawn.
    Random,
}

impl SessionFault {
    /// Why the person sees an error page.
    pub(crate) fn into_page(self) -> PageFault {
        match self {
            Self::Store(error) => PageFault::store("establish_session", &error),
            Self::Random => PageFault::Unavailable,
        }
    }
}

impl From<StoreError> for SessionFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<RandomUnavailable> for SessionFault {
    fn from(_: RandomUnavailable) -> Self {
        Self::Random
    }
}

impl Session {
    /// The session's public name (`sid`).
    pub(crate) fn id(&self) -> &str {
        &self.record.session_id
    }

    /// Who is signed in.
    pub(crate) fn subject(&self) -> &str {
        &self.record.subject
    }

    /// What people call the account.
    pub(crate) fn account_name(&self) -> &str {
        self.account.as_ref().map_or(self.subject(), |account| &account.username)
    }

    /// Whether `login` is this session's.
    pub(crate) fn is_of(&self, login: &Login) -> bool {
        login.session_id.as_deref() == Some(self.id()) && login.subject == self.subject()
    }

    /// Seconds since the person last showed who they are.
    pub(crate) fn age(&self, now: UnixTime) -> i64 {
        now.as_seconds().saturating_sub(self.sign_in.auth_time)
    }

    /// How the person signed in, as strongly as one of `wanted` where that is so.
    pub(crate) fn login_for(&self, server: &Server, wanted: &[String]) -> Login {
        let login = self.login();
        // What an application said of its own login stays as it is.
        if server.people.settings.login != LoginPlace::Builtin || wanted.is_empty() {
            return login;
        }
        let acr = server.people.contexts.reached(&login.amr, wanted).or(login.acr);
        Login { acr, ..login }
    }

    /// How the person signed in, for tokens.
    pub(crate) fn login(&self) -> Login {
        Login {
            subject: self.record.subject.clone(),
            session_id: Some(self.record.session_id.clone()),
            auth_time: self.sign_in.auth_time,
            acr: self.sign_in.acr.clone(),
            amr: self.sign_in.amr.clone(),
        }
    }

    /// The key of forms that are good within this session alone.
    pub(crate) fn form_key(&self) -> MacKey {
        MacKey::new(AwsLc.sha256(&[b"bindery session form key\0", self.secret.as_bytes()]))
    }
}

/// The session that this browser's cookie opens, if it is live; it is used by this, so its idle time begins
/// again.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; nobody is signed in then.
pub(crate) async fn current(
    server: &Server,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<Option<Session>, StoreError> {
    let Some(secret) = cookies::read(headers, &server.people.cookies.session) else { return Ok(None) };
    let found = server.store.find_session(&digest(&secret)).await?;
    let Some(mut record) = found.filter(|record| record.ended_at.is_none() && now < record.expires_at) else {
        return Ok(None);
    };
    let Ok(sign_in) = SignIn::deserialize(&record.details) else { return Ok(None) };
    let account = server.store.find_account(&record.subject).await?;
    if !usable(server, account.as_ref()) {
        return Ok(None);
    }
    let expires_at = expiry(server, sign_in.auth_time, now);
    if expires_at <= now {
        return Ok(None);
    }
    if expires_at.seconds_since(record.expires_at) >= IDLE_STEP {
        record.expires_at = expires_at;
        match server.store.touch_session(&record.session_id, &record.cookie_sha256, expires_at).await {
            Ok(()) => {}
            // Ended a moment ago, or signed in anew, in another tab or by an operator.
            Err(StoreError::Unknown { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(Session { record, sign_in, secret, account }))
}

/// Whether the person who allowed something is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The account is usable, and nobody has ended the session.
    Present,
    /// The person has signed out since, or has no usable account any more.
    Gone,
}

/// Whether `subject` may still be given what was allowed in `session_id`. What `outlives` its session needs the
/// account alone (OpenID Connect Core section 11).
///
/// # Errors
/// [`StoreError`] when the store can't be asked; nothing may be given then.
pub(crate) async fn presence(
    server: &Server,
    subject: &str,
    session_id: Option<&str>,
    outlives: bool,
) -> Result<Presence, StoreError> {
    if !usable(server, server.store.find_account(subject).await?.as_ref()) {
        return Ok(Presence::Gone);
    }
    let Some(session_id) = session_id.filter(|_| !outlives) else { return Ok(Presence::Present) };
    let found = server.store.find_session_by_id(session_id).await?;
    Ok(match found.filter(|session| session.ended_at.is_none() && session.subject == subject) {
        Some(_) => Presence::Present,
        None => Presence::Gone,
    })
}

/// Whether the person of that account may be signed in.
fn usable(server: &Server, account: Option<&AccountRecord>) -> bool {
    match account {
        Some(account) => !account.disabled,
        // An application's people need no account here.
        None => server.people.settings.login != LoginPlace::Builtin,
    }
}

/// Signs `subject` in at this browser. The browser's earlier session of the same person goes on under a new
/// cookie; that of another person ends. The caller puts the cookie into the answer.
///
/// # Errors
/// [`SessionFault`]; nobody is signed in then.
pub(crate) async fn establish(
    server: &Server,
    subject: &str,
    sign_in: SignIn,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<(Session, HeaderValue), SessionFault> {
    let secret = Zeroizing::new(random_token()?);
    let set_cookie = cookies::set(&server.people.cookies.session, &secret).ok_or(SessionFault::Random)?;
    let mut record = SessionRecord {
        session_id: random_identifier()?,
        cookie_sha256: digest(&secret),
        subject: subject.into(),
        details: serde_json::to_value(&sign_in).unwrap_or(Value::Null),
        created_at: now,
        expires_at: expiry(server, sign_in.auth_time, now),
        ended_at: None,
    };
    let before = current(server, headers, now).await?;
    let goes_on = match before {
        Some(before) if before.subject() == subject => {
            record.session_id = before.record.session_id;
            record.created_at = before.record.created_at;
            match server.store.update_session(&record).await {
                Ok(()) => true,
                Err(StoreError::Unknown { .. }) => {
                    record.session_id = random_identifier()?;
                    record.created_at = now;
                    false
                }
                Err(error) => return Err(error.into()),
            }
        }
        Some(before) => {
            end_by_id(server, before.id(), "another_person", now).await?;
            false
        }
        None => false,
    };
    if !goes_on {
        server.store.insert_session(&record).await?;
    }
    let account = server.store.find_account(subject).await?;
    Ok((Session { record, sign_in, secret, account }, set_cookie))
}

/// Ends this browser's session, whatever its state, and gives its record to the one caller that ended it,
/// with the cookie that removes the browser's.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; the session is not ended then.
pub(crate) async fn end(
    server: &Server,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<(Option<SessionRecord>, Option<HeaderValue>), StoreError> {
    let name = &server.people.cookies.session;
    let Some(secret) = cookies::read(headers, name) else { return Ok((None, None)) };
    let found = server.store.find_session(&digest(&secret)).await?;
    let ended = match found {
        Some(found) => end_by_id(server, &found.session_id, "logout", now).await?,
        None => None,
    };
    Ok((ended, cookies::remove(name)))
}

/// Ends the session of that name. `reason` is one of those in the catalogue of events.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; not all that follows from the end may be done then.
pub(crate) async fn end_by_id(
    server: &Server,
    session_id: &str,
    reason: &'static str,
    now: UnixTime,
) -> Result<Option<SessionRecord>, StoreError> {
    let ended = server.store.end_session(session_id, now).await?;
    if let Some(ended) = &ended {
        server.audit.record(AuditEvent::SessionEnded { subject: &ended.subject, session_id, reason });
        logout::session_over(server, ended, now).await?;
    }
    Ok(ended)
}

/// Ends all sessions of a person but one.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; some may be ended then.
pub(crate) async fn end_others(
    server: &Server,
    subject: &str,
    but: Option<&str>,
    reason: &'static str,
    now: UnixTime,
) -> Result<(), StoreError> {
    for session in all_of(server, subject, now).await? {
        if Some(session.session_id.as_str()) != but {
            end_by_id(server, &session.session_id, reason, now).await?;
        }
    }
    Ok(())
}

/// A person's live sessions.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn all_of(
    server: &Server,
    subject: &str,
    now: UnixTime,
) -> Result<Vec<SessionRecord>, StoreError> {
    const PAGE: u32 = 100;
    let mut live = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = server.store.list_sessions(Some(subject), after.as_deref(), PAGE).await?;
        after = page.last().map(|session| session.session_id.clone());
        let full = page.len() >= PAGE as usize;
        live.extend(
            page.into_iter().filter(|session| session.ended_at.is_none() && now < session.expires_at),
        );
        if !full {
            return Ok(live);
        }
    }
}

fn digest(secret: &str) -> [u8; 32] {
    AwsLc.sha256(&[b"bindery session\0", secret.as_bytes()])
}

/// The idle limit, but never beyond the absolute one.
fn expiry(server: &Server, auth_time: i64, now: UnixTime) -> UnixTime {
    let settings = &server.people.settings;
    let latest = UnixTime::from_seconds(auth_time).plus(settings.session_lifetime);
    now.plus(settings.session_idle).min(latest)
}
