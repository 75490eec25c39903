//! Decoupled authentication in the store (CIBA Core sections 7.3 and 10): an `auth_req_id` of 256 random bits for the
//! client, and one person who alone may answer. A client that wants to be told is pinged with the token that it
//! gave; both stay sealed in the store, because either would let somebody else speak.

use std::time::Duration;

use bindery_core::crypto::Sha256Digest;
use bindery_core::oauth::authorization_request::Ask;
use bindery_core::oauth::backchannel_request::{BackchannelRequest, PersonHint};
use bindery_core::oauth::client_backchannel::TokenDelivery;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_crypto::random_token;
use bindery_store::StoreError;
use bindery_store::record::{AccountRecord, PendingKind, PendingRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Answer, DecoupledRequest, MEMORY, digest, key_text};
use crate::client_registry::Client;
use crate::event::AuditEvent;
use crate::interaction::{Beginning, PageFault, Purpose};
use crate::outbound::Notification;
use crate::people::username::normalise_username;
use crate::server::{Server, unavailable};
use crate::{id_token, subject};

/// For what a ping's secrets are sealed.
const SEAL: &str = "ciba ping";
/// How many requests are looked through for the one that waits for a person, page by page.
const PAGE: u32 = 200;
const MAXIMUM_PAGES: usize = 50;

/// What a request of decoupled authentication has beside what every decoupled request has.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Backchannel {
    /// Who alone may answer.
    pub(crate) subject: String,
    /// What the person compares with the other device (section 7.1).
    pub(crate) binding_message: Option<String>,
    /// What the ping needs, sealed.
    ping: Option<Ping>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Ping {
    endpoint: String,
    sealed: String,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct PingSecrets {
    auth_req_id: String,
    token: String,
}

/// What a client gets.
pub(crate) struct Begun {
    pub(crate) auth_req_id: Zeroizing<String>,
    pub(crate) expires_in: u64,
}

/// Stores a request of `client` to `subject`.
///
/// # Errors
/// [`TokenError::Unavailable`]; nothing was stored.
pub(crate) async fn begin(
    server: &Server,
    client: &Client,
    asked: &BackchannelRequest,
    (ask, subject, bound_to): (Ask, String, Option<Value>),
    now: UnixTime,
) -> Result<Begun, TokenError> {
    let settings = &server.settings.ciba;
    let auth_req_id = Zeroizing::new(random_token().map_err(|_| TokenError::Unavailable)?);
    let longest = u64::from(settings.lifetime);
    let expires_in = asked.requested_expiry.unwrap_or(longest).min(longest);
    let mut request = DecoupledRequest::new(&client.metadata.client_id, ask, settings.interval);
    request.bound_to = bound_to;
    request.backchannel = Some(Backchannel {
        subject,
        binding_message: asked.binding_message.clone(),
        ping: ping(server, client, asked, &auth_req_id, now)?,
    });
    let expires_at = now.plus(Duration::from_secs(expires_in));
    let record = PendingRecord {
        kind: PendingKind::BackchannelRequest,
        key_sha256: digest(&auth_req_id),
        alias_sha256: None,
        client_id: Some(client.metadata.client_id.clone()),
        payload: request.to_value().ok_or(TokenError::Unavailable)?,
        revision: 0,
        created_at: now,
        expires_at,
        forget_at: expires_at.plus(MEMORY),
        spent_at: None,
    };
    let stored = server.store.insert_pending(&record).await;
    stored.map_err(|error| unavailable("insert_pending", &error))?;
    Ok(Begun { auth_req_id, expires_in })
}

fn ping(
    server: &Server,
    client: &Client,
    asked: &BackchannelRequest,
    auth_req_id: &str,
    now: UnixTime,
) -> Result<Option<Ping>, TokenError> {
    let delivery = client.metadata.backchannel.as_ref().map(|backchannel| &backchannel.delivery);
    let (Some(TokenDelivery::Ping(endpoint)), Some(token)) = (delivery, &asked.notification_token) else {
        return Ok(None);
    };
    let secrets = PingSecrets { auth_req_id: auth_req_id.into(), token: token.to_string() };
    let plain = Zeroizing::new(serde_json::to_vec(&secrets).map_err(|_| TokenError::Unavailable)?);
    let sealed = server.cookie_keys.seal(SEAL, &plain, now).map_err(|_| TokenError::Unavailable)?;
    Ok(Some(Ping { endpoint: endpoint.clone(), sealed }))
}

/// The person whom a hint means: known, and not disabled.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn person(
    server: &Server,
    client: &Client,
    hint: &PersonHint,
) -> Result<Option<String>, StoreError> {
    let account = match hint {
        PersonHint::Login(name) => by_name(server, name).await?,
        PersonHint::IdToken(token) => match id_token::read_hint(server, token) {
            Some(hint) if hint.client_id == client.metadata.client_id => {
                let subject = known_subject(server, client, &hint).await?;
                let account = server.store.find_account(&subject).await?;
                // A pairwise name leads to nobody but through the session that it was issued in.
                account.filter(|account| {
                    subject::for_client(server, &client.metadata, &account.subject) == hint.subject
                })
            }
            _ => None,
        },
    };
    Ok(account.filter(|account| !account.disabled).map(|account| account.subject))
}

async fn by_name(server: &Server, name: &str) -> Result<Option<AccountRecord>, StoreError> {
    if let Ok(username) = normalise_username(name)
        && let Some(account) = server.store.find_account_by_username(&username).await?
    {
        return Ok(Some(account));
    }
    server.store.find_account(name).await
}

async fn known_subject(
    server: &Server,
    client: &Client,
    hint: &id_token::Hint,
) -> Result<String, StoreError> {
    let named = hint.session_id.as_deref();
    let named = named.and_then(|sid| subject::session_of_client(server, &client.metadata, sid));
    let session = match named {
        Some(session_id) => server.store.find_session_by_id(&session_id).await?,
        None => None,
    };
    Ok(session.map_or_else(|| hint.subject.clone(), |session| session.subject))
}

/// The oldest request that waits for `subject`, ready to be asked.
///
/// # Errors
/// [`PageFault`] when the store can't be asked.
pub(crate) async fn waiting_for(
    server: &Server,
    subject: &str,
    now: UnixTime,
) -> Result<Option<Beginning>, PageFault> {
    let mut oldest: Option<(UnixTime, Sha256Digest, DecoupledRequest)> = None;
    let mut after: Option<Sha256Digest> = None;
    for _ in 0..MAXIMUM_PAGES {
        let page = server.store.list_pending(PendingKind::BackchannelRequest, after.as_ref(), PAGE).await;
        let page = page.map_err(|error| PageFault::store("list_pending", &error))?;
        let Some(last) = page.last() else { break };
        after = Some(last.key_sha256);
        for record in page.iter().filter(|record| record.spent_at.is_none() && now < record.expires_at) {
            let Some(request) = DecoupledRequest::read(record) else { continue };
            let theirs =
                request.backchannel.as_ref().is_some_and(|backchannel| backchannel.subject == subject);
            let older = oldest.as_ref().is_none_or(|(at, ..)| record.created_at < *at);
            if theirs && older && matches!(request.answer, Answer::Open) {
                oldest = Some((record.created_at, record.key_sha256, request));
            }
        }
    }
    let Some((_, key, request)) = oldest else { return Ok(None) };
    let client = server.clients.find(&request.client_id).await;
    let client = client.map_err(|error| PageFault::store("find_client", &error))?;
    let Some(client) = client.filter(|client| !client.disabled) else { return Ok(None) };
    let Some(Backchannel { subject, binding_message, .. }) = request.backchannel else { return Ok(None) };
    let purpose = Purpose::Backchannel { key: key_text(&key), subject, binding_message };
    Ok(Some(Beginning { client, ask: request.ask, purpose }))
}

/// Tells the client that there is an answer, if it wants to be told (section 10.2). It is told what to ask for and
/// nothing of the answer; whether it hears or not, it may ask.
pub(crate) fn notify(server: &Server, request: &DecoupledRequest, now: UnixTime) {
    let Some(ping) = request.backchannel.as_ref().and_then(|backchannel| backchannel.ping.clone()) else {
        return;
    };
    let client_id = request.client_id.clone();
    let age = Duration::from_secs(u64::from(server.settings.ciba.lifetime));
    let opened = server.cookie_keys.open(SEAL, &ping.sealed, age, now).ok();
    let secrets = opened.and_then(|plain| serde_json::from_slice::<PingSecrets>(&plain).ok());
    let (Some(outbound), Some(secrets)) = (server.outbound.clone(), secrets) else {
        AuditEvent::PingFailed { client_id: &client_id }.trace();
        return;
    };
    tokio::spawn(async move {
        let notification = Notification {
            content_type: "application/json",
            bearer: Some(Zeroizing::new(secrets.token)),
            body: json!({"auth_req_id": secrets.auth_req_id}).to_string().into_bytes(),
        };
        match outbound.post(&ping.endpoint, notification).await {
            Ok(status) if (200..300).contains(&status) => {}
            Ok(_) | Err(_) => AuditEvent::PingFailed { client_id: &client_id }.trace(),
        }
    });
}
