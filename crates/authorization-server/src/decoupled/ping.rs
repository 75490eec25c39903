//! Pings (CIBA Core section 10.2): a client that wants to be told hears that its person has answered, at its
//! registered address, with the token that it gave. It is told what to ask for and nothing of the answer; whether
//! it hears or not, it may ask. Both secrets stay sealed in the store, because either would let somebody else speak.

use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::oauth::client_backchannel::TokenDelivery;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use bindery_store::StoreError;
use bindery_store::record::PendingKind;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::{Zeroize, Zeroizing};

use crate::client_registry::Client;
use crate::delivery::{self, News, Outcome, Sent};
use crate::event::AuditEvent;
use crate::outbound::Notification;
use crate::server::Server;

/// For what a ping's secrets are sealed.
const SEAL: &str = "ciba ping";

/// What a ping needs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Ping {
    sealed: String,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Secrets {
    auth_req_id: String,
    token: String,
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.auth_req_id.zeroize();
        self.token.zeroize();
    }
}

impl Ping {
    /// Seals what the ping for this request will need; `None` for a client that asks by itself.
    ///
    /// # Errors
    /// [`TokenError::Unavailable`] when nothing can be sealed.
    pub(super) fn prepare(
        server: &Server,
        client: &Client,
        token: Option<&str>,
        auth_req_id: &str,
        now: UnixTime,
    ) -> Result<Option<Self>, TokenError> {
        let (Some(_), Some(token)) = (endpoint(client), token) else { return Ok(None) };
        let secrets = Secrets { auth_req_id: auth_req_id.into(), token: token.into() };
        let plain = Zeroizing::new(serde_json::to_vec(&secrets).map_err(|_| TokenError::Unavailable)?);
        let sealed = server.cookie_keys.seal(SEAL, &plain, now).map_err(|_| TokenError::Unavailable)?;
        Ok(Some(Self { sealed }))
    }

    /// Tells the client, now or as soon as it can be reached, until the request is over.
    pub(super) async fn queue(
        self,
        server: &Server,
        client_id: &str,
        request: &Sha256Digest,
        (now, expires_at): (UnixTime, UnixTime),
    ) {
        let key = AwsLc.sha256(&[b"ciba ping\0", request]);
        let queued = delivery::queue(&*server.store, client_id, key, self, (now, expires_at)).await;
        match queued {
            Ok(()) => server.news.notify_one(),
            // The answer is kept, and the client may ask for it.
            Err(error) => {
                AuditEvent::StoreFailed { operation: "insert_pending", error: &error }.trace();
                AuditEvent::PingFailed { client_id, attempts: 0, reason: "store" }.trace();
            }
        }
    }

    fn open(&self, server: &Server, now: UnixTime) -> Option<Secrets> {
        let age = Duration::from_secs(u64::from(server.settings.ciba.lifetime));
        let plain = server.cookie_keys.open(SEAL, &self.sealed, age, now).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// Where the client wants to be told, if it does: what it has registered by now, whatever it had before.
fn endpoint(client: &Client) -> Option<&str> {
    match client.metadata.backchannel.as_ref().map(|backchannel| &backchannel.delivery) {
        Some(TokenDelivery::Ping(endpoint)) if !client.disabled => Some(endpoint),
        _ => None,
    }
}

impl News for Ping {
    const KIND: PendingKind = PendingKind::BackchannelPing;
    const PAUSES: &'static [u64] = &[5, 10, 20, 40, 80, 160, 320];

    async fn send(&self, server: &Server, client_id: &str, now: UnixTime) -> Result<Sent, StoreError> {
        let Some(client) = server.clients.find(client_id).await? else { return Ok(Sent::NotWanted) };
        let Some(endpoint) = endpoint(&client) else { return Ok(Sent::NotWanted) };
        let Some(outbound) = &server.outbound else { return Ok(Sent::Failed("no_outbound_requests")) };
        let Some(mut secrets) = self.open(server, now) else { return Ok(Sent::Refused("unsealing")) };
        let notification = Notification {
            content_type: "application/json",
            body: json!({"auth_req_id": secrets.auth_req_id}).to_string().into_bytes(),
            bearer: Some(Zeroizing::new(std::mem::take(&mut secrets.token))),
        };
        Ok(match outbound.post(endpoint, notification).await {
            Ok(200..=299) => Sent::Taken,
            // Too many, or not now; any other answer is the client's last word, redirects too.
            Ok(408 | 425 | 429 | 500..=599) => Sent::Failed("status"),
            Ok(_) => Sent::Refused("refused_by_client"),
            Err(_) => Sent::Failed("unreachable"),
        })
    }

    fn report(&self, _: &Server, client_id: &str, outcome: Outcome) {
        if let Some(reason) = outcome.given_up {
            AuditEvent::PingFailed { client_id, attempts: outcome.attempts, reason }.trace();
        }
    }
}
