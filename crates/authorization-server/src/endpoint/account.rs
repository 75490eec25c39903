//! `/account`: a person sees where they are signed in, which applications they have connected and which
//! passkeys they have, and ends or changes each. Every change is a form with the session's own token; what
//! one signs in with can be changed only soon after signing in, or with the password.

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::client_metadata::format_day;
use bindery_core::time::UnixTime;
use bindery_store::StoreError;
use bindery_store::record::{AccountRecord, GrantFilter};
use http::StatusCode;

use crate::decoupled::backchannel;
use crate::event::AuditEvent;
use crate::interaction::PageFault;
use crate::logout;
use crate::observation::refused;
use crate::people::accounts;
use crate::people::form::{self, Purpose};
use crate::people::model::{AccountPage, ClientLine, PasskeyLine, SessionLine, WaitingLine, shown};
use crate::people::passkeys::{self, Ceremony, PasskeyRefused};
use crate::people::session::{self, Session};
use crate::people::signing_in::{self, SignInRefused};
use crate::people::submission::Submission;
use crate::people::username::{PasswordRefused, new_password};
use crate::people::{LoginPlace, client_card, pages};
use crate::server::{AuthorizationServer, Server};

pub(crate) const PATH: &str = "/account";
/// Where the page's script begins to add a passkey.
pub(crate) const PASSKEY_PATH: &str = "/account/passkey";

/// For how many seconds after signing in a person may change what they sign in with.
const FRESH: i64 = 600;

/// What became of a form: a text of praise or of blame.
enum Outcome {
    Done(&'static str),
    Refused(&'static str),
}

/// The page.
pub(crate) async fn show(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match page(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn page(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_query(server, PATH, request)?;
    let (session, account) = require_session(server, &submission).await?;
    render(server, &submission, &session, &account, None).await
}

/// A form of the page.
pub(crate) async fn submit(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match change(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn change(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_form(server, PATH, request).await?;
    let (session, account) = require_session(server, &submission).await?;
    submission.require_token(server, &session.form_key(), Purpose::Account)?;
    let outcome = match submission.form.get("action") {
        Some("end-session") => end_session(server, &submission, &session).await,
        Some("revoke-client") => revoke_client(server, &submission, &session).await,
        Some("add-passkey") => add_passkey(server, &submission, &session, account).await,
        Some("remove-passkey") => remove_passkey(server, &submission, &session, account).await,
        Some("change-password") => change_password(server, &submission, &session, account).await,
        _ => Err(PageFault::Malformed),
    };
    let outcome = outcome.map_err(|fault| fault.page(server, &submission.headers))?;
    // The session may have ended itself.
    let (session, account) = require_session(server, &submission).await?;
    render(server, &submission, &session, &account, Some(outcome)).await
}

/// Begins to add a passkey, for the page's script.
pub(crate) async fn begin_passkey(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match begin(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn begin(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_form(server, PASSKEY_PATH, request).await?;
    let (session, account) = require_session(server, &submission).await?;
    submission.require_token(server, &session.form_key(), Purpose::Account)?;
    if session.age(submission.now) > FRESH {
        return Ok(super::login::begun(Err(PasskeyRefused::Refused("not fresh"))));
    }
    let ceremony = Ceremony::Register { session: session.id(), subject: session.subject() };
    let begun = passkeys::begin_registration(server, &account, ceremony, submission.now).await;
    Ok(super::login::begun(begun))
}

/// Whoever is signed in; others are sent to sign in.
async fn require_session(
    server: &Server,
    submission: &Submission,
) -> Result<(Session, AccountRecord), Response> {
    if server.people.settings.login != LoginPlace::Builtin {
        let (headers, status) = (&submission.headers, StatusCode::NOT_FOUND);
        return Err(pages::error(server, headers, &[], status, "application_login"));
    }
    let session = session::current(server, &submission.headers, submission.now).await;
    let session = session
        .map_err(|error| PageFault::store("find_session", &error).page(server, &submission.headers))?;
    let to_login = || pages::see_other(&server.people.address(super::login::PATH));
    let session = session.ok_or_else(to_login)?;
    let account = session.account.clone().ok_or_else(to_login)?;
    Ok((session, account))
}

async fn end_session(
    server: &Server,
    submission: &Submission,
    session: &Session,
) -> Result<Outcome, PageFault> {
    let id = submission.form.get("session").unwrap_or_default();
    let own = session::all_of(server, session.subject(), submission.now).await;
    let own = own.map_err(|error| PageFault::store("list_sessions", &error))?;
    if own.iter().any(|own| own.session_id == id) {
        session::end_by_id(server, id, "account_page", submission.now)
            .await
            .map_err(|error| PageFault::store("end_session", &error))?;
    }
    Ok(Outcome::Done("account_saved"))
}

async fn revoke_client(
    server: &Server,
    submission: &Submission,
    session: &Session,
) -> Result<Outcome, PageFault> {
    let Some(client_id) = submission.form.get("client") else { return Err(PageFault::Malformed) };
    let subject = session.subject();
    let filter = GrantFilter {
        subject: Some(subject.into()),
        client_id: Some(client_id.into()),
        ..GrantFilter::default()
    };
    let store = &server.store;
    let grants = store.revoke_grants(&filter, submission.now).await;
    let grants = grants.map_err(|error| PageFault::store("revoke_grants", &error))?;
    let removed = store.remove_consents(Some(subject), Some(client_id)).await;
    removed.map_err(|error| PageFault::store("remove_consents", &error))?;
    let client = server.clients.find(client_id).await;
    if client.is_ok_and(|client| client.is_some()) {
        server.audit.record(AuditEvent::ConsentWithdrawn { subject, client_id, grants });
    }
    Ok(Outcome::Done("account_saved"))
}

async fn add_passkey(
    server: &Server,
    submission: &Submission,
    session: &Session,
    account: AccountRecord,
) -> Result<Outcome, PageFault> {
    let Submission { form, now, .. } = submission;
    if session.age(*now) > FRESH {
        return Ok(Outcome::Refused("account_confirm_again"));
    }
    let text = |name| form.get(name).unwrap_or_default();
    let ceremony = Ceremony::Register { session: session.id(), subject: session.subject() };
    let (id, credential, name) = (text("ceremony"), text("credential"), text("name"));
    let added = passkeys::finish_registration(server, account, ceremony, id, credential, name, *now).await;
    passkey_outcome(server, session, added, "passkey_added")
}

async fn remove_passkey(
    server: &Server,
    submission: &Submission,
    session: &Session,
    account: AccountRecord,
) -> Result<Outcome, PageFault> {
    if session.age(submission.now) > FRESH {
        return Ok(Outcome::Refused("account_confirm_again"));
    }
    if account.password_hash.is_none() && passkeys::of_account(&account).len() <= 1 {
        return Ok(Outcome::Refused("account_last_method"));
    }
    let id = submission.form.get("passkey").unwrap_or_default();
    let removed = passkeys::remove(server, account, id, submission.now).await;
    passkey_outcome(server, session, removed, "passkey_removed")
}

fn passkey_outcome(
    server: &Server,
    session: &Session,
    outcome: Result<(), PasskeyRefused>,
    change: &'static str,
) -> Result<Outcome, PageFault> {
    match outcome {
        Ok(()) => {
            server.audit.record(AuditEvent::AccountChanged { subject: session.subject(), change });
            Ok(Outcome::Done("account_saved"))
        }
        Err(PasskeyRefused::Refused(_)) => Ok(Outcome::Refused("passkey_failed")),
        Err(PasskeyRefused::Unavailable) => Err(PageFault::Unavailable),
    }
}

/// The current password is checked like a sign-in, lock included; afterwards every other session ends.
async fn change_password(
    server: &Server,
    submission: &Submission,
    session: &Session,
    account: AccountRecord,
) -> Result<Outcome, PageFault> {
    let Submission { form, headers, now, .. } = submission;
    let text = |name| form.get(name).unwrap_or_default();
    if text("new_password") != text("repeat_password") {
        return Ok(Outcome::Refused("account_password_differ"));
    }
    let minimum = server.people.settings.password_minimum;
    let new = new_password(text("new_password"), &account.username, minimum);
    let listed = &server.people.refused_passwords;
    let new = match new.and_then(|new| listed.require_unlisted(&new).map(|()| new)) {
        Ok(new) => new,
        Err(PasswordRefused::Common) => return Ok(Outcome::Refused("account_password_common")),
        Err(PasswordRefused::TooShort) => return Ok(Outcome::Refused("account_password_short")),
        Err(PasswordRefused::Unusable | PasswordRefused::Username) => {
            return Ok(Outcome::Refused("account_password_unusable"));
        }
    };
    match signing_in::sign_in(server, &account.username, text("password"), headers, *now).await {
        Ok(_) => {}
        Err(SignInRefused::Wrong) => return Ok(Outcome::Refused("account_password_wrong")),
        Err(SignInRefused::Busy) => return Ok(Outcome::Refused("login_busy")),
        Err(SignInRefused::TooMany) => return Ok(Outcome::Refused("error_too_many")),
        Err(SignInRefused::Unavailable) => return Err(PageFault::Unavailable),
    }
    let hash = server.people.passwords.hash(new).await.map_err(|_| PageFault::Unavailable)?;
    let changed = accounts::change(&*server.store, &account.username, *now, |account| {
        account.password_hash = Some(hash.clone());
    });
    changed.await.map_err(|_| PageFault::Unavailable)?;
    let subject = session.subject();
    server.audit.record(AuditEvent::AccountChanged { subject, change: "password" });
    let failed = |error| PageFault::store("end_session", &error);
    session::end_others(server, subject, Some(session.id()), "password_changed", *now)
        .await
        .map_err(failed)?;
    logout::end_grants_of_other_sessions(&*server.store, subject, Some(session.id()), *now)
        .await
        .map_err(failed)?;
    Ok(Outcome::Done("account_password_changed"))
}

async fn render(
    server: &Server,
    submission: &Submission,
    session: &Session,
    account: &AccountRecord,
    outcome: Option<Outcome>,
) -> Result<Response, Response> {
    let failed = |error: StoreError| PageFault::store("account", &error).page(server, &submission.headers);
    let people = &server.people;
    let locale = submission.locale(server, &[]);
    let fresh = session.age(submission.now) <= FRESH;
    let (notice, message) = match outcome {
        Some(Outcome::Done(text)) => (Some(text), None),
        Some(Outcome::Refused(text)) => (None, Some(text)),
        None => (None, None),
    };
    let page = AccountPage {
        account: shown(&account.username, 80),
        message,
        notice,
        action: people.address(PATH),
        begin: people.address(PASSKEY_PATH),
        login: people.address(super::login::PATH),
        logout: people.address(super::logout::PATH),
        form_token: form::token(&session.form_key(), Purpose::Account),
        fresh,
        passkey: fresh && passkeys::are_possible(server, account),
        password: account.password_hash.is_some(),
        minimum: people.settings.password_minimum,
        passkeys: passkeys::of_account(account)
            .into_iter()
            .map(|key| PasskeyLine {
                id: key.id,
                name: key.name,
                added: format_day(UnixTime::from_seconds(key.added_at)),
            })
            .collect(),
        sessions: sessions(server, session, submission.now).await.map_err(failed)?,
        clients: clients(server, session.subject(), &locale, submission.now).await.map_err(failed)?,
        waiting: waiting(server, session.subject(), &locale, submission.now).await.map_err(failed)?,
    };
    Ok(match page.message {
        Some(message) => refused(pages::show_as(server, StatusCode::BAD_REQUEST, &page, &locale), message),
        None => pages::show_as(server, StatusCode::OK, &page, &locale),
    })
}

async fn sessions(server: &Server, session: &Session, now: UnixTime) -> Result<Vec<SessionLine>, StoreError> {
    let mut own = session::all_of(server, session.subject(), now).await?;
    own.sort_by_key(|own| std::cmp::Reverse(own.created_at));
    let line = |own: bindery_store::record::SessionRecord| SessionLine {
        current: own.session_id == session.id(),
        since: format_day(own.created_at),
        id: own.session_id,
    };
    Ok(own.into_iter().map(line).collect())
}

/// Every client that has a grant or a consent of this person.
async fn clients(
    server: &Server,
    subject: &str,
    locale: &crate::people::locale::Texts,
    now: UnixTime,
) -> Result<Vec<ClientLine>, StoreError> {
    const MOST: u32 = 500;
    let filter = GrantFilter { subject: Some(subject.into()), live_at: Some(now), ..GrantFilter::default() };
    let mut held = std::collections::BTreeMap::<String, std::collections::BTreeSet<String>>::new();
    for grant in server.store.list_grants(&filter, None, MOST).await? {
        held.entry(grant.client_id).or_default().extend(grant.scope);
    }
    for consent in server.store.list_consents(subject).await? {
        held.entry(consent.client_id).or_default().extend(consent.scope);
    }
    let mut lines = Vec::with_capacity(held.len());
    for (client_id, scope) in held {
        let client = server.clients.find(&client_id).await?;
        let name = client
            .map_or_else(|| shown(&client_id, 80), |client| client_card::card(&client.metadata, locale).name);
        let scope = scope.into_iter().collect::<Vec<_>>().join(", ");
        lines.push(ClientLine { client_id, name, scope: shown(&scope, 300) });
    }
    Ok(lines)
}

/// What clients without a browser of the person's wait for (CIBA Core section 8).
async fn waiting(
    server: &Server,
    subject: &str,
    locale: &crate::people::locale::Texts,
    now: UnixTime,
) -> Result<Vec<WaitingLine>, StoreError> {
    let waiting = backchannel::waiting_for(server, subject, now).await?;
    let line = |waiting: backchannel::WaitingRequest| WaitingLine {
        name: client_card::card(&waiting.client.metadata, locale).name,
        message: waiting.binding_message.as_deref().map(|message| shown(message, 80)),
        link: server.people.address(&super::approval::link(&waiting.name)),
    };
    Ok(waiting.into_iter().map(line).collect())
}
