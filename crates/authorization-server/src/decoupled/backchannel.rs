//! Decoupled authentication in the store (CIBA Core sections 7.3 and 10): an `auth_req_id` of 256 random bits for the
//! client, and one person who alone may answer. How many requests wait for one person, and of one client, has a
//! bound, so that nobody is flooded with questions and no client crowds out the others.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::crypto::Sha256Digest;
use bindery_core::encoding::base64url;
use bindery_core::oauth::authorization_request::Ask;
use bindery_core::oauth::backchannel_request::{BackchannelRefused, BackchannelRequest, PersonHint};
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_crypto::random_token;
use bindery_store::StoreError;
use bindery_store::record::{AccountRecord, PendingKind, PendingRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::ping::Ping;
use super::{Answer, DecoupledRequest, MEMORY, digest, key_text};
use crate::admission;
use crate::client_registry::Client;
use crate::endpoint::Refusal;
use crate::interaction::{Beginning, Purpose};
use crate::limits::Limit;
use crate::people::password::PasswordVerdict;
use crate::people::username::normalise_username;
use crate::server::{Server, unavailable};
use crate::{id_token, subject};

const KIND: PendingKind = PendingKind::BackchannelRequest;
/// How many requests of one person are looked at; answered ones that nobody has fetched are among them.
const MOST: u32 = 200;

/// What a request of decoupled authentication has beside what every decoupled request has.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Backchannel {
    /// Who alone may answer.
    pub(crate) subject: String,
    /// What the person compares with the other device (section 7.1).
    pub(crate) binding_message: Option<String>,
    /// What the ping needs, sealed.
    pub(super) ping: Option<Ping>,
}

/// What a client gets.
pub(crate) struct Begun {
    pub(crate) auth_req_id: Zeroizing<String>,
    pub(crate) expires_in: u64,
}

/// Requires that the client may ask the person: by the code that the person told it, where the person has one
/// (section 7.1), and not while too many requests wait already. A client that sends no codes never reaches a person
/// who has one.
///
/// # Errors
/// [`Refusal`]; wrong codes are counted against the person's limit, so that no client guesses on.
pub(crate) async fn require_welcome(
    server: &Server,
    client: &Client,
    asked: &BackchannelRequest,
    person: &AccountRecord,
    now: UnixTime,
) -> Result<(), Refusal> {
    if let Some(hash) = &person.user_code_hash {
        let sends = client.metadata.backchannel.as_ref().is_some_and(|backchannel| backchannel.user_code);
        let code = asked.user_code.clone().filter(|_| sends).ok_or(BackchannelRefused::UserCodeMissing)?;
        let client_id = Some(client.metadata.client_id.as_str());
        let limited = admission::require(server, Limit::UserCode, person.subject.as_str(), client_id);
        limited.map_err(TokenError::from)?;
        let compared = server.people.passwords.verify(code, Some(hash)).await;
        match compared.map_err(|_| TokenError::Unavailable)? {
            PasswordVerdict::Right { .. } => {}
            PasswordVerdict::Wrong => return Err(BackchannelRefused::UserCode.into()),
        }
    }
    require_room(server, &client.metadata.client_id, &person.subject, now).await
}

/// One client has at most half of a person's room. Requests that come at the same moment may exceed the bounds by
/// their number: they are there to stop floods, and hold nothing that must be exact.
async fn require_room(server: &Server, client_id: &str, subject: &str, now: UnixTime) -> Result<(), Refusal> {
    let settings = &server.settings.ciba;
    let of_client = server.store.count_waiting(KIND, client_id, now).await;
    let of_client = of_client.map_err(|error| unavailable("count_waiting", &error))?;
    if of_client >= u64::from(settings.waiting_per_client) {
        return Err(BackchannelRefused::TooManyOfClient.into());
    }
    let waiting = open_for(server, subject, now).await;
    let waiting = waiting.map_err(|error| unavailable("list_waiting", &error))?;
    let own = waiting.iter().filter(|(_, request)| request.client_id == client_id).count();
    let most = usize::try_from(settings.waiting_per_person).unwrap_or(usize::MAX);
    if waiting.len() >= most || own >= most.div_ceil(2) {
        return Err(BackchannelRefused::TooManyForPerson.into());
    }
    Ok(())
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
    let token = asked.notification_token.as_ref().map(|token| token.as_str());
    request.backchannel = Some(Backchannel {
        subject: subject.clone(),
        binding_message: asked.binding_message.clone(),
        ping: Ping::prepare(server, client, token, &auth_req_id, now)?,
    });
    let expires_at = now.plus(Duration::from_secs(expires_in));
    let record = PendingRecord {
        kind: KIND,
        key_sha256: digest(&auth_req_id),
        alias_sha256: None,
        client_id: Some(client.metadata.client_id.clone()),
        subject: Some(subject),
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

/// The person whom a hint means: known, and not disabled.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn person(
    server: &Server,
    client: &Client,
    hint: &PersonHint,
) -> Result<Option<AccountRecord>, StoreError> {
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
    Ok(account.filter(|account| !account.disabled))
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

/// A request that waits for a person.
pub(crate) struct WaitingRequest {
    /// Who asks.
    pub(crate) client: Arc<Client>,
    /// What is asked.
    pub(crate) ask: Ask,
    /// Names it in addresses of ours; no secret, and of no use to anybody but the person.
    pub(crate) name: String,
    /// Who alone may answer.
    subject: String,
    /// What the person compares with the other device.
    pub(crate) binding_message: Option<String>,
    pub(crate) created_at: UnixTime,
    pub(crate) expires_at: UnixTime,
}

impl WaitingRequest {
    /// Ready to be asked.
    pub(crate) fn into_beginning(self) -> Beginning {
        let Self { client, ask, name: key, subject, binding_message, .. } = self;
        Beginning { client, ask, purpose: Purpose::Backchannel { key, subject, binding_message } }
    }
}

/// What waits for `subject`, the oldest first.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn waiting_for(
    server: &Server,
    subject: &str,
    now: UnixTime,
) -> Result<Vec<WaitingRequest>, StoreError> {
    let mut waiting = Vec::new();
    for (record, request) in open_for(server, subject, now).await? {
        waiting.extend(readable(server, &record, request).await?);
    }
    Ok(waiting)
}

/// The request of that name, if it still waits.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn waiting_by_name(
    server: &Server,
    name: &str,
    now: UnixTime,
) -> Result<Option<WaitingRequest>, StoreError> {
    let Ok(key) = base64url::decode_array(name) else { return Ok(None) };
    let record = server.store.find_pending(KIND, &key).await?;
    let record = record.filter(|record| record.spent_at.is_none() && now < record.expires_at);
    let Some(record) = record else { return Ok(None) };
    match open(&record) {
        Some(request) => readable(server, &record, request).await,
        None => Ok(None),
    }
}

async fn open_for(
    server: &Server,
    subject: &str,
    now: UnixTime,
) -> Result<Vec<(PendingRecord, DecoupledRequest)>, StoreError> {
    let records = server.store.list_waiting(KIND, subject, now, MOST).await?;
    Ok(records.into_iter().filter_map(|record| open(&record).map(|request| (record, request))).collect())
}

/// The request, if nobody has answered it.
fn open(record: &PendingRecord) -> Option<DecoupledRequest> {
    DecoupledRequest::read(record).filter(|request| matches!(request.answer, Answer::Open))
}

/// A disabled client asks nobody anything.
async fn readable(
    server: &Server,
    record: &PendingRecord,
    request: DecoupledRequest,
) -> Result<Option<WaitingRequest>, StoreError> {
    let client = server.clients.find(&request.client_id).await?.filter(|client| !client.disabled);
    let (Some(client), Some(backchannel)) = (client, request.backchannel) else { return Ok(None) };
    Ok(Some(WaitingRequest {
        client,
        ask: request.ask,
        name: key_text(&record.key_sha256),
        subject: backchannel.subject,
        binding_message: backchannel.binding_message,
        created_at: record.created_at,
        expires_at: record.expires_at,
    }))
}

/// Tells the client that there is an answer, if it wants to be told.
pub(crate) async fn notify(
    server: &Server,
    key: &Sha256Digest,
    (request, expires_at): (DecoupledRequest, UnixTime),
    now: UnixTime,
) {
    if let Some(ping) = request.backchannel.and_then(|backchannel| backchannel.ping) {
        ping.queue(server, &request.client_id, key, (now, expires_at)).await;
    }
}
