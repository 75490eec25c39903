//! Pushed authorization requests in the store (RFC 9126): a `request_uri` of 256 random bits that belongs to the
//! client that pushed it. It is accepted for a short time, may be opened more than once until its answer is
//! given, and is then over (PAR-4-02): whoever opens it again learns so.

use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::encoding::base64url;
use bindery_core::oauth::authorization_request::AuthorizationRequest;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, random_token};
use bindery_store::StoreError;
use bindery_store::authorization::Spending;
use bindery_store::record::{PendingKind, PendingRecord};
use serde_json::{Value, json};

use crate::interaction::INTERACTION_LIFETIME;
use crate::server::Server;

/// What every `request_uri` of ours begins with (RFC 9126 section 2.2).
pub(crate) const REQUEST_URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// The longest `request_uri` that is looked up, in bytes.
const MAXIMUM_REQUEST_URI: usize = 256;
/// How long a spent request is remembered, so that opening it again gets a clear answer.
const MEMORY: Duration = Duration::from_secs(600);

/// A pushed request, as it was found.
pub(crate) struct PushedRequest {
    pub(crate) digest: Sha256Digest,
    pub(crate) client_id: String,
    pub(crate) request: AuthorizationRequest,
    pub(crate) state: PushedState,
}

/// What a found request is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushedState {
    /// It may be opened.
    Open,
    /// Its time is over (PAR-4-03).
    Expired,
    /// Its answer was given.
    Answered,
}

/// A pushed request could not be stored or read; the operator's log says why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PushedUnavailable;

fn failed(operation: &'static str) -> impl FnOnce(StoreError) -> PushedUnavailable {
    move |error| {
        crate::server::unavailable(operation, &error);
        PushedUnavailable
    }
}

/// Stores a validated request and names it.
///
/// # Errors
/// [`PushedUnavailable`]; nothing was stored.
pub(crate) async fn store(
    server: &Server,
    request: &AuthorizationRequest,
    now: UnixTime,
) -> Result<String, PushedUnavailable> {
    let reference = random_token().map_err(|_| PushedUnavailable)?;
    let request_uri = format!("{REQUEST_URI_PREFIX}{reference}");
    let accepted_until = now.plus(server.settings.request_uri_lifetime);
    // A person may begin in time and finish later: the record outlives the time in which it may be opened.
    let expires_at = accepted_until.plus(INTERACTION_LIFETIME);
    let record = PendingRecord {
        kind: PendingKind::PushedRequest,
        key_sha256: digest(&request_uri),
        alias_sha256: None,
        client_id: Some(request.client_id.clone()),
        subject: None,
        payload: json!({ "request": request.to_value(), "accepted_until": accepted_until.as_seconds() }),
        revision: 0,
        created_at: now,
        expires_at,
        forget_at: expires_at.plus(MEMORY),
        spent_at: None,
    };
    server.store.insert_pending(&record).await.map_err(failed("insert_pending"))?;
    Ok(request_uri)
}

/// The request behind a `request_uri` of ours; `None` when there is none.
///
/// # Errors
/// [`PushedUnavailable`] when the store can't be asked or the record can't be read.
pub(crate) async fn find(
    server: &Server,
    request_uri: &str,
    now: UnixTime,
) -> Result<Option<PushedRequest>, PushedUnavailable> {
    if request_uri.len() > MAXIMUM_REQUEST_URI {
        return Ok(None);
    }
    let digest = digest(request_uri);
    let found = server.store.find_pending(PendingKind::PushedRequest, &digest).await;
    let Some(record) = found.map_err(failed("find_pending"))? else { return Ok(None) };
    let accepted_until = record.payload.get("accepted_until").and_then(Value::as_i64);
    let accepted_until = accepted_until.map(UnixTime::from_seconds).ok_or(PushedUnavailable)?;
    let request = record.payload.get("request").ok_or(PushedUnavailable)?;
    let request = AuthorizationRequest::from_value(request).map_err(|_| PushedUnavailable)?;
    let state = match record.spent_at {
        Some(_) => PushedState::Answered,
        None if now >= accepted_until => PushedState::Expired,
        None => PushedState::Open,
    };
    Ok(Some(PushedRequest { digest, client_id: request.client_id.clone(), request, state }))
}

/// Ends a pushed request; one caller gets `true` and may answer it.
///
/// # Errors
/// [`StoreError`] when the store can't be asked.
pub(crate) async fn end(server: &Server, digest: &Sha256Digest, now: UnixTime) -> Result<Ending, StoreError> {
    match server.store.spend_pending(PendingKind::PushedRequest, digest, now).await? {
        Spending::Spent(_) => Ok(Ending::Ended),
        Spending::SpentBefore(_) | Spending::Expired(_) | Spending::Unknown => Ok(Ending::OverBefore),
    }
}

/// Whether this caller ended the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Ending {
    /// It did, and may answer.
    Ended,
    /// It was over before.
    OverBefore,
}

fn digest(request_uri: &str) -> Sha256Digest {
    AwsLc.sha256(&[request_uri.as_bytes()])
}

/// The digest as text, for the record of an interaction.
pub(crate) fn digest_text(digest: &Sha256Digest) -> String {
    base64url::encode(digest)
}
