//! Requests that a person answers elsewhere while their client asks for the answer: device authorization (RFC 8628)
//! and decoupled authentication (CIBA). The first poll that proves a key binds the request to it, so that a stolen
//! code is worth nothing to anybody else (DEV-X-01); who asks too soon waits longer; the answer is given once.

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::encoding::base64url;
use bindery_core::oauth::authorization_request::{
    Ask, AuthorizationError, AuthorizationParameters, AuthorizationPolicy, PkceRule,
};
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::form::Form;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_store::authorization::PendingUpdate;
use bindery_store::record::{PendingKind, PendingRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ATTEMPTS;
use crate::grant::details::GrantDetails;
use crate::interaction::PageFault;
use crate::server::Server;

pub(crate) mod backchannel;
pub(crate) mod device;
pub(crate) mod ping;
pub(crate) mod poll;

/// How long an answered or expired request is remembered, so that its client hears what became of it.
const MEMORY: std::time::Duration = std::time::Duration::from_secs(600);
/// What the store keeps of a request.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DecoupledRequest {
    pub(crate) client_id: String,
    /// What is asked of the person.
    pub(crate) ask: Ask,
    answer: Answer,
    /// The confirmation of the first poll that had one.
    bound_to: Option<Value>,
    /// Seconds between two polls.
    interval: u64,
    /// Before that second, a poll comes too soon.
    next_poll: i64,
    /// What decoupled authentication needs beside.
    backchannel: Option<backchannel::Backchannel>,
}

/// What the person said.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Nothing yet.
    Open,
    /// Yes.
    Allowed(Box<Allowed>),
    /// No.
    Denied,
}

/// What was allowed, and by whom.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Allowed {
    /// The grant that redeeming it makes.
    pub(crate) grant_id: String,
    pub(crate) subject: String,
    pub(crate) session_id: Option<String>,
    pub(crate) scope: Vec<String>,
    pub(crate) details: GrantDetails,
}

impl DecoupledRequest {
    fn new(client_id: &str, ask: Ask, interval: u32) -> Self {
        Self {
            client_id: client_id.into(),
            ask,
            answer: Answer::Open,
            bound_to: None,
            interval: u64::from(interval),
            next_poll: i64::MIN,
            backchannel: None,
        }
    }

    fn read(record: &PendingRecord) -> Option<Self> {
        Self::deserialize(&record.payload).ok()
    }

    fn to_value(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

/// The store's name of a code of either kind.
pub(crate) fn digest(code: &str) -> Sha256Digest {
    AwsLc.sha256(&[code.as_bytes()])
}

/// The same as an interaction keeps it.
pub(crate) fn key_text(key: &Sha256Digest) -> String {
    base64url::encode(key)
}

/// What `form` asks of a person, judged as an authorization request is: within the client's scope, resources and
/// types.
///
/// # Errors
/// [`AuthorizationError`] for the first rule that is broken.
pub(crate) fn ask(
    server: &Server,
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
) -> Result<Ask, AuthorizationError> {
    let rules = server.settings.rules.of_client(client);
    let policy = AuthorizationPolicy {
        issuer: &server.settings.issuer,
        openid: rules.openid,
        pkce: PkceRule::Always,
        pushed: true,
        redirect_uri_required: true,
        unregistered_redirect_uri: false,
        response_modes: &[],
        signed_response_required: true,
        detail_types: &server.settings.detail_types,
        resources: &server.settings.resources,
    };
    let mut ask = Ask::require(parameters, client, &policy)?;
    if !rules.claims_parameter {
        ask.claims.userinfo.clear();
        ask.claims.id_token.retain(|name, _| name == "acr" || name == "auth_time");
    }
    Ok(ask)
}

/// The parameters of a form, for [`ask`].
///
/// # Errors
/// [`AuthorizationError`] when there are too many resources.
pub(crate) fn parameters(form: &Form) -> Result<AuthorizationParameters, AuthorizationError> {
    AuthorizationParameters::from_form(form)
}

/// Saves what the person said, and says until when the client may fetch it. The first answer counts.
///
/// # Errors
/// [`PageFault::Over`] when the request was answered, used or expired before.
pub(crate) async fn answer(
    server: &Server,
    kind: PendingKind,
    key: &Sha256Digest,
    answer: Answer,
    now: UnixTime,
) -> Result<(DecoupledRequest, UnixTime), PageFault> {
    for _ in 0..ATTEMPTS {
        let found = server.store.find_pending(kind, key).await;
        let record = found.map_err(|error| PageFault::store("find_pending", &error))?;
        let record = record.ok_or(PageFault::Unknown)?;
        let mut request = DecoupledRequest::read(&record).ok_or(PageFault::Unavailable)?;
        let open = matches!(request.answer, Answer::Open);
        if !open || record.spent_at.is_some() || now >= record.expires_at {
            return Err(PageFault::Over);
        }
        request.answer = answer.clone();
        let payload = request.to_value().ok_or(PageFault::Unavailable)?;
        let updated = server.store.update_pending(kind, key, record.revision, &payload, now).await;
        match updated.map_err(|error| PageFault::store("update_pending", &error))? {
            PendingUpdate::Updated { .. } => return Ok((request, record.expires_at)),
            PendingUpdate::Stale => {}
            PendingUpdate::Over => return Err(PageFault::Over),
        }
    }
    Err(PageFault::Unavailable)
}
